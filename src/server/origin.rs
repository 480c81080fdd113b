//! Which pages may use a login: those of the public address, and no other site's.

use std::sync::OnceLock;

use hyper::header::{HeaderMap, ORIGIN};

/// The dashboard's own origin, such as `https://stats.example.org`.
///
/// When it is a loopback address, its three spellings with the same port are one origin.
#[derive(Debug, Default)]
pub struct PublicOrigin(OnceLock<String>);

impl PublicOrigin {
    /// Sets the origin; the first one stays.
    pub fn set(&self, url: &str) {
        // A second call changes nothing, on purpose.
        drop(self.0.set(url.trim_end_matches('/').to_ascii_lowercase()));
    }

    /// The origin as shown to people and put into snippets.
    #[must_use]
    pub fn url(&self) -> &str {
        self.0.get().map_or("", String::as_str)
    }

    /// Whether cookies can be restricted to TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.url().starts_with("https://")
    }

    /// Whether the request was made by one of our own pages.
    #[must_use]
    pub fn sent(&self, headers: &HeaderMap) -> bool {
        headers
            .get(ORIGIN)
            .and_then(|origin| origin.to_str().ok())
            .is_some_and(|origin| self.is_same(&origin.to_ascii_lowercase()))
    }

    fn is_same(&self, origin: &str) -> bool {
        let own = self.url();
        !own.is_empty()
            && (own == origin
                || loopback(own)
                    .is_some_and(|port| loopback(origin).is_some_and(|other| other == port)))
    }
}

/// The port of an `http://` loopback origin.
fn loopback(origin: &str) -> Option<&str> {
    let rest = origin.strip_prefix("http://")?;
    ["localhost", "127.0.0.1", "[::1]"].iter().find_map(|host| {
        let port = rest.strip_prefix(host)?;
        if port.is_empty() { Some("80") } else { port.strip_prefix(':') }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> PublicOrigin {
        let origin = PublicOrigin::default();
        origin.set(url);
        origin
    }

    #[test]
    fn loopback_spellings_are_one_origin_and_others_are_not() {
        let own = origin("http://127.0.0.1:8000");
        assert!(own.is_same("http://localhost:8000"));
        assert!(own.is_same("http://[::1]:8000"));
        assert!(!own.is_same("http://localhost:8001"));
        assert!(!own.is_same("https://localhost:8000"));
        assert!(!own.is_same("http://localhost.evil.example:8000"));
        assert!(!own.is_same("null"));
    }

    #[test]
    fn a_public_address_is_compared_whole() {
        let own = origin("https://Stats.example.org/");
        assert!(own.is_same("https://stats.example.org"));
        assert!(!own.is_same("http://stats.example.org"));
        assert!(!own.is_same("https://stats.example.org.evil.example"));
        assert!(!origin("").is_same(""));
    }
}

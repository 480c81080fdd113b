//! An address of the usual shape, taken apart without the whole of the URL standard.
//!
//! Promise: what is taken apart here comes out as the `url` crate would have it, character for
//! character; everything unusual is left to that (see the test).

use crate::ingest::url::HOST_BYTES_MAX;

/// The parts of an address that are looked at.
pub(super) struct Plain<'a> {
    /// Small letters, digits, dots and hyphens; never an address of numbers.
    pub(super) host: &'a str,
    /// Begins with `/`.
    pub(super) path: &'a str,
    /// Behind the first `?`.
    pub(super) query: Option<&'a str>,
}

/// Takes an address apart, if it is of the usual shape and has no fragment.
pub(super) fn plain(address: &str) -> Option<Plain<'_>> {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"))?;
    let end = rest.bytes().position(|byte| !is_of_host(byte)).unwrap_or(rest.len());
    let (host, rest) = rest.split_at_checked(end)?;
    if !is_host(host) {
        return None;
    }
    if rest.is_empty() {
        return Some(Plain { host, path: "/", query: None });
    }
    if !rest.starts_with('/') || !rest.bytes().all(is_of_rest) {
        return None;
    }
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    // `/./` and `/../` are resolved by the standard, and `%2e` is a dot to it.
    (!path.contains("/.") && !path.contains('%')).then_some(Plain { host, path, query })
}

const fn is_of_host(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-')
}

/// A name of the DNS that needs no translation: its last part is a word.
fn is_host(host: &str) -> bool {
    let Some((_, last)) = host.rsplit_once('.') else { return false };
    host.len() <= HOST_BYTES_MAX
        && !last.is_empty()
        && last.bytes().all(|byte| byte.is_ascii_lowercase())
        && !host.starts_with(['.', '-'])
        && !host.contains("..")
        && !host.contains("--")
}

/// Printable, and written as it is in a path and in a query.
const fn is_of_rest(byte: u8) -> bool {
    matches!(byte, b'!' | b'$'..=b'&' | b'('..=b';' | b'=' | b'?' | b'@' | b'A'..=b'Z' | b'_' | b'a'..=b'z' | b'~' | b'[' | b']')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    fn agrees(address: &str) -> bool {
        let Some(plain) = plain(address) else { return false };
        let url = Url::parse(address).unwrap();
        assert_eq!(url.host_str(), Some(plain.host), "{address}");
        assert!(matches!(url.host(), Some(url::Host::Domain(_))), "{address}");
        assert_eq!(url.path(), plain.path, "{address}");
        assert_eq!(url.query(), plain.query, "{address}");
        assert_eq!(url.fragment(), None, "{address}");
        true
    }

    #[test]
    fn usual_addresses_are_taken_apart_and_others_left() {
        for usual in [
            "https://example.com",
            "https://www.example.com/",
            "http://shop.example.com/a/b-c_d.html?utm_source=x%20y&b=(1)&c",
            "https://1.example.com/@me/a:b;c=d?",
            "https://example.com//a?x?y/z",
        ] {
            assert!(agrees(usual), "{usual}");
        }
        for other in [
            "https://example.com:8443/",
            "https://EXAMPLE.com/",
            "https://localhost/",
            "https://127.0.0.1/",
            "https://1.2.3.4x/",
            "https://xn--mller-kva.example/",
            "https://a@example.com/",
            "https://example.com/a/../b",
            "https://example.com/%2e%2e/b",
            "https://example.com/a#b",
            "https://example.com?x",
            "https://example.com/a b",
            "https://example.com/a\\b",
            "https://example.com/é",
            "https://example.com./",
            "ftp://example.com/",
            "example.com",
        ] {
            assert!(plain(other).is_none(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_apart_is_what_the_standard_says(
            host in "([a-z0-9.-]{1,20}|[a-z0-9]{1,9}\\.[a-z]{1,6}|\\PC{1,8})",
            rest in "(/([!-~]{0,20}|[a-z0-9%./?&=_-]{0,20}|\\PC{0,8}))?",
        ) {
            agrees(&format!("https://{host}{rest}"));
        }
    }
}

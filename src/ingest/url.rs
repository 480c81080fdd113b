//! Addresses of pages, reduced before anything else sees them.
//!
//! Kept of a page: its host without `www.` and port, its path, and the campaign parameters. Of the
//! query a site may keep parameters by name (see `query`); all else of it goes, and so do user names, the
//! fragment (unless the site counts by fragment), `;name=value` parameters, and what looks like a
//! query after decoding. Paths are percent-decoded, lose control and direction characters, and
//! have what points at one person replaced (see `placeholder`). Of a referrer only the host stays.
//!
//! Promise: whatever is sent, nothing panics, and what comes out is bounded and valid UTF-8.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::LazyLock;

use regex::Regex;
use url::{Host, Url};

use crate::ingest::campaign::campaign;
pub use crate::ingest::campaign::{CAMPAIGN_BYTES_MAX, Campaign};
use crate::ingest::placeholder::{hide_all, hide_contact};
use crate::ingest::plain::plain;
use crate::ingest::query;
use crate::ingest::text::{clean, cut, small, then};

/// Longest page address, in bytes, as the wire format says.
pub const URL_BYTES_MAX: usize = 2000;
/// Longest referrer that is read, in bytes; the rest is cut off.
pub const REFERRER_BYTES_MAX: usize = 2000;
/// Longest path that is kept, in bytes.
pub const PATH_BYTES_MAX: usize = 512;
/// Longest host name, in bytes: that of the DNS.
pub const HOST_BYTES_MAX: usize = 253;
/// How often percent-encoding is undone; relays encode twice.
const DECODE_ROUNDS_MAX: usize = 3;

/// What takes the place of a referrer host that is a bare address.
const BARE_ADDRESS: &str = ":address";

static PATH_PARAMETER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("(?:;[^/;=]*=[^/;]*)+").expect("a constant pattern"));

/// A page after reduction.
#[derive(Default)]
pub struct Page<'a> {
    /// Host without `www.` and port, in small letters.
    pub hostname: Cow<'a, str>,
    /// Path, beginning with `/`.
    pub path: Cow<'a, str>,
    /// The other parameters of the query, reduced: for the site's own list of names.
    pub query: Vec<(String, String)>,
    /// What the query says about the campaign.
    pub campaign: Campaign,
}

/// Why an address is no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// More than [`URL_BYTES_MAX`].
    #[error("is too long: at most 2000 bytes")]
    TooLong,
    /// `data:`, `javascript:` and the like.
    #[error("scheme is not allowed: send the address of a page")]
    Scheme,
    /// No scheme and host.
    #[error("must be a full address, such as https://example.com/page")]
    NotAbsolute,
}

/// Reduces the address of a page.
///
/// # Errors
/// When it is too long, or not the address of a page with a host.
pub fn page(address: &str, by_fragment: bool) -> Result<Page<'_>, PageError> {
    page_at_most(address, by_fragment, URL_BYTES_MAX)
}

/// The same with another limit, for formats that have one.
pub(crate) fn page_at_most(
    address: &str,
    by_fragment: bool,
    bytes_max: usize,
) -> Result<Page<'_>, PageError> {
    if address.len() > bytes_max {
        return Err(PageError::TooLong);
    }
    if let Some(plain) = plain(address) {
        let query = plain.query.unwrap_or_default();
        let (hostname, path) = (site_name(plain.host), path(plain.path, ""));
        return Ok(Page {
            hostname,
            path,
            query: query::reduced(query),
            campaign: campaign(query),
        });
    }
    let url = Url::parse(address).map_err(|_| PageError::NotAbsolute)?;
    if matches!(url.scheme(), "data" | "javascript" | "vbscript" | "blob" | "about") {
        return Err(PageError::Scheme);
    }
    let hostname = Cow::Owned(host(&url).ok_or(PageError::NotAbsolute)?);
    let fragment = url.fragment().filter(|_| by_fragment).unwrap_or_default();
    let path = Cow::Owned(path(url.path(), fragment).into_owned());
    let query = url.query().unwrap_or_default();
    Ok(Page { hostname, path, query: query::reduced(query), campaign: campaign(query) })
}

impl Page<'_> {
    /// The same, apart from the address it was read of.
    pub(crate) fn into_owned(self) -> Page<'static> {
        Page {
            hostname: Cow::Owned(self.hostname.into_owned()),
            path: Cow::Owned(self.path.into_owned()),
            query: self.query,
            campaign: self.campaign,
        }
    }
}

/// The host of a referrer, as it is compared with a site's own; empty when there is none.
#[must_use]
pub fn referrer_host(referrer: &str) -> Cow<'_, str> {
    let referrer = cut(referrer.trim(), REFERRER_BYTES_MAX);
    if let Some(plain) = plain(referrer) {
        return site_name(plain.host);
    }
    let url = match Url::parse(referrer) {
        Ok(url) if url.has_host() => url,
        // `example.com` and `example.com:8080/x`: some trackers leave the scheme out.
        _ if referrer.contains('.') && !referrer.contains(['@', ' ']) => {
            match Url::parse(&format!("http://{referrer}")) {
                Ok(url) => url,
                Err(_) => return Cow::Borrowed(""),
            }
        }
        _ => return Cow::Borrowed(""),
    };
    Cow::Owned(host(&url).unwrap_or_default())
}

/// The host of a foreign page as it is kept: without what points at one person, and never a bare
/// address, which may be the visitor's own.
pub(crate) fn foreign_host(host: &str) -> Cow<'_, str> {
    if host.parse::<IpAddr>().is_ok() {
        return Cow::Borrowed(BARE_ADDRESS);
    }
    then(hide_all(host), |host| Cow::Borrowed(cut(host, HOST_BYTES_MAX)))
}

/// A site's name or host as it is compared: small letters, no `www.`, no final dot.
#[must_use]
pub fn site_name(name: &str) -> Cow<'_, str> {
    then(small(name.trim().trim_end_matches('.')), |name| {
        clean(name.strip_prefix("www.").unwrap_or(name), HOST_BYTES_MAX)
    })
}

/// Reduces text that may be an address (a property such as `url` or `path`); other text loses
/// what contacts a person, see `placeholder`.
pub(crate) fn text(value: &str, bytes_max: usize) -> Cow<'_, str> {
    let is_page = ["http://", "https://"].iter().any(|scheme| {
        value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    let reduced = if is_page {
        // What only looks like an address could hold anything behind its beginning.
        let Ok(url) = Url::parse(value) else { return Cow::Borrowed("") };
        let host = host(&url).unwrap_or_default();
        let host = foreign_host(&host);
        Cow::Owned(format!("{}://{host}{}", url.scheme(), path(url.path(), "")))
    } else if value.starts_with('/') {
        path(value.split(['?', '#']).next().unwrap_or_default(), "")
    } else {
        then(clean(value, usize::MAX), hide_contact)
    };
    then(reduced, |text| Cow::Borrowed(cut(text, bytes_max)))
}

fn host(url: &Url) -> Option<String> {
    match url.host()? {
        Host::Domain(domain) => {
            Some(site_name(domain).into_owned()).filter(|name| !name.is_empty())
        }
        Host::Ipv4(address) => Some(address.to_string()),
        Host::Ipv6(address) => Some(address.to_string()),
    }
}

fn path<'a>(encoded: &'a str, fragment: &str) -> Cow<'a, str> {
    let mut path = then(decoded(encoded), |path| Cow::Borrowed(without_query(path)));
    let fragment = decoded(fragment);
    let fragment = fragment.split(['?', '&']).next().unwrap_or_default();
    // `#access_token=…` is how logins hand over their tokens.
    if !fragment.is_empty() && !fragment.contains('=') {
        path = Cow::Owned(format!("{path}#{fragment}"));
    }
    let path = then(path, |path| clean(path, usize::MAX));
    let path = if path.contains(';') {
        then(path, |path| PATH_PARAMETER.replace_all(path, ""))
    } else {
        path
    };
    let rooted = if path.starts_with('/') { path } else { Cow::Owned(format!("/{path}")) };
    let reduced = then(rooted, hide_all);
    then(reduced, |path| Cow::Borrowed(cut(path, PATH_BYTES_MAX).trim_end()))
}

/// Cuts what looks like a query: `?` or `#` with a `=` behind it.
fn without_query(path: &str) -> &str {
    match path.split_once(['?', '#']) {
        Some((before, behind)) if behind.contains('=') => before,
        _ => path,
    }
}

pub(super) fn decoded(encoded: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(encoded);
    for _ in 0..DECODE_ROUNDS_MAX {
        if !text.contains('%') {
            break;
        }
        text = Cow::Owned(decoded_once(text.as_bytes()));
    }
    text
}

/// Undoes percent-encoding once; what is not `%` and two hex digits stays, bytes that are no
/// UTF-8 become U+FFFD.
fn decoded_once(encoded: &[u8]) -> String {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [first, behind @ ..] = rest {
        rest = behind;
        if let (b'%', [high, low, behind @ ..]) = (first, behind)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            bytes.push(high << 4 | low);
            rest = behind;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept(address: &str) -> String {
        let page = page(address, false).unwrap();
        format!("{}{}", page.hostname, page.path)
    }

    #[test]
    fn pages_are_reduced() {
        for (sent, expected) in [
            ("https://www.Example.com:8443/a/b?x=1#frag", "example.com/a/b"),
            ("https://example.com", "example.com/"),
            ("https://jane:secret@example.com/x", "example.com/x"),
            ("https://example.com./x", "example.com/x"),
            ("http://[::1]:8000/demo", "::1/demo"),
            ("http://127.0.0.1:8000/demo", "127.0.0.1/demo"),
            ("https://example.com/caf%C3%A9/%E2%82%AC", "example.com/café/€"),
            ("https://example.com/caf%c3", "example.com/caf\u{fffd}"),
            ("https://example.com/a%20b%20", "example.com/a b"),
            ("https://example.com/a%00%E2%80%AEb", "example.com/ab"),
            ("https://example.com/%3Cscript%3E", "example.com/<script>"),
            ("https://example.com/100%25", "example.com/100%"),
            ("https://example.com/u/jane%2540example.com", "example.com/u/:email"),
            ("https://example.com/login%3Ftoken%3Dabc", "example.com/login"),
            ("https://example.com/wiki/What%3F", "example.com/wiki/What?"),
            ("https://example.com/a;jsessionid=ABC123;x=y/b", "example.com/a/b"),
            ("https://example.com/order/12345678/pay", "example.com/order/:number/pay"),
            ("app://com.example.notes/start", "com.example.notes/start"),
        ] {
            assert_eq!(kept(sent), expected, "{sent}");
        }
    }

    #[test]
    fn fragments_count_only_when_asked_for_and_without_secrets() {
        for (sent, expected) in [
            ("https://e.example/a#/cart", "/a#/cart"),
            ("https://e.example/a#/cart?token=1", "/a#/cart"),
            ("https://e.example/a#access_token=abc&x=1", "/a"),
            ("https://e.example/a#/u/jane%40x.example", "/a#/u/:email"),
            ("https://e.example/a#", "/a"),
        ] {
            assert_eq!(page(sent, true).unwrap().path, expected, "{sent}");
            assert_eq!(page(sent, false).unwrap().path, "/a");
        }
    }

    #[test]
    fn what_is_no_page_is_refused() {
        for (sent, expected) in [
            ("javascript:alert(1)", PageError::Scheme),
            ("JavaScript:alert(1)", PageError::Scheme),
            ("data:text/html,x", PageError::Scheme),
            ("about:blank", PageError::Scheme),
            ("file:///etc/passwd", PageError::NotAbsolute),
            ("/path", PageError::NotAbsolute),
            ("", PageError::NotAbsolute),
            ("https://", PageError::NotAbsolute),
        ] {
            assert_eq!(page(sent, false).err(), Some(expected), "{sent}");
        }
        let long = format!("https://example.com/{}", "z".repeat(1980));
        assert_eq!(long.len(), URL_BYTES_MAX);
        assert_eq!(page(&long, false).unwrap().path.len(), PATH_BYTES_MAX);
        assert_eq!(page(&format!("{long}a"), false).err(), Some(PageError::TooLong));
    }

    #[test]
    fn long_paths_end_at_a_character() {
        for (start, expected) in [("a", PATH_BYTES_MAX), ("ab", PATH_BYTES_MAX - 1)] {
            let address = format!("https://e.example/{start}{}", "%C3%A9".repeat(300));
            assert_eq!(page(&address, false).unwrap().path.len(), expected);
        }
    }

    #[test]
    fn campaigns_are_read_and_mail_addresses_go() {
        let sent = "https://e.example/?utm_source=news+letter&utm_medium=Email&utm_campaign=a%40b.example\
                    &utm_term=shoes&utm_content=&utm_source=other&ref=r&source=s&gclid=XYZ&secret=1";
        let campaign = page(sent, false).unwrap().campaign;
        assert_eq!(campaign.source, "news letter");
        assert_eq!(campaign.medium, "Email");
        assert_eq!(campaign.campaign, ":email");
        assert_eq!(campaign.term, "shoes");
        assert_eq!(campaign.content, "");
        assert_eq!(campaign.reference, "s");
        assert!(campaign.google_click && !campaign.microsoft_click);
    }

    #[test]
    fn referrers_are_hosts() {
        for (sent, expected) in [
            ("https://www.google.com/search?q=secret", "google.com"),
            ("android-app://com.google.android.gm/", "com.google.android.gm"),
            ("example.org/path?x", "example.org"),
            ("example.org:8080", "example.org"),
            ("https://203.0.113.9/x", ":address"),
            ("http://[2001:db8::1]/", ":address"),
            ("https://1234567.widgets.example", ":number.widgets.example"),
            ("mailto:jane@example.com", ""),
            ("jane@example.com", ""),
            ("about:blank", ""),
            ("javascript:alert(1)", ""),
            ("nonsense", ""),
            ("", ""),
        ] {
            assert_eq!(foreign_host(&referrer_host(sent)), expected, "{sent}");
        }
    }

    #[test]
    fn addresses_in_properties_are_reduced_too() {
        for (sent, expected) in [
            ("https://Shop.example/a?token=1#x", "https://shop.example/a"),
            ("/thanks?mail=a@b.example", "/thanks"),
            ("/order/12345678", "/order/:number"),
            ("mailto:jane@example.com", "mailto::email"),
            ("order 12345678", "order 12345678"),
            ("Ärger & Freude", "Ärger & Freude"),
        ] {
            assert_eq!(text(sent, 300), expected, "{sent}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_all_is_bounded(text in "\\PC{0,60}", junk in any::<Vec<u8>>()) {
            let junk = String::from_utf8_lossy(&junk).into_owned();
            for address in [text.clone(), junk.clone(), format!("https://e.example/{text}?{junk}#{text}")] {
                if let Ok(page) = page(&address, true) {
                    prop_assert!(page.path.starts_with('/') && page.path.len() <= PATH_BYTES_MAX);
                    prop_assert!(page.hostname.len() <= HOST_BYTES_MAX);
                    prop_assert!(!page.path.chars().any(char::is_control));
                    prop_assert!(page.campaign.source.len() <= CAMPAIGN_BYTES_MAX);
                }
                prop_assert!(referrer_host(&address).len() <= HOST_BYTES_MAX);
            }
        }
    }
}

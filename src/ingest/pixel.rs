//! The query of `GET /pixel.gif?site=DOMAIN[&u=URL][&event=NAME][&campaign=NAME]`.
//!
//! The page is `u` or the `Referer`. With a campaign and no page it is a mail: such an event
//! carries no token. `dnt=1` and `gpc=1` opt out, and then nothing is kept.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;
use url::form_urlencoded;

use crate::ingest::fields::{checked_name, page, sites};
use crate::ingest::payload::{
    ENGAGEMENT, PAGEVIEW, Payload, PayloadError, SCRIPT_ERROR, WEB_VITALS, error,
};
use crate::ingest::placeholder::identifies;
use crate::ingest::signals;
use crate::ingest::text::then;
use crate::ingest::url::{CAMPAIGN_BYTES_MAX, text};
use crate::model::SCROLL_NONE;

/// A day, as campaigns have it in their names, apart from other letters and digits.
static DAY: LazyLock<Regex> = LazyLock::new(|| {
    let day = r"(^|[^0-9A-Za-z])20\d\d[ ._-]?(?:0[1-9]|1[0-2])[ ._-]?(?:0[1-9]|[12]\d|3[01])($|[^0-9A-Za-z])";
    Regex::new(day).expect("a pattern of ours")
});
/// Fewest letters and digits in a row that may have been drawn by lot.
const DRAWN_CHARS_MIN: usize = 8;

/// Longest query that is read, in bytes: an address and some names.
const QUERY_BYTES_MAX: usize = 8192;

/// Reads the query of a pixel.
///
/// # Errors
/// When the site is missing, the page cannot be read, or there is neither page nor campaign.
pub fn parse_pixel<'a>(
    query: &'a str,
    referer: Option<&'a [u8]>,
) -> Result<Payload<'a>, PayloadError> {
    if query.len() > QUERY_BYTES_MAX {
        return Err(error("request", "query is too long: at most 8192 bytes"));
    }
    let first = |wanted: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs
            .find(|(name, value)| name == wanted && !value.trim().is_empty())
            .map(|(_, value)| value)
    };
    if signals::says_no(query.as_bytes()) {
        return Ok(Payload::opt_out());
    }
    let sites = sites(first("site").ok_or(error("site", "can't be blank"))?)
        .map_err(|reason| error("site", reason.message))?;
    let name = checked_name(first("event").unwrap_or(Cow::Borrowed(PAGEVIEW)))?;
    if [ENGAGEMENT, SCRIPT_ERROR, WEB_VITALS].contains(&&*name) {
        return Err(error("event", "is a name that only the script reports"));
    }
    let sent = first("campaign");
    // Mails are written for one recipient each: a name of theirs must not come in as a campaign's.
    if sent.as_deref().is_some_and(may_name_a_recipient) {
        return Err(error("campaign", "looks like a recipient's: name the campaign, not a person"));
    }
    if may_name_a_recipient(&name) {
        return Err(error("event", "looks like a recipient's: name what happened, not a person"));
    }
    let campaign = sent.map(|value| then(value, |value| text(value.trim(), CAMPAIGN_BYTES_MAX)));
    let named = first("u").map(|address| page(address, false)).transpose()?;
    let referring = || {
        let address = std::str::from_utf8(referer?).ok()?;
        page(Cow::Borrowed(address), false).ok()
    };
    let page_is_named = named.is_some();
    let page = named.or_else(referring);
    if page.is_none() && campaign.is_none() {
        return Err(error("u", "can't be blank: neither u nor Referer names a page"));
    }
    Ok(Payload {
        sites,
        interactive: true,
        name,
        page_may_be_mail: campaign.is_some() && !page_is_named,
        pixel_campaign: campaign.unwrap_or_default(),
        page,
        scroll: SCROLL_NONE,
        ..Payload::default()
    })
}

/// Whether a name may be that of a recipient: it holds what paths lose (see `placeholder`), days
/// aside, or letters and digits that look drawn by lot.
fn may_name_a_recipient(text: &str) -> bool {
    let rest = DAY.replace_all(text, "$1$2");
    let is_letter = |character: char| character.is_ascii_alphanumeric();
    identifies(&rest) || rest.split(|character| !is_letter(character)).any(is_drawn)
}

/// Eight or more letters and digits whose kind (capital, small, digit) changes at more than six of ten
/// places; a capital before a small letter is a word's beginning and no change.
fn is_drawn(run: &str) -> bool {
    let kind = |byte: u8| match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        _ => 2,
    };
    let kinds: Vec<u8> = run.bytes().map(kind).collect();
    let is_change = |pair: &&[u8]| !matches!(pair, [2, 1]) && pair.first() != pair.last();
    let changes = kinds.windows(2).filter(is_change).count();
    kinds.len() >= DRAWN_CHARS_MIN && changes * 10 > kinds.len() * 6
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(query: &str, referer: Option<&[u8]>) -> Option<String> {
        parse_pixel(query, referer).ok().unwrap().page.map(|page| page.path.into_owned())
    }

    #[test]
    fn the_page_is_u_or_the_referer() {
        let referer = Some(&b"https://example.com/r?x=1"[..]);
        let query = "site=www.Example.com&u=https%3A%2F%2Fexample.com%2Fu%3Futm_source%3Dx";
        assert_eq!(path(query, referer).as_deref(), Some("/u"));
        assert_eq!(path("site=example.com", referer).as_deref(), Some("/r"));
        assert_eq!(path("site=example.com&campaign=spring", None), None);
        assert_eq!(path("site=example.com&campaign=spring", Some(b"\xff")), None);
        let payload = parse_pixel(query, None).ok().unwrap();
        assert_eq!(payload.sites(), ["example.com"]);
        assert_eq!(payload.name(), PAGEVIEW);
        assert_eq!(payload.page.unwrap().campaign.source, "x");
    }

    #[test]
    fn names_and_campaigns_are_read() {
        let payload =
            parse_pixel("site=a.example&event=Open+Mail&campaign=letter-2026-11-22+a", None);
        let payload = payload.ok().unwrap();
        assert_eq!(payload.name(), "Open Mail");
        assert_eq!(payload.pixel_campaign, "letter-2026-11-22 a");
        assert!(payload.page_may_be_mail);
    }

    #[test]
    fn names_of_recipients_are_told_from_names_of_campaigns() {
        for name in [
            "letter-20451234x",
            "2012345612345",
            "k3J9xQ2pLm",
            "open-4f9d2c1b",
            "u-a1b2c3d4",
            "jane@example.com",
            "letter-1234567",
            "+49 30 1234567",
            "letter 20261399",
        ] {
            assert!(may_name_a_recipient(name), "{name}");
        }
        for name in [
            "letter-2026-11-22",
            "letter_20261122_b",
            "20261122",
            "Spring2026Sale",
            "2026Q4B2B",
            "black-friday",
            "TopDealsOfTheWeek",
            "Q3-2026",
            "v2-test-b",
            "B2B-Newsletter-42",
        ] {
            assert!(!may_name_a_recipient(name), "{name}");
        }
    }

    #[test]
    fn the_query_may_opt_out() {
        for query in ["dnt=1", "dnt=0&dnt=1", "site=a.example&gpc=1", "dnt=1x&u=nonsense"] {
            assert!(parse_pixel(query, None).ok().unwrap().opted_out(), "{query}");
        }
        assert!(
            !parse_pixel("site=a.example&campaign=c&dnt=0&gpc=11", None).ok().unwrap().opted_out()
        );
    }

    #[test]
    fn errors_name_the_field() {
        for (query, field) in [
            ("", "site"),
            ("site=,", "site"),
            ("site=a.example", "u"),
            ("site=a.example&campaign=c&event=engagement", "event"),
            ("site=a.example&u=javascript:alert(1)", "url"),
            ("site=a.example&campaign=jane%40example.com", "campaign"),
            ("site=a.example&campaign=letter-4f9d2c1b8a7e6f50", "campaign"),
            ("site=a.example&campaign=dGhpcyBpcyBhIHNlY3JldA", "campaign"),
            ("site=a.example&campaign=c&event=open-1234567", "event"),
            (&format!("site=a.example&event={}", "x".repeat(121)), "event_name"),
            (&"x".repeat(QUERY_BYTES_MAX + 1), "request"),
        ] {
            assert_eq!(parse_pixel(query, None).err().unwrap().field, field, "{query}");
        }
    }

    proptest! {
        #[test]
        fn any_query_gives_a_bounded_payload_or_an_error(
            query in "\\PC{0,200}",
            referer in any::<Vec<u8>>(),
        ) {
            for query in [query.clone(), format!("site=a.example&event={query}&campaign={query}&u={query}")] {
                if let Ok(payload) = parse_pixel(&query, Some(&referer)) {
                    prop_assert!(payload.pixel_campaign.len() <= CAMPAIGN_BYTES_MAX);
                    prop_assert!(payload.name().len() <= 480);
                }
            }
        }
    }
}

//! Weak signs of a machine, added up: a score, not a verdict.
//!
//! Each sign is something that browsers in people's hands hardly ever show, and that a proxy, an
//! extension or a rare browser may show all the same; so no sign alone, and no score, refuses an
//! event. What browsers send only over https (client hints and `Sec-Fetch-*`) is missed only where
//! the page itself was https, for then the request was too (mixed content is blocked).
//!
//! Promise: a pure function of headers and agent; the sum says nothing of who sent them.

use crate::ingest::agent::Agent;
use crate::ingest::hints::Hints;
use crate::ingest::signals::Headers;
use crate::ingest::visitor::capped;

/// The highest score.
pub const SCORE_MAX: u8 = 100;

/// Every browser sends `Accept-Language`; programs rarely do.
const NO_LANGUAGE: u8 = 25;
/// Every browser sends `Accept`, and so do most programs.
const NO_ACCEPT: u8 = 10;
/// A Chromium since 89 sends its brands over https.
const NO_BRANDS: u8 = 25;
/// Brands of another version than the User-Agent, or from a browser that has none.
const OTHER_BRANDS: u8 = 30;
/// A platform that is not the User-Agent's.
const OTHER_PLATFORM: u8 = 30;
/// A mobile bit that is not the User-Agent's.
const OTHER_SIZE: u8 = 15;
/// Browsers of today send `Sec-Fetch-Mode` over https.
const NO_FETCH_MODE: u8 = 20;
/// A browser of more than about five years; copied User-Agents grow old.
const OLD_BROWSER: u8 = 15;
/// A browser without a known system.
const NO_SYSTEM: u8 = 10;

/// First Chromium that sends its brands unasked.
const BRANDS_SINCE: u16 = 89;

/// For each browser: versions below the first are old; from the second on, `Sec-Fetch-*` is sent.
const AGES: [(&str, u16, u16); 7] = [
    ("Chrome", 90, 80),
    ("Firefox", 88, 90),
    ("Internet Explorer", u16::MAX, u16::MAX),
    ("Microsoft Edge", 90, 80),
    ("Opera", 76, 67),
    ("Safari", 13, 17),
    ("Samsung Browser", 14, 13),
];

/// How much a request looks like a machine's: 0 not at all, up to [`SCORE_MAX`].
///
/// `agent` is what [`Agents::parse`](crate::ingest::Agents::parse) made of the User-Agent alone,
/// not completed by hints, for it is compared with them.
#[must_use]
pub fn score(headers: &Headers<'_>, hints: &Hints, agent: &Agent) -> u8 {
    let user_agent = std::str::from_utf8(capped(headers.user_agent.unwrap_or_default()));
    let chromium = user_agent.ok().and_then(chromium);
    let version = agent.browser_version.parse::<u16>().ok();
    let age = AGES.iter().find(|(browser, ..)| *browser == agent.browser).zip(version);
    let is_https = is_of_https(headers);
    let is_app = agent.browser == crate::ingest::families::MOBILE_APP;

    let has_other_brands = hints.has_brands
        && match (hints.chromium, chromium) {
            (Some(said), Some(version)) => said != version,
            // Apps put what they like into their User-Agent.
            _ => !is_app,
        };
    let has_other_platform = hints.platform.is_some_and(|platform| {
        let asks_for_desktop_pages = agent.os == crate::ingest::families::GNU_LINUX;
        !agent.os.is_empty() && !asks_for_desktop_pages && platform != agent.os
    });
    let signs = [
        (empty(headers.accept_language), NO_LANGUAGE),
        (empty(headers.accept), NO_ACCEPT),
        (
            is_https && !is_app && !hints.has_brands && chromium.is_some_and(|v| v >= BRANDS_SINCE),
            NO_BRANDS,
        ),
        (has_other_brands, OTHER_BRANDS),
        (has_other_platform, OTHER_PLATFORM),
        (
            matches!(
                (hints.mobile, agent.device),
                (Some(true), "Desktop") | (Some(false), "Mobile")
            ) && !has_other_platform,
            OTHER_SIZE,
        ),
        (
            is_https
                && headers.sec_fetch_mode.is_none()
                && age.is_some_and(|((_, _, since), version)| version >= *since),
            NO_FETCH_MODE,
        ),
        (age.is_some_and(|((_, old, _), version)| version < *old), OLD_BROWSER),
        (!agent.browser.is_empty() && !is_app && agent.os.is_empty(), NO_SYSTEM),
    ];
    let shown = signs.iter().filter(|(is_shown, _)| *is_shown).map(|(_, weight)| *weight);
    shown.fold(0, u8::saturating_add).min(SCORE_MAX)
}

fn empty(value: Option<&[u8]>) -> bool {
    value.unwrap_or_default().trim_ascii().is_empty()
}

/// Whether the page that sends was loaded over https.
fn is_of_https(headers: &Headers<'_>) -> bool {
    let page = headers.origin.or(headers.referer).unwrap_or_default();
    page.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"https://"))
}

/// The major version behind `Chrome/`.
fn chromium(user_agent: &str) -> Option<u16> {
    let (_, behind) = user_agent.split_once("Chrome/")?;
    behind.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::Agents;

    const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
    const PHONE: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36";
    const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
    const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1";
    const WEBVIEW: &str = "Mozilla/5.0 (Linux; Android 14; SM-S918B Build/UP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.0.0 Mobile Safari/537.36";

    /// What a browser sends from an https page; hints only where there are some.
    fn sent<'a>(user_agent: &'a str, brands: &'a str, mobile: &'a str, os: &'a str) -> Headers<'a> {
        let given = |text: &'a str| Some(text.as_bytes()).filter(|bytes| !bytes.is_empty());
        Headers {
            user_agent: given(user_agent),
            origin: Some(b"https://site.example"),
            accept: Some(b"*/*"),
            accept_language: Some(b"de-AT,de;q=0.9"),
            sec_fetch_mode: Some(b"cors"),
            sec_ch_ua: given(brands),
            sec_ch_ua_mobile: given(mobile),
            sec_ch_ua_platform: given(os),
            ..Headers::default()
        }
    }

    fn of(headers: &Headers<'_>) -> u8 {
        let agent = Agents::new().parse(headers.user_agent.unwrap_or_default());
        score(headers, &Hints::of(headers), &agent)
    }

    const BRANDS: &str = r#""Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99""#;

    #[test]
    fn browsers_show_no_sign() {
        for headers in [
            sent(CHROME, BRANDS, "?0", "\"Windows\""),
            sent(PHONE, BRANDS, "?1", "\"Android\""),
            sent(FIREFOX, "", "", ""),
            sent(SAFARI, "", "", ""),
            sent(WEBVIEW, "", "", ""),
        ] {
            assert_eq!(of(&headers), 0);
        }
        // Over http neither hints nor fetch metadata are sent.
        let http = Headers {
            origin: Some(b"http://site.example"),
            sec_fetch_mode: None,
            ..sent(CHROME, "", "", "")
        };
        assert_eq!(of(&http), 0);
        // A phone that asks for the pages of a desktop.
        let desktop_pages = CHROME.replace("Windows NT 10.0; Win64; x64", "X11; Linux x86_64");
        assert_eq!(of(&sent(&desktop_pages, BRANDS, "?0", "\"Android\"")), 0);
    }

    #[test]
    fn each_sign_has_its_weight() {
        let good = || sent(CHROME, BRANDS, "?0", "\"Windows\"");
        for (what, headers, expected) in [
            ("language", Headers { accept_language: None, ..good() }, NO_LANGUAGE),
            ("empty language", Headers { accept_language: Some(b" "), ..good() }, NO_LANGUAGE),
            ("accept", Headers { accept: None, ..good() }, NO_ACCEPT),
            ("brands", Headers { sec_ch_ua: None, ..good() }, NO_BRANDS),
            ("fetch", Headers { sec_fetch_mode: None, ..good() }, NO_FETCH_MODE),
            ("platform", sent(CHROME, BRANDS, "?0", "\"Linux\""), OTHER_PLATFORM),
            ("mobile", sent(CHROME, BRANDS, "?1", "\"Windows\""), OTHER_SIZE),
            ("phone", sent(PHONE, BRANDS, "?0", "\"Android\""), OTHER_SIZE),
            ("brands of Firefox", sent(FIREFOX, BRANDS, "", ""), OTHER_BRANDS),
            (
                "version",
                sent(CHROME, &BRANDS.replace("142", "120"), "?0", "\"Windows\""),
                OTHER_BRANDS,
            ),
        ] {
            assert_eq!(of(&headers), expected, "{what}");
        }
        let old = CHROME.replace("142", "79");
        assert_eq!(of(&sent(&old, "", "", "")), OLD_BROWSER);
        let explorer = "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko";
        assert_eq!(of(&sent(explorer, "", "", "")), OLD_BROWSER);
        assert_eq!(of(&sent("Mozilla/5.0 () Gecko/20100101 Firefox/145.0", "", "", "")), NO_SYSTEM);
    }

    #[test]
    fn signs_add_up_and_stop_at_the_highest_score() {
        let copied = Headers {
            user_agent: Some(CHROME.as_bytes()),
            origin: Some(b"https://site.example"),
            ..Headers::default()
        };
        assert_eq!(of(&copied), NO_LANGUAGE + NO_ACCEPT + NO_BRANDS + NO_FETCH_MODE);
        let old = CHROME.replace("142", "60");
        let worst = Headers {
            accept: None,
            accept_language: None,
            ..sent(&old, BRANDS, "?1", "\"Linux\"")
        };
        assert!(of(&worst) > 100 - 20 && of(&worst) <= SCORE_MAX);
        assert_eq!(of(&Headers::default()), NO_LANGUAGE + NO_ACCEPT);
    }
}

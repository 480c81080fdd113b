//! The client hints that arrive unasked: brands, mobile bit and platform of a Chromium.
//!
//! Only `Sec-CH-UA`, `Sec-CH-UA-Mobile` and `Sec-CH-UA-Platform` are read (User-Agent Client Hints,
//! structured fields of RFC 8941). More is never asked for: it would tell people apart. The list of
//! brands holds a made-up one, so that nobody relies on its form; brands count when they are in a
//! closed list. Windows 11 cannot be told from 10 by these.
//!
//! Promise: whatever is sent, nothing panics, and no text of a header comes out.

use std::sync::Arc;

use crate::ingest::agent::Agent;
use crate::ingest::families::{ANDROID, CHROME_OS, GNU_LINUX, MOBILE_APP, WINDOWS};
use crate::ingest::signals::Headers;

/// Bytes of a brand list that are read; real ones take about 80.
const BRANDS_BYTES_MAX: usize = 512;
/// Brands of a list that are read; real ones hold three.
const BRANDS_MAX: usize = 8;
/// Longest major version, in digits.
const VERSION_DIGITS_MAX: usize = 4;

/// What every Chromium names beside its own brand.
const CHROMIUM: &str = "Chromium";
/// What a Chromium without a screen names.
const HEADLESS: &str = "HeadlessChrome";

/// Brands whose User-Agent is Chrome's or Opera's, and the name shown; sorted.
const FORKS: &[(&str, &str)] = &[
    ("AVG Secure Browser", "AVG Secure Browser"),
    ("Android WebView", MOBILE_APP),
    ("Arc", "Arc"),
    ("Avast Secure Browser", "Avast Secure Browser"),
    ("Brave", "Brave"),
    ("CCleaner Browser", "CCleaner Browser"),
    ("Coc Coc", "Coc Coc"),
    ("CocCoc", "Coc Coc"),
    ("DuckDuckGo", "DuckDuckGo"),
    ("Ecosia", "Ecosia"),
    ("Huawei Browser", "Huawei Browser"),
    ("HuaweiBrowser", "Huawei Browser"),
    ("Iron", "Iron"),
    ("Microsoft Edge", "Microsoft Edge"),
    ("Norton Private Browser", "Norton Browser"),
    ("Opera", "Opera"),
    ("Opera GX", "Opera GX"),
    ("Samsung Internet", "Samsung Browser"),
    ("Vivaldi", "Vivaldi"),
    ("Whale", "Whale"),
    ("YaBrowser", "Yandex Browser"),
    ("Yandex", "Yandex Browser"),
];

/// Names of platforms and the name shown; sorted.
const PLATFORMS: &[(&str, &str)] = &[
    ("Android", ANDROID),
    ("Chrome OS", CHROME_OS),
    ("Chromium OS", CHROME_OS),
    ("Fuchsia", "Fuchsia"),
    ("Linux", GNU_LINUX),
    ("Windows", WINDOWS),
    ("iOS", "iOS"),
    ("macOS", "Mac"),
];

/// What the hints of a request say; empty without hints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hints {
    /// There was a list of brands, whatever it holds.
    pub has_brands: bool,
    /// Major version of Chromium.
    pub chromium: Option<u16>,
    /// The fork, by the name shown, and its major version.
    pub fork: Option<(&'static str, Option<u16>)>,
    /// Whether it prefers pages for phones.
    pub mobile: Option<bool>,
    /// The system, by the name shown.
    pub platform: Option<&'static str>,
}

impl Hints {
    /// Reads the hints of a request.
    #[must_use]
    pub fn of(headers: &Headers<'_>) -> Self {
        let mut hints = Self {
            has_brands: headers.sec_ch_ua.is_some(),
            mobile: match headers.sec_ch_ua_mobile.map(<[u8]>::trim_ascii) {
                Some(b"?1") => Some(true),
                Some(b"?0") => Some(false),
                _ => None,
            },
            platform: headers.sec_ch_ua_platform.and_then(platform),
            ..Self::default()
        };
        for (brand, version) in brands(headers.sec_ch_ua) {
            if brand == CHROMIUM {
                hints.chromium = version;
            } else if let Some(name) = find(FORKS, brand) {
                hints.fork = Some((name, version));
            }
        }
        hints
    }

    /// The agent as the hints complete it: the fork behind a User-Agent of Chrome's, the system
    /// and the kind of device behind one that asks for a desktop's pages or says neither.
    #[must_use]
    pub fn complete(&self, agent: Arc<Agent>) -> Arc<Agent> {
        let fork = self.fork.filter(|(name, _)| {
            matches!(agent.browser, "Chrome" | "Chromium" | "Opera") && *name != agent.browser
        });
        let platform = self.platform.filter(|platform| match agent.os {
            "" => true,
            GNU_LINUX => matches!(*platform, ANDROID | CHROME_OS),
            _ => false,
        });
        let os = platform.unwrap_or(agent.os);
        let device = match (self.mobile, agent.device) {
            (Some(true), "" | "Desktop") => "Mobile",
            (Some(false), "" | "Desktop") if os == ANDROID => "Tablet",
            (Some(false), "") if !os.is_empty() => "Desktop",
            _ => agent.device,
        };
        if fork.is_none() && platform.is_none() && device == agent.device {
            return agent;
        }
        let mut completed = Agent { device, ..Agent::clone(&agent) };
        if let Some((name, version)) = fork {
            completed.browser = name;
            completed.browser_version = match version {
                Some(version) if name != MOBILE_APP => version.to_string(),
                _ => String::new(),
            };
        }
        if let Some(platform) = platform {
            completed.os = platform;
            completed.os_version = String::new();
        }
        Arc::new(completed)
    }
}

/// Whether the brands say that the browser has no screen.
pub(crate) fn is_headless(sec_ch_ua: Option<&[u8]>) -> bool {
    brands(sec_ch_ua).any(|(brand, _)| brand == HEADLESS)
}

fn platform(value: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(value).ok()?.trim();
    find(PLATFORMS, text.strip_prefix('"')?.strip_suffix('"')?)
}

/// The brands and their major versions: `"Chromium";v="142", "Not=A?Brand";v="24"`.
fn brands(value: Option<&[u8]>) -> impl Iterator<Item = (&str, Option<u16>)> {
    let value = value.unwrap_or_default();
    let text = value.get(..BRANDS_BYTES_MAX).unwrap_or(value);
    let mut rest = std::str::from_utf8(text).unwrap_or_default();
    let one = move || {
        let brand = quoted(&mut rest)?;
        // A parameter belongs to the brand before it; a comma ends the brand.
        let mut version = None;
        let end = rest.find(',').unwrap_or(rest.len());
        if rest.find('"').is_some_and(|quote| quote < end) {
            version = quoted(&mut rest);
        }
        Some((brand, version.and_then(major)))
    };
    std::iter::from_fn(one).take(BRANDS_MAX)
}

/// The next text between quotes; `rest` begins behind it then. Escaped quotes stay as sent.
fn quoted<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let (_, behind) = rest.split_once('"')?;
    let mut is_escaped = false;
    let end = behind.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })?;
    *rest = behind.get(end + 1..).unwrap_or_default();
    behind.get(..end)
}

fn major(version: &str) -> Option<u16> {
    let digits = version.split('.').next().unwrap_or_default();
    let fits = digits.len() <= VERSION_DIGITS_MAX && digits.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| digits.parse().ok()).flatten()
}

fn find(table: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    let place = table.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    table.get(place).map(|(_, shown)| *shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BRAVE: &[u8] = br#""Brave";v="142", "Chromium";v="142", "Not/A)Brand";v="99""#;

    fn hints(brands: &[u8], mobile: &[u8], platform: &[u8]) -> Hints {
        let given = |value: &'static [u8]| Some(value).filter(|value| !value.is_empty());
        let leak = |value: &[u8]| given(value.to_vec().leak());
        Hints::of(&Headers {
            sec_ch_ua: leak(brands),
            sec_ch_ua_mobile: leak(mobile),
            sec_ch_ua_platform: leak(platform),
            ..Headers::default()
        })
    }

    fn agent(browser: &'static str, os: &'static str, device: &'static str) -> Arc<Agent> {
        let version = "1".to_owned();
        Arc::new(Agent {
            browser,
            browser_version: version.clone(),
            os,
            os_version: version,
            device,
        })
    }

    #[test]
    fn the_lists_are_sorted() {
        assert!(FORKS.is_sorted_by_key(|(brand, _)| brand));
        assert!(PLATFORMS.is_sorted_by_key(|(name, _)| name));
    }

    #[test]
    fn brands_are_read_and_made_up_ones_skipped() {
        for (sent, chromium, fork) in [
            (BRAVE, Some(142), Some(("Brave", Some(142)))),
            (
                br#""Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99""#,
                Some(142),
                None,
            ),
            (
                br#""Not;A=Brand";v="8", "Chromium";v="141.0.1", "Vivaldi";v="7.6""#,
                Some(141),
                Some(("Vivaldi", Some(7))),
            ),
            (br#""Not,\"A Brand", "Chromium""#, None, None),
            (
                br#""\\";v="1","Opera GX";v="124","Chromium";v="140""#,
                Some(140),
                Some(("Opera GX", Some(124))),
            ),
            (br#""Brave";v="x", "Chromium";v="123456""#, None, Some(("Brave", None))),
            (br#"Chromium;v=142"#, None, None),
            (br#""Chromium"#, None, None),
            (b"\xff\"", None, None),
            (b"", None, None),
        ] {
            let found = hints(sent, b"", b"");
            assert_eq!((found.chromium, found.fork), (chromium, fork), "{:?}", sent.escape_ascii());
        }
    }

    #[test]
    fn mobile_bit_and_platform_are_closed_lists() {
        let found = hints(b"", b"?1", b"\"Android\"");
        assert_eq!((found.mobile, found.platform), (Some(true), Some(ANDROID)));
        let found = hints(b"", b" ?0 ", b"\"macOS\"");
        assert_eq!((found.mobile, found.platform), (Some(false), Some("Mac")));
        let found = hints(b"", b"1", b"\"Unknown\"");
        assert_eq!((found.mobile, found.platform, found.has_brands), (None, None, false));
        assert_eq!(hints(b"", b"", b"Android").platform, None);
    }

    #[test]
    fn forks_are_named_and_nothing_else_changes() {
        let named =
            hints(BRAVE, b"?0", b"\"Windows\"").complete(agent("Chrome", WINDOWS, "Desktop"));
        assert_eq!((named.browser, named.browser_version.as_str()), ("Brave", "142"));
        assert_eq!((named.os, named.os_version.as_str(), named.device), (WINDOWS, "1", "Desktop"));
        let webview = hints(br#""Android WebView";v="142""#, b"", b"");
        let app = webview.complete(agent("Chrome", ANDROID, "Mobile"));
        assert_eq!((app.browser, app.browser_version.as_str()), (MOBILE_APP, ""));
        let edge = agent("Microsoft Edge", WINDOWS, "Desktop");
        assert!(Arc::ptr_eq(&hints(BRAVE, b"", b"").complete(Arc::clone(&edge)), &edge));
        assert!(Arc::ptr_eq(&Hints::default().complete(Arc::clone(&edge)), &edge));
    }

    #[test]
    fn a_phone_that_asks_for_desktop_pages_is_seen() {
        let linux = || agent("Chrome", GNU_LINUX, "Desktop");
        let phone = hints(b"", b"?1", b"\"Android\"").complete(linux());
        assert_eq!((phone.os, phone.os_version.as_str(), phone.device), (ANDROID, "", "Mobile"));
        let tablet = hints(b"", b"?0", b"\"Android\"").complete(linux());
        assert_eq!((tablet.os, tablet.device), (ANDROID, "Tablet"));
        let book = hints(b"", b"?0", b"\"Chrome OS\"").complete(linux());
        assert_eq!((book.os, book.device), (CHROME_OS, "Desktop"));
        let silent = hints(b"", b"?0", b"\"Windows\"").complete(agent("", "", ""));
        assert_eq!((silent.os, silent.device), (WINDOWS, "Desktop"));
        let mac = hints(b"", b"?0", b"\"Windows\"").complete(agent("Chrome", "Mac", "Desktop"));
        assert_eq!(mac.os, "Mac");
    }

    #[test]
    fn a_headless_browser_is_known_by_its_brand() {
        assert!(is_headless(Some(br#""Chromium";v="142", "HeadlessChrome";v="142""#)));
        assert!(!is_headless(Some(BRAVE)));
        assert!(!is_headless(None));
    }
}

//! What a User-Agent says about browser, system and kind of device, under names people know.
//!
//! The patterns are uap-core's (`agents.json`, credit inside); families that `families` does not
//! name become empty, so that no text of a rare User-Agent reaches a report. Versions are what the
//! browser says: Chrome and Safari freeze macOS at 10.15, and Windows 11 calls itself 10.
//!
//! Promise: the cache holds no User-Agent, only a hash of it under a random key that the caller
//! replaces every 24 hours with [`Agents::rotate`]; before the first key nothing is cached.

use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwapOption;
use quick_cache::sync::Cache;
use ua_parser::{os, user_agent};

use crate::ingest::bots;
use crate::ingest::families;
use crate::ingest::visitor::capped;

/// Parsed User-Agents that are kept; real traffic repeats a few thousand.
const CACHED_AGENTS_MAX: usize = 10_000;

/// Longest major version that is kept, in digits.
const MAJOR_DIGITS_MAX: usize = 4;

/// What is known of a browser; empty where nothing is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agent {
    /// Browser family, such as `Chrome`.
    pub browser: &'static str,
    /// Major version of the browser.
    pub browser_version: String,
    /// System family, such as `Windows`.
    pub os: &'static str,
    /// Version of the system, major or major and minor.
    pub os_version: String,
    /// `Desktop`, `Mobile`, `Tablet` or `TV`.
    pub device: &'static str,
}

/// The parser and its cache.
pub struct Agents {
    known: ArcSwapOption<Known>,
}

struct Known {
    key: [u8; 32],
    agents: Cache<[u8; 16], Seen>,
}

/// What a User-Agent says.
#[derive(Clone, Default)]
pub struct Seen {
    /// Why it is a bot's, if it is; see [`bots::find`]. Then nothing else is read of it.
    pub bot: Option<&'static str>,
    /// The browser, system and device.
    pub agent: Arc<Agent>,
}

struct Extractors {
    browsers: user_agent::Extractor<'static>,
    systems: os::Extractor<'static>,
}

#[derive(serde::Deserialize)]
struct Patterns<'a> {
    #[serde(borrow)]
    user_agent_parsers: Vec<user_agent::Parser<'a>>,
    #[serde(borrow)]
    os_parsers: Vec<os::Parser<'a>>,
}

// Shared by the process: compiled patterns are constant and take some megabytes.
static EXTRACTORS: LazyLock<Extractors> = LazyLock::new(|| {
    let patterns: Patterns<'static> =
        serde_json::from_str(include_str!("agents.json")).expect("agents.json is tested");
    let browsers = user_agent::Builder::new().push_all(patterns.user_agent_parsers);
    let systems = os::Builder::new().push_all(patterns.os_parsers);
    Extractors {
        browsers: browsers.and_then(|b| Ok(b.build()?)).expect("agents.json is tested"),
        systems: systems.expect("agents.json is tested").build().expect("agents.json is tested"),
    }
});

impl Agents {
    /// Compiles the patterns (once a process; some tenths of a second) without a cache.
    #[must_use]
    pub fn new() -> Self {
        LazyLock::force(&EXTRACTORS);
        Self { known: ArcSwapOption::empty() }
    }

    /// Empties the cache and goes on under this key: 32 random bytes, every 24 hours.
    pub fn rotate(&self, key: [u8; 32]) {
        self.known.store(Some(Arc::new(Known { key, agents: Cache::new(CACHED_AGENTS_MAX) })));
    }

    /// What a User-Agent says, of which at most the first 512 bytes are read.
    #[must_use]
    pub fn look(&self, user_agent: &[u8]) -> Seen {
        let user_agent = capped(user_agent);
        let known = self.known.load();
        let Some(known) = &*known else { return look(user_agent) };
        let hash = blake3::keyed_hash(&known.key, user_agent);
        let place = *hash.as_bytes().first_chunk().expect("a hash has 32 bytes");
        if let Some(seen) = known.agents.get(&place) {
            return seen;
        }
        let seen = look(user_agent);
        known.agents.insert(place, seen.clone());
        seen
    }

    /// The browser, system and device that a User-Agent names, a bot's too; not cached.
    #[must_use]
    pub fn parse(&self, user_agent: &[u8]) -> Arc<Agent> {
        Arc::new(parse(capped(user_agent)))
    }

    #[cfg(test)]
    fn cached(&self) -> usize {
        self.known.load_full().map_or(0, |known| known.agents.len())
    }
}

impl Default for Agents {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.key);
    }
}

fn look(user_agent: &[u8]) -> Seen {
    match bots::find(Some(user_agent)) {
        None => Seen { bot: None, agent: Arc::new(parse(user_agent)) },
        bot => Seen { bot, ..Seen::default() },
    }
}

fn parse(user_agent: &[u8]) -> Agent {
    let text = String::from_utf8_lossy(user_agent);
    let browser = EXTRACTORS.browsers.extract(&text);
    let system = EXTRACTORS.systems.extract(&text);
    let mut agent = Agent { device: families::device(&text), ..Agent::default() };
    if let Some(found) = browser {
        agent.browser = families::browser(&found.family);
        if !agent.browser.is_empty() && agent.browser != families::MOBILE_APP {
            agent.browser_version = number(found.major);
        }
    }
    if let Some(found) = system {
        agent.os = families::system(&found.os, &text);
        if !agent.os.is_empty() {
            agent.os_version =
                system_version(agent.os, found.major.as_deref(), found.minor.as_deref());
        }
    }
    agent
}

/// The version as far as it tells systems apart and not people.
fn system_version(os: &str, major: Option<&str>, minor: Option<&str>) -> String {
    match os {
        families::GNU_LINUX | families::CHROME_OS => String::new(),
        families::WINDOWS => windows_version(major),
        _ => match (number(major), number(minor)) {
            (major, minor) if major.is_empty() || minor.is_empty() => major,
            (major, _) if os == families::ANDROID => major,
            (major, minor) => format!("{major}.{minor}"),
        },
    }
}

/// Windows has words for versions: they are taken from a closed list.
fn windows_version(major: Option<&str>) -> String {
    const NAMES: [&str; 8] = ["10", "11", "7", "8", "8.1", "2000", "Vista", "XP"];
    let name = major.and_then(|major| NAMES.into_iter().find(|name| *name == major));
    name.unwrap_or_default().to_owned()
}

fn number(text: Option<&str>) -> String {
    let text = text.unwrap_or_default();
    let is_number = text.len() <= MAJOR_DIGITS_MAX && text.bytes().all(|b| b.is_ascii_digit());
    if is_number { text.to_owned() } else { String::new() }
}

/// Family, major and minor version of browser and of system, as the patterns name them.
#[cfg(test)]
pub(crate) fn matched(text: &str) -> [[String; 3]; 2] {
    let text_of = |part: Option<&str>| part.unwrap_or_default().to_owned();
    let browser = EXTRACTORS.browsers.extract(text).map_or_else(
        || ["Other".to_owned(), String::new(), String::new()],
        |found| [found.family.into_owned(), text_of(found.major), text_of(found.minor)],
    );
    let system = EXTRACTORS.systems.extract(text).map_or_else(
        || ["Other".to_owned(), String::new(), String::new()],
        |found| {
            let [major, minor] = [&found.major, &found.minor].map(|part| text_of(part.as_deref()));
            [found.os.into_owned(), major, minor]
        },
    );
    [browser, system]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMED: &[(&str, &str)] = &[
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
            "Chrome 142|Windows 10|Desktop",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
            "Microsoft Edge 142|Windows 10|Desktop",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 OPR/124.0.0.0",
            "Opera 124|Windows 10|Desktop",
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
            "Firefox 145|GNU/Linux |Desktop",
        ),
        (
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
            "Firefox 145|GNU/Linux |Desktop",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15",
            "Safari 26|Mac 10.15|Desktop",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1",
            "Safari 26|iOS 18.7|Mobile",
        ),
        (
            "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
            "Safari 17|iPadOS 17.5|Tablet",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142.0.7444.46 Mobile/15E148 Safari/604.1",
            "Chrome 142|iOS 18.5|Mobile",
        ),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
            "Chrome 142|Android 10|Mobile",
        ),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
            "Chrome 142|Android 10|Tablet",
        ),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36",
            "Samsung Browser 29|Android 10|Mobile",
        ),
        (
            "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
            "Chrome 141|Chrome OS |Desktop",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 340.0.0.22.109 (iPhone14,5; iOS 17_5; de_DE; de; scale=3.00; 1170x2532; 619461440)",
            "Mobile App |iOS 17.5|Mobile",
        ),
        (
            "Mozilla/5.0 (Linux; Android 14; SM-S918B Build/UP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.0.0 Mobile Safari/537.36",
            "Mobile App |Android 14|Mobile",
        ),
        (
            "Mozilla/5.0 (SMART-TV; LINUX; Tizen 8.0) AppleWebKit/537.36 (KHTML, like Gecko) Version/8.0 TV Safari/537.36",
            "Safari 8|Tizen 8.0|TV",
        ),
        (
            "Mozilla/5.0 (Android 14; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0",
            "Firefox 145|Android 14|Mobile",
        ),
        (
            "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko",
            "Internet Explorer 11|Windows 7|Desktop",
        ),
        ("Canary-9c1/77.123 (Secret-Device-42)", " | |"),
    ];

    #[test]
    fn agents_have_the_names_people_know() {
        let agents = Agents::new();
        for (user_agent, expected) in NAMED {
            let agent = agents.parse(user_agent.as_bytes());
            let got = format!(
                "{} {}|{} {}|{}",
                agent.browser, agent.browser_version, agent.os, agent.os_version, agent.device
            );
            assert_eq!(got, *expected, "{user_agent}");
        }
    }

    #[test]
    fn the_cache_answers_the_same_and_is_emptied_with_its_key() {
        let agents = Agents::new();
        let user_agent = b"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
        let uncached = agents.look(user_agent).agent;
        assert_eq!(agents.cached(), 0);
        agents.rotate([1; 32]);
        let look = || agents.look(user_agent).agent;
        assert_eq!(look(), uncached);
        assert!(Arc::ptr_eq(&look(), &look()));
        assert_eq!(agents.cached(), 1);
        agents.rotate([2; 32]);
        assert_eq!(agents.cached(), 0);
    }

    #[test]
    fn the_cache_is_bounded_and_any_bytes_are_taken() {
        let agents = Agents::new();
        agents.rotate([1; 32]);
        for n in 0..CACHED_AGENTS_MAX + 500 {
            drop(agents.look(format!("x{n}").as_bytes()));
        }
        assert!(agents.cached() <= CACHED_AGENTS_MAX);
        assert_eq!(*agents.look(b"\xff\xfe\x00").agent, Agent::default());
        let first = agents.look(b"curl/8.5.0").bot;
        assert_eq!(first, bots::find(Some(b"curl/8.5.0")));
        assert!(first.is_some() && agents.look(b"curl/8.5.0").bot == first);
    }
}

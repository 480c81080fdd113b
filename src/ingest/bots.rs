//! Whether a request is a machine's, and which: a closed set of reasons.
//!
//! The patterns are in `bots.toml` (what machines look like) and `crawlers.toml` (known ones, with
//! names); both run as one alternation over bytes, without regard to case, and only what matches
//! is then given a name. A missing or empty User-Agent is a bot's, and so is a headless browser
//! that says so. This is noise control, not a wall: a bot that claims to be a browser passes.
//!
//! Promise: a reason is a name of `crawlers.toml` or one of the constants here, never text of a
//! User-Agent.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use crate::ingest::hints;
use crate::ingest::signals::{self, Headers};
use crate::ingest::visitor::capped;

/// The reason when the browser fetched a page ahead of its reader (`Sec-Purpose`).
pub const AHEAD_OF_TIME: &str = "ahead_of_time";
/// The reason when the client is in a network of the operator's list.
pub const DATACENTRE: &str = "datacentre";
/// The reason when a browser says that it runs without a screen, or under automation.
pub const HEADLESS: &str = "headless";
/// The reason when there is no User-Agent.
pub const NO_USER_AGENT: &str = "no_user_agent";
/// The reason when it looks like a machine of no known name.
pub const OTHER: &str = "other";

/// Memory the compiled patterns may take, in bytes; they take about a tenth of it.
const COMPILED_BYTES_MAX: usize = 32 << 20;

/// Browsers that are driven by a program and say so.
const DRIVEN: [&str; 14] = [
    "CasperJS",
    "Cypress/",
    "Headless",
    "HtmlUnit",
    "jsdom",
    "Nightmare",
    "PhantomJS",
    "Playwright",
    "Puppeteer",
    "Selenium",
    "SlimerJS",
    "Splash/",
    "WebDriver",
    "Zombie/",
];

/// Fetchers of pictures in mail that work for a reader, and what Apple Mail calls itself.
const MAIL_READERS: [&str; 3] = ["GoogleImageProxy", "YahooMailProxy", "Mozilla/5.0"];

#[derive(serde::Deserialize)]
struct Table {
    patterns: Vec<String>,
}

#[derive(serde::Deserialize)]
struct Crawlers {
    crawler: Vec<Crawler>,
}

#[derive(serde::Deserialize)]
struct Crawler {
    name: String,
    category: Category,
    pattern: String,
}

/// What a known crawler is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Gathers text that models are trained with.
    AiTraining,
    /// Builds the index of a search that a model answers.
    AiSearch,
    /// Fetches a page because somebody asked an assistant about it.
    AiAssistant,
    /// A search engine.
    Search,
    /// Looks at pages for people who want them found.
    Seo,
    /// Looks whether pages are up and quick.
    Monitoring,
    /// Makes the preview of a link that somebody posted.
    Social,
    /// Reads feeds.
    Feed,
    /// Everything else with a name.
    Other,
}

struct Patterns {
    any: Regex,
    named: RegexSet,
    driven: Regex,
    crawlers: Vec<Crawler>,
}

static BOTS: LazyLock<Patterns> = LazyLock::new(|| {
    let table: Table = toml::from_str(include_str!("bots.toml")).expect("bots.toml is tested");
    let crawlers = crawlers();
    let named: Vec<&str> = crawlers.iter().map(|crawler| crawler.pattern.as_str()).collect();
    let looks = table.patterns.iter().map(String::as_str);
    let all: Vec<&str> = looks.chain(DRIVEN).chain(named.iter().copied()).collect();
    let set = RegexSetBuilder::new(&named)
        .case_insensitive(true)
        .unicode(false)
        .size_limit(COMPILED_BYTES_MAX)
        .build()
        .expect("crawlers.toml is tested");
    Patterns { any: alternation(&all), named: set, driven: alternation(&DRIVEN), crawlers }
});

static CATEGORIES: LazyLock<HashMap<String, Category>> =
    LazyLock::new(|| crawlers().into_iter().map(|known| (known.name, known.category)).collect());

fn crawlers() -> Vec<Crawler> {
    let table: Crawlers =
        toml::from_str(include_str!("crawlers.toml")).expect("crawlers.toml is tested");
    table.crawler
}

fn alternation(patterns: &[&str]) -> Regex {
    RegexBuilder::new(&patterns.join("|"))
        .case_insensitive(true)
        .unicode(false)
        .size_limit(COMPILED_BYTES_MAX)
        .build()
        .expect("the tables are tested")
}

/// Why this request is a machine's, if it is: by its User-Agent (`by_agent` is what [`find`] says of
/// it), by the brands a headless Chromium names although its User-Agent was changed, or because
/// nobody sees the page yet.
#[must_use]
pub fn reason(headers: &Headers<'_>, by_agent: Option<&'static str>) -> Option<&'static str> {
    if signals::is_ahead_of_time(headers) {
        return Some(AHEAD_OF_TIME);
    }
    by_agent.or_else(|| hints::is_headless(headers.sec_ch_ua).then_some(HEADLESS))
}

/// Why this User-Agent is a bot's, if it is: the name of a known one, or a constant of this
/// module. Missing and empty ones are.
#[must_use]
pub fn find(user_agent: Option<&[u8]>) -> Option<&'static str> {
    let user_agent = capped(user_agent.unwrap_or_default()).trim_ascii();
    if user_agent.is_empty() {
        return Some(NO_USER_AGENT);
    }
    let patterns = &*BOTS;
    if !patterns.any.is_match(user_agent) {
        return None;
    }
    let first = patterns.named.matches(user_agent).iter().next();
    match first.and_then(|place| patterns.crawlers.get(place)) {
        Some(crawler) => Some(&crawler.name),
        None if patterns.driven.is_match(user_agent) => Some(HEADLESS),
        None => Some(OTHER),
    }
}

/// Whether a reason is that of any program: a library, or one without a name.
pub(crate) fn is_of_programs(reason: &str) -> bool {
    matches!(reason, NO_USER_AGENT | OTHER) || category(reason) == Some(Category::Other)
}

/// What the crawler of this name is for; nothing for the other reasons.
#[must_use]
pub fn category(reason: &str) -> Option<Category> {
    CATEGORIES.get(reason).copied()
}

/// Whether this User-Agent fetches pictures in a mail for the person who opened it.
pub(crate) fn is_mail_reader(user_agent: Option<&[u8]>) -> bool {
    let user_agent = String::from_utf8_lossy(capped(user_agent.unwrap_or_default()));
    let [google, yahoo, apple] = MAIL_READERS;
    user_agent.contains(google) || user_agent.contains(yahoo) || user_agent.trim() == apple
}

/// Compiles the patterns now, so that no request waits for it.
pub(crate) fn load() {
    LazyLock::force(&BOTS);
    LazyLock::force(&CATEGORIES);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn is(user_agent: &str) -> bool {
        named(user_agent).is_some()
    }

    fn named(user_agent: &str) -> Option<&'static str> {
        find(Some(user_agent.as_bytes()))
    }

    #[test]
    fn people_are_not_bots() {
        for person in [
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
            "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 340.0.0.22.109 (iPhone14,5; iOS 17_5; de_DE; de; scale=3.00; 1170x2532; 619461440)",
            "Mozilla/5.0 (Linux; Android 14; CUBOT X70 Build/UP1A) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36",
            "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36 GoogleApp/15.1",
        ] {
            assert!(!is(person), "{person}");
        }
    }

    #[test]
    fn no_real_browser_of_ten_thousand_is_a_bot() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("node_modules/user-agents/dist/user-agents.json");
        let text = std::fs::read_to_string(file).expect("run `npm ci`: the samples come from npm");
        let samples: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert!(samples.len() >= 1000);
        let wrong: Vec<&str> =
            samples.iter().map(|s| s["userAgent"].as_str().unwrap()).filter(|ua| is(ua)).collect();
        assert_eq!(wrong, Vec::<&str>::new());
    }

    #[test]
    fn machines_are_bots() {
        for machine in [
            "",
            " ",
            "curl/8.5.0",
            "python-requests/2.32.3",
            "Go-http-client/2.0",
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
            "Mozilla/5.0 (compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/142.0.0.0 Safari/537.36",
            "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
            "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
            "Mozilla/5.0 (compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
            "WhatsApp/2.23.20.0",
            "Mozilla/5.0",
        ] {
            assert!(is(machine), "{machine}");
        }
        assert_eq!(find(None), Some(NO_USER_AGENT));
    }

    #[test]
    fn machines_have_their_reason() {
        for (machine, expected) in [
            ("", NO_USER_AGENT),
            (" ", NO_USER_AGENT),
            ("curl/8.5.0", "curl"),
            (
                "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                "Googlebot",
            ),
            ("Googlebot-Image/1.0", "Googlebot-Image"),
            (
                "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.7444.59 Mobile Safari/537.36 (compatible; GoogleOther)",
                "GoogleOther",
            ),
            (
                "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
                "GPTBot",
            ),
            (
                "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; OAI-SearchBot/1.0; +https://openai.com/searchbot",
                "OAI-SearchBot",
            ),
            (
                "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; ChatGPT-User/1.0; +https://openai.com/bot",
                "ChatGPT-User",
            ),
            (
                "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
                "ClaudeBot",
            ),
            (
                "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Claude-User/1.0; +Claude-User@anthropic.com)",
                "Claude-User",
            ),
            (
                "Mozilla/5.0 (compatible; anthropic-ai/1.0; +http://www.anthropic.com/bot.html)",
                "anthropic-ai",
            ),
            (
                "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Perplexity-User/1.0; +https://perplexity.ai/perplexity-user)",
                "Perplexity-User",
            ),
            (
                "meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)",
                "Meta-ExternalAgent",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)",
                "Applebot",
            ),
            (
                "Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537.36 (compatible; Bytespider; spider-feedback@bytedance.com)",
                "Bytespider",
            ),
            ("CCBot/2.0 (https://commoncrawl.org/faq/)", "CCBot"),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/142.0.0.0 Safari/537.36",
                HEADLESS,
            ),
            (
                "Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1",
                HEADLESS,
            ),
            ("Mozilla/5.0 (compatible; NobodyKnowsThisBot/1.0)", OTHER),
            ("Mozilla/5.0", OTHER),
        ] {
            assert_eq!(named(machine), Some(expected), "{machine}");
        }
    }

    #[test]
    fn a_request_gives_itself_away_by_more_than_its_user_agent() {
        let chrome = b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
        let mut headers = Headers { user_agent: Some(chrome), ..Headers::default() };
        assert_eq!(reason(&headers, None), None);
        headers.sec_ch_ua = Some(br#""HeadlessChrome";v="142", "Not_A Brand";v="99""#);
        assert_eq!(reason(&headers, None), Some(HEADLESS));
        headers.sec_ch_ua = Some(br#""Google Chrome";v="142", "Not_A Brand";v="99""#);
        assert_eq!(reason(&headers, None), None);
        headers.purpose = vec![b"prefetch;prerender"];
        assert_eq!(reason(&headers, None), Some(AHEAD_OF_TIME));
    }

    #[test]
    fn the_crawlers_are_sorted_and_each_finds_itself() {
        let known = crawlers();
        assert!(known.is_sorted_by(|a, b| a.name < b.name));
        let categories = known.iter().map(|one| one.category);
        let ai = [Category::AiTraining, Category::AiSearch, Category::AiAssistant];
        assert!(categories.filter(|category| ai.contains(category)).count() >= 60);
        for one in &known {
            assert!(one.name.len() <= 32 && !one.name.contains(char::is_control), "{}", one.name);
            assert!(
                ![AHEAD_OF_TIME, HEADLESS, DATACENTRE, NO_USER_AGENT, OTHER].contains(&&*one.name)
            );
            assert_eq!(category(&one.name), Some(one.category));
            RegexBuilder::new(&one.pattern).unicode(false).build().unwrap();
        }
        assert_eq!(category("GPTBot"), Some(Category::AiTraining));
        assert_eq!(category(OTHER), None);
    }

    #[test]
    fn the_patterns_are_sorted() {
        let table: Table = toml::from_str(include_str!("bots.toml")).unwrap();
        assert_eq!(table.patterns.len(), 206);
        assert!(table.patterns.is_sorted());
    }

    #[test]
    fn readers_of_mail_are_told_from_machines() {
        let google = b"Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)";
        assert!(is_mail_reader(Some(google)));
        assert!(is_mail_reader(Some(b"Mozilla/5.0")));
        assert!(!is_mail_reader(Some(b"curl/8.5.0")));
        assert!(!is_mail_reader(None));
    }
}

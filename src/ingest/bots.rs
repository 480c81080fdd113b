//! Whether a User-Agent is a machine's.
//!
//! The patterns are in `bots.toml`; they run as one alternation over bytes, without regard to
//! case. A missing or empty User-Agent is a bot, and so is a headless browser that says so. This
//! is noise control, not a wall: a bot that claims to be a browser passes.

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

use crate::ingest::visitor::capped;

/// Memory the compiled patterns may take, in bytes; they take about a tenth of it.
const COMPILED_BYTES_MAX: usize = 32 << 20;

/// Fetchers of pictures in mail that work for a reader, and what Apple Mail calls itself.
const MAIL_READERS: [&str; 3] = ["GoogleImageProxy", "YahooMailProxy", "Mozilla/5.0"];

#[derive(serde::Deserialize)]
struct Table {
    patterns: Vec<String>,
}

static BOTS: LazyLock<Regex> = LazyLock::new(|| {
    let table: Table = toml::from_str(include_str!("bots.toml")).expect("bots.toml is tested");
    RegexBuilder::new(&table.patterns.join("|"))
        .case_insensitive(true)
        .unicode(false)
        .size_limit(COMPILED_BYTES_MAX)
        .build()
        .expect("bots.toml is tested")
});

/// Whether this User-Agent is a bot's. Missing and empty ones are.
#[must_use]
pub fn is_bot(user_agent: Option<&[u8]>) -> bool {
    let user_agent = capped(user_agent.unwrap_or_default()).trim_ascii();
    user_agent.is_empty() || BOTS.is_match(user_agent)
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
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn is(user_agent: &str) -> bool {
        is_bot(Some(user_agent.as_bytes()))
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
        assert!(is_bot(None));
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

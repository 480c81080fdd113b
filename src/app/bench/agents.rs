//! The browsers that made-up visitors come with: from `agents.toml`, or a file of the user's.

use serde::Deserialize;

use crate::app::bench::random::{Random, Weights};

/// Weight of the most frequent combination of an entry with a share of one.
const WEIGHT: u64 = 1_000_000;

/// A browser by its User-Agent, and the client hints that it sends with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The header `User-Agent`.
    pub text: String,
    /// The headers `Sec-CH-UA…`, each with its line end; empty for browsers that send none.
    pub hints: String,
    /// Held in a hand: its window is small.
    pub is_phone: bool,
}

/// Browsers, some of them more frequent.
pub struct Agents {
    agents: Vec<Agent>,
    weights: Weights,
}

#[derive(Deserialize)]
struct Table {
    browsers: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    share: u64,
    text: String,
    versions: Vec<String>,
    systems: Vec<String>,
}

impl Agents {
    /// Those of our table.
    ///
    /// # Panics
    /// When the table, which is part of the program, is broken.
    #[must_use]
    pub fn built_in() -> Self {
        let table: Table = toml::from_str(include_str!("agents.toml")).expect("the table is valid");
        let mut agents = Vec::new();
        let mut weights = Vec::new();
        for entry in &table.browsers {
            let ranks = || 1_u64..;
            // The shares of an entry's combinations add up to the entry's.
            let sum = |length: usize| ranks().take(length).map(|rank| WEIGHT / rank).sum::<u64>();
            let all = sum(entry.versions.len()) * sum(entry.systems.len()) / WEIGHT;
            for (version, age) in entry.versions.iter().zip(ranks()) {
                for (system, rarity) in entry.systems.iter().zip(ranks()) {
                    let text = entry.text.replace("{version}", version).replace("{system}", system);
                    agents.push(Agent::new(text));
                    let weight = entry.share.saturating_mul(WEIGHT).saturating_mul(WEIGHT);
                    weights.push(weight / (age * rarity) / all.max(1));
                }
            }
        }
        Self { agents, weights: Weights::new(weights) }
    }

    /// One a line, all equally frequent; `None` when there is none or one cannot be a header.
    #[must_use]
    pub fn of_lines(text: &str) -> Option<Self> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let agents: Vec<Agent> = lines.map(|line| Agent::new(line.to_owned())).collect();
        let valid = agents.iter().all(|agent| agent.text.chars().all(|c| matches!(c, ' '..='~')));
        let weights = Weights::new(agents.iter().map(|_| 1));
        (valid && !agents.is_empty()).then_some(Self { agents, weights })
    }

    /// One of them.
    ///
    /// # Panics
    /// Never: there is at least one.
    pub fn choose(&self, random: &mut Random) -> &Agent {
        self.agents.get(self.weights.choose(random)).expect("a place in the list")
    }
}

impl Agent {
    fn new(text: String) -> Self {
        let is_phone = text.contains("Mobile");
        Self { hints: hints(&text, is_phone).unwrap_or_default(), is_phone, text }
    }
}

/// What a Chromium sends over https beside its User-Agent; `None` for other browsers.
fn hints(text: &str, is_phone: bool) -> Option<String> {
    /// First Chromium that sends its brands unasked.
    const BRANDS_SINCE: u32 = 89;
    let (_, behind) = text.split_once("Chrome/")?;
    let version = behind.split('.').next()?;
    if version.parse::<u32>().ok()? < BRANDS_SINCE || text.contains("; wv)") {
        return None;
    }
    let named = |parts: &[(&str, &'static str)]| {
        parts.iter().find(|(part, _)| text.contains(part)).map(|(_, name)| *name)
    };
    let brand = named(&[
        ("Edg", "Microsoft Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
    ]);
    let platform = named(&[
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("Macintosh", "macOS"),
        ("CrOS", "Chrome OS"),
    ]);
    let (brand, platform) = (brand.unwrap_or("Google Chrome"), platform.unwrap_or("Linux"));
    let mobile = u8::from(is_phone);
    Some(format!(
        "sec-ch-ua: \"Chromium\";v=\"{version}\", \"{brand}\";v=\"{version}\", \"Not?A_Brand\";v=\"99\"\r\n\
         sec-ch-ua-mobile: ?{mobile}\r\nsec-ch-ua-platform: \"{platform}\"\r\n"
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ingest::{self, bots};

    #[test]
    fn two_hundred_browsers_and_none_is_a_bot_or_unknown() {
        let agents = Agents::built_in().agents;
        let different: BTreeSet<&str> = agents.iter().map(|agent| agent.text.as_str()).collect();
        assert_eq!(different.len(), agents.len(), "a combination stands there twice");
        assert!(different.len() >= 200, "{}", different.len());
        let parser = ingest::Agents::new();
        for agent in &agents {
            assert_eq!(bots::find(Some(agent.text.as_bytes())), None, "{}", agent.text);
            let known = parser.parse(agent.text.as_bytes());
            assert!(!known.browser.is_empty() && !known.os.is_empty(), "{}: {known:?}", agent.text);
            assert!(!agent.text.contains(['{', '}']), "{}", agent.text);
        }
    }

    #[test]
    fn shares_are_those_of_the_table() {
        let agents = Agents::built_in();
        let mut random = Random::new(5);
        let mut firefox = 0;
        for _ in 0..100_000 {
            firefox += u32::from(agents.choose(&mut random).text.contains("Firefox/"));
        }
        assert!((4_500..5_500).contains(&firefox), "{firefox} of 100,000, meant are 5,000");
    }

    #[test]
    fn chromium_sends_hints_that_fit_and_others_none() {
        for agent in Agents::built_in().agents {
            assert_eq!(agent.text.contains("Chrome/"), !agent.hints.is_empty(), "{}", agent.text);
        }
        let edge = hints("Mozilla/5.0 (Windows NT 10.0) Chrome/154.0.0.0 Edg/154.0.0.0", false);
        let edge = edge.unwrap();
        assert!(edge.contains(r#""Microsoft Edge";v="154""#) && edge.contains(r#""Windows""#));
        assert!(edge.contains("mobile: ?0"), "{edge}");
    }

    #[test]
    fn a_file_has_one_a_line() {
        let agents = Agents::of_lines("one\n\n two (x)\r\n").unwrap();
        assert_eq!(
            agents.agents.iter().map(|a| a.text.as_str()).collect::<Vec<_>>(),
            ["one", "two (x)"]
        );
        assert!(Agents::of_lines("\n").is_none());
        assert!(Agents::of_lines("a\u{1}b").is_none());
    }
}

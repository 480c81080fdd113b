//! Made-up visitors: who they are, and what they do in a visit.
//!
//! Pages are chosen by Zipf's law, sources as sites see them: half come by themselves, most others
//! from a search. A visit has 1 to 8 page views, most have one; many views are followed by a report
//! of attention, some by an event of the site's own.

use crate::app::bench::agents::{Agent, Agents};
use crate::app::bench::random::{Random, Weights};

/// How many of a hundred visits have 1, 2, … 8 page views.
const VIEWS: [u64; 8] = [45, 20, 12, 8, 6, 4, 3, 2];
/// Of a hundred page views, those that are followed by a report of attention.
const ENGAGEMENT_PERCENT: u64 = 50;
/// Of a hundred page views, those that are followed by an event of the site's own.
const CUSTOM_PERCENT: u64 = 5;
/// Of a hundred visits, those that come with a campaign.
const CAMPAIGN_PERCENT: u64 = 8;
/// Of a hundred visitors, those with an IPv6 address.
const IPV6_PERCENT: u64 = 20;

/// Names of events of the site's own.
const CUSTOM: [&str; 4] = ["Signup", "Download", "Play", "Contact"];
/// Where visits come from; the empty ones come by themselves.
const SOURCES: [&str; 16] = [
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "https://www.google.com/",
    "https://www.google.com/",
    "https://www.google.com/",
    "https://www.bing.com/",
    "https://duckduckgo.com/",
    "https://www.reddit.com/",
    "https://www.linkedin.com/",
    "https://news.ycombinator.com/",
    "https://blog.example/",
];
const CAMPAIGNS: [&str; 4] = [
    "utm_source=letter&utm_medium=email&utm_campaign=november",
    "utm_source=letter&utm_medium=email&utm_campaign=welcome",
    "utm_source=google&utm_medium=cpc&utm_campaign=brand",
    "utm_source=mastodon&utm_medium=social",
];
const LANGUAGES: [&str; 8] = [
    "en-US,en;q=0.9",
    "en-GB,en;q=0.9",
    "de-DE,de;q=0.9,en;q=0.8",
    "fr-FR,fr;q=0.9",
    "es-ES,es;q=0.9",
    "pt-BR,pt;q=0.9",
    "ja",
    "nl-NL,nl;q=0.9,en;q=0.8",
];
const FOLDERS: [&str; 6] = ["articles", "docs", "shop", "help", "news", "notes"];
const WORDS: [&str; 12] = [
    "garden", "winter", "bread", "harbour", "letters", "clocks", "maps", "rivers", "paper",
    "trains", "colours", "bridges",
];
const PHONE_WIDTHS: [u16; 5] = [360, 375, 390, 393, 412];
const OTHER_WIDTHS: [u16; 5] = [1280, 1440, 1536, 1920, 2560];

/// One made-up visitor.
pub(super) struct Visitor {
    /// The address, as it stands in `X-Forwarded-For`.
    pub(super) address: String,
    pub(super) agent: Agent,
    pub(super) language: &'static str,
    /// Width of the window, pixels.
    pub(super) width: u16,
    /// Sends `DNT: 1`.
    pub(super) has_opted_out: bool,
    /// Which of the sites is visited.
    pub(super) site: usize,
}

impl Visitor {
    pub(super) fn new(
        random: &mut Random,
        agents: &Agents,
        sites: &Weights,
        opted_out_percent: u64,
    ) -> Self {
        let agent = agents.choose(random).clone();
        let width = random.one_of(if agent.is_phone { &PHONE_WIDTHS } else { &OTHER_WIDTHS });
        Self {
            address: address(random),
            width: *width,
            language: LANGUAGES[..].get(random.place(LANGUAGES.len())).copied().unwrap_or("en"),
            has_opted_out: random.is(opted_out_percent),
            site: sites.choose(random),
            agent,
        }
    }
}

/// An address of the public space. Text, not an address type: it is only ever written into a request.
fn address(random: &mut Random) -> String {
    if random.is(IPV6_PERCENT) {
        // The blocks that the five registries hand out to providers.
        let block = random.one_of(&[0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00_u64]) + random.below(16);
        let mut part = || random.below(0x1_0000);
        return format!("{block:x}:{:x}:{:x}:{:x}::{:x}", part(), part(), part(), part());
    }
    loop {
        let [a, b, c] = [1 + random.below(223), random.below(256), random.below(256)];
        let reserved = matches!(
            (a, b, c),
            (10 | 127, _, _)
                | (100, 64..=127, _)
                | (169, 254, _)
                | (172, 16..=31, _)
                | (192, 0 | 168, _)
                | (192, 88, 99)
                | (198, 18 | 19, _)
                | (198, 51, 100)
                | (203, 0, 113)
        );
        if !reserved {
            return format!("{a}.{b}.{c}.{}", 1 + random.below(254));
        }
    }
}

/// What a visitor does.
pub(super) enum Deed {
    /// Looks at a page; where from, empty when by itself.
    View { referrer: String },
    /// Spent this time on it, milliseconds, and saw this share of it, percent.
    Engagement { millis: u64, depth: u64 },
    /// Did something that the site counts.
    Custom { name: &'static str },
}

/// One event of a visit.
pub(super) struct Event {
    /// Path and query of the page.
    pub(super) page: String,
    pub(super) deed: Deed,
}

/// The events of one visit to `site`, in their order.
pub(super) fn visit(random: &mut Random, pages: &Weights, site: &str) -> Vec<Event> {
    let views = Weights::new(VIEWS).choose(random) + 1;
    let mut referrer = (*random.one_of(&SOURCES)).to_owned();
    let mut campaign = random.is(CAMPAIGN_PERCENT).then(|| *random.one_of(&CAMPAIGNS));
    let mut events = Vec::new();
    for _ in 0..views {
        let path = path(pages.choose(random));
        let page = match campaign.take() {
            Some(campaign) => format!("{path}?{campaign}"),
            None => path.clone(),
        };
        events.push(Event { page: page.clone(), deed: Deed::View { referrer } });
        if random.is(CUSTOM_PERCENT) {
            let name = *random.one_of(&CUSTOM);
            events.push(Event { page: page.clone(), deed: Deed::Custom { name } });
        }
        if random.is(ENGAGEMENT_PERCENT) {
            let (millis, depth) = (800 + random.below(90_000), 10 + random.below(91));
            events.push(Event { page, deed: Deed::Engagement { millis, depth } });
        }
        referrer = format!("https://{site}{path}");
    }
    events
}

/// The path of a page by its rank; the first is the home page.
pub(super) fn path(rank: usize) -> String {
    let one = |list: &[&'static str], at: usize| list.get(at % list.len()).copied().unwrap_or("");
    match rank {
        0 => "/".to_owned(),
        1..=6 => format!("/{}", one(&FOLDERS, rank - 1)),
        _ => format!(
            "/{}/{}-{}-{rank}",
            one(&FOLDERS, rank),
            one(&WORDS, rank / 6),
            one(&WORDS, rank * 7)
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn addresses_are_public_and_spread_over_the_space() {
        let mut random = Random::new(11);
        let (mut six, mut first) = (0, BTreeSet::new());
        for _ in 0..20_000 {
            let address = address(&mut random);
            if address.contains(':') {
                six += 1;
                let parts: Vec<u32> = address
                    .split(':')
                    .filter(|part| !part.is_empty())
                    .map(|part| u32::from_str_radix(part, 16).unwrap())
                    .collect();
                assert!(parts.len() == 5 && parts.iter().all(|part| *part < 65_536), "{address}");
                assert_eq!(parts[0] >> 13, 1, "{address} is global unicast");
                continue;
            }
            let octets: Vec<u8> = address.split('.').map(|part| part.parse().unwrap()).collect();
            let reserved = match octets[..2] {
                [0 | 10 | 127 | 224..=255, _] => true,
                [172, second] => (16..32).contains(&second),
                [192, second] => second == 168,
                [169, second] => second == 254,
                _ => false,
            };
            assert!(octets.len() == 4 && !reserved, "{address}");
            first.insert(octets[0]);
        }
        assert!(first.len() > 215, "{first:?}");
        assert!((3_500..4_500).contains(&six), "{six}");
    }

    #[test]
    fn visits_have_one_to_eight_views_and_every_page_its_own_path() {
        let mut random = Random::new(12);
        let pages = Weights::zipf(200);
        let mut seen = BTreeSet::new();
        for _ in 0..5_000 {
            let events = visit(&mut random, &pages, "site.example");
            let views = events.iter().filter(|event| matches!(event.deed, Deed::View { .. }));
            let views = views.count();
            assert!((1..=8).contains(&views), "{views}");
            assert!(matches!(events[0].deed, Deed::View { .. }));
            seen.insert(views);
        }
        assert_eq!(seen.len(), 8);
        assert_eq!((0..5_000).map(path).collect::<BTreeSet<_>>().len(), 5_000);
        // A run of six digits would be replaced by a placeholder.
        assert!(path(99_999).chars().filter(char::is_ascii_digit).count() < 6);
    }
}

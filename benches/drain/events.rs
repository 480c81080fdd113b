//! Made-up events: visitors of a few sites with a place, one of 1,000 agents and one to eight
//! events each. All chance comes from one number, so that a run can be repeated.

use headcount::model::{Day, Event, SCROLL_NONE, SiteId};
use headcount::spool::Record;
use headcount::store::row;

/// Different agents: browser, version, system and its version.
const AGENTS: u64 = 1_000;
/// Sites they visit.
const SITES: u64 = 20;
/// Pages of a site.
const PAGES: u64 = 400;

const WORDS: [&str; 12] = [
    "amber", "bridge", "candle", "desert", "ember", "forest", "garden", "harbour", "island",
    "jasmine", "kettle", "lantern",
];
const BROWSERS: [&str; 6] = ["Chrome", "Safari", "Firefox", "Edge", "Samsung Internet", "Opera"];
const SYSTEMS: [&str; 5] = ["Windows", "macOS", "Android", "iOS", "Linux"];
const COUNTRIES: [&str; 12] =
    ["DE", "US", "FR", "GB", "AT", "CH", "NL", "ES", "IT", "PL", "SE", "CZ"];
const SOURCES: [(&str, &str, &str); 4] = [
    ("google.com", "Google", "Organic Search"),
    ("news.ycombinator.com", "Hacker News", "Organic Social"),
    ("github.com", "GitHub", "Referral"),
    ("bing.com", "Bing", "Organic Search"),
];

/// Where events come from.
pub(crate) struct Events {
    state: u64,
    now: u32,
    day: Day,
    days: u64,
}

impl Events {
    /// Events of the day that `now` is in, in UTC.
    pub(crate) fn new(seed: u64, now: u32) -> Self {
        let day = Day(u16::try_from(now / 86_400).expect("a day of our time"));
        Self { state: seed | 1, now, day, days: 1 }
    }

    /// Events of so many days at the same moment, as sites all over the world send them.
    pub(crate) fn of_days(self, days: u64) -> Self {
        Self { days, ..self }
    }

    /// Records of so many events, as they come: visitors mixed.
    pub(crate) fn records(&mut self, count: usize) -> Vec<Record> {
        let mut records = Vec::with_capacity(count + 8);
        while records.len() < count {
            let event = self.visitor();
            for _ in 0..1 + self.below(8).saturating_sub(4) {
                let page = self.below(PAGES);
                let mut event = event.clone();
                event.path = path(page).into();
                event.ts += u32::try_from(self.below(1_000)).expect("small");
                records.push(row::event_record(&event));
            }
        }
        records.truncate(count);
        // Visitors come at the same time: their events lie apart.
        for at in (1..records.len()).rev() {
            let other = usize::try_from(self.below(at as u64 + 1)).expect("an index");
            records.swap(at, other);
        }
        records
    }

    fn visitor(&mut self) -> Event<'static> {
        let agent = self.below(AGENTS);
        let site = self.below(SITES) + 1;
        let place = self.below(3_000);
        let from = SOURCES.get(usize::try_from(self.below(8)).expect("small"));
        let (referrer, source, channel) = from.copied().unwrap_or(("", "", "Direct"));
        let tagged = self.below(12) == 0;
        let pick =
            |list: &[&'static str], at: u64| list[usize::try_from(at).expect("small") % list.len()];
        let country = pick(&COUNTRIES, place);
        Event {
            site: SiteId(u32::try_from(site).expect("small")),
            day: Day(self.day.0 - u16::try_from(site % self.days).expect("small")),
            hour: u8::try_from(self.now % 86_400 / 3_600).expect("an hour"),
            ts: self.now,
            visitor: self.next(),
            name: "pageview".into(),
            interactive: true,
            by_key: false,
            hostname: format!("site{site}.example").into(),
            path: "".into(),
            referrer: referrer.into(),
            source: source.into(),
            channel: channel.into(),
            utm_source: if tagged { "newsletter".into() } else { "".into() },
            utm_medium: if tagged { "email".into() } else { "".into() },
            utm_campaign: if tagged {
                format!("campaign-{}", agent % 20).into()
            } else {
                "".into()
            },
            utm_term: "".into(),
            utm_content: "".into(),
            click_id: "".into(),
            region: format!("Region {} {country}", place % 120).into(),
            city: format!("City {place}").into(),
            country: country.into(),
            browser: pick(&BROWSERS, agent).into(),
            browser_version: format!("{}", 110 + agent % 32).into(),
            os: pick(&SYSTEMS, agent / 6).into(),
            os_version: format!("{}", 8 + agent % 11).into(),
            device: if agent % 5 < 3 { "Desktop" } else { "Mobile" }.into(),
            language: pick(&["de", "en", "fr", "es"], agent / 7).into(),
            screen: pick(&["Large", "Extra large", "Small", "Medium"], agent / 3).into(),
            score: 0,
            engaged_ms: 0,
            scroll: SCROLL_NONE,
            props: if agent.is_multiple_of(10) {
                vec![("plan".into(), pick(&WORDS, place).into())]
            } else {
                Vec::new()
            },
            revenue: 0,
            currency: "".into(),
        }
    }

    /// Xorshift.
    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn path(page: u64) -> String {
    let word = |at: u64| WORDS[usize::try_from(at).expect("small") % WORDS.len()];
    format!("/articles/{}-{}-{page}", word(page), word(page / 12))
}

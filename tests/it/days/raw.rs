//! Raw events of a day as a collector would store them, made at random with what is hard in mind:
//! equal seconds, gaps of exactly 1,800 and 1,801 seconds, engagement before, between and after
//! visits, events sent by key, events without a token.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::support::clickhouse::ClickHouse;
use crate::support::random::Random;

/// Longest day there is: clocks are put back by an hour.
const LONGEST_DAY_SECONDS: u32 = 25 * 3600;

/// A row of `open_events`.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Raw {
    pub(crate) site: u32,
    pub(crate) day: String,
    pub(crate) hour: u8,
    pub(crate) ts: u32,
    pub(crate) visitor: u64,
    pub(crate) name: String,
    pub(crate) interactive: u8,
    pub(crate) by_key: u8,
    pub(crate) hostname: String,
    pub(crate) path: String,
    pub(crate) referrer: String,
    pub(crate) source: String,
    pub(crate) channel: String,
    pub(crate) utm_source: String,
    pub(crate) utm_medium: String,
    pub(crate) utm_campaign: String,
    pub(crate) utm_term: String,
    pub(crate) utm_content: String,
    pub(crate) country: String,
    pub(crate) region: String,
    pub(crate) city: String,
    pub(crate) browser: String,
    pub(crate) browser_version: String,
    pub(crate) os: String,
    pub(crate) os_version: String,
    pub(crate) device: String,
    pub(crate) language: String,
    pub(crate) screen: String,
    pub(crate) click_id: String,
    pub(crate) score: String,
    pub(crate) engaged_ms: u32,
    pub(crate) scroll: u8,
    pub(crate) props: BTreeMap<String, String>,
    pub(crate) revenue: String,
    pub(crate) currency: String,
    pub(crate) spool: u32,
    pub(crate) batch: u64,
    pub(crate) position: u32,
}

/// Makes the events of one day.
pub(crate) struct Maker {
    random: Random,
    /// `YYYY-MM-DD`.
    pub(crate) day: String,
    /// Its first instant, seconds since 1970 UTC.
    pub(crate) start: u32,
    /// Every event has a number of its own, in the property `n`.
    next: u32,
}

impl Maker {
    /// For a day whose first instant (anywhere) is `start`.
    pub(crate) fn new(day: &str, start: u32, seed: u64) -> Self {
        Self { random: Random::seeded("raw events", seed), day: day.to_owned(), start, next: 0 }
    }

    fn of(&mut self, all: &[&str]) -> String {
        (*self.random.pick(all)).to_owned()
    }

    fn below(&mut self, n: u32) -> u32 {
        u32::try_from(self.random.below(u64::from(n))).expect("it is below a u32")
    }

    /// The events of `visitors` visitors of a site, and some without a token.
    pub(crate) fn site(&mut self, site: u32, visitors: u32) -> Vec<Raw> {
        let mut rows = Vec::new();
        for _ in 0..visitors {
            let token = self.random.bits().max(1);
            let count = 1 + self.below(12);
            let mut second = self.below(12 * 3600);
            for _ in 0..count {
                rows.push(self.event(site, token, second.min(LONGEST_DAY_SECONDS - 1)));
                second += *self.random.pick(&[0, 0, 1, 7, 60, 599, 1799, 1800, 1801, 4000]);
            }
        }
        for _ in 0..=visitors / 10 {
            let second = self.below(LONGEST_DAY_SECONDS);
            rows.push(self.event(site, 0, second));
        }
        rows
    }

    /// One event at a second of the day. A day may have 25 hours.
    pub(crate) fn event(&mut self, site: u32, visitor: u64, second: u32) -> Raw {
        let name = self.of(&["pageview", "pageview", "pageview", "engagement", "Signup", "Buy"]);
        let engagement = name == "engagement";
        self.next += 1;
        let mut props = BTreeMap::from([("n".to_owned(), self.next.to_string())]);
        if self.below(3) == 0 {
            props.insert("plan".to_owned(), self.of(&["free", "pro"]));
        }
        Raw {
            site,
            day: self.day.clone(),
            hour: u8::try_from(second / 3600).expect("an hour of a day"),
            ts: self.start + second,
            visitor,
            interactive: u8::from(!engagement && self.below(4) != 0),
            by_key: u8::from(self.below(5) == 0),
            hostname: self.of(&["a.example", "a.example", "b.example"]),
            path: self.of(&["/", "/", "/a", "/b", "/long/path"]),
            referrer: self.of(&["", "news.example"]),
            source: self.of(&["", "News", "Search"]),
            channel: self.of(&["Direct", "Referral"]),
            utm_source: self.of(&["", "letter"]),
            utm_medium: self.of(&["", "email"]),
            utm_campaign: self.of(&["", "spring"]),
            utm_term: self.of(&["", "shoes"]),
            utm_content: self.of(&["", "top"]),
            country: self.of(&["", "DE", "FR"]),
            region: self.of(&["", "Bavaria"]),
            city: self.of(&["", "Munich", "Paris"]),
            browser: self.of(&["Firefox", "Chrome"]),
            browser_version: self.of(&["1", "2"]),
            os: self.of(&["Linux", "Windows"]),
            os_version: self.of(&["", "10"]),
            device: self.of(&["Desktop", "Mobile"]),
            language: self.of(&["", "de"]),
            screen: self.of(&["", "L"]),
            click_id: self.of(&["", "gclid"]),
            score: self.of(&["0", "30"]),
            engaged_ms: if engagement { self.below(90_000) } else { 0 },
            scroll: if engagement && self.below(3) > 0 {
                u8::try_from(self.below(101)).expect("a percentage")
            } else {
                255
            },
            props,
            revenue: format!("{}.{:03}", self.below(50), self.below(1000)),
            currency: self.of(&["", "EUR"]),
            name,
            ..Raw::default()
        }
    }

    /// Gives rows their places in batches of `spool`, mixed, and stores batch by batch.
    pub(crate) fn store(&mut self, engine: &ClickHouse, rows: &mut [Raw], spool: u32, first: u64) {
        for at in (1..rows.len()).rev() {
            let other = usize::try_from(self.random.below(at as u64 + 1)).expect("an index");
            rows.swap(at, other);
        }
        for (batch, rows) in (first..).zip(rows.chunks_mut(400)) {
            for (position, row) in (0..).zip(&mut *rows) {
                (row.spool, row.batch, row.position) = (spool, batch, position);
            }
            insert(engine, rows);
        }
    }
}

/// Stores rows as the inserting user.
pub(crate) fn insert(engine: &ClickHouse, rows: &[Raw]) {
    let mut sql = String::from("INSERT INTO open_events FORMAT JSONEachRow\n");
    for row in rows {
        sql.push_str(&serde_json::to_string(row).expect("a row is JSON"));
        sql.push('\n');
    }
    engine.query("insert", &sql).expect("rows can be inserted");
}

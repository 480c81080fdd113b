//! A million events of forty sites, repeatable by seed: who came when, to what, and by which batch
//! of which spool the rows reach the database, some of them late.
//!
//! Gaps are chosen around the ones that matter (1,799, 1,800 and 1,801 s); seconds are shared;
//! attributes change within a visit; some events have no token, some were sent by a key, some
//! visitors only stay and do nothing.

use crate::support::random::Random;
use crate::support::years::calendar::{Calendar, DAYS, ZONES};
use crate::support::years::words::{
    COLUMNS, ENGAGEMENT, HOSTNAME, NAME, PAGEVIEW, PATH, PROP_VALUES, PROPS, TEXTS,
};
use crate::support::years::{n32, place};

/// Seconds between two events of a visitor.
const GAPS: [u32; 16] =
    [0, 0, 0, 1, 2, 7, 30, 60, 95, 600, 1_799, 1_800, 1_801, 1_801, 5_400, 9_000];
/// The same of a machine that floods a site.
const FLOOD_GAPS: [u32; 6] = [0, 0, 1, 2, 5, 9];
/// Days on which the biggest site is flooded, and by how many events of one visitor.
const FLOODS: ([usize; 2], usize) = ([3, 8], 11_000);
/// Share of the biggest site, of a hundred.
const BIGGEST_PERCENT: u64 = 35;
/// Seconds that one spool gathers into one batch.
const BATCH_SECONDS: u32 = 7_200;
/// Random ids of the spools, and the number of their first batch.
const SPOOLS: [(u32, u64); 3] = [(3_405_691_582, 1), (17, 1), (2_147_483_648, 5_000_000_000)];
/// What a batch that is late is numbered behind, at the third spool.
const RENUMBERED: u64 = 100_000;
/// Scroll depth when none was reported.
pub(crate) const SCROLL_NONE: u8 = 255;

/// One raw event.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// Number of the site among [`ZONES`].
    pub(crate) site: u8,
    /// Number of the local day.
    pub(crate) day: u8,
    /// Full hours since the first second of that day.
    pub(crate) hour: u8,
    /// Second, since 1970 UTC.
    pub(crate) ts: u32,
    /// Token of the visitor; 0 for none.
    pub(crate) visitor: u64,
    pub(crate) interactive: bool,
    pub(crate) by_key: bool,
    /// Numbers of its texts, by column.
    pub(crate) texts: [u16; TEXTS],
    /// Numbers of the values of its properties; 0 where it has none.
    pub(crate) props: [u8; PROPS.len()],
    pub(crate) engaged_ms: u32,
    pub(crate) scroll: u8,
    /// Thousandths.
    pub(crate) revenue: i64,
    pub(crate) spool: u32,
    pub(crate) batch: u64,
    pub(crate) position: u32,
    /// When its batch reaches the database: 0 in time, and 1, 2, 3 later and later.
    pub(crate) arrival: u8,
}

/// What one visitor does, as it grows.
struct Visitor {
    token: u64,
    by_key: bool,
    texts: [u16; TEXTS],
    last_path: u16,
}

/// All events, site by site and day by day.
pub(crate) struct Crowd {
    pub(crate) events: Vec<Event>,
    random: Random,
    calendars: Vec<Calendar>,
    /// Rows of each batch so far, by spool and time.
    batches: Vec<[u32; SPOOLS.len()]>,
}

impl Crowd {
    /// Makes up `count` events.
    pub(crate) fn new(seed: u64, count: usize) -> Self {
        let calendars: Vec<Calendar> = ZONES.iter().map(|zone| Calendar::of(zone)).collect();
        let mut crowd = Self {
            events: Vec::with_capacity(count),
            random: Random::seeded("crowd", seed),
            calendars,
            batches: Vec::new(),
        };
        let weights: Vec<u64> = ZONES.iter().map(|_| 1 + crowd.random.below(12)).collect();
        let others: u64 = weights.iter().skip(1).sum();
        for (site, weight) in weights.iter().enumerate() {
            let (part, whole) = if site == 0 {
                (BIGGEST_PERCENT, 100)
            } else {
                (weight * (100 - BIGGEST_PERCENT), others * 100)
            };
            let events = count as u64 * part / whole;
            for day in 0..DAYS {
                let end = if site + 1 == ZONES.len() && day + 1 == DAYS {
                    count
                } else {
                    crowd.events.len() + place(events / DAYS as u64)
                };
                crowd.day(site, day, end);
            }
        }
        crowd
    }

    fn below(&mut self, n: u64) -> usize {
        place(self.random.below(n))
    }

    /// Visitors of one site and day, until there are `end` events.
    fn day(&mut self, site: usize, day: usize, end: usize) {
        let calendar = self.calendars[site].clone();
        let (start, after) = (calendar.starts[day], calendar.starts[day + 1]);
        if site == 0 && FLOODS.0.contains(&day) && end - self.events.len() > FLOODS.1 {
            self.flood(&calendar, day);
        }
        while self.events.len() < end {
            let mut ts = match self.below(100) {
                0 => start,
                1 => after - 1,
                _ => start + n32(self.below(u64::from(after - start))),
            };
            let mut visitor = self.visitor();
            let lone = self.below(40) == 0;
            for _ in 0..=self.below(12).min(self.below(12)) {
                if ts >= after || self.events.len() == end {
                    break;
                }
                self.event(&calendar, site, day, ts, &mut visitor, lone);
                ts += self.random.pick(&GAPS);
            }
        }
    }

    /// Very many events of one visitor, in several visits.
    fn flood(&mut self, calendar: &Calendar, day: usize) {
        let (mut ts, after) = (calendar.starts[day], calendar.starts[day + 1]);
        let mut visitor = self.visitor();
        visitor.token |= 1;
        for _ in 0..FLOODS.1 {
            assert!(ts < after, "a flood fits into its day");
            self.event(calendar, 0, day, ts, &mut visitor, false);
            ts += if self.below(1_000) == 0 { 1_801 } else { *self.random.pick(&FLOOD_GAPS) };
        }
    }

    fn visitor(&mut self) -> Visitor {
        let mut texts = [0; TEXTS];
        for (column, text) in texts.iter_mut().enumerate() {
            *text = self.text(column);
        }
        let token = if self.below(25) == 0 { 0 } else { self.random.bits() | 1 };
        Visitor { token, by_key: self.below(16) == 0, texts, last_path: texts[PATH] }
    }

    /// A text of a column, the first ones more often.
    fn text(&mut self, column: usize) -> u16 {
        let many = COLUMNS[column].values.len() as u64;
        let found = self.below(many).min(self.below(many)).min(self.below(many));
        u16::try_from(found).expect("few texts")
    }

    /// One event of `visitor`; of a `lone` one nothing but engagement.
    fn event(
        &mut self,
        calendar: &Calendar,
        site: usize,
        day: usize,
        ts: u32,
        visitor: &mut Visitor,
        lone: bool,
    ) {
        let mut texts = visitor.texts;
        texts[PATH] = self.text(PATH);
        texts[NAME] = match self.below(100) {
            _ if lone => ENGAGEMENT,
            0..=11 => ENGAGEMENT,
            12..=25 => u16::try_from(2 + self.below(4)).expect("one of four"),
            _ => PAGEVIEW,
        };
        if self.below(10) == 0 {
            let column = HOSTNAME + self.below((TEXTS - HOSTNAME) as u64);
            texts[column] = self.text(column);
        }
        if visitor.token == 0 && self.below(4) == 0 {
            texts[PATH] = COLUMNS[PATH].empty().expect("a page without a path");
        }
        let is_engagement = texts[NAME] == ENGAGEMENT;
        if is_engagement && self.below(5) > 0 {
            texts[PATH] = visitor.last_path;
        }
        visitor.last_path = texts[PATH];
        let (engaged_ms, scroll) = if is_engagement { self.engagement() } else { (0, SCROLL_NONE) };
        let interactive = !is_engagement && self.below(5) > 0;
        let by_key = visitor.by_key || self.below(25) == 0;
        let props = self.props(is_engagement);
        let revenue = if self.below(50) == 0 { 1 + i64::from(n32(self.below(90_000))) } else { 0 };
        let (spool, batch, position, arrival) = self.delivery(ts);
        let site = u8::try_from(site).expect("few sites");
        let hour = calendar.hour(day, ts);
        let day = u8::try_from(day).expect("few days");
        let visitor = visitor.token;
        self.events.push(Event {
            site,
            day,
            hour,
            ts,
            visitor,
            interactive,
            by_key,
            texts,
            props,
            engaged_ms,
            scroll,
            revenue,
            spool,
            batch,
            position,
            arrival,
        });
    }

    fn engagement(&mut self) -> (u32, u8) {
        let engaged = if self.below(10) == 0 { 0 } else { n32(self.below(120_000)) };
        let scroll = match self.below(10) {
            0 | 1 => SCROLL_NONE,
            2 => 0,
            _ => u8::try_from(1 + self.below(100)).expect("a percentage"),
        };
        (engaged, scroll)
    }

    fn props(&mut self, is_engagement: bool) -> [u8; PROPS.len()] {
        let mut props = [0; PROPS.len()];
        if is_engagement || self.below(3) == 0 {
            return props;
        }
        for (prop, words) in props.iter_mut().zip(PROP_VALUES.iter()) {
            let many = words.values.len() as u64;
            *prop = u8::try_from(self.below(many).min(self.below(many))).expect("few values");
        }
        props
    }

    /// Spool, batch, position and arrival of an event received at `ts`.
    fn delivery(&mut self, ts: u32) -> (u32, u64, u32, u8) {
        let at = match self.below(10) {
            0..=5 => 0,
            6..=8 => 1,
            _ => 2,
        };
        let time = place(u64::from((ts - self.calendars[2].starts[0].min(ts)) / BATCH_SECONDS));
        if self.batches.len() <= time {
            self.batches.resize(time + 1, [0; SPOOLS.len()]);
        }
        let rows = &mut self.batches[time][at];
        *rows += 1;
        // Odd numbers permute the numbers below a power of two.
        let position = rows.wrapping_mul(40_503) & 0xF_FFFF;
        let arrival = match (time * 7 + at * 31) * 40_503 % 101 {
            0..=3 => 1,
            4..=6 => 2,
            7..=9 => 3,
            _ => 0,
        };
        let (spool, first) = SPOOLS[at];
        let late = if at == 2 && arrival > 0 { RENUMBERED * u64::from(arrival) } else { 0 };
        (spool, first + late + time as u64, position, arrival)
    }
}

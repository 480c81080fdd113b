//! Rows of open days made in bulk and put straight into `open_events`, and what reports must say of
//! them, counted the slow way from the rows themselves.
//!
//! Every set of rows has visitors of its own, so that the numbers of two sets add up however a
//! closing divides them into generations.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use headcount::model::Day;

use crate::support::brute::Calendar;
use crate::support::random::Random;
use crate::support::sql::Door;

/// The spool that the rows say they came from; no program of a test has it.
pub(crate) const SPOOL: u32 = 4_000_000_001;
/// Rows of one batch; a real one has at most 50,000.
const BATCH_ROWS: usize = 20_000;
/// The longest gap within a visit, in seconds.
const VISIT_GAP: u32 = 1_800;
/// Seconds between two events of a visitor.
const GAPS: [u32; 10] = [0, 0, 3, 20, 95, 600, 1_799, 1_800, 1_801, 5_400];
/// Pages of the sites.
const PATHS: [&str; 9] =
    ["/", "/pricing", "/docs/start", "/docs/api", "/blog/hello", "/about", "/jobs", "/api", "/x"];
/// Where visitors come from: source, channel.
const ORIGINS: [(&str, &str); 4] = [
    ("", "Direct"),
    ("Google", "Organic Search"),
    ("newsletter", "Email"),
    ("blog.neighbour.example", "Referral"),
];
/// Columns that are given; the others keep their defaults.
const COLUMNS: &str = "site, day, hour, ts, visitor, name, interactive, hostname, path, source, \
    channel, country, browser, engaged_ms, scroll, spool, batch, position";

/// A site of the crowd.
pub(crate) struct Place {
    /// Its number in the database.
    pub(crate) site: u32,
    /// Its zone.
    pub(crate) zone: &'static str,
}

/// One row of `open_events`.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    site: u32,
    day: Day,
    hour: u32,
    ts: u32,
    visitor: u64,
    name: &'static str,
    path: &'static str,
    origin: (&'static str, &'static str),
    batch: u64,
    position: usize,
}

/// What a report shows of one site and day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// visitors, visits, pageviews, events, `bounce_rate`, `visit_duration`.
    pub(crate) numbers: Vec<u64>,
    /// The same first four by page.
    pub(crate) pages: BTreeMap<String, Vec<u64>>,
}

/// Sums of one site and day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Sums {
    visitors: u64,
    visits: u64,
    pageviews: u64,
    events: u64,
    bounces: u64,
    seconds: u64,
    pages: BTreeMap<&'static str, [u64; 4]>,
}

/// What is true of some rows, by site and day.
#[derive(Debug, Clone, Default)]
pub(crate) struct Truth(BTreeMap<(u32, Day), Sums>);

/// About `count` rows of one day, spread over the places; `batch` is the number of its first batch.
pub(crate) fn rows(
    random: &mut Random,
    places: &[Place],
    day: Day,
    count: usize,
    batch: u64,
) -> Vec<Row> {
    let label = day.to_string();
    let starts: Vec<u32> =
        places.iter().map(|place| Calendar::of(place.zone).start(&label)).collect();
    let mut all = Vec::with_capacity(count + 16);
    while all.len() < count {
        // Most rows are the first site's.
        let at = usize::try_from(random.below(4 * places.len() as u64)).expect("few");
        let (place, start) = places.get(at).zip(starts.get(at)).unwrap_or((&places[0], &starts[0]));
        let visitor = random.bits().max(1);
        let origin = *random.pick(&ORIGINS);
        let mut second = u32::try_from(random.below(86_000)).expect("within a day");
        for _ in 0..=random.below(6) {
            if second >= 86_400 {
                break;
            }
            let name = match random.below(20) {
                0 | 1 => "engagement",
                2 => "signup",
                _ => "pageview",
            };
            let path = *random.pick(&PATHS);
            let (ts, hour) = (start + second, second / 3_600);
            let row = Row {
                site: place.site,
                day,
                hour,
                ts,
                visitor,
                name,
                path,
                origin,
                batch: 0,
                position: 0,
            };
            all.push(row);
            second += random.pick(&GAPS);
        }
    }
    // Rows of a visitor come in different batches and in no order.
    for last in (1..all.len()).rev() {
        let other = usize::try_from(random.below(last as u64 + 1)).expect("an index");
        all.swap(last, other);
    }
    for (row, at) in all.iter_mut().zip(0..) {
        row.batch = batch + (at / BATCH_ROWS) as u64;
        row.position = at % BATCH_ROWS;
    }
    all
}

/// Puts rows of one day into `open_events`, one insert a batch; the batches it made.
///
/// # Errors
/// The engine's words.
pub(crate) fn insert(door: &Door, rows: &[Row]) -> Result<u64, String> {
    let mut batches = 0;
    for batch in rows.chunks(BATCH_ROWS) {
        let mut text = format!("INSERT INTO open_events ({COLUMNS}) FORMAT TSV\n");
        for row in batch {
            let (engaged, scroll) = if row.name == "engagement" { (4_000, 55) } else { (0, 255) };
            let interactive = u8::from(row.name != "engagement");
            let (source, channel) = row.origin;
            writeln!(
                text,
                "{}\t{}\t{}\t{}\t{}\t{}\t{interactive}\tcrowd.example\t{}\t{source}\t{channel}\tDE\tFirefox\t{engaged}\t{scroll}\t{SPOOL}\t{}\t{}",
                row.site, row.day, row.hour, row.ts, row.visitor, row.name, row.path, row.batch, row.position
            )
            .expect("writing to a String cannot fail");
        }
        door.text(&text)?;
        batches += 1;
    }
    Ok(batches)
}

impl Truth {
    /// Counts `rows`.
    pub(crate) fn of(rows: &[Row]) -> Self {
        let mut people: BTreeMap<(u32, Day, u64), Vec<&Row>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.name != "engagement") {
            people.entry((row.site, row.day, row.visitor)).or_default().push(row);
        }
        let mut truth = Self::default();
        for ((site, day, _), mut events) in people {
            events.sort_by_key(|row| (row.ts, row.batch, row.position));
            truth.0.entry((site, day)).or_default().add_visitor(&events);
        }
        truth
    }

    /// What is true of these rows and of `other` rows of other visitors.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        for (key, sums) in &other.0 {
            sum.0.entry(*key).or_default().add(sums);
        }
        sum
    }

    /// What a report must show of one site and day.
    pub(crate) fn shown(&self, site: u32, day: Day) -> Shown {
        self.0.get(&(site, day)).map(Sums::shown).unwrap_or_default()
    }
}

impl Sums {
    fn add_visitor(&mut self, events: &[&Row]) {
        self.visitors += 1;
        for visit in events.chunk_by(|one, next| next.ts - one.ts <= VISIT_GAP) {
            let (Some(first), Some(last)) = (visit.first(), visit.last()) else { continue };
            self.visits += 1;
            self.bounces += u64::from(visit.len() <= 1);
            self.seconds += u64::from(last.ts - first.ts);
            let pages: BTreeSet<&str> = visit.iter().map(|row| row.path).collect();
            for page in pages {
                self.pages.entry(page).or_default()[1] += 1;
            }
        }
        let pages: BTreeSet<&str> = events.iter().map(|row| row.path).collect();
        for page in pages {
            self.pages.entry(page).or_default()[0] += 1;
        }
        for row in events {
            let viewed = u64::from(row.name == "pageview");
            self.pageviews += viewed;
            self.events += 1;
            let page = self.pages.entry(row.path).or_default();
            page[2] += viewed;
            page[3] += 1;
        }
    }

    fn add(&mut self, other: &Self) {
        self.visitors += other.visitors;
        self.visits += other.visits;
        self.pageviews += other.pageviews;
        self.events += other.events;
        self.bounces += other.bounces;
        self.seconds += other.seconds;
        for (page, counts) in &other.pages {
            let own = self.pages.entry(page).or_default();
            for (sum, count) in own.iter_mut().zip(counts) {
                *sum += count;
            }
        }
    }

    fn shown(&self) -> Shown {
        let rounded = |sum: u64| {
            if self.visits == 0 { 0 } else { (2 * sum + self.visits) / (2 * self.visits) }
        };
        let numbers = vec![
            self.visitors,
            self.visits,
            self.pageviews,
            self.events,
            rounded(self.bounces * 100),
            rounded(self.seconds),
        ];
        let pages =
            self.pages.iter().map(|(page, counts)| ((*page).to_owned(), counts.to_vec())).collect();
        Shown { numbers, pages }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_counted_day_is_counted_the_same() {
        let day = Day(45_228);
        let row = |visitor, ts, name, path| Row {
            site: 1,
            day,
            hour: 0,
            ts,
            visitor,
            name,
            path,
            origin: ORIGINS[0],
            batch: 1,
            position: 0,
        };
        let rows = [
            row(7, 2_000, "pageview", "/jobs"),
            row(7, 100, "pageview", "/"),
            row(7, 1_900, "signup", "/"),
            row(7, 4_000, "pageview", "/"),
            row(8, 5_000, "engagement", "/"),
            row(9, 5_000, "pageview", "/x"),
        ];
        let shown = Truth::of(&rows).shown(1, day);
        assert_eq!(shown.numbers, [2, 3, 4, 5, 67, 633]);
        assert_eq!(shown.pages["/"], [1, 2, 2, 3]);
        let twice = Truth::of(&rows).and(&Truth::of(&rows)).shown(1, day);
        assert_eq!(twice.numbers, [4, 6, 8, 10, 67, 633]);
        assert_eq!(Truth::of(&rows).shown(2, day), Shown::default());
    }
}

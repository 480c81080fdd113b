//! Closing of days, on the real engine: what becomes of open rows, step by step.
//!
//! Days are closed by calling the library on the engine of a running program, because a test has to
//! stop a closing between two of its steps and to cut a day into many chunks. What is expected is
//! counted by `recount`, which knows nothing of the closing.

mod asleep;
mod erased;
mod late;
pub(crate) mod raw;
mod recount;
mod steps;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use headcount::days::{self, CloseError, Closed, Progress, Watch};
use headcount::model::Day;
use headcount::store::{Access, Credentials, Store};
use serde_json::Value;

use crate::days::raw::{Maker, Raw};
use crate::support::clickhouse::ClickHouse;
use crate::support::program::{Options, Program};

/// Whose clock the engine's retention does not reach.
const DAY: &str = "2093-06-16";
const HOUR: u32 = 3600;
/// Memory of the program's engine, in bytes.
const MEMORY: u64 = 600 << 20;

/// A program with nothing to do but to keep an engine running.
struct Place {
    program: Program,
    store: Store,
    runtime: tokio::runtime::Runtime,
}

/// Lets a closing make a number of steps, and does something at its first progress.
struct Steps {
    left: AtomicU32,
    seen: Mutex<Vec<Progress>>,
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Watch for Steps {
    fn may_go_on(&self) -> bool {
        self.left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_ok()
    }

    fn progress(&self, progress: Progress) {
        self.seen.lock().expect("not poisoned").push(progress);
        let meanwhile = self.meanwhile.lock().expect("not poisoned").take();
        if let Some(meanwhile) = meanwhile {
            meanwhile();
        }
    }
}

fn steps(left: u32) -> Steps {
    Steps { left: AtomicU32::new(left), seen: Mutex::new(Vec::new()), meanwhile: Mutex::new(None) }
}

/// The database of a program.
fn store(program: &Program) -> Store {
    let path = program.home().data().join("engine/access.json");
    let text = std::fs::read(path).expect("access.json is there");
    let access: Value = serde_json::from_slice(&text).expect("it is JSON");
    let field = |value: &Value| value.as_str().expect("text").to_owned();
    let user = |name: &str| Credentials {
        user: field(&access["users"][name]["user"]),
        password: field(&access["users"][name]["password"]),
    };
    Store::new(Access {
        url: field(&access["url"]),
        database: field(&access["database"]),
        insert: user("insert"),
        read: user("read"),
        settings: user("settings"),
        schema: user("schema"),
    })
}

impl Place {
    fn new() -> Self {
        let program = Program::start(Options::default());
        let store = store(&program);
        let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
        Self { program, store, runtime }
    }

    fn close_with(
        &self,
        now: u32,
        chunk_rows: u64,
        watch: &Steps,
    ) -> Result<Vec<Closed>, CloseError> {
        let options = days::Options { memory_bytes: MEMORY, through: None };
        self.runtime.block_on(days::close_in_chunks(&self.store, now, &options, watch, chunk_rows))
    }

    fn close(&self, now: u32) -> Vec<Closed> {
        self.close_with(now, 500_000, &steps(u32::MAX)).expect("the day can be closed")
    }

    fn status(&self, now: u32) -> days::Status {
        self.runtime.block_on(days::status(&self.store, now)).expect("the state can be read")
    }

    fn engine(&self) -> ClickHouse {
        self.program.clickhouse()
    }

    /// Runs a statement as the schema user.
    fn change(&self, sql: &str) {
        self.engine().query("schema", sql).expect("the statement works");
    }

    fn rows(&self, sql: &str) -> Vec<Value> {
        self.engine().rows(sql)
    }

    fn value(&self, sql: &str) -> String {
        self.engine().value(sql)
    }

    fn count(&self, table: &str) -> u64 {
        self.engine().count(table)
    }

    /// The hits of a generation.
    fn hits(&self, generation: u32) -> Vec<Value> {
        self.rows(&format!("SELECT * FROM hits WHERE gen = {generation}"))
    }

    /// The whole generation of [`DAY`] that counts; 0 for none.
    fn whole(&self) -> u32 {
        let sql = format!("SELECT max(gen) FROM closed_days WHERE day = '{DAY}' AND addition = 0");
        self.value(&sql).parse().expect("a number")
    }
}

/// First instant of [`DAY`] in UTC.
fn start() -> u32 {
    u32::from(day().0) * 86_400
}

fn day() -> Day {
    Day::parse(DAY).expect("a day")
}

/// 13:00 UTC of the next date.
fn closable() -> u32 {
    start() + 37 * HOUR
}

/// 72 hours after the end of the day.
fn settled() -> u32 {
    start() + (36 + 72) * HOUR
}

/// Asserts that a generation holds exactly what `rows` should have become; answers the ordinal of
/// each (site, token).
fn assert_closed(place: &Place, generation: u32, rows: &[Raw]) -> BTreeMap<(u32, u64), u64> {
    let expected = recount::hits(rows);
    let ordinals = recount::compare(&place.hits(generation), &expected);
    assert_totals(place, generation, &expected);
    ordinals
}

/// Asserts that the ordinals of each site are 1, 2, 3 … and in no order of tokens.
fn assert_numbered(ordinals: &BTreeMap<(u32, u64), u64>) {
    let mut by_site: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for ((site, _), ordinal) in ordinals {
        by_site.entry(*site).or_default().push(*ordinal);
    }
    for (site, mut found) in by_site {
        assert!(found.len() < 10 || !found.is_sorted(), "site {site} is numbered by token");
        found.sort_unstable();
        let dense: Vec<u64> = (1..=found.len() as u64).collect();
        assert_eq!(found, dense, "ordinals of site {site}");
    }
}

fn assert_totals(place: &Place, generation: u32, expected: &[recount::Hit<'_>]) {
    let mut by_site: BTreeMap<u32, Vec<&recount::Hit<'_>>> = BTreeMap::new();
    for hit in expected {
        by_site.entry(hit.raw.site).or_default().push(hit);
    }
    let stored = place.rows(&format!("SELECT * FROM totals WHERE gen = {generation}"));
    let mut found: BTreeMap<u64, BTreeMap<(String, String), recount::Sums>> = BTreeMap::new();
    for row in &stored {
        let text = |name: &str| row[name].as_str().expect("text").to_owned();
        let site = row["site"].as_u64().expect("a number");
        let sums = recount::SUMS.map(|name| row[name].as_u64().expect("a number"));
        let before = found.entry(site).or_default().insert((text("dim"), text("value")), sums);
        assert!(before.is_none(), "twice in totals: {row}");
        let detailed = by_site[&u32::try_from(site).expect("a site")].len() > 20_000;
        assert_eq!(row["detailed"], u8::from(detailed), "{row}");
    }
    assert_eq!(found.len(), by_site.len(), "sites in totals");
    for (site, hits) in by_site {
        let expected = recount::totals(&hits, hits.len() > 20_000);
        let found = &found[&u64::from(site)];
        for (key, sums) in &expected {
            assert_eq!(found.get(key), Some(sums), "{key:?} of site {site}: {:?}", recount::SUMS);
        }
        assert_eq!(found.len(), expected.len(), "rows of totals of site {site}");
    }
}

#[test]
fn hits_and_totals_are_what_a_recount_says() {
    let place = Place::new();
    let mut maker = Maker::new(DAY, start(), 1);
    let mut rows = [maker.site(3, 300), maker.site(4, 200), maker.site(9, 50)].concat();
    maker.store(&place.engine(), &mut rows, 7, 1);
    assert_eq!(place.close(closable() - 1), []);
    let status = place.status(closable() + 2 * HOUR);
    assert_eq!((status.open_days, status.overdue, status.closed_through), (1, Some(day()), None));
    let closed = place.close(closable());
    let expected = recount::hits(&rows);
    let ordinals = assert_closed(&place, closed[0].gen_number, &rows);
    assert_numbered(&ordinals);
    let visits = expected.iter().filter(|hit| hit.hit == 1).count() as u64;
    assert_eq!(
        closed,
        [Closed {
            day: day(),
            rows: expected.len() as u64,
            visitors: ordinals.len() as u64,
            visits,
            gen_number: 1,
            addition: false,
            late_rows: 0
        }]
    );
    assert_eq!(place.close(closable()), [], "closed once");
    assert_eq!(place.count("open_events"), rows.len() as u64, "open rows stay");
    let status = place.status(closable() + 2 * HOUR);
    assert_eq!((status.open_days, status.overdue), (0, None));
    assert_eq!((status.closed_through, status.open_rows_of_closed_days), (Some(day()), 0));
}

#[test]
fn a_site_in_slices_is_closed_as_in_one_piece() {
    let place = Place::new();
    let mut maker = Maker::new(DAY, start(), 2);
    let mut rows = [maker.site(3, 30), maker.site(4, 4500), maker.site(5, 20)].concat();
    rows.extend(maker.site(6, 400));
    maker.store(&place.engine(), &mut rows, 7, 1);
    let watch = steps(u32::MAX);
    place.close_with(closable(), 3000, &watch).expect("the day can be closed");
    let chunks =
        watch.seen.lock().expect("not poisoned").iter().filter(|p| p.step == "hits").count();
    assert!(chunks > 10, "{chunks} chunks");
    let ordinals = assert_closed(&place, 1, &rows);
    assert_numbered(&ordinals);
    let detailed = place.value("SELECT groupUniqArray(site) FROM totals WHERE dim = 'screen'");
    assert_eq!(detailed, "[4]");
}

#[test]
fn visitors_of_very_many_events_are_counted_like_others() {
    let place = Place::new();
    let mut maker = Maker::new(DAY, start(), 7);
    let mut rows = [maker.site(3, 100), maker.site(4, 20)].concat();
    maker.store(&place.engine(), &mut rows, 7, 1);
    // A fiftieth of a chunk is too many: five events of one visitor here, one in the second try.
    for chunk_rows in [250, 80] {
        let closed = place.close_with(closable(), chunk_rows, &steps(u32::MAX));
        let closed = closed.expect("the day can be closed");
        let ordinals = assert_closed(&place, closed[0].gen_number, &rows);
        assert_numbered(&ordinals);
        place.change("ALTER TABLE closed_days DELETE WHERE 1 SETTINGS mutations_sync = 2");
    }
}

#[test]
fn days_without_visitors_are_closed_too() {
    let place = Place::new();
    let mut maker = Maker::new(DAY, start(), 3);
    let mut engaged = maker.site(3, 40);
    engaged.retain(|row| row.name == "engagement");
    maker.store(&place.engine(), &mut engaged, 7, 1);
    let mut next = Maker::new("2093-06-17", start() + 86_400, 4);
    let mut tokenless = next.site(4, 20);
    tokenless.retain(|row| row.visitor == 0 && row.name != "engagement");
    next.store(&place.engine(), &mut tokenless, 7, 100);
    let closed = place.close(closable() + 86_400);
    let numbers: Vec<_> = closed.iter().map(|one| (one.rows, one.visitors, one.visits)).collect();
    assert_eq!(numbers, [(0, 0, 0), (tokenless.len() as u64, 0, 0)]);
    assert_closed(&place, 1, &engaged);
    assert_closed(&place, 2, &tokenless);
    assert_eq!(place.close(settled() + 86_400), []);
    assert_eq!(place.count("open_events"), 0);
}

#[test]
fn only_days_up_to_the_one_asked_for_are_closed() {
    let place = Place::new();
    for (n, date) in ["2093-06-16", "2093-06-17", "2093-06-18"].into_iter().enumerate() {
        let n = u32::try_from(n).expect("small");
        let mut maker = Maker::new(date, start() + n * 86_400, 5);
        let mut rows = maker.site(3, 5);
        maker.store(&place.engine(), &mut rows, 7, u64::from(n));
    }
    let options = days::Options { memory_bytes: MEMORY, through: Some(Day(day().0 + 1)) };
    let watch = steps(u32::MAX);
    let closing = days::close_due(&place.store, settled(), &options, &watch);
    let closed = place.runtime.block_on(closing).expect("days can be closed");
    let found: Vec<_> = closed.iter().map(|one| (one.day.0 - day().0, one.gen_number)).collect();
    assert_eq!(found, [(0, 1), (1, 2)]);
    let status = place.status(settled());
    assert_eq!((status.closed_through, status.open_days), (Some(Day(day().0 + 1)), 1));
}

#[test]
fn a_collector_with_rows_of_the_day_is_waited_for() {
    let place = Place::new();
    let mut maker = Maker::new(DAY, start(), 6);
    let mut rows = maker.site(3, 20);
    maker.store(&place.engine(), &mut rows, 7, 1);
    let say = |oldest: &str, seen: u32, version: u32| {
        let sql = format!("INSERT INTO spools VALUES (8, '{oldest}', {seen}, {version})");
        place.engine().query("insert", &sql).expect("a collector can say so");
    };
    say(DAY, closable(), 1);
    assert_eq!(place.close(closable() + HOUR), []);
    let status = place.status(closable() + 4 * HOUR);
    assert_eq!((status.waiting, status.overdue), (Some((day(), 8)), None));
    say("2093-06-17", closable() + HOUR, 2);
    assert_eq!(place.close(closable() + HOUR).len(), 1);
    assert_eq!(place.status(closable() + HOUR).waiting, None);
}

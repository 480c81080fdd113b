//! Closing of days, on the real engine: what becomes of open rows, step by step.
//!
//! Days are closed by calling the library on the engine of a running program, because a test has to
//! stop a closing between two of its steps and to cut a day into many chunks. What is expected is
//! counted by `recount`, which knows nothing of the closing.

mod raw;
mod recount;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use headcount::days::{self, CloseError, Closed, Progress, Watch};
use headcount::model::Day;
use headcount::store::{Access, Credentials, Store};
use serde_json::Value;

use crate::days::raw::{Maker, Raw};
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

/// Lets a closing make a number of steps.
struct Steps {
    left: AtomicU32,
    seen: Mutex<Vec<Progress>>,
}

impl Watch for Steps {
    fn may_go_on(&self) -> bool {
        self.left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_ok()
    }

    fn progress(&self, progress: Progress) {
        self.seen.lock().expect("not poisoned").push(progress);
    }
}

fn steps(left: u32) -> Steps {
    Steps { left: AtomicU32::new(left), seen: Mutex::new(Vec::new()) }
}

impl Place {
    fn new() -> Self {
        let program = Program::start(Options::default());
        let path = program.home().data().join("engine/access.json");
        let text = std::fs::read(path).expect("access.json is there");
        let access: Value = serde_json::from_slice(&text).expect("it is JSON");
        let field = |value: &Value| value.as_str().expect("text").to_owned();
        let user = |name: &str| Credentials {
            user: field(&access["users"][name]["user"]),
            password: field(&access["users"][name]["password"]),
        };
        let store = Store::new(Access {
            url: field(&access["url"]),
            database: field(&access["database"]),
            insert: user("insert"),
            read: user("read"),
            settings: user("settings"),
            schema: user("schema"),
        });
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

    fn rows(&self, sql: &str) -> Vec<Value> {
        self.program.clickhouse().rows(sql)
    }

    fn count(&self, table: &str) -> u64 {
        self.program.clickhouse().count(table)
    }

    /// The hits that count.
    fn hits(&self) -> Vec<Value> {
        self.rows(
            "SELECT * FROM hits WHERE (day, gen) IN (SELECT day, gen FROM closed_days) AND gen >= \
             (SELECT max(gen) FROM closed_days WHERE addition = 0)",
        )
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

/// Asserts that `hits` and `totals` hold exactly what `rows` should have become.
fn assert_closed(place: &Place, rows: &[Raw]) -> BTreeMap<(u32, u64), u64> {
    let expected = recount::hits(rows);
    let ordinals = recount::compare(&place.hits(), &expected);
    let mut by_site: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for ((site, _), ordinal) in &ordinals {
        by_site.entry(*site).or_default().push(*ordinal);
    }
    for (site, mut found) in by_site {
        found.sort_unstable();
        let dense: Vec<u64> = (1..=found.len() as u64).collect();
        assert_eq!(found, dense, "ordinals of site {site}");
    }
    assert_totals(place, &expected);
    ordinals
}

fn assert_totals(place: &Place, expected: &[recount::Hit<'_>]) {
    let mut by_site: BTreeMap<u32, Vec<&recount::Hit<'_>>> = BTreeMap::new();
    for hit in expected {
        by_site.entry(hit.raw.site).or_default().push(hit);
    }
    let stored = place.rows(
        "SELECT * FROM totals WHERE gen = (SELECT max(gen) FROM closed_days WHERE addition = 0)",
    );
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
    maker.store(&place.program.clickhouse(), &mut rows, 7, 1);
    assert_eq!(place.close(closable() - 1), []);
    let closed = place.close(closable());
    assert_eq!(closed.len(), 1);
    assert_closed(&place, &rows);
    assert_eq!(place.close(closable()), [], "closed once");
    assert_eq!(place.count("open_events"), rows.len() as u64, "open rows stay");
}

#[test]
fn a_site_in_slices_is_closed_as_in_one_piece() {
    let place = Place::new();
    let mut maker = Maker::new(DAY, start(), 2);
    let mut rows = [maker.site(3, 2500), maker.site(4, 30), maker.site(5, 20)].concat();
    let first = rows.len() as u64;
    rows.extend(maker.site(6, 400));
    maker.store(&place.program.clickhouse(), &mut rows, 7, 1);
    let watch = steps(u32::MAX);
    place.close_with(closable(), 700, &watch).expect("the day can be closed");
    assert!(watch.seen.lock().expect("not poisoned").len() > 20);
    assert!(first > 20_000 || first > 0);
    assert_closed(&place, &rows);
}

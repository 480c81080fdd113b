//! Whoever is killed while days are closed, and whenever: no day is half published, doubled or
//! missing, and what reports answer is always true.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use headcount::model::Day;
use rustix::process::Signal;

use crate::support::closings::{self, Publication};
use crate::support::crowd::{self, Place, Truth};
use crate::support::program::{Options, Program};
use crate::support::random::Random;
use crate::support::report::Reports;
use crate::support::sql::Door;
use crate::support::{process, seconds, wait_for, wait_until};

/// How often a part is killed while whole days are closed for the first time.
const FIRST_KILLS: usize = 20;
/// How often while the 72 h are over and late rows are taken in.
const LATE_KILLS: usize = 10;
/// Rows of a day: enough for totals by dimension at the first site.
const ROWS: usize = 30_000;
/// Rows of a day that come late, each time.
const LATE_ROWS: usize = 400;
/// 2093-10-30, 2093-10-31 and 2093-11-01.
const DAYS: [Day; 3] = [Day(45_228), Day(45_229), Day(45_230)];
/// 2093-10-30 12:00 UTC: nothing can be closed yet.
const NOON: u32 = 3_907_742_400;
/// 2093-11-02 13:05 UTC: all three days can be closed; the 72 h of none are over.
const CLOSABLE: u32 = NOON + 3 * 86_400 + 3_900;
/// 2093-11-05 12:05 UTC: the 72 h of all three days are over.
const OVER: u32 = NOON + 6 * 86_400 + 300;
/// Sites: most rows belong to the first.
const SITES: [(&str, &str); 3] = [
    ("crowd.example", "UTC"),
    ("east.example", "Pacific/Kiritimati"),
    ("west.example", "Pacific/Pago_Pago"),
];

fn options(at: u32) -> Options {
    Options { clock: Some(at), ..Options::behind_proxy() }.show_all()
}

/// A program with days to close, and what is true of them.
struct Bench {
    /// `None` only between a kill and the next start.
    program: Option<Program>,
    keys: Vec<String>,
    places: Vec<Place>,
    random: Random,
    now: u32,
    /// True once so many sets of rows have been taken in: the first rows, these and the late ones …
    truths: Vec<Truth>,
    /// The number of the least truth that may still be shown of a day.
    least: BTreeMap<Day, usize>,
    /// All rows put in.
    rows: u64,
    next_batch: u64,
    /// How long closing everything takes if nobody is killed.
    took: Duration,
    /// Kills that met a closing.
    met: usize,
    /// Whether only additions are left to make.
    late: bool,
}

impl Bench {
    /// Starts, puts in the rows of three days and closes them once, undisturbed.
    fn start(what: &str, seed: u64) -> Self {
        let random = Random::seeded(what, seed);
        let program = SITES.iter().fold(Program::start(options(NOON)), |program, (name, zone)| {
            program.add_site(name, zone);
            program
        });
        let keys = SITES.iter().map(|(name, _)| program.add_key(name, "read")).collect();
        let settings = Door::embedded(&program.home().data(), "settings");
        let number = |name: &str| {
            let sql = format!("SELECT id FROM sites FINAL WHERE domain = '{name}'");
            settings.value(&sql).parse().expect("a number")
        };
        let places = SITES.map(|(name, zone)| Place { site: number(name), zone }).into();
        let mut bench = Self {
            program: Some(program),
            keys,
            places,
            random,
            now: NOON,
            truths: Vec::new(),
            least: DAYS.map(|day| (day, 0)).into(),
            rows: 0,
            next_batch: 1,
            took: Duration::ZERO,
            met: 0,
            late: false,
        };
        bench.put(ROWS);
        bench.check("before anything is closed");
        bench.set(CLOSABLE);
        let begun = Instant::now();
        bench.close();
        bench.took = begun.elapsed().max(Duration::from_millis(200));
        println!("closing {} rows took {:?}", bench.rows, bench.took);
        bench.check("after the first closing");
        bench
    }

    fn program(&self) -> &Program {
        self.program.as_ref().expect("a running program")
    }

    fn door(&self, who: &str) -> Door {
        Door::embedded(&self.program().home().data(), who)
    }

    fn set(&mut self, at: u32) {
        self.now = at;
        self.program().clock.as_ref().expect("a clock").set(at);
    }

    /// Puts `count` rows of new visitors into every day.
    fn put(&mut self, count: usize) {
        let mut truth = self.truths.last().cloned().unwrap_or_default();
        for day in DAYS {
            let rows = crowd::rows(&mut self.random, &self.places, day, count, self.next_batch);
            self.next_batch += crowd::insert(&self.door("insert"), &rows).expect("an insert");
            self.rows += rows.len() as u64;
            truth = truth.and(&Truth::of(&rows));
        }
        self.truths.push(truth);
    }

    /// What is published, asked until the engine answers.
    fn published(&self) -> Vec<Publication> {
        wait_for("the engine", seconds(60), || closings::published(&self.door("read")).ok())
    }

    /// Rows of `open_events`.
    fn open_rows(&self) -> u64 {
        let count = || self.door("read").text("SELECT count() FROM open_events").ok();
        wait_for("the engine", seconds(60), count).trim().parse().expect("a number")
    }

    /// Whether nothing is left to do for a closing.
    fn is_closed(&self) -> bool {
        let all = self.published();
        let closed = DAYS.iter().all(|day| !closings::current(&all, &day.to_string()).is_empty());
        closed && (self.now < OVER || self.open_rows() == 0)
    }

    /// Closes everything that is due.
    fn close(&mut self) {
        closings::close_until(self.program(), "all days to be closed", || self.is_closed());
    }

    /// Makes sure that there is something to close.
    fn prepare(&mut self, kill: usize) {
        if kill == FIRST_KILLS {
            self.set(OVER);
        }
        self.late = kill > FIRST_KILLS;
        if kill >= FIRST_KILLS {
            self.put(LATE_ROWS);
        } else if self.is_closed() {
            // As if killed just before it was published: what was written stays where it is.
            self.door("schema").value("TRUNCATE TABLE closed_days");
        }
    }

    /// How long closing what is left takes, about.
    fn expected(&self) -> Duration {
        if self.late {
            // Few rows, but every day.
            return self.took / 4;
        }
        let all = self.published();
        let open = DAYS.iter().filter(|day| closings::current(&all, &day.to_string()).is_empty());
        self.took * u32::try_from(open.count().max(1)).expect("three") / 3
    }

    /// Starts closing, waits for a random moment and lets `fall` kill.
    fn disturb(&mut self, kill: usize, fall: impl FnOnce(&mut Self)) {
        let data = self.program().home().data();
        let millis = u64::try_from(self.expected().as_millis()).expect("a short time");
        let moment = Duration::from_millis(self.random.below(millis * 11 / 10));
        let close = closings::start_close(&data);
        std::thread::sleep(moment);
        let killed = Instant::now();
        fall(self);
        let (done, ended) = close.join().expect("a command");
        let met = done.code != 0 || ended > killed;
        self.met += usize::from(met);
        wait_until("the next engine", seconds(60), || {
            self.program().engines().len() == 1 && self.door("read").text("SELECT 1").is_ok()
        });
        let halves = self.halves();
        println!("kill {kill} after {moment:?}, while it closed: {met}; in part: {halves}");
        self.check(&format!("after kill {kill}"));
        if kill % 10 == 9 {
            self.settle(&format!("closed after kill {kill}"));
        }
    }

    /// Compares what every site's reports show with the truth.
    fn check(&mut self, when: &str) {
        let url = self.program().url.clone();
        for (place, (key, (name, _))) in self.places.iter().zip(self.keys.iter().zip(SITES)) {
            let client = crate::support::http::Client::new(&url);
            let mut reports = Reports::new(client, name, key);
            let found = closings::shown(&mut reports, &DAYS);
            for (day, shown) in DAYS.iter().zip(found) {
                let least = self.least[day];
                // A set of rows that came late is in a day whole or not at all, and stays in it.
                let fits = (least..self.truths.len())
                    .find(|at| self.truths[*at].shown(place.site, *day) == shown);
                let at = fits.unwrap_or_else(|| {
                    let wanted = self.truths[least].shown(place.site, *day);
                    panic!(
                        "{when}, {name} on {day}: {shown:?}\nwanted {wanted:?} or one of {} later; \
                         published {:?}",
                        self.truths.len() - least - 1,
                        self.published()
                    )
                });
                self.least.insert(*day, at);
            }
        }
    }

    /// Closes what is left and compares everything.
    fn settle(&mut self, when: &str) {
        self.close();
        if self.now == OVER {
            let last = self.truths.len() - 1;
            self.least.values_mut().for_each(|least| *least = last);
        }
        self.check(when);
    }

    /// Looks at the tables themselves after everything was closed.
    fn look_beneath(&self) {
        let all = self.published();
        let read = self.door("read");
        let mut taken = 0;
        for day in DAYS.map(|day| day.to_string()) {
            let current = closings::current(&all, &day);
            for one in &current {
                taken += one.rows + one.engagements;
                for table in ["hits", "totals"] {
                    let events =
                        if table == "hits" { "count()" } else { "sumIf(events, dim = '')" };
                    let sql = format!(
                        "SELECT {events} FROM {table} WHERE day = '{day}' AND gen = {}",
                        one.number
                    );
                    assert_eq!(read.value(&sql), one.rows.to_string(), "{table} of {one:?}");
                }
            }
            let mut numbers: Vec<u32> = all.iter().map(|one| one.number).collect();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), all.len(), "a number was used twice: {all:?}");
        }
        assert_eq!(taken, self.rows, "rows taken in by {all:?}");
        assert_eq!(self.open_rows(), 0);
        println!("{} of {} kills met a closing", self.met, FIRST_KILLS + LATE_KILLS);
        assert!(self.met * 2 >= FIRST_KILLS + LATE_KILLS, "too few kills met a closing");
    }

    /// Generations that were written in part: only a kill leaves them.
    fn halves(&self) -> String {
        let sql = "SELECT uniqExact(gen) FROM hits WHERE gen NOT IN (SELECT gen FROM totals)";
        self.door("read").value(sql)
    }
}

#[test]
fn a_collector_killed_thirty_times_while_it_closes_leaves_every_day_true() {
    let mut bench = Bench::start("kill -9 of the collector while it closes", 9_101);
    for kill in 0..FIRST_KILLS + LATE_KILLS {
        bench.prepare(kill);
        bench.disturb(kill, |bench| {
            let home = bench.program.take().expect("a program").kill9();
            bench.program = Some(Program::start_in(home, options(bench.now)));
        });
    }
    bench.settle("at the end");
    bench.look_beneath();
}

#[test]
fn an_engine_killed_thirty_times_while_days_are_closed_leaves_every_day_true() {
    let mut bench = Bench::start("kill -9 of the engine while days are closed", 9_102);
    for kill in 0..FIRST_KILLS + LATE_KILLS {
        bench.prepare(kill);
        bench.disturb(kill, |bench| {
            let engine = bench.program().engines().first().copied().expect("an engine");
            process::signal(engine, Signal::KILL);
            wait_until("its end", seconds(10), || !process::is_running(engine));
        });
    }
    bench.settle("at the end");
    bench.look_beneath();
}

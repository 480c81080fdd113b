//! How much is made, on which days, and what the command line may change of it.

use std::path::PathBuf;

use headcount::model::{Day, now};

/// Events of a whole run.
const FULL_ROWS: f64 = 50_000_000.0;
/// Days with many events, the newest ones.
const DENSE_DAYS: f64 = 30.0;
/// Events of a dense day, all sites: 5 million in 30 days for the biggest.
const DENSE_ROWS: f64 = 555_000.0;
/// Days before them, with fewer events.
const LIGHT_DAYS: f64 = 334.0;
/// Events of a light day: the biggest site is still above the 20,000 hits that make a day detailed.
const LIGHT_ROWS: f64 = 100_000.0;
/// Events a visitor has, as `events` makes them (engagement included).
const EVENTS_PER_VISITOR: f64 = 4.65;
/// Days left alone at the end: these could still be waited for.
const YOUNGEST: u16 = 5;
/// Seconds of a day.
const DAY_SECONDS: u32 = 86_400;

/// Sites in all; the first has 30 % of the events.
pub(crate) const SITES: usize = 50;

/// What to do.
pub(crate) struct Plan {
    /// Days with few events, before the dense ones.
    pub(crate) light: Vec<Day>,
    /// Days with many events.
    pub(crate) dense: Vec<Day>,
    /// Visitors of a light day, all sites.
    pub(crate) light_visitors: u64,
    /// Visitors of a dense day, all sites.
    pub(crate) dense_visitors: u64,
    /// What the engine may use.
    pub(crate) engine_memory: u64,
    /// How often each question is asked.
    pub(crate) rounds: usize,
    /// Where it is kept; a folder that is removed afterwards when not given.
    pub(crate) dir: Option<PathBuf>,
    /// The step it ends after, if not the last.
    until: Option<String>,
}

impl Plan {
    /// Reads `rows=N`, `engine-memory=MIB`, `rounds=N`, `dir=PATH`, `until=STEP`.
    pub(crate) fn read(args: &[String]) -> Self {
        let value =
            |name: &str| args.iter().find_map(|arg| arg.strip_prefix(name)?.strip_prefix('='));
        let number = |name: &str, absent: f64| {
            value(name).map_or(absent, |text| {
                text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text}"))
            })
        };
        for arg in args {
            let name = arg.split('=').next().unwrap_or("");
            let known = ["rows", "engine-memory", "rounds", "dir", "until"].contains(&name);
            assert!(known, "unknown {arg}: the head of main.rs says what there is");
        }
        // A smaller run has fewer days and fewer events on each.
        let share = (number("rows", FULL_ROWS) / FULL_ROWS).min(1.0).sqrt();
        let days = |full: f64| (full * share).ceil().max(3.0) as u16;
        let visitors = |rows: f64| (rows * share / EVENTS_PER_VISITOR) as u64;
        let (dense, light) = (days(DENSE_DAYS), days(LIGHT_DAYS));
        let end = (now() / DAY_SECONDS) as u16 - YOUNGEST;
        let list = |first: u16, count: u16| (first..first + count).map(Day).collect();
        Self {
            dense: list(end - dense + 1, dense),
            light: list(end - dense - light + 1, light),
            light_visitors: visitors(LIGHT_ROWS),
            dense_visitors: visitors(DENSE_ROWS),
            engine_memory: number("engine-memory", 600.0) as u64 * 1024 * 1024,
            rounds: number("rounds", 5.0) as usize,
            dir: value("dir").map(PathBuf::from),
            until: value("until").map(str::to_owned),
        }
    }

    /// The newest day, as days since 1970.
    pub(crate) fn newest(&self) -> u16 {
        self.dense[self.dense.len() - 1].0
    }

    /// The same with `end` as newest day: that of an earlier run, which may have been yesterday.
    pub(crate) fn on_days_to(mut self, end: u16) -> Self {
        let back = self.newest() - end;
        for day in self.light.iter_mut().chain(&mut self.dense) {
            day.0 -= back;
        }
        self
    }

    /// Whether this step is the last one that is asked for.
    pub(crate) fn ends_after(&self, step: &str) -> bool {
        self.until.as_deref() == Some(step)
    }

    /// First and last of the dense days.
    pub(crate) fn dense_range(&self) -> (Day, Day) {
        (self.dense[0], self.dense[self.dense.len() - 1])
    }

    /// First and last of all days.
    pub(crate) fn whole_range(&self) -> (Day, Day) {
        (self.light[0], self.dense[self.dense.len() - 1])
    }
}

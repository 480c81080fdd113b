//! Making the days: events by SQL, closed by the program's own closing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use headcount::days::{self, Options, Progress, Watch};
use headcount::model::{Day, now};
use serde::{Deserialize, Serialize};

use crate::asking::median;
use crate::door;
use crate::events::{self, VISITORS_PER_INSERT};
use crate::home::Opened;
use crate::proc_stat;

/// How often an insert is tried when the engine has no memory for it at that moment.
const TRIES: usize = 20;
/// Pause before it is tried again.
const PAUSE: Duration = Duration::from_millis(500);
/// How often memory is looked at during a closing.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Settings of an insert: one thread, and one block of all its rows.
const INSERT: [(&str, &str); 4] = [
    ("max_threads", "1"),
    ("max_insert_threads", "1"),
    ("min_insert_block_size_rows", "65536"),
    ("min_insert_block_size_bytes", "268435456"),
];

/// Makes the events of a day; their number.
pub(crate) fn fill(opened: &Opened, day: Day, visitors: u64) -> u64 {
    let mut first = 0;
    while first < visitors {
        let count = VISITORS_PER_INSERT.min(visitors - first);
        insert(opened, &events::insert(day, first, count));
        first += count;
    }
    rows(opened, day)
}

fn insert(opened: &Opened, sql: &str) {
    for _ in 0..TRIES {
        match door::ask(&opened.access, sql, &INSERT) {
            Ok(_) => return,
            Err(words) if words.contains("MEMORY_LIMIT") => std::thread::sleep(PAUSE),
            Err(words) => panic!("{words}"),
        }
    }
    panic!("the engine has no memory for an insert");
}

/// Open rows of a day.
pub(crate) fn rows(opened: &Opened, day: Day) -> u64 {
    let sql = format!("SELECT count() FROM open_events WHERE day = toDate({})", day.0);
    let answer = door::ask(&opened.access, &sql, &[]).expect("open rows are counted");
    answer.body.parse().expect("a number")
}

/// Closing of one day.
#[derive(Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) events: u64,
    pub(crate) seconds: f64,
    /// CPU seconds of the engine.
    pub(crate) cpu: f64,
    /// Memory of the engine before it began: anonymous and resident, MB.
    pub(crate) before: (f64, f64),
    /// The most that was seen of either, MB.
    pub(crate) peak: (f64, f64),
}

struct Quiet;

impl Watch for Quiet {
    fn may_go_on(&self) -> bool {
        true
    }

    fn progress(&self, _: Progress) {}
}

/// Closes one day as `headcount close --through DAY` does: from finding what is due to the drop of
/// the open rows.
pub(crate) async fn close(opened: &Opened, memory_bytes: u64, day: Day, events: u64) -> Measured {
    let pid = opened.pid();
    let (before, cpu) = (memory(pid), proc_stat::cpu(pid));
    let done = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&done);
    let watcher = std::thread::spawn(move || {
        let mut peak = (0.0_f64, 0.0_f64);
        while !ended.load(Ordering::Relaxed) {
            let seen = memory(pid);
            peak = (peak.0.max(seen.0), peak.1.max(seen.1));
            std::thread::sleep(LOOK_EVERY);
        }
        peak
    });
    let begun = Instant::now();
    let options = Options { memory_bytes, through: Some(day) };
    let closed = days::close_due(&opened.store, now(), &options, &Quiet).await;
    let seconds = begun.elapsed().as_secs_f64();
    done.store(true, Ordering::Relaxed);
    let cpu = proc_stat::cpu(pid).saturating_sub(cpu).as_secs_f64();
    let peak = watcher.join().expect("the watcher ends");
    let closed = closed.unwrap_or_else(|error| panic!("{day}: {error:?}"));
    assert!(closed.iter().any(|one| one.day == day && one.rows > 0), "{day} was closed");
    assert_eq!(opened.pid(), pid, "the engine was not started again");
    assert_eq!(rows(opened, day), 0, "open rows of {day} are gone");
    Measured { events, seconds, cpu, before, peak }
}

/// Anonymous and resident memory of a process, MB.
fn memory(pid: u32) -> (f64, f64) {
    let memory = proc_stat::memory(pid);
    (memory.private_mb, memory.resident_mb)
}

/// Prints a table of closings: the light days, the dense days.
pub(crate) fn print(light: &[Measured], dense: &[Measured]) {
    println!(
        "| days | events a day | seconds, median (min … max) | events/s | engine CPU s | engine MB before, anonymous / resident | at most |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, days) in [("light", light), ("dense", dense)] {
        let of = |value: fn(&Measured) -> f64| days.iter().map(value).collect::<Vec<f64>>();
        let most = |value: fn(&Measured) -> f64| of(value).into_iter().fold(0.0, f64::max);
        let least = of(|one| one.seconds).into_iter().fold(f64::INFINITY, f64::min);
        let (seconds, events) =
            (median(of(|one| one.seconds)), median(of(|one| one.events as f64)));
        println!(
            "| {} {name} | {events:.0} | {seconds:.2} ({least:.2} … {:.2}) | {:.0} | {:.2} | {:.0} / {:.0} | {:.0} / {:.0} |",
            days.len(),
            most(|one| one.seconds),
            events / seconds,
            median(of(|one| one.cpu)),
            median(of(|one| one.before.0)),
            median(of(|one| one.before.1)),
            most(|one| one.peak.0),
            most(|one| one.peak.1),
        );
    }
}

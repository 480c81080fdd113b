//! A backlog: a spool that filled while ClickHouse was away, delivered by the real program.

use std::time::{Duration, Instant};

use headcount::spool::Spool;

use crate::events::Events;
use crate::proc_stat;
use crate::program::Home;

/// Records of one append.
const APPEND_ROWS: usize = 10_000;
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// Longer than this is a failure.
const LIMIT: Duration = Duration::from_secs(1_800);

/// Fills a spool with so many megabytes and prints how long the program takes to deliver it.
pub(crate) fn run(megabytes: u64) {
    let home = Home::new("recovery");
    // The tables, so that what is timed is the delivery.
    home.command(&["migrate"]);
    let rows = fill(&home, megabytes * 1_000_000);
    let start = Instant::now();
    let serving = home.serve();
    let (mut private, mut resident) = (0_f64, 0_f64);
    while serving.stored().is_none_or(|stored| stored < rows) {
        assert!(start.elapsed() < LIMIT, "it does not end");
        let memory = proc_stat::memory(serving.pid());
        private = private.max(memory.private_mb);
        resident = resident.max(memory.resident_mb);
        std::thread::sleep(LOOK);
    }
    let took = start.elapsed();
    let cpu = proc_stat::cpu(serving.pid());
    let stored = serving.stored().expect("the engine answers");
    assert_eq!(stored, rows, "every row once");
    println!("\nrecovery of a backlog, from the start of the program on:");
    println!(
        "| backlog MB | rows | s | rows/s | collector CPU us/row | collector MB, private (resident), most |"
    );
    println!("|---|---|---|---|---|---|");
    println!(
        "| {megabytes} | {rows} | {:.1} | {:.0} | {:.2} | {private:.0} ({resident:.0}) |",
        took.as_secs_f64(),
        rows as f64 / took.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / rows as f64
    );
}

fn fill(home: &Home, bytes: u64) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let spool = Spool::open(home.spool()).expect("the spool");
    let mut events = Events::new(4, headcount::model::now());
    let mut rows = 0;
    while spool.bytes() < bytes {
        let records = events.records(APPEND_ROWS);
        rows += records.len() as u64;
        runtime.block_on(spool.append(records)).expect("appended");
    }
    spool.close();
    rows
}

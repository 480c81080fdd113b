//! Latency at a fixed rate, counted from when an event was due: at half and at four fifths of what
//! the machine can take, and of the floor at the same rates.

use std::time::Duration;

use crate::client::{Agents, Load, Loaded};
use crate::ledger::Ledger;
use crate::proc_stat::memory;
use crate::target::{Floor, Headcount};
use crate::{capacity, wide};

/// Length of each run.
const TIME: Duration = Duration::from_secs(30);

pub(crate) fn run() {
    let agents = Agents::write();
    let floor = Floor::start();
    let headcount = Headcount::start();
    let mut ledger = Ledger::default();
    let capacity = capacity(&headcount, &agents, &mut ledger);
    println!("capacity: {capacity:.0} events/s (closed loop, engine on the same cores)\n");
    println!(
        "| server | rate | of capacity | answered/s | latency from due: p50 / p99 / p99.9 / max ms | from sending | client's own delay | not sent | client too slow |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for percent in [50, 80] {
        let rate = wide(capacity * f64::from(percent) / 100.0);
        let base = Load::open(floor.port(), &agents, TIME, rate).run();
        tell("floor", rate, percent, &base);
        let ours = Load::open(headcount.port(), &agents, TIME, rate).run();
        tell("headcount", rate, percent, &ours);
        ledger.add(&ours);
        ledger.wait(&headcount);
    }
    println!("\n| process | MB private | MB resident |");
    println!("|---|---|---|");
    for (name, pid) in [("collector", headcount.pid()), ("engine", headcount.engine_pid())] {
        let found = memory(pid);
        println!("| {name} | {:.0} | {:.0} |", found.private_mb, found.resident_mb);
    }
    println!();
    ledger.check(&headcount);
}

fn tell(server: &str, rate: u64, percent: i32, loaded: &Loaded) {
    println!(
        "| {server} | {rate} | {percent} % | {:.0} | {} | {} | {} | {:.0} | {} |",
        loaded.number("/answered_per_second"),
        loaded.times("latency_ms"),
        loaded.times("service_ms"),
        loaded.times("generator/lag_ms"),
        loaded.number("/unsent"),
        if loaded.client_was_slow() { "yes" } else { "no" },
    );
}

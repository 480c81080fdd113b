//! From the socket to the database, beside a bare hyper server in the same run.
//!
//! `cargo bench --bench end_to_end` alternates rounds of load on two servers: the floor (hyper that
//! reads the body and answers 202) and headcount (whole pipeline, real city database, 1,000 real
//! User-Agents, 10,000 visitors, fsync on, embedded engine on the same cores). The client of both is
//! `headcount bench`. Every measurement ends by comparing what was acknowledged with what ClickHouse
//! holds, and fails when an event is missing or doubled. Behind `--`:
//! `connections NUMBER` (the same with more of them), `latency` (at a fixed rate), `soak MINUTES`,
//! `overload CONNECTIONS`, `day MILLIONS`, `idle SECONDS`.

#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measuring program: it prints its tables and ends at the first surprise"
)]

mod client;
mod compare;
mod floor;
mod latency;
mod ledger;
mod long;
mod proc_stat;
mod target;

use std::time::Duration;

use crate::client::{Agents, Load};
use crate::ledger::Ledger;
use crate::target::Headcount;

/// Length of each of the runs that find the capacity.
const CAPACITY_TIME: Duration = Duration::from_secs(8);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let number = |usual: u64| args.get(1).and_then(|text| text.parse().ok()).unwrap_or(usual);
    match args.first().map(String::as_str) {
        Some("floor") => floor::run(),
        Some("idle") => idle(Duration::from_secs(number(600))),
        Some("latency") => latency::run(),
        Some("soak") => long::soak(number(30)),
        Some("overload") => long::overload(number(2_000)),
        Some("day") => long::day(number(10)),
        Some("connections") => {
            compare::run(usize::try_from(number(512)).expect("a number of connections"))
        }
        None => compare::run(client::CONNECTIONS),
        Some(other) => {
            panic!("what is {other}? there are connections, latency, soak, overload, day, idle")
        }
    }
}

/// Events a second that are accepted in a closed loop with the engine on the same cores: the median
/// of three runs, after one that warms the caches.
fn capacity(headcount: &Headcount, agents: &Agents, ledger: &mut Ledger) -> f64 {
    let mut found = Vec::new();
    for _ in 0..4 {
        let loaded = Load::closed(headcount.port(), agents, CAPACITY_TIME).run();
        ledger.add(&loaded);
        found.push(loaded.number("/accepted_per_second"));
    }
    ledger.wait(headcount);
    median(found.into_iter().skip(1))
}

fn idle(time: Duration) {
    let headcount = Headcount::start();
    std::thread::sleep(Duration::from_secs(5));
    let before = (proc_stat::cpu(headcount.pid()), proc_stat::cpu(headcount.engine_pid()));
    std::thread::sleep(time);
    let after = (proc_stat::cpu(headcount.pid()), proc_stat::cpu(headcount.engine_pid()));
    let percent = |from: Duration, to: Duration| {
        (to.saturating_sub(from)).as_secs_f64() / time.as_secs_f64() * 100.0
    };
    println!("idle for {} s", time.as_secs());
    println!("| process | private MB | resident MB | CPU % |");
    println!("|---|---|---|---|");
    for (name, pid, cpu) in [
        ("collector", headcount.pid(), percent(before.0, after.0)),
        ("engine", headcount.engine_pid(), percent(before.1, after.1)),
    ] {
        let memory = proc_stat::memory(pid);
        println!("| {name} | {:.0} | {:.0} | {cpu:.2} |", memory.private_mb, memory.resident_mb);
    }
}

/// A rate as the client takes it.
fn wide(rate: f64) -> u64 {
    (rate as u64).max(1)
}

/// Microseconds.
fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

//! Long runs: an even load for minutes, ten times too much of it, and a day of ten million events.

use std::time::{Duration, Instant};

use crate::client::{Agents, Load};
use crate::ledger::Ledger;
use crate::proc_stat::{cpu, memory};
use crate::target::Headcount;
use crate::{capacity, micros, wide};

/// How long ten times too much is sent.
const OVERLOAD_TIME: Duration = Duration::from_secs(120);
/// Visitors of each part of the day; the next part has others.
const DAY_VISITORS: u64 = 50_000;

/// Half the capacity for `minutes`: memory and backlog every minute.
pub(crate) fn soak(minutes: u64) {
    let agents = Agents::write();
    let headcount = Headcount::start();
    let mut ledger = Ledger::default();
    let rate = wide(capacity(&headcount, &agents, &mut ledger) / 2.0);
    println!("{rate} events/s for {minutes} minutes\n");
    println!(
        "| minute | collector MB private (resident) | engine MB private (resident) | spool MB | CPU s of the minute: collector, engine |"
    );
    println!("|---|---|---|---|---|");
    let (mut second, mut before) = (0_u64, spent(&headcount));
    let time = Duration::from_secs(minutes * 60);
    let loaded = Load::open(headcount.port(), &agents, time, rate).run_with(|| {
        second += 1;
        if second.is_multiple_of(60) {
            let now = spent(&headcount);
            println!(
                "| {} | {} | {:.1} | {:.1}, {:.1} |",
                second / 60,
                memories(&headcount),
                headcount.spool_mb(),
                (now.0 - before.0).as_secs_f64(),
                (now.1 - before.1).as_secs_f64()
            );
            before = now;
        }
    });
    println!(
        "\nlatency from due: {} ms (p50 / p99 / p99.9 / max); {}",
        loaded.times("latency_ms"),
        loaded.words()
    );
    ledger.add(&loaded);
    ledger.check(&headcount);
}

/// Ten times the capacity is due for two minutes, over `connections`, of which there should be many
/// more than requests that can be worked on at once.
pub(crate) fn overload(connections: u64) {
    let agents = Agents::write();
    let headcount = Headcount::start();
    let mut ledger = Ledger::default();
    let capacity = capacity(&headcount, &agents, &mut ledger);
    let rate = wide(capacity * 10.0);
    println!(
        "capacity {capacity:.0} events/s; {rate} are due each second for two minutes, {connections} connections\n"
    );
    println!(
        "| second | collector MB private (resident) | engine MB private (resident) | spool MB |"
    );
    println!("|---|---|---|---|");
    println!("| before | {} | {:.1} |", memories(&headcount), headcount.spool_mb());
    let mut second = 0_u64;
    let load = Load {
        connections: usize::try_from(connections).expect("a number of connections"),
        ..Load::open(headcount.port(), &agents, OVERLOAD_TIME, rate)
    };
    let loaded = load.run_with(|| {
        second += 1;
        if second.is_multiple_of(10) {
            println!("| {second} | {} | {:.1} |", memories(&headcount), headcount.spool_mb());
        }
    });
    let accepted = loaded.number("/accepted_per_second");
    println!("\n| | |");
    println!("|---|---|");
    println!("| sent each second | {:.0} |", loaded.number("/sent") / loaded.number("/seconds"));
    println!("| accepted each second | {accepted:.0} |");
    println!("| of the capacity (aim: at least 0.9) | {:.2} |", accepted / capacity);
    println!("| answers | {} |", loaded.words());
    println!(
        "| refusals, from sending: p50 / p99 / p99.9 / max ms (aim: p99 < 20) | {} of {:.0} |",
        loaded.times("refused_ms"),
        loaded.number("/refused_ms/count")
    );
    println!("| all answers, from sending | {} |", loaded.times("service_ms"));
    println!("| due and never sent | {:.0} |\n", loaded.number("/unsent"));
    ledger.add(&loaded);
    ledger.check(&headcount);
}

/// `millions` of events of one day, as fast as they are taken: cost of an event, million by million.
pub(crate) fn day(millions: u64) {
    let agents = Agents::write();
    let headcount = Headcount::start();
    let mut ledger = Ledger::default();
    let rate = capacity(&headcount, &agents, &mut ledger);
    // About a quarter of a million a run, each with visitors of its own.
    let part = Duration::from_secs_f64((250_000.0 / rate).clamp(1.0, 60.0));
    println!(
        "| events so far | events/s | collector CPU us an event | engine CPU us an event | collector MB private (resident) | engine MB private (resident) |"
    );
    println!("|---|---|---|---|---|---|");
    let (mut told, mut seed) = (0, 1);
    while told < millions {
        let (from, before, begun) = (ledger.acknowledged(), spent(&headcount), Instant::now());
        let mut loading = Duration::ZERO;
        while ledger.acknowledged() < from + 1_000_000 {
            seed += 1;
            let load = Load {
                visitors: DAY_VISITORS,
                seed,
                warm_up: Duration::ZERO,
                ..Load::closed(headcount.port(), &agents, part)
            };
            let loaded = load.run();
            loading += Duration::from_secs_f64(loaded.number("/seconds"));
            ledger.add(&loaded);
            assert!(begun.elapsed() < Duration::from_secs(3600), "a million takes too long");
        }
        ledger.wait(&headcount);
        let (after, events) = (spent(&headcount), (ledger.acknowledged() - from) as f64);
        println!(
            "| {} | {:.0} | {:.1} | {:.1} | {} |",
            ledger.acknowledged(),
            events / loading.as_secs_f64(),
            micros(after.0 - before.0) / events,
            micros(after.1 - before.1) / events,
            memories(&headcount)
        );
        told += 1;
    }
    println!("\ndays with rows: {}; visitors: {}", headcount.days(), headcount.visitors());
    ledger.check(&headcount);
}

/// Processor time of collector and engine since their start.
fn spent(headcount: &Headcount) -> (Duration, Duration) {
    (cpu(headcount.pid()), cpu(headcount.engine_pid()))
}

fn memories(headcount: &Headcount) -> String {
    let [ours, engine] = [headcount.pid(), headcount.engine_pid()].map(memory);
    format!(
        "{:.0} ({:.0}) | {:.0} ({:.0})",
        ours.private_mb, ours.resident_mb, engine.private_mb, engine.resident_mb
    )
}

//! headcount beside the floor: processor time of an event, events a second alone and with the engine.

use std::time::Duration;

use crate::client::{Agents, Load};
use crate::ledger::Ledger;
use crate::proc_stat::{cpu, memory};
use crate::target::{Floor, Headcount};
use crate::{median, micros};

/// Length of one round on one server.
const ROUND: Duration = Duration::from_secs(5);
/// Rounds on each server.
const ROUNDS: usize = 5;

/// One round.
struct Round {
    /// Requests of the floor, events of headcount, a second.
    per_second: f64,
    /// Processor time of the server for each, microseconds.
    server: f64,
    /// Processor time of the engine for each, microseconds.
    engine: f64,
    /// The same of the client.
    client: f64,
    /// Events a second until the last was stored.
    stored_per_second: f64,
    times: String,
}

/// Rounds over this many connections.
pub(crate) fn run(connections: usize) {
    let agents = Agents::write();
    let floor = Floor::start();
    let headcount = Headcount::start();
    let mut ledger = Ledger::default();
    // A first round warms both sides and is not counted.
    let load =
        |port: u16, time: Duration| Load { connections, ..Load::closed(port, &agents, time) };
    load(floor.port(), Duration::from_secs(2)).run();
    ledger.add(&load(headcount.port(), Duration::from_secs(2)).run());
    ledger.wait(&headcount);
    println!("CPU: user and system time of the server's process, us; for headcount until the last");
    println!(
        "event was stored, delivery included. *waiting*: the engine is stopped during the round"
    );
    println!("and the rows wait in the spool. *together*: the engine takes them meanwhile.\n");
    println!(
        "| round | floor req/s | waiting, events/s | ratio | together | ratio | until stored | floor CPU | headcount CPU: waiting, together | ratio | engine CPU | client CPU | p50 / p99 / p99.9 / max ms, together |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    let mut ratios = Vec::new();
    for number in 1..=ROUNDS {
        let base = of_floor(&floor, &load(floor.port(), ROUND));
        let waiting = of_headcount(&headcount, &load(headcount.port(), ROUND), &mut ledger, true);
        let together = of_headcount(&headcount, &load(headcount.port(), ROUND), &mut ledger, false);
        let ratio = [
            waiting.per_second / base.per_second,
            together.per_second / base.per_second,
            together.stored_per_second / base.per_second,
            waiting.server / base.server,
            together.server / base.server,
            together.engine,
            together.server + together.engine,
        ];
        println!(
            "| {number} | {:.0} | {:.0} | {:.2} | {:.0} | {:.2} | {:.0} | {:.1} | {:.1}, {:.1} | {:.2}, {:.2} | {:.1} | {:.1} | {} |",
            base.per_second,
            waiting.per_second,
            ratio[0],
            together.per_second,
            ratio[1],
            together.stored_per_second,
            base.server,
            waiting.server,
            together.server,
            ratio[3],
            ratio[4],
            together.engine,
            together.client,
            together.times,
        );
        ratios.push(ratio);
    }
    tell_medians(&ratios);
    for (name, pid) in [("collector", headcount.pid()), ("engine", headcount.engine_pid())] {
        let found = memory(pid);
        let (private, resident) = (found.private_mb, found.resident_mb);
        println!(
            "| {name} after the rounds, MB private (resident) | {private:.0} ({resident:.0}) |"
        );
    }
    println!("| on disk after OPTIMIZE, bytes an event | {:.1} |\n", headcount.bytes_per_event());
    ledger.check(&headcount);
}

/// The medians of what [`run`] puts into a round's ratios, in its order.
fn tell_medians(ratios: &[[f64; 7]]) {
    let names = [
        "events/s of the floor's, rows waiting in the spool (aim: at least 0.7)",
        "events/s of the floor's, engine on the same cores (aim: at least 0.45)",
        "the same, until the last event was stored",
        "server CPU of a stored event of the floor's, engine stopped meanwhile (aim: at most 1.6)",
        "the same with the engine beside it",
        "engine CPU of an event, inserts and merges, us",
        "collector and engine together, us",
    ];
    println!("\n| median of the rounds | |");
    println!("|---|---|");
    for (place, name) in names.iter().enumerate() {
        println!("| {name} | {:.2} |", median(ratios.iter().map(|ratio| ratio[place])));
    }
}

fn of_floor(floor: &Floor, load: &Load<'_>) -> Round {
    let before = cpu(floor.pid());
    let loaded = load.run();
    let spent = cpu(floor.pid()).saturating_sub(before);
    let answered = loaded.with_status(202);
    assert!(answered > 0.0 && loaded.unknown() == 0, "the floor answers: {}", loaded.words());
    let per_second = answered / loaded.number("/seconds");
    Round {
        per_second,
        server: micros(spent) / loaded.number("/sent_in_all"),
        engine: 0.0,
        client: loaded.number("/generator/cpu_us_per_request"),
        stored_per_second: per_second,
        times: loaded.times("latency_ms"),
    }
}

fn of_headcount(
    headcount: &Headcount,
    load: &Load<'_>,
    ledger: &mut Ledger,
    engine_waits: bool,
) -> Round {
    let before = (cpu(headcount.pid()), cpu(headcount.engine_pid()));
    let stopped = engine_waits.then(|| headcount.stop_engine());
    let loaded = load.run();
    drop(stopped);
    ledger.add(&loaded);
    let took = load.warm_up.as_secs_f64()
        + loaded.number("/seconds")
        + ledger.wait(headcount).as_secs_f64();
    let events = loaded.accepted_in_all() as f64;
    let spent = |pid: u32, before: Duration| micros(cpu(pid).saturating_sub(before)) / events;
    Round {
        per_second: loaded.number("/accepted_per_second"),
        server: spent(headcount.pid(), before.0),
        engine: spent(headcount.engine_pid(), before.1),
        client: loaded.number("/generator/cpu_us_per_request"),
        stored_per_second: events / took,
        times: loaded.times("latency_ms"),
    }
}

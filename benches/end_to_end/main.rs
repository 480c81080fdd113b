//! From the socket to the database, beside a bare hyper server in the same run.
//!
//! `cargo bench --bench end_to_end` alternates rounds of load on two servers: the floor (hyper that
//! reads the body and answers 202) and headcount (whole pipeline, real city database, 1,000 real
//! User-Agents, 10,000 addresses, fsync on, embedded engine on the same cores). Afterwards it
//! compares what was acknowledged with what ClickHouse holds.
//! `cargo bench --bench end_to_end -- idle SECONDS` measures memory and CPU without load.

#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measuring program: it prints its tables and ends at the first surprise"
)]

mod floor;
mod load;
mod proc_stat;
mod target;

use std::time::Duration;

/// Length of one round on one server.
const ROUND: Duration = Duration::from_secs(5);
/// Rounds on each server.
const ROUNDS: usize = 5;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.first().map(String::as_str) {
        Some("floor") => floor::run(),
        Some("idle") => {
            let seconds = args.get(1).and_then(|text| text.parse().ok()).unwrap_or(600);
            idle(Duration::from_secs(seconds));
        }
        _ => compare(),
    }
}

fn idle(time: Duration) {
    let headcount = target::Headcount::start();
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

fn compare() {
    let requests = load::requests();
    let floor = target::Floor::start();
    let headcount = target::Headcount::start();
    // A first round warms caches on both sides and is not counted.
    load::run(floor.port(), &requests, Duration::from_secs(2));
    let warm = load::run(headcount.port(), &requests, Duration::from_secs(2));
    let mut accepted = warm.accepted;
    let mut rows = Vec::new();
    println!(
        "| round | floor req/s | headcount req/s | ratio | floor CPU us | headcount CPU us | ratio | p50 / p99 ms |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for round in 1..=ROUNDS {
        let base = measure(floor.port(), floor.pid(), &requests);
        let ours = measure(headcount.port(), headcount.pid(), &requests);
        accepted += ours.accepted;
        println!(
            "| {round} | {:.0} | {:.0} | {:.2} | {:.1} | {:.1} | {:.2} | {:.1} / {:.1} |",
            base.per_second,
            ours.per_second,
            ours.per_second / base.per_second,
            base.cpu_us,
            ours.cpu_us,
            ours.cpu_us / base.cpu_us,
            ours.p50_ms,
            ours.p99_ms
        );
        rows.push((ours.per_second / base.per_second, ours.cpu_us / base.cpu_us));
    }
    println!(
        "median of ratios: requests per second {:.2}, server CPU per event {:.2}",
        median(rows.iter().map(|row| row.0)),
        median(rows.iter().map(|row| row.1))
    );
    let busy = (proc_stat::memory(headcount.pid()), proc_stat::memory(headcount.engine_pid()));
    println!(
        "under load: collector {:.0} MB private ({:.0} resident), engine {:.0} MB private ({:.0} resident)",
        busy.0.private_mb, busy.0.resident_mb, busy.1.private_mb, busy.1.resident_mb
    );
    let engine_before = proc_stat::cpu(headcount.engine_pid());
    let drained = headcount.wait_for_rows(accepted);
    println!(
        "acknowledged {accepted}, stored {} ({} s after the last request)",
        drained.rows,
        drained.after.as_secs()
    );
    println!(
        "engine CPU since its start: {:.1} us an event (inserts and merges)",
        engine_before.as_secs_f64() * 1e6 / accepted as f64
    );
    println!("on disk: {:.1} bytes an event after OPTIMIZE", headcount.bytes_per_event());
}

struct Measured {
    per_second: f64,
    cpu_us: f64,
    p50_ms: f64,
    p99_ms: f64,
    accepted: u64,
}

fn measure(port: u16, pid: u32, requests: &[Vec<u8>]) -> Measured {
    let before = proc_stat::cpu(pid);
    let loaded = load::run(port, requests, ROUND);
    let cpu = proc_stat::cpu(pid).saturating_sub(before);
    let answered = loaded.accepted.max(1) as f64;
    Measured {
        per_second: answered / loaded.took.as_secs_f64(),
        cpu_us: cpu.as_secs_f64() * 1e6 / answered,
        p50_ms: loaded.percentile_ms(0.5),
        p99_ms: loaded.percentile_ms(0.99),
        accepted: loaded.accepted,
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

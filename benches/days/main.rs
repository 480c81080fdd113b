//! A year of closed days: closing, bytes an event, and every query of a dashboard.
//!
//! `cargo bench --bench days` makes 50 million events of 50 sites (one has 30 %): 30 days in which
//! that site has 5 million, and the eleven months before with fewer. They are made by SQL and
//! closed by the program. The last 30 days are asked twice: while they are open, where visits are
//! derived from raw rows, and when they are closed; both through the same report stage.
//!
//! `-- rows=200000` makes fewer; `-- dir=PATH` keeps data and notes and goes on where an earlier
//! run ended; `until=made|asked|closed` ends early; `engine-memory=MIB`; `rounds=N`.

#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measuring program: it prints its tables and ends at the first surprise"
)]

mod asking;
mod dashboard;
mod door;
mod events;
mod filling;
mod home;
mod notes;
mod plan;
mod plans;
#[path = "../end_to_end/proc_stat.rs"]
mod proc_stat;
mod sizes;
mod steps;

use std::collections::BTreeMap;

use headcount::model::Day;
use serde_json::Value;

use crate::home::Home;
use crate::notes::Notes;
use crate::plan::Plan;
use crate::steps::Page;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let plan = Plan::read(&args);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let home = Home::new(&plan);
    let path = home.file("bench.json");
    let mut notes = Notes::read(&path);
    if notes.end == 0 {
        notes.end = plan.newest();
        notes.key = home.set_up();
    }
    let plan = plan.on_days_to(notes.end);
    if notes.page.is_empty() {
        runtime.block_on(steps::make(&plan, &home, &mut notes));
        notes.write(&path);
    }
    if plan.ends_after("made") {
        return;
    }
    let close =
        |days: &[Day], events: &[u64]| runtime.block_on(steps::close(&plan, &home, days, events));
    if notes.light.is_empty() {
        notes.light = close(&plan.light, &notes.light_events);
        notes.write(&path);
    }
    if notes.raw.is_empty() {
        notes.raw = runtime.block_on(steps::ask_open(&plan, &home, &notes.page));
        notes.write(&path);
    }
    if plan.ends_after("asked") {
        return;
    }
    if notes.dense.is_empty() {
        notes.dense = close(&plan.dense, &notes.dense_events);
        notes.write(&path);
    }
    println!("### Made by SQL, closed by the program\n");
    filling::print(&notes.light, &notes.dense);
    if plan.ends_after("closed") {
        return;
    }
    ask(&plan, &home, &notes, &runtime);
    runtime.block_on(steps::weigh(&home, &notes));
}

fn ask(plan: &Plan, home: &Home, notes: &Notes, runtime: &tokio::runtime::Runtime) {
    let mut views = dashboard::views("30 days", plan.dense_range(), &notes.page);
    views.extend(dashboard::views("12 months", plan.whole_range(), &notes.page));
    let mut heavy = Vec::new();
    println!("\n### Questions of a dashboard, the biggest site");
    for view in &views {
        let page = runtime.block_on(steps::ask_closed(plan, home, view));
        let (http, whole) = asking::over_http(home, &notes.key, view, plan.rounds);
        println!("\n#### {} ({} to {})\n", view.name, view.from, view.to);
        print_page(&page, &http, notes.raw.get(&view.name));
        println!("\nFirst load over six connections at once: {whole:.0} ms.");
        for one in page.first.into_iter().chain(page.others) {
            let name = format!("{}: {}", view.name, one.name);
            heavy.extend(one.heaviest.map(|(statement, took)| (name, statement, took)));
        }
    }
    runtime.block_on(steps::explain(home, heavy));
}

/// One row a question, and the sum of those of a first load.
fn print_page(page: &Page, http: &[f64], raw: Option<&BTreeMap<String, (Option<f64>, Value)>>) {
    println!(
        "| question | statements | engine ms | engine CPU ms | HTTP ms | raw rows, engine ms | ratio | same answer |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut sums = (0.0, 0.0, 0.0);
    let taken = page.first.iter().chain(&page.others);
    for (place, (taken, http)) in taken.zip(http).enumerate() {
        let open = raw.and_then(|raw| raw.get(taken.name));
        let told = open.map_or("– | – | –".to_owned(), |(raw, results)| {
            let same = if *results == taken.results { "yes" } else { "**no**" };
            raw.map_or_else(
                || "too much for the engine | – | –".to_owned(),
                |raw| format!("{raw:.0} | {:.0} | {same}", raw / taken.milliseconds),
            )
        });
        println!(
            "| {} | {} | {:.1} | {:.0} | {http:.1} | {told} |",
            taken.name, taken.statements, taken.milliseconds, taken.cpu
        );
        if place < page.first.len() {
            sums.0 += taken.milliseconds;
            sums.1 += http;
            sums.2 += open.and_then(|(raw, _)| *raw).unwrap_or(f64::NAN);
        }
    }
    let (engine, http, raw_sum) = sums;
    let cpu: f64 = page.first.iter().map(|one| one.cpu).sum();
    println!(
        "| **first load, sum** | | **{engine:.0}** | **{cpu:.0}** | **{http:.0}** | {raw_sum:.0} | {:.0} | |",
        raw_sum / engine
    );
    let raw_cpu = raw.and_then(|raw| raw.get(steps::CPU)).and_then(|(cpu, _)| *cpu);
    if let Some(raw_cpu) = raw_cpu {
        println!(
            "| the same, engine CPU | | | {cpu:.0} | | {raw_cpu:.0} | {:.0} | |",
            raw_cpu / cpu
        );
    }
}

//! A year of closed days: closing, bytes an event, and every query of a dashboard.
//!
//! `cargo bench --bench days` makes 50 million events of 50 sites (one has 30 %): 30 days in which
//! that site has 5 million, and the eleven months before with fewer. They are made by SQL and
//! closed by the program. The last 30 days are asked twice: while they are open, where visits are
//! derived from raw rows, and when they are closed; both through the same report stage.
//!
//! `-- rows=200000` makes fewer, `-- dir=PATH` keeps the data and, when it is there, only asks
//! again; `-- engine-memory=MIB`, `-- rounds=N`.

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
mod plan;
mod plans;
#[path = "../end_to_end/proc_stat.rs"]
mod proc_stat;
mod sizes;

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::{Value, json};

use crate::asking::{Rounds, Taken};
use crate::dashboard::View;
use crate::home::{Home, Opened};
use crate::plan::Plan;

/// What raw rows answered: by view and question, milliseconds and rows.
type Raw = BTreeMap<String, BTreeMap<String, (f64, Value)>>;

/// Rounds for raw rows, which take long.
const RAW_ROUNDS: usize = 3;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let plan = Plan::read(&args);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let home = Home::new(&plan);
    let notes = home.file("bench.json");
    if !notes.exists() {
        let key = home.set_up();
        let (page, raw) = runtime.block_on(make(&plan, &home));
        let text = json!({ "key": key, "page": page, "raw": raw }).to_string();
        std::fs::write(&notes, text).expect("notes are written");
    }
    let text = std::fs::read_to_string(&notes).expect("notes are read");
    let notes: Value = serde_json::from_str(&text).expect("notes are JSON");
    let word = |name: &str| notes[name].as_str().unwrap_or_default().to_owned();
    let raw: Raw = serde_json::from_value(notes["raw"].clone()).expect("notes of raw rows");
    let views = all_views(&plan, &word("page"));
    let closed = runtime.block_on(ask_closed(&plan, &home, &views));
    let served = home.serve(word("key"));
    let mut rounds = Rounds::new(plan.rounds);
    println!("\n### Questions of a dashboard, the biggest site\n");
    println!(
        "Milliseconds, medians. *engine*: all statements of the question, from sending to holding the answer; *HTTP*: the whole answer of the program.\n"
    );
    for (view, taken) in views.iter().zip(&closed) {
        let first = asking::over_http(&served, &view.first_load(), &mut rounds);
        let others = match taken.others.is_empty() {
            true => Vec::new(),
            false => asking::over_http(&served, &view.other_tabs(), &mut rounds),
        };
        let page = asking::page(&served, view, &mut rounds);
        print_view(view, taken, &first, &others, page, raw.get(&view.name));
    }
}

/// A view's questions as closed days answer them.
struct Page {
    first: Vec<Taken>,
    others: Vec<Taken>,
}

fn all_views(plan: &Plan, page: &str) -> Vec<View> {
    let mut views = dashboard::views("30 days", plan.dense_range(), page);
    views.extend(dashboard::views("12 months", plan.whole_range(), page));
    views
}

/// Makes and closes all days; the page that is filtered by, and what raw rows answered.
async fn make(plan: &Plan, home: &Home) -> (String, Raw) {
    let opened = home.open().await;
    println!("### Made by SQL, closed by the program\n");
    let begun = Instant::now();
    let mut light = Vec::new();
    for month in plan.light.chunks(30) {
        let counts: Vec<u64> =
            month.iter().map(|day| filling::fill(&opened, *day, plan.light_visitors)).collect();
        for (day, events) in month.iter().zip(counts) {
            light.push(filling::close(&opened, plan.engine_memory, *day, events).await);
        }
        eprintln!("{} light days after {:.0} s", light.len(), begun.elapsed().as_secs_f64());
    }
    let counts: Vec<u64> =
        plan.dense.iter().map(|day| filling::fill(&opened, *day, plan.dense_visitors)).collect();
    sizes::merge(&opened, "open_events");
    eprintln!("{} dense days after {:.0} s", counts.len(), begun.elapsed().as_secs_f64());
    let page = frequent_page(&opened);
    let open = (
        sizes::table(&opened, "open_events"),
        sizes::columns(&opened, "open_events", counts.iter().sum()),
    );
    let raw = ask_raw(plan, &opened, &page).await;
    eprintln!("raw rows asked after {:.0} s", begun.elapsed().as_secs_f64());
    let mut dense = Vec::new();
    for (day, events) in plan.dense.iter().zip(&counts) {
        dense.push(filling::close(&opened, plan.engine_memory, *day, *events).await);
    }
    eprintln!("all closed after {:.0} s", begun.elapsed().as_secs_f64());
    filling::print(&light, &dense);
    let events: u64 = light.iter().chain(&dense).map(|one| one.events).sum();
    println!("\n{events} events of {} sites on {} days.\n", plan::SITES, light.len() + dense.len());
    print_sizes(&opened, events, open);
    opened.engine.stop().await;
    (page, raw)
}

/// A page that many, but not most, visitors see.
fn frequent_page(opened: &Opened) -> String {
    let sql = "SELECT path FROM open_events WHERE site = 1 AND name = 'pageview' \
               GROUP BY path ORDER BY count() DESC LIMIT 1 OFFSET 4";
    door::ask(&opened.access, sql, &[]).expect("pages are counted").body
}

async fn ask_raw(plan: &Plan, opened: &Opened, page: &str) -> Raw {
    let mut raw = Raw::new();
    for view in dashboard::views("30 days", plan.dense_range(), page) {
        let mut taken = asking::engine_side(opened, &view.first_load(), RAW_ROUNDS).await;
        if view.filters.is_empty() {
            taken.extend(asking::engine_side(opened, &view.other_tabs(), RAW_ROUNDS).await);
        }
        let answers =
            taken.into_iter().map(|one| (one.name.to_owned(), (one.milliseconds, one.results)));
        raw.insert(view.name, answers.collect());
    }
    raw
}

fn print_sizes(opened: &Opened, events: u64, open: ((u64, u64, u64), String)) {
    println!("| table | rows | MB | bytes a row | bytes an event | parts |");
    println!("|---|---|---|---|---|---|");
    let ((rows, bytes, parts), columns) = open;
    let each = bytes as f64 / rows.max(1) as f64;
    println!(
        "| open_events, dense days, merged | {rows} | {:.1} | {each:.2} | {each:.2} | {parts} |",
        bytes as f64 / 1e6
    );
    println!("as the engine left them:");
    for table in ["hits", "totals", "closed_batches", "closed_days"] {
        sizes::print(opened, table, events);
    }
    for table in ["hits", "totals"] {
        sizes::merge(opened, table);
    }
    println!("merged:");
    for table in ["hits", "totals"] {
        sizes::print(opened, table, events);
    }
    println!("\nwidest columns, bytes an event: open_events: {columns}");
    for table in ["hits", "totals"] {
        println!("{table}: {}", sizes::columns(opened, table, events));
    }
}

async fn ask_closed(plan: &Plan, home: &Home, views: &[View]) -> Vec<Page> {
    let opened = home.open().await;
    let mut pages = Vec::new();
    let mut heavy = Vec::new();
    for view in views {
        let first = asking::engine_side(&opened, &view.first_load(), plan.rounds).await;
        let others = if view.filters.is_empty() {
            asking::engine_side(&opened, &view.other_tabs(), plan.rounds).await
        } else {
            Vec::new()
        };
        for one in first.iter().chain(&others) {
            let named = |(statement, took): (headcount::store::Statement, f64)| {
                (format!("{}: {}", view.name, one.name), statement, took)
            };
            heavy.extend(one.heaviest.clone().map(named));
        }
        eprintln!("{} asked", view.name);
        pages.push(Page { first, others });
    }
    println!("\n### The heaviest statements");
    plans::print(&opened, heavy);
    opened.engine.stop().await;
    pages
}

fn print_view(
    view: &View,
    page: &Page,
    first: &[f64],
    others: &[f64],
    whole: f64,
    raw: Option<&BTreeMap<String, (f64, Value)>>,
) {
    println!("\n#### {} ({} to {})\n", view.name, view.from, view.to);
    println!("| question | statements | engine | HTTP | raw rows, engine | ratio | same answer |");
    println!("|---|---|---|---|---|---|---|");
    let mut sums = (0.0, 0.0, 0.0);
    let first_rows = page.first.iter().zip(first).map(|pair| (true, pair));
    for (is_first, (taken, http)) in
        first_rows.chain(page.others.iter().zip(others).map(|pair| (false, pair)))
    {
        let before = raw.and_then(|raw| raw.get(taken.name));
        let told = before.map_or("| – | – |".to_owned(), |(raw, results)| {
            let same = if same(results, &taken.results) { "yes" } else { "**no**" };
            format!("{raw:.0} | {:.0} | {same}", raw / taken.milliseconds)
        });
        println!(
            "| {} | {} | {:.1} | {http:.1} | {told} |",
            taken.name, taken.statements, taken.milliseconds
        );
        if is_first {
            sums.0 += taken.milliseconds;
            sums.1 += http;
            sums.2 += before.map_or(0.0, |(raw, _)| *raw);
        }
    }
    println!(
        "| **first load, sum** | | **{:.0}** | **{:.0}** | {:.0} | {:.0} | |",
        sums.0,
        sums.1,
        sums.2,
        sums.2 / sums.0
    );
    println!("\nFirst load over six connections at once: {whole:.0} ms.");
}

/// Whether two answers have the same rows; what is compared with was the same days both times.
fn same(one: &Value, other: &Value) -> bool {
    one == other
}

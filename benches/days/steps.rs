//! The steps of a run, in their order: days are made, asked while open, closed, asked when closed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use headcount::model::Day;
use serde_json::Value;

use crate::asking::{self, Taken};
use crate::dashboard::{self, View};
use crate::door;
use crate::filling::{self, Measured};
use crate::home::{Home, Opened};
use crate::notes::{Notes, Raw};
use crate::plan::Plan;
use crate::plans::{self, Heavy};
use crate::sizes;

/// Where the CPU milliseconds of a first load stand among the questions.
pub(crate) const CPU: &str = "engine CPU";
/// Rounds for raw rows, which take long.
const RAW_ROUNDS: usize = 3;
/// How long the engine may take to end its merges.
const MERGES: Duration = Duration::from_secs(900);

/// A view's questions as closed days answer them.
pub(crate) struct Page {
    pub(crate) first: Vec<Taken>,
    pub(crate) others: Vec<Taken>,
}

/// Makes all days; the dense ones are merged.
pub(crate) async fn make(plan: &Plan, home: &Home, notes: &mut Notes) {
    let opened = home.open().await;
    let begun = Instant::now();
    for day in &plan.light {
        notes.light_events.push(filling::fill(&opened, *day, plan.light_visitors));
    }
    tell("light days made", begun);
    for day in &plan.dense {
        notes.dense_events.push(filling::fill(&opened, *day, plan.dense_visitors));
    }
    tell("dense days made", begun);
    let dense = format!("partition >= '{}'", plan.dense_range().0);
    sizes::merge(&opened, "open_events", &dense);
    notes.open = sizes::table(&opened, "open_events", &dense);
    notes.open_columns =
        sizes::columns(&opened, "open_events", &dense, notes.dense_events.iter().sum());
    notes.page = frequent_page(&opened, plan);
    tell("dense days merged", begun);
    opened.engine.stop().await;
}

/// A page that many, but not most, visitors see.
fn frequent_page(opened: &Opened, plan: &Plan) -> String {
    let sql = format!(
        "SELECT path FROM open_events WHERE site = 1 AND day >= '{}' AND name = 'pageview' \
         GROUP BY path ORDER BY count() DESC LIMIT 1 OFFSET 4",
        plan.dense_range().0
    );
    door::ask(&opened.access, &sql, &[]).expect("pages are counted").body
}

/// Asks the dense days while they are open.
pub(crate) async fn ask_open(plan: &Plan, home: &Home, page: &str) -> Raw {
    let opened = home.open().await;
    let begun = Instant::now();
    let mut raw = Raw::new();
    for view in dashboard::views("30 days", plan.dense_range(), page) {
        let rounds = RAW_ROUNDS.min(plan.rounds);
        let mut taken = asking::engine_side(&opened, &view.first_load(), rounds).await;
        let cpu: f64 = taken.iter().map(|one| one.cpu).sum();
        if view.filters.is_empty() {
            taken.extend(asking::engine_side(&opened, &view.other_tabs(), rounds).await);
        }
        let answers = taken.into_iter().map(|one| {
            let took = Some(one.milliseconds).filter(|took| took.is_finite());
            (one.name.to_owned(), (took, one.results))
        });
        let mut answers: BTreeMap<_, _> = answers.collect();
        answers.insert(CPU.to_owned(), (Some(cpu), Value::Null));
        raw.insert(view.name.clone(), answers);
        tell(&format!("open, {}", view.name), begun);
    }
    opened.engine.stop().await;
    raw
}

/// Closes days one by one; those that an earlier run has closed are not measured.
pub(crate) async fn close(plan: &Plan, home: &Home, days: &[Day], events: &[u64]) -> Vec<Measured> {
    let opened = home.open().await;
    let begun = Instant::now();
    let mut measured = Vec::new();
    for (day, events) in days.iter().zip(events) {
        if filling::rows(&opened, *day) == 0 {
            continue;
        }
        measured.push(filling::close(&opened, plan.engine_memory, *day, *events).await);
    }
    tell(&format!("{} days closed", days.len()), begun);
    wait_for_merges(&opened);
    tell("merges ended", begun);
    opened.engine.stop().await;
    measured
}

fn wait_for_merges(opened: &Opened) {
    let begun = Instant::now();
    while begun.elapsed() < MERGES {
        // The engine looks for merges every few seconds: none twice in a row is none.
        let none = || {
            std::thread::sleep(Duration::from_secs(8));
            let sql = "SELECT count() FROM system.merges";
            door::ask(&opened.access, sql, &[]).is_ok_and(|answer| answer.body == "0")
        };
        if none() && none() {
            return;
        }
    }
}

/// Asks a view when everything is closed.
pub(crate) async fn ask_closed(plan: &Plan, home: &Home, view: &View) -> Page {
    let opened = home.open().await;
    let begun = Instant::now();
    let first = asking::engine_side(&opened, &view.first_load(), plan.rounds).await;
    let others = if view.filters.is_empty() {
        asking::engine_side(&opened, &view.other_tabs(), plan.rounds).await
    } else {
        Vec::new()
    };
    tell(&view.name, begun);
    opened.engine.stop().await;
    Page { first, others }
}

/// Prints the heaviest statements with the engine's plans.
pub(crate) async fn explain(home: &Home, heavy: Vec<Heavy>) {
    let opened = home.open().await;
    println!("\n### The heaviest statements");
    plans::print(&opened, heavy);
    opened.engine.stop().await;
}

/// Prints bytes on disk, as they are and merged.
pub(crate) async fn weigh(home: &Home, notes: &Notes) {
    let opened = home.open().await;
    let events: u64 = notes.light.iter().chain(&notes.dense).map(|one| one.events).sum();
    sizes::print(&opened, notes, events);
    opened.engine.stop().await;
}

#[expect(clippy::print_stderr, reason = "how far it is")]
fn tell(what: &str, begun: Instant) {
    eprintln!("{what}: {:.0} s", begun.elapsed().as_secs_f64());
}

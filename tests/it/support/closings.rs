//! Asking for closings and looking at what they published.

use std::path::Path;
use std::thread::JoinHandle;
use std::time::Instant;

use headcount::model::Day;
use serde_json::{Value, json};

use crate::support::command::{self, Done};
use crate::support::crowd::Shown;
use crate::support::program::Program;
use crate::support::report::Reports;
use crate::support::sql::Door;
use crate::support::{seconds, wait_for};

/// How long a closing of a test's days may take on a busy machine.
const CLOSE_LIMIT: std::time::Duration = seconds(60);

/// One row of `closed_days`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Publication {
    /// `YYYY-MM-DD`.
    pub(crate) day: String,
    /// Number of the generation.
    pub(crate) number: u32,
    /// Whether it is added to what was there.
    pub(crate) addition: bool,
    /// Rows of `hits`.
    pub(crate) rows: u64,
    /// Rows of open events that became time of others.
    pub(crate) engagements: u64,
}

/// Everything published, in the order of days and numbers.
///
/// # Errors
/// When the engine does not answer.
pub(crate) fn published(door: &Door) -> Result<Vec<Publication>, String> {
    let text = door.text(
        "SELECT day, gen, addition, rows, engagements FROM closed_days ORDER BY day, gen FORMAT TSV",
    )?;
    Ok(text.lines().map(publication).collect())
}

fn publication(line: &str) -> Publication {
    let fields: Vec<&str> = line.split('\t').collect();
    let number = |at: usize| fields[at].parse::<u64>().expect("a number");
    Publication {
        day: fields[0].to_owned(),
        number: u32::try_from(number(1)).expect("32 bits"),
        addition: number(2) == 1,
        rows: number(3),
        engagements: number(4),
    }
}

/// The publications of one day that count: its newest whole generation and what was added since.
pub(crate) fn current(all: &[Publication], day: &str) -> Vec<Publication> {
    let of_day = || all.iter().filter(|one| one.day == day);
    let whole = of_day().filter(|one| !one.addition).map(|one| one.number).max();
    of_day().filter(|one| Some(one.number) >= whole).cloned().collect()
}

/// `headcount close` of the program that runs in `data`, in the background.
pub(crate) fn start_close(data: &Path) -> JoinHandle<(Done, Instant)> {
    let mut close = command::bare();
    close
        .args(["close", "--data-dir"])
        .arg(data)
        .env("HEADCOUNT_ENGINE_LIBRARY", command::engine_library());
    std::thread::spawn(move || {
        let done = command::finish(close, b"");
        (done, Instant::now())
    })
}

/// `headcount close`, asked again until the program may: after its clock was moved it must first
/// renew its lease.
pub(crate) fn close(program: &Program) -> Done {
    close_until(program, "a closing", || true)
}

/// Closes until `is_done` says so; what the last `close` said.
pub(crate) fn close_until(
    program: &Program,
    what: &str,
    mut is_done: impl FnMut() -> bool,
) -> Done {
    wait_for(what, CLOSE_LIMIT, || {
        let done = program.run(&["close"]);
        (done.code == 0 && is_done()).then_some(done)
    })
}

/// What reports show of one site, by day; asked until the database answers.
pub(crate) fn shown(reports: &mut Reports, days: &[Day]) -> Vec<Shown> {
    let range = json!([label(days.first()), label(days.last())]);
    let metrics = ["visitors", "visits", "pageviews", "events", "bounce_rate", "visit_duration"];
    let by_day = json!({"metrics": metrics, "dimensions": ["time:day"], "date_range": range});
    let by_page = json!({"metrics": &metrics[..4], "dimensions": ["time:day", "event:page"],
        "date_range": range});
    let mut all = vec![Shown::default(); days.len()];
    let place = |label: &str| days.iter().position(|day| day.to_string() == label);
    for (labels, numbers) in patient(reports, &by_day) {
        let at = place(&labels[0]).unwrap_or_else(|| panic!("a day not asked for: {labels:?}"));
        assert!(all[at].numbers.is_empty(), "{labels:?} comes twice");
        all[at].numbers = numbers;
    }
    for (labels, numbers) in patient(reports, &by_page) {
        let at = place(&labels[0]).unwrap_or_else(|| panic!("a day not asked for: {labels:?}"));
        let before = all[at].pages.insert(labels[1].clone(), numbers);
        assert_eq!(before, None, "{labels:?} comes twice");
    }
    all
}

fn label(day: Option<&Day>) -> String {
    day.expect("some days").to_string()
}

/// Rows of a query, asked again while the database is away.
fn patient(reports: &mut Reports, query: &Value) -> Vec<(Vec<String>, Vec<u64>)> {
    let body = wait_for("a report", seconds(60), || {
        let answer = reports.ask(query.clone());
        let away = matches!(answer.status, 500 | 502 | 503 | 504);
        assert!(away || answer.status == 200, "{query}: {} {}", answer.status, answer.text());
        (!away).then(|| answer.json())
    });
    let rows = body["results"].as_array().expect("an answer has results");
    let texts = |value: &Value| -> Vec<String> {
        let list = value.as_array().expect("dimensions are a list");
        list.iter().map(|one| one.as_str().expect("text").to_owned()).collect()
    };
    let whole = |value: &Value| -> Vec<u64> {
        let list = value.as_array().expect("metrics are a list");
        list.iter().map(|one| one.as_u64().expect("a whole number")).collect()
    };
    rows.iter().map(|row| (texts(&row["dimensions"]), whole(&row["metrics"]))).collect()
}

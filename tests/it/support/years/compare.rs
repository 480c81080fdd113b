//! Reports beside the report on another period, and minutes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::report::Reports;
use crate::support::years::answer::{self, Answered, number_of};
use crate::support::years::calendar::{Calendar, ZONES, date, labels};
use crate::support::years::check::Found;
use crate::support::years::question::Question;
use crate::support::years::table::Table;

/// Another period, and how a query says it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Period {
    /// As many days before.
    Previous,
    /// From a day to a day.
    Days(i32, i32),
}

/// Asks `asked` beside another period and compares what stands beside each row.
pub(crate) fn beside(
    reports: &mut Reports,
    table: &Table,
    asked: &Question,
    period: Period,
    found: &mut Found,
) {
    let (from, to) = asked.days;
    let (days, said) = match period {
        Period::Previous => {
            ((from - (to - from + 1), from - 1), json!({"mode": "previous_period"}))
        }
        Period::Days(from, to) => {
            let days = [date(from).to_string(), date(to).to_string()];
            ((from, to), json!({"mode": "custom", "date_range": days}))
        }
    };
    let mut body = asked.json();
    body["include"]["comparisons"] = said;
    let mut other = asked.clone();
    (other.days, other.page) = (days, None);
    let (all, others) = (answer::all(table, asked), answer::all(table, &other));
    let rows = answer::paged(asked, &all);
    let wanted: Vec<Value> = rows.iter().map(|row| compared(asked, &other, row, &others)).collect();
    let Some(answer) = found.ask(reports, &body) else { return };
    if answer.status != 200 {
        found.faults.push(format!("{body}\n  {} {}", answer.status, answer.text()));
        return;
    }
    let said = answer.json();
    let list = said["results"].as_array().expect("an answer has results");
    let told: Vec<&Value> = list.iter().map(|row| &row["comparison"]).collect();
    match told.iter().zip(&wanted).position(|(a, b)| **a != *b) {
        None if told.len() == wanted.len() => found.rows += wanted.len(),
        at => {
            let at = at.unwrap_or(told.len().min(wanted.len()));
            found.faults.push(format!(
                "site {}: {body}\n  beside row {at}: said {:?} wanted {:?}",
                asked.site,
                told.get(at),
                wanted.get(at)
            ));
        }
    }
}

/// What stands beside a row.
fn compared(asked: &Question, other: &Question, row: &Answered, others: &[Answered]) -> Value {
    let mut beside = row.labels.clone();
    if let Some(at) = asked.dimensions.iter().position(|one| one.is_time()) {
        let zone = ZONES[asked.site];
        let of = |days| labels(zone, asked.dimensions[at], days);
        let place = of(asked.days).iter().position(|label| *label == row.labels[at]);
        match of(other.days).into_iter().nth(place.expect("a label of the range")) {
            Some(label) => beside[at] = label,
            None => {
                let change = vec![Value::Null; asked.metrics.len()];
                return json!({"dimensions": null, "metrics": null, "change": change});
            }
        }
    }
    let found = others.iter().find(|other| other.labels == beside);
    let old = found.map_or_else(|| vec![0; asked.metrics.len()], |found| found.metrics.clone());
    let change: Vec<Option<i64>> =
        old.iter().zip(&row.metrics).map(|(old, new)| change(*old, *new)).collect();
    let metrics: Vec<Value> =
        asked.metrics.iter().zip(&old).map(|(name, number)| number_of(name, *number)).collect();
    json!({"dimensions": beside, "metrics": metrics, "change": change})
}

/// In whole percent of the old number, rounded half up.
fn change(old: u64, new: u64) -> Option<i64> {
    match (i64::try_from(old).expect("small"), i64::try_from(new).expect("small")) {
        (0, 0) => Some(0),
        (0, _) => None,
        (old, new) => Some((200 * (new - old) + old).div_euclid(2 * old)),
    }
}

/// Asks for the minutes of a day that is open and compares them.
pub(crate) fn minutes(
    reports: &mut Reports,
    table: &Table,
    site: usize,
    day: i32,
    found: &mut Found,
) {
    let answer = ask_minutes(reports, day);
    let calendar = Calendar::of(ZONES[site]);
    let start = calendar.starts[usize::try_from(day).expect("a day of ours")];
    let mut wanted: BTreeMap<u32, (BTreeSet<u32>, u64, u64)> = BTreeMap::new();
    for at in table.between(day, day) {
        let row = &table.rows[at];
        let minute = wanted.entry((table.second(at) - start) / 60).or_default();
        if row.visitor != 0 {
            minute.0.insert(row.visitor);
        }
        minute.1 += u64::from(row.pageview);
        minute.2 += 1;
    }
    let row = |(minute, (visitors, views, events)): (&u32, &(BTreeSet<u32>, u64, u64))| {
        let label = format!("{} {:02}:{:02}:00", date(day), minute / 60, minute % 60);
        json!({"dimensions": [label], "metrics": [visitors.len(), views, events]})
    };
    let wanted = Value::Array(wanted.iter().map(row).collect());
    found.questions += 1;
    let said = &answer["results"];
    if *said == wanted {
        found.rows += wanted.as_array().map_or(0, Vec::len);
    } else {
        found.faults.push(format!("site {site}: minutes of {}: {answer}", date(day)));
    }
}

/// The answer about the minutes of a day.
pub(crate) fn ask_minutes(reports: &mut Reports, day: i32) -> Value {
    let body = json!({
        "metrics": ["visitors", "pageviews", "events"],
        "date_range": [date(day).to_string(), date(day).to_string()],
        "dimensions": ["time:minute"],
    });
    reports.ask(body).json()
}

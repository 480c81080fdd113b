//! Compares answers of the program with what they must be, and gathers every difference.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::http::Answer;
use crate::support::report::Reports;
use crate::support::years::answer::{self, Answered};
use crate::support::years::calendar::{ZONES, labels};
use crate::support::years::question::Question;
use crate::support::years::table::Table;

/// Differences that are told in full.
const TOLD: usize = 12;
/// Held by every question while it is answered, and alone by one that is asked again.
static TURN: RwLock<()> = RwLock::new(());

/// What was found out.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) questions: usize,
    /// Rows that were equal.
    pub(crate) rows: usize,
    pub(crate) withheld: usize,
    pub(crate) others: usize,
    /// Questions that want more memory than a report may have.
    pub(crate) refused: usize,
    pub(crate) faults: Vec<String>,
    /// How long the slowest answer took, and to what.
    pub(crate) slowest: (Duration, String),
}

impl Found {
    /// Takes in what another one found.
    pub(crate) fn join(&mut self, other: Self) {
        self.questions += other.questions;
        self.rows += other.rows;
        self.withheld += other.withheld;
        self.others += other.others;
        self.refused += other.refused;
        self.faults.extend(other.faults);
        self.slowest = std::mem::take(&mut self.slowest).max(other.slowest);
    }

    /// Sends a question and takes the time; no answer when it wants too much memory even while no
    /// other is being answered.
    pub(crate) fn ask(&mut self, reports: &mut Reports, body: &Value) -> Option<Answer> {
        let wants_too_much =
            |answer: &Answer| answer.status == 422 && answer.json()["limit"] == "memory";
        self.questions += 1;
        let begun = Instant::now();
        let turn = TURN.read().unwrap_or_else(PoisonError::into_inner);
        let mut answer = reports.ask(body.clone());
        drop(turn);
        if wants_too_much(&answer) {
            let _alone = TURN.write().unwrap_or_else(PoisonError::into_inner);
            answer = reports.ask(body.clone());
        }
        let took = begun.elapsed();
        if took > self.slowest.0 {
            self.slowest = (took, body.to_string());
        }
        if wants_too_much(&answer) {
            self.refused += 1;
            return None;
        }
        Some(answer)
    }

    /// Tells the differences, the first ones in full.
    pub(crate) fn tell(&self, phase: &str) {
        for fault in self.faults.iter().take(TOLD) {
            println!("DIFFERENCE, {phase}: {fault}\n");
        }
        if !self.faults.is_empty() {
            println!("{phase}: {} of {} differ", self.faults.len(), self.questions);
        }
    }
}

/// Asks `asked` and compares every row of the answer.
pub(crate) fn equal(reports: &mut Reports, table: &Table, asked: &Question, found: &mut Found) {
    let all = answer::all(table, asked);
    let body = asked.json();
    let Some(answer) = found.ask(reports, &body) else { return };
    if answer.status != 200 {
        found.faults.push(format!("{body}\n  {} {}", answer.status, answer.text()));
        return;
    }
    let said = answer.json();
    let wanted = answer::paged(asked, &all);
    let fault = difference(asked, &said, wanted, all.len());
    let fault = fault.or_else(|| meta(table, asked, &said["meta"]));
    if let Some(fault) = fault {
        found
            .faults
            .push(format!("site {}: {body}\n  {fault}\n  meta {}", asked.site, said["meta"]));
    } else {
        found.rows += wanted.len();
    }
}

/// What is not right beside the rows.
fn meta(table: &Table, asked: &Question, meta: &Value) -> Option<String> {
    let late = table.added(asked.days);
    let said = meta.get("late_rows").map_or(Some(0), Value::as_u64);
    if said != Some(late) {
        return Some(format!("late_rows {said:?} wanted {late}"));
    }
    let time = asked.time()?;
    let wanted = Value::from(labels(ZONES[asked.site], time, asked.days));
    (meta["time_labels"] != wanted).then(|| format!("time_labels are not {wanted}"))
}

/// What differs first, in words.
pub(crate) fn difference(
    asked: &Question,
    said: &Value,
    wanted: &[Answered],
    total: usize,
) -> Option<String> {
    let wanted = answer::json(asked, wanted);
    let empty = Vec::new();
    let rows = said["results"].as_array().unwrap_or(&empty);
    if *rows != *wanted.as_array().expect("a list") {
        let list = wanted.as_array().expect("a list");
        let at =
            rows.iter().zip(list).position(|(a, b)| a != b).unwrap_or(rows.len().min(list.len()));
        let (said, wanted) = (rows.get(at), list.get(at));
        let none = Value::Null;
        return Some(format!(
            "row {at} of {} (wanted {}): said {} wanted {}",
            rows.len(),
            list.len(),
            said.unwrap_or(&none),
            wanted.unwrap_or(&none)
        ));
    }
    let told = said["meta"]["total_rows"].as_u64();
    (told != Some(total as u64)).then(|| format!("total_rows {told:?} wanted {total}"))
}

//! What is said of closing: the result of `headcount close`, and the line of `doctor`.

use serde::{Deserialize, Serialize};

use crate::app::closing::Ran;
use crate::days::{Closed, Progress, Status};
use crate::model::Day;
use crate::store::spools::{NOTHING_HERE, SILENT_AFTER, SpoolRow};

/// Seconds from the first instant of a day in UTC to its closing: every zone has left it.
const CLOSABLE_AFTER: u32 = (24 + 13) * 3600;
/// Seconds of a day.
const DAY_SECONDS: u32 = 86_400;

/// What `headcount close` answers.
#[derive(Debug, Serialize, Deserialize)]
pub struct Closing {
    /// What was published.
    pub closed: Vec<ClosedLine>,
    /// What else there is to say; may be empty.
    pub words: String,
    /// Whether everything up to the asked day is closed; true when none was asked for.
    pub complete: bool,
}

/// One publication.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedLine {
    /// `YYYY-MM-DD`.
    pub date: String,
    /// Rows written.
    pub rows: u64,
    /// Visitors of all sites.
    pub visitors: u64,
    /// Visits of all sites.
    pub visits: u64,
    /// Number of the generation.
    #[serde(rename = "gen")]
    pub gen_number: u32,
    /// Whether it adds late rows to a closed day.
    pub addition: bool,
    /// Rows that came after the 72 hours.
    pub late_rows: u64,
}

/// How far a run is, on its way to the one who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressLine {
    /// `YYYY-MM-DD`; empty while nothing has begun.
    pub day: String,
    /// What is being done.
    pub step: String,
    /// Rows done.
    pub done: u64,
    /// Rows in all; 0 when not known.
    pub all: u64,
}

impl ProgressLine {
    /// Before the first day.
    #[must_use]
    pub fn looking() -> Self {
        Self { day: String::new(), step: "looking what is due".to_owned(), done: 0, all: 0 }
    }

    /// Before the first day, while another run is under way.
    #[must_use]
    pub fn waiting() -> Self {
        let step = "waiting for the closing that is under way".to_owned();
        Self { day: String::new(), step, done: 0, all: 0 }
    }
}

impl From<&Progress> for ProgressLine {
    fn from(progress: &Progress) -> Self {
        Self {
            day: progress.day.to_string(),
            step: progress.step.to_owned(),
            done: progress.done_rows,
            all: progress.all_rows,
        }
    }
}

impl From<&Closed> for ClosedLine {
    fn from(closed: &Closed) -> Self {
        Self {
            date: closed.day.to_string(),
            rows: closed.rows,
            visitors: closed.visitors,
            visits: closed.visits,
            gen_number: closed.gen_number,
            addition: closed.addition,
            late_rows: closed.late_rows,
        }
    }
}

impl Closing {
    /// `DATE⇥rows⇥visitors⇥visits⇥gen`, one a line.
    #[must_use]
    pub fn lines(&self) -> String {
        let line = |one: &ClosedLine| {
            let ClosedLine { date, rows, visitors, visits, gen_number, .. } = one;
            format!("{date}\t{rows}\t{visitors}\t{visits}\t{gen_number}\n")
        };
        self.closed.iter().map(line).collect()
    }

    /// The result of a run that was asked for everything due, or up to `through`.
    #[must_use]
    pub fn of(ran: &Ran, through: Option<Day>, now: u32) -> Self {
        let hindrance = hindrance(&ran.status, &ran.spools, through, now);
        let complete = !ran.cut_short && (through.is_none() || hindrance.is_none());
        let words = match hindrance {
            _ if ran.cut_short => "stopped before everything was closed".to_owned(),
            Some(words) => words,
            None if ran.closed.is_empty() => nothing(&ran.status),
            None => String::new(),
        };
        Self { closed: ran.closed.iter().map(ClosedLine::from).collect(), words, complete }
    }
}

/// What keeps days up to `through` (or any day that is over) open.
fn hindrance(
    status: &Status,
    spools: &[SpoolRow],
    through: Option<Day>,
    now: u32,
) -> Option<String> {
    let asked = |day: Day| through.is_none_or(|through| day <= through);
    if let Some(through) = through.filter(|through| closable_from(*through) > now) {
        let from = moment(closable_from(through));
        return Some(format!(
            "{through} is not over everywhere yet: it can be closed from {from} on"
        ));
    }
    if let Some((day, spool)) = status.waiting.filter(|(day, _)| asked(*day)) {
        let (detail, until) = waiting(day, spool, spools);
        let until = until.map_or(String::new(), |until| format!("; without it from {until} on"));
        return Some(format!("{detail}{until}"));
    }
    let overdue = status.overdue.filter(|day| asked(*day))?;
    Some(format!("{}; the log of headcount says why", late(status, overdue)))
}

/// What a day waits for, and until when at most.
fn waiting(day: Day, spool: u32, spools: &[SpoolRow]) -> (String, Option<String>) {
    let Some(row) = spools.iter().find(|row| row.spool == spool) else {
        return (format!("{day} waits for rows of the collector with spool {spool}"), None);
    };
    let seen = moment(row.seen);
    let since = match row.oldest_open_day() {
        NOTHING_HERE => String::new(),
        oldest => format!(", which has not delivered its rows since {oldest}"),
    };
    let detail =
        format!("{day} waits for the collector with spool {spool}{since} (last heard of {seen})");
    (detail, Some(moment(row.seen.saturating_add(SILENT_AFTER))))
}

/// What should have been done by now.
fn late(status: &Status, day: Day) -> String {
    if status.closed_through.is_some_and(|through| day <= through) {
        let since = moment(settled_from(day));
        return format!("{day} is closed, but its open rows should be gone since {since}");
    }
    format!("{day} could be closed since {} and is not", moment(closable_from(day)))
}

fn nothing(status: &Status) -> String {
    let closed = match status.closed_through {
        Some(day) => format!("closed through {day}"),
        None => "no day is closed".to_owned(),
    };
    match status.open_days {
        0 => format!("nothing to close: {closed}, and no rows are open"),
        1 => format!("nothing to close: {closed}; 1 day is open"),
        days => format!("nothing to close: {closed}; {days} days are open"),
    }
}

/// The line of `doctor`: whether all is well, what is seen, what to do.
#[must_use]
pub fn finding(status: &Status, spools: &[SpoolRow]) -> (bool, String, String) {
    if let Some((day, spool)) = status.waiting {
        let (detail, until) = waiting(day, spool, spools);
        let until = until.unwrap_or_else(|| "three days after it was last heard of".to_owned());
        let fix = format!(
            "start that collector again so that it delivers; if it is gone for good, the day is closed without it from {until} on"
        );
        return (false, detail, fix);
    }
    if let Some(day) = status.overdue {
        let fix =
            "keep headcount running with role = \"all\", look into its log, or run headcount close";
        return (false, late(status, day), fix.to_owned());
    }
    let open = match status.open_days {
        1 => "1 day open".to_owned(),
        days => format!("{days} days open"),
    };
    let detail = match status.closed_through {
        Some(day) => format!("closed through {day}, {open}"),
        None => format!("none closed yet, {open}"),
    };
    let detail = match status.open_rows_of_closed_days {
        0 => detail,
        rows => format!("{detail}, {rows} rows to be taken in by days that are closed"),
    };
    (true, detail, String::new())
}

/// The first moment at which a day can be closed, seconds since 1970.
fn closable_from(day: Day) -> u32 {
    u32::from(day.0) * DAY_SECONDS + CLOSABLE_AFTER
}

/// The moment at which a day's open rows have to go, seconds since 1970.
fn settled_from(day: Day) -> u32 {
    closable_from(day) - 3600 + SILENT_AFTER
}

/// `YYYY-MM-DD HH:MM UTC`.
fn moment(at: u32) -> String {
    let day = Day(u16::try_from(at / DAY_SECONDS).unwrap_or(u16::MAX));
    let second = at % DAY_SECONDS;
    format!("{day} {:02}:{:02} UTC", second / 3600, second % 3600 / 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    fn status() -> Status {
        Status {
            closed_through: Some(day("2093-06-14")),
            open_days: 2,
            waiting: None,
            overdue: None,
            open_rows_of_closed_days: 0,
        }
    }

    fn said(status: &Status, through: Option<&str>, now: u32) -> (String, bool) {
        let closing = Closing::of(
            &Ran {
                closed: Vec::new(),
                cut_short: false,
                status: Status { ..*status },
                spools: Vec::new(),
            },
            through.map(day),
            now,
        );
        (closing.words, closing.complete)
    }

    #[test]
    fn a_day_can_be_closed_once_every_zone_has_left_it() {
        let from = closable_from(day("2093-06-15"));
        assert_eq!(moment(from), "2093-06-16 13:00 UTC");
        let (words, complete) = said(&status(), Some("2093-06-15"), from - 1);
        assert!(words.ends_with("from 2093-06-16 13:00 UTC on") && !complete, "{words}");
        let (words, complete) = said(&status(), Some("2093-06-15"), from);
        assert_eq!(words, "nothing to close: closed through 2093-06-14; 2 days are open");
        assert!(complete);
    }

    #[test]
    fn what_waits_for_a_collector_is_said_and_is_no_failure_unless_that_day_was_asked_for() {
        let waiting = Status { waiting: Some((day("2093-06-15"), 7)), ..status() };
        let now = closable_from(day("2093-06-16"));
        let (words, complete) = said(&waiting, None, now);
        assert!(words.contains("2093-06-15 waits") && words.contains("spool 7"), "{words}");
        assert!(complete);
        assert!(!said(&waiting, Some("2093-06-15"), now).1);
        assert!(said(&waiting, Some("2093-06-14"), now).1);
        let (well, detail, fix) = finding(&waiting, &[]);
        assert!(!well && detail.contains("spool 7") && !fix.is_empty());
    }

    #[test]
    fn an_overdue_day_is_named_with_the_moment_since_when() {
        let overdue = Status { overdue: Some(day("2093-06-15")), ..status() };
        let (well, detail, fix) = finding(&overdue, &[]);
        assert!(!well && detail.contains("since 2093-06-16 13:00 UTC") && !fix.is_empty());
        assert!(!said(&overdue, Some("2093-06-15"), u32::MAX).1);
        let kept = Status { overdue: Some(day("2093-06-13")), ..status() };
        let (well, detail, _) = finding(&kept, &[]);
        assert!(!well && detail.ends_with("gone since 2093-06-17 12:00 UTC"), "{detail}");
        assert_eq!(finding(&status(), &[]).1, "closed through 2093-06-14, 2 days open");
        let fresh = Status { closed_through: None, open_days: 1, ..status() };
        assert_eq!(finding(&fresh, &[]).1, "none closed yet, 1 day open");
    }

    #[test]
    fn lines_have_the_fields_of_the_command() {
        let closed = Closed {
            day: day("2093-06-15"),
            rows: 4,
            visitors: 2,
            visits: 3,
            gen_number: 9,
            addition: false,
            late_rows: 0,
        };
        let ran =
            Ran { closed: vec![closed], cut_short: false, status: status(), spools: Vec::new() };
        let closing = Closing::of(&ran, None, u32::MAX);
        assert_eq!(closing.lines(), "2093-06-15\t4\t2\t3\t9\n");
        assert_eq!(closing.words, "");
    }
}

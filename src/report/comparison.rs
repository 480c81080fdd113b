//! A report beside the report on another period: which row goes with which, and the change.
//!
//! Only released answers are compared. Buckets of a time are matched by their place in the range
//! (the third hour with the third hour), all other values by being equal; "(other)" has no
//! counterpart. What the other answer does not show is 0 there when it is known to be nothing, and
//! unknown when it may be in "(other)", in a withheld day, or behind the last row.
//!
//! A change is relative for every metric: a bounce rate of 40 percent after one of 50 has changed
//! by -20 percent, not by -10 points.

use std::collections::HashMap;

use crate::model::Site;
use crate::report::query::Query;
use crate::report::threshold::Answer;
use crate::report::threshold::Released;
use crate::report::threshold::Row;

/// What stands beside a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compared {
    /// Whether the row is "(other)".
    pub(crate) other: bool,
    /// The values of the other period's row; `None` when it has no such bucket of time.
    pub(crate) dimensions: Option<Vec<String>>,
    /// Its metrics, as in [`Row`]; `None` when they are unknown.
    pub(crate) metrics: Option<Vec<u64>>,
    /// The change of each metric in whole percent of the other period's, rounded half up; `None`
    /// when that one is 0 (and this one is not) or unknown.
    pub(crate) change: Vec<Option<i64>>,
}

/// What stands beside each row of `answer` to `query`: rows of `other` to `other_query`; nothing
/// when that one is withheld.
pub(crate) fn join(
    site: &Site,
    (query, answer): (&Query, &Released<Answer>),
    (other_query, other): (&Query, &Released<Answer>),
) -> Option<Vec<Compared>> {
    let (answer, other) = (answer.get(), other.get());
    if other.withheld.is_some() {
        return None;
    }
    let time = query.time();
    let place = query.asked.dimensions.iter().position(|one| Some(*one) == time);
    let join = Join {
        query,
        place,
        buckets: Buckets::new(&query.time_labels(site), other_query.time_labels(site)),
        rows: other
            .rows
            .iter()
            .filter(|row| !row.other)
            .map(|row| (&row.dimensions, row))
            .collect(),
        other,
    };
    Some(answer.rows.iter().map(|row| join.beside(row)).collect())
}

/// The buckets of a time in two periods.
struct Buckets {
    places: HashMap<String, usize>,
    others: Vec<String>,
}

impl Buckets {
    fn new(labels: &[String], others: Vec<String>) -> Self {
        let places = labels.iter().enumerate().map(|(place, label)| (label.clone(), place));
        Self { places: places.collect(), others }
    }

    /// The label of the other period's bucket in the place of `label`.
    fn beside(&self, label: &str) -> Option<&String> {
        self.others.get(*self.places.get(label)?)
    }
}

struct Join<'a> {
    query: &'a Query,
    /// Where the time stands among the dimensions.
    place: Option<usize>,
    buckets: Buckets,
    rows: HashMap<&'a Vec<String>, &'a Row>,
    other: &'a Answer,
}

impl Join<'_> {
    fn beside(&self, row: &Row) -> Compared {
        let dimensions = self.dimensions(row);
        let found = dimensions.as_ref().filter(|_| !row.other);
        let metrics = found.and_then(|dimensions| match self.rows.get(dimensions) {
            Some(found) => Some(found.metrics.clone()),
            None => self.is_nothing(dimensions).then(|| vec![0; row.metrics.len()]),
        });
        let change = match &metrics {
            Some(old) => {
                old.iter().zip(&row.metrics).map(|(old, new)| change(*old, *new)).collect()
            }
            None => vec![None; row.metrics.len()],
        };
        Compared { other: row.other, dimensions, metrics, change }
    }

    /// The values that the row beside `row` has.
    fn dimensions(&self, row: &Row) -> Option<Vec<String>> {
        let mut dimensions = row.dimensions.clone();
        // In "(other)" an hour is not told, a day is.
        let is_told = !row.other || self.query.by_period();
        if let Some(label) = self.place.filter(|_| is_told).and_then(|at| dimensions.get_mut(at)) {
            *label = self.buckets.beside(label)?.clone();
        }
        Some(dimensions)
    }

    /// Whether a row that the other answer does not have would be a row of zeros.
    fn is_nothing(&self, dimensions: &[String]) -> bool {
        let answer = self.other;
        let label = self.place.and_then(|place| dimensions.get(place));
        let in_part = |row: &&Row| {
            let told = self.place.and_then(|place| row.dimensions.get(place));
            !self.query.by_period() || told == label
        };
        let all = u64::try_from(answer.rows.len()).is_ok_and(|rows| rows >= answer.total_rows);
        let is_withheld = label.is_some_and(|label| answer.withheld_days.contains(label));
        let hides = answer.rows.iter().filter(|row| row.other).any(|row| in_part(&row));
        all && !is_withheld && !hides
    }
}

/// The change from `old` to `new` in whole percent of `old`, rounded half up.
fn change(old: u64, new: u64) -> Option<i64> {
    if old == 0 {
        return (new == 0).then_some(0);
    }
    let (old, new) = (i128::from(old), i128::from(new));
    i64::try_from((200 * (new - old) + old).div_euclid(2 * old)).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use super::*;
    use crate::report::query::tests::query;
    use crate::report::query::tests::site;
    use crate::report::threshold::Guard;
    use crate::report::threshold::Withheld;

    const NOW: u32 = 1_795_303_800; // 2026-11-22 in Berlin

    fn row(other: bool, dimensions: &[&str], metrics: &[u64]) -> Row {
        let dimensions = dimensions.iter().map(|value| (*value).to_owned()).collect();
        Row { other, dimensions, metrics: metrics.to_vec() }
    }

    fn released(query: &Query, rows: Vec<Row>, total: u64) -> Released<Answer> {
        let guard = Guard::new(5, query);
        guard.release(&guard.open(query), rows, total, 0)
    }

    /// What stands beside `rows`, as (values, metrics, changes).
    fn beside(parts: &Value, rows: Vec<Row>, others: Vec<Row>, total: u64) -> Vec<String> {
        let mut parts = parts.clone();
        let mode = parts.get("compared").cloned().unwrap_or(json!({ "mode": "previous_period" }));
        parts.as_object_mut().unwrap().remove("compared");
        parts["include"] = json!({ "comparisons": mode });
        let query = query(&parts).unwrap();
        let other_query = query.compared(&site(), NOW).unwrap();
        let answer = released(&query, rows, 0);
        let other = released(&other_query, others, total);
        let found = join(&site(), (&query, &answer), (&other_query, &other)).unwrap();
        let text = |one: &Compared| {
            let dimensions = one.dimensions.as_ref().map(|all| all.join("+"));
            let metrics = one.metrics.as_ref().map(|all| json!(all).to_string());
            let unknown = || "?".to_owned();
            let change = json!(one.change);
            format!(
                "{} {} {change}",
                dimensions.unwrap_or_else(unknown),
                metrics.unwrap_or_else(unknown)
            )
        };
        found.iter().map(text).collect()
    }

    #[test]
    fn change_is_in_whole_percent_rounded_half_up() {
        for (old, new, expected) in [
            (0, 0, Some(0)),
            (0, 1, None),
            (1, 0, Some(-100)),
            (200, 201, Some(1)),
            (200, 199, Some(0)),
            (1_000, 1_004, Some(0)),
            (1_000, 996, Some(0)),
            (1_000, 994, Some(-1)),
            (3, 4, Some(33)),
            (3, 5, Some(67)),
            (7, 7, Some(0)),
            (u64::MAX, u64::MAX, Some(0)),
            // What does not fit is not told.
            (1, u64::MAX, None),
        ] {
            assert_eq!(change(old, new), expected, "{old} to {new}");
        }
    }

    #[test]
    fn totals_stand_beside_totals() {
        let parts = json!({ "metrics": ["visitors", "bounce_rate"] });
        let found =
            beside(&parts, vec![row(false, &[], &[30, 50])], vec![row(false, &[], &[20, 40])], 1);
        assert_eq!(found, [" [20,40] [50,25]"]);
    }

    #[test]
    fn buckets_are_matched_by_their_place() {
        let parts =
            json!({ "date_range": ["2026-11-10", "2026-11-12"], "dimensions": ["time:day"] });
        let rows = ["2026-11-10", "2026-11-12"].map(|day| row(false, &[day], &[10]));
        let others = ["2026-11-08", "2026-11-09"].map(|day| row(false, &[day], &[8]));
        let found = beside(&parts, rows.to_vec(), others.to_vec(), 2);
        // The 7th, which has no row, is a day of zeros.
        assert_eq!(found, ["2026-11-07 [0] [null]", "2026-11-09 [8] [25]"]);
    }

    #[test]
    fn hours_of_a_short_day_and_days_of_a_short_period_have_nothing_beside_them() {
        let parts =
            json!({ "date_range": ["2026-03-30", "2026-03-30"], "dimensions": ["time:hour"] });
        let rows =
            ["22", "23"].map(|hour| row(false, &[&format!("2026-03-30 {hour}:00:00")], &[4]));
        let others = vec![row(false, &["2026-03-29 22:00:00"], &[2])];
        let found = beside(&parts, rows.to_vec(), others, 1);
        assert_eq!(found, ["2026-03-29 22:00:00 [2] [100]", "? ? [null]"]);
        let parts = json!({ "date_range": ["2026-11-01", "2026-11-02"], "dimensions": ["time:day"],
            "compared": { "mode": "custom", "date_range": ["2026-01-01", "2026-01-01"] } });
        let rows = ["2026-11-01", "2026-11-02"].map(|day| row(false, &[day], &[4]));
        let found = beside(&parts, rows.to_vec(), vec![row(false, &["2026-01-01"], &[4])], 1);
        assert_eq!(found, ["2026-01-01 [4] [0]", "? ? [null]"]);
    }

    #[test]
    fn weeks_and_values_are_matched_together() {
        let parts = json!({ "date_range": ["2026-11-09", "2026-11-15"],
            "dimensions": ["visit:os", "time:week"] });
        let rows = vec![row(false, &["Linux", "2026-11-09"], &[3])];
        let others = vec![row(false, &["Linux", "2026-11-02"], &[6])];
        assert_eq!(beside(&parts, rows, others, 1), ["Linux+2026-11-02 [6] [-50]"]);
    }

    #[test]
    fn what_is_not_in_a_whole_list_was_nothing_and_else_is_unknown() {
        let parts = json!({ "dimensions": ["visit:city"] });
        let rows = || vec![row(false, &["Rome"], &[5]), row(true, &[""], &[9])];
        let paris = || vec![row(false, &["Paris"], &[7])];
        let found = beside(&parts, rows(), paris(), 1);
        assert_eq!(found, ["Rome [0] [null]", " ? [null]"]);
        // Rome may be behind the last row, or in "(other)".
        assert_eq!(beside(&parts, rows(), paris(), 2)[0], "Rome ? [null]");
        let hidden = vec![row(false, &["Paris"], &[7]), row(true, &[""], &[8])];
        assert_eq!(beside(&parts, rows(), hidden, 2), ["Rome ? [null]", " ? [null]"]);
    }

    #[test]
    fn another_day_may_hide_what_it_likes() {
        let parts = json!({ "date_range": ["2026-11-11", "2026-11-12"],
            "dimensions": ["time:day", "visit:city"] });
        let rows = vec![
            row(false, &["2026-11-11", "Rome"], &[5]),
            row(false, &["2026-11-12", "Rome"], &[5]),
        ];
        let others = vec![row(true, &["2026-11-10", ""], &[8])];
        let found = beside(&parts, rows, others, 1);
        assert_eq!(found, ["2026-11-09+Rome [0] [null]", "2026-11-10+Rome ? [null]"]);
    }

    #[test]
    fn a_withheld_day_is_unknown() {
        let parts = json!({ "date_range": ["2026-11-11", "2026-11-11"], "dimensions": ["time:day"],
            "include": { "comparisons": { "mode": "previous_period" } } });
        let query = query(&parts).unwrap();
        let other_query = query.compared(&site(), NOW).unwrap();
        let guard = Guard::new(5, &other_query);
        let closed = guard.open(&other_query).without_days(vec!["2026-11-10".to_owned()]);
        let other = guard.release(&closed, Vec::new(), 0, 0);
        let answer = released(&query, vec![row(false, &["2026-11-11"], &[9])], 1);
        let found = join(&site(), (&query, &answer), (&other_query, &other)).unwrap();
        assert_eq!(found[0].metrics, None);
    }

    #[test]
    fn beside_a_withheld_answer_there_is_nothing() {
        let parts = json!({ "dimensions": ["visit:city"],
            "include": { "comparisons": { "mode": "previous_period" } } });
        let query = query(&parts).unwrap();
        let other_query = query.compared(&site(), NOW).unwrap();
        let other = Guard::new(5, &other_query).withhold(Some(Withheld::FewVisitors), 3);
        let answer = released(&query, vec![row(false, &["Rome"], &[9])], 1);
        assert_eq!(join(&site(), (&query, &answer), (&other_query, &other)), None);
    }
}

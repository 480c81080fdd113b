//! A report beside the report on another period: which row goes with which, and the change.
//!
//! Only released answers are compared. Buckets of a time are matched by their place in the range
//! (the third hour with the third hour), all other values by being equal; "(other)" has no
//! counterpart. What the other answer does not show is 0 there when it is known to be nothing, and
//! unknown when it may be in "(other)", in a withheld day, or behind the last row.

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

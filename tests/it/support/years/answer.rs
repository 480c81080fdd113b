//! What the answer to a question must be.

use std::cmp::Ordering;

use serde_json::{Value, json};

use crate::support::years::count::{Count, Group, OTHERS, Sums, shown};
use crate::support::years::question::{By, Question};
use crate::support::years::table::{Dimension, Table};

/// What values that are withheld are called.
pub(crate) const OTHER: &str = "(other)";
/// Rows of an answer when nothing is said.
const ROWS_MAX: usize = 10_000;

/// One row of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answered {
    pub(crate) labels: Vec<String>,
    /// As numbers of the answer; `views_per_visit` in hundredths.
    pub(crate) metrics: Vec<u64>,
}

/// Half up; 0 of nothing.
fn mean(sum: u64, n: u64) -> u64 {
    if n == 0 { 0 } else { (2 * sum + n) / (2 * n) }
}

impl Sums {
    /// The number called `metric`; `views_per_visit` in hundredths.
    pub(crate) fn metric(&self, metric: &str) -> u64 {
        match metric {
            "visitors" => self.visitors,
            "visits" => self.visits,
            "pageviews" => self.pageviews,
            "events" => self.events,
            "views_per_visit" => mean(100 * self.views, self.visits),
            "bounce_rate" => mean(100 * self.bounces, self.entries),
            "visit_duration" => mean(self.seconds, self.visits),
            "time_on_page" => mean(self.engaged_ms, 1_000 * self.engaged_pages),
            "scroll_depth" => mean(self.scroll, self.scrolled_pages),
            other => panic!("no metric is called {other}"),
        }
    }
}

/// All rows, in order, of which an answer is a part.
pub(crate) fn all(table: &Table, asked: &Question) -> Vec<Answered> {
    let count = Count {
        table,
        filters: &asked.filters,
        dimensions: &asked.dimensions,
        days: asked.days,
        hide: &shown,
    };
    ordered(asked, count.groups())
}

/// The part of the rows that the question asks for.
pub(crate) fn paged<'a>(asked: &Question, all: &'a [Answered]) -> &'a [Answered] {
    let (limit, offset) = asked.page.unwrap_or((ROWS_MAX, 0));
    let from = offset.min(all.len());
    all.get(from..(from + limit).min(all.len())).expect("a part of the rows")
}

/// Rows of groups, in the order of the question; others last.
pub(crate) fn ordered(asked: &Question, mut groups: Vec<Group>) -> Vec<Answered> {
    if groups.is_empty() && asked.dimensions.is_empty() {
        groups.push(([0; 3], Sums::default()));
    }
    let mut rows: Vec<Answered> = groups.iter().map(|group| row(asked, group)).collect();
    let order = asked.full_order();
    rows.sort_by(|a, b| compare(asked, &order, a, b));
    rows
}

fn row(asked: &Question, (key, sums): &Group) -> Answered {
    let label = |(value, dimension): (&u16, &Dimension)| {
        if *value == OTHERS { OTHER.to_owned() } else { dimension.label(*value) }
    };
    Answered {
        labels: key.iter().zip(&asked.dimensions).map(label).collect(),
        metrics: asked.metrics.iter().map(|metric| sums.metric(metric)).collect(),
    }
}

fn compare(asked: &Question, order: &[(By, bool)], a: &Answered, b: &Answered) -> Ordering {
    let others = |row: &Answered| {
        let listed = row.labels.iter().zip(&asked.dimensions);
        listed.clone().any(|(label, one)| !one.is_part() && label == OTHER)
    };
    let mut found = others(a).cmp(&others(b));
    for (by, down) in order {
        if found != Ordering::Equal {
            return found;
        }
        found = match by {
            By::Metric(at) => a.metrics[*at].cmp(&b.metrics[*at]),
            By::Dimension(at) => a.labels[*at].as_bytes().cmp(b.labels[*at].as_bytes()),
        };
        if *down {
            found = found.reverse();
        }
    }
    found
}

/// Rows as they stand in an answer.
pub(crate) fn json(asked: &Question, rows: &[Answered]) -> Value {
    let metrics = |row: &Answered| -> Vec<Value> {
        let numbers = asked.metrics.iter().zip(&row.metrics);
        numbers.map(|(name, number)| number_of(name, *number)).collect()
    };
    let rows = rows.iter().map(|row| json!({"dimensions": row.labels, "metrics": metrics(row)}));
    Value::Array(rows.collect())
}

/// A number as it stands in an answer.
pub(crate) fn number_of(metric: &str, number: u64) -> Value {
    if metric != "views_per_visit" {
        return json!(number);
    }
    let text = format!("{}.{:02}", number / 100, number % 100);
    json!(text.parse::<f64>().expect("a number"))
}

//! Counts that are no report of visitors: what was not counted or not kept, and what pages
//! reported about themselves.
//!
//! None of them knows a visitor. What is not stored holds no attribute of anybody; of what pages
//! report, a group is shown from `k` reports on, the others together as "(other)".

use serde_json::{Value, json};

use crate::model::{Day, Metric, Outcome, Site};
use crate::report::{Reader, ReportError, response, sql, threshold};
use crate::store::{Param, Statement};

/// Groups of one metric that are listed.
const GROUPS_MAX: u64 = 100;
/// Rows of a list of counts.
const ROWS_MAX: u64 = 10_000;
/// What small groups are listed as.
const OTHER: &str = "(other)";
/// The shares of values below the percentiles that are told.
const LEVELS: &str = "0.5, 0.75, 0.9, 0.99";

/// What Web Vitals are listed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VitalsBy {
    /// All together.
    Nothing,
    /// By page.
    Page,
    /// By kind of device.
    Device,
    /// By country.
    Country,
}

impl VitalsBy {
    /// The one of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "" => Some(Self::Nothing),
            "page" => Some(Self::Page),
            "device" => Some(Self::Device),
            "country" => Some(Self::Country),
            _ => None,
        }
    }

    const fn column(self) -> &'static str {
        match self {
            Self::Nothing => "''",
            Self::Page => "path",
            Self::Device => "device",
            Self::Country => "country",
        }
    }
}

/// Counts of what was not counted from `from` to `to` (both included), by outcome, as one JSON
/// object of those that are not 0.
///
/// # Errors
/// When the database does not answer.
pub async fn outcomes(
    site: &Site,
    (from, to): (Day, Day),
    reader: &impl Reader,
) -> Result<Vec<u8>, ReportError> {
    let mut counts = Vec::new();
    for row in reader.select(sql::outcomes(site.id, from, to)).await? {
        let [name, count] = row.as_slice() else { return Err(ReportError::Shape) };
        let known = Outcome::ALL.into_iter().find(|one| Some(one.name()) == name.as_str());
        counts.extend(known.map(Outcome::name).zip(number(count)));
    }
    Ok(response::outcomes(&threshold::release_outcomes(counts)))
}

/// What was not counted, as `{"rows": [{"day", "outcome", "reason", "events"}]}`, newest day first.
///
/// # Errors
/// When the database does not answer.
pub async fn refusals(
    site: &Site,
    days: (Day, Day),
    reader: &impl Reader,
) -> Result<Vec<u8>, ReportError> {
    let sql = format!(
        "SELECT toString(day), outcome, reason, sum(events) AS n FROM outcomes WHERE {DAYS} \
         GROUP BY day, outcome, reason HAVING n > 0 ORDER BY day DESC, n DESC, outcome, reason \
         LIMIT {ROWS_MAX}"
    );
    let rows = rows(site, days, sql, reader, ["day", "outcome", "reason", "events"]).await?;
    Ok(response::rows(&threshold::release_outcomes(rows)))
}

/// What of accepted events was not kept, as `{"rows": [{"what", "name", "events"}]}`, the most
/// first. `what` is `property`, `value` or `distinct`.
///
/// # Errors
/// When the database does not answer.
pub async fn kept_back(
    site: &Site,
    days: (Day, Day),
    reader: &impl Reader,
) -> Result<Vec<u8>, ReportError> {
    let sql = format!(
        "SELECT what, name, sum(events) AS n FROM kept_back WHERE {DAYS} GROUP BY what, name \
         HAVING n > 0 ORDER BY n DESC, what, name LIMIT {ROWS_MAX}"
    );
    let rows = rows(site, days, sql, reader, ["what", "name", "events"]).await?;
    Ok(response::rows(&threshold::release_outcomes(rows)))
}

/// Percentiles of Web Vitals, as `{"rows": [{"metric", "group", "events", "p50", "p75", "p90",
/// "p99"}]}`: milliseconds, of CLS without unit; at most 5 % off, as values are stored in buckets.
///
/// # Errors
/// When the database does not answer.
pub async fn vitals(
    site: &Site,
    days: (Day, Day),
    by: VitalsBy,
    k: u32,
    reader: &impl Reader,
) -> Result<Vec<u8>, ReportError> {
    let sql = format!(
        "SELECT metric, shown, sum(n) AS events, \
         quantilesExactWeighted({LEVELS})(bucket, n) AS levels FROM (\
         SELECT metric, bucket, n, if(sum(n) OVER (PARTITION BY metric, value) >= {k}, value, \
         '{OTHER}') AS shown FROM (SELECT metric, {} AS value, bucket, sum(events) AS n \
         FROM vitals WHERE {DAYS} GROUP BY metric, value, bucket)) \
         GROUP BY metric, shown ORDER BY metric, shown = '{OTHER}', events DESC, shown \
         LIMIT {} BY metric",
        by.column(),
        GROUPS_MAX + 1,
    );
    let mut reports = Vec::new();
    for row in reader.select(statement(site, days, sql)).await? {
        let [metric, group, events, levels] = row.as_slice() else {
            return Err(ReportError::Shape);
        };
        let metric = metric.as_str().and_then(Metric::parse).ok_or(ReportError::Shape)?;
        let events = number(events).ok_or(ReportError::Shape)?;
        let levels = levels.as_array().ok_or(ReportError::Shape)?;
        let level = |place: usize| {
            let bucket = levels.get(place).and_then(number).unwrap_or_default();
            rounded(metric, metric.value(u16::try_from(bucket).unwrap_or(u16::MAX)))
        };
        let row = json!({
            "metric": metric.name(), "group": group, "events": events,
            "p50": level(0), "p75": level(1), "p90": level(2), "p99": level(3),
        });
        reports.push((events, row));
    }
    Ok(response::rows(&threshold::release_reports(reports, k)))
}

/// Errors of pages' scripts, as `{"rows": [{"template", "events", "pages", "browsers"}]}`, the most
/// first; those with fewer than `k` events are left out.
///
/// # Errors
/// When the database does not answer.
pub async fn script_errors(
    site: &Site,
    days: (Day, Day),
    k: u32,
    reader: &impl Reader,
) -> Result<Vec<u8>, ReportError> {
    let sql = format!(
        "SELECT template, sum(events) AS n, uniqExact(path), uniqExact(browser) \
         FROM script_errors WHERE {DAYS} GROUP BY template HAVING n >= {k} \
         ORDER BY n DESC, template LIMIT {ROWS_MAX}"
    );
    let rows = rows(site, days, sql, reader, ["template", "events", "pages", "browsers"]).await?;
    let events = |row: &Value| row.get("events").and_then(Value::as_u64).unwrap_or_default();
    let reports = rows.into_iter().map(|row| (events(&row), row)).collect();
    Ok(response::rows(&threshold::release_reports(reports, k)))
}

const DAYS: &str = "site = {site:UInt32} AND day BETWEEN {from:Date} AND {to:Date}";

fn statement(site: &Site, (from, to): (Day, Day), sql: String) -> Statement {
    let params = vec![
        ("site".to_owned(), Param::U64(u64::from(site.id.0))),
        ("from".to_owned(), Param::Date(from)),
        ("to".to_owned(), Param::Date(to)),
    ];
    Statement { sql, params }
}

/// The rows of a statement as objects with these names, whole numbers as numbers.
async fn rows<const N: usize>(
    site: &Site,
    days: (Day, Day),
    sql: String,
    reader: &impl Reader,
    names: [&str; N],
) -> Result<Vec<Value>, ReportError> {
    let rows = reader.select(statement(site, days, sql)).await?;
    let object = |row: Vec<Value>| {
        let members = names.iter().map(|name| (*name).to_owned()).zip(row);
        Value::Object(members.collect())
    };
    Ok(rows.into_iter().map(object).collect())
}

/// A count, which the database may write as text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// Milliseconds whole, CLS with three places.
fn rounded(metric: Metric, value: f64) -> f64 {
    match metric {
        Metric::Cls => (value * 1000.0).round() / 1000.0,
        _ => value.round(),
    }
}

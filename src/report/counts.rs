//! Counts that are no report of visitors: what was not counted or not kept, and what pages
//! reported about themselves.
//!
//! None of them knows a visitor. What is not stored holds no attribute of anybody; of what pages
//! report, a group is shown from `k` reports on, the others together as "(other)". Where the others
//! are fewer than `k`, the smallest shown group is among them, so that the sum does not tell them.

use serde_json::{Value, json};

use crate::model::{Day, Metric, Outcome, Site};
use crate::report::{Reader, ReportError, response, sql, threshold};
use crate::store::{Param, Statement};

/// Groups of one metric that are listed beside "(other)".
const GROUPS_MAX: u64 = 100;
/// Rows of a list of counts.
const ROWS_MAX: u64 = 10_000;
/// What small groups are listed as.
const OTHER: &str = "(other)";
/// The shares of values below the percentiles that are told.
const LEVELS: &str = "0.5, 0.75, 0.9, 0.99";
/// Columns that are counts: names beside them may be made of digits and stay text.
const COUNTS: [&str; 3] = ["events", "pages", "browsers"];

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
    let mut reports = Vec::new();
    for row in reader.select(statement(site, days, vitals_sql(by, k))).await? {
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

/// Groups by number of reports: the first of them that have `k` are shown, unless the rest would be
/// too few to be "(other)" alone.
fn vitals_sql(by: VitalsBy, k: u32) -> String {
    let buckets = format!(
        "SELECT metric, {} AS value, bucket, sum(events) AS n FROM vitals WHERE {DAYS} \
         GROUP BY metric, value, bucket",
        by.column()
    );
    let groups = format!(
        "SELECT metric, value, sum(n) AS reports, groupArray((bucket, n)) AS held, \
         row_number() OVER (PARTITION BY metric ORDER BY reports DESC, value) AS place, \
         place <= {GROUPS_MAX} AND reports >= {k} AS fits FROM ({buckets}) GROUP BY metric, value"
    );
    let placed = format!(
        "SELECT metric, value, held, place, countIf(fits) OVER (PARTITION BY metric) AS fitting, \
         sumIf(reports, NOT fits) OVER (PARTITION BY metric) AS hidden FROM ({groups})"
    );
    format!(
        "SELECT metric, if(place + (hidden > 0 AND hidden < {k}) <= fitting, value, '{OTHER}') \
         AS shown, sum(one.2) AS events, quantilesExactWeighted({LEVELS})(one.1, one.2) AS levels \
         FROM ({placed}) ARRAY JOIN held AS one \
         GROUP BY metric, shown ORDER BY metric, shown = '{OTHER}', events DESC, shown"
    )
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

/// The rows of a statement as objects with these names; counts are numbers, however the database
/// writes them.
async fn rows<const N: usize>(
    site: &Site,
    days: (Day, Day),
    sql: String,
    reader: &impl Reader,
    names: [&str; N],
) -> Result<Vec<Value>, ReportError> {
    let rows = reader.select(statement(site, days, sql)).await?;
    let object = |row: Vec<Value>| {
        let members = names.iter().zip(row).map(|(name, value)| {
            let count = number(&value).filter(|_| COUNTS.contains(name));
            ((*name).to_owned(), count.map_or(value, Value::from))
        });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::query::tests::site;
    use crate::store::StoreError;

    /// A database that writes 64-bit numbers as text.
    struct Quoting(Vec<Value>);

    impl Reader for Quoting {
        async fn select(&self, _: Statement) -> Result<Vec<Vec<Value>>, StoreError> {
            Ok(vec![self.0.clone()])
        }
    }

    fn told(answer: Result<Vec<u8>, ReportError>) -> Value {
        serde_json::from_slice::<Value>(&answer.unwrap()).unwrap()["rows"].clone()
    }

    #[tokio::test]
    async fn counts_are_numbers_and_names_stay_text() {
        let days = (Day(20_000), Day(20_001));
        let reader = Quoting(vec![json!("property"), json!("404"), json!("9007199254740993")]);
        let rows = told(kept_back(&site(), days, &reader).await);
        let expected =
            json!({"what": "property", "name": "404", "events": 9_007_199_254_740_993_u64});
        assert_eq!(rows, json!([expected]));
        let reader = Quoting(vec![json!("0"), json!("7"), json!("2"), json!(1)]);
        let rows = told(script_errors(&site(), days, 5, &reader).await);
        assert_eq!(rows, json!([{"template": "0", "events": 7, "pages": 2, "browsers": 1}]));
        let reader = Quoting(vec![json!("0"), json!("4"), json!("2"), json!("1")]);
        assert_eq!(told(script_errors(&site(), days, 5, &reader).await), json!([]));
    }
}

//! Released answers → JSON.
//!
//! The shape is that of Plausible's Stats API v2: `results`, `meta`, `query`. Nothing but
//! [`Released`] values can be written.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::model::Site;
use crate::report::query::Dimension;
use crate::report::query::Metric;
use crate::report::query::Query;
use crate::report::threshold::Answer;
use crate::report::threshold::Released;
use crate::report::threshold::Row;
use crate::report::threshold::Withheld;

/// The value of a row whose values are withheld.
const OTHER: &str = "(other)";

/// The answer to `query` as JSON.
pub(crate) fn answer(query: &Query, site: &Site, released: &Released<Answer>) -> Vec<u8> {
    let answer = released.get();
    let results: Vec<Value> = answer.rows.iter().map(|found| row(query, found)).collect();
    let mut meta = Map::new();
    meta.insert("threshold".to_owned(), answer.threshold.into());
    meta.insert("threshold_off".to_owned(), (answer.threshold <= 1).into());
    meta.insert("withheld".to_owned(), answer.withheld.map(Withheld::name).into());
    meta.insert("withheld_visitors".to_owned(), answer.withheld_visitors.into());
    if !answer.withheld_days.is_empty() {
        meta.insert("withheld_days".to_owned(), answer.withheld_days.clone().into());
    }
    if query.asked.time_labels {
        meta.insert("time_labels".to_owned(), time_labels(query, site).into());
    }
    if query.asked.total_rows {
        meta.insert("total_rows".to_owned(), answer.total_rows.into());
    }
    json!({ "results": results, "meta": meta, "query": echo(query, site) }).to_string().into_bytes()
}

/// Counts by name as one JSON object.
pub(crate) fn outcomes(released: &Released<Vec<(&'static str, u64)>>) -> Vec<u8> {
    let counts = released.get().iter().map(|(name, count)| ((*name).to_owned(), (*count).into()));
    Value::Object(counts.collect()).to_string().into_bytes()
}

fn row(query: &Query, row: &Row) -> Value {
    let named = query.asked.dimensions.iter().zip(&row.dimensions);
    let dimensions: Vec<&str> = named
        .map(
            |(dimension, value)| {
                if row.other && *dimension != Dimension::Day { OTHER } else { value.as_str() }
            },
        )
        .collect();
    let numbered = query.asked.metrics.iter().zip(&row.metrics);
    let metrics: Vec<Value> =
        numbered.map(|(metric, number)| number_of(*metric, *number)).collect();
    json!({ "dimensions": dimensions, "metrics": metrics })
}

fn number_of(metric: Metric, number: u64) -> Value {
    if metric != Metric::ViewsPerVisit {
        return number.into();
    }
    // Two digits behind the point, read back as a number: exact and shortest.
    let text = format!("{}.{:02}", number / 100, number % 100);
    text.parse::<f64>().unwrap_or_default().into()
}

fn time_labels(query: &Query, site: &Site) -> Vec<String> {
    if query.asked.dimensions.contains(&Dimension::Hour) {
        query.span.hour_labels(site)
    } else if query.by_day() {
        query.span.day_labels()
    } else {
        Vec::new()
    }
}

/// The query as it was understood.
fn echo(query: &Query, site: &Site) -> Value {
    let asked = &query.asked;
    let metrics: Vec<&str> = asked.metrics.iter().map(|metric| metric.name()).collect();
    let dimensions: Vec<&str> = asked.dimensions.iter().map(|one| one.name()).collect();
    let filters: Vec<Value> = asked
        .filters
        .iter()
        .map(|one| json!([one.operator.name(), one.dimension.name(), one.values]))
        .collect();
    let order_by: Vec<Value> = asked
        .order_by
        .iter()
        .map(|order| json!([order.key.name(), if order.descending { "desc" } else { "asc" }]))
        .collect();
    json!({
        "site_id": site.domain,
        "metrics": metrics,
        "date_range": query.span.ends(site),
        "dimensions": dimensions,
        "filters": filters,
        "order_by": order_by,
        "include": { "time_labels": asked.time_labels, "total_rows": asked.total_rows },
        "pagination": { "limit": asked.limit, "offset": asked.offset },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::query::tests::query;
    use crate::report::query::tests::site;
    use crate::report::threshold::Guard;

    fn row(other: bool, dimensions: &[&str], metrics: &[u64]) -> Row {
        let dimensions = dimensions.iter().map(|value| (*value).to_owned()).collect();
        Row { other, dimensions, metrics: metrics.to_vec() }
    }

    #[test]
    fn an_answer_has_rows_meta_and_the_query_as_understood() {
        let asked = json!({ "metrics": ["visitors", "views_per_visit"],
            "dimensions": ["time:day", "visit:city"], "include": { "total_rows": true } });
        let query = query(&asked).unwrap();
        let guard = Guard::new(5, &query);
        let day = "2026-11-20";
        let rows = vec![row(false, &[day, "Munich"], &[9, 130]), row(true, &[day, ""], &[6, 200])];
        let released = guard.release(&guard.open(&query), rows, 2, 6);
        let json: Value = serde_json::from_slice(&answer(&query, &site(), &released)).unwrap();
        assert_eq!(
            json["results"],
            json!([
                { "dimensions": [day, "Munich"], "metrics": [9, 1.3] },
                { "dimensions": [day, "(other)"], "metrics": [6, 2.0] },
            ])
        );
        assert_eq!(
            json["meta"],
            json!({ "threshold": 5, "threshold_off": false,
            "withheld": null, "withheld_visitors": 6, "total_rows": 2 })
        );
        assert_eq!(
            json["query"]["date_range"],
            json!(["2026-11-15T00:00:00+01:00", "2026-11-21T23:59:59+01:00"])
        );
        assert_eq!(json["query"]["order_by"][0], json!(["time:day", "asc"]));
    }

    #[test]
    fn a_threshold_of_one_is_said() {
        let query = query(&json!({ "dimensions": ["time:day"],
            "include": { "time_labels": true } }))
        .unwrap();
        let released = Guard::new(1, &query).withhold(None, 0);
        let json: Value = serde_json::from_slice(&answer(&query, &site(), &released)).unwrap();
        assert_eq!(json["meta"]["threshold_off"], json!(true));
        assert_eq!(json["meta"]["time_labels"].as_array().unwrap().len(), 7);
    }
}

//! Released answers → JSON.
//!
//! The shape is that of Plausible's Stats API v2: `results`, `meta`, `query`. Nothing but
//! [`Released`] values can be written.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::model::Site;
use crate::report::comparison;
use crate::report::comparison::Compared;
use crate::report::query;
use crate::report::query::Metric;
use crate::report::query::Query;
use crate::report::threshold::Answer;
use crate::report::threshold::Released;
use crate::report::threshold::Row;
use crate::report::threshold::Withheld;

/// The value of a row whose values are withheld.
const OTHER: &str = "(other)";

/// The answer to `query` as JSON, beside that to the query it is compared with.
pub(crate) fn answer(
    query: &Query,
    site: &Site,
    released: &Released<Answer>,
    compared: Option<(&Query, &Released<Answer>)>,
) -> Vec<u8> {
    let answer = released.get();
    let mut results: Vec<Value> = answer.rows.iter().map(|found| row(query, found)).collect();
    if let Some(other) = compared {
        beside(query, &mut results, comparison::join(site, (query, released), other));
    }
    let mut meta = Map::new();
    meta.insert("threshold".to_owned(), answer.threshold.into());
    meta.insert("threshold_off".to_owned(), (answer.threshold <= 1).into());
    meta.insert("withheld".to_owned(), answer.withheld.map(Withheld::name).into());
    meta.insert("withheld_visitors".to_owned(), answer.withheld_visitors.into());
    if !answer.withheld_days.is_empty() {
        meta.insert("withheld_days".to_owned(), answer.withheld_days.clone().into());
    }
    if let Some(reason) = compared.and_then(|(_, other)| other.get().withheld) {
        meta.insert("comparison_withheld".to_owned(), reason.name().into());
    }
    if query.generations.late_rows > 0 {
        meta.insert("late_rows".to_owned(), query.generations.late_rows.into());
    }
    if query.asked.time_labels {
        meta.insert("time_labels".to_owned(), query.time_labels(site).into());
    }
    if query.asked.total_rows {
        meta.insert("total_rows".to_owned(), answer.total_rows.into());
    }
    let echo = echo(query, site, compared.map(|(other, _)| other));
    json!({ "results": results, "meta": meta, "query": echo }).to_string().into_bytes()
}

/// Counts by name as one JSON object.
pub(crate) fn outcomes(released: &Released<Vec<(&'static str, u64)>>) -> Vec<u8> {
    let counts = released.get().iter().map(|(name, count)| ((*name).to_owned(), (*count).into()));
    Value::Object(counts.collect()).to_string().into_bytes()
}

/// Rows of counts as `{"rows": […]}`.
pub(crate) fn rows(released: &Released<Vec<Value>>) -> Vec<u8> {
    json!({ "rows": released.get() }).to_string().into_bytes()
}

fn row(query: &Query, row: &Row) -> Value {
    json!({
        "dimensions": values(query, row.other, &row.dimensions),
        "metrics": numbers(query, &row.metrics),
    })
}

/// Writes beside each row what it is compared with.
fn beside(query: &Query, results: &mut [Value], compared: Option<Vec<Compared>>) {
    let mut compared = compared.map(Vec::into_iter);
    for result in results.iter_mut().filter_map(Value::as_object_mut) {
        let next = compared.as_mut().and_then(Iterator::next);
        let value = next.map(|one| {
            json!({
                "dimensions": one.dimensions.map(|all| values(query, one.other, &all)),
                "metrics": one.metrics.map(|all| numbers(query, &all)),
                "change": one.change,
            })
        });
        result.insert("comparison".to_owned(), value.into());
    }
}

fn values(query: &Query, is_other: bool, values: &[String]) -> Vec<String> {
    let named = query.asked.dimensions.iter().zip(values);
    let shown = named.map(
        |(dimension, value)| {
            if is_other && !dimension.is_period() { OTHER } else { value.as_str() }
        },
    );
    shown.map(str::to_owned).collect()
}

fn numbers(query: &Query, numbers: &[u64]) -> Vec<Value> {
    let numbered = query.asked.metrics.iter().zip(numbers);
    numbered.map(|(metric, number)| number_of(*metric, *number)).collect()
}

fn number_of(metric: Metric, number: u64) -> Value {
    if metric != Metric::ViewsPerVisit {
        return number.into();
    }
    // Two digits behind the point, read back as a number: exact and shortest.
    let text = format!("{}.{:02}", number / 100, number % 100);
    text.parse::<f64>().unwrap_or_default().into()
}

/// The query as it was understood, and the days it is compared with.
fn echo(query: &Query, site: &Site, other: Option<&Query>) -> Value {
    let asked = &query.asked;
    let metrics: Vec<&str> = asked.metrics.iter().map(|metric| metric.name()).collect();
    let dimensions: Vec<String> = asked.dimensions.iter().map(|one| asked.name_of(*one)).collect();
    let order_by: Vec<Value> = asked
        .order_by
        .iter()
        .map(|order| {
            json!([asked.name_of_key(order.key), if order.descending { "desc" } else { "asc" }])
        })
        .collect();
    let mut include = json!({ "time_labels": asked.time_labels, "total_rows": asked.total_rows });
    let mut echo = json!({
        "site_id": site.domain,
        "metrics": metrics,
        "date_range": query.span.ends(site),
        "dimensions": dimensions,
        "filters": query::echo(asked),
        "order_by": order_by,
        "pagination": { "limit": asked.limit, "offset": asked.offset },
    });
    if let (Some(comparison), Some(include)) = (asked.comparison, include.as_object_mut()) {
        include.insert("comparisons".to_owned(), comparison.echo());
    }
    if let Some(echo) = echo.as_object_mut() {
        echo.insert("include".to_owned(), include);
        let other = other.map(|other| other.span.ends(site));
        echo.extend(other.map(|ends| ("comparison_date_range".to_owned(), json!(ends))));
    }
    echo
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
        let json: Value =
            serde_json::from_slice(&answer(&query, &site(), &released, None)).unwrap();
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
        let json: Value =
            serde_json::from_slice(&answer(&query, &site(), &released, None)).unwrap();
        assert_eq!(json["meta"]["threshold_off"], json!(true));
        assert_eq!(json["meta"]["time_labels"].as_array().unwrap().len(), 7);
    }

    /// The answer to `parts`, whose comparison answers `other`.
    fn compared(
        parts: &Value,
        rows: Vec<Row>,
        other: impl Fn(&Guard, &Query) -> Released<Answer>,
    ) -> Value {
        let query = query(parts).unwrap();
        let guard = Guard::new(5, &query);
        let released = guard.release(&guard.open(&query), rows, 1, 0);
        let other_query = query.compared(&site(), 1_795_303_800).unwrap();
        let other = other(&Guard::new(5, &other_query), &other_query);
        let text = answer(&query, &site(), &released, Some((&other_query, &other)));
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn a_comparison_stands_beside_every_row() {
        let parts = json!({ "metrics": ["visitors", "views_per_visit"], "dimensions": ["visit:city"],
            "date_range": ["2026-11-20", "2026-11-20"],
            "include": { "comparisons": { "mode": "year_over_year" } } });
        let rows = vec![row(false, &["Munich"], &[9, 130]), row(true, &[""], &[6, 200])];
        let json = compared(&parts, rows, |guard, query| {
            guard.release(&guard.open(query), vec![row(false, &["Munich"], &[6, 104])], 1, 0)
        });
        assert_eq!(
            json["results"],
            json!([
                { "dimensions": ["Munich"], "metrics": [9, 1.3], "comparison":
                    { "dimensions": ["Munich"], "metrics": [6, 1.04], "change": [50, 25] } },
                { "dimensions": ["(other)"], "metrics": [6, 2.0], "comparison":
                    { "dimensions": ["(other)"], "metrics": null, "change": [null, null] } },
            ])
        );
        assert_eq!(
            json["query"]["comparison_date_range"],
            json!(["2025-11-20T00:00:00+01:00", "2025-11-20T23:59:59+01:00"])
        );
        let asked = json!({ "mode": "year_over_year", "match_day_of_week": false });
        assert_eq!(json["query"]["include"]["comparisons"], asked);
    }

    #[test]
    fn a_withheld_comparison_says_why() {
        let parts = json!({ "dimensions": ["visit:city"],
            "include": { "comparisons": { "mode": "previous_period" } } });
        let json = compared(&parts, vec![row(false, &["Rome"], &[9])], |guard, _| {
            guard.withhold(Some(Withheld::FewVisitorsInComplement), 70)
        });
        assert_eq!(json["results"][0]["comparison"], Value::Null);
        assert_eq!(json["results"][0]["metrics"], json!([9]));
        assert_eq!(json["meta"]["comparison_withheld"], json!("few_visitors_in_complement"));
    }

    #[test]
    fn the_echo_is_the_query_as_understood() {
        let parts = json!({ "dimensions": ["event:props:plan", "time:week"],
            "filters": [["not", ["or", [
                ["is", "event:props:plan", [""]],
                ["contains", "event:page", ["/x"], { "case_sensitive": false }],
            ]]]] });
        let query = query(&parts).unwrap();
        let released = Guard::new(1, &query).withhold(None, 0);
        let json: Value =
            serde_json::from_slice(&answer(&query, &site(), &released, None)).unwrap();
        assert_eq!(json["query"]["dimensions"], parts["dimensions"]);
        assert_eq!(
            json["query"]["filters"],
            json!([
                ["is_not", "event:props:plan", ["(not set)"]],
                ["contains_not", "event:page", ["/x"], { "case_sensitive": false }],
            ])
        );
        assert_eq!(json["query"]["order_by"][2], json!(["event:props:plan", "asc"]));
        assert_eq!(json["query"].get("comparison_date_range"), None);
        assert_eq!(json["meta"].get("late_rows"), None);
    }
}

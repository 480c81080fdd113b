//! What has no meaning together, or is too much together.

use crate::model::Site;
use crate::report::query::Dimension;
use crate::report::query::Metric;
use crate::report::query::Query;
use crate::report::query::error::QueryError;
use crate::report::range::DateRange;
use crate::report::range::MAX_FINE_DAYS;
use crate::report::range::MAX_MINUTE_DAYS;

/// What an event alone can tell.
const OF_EVENTS: [Metric; 3] = [Metric::Visitors, Metric::Pageviews, Metric::Events];

/// Refuses a query whose parts have no meaning together.
///
/// # Errors
/// [`QueryError`] naming the first such part.
pub(super) fn check(query: &Query, site: &Site, now: u32) -> Result<(), QueryError> {
    metrics(query)?;
    if query.asked.range == DateRange::Realtime {
        realtime(query)?;
    }
    if query.time() == Some(Dimension::Minute) {
        minutes(query)?;
    }
    length(query, "date_range")?;
    if query.asked.comparison.is_some() {
        let field = "include.comparisons";
        let other = query.compared(site, now).ok_or_else(|| {
            let sent = "a period that begins before 1970";
            QueryError::of_text(field, sent, "a period that begins in 1970 or later")
        })?;
        length(&other, field)?;
    }
    Ok(())
}

fn metrics(query: &Query) -> Result<(), QueryError> {
    let asked = &query.asked;
    if asked.dimensions.contains(&Dimension::Name) {
        let allowed = "with the dimension event:name only visitors, visits, pageviews, events, and \
                       what is taken over pages";
        only(query, |metric| !metric.is_ratio(), allowed)?;
    }
    let by_page = asked.dimensions.contains(&Dimension::Page)
        || query.filtered_dimensions().contains(&Dimension::Page);
    if !by_page {
        let allowed = "time_on_page and scroll_depth only with the dimension event:page or a \
                       filter on event:page";
        only(query, |metric| !metric.is_of_pages(), allowed)?;
    }
    Ok(())
}

fn realtime(query: &Query) -> Result<(), QueryError> {
    let allowed = "with the date range \"realtime\" only visitors, pageviews, events";
    only(query, |metric| OF_EVENTS.contains(&metric), allowed)?;
    if !query.asked.dimensions.is_empty() {
        let allowed = "none with the date range \"realtime\"";
        return Err(QueryError::of_text("dimensions", &names(query), allowed));
    }
    if query.asked.comparison.is_some() {
        let allowed = "nothing with the date range \"realtime\"";
        return Err(QueryError::of_text("include.comparisons", "a comparison", allowed));
    }
    Ok(())
}

fn minutes(query: &Query) -> Result<(), QueryError> {
    let allowed = "with the dimension time:minute only visitors, pageviews, events";
    only(query, |metric| OF_EVENTS.contains(&metric), allowed)?;
    if query.asked.dimensions.len() > 1 {
        let allowed = "time:minute without another dimension";
        return Err(QueryError::of_text("dimensions", &names(query), allowed));
    }
    if !query.asked.filters.is_empty() {
        let sent = format!("{} filters", query.asked.filters.len());
        return Err(QueryError::of_text("filters", &sent, "none with the dimension time:minute"));
    }
    Ok(())
}

/// Refuses what would have too many rows, or bind too many values.
fn length(query: &Query, field: &str) -> Result<(), QueryError> {
    let days = query.span.days();
    let by_list = !query.list_dimensions().is_empty();
    let (buckets, most, allowed) = match query.time() {
        Some(Dimension::Minute) => (days, MAX_MINUTE_DAYS, "days with time:minute"),
        Some(Dimension::Hour) => (days, MAX_FINE_DAYS, "days with time:hour"),
        Some(period) if by_list => (
            u32::try_from(query.span.period_labels(period).len()).unwrap_or(u32::MAX),
            MAX_FINE_DAYS,
            "days, weeks or months with time:day, time:week or time:month and another dimension",
        ),
        _ => return Ok(()),
    };
    if buckets > most {
        let sent = format!("{days} days");
        return Err(QueryError::of_text(field, &sent, &format!("at most {most} {allowed}")));
    }
    Ok(())
}

/// Refuses metrics that do not fit.
fn only(query: &Query, fits: impl Fn(Metric) -> bool, allowed: &str) -> Result<(), QueryError> {
    let others = query.asked.metrics.iter().filter(|metric| !fits(**metric));
    let others: Vec<&str> = others.map(|metric| metric.name()).collect();
    if others.is_empty() {
        return Ok(());
    }
    Err(QueryError::of_text("metrics", &others.join(", "), allowed))
}

fn names(query: &Query) -> String {
    let dimensions = query.asked.dimensions.iter();
    dimensions.map(|one| query.asked.name_of(*one)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use crate::report::query::tests::query;

    #[test]
    fn what_has_no_meaning_together_is_refused() {
        let previous = json!({ "comparisons": { "mode": "previous_period" } });
        let minute = json!(["time:minute"]);
        for (parts, field) in [
            (json!({ "metrics": ["bounce_rate"], "dimensions": ["event:name"] }), "metrics"),
            (json!({ "metrics": ["visits"], "date_range": "realtime" }), "metrics"),
            (json!({ "date_range": "realtime", "dimensions": ["time:hour"] }), "dimensions"),
            (json!({ "date_range": "realtime", "include": previous }), "include.comparisons"),
            (json!({ "metrics": ["time_on_page"] }), "metrics"),
            (json!({ "metrics": ["scroll_depth"], "dimensions": ["visit:entry_page"] }), "metrics"),
            (
                json!({ "date_range": "day", "dimensions": minute, "metrics": ["visits"] }),
                "metrics",
            ),
            (
                json!({ "date_range": "day", "dimensions": ["visit:os", "time:minute"] }),
                "dimensions",
            ),
            (
                json!({ "date_range": "day", "dimensions": minute,
                    "filters": [["is", "event:page", ["/"]]] }),
                "filters",
            ),
        ] {
            assert_eq!(query(&parts).expect_err(&parts.to_string()).field, field, "{parts}");
        }
        for parts in [
            json!({ "metrics": ["bounce_rate"], "dimensions": ["event:page"] }),
            json!({ "metrics": ["time_on_page"], "dimensions": ["event:page", "event:name"] }),
            json!({ "metrics": ["scroll_depth"], "filters": [["contains", "event:page", ["/"]]] }),
            json!({ "date_range": "day", "dimensions": minute, "include": previous,
                "metrics": ["visitors", "pageviews", "events"] }),
        ] {
            query(&parts).unwrap();
        }
    }

    #[test]
    fn a_range_is_as_long_as_its_rows_allow() {
        let long = json!(["2025-01-01", "2026-05-01"]);
        let custom = json!({ "comparisons": { "mode": "custom", "date_range": long } });
        for (parts, field) in [
            (json!({ "date_range": long, "dimensions": ["time:hour"] }), "date_range"),
            (json!({ "date_range": long, "dimensions": ["time:day", "visit:os"] }), "date_range"),
            (json!({ "date_range": "5d", "dimensions": ["time:minute"] }), "date_range"),
            (json!({ "dimensions": ["time:hour"], "include": custom }), "include.comparisons"),
        ] {
            assert_eq!(query(&parts).expect_err(&parts.to_string()).field, field, "{parts}");
        }
        for dimensions in [json!(["time:day"]), json!(["time:week", "visit:os"])] {
            query(&json!({ "date_range": long, "dimensions": dimensions })).unwrap();
        }
        query(&json!({ "date_range": "4d", "dimensions": ["time:minute"] })).unwrap();
    }

    /// Pieces of queries, put together without sense.
    fn pieces() -> impl proptest::strategy::Strategy<Value = Value> {
        use proptest::prelude::*;
        let words = [
            "and",
            "or",
            "not",
            "is",
            "matches_not",
            "contains",
            "event:page",
            "visit:city",
            "event:props:a",
            "event:props:",
            "time:day",
            "time:minute",
            "visitors",
            "time_on_page",
            "(a",
            "[[:alpha:]]",
            "a{1,2}",
            "\\",
            "",
            "asc",
            "7d",
            "mode",
            "custom",
            "case_sensitive",
            "comparisons",
            "date_range",
            "limit",
            "2026-02-29",
            "2028-02-29",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            proptest::sample::select(words.to_vec()).prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 5, move |inner| {
            let keys = proptest::sample::select(words.to_vec()).prop_map(str::to_owned);
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map(keys, inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest::proptest! {
        #[test]
        fn no_pieces_bring_it_down(
            key in proptest::sample::select(vec!["filters", "dimensions", "metrics", "include",
                "date_range", "order_by", "pagination"]),
            piece in pieces(),
        ) {
            let _refused = query(&json!({ key: piece }));
        }
    }
}

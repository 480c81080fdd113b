//! Queries: what may be asked, and the check of one query against one site.
//!
//! [`parse`] understands the words; [`check`] places them in the site's calendar and refuses what
//! has no meaning together. Behind it there is only [`Query`].

pub(crate) mod dimension;
pub(crate) mod error;
pub(crate) mod filter;
pub(crate) mod json;
pub(crate) mod metric;
pub(crate) mod raw;

use crate::model::Site;
use crate::model::SiteId;
use crate::report::range::DateRange;
use crate::report::range::MAX_FINE_DAYS;
use crate::report::range::Span;

pub(crate) use dimension::Dimension;
pub(crate) use dimension::Scope;
pub use error::QueryError;
pub(crate) use filter::Filter;
pub(crate) use filter::Operator;
pub(crate) use metric::Metric;
pub(crate) use raw::Key;
pub(crate) use raw::Order;
pub use raw::RawQuery;
pub use raw::parse;

const REALTIME_METRICS: [Metric; 3] = [Metric::Visitors, Metric::Pageviews, Metric::Events];

/// A query that can be answered.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    /// The site.
    pub(crate) site: SiteId,
    /// The days.
    pub(crate) span: Span,
    /// What was asked; `order_by` is complete, so that rows have one order only.
    pub(crate) asked: RawQuery,
}

impl Query {
    /// The dimensions other than the day: those that make an answer a list.
    pub(crate) fn list_dimensions(&self) -> Vec<Dimension> {
        self.asked.dimensions.iter().copied().filter(|one| *one != Dimension::Day).collect()
    }

    /// Whether rows are told apart by day.
    pub(crate) fn by_day(&self) -> bool {
        self.asked.dimensions.contains(&Dimension::Day)
    }

    /// Whether a metric is taken over visits.
    pub(crate) fn wants_visits(&self) -> bool {
        self.asked.metrics.iter().any(|metric| metric.is_of_visits())
    }

    /// The different dimensions that filters use.
    pub(crate) fn filtered_dimensions(&self) -> Vec<Dimension> {
        let mut found = Vec::new();
        for filter in &self.asked.filters {
            if !found.contains(&filter.dimension) {
                found.push(filter.dimension);
            }
        }
        found
    }
}

/// Places a query in the calendar of `site` at `now` (seconds since 1970 UTC).
///
/// # Errors
/// [`QueryError`] when its parts have no meaning together.
pub(crate) fn check(mut asked: RawQuery, site: &Site, now: u32) -> Result<Query, QueryError> {
    let span = asked.range.place(site, now);
    let joined = |names: Vec<&str>| names.join(", ");
    if asked.dimensions.contains(&Dimension::Name) {
        let ratios = asked.metrics.iter().filter(|metric| metric.is_ratio()).map(|m| m.name());
        let ratios = joined(ratios.collect());
        if !ratios.is_empty() {
            let allowed = "with the dimension event:name only visitors, visits, pageviews, events";
            return Err(QueryError::of_text("metrics", &ratios, allowed));
        }
    }
    if asked.range == DateRange::Realtime {
        let others = asked.metrics.iter().filter(|metric| !REALTIME_METRICS.contains(metric));
        let others = joined(others.map(|metric| metric.name()).collect());
        if !others.is_empty() {
            let allowed = "with the date range \"realtime\" only visitors, pageviews, events";
            return Err(QueryError::of_text("metrics", &others, allowed));
        }
        if !asked.dimensions.is_empty() {
            let sent = joined(asked.dimensions.iter().map(|dimension| dimension.name()).collect());
            let allowed = "none with the date range \"realtime\"";
            return Err(QueryError::of_text("dimensions", &sent, allowed));
        }
    }
    asked.order_by = complete_order(&asked);
    let query = Query { site: site.id, span, asked };
    let is_fine = query.asked.dimensions.contains(&Dimension::Hour)
        || (query.by_day() && !query.list_dimensions().is_empty());
    if is_fine && span.days() > MAX_FINE_DAYS {
        let sent = format!("{} days", span.days());
        let allowed = format!(
            "at most {MAX_FINE_DAYS} days with time:hour, or with time:day and another dimension"
        );
        return Err(QueryError::of_text("date_range", &sent, &allowed));
    }
    Ok(query)
}

/// The order asked for, or times and then the first metric; then every dimension.
fn complete_order(asked: &RawQuery) -> Vec<Order> {
    let mut orders = asked.order_by.clone();
    if orders.is_empty() {
        let times = asked.dimensions.iter().filter(|dimension| dimension.is_time());
        orders.extend(times.map(|time| Order { key: Key::Dimension(*time), descending: false }));
        let first = asked.metrics.first();
        orders.extend(first.map(|one| Order { key: Key::Metric(*one), descending: true }));
    }
    for dimension in &asked.dimensions {
        let key = Key::Dimension(*dimension);
        if !orders.iter().any(|order| order.key == key) {
            orders.push(Order { key, descending: false });
        }
    }
    orders
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::model::day::zone;
    use serde_json::Value;
    use serde_json::json;

    pub(crate) fn site() -> Site {
        Site {
            id: SiteId(7),
            domain: "a.example".to_owned(),
            timezone: "Europe/Berlin".to_owned(),
            zone: zone("Europe/Berlin").unwrap(),
            hostnames: Vec::new(),
            threshold: None,
            created: 1_780_000_000,
        }
    }

    /// A checked query on 2026-11-22 in Berlin.
    pub(crate) fn query(parts: &Value) -> Result<Query, QueryError> {
        let mut body =
            json!({ "site_id": "a.example", "metrics": ["visitors"], "date_range": "7d" });
        for (key, value) in parts.as_object().unwrap() {
            body[key] = value.clone();
        }
        check(parse(body.to_string().as_bytes())?, &site(), 1_795_303_800)
    }

    fn order(parts: &Value) -> Vec<(&'static str, bool)> {
        let query = query(parts).unwrap();
        query.asked.order_by.iter().map(|order| (order.key.name(), order.descending)).collect()
    }

    #[test]
    fn the_order_is_complete_so_that_pages_do_not_overlap() {
        assert_eq!(
            order(&json!({ "dimensions": ["visit:source", "time:day"] })),
            [("time:day", false), ("visitors", true), ("visit:source", false)]
        );
        assert_eq!(
            order(&json!({ "dimensions": ["event:page"], "order_by": [["visitors", "asc"]] })),
            [("visitors", false), ("event:page", false)]
        );
    }

    #[test]
    fn what_has_no_meaning_together_is_refused() {
        for (parts, field) in [
            (json!({ "metrics": ["bounce_rate"], "dimensions": ["event:name"] }), "metrics"),
            (json!({ "metrics": ["visits"], "date_range": "realtime" }), "metrics"),
            (json!({ "date_range": "realtime", "dimensions": ["time:hour"] }), "dimensions"),
            (
                json!({ "date_range": ["2025-01-01", "2026-05-01"], "dimensions": ["time:hour"] }),
                "date_range",
            ),
        ] {
            assert_eq!(query(&parts).expect_err(&parts.to_string()).field, field);
        }
        query(&json!({ "metrics": ["bounce_rate"], "dimensions": ["event:page"] })).unwrap();
    }

    #[test]
    fn a_day_alone_makes_no_list() {
        let chart = query(&json!({ "dimensions": ["time:day"] })).unwrap();
        assert!(chart.by_day() && chart.list_dimensions().is_empty());
        let hours = query(&json!({ "dimensions": ["time:hour"] })).unwrap();
        assert_eq!(hours.list_dimensions(), [Dimension::Hour]);
    }
}

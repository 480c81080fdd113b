//! Queries: what may be asked, and the check of one query against one site.
//!
//! [`parse`] understands the words; [`check`] places them in the site's calendar and refuses what
//! has no meaning together. Behind it there is only [`Query`].

mod comparison;
mod condition;
mod dimension;
mod error;
mod filter;
mod include;
mod json;
mod metric;
mod pattern;
mod props;
mod raw;
mod rules;

use crate::model::Site;
use crate::model::SiteId;
use crate::report::generations::Generations;
use crate::report::range::Span;

pub(crate) use condition::Condition;
pub(crate) use condition::echo;
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

/// A query that can be answered.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    /// The site.
    pub(crate) site: SiteId,
    /// The days.
    pub(crate) span: Span,
    /// The first instant of each day, seconds since 1970 UTC.
    pub(crate) starts: Vec<u32>,
    /// How the days are stored; as long as it was not read, all are open.
    pub(crate) generations: Generations,
    /// What was asked; `order_by` is complete, so that rows have one order only.
    pub(crate) asked: RawQuery,
}

impl Query {
    /// The dimensions other than periods: those that make an answer a list.
    pub(crate) fn list_dimensions(&self) -> Vec<Dimension> {
        self.asked.dimensions.iter().copied().filter(|one| !one.is_period()).collect()
    }

    /// The day, week or month by which rows are told apart.
    pub(crate) fn period(&self) -> Option<Dimension> {
        self.asked.dimensions.iter().copied().find(|one| one.is_period())
    }

    /// Whether rows are told apart by day, week or month.
    pub(crate) fn by_period(&self) -> bool {
        self.period().is_some()
    }

    /// The day, week, month, hour or minute by which rows are told apart.
    pub(crate) fn time(&self) -> Option<Dimension> {
        self.asked.dimensions.iter().copied().find(|one| one.is_time())
    }

    /// The label of every bucket of [`Query::time`], in order; none without one.
    pub(crate) fn time_labels(&self, site: &Site) -> Vec<String> {
        match self.time() {
            Some(Dimension::Minute) => self.span.minute_labels(site),
            Some(Dimension::Hour) => self.span.hour_labels(site),
            Some(period) => self.span.period_labels(period),
            None => Vec::new(),
        }
    }

    /// Whether a metric is taken over visits.
    pub(crate) fn wants_visits(&self) -> bool {
        self.asked.metrics.iter().any(|metric| metric.is_of_visits())
    }

    /// Whether engaged time or scroll depth is asked for.
    pub(crate) fn wants_engagement(&self) -> bool {
        let engaged = [Metric::TimeOnPage, Metric::ScrollDepth];
        self.asked.metrics.iter().any(|metric| engaged.contains(metric))
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
    asked.order_by = complete_order(&asked);
    let span = asked.range.place(site, now);
    let generations = Generations::all_open(&span);
    let query = Query { site: site.id, span, starts: span.starts(site), generations, asked };
    rules::check(&query, site, now)?;
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
            rules: std::sync::Arc::default(),
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

    fn order(parts: &Value) -> Vec<String> {
        let query = query(parts).unwrap();
        let direction = |order: &Order| if order.descending { "desc" } else { "asc" };
        let name = |order: &Order| query.asked.name_of_key(order.key);
        let keys = query.asked.order_by.iter();
        keys.map(|order| format!("{} {}", name(order), direction(order))).collect()
    }

    #[test]
    fn the_order_is_complete_so_that_pages_do_not_overlap() {
        assert_eq!(
            order(&json!({ "dimensions": ["visit:source", "time:day"] })),
            ["time:day asc", "visitors desc", "visit:source asc"]
        );
        assert_eq!(
            order(&json!({ "dimensions": ["event:page"], "order_by": [["visitors", "asc"]] })),
            ["visitors asc", "event:page asc"]
        );
    }

    #[test]
    fn a_period_alone_makes_no_list() {
        let chart = query(&json!({ "dimensions": ["time:day"] })).unwrap();
        assert!(chart.by_period() && chart.list_dimensions().is_empty());
        let weeks = query(&json!({ "dimensions": ["visit:os", "time:week"] })).unwrap();
        assert_eq!(weeks.period(), Some(Dimension::Week));
        assert_eq!(weeks.list_dimensions(), [Dimension::Os]);
        let hours = query(&json!({ "dimensions": ["time:hour"] })).unwrap();
        assert_eq!(hours.list_dimensions(), [Dimension::Hour]);
        assert_eq!((hours.period(), hours.time()), (None, Some(Dimension::Hour)));
    }

    #[test]
    fn buckets_of_a_time_have_labels() {
        let first_and_last = |dimension: &str| {
            let parts = json!({ "date_range": ["2026-10-24", "2026-10-25"],
                "dimensions": [dimension] });
            let labels = query(&parts).unwrap().time_labels(&site());
            (labels.len(), labels.first().unwrap().clone(), labels.last().unwrap().clone())
        };
        for (dimension, count, first, last) in [
            ("time:day", 2, "2026-10-24", "2026-10-25"),
            ("time:week", 1, "2026-10-19", "2026-10-19"),
            ("time:month", 1, "2026-10-01", "2026-10-01"),
            ("time:hour", 49, "2026-10-24 00:00:00", "2026-10-25 24:00:00"),
            ("time:minute", 49 * 60, "2026-10-24 00:00:00", "2026-10-25 24:59:00"),
        ] {
            let expected = (count, first.to_owned(), last.to_owned());
            assert_eq!(first_and_last(dimension), expected, "{dimension}");
        }
        assert!(query(&json!({})).unwrap().time_labels(&site()).is_empty());
    }
}

//! The body of `POST /api/v2/query` → [`RawQuery`].
//!
//! Strict: an unknown key, a wrong type, an unknown name or too many of anything is an error that
//! names the field. Nothing is guessed and nothing is ignored. No site and no clock is needed.

use serde_json::Map;
use serde_json::Value;

use crate::report::query::comparison::Comparison;
use crate::report::query::condition::Condition;
use crate::report::query::condition::filters;
use crate::report::query::dimension::Dimension;
use crate::report::query::dimension::PROP_PREFIX;
use crate::report::query::error::QueryError;
use crate::report::query::filter::Filter;
use crate::report::query::include::include;
use crate::report::query::include::pagination;
use crate::report::query::json::list;
use crate::report::query::json::names;
use crate::report::query::json::object;
use crate::report::query::json::required;
use crate::report::query::json::text;
use crate::report::query::metric::Metric;
use crate::report::query::props::Props;
use crate::report::range::DateRange;

/// Dimensions of one query.
const MAX_DIMENSIONS: usize = 4;
/// Rows of one answer, and their number when the query does not say.
pub(super) const MAX_ROWS: u64 = 10_000;

const KEYS: [&str; 8] = [
    "site_id",
    "metrics",
    "date_range",
    "dimensions",
    "filters",
    "order_by",
    "include",
    "pagination",
];

/// A query whose words are all understood, for a site that is still only a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawQuery {
    pub(crate) site_id: String,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) range: DateRange,
    pub(crate) dimensions: Vec<Dimension>,
    /// The filters, in the order in which they were written.
    pub(crate) filters: Vec<Filter>,
    /// How the filters hang together.
    pub(crate) condition: Condition,
    /// The names of properties that `Dimension::Prop` counts.
    pub(crate) props: Vec<String>,
    pub(crate) order_by: Vec<Order>,
    pub(crate) time_labels: bool,
    pub(crate) total_rows: bool,
    /// The period to compare with.
    pub(crate) comparison: Option<Comparison>,
    pub(crate) limit: u64,
    pub(crate) offset: u64,
}

/// One key of the order of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) key: Key,
    pub(crate) descending: bool,
}

/// What rows are ordered by: something the query asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// A metric of the query.
    Metric(Metric),
    /// A dimension of the query.
    Dimension(Dimension),
}

impl RawQuery {
    /// The domain of the site that is asked about, as sent.
    #[must_use]
    pub fn site_id(&self) -> &str {
        &self.site_id
    }

    /// The filters in disjunctive form: an event is selected when for any of these terms all of
    /// its filters hold. Without filters, one empty term.
    pub(crate) fn terms(&self) -> Vec<Vec<usize>> {
        self.condition.terms()
    }

    /// The name of a dimension of this query, with that of the property.
    pub(crate) fn name_of(&self, dimension: Dimension) -> String {
        match dimension {
            Dimension::Prop(place) => {
                let name = self.props.get(usize::from(place)).map_or("", String::as_str);
                format!("{PROP_PREFIX}{name}")
            }
            other => other.name().to_owned(),
        }
    }

    /// The name of what rows are ordered by.
    pub(crate) fn name_of_key(&self, key: Key) -> String {
        match key {
            Key::Metric(metric) => metric.name().to_owned(),
            Key::Dimension(dimension) => self.name_of(dimension),
        }
    }
}

/// Reads the JSON body of a query.
///
/// # Errors
/// [`QueryError`] naming the first field that is not as it should be.
pub fn parse(body: &[u8]) -> Result<RawQuery, QueryError> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        let what =
            format!("text that is not JSON (line {}, column {})", error.line(), error.column());
        QueryError::of_text("", &what, "a JSON object")
    })?;
    let object = object("", &value, &KEYS)?;
    let metrics = metrics(object)?;
    let mut props = Props::default();
    let dimensions = dimensions(object, &mut props)?;
    let include = include(object)?;
    let (limit, offset) = pagination(object)?;
    let site_id = text("site_id", required(object, "site_id", "the domain of a site")?)?.to_owned();
    let sent = required(object, "date_range", &DateRange::allowed())?;
    let range = DateRange::read(sent)
        .ok_or_else(|| QueryError::new("date_range", sent, &DateRange::allowed()))?;
    let (filters, condition) = filters(object, &mut props)?;
    let mut query = RawQuery {
        site_id,
        metrics,
        range,
        dimensions,
        filters,
        condition,
        props: props.into_names(),
        order_by: Vec::new(),
        time_labels: include.time_labels,
        total_rows: include.total_rows,
        comparison: include.comparison,
        limit,
        offset,
    };
    query.order_by = order_by(object, &query)?;
    Ok(query)
}

fn metrics(object: &Map<String, Value>) -> Result<Vec<Metric>, QueryError> {
    let allowed = format!("a list of different names out of {}", Metric::allowed());
    let sent = required(object, "metrics", &allowed)?;
    let found = names("metrics", sent, &allowed, Metric::find)?;
    if found.is_empty() {
        return Err(QueryError::new("metrics", sent, &allowed));
    }
    Ok(found)
}

fn dimensions(
    object: &Map<String, Value>,
    props: &mut Props,
) -> Result<Vec<Dimension>, QueryError> {
    let allowed = format!(
        "a list of at most {MAX_DIMENSIONS} different names, at most one of a time, out of {}",
        Dimension::allowed()
    );
    let Some(sent) = object.get("dimensions") else { return Ok(Vec::new()) };
    let mut found: Vec<Dimension> = Vec::new();
    for item in list("dimensions", sent, &allowed)? {
        let one = props.dimension("dimensions", item, &allowed)?;
        let second_time = one.is_time() && found.iter().any(|other| other.is_time());
        if found.contains(&one) || second_time {
            return Err(QueryError::new("dimensions", item, &allowed));
        }
        found.push(one);
    }
    if found.len() > MAX_DIMENSIONS {
        return Err(QueryError::new("dimensions", sent, &allowed));
    }
    Ok(found)
}

fn order_by(object: &Map<String, Value>, query: &RawQuery) -> Result<Vec<Order>, QueryError> {
    let metrics = query.metrics.iter().map(|metric| Key::Metric(*metric));
    let dimensions = query.dimensions.iter().map(|dimension| Key::Dimension(*dimension));
    let keys: Vec<(Key, String)> =
        metrics.chain(dimensions).map(|key| (key, query.name_of_key(key))).collect();
    let known = keys.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(", ");
    let allowed = format!("a list of [name, \"asc\" or \"desc\"], each name once, out of {known}");
    let Some(sent) = object.get("order_by") else { return Ok(Vec::new()) };
    let mut orders: Vec<Order> = Vec::new();
    for item in list("order_by", sent, &allowed)? {
        let wrong = || QueryError::new("order_by", item, &allowed);
        let Some([name, direction]) = item.as_array().map(Vec::as_slice) else {
            return Err(wrong());
        };
        let known = keys.iter().find(|(_, known)| Some(known.as_str()) == name.as_str());
        let (key, _) = known.ok_or_else(wrong)?;
        let descending = match direction.as_str() {
            Some("asc") => false,
            Some("desc") => true,
            _ => return Err(wrong()),
        };
        if orders.iter().any(|order| order.key == *key) {
            return Err(wrong());
        }
        orders.push(Order { key: *key, descending });
    }
    Ok(orders)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn good() -> Value {
        json!({ "site_id": "a.example", "metrics": ["visitors"], "date_range": "7d" })
    }

    fn with(key: &str, value: Value) -> Result<RawQuery, QueryError> {
        let mut body = good();
        body[key] = value;
        parse(body.to_string().as_bytes())
    }

    #[test]
    fn the_least_query_has_all_defaults() {
        let query = parse(good().to_string().as_bytes()).unwrap();
        assert_eq!(query.site_id(), "a.example");
        assert_eq!((query.limit, query.offset), (10_000, 0));
        assert!(query.dimensions.is_empty() && query.filters.is_empty());
    }

    #[test]
    fn an_error_names_the_field_what_was_sent_and_what_is_allowed() {
        let error = with("metrics", json!(["visitor"])).unwrap_err();
        assert_eq!(error.field, "metrics");
        assert_eq!(error.sent, "\"visitor\"");
        assert!(error.allowed.contains("visitors, visits"));
        assert!(error.message.starts_with("metrics: \"visitor\" was sent; allowed: a list"));
    }

    #[test]
    fn what_is_not_as_it_should_be_is_refused_by_field() {
        let long = "x".repeat(crate::report::query::filter::MAX_VALUE_BYTES + 1);
        let many: Vec<Value> = (0..17).map(|_| json!(["is", "event:page", ["/"]])).collect();
        for (key, value, field) in [
            ("colour", json!(1), "colour"),
            ("site_id", json!(7), "site_id"),
            ("site_id", json!(""), "site_id"),
            ("metrics", json!([]), "metrics"),
            ("metrics", json!("visitors"), "metrics"),
            ("metrics", json!(["visitors", "visitors"]), "metrics"),
            ("date_range", json!("24h"), "date_range"),
            ("date_range", json!(["2026-05-02", "2026-05-01"]), "date_range"),
            ("date_range", json!(["2026-05-01"]), "date_range"),
            ("date_range", json!(["2026-5-1", "2026-05-02"]), "date_range"),
            ("date_range", json!(["1990-01-01", "2026-05-02"]), "date_range"),
            ("dimensions", json!(["event:path"]), "dimensions"),
            ("dimensions", json!(["visit:city", "visit:city"]), "dimensions"),
            ("dimensions", json!(["event:props:a", "event:props:a"]), "dimensions"),
            ("dimensions", json!(["time:day", "time:hour"]), "dimensions"),
            ("dimensions", json!(["time:week", "visit:city", "time:month"]), "dimensions"),
            ("date_range", json!("0d"), "date_range"),
            ("date_range", json!("07d"), "date_range"),
            ("date_range", json!("1831d"), "date_range"),
            ("date_range", json!("61mo"), "date_range"),
            ("filters", json!(many), "filters"),
            ("filters", json!({}), "filters"),
            ("filters", json!([["is", "event:page"]]), "filters[0]"),
            ("filters", json!([["holds", "event:page", ["/"]]]), "filters[0]"),
            ("filters", json!([["is", "time:day", ["2026-05-01"]]]), "filters[0]"),
            ("filters", json!([["is", "event:page", []]]), "filters[0]"),
            ("filters", json!([["is", "event:page", [long]]]), "filters[0]"),
            ("filters", json!([["is", "event:page", "/"]]), "filters[0]"),
            ("filters", json!([["is", "event:page", ["/"], {}, {}]]), "filters[0]"),
            ("filters", json!([["or", []]]), "filters[0]"),
            ("filters", json!([["not", ["is", "event:page", []]]]), "filters[0][1]"),
            ("order_by", json!([["visits", "asc"]]), "order_by"),
            ("order_by", json!([["visitors", "up"]]), "order_by"),
            ("include", json!({ "imports": true }), "include.imports"),
            ("include", json!({ "total_rows": 1 }), "include.total_rows"),
            ("pagination", json!({ "limit": 0 }), "pagination.limit"),
            ("pagination", json!({ "limit": 10_001 }), "pagination.limit"),
            ("pagination", json!({ "offset": -1 }), "pagination.offset"),
        ] {
            let error = with(key, value.clone()).expect_err(&format!("{key} {value}"));
            assert_eq!(error.field, field, "{key} {value}: {error}");
        }
    }

    #[test]
    fn values_must_fit_into_a_url_together() {
        let values: Vec<String> = (0..20).map(|n| format!("{n:02}{}", "x".repeat(1_900))).collect();
        let error = with("filters", json!([["is", "event:page", values]])).unwrap_err();
        assert_eq!(error.field, "filters");
        assert!(error.message.contains("32768 bytes"), "{error}");
    }

    #[test]
    fn missing_fields_and_broken_text_are_named() {
        assert_eq!(parse(b"{}").unwrap_err().field, "metrics");
        let error = parse(b"{\"site_id\": ").unwrap_err();
        assert_eq!(error.field, "");
        assert!(error.message.starts_with("the query: text that is not JSON"));
    }

    #[test]
    fn an_empty_filter_value_means_the_label() {
        let query = with("filters", json!([["is", "visit:source", [""]]])).unwrap();
        assert_eq!(query.filters[0].values, ["Direct / None"]);
    }

    #[test]
    fn properties_have_names_everywhere() {
        let body = json!({
            "site_id": "a.example", "metrics": ["visitors"], "date_range": "7d",
            "dimensions": ["event:props:plan", "event:props:size"],
            "filters": [["is", "event:props:size", ["XL"]], ["is", "event:props:tone", ["red"]]],
            "order_by": [["event:props:size", "desc"]],
        });
        let query = parse(body.to_string().as_bytes()).unwrap();
        assert_eq!(query.props, ["plan", "size", "tone"]);
        assert_eq!(query.dimensions, [Dimension::Prop(0), Dimension::Prop(1)]);
        assert_eq!(query.filters[1].dimension, Dimension::Prop(2));
        assert_eq!(query.order_by[0].key, Key::Dimension(Dimension::Prop(1)));
        assert_eq!(query.name_of(Dimension::Prop(2)), "event:props:tone");
        assert_eq!(query.name_of(Dimension::Day), "time:day");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_bring_it_down(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _refused = parse(&body);
        }
    }
}

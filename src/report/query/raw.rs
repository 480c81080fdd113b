//! The body of `POST /api/v2/query` → [`RawQuery`].
//!
//! Strict: an unknown key, a wrong type, an unknown name or too many of anything is an error that
//! names the field. Nothing is guessed and nothing is ignored. No site and no clock is needed.

use serde_json::Map;
use serde_json::Value;

use crate::model::Day;
use crate::report::query::dimension::Dimension;
use crate::report::query::error::QueryError;
use crate::report::query::filter::Filter;
use crate::report::query::filter::Operator;
use crate::report::query::metric::Metric;
use crate::report::range::DateRange;
use crate::report::range::MAX_RANGE_DAYS;

/// Dimensions of one query.
const MAX_DIMENSIONS: usize = 4;
/// Filters of one query; each one is weighed alone and against the others.
const MAX_FILTERS: usize = 16;
/// Values of one filter.
const MAX_VALUES: usize = 100;
/// Bytes of one value of a filter; paths are shorter.
const MAX_VALUE_BYTES: usize = 2_000;
/// Rows of one answer, and their number when the query does not say.
const MAX_ROWS: u64 = 10_000;
/// Rows that may be skipped.
const MAX_OFFSET: u64 = 10_000_000;

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
    pub(crate) filters: Vec<Filter>,
    pub(crate) order_by: Vec<Order>,
    pub(crate) time_labels: bool,
    pub(crate) total_rows: bool,
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
}

impl Key {
    /// The name in queries.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Metric(metric) => metric.name(),
            Self::Dimension(dimension) => dimension.name(),
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
    let dimensions = dimensions(object)?;
    let (time_labels, total_rows) = include(object)?;
    let (limit, offset) = pagination(object)?;
    Ok(RawQuery {
        site_id: text("site_id", required(object, "site_id", "the domain of a site")?)?.to_owned(),
        range: range(required(object, "date_range", &DateRange::allowed())?)?,
        filters: filters(object)?,
        order_by: order_by(object, &metrics, &dimensions)?,
        metrics,
        dimensions,
        time_labels,
        total_rows,
        limit,
        offset,
    })
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

fn dimensions(object: &Map<String, Value>) -> Result<Vec<Dimension>, QueryError> {
    let allowed = format!(
        "a list of at most {MAX_DIMENSIONS} different names out of {}",
        Dimension::allowed()
    );
    let Some(sent) = object.get("dimensions") else { return Ok(Vec::new()) };
    let found = names("dimensions", sent, &allowed, Dimension::find)?;
    if found.len() > MAX_DIMENSIONS {
        return Err(QueryError::new("dimensions", sent, &allowed));
    }
    Ok(found)
}

fn names<T: PartialEq>(
    field: &str,
    sent: &Value,
    allowed: &str,
    find: fn(&str) -> Option<T>,
) -> Result<Vec<T>, QueryError> {
    let mut found = Vec::new();
    for item in list(field, sent, allowed)? {
        let known = item.as_str().and_then(find).filter(|known| !found.contains(known));
        found.push(known.ok_or_else(|| QueryError::new(field, item, allowed))?);
    }
    Ok(found)
}

fn range(sent: &Value) -> Result<DateRange, QueryError> {
    let wrong = || QueryError::new("date_range", sent, &DateRange::allowed());
    if let Some(name) = sent.as_str() {
        return DateRange::find(name).ok_or_else(wrong);
    }
    let ends: Vec<Option<Day>> = sent
        .as_array()
        .ok_or_else(wrong)?
        .iter()
        .map(|end| end.as_str().and_then(Day::parse))
        .collect();
    match ends.as_slice() {
        [Some(from), Some(to)] if from <= to && u32::from(to.0 - from.0) < MAX_RANGE_DAYS => {
            Ok(DateRange::Days(*from, *to))
        }
        _ => Err(wrong()),
    }
}

fn filters(object: &Map<String, Value>) -> Result<Vec<Filter>, QueryError> {
    let allowed =
        format!("a list of at most {MAX_FILTERS} filters [operator, dimension, [values]]");
    let Some(sent) = object.get("filters") else { return Ok(Vec::new()) };
    let items = list("filters", sent, &allowed)?;
    if items.len() > MAX_FILTERS {
        return Err(QueryError::new("filters", sent, &allowed));
    }
    items
        .iter()
        .enumerate()
        .map(|(index, item)| filter(&format!("filters[{index}]"), item))
        .collect()
}

fn filter(field: &str, sent: &Value) -> Result<Filter, QueryError> {
    let shape = "[operator, dimension, [values]]";
    let Some([operator, dimension, values]) = sent.as_array().map(Vec::as_slice) else {
        return Err(QueryError::new(field, sent, shape));
    };
    let operator = operator
        .as_str()
        .and_then(Operator::find)
        .ok_or_else(|| QueryError::new(field, operator, &Operator::allowed()))?;
    let dimension = dimension
        .as_str()
        .and_then(Dimension::find)
        .filter(|found| !found.is_time())
        .ok_or_else(|| QueryError::new(field, dimension, &Dimension::filterable()))?;
    let allowed =
        format!("a list of 1 to {MAX_VALUES} texts of at most {MAX_VALUE_BYTES} bytes each");
    let items = list(field, values, &allowed)?;
    if items.is_empty() || items.len() > MAX_VALUES {
        return Err(QueryError::new(field, values, &allowed));
    }
    let values = items.iter().map(|item| match item.as_str() {
        Some("") => Ok(dimension.label().to_owned()),
        Some(text) if text.len() <= MAX_VALUE_BYTES => Ok(text.to_owned()),
        _ => Err(QueryError::new(field, item, &allowed)),
    });
    Ok(Filter { operator, dimension, values: values.collect::<Result<_, _>>()? })
}

fn order_by(
    object: &Map<String, Value>,
    metrics: &[Metric],
    dimensions: &[Dimension],
) -> Result<Vec<Order>, QueryError> {
    let keys: Vec<Key> = metrics
        .iter()
        .map(|metric| Key::Metric(*metric))
        .chain(dimensions.iter().map(|dimension| Key::Dimension(*dimension)))
        .collect();
    let known = keys.iter().map(|key| key.name()).collect::<Vec<_>>().join(", ");
    let allowed = format!("a list of [name, \"asc\" or \"desc\"], each name once, out of {known}");
    let Some(sent) = object.get("order_by") else { return Ok(Vec::new()) };
    let mut orders: Vec<Order> = Vec::new();
    for item in list("order_by", sent, &allowed)? {
        let wrong = || QueryError::new("order_by", item, &allowed);
        let Some([name, direction]) = item.as_array().map(Vec::as_slice) else {
            return Err(wrong());
        };
        let key = keys.iter().find(|key| Some(key.name()) == name.as_str()).ok_or_else(wrong)?;
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

fn include(parent: &Map<String, Value>) -> Result<(bool, bool), QueryError> {
    let Some(sent) = parent.get("include") else { return Ok((false, false)) };
    let object = object("include", sent, &["time_labels", "total_rows"])?;
    let flag = |key: &str| match object.get(key) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(other) => Err(QueryError::new(&format!("include.{key}"), other, "true or false")),
    };
    Ok((flag("time_labels")?, flag("total_rows")?))
}

fn pagination(parent: &Map<String, Value>) -> Result<(u64, u64), QueryError> {
    let Some(sent) = parent.get("pagination") else { return Ok((MAX_ROWS, 0)) };
    let object = object("pagination", sent, &["limit", "offset"])?;
    let number = |key: &str, least: u64, most: u64, absent: u64| {
        let Some(value) = object.get(key) else { return Ok(absent) };
        value.as_u64().filter(|number| (least..=most).contains(number)).ok_or_else(|| {
            let allowed = format!("a whole number from {least} to {most}");
            QueryError::new(&format!("pagination.{key}"), value, &allowed)
        })
    };
    Ok((number("limit", 1, MAX_ROWS, MAX_ROWS)?, number("offset", 0, MAX_OFFSET, 0)?))
}

fn required<'a>(
    object: &'a Map<String, Value>,
    field: &str,
    allowed: &str,
) -> Result<&'a Value, QueryError> {
    object.get(field).ok_or_else(|| QueryError::missing(field, allowed))
}

fn text<'a>(field: &str, sent: &'a Value) -> Result<&'a str, QueryError> {
    let allowed = "the domain of a site";
    sent.as_str()
        .filter(|text| !text.is_empty())
        .ok_or_else(|| QueryError::new(field, sent, allowed))
}

fn list<'a>(field: &str, sent: &'a Value, allowed: &str) -> Result<&'a [Value], QueryError> {
    Ok(sent.as_array().ok_or_else(|| QueryError::new(field, sent, allowed))?.as_slice())
}

fn object<'a>(
    field: &str,
    sent: &'a Value,
    keys: &[&str],
) -> Result<&'a Map<String, Value>, QueryError> {
    let allowed = format!("a JSON object with the keys {}", keys.join(", "));
    let object = sent.as_object().ok_or_else(|| QueryError::new(field, sent, &allowed))?;
    match object.keys().find(|key| !keys.contains(&key.as_str())) {
        None => Ok(object),
        Some(key) => {
            let field = if field.is_empty() { key.clone() } else { format!("{field}.{key}") };
            Err(QueryError::of_text(&field, &format!("the unknown key {key:?}"), &allowed))
        }
    }
}

//! Filters: one operator, one dimension, any of the values.

use serde_json::Map;
use serde_json::Value;

use crate::report::query::dimension::Dimension;
use crate::report::query::error::QueryError;
use crate::report::query::json::list;

/// Filters of one query; each one is weighed alone and against the others.
const MAX_FILTERS: usize = 16;
/// Dimensions of all filters; each part of them is weighed by itself.
const MAX_FILTERED_DIMENSIONS: usize = 6;
/// How deep `and` may stand in `and`.
const AND_DEPTH_MAX: usize = 3;
/// Values of one filter.
const MAX_VALUES: usize = 100;
/// Bytes of one value of a filter; paths are shorter.
pub(super) const MAX_VALUE_BYTES: usize = 2_000;
/// Bytes of all values of all filters; bound values travel in a URL.
const MAX_FILTER_BYTES: usize = 32 * 1024;

/// How a filter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// The value is one of those given.
    Is,
    /// The value is none of those given.
    IsNot,
}

/// One condition; several in a query must all hold, those on events on the same event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    /// How it compares.
    pub(crate) operator: Operator,
    /// What it compares; never a time.
    pub(crate) dimension: Dimension,
    /// The labels it compares with, at least one.
    pub(crate) values: Vec<String>,
}

const TABLE: [(Operator, &str); 2] = [(Operator::Is, "is"), (Operator::IsNot, "is_not")];

impl Operator {
    /// The operator called `name`.
    pub(crate) fn find(name: &str) -> Option<Self> {
        TABLE.iter().find(|(_, text)| *text == name).map(|(operator, _)| *operator)
    }

    /// All names, for an error that says what is allowed.
    pub(crate) fn allowed() -> String {
        TABLE.map(|(_, name)| name).join(", ")
    }

    /// The name in queries.
    pub(crate) fn name(self) -> &'static str {
        TABLE.iter().find(|(operator, _)| *operator == self).map_or("", |(_, name)| name)
    }
}

/// The filters of a query; none when it has none.
///
/// # Errors
/// When one is not as it should be, or there are too many of anything.
pub(super) fn filters(object: &Map<String, Value>) -> Result<Vec<Filter>, QueryError> {
    let allowed =
        format!("a list of at most {MAX_FILTERS} filters [operator, dimension, [values]]");
    let Some(sent) = object.get("filters") else { return Ok(Vec::new()) };
    let mut filters = Vec::new();
    for (index, item) in list("filters", sent, &allowed)?.iter().enumerate() {
        gather(&format!("filters[{index}]"), item, AND_DEPTH_MAX, &mut filters)?;
        if filters.len() > MAX_FILTERS {
            return Err(QueryError::new("filters", sent, &allowed));
        }
    }
    let mut dimensions: Vec<Dimension> = Vec::new();
    for one in &filters {
        if !dimensions.contains(&one.dimension) {
            dimensions.push(one.dimension);
        }
    }
    if dimensions.len() > MAX_FILTERED_DIMENSIONS {
        let sent = format!("filters on {} dimensions", dimensions.len());
        let allowed = format!("filters on at most {MAX_FILTERED_DIMENSIONS} dimensions at once");
        return Err(QueryError::of_text("filters", &sent, &allowed));
    }
    let bytes: usize = filters.iter().flat_map(|one| &one.values).map(String::len).sum();
    if bytes > MAX_FILTER_BYTES {
        let sent = format!("values of {bytes} bytes together");
        let allowed = format!("values of at most {MAX_FILTER_BYTES} bytes together");
        return Err(QueryError::of_text("filters", &sent, &allowed));
    }
    Ok(filters)
}

/// One filter, or several in `["and", [filter, …]]`, which is what a list of filters means anyway.
fn gather(
    field: &str,
    sent: &Value,
    depth: usize,
    filters: &mut Vec<Filter>,
) -> Result<(), QueryError> {
    match sent.as_array().map(Vec::as_slice) {
        Some([word, Value::Array(inner)]) if word == "and" && depth > 0 => {
            for (index, one) in inner.iter().take(MAX_FILTERS + 1).enumerate() {
                gather(&format!("{field}[1][{index}]"), one, depth - 1, filters)?;
            }
        }
        _ => filters.push(filter(field, sent)?),
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn and_is_a_list_of_filters() {
        let one = json!(["is", "event:page", ["/"]]);
        let two = json!(["is_not", "visit:country", ["DE"]]);
        let flat = filters(json!({ "filters": [one, two] }).as_object().unwrap()).unwrap();
        let nested = json!({ "filters": [["and", [one, ["and", [two]]]]] });
        assert_eq!(filters(nested.as_object().unwrap()).unwrap(), flat);
        let or = json!({ "filters": [["or", [one, two]]] });
        let error = filters(or.as_object().unwrap()).unwrap_err();
        assert_eq!(error.field, "filters[0]");
    }

    #[test]
    fn filters_on_too_many_dimensions_are_refused() {
        let many = ["source", "channel", "country", "browser", "os", "device", "city"];
        let many: Vec<Value> =
            many.iter().map(|name| json!(["is", format!("visit:{name}"), ["x"]])).collect();
        let error = filters(json!({ "filters": many }).as_object().unwrap()).unwrap_err();
        assert!(error.message.contains("at most 6 dimensions"), "{error}");
        let six = json!({ "filters": many.get(..6).unwrap() });
        assert_eq!(filters(six.as_object().unwrap()).unwrap().len(), 6);
    }
}

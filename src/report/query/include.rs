//! What else an answer holds: `include` and `pagination`.

use serde_json::Map;
use serde_json::Value;

use crate::report::query::comparison::Comparison;
use crate::report::query::comparison::comparison;
use crate::report::query::error::QueryError;
use crate::report::query::json::object;
use crate::report::query::raw::MAX_ROWS;

/// Rows that may be skipped.
const MAX_OFFSET: u64 = 10_000_000;

/// What `include` asks for.
#[derive(Debug, Default)]
pub(super) struct Include {
    pub(super) time_labels: bool,
    pub(super) total_rows: bool,
    pub(super) comparison: Option<Comparison>,
}

/// Reads `include`.
///
/// # Errors
/// When it is not as it should be.
pub(super) fn include(parent: &Map<String, Value>) -> Result<Include, QueryError> {
    let Some(sent) = parent.get("include") else { return Ok(Include::default()) };
    let object = object("include", sent, &["time_labels", "total_rows", "comparisons"])?;
    let flag = |key: &str| match object.get(key) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(other) => Err(QueryError::new(&format!("include.{key}"), other, "true or false")),
    };
    Ok(Include {
        time_labels: flag("time_labels")?,
        total_rows: flag("total_rows")?,
        comparison: comparison(object)?,
    })
}

/// Reads `pagination`: how many rows at most, and how many are skipped.
///
/// # Errors
/// When it is not as it should be.
pub(super) fn pagination(parent: &Map<String, Value>) -> Result<(u64, u64), QueryError> {
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

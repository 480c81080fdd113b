//! Strict reading of JSON values: each function answers the value or says what is wrong with it.

use serde_json::Map;
use serde_json::Value;

use crate::report::query::error::QueryError;

/// A list of different known names.
pub(crate) fn names<T: PartialEq>(
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

/// The value of a field that must be there.
pub(crate) fn required<'a>(
    object: &'a Map<String, Value>,
    field: &str,
    allowed: &str,
) -> Result<&'a Value, QueryError> {
    object.get(field).ok_or_else(|| QueryError::missing(field, allowed))
}

/// A text that is not empty.
pub(crate) fn text<'a>(field: &str, sent: &'a Value) -> Result<&'a str, QueryError> {
    let allowed = "the domain of a site";
    sent.as_str()
        .filter(|text| !text.is_empty())
        .ok_or_else(|| QueryError::new(field, sent, allowed))
}

/// A list.
pub(crate) fn list<'a>(
    field: &str,
    sent: &'a Value,
    allowed: &str,
) -> Result<&'a [Value], QueryError> {
    Ok(sent.as_array().ok_or_else(|| QueryError::new(field, sent, allowed))?.as_slice())
}

/// An object without other keys than `keys`.
pub(crate) fn object<'a>(
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

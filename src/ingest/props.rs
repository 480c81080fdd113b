//! Custom properties: an object of scalars, or such an object as a JSON string.
//!
//! Lists, objects and blank values are dropped, others become text; addresses of pages in values
//! lose their query, and all values lose mail addresses.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::ingest::payload::{PayloadError, error};
use crate::ingest::text::clean;
use crate::ingest::url::text;

/// Properties of one event that are kept, the first by name.
pub(crate) const PROPS_MAX: usize = 30;
/// Longest name of a property, in bytes.
pub(crate) const PROP_NAME_BYTES_MAX: usize = 300;
/// Longest value of a property, in bytes.
pub(crate) const PROP_VALUE_BYTES_MAX: usize = 2000;

/// Reads the properties, sorted by name.
pub(crate) fn read(value: Option<&Value>) -> Result<Vec<(String, String)>, PayloadError> {
    let Some(sent) = value.and_then(object) else { return Ok(Vec::new()) };
    let mut props: Vec<(String, String)> = Vec::new();
    for (name, value) in sent.iter() {
        let Some(value) = scalar(value) else { continue };
        if name.len() > PROP_NAME_BYTES_MAX {
            return Err(error("props", "has a name that is too long: at most 300 bytes"));
        }
        if value.len() > PROP_VALUE_BYTES_MAX {
            return Err(error("props", "has a value that is too long: at most 2000 bytes"));
        }
        let name = text(&clean(name, PROP_NAME_BYTES_MAX), PROP_NAME_BYTES_MAX);
        let value = text(&clean(&value, PROP_VALUE_BYTES_MAX), PROP_VALUE_BYTES_MAX);
        let is_new = props.iter().all(|(known, _)| *known != name);
        if !name.is_empty() && !value.is_empty() && is_new && props.len() < PROPS_MAX {
            props.push((name, value));
        }
    }
    props.sort_unstable();
    Ok(props)
}

/// The object itself, or the one in a string; anything else is no property.
fn object(value: &Value) -> Option<Cow<'_, Map<String, Value>>> {
    match value {
        Value::Object(object) => Some(Cow::Borrowed(object)),
        Value::String(text) => serde_json::from_str(text).ok().map(Cow::Owned),
        _ => None,
    }
}

fn scalar(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept(value: &Value) -> Vec<(String, String)> {
        read(Some(value)).unwrap()
    }

    #[test]
    fn scalars_become_text_and_the_rest_is_dropped() {
        let sent =
            json!({"z": "last", "n": 1.5, "t": true, "l": [1], "o": {}, "b": "  ", "x": null});
        let expected = [("n", "1.5"), ("t", "true"), ("z", "last")];
        assert_eq!(kept(&sent), expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
        assert_eq!(kept(&Value::String(sent.to_string())), kept(&sent));
        assert_eq!(kept(&json!("no object")), []);
        assert_eq!(kept(&json!(7)), []);
    }

    #[test]
    fn values_lose_what_identifies() {
        let sent = json!({"url": "https://shop.example/x?token=1", "who": "jane@example.com"});
        let expected = [("url", "https://shop.example/x"), ("who", ":email")];
        assert_eq!(kept(&sent), expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
    }

    #[test]
    fn thirty_are_kept() {
        let sent: Map<String, Value> = (0..40).map(|n| (format!("k{n:02}"), json!(n))).collect();
        let props = kept(&Value::Object(sent));
        assert_eq!(props.len(), PROPS_MAX);
        assert_eq!(props[29].0, "k29");
    }
}

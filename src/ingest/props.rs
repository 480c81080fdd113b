//! Custom properties: an object of scalars, or such an object as a JSON string.
//!
//! Lists, objects and blank values are dropped, others become text. Addresses of pages in values are
//! reduced like pages; any other value that looks like an id or an address (see `placeholder`) is
//! dropped, and its property's name told. Which names a site keeps is the business of `reduce`.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use crate::ingest::body::Sent;
use crate::ingest::payload::{PayloadError, error};
use crate::ingest::placeholder::identifies;
use crate::ingest::text::clean;
use crate::ingest::url::text;

/// Properties of one event that are kept, the first by name.
pub(crate) const PROPS_MAX: usize = 30;
/// Properties of one event that are looked at.
const SENT_MAX: usize = 300;
/// Longest name of a property, in bytes.
pub(crate) const PROP_NAME_BYTES_MAX: usize = 300;
/// Longest value of a property, in bytes.
pub(crate) const PROP_VALUE_BYTES_MAX: usize = 2000;

/// The properties of one event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Props {
    /// What may be kept, sorted by name.
    pub(crate) fit: Vec<(String, String)>,
    /// Names of properties whose values look like ids or addresses; the values are gone.
    pub(crate) identifying: Vec<String>,
}

/// Reads the properties.
pub(crate) fn read(value: Option<&Sent<'_>>) -> Result<Props, PayloadError> {
    let Some(sent) = value.and_then(object) else { return Ok(Props::default()) };
    let mut props = Props::default();
    for (name, value) in sent.iter().take(SENT_MAX) {
        let Some(value) = scalar(value) else { continue };
        if name.len() > PROP_NAME_BYTES_MAX {
            return Err(error("props", "has a name that is too long: at most 300 bytes"));
        }
        if value.len() > PROP_VALUE_BYTES_MAX {
            return Err(error("props", "has a value that is too long: at most 2000 bytes"));
        }
        if props.fit.len() == PROPS_MAX {
            continue;
        }
        let name = clean(name, PROP_NAME_BYTES_MAX).into_owned();
        let value = kept(&clean(&value, PROP_VALUE_BYTES_MAX));
        let is_new = props.fit.iter().all(|(known, _)| *known != name);
        // A name that points at somebody is nobody's name of a property: it is not even counted.
        if name.is_empty() || identifies(&name) || !is_new {
            continue;
        }
        match value {
            Some(value) if value.is_empty() => {}
            Some(value) => props.fit.push((name, value)),
            None if props.identifying.len() < PROPS_MAX => props.identifying.push(name),
            None => {}
        }
    }
    props.fit.sort_unstable();
    Ok(props)
}

/// The value as it is stored; `None` when it looks like an id or an address. Addresses of pages are
/// reduced like pages.
fn kept(value: &str) -> Option<String> {
    let starts = |scheme: &str| {
        value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    let is_page = starts("/") || starts("http://") || starts("https://");
    if !is_page {
        return (!identifies(value)).then(|| value.to_owned());
    }
    Some(text(value, PROP_VALUE_BYTES_MAX).into_owned()).filter(|reduced| !reduced.is_empty())
}

/// The object itself, or the one in a string; anything else is no property.
fn object<'a>(value: &'a Sent<'_>) -> Option<Cow<'a, Map<String, Value>>> {
    match value {
        Sent::Other(Value::Object(object)) => Some(Cow::Borrowed(object)),
        Sent::Text(text) => serde_json::from_str(text).ok().map(Cow::Owned),
        Sent::Other(_) => None,
    }
}

fn scalar(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(written(number))),
        Value::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A number with three digits behind the point at most: those of a third are no id.
fn written(number: &Number) -> String {
    match number.as_f64() {
        Some(fraction) if !(number.is_i64() || number.is_u64()) => {
            let text = format!("{fraction:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept(value: &Value) -> Vec<(String, String)> {
        read(Some(&value.clone().into())).unwrap().fit
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
    fn values_that_identify_are_dropped_and_their_names_told() {
        let sent = json!({
            "url": "https://shop.example/x?token=1", "next": "/order/12345678?x=1", "plan": "pro",
            "who": "jane@example.com", "user": 1234567, "ip": "203.0.113.9", "tel": "+49 30 1234567",
            "key": "dGhpcyBpcyBhIHNlY3JldA", "a@b.example": "x", "price": 19.99, "share": 1.0 / 3.0,
            "broken": "https://exa mple.org/reset?token=eyJhbGciOiJIUzI1NiJ9",
            "port": "https://e.example:99999/?token=secret", "none": "https://?token=secret",
            "host": "http://203.0.113.9/a",
        });
        let props = read(Some(&sent.into())).unwrap();
        let fit = [
            ("host", "http://:address/a"),
            ("next", "/order/:number"),
            ("plan", "pro"),
            ("price", "19.99"),
            ("share", "0.333"),
            ("url", "https://shop.example/x"),
        ];
        assert_eq!(props.fit, fit.map(|(n, v)| (n.to_owned(), v.to_owned())));
        let identifying = ["broken", "ip", "key", "none", "port", "tel", "user", "who"];
        assert_eq!(props.identifying, identifying);
    }

    #[test]
    fn thirty_are_kept() {
        let sent: Map<String, Value> = (0..40).map(|n| (format!("k{n:02}"), json!(n))).collect();
        let props = kept(&Value::Object(sent));
        assert_eq!(props.len(), PROPS_MAX);
        assert_eq!(props[29].0, "k29");
    }
}

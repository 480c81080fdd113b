//! What a page reports about itself: measured Web Vitals, and errors of its scripts as templates.
//!
//! Promise: of a message only its template is kept. Digits become `0`, quoted text goes, addresses
//! become `url`; what is left is cut and reduced like a path. The script does the same before it
//! sends; here nobody is believed.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::ingest::body::Sent;
use crate::ingest::payload::{PayloadError, error};
use crate::ingest::placeholder::hide_all;
use crate::ingest::text::{clean, cut};
use crate::model::Metric;

/// Longest template that is kept, in bytes.
pub(crate) const TEMPLATE_BYTES_MAX: usize = 200;
/// How much of a message is looked at, in bytes.
const MESSAGE_BYTES_MAX: usize = 2000;

static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\b[a-z][a-z0-9+.-]*://[^\s)]+|\b(?:data|blob):[^\s)]+"));
static QUOTED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?s)".*"|`.*`|“.*”|«.*»|‘.*’|(^|[^\p{L}])'(?:[^']|'\p{L})*(?:'|$)"#)
});
/// A quotation that does not end.
static OPEN: LazyLock<Regex> = LazyLock::new(|| pattern(r#"(?s)["`“«‘].*$"#));
/// The query of an address without a scheme.
static QUERY: LazyLock<Regex> = LazyLock::new(|| pattern(r"\?\S+"));
static DIGITS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\d+"));

/// What a page reports about itself, instead of an event of a visitor.
#[derive(Default)]
pub(crate) enum Report {
    #[default]
    None,
    /// Buckets of measured values, each metric at most once.
    Vitals(Vec<(Metric, u16)>),
    /// The template of an error.
    ScriptError(String),
}

/// Reads `{"lcp": 1234.5, …}`; values that cannot be are left out.
pub(crate) fn vitals(value: Option<&Sent<'_>>) -> Result<Vec<(Metric, u16)>, PayloadError> {
    const ADVICE: &str = "must hold measured values, such as {\"lcp\": 1200, \"cls\": 0.05}";
    let Some(Sent::Other(Value::Object(values))) = value else { return Err(error("v", ADVICE)) };
    let of = |metric: Metric| Some((metric, metric.bucket(values.get(metric.name())?.as_f64()?)?));
    let buckets: Vec<(Metric, u16)> = Metric::ALL.into_iter().filter_map(of).collect();
    if buckets.is_empty() { Err(error("v", ADVICE)) } else { Ok(buckets) }
}

/// The template of an error's message.
pub(crate) fn template(value: Option<&Sent<'_>>) -> Result<String, PayloadError> {
    let sent = value.and_then(Sent::as_str).unwrap_or_default();
    let text = clean(cut(sent, MESSAGE_BYTES_MAX), MESSAGE_BYTES_MAX);
    let text = ADDRESS.replace_all(&text, "url");
    let text = QUOTED.replace_all(&text, "${1}''");
    let text = OPEN.replace_all(&text, "''");
    let text = QUERY.replace_all(&text, "");
    let text = hide_all(&text);
    let text = DIGITS.replace_all(&text, "0");
    let text = cut(&text, TEMPLATE_BYTES_MAX).trim().to_owned();
    if text.is_empty() {
        Err(error("t", "can't be blank: send the message of the error"))
    } else {
        Ok(text)
    }
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern that the tests compile")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_loses_what_is_of_one_visit() {
        for (sent, kept) in [
            ("TypeError: x is not a function", "TypeError: x is not a function"),
            ("Error 404 at line 12:5", "Error 0 at line 0:0"),
            ("cannot read 'jane doe' of undefined", "cannot read '' of undefined"),
            ("can't read \"jane\" of “b”", "can't read '' of ''"),
            ("failed: https://a.example/u/jane?t=1 (x)", "failed: url (x)"),
            ("user jane@mail.example failed", "user :email failed"),
            ("key dGhpcyBpcyBhIHNlY3JldA bad", "key :token bad"),
            ("open 'never closed", "open ''"),
            ("near 'it's jane' here", "near '' here"),
            (
                r#"Unexpected token 'x', "["Jane Doe", x]" is not valid JSON"#,
                "Unexpected token '', '' is not valid JSON",
            ),
            ("failed /reset?token=hunter now", "failed /reset now"),
            ("what is this?", "what is this?"),
        ] {
            assert_eq!(template(Some(&json!(sent).into())).unwrap(), kept, "{sent}");
        }
        for nothing in [json!(""), json!(7), json!("\u{7}")] {
            assert_eq!(template(Some(&nothing.into())).unwrap_err().field, "t");
        }
        let long = template(Some(&json!("x y ".repeat(900)).into())).unwrap();
        assert_eq!(long.len(), TEMPLATE_BYTES_MAX - 1, "cut, and no blank at its end");
    }

    #[test]
    fn values_become_buckets_and_nonsense_is_left_out() {
        let read = |value: Value| vitals(Some(&value.into()));
        assert_eq!(
            read(json!({"lcp": 0, "cls": 0.1, "inp": -3, "fcp": "7", "x": 1})).unwrap(),
            [(Metric::Lcp, 0), (Metric::Cls, Metric::Cls.bucket(0.1).unwrap())]
        );
        for nothing in [json!({}), json!([1]), json!({"lcp": 1e300}), json!(null)] {
            assert_eq!(read(nothing).unwrap_err().field, "v");
        }
    }

    proptest! {
        #[test]
        fn any_message_gives_a_bounded_template(text in "\\PC{0,400}") {
            if let Ok(template) = template(Some(&json!(text).into())) {
                prop_assert!(template.len() <= TEMPLATE_BYTES_MAX);
                prop_assert!(!template.chars().any(|one| one.is_control() || ('1'..='9').contains(&one)));
            }
        }
    }
}

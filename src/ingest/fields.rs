//! Single values of a payload: what counts as yes, as a number, as text.
//!
//! Trackers disagree on types (`1`, `"1"`, `true`); these readings are lenient where nothing can go
//! wrong, and say no otherwise.

use serde_json::Value;

use crate::ingest::payload::{PayloadError, error};

pub(crate) fn says_dnt(value: &Value) -> bool {
    is_one(value) || value.as_str().is_some_and(|text| text.trim().starts_with('1'))
}

pub(crate) fn says_gpc(value: &Value) -> bool {
    is_one(value)
}

/// `1`, `"1"` or `true`.
pub(crate) fn is_one(value: &Value) -> bool {
    value.as_bool() == Some(true)
        || value.as_f64().is_some_and(|number| (number - 1.0).abs() < f64::EPSILON)
        || value.as_str().is_some_and(|text| text.trim() == "1")
}

pub(crate) fn optional_text<'a>(
    field: &'static str,
    value: Option<&'a Value>,
) -> Result<Option<&'a str>, PayloadError> {
    match value {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(error(field, "must be a string")),
    }
}

/// A number that is not negative, rounded down.
pub(crate) fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let number = value.as_f64().filter(|number| (0.0..1e15).contains(number))?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within 0 and 10^15; rounding down is meant"
        )]
        Some(number as u64)
    })
}

/// The class of a screen by its width in CSS pixels.
pub(crate) fn screen(width: u64) -> &'static str {
    match width {
        0 => "",
        1..576 => "Small",
        576..992 => "Medium",
        992..1440 => "Large",
        _ => "Extra large",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yes_has_three_spellings() {
        for value in [json!(1), json!(1.0), json!("1"), json!(" 1 "), json!(true)] {
            assert!(is_one(&value) && says_dnt(&value) && says_gpc(&value), "{value}");
        }
        for value in [json!(0), json!("10"), json!(false), json!("true"), json!([1]), json!(11)] {
            assert!(!is_one(&value) && !says_gpc(&value), "{value}");
        }
        assert!(says_dnt(&json!("1xyz")) && !says_dnt(&json!("0")));
    }

    #[test]
    fn numbers_are_rounded_down_and_not_negative() {
        for (value, expected) in [
            (json!(7), Some(7)),
            (json!(7.9), Some(7)),
            (json!(-1), None),
            (json!(1e300), None),
            (json!("7"), None),
        ] {
            assert_eq!(whole(&value), expected);
        }
    }

    #[test]
    fn screens_have_four_classes() {
        for (width, class) in [
            (0, ""),
            (390, "Small"),
            (575, "Small"),
            (576, "Medium"),
            (992, "Large"),
            (1440, "Extra large"),
            (u64::MAX, "Extra large"),
        ] {
            assert_eq!(screen(width), class);
        }
    }
}

//! Revenue of an event: `{"amount": 12.34, "currency": "EUR"}`, or the same as a JSON string.
//!
//! Amounts are thousandths of the unit, exact for up to three decimals. What cannot be read is no
//! revenue; the event stays.

use serde_json::Value;

use crate::ingest::body::Sent;

/// Largest amount that is believed, in units of the currency, either way.
const AMOUNT_UNITS_MAX: i64 = 1_000_000_000_000;

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Revenue {
    /// Thousandths of the unit.
    pub(crate) thousandths: i64,
    /// Three capital letters.
    pub(crate) currency: String,
}

/// Reads a revenue, if it is one.
pub(crate) fn read(value: &Sent<'_>) -> Option<Revenue> {
    let inner: Value;
    let object = match value {
        Sent::Text(text) => {
            inner = serde_json::from_str(text).ok()?;
            inner.as_object()?
        }
        Sent::Other(value) => value.as_object()?,
    };
    let currency = object.get("currency")?.as_str()?.trim().to_ascii_uppercase();
    let is_code = currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_uppercase());
    let thousandths = match object.get("amount")? {
        Value::String(text) => thousandths(text.trim())?,
        Value::Number(number) => match number.as_i64() {
            Some(units) => thousandths(&units.to_string())?,
            None => thousandths(&format!("{:.3}", number.as_f64()?))?,
        },
        _ => return None,
    };
    is_code.then_some(Revenue { thousandths, currency })
}

/// Reads `-12.345` exactly; further decimals are cut off.
fn thousandths(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (units, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if units.is_empty() || !is_number(units) || !is_number(decimals) {
        return None;
    }
    let units: i64 = units.parse().ok().filter(|units| *units <= AMOUNT_UNITS_MAX)?;
    let padded: String = decimals.chars().chain("000".chars()).take(3).collect();
    Some(sign * (units * 1000 + padded.parse::<i64>().ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (amount, expected) in [
            (json!(12), Some(12_000)),
            (json!(12.34), Some(12_340)),
            (json!(0.1), Some(100)),
            (json!("1322.22"), Some(1_322_220)),
            (json!("-5.5"), Some(-5_500)),
            (json!(-7), Some(-7_000)),
            (json!("1.23456"), Some(1_234)),
            (json!(1e12), Some(1_000_000_000_000_000)),
            (json!(1e13), None),
            (json!(1e300), None),
            (json!("12,50"), None),
            (json!("abc"), None),
            (json!(".5"), None),
            (json!(true), None),
        ] {
            let found = read(&json!({"amount": amount, "currency": "eur"}).into());
            assert_eq!(found.map(|revenue| revenue.thousandths), expected, "{amount}");
        }
    }

    #[test]
    fn revenue_needs_a_currency_and_may_be_a_string() {
        let revenue = Revenue { thousandths: 1_000, currency: "USD".into() };
        assert_eq!(read(&json!(r#"{"amount":1,"currency":"USD"}"#).into()), Some(revenue));
        for wrong in
            [json!({"amount": 1}), json!({"amount": 1, "currency": "EURO"}), json!("x"), json!(5)]
        {
            assert_eq!(read(&wrong.into()), None);
        }
    }
}

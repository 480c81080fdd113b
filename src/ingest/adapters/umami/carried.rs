//! What an event of Umami's carries besides its page: properties, revenue, measured values.

use serde_json::{Map, Number, Value};

use crate::ingest::adapters::given::number;
use crate::ingest::adapters::umami::Form;
use crate::ingest::body::Sent;
use crate::ingest::payload::{PayloadError, error};
use crate::ingest::props::PROP_NAME_BYTES_MAX;
use crate::ingest::revenue::{self, Revenue};

/// Largest time that a page may report of itself, in milliseconds.
const VITAL_MS_MAX: f64 = 60_000.0;
/// Largest layout shift that a page may report, without unit.
const SHIFT_MAX: f64 = 100.0;
/// Properties of one event that are looked at.
const PROPERTIES_MAX: usize = 300;

/// What the page measured of itself.
pub(super) fn vitals(form: &Form<'_>) -> Result<Map<String, Value>, PayloadError> {
    let mut values = Map::new();
    for (field, value, most) in [
        ("lcp", &form.lcp, VITAL_MS_MAX),
        ("inp", &form.inp, VITAL_MS_MAX),
        ("fcp", &form.fcp, VITAL_MS_MAX),
        ("ttfb", &form.ttfb, VITAL_MS_MAX),
        ("cls", &form.cls, SHIFT_MAX),
    ] {
        let Some(value) = number(field, value.as_ref())? else { continue };
        if !(0.0..=most).contains(&value) {
            return Err(match field {
                "cls" => error(field, "must lie between 0 and 100"),
                _ => error(field, "must lie between 0 and 60000"),
            });
        }
        if let Some(value) = Number::from_f64(value) {
            values.insert(field.to_owned(), Value::Number(value));
        }
    }
    Ok(values)
}

/// The properties, those of objects within them named like `a.b`.
pub(super) fn flat(value: Option<Sent<'_>>) -> Result<Map<String, Value>, PayloadError> {
    let mut flat = Map::new();
    match value {
        None | Some(Sent::Other(Value::Null)) => {}
        Some(Sent::Other(Value::Object(object))) => spread("", object, &mut flat)?,
        Some(_) => return Err(error("data", "must be an object")),
    }
    Ok(flat)
}

/// As deep as the reader of JSON goes.
fn spread(
    above: &str,
    object: Map<String, Value>,
    flat: &mut Map<String, Value>,
) -> Result<(), PayloadError> {
    for (name, value) in object {
        if flat.len() == PROPERTIES_MAX {
            break;
        }
        let name = if above.is_empty() { name } else { format!("{above}.{name}") };
        if name.len() > PROP_NAME_BYTES_MAX {
            return Err(error("data", "has a name that is too long: at most 300 bytes"));
        }
        match value {
            Value::Object(within) => spread(&name, within, flat)?,
            value => drop(flat.insert(name, value)),
        }
    }
    Ok(())
}

/// `revenue` and `currency`, which are then no properties.
pub(super) fn revenue(data: &mut Map<String, Value>) -> Option<Revenue> {
    let (amount, currency) = (data.get("revenue")?, data.get("currency")?);
    let pair = [("amount", amount), ("currency", currency)];
    let sent = pair.map(|(name, value)| (name.to_owned(), value.clone()));
    let revenue = revenue::read(&Sent::Other(Value::Object(Map::from_iter(sent))))?;
    data.remove("revenue");
    data.remove("currency");
    Some(revenue)
}

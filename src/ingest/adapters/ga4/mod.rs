//! Google Analytics 4 from a browser: `GET` and `POST /g/collect`.
//!
//! The query holds what all events share; a body holds more events, one a line, each with
//! parameters of its own before which those of the query stand back. Without a body the query is
//! the event. Format: the published parameters of gtag.js and of server-side containers; consent
//! is `gcs=G1AB`, where B is what the visitor said of analytics.

pub mod checks;
mod event;
pub mod server;

use std::borrow::Cow;

use serde_json::{Number, Value};
use url::form_urlencoded;

use crate::ingest::adapters::ga4::event::{Params, Told};
use crate::ingest::adapters::{Found, Hit, Hits};
use crate::ingest::payload::{Payload, error};
use crate::ingest::signals;

/// Events of one body. gtag.js sends some ten at once.
pub const EVENTS_MAX: usize = 25;
/// Bytes of a request once each of its events has what all of them share: as much as a browser may
/// send us in one body. A small request must not become a large one here.
const SPREAD_BYTES_MAX: usize = 64 * 1024;
/// Parameters of one event that are looked at: 200 items, and more than anybody sends beside them.
const PAIRS_MAX: usize = 400;
/// Items of one event, as the format numbers them.
const ITEMS_MAX: usize = 200;

/// What one line, or the query, says.
#[derive(Default, Clone)]
struct Fields<'a> {
    texts: [Option<Cow<'a, str>>; NAMES.len()],
    params: Vec<(Cow<'a, str>, Value)>,
    items: usize,
    opted_out: bool,
}

/// Parameters with a meaning of their own.
const NAMES: [&str; 15] =
    ["v", "tid", "en", "_et", "dl", "dr", "ul", "sr", "cu", "ir", "cs", "cm", "cn", "cc", "ct"];

/// Reads a request.
///
/// # Errors
/// When it is not of version 2, or holds too many events.
pub fn collect<'a>(query: &'a str, body: &'a [u8]) -> Hits<'a> {
    let shared = Fields::read(query.as_bytes());
    let is_line = |line: &&[u8]| !line.is_empty();
    let lines = || body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(is_line);
    let count = lines().take(EVENTS_MAX + 1).count();
    if count > EVENTS_MAX {
        return Err(error("request", "holds too many events: at most 25"));
    }
    if query.len().saturating_mul(count.max(1)).saturating_add(body.len()) > SPREAD_BYTES_MAX {
        return Err(error(
            "request",
            "is too large: at most 64 KiB, the query once for each event",
        ));
    }
    let mut all = Vec::new();
    let mut events = lines().map(|line| Fields::read(line).over(&shared)).peekable();
    if events.peek().is_none() {
        shared.found(&mut all)?;
        return Ok(all);
    }
    for event in events {
        event.found(&mut all)?;
    }
    Ok(all)
}

impl<'a> Fields<'a> {
    fn read(pairs: &'a [u8]) -> Self {
        let mut fields = Self::default();
        for (place, (name, value)) in form_urlencoded::parse(pairs).enumerate() {
            if place < PAIRS_MAX {
                fields.take(name, value);
            } else {
                fields.opted_out |= says_no(&name, &value);
            }
        }
        fields
    }

    fn take(&mut self, name: Cow<'a, str>, value: Cow<'a, str>) {
        if let Some(place) = NAMES.iter().position(|known| *known == name) {
            let value = Some(value).filter(|value| !value.trim().is_empty());
            if let Some(text) = self.texts.get_mut(place)
                && text.is_none()
            {
                *text = value;
            }
        } else if let Some(param) = after(&name, "epn.") {
            self.params.push((param, number(&value)));
        } else if let Some(param) = after(&name, "ep.") {
            self.params.push((param, Value::String(value.into_owned())));
        } else if is_item(&name) {
            self.items += 1;
        } else {
            self.opted_out |= says_no(&name, &value);
        }
    }

    /// The fields of an event over those that all share.
    fn over(mut self, shared: &Self) -> Self {
        for (own, shared) in self.texts.iter_mut().zip(&shared.texts) {
            if own.is_none() {
                own.clone_from(shared);
            }
        }
        self.params.extend(shared.params.iter().cloned());
        self.opted_out |= shared.opted_out;
        self
    }

    fn found(self, all: &mut Vec<Found<'a>>) -> Result<(), crate::ingest::PayloadError> {
        if self.opted_out {
            all.push(Hit::of(Payload::opt_out()).into());
            return Ok(());
        }
        let [
            version,
            id,
            name,
            engaged,
            page,
            referrer,
            language,
            screen,
            currency,
            ignored,
            campaign @ ..,
        ] = self.texts;
        if version.as_deref() != Some("2") {
            return Err(error("v", "must be 2"));
        }
        let ignored = ignored.is_some_and(|value| value.trim() == "1");
        let mut params = Params::default();
        for (name, value) in self.params {
            params.add(&name, value);
        }
        let told = Told {
            id: id.unwrap_or_default(),
            name: name.unwrap_or_default(),
            page,
            referrer: referrer.filter(|_| !ignored).unwrap_or_default(),
            language: language.unwrap_or_default(),
            screen: screen.unwrap_or_default(),
            engaged_ms: engaged.and_then(|ms| ms.trim().parse().ok()).unwrap_or_default(),
            params,
            items: self.items,
            currency: currency.unwrap_or_default(),
            campaign: campaign.map(Option::unwrap_or_default),
            ..Told::default()
        };
        told.found(all);
        Ok(())
    }
}

/// What stands behind a prefix.
fn after<'a>(name: &Cow<'a, str>, prefix: &str) -> Option<Cow<'a, str>> {
    match name {
        Cow::Borrowed(name) => name.strip_prefix(prefix).map(Cow::Borrowed),
        Cow::Owned(name) => name.strip_prefix(prefix).map(|rest| Cow::Owned(rest.to_owned())),
    }
}

/// A number, or the text when it is none.
fn number(text: &str) -> Value {
    let text = text.trim();
    let whole = || text.parse::<i64>().ok().map(Number::from);
    let number = whole().or_else(|| Number::from_f64(text.parse().ok()?));
    number.map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

/// `pr1` to `pr200`.
fn is_item(name: &str) -> bool {
    let number = name.strip_prefix("pr").filter(|digits| digits.len() <= 3);
    number
        .and_then(|digits| digits.parse().ok())
        .is_some_and(|n: usize| (1..=ITEMS_MAX).contains(&n))
}

/// Whether a pair says that the visitor is not to be counted. Any counts, also a second one of its
/// name: in doubt the visitor said no.
fn says_no(name: &str, value: &str) -> bool {
    (name == "gcs" && is_denied(value)) || signals::is_no(name, value)
}

/// `G1AB`: A is what the visitor said of advertising, B of analytics; 0 is no.
fn is_denied(consent: &str) -> bool {
    consent.strip_prefix("G1").is_some_and(|rest| rest.chars().nth(1) == Some('0'))
}

#[cfg(test)]
mod tests;

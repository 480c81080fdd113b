//! Google Analytics 4 from a server: the Measurement Protocol, `POST /mp/collect`.
//!
//! Its secret is a send key of ours. Address, User-Agent and time of the visitor are taken as the
//! sender names them (`ip_override`, `user_agent`, `timestamp_micros`); ids of clients and users,
//! user properties and the visitor's place are not read. Format and limits: the Measurement
//! Protocol's documentation.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::ingest::adapters::ga4::event::{Said, Told};
use crate::ingest::adapters::{Found, Hit, Hits};
use crate::ingest::body::Sent;
use crate::ingest::fields::{says_dnt, says_gpc};
use crate::ingest::payload::{Payload, PayloadError, error};
use crate::ingest::signals;

/// Events of one request.
pub const EVENTS_MAX: usize = 25;
/// Largest body, in bytes: it has to be smaller than 130 KiB.
pub const BODY_BYTES_MAX: usize = 130 * 1024 - 1;

/// Microseconds of a second.
const MICROS: i64 = 1_000_000;
/// Parameters of a query that are looked at.
const QUERY_PAIRS_MAX: usize = 20;

/// What is read of a body.
#[derive(serde::Deserialize)]
pub(super) struct Body<'a> {
    #[serde(borrow, default)]
    pub(super) events: Events<'a>,
    #[serde(borrow, default)]
    pub(super) timestamp_micros: Option<Sent<'a>>,
    #[serde(borrow, default)]
    ip_override: Option<Sent<'a>>,
    #[serde(borrow, default)]
    user_agent: Option<Sent<'a>>,
    #[serde(borrow, default)]
    device: Option<Sent<'a>>,
    #[serde(borrow, default)]
    dnt: Option<Sent<'a>>,
    #[serde(borrow, default)]
    gpc: Option<Sent<'a>>,
    #[serde(borrow, default)]
    consent: Option<Sent<'a>>,
}

/// One event of a body. Neither `Debug` nor `Clone`.
#[derive(serde::Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow, default)]
    pub(super) name: Option<Sent<'a>>,
    #[serde(borrow, default)]
    pub(super) params: Option<Sent<'a>>,
    #[serde(borrow, default)]
    pub(super) timestamp_micros: Option<Sent<'a>>,
    #[serde(borrow, default)]
    dnt: Option<Sent<'a>>,
    #[serde(borrow, default)]
    gpc: Option<Sent<'a>>,
}

/// The first events of a list, and how many there are.
#[derive(Default)]
pub(super) struct Events<'a> {
    pub(super) first: Vec<Event<'a>>,
    pub(super) count: usize,
}

/// `measurement_id` and `api_secret`.
#[derive(Default)]
pub(super) struct Query<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) secret: Cow<'a, str>,
    opted_out: bool,
}

/// The secret of a request; a send key, if it is one of ours.
#[must_use]
pub fn secret(query: &str) -> Option<Cow<'_, str>> {
    Some(Query::read(query).secret).filter(|secret| !secret.is_empty())
}

/// Reads a request.
///
/// # Errors
/// When the body is no object with events, or holds too many.
pub fn measured<'a>(query: &'a str, body: &'a [u8]) -> Hits<'a> {
    let query = Query::read(query);
    let mut body = read(body)?;
    let signals = (body.dnt.as_ref(), body.gpc.as_ref());
    if query.opted_out || says_no(signals) || is_denied(body.consent.as_ref()) {
        return Ok(vec![Hit::of(Payload::opt_out()).into()]);
    }
    if body.events.count == 0 {
        return Err(error("events", "can't be blank"));
    }
    if body.events.count > EVENTS_MAX {
        return Err(error("events", "are too many: at most 25"));
    }
    let said = Said {
        address: body.ip_override.take().and_then(filled),
        user_agent: body.user_agent.take().and_then(filled),
        at: seconds(body.timestamp_micros.as_ref())?,
    };
    let (language, screen) = device(body.device.as_ref());
    let mut all = Vec::new();
    for event in body.events.first {
        if event.says_no() {
            all.push(Hit::of(Payload::opt_out()).into());
            continue;
        }
        let told = Told {
            id: query.id.clone(),
            language: language.clone(),
            screen: screen.clone(),
            named: said.clone(),
            of_server: true,
            ..Told::default()
        };
        match event.told(told) {
            Ok(told) => told.found(&mut all),
            Err(error) => all.push(Found::Wrong(error)),
        }
    }
    Ok(all)
}

/// Reads a body; of a field of another shape it says where it should be.
pub(super) fn read(body: &[u8]) -> Result<Body<'_>, PayloadError> {
    // A list would do for a struct, field by field.
    let is_object = body.trim_ascii_start().starts_with(b"{");
    let read = is_object.then(|| serde_json::from_slice(body).ok()).flatten();
    read.ok_or(error("request", "must be a JSON object with a list of events, in UTF-8"))
}

impl<'a> Query<'a> {
    pub(super) fn read(query: &'a str) -> Self {
        let mut found = Self::default();
        for (place, (name, value)) in form_urlencoded::parse(query.as_bytes()).enumerate() {
            let is_read = place < QUERY_PAIRS_MAX;
            match &*name {
                "measurement_id" if is_read && found.id.is_empty() => found.id = value,
                "api_secret" if is_read && found.secret.is_empty() => found.secret = value,
                name => found.opted_out |= signals::is_no(name, &value),
            }
        }
        found
    }
}

/// Whether one of the two signals says no.
fn says_no((dnt, gpc): (Option<&Sent<'_>>, Option<&Sent<'_>>)) -> bool {
    dnt.is_some_and(says_dnt) || gpc.is_some_and(says_gpc)
}

/// `{"analytics_storage": "DENIED"}`, in letters of any size.
fn is_denied(consent: Option<&Sent<'_>>) -> bool {
    let Some(Sent::Other(Value::Object(consent))) = consent else { return false };
    let said = consent.get("analytics_storage").and_then(Value::as_str);
    said.is_some_and(|said| said.trim().eq_ignore_ascii_case("denied"))
}

impl<'a> Event<'a> {
    /// Whether the event, or its parameters, say that the visitor is not to be counted.
    fn says_no(&self) -> bool {
        let param = |name: &str| match &self.params {
            Some(Sent::Other(Value::Object(params))) => params.get(name).cloned().map(Sent::from),
            _ => None,
        };
        let within = (param("dnt"), param("gpc"));
        says_no((self.dnt.as_ref(), self.gpc.as_ref()))
            || says_no((within.0.as_ref(), within.1.as_ref()))
    }

    fn told(self, mut told: Told<'a>) -> Result<Told<'a>, PayloadError> {
        told.name = match self.name {
            Some(Sent::Text(name)) => name,
            _ => return Err(error("name", "must be a text")),
        };
        if let Some(at) = seconds(self.timestamp_micros.as_ref())? {
            told.named.at = Some(at);
        }
        let params = match self.params {
            Some(Sent::Other(Value::Object(params))) => params,
            None | Some(Sent::Other(Value::Null)) => Map::new(),
            Some(_) => return Err(error("params", "must be an object")),
        };
        for (name, value) in params {
            told.take(&name, value);
        }
        Ok(told)
    }
}

impl Told<'_> {
    fn take(&mut self, name: &str, value: Value) {
        match (name, value) {
            ("page_location", Value::String(address)) if !address.trim().is_empty() => {
                self.page = Some(Cow::Owned(address));
            }
            ("page_referrer", Value::String(address)) => self.referrer = Cow::Owned(address),
            ("currency", Value::String(currency)) => self.currency = Cow::Owned(currency),
            ("items", Value::Array(items)) => self.items = items.len(),
            ("engagement_time_msec", value) => self.engaged_ms = whole(&value).unwrap_or_default(),
            ("language", Value::String(language)) => self.language = Cow::Owned(language),
            ("screen_resolution", Value::String(size)) => self.screen = Cow::Owned(size),
            (name, value) => self.params.add(name, value),
        }
    }
}

/// A number, also one in a text.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// Seconds since 1970 of a time in microseconds.
pub(super) fn seconds(micros: Option<&Sent<'_>>) -> Result<Option<i64>, PayloadError> {
    let micros = match micros {
        None | Some(Sent::Other(Value::Null)) => return Ok(None),
        Some(Sent::Text(text)) => text.trim().parse().ok(),
        Some(Sent::Other(value)) => value.as_i64(),
    };
    let unfit = error("timestamp_micros", "must be microseconds since 1970");
    micros.map(|micros: i64| Some(micros.div_euclid(MICROS))).ok_or(unfit)
}

/// Language and screen of a device; the rest of it the User-Agent tells.
fn device<'a>(device: Option<&Sent<'_>>) -> (Cow<'a, str>, Cow<'a, str>) {
    let Some(Sent::Other(Value::Object(device))) = device else { return Default::default() };
    let text = |name: &str| match device.get(name) {
        Some(Value::String(text)) => Cow::Owned(text.clone()),
        _ => Cow::Borrowed(""),
    };
    (text("language"), text("screen_resolution"))
}

fn filled(value: Sent<'_>) -> Option<Cow<'_, str>> {
    match value {
        Sent::Text(text) if !text.trim().is_empty() => Some(text),
        _ => None,
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Events<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListReader(PhantomData))
    }
}

struct ListReader<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for ListReader<'a> {
    type Value = Events<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Events<'a>, A::Error> {
        let mut events = Events::default();
        while events.count < EVENTS_MAX {
            let Some(event) = list.next_element()? else { return Ok(events) };
            events.first.push(event);
            events.count += 1;
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            events.count += 1;
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests;

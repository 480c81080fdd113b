//! Matomo's bulk requests: `{"requests": ["?idsite=1&rec=1&…", …], "token_auth": "…"}`. An entry
//! is a query, or an object with the same names. `dnt` and `gpc` beside the entries opt all of them
//! out.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::ingest::adapters::matomo::{Sent, found};
use crate::ingest::adapters::{Found, Hit};
use crate::ingest::body;
use crate::ingest::fields::{says_dnt, says_gpc};
use crate::ingest::payload::{Payload, PayloadError, error};

/// Entries of one bulk request.
pub const REQUESTS_MAX: usize = 500;

/// A bulk request.
pub struct Bulk {
    /// Its key: its own, or the one that all entries have.
    pub token: Option<String>,
    /// Its entries.
    requests: Vec<Entry>,
    /// Somebody says no for all of them.
    opted_out: bool,
}

/// An entry: what it says, and its key.
type Entry = Result<(Sent<'static>, Option<String>), PayloadError>;

#[derive(serde::Deserialize)]
struct Body {
    #[serde(default)]
    requests: Entries,
    #[serde(default)]
    token_auth: Option<Value>,
    #[serde(default)]
    dnt: Option<Value>,
    #[serde(default)]
    gpc: Option<Value>,
}

/// Whether a body is a bulk request, and not a form.
#[must_use]
pub fn is_bulk(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{")
}

/// Reads a bulk request.
///
/// # Errors
/// When it is no object with a list of requests, or holds none or too many, or a key that is not
/// that of all of them.
pub fn read(body: &[u8]) -> Result<Bulk, PayloadError> {
    let body: Body = serde_json::from_slice(body)
        .map_err(|_| error("requests", "must be a list in a JSON object, in UTF-8"))?;
    let says = |value: Option<Value>, is_no: fn(&body::Sent<'_>) -> bool| {
        value.is_some_and(|value| is_no(&value.into()))
    };
    if says(body.dnt, says_dnt) || says(body.gpc, says_gpc) {
        return Ok(Bulk { token: None, requests: Vec::new(), opted_out: true });
    }
    if body.requests.count == 0 {
        return Err(error("requests", "can't be blank"));
    }
    if body.requests.count > REQUESTS_MAX {
        return Err(error("requests", "are too many: at most 500"));
    }
    let own = body.token_auth.as_ref().and_then(Value::as_str).filter(|token| !token.is_empty());
    let token = own.map_or_else(|| common(&body.requests.first), |own| Ok(Some(own.to_owned())))?;
    Ok(Bulk { token, requests: body.requests.first, opted_out: false })
}

/// The key of all entries that can be read: whoever has a key for one has none for the others.
fn common(entries: &[Entry]) -> Result<Option<String>, PayloadError> {
    let mut tokens = entries.iter().filter_map(|entry| entry.as_ref().ok()).map(|(_, token)| token);
    let first = tokens.next().and_then(Option::as_ref);
    if tokens.all(|token| token.as_ref() == first) {
        return Ok(first.cloned());
    }
    Err(error("token_auth", "must stand beside the requests, or be the same in all of them"))
}

impl Bulk {
    /// The events of all entries.
    #[must_use]
    pub fn events(self) -> Vec<Found<'static>> {
        if self.opted_out {
            return vec![Hit::of(Payload::opt_out()).into()];
        }
        let mut all = Vec::with_capacity(self.requests.len());
        for entry in self.requests {
            match entry.and_then(|(sent, _)| found(&sent)) {
                Ok(events) => all.extend(events),
                Err(error) => all.push(Found::Wrong(error)),
            }
        }
        all
    }
}

/// The entries, and how many there are.
#[derive(Default)]
struct Entries {
    first: Vec<Entry>,
    count: usize,
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListReader)
    }
}

struct ListReader;

impl<'de> Visitor<'de> for ListReader {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of requests")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Entries, A::Error> {
        let mut entries = Entries::default();
        while entries.count < REQUESTS_MAX {
            let Some(entry) = list.next_element()? else { return Ok(entries) };
            entries.first.push(self::entry(entry));
            entries.count += 1;
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            entries.count += 1;
        }
        Ok(entries)
    }
}

fn entry(value: Value) -> Entry {
    let mut sent = Sent::default();
    match value {
        Value::String(query) => {
            let query = query.split_once('?').map_or(&*query, |(_, behind)| behind);
            let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
            let pairs = form_urlencoded::parse(query.as_bytes());
            sent.extend(pairs.map(|(name, value)| (own(name), own(value))));
        }
        Value::Object(fields) => sent.extend(pairs(fields)),
        _ => return Err(error("requests", "must be queries or objects")),
    }
    let token = sent.get("token_auth").map(str::to_owned);
    Ok((sent, token))
}

/// The fields of an object as the parameters of a query; lists and objects as their JSON.
fn pairs(
    fields: Map<String, Value>,
) -> impl Iterator<Item = (Cow<'static, str>, Cow<'static, str>)> {
    fields.into_iter().filter_map(|(name, value)| {
        let value = match value {
            Value::Null => return None,
            Value::String(text) => text,
            Value::Bool(flag) => if flag { "1" } else { "0" }.to_owned(),
            other => other.to_string(),
        };
        Some((Cow::Owned(name), Cow::Owned(value)))
    })
}

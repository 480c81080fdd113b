//! Matomo's bulk requests: `{"requests": ["?idsite=1&rec=1&…", …], "token_auth": "…"}`. An entry
//! is a query, or an object with the same names.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::ingest::adapters::Found;
use crate::ingest::adapters::matomo::{Sent, found};
use crate::ingest::payload::{PayloadError, error};

/// Entries of one bulk request.
pub const REQUESTS_MAX: usize = 500;

/// A bulk request.
pub struct Bulk {
    /// Its key, that of an entry if it has none of its own.
    pub token: Option<String>,
    /// Its entries.
    requests: Vec<Entry>,
}

/// An entry: what it says, and its key.
type Entry = Result<(Sent<'static>, Option<String>), PayloadError>;

#[derive(serde::Deserialize)]
struct Body {
    requests: Entries,
    #[serde(default)]
    token_auth: Option<Value>,
}

/// Whether a body is a bulk request, and not a form.
#[must_use]
pub fn is_bulk(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{")
}

/// Reads a bulk request.
///
/// # Errors
/// When it is no object with a list of requests, or holds none or too many.
pub fn read(body: &[u8]) -> Result<Bulk, PayloadError> {
    let body: Body = serde_json::from_slice(body)
        .map_err(|_| error("requests", "must be a list in a JSON object, in UTF-8"))?;
    if body.requests.count == 0 {
        return Err(error("requests", "can't be blank"));
    }
    if body.requests.count > REQUESTS_MAX {
        return Err(error("requests", "are too many: at most 500"));
    }
    let own = body.token_auth.as_ref().and_then(Value::as_str).filter(|token| !token.is_empty());
    let of_entry = || body.requests.first.iter().find_map(|entry| entry.as_ref().ok()?.1.clone());
    let token = own.map(str::to_owned).or_else(of_entry);
    Ok(Bulk { token, requests: body.requests.first })
}

impl Bulk {
    /// The events of all entries.
    #[must_use]
    pub fn events(self) -> Vec<Found<'static>> {
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

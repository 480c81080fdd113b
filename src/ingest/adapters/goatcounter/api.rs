//! GoatCounter's `POST /api/v0/count`: what a server tells of its visitors, with a send key.
//!
//! `{"no_sessions": false, "hits": [{"path": …, "event": …, "ref": …, "size": …, "query": …, "bot": …,
//! "user_agent": …, "ip": …, "language": …, "created_at": …}]}`. Titles and places are not read, and
//! of `session` only that there is one: such a hit is counted without a token.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::ingest::adapters::given::{Listed, Loose, number, text};
use crate::ingest::adapters::goatcounter::{self as count, automated, payload, width};
use crate::ingest::adapters::{self, Found, Hit, Hits, Named};
use crate::ingest::body::Sent;
use crate::ingest::fields::{is_one, says_dnt, says_gpc};
use crate::ingest::payload::{Payload, PayloadError, error};
use crate::ingest::signals;
use crate::ingest::text::then;

/// Hits of one request.
pub const HITS_MAX: usize = 500;

#[derive(Deserialize)]
struct Posted<'a> {
    #[serde(borrow)]
    no_sessions: Option<Sent<'a>>,
    #[serde(borrow)]
    hits: Option<Listed<Loose<Sheet<'a>>, HITS_MAX>>,
    #[serde(borrow)]
    dnt: Option<Sent<'a>>,
    #[serde(borrow)]
    gpc: Option<Sent<'a>>,
}

impl Posted<'_> {
    fn opted_out(&self) -> bool {
        self.dnt.as_ref().is_some_and(says_dnt) || self.gpc.as_ref().is_some_and(says_gpc)
    }
}

/// The fields of a hit that are read.
#[derive(Deserialize)]
struct Sheet<'a> {
    #[serde(borrow)]
    path: Option<Sent<'a>>,
    #[serde(borrow)]
    event: Option<Sent<'a>>,
    #[serde(borrow, rename = "ref")]
    referrer: Option<Sent<'a>>,
    #[serde(borrow)]
    size: Option<Sent<'a>>,
    #[serde(borrow)]
    query: Option<Sent<'a>>,
    #[serde(borrow)]
    bot: Option<Sent<'a>>,
    #[serde(borrow)]
    user_agent: Option<Sent<'a>>,
    #[serde(borrow)]
    ip: Option<Sent<'a>>,
    #[serde(borrow)]
    language: Option<Sent<'a>>,
    #[serde(borrow)]
    created_at: Option<Sent<'a>>,
    session: Option<IgnoredAny>,
    #[serde(borrow)]
    dnt: Option<Sent<'a>>,
    #[serde(borrow)]
    gpc: Option<Sent<'a>>,
}

/// Whether a body says no for all of its hits: that is heard from whoever has no key, too.
#[must_use]
pub fn says_no(body: &[u8]) -> bool {
    serde_json::from_slice(body).is_ok_and(|posted: Posted<'_>| posted.opted_out())
}

/// Reads the hits, all of them for `site`, which is the domain of the key's only site.
///
/// # Errors
/// When it is no such JSON, or has no hits or more than [`HITS_MAX`].
pub fn parse_api<'a>(body: &'a [u8], site: &str) -> Hits<'a> {
    let posted: Posted<'a> = serde_json::from_slice(body)
        .map_err(|_| error("request", "must be a JSON object with a list of hits in UTF-8"))?;
    if posted.opted_out() {
        return Ok(vec![Hit::of(Payload::opt_out()).into()]);
    }
    let hits = posted.hits.filter(|hits| !hits.entries.is_empty());
    let hits = hits.ok_or(error("hits", "can't be empty"))?;
    if hits.is_longer {
        return Err(error("hits", "are too many: at most 500"));
    }
    let unlinked = posted.no_sessions.as_ref().is_some_and(is_one);
    let found = |sheet| read(sheet, site, unlinked).unwrap_or_else(Found::Wrong);
    Ok(hits.entries.into_iter().map(found).collect())
}

fn read<'a>(
    sheet: Loose<Sheet<'a>>,
    site: &str,
    unlinked: bool,
) -> Result<Found<'a>, PayloadError> {
    let Loose::Object(sheet) = sheet else {
        return Err(error("hit", "must be an object with no name twice"));
    };
    let signals = (sheet.dnt.as_ref(), sheet.gpc.as_ref());
    if signals.0.is_some_and(says_dnt) || signals.1.is_some_and(says_gpc) {
        return Ok(Hit::of(Payload::opt_out()).into());
    }
    let named = Named {
        address: filled("ip", sheet.ip)?,
        user_agent: filled("user_agent", sheet.user_agent)?,
        at: moment(sheet.created_at)?,
        at_field: "created_at",
    };
    let is_known = named.address.is_some() && named.user_agent.is_some();
    if !is_known && !unlinked && sheet.session.is_none() {
        return Err(error("ip", "and user_agent must be given, or no_sessions be true"));
    }
    let form = count::Form {
        path: text("path", sheet.path)?.unwrap_or_default(),
        is_event: yes(sheet.event)?,
        referrer: text("ref", sheet.referrer)?.unwrap_or_default(),
        query: text("query", sheet.query)?.unwrap_or_default(),
        width: size(sheet.size)?,
        is_automated: bot(sheet.bot.as_ref())?,
        unlinked: unlinked || !is_known,
        faceless: named.user_agent.is_none(),
    };
    let language = text("language", sheet.language)?.unwrap_or_default();
    let mut payload = payload(form, site.to_owned(), Some(site), None, "path")?;
    payload.language = then(language, primary);
    payload.of_server = true;
    Ok(Hit { payload, named, follows: false }.into())
}

fn filled<'a>(
    field: &'static str,
    value: Option<Sent<'a>>,
) -> Result<Option<Cow<'a, str>>, PayloadError> {
    Ok(adapters::filled(text(field, value)?))
}

fn primary(language: &str) -> Cow<'_, str> {
    signals::language(Some(language.as_bytes()))
}

fn yes(value: Option<Sent<'_>>) -> Result<bool, PayloadError> {
    match value {
        None | Some(Sent::Other(Value::Null)) => Ok(false),
        Some(Sent::Other(Value::Bool(flag))) => Ok(flag),
        other => count::yes("event", &text("event", other)?.unwrap_or_default()),
    }
}

/// The width of `[1920, 1080, 2]`, of `"1920,1080,2"` or of `1920`.
fn size(value: Option<Sent<'_>>) -> Result<u64, PayloadError> {
    match value {
        Some(Sent::Other(Value::Array(numbers))) => {
            let all = numbers.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>();
            let all = all.ok_or(error("size", "must be numbers: width, height, scale"))?;
            Ok(all.first().map_or(0, |width| count::whole(*width)))
        }
        other => width("size", &text("size", other)?.unwrap_or_default()),
    }
}

fn bot(value: Option<&Sent<'_>>) -> Result<bool, PayloadError> {
    match number("bot", value)? {
        None => Ok(false),
        Some(number) => automated("bot", &number.to_string()),
    }
}

/// When it was; the year 1 is how a client written in Go says that it does not know.
fn moment(value: Option<Sent<'_>>) -> Result<Option<i64>, PayloadError> {
    let Some(text) = filled("created_at", value)? else { return Ok(None) };
    if text.starts_with("0001-01-01T00:00:00") {
        return Ok(None);
    }
    let moment: Timestamp = text
        .parse()
        .map_err(|_| error("created_at", "must be a moment such as 2026-11-22T10:30:00Z"))?;
    Ok(Some(moment.as_second()))
}

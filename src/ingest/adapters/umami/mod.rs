//! Umami's `POST /api/send`, one event, and `POST /api/batch`, a list of them:
//! `{"type": "event", "payload": {"website": "UUID", "hostname": …, "url": …, …}}`.
//!
//! What says who somebody is (`id`, the properties of `identify`) and the title are not read; `ip`,
//! `userAgent` and `timestamp` are only named to whoever judges the event. Lengths are counted as
//! Umami counts them, in UTF-16 units. `dnt` and `gpc`, which Umami does not have, opt out.

mod carried;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::ingest::adapters::given::{self, Listed, Loose, text};
use crate::ingest::adapters::{Found, Hit, Hits, Named, filled, own_name};
use crate::ingest::body::Sent;
use crate::ingest::fields::{says_dnt, says_gpc, screen};
use crate::ingest::measured::{self, Report};
use crate::ingest::payload::{
    ENGAGED_MS_LIMIT, ENGAGEMENT, PAGEVIEW, Payload, PayloadError, WEB_VITALS, error,
};
use crate::ingest::props;
use crate::ingest::signals;
use crate::ingest::text::then;
use crate::ingest::url::{self, Page};
use crate::model::{SCROLL_NONE, Tool};

/// Events of one batch; Umami names no limit, and its client sends far fewer.
pub const BATCH_MAX: usize = 500;
/// Longest host name, in UTF-16 units.
const HOSTNAME_MAX: usize = 100;
/// Longest language, in UTF-16 units.
const LANGUAGE_MAX: usize = 35;
/// Longest size of a screen, in UTF-16 units.
const SCREEN_MAX: usize = 11;
/// Longest name of an event, in UTF-16 units.
const NAME_MAX: usize = 50;
/// Longest tag, in UTF-16 units.
const TAG_MAX: usize = 50;
/// Characters of a UUID.
const UUID_CHARS: usize = 36;
/// Where a UUID has its hyphens.
const UUID_HYPHENS: [usize; 4] = [8, 13, 18, 23];

#[derive(Deserialize)]
struct Posted<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Sent<'a>>,
    #[serde(borrow)]
    payload: Option<Loose<Form<'a>>>,
    #[serde(borrow)]
    dnt: Option<Sent<'a>>,
    #[serde(borrow)]
    gpc: Option<Sent<'a>>,
}

/// The fields of a payload that are read.
#[derive(Deserialize)]
struct Form<'a> {
    #[serde(borrow)]
    website: Option<Sent<'a>>,
    #[serde(borrow)]
    link: Option<Sent<'a>>,
    #[serde(borrow)]
    pixel: Option<Sent<'a>>,
    #[serde(borrow)]
    hostname: Option<Sent<'a>>,
    #[serde(borrow)]
    language: Option<Sent<'a>>,
    #[serde(borrow)]
    referrer: Option<Sent<'a>>,
    #[serde(borrow)]
    screen: Option<Sent<'a>>,
    #[serde(borrow)]
    url: Option<Sent<'a>>,
    #[serde(borrow)]
    name: Option<Sent<'a>>,
    #[serde(borrow)]
    data: Option<Sent<'a>>,
    #[serde(borrow)]
    tag: Option<Sent<'a>>,
    #[serde(borrow)]
    ip: Option<Sent<'a>>,
    #[serde(borrow, rename = "userAgent")]
    user_agent: Option<Sent<'a>>,
    #[serde(borrow)]
    timestamp: Option<Sent<'a>>,
    #[serde(borrow)]
    lcp: Option<Sent<'a>>,
    #[serde(borrow)]
    inp: Option<Sent<'a>>,
    #[serde(borrow)]
    cls: Option<Sent<'a>>,
    #[serde(borrow)]
    fcp: Option<Sent<'a>>,
    #[serde(borrow)]
    ttfb: Option<Sent<'a>>,
    #[serde(borrow)]
    engagement: Option<Sent<'a>>,
    #[serde(borrow)]
    dnt: Option<Sent<'a>>,
    #[serde(borrow)]
    gpc: Option<Sent<'a>>,
}

/// What an entry is about.
#[derive(Clone, Copy)]
enum Kind {
    Event,
    Identify,
    Performance,
    Engagement,
}

/// Reads the body of `POST /api/send`; `by_key`: a send key came with it, without which nothing is
/// named of the visitor.
///
/// # Errors
/// When it is no JSON.
pub fn parse_send(body: &[u8], by_key: bool) -> Hits<'_> {
    let posted: Loose<Posted<'_>> =
        serde_json::from_slice(body).map_err(|_| error("request", "must be JSON in UTF-8"))?;
    Ok(vec![found(posted, by_key)])
}

/// Reads the body of `POST /api/batch`; `by_key` as with [`parse_send`].
///
/// # Errors
/// When it is no list in JSON, or a list of more than [`BATCH_MAX`].
pub fn parse_batch(body: &[u8], by_key: bool) -> Hits<'_> {
    let listed: Listed<Loose<Posted<'_>>, BATCH_MAX> = serde_json::from_slice(body)
        .map_err(|_| error("request", "must be a JSON list of events in UTF-8"))?;
    if listed.is_longer {
        return Err(error("request", "has too many events: at most 500"));
    }
    Ok(listed.entries.into_iter().map(|posted| found(posted, by_key)).collect())
}

fn found(posted: Loose<Posted<'_>>, by_key: bool) -> Found<'_> {
    read(posted, by_key).unwrap_or_else(Found::Wrong)
}

fn read(posted: Loose<Posted<'_>>, by_key: bool) -> Result<Found<'_>, PayloadError> {
    let Loose::Object(posted) = posted else {
        return Err(error("request", "must be an object with type and payload, and no name twice"));
    };
    let is_signal = |dnt: Option<&Sent<'_>>, gpc: Option<&Sent<'_>>| {
        dnt.is_some_and(says_dnt) || gpc.is_some_and(says_gpc)
    };
    let within = match &posted.payload {
        Some(Loose::Object(form)) => is_signal(form.dnt.as_ref(), form.gpc.as_ref()),
        _ => false,
    };
    if within || is_signal(posted.dnt.as_ref(), posted.gpc.as_ref()) {
        return Ok(Hit::of(Payload::opt_out()).into());
    }
    let kind = match posted.kind.as_ref().and_then(Sent::as_str) {
        Some("event") => Kind::Event,
        Some("identify") => Kind::Identify,
        Some("performance") => Kind::Performance,
        Some("engagement") => Kind::Engagement,
        _ => return Err(error("type", "must be event, identify or performance")),
    };
    let Some(Loose::Object(form)) = posted.payload else {
        return Err(error("payload", "must be an object with no name twice"));
    };
    hit(kind, form, by_key)
}

fn hit<'a>(kind: Kind, mut form: Form<'a>, by_key: bool) -> Result<Found<'a>, PayloadError> {
    let site = site(&mut form)?;
    let host = short("hostname", form.hostname.take(), HOSTNAME_MAX)?;
    let language = short("language", form.language.take(), LANGUAGE_MAX)?;
    let size = short("screen", form.screen.take(), SCREEN_MAX)?;
    let name = short("name", form.name.take(), NAME_MAX)?;
    let tag = short("tag", form.tag.take(), TAG_MAX)?;
    let at = seconds(form.timestamp.as_ref())?;
    let named = if by_key {
        let address = filled(text("ip", form.ip.take())?);
        let user_agent = filled(text("userAgent", form.user_agent.take())?);
        Named { address, user_agent, at, ..Named::default() }
    } else {
        Named::default()
    };
    let referrer = text("referrer", form.referrer.take())?;
    let page = page(text("url", form.url.take())?, host.as_deref())?;
    let (values, properties) = (carried::vitals(&form)?, carried::flat(form.data.take())?);
    let mut payload = Payload {
        sites: vec![Cow::Owned(site)],
        name: Cow::Borrowed(PAGEVIEW),
        referrer: referrer.map_or(Cow::Borrowed(""), |text| then(text, foreign)),
        interactive: true,
        screen: size.as_deref().map_or("", class),
        language: language.map_or(Cow::Borrowed(""), |text| then(text, primary)),
        scroll: SCROLL_NONE,
        page: Some(page),
        ..Payload::default()
    };
    match kind {
        Kind::Identify => return Ok(Found::Nothing),
        Kind::Performance if values.is_empty() => return Ok(Found::Nothing),
        Kind::Performance => {
            payload.name = Cow::Borrowed(WEB_VITALS);
            let sent = Sent::Other(Value::Object(values));
            payload.report = Report::Vitals(measured::vitals(Some(&sent))?);
        }
        Kind::Engagement => {
            payload.name = Cow::Borrowed(ENGAGEMENT);
            payload.interactive = false;
            payload.engaged_ms = engaged(form.engagement.as_ref())?;
        }
        Kind::Event => event(&mut payload, name, tag, properties)?,
    }
    Ok(Hit { payload, named, follows: false }.into())
}

/// An event with a name is one of the site's own; without one it is a page view.
fn event<'a>(
    payload: &mut Payload<'a>,
    name: Option<Cow<'a, str>>,
    tag: Option<Cow<'a, str>>,
    mut properties: Map<String, Value>,
) -> Result<(), PayloadError> {
    if let Some(name) = name {
        payload.name = own_name(name, "name")?;
    }
    payload.revenue = carried::revenue(&mut properties);
    if let Some(tag) = tag {
        properties.insert("tag".to_owned(), Value::String(tag.into_owned()));
    }
    let sent = Sent::Other(Value::Object(properties));
    payload.props = props::read(Some(&sent)).map_err(|fault| error("data", fault.message))?;
    Ok(())
}

/// The name of the site: exactly one of three fields, each with a UUID.
fn site(form: &mut Form<'_>) -> Result<String, PayloadError> {
    let mut given = None;
    for (field, value) in
        [("website", form.website.take()), ("link", form.link.take()), ("pixel", form.pixel.take())]
    {
        let Some(id) = text(field, value)?.filter(|id| !id.is_empty()) else { continue };
        if !is_uuid(&id) {
            return Err(error(field, "must be a UUID"));
        }
        if given.replace(id).is_some() {
            return Err(error("website", "stands beside link or pixel: exactly one must be given"));
        }
    }
    let id = given.ok_or(error("website", "is missing: exactly one of website, link and pixel"))?;
    Ok(Tool::Umami.site_name(&id))
}

/// Whether a text is a UUID with its hyphens.
pub(crate) fn is_uuid(text: &str) -> bool {
    let fits = |(place, byte): (usize, u8)| match byte {
        b'-' => UUID_HYPHENS.contains(&place),
        _ => byte.is_ascii_hexdigit() && !UUID_HYPHENS.contains(&place),
    };
    text.len() == UUID_CHARS && text.bytes().enumerate().all(fits)
}

/// A text within a limit; empty is none.
fn short<'a>(
    field: &'static str,
    value: Option<Sent<'a>>,
    units_max: usize,
) -> Result<Option<Cow<'a, str>>, PayloadError> {
    let Some(text) = text(field, value)?.filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.len() > units_max && text.encode_utf16().count() > units_max {
        return Err(match units_max {
            HOSTNAME_MAX => error(field, "is too long: at most 100 characters"),
            LANGUAGE_MAX => error(field, "is too long: at most 35 characters"),
            SCREEN_MAX => error(field, "is too long: at most 11 characters"),
            _ => error(field, "is too long: at most 50 characters"),
        });
    }
    Ok(Some(text))
}

/// Without an address, as servers send, the event has no page.
fn page(address: Option<Cow<'_, str>>, host: Option<&str>) -> Result<Page<'static>, PayloadError> {
    match address {
        Some(address) => given::page(&address, host),
        None => given::no_page(host),
    }
}

/// The host of a referrer; a path is one of the site itself.
fn foreign(referrer: &str) -> Cow<'_, str> {
    let is_whole = referrer.contains("://") && !referrer.starts_with('/');
    if is_whole { url::referrer_host(referrer) } else { Cow::Borrowed("") }
}

fn primary(language: &str) -> Cow<'_, str> {
    signals::language(Some(language.as_bytes()))
}

/// The class of `1920x1080`.
fn class(size: &str) -> &'static str {
    let width = size.split(['x', 'X']).next().unwrap_or_default().trim();
    width.parse().map_or("", screen)
}

/// Seconds since 1970.
fn seconds(value: Option<&Sent<'_>>) -> Result<Option<i64>, PayloadError> {
    const WRONG: PayloadError = error("timestamp", "must be whole seconds since 1970");
    match value {
        None | Some(Sent::Other(Value::Null)) => Ok(None),
        Some(Sent::Text(text)) => text.trim().parse().map(Some).map_err(|_| WRONG),
        Some(Sent::Other(Value::Number(number))) => number.as_i64().map(Some).ok_or(WRONG),
        Some(Sent::Other(_)) => Err(WRONG),
    }
}

/// Engaged time, in milliseconds.
fn engaged(value: Option<&Sent<'_>>) -> Result<u32, PayloadError> {
    const WRONG: PayloadError = error("engagement", "must be milliseconds, less than 30 days");
    let sent = value.and_then(Sent::as_u64).filter(|ms| (1..ENGAGED_MS_LIMIT).contains(ms));
    sent.and_then(|ms| u32::try_from(ms).ok()).ok_or(WRONG)
}

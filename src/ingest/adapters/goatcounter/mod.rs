//! GoatCounter's `/count` (the query of a picture or of a beacon) and the page of an event.
//!
//! The request does not name its site: the first part of the host that was asked does, as in
//! `code.stats.example`, and the page's own host stands in `Referer` or `Origin`. The title (`t`) and
//! the number against caches (`rnd`) are not read. `dnt` and `gpc`, which GoatCounter does not have,
//! opt out.

pub mod api;
mod path;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::net::IpAddr;

use url::form_urlencoded;

use crate::ingest::adapters::given;
use crate::ingest::adapters::{Found, Hit, Hits, own_name};
use crate::ingest::campaign::campaign;
use crate::ingest::fields::screen;
use crate::ingest::payload::{PAGEVIEW, Payload, PayloadError, error};
use crate::ingest::signals;
use crate::ingest::text::then;
use crate::ingest::url::{self as address, Page};
use crate::model::{SCROLL_NONE, Tool};

/// Longest path or name of an event, in bytes.
const PATH_BYTES_MAX: usize = 2048;
/// Longest query that is read, in bytes: a path, a referrer, a query and some numbers.
const QUERY_BYTES_MAX: usize = 8192;
/// Fewest parts of a host name whose first part may name a site.
const HOST_LABELS_MIN: usize = 3;
/// The least number that names an automated browser; 0 is none.
const BOT_MIN: u64 = 150;

/// What a request says about its page and its site outside of its query.
#[derive(Default)]
pub struct Around<'a> {
    /// `Host`, or the authority of the request.
    pub host: Option<&'a str>,
    /// `Referer`.
    pub referer: Option<&'a [u8]>,
    /// `Origin`.
    pub origin: Option<&'a [u8]>,
}

/// The fields of a hit, by either door.
#[derive(Default)]
struct Form<'a> {
    path: Cow<'a, str>,
    is_event: bool,
    referrer: Cow<'a, str>,
    query: Cow<'a, str>,
    width: u64,
    is_automated: bool,
    unlinked: bool,
    faceless: bool,
}

/// Reads the query of `/count`.
///
/// # Errors
/// When it is too long.
pub fn parse_count<'a>(query: &'a str, around: &Around<'a>) -> Hits<'a> {
    if query.len() > QUERY_BYTES_MAX {
        return Err(error("request", "query is too long: at most 8192 bytes"));
    }
    Ok(vec![counted(query, around).unwrap_or_else(Found::Wrong)])
}

fn counted<'a>(query: &'a str, around: &Around<'a>) -> Result<Found<'a>, PayloadError> {
    let mut form = Form::default();
    if signals::says_no(query.as_bytes()) {
        return Ok(Hit::of(Payload::opt_out()).into());
    }
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "p" => form.path = value,
            "r" => form.referrer = value,
            "q" => form.query = value,
            "e" => form.is_event = yes("e", &value)?,
            "s" => form.width = width("s", &value)?,
            "b" => form.is_automated = automated("b", &value)?,
            "ns" => form.unlinked = yes("ns", &value)?,
            _ => {}
        }
    }
    let referring = around.referer.and_then(given::page_of_header);
    let origin = || around.origin.and_then(given::page_of_header);
    let host = match &referring {
        Some(page) => Some(page.hostname.clone().into_owned()),
        None => origin().map(|page| page.hostname.into_owned()),
    };
    let site = around.host.and_then(code).or_else(|| host.clone());
    let site = site.ok_or(error("site", "is not known: neither Host nor Referer names it"))?;
    let payload = payload(form, site, host.as_deref(), referring, "p")?;
    Ok(Hit::of(payload).into())
}

/// The event of a hit; `field` is how its door calls the path.
fn payload<'a>(
    form: Form<'a>,
    site: String,
    host: Option<&str>,
    referring: Option<Page<'static>>,
    field: &'static str,
) -> Result<Payload<'a>, PayloadError> {
    if form.path.len() > PATH_BYTES_MAX {
        return Err(error(field, "is too long: at most 2048 bytes"));
    }
    let path = form.path.trim();
    if path.is_empty() {
        return Err(error(field, "can't be blank"));
    }
    let (name, mut page) = if form.is_event {
        // The address of the page is not sent; a `Referer` may have it.
        let page = referring.filter(|page| page.path != "/").map(Ok);
        (event_name(path, field)?, page.unwrap_or_else(|| given::no_page(host))?)
    } else {
        (Cow::Borrowed(PAGEVIEW), page_of(path, host)?)
    };
    let query = form.query.trim().trim_start_matches('?');
    if !query.is_empty() {
        let own = path.split_once('?').filter(|_| !form.is_event).map_or("", |(_, query)| query);
        page.campaign = campaign(&format!("{own}&{query}"));
    }
    Ok(Payload {
        sites: vec![Cow::Owned(site)],
        name,
        page: Some(page),
        referrer: then(form.referrer, foreign),
        interactive: true,
        screen: screen(form.width),
        scroll: SCROLL_NONE,
        is_automated: form.is_automated,
        unlinked: form.unlinked,
        faceless: form.faceless,
        ..Payload::default()
    })
}

fn event_name(path: &str, field: &'static str) -> Result<Cow<'static, str>, PayloadError> {
    own_name(Cow::Owned(path.trim_start_matches('/').to_owned()), field)
}

/// The page of a path as it would be stored, before the rules of a site; none when it is no path.
#[must_use]
pub fn stored(path: &str) -> Option<Page<'static>> {
    page_of(path, None).ok()
}

/// The host of a page that a header names.
#[must_use]
pub fn host_of(header: &[u8]) -> Option<String> {
    given::page_of_header(header).map(|page| page.hostname.into_owned())
}

fn page_of(path: &str, host: Option<&str>) -> Result<Page<'static>, PayloadError> {
    let mut page = given::page(&path::cleaned(path), host)?;
    page.query.retain(|(name, _)| !path::is_of_campaign(name));
    Ok(page)
}

fn foreign(referrer: &str) -> Cow<'_, str> {
    if referrer.starts_with('/') { Cow::Borrowed("") } else { address::referrer_host(referrer) }
}

/// The name of a site by the host that was asked: the first of three parts or more.
#[must_use]
pub fn code(host: &str) -> Option<String> {
    let name = host.trim();
    let name = if name.starts_with('[') { name } else { name.split(':').next().unwrap_or(name) };
    let name = name.trim_end_matches('.');
    let is_address = name.starts_with('[') || name.parse::<IpAddr>().is_ok();
    if is_address || name.split('.').count() < HOST_LABELS_MIN {
        return None;
    }
    let first = name.split('.').next().filter(|first| !first.is_empty())?;
    Some(Tool::GoatCounter.site_name(first))
}

/// One of the spellings of yes and no that GoatCounter knows.
fn yes(field: &'static str, value: &str) -> Result<bool, PayloadError> {
    match value.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "on" => Ok(true),
        "" | "0" | "false" | "off" => Ok(false),
        _ => Err(error(field, "must be true, false, 1, 0, on or off")),
    }
}

/// The width of `1920` or `1920,1080,2`, rounded down.
fn width(field: &'static str, value: &str) -> Result<u64, PayloadError> {
    let wrong = error(field, "must be numbers: width, height, scale");
    let mut width = 0.0;
    for (place, part) in value.split(',').enumerate().filter(|_| !value.trim().is_empty()) {
        let number: f64 = part.trim().parse().map_err(|_| wrong)?;
        if place == 0 {
            width = number;
        }
    }
    Ok(whole(width))
}

/// A width in whole pixels; 0 when it is none.
fn whole(width: f64) -> u64 {
    let sent = serde_json::Number::from_f64(width).map(serde_json::Value::Number);
    sent.and_then(|sent| crate::ingest::fields::whole(&sent.into())).unwrap_or_default()
}

/// Whether the script found itself in an automated browser.
fn automated(field: &'static str, value: &str) -> Result<bool, PayloadError> {
    const WRONG: &str = "must be 0, or 150 and more";
    match value.trim() {
        "" => Ok(false),
        number => match number.parse::<u64>() {
            Ok(0) => Ok(false),
            Ok(BOT_MIN..) => Ok(true),
            _ => Err(error(field, WRONG)),
        },
    }
}

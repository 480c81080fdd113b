//! Matomo: a request of `/matomo.php` (or `/piwik.php`), from its query, its form body, or an entry
//! of a bulk request.
//!
//! Only the parameters listed here are read: ids of visitors and users, titles, plugins, local times
//! and measured times are not. Format: Matomo's documentation of its tracking API, version 5.

mod action;
pub mod bulk;

use std::borrow::Cow;

use ::url::form_urlencoded;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::ingest::adapters::matomo::action::{Action, actions};
use crate::ingest::adapters::{Found, Hit, Hits, Named, site};
use crate::ingest::fields::{page, screen};
use crate::ingest::payload::{Payload, PayloadError, error};
use crate::ingest::signals;
use crate::ingest::text::then;
use crate::ingest::url::{self, CAMPAIGN_BYTES_MAX, Page};
use crate::model::{SCROLL_NONE, Tool};

/// Parameters of one request that are looked at.
const PAIRS_MAX: usize = 300;
/// Largest number of a custom dimension.
const DIMENSION_MAX: u16 = 999;
/// Most digits of a site's number.
const SITE_DIGITS_MAX: usize = 9;

/// Parameters that are read, sorted; `dimension1` to `dimension999` besides.
const NAMES: [&str; 38] = [
    "_cvar",
    "_pkc",
    "_pkn",
    "_pkp",
    "_pks",
    "_rck",
    "_rcn",
    "c_i",
    "c_n",
    "c_p",
    "c_t",
    "ca",
    "cdt",
    "cip",
    "currency",
    "cvar",
    "download",
    "e_a",
    "e_c",
    "e_n",
    "e_v",
    "ec_id",
    "ec_items",
    "idgoal",
    "idsite",
    "lang",
    "link",
    "ping",
    "rec",
    "res",
    "revenue",
    "search",
    "search_cat",
    "search_count",
    "send_image",
    "token_auth",
    "ua",
    "url",
];
/// The last of them, which sorts behind `url`.
const REFERRER: &str = "urlref";

/// The parameters of one request that are read, in their order.
#[derive(Default)]
pub(super) struct Sent<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Any pair says no, also a second one, and one that is too many.
    opted_out: bool,
}

impl<'a> Sent<'a> {
    pub(super) fn read(pairs: &'a [u8]) -> Self {
        let mut sent = Self::default();
        sent.extend(form_urlencoded::parse(pairs));
        sent
    }

    /// Takes more parameters; of a name that stands several times the first with a value counts.
    pub(super) fn extend(&mut self, pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) {
        let known = |(name, value): &(Cow<'_, str>, Cow<'_, str>)| {
            !value.trim().is_empty()
                && (NAMES.binary_search(&&**name).is_ok()
                    || name == REFERRER
                    || dimension(name).is_some())
        };
        for (place, pair) in pairs.enumerate() {
            self.opted_out |= signals::is_no(&pair.0, &pair.1);
            if place < PAIRS_MAX && known(&pair) {
                self.pairs.push(pair);
            }
        }
    }

    /// The value of a parameter, without white space around it; never empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.whole(name).map(|value| value.trim())
    }

    /// The value of a parameter as it was sent.
    fn whole(&self, name: &str) -> Option<&Cow<'a, str>> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Custom dimensions: names and values.
    pub(super) fn dimensions(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_one = |(name, _): &&(Cow<'_, str>, Cow<'_, str>)| dimension(name).is_some();
        self.pairs.iter().filter(is_one).map(|(name, value)| (&**name, value.trim()))
    }
}

/// `token_auth` of a query or form; a send key, if it is one of ours.
#[must_use]
pub fn token(pairs: &[u8]) -> Option<String> {
    Sent::read(pairs).get("token_auth").map(str::to_owned)
}

/// Whether a query or form asks for an empty answer instead of a picture.
#[must_use]
pub fn is_without_image(pairs: &[u8]) -> bool {
    Sent::read(pairs).get("send_image") == Some("0")
}

/// Reads a request that is not a bulk one. Where it names no page it is that of `referer`.
///
/// # Errors
/// When it names no site, or its action cannot be read.
pub fn tracked<'a>(query: &'a str, body: &'a [u8], referer: Option<&'a [u8]>) -> Hits<'a> {
    let mut sent = Sent::read(query.as_bytes());
    sent.extend(form_urlencoded::parse(body));
    // A picture on a page without our script.
    if sent.get("url").is_none()
        && sent.get(REFERRER).is_none()
        && let Some(page) = referer.and_then(|page| std::str::from_utf8(page).ok())
    {
        sent.extend(std::iter::once((Cow::Borrowed("url"), Cow::Borrowed(page))));
    }
    found(&sent)
}

/// The events of one request.
pub(super) fn found<'a>(sent: &Sent<'a>) -> Hits<'a> {
    if sent.opted_out {
        return Ok(vec![Hit::of(Payload::opt_out()).into()]);
    }
    // Without `rec=1` nothing is to be recorded; a ping says that a page is still open.
    if sent.get("rec") != Some("1") || sent.get("ping") == Some("1") {
        return Ok(vec![Found::Nothing]);
    }
    let actions = actions(sent)?;
    if actions.is_empty() {
        return Ok(vec![Found::Nothing]);
    }
    let with_place = actions.into_iter().enumerate();
    let hit = |(place, action)| Ok(Hit { follows: place > 0, ..hit(sent, action)? }.into());
    with_place.map(hit).collect()
}

fn hit<'a>(sent: &Sent<'a>, action: Action) -> Result<Hit<'a>, PayloadError> {
    let text = |name: &str| sent.whole(name).cloned().unwrap_or_default();
    let width = sent.get("res").and_then(|size| size.split(['x', 'X']).next()?.trim().parse().ok());
    let payload = Payload {
        sites: vec![site(Tool::Matomo, &number(sent)?, "idsite")?],
        name: action.name,
        page: sent.whole("url").map(|address| page_of(sent, address)).transpose()?,
        referrer: then(text(REFERRER), url::referrer_host),
        interactive: action.interactive,
        screen: width.map_or("", screen),
        language: then(text("lang"), |text| signals::language(Some(text.as_bytes()))),
        props: action.props,
        revenue: action.revenue,
        scroll: SCROLL_NONE,
        of_server: true,
        ..Payload::default()
    };
    let at = sent.get("cdt").map(moment).transpose()?;
    let (address, user_agent) = (sent.whole("cip").cloned(), sent.whole("ua").cloned());
    let named = Named { address, user_agent, at, at_field: "cdt" };
    Ok(Hit { payload, named, follows: false })
}

/// The number of the site, as it is compared.
fn number(sent: &Sent<'_>) -> Result<String, PayloadError> {
    const FIELD: &str = "idsite";
    let digits = sent.get(FIELD).ok_or(error(FIELD, "can't be blank"))?;
    if digits.len() > SITE_DIGITS_MAX || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(error(FIELD, "must be a number of at most 9 digits"));
    }
    let plain = digits.trim_start_matches('0');
    if plain.is_empty() { Err(error(FIELD, "must not be 0")) } else { Ok(plain.to_owned()) }
}

/// The page, with the campaign that the request names where its address has none.
fn page_of<'a>(sent: &Sent<'a>, address: &Cow<'a, str>) -> Result<Page<'a>, PayloadError> {
    let mut page = page(address.clone(), false)?;
    let campaign = &mut page.campaign;
    let text =
        |name: &str| url::text(sent.get(name).unwrap_or_default(), CAMPAIGN_BYTES_MAX).into_owned();
    if campaign.campaign.is_empty() && campaign.term.is_empty() {
        campaign.campaign = text("_rcn");
        campaign.term = text("_rck");
    }
    Ok(page)
}

/// A time in UTC: seconds since 1970, or `2026-07-31 12:00:00`.
fn moment(text: &str) -> Result<i64, PayloadError> {
    let of_calendar = |text: &str| {
        let moment: DateTime = text.parse().ok()?;
        Some(moment.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
    };
    text.parse()
        .ok()
        .or_else(|| of_calendar(text))
        .ok_or(error("cdt", "must be seconds since 1970, or a time such as 2026-07-31 12:00:00"))
}

/// The number of a custom dimension.
fn dimension(name: &str) -> Option<u16> {
    let digits = name.strip_prefix("dimension").filter(|digits| digits.len() <= 3)?;
    let is_number = !digits.starts_with(['0', '+']);
    digits.parse().ok().filter(|number| is_number && (1..=DIMENSION_MAX).contains(number))
}

#[cfg(test)]
mod tests;

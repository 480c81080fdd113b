//! GoatCounter's `GET /counter/PATH.json` (also `html` and `svg`): visits to a page, or to the whole
//! site (`TOTAL`), for anybody, if the site's owner has made that public.
//!
//! It is a report like any other, of completed hours: what has happened within the running hour is
//! not in it, and hours of today count only where the report shows them, which it does not when too
//! few visitors came today. A page that has no visit, or fewer than a group that is shown has
//! visitors, is answered with 0 and 404.

use hyper::body::Incoming;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderMap,
    HeaderValue, REFERER, VARY,
};
use hyper::{Request, StatusCode};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::ingest::adapters::goatcounter::{code, host_of, stored};
use crate::ingest::url::site_name;
use crate::model::{Day, LocalMoment, Rules, Site, now};
use crate::report::{self, cache::CacheKey};
use crate::server::answer::{self, Answer};
use crate::server::query;
use crate::server::state::State;

/// Where counters lie.
pub const FOLDER: &str = "/counter/";
/// The name of the counter of all pages.
const TOTAL: &str = "TOTAL";
/// How long anybody may keep a counter: four hours.
const KEPT: &str = "public, max-age=14400";
/// Days that a counter looks back at most; well beyond the longest retention.
const DAYS_MAX: u16 = 1_800;
/// Longest style sheet that is taken over, in bytes.
const STYLE_BYTES_MAX: usize = 2_000;
/// What parts thousands: a narrow no-break space.
const PARTED_BY: char = '\u{202f}';
/// Colours and sizes of a counter, before those of whoever asks.
const STYLE: &str = "#gcvc-border{fill:#fff;stroke:#999}#gcvc-for,#gcvc-by{font:11px sans-serif;\
    fill:#444}#gcvc-views{font:bold 22px sans-serif;fill:#9a15a4}";

/// What a counter is shown as.
#[derive(Clone, Copy)]
enum Form {
    Json,
    Html,
    Svg,
}

/// Answers a request below [`FOLDER`].
pub async fn answer(state: &State, request: &Request<Incoming>) -> Answer {
    let uri = request.uri();
    let name = uri.path().strip_prefix(FOLDER).unwrap_or_default();
    let query = uri.query().unwrap_or_default();
    match look(state, request.headers(), name, query).await {
        Ok(answer) | Err(answer) => answer,
    }
}

async fn look(
    state: &State,
    headers: &HeaderMap,
    name: &str,
    sent: &str,
) -> Result<Answer, Answer> {
    let refuse = |status, text: &str| Err(answer::error(status, text));
    let (name, form) = match name.rsplit_once('.') {
        Some((name, "json")) => (name, Form::Json),
        Some((name, "html")) => (name, Form::Html),
        Some((name, "svg")) => (name, Form::Svg),
        Some((_, "png")) => {
            return refuse(StatusCode::NOT_FOUND, "counters are not drawn as png: ask for svg");
        }
        _ => return refuse(StatusCode::BAD_REQUEST, "a counter ends with .json, .html or .svg"),
    };
    let site = site(state, headers)?;
    if !site.rules.public.iter().any(|one| one == Rules::COUNTER) {
        let text = "the counter of this site is not public: its owner can allow it";
        return refuse(StatusCode::FORBIDDEN, text);
    }
    let name = decoded(name);
    let visits = remembered(state, &site, &name, sent).await?;
    let status = if visits == 0 { StatusCode::NOT_FOUND } else { StatusCode::OK };
    Ok(shown(status, form, name == TOTAL, visits, sent))
}

/// A part of a path without its percent-encoding.
fn decoded(part: &str) -> String {
    let plain = part.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(plain.as_bytes()).map(|(name, _)| name.into_owned()).collect()
}

/// The site of the host that was asked, or of the page that asks.
fn site(state: &State, headers: &HeaderMap) -> Result<Site, Answer> {
    let Some(directory) = state.sites.snapshot() else {
        return Err(answer::error(
            StatusCode::SERVICE_UNAVAILABLE,
            "the sites are not known yet; try again in some seconds",
        ));
    };
    let asked = headers.get(HOST).and_then(|host| host.to_str().ok()).and_then(code);
    let page = headers.get(REFERER).and_then(|page| host_of(page.as_bytes())).unwrap_or_default();
    let named = asked.and_then(|name| directory.named(&name, &site_name(&page)));
    let found = named.or_else(|| directory.of_host(&page)).cloned();
    found.ok_or_else(|| answer::error(StatusCode::NOT_FOUND, "no site has this code or this page"))
}

/// The number of a counter: as it was some minutes ago, or counted in a turn of its own.
async fn remembered(state: &State, site: &Site, name: &str, sent: &str) -> Result<u64, Answer> {
    let now = now();
    let moment = state.moments.of(site, now);
    let range = days(site, &moment, sent)?;
    // When an hour is over there is more to count.
    let within = format!("{} {} {} {}", range.0, range.1, moment.day, moment.hour);
    let key = CacheKey::new(site.id, query::threshold(state, site), name, &within);
    let counters = &state.counters;
    if let Some(visits) = counters.kept(&key, now) {
        return Ok(visits);
    }
    let _turn = counters.turn(site.id).await.map_err(|_| {
        let text = "too many counters are asked for at once; ask again in some seconds";
        answer::error(StatusCode::TOO_MANY_REQUESTS, text)
    })?;
    // Whoever had the turn before may have asked for the same.
    if let Some(visits) = counters.kept(&key, now) {
        return Ok(visits);
    }
    let visits = visits(state, site, name, range, &moment).await?;
    let visits = told(visits, query::threshold(state, site));
    counters.keep(key, visits, now);
    Ok(visits)
}

/// What anybody is told: fewer visits than visitors make a group that is shown are none.
fn told(visits: u64, threshold: u32) -> u64 {
    if visits < u64::from(threshold) { 0 } else { visits }
}

/// Visits to a page; if there are none, visits with an event of that name.
async fn visits(
    state: &State,
    site: &Site,
    name: &str,
    range: (Day, Day),
    moment: &LocalMoment,
) -> Result<u64, Answer> {
    if name == TOTAL {
        return counted(state, site, &json!([]), range, moment).await;
    }
    let page = stored(name);
    if let Some(page) = page {
        let rules = state.rules.of(site);
        let path = rules.path(&page.path, &page.query).into_owned();
        let filters = json!([["is", "event:page", [path]]]);
        let visits = counted(state, site, &filters, range, moment).await?;
        if visits > 0 || name.starts_with('/') {
            return Ok(visits);
        }
    }
    let filters = json!([["is", "event:name", [name]]]);
    counted(state, site, &filters, range, moment).await
}

/// The days from `start` to `end`, without those of which nothing can be known.
fn days(site: &Site, moment: &LocalMoment, sent: &str) -> Result<(Day, Day), Answer> {
    let back = |days: u16| Day(moment.day.0.saturating_sub(days));
    let first = |wanted: &str| {
        let mut pairs = form_urlencoded::parse(sent.as_bytes());
        pairs.find(|(name, value)| name == wanted && !value.is_empty()).map(|(_, value)| value)
    };
    let wrong = || {
        let text = "start and end must be dates such as 2026-11-22, or start week, month or year";
        answer::error(StatusCode::BAD_REQUEST, text)
    };
    let created = crate::model::day::locate(site.created, &site.zone).day;
    let from = match first("start").as_deref() {
        None => created,
        Some("week") => back(7),
        Some("month") => back(30),
        Some("year") => back(365),
        Some(date) => Day::parse(date).ok_or_else(wrong)?,
    };
    let to = match first("end").as_deref() {
        None => moment.day,
        Some(date) => Day::parse(date).ok_or_else(wrong)?,
    };
    Ok((Day(from.0.max(back(DAYS_MAX).0)), Day(to.0.min(moment.day.0))))
}

/// Visits of whole days, and of the whole hours of today.
async fn counted(
    state: &State,
    site: &Site,
    filters: &Value,
    (from, to): (Day, Day),
    moment: &LocalMoment,
) -> Result<u64, Answer> {
    let mut sum = 0;
    let before = Day(to.0.min(moment.day.0.saturating_sub(1)));
    if from.0 <= before.0 {
        let rows = reported(state, site, filters, (from, before), &json!([])).await?;
        sum += rows.iter().filter_map(|row| row.pointer("/metrics/0")?.as_u64()).sum::<u64>();
    }
    if (from.0..=to.0).contains(&moment.day.0) {
        let today = (moment.day, moment.day);
        let rows = reported(state, site, filters, today, &json!(["time:hour"])).await?;
        let running = format!("{} {:02}:00:00", moment.day, moment.hour);
        let is_over = |row: &&Value| {
            let hour = row.pointer("/dimensions/0").and_then(Value::as_str);
            hour.is_some_and(|hour| hour < running.as_str())
        };
        let visits = |row: &Value| row.pointer("/metrics/0")?.as_u64();
        sum += rows.iter().filter(is_over).filter_map(visits).sum::<u64>();
    }
    Ok(sum)
}

/// The rows of a report of visits.
async fn reported(
    state: &State,
    site: &Site,
    filters: &Value,
    (from, to): (Day, Day),
    dimensions: &Value,
) -> Result<Vec<Value>, Answer> {
    let asked = json!({
        "site_id": site.domain, "metrics": ["visits"], "filters": filters,
        "date_range": [from.to_string(), to.to_string()], "dimensions": dimensions,
    });
    let raw = report::parse(asked.to_string().as_bytes())
        .map_err(|_| answer::error(StatusCode::BAD_REQUEST, "there can be no such page"))?;
    let k = query::threshold(state, site);
    let bytes = report::run(raw, site, &state.store, k, now(), &state.report_cache)
        .await
        .map_err(|error| query::fail(&error))?;
    let mut answered: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    match answered.get_mut("results").map(Value::take) {
        Some(Value::Array(rows)) => Ok(rows),
        _ => Ok(Vec::new()),
    }
}

fn shown(status: StatusCode, form: Form, is_total: bool, visits: u64, sent: &str) -> Answer {
    let number = parted(visits);
    let value = |wanted: &str| {
        form_urlencoded::parse(sent.as_bytes()).find(|(name, _)| name == wanted).map(|(_, v)| v)
    };
    let is_bare = value("no_branding").is_some_and(|value| !value.is_empty());
    let style = value("style").unwrap_or_default();
    let mut answer = match form {
        Form::Json => {
            let body = json!({ "count": number, "count_unique": number });
            answer::json(status, &body)
        }
        Form::Html => {
            let svg = drawn(&number, is_total, is_bare, &style);
            let page = format!("<!DOCTYPE html><meta charset=\"utf-8\"><title>Views</title>{svg}");
            answer::with_body(status, "text/html; charset=utf-8", page)
        }
        Form::Svg => {
            answer::with_body(status, "image/svg+xml", drawn(&number, is_total, is_bare, &style))
        }
    };
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(KEPT));
    headers.insert(VARY, HeaderValue::from_static("Referer"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    // Whoever asks may name a style, and nothing that does anything.
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    answer
}

/// The number in a frame; `style` comes from outside.
fn drawn(number: &str, is_total: bool, is_bare: bool, style: &str) -> String {
    let what = if is_total { "site" } else { "page" };
    let (height, inner) = if is_bare { (60, 58) } else { (80, 78) };
    let by = "<text id=\"gcvc-by\" x=\"50%\" y=\"70\" text-anchor=\"middle\">counted by headcount</text>";
    let by = if is_bare { "" } else { by };
    let own = if style.len() <= STYLE_BYTES_MAX {
        style.replace(['<', '>', '&'], "")
    } else {
        String::new()
    };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"200\" height=\"{height}\" \
         viewBox=\"0 0 200 {height}\"><style>{STYLE}{own}</style>\
         <rect id=\"gcvc-border\" x=\"1\" y=\"1\" width=\"198\" height=\"{inner}\" rx=\"4\"/>\
         <text id=\"gcvc-for\" x=\"50%\" y=\"20\" text-anchor=\"middle\">Views for this {what}:</text>\
         <text id=\"gcvc-views\" x=\"50%\" y=\"46\" text-anchor=\"middle\">{number}</text>{by}</svg>"
    )
}

/// A number with its thousands parted.
fn parted(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(PARTED_BY);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_parted() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_234, "1\u{202f}234"),
            (1_000_000, "1\u{202f}000\u{202f}000"),
        ] {
            assert_eq!(parted(number), text);
        }
    }

    #[test]
    fn a_few_are_nobody() {
        assert_eq!([0, 4, 5, 6].map(|visits| told(visits, 5)), [0, 0, 5, 6]);
        assert_eq!([0, 1].map(|visits| told(visits, 1)), [0, 1]);
    }

    #[test]
    fn paths_are_decoded_once() {
        for (sent, name) in
            [("%2Fa%20b", "/a b"), ("/a+b&c=d", "/a+b&c=d"), ("%2541", "%41"), ("", ""), ("%", "%")]
        {
            assert_eq!(decoded(sent), name, "{sent}");
        }
    }

    #[test]
    fn a_style_ends_nothing_and_begins_nothing() {
        let svg = drawn("7", true, true, "x{}</style><script>alert(1)</script>&lt;");
        assert_eq!((svg.matches("<style>").count(), svg.matches("</style>").count()), (1, 1));
        assert!(!svg.contains("<script") && !svg.contains('&') && svg.contains("x{}"));
        assert!(svg.contains("Views for this site:") && svg.contains("height=\"60\""));
        assert!(!svg.contains("gcvc-by\""), "{svg}");
        assert!(drawn("7", false, false, &"x".repeat(STYLE_BYTES_MAX + 1)).len() < STYLE_BYTES_MAX);
    }
}

//! GoatCounter's doors: the picture `/count`, and `POST /api/v0/count` for servers.
//!
//! The picture always comes; why something was not counted stands in `X-Goatcounter`.

use std::net::IpAddr;

use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde_json::{Map, Value, json};

use crate::ingest::adapters::goatcounter::{Around, api, parse_count};
use crate::ingest::adapters::{Hit, Hits};
use crate::ingest::{self, Payload, PayloadError};
use crate::model::Outcome;
use crate::server::adapters::{
    Door, Fates, KeySites, Sent, Wanted, finish, picture, refused, take,
};
use crate::server::answer::{self, Answer};
use crate::server::judge::Verdict;
use crate::server::state::State;
use crate::server::{collect, limit, router};

/// The picture; of what a beacon sends as its body only a no is heard.
const COUNT: Door = Door {
    bytes_max: limit::BROWSER_BODY_BYTES_MAX,
    secret_of_query: |_| None,
    secret_of_body: |_| None,
    needs_secret: false,
    keyless_bytes_max: limit::BROWSER_BODY_BYTES_MAX,
    wanted: |_| Wanted::Usual,
    parse: count_of,
};
/// What servers tell.
const API: Door = Door { parse: hits_of, ..COUNT };
/// Field under which a key is refused.
const KEY_FIELD: &str = "authorization";
const NO_KEY: PayloadError =
    PayloadError { field: KEY_FIELD, message: "must hold a send key: Bearer hc_send_…" };
const MANY_SITES: PayloadError = PayloadError {
    field: "site",
    message: "is not known: the send key is for several sites, make one for this site alone",
};

fn count_of<'a>(sent: &Sent<'a>) -> Hits<'a> {
    if ingest::says_no(sent.body) {
        return Ok(vec![Hit::of(Payload::opt_out()).into()]);
    }
    let host = Some(sent.host).filter(|host| !host.is_empty());
    let around = Around { host, referer: sent.headers.referer, origin: sent.headers.origin };
    parse_count(sent.query, &around)
}

fn hits_of<'a>(sent: &Sent<'a>) -> Hits<'a> {
    match sent.key {
        KeySites::NoKey | KeySites::Many if api::says_no(sent.body) => {
            Ok(vec![Hit::of(Payload::opt_out()).into()])
        }
        KeySites::NoKey => Err(NO_KEY),
        KeySites::Many => Err(MANY_SITES),
        KeySites::One(site) => api::parse_api(sent.body, site),
    }
}

/// Whether a path is one of its doors.
#[must_use]
pub fn has(path: &str) -> bool {
    matches!(path, "/count" | "/api/v0/count")
}

/// Answers a request to one of its doors.
pub async fn answer(state: &State, request: Request<Incoming>, peer: IpAddr) -> Answer {
    match (request.method(), request.uri().path()) {
        (&Method::OPTIONS, "/count") => collect::preflight("Content-Type"),
        (&Method::OPTIONS, _) => collect::preflight("Content-Type, Authorization"),
        (&Method::GET | &Method::POST, "/count") => {
            counted(&take(state, request, peer, &COUNT).await)
        }
        (&Method::POST, "/api/v0/count") => told(&take(state, request, peer, &API).await),
        (_, "/count") => router::not_allowed("GET, POST, OPTIONS"),
        _ => router::not_allowed("POST, OPTIONS"),
    }
}

fn counted(fates: &Fates) -> Answer {
    let outcome = fates.deciding();
    let status = match outcome {
        Outcome::Accepted | Outcome::OptedOut | Outcome::Bot | Outcome::SpamReferrer => 200,
        Outcome::UnknownSite => 400,
        // Excluded is 202, as when GoatCounter ignores an address.
        other => other.status(),
    };
    let mut answer = picture(StatusCode::from_u16(status).unwrap_or(StatusCode::OK));
    if status != 200 {
        say(&mut answer, "x-goatcounter", &reason(outcome, fates.invalid()));
    }
    finish(answer, fates)
}

fn told(fates: &Fates) -> Answer {
    if let Some(answer) = refused(fates) {
        return answer;
    }
    let error = fates.whole.as_ref().and_then(|verdict| verdict.invalid);
    if let Some(error) = error {
        let status = if error.field == KEY_FIELD {
            StatusCode::UNAUTHORIZED
        } else {
            StatusCode::BAD_REQUEST
        };
        return finish(answer::error(status, &error.to_string()), fates);
    }
    let errors: Map<String, Value> = fates.each.iter().enumerate().filter_map(fault).collect();
    let mut answer = if errors.is_empty() {
        answer::json(StatusCode::ACCEPTED, &json!({}))
    } else {
        answer::json(StatusCode::BAD_REQUEST, &json!({ "errors": errors }))
    };
    let is_filtered = |verdict: &Verdict| verdict.deciding() == Outcome::Excluded;
    let filtered = fates.each.iter().enumerate().filter(|(_, verdict)| is_filtered(verdict));
    let filtered: Vec<String> = filtered.map(|(index, _)| index.to_string()).collect();
    if !filtered.is_empty() {
        say(&mut answer, "x-goatcounter-filter", &filtered.join(", "));
    }
    finish(answer, fates)
}

/// What is wrong with a hit, if it was refused, by its place.
fn fault((index, verdict): (usize, &Verdict)) -> Option<(String, Value)> {
    let outcome = verdict.deciding();
    let is_refused = outcome.status() >= 400 || outcome == Outcome::UnknownSite;
    is_refused.then(|| (index.to_string(), Value::String(reason(outcome, verdict.invalid))))
}

/// Why something was not counted.
fn reason(outcome: Outcome, invalid: Option<PayloadError>) -> String {
    match (outcome, invalid) {
        (Outcome::Invalid, Some(error)) => error.to_string(),
        (Outcome::UnknownSite, _) => "no site has this code or this page".to_owned(),
        (Outcome::Excluded, _) => "ignored by a rule of the site".to_owned(),
        _ => collect::refusal(outcome).to_owned(),
    }
}

fn say(answer: &mut Answer, name: &'static str, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        answer.headers_mut().insert(HeaderName::from_static(name), value);
    }
}

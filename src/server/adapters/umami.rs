//! Umami's doors: `POST /api/send`, `POST /api/batch`, and `POST /api/record`, which keeps nothing.
//!
//! Its clients expect three texts in an answer, which they send back with the next event. Ours are
//! random with each answer and mean nothing; what is sent back is not read.

use std::net::IpAddr;

use hyper::body::Incoming;
use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONNECTION, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde_json::{Map, Value, json};

use crate::ingest::PayloadError;
use crate::ingest::adapters::{Hits, umami};
use crate::model::Outcome;
use crate::server::adapters::{Door, Fates, KeySites, Sent, Wanted, finish, take};
use crate::server::answer::{self, Answer};
use crate::server::judge::Verdict;
use crate::server::state::State;
use crate::server::{collect, limit, router};

/// One event.
const SEND: Door = Door {
    bytes_max: limit::BROWSER_BODY_BYTES_MAX,
    secret_of_query: |_| None,
    secret_of_body: |_| None,
    needs_secret: false,
    keyless_bytes_max: limit::BROWSER_BODY_BYTES_MAX,
    wanted: |_| Wanted::Usual,
    parse: one,
};
/// Several events.
const BATCH: Door = Door { parse: several, ..SEND };
/// Headers that its clients set.
const HEADERS: &str = "Content-Type, Authorization, x-umami-cache";
/// The methods of its doors.
const METHODS: &str = "POST, OPTIONS";
/// Bytes of the texts of one answer: two of 16, one of 32.
const RANDOM_BYTES: usize = 64;

fn one<'a>(sent: &Sent<'a>) -> Hits<'a> {
    umami::parse_send(sent.body, sent.key != KeySites::NoKey)
}

fn several<'a>(sent: &Sent<'a>) -> Hits<'a> {
    umami::parse_batch(sent.body, sent.key != KeySites::NoKey)
}

/// Whether a path is one of its doors.
#[must_use]
pub fn has(path: &str) -> bool {
    matches!(path, "/api/send" | "/api/batch" | "/api/record")
}

/// Answers a request to one of its doors.
pub async fn answer(state: &State, request: Request<Incoming>, peer: IpAddr) -> Answer {
    match (request.method(), request.uri().path()) {
        (&Method::OPTIONS, _) => collect::preflight(HEADERS),
        (&Method::POST, "/api/send") => {
            let fates = take(state, request, peer, &SEND).await;
            let (status, body) = said(of_one(&fates), fates.invalid());
            finish(answer::json(status, &body), &fates)
        }
        (&Method::POST, "/api/batch") => batch(&take(state, request, peer, &BATCH).await),
        (&Method::POST, _) => record(request).await,
        _ => router::not_allowed(METHODS),
    }
}

/// What became of the event; what is understood and not counted is answered as if it were.
fn of_one(fates: &Fates) -> Outcome {
    match (&fates.whole, fates.each.first()) {
        (None, Some(verdict)) => verdict.deciding(),
        _ => fates.deciding(),
    }
}

fn batch(fates: &Fates) -> Answer {
    let deciding = fates.deciding();
    let passes = matches!(
        deciding,
        Outcome::TooLarge
            | Outcome::Limited
            | Outcome::SpoolFull
            | Outcome::Unavailable
            | Outcome::Internal
    );
    let is_refused = fates.whole.is_some() && deciding != Outcome::OptedOut;
    if passes || is_refused {
        let (status, body) = said(deciding, fates.invalid());
        return finish(answer::json(status, &body), fates);
    }
    let details: Vec<Value> = fates.each.iter().enumerate().filter_map(detail).collect();
    let mut body = json!({
        "size": fates.each.len(), "processed": fates.each.len().saturating_sub(details.len()),
        "errors": details.len(), "details": details,
    });
    if let (Some(body), Some(cache)) = (body.as_object_mut(), usual().remove("cache")) {
        body.insert("cache".to_owned(), cache);
    }
    finish(answer::json(StatusCode::OK, &body), fates)
}

/// What is wrong with an entry of a batch, if anything is.
fn detail((index, verdict): (usize, &Verdict)) -> Option<Value> {
    let (status, body) = said(verdict.deciding(), verdict.invalid);
    (!status.is_success()).then(|| json!({ "index": index, "response": body }))
}

/// What its clients are told of an outcome.
fn said(outcome: Outcome, invalid: Option<PayloadError>) -> (StatusCode, Value) {
    let refused = |code: &str, message: String| {
        let status = match outcome {
            Outcome::UnknownSite => StatusCode::BAD_REQUEST,
            _ => StatusCode::from_u16(outcome.status()).unwrap_or(StatusCode::BAD_REQUEST),
        };
        let error = json!({ "message": message, "code": code, "status": status.as_u16() });
        (status, json!({ "error": error }))
    };
    let passing = |code| refused(code, collect::refusal(outcome).to_owned());
    match outcome {
        // Also to a visitor of an excluded network, whom Umami itself answers with 403: whether
        // somebody is on such a list is for the site's owner to know, and not for a page.
        Outcome::Accepted | Outcome::SpamReferrer | Outcome::Excluded => {
            (StatusCode::OK, Value::Object(usual()))
        }
        // Its script sends nothing more then.
        Outcome::OptedOut => {
            let mut body = usual();
            body.insert("disabled".to_owned(), Value::Bool(true));
            (StatusCode::OK, Value::Object(body))
        }
        Outcome::Bot => (StatusCode::OK, json!({ "beep": "boop" })),
        Outcome::UnknownSite => refused("bad-request", "Website not found.".to_owned()),
        Outcome::Invalid => {
            let message = invalid.map_or_else(String::new, |error| error.to_string());
            refused("bad-request", message)
        }
        Outcome::TooLarge => passing("payload-too-large"),
        Outcome::Limited => passing("too-many-requests"),
        Outcome::SpoolFull | Outcome::Unavailable => passing("service-unavailable"),
        Outcome::Internal => passing("server-error"),
    }
}

/// Three texts that mean nothing.
fn usual() -> Map<String, Value> {
    let mut random = [0; RANDOM_BYTES];
    if getrandom::fill(&mut random).is_err() {
        // They are all the same then, which harms nobody.
        random.fill(0);
    }
    let (ids, cache) = random.split_at(RANDOM_BYTES / 2);
    let (first, second) = ids.split_at(ids.len() / 2);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let texts = [("cache", hex(cache)), ("sessionId", uuid(first)), ("visitId", uuid(second))];
    texts.map(|(name, text)| (name.to_owned(), Value::String(text))).into_iter().collect()
}

/// 16 random bytes as a UUID (RFC 9562, version 4).
fn uuid(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let byte = match place {
            6 => byte & 0x0f | 0x40,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// Recordings of what a visitor does are read and forgotten.
async fn record(request: Request<Incoming>) -> Answer {
    let whole = limit::discard(request.into_body(), limit::BROWSER_BODY_BYTES_MAX).await;
    let mut answer = answer::json(StatusCode::OK, &json!({ "ok": true }));
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if !whole {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_random_and_ids_are_uuids() {
        let (first, second) = (usual(), usual());
        for name in ["cache", "sessionId", "visitId"] {
            assert_ne!(first[name], second[name], "{name}");
        }
        let id = first["visitId"].as_str().unwrap();
        assert_eq!((id.len(), id.as_bytes()[14], id.matches('-').count()), (36, b'4', 4), "{id}");
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{id}");
        assert_eq!(first["cache"].as_str().unwrap().len(), RANDOM_BYTES);
    }

    #[test]
    fn every_outcome_has_a_status_and_an_error_has_a_message() {
        for outcome in Outcome::ALL {
            let (status, body) = said(outcome, Some(PayloadError { field: "x", message: "y" }));
            let expected = if outcome == Outcome::UnknownSite { 400 } else { outcome.status() };
            let expected = if expected == 202 { 200 } else { expected };
            assert_eq!(status.as_u16(), expected, "{}", outcome.name());
            let message = body.pointer("/error/message").and_then(Value::as_str);
            assert_eq!(message.is_some_and(|text| !text.is_empty()), !status.is_success());
        }
    }
}

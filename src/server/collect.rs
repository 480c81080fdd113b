//! The collecting paths: `POST /api/event` and `GET /pixel.gif`.
//!
//! Signals come first: an opted-out request is answered before its body is read and before its
//! address or agent is looked at. Nothing here writes a log line about a request.

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::pin;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_MAX_AGE,
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, HeaderMap, HeaderName, HeaderValue,
};
use hyper::http::request::Parts;
use hyper::{Request, StatusCode, Uri};
use serde_json::json;

use crate::ingest::{self, Headers, PayloadError};
use crate::model::{Outcome, Site, now, wipe_stack};
use crate::server::answer::{self, Answer, Room, WasRead};
use crate::server::judge::{self, Judged, Verdict};
use crate::server::limit::{self, BodyError};
use crate::server::norms;
use crate::server::panic::CatchPanic;
use crate::server::state::State;

/// The refusal of a send key that does not hold.
const BAD_KEY: PayloadError = PayloadError {
    field: "authorization",
    message: "the send key is unknown, revoked, expired or of another scope",
};
/// The refusal of a compressed body: a kilobyte of it can be a gigabyte, and no tag sends one.
const ENCODED: PayloadError = PayloadError {
    field: "content-encoding",
    message: "compressed bodies are not taken; send the event as it is",
};
/// The refusal of a body that did not arrive.
const NO_BODY: PayloadError = PayloadError { field: "request", message: "the body did not arrive" };

/// `POST /api/event`.
pub async fn event(state: &State, request: Request<Incoming>, peer: IpAddr) -> Answer {
    let (Parts { headers, .. }, body) = request.into_parts();
    let judged = or_internal(judge_event(state, &headers, body, peer)).await;
    let room = Room::of(headers);
    let verdict = settled(state, judged).await;
    count(state, &verdict);
    let deciding = verdict.deciding();
    let status = StatusCode::from_u16(deciding.status()).unwrap_or(StatusCode::ACCEPTED);
    let mut answer = match &verdict.invalid {
        Some(error) => answer::json_bytes(status, error.to_json()),
        None if status == StatusCode::ACCEPTED => answer::within(room, status, answer::TEXT, "ok"),
        None => answer::json(status, &json!({ "error": refusal(deciding) })),
    };
    if verdict.ends_connection {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    } else if status != StatusCode::ACCEPTED {
        answer.extensions_mut().insert(WasRead);
    }
    let dropped = verdict.dropped();
    if dropped > 0 && status == StatusCode::ACCEPTED {
        answer
            .headers_mut()
            .insert(HeaderName::from_static("x-plausible-dropped"), HeaderValue::from(dropped));
    }
    norms::add_status(&mut answer, verdict.tk.clone());
    if status == StatusCode::ACCEPTED {
        answer::for_outcome(answer, verdict.named())
    } else {
        answer::for_outcome(answer, deciding)
    }
}

/// `GET /pixel.gif`: the picture comes whatever the outcome, except 429 and 503.
pub async fn pixel(state: &State, request: Request<Incoming>, peer: IpAddr) -> Answer {
    let (Parts { uri, headers, .. }, _unread) = request.into_parts();
    let judged = or_internal(judge_pixel(state, &uri, &headers, peer)).await;
    drop(uri);
    let room = Room::of(headers);
    let verdict = settled(state, judged).await;
    count(state, &verdict);
    let deciding = verdict.deciding();
    let status = match deciding {
        Outcome::Limited => StatusCode::TOO_MANY_REQUESTS,
        Outcome::SpoolFull | Outcome::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    let mut answer = answer::within(room, status, "image/gif", Bytes::from_static(&answer::PIXEL));
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
    norms::add_status(&mut answer, verdict.tk.clone());
    answer::for_outcome(answer, verdict.named())
}

/// `OPTIONS` of a collecting path: any page may send.
#[must_use]
pub fn preflight() -> Answer {
    let mut answer = answer::text(StatusCode::NO_CONTENT, Bytes::new());
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, GET, OPTIONS"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Content-Type"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    headers.insert(hyper::header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    answer
}

/// A panic in the pipeline is an outcome too.
async fn or_internal(judging: impl Future<Output = Judged> + Send) -> Judged {
    let mut judging = pin!(CatchPanic::new(judging));
    // After each step: it may go on in another thread.
    let judged = poll_fn(|cx| {
        let polled = judging.as_mut().poll(cx);
        wipe_stack();
        polled
    });
    judged.await.unwrap_or_else(|| Verdict::one(Outcome::Internal).amid_body().into())
}

async fn settled(state: &State, judged: Judged) -> Verdict {
    let settled = pin!(CatchPanic::new(judge::settle(state, judged)));
    settled.await.unwrap_or_else(|| Verdict::one(Outcome::Internal))
}

fn refusal(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::TooLarge => "the body is larger than 64 KiB (1 MiB with a send key)",
        Outcome::Limited => "too many requests; try again in some seconds",
        Outcome::SpoolFull => "the collector's disk budget is used up; try again in some seconds",
        Outcome::Unavailable => "the collector cannot take events now; try again in some seconds",
        _ => "an internal fault; it was logged without your request",
    }
}

async fn judge_event(state: &State, head: &HeaderMap, body: Incoming, peer: IpAddr) -> Judged {
    let headers = gather(head);
    if ingest::opted_out(&headers) {
        return Verdict::one(Outcome::OptedOut).before_body(body).await.into();
    }
    if state.sites.current().is_none() {
        return Verdict::one(Outcome::Unavailable).before_body(body).await.into();
    }
    if limit::is_encoded(head) {
        return invalid(ENCODED).before_body(body).await.into();
    }
    let key = match bearer(head) {
        None => None,
        Some(text) => match state.sites.snapshot().and_then(|sites| sites.send_key(text, now())) {
            Some(key) => Some(key),
            None => return invalid(BAD_KEY).before_body(body).await.into(),
        },
    };
    let bytes_max =
        if key.is_some() { limit::KEY_BODY_BYTES_MAX } else { limit::BROWSER_BODY_BYTES_MAX };
    let body = match limit::read_body(body, bytes_max).await {
        Ok(body) => body,
        Err(BodyError::TooLarge) => return Verdict::one(Outcome::TooLarge).amid_body().into(),
        Err(BodyError::Broken) => return invalid(NO_BODY).amid_body().into(),
        Err(BodyError::Busy) => return Verdict::one(Outcome::Unavailable).amid_body().into(),
    };
    let payload = match ingest::parse_event(&body) {
        Ok(payload) => payload,
        Err(error) => return invalid(error).into(),
    };
    let allowed = |site: &Site| key.as_ref().is_none_or(|key| key.covers(site.id));
    judge::judge(state, &payload, &headers, peer, key.is_some(), allowed)
}

async fn judge_pixel(state: &State, uri: &Uri, head: &HeaderMap, peer: IpAddr) -> Judged {
    let headers = gather(head);
    if ingest::opted_out(&headers) {
        return Verdict::one(Outcome::OptedOut).into();
    }
    if state.sites.current().is_none() {
        return Verdict::one(Outcome::Unavailable).into();
    }
    match ingest::parse_pixel(uri.query().unwrap_or(""), headers.referer) {
        Ok(payload) => judge::judge(state, &payload, &headers, peer, false, |_| true),
        Err(error) => invalid(error).into(),
    }
}

fn invalid(error: PayloadError) -> Verdict {
    let mut verdict = Verdict::one(Outcome::Invalid);
    verdict.invalid = Some(error);
    verdict
}

fn count(state: &State, verdict: &Verdict) {
    for outcome in verdict.outcomes() {
        state.metrics.event(outcome as usize);
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// The headers that collecting looks at; nothing else of a request is read.
pub(super) fn gather(headers: &HeaderMap) -> Headers<'_> {
    let mut found = Headers::default();
    // Where a header stands several times and one value is asked for, the first counts.
    fn first<'a>(place: &mut Option<&'a [u8]>, value: &'a [u8]) {
        place.get_or_insert(value);
    }
    for (name, value) in headers {
        let value = value.as_bytes();
        match name.as_str() {
            "user-agent" => first(&mut found.user_agent, value),
            "referer" => first(&mut found.referer, value),
            "origin" => first(&mut found.origin, value),
            "accept" => first(&mut found.accept, value),
            "accept-language" => first(&mut found.accept_language, value),
            "dnt" => found.dnt.push(value),
            "sec-gpc" => found.sec_gpc.push(value),
            "forwarded" => found.forwarded.push(value),
            "x-forwarded-for" => found.x_forwarded_for.push(value),
            "sec-ch-ua" => first(&mut found.sec_ch_ua, value),
            "sec-ch-ua-mobile" => first(&mut found.sec_ch_ua_mobile, value),
            "sec-ch-ua-platform" => first(&mut found.sec_ch_ua_platform, value),
            "sec-fetch-mode" => first(&mut found.sec_fetch_mode, value),
            "sec-purpose" | "purpose" | "x-moz" => found.purpose.push(value),
            _ => {}
        }
    }
    found
}

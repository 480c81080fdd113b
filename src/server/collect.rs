//! The collecting paths: `POST /api/event` and `GET /pixel.gif`.
//!
//! Signals come first: an opted-out request is answered before its body is read and before its
//! address or agent is looked at. Nothing here writes a log line about a request.

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_MAX_AGE,
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, HeaderMap, HeaderName, HeaderValue,
};
use hyper::http::request::Parts;
use hyper::{Request, StatusCode, Uri};
use serde_json::json;

use crate::account::ApiKey;
use crate::ingest::{self, Headers, PayloadError, adapters};
use crate::model::{Outcome, now, wipe_stack};
use crate::server::answer::{self, Answer, Room, WasRead};
use crate::server::judge::{self, Judged, Sender, Verdict};
use crate::server::limit::{self, BodyError, Whole};
use crate::server::norms;
use crate::server::panic::CatchPanic;
use crate::server::state::State;

/// The refusal of a send key that does not hold.
const BAD_KEY: PayloadError = PayloadError {
    field: "authorization",
    message: "the send key is unknown, revoked, expired or of another scope",
};
/// The refusal of a request that does not say which key is meant.
const TWO_KEYS: PayloadError =
    PayloadError { field: "authorization", message: "stands more than once" };
/// The refusal of a compressed body: a kilobyte of it can be a gigabyte, and no tag sends one.
const ENCODED: PayloadError = PayloadError {
    field: "content-encoding",
    message: "compressed bodies are not taken; send the event as it is",
};
/// The refusal of a body that did not arrive.
const NO_BODY: PayloadError = PayloadError { field: "request", message: "the body did not arrive" };

/// `POST /api/event`.
pub async fn event(state: &State, request: Request<Incoming>, peer: IpAddr) -> Answer {
    let (Parts { uri, headers, .. }, body) = request.into_parts();
    let judging = judge_event(state, (&uri, &headers), body, peer);
    let judged = guarded(judging).await.unwrap_or_else(internal);
    drop(uri);
    let room = Room::of(headers);
    let verdict = settled(state, judged).await;
    count(state, &verdict);
    let deciding = verdict.deciding();
    let status = StatusCode::from_u16(deciding.status()).unwrap_or(StatusCode::ACCEPTED);
    let mut answer = match &verdict.invalid {
        Some(error) if status != StatusCode::ACCEPTED => {
            answer::json_bytes(status, error.to_json())
        }
        _ if status == StatusCode::ACCEPTED => answer::within(room, status, answer::TEXT, "ok"),
        _ => answer::json(status, &json!({ "error": refusal(deciding) })),
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
    let judged = guarded(judge_pixel(state, &uri, &headers, peer)).await.unwrap_or_else(internal);
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

/// `OPTIONS` of a collecting path: any page may send, with the headers that its clients set.
#[must_use]
pub fn preflight(allowed: &'static str) -> Answer {
    let mut answer = answer::text(StatusCode::NO_CONTENT, Bytes::new());
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, GET, OPTIONS"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(allowed));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    headers.insert(hyper::header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    answer
}

/// Runs the part that holds the request; nothing after a panic. What it leaves on the stack is wiped.
pub(super) async fn guarded<T>(judging: impl Future<Output = T> + Send) -> Option<T> {
    let mut judging = pin!(CatchPanic::new(judging));
    // After each step: it may go on in another thread.
    let judged = poll_fn(|cx| {
        let polled = judging.as_mut().poll(cx);
        wipe_stack();
        polled
    });
    judged.await
}

/// A panic in the pipeline is an outcome too.
pub(super) fn internal() -> Judged {
    Verdict::one(Outcome::Internal).amid_body().into()
}

async fn settled(state: &State, judged: Judged) -> Verdict {
    let settled = pin!(CatchPanic::new(judge::settle(state, judged)));
    settled.await.unwrap_or_else(|| Verdict::one(Outcome::Internal))
}

pub(super) fn refusal(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::TooLarge => "the body is larger than 64 KiB (1 MiB with a send key)",
        Outcome::Limited => "too many requests; try again in some seconds",
        Outcome::SpoolFull => "the collector's disk budget is used up; try again in some seconds",
        Outcome::Unavailable => "the collector cannot take events now; try again in some seconds",
        _ => "an internal fault; it was logged without your request",
    }
}

async fn judge_event(
    state: &State,
    (uri, head): (&Uri, &HeaderMap),
    body: Incoming,
    peer: IpAddr,
) -> Judged {
    let headers = gather(head);
    let says_no = || uri.query().is_some_and(|query| ingest::says_no(query.as_bytes()));
    if ingest::opted_out(&headers) || says_no() {
        return Verdict::one(Outcome::OptedOut).before_body(body).await.into();
    }
    let known = match admit(state, head, None) {
        Ok(key) => key,
        Err(refused) => return refused.before_body(body).await.into(),
    };
    let key = known.as_deref();
    let bytes_max =
        if key.is_some() { limit::KEY_BODY_BYTES_MAX } else { limit::BROWSER_BODY_BYTES_MAX };
    let body = match whole(body, bytes_max).await {
        Ok(body) => body,
        Err(refused) => return refused.into(),
    };
    let payload = match ingest::parse_event(&body) {
        Ok(payload) => payload,
        Err(error) => return Verdict::wrong(error).into(),
    };
    let Some(key) = key else {
        let sender = Sender { headers: &headers, peer, key: None, named: None, at: now() };
        return judge::judge(state, &payload, &sender);
    };
    let said = adapters::said(&body);
    judge::judge_named(state, &payload, &said, (&headers, peer, key))
}

/// What is known before the body: whether events can be taken, and the send key, from the header or
/// from where else the tool has it.
pub(super) fn admit(
    state: &State,
    head: &HeaderMap,
    elsewhere: Option<&str>,
) -> Result<Option<Arc<ApiKey>>, Verdict> {
    if state.sites.current().is_none() {
        return Err(Verdict::one(Outcome::Unavailable));
    }
    if limit::is_encoded(head) {
        return Err(Verdict::wrong(ENCODED));
    }
    match bearer(head).map_err(Verdict::wrong)?.or(elsewhere) {
        None => Ok(None),
        Some(text) => key(state, text).map(Some).ok_or(Verdict::wrong(BAD_KEY)),
    }
}

/// The send key of a text, if it holds.
pub(super) fn key(state: &State, text: &str) -> Option<Arc<ApiKey>> {
    state.sites.snapshot().and_then(|sites| sites.send_key(text, now()))
}

/// The whole body, or what becomes of a request without it.
pub(super) async fn whole(body: Incoming, bytes_max: usize) -> Result<Whole, Verdict> {
    limit::read_body(body, bytes_max).await.map_err(|error| match error {
        BodyError::TooLarge => Verdict::one(Outcome::TooLarge).amid_body(),
        BodyError::Broken => Verdict::wrong(NO_BODY).amid_body(),
        BodyError::Busy => Verdict::one(Outcome::Unavailable).amid_body(),
    })
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
        Ok(payload) => {
            let sender = Sender { headers: &headers, peer, key: None, named: None, at: now() };
            judge::judge(state, &payload, &sender)
        }
        Err(error) => Verdict::wrong(error).into(),
    }
}

pub(super) fn count(state: &State, verdict: &Verdict) {
    for outcome in verdict.outcomes() {
        state.metrics.event(outcome as usize);
    }
}

/// The key of `Authorization: Bearer KEY`; the scheme may be written in any case (RFC 9110, 11.1).
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, PayloadError> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let line = lines.next();
    if lines.next().is_some() {
        return Err(TWO_KEYS);
    }
    let parts = line.and_then(|line| line.to_str().ok()?.split_once(' '));
    let of_bearer = parts.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    Ok(of_bearer.map(|(_, key)| key.trim_start_matches(' ')))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_scheme_in_any_case_and_stands_once() {
        let key = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(AUTHORIZATION, HeaderValue::from_static(line));
            }
            bearer(&headers).map(|key| key.map(str::to_owned)).map_err(|error| error.field)
        };
        for line in ["Bearer hc_send_x", "bearer hc_send_x", "BEARER  hc_send_x"] {
            assert_eq!(key(&[line]), Ok(Some("hc_send_x".to_owned())), "{line}");
        }
        for lines in [&[][..], &["Basic eDp5"], &["hc_send_x"], &["Bearer"]] {
            assert_eq!(key(lines), Ok(None), "{lines:?}");
        }
        let twice = ["Bearer hc_send_x", "Bearer hc_send_x"];
        for lines in [twice, ["Basic eDp5", "Bearer hc_send_x"], ["Bearer hc_send_x", "Basic eDp5"]]
        {
            assert_eq!(key(&lines), Err("authorization"), "{lines:?}");
        }
    }
}

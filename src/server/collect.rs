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
use hyper::{Request, StatusCode};
use serde_json::json;

use crate::ingest::{
    self, Facts, Headers, Payload, PayloadError, Prepared, Reduced, Row, SiteRules, Target,
};
use crate::model::{LocalMoment, Outcome, Refusal, Site, now, wipe_stack};
use crate::server::answer::{self, Answer, WasRead};
use crate::server::limit::{self, BodyError};
use crate::server::norms;
use crate::server::panic::CatchPanic;
use crate::server::state::State;
use crate::spool::{AppendError, Record};
use crate::store::row;

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

/// What became of one request: an outcome a site, in the order the sites were named.
struct Verdict {
    outcomes: Vec<Outcome>,
    invalid: Option<PayloadError>,
    /// A part of the body was not read.
    ends_connection: bool,
    /// The site, when there is one only and it is known.
    site: Option<String>,
}

impl Verdict {
    fn one(outcome: Outcome) -> Self {
        Self { outcomes: vec![outcome], invalid: None, ends_connection: false, site: None }
    }

    /// What is known before the body: it is read and forgotten, if it is there.
    async fn before_body(self, body: Incoming) -> Self {
        let whole = limit::discard(body, limit::BROWSER_BODY_BYTES_MAX).await;
        Self { ends_connection: !whole, ..self }
    }

    /// The body was not read to its end.
    fn amid_body(self) -> Self {
        Self { ends_connection: true, ..self }
    }

    /// The first outcome that is not `accepted`, else `accepted`.
    fn named(&self) -> Outcome {
        let other = self.outcomes.iter().copied().find(|one| *one != Outcome::Accepted);
        other.unwrap_or(Outcome::Accepted)
    }

    /// The outcome that decides the status: accepted when any site took the event.
    fn deciding(&self) -> Outcome {
        if self.outcomes.contains(&Outcome::Accepted) { Outcome::Accepted } else { self.named() }
    }

    fn dropped(&self) -> usize {
        self.outcomes.iter().filter(|one| **one != Outcome::Accepted).count()
    }
}

/// `POST /api/event`.
pub async fn event(state: &State, request: Request<Incoming>, peer: IpAddr) -> Answer {
    let verdict = or_internal(judge_event(state, request, peer)).await;
    count(state, &verdict);
    let deciding = verdict.deciding();
    let status = StatusCode::from_u16(deciding.status()).unwrap_or(StatusCode::ACCEPTED);
    let mut answer = match &verdict.invalid {
        Some(error) => answer::json_bytes(status, error.to_json()),
        None if status == StatusCode::ACCEPTED => answer::text(status, "ok"),
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
    norms::add_status(&mut answer, verdict.site.as_deref());
    if status == StatusCode::ACCEPTED {
        answer::for_outcome(answer, verdict.named())
    } else {
        answer::for_outcome(answer, deciding)
    }
}

/// `GET /pixel.gif`: the picture comes whatever the outcome, except 429 and 503.
pub async fn pixel(state: &State, request: &Request<Incoming>, peer: IpAddr) -> Answer {
    let verdict = or_internal(judge_pixel(state, request, peer)).await;
    count(state, &verdict);
    let deciding = verdict.deciding();
    let status = match deciding {
        Outcome::Limited => StatusCode::TOO_MANY_REQUESTS,
        Outcome::SpoolFull | Outcome::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    let mut answer = answer::with_body(status, "image/gif", Bytes::from_static(&answer::PIXEL));
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
    norms::add_status(&mut answer, verdict.site.as_deref());
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
async fn or_internal(judging: impl Future<Output = Verdict> + Send) -> Verdict {
    let mut judging = pin!(CatchPanic::new(judging));
    // After each step: it may go on in another thread.
    let judged = poll_fn(|cx| {
        let polled = judging.as_mut().poll(cx);
        wipe_stack();
        polled
    });
    judged.await.unwrap_or_else(|| Verdict::one(Outcome::Internal).amid_body())
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

async fn judge_event(state: &State, request: Request<Incoming>, peer: IpAddr) -> Verdict {
    let (head, body) = request.into_parts();
    let headers = gather(&head.headers);
    if ingest::opted_out(&headers) {
        return Verdict::one(Outcome::OptedOut).before_body(body).await;
    }
    let Some(directory) = state.sites.snapshot() else {
        return Verdict::one(Outcome::Unavailable).before_body(body).await;
    };
    if limit::is_encoded(&head.headers) {
        return invalid(ENCODED).before_body(body).await;
    }
    let send_key = bearer(&head.headers);
    let key = match send_key {
        None => None,
        Some(text) => match directory.send_key(text, now()) {
            Some(key) => Some(key),
            None => return invalid(BAD_KEY).before_body(body).await,
        },
    };
    let bytes_max =
        if key.is_some() { limit::KEY_BODY_BYTES_MAX } else { limit::BROWSER_BODY_BYTES_MAX };
    let body = match limit::read_body(body, bytes_max).await {
        Ok(body) => body,
        Err(BodyError::TooLarge) => return Verdict::one(Outcome::TooLarge).amid_body(),
        Err(BodyError::Broken) => return invalid(NO_BODY).amid_body(),
        Err(BodyError::Busy) => return Verdict::one(Outcome::Unavailable).amid_body(),
    };
    let payload = match ingest::parse_event(&body) {
        Ok(payload) => payload,
        Err(error) => return invalid(error),
    };
    let allowed = |site: &Site| key.as_ref().is_none_or(|key| key.covers(site.id));
    judge(state, &payload, &headers, peer, key.is_some(), allowed).await
}

async fn judge_pixel(state: &State, request: &Request<Incoming>, peer: IpAddr) -> Verdict {
    let headers = gather(request.headers());
    if ingest::opted_out(&headers) {
        return Verdict::one(Outcome::OptedOut);
    }
    if state.sites.snapshot().is_none() {
        return Verdict::one(Outcome::Unavailable);
    }
    match ingest::parse_pixel(request.uri().query().unwrap_or(""), headers.referer) {
        Ok(payload) => judge(state, &payload, &headers, peer, false, |_| true).await,
        Err(error) => invalid(error),
    }
}

fn invalid(error: PayloadError) -> Verdict {
    Verdict { invalid: Some(error), ..Verdict::one(Outcome::Invalid) }
}

/// Everything after parsing: sites, bots, address, token, row, spool.
async fn judge(
    state: &State,
    payload: &Payload,
    headers: &Headers<'_>,
    peer: IpAddr,
    by_key: bool,
    allowed: impl Fn(&Site) -> bool,
) -> Verdict {
    if payload.opted_out() {
        return Verdict::one(Outcome::OptedOut);
    }
    let Some(directory) = state.sites.snapshot() else {
        return Verdict::one(Outcome::Unavailable);
    };
    let at = now();
    let facts = Facts { headers, peer, by_key };
    let lookups = state.lookups.load();
    let mut outcomes = Vec::with_capacity(payload.sites().len());
    let mut records: Vec<Record> = Vec::new();
    let mut taken = Vec::new();
    let mut prepared = None;
    for name in payload.sites() {
        let Some(site) = directory.by_domain(name).filter(|site| allowed(site)) else {
            outcomes.push(Outcome::UnknownSite);
            continue;
        };
        let moment = state.moments.of(site, at);
        let rules = state.rules.of(site);
        let judged = ingest::admit(payload, site, &rules).and_then(|()| {
            if !by_key {
                state.within_rate(site.id, headers, peer)?;
            }
            let prepared = prepared.get_or_insert_with(|| {
                ingest::prepare(&facts, payload, &state.ingest_context(&lookups))
            });
            let prepared = prepared.as_ref().map_err(|refusal| *refusal)?;
            reduce(state, prepared, payload, (site, &rules), &moment, at)
        });
        match judged {
            Ok(reduced) => {
                records.extend(sealed(reduced.row, by_key));
                taken.push((site.id, moment.day, reduced.kept_back));
                outcomes.push(Outcome::Accepted);
            }
            Err(refusal) => {
                state.outcomes.add(site.id, moment.day, refusal);
                outcomes.push(refusal.outcome);
            }
        }
    }
    if let Some(Ok(prepared)) = &prepared
        && prepared.untrusted_forwarded()
    {
        state.note_untrusted_proxy(peer);
    }
    drop((prepared, lookups));
    if let Some(refused) = append(state, records).await {
        for outcome in outcomes.iter_mut().filter(|one| **one == Outcome::Accepted) {
            *outcome = refused;
        }
        for (site, day, _) in taken {
            state.outcomes.add(site, day, refused.into());
        }
    } else {
        // Only now: a refused event may be sent again.
        for (site, day, kept_back) in taken {
            for (what, name) in kept_back {
                state.outcomes.keep_back(site, day, what, name);
            }
        }
    }
    let site = match payload.sites() {
        [name] => directory.by_domain(name).filter(|site| allowed(site)),
        _ => None,
    };
    let site = site.map(|site| site.domain.clone());
    Verdict { outcomes, invalid: None, ends_connection: false, site }
}

/// Puts records into the spool; the outcome when it does not take them.
async fn append(state: &State, records: Vec<Record>) -> Option<Outcome> {
    if records.is_empty() {
        return None;
    }
    state.spool.append(records).await.err().map(|error| match error {
        AppendError::Full => Outcome::SpoolFull,
        AppendError::Unavailable => Outcome::Unavailable,
        AppendError::TooLarge => Outcome::TooLarge,
    })
}

/// The last steps for one site: token, row, caps.
fn reduce(
    state: &State,
    prepared: &Prepared,
    payload: &Payload,
    (site, rules): (&Site, &SiteRules),
    moment: &LocalMoment,
    at: u32,
) -> Result<Reduced, Refusal> {
    // What a page reports about itself carries no token: no key is needed.
    let key = if payload.is_report() { None } else { state.keys.of(site.id, moment, at) };
    let key = key.as_deref().map(|key| &**key);
    let target = Target { site, rules, key, moment, now: at };
    let mut reduced = ingest::reduce(prepared, payload, &target)?;
    state.caps.apply(&mut reduced);
    Ok(reduced)
}

/// The records of a row.
fn sealed(row: Row, by_key: bool) -> Vec<Record> {
    match row {
        Row::Event(mut event) => {
            event.by_key = by_key;
            vec![row::event_record(&event)]
        }
        Row::Vitals(vitals) => vitals.iter().map(row::vital_record).collect(),
        Row::ScriptError(error) => vec![row::script_error_record(&error)],
    }
}

fn count(state: &State, verdict: &Verdict) {
    for outcome in &verdict.outcomes {
        state.metrics.event(*outcome as usize);
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

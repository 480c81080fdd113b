//! Collecting from clients of other tools: what all their doors share.
//!
//! A door reads a request as [`take`] does for all of them, and answers as its tool's clients
//! expect; every answer goes through [`finish`], which names the outcome as for our own events.
//! What a body means is the business of [`crate::ingest::adapters`].

pub mod counted;
pub mod counter;
pub mod ga4;
pub mod goatcounter;
pub mod matomo;
pub mod tags;
pub mod umami;

use std::borrow::Cow;
use std::net::IpAddr;

use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode, Uri};

use crate::account::{ApiKey, Snapshot};
use crate::ingest::adapters::{Found, Hit, Hits};
use crate::ingest::{self, Headers, Payload, PayloadError};
use crate::model::{Outcome, now};
use crate::server::answer::{self, Answer, WasRead};
use crate::server::collect;
use crate::server::judge::{self, Judged, Sender, Verdict};
use crate::server::limit;
use crate::server::norms;
use crate::server::panic::CatchPanic;
use crate::server::router;
use crate::server::state::State;

/// One door of a tool.
pub(super) struct Door {
    /// Bytes of a body that comes without a send key in its head.
    pub(super) bytes_max: usize,
    /// The send key where the tool has its secret, if not in `Authorization`: found before the body.
    pub(super) secret_of_query: fn(&str) -> Option<String>,
    /// The same in a body.
    pub(super) secret_of_body: fn(&[u8]) -> Option<String>,
    /// Whether a wrong secret ends the request; else it is as if there were none.
    pub(super) needs_secret: bool,
    /// Bytes of a body that comes without any send key; more are read only to find one in it.
    pub(super) keyless_bytes_max: usize,
    /// What a body asks its answer to be.
    pub(super) wanted: fn(&[u8]) -> Wanted,
    /// From the request to its events.
    pub(super) parse: for<'a> fn(&Sent<'a>) -> Hits<'a>,
}

/// A request as a parser sees it. Neither `Debug` nor `Clone`: it is a person's.
pub struct Sent<'a> {
    /// `GET`, `POST` or `HEAD`.
    pub method: &'a Method,
    /// What stands behind the question mark.
    pub query: &'a str,
    /// The body; empty without one.
    pub body: &'a [u8],
    /// The headers of interest.
    pub headers: &'a Headers<'a>,
    /// The host that was asked, with its port.
    pub host: &'a str,
    /// Which sites the send key is for.
    pub key: KeySites<'a>,
}

/// The sites of a send key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySites<'a> {
    /// There is no key.
    NoKey,
    /// It is for this one.
    One(&'a str),
    /// It is for several or all.
    Many,
}

/// What a body asks its answer to be, at doors where it can.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Wanted {
    /// What the door answers if nobody asks for anything.
    #[default]
    Usual,
    /// Nothing but the status.
    Nothing,
    /// How many requests were taken.
    Numbers,
}

/// What became of a request.
pub(super) struct Fates {
    /// Of each of its events in their order; nothing when the request was refused as a whole.
    pub(super) each: Vec<Verdict>,
    /// Of the request, when it was refused as a whole.
    pub(super) whole: Option<Verdict>,
    /// Which of the events came in one entry with the one before.
    pub(super) follows: Vec<bool>,
    /// What a body that was read asks for.
    pub(super) wanted: Wanted,
}

impl Fates {
    fn refused(verdict: Verdict) -> Self {
        let (each, follows) = (Vec::new(), Vec::new());
        Self { each, whole: Some(verdict), follows, wanted: Wanted::Usual }
    }

    fn all(&self) -> impl Iterator<Item = &Verdict> {
        self.each.iter().chain(&self.whole)
    }

    fn outcomes(&self) -> impl Iterator<Item = Outcome> {
        self.all().flat_map(Verdict::outcomes)
    }

    /// The first outcome that is not `accepted`; `accepted` when all are, and `excluded` when there
    /// was nothing to count.
    pub(super) fn named(&self) -> Outcome {
        let mut outcomes = self.outcomes().peekable();
        if outcomes.peek().is_none() {
            return Outcome::Excluded;
        }
        outcomes.find(|one| *one != Outcome::Accepted).unwrap_or(Outcome::Accepted)
    }

    /// The first outcome that is a refusal: an answer with the status of one names it.
    fn refusing(&self) -> Outcome {
        let refuses = |one: &Outcome| one.status() >= 400 || *one == Outcome::UnknownSite;
        self.outcomes().find(refuses).unwrap_or_else(|| self.named())
    }

    /// The outcome that decides the status: accepted when any event was.
    pub(super) fn deciding(&self) -> Outcome {
        self.outcomes().find(|one| *one == Outcome::Accepted).unwrap_or_else(|| self.named())
    }

    /// What is wrong with the request, or with the first of its events that is not readable.
    pub(super) fn invalid(&self) -> Option<PayloadError> {
        self.all().find_map(|verdict| verdict.invalid)
    }
}

/// The same with the events, before they are durable.
enum Weighed {
    Refused(Verdict),
    Each(Vec<(Judged, bool)>),
}

/// Reads a request, judges each of its events, and makes all that is taken durable at once.
pub(super) async fn take(
    state: &State,
    request: Request<Incoming>,
    peer: IpAddr,
    door: &Door,
) -> Fates {
    let (Parts { method, uri, headers, .. }, body) = request.into_parts();
    let mut wanted = Wanted::Usual;
    let weighing = weigh(state, (&method, &uri, &headers), (body, &mut wanted), peer, door);
    let judged = collect::guarded(weighing).await;
    drop((uri, headers));
    let mut fates = match judged {
        None => Fates::refused(Verdict::one(Outcome::Internal).amid_body()),
        Some(Weighed::Refused(verdict)) => Fates::refused(verdict),
        Some(Weighed::Each(judged)) => {
            let (judged, follows) = judged.into_iter().unzip();
            match CatchPanic::new(judge::settle_all(state, judged)).await {
                Some(each) => Fates { each, whole: None, follows, wanted },
                None => Fates::refused(Verdict::one(Outcome::Internal)),
            }
        }
    };
    fates.wanted = wanted;
    fates.all().for_each(|verdict| collect::count(state, verdict));
    fates
}

async fn weigh(
    state: &State,
    (method, uri, head): (&Method, &Uri, &HeaderMap),
    (body, wanted): (Incoming, &mut Wanted),
    peer: IpAddr,
    door: &Door,
) -> Weighed {
    let headers = collect::gather(head);
    let query = uri.query().unwrap_or_default();
    if ingest::opted_out(&headers) || ingest::says_no(query.as_bytes()) {
        return Weighed::Refused(Verdict::one(Outcome::OptedOut).before_body(body).await);
    }
    let secret = (door.secret_of_query)(query);
    let usable = |text: &&str| door.needs_secret || collect::key(state, text).is_some();
    let known = match collect::admit(state, head, secret.as_deref().filter(usable)) {
        Ok(key) => key,
        Err(refused) => return Weighed::Refused(refused.before_body(body).await),
    };
    let bytes_max = if known.is_some() { limit::KEY_BODY_BYTES_MAX } else { door.bytes_max };
    let body = match collect::whole(body, bytes_max).await {
        Ok(body) => body,
        Err(refused) => return Weighed::Refused(refused),
    };
    *wanted = (door.wanted)(&body);
    let in_body = || (door.secret_of_body)(&body).and_then(|text| collect::key(state, &text));
    let known = known.or_else(in_body);
    if known.is_none() && body.len() > door.keyless_bytes_max {
        return Weighed::Refused(Verdict::one(Outcome::TooLarge));
    }
    let directory = state.sites.snapshot();
    let sent = Sent {
        method,
        query,
        body: &body,
        headers: &headers,
        host: head.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default(),
        key: sites_of(known.as_deref(), directory.as_deref()),
    };
    let hits = match (door.parse)(&sent) {
        Ok(hits) => hits,
        Err(error) => return Weighed::Refused(Verdict::wrong(error)),
    };
    let judged = hits.into_iter().map(|found| match found {
        Found::Hit(mut hit) => {
            if let (KeySites::One(domain), Some(directory)) = (sent.key, directory.as_deref()) {
                fall_back(&mut hit.payload, directory, domain);
            }
            (judge_hit(state, &hit, (&headers, peer), known.as_deref()), hit.follows)
        }
        Found::Nothing => (Verdict::nothing().into(), false),
        Found::Wrong(error) => (Verdict::wrong(error).into(), false),
    });
    Weighed::Each(judged.collect())
}

/// An event that names neither a page nor an id that some site has is one of the only site that
/// its send key is for.
fn fall_back(payload: &mut Payload<'_>, directory: &Snapshot, domain: &str) {
    if !payload.host().is_empty() {
        return;
    }
    for name in &mut payload.sites {
        if directory.named(name, "").is_none() {
            *name = Cow::Owned(domain.to_owned());
        }
    }
}

fn judge_hit(
    state: &State,
    hit: &Hit<'_>,
    (headers, peer): (&Headers<'_>, IpAddr),
    key: Option<&ApiKey>,
) -> Judged {
    match key {
        Some(key) => judge::judge_named(state, &hit.payload, &hit.named, (headers, peer, key)),
        None => {
            let sender = Sender { headers, peer, key: None, named: None, at: now() };
            judge::judge(state, &hit.payload, &sender)
        }
    }
}

fn sites_of<'a>(key: Option<&ApiKey>, directory: Option<&'a Snapshot>) -> KeySites<'a> {
    let Some(key) = key else { return KeySites::NoKey };
    let only = match key.sites.as_deref() {
        Some([only]) => directory.and_then(|directory| directory.by_id(*only)),
        _ => None,
    };
    only.map_or(KeySites::Many, |site| KeySites::One(&site.domain))
}

/// The answer of a door with what every answer to an event carries: the outcome, `Tk`, whether the
/// connection goes on, and that any page may read it.
pub(super) fn finish(mut answer: Answer, fates: &Fates) -> Answer {
    if fates.all().any(|verdict| verdict.ends_connection) {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    } else if !answer.status().is_success() {
        answer.extensions_mut().insert(WasRead);
    }
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let tk = match fates.each.as_slice() {
        [only] => only.tk.clone(),
        _ => None,
    };
    norms::add_status(&mut answer, tk);
    let named = if answer.status().is_success() { fates.named() } else { fates.refusing() };
    answer::for_outcome(answer, named)
}

/// The answer to a refusal that passes (429, 503), is ours (500), or is about size (413); `None`
/// when the tool says it in its own way.
pub(super) fn refused(fates: &Fates) -> Option<Answer> {
    let deciding = fates.deciding();
    let status = match deciding {
        Outcome::TooLarge
        | Outcome::Limited
        | Outcome::SpoolFull
        | Outcome::Unavailable
        | Outcome::Internal => StatusCode::from_u16(deciding.status()).ok()?,
        _ => return None,
    };
    Some(finish(answer::error(status, collect::refusal(deciding)), fates))
}

/// The answer to a request with another method than a door takes: what it takes, or, to a browser
/// that asks before it sends, that it may.
pub(super) fn other_method(
    method: &Method,
    taken: &[Method],
    methods: &'static str,
) -> Option<Answer> {
    if taken.contains(method) {
        return None;
    }
    let asks = *method == Method::OPTIONS;
    Some(if asks { collect::preflight("Content-Type") } else { router::not_allowed(methods) })
}

/// The GIF of one pixel, for doors that are pictures.
pub(super) fn picture(status: StatusCode) -> Answer {
    let pixel = bytes::Bytes::from_static(&answer::PIXEL);
    let mut answer = answer::with_body(status, "image/gif", pixel);
    answer.headers_mut().insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
    answer
}

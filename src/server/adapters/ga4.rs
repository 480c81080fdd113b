//! Google Analytics 4: `/g/collect` of browsers, `/mp/collect` of servers, and
//! `/debug/mp/collect`, which says what is wrong with a request and stores nothing.
//!
//! Its clients expect 204 and nothing else, whatever became of an event; `X-Headcount` says it.

use std::net::IpAddr;

use hyper::body::Incoming;
use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONNECTION, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};

use crate::ingest::PayloadError;
use crate::ingest::adapters::Hits;
use crate::ingest::adapters::ga4::{self, checks, server};
use crate::model::{Outcome, now};
use crate::server::adapters::{
    Door, Fates, KeySites, Sent, Wanted, finish, other_method, sites_of, take,
};
use crate::server::answer::{self, Answer};
use crate::server::collect;
use crate::server::judge;
use crate::server::limit::{self, BodyError};
use crate::server::state::State;

const COLLECT: Door = Door {
    bytes_max: limit::BROWSER_BODY_BYTES_MAX,
    secret_of_query: |_| None,
    secret_of_body: |_| None,
    needs_secret: false,
    keyless_bytes_max: limit::BROWSER_BODY_BYTES_MAX,
    wanted: |_| Wanted::Usual,
    parse: |sent| ga4::collect(sent.query, sent.body),
};

const MEASURED: Door = Door {
    bytes_max: server::BODY_BYTES_MAX,
    secret_of_query: |query| server::secret(query).map(String::from),
    secret_of_body: |_| None,
    needs_secret: true,
    keyless_bytes_max: server::BODY_BYTES_MAX,
    wanted: |_| Wanted::Usual,
    parse: of_server,
};

const NO_SECRET: PayloadError =
    PayloadError { field: "api_secret", message: "can't be blank: it is a send key" };
const TOO_LARGE: PayloadError =
    PayloadError { field: "request", message: "must be smaller than 130 KiB" };

/// Methods of the door for browsers, as an answer names them.
const READ: &str = "GET, POST, OPTIONS";
/// Those of the doors for servers.
const WRITTEN: &str = "POST, OPTIONS";

/// `GET` and `POST /g/collect`.
pub async fn collect(state: &State, request: Request<Incoming>, peer: IpAddr) -> Answer {
    if let Some(answer) = other_method(request.method(), &[Method::GET, Method::POST], READ) {
        return answer;
    }
    answered(&take(state, request, peer, &COLLECT).await)
}

/// `POST /mp/collect`.
pub async fn measured(state: &State, request: Request<Incoming>, peer: IpAddr) -> Answer {
    if let Some(answer) = other_method(request.method(), &[Method::POST], WRITTEN) {
        return answer;
    }
    answered(&take(state, request, peer, &MEASURED).await)
}

/// `POST /debug/mp/collect`.
pub async fn checked(state: &State, request: Request<Incoming>) -> Answer {
    if let Some(answer) = other_method(request.method(), &[Method::POST], WRITTEN) {
        return answer;
    }
    let (Parts { uri, .. }, body) = request.into_parts();
    let checking = async {
        let body = limit::read_body(body, server::BODY_BYTES_MAX).await?;
        Ok(checks::checked(uri.query().unwrap_or_default(), &body, &Here(state)))
    };
    let mut answer = match collect::guarded(checking).await {
        Some(Ok(messages)) => answer::json(StatusCode::OK, &messages),
        Some(Err(BodyError::TooLarge)) => {
            let mut answer = answer::json(StatusCode::OK, &checks::too_large());
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            answer
        }
        Some(Err(error)) => answer::error(StatusCode::BAD_REQUEST, &error.to_string()),
        None => {
            let text = collect::refusal(Outcome::Internal);
            answer::error(StatusCode::INTERNAL_SERVER_ERROR, text)
        }
    };
    answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    answer
}

/// What is known here of keys, sites and the time.
struct Here<'a>(&'a State);

impl checks::Known for Here<'_> {
    fn is_key(&self, secret: &str) -> bool {
        collect::key(self.0, secret).is_some()
    }

    fn has_site(&self, secret: &str, name: &str, host: &str) -> bool {
        let (Some(key), Some(directory)) = (collect::key(self.0, secret), self.0.sites.snapshot())
        else {
            return false;
        };
        match directory.named(name, host) {
            Some(site) => key.covers(site.id),
            None => {
                host.is_empty()
                    && matches!(sites_of(Some(&key), Some(&directory)), KeySites::One(_))
            }
        }
    }

    fn is_of_now(&self, at: i64) -> bool {
        let now = now();
        judge::moment(at, now).is_ok_and(|at| now.saturating_sub(at) <= judge::AGE_MAX)
    }
}

fn of_server<'a>(sent: &Sent<'a>) -> Hits<'a> {
    if sent.key == KeySites::NoKey {
        return Err(NO_SECRET);
    }
    if sent.body.len() > server::BODY_BYTES_MAX {
        return Err(TOO_LARGE);
    }
    server::measured(sent.query, sent.body)
}

fn answered(fates: &Fates) -> Answer {
    let status = match fates.deciding() {
        Outcome::Limited => StatusCode::TOO_MANY_REQUESTS,
        Outcome::SpoolFull | Outcome::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::NO_CONTENT,
    };
    finish(answer::text(status, ""), fates)
}

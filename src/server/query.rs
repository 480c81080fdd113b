//! `POST /api/v2/query` and the counts of what was not counted.

use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Request, StatusCode};
use serde_json::json;

use crate::model::{Day, Site, day, now};
use crate::report::{self, QueryError, ReportError};
use crate::server::answer::{self, Answer};
use crate::server::auth::{self, Reader};
use crate::server::limit::{self, BodyError};
use crate::server::state::State;

/// Answers a report.
pub async fn run(state: &State, request: Request<Incoming>) -> Answer {
    answer_query(state, request).await.unwrap_or_else(|answer| answer)
}

async fn answer_query(state: &State, request: Request<Incoming>) -> Result<Answer, Answer> {
    let reader = auth::reader(state, request.headers(), true).await?;
    let body = match limit::read_body(request.into_body(), limit::QUERY_BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(BodyError::TooLarge) => {
            return Err(answer::error(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the query is larger than 256 KiB",
            ));
        }
        Err(BodyError::Broken) => {
            return Err(answer::error(StatusCode::BAD_REQUEST, "the query did not arrive"));
        }
    };
    let raw = report::parse(&body).map_err(|error| refuse(&error))?;
    let site = find_site(state, &reader, raw.site_id())?;
    let threshold = threshold(state, &site);
    report::run(raw, &site, &state.store, threshold, now())
        .await
        .map(|bytes| answer::json_bytes(StatusCode::OK, bytes))
        .map_err(|error| fail(&error))
}

/// `GET /api/sites/DOMAIN/outcomes?from=YYYY-MM-DD&to=YYYY-MM-DD`; without them, today.
pub async fn outcomes(
    state: &State,
    domain: &str,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Answer {
    answer_outcomes(state, domain, headers, query).await.unwrap_or_else(|answer| answer)
}

async fn answer_outcomes(
    state: &State,
    domain: &str,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Answer, Answer> {
    let reader = auth::reader(state, headers, false).await?;
    let site = find_site(state, &reader, domain)?;
    let today = day::locate(now(), &site.zone).day;
    let date = |name: &str| -> Result<Day, Answer> {
        let sent = url::form_urlencoded::parse(query.unwrap_or("").as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned());
        match sent {
            None => Ok(today),
            Some(text) => Day::parse(&text).ok_or_else(|| {
                answer::json(
                    StatusCode::BAD_REQUEST,
                    &json!({
                        "error": format!("{name} must be a date such as 2026-11-21"),
                        "field": name, "sent": text, "allowed": ["YYYY-MM-DD"],
                    }),
                )
            }),
        }
    };
    let (from, to) = (date("from")?, date("to")?);
    report::outcomes(&site, from, to, &state.store)
        .await
        .map(|bytes| answer::json_bytes(StatusCode::OK, bytes))
        .map_err(|error| fail(&error))
}

/// The threshold in force for a site.
#[must_use]
pub fn threshold(state: &State, site: &Site) -> u32 {
    site.threshold.unwrap_or(state.settings.threshold)
}

fn find_site(state: &State, reader: &Reader, domain: &str) -> Result<Site, Answer> {
    let directory = state.sites.snapshot().ok_or_else(auth::unavailable)?;
    reader.site(&directory, domain).cloned().ok_or_else(|| {
        answer::error(StatusCode::NOT_FOUND, "there is no such site, or you may not see it")
    })
}

fn refuse(error: &QueryError) -> Answer {
    answer::json(
        StatusCode::BAD_REQUEST,
        &json!({
            "error": error.message,
            "field": error.field,
            "sent": error.sent,
            "allowed": error.allowed,
        }),
    )
}

fn fail(error: &ReportError) -> Answer {
    match error {
        ReportError::Query(error) => refuse(error),
        ReportError::Store(_) => auth::unavailable(),
        ReportError::Shape => answer::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the report could not be made; the log of headcount says why",
        ),
    }
}

//! `POST /api/v2/query`.

use std::time::Instant;

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde_json::json;

use crate::model::{Site, now};
use crate::report::{self, QueryError, ReportError};
use crate::server::answer::{self, Answer};
use crate::server::auth::{self, Reader};
use crate::server::limit::{self, BodyError};
use crate::server::state::State;
use crate::store::Limit;

/// The status of a report that used up what one report may have: asking again does not help.
const TOO_HEAVY: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

/// Answers a report.
pub async fn run(state: &State, request: Request<Incoming>) -> Answer {
    let begun = Instant::now();
    let answer = answer_query(state, request).await.unwrap_or_else(|answer| answer);
    state.metrics.query_seconds.observe(begun.elapsed().as_secs_f64());
    state.metrics.query(result(answer.status()));
    answer
}

/// The metric's word for how a report ended.
fn result(status: StatusCode) -> &'static str {
    match status {
        StatusCode::TOO_MANY_REQUESTS => "limited",
        TOO_HEAVY => "too_heavy",
        status if status.is_success() => "answered",
        status if status.is_client_error() => "refused",
        _ => "failed",
    }
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
        Err(error @ BodyError::Busy) => {
            return Err(answer::error(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()));
        }
    };
    let raw = report::parse(&body).map_err(|error| refuse(&error))?;
    let site = find_site(state, &reader, raw.site_id())?;
    let threshold = threshold(state, &site);
    let _turn = state
        .report_turns
        .take(site.id)
        .await
        .map_err(|busy| answer::error(StatusCode::TOO_MANY_REQUESTS, &busy.to_string()))?;
    report::run(raw, &site, &state.store, threshold, now(), &state.report_cache)
        .await
        .map(|bytes| answer::json_bytes(StatusCode::OK, bytes))
        .map_err(|error| fail(&error))
}

/// The threshold in force for a site.
#[must_use]
pub fn threshold(state: &State, site: &Site) -> u32 {
    site.threshold.unwrap_or(state.settings.threshold)
}

/// The site of that name, if the reader may see it.
///
/// # Errors
/// The answer to give instead.
pub(super) fn find_site(state: &State, reader: &Reader, domain: &str) -> Result<Site, Answer> {
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

/// The answer to a report that used up what one report may have.
fn too_heavy(limit: Limit) -> Answer {
    let (name, used) = match limit {
        Limit::Time => ("time", "the report took longer than one report may"),
        Limit::Memory => ("memory", "the report needed more memory than there is for one"),
        Limit::Rows => ("rows", "the report read or answered more rows than one report may"),
    };
    let advice = "ask for fewer days, for fewer dimensions, or filter more";
    answer::json(TOO_HEAVY, &json!({ "error": format!("{used}: {advice}"), "limit": name }))
}

/// The answer to a report that could not be made.
pub(super) fn fail(error: &ReportError) -> Answer {
    match error {
        ReportError::Query(error) => refuse(error),
        ReportError::Store(error) => error.limit().map_or_else(auth::unavailable, too_heavy),
        ReportError::Closing => answer::error(
            StatusCode::SERVICE_UNAVAILABLE,
            "days of this range are being closed just now. Try again in some seconds",
        ),
        ReportError::Shape => answer::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the report could not be made; the log of headcount says why",
        ),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::store::StoreError;

    #[tokio::test]
    async fn a_report_that_is_too_heavy_says_what_to_do() {
        for (limit, name) in
            [(Limit::Time, "time"), (Limit::Memory, "memory"), (Limit::Rows, "rows")]
        {
            let mut answer = too_heavy(limit);
            assert_eq!((answer.status(), result(answer.status())), (TOO_HEAVY, "too_heavy"));
            let body = answer.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["limit"], name);
            assert!(body["error"].as_str().unwrap().contains("ask for fewer days"), "{body}");
        }
    }

    #[test]
    fn a_database_that_is_away_is_no_fault_of_the_report() {
        let answer = fail(&ReportError::Store(StoreError::Unreachable));
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(result(answer.status()), "failed");
        assert_eq!(result(StatusCode::OK), "answered");
        assert_eq!(result(StatusCode::UNAUTHORIZED), "refused");
        assert_eq!(result(StatusCode::TOO_MANY_REQUESTS), "limited");
    }
}

//! What operators and machines ask: health, readiness, metrics, the description of the API.

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};

use crate::server::answer::{self, Answer};
use crate::server::state::State;

/// The description of the API, kept beside this file.
const OPENAPI: &str = include_str!("openapi.json");

/// 200 while the loop turns.
#[must_use]
pub fn health() -> Answer {
    answer::text(StatusCode::OK, "ok\n")
}

/// 200 while the spool takes events, whether ClickHouse is up or down.
#[must_use]
pub fn ready(state: &State) -> Answer {
    if state.spool.is_accepting() && state.sites.snapshot().is_some() {
        answer::text(StatusCode::OK, "ready\n")
    } else {
        answer::error(StatusCode::SERVICE_UNAVAILABLE, "not taking events now")
    }
}

/// The numbers of the process.
#[must_use]
pub fn metrics(state: &State) -> Answer {
    let mut answer = answer::text(StatusCode::OK, state.metrics.encode());
    answer.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8"),
    );
    answer
}

/// `/api/openapi.json`.
#[must_use]
pub fn openapi() -> Answer {
    answer::with_body(StatusCode::OK, "application/json; charset=utf-8", OPENAPI)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::model::Rules;

    #[test]
    fn the_description_knows_every_rule() {
        let described: Value = serde_json::from_str(OPENAPI).unwrap();
        let rules = described.pointer("/components/schemas/Rules/properties").unwrap();
        let named: BTreeSet<&str> = rules.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(named, Rules::FIELDS.into_iter().collect());
    }
}

//! The first minutes: a link that works once makes the account and the first site.

use hyper::body::Incoming;
use hyper::header::SET_COOKIE;
use hyper::{Request, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::model::now;
use crate::server::answer::{self, Answer};
use crate::server::auth;
use crate::server::dashboard::{form, refuse};
use crate::server::state::State;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetupForm {
    email: String,
    password: String,
    domain: String,
    timezone: String,
}

/// `GET /api/setup/TOKEN`: whether the link still works.
#[must_use]
pub fn look(state: &State, token: &str) -> Answer {
    if state.accounts.setup_holds(token, now()) {
        answer::json(StatusCode::OK, &json!({ "valid": true }))
    } else {
        refuse(&crate::account::AccountError::SetupToken)
    }
}

/// `POST /api/setup/TOKEN`.
pub async fn finish(state: &State, token: &str, request: Request<Incoming>) -> Answer {
    answer_finish(state, token, request).await.unwrap_or_else(|answer| answer)
}

async fn answer_finish(
    state: &State,
    token: &str,
    request: Request<Incoming>,
) -> Result<Answer, Answer> {
    // The printed link names the listening address, also when a public one is set.
    if !state.listening.sent(request.headers()) {
        auth::own_page(state, request.headers())?;
    }
    let form: SetupForm = form(request).await?;
    let site = (form.domain.as_str(), form.timezone.as_str());
    let account = state
        .accounts
        .finish_setup(token, &form.email, &form.password, site, now())
        .await
        .map_err(|error| refuse(&error))?;
    let login =
        state.accounts.create_login(account, now()).await.map_err(|error| refuse(&error))?;
    let directory = state.sites.snapshot();
    let wanted = form.domain.trim().to_lowercase();
    let domain = directory
        .and_then(|directory| directory.by_domain(&wanted).map(|site| site.domain.clone()))
        .unwrap_or(wanted);
    let mut answer = answer::json(StatusCode::OK, &json!({ "domain": domain }));
    answer.headers_mut().insert(SET_COOKIE, auth::set_cookie(state, Some(&login)));
    Ok(answer)
}

//! What the dashboard asks beside reports: who am I, log in, log out, add a site.

use std::net::IpAddr;

use hyper::body::Incoming;
use hyper::header::{HeaderMap, SET_COOKIE};
use hyper::{Request, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::account::AccountError;
use crate::model::{day, now};
use crate::server::answer::{self, Answer};
use crate::server::auth;
use crate::server::collect;
use crate::server::first_party::FirstParty;
use crate::server::limit;
use crate::server::query;
use crate::server::state::State;

/// Body of a form, bytes.
const FORM_BYTES_MAX: usize = 16 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginForm {
    email: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteForm {
    domain: String,
    timezone: String,
}

/// `GET /api/me`.
pub async fn me(state: &State, headers: &HeaderMap) -> Answer {
    match auth::person(state, headers, false).await {
        Ok(account) => answer::json(
            StatusCode::OK,
            &json!({
                "email": account.email,
                "role": account.role,
                "version": env!("CARGO_PKG_VERSION"),
                "public_url": state.origin.url(),
                "first_party_path": state.settings.first_party.as_ref().map(FirstParty::path),
                "demo": state.settings.demo,
                "threshold": state.settings.threshold,
                "retention_months": state.settings.retention_months,
                "untrusted_proxy": state.untrusted_proxy(),
                "sites": sites(state),
                "geo": geo(state),
            }),
        ),
        Err(refused) if refused.status() == StatusCode::UNAUTHORIZED => {
            match state.accounts.any().await {
                Ok(any) => answer::json(
                    StatusCode::UNAUTHORIZED,
                    &json!({ "error": "log in first", "setup_needed": !any }),
                ),
                Err(_) => auth::unavailable(),
            }
        }
        Err(refused) => refused,
    }
}

/// `POST /api/login`.
pub async fn login(state: &State, request: Request<Incoming>, peer: IpAddr) -> Answer {
    answer_login(state, request, peer).await.unwrap_or_else(|answer| answer)
}

async fn answer_login(
    state: &State,
    request: Request<Incoming>,
    peer: IpAddr,
) -> Result<Answer, Answer> {
    auth::own_page(state, request.headers())?;
    let network = state.network(&collect::gather(request.headers()), peer);
    let form: LoginForm = form(request).await?;
    let login = state
        .accounts
        .log_in(&form.email, &form.password, network, now())
        .await
        .map_err(|error| refuse(&error))?;
    let mut answer = answer::json(StatusCode::OK, &json!({ "email": login.account.email }));
    answer.headers_mut().insert(SET_COOKIE, auth::set_cookie(state, Some(&login)));
    Ok(answer)
}

/// `POST /api/logout`; without a login it is fine too.
pub async fn logout(state: &State, headers: &HeaderMap) -> Answer {
    if let Err(refused) = auth::own_page(state, headers) {
        return refused;
    }
    if let Some(token) = auth::token(state, headers)
        && let Err(error) = state.accounts.log_out(token).await
    {
        return refuse(&error);
    }
    let mut answer = answer::json(StatusCode::OK, &json!({}));
    answer.headers_mut().insert(SET_COOKIE, auth::set_cookie(state, None));
    answer
}

/// `POST /api/sites`.
pub async fn add_site(state: &State, request: Request<Incoming>) -> Answer {
    answer_add_site(state, request).await.unwrap_or_else(|answer| answer)
}

async fn answer_add_site(state: &State, request: Request<Incoming>) -> Result<Answer, Answer> {
    auth::person(state, request.headers(), true).await?;
    let form: SiteForm = form(request).await?;
    let domain = state
        .accounts
        .add_site(&form.domain, &form.timezone, now())
        .await
        .map_err(|error| refuse(&error))?;
    Ok(answer::json(StatusCode::CREATED, &json!({ "domain": domain })))
}

/// What is so, and what to do, when a near peer sends forwarded headers without being trusted.
#[must_use]
pub fn proxy_notice(peer: &str) -> (String, String) {
    let prefix = if peer.contains(':') { 128 } else { 32 };
    (
        format!(
            "requests arrive through a proxy that is not trusted ({peer}); all visitors look like one"
        ),
        format!("set trusted_proxies = [\"{peer}/{prefix}\"]"),
    )
}

/// Reads a JSON form.
///
/// # Errors
/// The answer to give instead.
pub(super) async fn form<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Answer> {
    let body = limit::read_body(request.into_body(), FORM_BYTES_MAX)
        .await
        .map_err(|error| answer::error(StatusCode::BAD_REQUEST, &error.to_string()))?;
    serde_json::from_slice(&body).map_err(|_| {
        // serde's own message could repeat what was sent, a password among it.
        answer::error(StatusCode::BAD_REQUEST, "the form is not the JSON object that is asked for")
    })
}

/// The answer to a refused change.
pub(super) fn refuse(error: &AccountError) -> Answer {
    let status = match error {
        AccountError::WrongLogin => StatusCode::UNAUTHORIZED,
        AccountError::TooManyTries { .. } => StatusCode::TOO_MANY_REQUESTS,
        AccountError::SiteExists(_)
        | AccountError::AccountExists
        | AccountError::RulesUnreadable(_) => StatusCode::CONFLICT,
        AccountError::SetupToken | AccountError::SiteUnknown(_) => StatusCode::NOT_FOUND,
        AccountError::Store(_) | AccountError::Machine(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    let mut body = json!({ "error": error.to_string() });
    if let (Some(field), Value::Object(members)) = (error.field(), &mut body) {
        members.insert("field".to_owned(), json!(field));
    }
    let mut answer = answer::error(status, "");
    let mut replaced = answer::json(status, &body);
    std::mem::swap(answer.body_mut(), replaced.body_mut());
    if let AccountError::TooManyTries { retry_after } = error {
        answer.headers_mut().insert(hyper::header::RETRY_AFTER, (*retry_after).into());
    }
    answer
}

fn sites(state: &State) -> Vec<Value> {
    let Some(directory) = state.sites.snapshot() else { return Vec::new() };
    let mut sites: Vec<_> = directory.sites().iter().collect();
    sites.sort_by(|a, b| a.domain.cmp(&b.domain));
    sites
        .into_iter()
        .map(|site| {
            json!({
                "domain": site.domain,
                "timezone": site.timezone,
                "created": day::locate(site.created, &site.zone).day.to_string(),
                "threshold": query::threshold(state, site),
                "retention_months": directory
                    .retention_months(site.id)
                    .map_or(state.settings.retention_months, |own| {
                        own.min(state.settings.retention_months)
                    }),
            })
        })
        .collect()
}

fn geo(state: &State) -> Value {
    if state.lookups.load().geo.is_empty() {
        return Value::Null;
    }
    json!({
        "name": "DB-IP City Lite",
        "credit": "IP Geolocation by DB-IP",
        "link": "https://db-ip.com",
    })
}

//! Who asks: a key, a login, or nobody; and which sites they may see.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue};

use crate::account::{Account, ApiKey, LoginToken, Snapshot};
use crate::model::{Site, now};
use crate::server::answer::{self, Answer};
use crate::server::state::State;

/// The cookie of a login; over TLS it gets the `__Host-` prefix.
const COOKIE_NAME: &str = "headcount_login";
/// Whoever may read reports.
pub enum Reader {
    /// A read or admin key.
    Key(Arc<ApiKey>),
    /// A person at the dashboard.
    Person(Account),
}

impl Reader {
    /// The site of that name, if this reader may see it.
    #[must_use]
    pub fn site<'a>(&self, directory: &'a Snapshot, domain: &str) -> Option<&'a Site> {
        let site = directory.by_domain(domain)?;
        match self {
            Self::Key(key) if !key.covers(site.id) => None,
            _ => Some(site),
        }
    }
}

/// Finds out who asks for a report.
///
/// # Errors
/// The answer to give instead: 401 without credentials, 403 for a login used by another page.
pub async fn reader(
    state: &State,
    headers: &HeaderMap,
    needs_origin: bool,
) -> Result<Reader, Answer> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        let key = value
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix("Bearer "))
            .and_then(|text| state.sites.snapshot()?.read_key(text, now()));
        return key.map(Reader::Key).ok_or_else(|| {
            answer::error(
                StatusCode::UNAUTHORIZED,
                "this key does not read reports: it is unknown, revoked, expired or of another scope",
            )
        });
    }
    person(state, headers, needs_origin).await.map(Reader::Person)
}

/// Finds out which person asks.
///
/// # Errors
/// The answer to give instead.
pub async fn person(
    state: &State,
    headers: &HeaderMap,
    needs_origin: bool,
) -> Result<Account, Answer> {
    let found = match token(state, headers) {
        Some(token) => state.accounts.who(token, now()).await.map_err(|_| unavailable())?,
        None => None,
    };
    let Some(login) = found else {
        return Err(answer::error(
            StatusCode::UNAUTHORIZED,
            "log in, or send a key with Authorization: Bearer hc_read_…",
        ));
    };
    if needs_origin {
        own_page(state, headers)?;
    }
    Ok(login)
}

/// Refuses requests that another site's page makes with somebody's login.
///
/// # Errors
/// 403, naming the setting.
pub fn own_page(state: &State, headers: &HeaderMap) -> Result<(), Answer> {
    if state.origin.sent(headers) {
        return Ok(());
    }
    Err(answer::error(
        StatusCode::FORBIDDEN,
        &format!(
            "this request was not made by a page of {}; if that is not the address you use, set public_url",
            state.origin.url()
        ),
    ))
}

/// The login token of the request's cookie.
#[must_use]
pub fn token<'a>(state: &State, headers: &'a HeaderMap) -> Option<&'a str> {
    let wanted = cookie_name(state);
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value)
}

/// The `Set-Cookie` of a fresh login, or of its end when there is no token.
#[must_use]
pub fn set_cookie(state: &State, login: Option<&LoginToken>) -> HeaderValue {
    let (token, seconds) = login.map_or(("", 0), |login| (login.token.as_str(), login.max_age));
    let secure = if state.origin.is_https() { "; Secure" } else { "" };
    let text = format!(
        "{}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}",
        cookie_name(state)
    );
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The answer when the database does not.
#[must_use]
pub fn unavailable() -> Answer {
    answer::error(
        StatusCode::SERVICE_UNAVAILABLE,
        "the database does not answer now; events are still taken. Try again in some seconds",
    )
}

fn cookie_name(state: &State) -> &'static str {
    if state.origin.is_https() { "__Host-headcount_login" } else { COOKIE_NAME }
}

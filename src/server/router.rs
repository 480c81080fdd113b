//! Where a request goes: a `match` on method and path, hot paths first.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, Request, StatusCode};

use crate::server::adapters::{counter, ga4, goatcounter, matomo, tags, umami};
use crate::server::answer::{self, Answer};
use crate::server::norms::{self, WELL_KNOWN};
use crate::server::scripts::stand_in;
use crate::server::state::{Role, State};
use crate::server::{assets, collect, counts, dashboard, demo, ops, query, rules, setup};

/// Longest path that is looked at, bytes.
const PATH_BYTES_MAX: usize = 2048;

/// Answers a request of the public port. Collecting stands apart: everything else is larger than
/// it, and lives in a box of its own.
pub async fn public(state: Arc<State>, request: Request<Incoming>, peer: SocketAddr) -> Answer {
    let path = request.uri().path();
    let own = state.settings.first_party.as_ref().and_then(|own| own.usual(path));
    match (request.method(), own.unwrap_or(path)) {
        (&Method::POST, "/api/event") => collect::event(&state, request, peer.ip()).await,
        (&Method::GET, "/pixel.gif") => collect::pixel(&state, request, peer.ip()).await,
        _ => Box::pin(elsewhere(state, request, peer, own)).await,
    }
}

/// Answers everything but the events themselves; `own` is the usual name of what was asked for below
/// the operator's path.
async fn elsewhere(
    state: Arc<State>,
    request: Request<Incoming>,
    peer: SocketAddr,
    own: Option<&'static str>,
) -> Answer {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    match (&method, own.unwrap_or(&path)) {
        (&Method::OPTIONS, "/api/event" | "/pixel.gif") => collect::preflight("Content-Type"),
        (_, "/api/event") => not_allowed("POST, OPTIONS"),
        (_, "/pixel.gif") => not_allowed("GET, OPTIONS"),
        (_, "/g/collect") => ga4::collect(&state, request, peer.ip()).await,
        (_, "/mp/collect") => ga4::measured(&state, request, peer.ip()).await,
        (_, "/debug/mp/collect") => ga4::checked(&state, request).await,
        (_, "/matomo.php" | "/piwik.php") => matomo::tracked(&state, request, peer.ip()).await,
        (_, path) if umami::has(path) => umami::answer(&state, request, peer.ip()).await,
        (_, path) if goatcounter::has(path) => {
            goatcounter::answer(&state, request, peer.ip()).await
        }
        (&Method::GET | &Method::HEAD, "/api/tags") => tags::same(&state, request.uri()),
        (&Method::GET | &Method::HEAD, "/js/script.js") => script("script.js", &request),
        (&Method::GET | &Method::HEAD, "/js/full.js") => script("full.js", &request),
        (&Method::GET | &Method::HEAD, "/js/vitals.js") => script("vitals.js", &request),
        (&Method::GET | &Method::HEAD, "/js/opt-out.js") => script("opt-out.js", &request),
        (&Method::GET | &Method::HEAD, named) if let Some(file) = stand_in(named) => {
            script(file, &request)
        }
        (&Method::GET | &Method::HEAD, "/health") => ops::health(),
        (&Method::GET | &Method::HEAD, "/ready") => ops::ready(&state),
        (&Method::GET | &Method::HEAD, _) if path.starts_with(WELL_KNOWN) => {
            norms::well_known(&state, path.get(WELL_KNOWN.len()..).unwrap_or_default())
        }
        _ if path.len() > PATH_BYTES_MAX || state.settings.role == Role::Collect => not_found(),
        (&Method::GET | &Method::HEAD, path) if path.starts_with(counter::FOLDER) => {
            counter::answer(&state, &request).await
        }
        (_, api) if api.starts_with("/api/") => api_route(&state, request, peer.ip()).await,
        (&Method::GET | &Method::HEAD, _) => page(&state, &request, &path),
        _ => not_allowed("GET"),
    }
}

/// Answers a request of the metrics port.
#[must_use]
pub fn metrics(state: &State, request: &Request<Incoming>) -> Answer {
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => ops::metrics(state),
        (&Method::GET | &Method::HEAD, "/health") => ops::health(),
        (&Method::GET | &Method::HEAD, "/ready") => ops::ready(state),
        _ => not_found(),
    }
}

async fn api_route(state: &Arc<State>, request: Request<Incoming>, peer: IpAddr) -> Answer {
    let path = request.uri().path().to_owned();
    let segments: Vec<&str> = path.split('/').skip(2).collect();
    match (request.method(), segments.as_slice()) {
        (&Method::POST, ["v2", "query"]) => query::run(state, request).await,
        (&Method::GET, ["openapi.json"]) => ops::openapi(),
        (&Method::GET, ["me"]) => dashboard::me(state, request.headers()).await,
        (&Method::POST, ["login"]) => dashboard::login(state, request, peer).await,
        (&Method::POST, ["logout"]) => dashboard::logout(state, request.headers()).await,
        (&Method::GET, ["setup", token]) => setup::look(state, token),
        (&Method::POST, ["setup", token]) => {
            let token = (*token).to_owned();
            setup::finish(state, &token, request).await
        }
        (&Method::POST, ["sites"]) => dashboard::add_site(state, request).await,
        (method, ["sites", domain, rest @ ..]) => {
            let (method, domain) = (method.clone(), (*domain).to_owned());
            let rest: Vec<String> = rest.iter().map(|part| (*part).to_owned()).collect();
            site_route(state, &method, &domain, &rest, request).await
        }
        (_, ["me"] | ["openapi.json"]) => not_allowed("GET"),
        (_, ["login" | "logout" | "sites"] | ["v2", "query"]) => not_allowed("POST"),
        _ => not_found(),
    }
}

/// What belongs to one site.
async fn site_route(
    state: &Arc<State>,
    method: &Method,
    domain: &str,
    rest: &[String],
    request: Request<Incoming>,
) -> Answer {
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    match (method, rest.as_slice()) {
        (&Method::GET, ["rules"]) => rules::show(state, domain, request.headers()).await,
        (&Method::PUT, ["rules"]) => rules::change(state, domain, request).await,
        (&Method::POST, ["rules", "preview"]) => rules::preview(state, domain, request).await,
        (_, ["rules"]) => not_allowed("GET, PUT"),
        (_, ["rules", "preview"]) => not_allowed("POST"),
        (&Method::GET, [what]) => {
            counts::answer(state, domain, what, request.headers(), request.uri().query())
                .await
                .unwrap_or_else(not_found)
        }
        _ => not_found(),
    }
}

fn page(state: &State, request: &Request<Incoming>, path: &str) -> Answer {
    let headers = request.headers();
    if path.contains("..") {
        return not_found();
    }
    if let Some(asset) = path.strip_prefix('/').filter(|path| path.starts_with("assets/")) {
        return assets::asset(asset, headers);
    }
    if path == "/demo" || path.starts_with("/demo/") {
        return if state.settings.demo { demo::page(path, headers) } else { not_found() };
    }
    let is_page = matches!(path, "/" | "/login" | "/sites")
        || path.strip_prefix("/setup/").is_some_and(|rest| !rest.contains('/'))
        || path.strip_prefix("/sites/").is_some_and(|rest| rest.split('/').count() <= 2);
    if is_page { assets::page(headers) } else { not_found() }
}

fn script(name: &str, request: &Request<Incoming>) -> Answer {
    assets::script(name, request.headers())
}

fn not_found() -> Answer {
    answer::error(StatusCode::NOT_FOUND, "there is no such page")
}

pub(super) fn not_allowed(methods: &'static str) -> Answer {
    let mut answer =
        answer::error(StatusCode::METHOD_NOT_ALLOWED, &format!("this address takes {methods}"));
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    answer
}

//! What browsers and their users can ask about tracking: the tracking status resources of W3C's
//! "Tracking Preference Expression" (`Tk`, `/.well-known/dnt/`) and the support resource of W3C's
//! "Global Privacy Control" (`/.well-known/gpc.json`).
//!
//! The status is `N`, "not tracking", always and for everybody: it depends on no header, sets no
//! cookie, and nothing about who asks is kept. A site's own resource exists for the sites that are
//! counted here; for others it answers 404, which tells no more than a collecting path does, whose
//! answer names unknown sites.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, HeaderName, HeaderValue};
use quick_cache::sync::Cache;
use serde_json::json;

use crate::model::{Site, SiteId};
use crate::server::answer::{self, Answer};
use crate::server::state::State;

/// Under which the resources lie.
pub(super) const WELL_KNOWN: &str = "/.well-known/";
/// Status "not tracking", section 5.4 of the recommendation.
const NOT_TRACKING: &str = "N";
/// Type of a status resource, section 5.5.
const STATUS_TYPE: &str = "application/tracking-status+json";
/// How long everybody may keep a status: a raise of tracking has to be announced a day ahead.
const KEPT: &str = "public, max-age=86400";
/// When the answer about GPC last changed its meaning.
const GPC_SINCE: &str = "2026-11-22";

/// The content of `/.well-known/gpc.json`: that Global Privacy Control is abided by, and since when.
#[must_use]
pub fn gpc_support() -> String {
    json!({"gpc": true, "lastUpdate": GPC_SINCE}).to_string()
}

/// Answers below [`WELL_KNOWN`]; `path` is what follows it.
#[must_use]
pub(super) fn well_known(state: &State, path: &str) -> Answer {
    match path {
        "gpc.json" => kept("application/json", gpc_support()),
        "dnt" | "dnt/" => kept(STATUS_TYPE, json!({"tracking": NOT_TRACKING}).to_string()),
        _ => match path.strip_prefix("dnt/") {
            Some(site) => status_of(state, site),
            None => unknown(),
        },
    }
}

/// Sites whose `Tk` is kept; for others it is written anew.
const STATUSES_MAX: usize = 65_536;

/// `Tk` of each site that had an event, written once: a site never changes its name.
pub struct Statuses {
    sites: Cache<SiteId, HeaderValue>,
}

impl Default for Statuses {
    fn default() -> Self {
        Self { sites: Cache::new(STATUSES_MAX) }
    }
}

impl Statuses {
    /// The status, and the name of the site's own resource.
    pub(super) fn of(&self, site: &Site) -> HeaderValue {
        if let Some(known) = self.sites.get(&site.id) {
            return known;
        }
        let status = status_with(&site.domain);
        self.sites.insert(site.id, status.clone());
        status
    }
}

/// Adds `Tk`: that of a site, or without one the status alone.
pub(super) fn add_status(answer: &mut Answer, site: Option<HeaderValue>) {
    let value = site.unwrap_or(HeaderValue::from_static(NOT_TRACKING));
    answer.headers_mut().insert(HeaderName::from_static("tk"), value);
}

fn status_with(domain: &str) -> HeaderValue {
    let value = HeaderValue::from_str(&format!("{NOT_TRACKING};{}", status_id(domain)));
    // The name of a site is ASCII; without one the status holds all the same.
    value.unwrap_or(HeaderValue::from_static(NOT_TRACKING))
}

/// A site's name in the characters of a status-id, which has no dot:
/// `ALPHA / DIGIT / "_" / "-" / "+" / "=" / "/"`.
fn status_id(domain: &str) -> String {
    domain.replace('.', "/")
}

/// The resource of a site, named with dots or as a status-id.
fn status_of(state: &State, name: &str) -> Answer {
    let Some(directory) = state.sites.snapshot() else {
        return answer::error(StatusCode::SERVICE_UNAVAILABLE, "the sites are not known yet");
    };
    let domain = name.trim_end_matches('/').replace('/', ".").to_ascii_lowercase();
    match directory.by_domain(&domain) {
        Some(site) => {
            let controller = format!("https://{}/", site.domain);
            let status = json!({"tracking": NOT_TRACKING, "controller": [controller]});
            kept(STATUS_TYPE, status.to_string())
        }
        None => unknown(),
    }
}

fn kept(content_type: &'static str, body: String) -> Answer {
    let mut answer = answer::with_body(StatusCode::OK, content_type, Bytes::from(body));
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(KEPT));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    answer
}

fn unknown() -> Answer {
    answer::error(StatusCode::NOT_FOUND, "there is no such page")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_names_a_site_in_the_characters_it_may_have() {
        let tk = |site: Option<&str>| {
            let mut answer = answer::text(StatusCode::OK, "");
            add_status(&mut answer, site.map(status_with));
            answer.headers().get("tk").unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(tk(None), "N");
        assert_eq!(tk(Some("shop.a-b.example")), "N;shop/a-b/example");
        assert_eq!(tk(Some("bad\nname")), "N");
    }
}

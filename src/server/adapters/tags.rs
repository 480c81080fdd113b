//! `GET /api/tags?names=NAME,NAME&host=HOST`: which names mean the same site.
//!
//! A page that carries the tags of several tools must count once for a site. Only we know which
//! site an id of a tool stands for; a tag that finds another one at work asks. The answer tells
//! that two names are one site and nothing else: no domain, no number of a site.

use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, HeaderValue};
use hyper::{StatusCode, Uri};
use serde_json::json;
use url::form_urlencoded;

use crate::ingest::url::site_name;
use crate::model::SiteId;
use crate::server::answer::{self, Answer};
use crate::server::state::State;

/// Names that one question may hold; a page has a few tags.
const NAMES_MAX: usize = 20;

/// A list of numbers, one a name: equal ones are the same site, 0 is a name that is none.
pub fn same(state: &State, uri: &Uri) -> Answer {
    let query = uri.query().unwrap_or_default();
    let first = |wanted: &str| {
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted).map(|(_, v)| v)
    };
    let names = first("names").unwrap_or_default();
    let host = first("host").unwrap_or_default();
    if names.is_empty() || names.split(',').count() > NAMES_MAX {
        return refuse(StatusCode::BAD_REQUEST, "names must be 1 to 20 names of sites");
    }
    let directory = state.sites.current();
    if directory.is_none() {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "the sites are not known yet");
    }
    let host = site_name(&host);
    let find = |name: &str| directory.as_ref()?.named(&site_name(name), &host).map(|site| site.id);
    let mut known: Vec<SiteId> = Vec::new();
    let numbers: Vec<usize> = names.split(',').map(|name| number(&mut known, find(name))).collect();
    let mut answer = answer::json(StatusCode::OK, &json!(numbers));
    let headers = answer.headers_mut();
    // An owner may add what is missing now.
    let kept = if numbers.contains(&0) { "no-store" } else { "public, max-age=600" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    answer
}

fn refuse(status: StatusCode, message: &str) -> Answer {
    let mut answer = answer::error(status, message);
    answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    answer
}

/// The place of a site among those that came before it, from 1; 0 for none.
fn number(known: &mut Vec<SiteId>, site: Option<SiteId>) -> usize {
    let Some(site) = site else { return 0 };
    let place = known.iter().position(|one| *one == site).unwrap_or_else(|| {
        known.push(site);
        known.len() - 1
    });
    place + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_are_the_same_site() {
        let mut known = Vec::new();
        let sites = [Some(7), None, Some(3), Some(7), Some(3)].map(|id| id.map(SiteId));
        let numbers = sites.map(|site| number(&mut known, site));
        assert_eq!(numbers, [1, 0, 2, 1, 2]);
    }
}

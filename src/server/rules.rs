//! The rules of a site: what they are, changing them, and what they would do.

use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};

use crate::account::RuleChanges;
use crate::ingest::SiteRules;
use crate::ingest::rules::{OWN_PROPERTIES, PROPERTIES_MAX};
use crate::model::{Day, PathRule, Rules, Site, day, now};
use crate::report;
use crate::server::answer::{self, Answer};
use crate::server::auth::{self, Reader};
use crate::server::dashboard;
use crate::server::limit;
use crate::server::query;
use crate::server::state::State;

/// Days that a preview looks at, today included.
const PREVIEW_DAYS: u16 = 30;
/// Pages of these days that a preview looks at, those with the most views.
const PREVIEW_PAGES_MAX: usize = 1_000;

/// `GET /api/sites/DOMAIN/rules`.
pub async fn show(state: &State, domain: &str, headers: &HeaderMap) -> Answer {
    match site(state, domain, headers, false).await {
        Ok(site) => shown(&site.rules),
        Err(refused) => refused,
    }
}

/// `PUT /api/sites/DOMAIN/rules`: the lists that are named replace those that are there.
pub async fn change(state: &State, domain: &str, request: Request<Incoming>) -> Answer {
    answer_change(state, domain, request).await.unwrap_or_else(|answer| answer)
}

/// `POST /api/sites/DOMAIN/rules/preview`: how the pages of the last 30 days would be stored.
///
/// What is stored already does not change; parameters that were dropped cannot be shown.
pub async fn preview(state: &State, domain: &str, request: Request<Incoming>) -> Answer {
    answer_preview(state, domain, request).await.unwrap_or_else(|answer| answer)
}

async fn answer_change(
    state: &State,
    domain: &str,
    request: Request<Incoming>,
) -> Result<Answer, Answer> {
    let site = site(state, domain, request.headers(), true).await?;
    let changes = changes(request).await?;
    let changed = state.accounts.change_rules(&site.domain, changes, now()).await;
    changed.map(|rules| shown(&rules)).map_err(|error| dashboard::refuse(&error))
}

async fn answer_preview(
    state: &State,
    domain: &str,
    request: Request<Incoming>,
) -> Result<Answer, Answer> {
    let site = site(state, domain, request.headers(), true).await?;
    let rules = changes(request).await?.applied_to(Rules::clone(&site.rules));
    let rules = state.accounts.checked_rules(rules).map_err(|error| dashboard::refuse(&error))?;
    let pages = pages(state, &site).await?;
    let compiled = SiteRules::new(&rules);
    let (mut changed, mut excluded) = (Vec::new(), Vec::new());
    for (page, views) in pages {
        let (path, query) = parts(&page);
        if compiled.excludes_path(path) {
            excluded.push(json!({ "path": page, "pageviews": views }));
            continue;
        }
        let becomes = compiled.path(path, &query);
        if becomes != page {
            changed.push(json!({ "path": page, "becomes": becomes, "pageviews": views }));
        }
    }
    let body = json!({ "changed": changed, "excluded": excluded, "pages": PREVIEW_PAGES_MAX });
    Ok(answer::json(StatusCode::OK, &body))
}

/// The pages of the last 30 days, as a report shows them.
async fn pages(state: &State, site: &Site) -> Result<Vec<(String, u64)>, Answer> {
    let today = day::locate(now(), &site.zone).day;
    let from = Day(today.0.saturating_sub(PREVIEW_DAYS - 1));
    let asked = json!({
        "site_id": site.domain, "metrics": ["pageviews"], "date_range": [from.to_string(), today.to_string()],
        "dimensions": ["event:page"], "filters": [["is", "event:name", ["pageview"]]],
        "pagination": { "limit": PREVIEW_PAGES_MAX },
    });
    let raw = report::parse(asked.to_string().as_bytes()).map_err(|_| {
        answer::error(StatusCode::INTERNAL_SERVER_ERROR, "the pages were not found")
    })?;
    let _turn = state
        .report_turns
        .take(site.id)
        .await
        .map_err(|busy| answer::error(StatusCode::TOO_MANY_REQUESTS, &busy.to_string()))?;
    let threshold = query::threshold(state, site);
    let bytes = report::run(raw, site, &state.store, threshold, now(), &state.report_cache)
        .await
        .map_err(|error| query::fail(&error))?;
    let answered: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let page = |row: &Value| {
        let path = row.pointer("/dimensions/0")?.as_str()?.to_owned();
        Some((path, row.pointer("/metrics/0")?.as_u64()?))
    };
    let rows = answered.get("results").and_then(Value::as_array);
    let pages = rows.into_iter().flatten().filter_map(page);
    // "(other)" and "(more)" are no pages.
    Ok(pages.filter(|(path, _)| path.starts_with('/')).collect())
}

/// A stored path and the parameters that were kept of its query.
fn parts(page: &str) -> (&str, Vec<(String, String)>) {
    let Some((path, query)) = page.split_once('?') else { return (page, Vec::new()) };
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    (path, pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn shown(rules: &Rules) -> Answer {
    let body = json!({
        "rules": rules, "own_properties": OWN_PROPERTIES, "properties_max": PROPERTIES_MAX,
    });
    answer::json(StatusCode::OK, &body)
}

/// The site, for a person.
async fn site(
    state: &State,
    domain: &str,
    headers: &HeaderMap,
    needs_origin: bool,
) -> Result<Site, Answer> {
    let person = auth::person(state, headers, needs_origin).await?;
    query::find_site(state, &Reader::Person(person), domain)
}

/// The changes that were sent, with an error that names what is wrong with their shape.
async fn changes(request: Request<Incoming>) -> Result<RuleChanges, Answer> {
    let refuse = |field: &str, message: String| {
        answer::json(StatusCode::BAD_REQUEST, &json!({ "error": message, "field": field }))
    };
    let body = limit::read_body(request.into_body(), limit::QUERY_BODY_BYTES_MAX)
        .await
        .map_err(|error| answer::error(StatusCode::BAD_REQUEST, &error.to_string()))?;
    let Ok(Value::Object(sent)) = serde_json::from_slice::<Value>(&body) else {
        return Err(answer::error(StatusCode::BAD_REQUEST, "the rules must be a JSON object"));
    };
    for (name, value) in &sent {
        if !Rules::FIELDS.contains(&name.as_str()) {
            let known = Rules::FIELDS.join(", ");
            return Err(refuse(name, format!("{name:?} is no list of rules: there are {known}")));
        }
        let fits = if name == "path_rules" {
            serde_json::from_value::<Vec<PathRule>>(value.clone()).is_ok()
        } else {
            serde_json::from_value::<Vec<String>>(value.clone()).is_ok()
        };
        if !fits {
            let shape = match name.as_str() {
                "path_rules" => r#"a list such as [{"from": "/user/*", "to": "/user/:name"}]"#,
                _ => "a list of texts",
            };
            return Err(refuse(name, format!("{name} must be {shape}")));
        }
    }
    serde_json::from_value(Value::Object(sent))
        .map_err(|_| answer::error(StatusCode::BAD_REQUEST, "the rules must be a JSON object"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_page_has_a_path_and_parameters() {
        assert_eq!(parts("/a"), ("/a", vec![]));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(parts("/a?id=5&b=c=d"), ("/a", vec![pair("id", "5"), pair("b", "c=d")]));
    }
}

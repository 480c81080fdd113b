//! `GET /api/sites/DOMAIN/…?from=YYYY-MM-DD&to=YYYY-MM-DD`: counts that are no report of visitors.
//!
//! Without days, today. `outcomes` and `refusals` say what was not counted, `kept-back` what was not
//! stored of what was; `vitals` and `script-errors` what pages report about themselves.

use hyper::StatusCode;
use hyper::header::HeaderMap;
use serde_json::{Value, json};

use crate::ingest::bots;
use crate::model::{Day, Outcome, day, now};
use crate::report::counts::{self, VitalsBy};
use crate::server::answer::{self, Answer};
use crate::server::auth;
use crate::server::query;
use crate::server::state::State;

/// Answers one of the counts; `None` when there are none of that name.
pub async fn answer(
    state: &State,
    domain: &str,
    what: &str,
    headers: &HeaderMap,
    sent: Option<&str>,
) -> Option<Answer> {
    const ALL: [&str; 5] = ["outcomes", "refusals", "kept-back", "vitals", "script-errors"];
    if !ALL.contains(&what) {
        return None;
    }
    Some(look(state, domain, what, headers, sent.unwrap_or("")).await.unwrap_or_else(|it| it))
}

async fn look(
    state: &State,
    domain: &str,
    what: &str,
    headers: &HeaderMap,
    sent: &str,
) -> Result<Answer, Answer> {
    let reader = auth::reader(state, headers, false).await?;
    let site = query::find_site(state, &reader, domain)?;
    let today = day::locate(now(), &site.zone).day;
    let days = (date(sent, "from", today)?, date(sent, "to", today)?);
    let k = query::threshold(state, &site);
    let _turn = state
        .report_turns
        .take(site.id)
        .await
        .map_err(|busy| answer::error(StatusCode::TOO_MANY_REQUESTS, &busy.to_string()))?;
    let found = match what {
        "outcomes" => counts::outcomes(&site, days, &state.store).await,
        "refusals" => counts::refusals(&site, days, &state.store).await.map(with_categories),
        "kept-back" => counts::kept_back(&site, days, &state.store).await,
        "vitals" => counts::vitals(&site, days, vitals_by(sent)?, k, &state.store).await,
        _ => counts::script_errors(&site, days, k, &state.store).await,
    };
    found
        .map(|bytes| answer::json_bytes(StatusCode::OK, bytes))
        .map_err(|error| query::fail(&error))
}

/// Refusals with a `category` beside the crawlers that have a name: what they are for.
fn with_categories(bytes: Vec<u8>) -> Vec<u8> {
    let Ok(mut answered) = serde_json::from_slice::<Value>(&bytes) else { return bytes };
    let rows = answered.get_mut("rows").and_then(Value::as_array_mut);
    for row in rows.into_iter().flatten().filter_map(Value::as_object_mut) {
        let is_bot = row.get("outcome").is_some_and(|outcome| outcome == Outcome::Bot.name());
        let reason = row.get("reason").and_then(Value::as_str).filter(|_| is_bot);
        if let Some(category) = reason.and_then(bots::category) {
            row.insert("category".to_owned(), json!(category));
        }
    }
    answered.to_string().into_bytes()
}

fn value(sent: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(sent.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

fn date(sent: &str, name: &str, today: Day) -> Result<Day, Answer> {
    let Some(text) = value(sent, name) else { return Ok(today) };
    Day::parse(&text).ok_or_else(|| {
        answer::json(
            StatusCode::BAD_REQUEST,
            &json!({
                "error": format!("{name} must be a date such as 2026-11-21"),
                "field": name, "sent": text, "allowed": ["YYYY-MM-DD"],
            }),
        )
    })
}

fn vitals_by(sent: &str) -> Result<VitalsBy, Answer> {
    let text = value(sent, "by").unwrap_or_default();
    VitalsBy::parse(&text).ok_or_else(|| {
        answer::json(
            StatusCode::BAD_REQUEST,
            &json!({
                "error": "by must be page, device or country, or be left out",
                "field": "by", "sent": text, "allowed": ["page", "device", "country"],
            }),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_crawlers_with_a_name_have_a_category() {
        let rows = json!({ "rows": [
            { "outcome": "bot", "reason": "GPTBot", "events": 1 },
            { "outcome": "bot", "reason": "headless", "events": 1 },
            { "outcome": "excluded", "reason": "GPTBot", "events": 1 },
        ]});
        let bytes = with_categories(rows.to_string().into_bytes());
        let answered: Value = serde_json::from_slice(&bytes).unwrap();
        let category = |row: usize| answered["rows"][row].get("category");
        assert_eq!(category(0), Some(&json!("ai_training")));
        assert_eq!((category(1), category(2)), (None, None));
    }
}

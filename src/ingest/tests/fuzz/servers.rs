//! The formats of Google Analytics and Matomo, from any bytes to a row.

use proptest::prelude::*;
use serde_json::json;

use super::made::{bytes, text, value};
use super::{AGENTS, KEY, NOW, Sent, event_of, is_fit, rules, sent, site, texts, with_headers};
use crate::ingest::adapters::ga4::{self, checks, server};
use crate::ingest::adapters::matomo::{self, bulk};
use crate::ingest::adapters::{Found, Hits};
use crate::ingest::{Context, Facts, Headers, Row, Target, location, process, props};
use crate::model::day;

/// A server that knows every key, and no site.
struct Anyone;

impl checks::Known for Anyone {
    fn is_key(&self, _: &str) -> bool {
        true
    }

    fn has_site(&self, _: &str, _: &str, _: &str) -> bool {
        false
    }

    fn is_of_now(&self, at: i64) -> bool {
        at > 0
    }
}

/// Parameters of both tools, by name.
const NAMES: [&str; 36] = [
    "en",
    "_et",
    "dl",
    "dr",
    "ul",
    "sr",
    "cu",
    "gcs",
    "cs",
    "ep.a",
    "ep.url",
    "epn.value",
    "pr1",
    "url",
    "urlref",
    "lang",
    "res",
    "e_c",
    "e_a",
    "e_n",
    "e_v",
    "link",
    "download",
    "search",
    "c_n",
    "c_i",
    "idgoal",
    "revenue",
    "currency",
    "ec_id",
    "ec_items",
    "_pkn",
    "cvar",
    "dimension1",
    "cdt",
    "_rcn",
];

/// A query or form of both tools, of made texts.
fn pairs() -> impl Strategy<Value = String> {
    proptest::collection::vec((0..NAMES.len(), text(), any::<bool>()), 0..12).prop_map(|pairs| {
        let mut query = String::from("v=2&tid=G-1&idsite=1&rec=1");
        for (place, text, is_page) in pairs {
            let text = if is_page { format!("https://example.com/{text}") } else { text };
            let mut one = ::url::form_urlencoded::Serializer::new(String::new());
            query += &format!("&{}", one.append_pair(NAMES[place], &text).finish());
        }
        query
    })
}

/// Every event that was found is counted or refused, and what is stored of it is fit to be; how many
/// were counted.
pub(super) fn are_fit(
    hits: Hits<'_>,
    headers: &Headers<'_>,
    by_key: bool,
) -> Result<usize, TestCaseError> {
    let found = match hits {
        Ok(found) => found,
        Err(error) => {
            prop_assert!(is_fit(&error.to_string(), 300));
            return Ok(0);
        }
    };
    let own = site("example.com", &[]);
    let (rules, moment) = (rules(), day::locate(NOW, &own.zone));
    let target = Target { site: &own, rules: &rules, key: Some(&KEY), moment: &moment, now: NOW };
    let named = by_key.then(|| "9.9.9.9".parse().unwrap());
    let facts = Facts { headers, peer: "8.8.8.8".parse().unwrap(), by_key, named };
    let cx = Context { lookups: &location::tests::REAL_LOOKUPS, agents: &AGENTS, trusted: &[] };
    let mut counted = 0;
    for one in found {
        let Found::Hit(hit) = one else { continue };
        prop_assert!(hit.payload.sites().len() <= 1);
        let Ok(reduced) = process(&facts, &hit.payload, &target, &cx) else { continue };
        for (_, name) in &reduced.kept_back {
            prop_assert!(is_fit(name, props::PROP_NAME_BYTES_MAX), "{name:?}");
        }
        counted += 1;
        if !matches!(reduced.row, Row::Event(_)) {
            continue;
        }
        let event = event_of(reduced);
        for (text, bytes_max) in texts(&event) {
            prop_assert!(is_fit(text, bytes_max), "{} bytes: {text:?}", text.len());
        }
        prop_assert!(event.props.len() <= props::PROPS_MAX);
    }
    Ok(counted)
}

proptest! {
    #[test]
    fn forms_of_both_tools(
        query in pairs(), form in pairs(), junk in bytes(), sent in sent(), by_key in any::<bool>(),
    ) {
        let sent: Sent = sent;
        let checked: Result<(), TestCaseError> = with_headers(&sent, |headers| {
            for body in [form.as_bytes(), &junk] {
                are_fit(ga4::collect(&query, body), headers, by_key)?;
                are_fit(matomo::tracked(&query, body, headers.referer), headers, by_key)?;
            }
            Ok(())
        });
        checked?;
    }

    #[test]
    fn objects_of_both_tools(
        query in pairs(), text in text(), value in value(), sent in sent(), junk in bytes(),
    ) {
        let params = json!({"page_location": format!("https://example.com/{text}"), "value": value,
            (text.as_str()): value, "items": value, "currency": text});
        let events = json!([{"name": text, "params": params}, {"name": value, "params": value}, value]);
        let mp = json!({"events": events, "ip_override": value, "user_agent": text,
            "timestamp_micros": value, "device": value}).to_string();
        let several = json!({"requests": [query, {"idsite": 1, "rec": 1, "url": value, "e_c": text,
            "e_a": text, "cvar": value, "ec_items": value}, value], "token_auth": value}).to_string();
        let checked: Result<(), TestCaseError> = with_headers(&sent, |headers| {
            for body in [mp.as_bytes(), &junk] {
                are_fit(server::measured(&query, body), headers, true)?;
                let said = checks::checked(&query, body, &Anyone);
                prop_assert!(said["validationMessages"].is_array());
            }
            for body in [several.as_bytes(), &junk] {
                let hits = bulk::read(body).map(bulk::Bulk::events);
                are_fit(hits, headers, true)?;
            }
            Ok(())
        });
        checked?;
    }
}

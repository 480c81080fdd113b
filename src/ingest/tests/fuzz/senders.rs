//! The formats of Umami and GoatCounter, from any bytes to a row.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::made::{bytes, text, value};
use super::servers::are_fit;
use super::{Sent, sent, with_headers};
use crate::ingest::Headers;
use crate::ingest::adapters::Hits;
use crate::ingest::adapters::goatcounter::api::parse_api;
use crate::ingest::adapters::goatcounter::{Around, parse_count};
use crate::ingest::adapters::umami::{parse_batch, parse_send};

const WEBSITE: &str = "550e8400-e29b-41d4-a716-446655440000";
const KINDS: [&str; 4] = ["event", "performance", "engagement", "identify"];
/// Fields of Umami's payloads.
const OF_UMAMI: [&str; 16] = [
    "url",
    "name",
    "data",
    "tag",
    "language",
    "referrer",
    "screen",
    "title",
    "hostname",
    "ip",
    "userAgent",
    "timestamp",
    "lcp",
    "cls",
    "engagement",
    "id",
];
/// Fields of GoatCounter's hits.
const OF_GOATCOUNTER: [&str; 11] = [
    "path",
    "event",
    "ref",
    "size",
    "query",
    "bot",
    "user_agent",
    "ip",
    "language",
    "created_at",
    "title",
];
/// Parameters of GoatCounter's picture.
const OF_PICTURE: [&str; 8] = ["p", "r", "q", "e", "s", "b", "ns", "t"];

/// An event of Umami's that is good but for the fields that were made.
fn of_umami(kind: usize, made: &[(usize, Value)], text: &str) -> Value {
    let name: String = text.chars().take(40).collect();
    let sane = json!({"website": WEBSITE, "hostname": "example.com", "url": format!("/{text}"),
        "referrer": text, "name": name, "data": {"plan": text, (text): {"a": text}, "revenue": 5,
        "currency": name}, "lcp": 7, "engagement": 9});
    let Value::Object(mut payload) = sane else { unreachable!("an object") };
    payload.extend(made.iter().map(|(at, value)| (OF_UMAMI[*at].to_owned(), value.clone())));
    json!({"type": KINDS[kind], "payload": payload})
}

/// The same of GoatCounter's.
fn of_goatcounter(made: &[(usize, Value)], text: &str) -> Value {
    let sane = json!({"path": format!("/{text}"), "ref": text, "query": text, "session": "x"});
    let Value::Object(mut hit) = sane else { unreachable!("an object") };
    hit.extend(made.iter().map(|(at, value)| (OF_GOATCOUNTER[*at].to_owned(), value.clone())));
    Value::Object(hit)
}

/// Up to two fields of any value or text.
fn made(fields: usize) -> impl Strategy<Value = Vec<(usize, Value)>> {
    let any = prop_oneof![value(), text().prop_map(Value::String)];
    proptest::collection::vec((0..fields, any), 0..3)
}

#[test]
fn what_is_good_becomes_a_row() {
    let agent = crate::ingest::rates::people_once()[0].as_bytes();
    let page: &[u8] = b"https://example.com/";
    let headers = Headers { user_agent: Some(agent), referer: Some(page), ..Headers::default() };
    let count = |hits: Hits<'_>, by_key| -> usize {
        are_fit(hits, &headers, by_key).unwrap_or_else(|error| panic!("{error}"))
    };
    let events = [0, 1, 2].map(|kind| of_umami(kind, &[], "x"));
    let (body, first) = (json!(events).to_string(), events[0].to_string());
    assert_eq!(count(parse_batch(body.as_bytes(), true), true), 3);
    assert_eq!(count(parse_send(first.as_bytes(), false), false), 1);
    let around = Around { host: None, referer: Some(page), origin: None };
    assert_eq!(count(parse_count("p=/a&r=x&q=y&s=390", &around), false), 1);
    let hits = json!({"hits": [of_goatcounter(&[], "x"), of_goatcounter(&[], "y")]}).to_string();
    assert_eq!(count(parse_api(hits.as_bytes(), "example.com"), true), 2);
}

proptest! {
    #[test]
    fn events_of_umami(
        kind in 0..KINDS.len(), one in made(OF_UMAMI.len()), two in made(OF_UMAMI.len()),
        text in text(), value in value(), sent in sent(), junk in bytes(), by_key in any::<bool>(),
    ) {
        let sent: Sent = sent;
        let single = of_umami(kind, &one, &text);
        let batch = json!([single, of_umami(0, &two, &text), value, {"type": value, "payload": value}]);
        let (single, batch) = (single.to_string(), batch.to_string());
        let checked: Result<(), TestCaseError> = with_headers(&sent, |headers| {
            for body in [single.as_bytes(), &junk] {
                are_fit(parse_send(body, by_key), headers, by_key)?;
            }
            for body in [batch.as_bytes(), &junk] {
                are_fit(parse_batch(body, by_key), headers, by_key)?;
            }
            Ok(())
        });
        checked?;
    }

    #[test]
    fn hits_of_goatcounter(
        pairs in proptest::collection::vec((0..OF_PICTURE.len(), text()), 0..6),
        one in made(OF_GOATCOUNTER.len()), two in made(OF_GOATCOUNTER.len()),
        text in text(), value in value(), sent in sent(), junk in bytes(),
        host in proptest::option::of(text()),
    ) {
        let sent: Sent = sent;
        let mut query = ::url::form_urlencoded::Serializer::new(String::new());
        for (place, text) in &pairs {
            query.append_pair(OF_PICTURE[*place], text);
        }
        let query = format!("{}&p=/{text}&{text}", query.finish());
        let hits = [of_goatcounter(&one, &text), of_goatcounter(&two, &text), value.clone()];
        let mut body = Map::from_iter([("hits".to_owned(), json!(hits))]);
        body.insert("no_sessions".to_owned(), value);
        let body = Value::Object(body).to_string();
        let checked: Result<(), TestCaseError> = with_headers(&sent, |headers| {
            let Headers { referer, origin, .. } = *headers;
            let pages = [referer, Some(&b"https://example.com/a"[..])];
            for referer in pages {
                let around = Around { host: host.as_deref(), referer, origin };
                are_fit(parse_count(&query, &around), headers, false)?;
            }
            for body in [body.as_bytes(), &junk] {
                are_fit(parse_api(body, "example.com"), headers, true)?;
            }
            Ok(())
        });
        checked?;
    }
}

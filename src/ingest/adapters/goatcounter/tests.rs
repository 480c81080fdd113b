//! GoatCounter's parameters one by one: what they become, and each limit below, at and above its
//! edge.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::ingest::adapters::goatcounter::api::parse_api;
use crate::ingest::url::{HOST_BYTES_MAX, PATH_BYTES_MAX as KEPT_BYTES_MAX};

const REFERER: &[u8] = b"https://www.site.example/";
const HOST: &str = "Code.stats.example:443";

fn around(referer: Option<&'static [u8]>) -> Around<'static> {
    Around { host: Some(HOST), referer, origin: None }
}

fn of<'a>(query: &'a str, around: &Around<'a>) -> Result<Payload<'a>, PayloadError> {
    match parse_count(query, around)?.remove(0) {
        Found::Hit(hit) => Ok(hit.payload),
        Found::Wrong(error) => Err(error),
        Found::Nothing => panic!("nothing: {query}"),
    }
}

fn taken(query: &str) -> Payload<'_> {
    of(query, &around(Some(REFERER))).unwrap_or_else(|error| panic!("{error}: {query}"))
}

/// The field that is refused; empty when none is.
fn refused(query: &str) -> &'static str {
    of(query, &around(Some(REFERER))).err().map_or("", |error| error.field)
}

fn page(payload: &Payload<'_>) -> String {
    let page = payload.page.as_ref().unwrap();
    format!("{}{}", page.hostname, page.path)
}

#[test]
fn a_page_view_has_all_its_fields() {
    let payload = taken(
        "p=%2Fblog%2F%3Fid%3D5%26ref%3Dx%26utm_medium%3Dmail&t=Title&r=https%3A%2F%2Fwww.search.example%2F%3Fq%3D1\
         &q=%3Futm_source%3Dnews%26id%3D5&s=390,844,2&e=false&b=0&rnd=abc",
    );
    assert_eq!(payload.sites(), ["goatcounter:code"]);
    assert_eq!((payload.name(), page(&payload).as_str()), (PAGEVIEW, "site.example/blog"));
    let found = payload.page.as_ref().unwrap();
    assert_eq!(found.query, [("id".to_owned(), "5".to_owned())]);
    assert_eq!((&*found.campaign.source, &*found.campaign.medium), ("news", "mail"));
    assert_eq!((&*payload.referrer, payload.screen), ("search.example", "Small"));
    assert!(payload.interactive && !payload.is_automated && !payload.unlinked);
    assert!(taken("p=/&ns=1").unlinked);
}

#[test]
fn an_event_has_a_name_and_no_path() {
    for (query, name) in [
        ("p=click-buy&e=true", "click-buy"),
        ("p=%2Fclick%20buy&e=1", "click buy"),
        ("p=mail+jane%40mail.example&e=on", "mail :email"),
    ] {
        let payload = taken(query);
        assert_eq!((payload.name(), page(&payload).as_str()), (name, "site.example"), "{query}");
    }
    let around = around(Some(b"https://site.example/shop?x=1"));
    assert_eq!(page(&of("p=buy&e=1", &around).ok().unwrap()), "site.example/shop");
    for query in ["p=engagement&e=1", "p=%2F&e=1", "p=web_vitals&e=true"] {
        assert_eq!(refused(query), "p", "{query}");
    }
}

#[test]
fn the_host_that_was_asked_names_the_site() {
    for (host, expected) in [
        ("code.stats.example", "goatcounter:code"),
        ("CODE.stats.example.:8443", "goatcounter:code"),
        ("stats.example", "site.example"),
        ("localhost:8000", "site.example"),
        ("203.0.113.9", "site.example"),
        ("[2001:db8::1]:80", "site.example"),
        (".stats.example", "site.example"),
        ("", "site.example"),
    ] {
        let around = Around { host: Some(host), referer: Some(REFERER), origin: None };
        assert_eq!(of("p=/", &around).ok().unwrap().sites(), [expected], "{host}");
    }
    let origin = Some(&b"https://site.example"[..]);
    let asked = |referer, origin| Around { host: None, referer, origin };
    for referer in [None, Some(&b"\xff"[..]), Some(b"about:blank")] {
        let payload = of("p=/a", &asked(referer, origin)).ok().unwrap();
        assert_eq!(
            (payload.sites(), page(&payload).as_str()),
            (&["site.example".into()][..], "site.example/a")
        );
    }
    assert_eq!(of("p=/a", &asked(None, Some(b"null"))).err().unwrap().field, "site");
    let nameless = Around { host: Some(HOST), ..Around::default() };
    assert_eq!(page(&of("p=/a", &nameless).ok().unwrap()), "/a");
}

#[test]
fn limits_hold_at_their_edge() {
    for (length, expected) in [(2047, ""), (2048, ""), (2049, "p")] {
        assert_eq!(refused(&format!("p=/{}", "a".repeat(length - 1))), expected, "{length}");
        // The name of an event has a limit of its own besides.
        let name = format!("{}a", "/".repeat(length - 1));
        assert_eq!(refused(&format!("p={name}&e=1")), expected, "{length}");
    }
    for (bot, expected) in [
        ("0", ""),
        ("", ""),
        ("1", "b"),
        ("149", "b"),
        ("150", ""),
        ("153", ""),
        ("999", ""),
        ("x", "b"),
        ("-1", "b"),
    ] {
        assert_eq!(refused(&format!("p=/&b={bot}")), expected, "{bot}");
    }
    assert!(taken("p=/&b=150").is_automated && !taken("p=/&b=0").is_automated);
    for (flag, expected) in [
        ("true", ""),
        ("false", ""),
        ("1", ""),
        ("0", ""),
        ("on", ""),
        ("off", ""),
        ("ON", ""),
        ("", ""),
        ("yes", "e"),
        ("2", "e"),
    ] {
        assert_eq!(refused(&format!("p=x&e={flag}")), expected, "{flag}");
    }
    for (size, class) in
        [("1920", "Extra large"), ("390.5,800,3", "Small"), ("", ""), ("-5", ""), ("1e99", "")]
    {
        assert_eq!(taken(&format!("p=/&s={size}")).screen, class, "{size}");
    }
    for size in ["wide", "1920,", "1920,tall"] {
        assert_eq!(refused(&format!("p=/&s={size}")), "s", "{size}");
    }
    let long = |length: usize| format!("p=/&t={}", "t".repeat(length - 6));
    assert!(parse_count(&long(8_192), &around(None)).is_ok());
    assert!(parse_count(&long(8_193), &around(None)).is_err());
    for query in ["", "p=", "p=+", "t=x", "p=&e=1"] {
        assert_eq!(refused(query), "p", "{query}");
    }
}

#[test]
fn an_opt_out_keeps_nothing() {
    for query in ["dnt=1", "p=/&gpc=1", "p=/&dnt=0&dnt=1x", "gpc=1&e=nonsense"] {
        let payload = taken(query);
        assert!(payload.opted_out() && payload.sites().is_empty(), "{query}");
    }
    assert!(!taken("p=/&dnt=0&gpc=11").opted_out());
}

fn told(body: &Value) -> Vec<Found<'static>> {
    parse_api(body.to_string().leak().as_bytes(), "site.example").unwrap_or_else(|e| panic!("{e}"))
}

fn one(hit: &Value) -> Result<Box<Hit<'static>>, PayloadError> {
    match told(&json!({"hits": [hit]})).remove(0) {
        Found::Hit(hit) => Ok(hit),
        Found::Wrong(error) => Err(error),
        Found::Nothing => panic!("nothing: {hit}"),
    }
}

#[test]
fn a_server_tells_of_its_visitors() {
    let hit = one(&json!({
        "path": "/a/", "title": "T", "event": 0, "ref": "https://neighbour.example/x",
        "size": [1920, 1080, 1], "query": "utm_source=news", "bot": 0, "user_agent": "A/1",
        "ip": "203.0.113.9", "location": "NL", "language": "nl-NL",
        "created_at": "2026-11-22T10:30:00Z", "session": "user-1",
    }))
    .ok()
    .unwrap();
    let payload = &hit.payload;
    assert_eq!(payload.sites(), ["site.example"]);
    assert_eq!((payload.name(), page(payload).as_str()), (PAGEVIEW, "site.example/a"));
    assert_eq!((&*payload.referrer, payload.screen), ("neighbour.example", "Extra large"));
    assert_eq!((&*payload.language, payload.unlinked), ("nl", false));
    assert_eq!(payload.page.as_ref().unwrap().campaign.source, "news");
    assert_eq!(hit.named.address.as_deref(), Some("203.0.113.9"));
    assert_eq!(hit.named.user_agent.as_deref(), Some("A/1"));
    assert_eq!(hit.named.at, Some(1_795_343_400));
    let event = one(&json!({"path": "buy", "event": "on", "session": "s"})).ok().unwrap();
    assert_eq!(event.payload.name(), "buy");
    assert!(event.payload.unlinked);
    assert_eq!(
        one(&json!({"path": "/", "session": 1, "size": "800,600,1"})).ok().unwrap().payload.screen,
        "Medium"
    );
}

#[test]
fn what_is_wrong_with_a_hit_is_named_by_its_field() {
    for (changes, field) in [
        (json!({}), ""),
        (json!({"path": ""}), "path"),
        (json!({"path": "a".repeat(2_049)}), "path"),
        (json!({"bot": 149}), "bot"),
        (json!({"bot": "150"}), ""),
        (json!({"bot": 150.5}), "bot"),
        (json!({"event": "maybe"}), "event"),
        (json!({"event": true}), ""),
        (json!({"size": ["x"]}), "size"),
        (json!({"created_at": "yesterday"}), "created_at"),
        (json!({"created_at": "0001-01-01T00:00:00Z"}), ""),
        (json!({"created_at": null}), ""),
        (json!({"ip": ""}), "ip"),
        (json!({"user_agent": null}), "ip"),
        (json!({"ip": "", "session": "x"}), ""),
        (json!({"ip": ["SECRET"]}), "ip"),
    ] {
        let mut hit = json!({"path": "a", "ip": "203.0.113.9", "user_agent": "A/1"});
        hit.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        assert_eq!(one(&hit).err().map_or("", |error| error.field), field, "{changes}");
    }
    let found = told(&json!({"no_sessions": true, "hits": [{"path": "/"}, 7, {"path": ""}]}));
    assert!(
        matches!(found.as_slice(), [Found::Hit(hit), Found::Wrong(_), Found::Wrong(_)] if hit.payload.unlinked)
    );
    let gone = one(&json!({"dnt": "1", "path": "/", "ip": "203.0.113.9"})).ok().unwrap();
    assert!(gone.payload.opted_out() && gone.named.address.is_none());
}

#[test]
fn a_request_has_one_to_500_hits() {
    let of = |count: usize| {
        json!({"hits": vec![json!({"path": "/", "session": "x"}); count]}).to_string()
    };
    for (count, fits) in [(0, false), (1, true), (499, true), (500, true), (501, false)] {
        assert_eq!(parse_api(of(count).as_bytes(), "a.example").is_ok(), fits, "{count}");
    }
    for wrong in [&b"{}"[..], b"[]", b"", b"{", b"\xff", br#"{"hits":{}}"#, br#"{"hits":null}"#] {
        assert!(parse_api(wrong, "a.example").is_err(), "{}", String::from_utf8_lossy(wrong));
    }
    let deep = format!(r#"{{"hits":[{{"size":{}"#, "[".repeat(60_000));
    assert!(parse_api(deep.as_bytes(), "a.example").is_err());
}

proptest! {
    #[test]
    fn any_query_and_any_bytes_give_bounded_payloads_or_errors(
        text in "\\PC{0,200}",
        junk in any::<Vec<u8>>(),
    ) {
        let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        for query in [text.clone(), format!("p={encoded}&q={encoded}&r={encoded}"), format!("p={encoded}&e=1")] {
            let around = Around { host: Some(&text), referer: Some(&junk), origin: Some(&junk) };
            if let Ok(payload) = of(&query, &around)
                && let Some(page) = &payload.page
            {
                prop_assert!(page.path.len() <= KEPT_BYTES_MAX);
                prop_assert!(page.hostname.len() <= HOST_BYTES_MAX);
                prop_assert!(payload.name().len() <= 480 && payload.referrer.len() <= HOST_BYTES_MAX);
            }
        }
        drop(parse_api(&junk, "a.example"));
        let body = json!({"hits": [{"path": text, "ref": text, "query": text, "session": 1}]}).to_string();
        if let Ok(found) = parse_api(body.as_bytes(), "a.example") {
            prop_assert_eq!(found.len(), 1);
        }
    }
}

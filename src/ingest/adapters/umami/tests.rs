//! Umami's fields one by one: what they become, and each limit below, at and above its edge.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::ingest::props::PROPS_MAX;
use crate::ingest::url::{HOST_BYTES_MAX, PATH_BYTES_MAX};
use crate::model::Metric;

const SITE: &str = "550e8400-e29b-41d4-a716-446655440000";

fn send(body: &Value) -> Found<'static> {
    let body = body.to_string().leak();
    let mut found = parse_send(body.as_bytes(), true).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found.len(), 1);
    found.remove(0)
}

fn body(kind: &str, changes: &Value) -> Value {
    let mut payload = json!({"website": SITE, "hostname": "site.example", "url": "/a"});
    payload.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    json!({"type": kind, "payload": payload})
}

fn taken(kind: &str, changes: &Value) -> Box<Hit<'static>> {
    match send(&body(kind, changes)) {
        Found::Hit(hit) => hit,
        Found::Nothing => panic!("nothing: {changes}"),
        Found::Wrong(error) => panic!("{error}: {changes}"),
    }
}

fn event(changes: &Value) -> Payload<'static> {
    taken("event", changes).payload
}

/// The field that is refused; empty when none is.
fn refused(body: &Value) -> &'static str {
    match send(body) {
        Found::Wrong(error) => error.field,
        _ => "",
    }
}

fn wrong(changes: &Value) -> &'static str {
    refused(&body("event", changes))
}

#[test]
fn a_page_view_has_all_its_fields() {
    let payload = event(&json!({
        "url": "/p/?utm_source=x&id=5#part", "referrer": "https://www.search.example/q?secret=1",
        "language": "pt-BR", "screen": "1920x1080", "title": "T", "name": "", "tag": "beta",
        "data": {},
    }));
    assert_eq!(payload.sites(), [format!("umami:{SITE}")]);
    assert_eq!(payload.name(), PAGEVIEW);
    let page = payload.page.as_ref().unwrap();
    assert_eq!((&*page.hostname, &*page.path), ("site.example", "/p/"));
    assert_eq!((&*page.campaign.source, page.query.len()), ("x", 1));
    assert_eq!(payload.referrer, "search.example");
    assert_eq!((&*payload.language, payload.screen), ("pt", "Extra large"));
    assert_eq!(payload.props.fit, [("tag".to_owned(), "beta".to_owned())]);
    assert!(payload.interactive && payload.scroll == SCROLL_NONE && !payload.is_report());
}

#[test]
fn a_name_makes_an_event_of_the_site_and_its_data_are_properties() {
    let payload = event(&json!({
        "name": "signup", "tag": "b",
        "data": {"plan": "pro", "seats": 3, "a": {"b": {"c": true}, "list": [1]}, "none": null,
            "who": "jane@mail.example", "revenue": "19.90", "currency": "usd"},
    }));
    assert_eq!(payload.name(), "signup");
    let fit = [("a.b.c", "true"), ("plan", "pro"), ("seats", "3"), ("tag", "b")];
    assert_eq!(payload.props.fit, fit.map(|(n, v)| (n.to_owned(), v.to_owned())));
    assert_eq!(payload.props.identifying, ["who"]);
    let revenue = payload.revenue.unwrap();
    assert_eq!((revenue.thousandths, revenue.currency.as_str()), (19_900, "USD"));
    let only_half = event(&json!({"name": "x", "data": {"revenue": 5}}));
    assert!(only_half.revenue.is_none());
    assert_eq!(only_half.props.fit, [("revenue".to_owned(), "5".to_owned())]);
}

#[test]
fn a_page_may_be_an_address_a_path_or_missing() {
    for (changes, expected) in [
        (json!({"url": "https://www.site.example/x?a=1"}), "site.example/x"),
        (json!({"url": "https://other.example/x"}), "other.example/x"),
        (json!({"url": "//admin/x"}), "site.example/admin/x"),
        (json!({"url": "https://other.example/x", "hostname": null}), "other.example/x"),
        (json!({"hostname": "WWW.Site.example", "url": ""}), "site.example/"),
        (json!({"hostname": null}), "/a"),
        (json!({"url": null}), "site.example"),
        (json!({"url": null, "hostname": ""}), ""),
        (json!({"url": "/a#/route"}), "site.example/a#/route"),
        (json!({"url": "/a#part"}), "site.example/a"),
    ] {
        let page = event(&changes).page.unwrap();
        assert_eq!(format!("{}{}", page.hostname, page.path), expected, "{changes}");
    }
    for (referrer, expected) in [
        ("", ""),
        ("/before.html", ""),
        ("//elsewhere.example/x", ""),
        ("before.html", ""),
        ("https://www.neighbour.example/x", "neighbour.example"),
        ("android-app://com.example.mail", "com.example.mail"),
    ] {
        assert_eq!(event(&json!({"referrer": referrer})).referrer, expected, "{referrer}");
    }
    for (screen, class) in [
        ("390x844", "Small"),
        ("0x0", ""),
        ("wide", ""),
        ("1440X900", "Extra large"),
        ("800", "Medium"),
    ] {
        assert_eq!(event(&json!({"screen": screen})).screen, class, "{screen}");
    }
}

#[test]
fn limits_hold_at_their_edge() {
    let host = |n: usize| format!("{}.example", "a".repeat(n - 8));
    let screen = |n: usize| format!("{}x1", "1".repeat(n - 2));
    for (field, most, text) in [
        ("hostname", 100, &host as &dyn Fn(usize) -> String),
        ("language", 35, &|n| "x".repeat(n)),
        ("screen", 11, &screen),
        ("name", 50, &|n| "n".repeat(n)),
        ("name", 50, &|n| "ä".repeat(n)),
        ("tag", 50, &|n| "t".repeat(n)),
    ] {
        for (length, expected) in [(most - 1, ""), (most, ""), (most + 1, field)] {
            let host_label_is_long = field == "hostname" && length > 71;
            let sent = if host_label_is_long {
                format!("{}.{}", "b".repeat(length - 40), host(39))
            } else {
                text(length)
            };
            assert_eq!(wrong(&json!({ field: sent })), expected, "{field} of {length}");
        }
    }
    // Beyond the basic plane a character is two units.
    assert_eq!(wrong(&json!({"name": "🐐".repeat(25)})), "");
    assert_eq!(wrong(&json!({"name": "🐐".repeat(26)})), "name");
    for (field, most) in [
        ("lcp", 60_000.0),
        ("inp", 60_000.0),
        ("fcp", 60_000.0),
        ("ttfb", 60_000.0),
        ("cls", 100.0),
    ] {
        for (value, expected) in
            [(most - 0.5, ""), (most, ""), (most + 0.5, field), (0.0, ""), (-0.5, field)]
        {
            let found = refused(&body("performance", &json!({ field: value })));
            assert_eq!(found, expected, "{field} of {value}");
        }
    }
}

#[test]
fn exactly_one_of_website_link_and_pixel_names_the_site() {
    for field in ["website", "link", "pixel"] {
        let mut ids = json!({"website": null});
        ids.as_object_mut().unwrap().insert(field.to_owned(), json!(SITE.to_uppercase()));
        assert_eq!(event(&ids).sites(), [format!("umami:{SITE}")]);
    }
    for changes in [
        json!({"website": null}),
        json!({"website": ""}),
        json!({"website": "site.example"}),
        json!({"website": 7}),
        json!({"website": [SITE]}),
        json!({"website": format!("{SITE}0")}),
        json!({"website": SITE.replace('-', "0")}),
        json!({"link": SITE}),
    ] {
        assert_eq!(wrong(&changes), "website", "{changes}");
    }
    assert_eq!(wrong(&json!({"website": null, "pixel": "x"})), "pixel");
}

#[test]
fn what_a_page_measured_is_a_report_and_an_identity_is_nothing() {
    let payload = taken("performance", &json!({"lcp": 1200, "cls": "0.05", "ttfb": 0})).payload;
    let Report::Vitals(values) = &payload.report else { panic!("no report") };
    let metrics: Vec<Metric> = values.iter().map(|(metric, _)| *metric).collect();
    assert_eq!(metrics, [Metric::Lcp, Metric::Cls, Metric::Ttfb]);
    assert!(payload.is_report());
    for (kind, changes) in [
        ("performance", json!({})),
        ("identify", json!({"id": "user-1", "data": {"email": "jane@mail.example"}})),
        ("identify", json!({"url": null, "hostname": null})),
    ] {
        assert!(matches!(send(&body(kind, &changes)), Found::Nothing), "{kind} {changes}");
    }
    let payload = taken("engagement", &json!({"engagement": 4_321})).payload;
    assert_eq!(
        (payload.name(), payload.engaged_ms, payload.interactive),
        (ENGAGEMENT, 4_321, false)
    );
    for (ms, expected) in [
        (json!(1), ""),
        (json!(2_591_999_999_u64), ""),
        (json!(2_592_000_000_u64), "engagement"),
        (json!(0), "engagement"),
        (json!(null), "engagement"),
    ] {
        assert_eq!(refused(&body("engagement", &json!({"engagement": ms}))), expected, "{ms}");
    }
}

#[test]
fn address_agent_and_time_are_named_and_ids_are_not() {
    let hit = taken(
        "event",
        &json!({"ip": "203.0.113.9", "userAgent": "A/1", "timestamp": "1700000000", "id": "user-1",
            "browser": "x", "os": "y", "device": "z"}),
    );
    let named = &hit.named;
    assert_eq!(named.address.as_deref(), Some("203.0.113.9"));
    assert_eq!((named.user_agent.as_deref(), named.at), (Some("A/1"), Some(1_700_000_000)));
    assert_eq!(hit.payload.props.fit, []);
    for timestamp in [json!(1.5), json!("soon"), json!(true), json!([1])] {
        assert_eq!(wrong(&json!({"timestamp": timestamp})), "timestamp", "{timestamp}");
    }
    assert_eq!(taken("event", &json!({"timestamp": 1_700_000_000})).named.at, Some(1_700_000_000));
}

#[test]
fn blank_texts_name_nobody_and_without_a_key_nothing_does() {
    for blank in [json!(""), json!("  "), json!(null)] {
        let named = taken("event", &json!({"ip": blank, "userAgent": blank})).named;
        assert!(named.address.is_none() && named.user_agent.is_none(), "{blank}");
    }
    for odd in [json!("203.0.113.9"), json!(["x"]), json!({}), json!(true)] {
        let body = body("event", &json!({"ip": odd, "userAgent": odd})).to_string();
        let found = parse_send(body.as_bytes(), false).unwrap_or_else(|error| panic!("{error}"));
        let [Found::Hit(hit)] = &found[..] else { panic!("no event: {odd}") };
        assert!(hit.named.address.is_none() && hit.named.user_agent.is_none(), "{odd}");
    }
}

#[test]
fn what_is_wrong_is_named_by_its_field() {
    for (body, field) in [
        (json!([]), "request"),
        (json!(7), "request"),
        (json!({}), "type"),
        (json!({"type": "other", "payload": {}}), "type"),
        (json!({"type": 1, "payload": {}}), "type"),
        (json!({"type": "event"}), "payload"),
        (json!({"type": "event", "payload": "SECRET"}), "payload"),
        (body("event", &json!({"url": "javascript:alert(1)"})), "url"),
        (body("event", &json!({"url": ["SECRET"]})), "url"),
        (body("event", &json!({"url": format!("/{}", "a".repeat(8_192))})), "url"),
        (body("event", &json!({"hostname": "not a host", "url": null})), "hostname"),
        (body("event", &json!({"name": "engagement"})), "name"),
        (body("event", &json!({"name": "pageview"})), "name"),
        (body("event", &json!({"ip": ["203.0.113.9"]})), "ip"),
        (body("event", &json!({"userAgent": {}})), "userAgent"),
        (body("event", &json!({"name": "web_vitals"})), "name"),
        (body("event", &json!({"name": "\u{7}"})), "name"),
        (body("event", &json!({"data": "SECRET"})), "data"),
        (body("event", &json!({"data": [1]})), "data"),
        (body("event", &json!({"name": "x", "data": {("k".repeat(301)): 1}})), "data"),
        (body("event", &json!({"name": "x", "data": {"k": "v".repeat(2_001)}})), "data"),
        (
            body(
                "event",
                &json!({"name": "x", "data": {("k".repeat(150)): {("k".repeat(150)): 1}}}),
            ),
            "data",
        ),
        (body("event", &json!({"referrer": {}})), "referrer"),
    ] {
        assert_eq!(refused(&body), field, "{body}");
    }
    assert_eq!(wrong(&json!({"name": "x", "data": {("k".repeat(300)): "v".repeat(2_000)}})), "");
    assert_eq!(parse_send(b"{", true).err().unwrap().field, "request");
    assert_eq!(parse_send(b"\xff", true).err().unwrap().field, "request");
    let deep = format!(r#"{{"type":"event","payload":{{"data":{}"#, r#"{"a":"#.repeat(60_000));
    assert_eq!(parse_send(deep.as_bytes(), true).err().unwrap().field, "request");
    let deep = format!(r#"{{"other":{}"#, "[".repeat(60_000));
    assert_eq!(parse_send(deep.as_bytes(), true).err().unwrap().field, "request");
}

#[test]
fn an_opt_out_keeps_nothing() {
    for body in [
        json!({"type": "event", "dnt": "1", "payload": {"website": SITE}}),
        json!({"gpc": true}),
        body("event", &json!({"dnt": 1, "name": "x"})),
        body("identify", &json!({"gpc": "1", "website": "nonsense"})),
    ] {
        let Found::Hit(hit) = send(&body) else { panic!("{body}") };
        assert!(hit.payload.opted_out() && hit.payload.sites().is_empty(), "{body}");
        assert!(hit.named.address.is_none());
    }
    assert!(!event(&json!({"dnt": "0", "gpc": "0"})).opted_out());
}

#[test]
fn a_batch_is_read_entry_by_entry_and_has_a_limit() {
    let good = body("event", &json!({}));
    let text = json!([good, {"type": "x"}, 7, body("identify", &json!({}))]).to_string();
    let found = parse_batch(text.as_bytes(), true).ok().unwrap();
    assert!(matches!(
        found.as_slice(),
        [Found::Hit(_), Found::Wrong(_), Found::Wrong(_), Found::Nothing]
    ));
    for (count, fits) in [(499, true), (500, true), (501, false)] {
        let text = Value::Array(vec![good.clone(); count]).to_string();
        assert_eq!(parse_batch(text.as_bytes(), true).is_ok(), fits, "{count}");
    }
    let fine = body("event", &json!({})).to_string();
    let twice = fine.replacen('{', r#"{"type":"event","#, 1);
    let within = fine.replacen(r#""payload":{"#, r#""payload":{"url":"/b","#, 1);
    let text = format!("[{fine},{twice},{within},{fine}]");
    let is_hit = |found: &Found<'_>| matches!(found, Found::Hit(_));
    let found = parse_batch(text.as_bytes(), true).ok().unwrap();
    assert_eq!(found.iter().map(is_hit).collect::<Vec<_>>(), [true, false, false, true]);
    assert_eq!(parse_batch(b"[]", true).ok().unwrap().len(), 0);
    for wrong in [&b"{}"[..], b"[", b"", b"7"] {
        assert_eq!(parse_batch(wrong, true).err().unwrap().field, "request");
    }
}

proptest! {
    #[test]
    fn any_bytes_give_bounded_payloads_or_errors(
        junk in any::<Vec<u8>>(),
        text in "\\PC{0,120}",
        data in proptest::collection::btree_map("\\PC{0,9}", "\\PC{0,40}", 0..40),
    ) {
        drop(parse_send(&junk, true));
        drop(parse_batch(&junk, true));
        for field in ["hostname", "url", "referrer", "name", "tag", "language", "screen", "ip"] {
            let body = body("event", &json!({ field: text, "data": data, "id": text }));
            let Found::Hit(hit) = send(&body) else { continue };
            let page = hit.payload.page.as_ref().unwrap();
            prop_assert!(page.path.len() <= PATH_BYTES_MAX);
            prop_assert!(page.hostname.len() <= HOST_BYTES_MAX);
            prop_assert!(hit.payload.name().encode_utf16().count() <= NAME_MAX * 2);
            prop_assert!(hit.payload.props.fit.len() <= PROPS_MAX);
            prop_assert!(hit.payload.referrer.len() <= HOST_BYTES_MAX);
        }
    }
}

//! The Measurement Protocol: what its documentation shows, its limits, and who said no.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::ingest::{ENGAGEMENT, PAGEVIEW};

const QUERY: &str = "measurement_id=G-ABC123&api_secret=hc_send_x";

fn hits(body: &Value) -> Vec<Hit<'static>> {
    let body: &'static str = body.to_string().leak();
    let found = measured(QUERY, body.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let hit = |found| match found {
        Found::Hit(hit) => Some(*hit),
        Found::Nothing => None,
        Found::Wrong(error) => panic!("{error}"),
    };
    found.into_iter().filter_map(hit).collect()
}

fn refused(body: &Value) -> &'static str {
    match measured(QUERY, body.to_string().as_bytes()) {
        Err(error) => error.field,
        Ok(mut found) => match found.remove(0) {
            Found::Wrong(error) => error.field,
            _ => panic!("{body} is not wrong"),
        },
    }
}

fn named(name: &str) -> Value {
    json!({"events": [{"name": name}]})
}

#[test]
fn a_purchase_of_the_documentation_has_revenue_items_and_no_ids() {
    let body = json!({
        "client_id": "123.456", "user_id": "jane", "timestamp_micros": 1_700_000_000_999_999_i64,
        "non_personalized_ads": false, "user_properties": {"plan": {"value": "pro"}},
        "user_data": {"sha256_email_address": "x"}, "user_location": {"city": "Ulm"},
        "ip_override": "203.0.113.9", "user_agent": "Agent/1.0 (of a visitor)",
        "device": {"language": "de-AT", "screen_resolution": "1920x1080", "model": "x"},
        "events": [{"name": "purchase", "params": {
            "session_id": "123", "engagement_time_msec": 100, "currency": "USD", "value": 9.9,
            "transaction_id": "T1", "page_location": "https://site.example/thanks?x=1",
            "page_referrer": "https://neighbour.example/a", "page_title": "Thanks",
            "coupon": "SUMMER", "items": [{"item_id": "SKU"}, {"item_id": "SKU2"}]}}],
    });
    let all = hits(&body);
    let [bought, engaged] = all.as_slice() else { panic!("two events") };
    let payload = &bought.payload;
    assert_eq!((payload.name(), payload.sites()), ("purchase", &["ga4:g-abc123".into()][..]));
    assert_eq!(payload.page.as_ref().unwrap().path, "/thanks");
    assert_eq!((&*payload.referrer, &*payload.language), ("neighbour.example", "de"));
    assert_eq!(payload.screen, "Extra large");
    let revenue = payload.revenue.as_ref().unwrap();
    assert_eq!((revenue.thousandths, &*revenue.currency), (9_900, "USD"));
    let own = [("coupon", "SUMMER"), ("items", "2")];
    assert_eq!(payload.props.fit, own.map(|(n, v)| (n.to_owned(), v.to_owned())));
    assert!(payload.of_server);
    assert_eq!(bought.named.address.as_deref(), Some("203.0.113.9"));
    assert_eq!(bought.named.user_agent.as_deref(), Some("Agent/1.0 (of a visitor)"));
    assert_eq!(bought.named.at, Some(1_700_000_000));
    assert_eq!((engaged.payload.name(), engaged.payload.engaged_ms), (ENGAGEMENT, 100));
    assert_eq!(engaged.named.at, Some(1_700_000_000));
}

#[test]
fn an_event_needs_no_page_and_may_have_a_time_of_its_own() {
    let body = json!({"timestamp_micros": 7_000_000, "events": [
        {"name": "signup"},
        {"name": "page_view", "params": null, "timestamp_micros": "9000000"},
        {"name": "session_start", "params": {"session_id": "1"}},
    ]});
    let all = hits(&body);
    let told: Vec<_> = all.iter().map(|hit| (hit.payload.name(), hit.named.at)).collect();
    assert_eq!(told, [("signup", Some(7)), (PAGEVIEW, Some(9))]);
    assert!(all.iter().all(|hit| hit.payload.page.is_none() && hit.payload.of_server));
    assert!(
        hits(&json!({"events": [{"name": "x"}], "ip_override": " "}))[0].named.address.is_none()
    );
}

#[test]
fn whoever_said_no_anywhere_is_not_counted() {
    let no =
        |body: Value| hits(&body).iter().map(|hit| hit.payload.opted_out()).collect::<Vec<_>>();
    for (field, value) in [
        ("dnt", json!(1)),
        ("gpc", json!("1")),
        ("consent", json!({"analytics_storage": "denied"})),
    ] {
        let mut body = json!({"events": [{"name": "x"}, {"name": "y"}]});
        body[field] = value;
        assert_eq!(no(body), [true], "{field}");
    }
    let granted = json!({"consent": {"analytics_storage": "GRANTED", "ad_user_data": "DENIED"},
        "events": [{"name": "x"}]});
    assert_eq!(no(granted), [false]);
    let some = json!({"events": [
        {"name": "x", "dnt": 1}, {"name": "y", "params": {"gpc": true}}, {"name": "z", "params": {"dnt": 0}},
    ]});
    assert_eq!(no(some), [true, true, false]);
    let behind = format!("{}dnt=1", "x=y&".repeat(QUERY_PAIRS_MAX + 1));
    assert!(Query::read(&behind).opted_out);
}

#[test]
fn limits_and_shapes_are_checked() {
    let many = |count: usize| json!({"events": vec![json!({"name": "x"}); count]});
    assert_eq!((EVENTS_MAX, BODY_BYTES_MAX), (25, 133_119));
    assert_eq!(hits(&many(EVENTS_MAX)).len(), EVENTS_MAX);
    for (body, field) in [
        (many(EVENTS_MAX + 1), "events"),
        (many(0), "events"),
        (json!({}), "events"),
        (json!([]), "request"),
        (json!({"events": {}}), "request"),
        (json!({"events": [7]}), "request"),
        (json!({"events": [{}]}), "name"),
        (json!({"events": [{"name": 7}]}), "name"),
        (json!({"events": [{"name": "x", "params": "y"}]}), "params"),
        (json!({"events": [{"name": "x"}], "timestamp_micros": "soon"}), "timestamp_micros"),
        (named(&"x".repeat(41)), "name"),
    ] {
        assert_eq!(refused(&body), field, "{body}");
    }
    assert_eq!(hits(&named(&"x".repeat(40))).len(), 1);
    let deep = format!(r#"{{"events":[{{"name":"x","params":{}"#, "[".repeat(50_000));
    assert!(measured(QUERY, deep.as_bytes()).is_err());
    assert!(measured(QUERY, format!(r#"{{"other":{}"#, "[".repeat(50_000)).as_bytes()).is_err());
}

#[test]
fn the_secret_is_in_the_query_and_anybody_may_say_no() {
    assert_eq!(secret(QUERY).as_deref(), Some("hc_send_x"));
    assert_eq!(secret("measurement_id=G-1&api_secret="), None);
    for body in [json!({"dnt": 1}), json!({"dnt": "1"}), json!({"gpc": true})] {
        assert!(hits(&body)[0].payload.opted_out(), "{body}");
    }
    let found = measured("gpc=1", b"{}").unwrap();
    assert!(matches!(&found[..], [Found::Hit(hit)] if hit.payload.opted_out()));
}

proptest! {
    #[test]
    fn any_bytes_give_bounded_events(
        query in "\\PC{0,60}",
        junk in any::<Vec<u8>>(),
        names in proptest::collection::vec("\\PC{0,45}", 0..30),
    ) {
        prop_assert!(measured(&query, &junk).is_err());
        let events: Vec<Value> =
            names.iter().map(|name| json!({"name": name, "params": {(name): name}})).collect();
        let body = json!({"events": events, "ip_override": query}).to_string();
        if let Ok(found) = measured(&query, body.as_bytes()) {
            prop_assert!(found.len() <= 2 * EVENTS_MAX);
        }
    }
}

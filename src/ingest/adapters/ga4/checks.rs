//! What is wrong with a request of the Measurement Protocol, for `POST /debug/mp/collect`: nothing
//! of it is stored, and of what was sent only names of fields and places in lists are answered.

use serde_json::{Value, json};

use crate::ingest::adapters::ga4::event::{
    NAME_CHARS_MAX, PAGE_CHARS_MAX, PARAM_NAME_CHARS_MAX, PARAM_VALUE_CHARS_MAX, PARAMS_MAX,
    is_within,
};
use crate::ingest::adapters::ga4::server::{self, EVENTS_MAX, Event, Query, seconds};
use crate::ingest::adapters::given::page_of_header;
use crate::ingest::body::Sent;
use crate::model::Tool;

/// Names that only GA4 itself may give.
const RESERVED: [&str; 21] = [
    "ad_activeview",
    "ad_click",
    "ad_exposure",
    "ad_impression",
    "ad_query",
    "adunit_exposure",
    "app_clear_data",
    "app_install",
    "app_remove",
    "app_update",
    "error",
    "first_open",
    "first_visit",
    "in_app_purchase",
    "notification_dismiss",
    "notification_foreground",
    "notification_open",
    "notification_receive",
    "os_update",
    "session_start",
    "user_engagement",
];
/// Beginnings of names that only Google may give.
const RESERVED_STARTS: [&str; 4] = ["_", "firebase_", "ga_", "google_"];
/// Messages of one answer.
const MESSAGES_MAX: usize = 50;

/// Codes of the format.
const REQUIRED: &str = "VALUE_REQUIRED";
const INVALID: &str = "VALUE_INVALID";
const BOUNDS: &str = "VALUE_OUT_OF_BOUNDS";
const NAME: &str = "NAME_INVALID";
const NAME_RESERVED: &str = "NAME_RESERVED";
const TOO_MANY: &str = "EXCEEDED_MAX_ENTITIES";

/// The messages, each with the path of a field, a description and a code.
#[derive(Default)]
struct Messages(Vec<Value>);

impl Messages {
    fn add(&mut self, field: &str, description: &str, code: &str) {
        if self.0.len() < MESSAGES_MAX {
            self.0.push(json!({
                "fieldPath": field, "description": description, "validationCode": code,
            }));
        }
    }
}

/// What whoever takes the events knows, and a request alone does not tell.
pub trait Known {
    /// Whether a secret is a send key that holds.
    fn is_key(&self, secret: &str) -> bool;
    /// Whether an event with this secret is one of a site: `name` is the id as in
    /// [`Payload::sites`](crate::ingest::Payload::sites), `host` that of the page, empty without one.
    fn has_site(&self, secret: &str, name: &str, host: &str) -> bool;
    /// Whether an event of a moment (seconds since 1970 UTC) is not too old, nor yet to come.
    fn is_of_now(&self, at: i64) -> bool;
}

/// The answer to a request: `{"validationMessages": […]}`.
#[must_use]
pub fn checked(query: &str, body: &[u8], known: &impl Known) -> Value {
    let mut messages = Messages::default();
    let query = Query::read(query);
    if query.id.trim().is_empty() {
        messages.add("measurement_id", "A measurement_id is required.", REQUIRED);
    }
    if query.secret.is_empty() {
        messages.add("api_secret", "An api_secret is required: a send key.", REQUIRED);
    } else if !known.is_key(&query.secret) {
        let text = "The api_secret is no send key that holds for a site here.";
        messages.add("api_secret", text, INVALID);
    }
    match server::read(body) {
        Err(_) => messages.add(
            "",
            "The body must be a JSON object with a list of events, in UTF-8.",
            INVALID,
        ),
        Ok(body) => {
            if body.events.count == 0 {
                messages.add("events", "At least one event is required.", REQUIRED);
            }
            if body.events.count > EVENTS_MAX {
                messages.add("events", "At most 25 events are allowed.", TOO_MANY);
            }
            check_time(&mut messages, "timestamp_micros", body.timestamp_micros.as_ref(), known);
            for (place, event) in body.events.first.iter().enumerate() {
                let at = format!("events[{place}]");
                check_event(&mut messages, &at, event);
                let field = format!("{at}.timestamp_micros");
                check_time(&mut messages, &field, event.timestamp_micros.as_ref(), known);
                check_site(&mut messages, &at, event, (&query, known));
            }
        }
    }
    json!({ "validationMessages": messages.0 })
}

/// The answer to a body beyond the limit.
#[must_use]
pub fn too_large() -> Value {
    let mut messages = Messages::default();
    messages.add("", "The body must be smaller than 130 KiB.", BOUNDS);
    json!({ "validationMessages": messages.0 })
}

fn check_event(messages: &mut Messages, at: &str, event: &Event<'_>) {
    let field = format!("{at}.name");
    match &event.name {
        Some(Sent::Text(name)) if !name.trim().is_empty() => check_name(messages, &field, name),
        _ => messages.add(&field, "A name is required.", REQUIRED),
    }
    let params = match &event.params {
        None | Some(Sent::Other(Value::Null)) => return,
        Some(Sent::Other(Value::Object(params))) => params,
        Some(_) => return messages.add(&format!("{at}.params"), "Must be an object.", INVALID),
    };
    if params.len() > PARAMS_MAX {
        messages.add(&format!("{at}.params"), "At most 25 parameters are allowed.", TOO_MANY);
    }
    for (place, (name, value)) in params.iter().enumerate() {
        let field = format!("{at}.params[{place}]");
        if !is_within(name, PARAM_NAME_CHARS_MAX) {
            messages.add(&field, "Its name has more than 40 characters.", BOUNDS);
        } else if !is_plain(name) {
            messages.add(
                &field,
                "Its name must begin with a letter and hold letters, digits and underscores.",
                NAME,
            );
        }
        let (most, rule) = match name.as_str() {
            "page_location" => (PAGE_CHARS_MAX, "Its value has more than 1000 characters."),
            _ => (PARAM_VALUE_CHARS_MAX, "Its value has more than 100 characters."),
        };
        if value.as_str().is_some_and(|text| !is_within(text, most)) {
            messages.add(&field, rule, BOUNDS);
        }
    }
}

/// GA4 takes events of the last 72 hours.
fn check_time(messages: &mut Messages, field: &str, value: Option<&Sent<'_>>, known: &impl Known) {
    match seconds(value) {
        Err(_) => messages.add(field, "Must be microseconds since 1970.", INVALID),
        Ok(Some(at)) if !known.is_of_now(at) => {
            let rule = "Events are counted here for 24 hours, not 72, and none that is to come.";
            messages.add(field, rule, BOUNDS);
        }
        Ok(_) => {}
    }
}

/// Of an id or a secret that is wrong in itself it was said before.
fn check_site(
    messages: &mut Messages,
    at: &str,
    event: &Event<'_>,
    (query, known): (&Query<'_>, &impl Known),
) {
    let id = query.id.trim();
    if id.is_empty() || !known.is_key(&query.secret) {
        return;
    }
    let address = match &event.params {
        Some(Sent::Other(Value::Object(params))) => params.get("page_location"),
        _ => None,
    };
    let address = address.and_then(Value::as_str).filter(|address| !address.trim().is_empty());
    let Some(address) = address else {
        if !known.has_site(&query.secret, &Tool::Ga4.site_name(id), "") {
            let rule = "No site of the api_secret is known by this measurement_id: list it there, \
                        send page_location, or use a send key of one site.";
            messages.add("measurement_id", rule, INVALID);
        }
        return;
    };
    let page = page_of_header(address.as_bytes());
    let has_site = |host: &str| known.has_site(&query.secret, &Tool::Ga4.site_name(id), host);
    if !page.is_some_and(|page| has_site(&page.hostname)) {
        let rule = "Its page_location is no page of a site of the api_secret.";
        messages.add(&format!("{at}.params"), rule, INVALID);
    }
}

fn check_name(messages: &mut Messages, field: &str, name: &str) {
    if !is_within(name, NAME_CHARS_MAX) {
        messages.add(field, "The name has more than 40 characters.", BOUNDS);
    } else if RESERVED.contains(&name)
        || RESERVED_STARTS.iter().any(|start| name.starts_with(start))
    {
        messages.add(field, "The name is reserved.", NAME_RESERVED);
    } else if !is_plain(name) {
        let rule = "The name must begin with a letter and hold letters, digits and underscores.";
        messages.add(field, rule, NAME);
    }
}

/// A letter, then letters, digits and underscores.
fn is_plain(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(char::is_alphabetic)
        && characters.all(|one| one.is_alphanumeric() || one == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &str = "measurement_id=G-1&api_secret=good";

    /// A server with one site, which has an id, and two keys, at a moment.
    struct Here;

    const NOW: i64 = 1_700_000_000;

    impl Known for Here {
        fn is_key(&self, secret: &str) -> bool {
            ["good", "many"].contains(&secret)
        }

        fn has_site(&self, secret: &str, name: &str, host: &str) -> bool {
            name == "ga4:g-listed"
                || host == "site.example"
                || (secret == "good" && host.is_empty())
        }

        fn is_of_now(&self, at: i64) -> bool {
            (NOW - 86_400..=NOW + 300).contains(&at)
        }
    }

    /// Paths and codes of the messages about a body.
    fn about(query: &str, body: &Value) -> Vec<(String, String)> {
        let said = checked(query, body.to_string().as_bytes(), &Here);
        let text = |message: &Value, name: &str| message[name].as_str().unwrap().to_owned();
        let messages = said["validationMessages"].as_array().unwrap();
        messages.iter().map(|one| (text(one, "fieldPath"), text(one, "validationCode"))).collect()
    }

    fn with(name: &str, params: Value) -> Value {
        json!({"client_id": "1.2", "events": [{"name": name, "params": params}]})
    }

    fn one(field: &str, code: &str) -> Vec<(String, String)> {
        vec![(field.to_owned(), code.to_owned())]
    }

    /// The address of a page of the site, so many characters long.
    fn page(chars: usize) -> String {
        format!("{:v<chars$}", "https://site.example/")
    }

    #[test]
    fn an_event_that_no_site_can_be_found_for_is_told_of() {
        let many = "measurement_id=G-1&api_secret=many";
        let bare = with("x", json!({}));
        assert_eq!(about(QUERY, &bare), []);
        assert_eq!(about(many, &bare), one("measurement_id", INVALID));
        assert_eq!(about("measurement_id=G-Listed&api_secret=many", &bare), []);
        for (address, is_found) in [
            (page(30), true),
            ("https://other.example/".to_owned(), false),
            ("/a".to_owned(), false),
        ] {
            let body = with("x", json!({"page_location": address}));
            let expected = if is_found { vec![] } else { one("events[0].params", INVALID) };
            assert_eq!(about(many, &body), expected, "{address}");
        }
    }

    #[test]
    fn a_moment_that_is_not_counted_is_told_of() {
        for (at, is_counted) in [
            (NOW, true),
            (NOW - 86_400, true),
            (NOW - 86_401, false),
            (NOW - 71 * 3_600, false),
            (NOW + 301, false),
        ] {
            let micros = at * 1_000_000;
            let expected = |field: &str| if is_counted { vec![] } else { one(field, BOUNDS) };
            let whole = json!({"timestamp_micros": micros, "events": [{"name": "x"}]});
            assert_eq!(about(QUERY, &whole), expected("timestamp_micros"), "{at}");
            let own = json!({"events": [{"name": "x", "timestamp_micros": micros.to_string()}]});
            assert_eq!(about(QUERY, &own), expected("events[0].timestamp_micros"), "{at}");
        }
        let odd = json!({"timestamp_micros": "soon", "events": [{"name": "x"}]});
        assert_eq!(about(QUERY, &odd), one("timestamp_micros", INVALID));
    }

    #[test]
    fn a_good_request_has_no_messages() {
        assert_eq!(about(QUERY, &with("sign_up", json!({"method": "mail"}))), []);
        assert_eq!(about(QUERY, &json!({"events": [{"name": "größe"}]})), []);
    }

    #[test]
    fn what_is_missing_or_wrong_is_told_by_its_field() {
        let good = with("x", json!({}));
        assert_eq!(about("api_secret=good", &good), one("measurement_id", REQUIRED));
        assert_eq!(about("measurement_id=G-1", &good), one("api_secret", REQUIRED));
        assert_eq!(about("measurement_id=G-1&api_secret=bad", &good), one("api_secret", INVALID));
        for (body, field, code) in [
            (json!([]), "", INVALID),
            (json!({}), "events", REQUIRED),
            (json!({"events": vec![json!({"name": "x"}); 26]}), "events", TOO_MANY),
            (json!({"events": [{}]}), "events[0].name", REQUIRED),
            (json!({"events": [{"name": "x"}, {"name": "9x"}]}), "events[1].name", NAME),
            (with(&"x".repeat(41), json!({})), "events[0].name", BOUNDS),
            (with("session_start", json!({})), "events[0].name", NAME_RESERVED),
            (with("ga_x", json!({})), "events[0].name", NAME_RESERVED),
            (with("x", json!([])), "events[0].params", INVALID),
            (with("x", json!({"a b": 1})), "events[0].params[0]", NAME),
            (with("x", json!({("k".repeat(41)): 1})), "events[0].params[0]", BOUNDS),
            (with("x", json!({"k": "v".repeat(101)})), "events[0].params[0]", BOUNDS),
            (with("x", json!({"page_location": page(1001)})), "events[0].params[0]", BOUNDS),
        ] {
            assert_eq!(about(QUERY, &body), one(field, code), "{body}");
        }
        let many: serde_json::Map<String, Value> =
            (0..26).map(|n| (format!("k{n}"), json!(n))).collect();
        assert_eq!(
            about(QUERY, &with("x", Value::Object(many))),
            one("events[0].params", TOO_MANY)
        );
    }

    #[test]
    fn edges_are_within_and_nothing_that_was_sent_is_answered() {
        let edge = json!({("k".repeat(40)): "v".repeat(100), "page_location": page(1000)});
        assert_eq!(about(QUERY, &with(&"x".repeat(40), edge)), []);
        assert_eq!(too_large()["validationMessages"][0]["validationCode"], BOUNDS);
        let said = checked(
            "measurement_id=G-1&api_secret=SECRET",
            br#"{"events":[{"name":"SECRET !"}]}"#,
            &Here,
        );
        assert!(!said.to_string().contains("SECRET"), "{said}");
        let bad = json!({"events": vec![json!({"name": "", "params": {"a b": "x", "c d": "y", "e f": 1}}); 25]});
        assert_eq!(about(QUERY, &bad).len(), MESSAGES_MAX);
    }
}

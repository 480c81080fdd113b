//! Google Analytics 4 from a server: the Measurement Protocol, `POST /mp/collect`.
//!
//! Its secret is a send key of ours. Address, User-Agent and time of the visitor are taken as the
//! sender names them (`ip_override`, `user_agent`, `timestamp_micros`); ids of clients and users,
//! user properties and the visitor's place are not read. Format and limits: the Measurement
//! Protocol's documentation.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::ingest::adapters::ga4::event::{Said, Told};
use crate::ingest::adapters::{Found, Hit, Hits};
use crate::ingest::body::Sent;
use crate::ingest::fields::{says_dnt, says_gpc};
use crate::ingest::payload::{Payload, PayloadError, error};

/// Events of one request.
pub const EVENTS_MAX: usize = 25;
/// Largest body, in bytes: it has to be smaller than 130 KiB.
pub const BODY_BYTES_MAX: usize = 130 * 1024 - 1;

/// Microseconds of a second.
const MICROS: i64 = 1_000_000;
/// Parameters of a query that are looked at.
const QUERY_PAIRS_MAX: usize = 20;

/// What is read of a body.
#[derive(serde::Deserialize)]
pub(super) struct Body<'a> {
    #[serde(borrow, default)]
    pub(super) events: Events<'a>,
    #[serde(borrow, default)]
    timestamp_micros: Option<Sent<'a>>,
    #[serde(borrow, default)]
    ip_override: Option<Sent<'a>>,
    #[serde(borrow, default)]
    user_agent: Option<Sent<'a>>,
    #[serde(borrow, default)]
    device: Option<Sent<'a>>,
    #[serde(borrow, default)]
    dnt: Option<Sent<'a>>,
    #[serde(borrow, default)]
    gpc: Option<Sent<'a>>,
}

/// One event of a body. Neither `Debug` nor `Clone`.
#[derive(serde::Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow, default)]
    pub(super) name: Option<Sent<'a>>,
    #[serde(borrow, default)]
    pub(super) params: Option<Sent<'a>>,
    #[serde(borrow, default)]
    timestamp_micros: Option<Sent<'a>>,
}

/// The first events of a list, and how many there are.
#[derive(Default)]
pub(super) struct Events<'a> {
    pub(super) first: Vec<Event<'a>>,
    pub(super) count: usize,
}

/// `measurement_id` and `api_secret`.
#[derive(Default)]
pub(super) struct Query<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) secret: Cow<'a, str>,
    opted_out: bool,
}

/// The secret of a request; a send key, if it is one of ours.
#[must_use]
pub fn secret(query: &str) -> Option<Cow<'_, str>> {
    Some(Query::read(query).secret).filter(|secret| !secret.is_empty())
}

/// Reads a request.
///
/// # Errors
/// When the body is no object with events, or holds too many.
pub fn measured<'a>(query: &'a str, body: &'a [u8]) -> Hits<'a> {
    let query = Query::read(query);
    let mut body = read(body)?;
    let says_no =
        body.dnt.as_ref().is_some_and(says_dnt) || body.gpc.as_ref().is_some_and(says_gpc);
    if query.opted_out || says_no {
        return Ok(vec![Hit::of(Payload::opt_out()).into()]);
    }
    if body.events.count == 0 {
        return Err(error("events", "can't be blank"));
    }
    if body.events.count > EVENTS_MAX {
        return Err(error("events", "are too many: at most 25"));
    }
    let said = Said {
        address: body.ip_override.take().and_then(filled),
        user_agent: body.user_agent.take().and_then(filled),
        at: seconds(body.timestamp_micros.as_ref())?,
    };
    let (language, screen) = device(body.device.as_ref());
    let mut all = Vec::new();
    for event in body.events.first {
        let told = Told {
            id: query.id.clone(),
            language: language.clone(),
            screen: screen.clone(),
            named: said.clone(),
            of_server: true,
            ..Told::default()
        };
        match event.told(told) {
            Ok(told) => told.found(&mut all),
            Err(error) => all.push(Found::Wrong(error)),
        }
    }
    Ok(all)
}

/// Reads a body; of a field of another shape it says where it should be.
pub(super) fn read(body: &[u8]) -> Result<Body<'_>, PayloadError> {
    // A list would do for a struct, field by field.
    let is_object = body.trim_ascii_start().starts_with(b"{");
    let read = is_object.then(|| serde_json::from_slice(body).ok()).flatten();
    read.ok_or(error("request", "must be a JSON object with a list of events, in UTF-8"))
}

impl<'a> Query<'a> {
    pub(super) fn read(query: &'a str) -> Self {
        let mut found = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()).take(QUERY_PAIRS_MAX) {
            match &*name {
                "measurement_id" if found.id.is_empty() => found.id = value,
                "api_secret" if found.secret.is_empty() => found.secret = value,
                "dnt" => found.opted_out |= value.trim().starts_with('1'),
                "gpc" => found.opted_out |= value.trim() == "1",
                _ => {}
            }
        }
        found
    }
}

impl<'a> Event<'a> {
    fn told(self, mut told: Told<'a>) -> Result<Told<'a>, PayloadError> {
        told.name = match self.name {
            Some(Sent::Text(name)) => name,
            _ => return Err(error("name", "must be a text")),
        };
        if let Some(at) = seconds(self.timestamp_micros.as_ref())? {
            told.named.at = Some(at);
        }
        let params = match self.params {
            Some(Sent::Other(Value::Object(params))) => params,
            None | Some(Sent::Other(Value::Null)) => Map::new(),
            Some(_) => return Err(error("params", "must be an object")),
        };
        for (name, value) in params {
            told.take(&name, value);
        }
        Ok(told)
    }
}

impl Told<'_> {
    fn take(&mut self, name: &str, value: Value) {
        match (name, value) {
            ("page_location", Value::String(address)) if !address.trim().is_empty() => {
                self.page = Some(Cow::Owned(address));
            }
            ("page_referrer", Value::String(address)) => self.referrer = Cow::Owned(address),
            ("currency", Value::String(currency)) => self.currency = Cow::Owned(currency),
            ("items", Value::Array(items)) => self.items = items.len(),
            ("engagement_time_msec", value) => self.engaged_ms = whole(&value).unwrap_or_default(),
            ("language", Value::String(language)) => self.language = Cow::Owned(language),
            ("screen_resolution", Value::String(size)) => self.screen = Cow::Owned(size),
            (name, value) => self.params.add(name, value),
        }
    }
}

/// A number, also one in a text.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// Seconds since 1970 of a time in microseconds.
fn seconds(micros: Option<&Sent<'_>>) -> Result<Option<i64>, PayloadError> {
    let micros = match micros {
        None | Some(Sent::Other(Value::Null)) => return Ok(None),
        Some(Sent::Text(text)) => text.trim().parse().ok(),
        Some(Sent::Other(value)) => value.as_i64(),
    };
    let unfit = error("timestamp_micros", "must be microseconds since 1970");
    micros.map(|micros: i64| Some(micros.div_euclid(MICROS))).ok_or(unfit)
}

/// Language and screen of a device; the rest of it the User-Agent tells.
fn device<'a>(device: Option<&Sent<'_>>) -> (Cow<'a, str>, Cow<'a, str>) {
    let Some(Sent::Other(Value::Object(device))) = device else { return Default::default() };
    let text = |name: &str| match device.get(name) {
        Some(Value::String(text)) => Cow::Owned(text.clone()),
        _ => Cow::Borrowed(""),
    };
    (text("language"), text("screen_resolution"))
}

fn filled(value: Sent<'_>) -> Option<Cow<'_, str>> {
    match value {
        Sent::Text(text) if !text.trim().is_empty() => Some(text),
        _ => None,
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Events<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListReader(PhantomData))
    }
}

struct ListReader<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for ListReader<'a> {
    type Value = Events<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Events<'a>, A::Error> {
        let mut events = Events::default();
        while events.count < EVENTS_MAX {
            let Some(event) = list.next_element()? else { return Ok(events) };
            events.first.push(event);
            events.count += 1;
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            events.count += 1;
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
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
            hits(&json!({"events": [{"name": "x"}], "ip_override": " "}))[0]
                .named
                .address
                .is_none()
        );
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
        assert!(
            measured(QUERY, format!(r#"{{"other":{}"#, "[".repeat(50_000)).as_bytes()).is_err()
        );
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
}

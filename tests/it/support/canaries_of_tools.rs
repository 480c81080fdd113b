//! Planted values at the doors of other tools: in what those tools say of people, which nobody
//! asked for, and in what a server with a key names of its visitors.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::canaries::{AGENT, CANARY, SITE, V4, headers};
use crate::support::http::Client;

const WEBSITE: &str = "550e8400-e29b-41d4-a716-446655440000";
const MAIL: &str = "planted.person@mail.example";
/// What tells a visitor or user apart.
pub(crate) const WHO: &str = "plantedvisitorid";
const REFERRER: &str = "https://neighbour.example/planted-referrer-path?q=plantedreferrerquery";
/// Rows that [`send`] leaves for each address.
pub(crate) const ROWS_OF_BROWSERS: u64 = 4;
/// Rows that [`send_named`] leaves.
pub(crate) const ROWS_OF_SERVERS: u64 = 5;

fn page() -> String {
    format!("https://{SITE}{CANARY}?session=plantedquerytoken&mail={MAIL}")
}

fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn umami(kind: &str) -> String {
    let data =
        json!({"who": MAIL, "plan": "pro", "number": V4, "undeclared": "plantedpropertyvalue"});
    json!({"type": kind, "payload": {"website": WEBSITE, "hostname": SITE, "url": page(),
        "referrer": REFERRER, "title": MAIL, "name": "Signup", "id": WHO, "ip": V4,
        "userAgent": AGENT, "data": data}})
    .to_string()
}

fn ga4() -> String {
    let (page, referrer, mail) = (escaped(&page()), escaped(REFERRER), escaped(MAIL));
    format!(
        "/g/collect?v=2&tid=G-1&en=Signup&dl={page}&dr={referrer}&dt={mail}&cid={WHO}&uid={WHO}&sid={WHO}\
         &up.mail={mail}&ep.who={mail}&ep.user_email={mail}&ep.transaction_id={WHO}&uafvl=126.0.6478.127"
    )
}

fn protocol() -> String {
    let params = json!({"page_location": page(), "page_referrer": REFERRER, "page_title": MAIL,
        "who": MAIL, "session_id": WHO});
    json!({"client_id": WHO, "user_id": WHO, "ip_override": V4, "user_agent": AGENT,
        "user_properties": {"mail": {"value": MAIL}}, "user_data": {"sha256_email_address": [WHO]},
        "events": [{"name": "Signup", "params": params}]})
    .to_string()
}

fn matomo(more: &str) -> String {
    let (page, referrer, mail) = (escaped(&page()), escaped(REFERRER), escaped(MAIL));
    format!(
        "idsite=1&rec=1&url={page}&urlref={referrer}&action_name={mail}&_id={WHO}&uid={WHO}&cid={WHO}\
         &cip={V4}&ua={}&e_c={mail}&e_a=Signup&dimension1={mail}{more}",
        escaped(AGENT)
    )
}

fn goatcounter() -> String {
    let mail = escaped(MAIL);
    let query = escaped(&format!("?session=plantedquerytoken&mail={MAIL}"));
    format!("/count?p={CANARY}&t={mail}&r={}&q={query}&rnd={WHO}", escaped(REFERRER))
}

fn hits() -> String {
    json!({"hits": [{"path": CANARY, "title": MAIL, "ref": REFERRER, "ip": V4, "user_agent": AGENT,
        "session": WHO, "query": "?session=plantedquerytoken"}]})
    .to_string()
}

/// What a browser sends for each tool; leaves [`ROWS_OF_BROWSERS`] rows.
pub(crate) fn send(url: &str, address: &str, outcomes: &mut BTreeSet<String>) {
    let mut client = Client::new(url);
    let who = headers(address);
    let bot = [("User-Agent", "plantedbotagent/1.0 (+https://bot.example/bot)"), who[1], who[2]];
    let piwik = format!("/piwik.php?{}", matomo(""));
    let bulk =
        json!({"requests": [format!("?{}", matomo("&ping=1"))], "token_auth": "plantedsendkey"});
    let bulk = bulk.to_string();
    for (method, path, body, expected) in [
        ("POST", "/api/send", umami("event"), "accepted"),
        ("POST", "/api/send", umami("identify"), "ignored; reason=excluded"),
        ("POST", "/api/send", format!("{{{}", umami("event")), "rejected; reason=invalid"),
        ("GET", &ga4(), String::new(), "accepted"),
        (
            "POST",
            "/mp/collect?measurement_id=G-1&api_secret=plantedsendkey",
            protocol(),
            "ignored; reason=invalid",
        ),
        ("GET", &piwik, String::new(), "accepted"),
        ("POST", "/matomo.php", bulk, "ignored; reason=excluded"),
        ("GET", &goatcounter(), String::new(), "accepted"),
    ] {
        let answer = client.send(method, path, &who, body.as_bytes());
        assert_eq!(answer.outcome(), expected, "{path}: {}", answer.text());
        let name = answer.outcome().rsplit('=').next().unwrap_or_default();
        outcomes.insert(name.to_owned());
        let told = format!("{:?} {}", answer.headers, answer.text());
        assert!(
            !told.contains(WHO) && !told.contains(V4) && !told.contains(MAIL),
            "{path}: {told}"
        );
        let answer = client.send(method, path, &bot, body.as_bytes());
        assert_ne!(answer.outcome(), "accepted", "{path}");
    }
}

/// What a server names of its visitors, in every format that can; leaves [`ROWS_OF_SERVERS`] rows.
pub(crate) fn send_named(url: &str, key: &str) {
    let mut client = Client::new(url);
    let bearer = format!("Bearer {key}");
    let server = [("User-Agent", "plantedserver/1.0"), ("Authorization", bearer.as_str())];
    let open = &server[..1];
    let native = json!({"n": "pageview", "d": SITE, "u": page(), "r": REFERRER, "ip": V4,
        "user_agent": AGENT});
    let measured = format!("/mp/collect?measurement_id=G-1&api_secret={key}");
    let bulk = json!({"requests": [format!("?{}", matomo(""))], "token_auth": key});
    for (headers, path, body) in [
        (&server[..], "/api/event", native.to_string()),
        (&server[..], "/api/send", umami("event")),
        (open, &measured, protocol()),
        (open, "/matomo.php", bulk.to_string()),
        (&server[..], "/api/v0/count", hits()),
    ] {
        let answer = client.post(path, headers, body.as_bytes());
        assert_eq!(answer.outcome(), "accepted", "{path}: {}", answer.text());
    }
}

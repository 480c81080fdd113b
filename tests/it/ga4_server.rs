//! Google Analytics 4 from servers: the Measurement Protocol, its door for debugging, and what of a
//! hit is found nowhere.

use serde_json::{Value, json};

use crate::ga4::{agent, columns, hit, start};
use crate::support::agents;
use crate::support::geo::{ADDRESSES, Geo};
use crate::support::http::Client;
use crate::support::program::{Options, Program};
use crate::support::scan::{Found, Scan};
use crate::support::unpack;

/// 2093-06-15 22:30:15 UTC.
const MOMENT: u32 = 3_895_943_415;

fn protocol(client: &mut Client, secret: &str, body: &Value) -> (u16, String) {
    let path = format!("/mp/collect?measurement_id=G-ABC123&api_secret={secret}");
    // As a server's library sends it: with a User-Agent of its own, or none.
    let headers = [("User-Agent", "python-requests/2.32"), ("Content-Type", "application/json")];
    let answer = client.post(&path, &headers, body.to_string().as_bytes());
    assert_eq!(answer.body.len(), 0);
    (answer.status, answer.outcome().to_owned())
}

/// What is refused, and what is just within the limits: 25 events and nearly 130 KiB.
fn refused_and_full(client: &mut Client, key: &str, named: &dyn Fn(&str, Value) -> Value) {
    let micros = (i64::from(MOMENT) - 25 * 3_600) * 1_000_000;
    let invalid = (204, "ignored; reason=invalid".to_owned());
    let event = json!({"name": "x"});
    for (secret, body) in [
        ("", named("x", json!({}))),
        ("hc_send_wrong", named("x", json!({}))),
        (key, named("x", json!({"timestamp_micros": micros}))),
        (key, json!({"events": vec![event.clone(); 26]})),
        (key, json!([1])),
        (key, named(&"x".repeat(41), json!({}))),
        (key, named("x", json!({"padding": "p".repeat(130 * 1024)}))),
    ] {
        assert_eq!(protocol(client, secret, &body), invalid, "{secret}");
    }
    let full = json!({"events": vec![event; 25], "padding": "p".repeat(130 * 1024 - 600)});
    assert_eq!(protocol(client, key, &full), (204, "accepted".to_owned()));
}

#[test]
fn the_measurement_protocol_takes_a_send_key_and_what_it_names() {
    let program = start(Options { clock: Some(MOMENT), ..Options::default() });
    let ids = ["--ids", "ga4:G-ABC123"];
    program.run(&[&["site", "rules", "site.example"], &ids[..]].concat()).expect_ok("ids");
    let key = program.add_key("site.example", "send");
    let geo = Geo::open();
    let german =
        ADDRESSES.into_iter().find(|one| geo.place(one).country == "DE").expect("a German one");
    let safari = agents::like("Safari", "iOS").text.as_str();
    let page = "https://site.example/thanks";
    let micros = |seconds: i64| (i64::from(MOMENT) + seconds) * 1_000_000;
    let named = |name: &str, more: Value| {
        let mut body = json!({"client_id": "1.2", "events": [{"name": name,
            "params": {"page_location": page, "page_referrer": "https://neighbour.example/"}}]});
        body.as_object_mut().expect("one").extend(more.as_object().expect("one").clone());
        body
    };
    let visitor = json!({"ip_override": german, "user_agent": safari});
    let mut client = program.client();
    let accepted = (204, "accepted".to_owned());
    for body in [
        named("1-visitor", visitor.clone()),
        named("2-again", visitor),
        named("3-nobody", json!({})),
        named("4-address", json!({"ip_override": german})),
        named("5-agent", json!({"user_agent": safari})),
        json!({"events": [{"name": "6-no-page", "params": {"currency": "EUR", "value": 5}}]}),
        named(
            "7-earlier",
            json!({"ip_override": german, "user_agent": safari,
            "timestamp_micros": micros(-3_600)}),
        ),
    ] {
        assert_eq!(protocol(&mut client, &key, &body), accepted, "{body}");
    }
    refused_and_full(&mut client, &key, &named);
    program.wait_rows(7 + 25);
    let rows = columns(
        &program,
        "name, visitor != 0 AS known, country, browser, channel, source, path, by_key,
         toUnixTimestamp(ts) AS at",
    );
    let mut told: Vec<Value> = rows.into_iter().filter(|row| row["name"] != "x").collect();
    told.sort_by_key(|row| row["name"].to_string());
    let row = |name: &str, known: u8, country: &str, browser: &str, at: u32| {
        json!({"name": name, "known": known, "country": country, "browser": browser,
            "channel": "Referral", "source": "neighbour.example", "path": "/thanks", "by_key": 1,
            "at": at})
    };
    let mut bare = row("6-no-page", 0, "", "", MOMENT);
    for (name, value) in [("channel", "Direct"), ("source", ""), ("path", "")] {
        bare[name] = json!(value);
    }
    let expected = [
        row("1-visitor", 1, "DE", "Safari", MOMENT),
        row("2-again", 1, "DE", "Safari", MOMENT),
        row("3-nobody", 0, "", "", MOMENT),
        row("4-address", 0, "DE", "", MOMENT),
        row("5-agent", 0, "", "Safari", MOMENT),
        bare,
        row("7-earlier", 1, "DE", "Safari", MOMENT - 3_600),
    ];
    assert_eq!(told.len(), expected.len());
    for (found, expected) in told.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
}

#[test]
fn an_event_without_a_page_is_one_of_the_only_site_of_its_key() {
    let program = start(Options::default().site("other.example", "UTC"));
    let ids = ["--ids", "ga4:G-LISTED"];
    program.run(&[&["site", "rules", "other.example"], &ids[..]].concat()).expect_ok("ids");
    let key = program.add_key("site.example", "send");
    let all = program.run(&["key", "create", "--all-sites", "--scope", "send"]);
    let all = all.expect_ok("a key").trim().to_owned();
    let mut client = program.client();
    let mut ask = |path: &str, id: &str, key: &str, page: &str| {
        let mut body = json!({"events": [{"name": "x", "params": {}}]});
        if !page.is_empty() {
            body["events"][0]["params"]["page_location"] = json!(page);
        }
        let path = format!("{path}?measurement_id={id}&api_secret={key}");
        client.post(&path, &[], body.to_string().as_bytes())
    };
    let (nowhere, unknown) = ("https://nowhere.example/", "ignored; reason=unknown_site");
    for (id, key, page, outcome) in [
        ("G-UNLISTED", &key, "", "accepted"),
        // What is listed comes first, and a key holds for its own sites.
        ("G-LISTED", &key, "", unknown),
        ("G-LISTED", &all, "", "accepted"),
        ("G-UNLISTED", &all, "", unknown),
        ("G-UNLISTED", &key, nowhere, unknown),
    ] {
        let answer = ask("/mp/collect", id, key, page);
        assert_eq!((answer.status, answer.outcome()), (204, outcome), "{id} {page}");
        let said = ask("/debug/mp/collect", id, key, page).json();
        let messages = said["validationMessages"].as_array().expect("a list").len();
        assert_eq!(messages, usize::from(outcome == unknown), "{id} {page}: {said}");
    }
    program.wait_rows(2);
    assert_eq!(program.clickhouse().rows("SELECT DISTINCT site FROM open_events").len(), 2);
}

#[test]
fn the_debug_door_says_what_is_wrong_and_stores_nothing() {
    let program = start(Options::default());
    let key = program.add_key("site.example", "send");
    let mut client = program.client();
    let mut ask = |query: &str, body: &str| {
        let path = format!("/debug/mp/collect?{query}");
        let answer = client.post(&path, &[agent()], body.as_bytes());
        assert_eq!(answer.status, 200, "{query}");
        let messages = answer.json()["validationMessages"].clone();
        messages.as_array().expect("a list").clone()
    };
    let good = r#"{"client_id":"1.2","events":[{"name":"sign_up","params":{"method":"x"}}]}"#;
    let query = format!("measurement_id=G-1&api_secret={key}");
    assert_eq!(ask(&query, good), Vec::<Value>::new());
    for (query, body, field) in [
        ("", good, "measurement_id"),
        ("measurement_id=G-1&api_secret=PLANTED", good, "api_secret"),
        (&*query, "{not json PLANTED", ""),
        (&*query, r#"{"events":[{"name":"PLANTED !"}]}"#, "events[0].name"),
        (&*query, r#"{"events":[]}"#, "events"),
    ] {
        let messages = ask(query, body);
        assert_eq!(messages[0]["fieldPath"], field, "{body}");
        let text = messages[0].to_string();
        assert!(messages[0]["validationCode"].is_string() && !text.contains("PLANTED"), "{text}");
    }
    let answer = program.client().post(
        &format!("/debug/mp/collect?{query}"),
        &[agent()],
        &vec![b' '; 130 * 1024],
    );
    assert_eq!(answer.json()["validationMessages"][0]["validationCode"], "VALUE_OUT_OF_BOUNDS");
    assert_eq!(program.counted("accepted") + program.counted("invalid"), 0);
    assert_eq!(program.clickhouse().count("open_events"), 0);
}

#[test]
fn nothing_personal_of_a_hit_is_stored() {
    let program = start(Options { log: Some("trace"), ..Options::default() });
    let ids = ["--ids", "ga4:G-ABC123"];
    program.run(&[&["site", "rules", "site.example"], &ids[..]].concat()).expect_ok("ids");
    let key = program.add_key("site.example", "send");
    let mut client = program.client();
    let mail = "planted.person%40mail.example";
    let query = format!(
        "v=2&tid=G-ABC123&en=purchase&cid=plantedclient.1&uid=planteduser&sid=plantedvisit\
         &up.plan=plantedproperty&upn.age=plantedage&ecid=plantedecid&em=plantedhash&uam=plantedmodel\
         &dl=https%3A%2F%2Fsite.example%2Fcanary-path%3Fmail%3D{mail}%26x%3Dplantedquery\
         &dr=https%3A%2F%2Fneighbour.example%2Fplanted-referrer&dt=planted-title\
         &cu=EUR&epn.value=5&ep.transaction_id=plantedorder&ep.label={mail}\
         &ep.user_id=planteduser&ep.customer=plantedsecrettoken0A1b2C3d&ep.user_data.email={mail}\
         &ep.note=canary-note&ep.plan=gold&pr1=idplantedsku"
    );
    assert_eq!(hit(&mut client, &query, "").outcome(), "accepted");
    let body = json!({
        "client_id": "plantedclient.1", "user_id": "planteduser",
        "user_properties": {"plan": {"value": "plantedproperty"}},
        "user_data": {"sha256_email_address": ["plantedhash"],
            "address": {"city": "plantedcity"}},
        "user_location": {"city": "plantedcity"}, "device": {"model": "plantedmodel"},
        "ip_override": "81.2.69.163", "user_agent": format!("{} plantedagent", agent().1),
        "events": [{"name": "purchase", "params": {
            "page_location": "https://site.example/canary-path?x=plantedquery",
            "page_title": "planted-title", "session_id": "plantedvisit", "currency": "EUR",
            "value": 5, "transaction_id": "plantedorder", "label": "planted.person@mail.example",
            "user_id": "planteduser", "user_data": {"email": "planted.person@mail.example"},
            "note": "canary-note", "items": [{"item_id": "plantedsku"}]}}],
    });
    assert_eq!(protocol(&mut client, &key, &body), (204, "accepted".to_owned()));
    program.wait_rows(2);
    let planted = [
        "plantedclient",
        "planteduser",
        "plantedvisit",
        "plantedproperty",
        "plantedage",
        "plantedecid",
        "plantedhash",
        "plantedmodel",
        "planted.person",
        "plantedquery",
        "planted-referrer",
        "planted-title",
        "plantedorder",
        "plantedsecrettoken0A1b2C3d",
        "plantedsku",
        "plantedcity",
        "plantedagent",
        "81.2.69.163",
    ];
    let (scan, canaries) = (Scan::new(&planted), Scan::new(&["canary-path", "canary-note"]));
    let places = |program: &Program, scan: &Scan| {
        let mut found = scan.places(&program.clickhouse().dump());
        found.extend(unpack::folder(scan, program.home().scratch()));
        found.extend(scan.of("standard output", program.lines().join("\n").as_bytes()));
        found
    };
    assert_eq!(places(&program, &scan), []);
    let found = scan_names(&canaries.places(&program.clickhouse().dump()));
    assert!(found.contains("table open_events"), "the look is blind: {found}");
}

fn scan_names(found: &[Found]) -> String {
    found.iter().map(|(place, _)| place.as_str()).collect::<Vec<_>>().join(" ")
}

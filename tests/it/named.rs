//! What an event names besides itself: its site by another tool's id, and, with a send key, the
//! visitor's address and User-Agent and the time.

use serde_json::{Value, json};

use crate::support::geo::{ADDRESSES, Geo};
use crate::support::program::{Options, Program};

/// 2093-06-15 22:30:15 UTC.
const MOMENT: i64 = 3_895_943_415;
const HOUR: i64 = 3_600;
const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 \
    (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) \
    AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";

fn event(page: &str, more: &Value) -> String {
    let mut body =
        json!({"n": "pageview", "d": "site.example", "u": format!("https://site.example{page}")});
    let fields = body.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    body.to_string()
}

/// Two addresses of different countries.
fn two(geo: &Geo) -> (&'static str, &'static str) {
    let of = |country: &str| {
        let there = |address: &&str| geo.place(address).country == country;
        ADDRESSES.into_iter().find(there).expect("an address of that country")
    };
    (of("DE"), of("US"))
}

#[test]
fn whoever_has_a_send_key_names_visitor_and_time_and_nobody_else_does() {
    let clock = u32::try_from(MOMENT).expect("a moment of this clock");
    let options = Options { clock: Some(clock), ..Options::default() };
    let program = Program::start(options.site("site.example", "UTC"));
    let key = format!("Bearer {}", program.add_key("site.example", "send"));
    let geo = Geo::open();
    let (german, american) = two(&geo);
    let named = |at: i64| json!({"ip": german, "user_agent": SAFARI, "timestamp": at});
    let mut client = program.client();
    let mut send = |page: &str, headers: &[(&str, &str)], more: &Value| {
        let mut all = vec![("User-Agent", CHROME)];
        all.extend_from_slice(headers);
        let answer = client.post("/api/event", &all, event(page, more).as_bytes());
        (answer.status, answer.outcome().to_owned(), answer.text())
    };
    let with_key = [("Authorization", key.as_str())];
    let by_headers = [with_key[0], ("X-Forwarded-For", "PLACE, 192.0.2.1")];
    let chain = format!("{american}, 192.0.2.1");
    let by_headers =
        by_headers.map(|(name, value)| (name, value.replace("PLACE, 192.0.2.1", &chain)));
    let by_headers: Vec<(&str, &str)> =
        by_headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for (page, headers, more) in [
        ("/1-now", &with_key[..], named(MOMENT - HOUR)),
        ("/2-again", &with_key[..], named(MOMENT)),
        ("/3-ahead", &with_key[..], named(MOMENT + 290)),
        ("/4-yesterday", &with_key[..], named(MOMENT - 23 * HOUR)),
        ("/5-headers", &by_headers[..], json!({})),
        ("/6-no-key", &[][..], named(MOMENT - HOUR)),
        ("/7-no-key", &by_headers[1..], json!({})),
    ] {
        assert_eq!(send(page, headers, &more).1, "accepted", "{page}");
    }
    for (what, more, field) in [
        ("old", named(MOMENT - 24 * HOUR - 20), "timestamp"),
        ("ahead", named(MOMENT + 330), "timestamp"),
        ("no address", json!({"ip": "planted.person"}), "ip"),
    ] {
        let (status, outcome, text) = send("/refused", &with_key, &more);
        assert_eq!((status, outcome.as_str()), (400, "rejected; reason=invalid"), "{what}");
        assert!(text.contains(&format!("\"{field}\"")) && !text.contains("planted"), "{text}");
    }
    // Without a key the same words are not even looked at.
    assert_eq!(send("/8-no-key", &[], &json!({"ip": "x", "timestamp": 1})).1, "accepted");
    program.wait_rows(8);
    let rows = program.clickhouse().rows(
        "SELECT path, toString(day) AS day, toString(ts) AS ts, toString(visitor) AS visitor, country,
            browser, by_key FROM open_events ORDER BY path",
    );
    check(&rows, &geo, (german, american));
}

fn check(rows: &[Value], geo: &Geo, (german, american): (&str, &str)) {
    let text = |row: usize, column: &str| rows[row][column].as_str().expect("text");
    for row in [0, 1, 2, 3] {
        assert_eq!((text(row, "country"), text(row, "browser")), ("DE", "Safari"), "{row}");
        assert_eq!(rows[row]["by_key"], 1);
    }
    assert_eq!(geo.place(german).country, "DE");
    assert_eq!(text(0, "ts"), "2093-06-15 21:30:15");
    // Ahead of our clock is now.
    assert!(text(2, "ts") < "2093-06-15 22:32:00", "{}", text(2, "ts"));
    assert_eq!(text(0, "visitor"), text(1, "visitor"), "one visitor, whenever");
    assert_ne!(text(0, "visitor"), "0");
    assert_eq!((text(3, "day"), text(3, "visitor")), ("2093-06-14", "0"), "the key is gone");
    let by_headers = (text(4, "country"), text(4, "browser"));
    assert_eq!(by_headers, (geo.place(american).country.as_str(), "Chrome"));
    for row in [5, 6, 7] {
        assert_eq!((text(row, "country"), text(row, "browser")), ("", "Chrome"), "{row}");
        assert_eq!(text(row, "day"), "2093-06-15");
        assert_eq!(rows[row]["by_key"], 0);
        assert!(text(row, "ts") >= "2093-06-15 22:30:15");
    }
}

#[test]
fn a_site_is_also_named_by_ids_of_other_tools() {
    let options = Options::default().site("one.example", "UTC").site("two.example", "UTC");
    let program = Program::start(options);
    let ids = "ga4:G-ABC123, umami:550e8400-e29b-41d4-a716-446655440000";
    program.run(&["site", "rules", "one.example", "--ids", ids]).expect_ok("ids");
    let taken = program.run(&["site", "rules", "two.example", "--ids", "ga4:g-abc123"]);
    assert_eq!(taken.code, 1);
    assert!(taken.stderr.contains("is an id of one.example"), "{}", taken.stderr);
    let wrong = program.run(&["site", "rules", "two.example", "--ids", "G-ABC123"]);
    assert!(wrong.code != 0 && wrong.stderr.contains("write tool:ID"), "{}", wrong.stderr);

    let mut client = program.client();
    for (name, page, expected) in [
        ("ga4:G-abc123", "https://one.example/listed", "accepted"),
        (
            "umami:550E8400-e29b-41d4-a716-446655440000",
            "https://docs.one.example/listed",
            "accepted",
        ),
        // Its pages are not those of the site that has the id.
        ("ga4:G-ABC123", "https://two.example/", "ignored; reason=excluded"),
        ("matomo:1", "https://two.example/by-host", "accepted"),
        ("goatcounter:x", "https://a.b.two.example/by-host", "accepted"),
        ("matomo:1", "https://three.example/", "ignored; reason=unknown_site"),
        ("other:1", "https://two.example/", "ignored; reason=unknown_site"),
        ("two.example:80", "https://two.example/", "ignored; reason=unknown_site"),
    ] {
        let body = json!({"n": "pageview", "d": name, "u": page}).to_string();
        let answer = client.post("/api/event", &[("User-Agent", CHROME)], body.as_bytes());
        assert_eq!(answer.outcome(), expected, "{name} {page}");
    }
    program.wait_rows(4);
    let rows =
        program.clickhouse().rows("SELECT hostname, path FROM open_events ORDER BY hostname");
    let found: Vec<_> = rows.iter().map(|row| row["hostname"].as_str().expect("text")).collect();
    assert_eq!(found, ["a.b.two.example", "docs.one.example", "one.example", "two.example"]);

    // Names that mean one site are one site.
    let several = "one.example,ga4:G-ABC123,matomo:77,umami:550e8400-e29b-41d4-a716-446655440000";
    let body = json!({"n": "Once", "d": several, "u": "https://one.example/"}).to_string();
    let answer = client.post("/api/event", &[("User-Agent", CHROME)], body.as_bytes());
    assert_eq!((answer.outcome(), answer.header("x-plausible-dropped")), ("accepted", None));
    program.wait_rows(5);
    let once = "SELECT count() FROM open_events WHERE name = 'Once'";
    assert_eq!(program.clickhouse().value(once), "1");
    assert_eq!(program.counted("accepted"), 5);

    let names =
        "one.example,ga4:G-ABC123,matomo:1,none.example,umami:550e8400-e29b-41d4-a716-446655440000";
    let answer = client.get(&format!("/api/tags?host=www.two.example&names={names}"), &[]);
    assert_eq!((answer.status, answer.json()), (200, json!([1, 1, 2, 0, 1])));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    for query in ["", "?names=", &format!("?names={}", "a,".repeat(20))] {
        assert_eq!(client.get(&format!("/api/tags{query}"), &[]).status, 400, "{query}");
    }
    // An id that is taken away is free.
    program.run(&["site", "rules", "one.example", "--ids", ""]).expect_ok("no ids");
    program.run(&["site", "rules", "two.example", "--ids", "ga4:G-ABC123"]).expect_ok("free");
}

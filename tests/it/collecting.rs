//! What the collecting paths answer: every outcome with its status, header and metric, and what
//! becomes a row.

use std::time::Duration;

use serde_json::json;

use crate::support::agents;
use crate::support::http::{Answer, Client, Headers};
use crate::support::process;
use crate::support::program::{Options, PROPERTIES, Program};
use crate::support::{seconds, wait_until};
use rustix::process::Signal;

/// Outcome, status, first word of the header, request headers and body of an event.
type EventCase<'a> = (&'a str, u16, &'a str, Headers<'a>, &'a str);
/// Path, request headers and `X-Headcount` of a pixel.
type PixelCase<'a> = (&'a str, Headers<'a>, &'a str);

/// A browser's event.
const BODY: &str = r#"{"n":"pageview","u":"https://site.example/a","d":"site.example"}"#;

fn agent() -> &'static str {
    agents::like("Chrome", "Windows").text.as_str()
}

fn one_site() -> Program {
    Program::start(Options::behind_proxy().site("site.example", "UTC"))
}

fn send(client: &mut Client, body: &str) -> Answer {
    client.post("/api/event", &[("User-Agent", agent())], body.as_bytes())
}

#[test]
fn short_names_long_names_and_any_content_type_are_one_event() {
    let program = one_site();
    let mut client = program.client();
    let long = r#"{"name":"pageview","url":"https://site.example/a","domain":"site.example",
        "referrer":"https://neighbour.example/x","props":{"plan":"pro"},"interactive":true}"#;
    let short = r#"{"n":"pageview","u":"https://site.example/a","d":"site.example",
        "r":"https://neighbour.example/x","p":"{\"plan\":\"pro\"}","i":true,"v":3}"#;
    let meta = r#"{"n":"pageview","u":"https://www.site.example/a","d":"www.site.example",
        "r":"https://neighbour.example/x","m":{"plan":"pro"}}"#;
    let host = r#"{"n":"pageview","u":"https://site.example/a",
        "r":"https://neighbour.example/x","p":{"plan":"pro"}}"#;
    let bodies = [long, short, meta, host];
    for body in bodies {
        for kind in [None, Some("text/plain"), Some("application/json"), Some("image/png")] {
            let mut headers = vec![("User-Agent", agent())];
            headers.extend(kind.map(|kind| ("Content-Type", kind)));
            let answer = client.post("/api/event", &headers, body.as_bytes());
            assert_eq!((answer.status, answer.text().as_str()), (202, "ok"), "{kind:?} {body}");
            assert_eq!(answer.outcome(), "accepted");
            assert_eq!(answer.header("x-plausible-dropped"), None);
        }
    }
    program.wait_rows(16);
    let kinds = "SELECT DISTINCT visitor, name, interactive, hostname, path, referrer, props
        FROM open_events";
    assert_eq!(program.clickhouse().rows(kinds).len(), 1, "the same event in four spellings");
}

#[test]
fn a_list_of_sites_is_one_event_each_and_the_dropped_ones_are_counted() {
    let program = Program::start(
        Options::default().site("one.example", "UTC").site("two.example", "Asia/Tokyo"),
    );
    let mut client = program.client();
    let body = |list: &str| json!({"n": "x", "u": "https://one.example/", "d": list}).to_string();
    // The page belongs to one.example: two.example does not count it.
    let answer = send(&mut client, &body("one.example,two.example"));
    assert_eq!((answer.status, answer.outcome()), (202, "ignored; reason=excluded"));
    assert_eq!(answer.header("x-plausible-dropped"), Some("1"));
    let answer = send(&mut client, &body("none.example, one.example"));
    assert_eq!((answer.status, answer.outcome()), (202, "ignored; reason=unknown_site"));
    assert_eq!(answer.header("x-plausible-dropped"), Some("1"));
    let answer = send(&mut client, &body("none.example,no.example"));
    assert_eq!((answer.status, answer.outcome()), (202, "ignored; reason=unknown_site"));
    assert_eq!(answer.header("x-plausible-dropped"), Some("2"));
    for (outcome, n) in [("accepted", 2), ("excluded", 1), ("unknown_site", 3)] {
        assert_eq!(program.counted(outcome), n, "{outcome}");
    }
    program.wait_rows(2);
}

#[test]
fn every_outcome_has_its_status_header_and_metric_and_only_accepted_makes_a_row() {
    let program = one_site();
    let mut client = program.client();
    let json = |value: serde_json::Value| value.to_string();
    let elsewhere = BODY.replace("https://site.example", "https://evil.example");
    let unknown = BODY.replace("site.example", "none.example");
    let large = json(json!({"n": "x", "u": "https://site.example/", "d": "site.example",
        "p": {"k": "v".repeat(70_000)}}));
    let bot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
    let person = agent();
    let cases: [EventCase<'_>; 10] = [
        ("accepted", 202, "accepted", &[("User-Agent", person)], BODY),
        ("opted_out", 202, "ignored", &[("User-Agent", person), ("DNT", "1")], BODY),
        ("bot", 202, "ignored", &[("User-Agent", bot)], BODY),
        ("bot", 202, "ignored", &[], BODY),
        ("excluded", 202, "ignored", &[("User-Agent", person)], &elsewhere),
        ("unknown_site", 202, "ignored", &[("User-Agent", person)], &unknown),
        ("invalid", 400, "rejected", &[("User-Agent", person)], "{not json"),
        ("invalid", 400, "rejected", &[("User-Agent", person)], r#"{"n":"pageview"}"#),
        ("invalid", 400, "rejected", &[("User-Agent", person)], ""),
        ("too_large", 413, "rejected", &[("User-Agent", person)], &large),
    ];
    for (outcome, status, word, headers, body) in cases {
        let before = program.counted(outcome);
        let answer = client.post("/api/event", headers, body.as_bytes());
        let expected = if outcome == "accepted" {
            outcome.to_owned()
        } else {
            format!("{word}; reason={outcome}")
        };
        assert_eq!((answer.status, answer.outcome()), (status, expected.as_str()), "{outcome}");
        assert_eq!(program.counted(outcome), before + 1, "{outcome}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{outcome}");
        assert_eq!(answer.header("set-cookie"), None, "{outcome}");
        if status == 400 {
            let errors = answer.json();
            let fields = errors["errors"].as_object().expect("errors by field");
            assert!(fields.values().all(|list| list[0].is_string()), "{errors}");
        }
    }
    program.wait_rows(1);
}

#[test]
fn an_invalid_payload_names_the_field() {
    let program = one_site();
    let mut client = program.client();
    let long_name = "n".repeat(121);
    let long_url = format!("https://site.example/{}", "a".repeat(2_100));
    for (body, field) in [
        (json!({"u": "https://site.example/", "d": "site.example"}), "event_name"),
        (json!({"n": long_name, "u": "https://site.example/", "d": "site.example"}), "event_name"),
        (json!({"n": "pageview", "d": "site.example"}), "url"),
        (json!({"n": "pageview", "u": "data:text/html,x", "d": "site.example"}), "url"),
        (json!({"n": "pageview", "u": long_url, "d": "site.example"}), "url"),
        (json!({"n": "engagement", "u": "https://site.example/", "d": "site.example"}), ""),
    ] {
        let answer = send(&mut client, &body.to_string());
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        let errors = answer.json();
        let named = errors["errors"].as_object().expect("errors by field");
        assert!(field.is_empty() || named.contains_key(field), "{body}: {errors}");
    }
}

#[test]
fn what_was_not_counted_is_told_to_the_owner_by_reason_and_survives_a_stop() {
    let program = one_site();
    let mut client = program.client();
    for _ in 0..3 {
        client.post("/api/event", &[("User-Agent", "curl/8.5.0")], BODY.as_bytes());
    }
    send(&mut client, &BODY.replace("https://site.example", "https://evil.example"));
    client.post("/api/event", &[("User-Agent", agent()), ("Sec-GPC", "1")], BODY.as_bytes());
    send(&mut client, &BODY.replace("site.example", "none.example"));
    let (_, _, home) = program.stop();
    let program = Program::start_in(home, Options::behind_proxy());
    let sums = "SELECT outcome, sum(events) AS events FROM outcomes GROUP BY outcome
        ORDER BY outcome";
    wait_until("the counts", seconds(30), || program.clickhouse().rows(sums).len() >= 2);
    let expected =
        [json!({"outcome": "bot", "events": 3}), json!({"outcome": "excluded", "events": 1})];
    assert_eq!(program.clickhouse().rows(sums), expected);
}

#[test]
fn any_page_may_send_and_read_the_outcome() {
    let program = one_site();
    let mut client = program.client();
    let origin = ("Origin", "https://site.example");
    let answer = client.post("/api/event", &[("User-Agent", agent()), origin], BODY.as_bytes());
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let exposed = answer.header("access-control-expose-headers").unwrap_or_default();
    assert!(exposed.contains("X-Headcount"), "{exposed}");
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let asks = [origin, ("Access-Control-Request-Method", "POST")];
    let answer = client.send("OPTIONS", "/api/event", &asks, b"");
    assert!(matches!(answer.status, 200 | 204), "{}", answer.status);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let methods = answer.header("access-control-allow-methods").unwrap_or_default();
    assert!(methods.contains("POST"), "{methods}");
    assert_eq!(client.get("/api/event", &[]).status, 405);
}

#[test]
fn the_pixel_is_the_same_picture_whatever_the_outcome() {
    let program = one_site();
    let mut client = program.client();
    let person = ("User-Agent", agent());
    let page = ("Referer", "https://site.example/from/referer?secret=1");
    let cases: [PixelCase<'_>; 8] = [
        ("/pixel.gif?site=site.example&u=https%3A%2F%2Fsite.example%2Fu", &[person], "accepted"),
        ("/pixel.gif?site=site.example", &[person, page], "accepted"),
        ("/pixel.gif?site=site.example&event=seen", &[person, page], "accepted"),
        ("/pixel.gif?site=site.example&campaign=spring", &[person], "accepted"),
        ("/pixel.gif?site=none.example", &[person, page], "ignored; reason=unknown_site"),
        ("/pixel.gif?site=site.example", &[page], "ignored; reason=bot"),
        (
            "/pixel.gif?site=site.example",
            &[person, page, ("DNT", "1")],
            "ignored; reason=opted_out",
        ),
        ("/pixel.gif", &[person], "ignored; reason=invalid"),
    ];
    let mut pictures = Vec::new();
    for (path, headers, outcome) in cases {
        let answer = client.get(path, headers);
        assert_eq!((answer.status, answer.outcome()), (200, outcome), "{path}");
        assert_eq!(answer.header("content-type"), Some("image/gif"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("set-cookie"), None);
        pictures.push(answer.body);
    }
    assert!(pictures.iter().all(|picture| picture.len() == 43 && picture.starts_with(b"GIF89a")));
    program.wait_rows(4);
    let rows = program.clickhouse().rows(
        "SELECT name, path, utm_campaign, visitor != 0 AS known FROM open_events
         ORDER BY path, name, utm_campaign",
    );
    let row = |name: &str, path: &str, campaign: &str, known: u8| json!({"name": name, "path": path, "utm_campaign": campaign, "known": known});
    assert!(rows.contains(&row("pageview", "/u", "", 1)), "{rows:?}");
    assert!(rows.contains(&row("pageview", "/from/referer", "", 1)), "{rows:?}");
    assert!(rows.contains(&row("seen", "/from/referer", "", 1)), "{rows:?}");
    let mail: Vec<_> = rows.iter().filter(|row| row["utm_campaign"] == "spring").collect();
    assert_eq!(mail.len(), 1, "{rows:?}");
    assert_eq!(mail[0]["known"], 0, "a mail carries no token: {rows:?}");
}

#[test]
fn a_full_spool_refuses_with_503_and_takes_events_again_without_losing_one() {
    let options = Options::behind_proxy()
        .site("site.example", "UTC")
        .env("HEADCOUNT_SPOOL_MAX_BYTES", "16MiB");
    let program = Program::start(options);
    for engine in program.engines() {
        process::signal(engine, Signal::STOP);
    }
    let mut client = program.client();
    let filler: serde_json::Map<_, _> = PROPERTIES
        .iter()
        .map(|name| ((*name).to_owned(), json!("much to say ".repeat(150))))
        .collect();
    let large = json!({"n": "x", "u": "https://site.example/", "d": "site.example", "p": filler});
    let large = large.to_string();
    let mut accepted = 0;
    // Large events until one is refused, then small ones, until nothing fits any more.
    let mut fill = |body: &str| loop {
        let answer = send(&mut client, body);
        if answer.status != 202 {
            break answer;
        }
        accepted += 1;
        assert!(accepted < 5_000, "the spool never gets full");
    };
    fill(&large);
    let refused = fill(BODY);
    assert_eq!((refused.status, refused.outcome()), (503, "rejected; reason=spool_full"));
    assert!(refused.header("retry-after").is_some());
    assert!(accepted > 100, "full after {accepted} events");
    let undeclared = BODY.replacen('{', r#"{"p":{"not declared":"x"},"#, 1);
    assert_eq!(send(&mut client, &undeclared).status, 503);
    assert_eq!(client.get("/ready", &[]).status, 503, "not ready while it takes nothing");
    let pixel = client.get(
        "/pixel.gif?site=site.example&u=https%3A%2F%2Fsite.example%2F",
        &[("User-Agent", agent())],
    );
    assert_eq!(pixel.status, 503, "a pixel says 503 too");
    for engine in program.engines() {
        process::signal(engine, Signal::CONT);
    }
    wait_until("room in the spool", seconds(120), || {
        send(&mut client, BODY).status == 202 && client.get("/ready", &[]).status == 200
    });
    assert_eq!(send(&mut client, &undeclared).status, 202);
    let all = program.counted("accepted");
    assert!(all > accepted);
    program.wait_rows(all);
    // What was kept back of the refused event is not counted, that of the accepted one is.
    let (_, _, home) = program.stop();
    let engine = Program::start_in(home, Options::behind_proxy());
    let names = "SELECT groupArray((name, events)) FROM kept_back";
    wait_until("the count", seconds(30), || {
        engine.clickhouse().value(names) == "[('not declared',1)]"
    });
}

#[test]
fn an_answer_that_ends_the_connection_says_so() {
    let program = one_site();
    let body = BODY.to_owned() + &" ".repeat(100_000);
    for headers in [vec![("User-Agent", agent())], vec![("User-Agent", agent()), ("DNT", "1")]] {
        let mut client = program.client();
        // Either the rest of the body is read and the connection goes on, or the answer says that
        // it ends: else a relay loses the next visitor's event on it.
        let answer = client.post("/api/event", &headers, body.as_bytes());
        let says_so = answer.header("connection").is_some_and(|value| value == "close");
        let closes = client.is_closed_within(Duration::from_millis(500));
        assert!(says_so || !closes, "{} closed without a word", answer.status);
    }
}

#[test]
fn a_send_key_of_the_site_may_send_a_mebibyte_and_a_browser_64_kibibytes() {
    let program = one_site();
    let bearer = format!("Bearer {}", program.add_key("site.example", "send"));
    let reads = format!("Bearer {}", program.add_key("site.example", "read"));
    let padded = |bytes: usize| BODY.to_owned() + &" ".repeat(bytes - BODY.len());
    let post = |headers: &[(&str, &str)], bytes: usize| {
        let mut all = vec![("User-Agent", agent())];
        all.extend_from_slice(headers);
        program.client().post("/api/event", &all, padded(bytes).as_bytes()).status
    };
    assert_eq!(post(&[], 64 << 10), 202);
    assert_eq!(post(&[], (64 << 10) + 1), 413);
    assert_eq!(post(&[("Authorization", &bearer)], 1 << 20), 202);
    assert_eq!(post(&[("Authorization", &bearer)], (1 << 20) + 1), 413);
    assert_ne!(post(&[("Authorization", &reads)], 1 << 10), 202, "a read key sends nothing");
    assert_ne!(post(&[("Authorization", "Bearer hc_send_x")], 1 << 10), 202, "no key at all");
    program.wait_rows(2);
    let by_key = program.clickhouse().value("SELECT groupArray(by_key) FROM open_events");
    assert!(by_key == "[0,1]" || by_key == "[1,0]", "{by_key}");
}

//! A network that sends too much for a site is told to come back later; nobody else notices.

use std::time::Instant;

use serde_json::json;

use crate::support::agents;
use crate::support::program::{Options, Program};
use crate::support::raw::Raw;
use crate::support::{seconds, wait_until};

const BODY: &str = r#"{"n":"pageview","u":"https://site.example/a","d":"site.example"}"#;
/// Who floods, and somebody else.
const FLOODS: &str = "203.0.113.7";
const OTHER: &str = "203.0.113.8";
/// Events a second of one network for one site, and what may come at once: a minute's worth.
const RATE: usize = 5;
const BURST: usize = 300;

fn agent() -> &'static str {
    agents::like("Chrome", "Windows").text.as_str()
}

/// An event of `forwarded`, as it stands on a connection.
fn event(forwarded: &str, body: &str) -> String {
    format!(
        "POST /api/event HTTP/1.1\r\nHost: x\r\nUser-Agent: {}\r\nX-Forwarded-For: {forwarded}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        agent(),
        body.len(),
    )
}

/// Sends `n` events without waiting for an answer, each with what `forwarded` says; how many of
/// them were accepted and how many limited. The connection lasts.
fn send(program: &Program, n: usize, forwarded: impl Fn(usize) -> String) -> (usize, usize) {
    let mut raw = Raw::to(&program.url);
    let mut writer = raw.twin();
    let all: String = (0..n).map(|event_number| event(&forwarded(event_number), BODY)).collect();
    let sending = std::thread::spawn(move || writer.send(all));
    let heard = raw.hear_answers(n, seconds(60));
    assert!(sending.join().expect("the sender"), "the connection ended while sending");
    let statuses = heard.statuses();
    assert_eq!((statuses.len(), heard.closed), (n, false));
    let text = heard.text();
    let limited = statuses.iter().filter(|status| **status == 429).count();
    let reasons = text.matches("x-headcount: rejected; reason=limited").count();
    assert_eq!((reasons, text.matches("retry-after: ").count()), (limited, limited));
    (statuses.iter().filter(|status| **status == 202).count(), limited)
}

/// One event of a client; its status.
fn one(program: &Program, headers: &[(&str, &str)], body: &str) -> u16 {
    let mut all = vec![("User-Agent", agent())];
    all.extend_from_slice(headers);
    program.client().post("/api/event", &all, body.as_bytes()).status
}

#[test]
fn a_flood_of_one_network_is_limited_for_that_site_and_counted() {
    let options = Options::behind_proxy().site("site.example", "UTC").site("other.example", "UTC");
    let options = options.env("HEADCOUNT_RATE_LIMIT", &RATE.to_string());
    let program = Program::start(options);
    let bearer = format!("Bearer {}", program.add_key("site.example", "send"));
    let began = Instant::now();
    // What a client wrote to the left of its own address makes no other network of it.
    let (accepted, limited) =
        send(&program, BURST + 500, |n| format!("198.51.{}.{}, {FLOODS}", n / 250, n % 250));
    let refilled = RATE * usize::try_from(began.elapsed().as_secs() + 1).expect("few seconds");
    assert!((BURST..=BURST + refilled).contains(&accepted), "{accepted} in {refilled}");
    assert_eq!(accepted + limited, BURST + 500);
    let flooded = |headers: &[(&str, &str)]| {
        send(&program, 20, |_| FLOODS.to_owned());
        one(&program, headers, BODY)
    };
    // A token may come back just then: more than one try.
    assert!((0..5).any(|_| flooded(&[("X-Forwarded-For", FLOODS)]) == 429));
    // A pixel says it too, and stays a picture.
    let pixel = "/pixel.gif?site=site.example&u=https%3A%2F%2Fsite.example%2F";
    let headers = [("User-Agent", agent()), ("X-Forwarded-For", FLOODS)];
    let told = (0..5).any(|_| {
        send(&program, 20, |_| FLOODS.to_owned());
        let answer = program.client().get(pixel, &headers);
        assert!(answer.body.starts_with(b"GIF89a"));
        answer.status == 429
            && answer.outcome() == "rejected; reason=limited"
            && answer.header("retry-after").is_some()
    });
    assert!(told);
    // Nobody else is: another network, another site, a network of the operator's own, a relay
    // with a key; and who says no is told so as ever.
    assert_eq!(flooded(&[("X-Forwarded-For", OTHER)]), 202);
    let elsewhere = BODY.replace("site.example", "other.example");
    assert_eq!(one(&program, &[("X-Forwarded-For", FLOODS)], &elsewhere), 202);
    assert_eq!(flooded(&[]), 202);
    assert_eq!(flooded(&[("X-Forwarded-For", FLOODS), ("Authorization", &bearer)]), 202);
    assert_eq!(flooded(&[("X-Forwarded-For", FLOODS), ("DNT", "1")]), 202);

    let limited = program.counted("limited");
    let rows = program.counted("accepted");
    program.wait_rows(rows);
    let (_, _, home) = program.stop();
    let program = Program::start_in(home, Options::behind_proxy());
    let sums = "SELECT outcome, uniqExact(site) AS sites, sum(events) AS events FROM outcomes
        GROUP BY outcome";
    let expected = [json!({"outcome": "limited", "sites": 1, "events": limited})];
    // A part of them may have been stored while the events came.
    wait_until("the counts", seconds(30), || program.clickhouse().rows(sums) == expected);
    assert_eq!(program.clickhouse().rows(sums), expected);
}

#[test]
fn the_rate_can_be_changed_and_switched_off_and_an_untrusted_proxy_is_named() {
    let options = Options::behind_proxy().site("site.example", "UTC");
    let program = Program::start(options.env("HEADCOUNT_RATE_LIMIT", "off"));
    let (accepted, _) = send(&program, BURST + 500, |_| FLOODS.to_owned());
    assert_eq!(accepted, BURST + 500);
    let (_, _, home) = program.stop();

    // A proxy of the operator's own that is not trusted: everybody looks like one, and is counted
    // all the same.
    let options = Options::default().env("HEADCOUNT_RATE_LIMIT", "1");
    let program = Program::start_in(home, options);
    assert_eq!(send(&program, 200, |n| format!("203.0.113.{}", n % 250)), (200, 0));
    assert_eq!(program.metric("headcount_untrusted_forwarded_total"), 200);
}

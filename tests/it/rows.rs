//! What an event becomes: every column of its row, the visitor token, the client address.

use serde_json::{Value, json};

use crate::support::geo::{ADDRESSES, Geo, Place};
use crate::support::http::Client;
use crate::support::process;
use crate::support::program::{Options, Program};

/// 2093-06-15 22:30:15 UTC: the 16th, 12:30 in Kiritimati.
const MOMENT: u32 = 3_895_943_415;
const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 \
    (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) \
    AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0";

fn everything_but(rows: &[Value], left_out: &[&str]) -> Vec<Value> {
    let mut rows = rows.to_vec();
    for row in &mut rows {
        let columns = row.as_object_mut().expect("a row is an object");
        for name in left_out {
            assert!(columns.remove(*name).is_some(), "no column {name}");
        }
    }
    rows
}

fn visitors(program: &Program) -> Vec<String> {
    let rows = program
        .clickhouse()
        .rows("SELECT toString(visitor) AS visitor FROM open_events ORDER BY ts, path");
    rows.iter().map(|row| row["visitor"].as_str().expect("text").to_owned()).collect()
}

#[test]
fn every_column_holds_what_was_sent_and_nothing_more() {
    let options = Options { clock: Some(MOMENT), ..Options::behind_proxy() };
    let program = Program::start(options.site("site.example", "Pacific/Kiritimati"));
    let mut client = program.client();
    let geo = Geo::open();
    let german = ADDRESSES
        .into_iter()
        .find(|address| {
            let place = geo.place(address);
            place.country == "DE" && !place.city.is_empty() && !address.contains(':')
        })
        .expect("an address of a German city");
    let six = ADDRESSES
        .into_iter()
        .find(|address| address.contains(':') && !geo.place(address).country.is_empty())
        .expect("an IPv6 address of a known country");
    let full = json!({
        "n": "Purchase", "d": "site.example", "i": false,
        "u": "https://www.site.example/shop/cart?id=42&utm_source=Newsletter&utm_medium=email\
              &utm_campaign=spring&utm_term=red+shoes&utm_content=top&gclid=EAIaIQobChMI#part",
        "r": "https://www.neighbour.example/some/page?with=query",
        "p": {"plan": "pro", "seats": 3, "trial": true, "none": null, "list": [1]},
        "$": {"currency": "EUR", "amount": "12.345"},
    });
    let plain = json!({"n": "pageview", "u": "https://docs.site.example", "d": "site.example"});
    let engaged = json!({"n": "engagement", "u": "https://site.example/a%20b/", "d": "site.example",
        "e": 4321, "sd": 140});
    let sends = [
        (&full, CHROME, german, "de-AT,de;q=0.9", "*/*"),
        (&plain, SAFARI, six, "en", ""),
        (&engaged, FIREFOX, german, "", ""),
    ];
    for (body, agent, address, language, accept) in sends {
        let headers = [
            ("User-Agent", agent),
            ("X-Forwarded-For", address),
            ("Accept-Language", language),
            ("Accept", accept),
        ];
        let answer = client.post("/api/event", &headers, body.to_string().as_bytes());
        assert_eq!(answer.outcome(), "accepted", "{body}");
    }
    program.wait_rows(3);
    let rows = program.clickhouse().rows("SELECT * FROM open_events ORDER BY name");
    let expected = expected_rows(&rows[0]["site"], &geo.place(german), &geo.place(six));
    let found = everything_but(&rows, &["visitor", "spool", "batch", "position"]);
    for (found, expected) in found.iter().zip(&expected) {
        for (column, value) in expected.as_object().expect("an object") {
            assert_eq!(&found[column], value, "{column} of {}", found["name"]);
        }
        assert_eq!(found, expected, "a column nobody asked for");
    }
}

/// What the three events of the test above should have become.
fn expected_rows(site: &Value, here: &Place, there: &Place) -> [Value; 3] {
    let common = |value: Value| {
        let mut row = json!({
            "site": site, "day": "2093-06-16", "hour": 12,
            "ts": "2093-06-15 22:30:15", "by_key": 0, "hostname": "site.example",
            "referrer": "", "source": "", "channel": "Direct",
            "utm_source": "", "utm_medium": "", "utm_campaign": "", "utm_term": "",
            "utm_content": "", "click_id": "", "score": "0", "screen": "", "engaged_ms": 0, "scroll": 255, "props": {},
            "revenue": 0, "currency": "", "interactive": 1, "language": "",
        });
        let columns = row.as_object_mut().expect("an object");
        columns.extend(value.as_object().expect("an object").clone());
        row
    };
    [
        common(json!({
            "name": "Purchase", "interactive": 0, "path": "/shop/cart",
            "referrer": "neighbour.example", "source": "Newsletter", "channel": "Email",
            "utm_source": "Newsletter", "utm_medium": "email", "utm_campaign": "spring",
            "utm_term": "red shoes", "utm_content": "top", "click_id": "gclid",
            "country": here.country, "region": here.region, "city": here.city,
            "browser": "Chrome", "browser_version": "126", "os": "Windows", "os_version": "10",
            "device": "Desktop", "language": "de",
            "props": {"plan": "pro", "seats": "3", "trial": "true"},
            "revenue": 12.345, "currency": "EUR",
        })),
        common(json!({
            "name": "engagement", "interactive": 0, "path": "/a b/",
            "country": here.country, "region": here.region, "city": here.city,
            "browser": "Firefox", "browser_version": "127", "os": "GNU/Linux", "os_version": "",
            "device": "Desktop", "engaged_ms": 4321, "scroll": 100, "score": "30",
        })),
        common(json!({
            "name": "pageview", "hostname": "docs.site.example", "path": "/",
            "country": there.country, "region": there.region, "city": there.city,
            "browser": "Safari", "browser_version": "17", "os": "iOS", "os_version": "17.5",
            "device": "Mobile", "language": "en", "score": "10",
        })),
    ]
}

#[test]
fn what_points_at_one_person_is_taken_out_of_paths() {
    let program = Program::start(Options::default().site("site.example", "UTC"));
    let mut client = program.client();
    for (sent, stored) in [
        ("/user/ann@mail.example/edit", "/user/:email/edit"),
        ("/user/ann%40mail.example", "/user/:email"),
        ("/order/20260615", "/order/:number"),
        ("/order/12345", "/order/12345"),
        ("/doc/123e4567-e89b-12d3-a456-426614174000", "/doc/:uuid"),
        ("/blob/0123456789abcdef", "/blob/:hex"),
        ("/reset/dGhpcyBpcyBhIHNlY3JldA", "/reset/:token"),
        ("/2026/06/a-quite-long-title-of-a-post", "/2026/06/a-quite-long-title-of-a-post"),
        ("/search?q=ann@mail.example&token=0123456789abcdef", "/search"),
    ] {
        let body = json!({"n": "pageview", "u": format!("https://site.example{sent}"),
            "d": "site.example", "p": {"stored": stored}});
        let answer =
            client.post("/api/event", &[("User-Agent", CHROME)], body.to_string().as_bytes());
        assert_eq!(answer.outcome(), "accepted", "{sent}");
    }
    program.wait_rows(9);
    let rows =
        program.clickhouse().rows("SELECT path, props['stored'] AS expected FROM open_events");
    for row in rows {
        assert_eq!(row["path"], row["expected"]);
    }
}

/// Sends one event for each list of headers, each to a page of its own.
fn send_each(client: &mut Client, lists: &[Vec<(&str, &str)>]) {
    for (n, headers) in lists.iter().enumerate() {
        let body =
            format!(r#"{{"n":"pageview","u":"https://site.example/{n}","d":"site.example"}}"#);
        let answer = client.post("/api/event", headers, body.as_bytes());
        assert_eq!(answer.outcome(), "accepted");
    }
}

#[test]
fn a_forwarded_header_is_believed_from_trusted_proxies_only_and_from_the_right() {
    let trusted = Options {
        args: vec!["--trusted-proxies".to_owned(), "127.0.0.1/32,10.0.0.0/8".to_owned()],
        ..Options::default()
    };
    let program = Program::start(trusted.site("site.example", "UTC"));
    let agent = ("User-Agent", CHROME);
    let xff = |value| vec![agent, ("X-Forwarded-For", value)];
    let forwarded = |value| vec![agent, ("Forwarded", value)];
    // Two addresses: the even ones come from the first, the odd ones from the second.
    let lists = [
        xff("81.2.69.160"),
        xff("5.9.0.1"),
        xff("5.9.0.1, 81.2.69.160"),
        xff("81.2.69.160, 5.9.0.1, 10.1.2.3"),
        vec![agent, ("X-Forwarded-For", "5.9.0.1"), ("X-Forwarded-For", "81.2.69.160, 10.0.0.1")],
        xff("unknown, 5.9.0.1:4711"),
        forwarded("for=5.9.0.1, for=81.2.69.160;proto=https"),
        forwarded("for=\"5.9.0.1:80\""),
        xff("::ffff:81.2.69.160"),
    ];
    send_each(&mut program.client(), &lists);
    program.wait_rows(9);
    let found = visitors(&program);
    assert_ne!(found[0], found[1]);
    for (n, visitor) in found.iter().enumerate() {
        assert_eq!(visitor, &found[n % 2], "header {:?}", lists[n]);
    }
    assert_eq!(program.metric("headcount_untrusted_forwarded_total"), 0);
}

#[test]
fn without_trusted_proxies_a_forwarded_header_changes_nothing_but_is_noticed() {
    let program = Program::start(Options::default().site("site.example", "UTC"));
    let agent = ("User-Agent", CHROME);
    let lists = [
        vec![agent],
        vec![agent, ("X-Forwarded-For", "81.2.69.160")],
        vec![agent, ("Forwarded", "for=5.9.0.1")],
        vec![agent, ("X-Real-IP", "5.9.0.1"), ("CF-Connecting-IP", "5.9.0.1")],
        vec![agent, ("X-Plausible-IP", "5.9.0.1")],
    ];
    send_each(&mut program.client(), &lists);
    program.wait_rows(5);
    let found = visitors(&program);
    assert!(found.iter().all(|visitor| *visitor == found[0] && visitor != "0"), "{found:?}");
    assert_eq!(program.metric("headcount_untrusted_forwarded_total"), 2);
    let doctor = program.run(&["doctor"]).stdout;
    let line = doctor.lines().find(|line| line.contains("\ttrusted_proxies\t")).expect("a line");
    assert!(line.starts_with("warn\t") && line.contains("127.0.0.1"), "{line}");
    assert!(!line.contains("81.2.69") && !line.contains("5.9.0"), "{line}");
}

#[test]
fn a_token_is_of_one_site_one_day_one_network_and_one_agent() {
    let trusted = Options { clock: Some(MOMENT), ..Options::behind_proxy() };
    let program = Program::start(trusted.site("site.example", "UTC").site("other.example", "UTC"));
    let mut client = program.client();
    let mut n = 0;
    let mut token = |program: &Program, domain: &str, address: &str, agent: &str| {
        n += 1;
        let body = json!({"n": "pageview", "u": format!("https://{domain}/{n}"), "d": domain});
        let headers = [("User-Agent", agent), ("X-Forwarded-For", address)];
        let answer = client.post("/api/event", &headers, body.to_string().as_bytes());
        assert_eq!(answer.outcome(), "accepted");
        program.wait_rows(n);
        let sql = format!("SELECT toString(visitor) FROM open_events WHERE path = '/{n}'");
        program.clickhouse().value(&sql)
    };
    let first = token(&program, "site.example", "2a01:cb00::1", CHROME);
    assert_ne!(first, "0");
    assert_eq!(first, token(&program, "site.example", "2a01:cb00::ffff:2", CHROME), "the same /64");
    assert_ne!(first, token(&program, "site.example", "2a01:cb00:0:1::1", CHROME), "another /64");
    assert_ne!(first, token(&program, "site.example", "2a01:cb00::1", FIREFOX));
    assert_ne!(first, token(&program, "other.example", "2a01:cb00::1", CHROME));
    let clock = program.clock.as_ref().expect("a clock");
    let midnight = MOMENT - MOMENT % 86_400 + 86_400;
    clock.set(midnight - 1);
    assert_eq!(first, token(&program, "site.example", "2a01:cb00::1", CHROME), "the last second");
    clock.set(midnight);
    let next = token(&program, "site.example", "2a01:cb00::1", CHROME);
    assert_ne!(first, next, "the first second of the next day");
    assert_ne!(next, "0");
}

#[test]
fn a_restart_keeps_the_days_token_after_a_stop_and_after_a_kill() {
    let program = Program::start(Options::default().site("site.example", "Pacific/Kiritimati"));
    let lists = [vec![("User-Agent", CHROME)]];
    send_each(&mut program.client(), &lists);
    program.wait_rows(1);
    let (_, _, home) = program.stop();
    let program = Program::start_in(home, Options::default());
    send_each(&mut program.client(), &lists);
    program.wait_rows(2);
    let home = program.kill9();
    let program = Program::start_in(home, Options::default());
    send_each(&mut program.client(), &lists);
    program.wait_rows(3);
    let found = visitors(&program);
    assert!(found.iter().all(|visitor| *visitor == found[0]), "{found:?}");
    assert!(process::is_running(program.pid()));
}

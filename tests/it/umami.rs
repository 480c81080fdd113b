//! Umami's doors as its clients use them: what becomes a row, what is answered, and what is left of
//! nobody.

use serde_json::{Value, json};

use crate::support::agents;
use crate::support::http::{Answer, Client};
use crate::support::program::{Options, Program};
use crate::support::scan::Scan;
use crate::support::{seconds, wait_until};

const ID: &str = "550e8400-e29b-41d4-a716-446655440000";
/// 2093-06-15 22:30:15 UTC.
const MOMENT: u32 = 3_895_943_415;
const BOT: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
/// What must be found nowhere.
const PLANTED: [&str; 7] = [
    "planted-user-id",
    "planted.person@mail.example",
    "plantedagentword",
    "2a02:8108:1a2b:3c4d:5e6f:7a8b:9c0d:1e2f",
    "plantedtitleword",
    "plantedquerytoken",
    "81.2.69.163",
];
const CANARY: &str = "/canary-of-umami";

fn agent() -> &'static str {
    agents::like("Chrome", "Windows").text.as_str()
}

fn start(options: Options) -> Program {
    let program = Program::start(options.site("site.example", "UTC"));
    let rules = ["site", "rules", "site.example", "--properties", "tag,plan,a.b", "--ids"];
    let ids = format!("umami:{ID}");
    program.run(&[&rules[..], &[ids.as_str()]].concat()).expect_ok("site rules");
    program
}

fn body(kind: &str, changes: &Value) -> Value {
    let mut payload = json!({
        "website": ID, "hostname": "site.example", "language": "en-US", "referrer": "",
        "screen": "1920x1080", "title": "plantedtitleword", "url": "/a",
    });
    let fields = payload.as_object_mut().expect("an object");
    fields.extend(changes.as_object().expect("an object").clone());
    json!({"type": kind, "payload": payload})
}

fn send(client: &mut Client, body: &Value) -> Answer {
    let headers = [("User-Agent", agent()), ("Content-Type", "application/json")];
    client.post("/api/send", &headers, body.to_string().as_bytes())
}

fn event(client: &mut Client, changes: &Value) -> Answer {
    send(client, &body("event", changes))
}

/// The answer to what was taken, or quietly left out: three random texts.
fn is_usual(answer: &Value) -> bool {
    ["cache", "sessionId", "visitId"].iter().all(|name| answer[name].is_string())
}

#[test]
fn what_umami_sends_is_the_row_that_the_native_format_gives() {
    let program = start(Options { clock: Some(MOMENT), ..Options::behind_proxy() });
    let mut client = program.client();
    let headers = [("User-Agent", agent()), ("Accept-Language", "de")];
    let page = "https://site.example/shop/?utm_source=news&utm_campaign=spring&id=7";
    for (native, umami) in [
        (
            json!({"n": "pageview", "u": page, "d": "site.example", "w": 1920, "l": "pt",
                "r": "https://www.neighbour.example/x?q=1"}),
            json!({"url": "/shop/?utm_source=news&utm_campaign=spring&id=7", "language": "pt-BR",
                "referrer": "https://www.neighbour.example/x?q=1", "id": "planted-user-id"}),
        ),
        (
            json!({"n": "Signup", "u": page, "d": "site.example", "w": 1920, "l": "pt",
                "p": {"plan": "pro", "a.b": 1, "tag": "x"}, "$": {"amount": 9.9, "currency": "USD"}}),
            json!({"url": page, "name": "Signup", "tag": "x", "language": "pt",
                "data": {"plan": "pro", "a": {"b": 1}, "revenue": 9.9, "currency": "USD"}}),
        ),
        (
            json!({"n": "engagement", "u": page, "d": "site.example", "w": 1920, "l": "pt", "e": 4321}),
            json!({"url": page, "engagement": 4321, "language": "pt"}),
        ),
    ] {
        let answer = client.post("/api/event", &headers, native.to_string().as_bytes());
        assert_eq!(answer.outcome(), "accepted", "{native}");
        let kind = if umami.get("engagement").is_some() { "engagement" } else { "event" };
        let sent = body(kind, &umami).to_string();
        let answer = client.post("/api/send", &headers, sent.as_bytes());
        assert_eq!((answer.status, answer.outcome()), (200, "accepted"), "{sent}");
        assert!(is_usual(&answer.json()), "{}", answer.text());
    }
    program.wait_rows(6);
    let rows = program
        .clickhouse()
        .rows("SELECT * EXCEPT (spool, batch, position) FROM open_events ORDER BY name");
    for pair in rows.chunks(2) {
        assert_eq!(pair[0], pair[1]);
    }
    assert_eq!(rows[0]["name"], "Signup");
    assert_eq!((&rows[0]["revenue"], &rows[0]["currency"]), (&json!(9.9), &json!("USD")));
    assert_eq!(rows[0]["props"], json!({"plan": "pro", "a.b": "1", "tag": "x"}));
    assert_ne!(rows[0]["visitor"], json!("0"));
}

#[test]
fn each_outcome_has_the_answer_that_umamis_clients_expect() {
    let program = start(Options::behind_proxy());
    let mut client = program.client();
    let person = ("User-Agent", agent());
    let good = body("event", &json!({})).to_string();
    let unknown = good
        .replace(ID, "00000000-0000-4000-8000-000000000000")
        .replace("site.example", "none.example");
    let elsewhere = good.replace("site.example", "evil.example");
    let of_another = body("event", &json!({"url": "https://evil.example/x"})).to_string();
    let large = body("event", &json!({"title": "t".repeat(70_000)})).to_string();
    let refused = |answer: &Answer, code: &str| {
        let error = &answer.json()["error"];
        assert_eq!(error["code"], code, "{}", answer.text());
        assert_eq!(error["status"], answer.status);
        assert!(error["message"].is_string());
    };
    for (headers, body, status, outcome, code) in [
        (&[person][..], &good, 200, "accepted", ""),
        (&[person, ("x-umami-cache", "a.b.c")], &good, 200, "accepted", ""),
        (&[person, ("DNT", "1")], &good, 200, "ignored; reason=opted_out", ""),
        (
            &[person, ("Sec-GPC", "1")],
            &"not even JSON".to_owned(),
            200,
            "ignored; reason=opted_out",
            "",
        ),
        (&[person], &elsewhere, 200, "ignored; reason=excluded", ""),
        (&[person], &of_another, 200, "ignored; reason=excluded", ""),
        (&[person], &unknown, 400, "rejected; reason=unknown_site", "bad-request"),
        (&[person], &"{".to_owned(), 400, "rejected; reason=invalid", "bad-request"),
        (&[person], &good.replace(ID, "x"), 400, "rejected; reason=invalid", "bad-request"),
        (&[person], &large, 413, "rejected; reason=too_large", "payload-too-large"),
    ] {
        let before = program.counted(outcome.rsplit('=').next().expect("a name"));
        let answer = client.post("/api/send", headers, body.as_bytes());
        assert_eq!((answer.status, answer.outcome()), (status, outcome), "{}", answer.text());
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("set-cookie"), None);
        if code.is_empty() {
            assert!(is_usual(&answer.json()));
        } else {
            refused(&answer, code);
        }
        let name = outcome.rsplit('=').next().expect("a name");
        assert_eq!(program.counted(name), before + 1, "{outcome}");
    }
    let said = client.post("/api/send", &[person], unknown.as_bytes()).json();
    assert_eq!(said["error"]["message"], "Website not found.");
    let bot = client.post("/api/send", &[("User-Agent", BOT)], good.as_bytes());
    assert_eq!((bot.status, bot.json()), (200, json!({"beep": "boop"})));
    assert_eq!(bot.outcome(), "ignored; reason=bot");
    // Whoever asked not to be counted is told to stop asking.
    let gone = client.post("/api/send", &[person, ("DNT", "1")], good.as_bytes());
    assert_eq!(gone.json()["disabled"], true);
    let texts = |answer: Answer| {
        ["cache", "sessionId", "visitId"].map(|name| answer.json()[name].to_string())
    };
    let (first, second) = (event(&mut client, &json!({})), event(&mut client, &json!({})));
    let (first, second) = (texts(first), texts(second));
    assert!(first.iter().zip(&second).all(|(one, other)| one != other), "{first:?}");
    program.wait_rows(4);
}

#[test]
fn identities_are_answered_and_kept_nowhere_and_measurements_are_no_rows() {
    let program = start(Options::behind_proxy());
    let mut client = program.client();
    for (kind, changes) in [
        (
            "identify",
            json!({"id": "planted-user-id", "data": {"email": "planted.person@mail.example"}}),
        ),
        ("performance", json!({"lcp": 1200, "cls": 0.05, "title": "plantedtitleword"})),
        ("performance", json!({})),
    ] {
        let answer = send(&mut client, &body(kind, &changes));
        assert_eq!(answer.status, 200, "{kind}: {}", answer.text());
        assert!(is_usual(&answer.json()));
    }
    let answer = client.post("/api/record", &[("User-Agent", agent())], b"{\"events\":[]}");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(event(&mut client, &json!({})).outcome(), "accepted");
    program.wait_rows(1);
    let metrics = "SELECT DISTINCT metric FROM vitals";
    wait_until("the measurements", seconds(30), || program.clickhouse().rows(metrics).len() == 2);
}

#[test]
fn a_batch_is_counted_entry_by_entry() {
    let program = start(Options::behind_proxy());
    let mut client = program.client();
    let headers = [("User-Agent", agent()), ("Content-Type", "application/json")];
    let list = json!([
        body("event", &json!({"url": "/1"})),
        body("event", &json!({"website": "x"})),
        body("identify", &json!({"id": "planted-user-id"})),
        7,
        body(
            "event",
            &json!({"website": "00000000-0000-4000-8000-000000000000", "hostname": "none.example"})
        ),
        body("event", &json!({"url": "/2", "name": "x"})),
    ]);
    let answer = client.post("/api/batch", &headers, list.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let said = answer.json();
    assert_eq!(
        (&said["size"], &said["processed"], &said["errors"]),
        (&json!(6), &json!(3), &json!(3))
    );
    assert!(said["cache"].is_string());
    let indexes: Vec<&Value> =
        said["details"].as_array().expect("a list").iter().map(|one| &one["index"]).collect();
    assert_eq!(indexes, [1, 3, 4]);
    assert_eq!(said["details"][2]["response"]["error"]["message"], "Website not found.");
    for (outcome, n) in [("accepted", 2), ("invalid", 2), ("unknown_site", 1)] {
        assert_eq!(program.counted(outcome), n, "{outcome}");
    }
    for (body, status) in [("{}", 400), ("[", 400), ("[]", 200)] {
        assert_eq!(client.post("/api/batch", &headers, body.as_bytes()).status, status, "{body}");
    }
    let many = Value::Array(vec![json!({}); 501]).to_string();
    assert_eq!(client.post("/api/batch", &headers, many.as_bytes()).status, 400);
    program.wait_rows(2);
}

#[test]
fn any_page_may_send() {
    let program = start(Options::behind_proxy());
    let mut client = program.client();
    let asks = [
        ("Origin", "https://site.example"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type,x-umami-cache"),
    ];
    for path in ["/api/send", "/api/batch", "/api/record"] {
        let answer = client.send("OPTIONS", path, &asks, b"");
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        let allowed =
            answer.header("access-control-allow-headers").unwrap_or_default().to_lowercase();
        assert!(allowed.contains("content-type") && allowed.contains("x-umami-cache"), "{allowed}");
        assert!(answer.header("access-control-allow-methods").unwrap_or_default().contains("POST"));
        assert_eq!(client.get(path, &[]).status, 405, "{path}");
    }
}

#[test]
fn only_a_send_key_names_address_agent_and_time() {
    let program = start(Options { clock: Some(MOMENT), ..Options::default() });
    let key = format!("Bearer {}", program.add_key("site.example", "send"));
    let firefox = agents::like("Firefox", "Windows").text.as_str();
    let mut client = program.client();
    let named = json!({"ip": "81.2.69.163", "userAgent": firefox, "timestamp": MOMENT - 600});
    for (path, authorization) in [("/without", None), ("/with", Some(key.as_str()))] {
        let mut changes = named.clone();
        changes["url"] = json!(path);
        let mut headers = vec![("User-Agent", agent())];
        headers.extend(authorization.map(|key| ("Authorization", key)));
        let body = body("event", &changes).to_string();
        let answer = client.post("/api/send", &headers, body.as_bytes());
        assert_eq!(answer.outcome(), "accepted", "{path}: {}", answer.text());
    }
    let with_key = [("User-Agent", agent()), ("Authorization", key.as_str())];
    // A server that knows neither page nor visitor: the key says which site it is.
    let bare = json!({"website": "00000000-0000-4000-8000-000000000000", "name": "zero", "ip": "",
        "userAgent": null, "hostname": null, "url": null});
    let sent = json!({"type": "event", "payload": bare}).to_string();
    let answer = client.post("/api/send", &with_key, sent.as_bytes());
    assert_eq!(answer.outcome(), "accepted", "{}", answer.text());
    let answer = client.post("/api/send", &[("User-Agent", agent())], sent.as_bytes());
    assert_eq!(answer.outcome(), "rejected; reason=unknown_site", "{}", answer.text());
    program.wait_rows(3);
    let rows = program
        .clickhouse()
        .rows("SELECT path, browser, country, toUnixTimestamp(ts) AS ts, by_key FROM open_events WHERE name = 'pageview' ORDER BY path");
    let row = |path: &str, browser: &str, country: &str, ts: u32, by_key: u8| json!({"path": path, "browser": browser, "country": country, "ts": ts, "by_key": by_key});
    assert_eq!(rows[0], row("/with", "Firefox", "GB", MOMENT - 600, 1));
    assert_eq!(rows[1], row("/without", "Chrome", "", MOMENT, 0));
    let wrong = [("User-Agent", agent()), ("Authorization", "Bearer hc_send_nobody")];
    let answer = client.post("/api/send", &wrong, body("event", &json!({})).to_string().as_bytes());
    assert_eq!((answer.status, answer.outcome()), (400, "rejected; reason=invalid"));
}

#[test]
fn nothing_of_a_person_is_left_and_the_page_is() {
    let program = start(Options { log: Some("trace"), ..Options::behind_proxy() });
    let mut client = program.client();
    let agent = "Mozilla/5.0 (X11; Linux x86_64; plantedagentword) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
    let person = [("User-Agent", agent), ("X-Forwarded-For", "81.2.69.163")];
    let opted_out = [person[0], person[1], ("Sec-GPC", "1")];
    let loaded = |url: &str| {
        json!({
            "id": "planted-user-id", "ip": "2a02:8108:1a2b:3c4d:5e6f:7a8b:9c0d:1e2f", "userAgent": agent, "name": "signup",
            "url": format!("{url}?token=plantedquerytoken"), "tag": "planted.person@mail.example",
            "referrer": "https://neighbour.example/?q=plantedquerytoken",
            "data": {"plan": "planted.person@mail.example", "who": "planted-user-id", "undeclared": "plantedquerytoken"},
        })
    };
    let sent = body("event", &loaded(CANARY)).to_string();
    let batch =
        json!([body("event", &loaded(CANARY)), body("identify", &loaded(CANARY))]).to_string();
    let refused = sent.replace(ID, "planted-user-id");
    let unseen = body("event", &loaded("/opted-out-page")).to_string();
    for (path, headers, body, outcome) in [
        ("/api/send", &person[..], &sent, "accepted"),
        ("/api/batch", &person, &batch, "accepted"),
        ("/api/send", &person, &refused, "rejected; reason=invalid"),
        ("/api/send", &opted_out, &unseen, "ignored; reason=opted_out"),
        (
            "/api/batch",
            &opted_out,
            &batch.replace(CANARY, "/opted-out-page"),
            "ignored; reason=opted_out",
        ),
        ("/api/record", &person, &sent.replace(CANARY, "/opted-out-page"), ""),
    ] {
        let answer = client.post(path, headers, body.as_bytes());
        assert!(
            outcome.is_empty() || answer.outcome() == outcome,
            "{path}: {} {}",
            answer.outcome(),
            answer.text()
        );
    }
    let relayed = body("event", &json!({"dnt": "1", "url": "/opted-out-page"})).to_string();
    let answer = client.post("/api/send", &person, relayed.as_bytes());
    assert_eq!(answer.outcome(), "ignored; reason=opted_out");
    program.wait_rows(2);
    let scan = Scan::new(&[&PLANTED[..], &["/opted-out-page"]].concat());
    assert_eq!(scan.places(&program.clickhouse().dump()), []);
    let canary = Scan::new(&[CANARY]);
    assert!(!canary.places(&program.clickhouse().dump()).is_empty(), "the look is blind");
    let (code, _, home) = program.stop();
    assert_eq!(code, 0);
    assert_eq!(scan.folder(home.scratch()), []);
    let log = home.log_file();
    std::fs::write(&log, home.log() + "planted-user-id").expect("our own log file");
    assert!(!scan.folder(home.scratch()).is_empty(), "the look into files is blind");
}

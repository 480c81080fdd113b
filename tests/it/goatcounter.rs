//! GoatCounter's doors as its script, pictures and servers use them: what becomes a row, what is
//! answered, and what is left of nobody.

use serde_json::{Value, json};

use crate::support::agents;
use crate::support::http::{Answer, Client};
use crate::support::noes;
use crate::support::program::{Options, Program};
use crate::support::scan::Scan;

/// 2093-06-15 22:30:15 UTC.
pub(crate) const MOMENT: u32 = 3_895_943_415;
/// The host that a tag names: its first part is the site's code.
const HOST: &str = "code.stats.example";
const BOT: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
/// What must be found nowhere.
const PLANTED: [&str; 6] = [
    "planted.person@mail.example",
    "plantedagentword",
    "plantedtitleword",
    "plantedquerytoken",
    "plantedsessionid",
    "81.2.69.163",
];
const CANARY: &str = "/canary-of-goatcounter";

pub(crate) fn agent() -> &'static str {
    agents::like("Chrome", "Windows").text.as_str()
}

pub(crate) fn start(options: Options) -> Program {
    let program = Program::start(options.site("site.example", "UTC"));
    let rules = ["site", "rules", "site.example", "--ids", "goatcounter:code"];
    program.run(&rules).expect_ok("site rules");
    program
}

/// A request of the host that a tag names.
pub(crate) fn ask(
    client: &mut Client,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut text =
        format!("{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    client.try_raw(format!("{text}\r\n{body}").as_bytes()).expect("an answer")
}

#[test]
fn what_goatcounter_sends_is_the_row_that_the_native_format_gives() {
    let program = start(Options { clock: Some(MOMENT), ..Options::behind_proxy() });
    let mut client = program.client();
    let headers = [
        ("User-Agent", agent()),
        ("Accept-Language", "de"),
        ("Referer", "https://www.site.example/"),
    ];
    let native = json!({"n": "pageview", "u": "https://site.example/shop?id=7&utm_source=news",
        "d": "site.example", "w": 1920, "r": "https://www.neighbour.example/x?q=1"});
    let answer = client.post("/api/event", &headers, native.to_string().as_bytes());
    assert_eq!(answer.outcome(), "accepted");
    let query = "p=%2Fshop%3Fid%3D7&q=%3Fid%3D7%26utm_source%3Dnews&s=1920,1080,1&t=T&b=0&rnd=x\
        &r=https%3A%2F%2Fwww.neighbour.example%2Fx%3Fq%3D1";
    for method in ["GET", "POST"] {
        let answer = ask(&mut client, method, &format!("/count?{query}"), &headers, "");
        assert_eq!((answer.status, answer.outcome()), (200, "accepted"), "{method}");
        assert_eq!(answer.header("content-type"), Some("image/gif"));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("cross-origin"));
        assert!(answer.body.starts_with(b"GIF89a"));
    }
    program.wait_rows(3);
    let rows =
        program.clickhouse().rows("SELECT * EXCEPT (spool, batch, position) FROM open_events");
    assert!(rows.iter().all(|row| *row == rows[0]), "{rows:#?}");
    assert_eq!((&rows[0]["path"], &rows[0]["source"]), (&json!("/shop"), &json!("news")));
}

#[test]
fn each_outcome_has_the_picture_and_says_why() {
    let program = start(Options::behind_proxy());
    let mut client = program.client();
    let person = ("User-Agent", agent());
    let page = ("Referer", "https://site.example/");
    for (headers, query, status, outcome, said) in [
        (&[person, page][..], "p=/a", 200, "accepted", None),
        (&[person], "p=/of-the-code", 200, "accepted", None),
        (&[person, page], "p=buy&e=true", 200, "accepted", None),
        (&[person, page, ("DNT", "1")], "p=/a", 200, "ignored; reason=opted_out", None),
        (&[person, page], "p=/a&gpc=1", 200, "ignored; reason=opted_out", None),
        (&[("User-Agent", BOT), page], "p=/a", 200, "ignored; reason=bot", None),
        (&[person, page], "p=/a&b=150", 200, "ignored; reason=bot", None),
        (&[person, page, ("Sec-Purpose", "prefetch")], "p=/a", 200, "ignored; reason=bot", None),
        (
            &[person, ("Referer", "https://evil.example/")],
            "p=/a",
            202,
            "ignored; reason=excluded",
            Some(""),
        ),
        (&[person, page], "t=x", 400, "rejected; reason=invalid", Some("p ")),
        (&[person, page], "p=/a&b=1", 400, "rejected; reason=invalid", Some("b ")),
        (&[person, page], "p=/a&e=maybe", 400, "rejected; reason=invalid", Some("e ")),
    ] {
        let answer = ask(&mut client, "GET", &format!("/count?{query}"), headers, "");
        assert_eq!((answer.status, answer.outcome()), (status, outcome), "{query}");
        assert_eq!(answer.header("content-type"), Some("image/gif"));
        assert_eq!(answer.body.len(), 43);
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        let reason = answer.header("x-goatcounter");
        assert_eq!(reason.is_some(), said.is_some(), "{query}: {reason:?}");
        assert!(said.is_none_or(|said| reason.unwrap_or_default().contains(said)), "{reason:?}");
    }
    // Whose code and page nobody knows.
    let who = [person, ("Referer", "https://none.example/")];
    let answer = client.get("/count?p=/a", &who);
    assert_eq!((answer.status, answer.outcome()), (400, "rejected; reason=unknown_site"));
    assert!(answer.header("x-goatcounter").is_some());
    // Without a code the page's own host is enough.
    assert_eq!(client.get("/count?p=/by-page", &[person, page]).outcome(), "accepted");
    assert_eq!(client.send("PUT", "/count", &[person], b"").status, 405);
    assert_eq!(client.send("OPTIONS", "/count", &[], b"").status, 204);
    program.wait_rows(4);
    let rows =
        program.clickhouse().rows("SELECT name, hostname, path FROM open_events ORDER BY path");
    let row =
        |name: &str, path: &str| json!({"name": name, "hostname": "site.example", "path": path});
    assert_eq!(
        rows,
        [
            row("buy", ""),
            row("pageview", "/a"),
            row("pageview", "/by-page"),
            row("pageview", "/of-the-code")
        ]
    );
}

fn told(client: &mut Client, key: &str, body: &Value) -> Answer {
    let key = format!("Bearer {key}");
    let headers = [("User-Agent", "Go-http-client/1.1"), ("Authorization", key.as_str())];
    client.post("/api/v0/count", &headers, body.to_string().as_bytes())
}

#[test]
fn a_server_tells_of_its_visitors_with_a_key() {
    let program = start(Options { clock: Some(MOMENT), ..Options::default() });
    let key = program.add_key("site.example", "send");
    let firefox = agents::like("Firefox", "Windows").text.as_str();
    let mut client = program.client();
    let known = |path: &str| json!({"path": path, "ip": "81.2.69.163", "user_agent": firefox, "session": "plantedsessionid"});
    let answer = told(&mut client, &key, &json!({"hits": [known("/1"), known("/2/")]}));
    assert_eq!((answer.status, answer.json()), (202, json!({})));
    assert_eq!(answer.outcome(), "accepted");
    // Nothing is known of who it was: the events count, and are nobody's.
    let answer = told(&mut client, &key, &json!({"no_sessions": true, "hits": [{"path": "/3"}]}));
    assert_eq!(answer.status, 202, "{}", answer.text());
    let mixed = json!({"hits": [known("/4"), {"path": ""}, {"path": "/x"}, known("/5"), {"path": "buy", "event": true, "ip": "81.2.69.163", "user_agent": BOT}]});
    let answer = told(&mut client, &key, &mixed);
    assert_eq!(answer.status, 400, "{}", answer.text());
    let errors = answer.json()["errors"].clone();
    let indexes: Vec<&String> = errors.as_object().expect("an object").keys().collect();
    assert_eq!(indexes, ["1", "2"], "{errors}");
    assert!(errors["1"].is_string());
    program.wait_rows(5);
    let rows = program.clickhouse().rows(
        "SELECT path, browser, country, visitor != 0 AS known, by_key FROM open_events ORDER BY path",
    );
    let row = |path: &str, browser: &str, country: &str, known: u8| json!({"path": path, "browser": browser, "country": country, "known": known, "by_key": 1});
    let of_someone = |path: &str| row(path, "Firefox", "GB", 1);
    assert_eq!(
        rows,
        [
            of_someone("/1"),
            of_someone("/2"),
            row("/3", "", "", 0),
            of_someone("/4"),
            of_someone("/5")
        ]
    );
}

#[test]
fn the_api_needs_a_key_of_one_site_and_one_to_500_hits() {
    let program = start(Options::default());
    let mut client = program.client();
    let hit = json!({"path": "/", "session": "s"});
    let hits = |n: usize| json!({"hits": vec![hit.clone(); n]});
    let anonymous = client.post("/api/v0/count", &[], hits(1).to_string().as_bytes());
    assert_eq!(anonymous.status, 401, "{}", anonymous.text());
    let read = program.add_key("site.example", "read");
    for wrong in ["hc_send_nobody", &read] {
        assert!(matches!(told(&mut client, wrong, &hits(1)).status, 400 | 401 | 403), "{wrong}");
    }
    let everywhere =
        program.run(&["key", "create", "--all-sites", "--scope", "send"]).expect_ok("a key");
    let answer = told(&mut client, everywhere.trim(), &hits(1));
    assert_eq!(answer.status, 400);
    assert!(answer.json()["error"].as_str().expect("a text").contains("site"), "{}", answer.text());
    let key = program.add_key("site.example", "send");
    for (n, status) in [(0, 400), (1, 202), (499, 202), (500, 202), (501, 400)] {
        let answer = told(&mut client, &key, &hits(n));
        assert_eq!(answer.status, status, "{n}: {}", answer.text());
        assert!(status == 202 || answer.json()["error"].is_string());
    }
    let mixed = json!({"hits": [{"path": "/", "dnt": 1}, {"path": "/"}]});
    let answer = told(&mut client, &key, &mixed);
    assert_eq!((answer.status, answer.outcome()), (400, "rejected; reason=invalid"));
    assert!(answer.json()["errors"]["1"].is_string() && answer.json()["errors"]["0"].is_null());
    program.wait_rows(1_000);
}

#[test]
fn nothing_of_a_person_is_left_and_the_page_is() {
    let program = start(Options { log: Some("trace"), ..Options::behind_proxy() });
    let key = program.add_key("site.example", "send");
    let mut client = program.client();
    let agent = "Mozilla/5.0 (X11; Linux x86_64; plantedagentword) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
    let person = [
        ("User-Agent", agent),
        ("X-Forwarded-For", "81.2.69.163"),
        ("Referer", "https://site.example/?x=plantedquerytoken"),
    ];
    let opted_out = [person[0], person[1], person[2], ("DNT", "1")];
    let query = |path: &str| {
        format!(
            "p={path}%3Ftoken%3Dplantedquerytoken&t=plantedtitleword&q=%3Futm_term%3Dplanted.person%40mail.example&r=https%3A%2F%2Fa.example%2Fplantedquerytoken"
        )
    };
    for (headers, query, outcome) in [
        (&person[..], query(CANARY), "accepted"),
        (&person, "p=planted.person%40mail.example&e=1".to_owned(), "accepted"),
        (&person, "p=/opted-out-page&gpc=1".to_owned(), "ignored; reason=opted_out"),
        (&opted_out, query("/opted-out-page"), "ignored; reason=opted_out"),
        (
            &person,
            "p=&t=plantedtitleword&b=plantedquerytoken".to_owned(),
            "rejected; reason=invalid",
        ),
    ] {
        let answer = ask(&mut client, "GET", &format!("/count?{query}"), headers, "");
        assert_eq!(answer.outcome(), outcome, "{query}");
    }
    let hit = json!({"path": CANARY, "ip": "81.2.69.163", "user_agent": agent, "session": "plantedsessionid", "title": "plantedtitleword"});
    let relayed =
        json!({"path": "/opted-out-page", "ip": "81.2.69.163", "user_agent": agent, "dnt": "1"});
    let answer = told(&mut client, &key, &json!({"hits": [hit, relayed]}));
    assert_eq!(answer.status, 202, "{}", answer.text());
    program.wait_rows(3);
    let scan = Scan::new(&[&PLANTED[..], &["/opted-out-page"]].concat());
    assert_eq!(scan.places(&program.clickhouse().dump()), []);
    let canary = Scan::new(&[CANARY]);
    assert!(!canary.places(&program.clickhouse().dump()).is_empty(), "the look is blind");
    let (code, _, home) = program.stop();
    assert_eq!(code, 0);
    assert_eq!(scan.folder(home.scratch()), []);
    std::fs::write(home.log_file(), home.log() + "plantedsessionid").expect("our own log file");
    assert!(!scan.folder(home.scratch()).is_empty(), "the look into files is blind");
}

#[test]
fn every_spelling_of_no_is_heard_at_the_doors_of_both_tools() {
    let program = start(Options::behind_proxy());
    let key = format!("Bearer {}", program.add_key("site.example", "send"));
    let mut client = program.client();
    let umami = json!({"type": "event", "payload": {"website": "550e8400-e29b-41d4-a716-446655440000",
        "hostname": "site.example", "url": "/said-no"}});
    let batch = json!([umami]).to_string();
    let umami = umami.to_string();
    let told = json!({"no_sessions": true, "hits": [{"path": "/said-no"}]}).to_string();
    let page = ("Referer", "https://site.example/");
    let doors = [
        ("POST", "/api/send", &[][..], umami.as_str(), 200),
        ("POST", "/api/batch", &[], &batch, 200),
        ("GET", "/count?p=/said-no", &[page], "", 200),
        ("POST", "/count?p=/said-no", &[page], "", 200),
        ("POST", "/api/v0/count", &[("Authorization", key.as_str())], &told, 202),
    ];
    let mut asked = 0;
    let ask_as = |client: &mut Client, no: &[(&str, &str)]| {
        doors.map(|(method, path, more, body, status)| {
            let headers = [&[("User-Agent", agent())], more, no].concat();
            let answer = client.send(method, path, &headers, body.as_bytes());
            assert_eq!(answer.status, status, "{path} {no:?}: {}", answer.text());
            answer.outcome().to_owned()
        })
    };
    for no in noes::headers() {
        for outcome in ask_as(&mut client, &no) {
            assert_eq!(outcome, "ignored; reason=opted_out", "{no:?}");
            asked += 1;
        }
    }
    assert!(asked > 200, "{asked}");
    assert_eq!(program.counted("opted_out"), asked);
    let keys = || std::fs::read_dir(program.home().keys()).expect("the key directory").count();
    let before = keys();
    assert_eq!(ask_as(&mut client, &[("DNT", "0")]), ["accepted"; 5]);
    assert!(keys() > before, "the control makes a key");
    program.wait_rows(5);
}

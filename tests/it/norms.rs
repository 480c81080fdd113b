//! The norms about saying no, one test a statement: W3C's "Tracking Preference Expression"
//! (DNT-1 to DNT-8) and "Global Privacy Control" (GPC-1 to GPC-4).

use std::path::Path;

use regex::Regex;
use serde_json::{Value, json};

use crate::browser;
use crate::support::http::Answer;
use crate::support::program::{Options, Program};
use crate::support::scan::Scan;
use crate::support::{agents, seconds, wait_until};

const SITE: &str = "shop.site.example";
const BODY: &str = r#"{"n":"pageview","u":"https://shop.site.example/a","d":"shop.site.example"}"#;
const PIXEL: &str = "/pixel.gif?site=shop.site.example&u=https%3A%2F%2Fshop.site.example%2Fa";
/// Tracking status values of the recommendation.
const STATUSES: [&str; 9] = ["!", "?", "G", "N", "T", "C", "P", "D", "U"];

fn start() -> Program {
    Program::start(Options::behind_proxy().site(SITE, "UTC"))
}

fn post(program: &Program, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut all = vec![("User-Agent", agents::like("Chrome", "Windows").text.as_str())];
    all.extend_from_slice(headers);
    program.client().post("/api/event", &all, body.as_bytes())
}

fn pixel(program: &Program, headers: &[(&str, &str)]) -> Answer {
    let mut all = vec![("User-Agent", agents::like("Chrome", "Windows").text.as_str())];
    all.extend_from_slice(headers);
    program.client().get(PIXEL, &all)
}

fn get(program: &Program, path: &str) -> Answer {
    program.client().get(path, &[])
}

/// A status resource as the recommendation wants it; its object.
fn status(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/tracking-status+json"));
    let object = answer.json();
    assert_eq!(object["tracking"], "N");
    object
}

/// Key files there are: the first thing that would be made of a visitor.
fn keys(program: &Program) -> usize {
    let entries = std::fs::read_dir(program.home().keys()).expect("the key directory");
    entries.flatten().filter(|entry| entry.path().extension().is_some_and(|e| e == "key")).count()
}

/// Answers of the collecting paths with every outcome that a request alone can have.
fn every_answer(program: &Program) -> Vec<Answer> {
    let bad_key = [("Authorization", "Bearer hc_send_nobody")];
    let two = BODY.replace("\"d\":\"", "\"d\":\"none.example,");
    let bot = [("User-Agent", "curl/8.5.0")];
    vec![
        post(program, &[], BODY),
        post(program, &[("DNT", "1")], BODY),
        program.client().post("/api/event", &bot, BODY.as_bytes()),
        post(program, &[], &BODY.replace("https://shop.site", "https://other")),
        post(program, &[], &BODY.replace("\"d\":\"shop", "\"d\":\"none")),
        post(program, &[], &two),
        post(program, &[], "{not json"),
        post(program, &bad_key, BODY),
        post(program, &[], &format!("{BODY}{}", " ".repeat(70_000))),
        pixel(program, &[]),
        pixel(program, &[("Sec-GPC", "1")]),
        program.client().get("/pixel.gif", &[]),
    ]
}

#[test]
fn dnt_1_a_value_that_begins_with_1_says_no_and_others_say_nothing() {
    let program = start();
    for value in ["1", "1xyz", "1;a=b", "11", "10"] {
        let answer = post(&program, &[("DNT", value)], BODY);
        assert_eq!(answer.outcome(), "ignored; reason=opted_out", "DNT: {value}");
    }
    for value in ["0", "", "0;1", "x1", "yes", "null"] {
        let answer = post(&program, &[("DNT", value)], BODY);
        assert_eq!(answer.outcome(), "accepted", "DNT: {value}");
    }
    assert_eq!(post(&program, &[], BODY).outcome(), "accepted");
}

#[test]
fn dnt_2_is_decided_before_anything_is_made_and_alike_for_pixel_post_and_beacon() {
    let program = start();
    let beacon = [("DNT", "1"), ("Content-Type", "text/plain;charset=UTF-8"), ("Origin", "null")];
    for answer in [
        pixel(&program, &[("DNT", "1")]),
        post(&program, &[("DNT", "1"), ("Content-Type", "application/json")], BODY),
        post(&program, &beacon, BODY),
    ] {
        assert_eq!(answer.outcome(), "ignored; reason=opted_out");
    }
    assert_eq!(keys(&program), 0, "a key was made for somebody who said no");
    assert_eq!(program.counted("opted_out"), 3);
    for answer in [pixel(&program, &[]), post(&program, &[], BODY)] {
        assert_eq!(answer.outcome(), "accepted");
    }
    assert_eq!(keys(&program), 1, "the control makes a key");
}

#[test]
fn dnt_3_the_status_of_the_server_is_a_resource_that_says_n() {
    let program = start();
    status(&get(&program, "/.well-known/dnt/"));
    let head = program.client().send("HEAD", "/.well-known/dnt", &[], b"");
    assert_eq!(head.status, 200);
}

#[test]
fn dnt_4_answers_of_a_site_name_the_resource_of_its_controller() {
    let program = start();
    for answer in [post(&program, &[], BODY), pixel(&program, &[])] {
        let tk = answer.header("tk").expect("a status").to_owned();
        let id = tk.strip_prefix("N;").unwrap_or_else(|| panic!("Tk: {tk} names no resource"));
        let object = status(&get(&program, &format!("/.well-known/dnt/{id}")));
        assert_eq!(object["controller"], json!([format!("https://{SITE}/")]));
        // The same under the name as people write it.
        assert_eq!(status(&get(&program, &format!("/.well-known/dnt/{SITE}"))), object);
    }
    // Who is not counted here has no resource, and an answer about it names none.
    let unknown = post(&program, &[], &BODY.replace("\"d\":\"shop", "\"d\":\"none"));
    assert_eq!(
        (unknown.outcome(), unknown.header("tk")),
        ("ignored; reason=unknown_site", Some("N"))
    );
    for path in ["none.site.example", "none/site/example", "", "%00", "../../x", "\u{e4}"] {
        let answer = get(&program, &format!("/.well-known/dnt/none{path}"));
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[test]
fn dnt_5_a_question_about_the_status_sets_no_cookie_and_is_not_kept() {
    let options = Options { log: Some("trace"), ..Options::behind_proxy() };
    let program = Program::start(options.site(SITE, "UTC"));
    let asks = |path: &str| {
        let who = [
            ("User-Agent", "plantedstatusagent"),
            ("X-Forwarded-For", "81.2.69.163"),
            ("Referer", "https://planted-status-page.example/x"),
            ("Cookie", "planted=plantedstatuscookie"),
        ];
        let answer = program.client().get(path, &who);
        assert_eq!(answer.header("set-cookie"), None, "{path}");
        answer.status
    };
    let paths =
        ["/.well-known/dnt/", "/.well-known/dnt/shop/site/example", "/.well-known/gpc.json"];
    for path in paths {
        assert_eq!(asks(path), 200, "{path}");
    }
    assert_eq!(asks("/.well-known/dnt/planted-status-site"), 404);
    std::thread::sleep(seconds(2));
    assert_eq!(keys(&program), 0);
    let planted = ["plantedstatus", "81.2.69.163", "planted-status", "well-known"];
    let scan = Scan::new(&planted);
    assert_eq!(scan.folder(program.home().scratch()), []);
    assert_eq!(scan.places(&program.clickhouse().dump()), []);
    // The control: the same look sees a line of the log.
    let log = program.home().log() + "GET /.well-known/dnt/ plantedstatusagent\n";
    std::fs::write(program.home().log_file(), log).expect("our own log file");
    assert_eq!(scan.folder(program.home().scratch()).len(), 2);
}

#[test]
fn dnt_6_the_status_is_the_same_whatever_the_signal() {
    let program = start();
    let ask = |headers: &[(&str, &str)], path: &str| {
        let answer = program.client().get(path, headers);
        (answer.status, answer.header("vary").map(str::to_owned), answer.text())
    };
    for path in ["/.well-known/dnt/", "/.well-known/dnt/shop/site/example"] {
        let plain = ask(&[], path);
        for header in [("DNT", "1"), ("DNT", "0"), ("Sec-GPC", "1")] {
            assert_eq!(ask(&[header], path), plain, "{header:?} {path}");
        }
    }
    for answer in every_answer(&program) {
        let tk = answer.header("tk").expect("a status");
        assert!(tk.starts_with('N') && !tk.contains('?'), "Tk: {tk}");
    }
}

#[test]
fn dnt_7_the_status_may_be_kept_by_everybody_for_a_day() {
    let program = start();
    for path in ["/.well-known/dnt/", "/.well-known/dnt/shop/site/example"] {
        let answer = get(&program, path);
        let control = answer.header("cache-control").expect("how long it holds");
        assert_eq!(control, "public, max-age=86400", "{path}");
        assert_eq!(answer.header("vary"), None, "{path}");
    }
}

#[test]
fn dnt_8_every_status_is_one_of_the_recommendation() {
    let program = start();
    // One value, and a status-id of the characters it may have.
    let field = Regex::new(r"^(.)(;[A-Za-z0-9_+=/-]+)?$").expect("a pattern");
    let answers = every_answer(&program);
    let outcomes: Vec<&str> = answers.iter().map(Answer::outcome).collect();
    for wanted in
        ["accepted", "opted_out", "bot", "excluded", "unknown_site", "invalid", "too_large"]
    {
        assert!(outcomes.iter().any(|one| one.ends_with(wanted)), "no {wanted} in {outcomes:?}");
    }
    for answer in &answers {
        let tk = answer.header("tk").unwrap_or_else(|| panic!("no Tk: {answer:?}"));
        let found = field.captures(tk).unwrap_or_else(|| panic!("Tk: {tk}"));
        assert!(STATUSES.contains(&&found[1]), "Tk: {tk}");
        assert_eq!(answer.headers.iter().filter(|(name, _)| name == "tk").count(), 1);
    }
}

#[test]
fn gpc_1_a_value_of_exactly_1_says_no_and_trailers_say_nothing() {
    let program = start();
    let says = |values: &[&str]| {
        let headers: Vec<(&str, &str)> = values.iter().map(|value| ("Sec-GPC", *value)).collect();
        post(&program, &headers, BODY).outcome().to_owned()
    };
    for values in [&["1"][..], &["0", "1"], &["1", "0"], &["x", "1", "1"]] {
        assert_eq!(says(values), "ignored; reason=opted_out", "{values:?}");
    }
    for values in [&["0"][..], &[""], &["1xyz"], &["01"], &["true"], &["\"1\""], &["0", "x"]] {
        assert_eq!(says(values), "accepted", "{values:?}");
    }
    let agent = &agents::like("Chrome", "Windows").text;
    let trailer = format!(
        "POST /api/event HTTP/1.1\r\nHost: x\r\nUser-Agent: {agent}\r\nTE: trailers\r\n\
         Trailer: Sec-GPC\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{BODY}\r\n0\r\n\
         Sec-GPC: 1\r\n\r\n",
        BODY.len()
    );
    let answer = program.client().try_raw(trailer.as_bytes()).expect("an answer");
    assert_eq!(answer.outcome(), "accepted", "a trailer was taken for a signal");
}

#[test]
fn gpc_2_a_browser_that_says_it_to_scripts_sends_nothing() {
    let options = Options { args: vec!["--demo".to_owned()], ..Options::default() };
    let program = Program::start(options);
    wait_until("the setup line", seconds(5), || program.lines().len() >= 2);
    browser::run("gpc", &program, "");
    assert_eq!(program.counted("opted_out"), 0, "it was sent and refused");
    assert!(program.counted("accepted") >= 1, "the control sends");
}

#[test]
fn gpc_3_our_examples_of_proxies_pass_the_signals_on() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let strips = |text: &str| {
        let code = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        // Anything an active line does about them would be wrong.
        code.filter(|line| {
            let line = line.to_ascii_lowercase();
            line.contains("gpc") || line.contains("dnt") || line.contains("pass_request_headers")
        })
        .count()
    };
    let mut seen = 0;
    for (name, bytes) in crate::support::scan::files(&root.join("packaging")) {
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(strips(&text), 0, "{name} touches the signals");
        seen += usize::from(text.contains("Sec-GPC"));
    }
    assert!(seen >= 2, "nginx and Caddy say that the signals must pass");
    assert_eq!(strips("proxy_set_header Sec-GPC \"\";\nheader_up -DNT\n# DNT\n"), 2);
    // What a proxy passes on is heard behind it.
    let program = start();
    let by_proxy = [("X-Forwarded-For", "81.2.69.160"), ("sec-gpc", "1")];
    assert_eq!(post(&program, &by_proxy, BODY).outcome(), "ignored; reason=opted_out");
}

#[test]
fn gpc_4_the_answer_of_this_origin_is_there_and_can_be_copied() {
    let program = start();
    let answer = get(&program, "/.well-known/gpc.json");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let object = answer.json();
    assert_eq!(object["gpc"], true);
    let date = object["lastUpdate"].as_str().expect("a date");
    assert!(date.parse::<jiff::civil::Date>().is_ok(), "{date}");
    assert_eq!(object.as_object().map(serde_json::Map::len), Some(2));
}

//! `DNT` and `Sec-GPC`: a visitor who says no leaves no trace on disk, in a log or in the database.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use regex::Regex;

use crate::support::agents;
use crate::support::program::{Options, Program};
use crate::support::scan;
use crate::support::{seconds, wait_for};

const BODY: &str = r#"{"n":"pageview","u":"https://site.example/a","d":"site.example"}"#;
const PIXEL: &str = "/pixel.gif?site=site.example&u=https%3A%2F%2Fsite.example%2Fa";
/// How long files must stay the same to count as settled: longer than a segment stays open.
const STILL: Duration = Duration::from_secs(4);

/// How long an idle program is listened to: two rounds of what it does every few seconds.
const IDLE: Duration = Duration::from_secs(12);

/// Every way of saying no by headers.
const OPT_OUTS: [&[(&str, &str)]; 12] = [
    &[("DNT", "1")],
    &[("dnt", "1")],
    &[("Dnt", "1xyz")],
    &[("DNT", "1;why=not")],
    &[("DNT", "0"), ("DNT", "1")],
    &[("DNT", "1"), ("DNT", "0")],
    &[("Sec-GPC", "1")],
    &[("sec-gpc", "1")],
    &[("SEC-GPC", "1")],
    &[("Sec-GPC", "0"), ("Sec-GPC", "1")],
    &[("Sec-GPC", "x"), ("Sec-GPC", "1"), ("DNT", "0")],
    &[("DNT", "1"), ("Sec-GPC", "1")],
];

/// What looks like a signal and is none.
const NO_SIGNALS: [&[(&str, &str)]; 7] = [
    &[("DNT", "0")],
    &[("DNT", "")],
    &[("DNT", "yes")],
    &[("Sec-GPC", "0")],
    &[("Sec-GPC", "1xyz")],
    &[("Sec-GPC", "true")],
    &[("X-DNT", "1"), ("GPC", "1")],
];

fn agent() -> &'static str {
    agents::like("Chrome", "Windows").text.as_str()
}

fn with_agent<'a>(headers: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![("User-Agent", agent())];
    all.extend_from_slice(headers);
    all
}

/// Bodies and pixels that say no themselves, as a relay passes it on.
fn opted_out_payloads() -> Vec<String> {
    let fields = [r#""dnt":"1""#, r#""dnt":1"#, r#""gpc":"1""#, r#""gpc":1"#, r#""dnt":"1yes""#];
    fields.iter().map(|field| BODY.replace('{', &format!("{{{field},"))).collect()
}

/// Says no in every spelling on every collecting path; how often.
fn say_no(program: &Program) -> u64 {
    let (mut client, mut another) = (program.client(), program.client());
    let mut said = 0;
    let mut check = |answer: &crate::support::http::Answer, status: u16, what: &str| {
        let found = (answer.status, answer.outcome());
        assert_eq!(found, (status, "ignored; reason=opted_out"), "{what}");
        assert_eq!(answer.header("set-cookie"), None);
        said += 1;
    };
    let large = format!("{BODY}{}", " ".repeat(70_000));
    for opt_out in OPT_OUTS {
        let headers = with_agent(opt_out);
        let what = format!("{opt_out:?}");
        check(&client.post("/api/event", &headers, BODY.as_bytes()), 202, &what);
        check(&client.get(PIXEL, &headers), 200, &what);
        // Before anything else is looked at: body, site, agent.
        check(&client.post("/api/event", &headers, b"{not json"), 202, &what);
        check(&client.post("/api/event", opt_out, BODY.as_bytes()), 202, &what);
        check(&client.get("/pixel.gif", opt_out), 200, &what);
        let elsewhere = BODY.replace("site.example", "none.example");
        check(&client.post("/api/event", &headers, elsewhere.as_bytes()), 202, &what);
    }
    // Its body is never read, so this connection ends with the answer.
    let answer = another.post("/api/event", &with_agent(&[("DNT", "1")]), large.as_bytes());
    check(&answer, 202, "a large body");
    for body in opted_out_payloads() {
        check(&client.post("/api/event", &with_agent(&[]), body.as_bytes()), 202, &body);
        check(&client.post("/api/event", &[], body.as_bytes()), 202, &body);
    }
    for query in ["dnt=1", "gpc=1", "dnt=1&gpc=0"] {
        let path = format!("{PIXEL}&{query}");
        check(&client.get(&path, &with_agent(&[])), 200, &path);
    }
    said
}

/// Hashes of all files once nothing has changed for [`STILL`]. Files of the table in which each
/// collector says every minute what it has to deliver are left out: they change by the clock.
fn settled(program: &Program) -> BTreeMap<String, String> {
    let sql = "SELECT toString(uuid) FROM system.tables WHERE database = 'headcount' AND \
               name = 'spools' FORMAT TSVRaw";
    let spools = program.clickhouse().query("schema", sql).expect("the table of collectors");
    let spools = String::from_utf8(spools).expect("text");
    assert_eq!(spools.trim().len(), 36, "{spools:?}");
    let look = || {
        let mut all = scan::hashes(&program.home().data());
        all.extend(scan::hashes(program.home().keys()));
        all.retain(|name, _| !name.contains(spools.trim()));
        all
    };
    let mut last = look();
    let mut since = Instant::now();
    wait_for("files to settle", seconds(60), || {
        let now = look();
        if now != last {
            last = now;
            since = Instant::now();
        }
        (since.elapsed() >= STILL).then(|| last.clone())
    })
}

/// What the program says by itself while nobody visits, at the log level of the test.
fn idle_lines(program: &Program) -> BTreeSet<String> {
    let before = program.home().log();
    std::thread::sleep(IDLE);
    kinds(program.home().log().strip_prefix(&before).expect("a log only grows"))
}

/// Kinds of log lines: without their time, with every number the same. Lines of the client that
/// the program talks to its engine with are left out: they depend on which connection is free.
fn kinds(log: &str) -> BTreeSet<String> {
    let digits = Regex::new(r"\d+").expect("a pattern");
    let text = |line: &str| line.split_once(' ').map_or(line, |(_, text)| text).to_owned();
    let lines = log.lines().filter(|line| !line.contains("hyper_util::client::"));
    lines.map(|line| digits.replace_all(&text(line), "0").into_owned()).collect()
}

fn changed(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let names = before.keys().chain(after.keys());
    let mut names: Vec<String> =
        names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect();
    names.dedup();
    names
}

#[test]
fn who_says_no_changes_no_file_no_row_and_no_log_line() {
    let options = Options { log: Some("trace"), ..Options::behind_proxy() };
    let program = Program::start(options.site("site.example", "UTC"));
    let mut client = program.client();
    // One counted event first, so that keys, spool and tables exist and are as they will be.
    let first = client.post("/api/event", &with_agent(&[]), BODY.as_bytes());
    assert_eq!(first.outcome(), "accepted");
    program.wait_rows(1);
    let before = settled(&program);
    let own_lines = idle_lines(&program);
    let log = program.home().log();
    let tables = program.clickhouse().dump();

    let said = say_no(&program);
    let after = settled(&program);
    let more = kinds(program.home().log().strip_prefix(&log).expect("a log only grows"));
    let about_visitors: Vec<_> = more.difference(&own_lines).collect();
    assert_eq!(about_visitors, Vec::<&String>::new(), "log lines about those who said no");
    assert_eq!(changed(&before, &after), Vec::<String>::new());
    assert!(program.clickhouse().dump() == tables, "a row has changed");
    assert_eq!(program.counted("opted_out"), said);

    // The control: one event that is counted is seen by the same look.
    let control = client.post("/api/event", &with_agent(&[]), BODY.as_bytes());
    assert_eq!(control.outcome(), "accepted");
    program.wait_rows(2);
    assert_ne!(changed(&after, &settled(&program)), Vec::<String>::new());
    assert!(program.clickhouse().dump() != tables);
}

#[test]
fn a_stop_writes_nothing_about_those_who_said_no() {
    let options = Options { log: Some("trace"), ..Options::behind_proxy() };
    let program = Program::start(options.site("site.example", "UTC"));
    let mut client = program.client();
    let said = say_no(&program);
    assert!(said > 50, "{said}");
    client.post("/api/event", &[("User-Agent", "curl/8.5.0")], BODY.as_bytes());
    let (_, _, home) = program.stop();
    let log = home.log();
    for word in ["opted_out", "OptedOut", "gpc", "dnt"] {
        assert!(!log.to_lowercase().contains(&word.to_lowercase()), "the log says {word}");
    }
    let program = Program::start_in(home, Options::default());
    let engine = program.clickhouse();
    wait_for("the control's count", seconds(30), || {
        (engine.value("SELECT sum(events) FROM outcomes") == "1").then_some(())
    });
    assert_eq!(engine.value("SELECT groupUniqArray(outcome) FROM outcomes"), "['bot']");
    assert_eq!(engine.count("open_events"), 0);
}

#[test]
fn what_is_not_a_signal_is_counted() {
    let program = Program::start(Options::behind_proxy().site("site.example", "UTC"));
    let mut client = program.client();
    let mut rows = 0;
    for headers in NO_SIGNALS {
        let answer = client.post("/api/event", &with_agent(headers), BODY.as_bytes());
        assert_eq!(answer.outcome(), "accepted", "{headers:?}");
        rows += 1;
    }
    for field in [r#""dnt":"0""#, r#""gpc":"0""#, r#""dnt":null"#, r#""gpc":"1xyz""#] {
        let body = BODY.replace('{', &format!("{{{field},"));
        let answer = client.post("/api/event", &with_agent(&[]), body.as_bytes());
        assert_eq!(answer.outcome(), "accepted", "{field}");
        rows += 1;
    }
    program.wait_rows(rows);
    assert_eq!(program.counted("opted_out"), 0);
}

#[test]
fn no_setting_makes_the_program_ignore_a_signal() {
    for name in ["HEADCOUNT_IGNORE_DNT", "HEADCOUNT_HONOR_DNT", "HEADCOUNT_DNT", "HEADCOUNT_GPC"] {
        let mut command = crate::support::command::bare();
        command.args(["check"]).env(name, "false");
        let done = crate::support::command::finish(command, b"");
        assert_eq!(done.code, 64, "{name} is a setting: {done:?}");
    }
}

#[test]
fn who_says_no_is_answered_before_a_body_that_is_still_on_its_way() {
    let program = Program::start(Options::default().site("site.example", "UTC"));
    let mut client = program.client();
    let asked = Instant::now();
    // The head announces a body that never comes.
    let head = b"POST /api/event HTTP/1.1\r\nHost: x\r\nDNT: 1\r\nContent-Length: 500\r\n\r\n";
    let answer = client.try_raw(head).expect("an answer without the body");
    assert_eq!((answer.status, answer.outcome()), (202, "ignored; reason=opted_out"));
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(answer.header("connection"), Some("close"));
}

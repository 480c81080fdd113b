//! `DNT` and `Sec-GPC`: a visitor who says no leaves no trace on disk, in a log or in the database.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use regex::Regex;

use crate::support::http::{Answer, Client};
use crate::support::program::{Options, Program};
use crate::support::sql::Door;
use crate::support::{agents, noes, scan, traces};
use crate::support::{seconds, wait_for};

const BODY: &str = r#"{"n":"pageview","u":"https://site.example/a","d":"site.example"}"#;
/// How long files must stay the same to count as settled: longer than a segment stays open.
const STILL: Duration = Duration::from_secs(4);

/// How long an idle program is listened to: two rounds of what it does every few seconds.
const IDLE: Duration = Duration::from_secs(12);

/// At least so many requests say no.
const OFTEN: u64 = 1_000;

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

/// A program that says all it can, with a path of the operator's own.
fn start() -> Program {
    let mut options = Options { log: Some("trace"), ..Options::behind_proxy() };
    options.args.extend(noes::OWN_PATH.map(str::to_owned));
    Program::start(options.site("site.example", "UTC"))
}

/// Says no in every spelling on every collecting path; how often.
fn say_no(program: &Program) -> u64 {
    let mut client = program.client();
    let mut said = 0;
    let mut check = |answer: &Answer, status: u16, what: &str| {
        let found = (answer.status, answer.outcome());
        assert_eq!(found, (status, "ignored; reason=opted_out"), "{what}");
        assert_eq!(answer.header("set-cookie"), None);
        said += 1;
    };
    for no in noes::all(agent()) {
        let headers: Vec<(&str, &str)> =
            no.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = client.send(no.method, &no.path, &headers, no.body.as_bytes());
        check(&answer, no.status, &format!("{no:?}"));
    }
    // Its body is never read, so this connection ends with the answer.
    let large = format!("{BODY}{}", " ".repeat(70_000));
    for path in noes::EVENTS {
        let headers = with_agent(&[("DNT", "1")]);
        let answer = program.client().post(path, &headers, large.as_bytes());
        check(&answer, 202, "a large body");
    }
    assert!(said >= OFTEN, "{said} requests");
    said
}

/// Every row of every table, but of the one in which each collector says every minute what it has
/// to deliver.
fn rows(program: &Program) -> Vec<(String, Vec<u8>)> {
    let schema = Door::embedded(&program.home().data(), "schema");
    traces::dump(&schema, |table| table != "spools")
}

/// What the program counts about events.
fn counts(program: &Program) -> BTreeSet<String> {
    let text = Client::new(&program.metrics_url).get("/metrics", &[]).text();
    let of_events =
        |line: &&str| line.starts_with("headcount_events") && !line.contains("opted_out");
    text.lines().filter(of_events).map(str::to_owned).collect()
}

/// Merges every table into one part for each partition and waits until the old parts are gone, so
/// that no merge of rows of the start changes files later.
fn merge_all(program: &Program) {
    let engine = program.clickhouse();
    let ask = |sql: &str| String::from_utf8(engine.query("schema", sql).expect(sql)).expect("text");
    let tables = ask("SELECT name FROM system.tables WHERE database = 'headcount' FORMAT TSVRaw");
    for table in tables.lines() {
        ask(&format!("OPTIMIZE TABLE headcount.{table} FINAL"));
    }
    let old = "SELECT count() FROM system.parts WHERE database = 'headcount' AND NOT active AND \
        table != 'spools' FORMAT TSVRaw";
    wait_for("old parts to go", seconds(120), || (ask(old).trim() == "0").then_some(()));
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
    let program = start();
    let mut client = program.client();
    // One counted event first, so that keys, spool and tables exist and are as they will be.
    let first = client.post("/api/event", &with_agent(&[]), BODY.as_bytes());
    assert_eq!(first.outcome(), "accepted");
    program.wait_rows(1);
    merge_all(&program);
    let before = settled(&program);
    let own_lines = idle_lines(&program);
    let log = program.home().log();
    let tables = rows(&program);
    let counted = counts(&program);

    let said = say_no(&program);
    let after = settled(&program);
    let more = kinds(program.home().log().strip_prefix(&log).expect("a log only grows"));
    let about_visitors: Vec<_> = more.difference(&own_lines).collect();
    assert_eq!(about_visitors, Vec::<&String>::new(), "log lines about those who said no");
    assert_eq!(changed(&before, &after), Vec::<String>::new());
    assert!(rows(&program) == tables, "a row has changed");
    assert_eq!(counts(&program), counted, "another number than the one of those who said no");
    assert_eq!(program.counted("opted_out"), said);

    // The control: one event that is counted is seen by the same look.
    let control = client.post("/api/event", &with_agent(&[]), BODY.as_bytes());
    assert_eq!(control.outcome(), "accepted");
    program.wait_rows(2);
    assert_ne!(changed(&after, &settled(&program)), Vec::<String>::new());
    assert!(rows(&program) != tables);
    assert_ne!(counts(&program), counted);
}

#[test]
fn a_stop_writes_nothing_about_those_who_said_no() {
    let program = start();
    let mut client = program.client();
    say_no(&program);
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

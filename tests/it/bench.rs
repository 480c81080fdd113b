//! `headcount bench` against the real program: what it says was accepted is what is stored, its open
//! loop sees a server that stands still, and it refuses what would spoil a real site.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::command::{Done, bare, finish, headcount};
use crate::support::program::{Options, Program};
use crate::support::{process, seconds, wait_until};

/// Name of the site under load.
const SITE: &str = "bench.example";
/// A frozen server; far longer than anything else that delays an answer here.
const FREEZE: Duration = Duration::from_millis(500);
/// Connections of the frozen runs.
const CONNECTIONS: u64 = 8;

fn program() -> Program {
    Program::start(Options::behind_proxy().site(SITE, "UTC"))
}

fn bench(program: &Program, args: &[&str]) -> Value {
    let mut command = bare();
    command.args(["bench", &program.url, "--site", SITE, "--json"]).args(args);
    json(finish(command, b""))
}

fn json(done: Done) -> Value {
    let stderr = done.stderr.clone();
    let text = done.expect_ok("bench");
    let value: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text} {stderr}"));
    println!("{value} {stderr}");
    value
}

fn number(value: &Value, pointer: &str) -> u64 {
    let found = value.pointer(pointer).and_then(Value::as_u64);
    found.unwrap_or_else(|| panic!("no number {pointer} in {value}"))
}

fn millis(value: &Value, pointer: &str) -> f64 {
    let found = value.pointer(pointer).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("no time {pointer} in {value}"))
}

#[test]
fn what_was_accepted_is_stored_and_counted_by_outcome() {
    let program = program();
    let closed = bench(
        &program,
        &["--duration", "2s", "--warm-up", "300ms", "--visitors", "400", "--opted-out", "20%"],
    );
    let answered = number(&closed, "/answered");
    assert_eq!(number(&closed, "/sent"), answered, "every request has its answer");
    assert!(number(&closed, "/accepted_in_all") > number(&closed, "/accepted"), "warm-up");
    let opted_out = number(&closed, "/outcomes/opted_out");
    assert!((answered / 12..answered / 3).contains(&opted_out), "{opted_out} of {answered}");
    assert_eq!(number(&closed, "/outcomes/accepted") + opted_out, answered);
    assert_eq!(number(&closed, "/statuses/202"), answered);
    assert_eq!(closed["errors"]["closed"], 0);
    assert!(millis(&closed, "/latency_ms/p50") <= millis(&closed, "/latency_ms/max"));

    let open = bench(
        &program,
        &["--duration", "2s", "--warm-up", "0s", "--visitors", "400", "--rate", "300"],
    );
    assert_eq!(number(&open, "/sent") + number(&open, "/unsent"), 600, "{open}");
    assert_eq!(number(&open, "/accepted"), number(&open, "/sent"));
    assert_eq!(number(&open, "/latency_ms/count"), number(&open, "/answered"));

    let rows = number(&closed, "/accepted_in_all") + number(&open, "/accepted_in_all");
    program.wait_rows(rows);
    assert_eq!(program.counted("accepted"), rows);
    let engine = program.clickhouse();
    let visitors = engine.value("SELECT uniqExact(visitor) FROM open_events WHERE visitor != 0");
    let visitors: u64 = visitors.parse().expect("a number");
    assert!((300..=402).contains(&visitors), "{visitors} of 400 and one of each first look");
    let agents = engine.value("SELECT uniqExact(browser, os) FROM open_events");
    assert!(agents.parse::<u64>().expect("a number") > 8, "{agents} browsers on systems");
    let countries = engine.value("SELECT uniqExact(country) FROM open_events");
    assert!(countries.parse::<u64>().expect("a number") > 20, "{countries} countries");
}

/// Runs a load and freezes the server in the middle of it.
fn with_a_freeze(program: &Program, args: &[&str]) -> Value {
    std::thread::scope(|scope| {
        let before = program.counted("accepted");
        let load = scope.spawn(|| bench(program, args));
        wait_until("the load", seconds(30), || program.counted("accepted") > before + 200);
        process::signal(program.pid(), Signal::STOP);
        std::thread::sleep(FREEZE);
        process::signal(program.pid(), Signal::CONT);
        load.join().expect("the load ends")
    })
}

#[test]
fn an_open_loop_feels_a_frozen_server_where_a_closed_one_hides_it() {
    let program = program();
    let connections = CONNECTIONS.to_string();
    let usual = ["--warm-up", "0s", "--visitors", "100", "--connections", &connections];
    let open =
        with_a_freeze(&program, &[&usual[..], &["--duration", "3s", "--rate", "400"]].concat());
    assert!(millis(&open, "/latency_ms/max") >= 400.0, "{open}");
    // 400 a second were due while it stood still; those of the first 400 ms waited longer than 100.
    let felt = number(&open, "/latency_ms/above_100_ms");
    assert!(felt > 120, "{felt} requests felt it");
    // From sending, only those are slow that were on their way.
    let on_their_way = number(&open, "/service_ms/above_100_ms");
    assert!(on_their_way < felt / 2, "{on_their_way} of {felt}");

    let closed = with_a_freeze(&program, &[&usual[..], &["--duration", "2s"]].concat());
    assert!(millis(&closed, "/latency_ms/max") >= 400.0, "{closed}");
    let hidden = number(&closed, "/latency_ms/above_100_ms");
    assert!(hidden < felt / 2, "a closed loop asks less when it waits: {hidden}, open {felt}");
}

#[test]
fn load_that_could_do_harm_is_refused() {
    let refused = |args: &[&str], code: i32, words: &str| {
        let done = headcount(&[&["bench"], args].concat());
        assert_eq!((done.code, done.stdout.as_str()), (code, ""), "{args:?}: {done:?}");
        assert!(done.stderr.contains(words), "{args:?}: {done:?}");
    };
    let program = program();
    let url = program.url.as_str();
    refused(&[url], 2, "--site");
    refused(&[url, "--site", "shop.example.com"], 2, "--real-site");
    refused(&[url, "--site", "bench.example,shop.org"], 2, "shop.org");
    refused(&["https://127.0.0.1:1", "--site", SITE], 2, "TLS");
    refused(&[url, "--site", SITE, "--rate", "fast"], 2, "--rate");
    refused(&[url, "--site", SITE, "--connection=5"], 64, "--connection");
    refused(&[url, "--site", "other.example"], 1, "headcount site add other.example");
    // Not a headcount: the port of the metrics answers 404.
    refused(&[&program.metrics_url, "--site", SITE], 1, "X-Headcount");
    assert_eq!(program.counted("accepted"), 0, "nothing of it was sent to a site");

    let real = headcount(&["bench", url, "--site", "shop.org", "--real-site"]);
    assert!(real.code == 1 && real.stderr.contains("has no site"), "{real:?}");
    let help = headcount(&["bench", "--help"]);
    assert!(help.code == 0 && help.stdout.contains("--rate"), "{help:?}");
}

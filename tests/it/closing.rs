//! Closing in the running program and by the command, with a clock that the test sets.

use std::time::Duration;

use regex::Regex;

use crate::support::agents;
use crate::support::clickhouse::ClickHouse;
use crate::support::clock::Clock;
use crate::support::command::{self, Done};
use crate::support::foreign::Foreign;
use crate::support::home::Home;
use crate::support::program::{Options, Program};
use crate::support::{seconds, wait_for, wait_until};

/// First instant of 2093-06-16 UTC.
const DAY: u32 = 3_895_948_800;
const HOUR: u32 = 3_600;
/// From the first instant of a day to its closing.
const CLOSABLE: u32 = 37 * HOUR;
const SITE: &str = "site.example";

fn started(home: Home, at: u32) -> Program {
    Program::start_in(home, Options { clock: Some(at), ..Options::behind_proxy() })
}

fn set(program: &Program, at: u32) {
    program.clock.as_ref().expect("a clock").set(at);
}

/// `n` page views of two visitors.
fn send(program: &Program, n: u64) {
    let agent = agents::like("Chrome", "Windows").text.as_str();
    let mut client = program.client();
    for n in 0..n {
        let body = format!(r#"{{"n":"pageview","u":"https://{SITE}/{n}","d":"{SITE}"}}"#);
        let address = if n % 2 == 0 { "81.2.69.160" } else { "5.9.0.1" };
        let headers = [("User-Agent", agent), ("X-Forwarded-For", address)];
        let answer = client.post("/api/event", &headers, body.as_bytes());
        assert_eq!(answer.outcome(), "accepted", "{}", answer.text());
    }
}

/// A command on a home whose program does not run, at a moment of the test's.
fn stopped(home: &Home, at: u32, args: &[&str]) -> Done {
    let clock = Clock::new(home.scratch(), at);
    let mut command = command::bare();
    command
        .args(args)
        .arg("--data-dir")
        .arg(home.data())
        .env("HEADCOUNT_ENGINE_LIBRARY", command::engine_library())
        .env("HEADCOUNT_KEY_DIR", home.keys())
        .env("HEADCOUNT_GEO_PATH", command::geo_path())
        .envs(clock.environment());
    command::finish(command, b"")
}

/// The `days` line of `doctor`: level, detail, fix.
fn doctor(done: &Done) -> [String; 3] {
    let line = done.stdout.lines().find(|line| line.split('\t').nth(1) == Some("days"));
    let line = line.unwrap_or_else(|| panic!("doctor does not speak of days: {done:?}"));
    let fields: Vec<&str> = line.split('\t').collect();
    [0, 2, 3].map(|field| fields[field].to_owned())
}

fn count(engine: &ClickHouse, sql: &str) -> u64 {
    engine.value(sql).parse().expect("a number")
}

#[test]
fn a_day_is_closed_by_command_while_the_program_runs_and_while_it_does_not() {
    let program = started(Home::new(), DAY + 10 * HOUR);
    program.add_site(SITE, "UTC");
    send(&program, 5);
    program.wait_rows(5);
    let [level, detail, _] = doctor(&program.run(&["doctor"]));
    assert_eq!((level.as_str(), detail.as_str()), ("ok", "none closed yet, 1 day open"));
    let (code, _, home) = program.stop();
    assert_eq!(code, 0);

    // Two days later, while the program runs.
    let program = started(home, DAY + CLOSABLE - 1);
    let early = program.run(&["close", "--through", "2093-06-16"]);
    assert_eq!((early.code, early.stdout.as_str()), (1, ""), "{early:?}");
    assert!(early.stderr.contains("from 2093-06-17 13:00 UTC on"), "{early:?}");
    let nothing = program.run(&["close"]);
    assert_eq!((nothing.code, nothing.stdout.as_str()), (0, ""), "{nothing:?}");
    assert!(nothing.stderr.contains("nothing to close"), "{nothing:?}");
    set(&program, DAY + 48 * HOUR);
    let closed = program.run(&["close", "--through", "2093-06-16"]);
    assert_eq!(closed.code, 0, "{closed:?}");
    assert_eq!(closed.stdout, "2093-06-16\t5\t2\t2\t1\n");
    assert!(closed.stderr.contains("closing 2093-06-16\n"), "{closed:?}");
    assert_eq!(program.run(&["close"]).stdout, "");
    assert_eq!(doctor(&program.run(&["doctor"]))[1], "closed through 2093-06-16, 0 days open");
    assert_eq!(program.metric("headcount_days_closed_total"), 1);
    assert_eq!(program.metric("headcount_closing_rows_total"), 5);
    assert_eq!(program.metric("headcount_closing_seconds_count"), 1);
    assert_eq!(program.metric("headcount_closed_through"), u64::from(DAY));
    assert_eq!(program.metric("headcount_days_open"), 0);
    assert_eq!(program.metric("headcount_spools_waiting"), 0);
    assert_eq!(program.metric("headcount_late_rows_total"), 0);
    assert_eq!(program.clickhouse().count("open_events"), 5, "open rows stay for 72 hours");
    send(&program, 3);
    program.wait_rows(8);
    let (_, _, home) = program.stop();

    // Four days later, while it does not: the first day's open rows go, the next is closed.
    let closed = stopped(&home, DAY + 96 * HOUR + 12 * HOUR, &["close", "--json"]);
    assert_eq!(closed.code, 0, "{closed:?}");
    let list: serde_json::Value = serde_json::from_str(&closed.stdout).expect("--json prints JSON");
    let expected = serde_json::json!([{"date": "2093-06-18", "rows": 3, "visitors": 2, "visits": 2,
        "gen": 2, "addition": false, "late_rows": 0}]);
    assert_eq!(list, expected);
    let program = started(home, DAY + 108 * HOUR);
    let engine = program.clickhouse();
    assert_eq!(count(&engine, "SELECT count() FROM open_events"), 3, "only the younger day's");
    assert_eq!(count(&engine, "SELECT count() FROM hits"), 8);
}

#[test]
fn the_program_closes_by_itself() {
    let program = started(Home::new(), DAY + 10 * HOUR);
    program.add_site(SITE, "Pacific/Pago_Pago");
    send(&program, 4);
    program.wait_rows(4);
    let (_, _, home) = program.stop();
    // In Pago Pago it was the 15th.
    let program = started(home, DAY + CLOSABLE);
    wait_until("the day to be closed", seconds(40), || {
        program.metric("headcount_days_closed_total") == 1
    });
    let closed = program.clickhouse().value("SELECT toString(day), rows, gen FROM closed_days");
    assert_eq!(closed, "2093-06-15\t4\t1");
    wait_until("it to be told", seconds(5), || program.home().log().contains("A day is closed."));
}

#[test]
fn a_collector_that_has_not_delivered_is_waited_for_by_name_and_not_for_ever() {
    let program = started(Home::new(), DAY + 10 * HOUR);
    program.add_site(SITE, "UTC");
    send(&program, 2);
    program.wait_rows(2);
    let seen = DAY + 20 * HOUR;
    let sql = format!("INSERT INTO spools VALUES (4711, '2093-06-16', {seen}, 1)");
    program.clickhouse().query("insert", &sql).expect("a collector's row");
    set(&program, DAY + CLOSABLE);
    let waiting = program.run(&["close"]);
    assert_eq!((waiting.code, waiting.stdout.as_str()), (0, ""), "{waiting:?}");
    for words in ["2093-06-16 waits", "spool 4711", "since 2093-06-16", "2093-06-19 20:00 UTC"] {
        assert!(waiting.stderr.contains(words), "{words}: {waiting:?}");
    }
    assert_eq!(program.metric("headcount_spools_waiting"), 1);
    let asked = program.run(&["close", "--through", "2093-06-16"]);
    assert_eq!((asked.code, asked.stdout.as_str()), (1, ""), "{asked:?}");
    let [level, detail, fix] = doctor(&program.run(&["doctor"]));
    assert!(level == "warn" && detail.contains("spool 4711"), "{detail}");
    assert!(fix.contains("from 2093-06-19 20:00 UTC on"), "{fix}");
    set(&program, seen + 72 * HOUR);
    let closed = program.run(&["close", "--through", "2093-06-16"]);
    assert_eq!((closed.code, closed.stdout.as_str()), (0, "2093-06-16\t2\t2\t2\t1\n"));
}

/// What the only collector said last: its oldest open day, and the version.
fn said(program: &Program) -> (String, u64) {
    let sql = "SELECT toString(oldest_open_day), version FROM spools FINAL FORMAT TSVRaw";
    wait_for("a collector's word", seconds(10), || {
        let text = program.clickhouse().query("insert", sql).expect("collectors may look");
        let text = String::from_utf8(text).expect("text");
        let (day, version) = text.trim().split_once('\t')?;
        Some((day.to_owned(), version.parse().expect("a number")))
    })
}

fn rename(program: &Program, from: &str, to: &str) {
    let sql = format!("RENAME TABLE {from} TO {to}");
    program.clickhouse().query("schema", &sql).expect("a table can be renamed");
}

#[test]
fn a_collector_says_from_which_day_on_it_has_rows_whatever_the_clock_does() {
    let program = started(Home::new(), DAY + 12 * HOUR);
    assert_eq!(said(&program).0, "2093-06-15", "the west is 12 hours behind");
    program.add_site(SITE, "UTC");
    set(&program, DAY + 13 * HOUR);
    wait_until("the next word", seconds(15), || said(&program).0 == "2093-06-16");
    let (_, version) = said(&program);

    rename(&program, "open_events", "aside");
    send(&program, 1);
    set(&program, DAY + 60 * HOUR);
    wait_until("another word", seconds(30), || said(&program).1 > version);
    assert_eq!(said(&program).0, "2093-06-16", "a row of that day is not delivered");
    let (_, _, home) = program.stop();
    let program = started(home, DAY + 61 * HOUR);
    // The file of the row has the time of the real clock, long before.
    assert!(said(&program).0.as_str() <= "2093-06-16", "{:?}", said(&program));
    let there = program.clickhouse().query("schema", "EXISTS open_events FORMAT TSVRaw");
    if there.expect("a number") == b"0\n" {
        rename(&program, "aside", "open_events");
    }
    wait_until("the row", seconds(40), || program.clickhouse().count("open_events") == 1);
    wait_until("the next word", seconds(15), || said(&program).0 == "2093-06-18");
}

#[test]
fn a_shared_database_is_closed_by_whoever_has_the_lease() {
    let foreign = Foreign::start();
    let using = |foreign: &Foreign| {
        let mut options = Options::behind_proxy();
        options.args.extend(foreign.arguments(&foreign.url()));
        options.env.push(foreign.password());
        options
    };
    let program = Program::start(using(&foreign).site(SITE, "UTC"));
    let (name, secret) = foreign.password();
    let elsewhere = Home::new();
    let close = || {
        let mut command = command::bare();
        command.args(["close", "--data-dir"]).arg(elsewhere.data());
        command.args(foreign.arguments(&foreign.url())).env(&name, &secret);
        command::finish(command, b"")
    };
    let refused = close();
    let owner = foreign.ours().value("SELECT owner FROM leases FINAL");
    assert_eq!(refused.code, 75, "{refused:?}");
    assert!(refused.stderr.contains(&owner), "{owner} is not named: {refused:?}");
    assert_eq!(program.run(&["close"]).code, 0);
    let (code, _, home) = program.stop();
    assert_eq!(code, 0, "{}", home.log());
    let last = "SELECT toString(oldest_open_day) FROM spools FINAL";
    assert_eq!(foreign.ours().value(last), "2149-06-06", "the last word of a clean stop");
    let done = close();
    assert_eq!((done.code, done.stdout.as_str()), (0, ""), "{done:?}");
    assert!(done.stderr.contains("nothing to close"), "{done:?}");
    // It gave the lease back.
    drop(Program::start(using(&foreign)));
}

#[test]
fn rows_that_a_killed_program_left_are_delivered_before_the_command_closes() {
    let program = started(Home::new(), DAY + 10 * HOUR);
    program.add_site(SITE, "UTC");
    send(&program, 7);
    let home = program.kill9();
    let closed = stopped(&home, DAY + CLOSABLE, &["close", "--through", "2093-06-16"]);
    assert_eq!(
        (closed.code, closed.stdout.as_str()),
        (0, "2093-06-16\t7\t2\t2\t1\n"),
        "{closed:?}"
    );
    let spool = std::fs::read_dir(home.data().join("spool")).expect("the spool");
    let left = spool.flatten().filter(|file| file.path().extension().is_some_and(|e| e == "seg"));
    assert_eq!(left.count(), 0);
}

#[test]
fn a_stop_in_the_middle_of_a_closing_is_quick_and_the_next_start_closes_the_day() {
    let started = |home, at| {
        let mut options = Options { clock: Some(at), ..Options::behind_proxy() };
        options.args.extend(["--engine-memory".to_owned(), "2GiB".to_owned()]);
        Program::start_in(home, options)
    };
    let program = started(Home::new(), DAY + 10 * HOUR);
    program.add_site(SITE, "UTC");
    let rows = 600_000;
    for batch in 0..10 {
        let sql = format!(
            "INSERT INTO open_events (site, day, hour, ts, visitor, name, interactive, path, \
             spool, batch, position) SELECT 1, '2093-06-16', 10, {}, \
             1 + intDiv(number, 5), 'pageview', 1, concat('/', toString(number % 1000)), 1, {batch}, \
             number FROM numbers({}, {})",
            DAY + 10 * HOUR,
            batch * rows / 10,
            rows / 10
        );
        program.clickhouse().query("schema", &sql).expect("many rows");
    }
    set(&program, DAY + CLOSABLE);
    let running = |program: &Program| {
        let sql = "SELECT count() FROM system.processes WHERE query_id LIKE 'close-hits%' \
            FORMAT TSVRaw";
        let found = program.clickhouse().query("schema", sql).expect("a number");
        String::from_utf8_lossy(&found).trim() != "0"
    };
    let data = program.home().data();
    let asker = std::thread::spawn(move || {
        let mut command = command::bare();
        command.args(["close", "--data-dir"]).arg(data);
        command::finish(command, b"")
    });
    wait_until("the closing to write", seconds(30), || running(&program));
    let (code, took, home) = program.stop();
    assert_eq!(code, 0, "{}", home.log());
    assert!(took < Duration::from_secs(10), "the stop took {took:?}");
    let asked = asker.join().expect("the command ends");
    assert_ne!(asked.code, 0, "{asked:?}");
    assert_eq!(asked.stdout, "");
    let program = started(home, DAY + CLOSABLE);
    assert_eq!(count(&program.clickhouse(), "SELECT count() FROM closed_days"), 0);
    let closed = program.run(&["close"]);
    let line = Regex::new(r"^2093-06-16\t600000\t\d+\t\d+\t\d+\n$").expect("a pattern");
    assert!(closed.code == 0 && line.is_match(&closed.stdout), "{closed:?}");
    let text = "SELECT count() FROM hits WHERE gen IN (SELECT gen FROM closed_days)";
    assert_eq!(count(&program.clickhouse(), text), rows);
}

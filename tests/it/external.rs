//! With `--clickhouse-url`: another server, which may be away, lose answers, or be shared.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::agents;
use crate::support::fault::FaultProxy;
use crate::support::foreign::Foreign;
use crate::support::home::Home;
use crate::support::http::Answer;
use crate::support::load::{self, Load};
use crate::support::program::{NotStarted, Options, Program};
use crate::support::{process, seconds, wait_until};

/// Name of the site of these tests.
const SITE: &str = "load.example";
/// How long a server that serves dashboards stays away in a test.
const AWAY: Duration = Duration::from_secs(30);
/// Within this a change of settings is known to every collector.
const KNOWN_WITHIN: Duration = Duration::from_secs(10);

/// Options of a program that uses `foreign` through `url`.
fn using(foreign: &Foreign, url: &str) -> Options {
    let mut options = Options::behind_proxy();
    options.args.extend(foreign.arguments(url));
    options.env.push(foreign.password());
    options
}

/// One page view of [`SITE`].
fn send(program: &Program) -> Answer {
    let body = format!(r#"{{"n":"pageview","u":"https://{SITE}/n/0","d":"{SITE}"}}"#);
    let agent = agents::like("Chrome", "Windows").text.as_str();
    program.client().post("/api/event", &[("User-Agent", agent)], body.as_bytes())
}

fn refused(options: Options) -> NotStarted {
    match Program::try_start_in(Home::new(), options) {
        Ok(program) => panic!("it started: {:?}", program.lines()),
        Err((failure, _)) => failure,
    }
}

fn wait_outcome(program: &Program, outcome: &str, limit: Duration) {
    let mut last = String::new();
    let mut left = limit.as_millis() / 100;
    while last != outcome {
        assert!(left > 0, "{outcome} did not come within {limit:?}, but {last}");
        left -= 1;
        std::thread::sleep(Duration::from_millis(100));
        send(program).outcome().clone_into(&mut last);
    }
}

#[test]
fn answers_of_inserts_that_get_lost_neither_lose_nor_double_events() {
    let foreign = Foreign::start();
    let proxy = FaultProxy::start(foreign.port());
    let program = Program::start(using(&foreign, &proxy.url()).site(SITE, "UTC"));
    assert!(program.lines()[0].ends_with(" engine=external"), "{:?}", program.lines());
    assert_eq!(program.engines(), Vec::<u32>::new(), "no engine of its own");
    let load = Load::start(&program.url, SITE, 4, Duration::from_millis(2));
    std::thread::sleep(seconds(12));
    let ledger = load.stop();
    load::check_exactly_once(&ledger, &foreign.ours());
    println!("answers lost {}, requests torn {}", proxy.lost(), proxy.torn());
    assert!(proxy.lost() >= 3, "too few answers were lost to prove anything: {}", proxy.lost());
    assert!(proxy.torn() >= 1, "no request was torn");
    let bad = program.home().data().join("bad");
    assert_eq!(std::fs::read_dir(bad).map_or(0, Iterator::count), 0, "a batch was given up");
}

#[test]
fn a_clickhouse_that_is_away_is_not_felt_by_visitors() {
    let mut foreign = Foreign::start();
    let program = Program::start(using(&foreign, &foreign.url()).site(SITE, "UTC"));
    let load = Load::start(&program.url, SITE, 3, Duration::from_millis(5));
    wait_until("some events", seconds(20), || load.accepted() > 50);
    foreign.kill();
    let mut client = program.client();
    for _ in 0..AWAY.as_millis() / 200 {
        assert_eq!(client.get("/ready", &[]).status, 200);
        std::thread::sleep(Duration::from_millis(200));
    }
    let while_away = load.accepted();
    assert!(while_away > 100, "collecting stopped: {while_away}");
    foreign.run();
    std::thread::sleep(seconds(1));
    let ledger = load.stop();
    assert!(
        ledger.values().all(|fate| *fate == load::Fate::Accepted),
        "somebody was refused while ClickHouse was away"
    );
    load::check_exactly_once(&ledger, &foreign.ours());
}

#[test]
fn a_first_start_without_clickhouse_asks_for_patience_until_the_sites_are_known() {
    let mut foreign = Foreign::prepare();
    let program = Program::start(using(&foreign, &foreign.url()));
    for _ in 0..3 {
        let answer = send(&program);
        assert_eq!((answer.status, answer.outcome()), (503, "rejected; reason=unavailable"));
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
    }
    foreign.run();
    // What was cached of nothing must not be taken for "there are no sites".
    wait_until("the site to be made", seconds(60), || {
        program.run(&["site", "add", SITE]).code == 0
    });
    wait_outcome(&program, "accepted", KNOWN_WITHIN);
    let rows = || foreign.ours().text("SELECT count() FROM open_events").unwrap_or_default();
    wait_until("the row", seconds(30), || rows().trim() == "1");
    let (code, _, home) = program.stop();
    assert_eq!(code, 0, "{}", home.log());

    foreign.kill();
    let program = Program::start_in(home, using(&foreign, &foreign.url()));
    for _ in 0..5 {
        let answer = send(&program);
        assert_eq!((answer.status, answer.outcome()), (202, "accepted"), "{}", answer.text());
    }
    assert_eq!(program.client().get("/ready", &[]).status, 200);
    foreign.run();
    let rows = || foreign.ours().text("SELECT count() FROM open_events").unwrap_or_default();
    wait_until("the rows", seconds(60), || rows().trim() == "6");
}

#[test]
fn a_second_program_of_role_all_names_the_first_and_a_collector_follows_its_settings() {
    let foreign = Foreign::start();
    let first = Program::start(using(&foreign, &foreign.url()).site(SITE, "UTC"));
    let owner = foreign.ours().value("SELECT owner FROM leases FINAL");
    assert!(!owner.is_empty() && !owner.contains('\n'), "one lease: {owner:?}");
    let failure = refused(using(&foreign, &foreign.url()));
    assert_eq!(failure.code, 75, "{failure:?}");
    assert!(failure.output.contains(&owner), "{owner} is not named: {failure:?}");

    let mut options = using(&foreign, &foreign.url());
    options.args.extend(["--role".to_owned(), "collect".to_owned()]);
    let collector = Program::start(options);
    assert_eq!(collector.lines().len(), 1, "a collector offers no setup");
    wait_outcome(&collector, "accepted", KNOWN_WITHIN);
    assert_eq!(collector.client().get("/login", &[]).status, 404, "a collector has no dashboard");
    first.run(&["site", "remove", SITE, "--yes"]).expect_ok("site remove");
    wait_outcome(&collector, "ignored; reason=unknown_site", KNOWN_WITHIN);
    first.add_site(SITE, "UTC");
    wait_outcome(&collector, "accepted", KNOWN_WITHIN);

    // The same owner takes its lease over at once, even after an end without goodbye.
    let home = first.kill9();
    let first = Program::start_in(home, using(&foreign, &foreign.url()));
    assert_eq!(foreign.ours().value("SELECT owner FROM leases FINAL"), owner);
    let (code, _, _home) = first.stop();
    assert_eq!(code, 0);
    // A goodbye frees the lease for somebody else.
    let other = Program::start(using(&foreign, &foreign.url()));
    assert_ne!(foreign.ours().value("SELECT owner FROM leases FINAL"), owner);
    drop(other);
}

#[test]
fn a_first_program_that_slept_through_its_lease_ends_when_it_wakes() {
    let foreign = Foreign::start();
    let first = Program::start(using(&foreign, &foreign.url()).site(SITE, "UTC"));
    process::signal(first.pid(), Signal::STOP);
    // Its lease reaches 30 seconds ahead.
    std::thread::sleep(seconds(33));
    let second = Program::start(using(&foreign, &foreign.url()));
    process::signal(first.pid(), Signal::CONT);
    let pid = first.pid();
    wait_until("the first one to notice", seconds(25), || !process::is_running(pid));
    let (code, _, home) = first.stop_with(Signal::CONT);
    assert_eq!(code, 75, "{}", home.log());
    second.add_site("second.example", "UTC");
    assert_eq!(second.stop().0, 0);
}

#[test]
fn a_database_newer_than_the_program_is_left_alone() {
    let foreign = Foreign::start();
    let program = Program::start(using(&foreign, &foreign.url()));
    let (_, _, home) = program.stop();
    let door = foreign.ours();
    door.value(
        "INSERT INTO schema_versions SELECT * REPLACE (999 AS version) FROM \
         (SELECT * FROM schema_versions LIMIT 1)",
    );
    let failure = match Program::try_start_in(home, using(&foreign, &foreign.url())) {
        Ok(program) => panic!("it started: {:?}", program.lines()),
        Err((failure, _)) => failure,
    };
    assert!(failure.code == 1 || failure.code == 69, "{failure:?}");
    let last = failure.output.lines().last().unwrap_or_default().to_lowercase();
    assert!(last.contains("newer") && last.contains("999"), "{failure:?}");
}

#[test]
fn a_wrong_password_of_clickhouse_is_said_and_not_shown() {
    let foreign = Foreign::start();
    let options = Options { args: foreign.arguments(&foreign.url()), ..Options::default() };
    let options = options.env("HEADCOUNT_CLICKHOUSE_PASSWORD", "a-wrong-secret");
    let failure = refused(options);
    assert_eq!(failure.code, 69, "{failure:?}");
    assert!(!failure.output.contains("a-wrong-secret"), "{failure:?}");
}

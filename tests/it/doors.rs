//! Starting and stopping: the lines on standard output, the exit codes, the operator's pages.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use regex::Regex;
use rustix::process::Signal;

use crate::support::command;
use crate::support::home::Home;
use crate::support::http::Client;
use crate::support::process;
use crate::support::program::{NotStarted, Options, Program};
use crate::support::{seconds, wait_until};

/// Every fate an event can have, as the metric names it.
const OUTCOMES: [&str; 12] = [
    "accepted",
    "opted_out",
    "bot",
    "spam_referrer",
    "excluded",
    "unknown_site",
    "invalid",
    "too_large",
    "limited",
    "spool_full",
    "unavailable",
    "internal",
];

/// A start that must fail.
fn refused(home: Home, options: Options) -> NotStarted {
    match Program::try_start_in(home, options) {
        Ok(program) => panic!("it started: {:?}", program.lines()),
        Err((failure, _)) => failure,
    }
}

#[test]
fn the_start_says_ready_and_setup_and_nothing_else() {
    let program = Program::start(Options::default());
    wait_until("the setup line", seconds(5), || program.lines().len() >= 2);
    let lines = program.lines();
    let ready = Regex::new(
        r"^ready url=http://127\.0\.0\.1:\d+ metrics=http://127\.0\.0\.1:\d+ engine=embedded$",
    )
    .expect("a pattern");
    let setup = Regex::new(r"^setup url=http://127\.0\.0\.1:\d+/setup/[A-Za-z0-9_-]{20,}$")
        .expect("a pattern");
    assert!(ready.is_match(&lines[0]), "{lines:?}");
    assert!(setup.is_match(&lines[1]), "{lines:?}");
    assert!(lines[1].starts_with(&format!("setup url={}/setup/", program.url)), "{lines:?}");

    let token = lines[1].rsplit('/').next().expect("a token");
    let answer = program.client().get(&format!("/api/setup/{token}"), &[]);
    assert_eq!((answer.status, answer.json()["valid"].as_bool()), (200, Some(true)));

    assert_eq!(program.client().get("/health", &[]).status, 200);
    let (code, _, home) = program.stop();
    assert_eq!(code, 0, "{}", home.log());
}

#[test]
fn the_setup_address_works_once_and_is_not_offered_again() {
    let program = Program::start(Options::default());
    wait_until("the setup line", seconds(5), || program.lines().len() >= 2);
    let line = program.lines().remove(1);
    let path = line.strip_prefix(&format!("setup url={}", program.url)).expect("our own url");
    let body = r#"{"email":"owner@site.example","password":"a long enough password",
        "domain":"site.example","timezone":"Europe/Berlin"}"#;
    let json = [("Content-Type", "application/json"), ("Origin", program.url.as_str())];
    let short = body.replace("a long enough password", "short");
    let refusal = program.client().post(&format!("/api{path}"), &json, short.as_bytes());
    assert_eq!(refusal.status, 400, "{}", refusal.text());
    assert_eq!(refusal.json()["field"], "password");

    let answer = program.client().post(&format!("/api{path}"), &json, body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["domain"], "site.example");
    let cookie = answer.header("set-cookie").expect("a login").to_owned();
    assert!(cookie.starts_with("headcount_login="), "{cookie}");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie} lacks {part}");
    }
    let login = cookie.split(';').next().expect("a cookie").to_owned();
    let me = program.client().get("/api/me", &[("Cookie", &login)]);
    assert_eq!(me.status, 200, "{}", me.text());
    assert_eq!(me.json()["sites"][0]["timezone"], "Europe/Berlin");
    assert_eq!(program.client().get("/api/me", &[]).status, 401);
    assert_eq!(program.client().get(&format!("/api{path}"), &[]).status, 404);
    assert_eq!(program.client().post(&format!("/api{path}"), &json, body.as_bytes()).status, 404);
    let list = program.run(&["site", "list"]).expect_ok("site list");
    assert!(list.starts_with("site.example\tEurope/Berlin\t"), "{list}");

    let (_, _, home) = program.stop();
    let program = Program::start_in(home, Options::default());
    assert_eq!(program.client().get("/api/me", &[("Cookie", &login)]).status, 200);
    assert_eq!(program.lines().len(), 1, "{:?}", program.lines());
}

#[test]
fn health_and_ready_are_public_and_metrics_has_a_port_of_its_own() {
    let program = Program::start(Options::default());
    let mut public = program.client();
    assert_eq!(public.get("/health", &[]).status, 200);
    assert_eq!(public.get("/ready", &[]).status, 200);
    assert_eq!(public.get("/metrics", &[]).status, 404);
    let metrics = Client::new(&program.metrics_url).get("/metrics", &[]);
    assert_eq!(metrics.status, 200);
    let text = metrics.text();
    for outcome in OUTCOMES {
        let line = format!("headcount_events_total{{outcome=\"{outcome}\"}} 0\n");
        assert!(text.contains(&line), "no {line:?} in {text}");
    }
    for name in [
        "headcount_spool_bytes ",
        "headcount_spool_oldest_seconds ",
        "headcount_insert_rows_total ",
        "headcount_insert_seconds_count ",
        "headcount_late_rows_total ",
        "headcount_untrusted_forwarded_total ",
    ] {
        assert!(text.contains(name), "no {name:?} in {text}");
    }
    let listed = text.matches("headcount_events_total{").count();
    assert_eq!(listed, OUTCOMES.len(), "an outcome outside of the closed set");
}

#[test]
fn ready_means_the_spool_takes_events_whether_the_engine_answers_or_not() {
    let program = Program::start(Options::default().site("site.example", "UTC"));
    for engine in program.engines() {
        process::signal(engine, Signal::STOP);
    }
    let mut client = program.client();
    assert_eq!(client.get("/ready", &[]).status, 200);
    let body = r#"{"n":"pageview","u":"https://site.example/","d":"site.example"}"#;
    let agent = crate::support::agents::like("Chrome", "Windows").text.as_str();
    let answer = client.post("/api/event", &[("User-Agent", agent)], body.as_bytes());
    assert_eq!((answer.status, answer.outcome()), (202, "accepted"));
    for engine in program.engines() {
        process::signal(engine, Signal::CONT);
    }
    program.wait_rows(1);
}

#[test]
fn an_unknown_flag_variable_or_key_ends_with_64_and_names_the_nearest() {
    let flag = Options { args: vec!["--lisen=x".to_owned()], ..Options::default() };
    let variable = Options::default().env("HEADCOUNT_TRESHOLD", "1");
    let home = Home::new();
    let file = home.scratch().join("headcount.toml");
    std::fs::write(&file, "retention_month = 3\n").expect("a file of ours");
    let key = Options {
        args: vec!["--config".to_owned(), file.display().to_string()],
        ..Options::default()
    };
    for (options, nearest) in [(flag, "listen"), (variable, "threshold"), (key, "retention_months")]
    {
        let failure = refused(Home::new(), options);
        assert_eq!(failure.code, 64, "{failure:?}");
        assert!(failure.output.to_lowercase().contains(nearest), "{failure:?}");
    }
}

#[test]
fn a_value_that_cannot_be_meant_ends_with_64() {
    for (name, value) in [
        ("HEADCOUNT_THRESHOLD", "0"),
        ("HEADCOUNT_THRESHOLD", "many"),
        ("HEADCOUNT_RETENTION_MONTHS", "26"),
        ("HEADCOUNT_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("HEADCOUNT_FSYNC", "sometimes"),
        ("HEADCOUNT_PUBLIC_URL", "ftp://site.example"),
    ] {
        let failure = refused(Home::new(), Options::default().env(name, value));
        assert_eq!(failure.code, 64, "{name}={value}: {failure:?}");
    }
}

#[test]
fn a_second_program_on_the_same_data_ends_with_75() {
    let program = Program::start(Options::default());
    let mut command = command::bare();
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "off", "--data-dir"])
        .arg(program.home().data())
        .arg("--key-dir")
        .arg(program.home().keys())
        .arg("--engine-library")
        .arg(command::engine_library());
    let done = command::finish(command, b"");
    assert_eq!(done.code, 75, "{done:?}");
    assert_eq!(done.stdout, "");
    assert_eq!(program.client().get("/ready", &[]).status, 200, "the first one goes on");
}

#[test]
fn a_port_that_is_taken_ends_with_75_and_leaves_no_engine() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let home = Home::new();
    let data = home.data();
    let failure = refused(home, Options { listen: Some(address.clone()), ..Options::default() });
    assert_eq!(failure.code, 75, "{failure:?}");
    let port = address.rsplit(':').next().expect("a port");
    assert!(failure.output.contains(port), "{failure:?}");
    assert!(!data.join("engine/access.json").exists());
}

#[test]
fn what_is_missing_ends_with_64_or_69() {
    let mut bare = command::bare();
    let home = Home::new();
    bare.args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "off", "--data-dir"])
        .arg(home.data())
        .arg("--key-dir")
        .arg(home.keys())
        .args(["--engine-library", "/nowhere/libchdb.so"]);
    let done = command::finish(bare, b"");
    assert_eq!(done.code, 69, "{done:?}");

    let on_disk = Home::new();
    let folder = on_disk.scratch().join("keys");
    std::fs::create_dir(&folder).expect("a folder of ours");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).expect("its mode");
    let mut bare = command::bare();
    bare.args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "off", "--data-dir"])
        .arg(on_disk.data())
        .arg("--key-dir")
        .arg(&folder)
        .arg("--engine-library")
        .arg(command::engine_library());
    let done = command::finish(bare, b"");
    assert_eq!(done.code, 64, "a key directory on a disk: {done:?}");
}

#[test]
fn sigterm_and_sigint_end_with_0_within_ten_seconds_and_stdout_stays_as_it_was() {
    for signal in [Signal::TERM, Signal::INT] {
        let program = Program::start(Options::default());
        let before = program.lines();
        let engines = program.engines();
        assert_eq!(engines.len(), 1, "one engine");
        let (code, took, home) = program.stop_with(signal);
        assert_eq!(code, 0, "{}", home.log());
        assert!(took < Duration::from_secs(10), "it took {took:?}");
        assert!(before.len() <= 2, "{before:?}");
        assert!(!home.data().join("engine/access.json").exists(), "passwords of a stopped engine");
    }
}

#[test]
fn a_second_sigterm_ends_at_once() {
    let mut program = Program::start(Options::default());
    wait_until("the setup line", seconds(5), || program.lines().len() >= 2);
    let engines = program.engines();
    // An engine that stands still would hold up an end in order.
    for engine in &engines {
        process::signal(*engine, Signal::STOP);
    }
    process::signal(program.pid(), Signal::TERM);
    // Two signals of a kind at once are one.
    wait_until("the first to be noticed", seconds(5), || program.home().log().contains("Stopping"));
    let (status, took) = program.signal_and_wait(Signal::TERM);
    assert!(took < Duration::from_secs(5), "it took {took:?}, {status:?}");
    for engine in engines {
        process::signal(engine, Signal::CONT);
        wait_until("the engine to notice", seconds(10), || !process::is_running(engine));
    }
}

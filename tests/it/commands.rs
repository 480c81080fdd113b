//! The command line: the same words and results whether the program runs or not.

use regex::Regex;
use rustix::process::Signal;

use crate::support::agents;
use crate::support::command::{self, at_home, headcount};
use crate::support::home::Home;
use crate::support::process;
use crate::support::program::{Options, Program};
use crate::support::report::Reports;
use crate::support::scan::Scan;
use serde_json::json;

/// Names of the checks of `doctor`.
const CHECKS: [&str; 14] = [
    "engine_library",
    "engine_access",
    "database",
    "geo",
    "lists",
    "data_dir",
    "spool",
    "key_dir",
    "swap",
    "clock",
    "trusted_proxies",
    "public_url",
    "disk",
    "days",
];

fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).expect("a pattern").is_match(text)
}

#[test]
fn an_unknown_command_is_named_and_help_lists_only_what_exists() {
    let done = headcount(&["frobnicate"]);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.stderr.contains("unknown command"), "{done:?}");
    assert_eq!(done.stdout, "");
    let help = headcount(&["--help"]);
    assert_eq!(help.code, 0, "{help:?}");
    for command in ["serve", "site", "account", "key", "doctor", "check", "migrate", "bench"] {
        assert!(help.stdout.contains(command), "{command} is not in {}", help.stdout);
    }
    assert!(!help.stdout.contains("engine "), "the engine command is hidden: {}", help.stdout);
}

#[test]
fn check_prints_the_settings_in_force_with_secrets_hidden() {
    let home = Home::new();
    let secret = home.scratch().join("password");
    std::fs::write(&secret, "an-utterly-secret-word\n").expect("a file of ours");
    let file = home.scratch().join("headcount.toml");
    std::fs::write(&file, "threshold = 7\nretention_months = 6\n").expect("a file of ours");
    let mut command = command::bare();
    command
        .arg("check")
        .arg("--config")
        .arg(&file)
        .arg("--data-dir")
        .arg(home.data())
        .env("HEADCOUNT_THRESHOLD", "9")
        .env("HEADCOUNT_CLICKHOUSE_URL", "http://127.0.0.1:8123")
        .env("HEADCOUNT_CLICKHOUSE_PASSWORD_FILE", &secret);
    let done = command::finish(command, b"");
    assert_eq!(done.code, 0, "{done:?}");
    let settings: toml::Table = done.stdout.parse().expect("TOML on standard output");
    assert_eq!(settings["threshold"].as_integer(), Some(9), "a variable wins over the file");
    assert_eq!(settings["retention_months"].as_integer(), Some(6), "the file over the default");
    assert_eq!(settings["clickhouse_password"].as_str(), Some("***"));
    assert!(!done.stdout.contains("secret-word") && !done.stderr.contains("secret-word"));
}

#[test]
fn sites_are_the_same_while_the_program_runs_and_while_it_does_not() {
    let home = Home::new();
    let added = at_home(&home, &["site", "add", "one.example"], "").expect_ok("site add");
    assert_eq!(added, "one.example\n");
    let again = at_home(&home, &["site", "add", "one.example"], "");
    assert_eq!((again.code, again.stdout.as_str()), (1, ""), "{again:?}");

    let program = Program::start_in(home, Options::default());
    program.add_site("two.example", "Pacific/Kiritimati");
    let again = program.run(&["site", "add", "two.example"]);
    assert_eq!((again.code, again.stdout.as_str()), (1, ""), "{again:?}");
    let wrong = program.run(&["site", "add", "three.example", "--timezone", "Mars/Olympus"]);
    assert_ne!(wrong.code, 0);
    assert!(wrong.stderr.contains("Mars/Olympus"), "{wrong:?}");
    let running = program.run(&["site", "list"]).expect_ok("site list");
    let (_, _, home) = program.stop();

    let stopped = at_home(&home, &["site", "list"], "").expect_ok("site list");
    assert_eq!(running, stopped);
    let lines: Vec<&str> = stopped.lines().collect();
    assert_eq!(lines.len(), 2, "{stopped}");
    assert!(matches(r"^one\.example\tUTC\t\d{4}-\d\d-\d\d", lines[0]), "{stopped}");
    assert!(matches(r"^two\.example\tPacific/Kiritimati\t\d{4}-\d\d-\d\d", lines[1]), "{stopped}");
}

#[test]
fn a_key_is_shown_once_listed_without_itself_and_worthless_when_revoked() {
    let program = Program::start(Options::default().site("site.example", "UTC"));
    let made = program.run(&[
        "key",
        "create",
        "--site",
        "site.example",
        "--scope",
        "read",
        "--name",
        "wall display",
    ]);
    let made = made.expect_ok("key create");
    assert!(matches(r"^hc_read_[A-Za-z0-9_-]{43}\n$", &made), "{made:?}");
    let key = made.trim();
    let all = program.run(&["key", "create", "--all-sites", "--scope", "send"]).expect_ok("create");
    assert!(matches(r"^hc_send_[A-Za-z0-9_-]{43}\n$", &all), "{all:?}");

    let list = program.run(&["key", "list"]).expect_ok("key list");
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 2, "{list}");
    let fields: Vec<&str> = lines[0].split('\t').collect();
    assert_eq!(fields.len(), 6, "{list}");
    assert_eq!(&fields[1..4], ["read", "site.example", "wall display"]);
    assert!(matches(r"^\d{4}-\d\d-\d\d", fields[4]), "{list}");
    assert!(!list.contains(key) && !list.contains(all.trim()), "a key was listed");

    let mut reports = Reports::new(program.client(), "site.example", key);
    let query = json!({"metrics": ["visitors"], "date_range": "day"});
    assert_eq!(reports.ask(query.clone()).status, 200);
    program.run(&["key", "revoke", fields[0]]).expect_ok("key revoke");
    assert_eq!(reports.ask(query).status, 401);
    assert_eq!(program.run(&["key", "revoke", "9999"]).code, 1);

    let engine = program.clickhouse();
    let scan = Scan::new(&[key, all.trim()]);
    assert_eq!(scan.places(&engine.dump()), []);
    let (_, _, home) = program.stop();
    assert_eq!(scan.folder(home.scratch()), [], "a key was written somewhere");
}

#[test]
fn an_account_made_at_the_shell_can_log_in_and_its_password_can_be_changed() {
    let program = Program::start(Options::default().site("site.example", "UTC"));
    let add = ["account", "add", "me@site.example", "--password-stdin"];
    let added = at_home(program.home(), &add, "correct horse battery\n");
    assert_eq!(added.code, 0, "{added:?}");
    assert_ne!(at_home(program.home(), &add, "correct horse battery\n").code, 0);
    let login = |password: &str| {
        let body = json!({"email": "me@site.example", "password": password}).to_string();
        let headers = [("Content-Type", "application/json"), ("Origin", program.url.as_str())];
        program.client().post("/api/login", &headers, body.as_bytes()).status
    };
    assert_eq!(login("correct horse battery"), 200);
    assert_eq!(login("incorrect horse battery"), 401);
    let change = ["account", "password", "me@site.example", "--password-stdin"];
    at_home(program.home(), &change, "another horse battery\n").expect_ok("password");
    assert_eq!(login("correct horse battery"), 401);
    assert_eq!(login("another horse battery"), 200);
    let scan = Scan::new(&["horse battery"]);
    assert_eq!(scan.places(&program.clickhouse().dump()), []);
    let (_, _, home) = program.stop();
    assert_eq!(scan.folder(home.scratch()), [], "a password was written somewhere");
}

#[test]
fn doctor_says_one_line_for_each_check_running_or_not() {
    let home = Home::new();
    let stopped = at_home(&home, &["doctor"], "");
    check_doctor(&stopped);
    let program = Program::start_in(home, Options::default());
    check_doctor(&program.run(&["doctor"]));
    let list = program.run(&["doctor", "--json"]);
    let parsed: serde_json::Value = serde_json::from_str(&list.stdout).expect("--json prints JSON");
    assert!(!parsed.is_null());
}

fn check_doctor(done: &command::Done) {
    let mut failed = false;
    for name in CHECKS {
        let line = done
            .stdout
            .lines()
            .find(|line| line.split('\t').nth(1) == Some(name))
            .unwrap_or_else(|| panic!("doctor does not speak of {name}: {done:?}"));
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!(fields.len(), 4, "{line:?}");
        assert!(matches!(fields[0], "ok" | "warn" | "fail"), "{line:?}");
        assert!(fields[0] == "ok" || !fields[3].is_empty(), "no way to mend it: {line:?}");
        failed |= fields[0] == "fail";
    }
    assert_eq!(done.stdout.lines().count(), CHECKS.len(), "{}", done.stdout);
    assert_eq!(done.code, i32::from(failed), "{done:?}");
    assert!(!failed, "{}", done.stdout);
}

#[test]
fn migrate_says_what_it_applied_and_then_that_all_is_up_to_date() {
    let home = Home::new();
    let first = at_home(&home, &["migrate"], "").expect_ok("migrate");
    assert!(first.lines().count() >= 2, "{first}");
    for (n, line) in first.lines().enumerate() {
        let number = n + 1;
        assert!(matches(&format!("^applied {number}_[a-z_]+$"), line), "{first}");
    }
    assert_eq!(at_home(&home, &["migrate"], "").expect_ok("migrate"), "up to date\n");
    let program = Program::start_in(home, Options::default());
    assert_eq!(program.run(&["migrate"]).expect_ok("migrate"), "up to date\n");
}

#[test]
fn admin_runs_several_commands_one_a_line() {
    let program = Program::start(Options::default());
    let lines = "site add one.example\nsite add two.example --timezone Asia/Tokyo\nsite list\n";
    let said = at_home(program.home(), &["admin"], lines).expect_ok("admin");
    assert!(said.starts_with("one.example\ntwo.example\none.example\tUTC\t"), "{said}");
    assert!(said.contains("\ntwo.example\tAsia/Tokyo\t"), "{said}");
}

#[test]
fn a_program_that_holds_the_data_but_does_not_answer_ends_a_command_with_75() {
    let program = Program::start(Options::default());
    process::signal(program.pid(), Signal::STOP);
    let done = program.run(&["site", "list"]);
    process::signal(program.pid(), Signal::CONT);
    assert_eq!(done.code, 75, "{done:?}");
    assert_eq!(program.run(&["site", "list"]).code, 0);
}

#[test]
fn a_removed_site_takes_no_more_events_and_its_rows_go() {
    let program = Program::start(Options::default().site("site.example", "UTC"));
    let agent = agents::like("Chrome", "Windows").text.as_str();
    let body = r#"{"n":"pageview","u":"https://site.example/","d":"site.example"}"#;
    let mut client = program.client();
    let mut send = || {
        client.post("/api/event", &[("User-Agent", agent)], body.as_bytes()).outcome().to_owned()
    };
    assert_eq!(send(), "accepted");
    program.wait_rows(1);
    let without = program.run(&["site", "remove", "site.example"]);
    assert_ne!(without.code, 0, "it must ask for --yes: {without:?}");
    program.run(&["site", "remove", "site.example", "--yes"]).expect_ok("site remove");
    assert_eq!(send(), "ignored; reason=unknown_site");
    assert_eq!(program.run(&["site", "list"]).expect_ok("site list"), "");
    crate::support::wait_until("its rows to be gone", crate::support::seconds(20), || {
        program.clickhouse().count("open_events") == 0
    });
}

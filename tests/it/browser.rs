//! The dashboard, the demo and the tracker in a real Chromium, as people use them.
//!
//! The scripts are in `tests/browser`; pictures of what they saw stay in the test's own folder and
//! are kept under `target/pictures`, so that a person can look at them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::support::agents;
use crate::support::program::{Options, Program};
use crate::support::{process, seconds, wait_until};

/// Where Debian puts the browser; other names are looked for too.
const CHROMIUM: [&str; 3] =
    ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
/// How long one script may take; one of them waits a minute for counts, and the machine may be busy.
const SCRIPT_LIMIT: Duration = Duration::from_secs(180);

fn chromium() -> &'static str {
    let found = CHROMIUM.into_iter().find(|path| Path::new(path).exists());
    found.unwrap_or_else(|| {
        panic!("no browser at {CHROMIUM:?}: install one, for example by `apt install chromium`")
    })
}

fn pictures(script: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_headcount")).ancestors().nth(2).expect("target");
    target.join("pictures").join(script)
}

/// Starts a program with its demo site and the address of its set-up.
fn start() -> (Program, String) {
    start_with(&[])
}

/// The same with further flags.
pub(crate) fn start_with(args: &[&str]) -> (Program, String) {
    let args = ["--demo"].iter().chain(args).map(|arg| (*arg).to_owned()).collect();
    let program = Program::start(Options { args, ..Options::default() });
    wait_until("the setup line", seconds(5), || program.lines().len() >= 2);
    let line = program.lines().remove(1);
    let setup = line.strip_prefix("setup url=").expect("the setup line").to_owned();
    (program, setup)
}

/// Runs `tests/browser/NAME.mjs` against a program; it must end with 0.
pub(crate) fn run(name: &str, program: &Program, setup: &str) {
    run_with(name, program, setup, "");
}

/// The same with a send key.
pub(crate) fn run_with(name: &str, program: &Program, setup: &str, key: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let given = json!({
        "key": key,
        "url": program.url,
        "setup": setup,
        "reader": program.clickhouse().door("read"),
        "chromium": chromium(),
        "pictures": pictures(name).display().to_string(),
    });
    let mut child = Command::new("node")
        .arg(root.join("tests/browser").join(format!("{name}.mjs")))
        .arg(given.to_string())
        .current_dir(root)
        .stdin(Stdio::null())
        .spawn()
        .expect("node is needed for the browser's tests");
    let status = process::wait_exit(&mut child, SCRIPT_LIMIT);
    if status.is_none() {
        child.kill().expect("our own child can be killed");
        drop(child.wait());
    }
    let status = status.unwrap_or_else(|| panic!("{name}.mjs took longer than {SCRIPT_LIMIT:?}"));
    assert!(
        status.success(),
        "{name}.mjs found a fault, see above; the log: {}",
        program.home().log()
    );
}

#[test]
fn from_the_setup_address_to_a_report_with_the_visits_that_were_made() {
    let (program, setup) = start();
    run("journey", &program, &setup);
    let engine = program.clickhouse();
    let names = "SELECT name, count() FROM open_events GROUP BY name ORDER BY name";
    wait_until("all events", seconds(10), || {
        engine.value(names) == "Signup\t1\nengagement\t1\npageview\t3"
            || engine.value(names) == "Signup\t1\nengagement\t2\npageview\t3"
    });
    let attention = engine.value(
        "SELECT sum(engaged_ms) BETWEEN 3000 AND 60000, max(scroll) BETWEEN 20 AND 100 \
         FROM open_events WHERE name = 'engagement'",
    );
    assert_eq!(attention, "1\t1", "time and depth of the page that was read");
    let paths = "SELECT groupUniqArray(path) FROM open_events WHERE name = 'pageview'";
    let paths = engine.value(paths);
    for path in ["'/boats'", "'/boats/raft'", "'/next'"] {
        assert!(paths.contains(path), "{paths}");
    }
    let kept = "SELECT any(source), countIf(path LIKE '%secret%' OR path LIKE '%?%') FROM open_events \
                WHERE path = '/boats'";
    assert_eq!(engine.value(kept), "letter\t0");
}

#[test]
fn the_demo_site_is_counted_and_its_report_can_be_filtered_and_walked_back() {
    let (program, setup) = start();
    run("demo", &program, &setup);
}

#[test]
fn a_report_is_compared_cut_finer_and_filtered_by_what_is_typed() {
    let (program, setup) = start();
    run("report", &program, &setup);
}

#[test]
fn settings_are_changed_by_hand_and_what_was_not_counted_and_how_quick_pages_are_is_shown() {
    let (program, setup) = start_with(&["--first-party-path", "/numbers"]);
    run("settings", &program, &setup);
}

#[test]
fn browsers_that_ask_not_to_be_counted_send_nothing_at_all() {
    let (program, setup) = start();
    run("silence", &program, &setup);
    // The control sends its page, and its attention when it is closed.
    let accepted = program.counted("accepted");
    assert!((1..=2).contains(&accepted), "{accepted} events");
    program.wait_rows(accepted);
    let pages = "SELECT countIf(name = 'pageview') FROM open_events";
    assert_eq!(program.clickhouse().value(pages), "1", "the control");
    for outcome in ["opted_out", "bot", "excluded", "unknown_site", "invalid"] {
        assert_eq!(program.counted(outcome), 0, "{outcome}");
    }
}

#[test]
fn logging_in_and_out_says_what_it_must_and_no_more() {
    let (program, setup) = start();
    run("login", &program, &setup);
}

#[test]
fn what_strangers_send_is_shown_as_text() {
    let (program, setup) = start();
    let agent = agents::like("Chrome", "Windows").text.as_str();
    let evil = "<img src=x onerror=alert(1)>";
    let script = "\"><script>alert(1)</script>";
    for (name, path, referrer) in [
        ("pageview", evil, "https://evil.example/<script>alert(1)</script>"),
        ("pageview", script, "javascript:alert(1)"),
        (evil, "/", "https://x\"onmouseover=alert(1).example/"),
        (script, "/{{constructor.constructor('alert(1)')()}}", ""),
    ] {
        let body = json!({
            "n": name,
            "u": format!("http://localhost/{path}?utm_source={script}&utm_campaign={evil}"),
            "d": "demo.example",
            "r": referrer,
            "p": {(evil): script, "plan": evil},
        });
        let headers = [("User-Agent", agent), ("Accept-Language", "<b>x</b>")];
        let answer = program.client().post("/api/event", &headers, body.to_string().as_bytes());
        assert_eq!(answer.status, 202, "{}", answer.text());
    }
    run("text", &program, &setup);
}

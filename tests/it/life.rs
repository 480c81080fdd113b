//! The life of a day: when it begins at a site, when its key is gone, what outlives a restart.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::agents;
use crate::support::command;
use crate::support::home::Home;
use crate::support::program::{Options, Program};
use crate::support::report::Reports;
use crate::support::{seconds, wait_until};

/// Within this a key whose day is over must be gone.
const GONE_WITHIN: std::time::Duration = seconds(10);
/// 2093-10-30 12:00 UTC.
const NOON: u32 = 3_907_742_400;
const HOUR: u32 = 3_600;

/// Key files by name, with what is in them.
fn keys(program: &Program) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(program.home().keys()).expect("the key directory");
    entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|end| end == "key"))
        .map(|entry| {
            let bytes = fs::read(entry.path()).unwrap_or_default();
            (entry.file_name().to_string_lossy().into_owned(), bytes)
        })
        .collect()
}

/// One page view of the same visitor; whether it was accepted.
fn visit(program: &Program, domain: &str) {
    let body = format!(r#"{{"n":"pageview","u":"https://{domain}/","d":"{domain}"}}"#);
    let agent = agents::like("Chrome", "Windows").text.as_str();
    let headers = [("User-Agent", agent), ("X-Forwarded-For", "81.2.69.160")];
    let answer = program.client().post("/api/event", &headers, body.as_bytes());
    assert_eq!(answer.outcome(), "accepted", "{}", answer.text());
}

fn set(program: &Program, at: u32) {
    program.clock.as_ref().expect("a clock").set(at);
}

fn started(at: u32) -> Program {
    Program::start(Options { clock: Some(at), ..Options::behind_proxy() })
}

/// Stored days and tokens in the order of arrival.
fn tokens(program: &Program) -> Vec<(String, String)> {
    let text = program.clickhouse().value(
        "SELECT toString(day), toString(visitor) FROM open_events ORDER BY ts, batch, position",
    );
    let pair = |line: &str| {
        let (day, visitor) = line.split_once('\t').expect("two columns");
        (day.to_owned(), visitor.to_owned())
    };
    text.lines().map(pair).collect()
}

#[test]
fn at_the_sites_midnight_the_key_goes_and_the_same_person_is_somebody_new() {
    // 23:59:50 in Berlin, an hour ahead of UTC at the end of October.
    let before = NOON + 10 * HOUR + HOUR - 10;
    let program = started(before);
    program.add_site("berlin.example", "Europe/Berlin");
    visit(&program, "berlin.example");
    visit(&program, "berlin.example");
    let first = keys(&program);
    assert_eq!(first.len(), 1, "one site, one day, one key: {:?}", first.keys());
    set(&program, before + 9);
    visit(&program, "berlin.example");
    std::thread::sleep(seconds(2));
    assert_eq!(keys(&program), first, "before midnight nothing changes");

    set(&program, before + 10);
    wait_until("yesterday's key to be gone", GONE_WITHIN, || {
        !keys(&program).keys().any(|name| first.contains_key(name))
    });
    visit(&program, "berlin.example");
    visit(&program, "berlin.example");
    let second = keys(&program);
    assert_eq!(second.len(), 1, "{:?}", second.keys());
    let same = second.values().any(|bytes| first.values().any(|old| shares_a_run(old, bytes)));
    assert!(!same, "the new key repeats a part of the old one");

    program.wait_rows(5);
    let found = tokens(&program);
    let days: Vec<&str> = found.iter().map(|(day, _)| day.as_str()).collect();
    assert_eq!(days, ["2093-10-30", "2093-10-30", "2093-10-30", "2093-10-31", "2093-10-31"]);
    assert!(found.iter().all(|(_, token)| token != "0"), "{found:?}");
    assert_eq!(found[0].1, found[1].1);
    assert_eq!(found[0].1, found[2].1);
    assert_eq!(found[3].1, found[4].1);
    assert_ne!(found[2].1, found[3].1, "a token outlived the day");

    let key = program.add_key("berlin.example", "read");
    let mut reports = Reports::new(program.client(), "berlin.example", &key);
    let query = json!({"metrics": ["visitors", "visits"], "dimensions": ["time:day"],
        "date_range": ["2093-10-30", "2093-10-31"]});
    let rows = reports.rows(&query);
    let one = vec![json!(1), json!(1)];
    let wanted =
        [(vec!["2093-10-30".to_owned()], one.clone()), (vec!["2093-10-31".to_owned()], one)];
    assert_eq!(rows, wanted, "counted on both days, in a visit of its own each");
}

/// Whether 8 bytes in a row of `one` that are not all zero occur in `other` at the same place,
/// beyond what names the site and the day.
fn shares_a_run(one: &[u8], other: &[u8]) -> bool {
    one.windows(16).zip(other.windows(16)).any(|(a, b)| a == b && a.iter().any(|byte| *byte != 0))
}

#[test]
fn sites_at_the_two_ends_of_the_day_have_days_of_their_own() {
    // 10:30 UTC: half past midnight the next day in Kiritimati, half an hour to midnight in Pago.
    let program = started(NOON - HOUR - HOUR / 2);
    program.add_site("east.example", "Pacific/Kiritimati");
    program.add_site("west.example", "Pacific/Pago_Pago");
    visit(&program, "east.example");
    visit(&program, "west.example");
    assert_eq!(keys(&program).len(), 2);
    let before = keys(&program);
    // 11:00 UTC is midnight in the west.
    set(&program, NOON - HOUR);
    wait_until("the key of the west to be gone", GONE_WITHIN, || keys(&program).len() == 1);
    assert!(keys(&program).iter().all(|(name, bytes)| before.get(name) == Some(bytes)));
    visit(&program, "east.example");
    visit(&program, "west.example");
    assert_eq!(keys(&program).len(), 2);
    program.wait_rows(4);
    let sql = "SELECT toString(day), count(), uniqExact(visitor) FROM open_events GROUP BY site, \
               day ORDER BY site, day";
    assert_eq!(
        program.clickhouse().value(sql),
        "2093-10-31\t2\t1\n2093-10-29\t1\t1\n2093-10-30\t1\t1"
    );
    let sql = "SELECT uniqExact(visitor) FROM open_events";
    assert_eq!(program.clickhouse().value(sql), "3", "no token of one site is one of the other");
}

#[test]
fn a_key_outlives_a_restart_but_not_its_day() {
    let program = started(NOON);
    program.add_site("site.example", "UTC");
    visit(&program, "site.example");
    let before = keys(&program);
    let (code, _, home) = program.stop();
    assert_eq!(code, 0);
    let again =
        |home, at| Program::start_in(home, Options { clock: Some(at), ..Options::behind_proxy() });
    let program = again(home, NOON + 60);
    visit(&program, "site.example");
    assert_eq!(keys(&program), before);
    let home = program.kill9();
    let program = again(home, NOON + 120);
    visit(&program, "site.example");
    program.wait_rows(3);
    let sql = "SELECT uniqExact(visitor), min(visitor) > 0 FROM open_events";
    assert_eq!(program.clickhouse().value(sql), "1\t1", "one visitor, counted once");

    // Off over midnight: the first thing the next start does is to delete what is over.
    let (_, _, home) = program.stop();
    let left = home.keys().read_dir().expect("the key directory").count();
    assert!(left > 0, "the file stays while nothing runs");
    let program = again(home, NOON + 13 * HOUR);
    assert_eq!(keys(&program), BTreeMap::new(), "a key of yesterday is still there");
}

#[test]
fn a_clock_that_went_back_gets_a_fresh_key_or_none() {
    let program = started(NOON);
    program.add_site("site.example", "UTC");
    visit(&program, "site.example");
    set(&program, NOON + 13 * HOUR);
    wait_until("the key to be gone", GONE_WITHIN, || keys(&program).is_empty());
    visit(&program, "site.example");
    set(&program, NOON + HOUR);
    visit(&program, "site.example");
    visit(&program, "site.example");
    program.wait_rows(4);
    let sql = "SELECT toString(visitor) FROM open_events WHERE visitor != 0 GROUP BY visitor \
               HAVING uniqExact(day) > 1 OR max(ts) - min(ts) > 1800";
    assert_eq!(program.clickhouse().value(sql), "", "a token from before the clock went back");
    assert!(keys(&program).len() <= 1, "{:?}", keys(&program).keys());
}

/// Starts with this key directory; the exit code and what was said, or nothing if it started.
fn start_with_keys_in(folder: &Path) -> Option<(i32, String)> {
    let home = Home::new();
    let mut command: Command = command::bare();
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "off", "--data-dir"])
        .arg(home.data())
        .arg("--key-dir")
        .arg(folder)
        .arg("--engine-library")
        // Nothing at all: a start that gets past the keys ends with 69.
        .arg("/nowhere/libchdb.so");
    let done = command::finish(command, b"");
    (done.code != 69).then_some((done.code, done.stderr))
}

#[test]
fn a_key_directory_that_cannot_be_trusted_ends_the_start() {
    let memory = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    let disk = tempfile::tempdir().expect("a folder on disk");
    let set_mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("our own folder");
    };
    let good = memory.path().join("good");
    fs::create_dir(&good).expect("our own folder");
    set_mode(&good, 0o700);
    assert_eq!(start_with_keys_in(&good), None, "this one is good");

    let open = memory.path().join("open");
    fs::create_dir(&open).expect("our own folder");
    set_mode(&open, 0o755);
    let link = memory.path().join("link");
    std::os::unix::fs::symlink(&good, &link).expect("a link");
    let on_disk = disk.path().join("keys");
    fs::create_dir(&on_disk).expect("our own folder");
    set_mode(&on_disk, 0o700);
    let file = memory.path().join("file");
    fs::write(&file, "").expect("a file of ours");
    let foreign = memory.path().join("foreign");
    fs::create_dir(&foreign).expect("our own folder");
    set_mode(&foreign, 0o700);
    let mut bad = vec![&open, &link, &on_disk, &file];
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&foreign, Some(12_345), None).expect("root may give it away");
        bad.push(&foreign);
    }
    for folder in bad {
        let (code, said) = start_with_keys_in(folder)
            .unwrap_or_else(|| panic!("{} was taken for keys", folder.display()));
        assert_eq!(code, 64, "{}: {said}", folder.display());
        assert!(said.contains("key"), "{said}");
    }
}

#[test]
fn active_swap_is_said_and_keeps_keys_out_of_files() {
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    let active = swaps.lines().skip(1).any(|line| !line.contains("zram"));
    if !active {
        println!("skipped: this machine has no active swap");
        return;
    }
    let program = started(NOON);
    program.add_site("site.example", "UTC");
    visit(&program, "site.example");
    assert!(keys(&program).is_empty(), "{:?}", keys(&program).keys());
    assert!(program.home().log().to_lowercase().contains("swap"));
}

//! Deleted rows are gone: from every report, and within the promised time from the disk.
//!
//! Strings are planted in columns that the engine stores as they are (dictionaries, whose blocks
//! hold a string that does not repeat literally), found in the files first, and then looked for
//! until the promised moment. The clock is the test's and moves on while it waits: the engine sees
//! it too, and keeps replaced files for some seconds of it.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::command;
use crate::support::program::{Options, Program};
use crate::support::report::Reports;
use crate::support::scan::Scan;
use crate::support::{agents, seconds, wait_until};

/// 2093-10-30 12:00 UTC.
const NOON: u32 = 3_907_742_400;
const DAY: u32 = 86_400;
/// A nightly run begins within a minute of a new day.
const NIGHTLY: Duration = seconds(150);

fn started() -> Program {
    Program::start(Options { clock: Some(NOON), ..Options::behind_proxy().show_all() })
}

/// A page view with a planted campaign.
fn visit(program: &Program, domain: &str, campaign: &str) {
    let url = format!("https://{domain}/p?utm_source={campaign}");
    let body = json!({ "n": "pageview", "u": url, "d": domain }).to_string();
    let agent = agents::like("Chrome", "Windows").text.as_str();
    let headers = [("User-Agent", agent), ("X-Forwarded-For", "81.2.69.160")];
    let answer = program.client().post("/api/event", &headers, body.as_bytes());
    assert_eq!(answer.outcome(), "accepted", "{}", answer.text());
}

fn as_schema(program: &Program, sql: &str) {
    program.clickhouse().query("schema", sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// A closed day of one row, as a closing leaves it.
fn close(program: &Program, site: u32, day: &str, planted: &str) {
    as_schema(
        program,
        &format!(
            "INSERT INTO hits (site, day, gen, visitor, visit, hit, name, path, entry_page) \
             VALUES ({site}, '{day}', 1, 1, 1, 1, 'pageview', '/{planted}', '/{planted}')"
        ),
    );
    as_schema(
        program,
        &format!(
            "INSERT INTO totals (site, day, gen, dim, value, visitors) \
             VALUES ({site}, '{day}', 1, '{planted}', '/x', 1)"
        ),
    );
    as_schema(
        program,
        &format!(
            "INSERT INTO closed_days (day, gen, rows, visitors, visits) VALUES ('{day}', 1, 1, 1, 1)"
        ),
    );
}

/// Files below `folder` that hold the text.
fn places(folder: &Path, text: &str) -> Vec<String> {
    let mut found: Vec<String> =
        Scan::new(&[text]).folder(folder).into_iter().map(|(place, _)| place).collect();
    found.dedup();
    found
}

/// What must be there to be found missing later: in a part of each of these tables.
fn assert_planted(program: &Program, text: &str, least: usize) {
    let found = places(&program.home().data().join("engine"), text);
    let parts: std::collections::BTreeSet<_> =
        found.iter().filter_map(|place| Path::new(place).parent()).collect();
    assert!(parts.len() >= least, "the scan is blind: {text} only in {found:?}");
}

/// Waits until no file of the data directory holds the text, at most `limit`; the clock goes on
/// from `now`.
fn wait_gone(program: &Program, text: &str, now: u32, limit: Duration) {
    let begun = Instant::now();
    let data = program.home().data();
    loop {
        let left = places(&data, text);
        if left.is_empty() {
            break;
        }
        let passed = begun.elapsed();
        assert!(passed < limit, "after {passed:?} {text} is still in {left:?}");
        std::thread::sleep(Duration::from_millis(200));
        set(program, now + u32::try_from(passed.as_secs()).expect("some seconds"));
    }
    println!("{text} was gone after {:?}, promised were {limit:?}", begun.elapsed());
}

fn set(program: &Program, at: u32) {
    program.clock.as_ref().expect("a clock").set(at);
}

/// Seconds from the test's clock to the moment that a command named.
fn promised(said: &Value, now: u32) -> Duration {
    let text = said["gone_by"].as_str().expect("a moment");
    let at: jiff::Timestamp = text.parse().expect("a moment in RFC 3339");
    let ahead = at.as_second() - i64::from(now);
    seconds(u64::try_from(ahead).expect("a moment that is to come"))
}

fn rows_of(program: &Program, table: &str, site: u32) -> String {
    let sql = format!(
        "SELECT arrayStringConcat(arraySort(groupUniqArray(toString(day))), ' ') FROM {table} \
         WHERE site = {site}"
    );
    program.clickhouse().value(&sql)
}

#[test]
fn erased_days_are_out_of_reports_at_once_and_off_the_disk_when_it_was_said() {
    let program = started();
    program.add_site("site.example", "UTC");
    program.add_site("other.example", "UTC");
    visit(&program, "site.example", "plantedgoes7q1zx");
    visit(&program, "other.example", "plantedstays3w8k");
    program.wait_rows(2);
    for (site, day, planted) in [
        (1, "2093-09-29", "plantedstays3w8k"),
        (1, "2093-09-30", "plantedgoes7q1zx"),
        (1, "2093-10-01", "plantedgoes7q1zx"),
        (2, "2093-10-01", "plantedstays3w8k"),
    ] {
        close(&program, site, day, planted);
    }
    assert_planted(&program, "plantedgoes7q1zx", 5);
    let key = program.add_key("site.example", "read");
    let mut reports = Reports::new(program.client(), "site.example", &key);
    let query =
        json!({"metrics": ["visitors", "pageviews"], "date_range": ["2093-10-30", "2093-10-30"]});
    assert_eq!(reports.rows(&query), [(Vec::new(), vec![json!(1), json!(1)])]);
    let range = ["--site", "site.example", "--from", "2093-09-30", "--to", "2093-10-30"];
    let erase = |more: &[&str]| {
        let args: Vec<&str> = ["erase"].iter().chain(&range).chain(more).copied().collect();
        program.run(&args)
    };

    let refused = erase(&[]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    for part in ["1 rows of open_events", "2 rows of hits", "2 rows of totals", "--yes"] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    assert_eq!(rows_of(&program, "open_events", 1), "2093-10-30");

    let done = erase(&["--yes", "--json"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let said: Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert_eq!(
        said["rows"],
        json!({"open_events": 1, "hits": 2, "totals": 2, "outcomes": 0,
        "kept_back": 0, "vitals": 0, "script_errors": 0})
    );
    assert!(done.stderr.contains("5 rows are deleted; their bytes are gone from disk by"));
    assert!(done.stderr.contains("count as new"), "{}", done.stderr);
    assert_eq!(rows_of(&program, "open_events", 1), "");
    assert_eq!(rows_of(&program, "hits", 1), "2093-09-29");
    assert_eq!(rows_of(&program, "totals", 1), "2093-09-29");
    assert_eq!(reports.rows(&query), [(Vec::new(), vec![json!(0), json!(0)])]);

    wait_gone(&program, "plantedgoes7q1zx", NOON, promised(&said, NOON));
    assert_eq!(rows_of(&program, "open_events", 2), "2093-10-30");
    assert_eq!(rows_of(&program, "hits", 2), "2093-10-01");
    assert_planted(&program, "plantedstays3w8k", 4);
    // What comes now is new, and the day goes on.
    visit(&program, "site.example", "plantedstays3w8k");
    program.wait_rows(2);
    assert_eq!(reports.rows(&query), [(Vec::new(), vec![json!(1), json!(1)])]);
}

#[test]
fn erasing_without_a_server_ends_when_the_bytes_are_gone() {
    let program = started();
    program.add_site("site.example", "UTC");
    visit(&program, "site.example", "plantedgoes9v4t2");
    program.wait_rows(1);
    close(&program, 1, "2093-10-01", "plantedgoes9v4t2");
    assert_planted(&program, "plantedgoes9v4t2", 3);
    let (code, _, home) = program.stop();
    assert_eq!(code, 0);
    let range = ["erase", "--site", "site.example", "--from", "2093-10-01", "--to", "2093-10-30"];
    let refused = command::at_home(&home, &range, "");
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(!places(&home.data(), "plantedgoes9v4t2").is_empty());
    let done = command::at_home(&home, &[&range[..], &["--yes"]].concat(), "");
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(
        done.stdout,
        "hits\t1\nkept_back\t0\nopen_events\t1\noutcomes\t0\nscript_errors\t0\ntotals\t1\nvitals\t0\n"
    );
    assert!(done.stderr.contains("3 rows are deleted; their bytes are gone from disk."));
    assert_eq!(places(&home.data(), "plantedgoes9v4t2"), Vec::<String>::new());
}

#[test]
fn nothing_of_a_removed_site_is_left_on_the_disk() {
    let program = started();
    program.add_site("plantedname5h2.example", "UTC");
    program.add_site("other.example", "UTC");
    visit(&program, "plantedname5h2.example", "plantedname5h2");
    program.wait_rows(1);
    close(&program, 1, "2093-10-01", "plantedname5h2");
    close(&program, 2, "2093-10-01", "plantedstays6j9n");
    assert_planted(&program, "plantedname5h2", 4);
    let done = program.run(&["site", "remove", "plantedname5h2.example", "--yes", "--json"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let said: Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert_eq!(
        said["rows"],
        json!({"open_events": 1, "hits": 1, "totals": 1, "outcomes": 0,
        "kept_back": 0, "vitals": 0, "script_errors": 0})
    );
    assert!(done.stderr.contains("gone from disk by"), "{}", done.stderr);
    wait_gone(&program, "plantedname5h2", NOON, promised(&said, NOON));
    assert_planted(&program, "plantedstays6j9n", 2);
    // A row that turns up after that does not stay.
    close(&program, 1, "2093-10-01", "plantedlate4b7c");
    set(&program, NOON + 3_600);
    wait_until("late rows of a removed site to go", NIGHTLY, || {
        rows_of(&program, "hits", 1).is_empty() && rows_of(&program, "totals", 1).is_empty()
    });
    wait_gone(&program, "plantedlate4b7c", NOON + 3_600, seconds(120));
}

#[test]
fn the_nightly_run_deletes_what_is_too_old_for_its_site_and_for_all() {
    let program = started();
    program.add_site("short.example", "UTC");
    program.add_site("long.example", "UTC");
    let said = program.run(&["site", "retention", "short.example", "14"]);
    assert_eq!(said.code, 1, "{}", said.stdout);
    assert!(said.stderr.contains("1 to 13"), "{}", said.stderr);
    let said = program.run(&["site", "retention", "short.example", "1"]);
    assert_eq!(said.expect_ok("site retention"), "short.example\t1\n");
    let list: Value =
        serde_json::from_str(&program.run(&["site", "list", "--json"]).stdout).expect("JSON");
    assert_eq!(list[1]["retention_months"], 1, "{list}");
    assert_eq!(list[0]["retention_months"], Value::Null, "{list}");
    // The engine's own TTL is not to be faster.
    for table in ["open_events", "hits", "totals", "closed_days"] {
        as_schema(&program, &format!("ALTER TABLE {table} MODIFY TTL day + INTERVAL 25 MONTH"));
    }
    visit(&program, "short.example", "plantedgoes2m6d8");
    visit(&program, "long.example", "plantedstays1f5a");
    program.wait_rows(2);
    for (site, day, planted) in [
        (1, "2093-10-20", "plantedgoes2m6d8"),
        (1, "2093-11-29", "plantedstays1f5a"),
        (2, "2093-10-20", "plantedstays1f5a"),
        // Thirteen months after 2092-10-31 is the day of the nightly run, 2093-11-30.
        (2, "2092-09-30", "plantedgoes2m6d8"),
        (2, "2092-10-27", "plantedgoes2m6d8"),
        (2, "2092-11-01", "plantedstays1f5a"),
    ] {
        close(&program, site, day, planted);
    }
    assert_planted(&program, "plantedgoes2m6d8", 5);
    // 2093-11-30: what is of 10-30 or older has been there for a month.
    set(&program, NOON + 31 * DAY);
    // Meanwhile 10-30 is closed by itself, before or after: its rows move, those of one site go.
    let kept = "2092-11-01 2093-10-20 2093-10-30";
    wait_until("the nightly run", NIGHTLY, || {
        ["hits", "totals"].iter().all(|table| {
            rows_of(&program, table, 1) == "2093-11-29" && rows_of(&program, table, 2) == kept
        })
    });
    wait_until("days without rows to be forgotten", seconds(30), || {
        let days = "SELECT arrayStringConcat(arraySort(groupUniqArray(toString(day))), ' ') \
                    FROM closed_days";
        program.clickhouse().value(days) == format!("{kept} 2093-11-29")
    });
    wait_until("open rows to go", seconds(60), || program.clickhouse().count("open_events") == 0);
    wait_gone(&program, "plantedgoes2m6d8", NOON + 31 * DAY, seconds(120));
    assert_planted(&program, "plantedstays1f5a", 4);
    let log = program.home().log();
    assert!(log.contains("Deleted rows that were too old"), "{log}");
    assert!(!log.contains("short.example") && !log.contains("planted"), "{log}");
}

#[test]
fn a_closed_day_that_was_erased_is_empty_in_reports() {
    let program = started();
    program.add_site("site.example", "UTC");
    visit(&program, "site.example", "plantedgoes8c3e5");
    program.wait_rows(1);
    set(&program, NOON + 26 * 3_600);
    let closed = program.run(&["close"]).expect_ok("close");
    assert!(closed.starts_with("2093-10-30\t1\t1\t1\t"), "{closed}");
    let key = program.add_key("site.example", "read");
    let mut reports = Reports::new(program.client(), "site.example", &key);
    let query =
        json!({"metrics": ["visitors", "pageviews"], "date_range": ["2093-10-29", "2093-10-30"]});
    let sources = json!({"metrics": ["visitors"], "dimensions": ["visit:source"],
        "date_range": ["2093-10-29", "2093-10-30"]});
    assert_eq!(reports.rows(&query), [(Vec::new(), vec![json!(1), json!(1)])]);
    assert_eq!(reports.rows(&sources).len(), 1);
    let day = ["--from", "2093-10-30", "--to", "2093-10-30", "--yes"];
    let erased = program.run(&[&["erase", "--site", "site.example"], &day[..]].concat());
    let said = erased.expect_ok("erase");
    assert!(said.contains("hits\t1\n") && said.contains("open_events\t1\n"), "{said}");
    assert_eq!(reports.rows(&query), [(Vec::new(), vec![json!(0), json!(0)])]);
    assert_eq!(reports.rows(&sources), []);
    // The end of the 72 hours finds nothing amiss.
    set(&program, NOON + 5 * DAY);
    let closed = program.run(&["close"]).expect_ok("close");
    assert_eq!(closed.trim(), "");
    assert_eq!(reports.rows(&query), [(Vec::new(), vec![json!(0), json!(0)])]);
}

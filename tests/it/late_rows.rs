//! Rows that come after their day was closed: taken in once, counted once, never lost.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::agents;
use crate::support::closings::{self, Publication};
use crate::support::foreign::Foreign;
use crate::support::gate::Gate;
use crate::support::home::Home;
use crate::support::program::{Options, Program};
use crate::support::report::Reports;
use crate::support::sql::Door;
use crate::support::{process, seconds, wait_for, wait_until};

const SITE: &str = "site.example";
const HOUR: u32 = 3_600;
const DAY: u32 = 24 * HOUR;
/// 2093-10-30 12:00 UTC.
const NOON: u32 = 3_907_742_400;
const FIRST: &str = "2093-10-30";
const SECOND: &str = "2093-10-31";

/// One page view of visitor `number` at the program's moment.
fn view(program: &Program, number: u32, page: &str) {
    let body = format!(r#"{{"n":"pageview","u":"https://{SITE}{page}","d":"{SITE}"}}"#);
    let agent = agents::like("Chrome", "Windows").text.as_str();
    let address = format!("81.2.{}.{}", 1 + number / 250, 1 + number % 250);
    let headers = [("User-Agent", agent), ("X-Forwarded-For", address.as_str())];
    let answer = program.client().post("/api/event", &headers, body.as_bytes());
    assert_eq!(answer.outcome(), "accepted", "{}", answer.text());
}

fn set(program: &Program, at: u32) {
    program.clock.as_ref().expect("a clock").set(at);
}

/// What a report says of both days: their visitors, visits and pageviews, and `meta.late_rows`.
fn told(program: &Program, key: &str) -> (BTreeMap<String, Vec<u64>>, u64) {
    let mut reports = Reports::new(program.client(), SITE, key);
    let query = json!({"metrics": ["visitors", "visits", "pageviews"], "dimensions": ["time:day"],
        "date_range": [FIRST, SECOND]});
    let answer = reports.ask(query);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    let whole = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{value} in {body}"));
    let days = body["results"].as_array().expect("rows").iter().map(|row| {
        let label = row["dimensions"][0].as_str().expect("a day").to_owned();
        let numbers = row["metrics"].as_array().expect("numbers").iter().map(whole).collect();
        (label, numbers)
    });
    let days = days.filter(|(_, numbers): &(String, Vec<u64>)| numbers.iter().any(|n| *n > 0));
    let late = &body["meta"]["late_rows"];
    (days.collect(), if late.is_null() { 0 } else { whole(late) })
}

fn days(first: &[u64], second: &[u64]) -> BTreeMap<String, Vec<u64>> {
    [(FIRST, first), (SECOND, second)]
        .into_iter()
        .filter(|(_, numbers)| !numbers.is_empty())
        .map(|(day, numbers)| (day.to_owned(), numbers.to_vec()))
        .collect()
}

fn sealed(home: &Home) -> Vec<PathBuf> {
    let folder = fs::read_dir(home.data().join("spool")).expect("the spool");
    let paths = folder.flatten().map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "seg")).collect()
}

/// Closes until `day` has a publication, and what is published of it then.
fn close_day(program: &Program, door: &Door, day: &str) -> Vec<Publication> {
    let of_day = || closings::current(&closings::published(door).unwrap_or_default(), day);
    closings::close_until(program, &format!("{day} to be closed"), || !of_day().is_empty());
    of_day()
}

fn open_rows(door: &Door, day: &str) -> String {
    door.value(&format!("SELECT count() FROM open_events WHERE day = '{day}'"))
}

/// Sends `count` visitors with the engine stopped, so that a sealed segment can be copied to
/// `folder` before it is delivered.
fn send_and_copy(program: &Program, numbers: std::ops::Range<u32>, folder: &Path) -> usize {
    let engines = program.engines();
    engines.iter().for_each(|pid| process::signal(*pid, Signal::STOP));
    for number in numbers {
        view(program, number, "/");
        view(program, number, "/pricing");
    }
    let files = wait_for("a sealed segment", seconds(20), || {
        let active = fs::read_dir(program.home().data().join("spool")).expect("the spool");
        let growing = active.flatten().any(|e| e.path().extension().is_some_and(|x| x == "log"));
        let files = sealed(program.home());
        (!files.is_empty() && !growing).then_some(files)
    });
    for file in &files {
        fs::copy(file, folder.join(file.file_name().expect("a name"))).expect("a copy");
    }
    engines.iter().for_each(|pid| process::signal(*pid, Signal::CONT));
    files.len()
}

fn put_back(folder: &Path, home: &Home) {
    for (name, bytes) in crate::support::scan::files(folder) {
        let name = Path::new(&name).file_name().expect("a name").to_owned();
        fs::write(home.data().join("spool").join(name), bytes).expect("our own spool");
    }
}

#[test]
fn a_segment_stored_but_not_removed_before_a_kill_is_not_added_four_days_later() {
    let options = |at| Options { clock: Some(at), ..Options::behind_proxy() }.show_all();
    let program = Program::start(options(NOON).site(SITE, "UTC"));
    let key = program.add_key(SITE, "read");
    // Delivered, but a kill keeps the collector from removing them.
    let stored = tempfile::tempdir().expect("a folder");
    assert!(send_and_copy(&program, 0..30, stored.path()) > 0);
    program.wait_rows(60);
    // Never delivered: the control, which must be added.
    let home = program.kill9();
    let program = Program::start_in(home, options(NOON + 60));
    let lost = tempfile::tempdir().expect("a folder");
    let engines = program.engines();
    engines.iter().for_each(|pid| process::signal(*pid, Signal::STOP));
    (100..107).for_each(|number| view(&program, number, "/about"));
    wait_until("a sealed segment", seconds(20), || !sealed(program.home()).is_empty());
    std::thread::sleep(seconds(2));
    // The engine must not wake up in between and take the rows.
    process::signal(program.pid(), Signal::KILL);
    engines.iter().for_each(|pid| process::signal(*pid, Signal::KILL));
    let home = program.kill9();
    for file in sealed(&home) {
        fs::copy(&file, lost.path().join(file.file_name().expect("a name"))).expect("a copy");
        fs::remove_file(file).expect("our own spool");
    }

    let program = Program::start_in(home, options(NOON + DAY + HOUR + 300));
    let door = Door::embedded(&program.home().data(), "read");
    let closed = close_day(&program, &door, FIRST);
    assert_eq!(closed.iter().map(|one| one.rows).collect::<Vec<_>>(), [60]);
    // 72 hours after the end of the day and five minutes.
    set(&program, NOON + 4 * DAY + 300);
    closings::close_until(&program, "the open rows to go", || open_rows(&door, FIRST) == "0");
    let before = told(&program, &key);
    assert_eq!(before, (days(&[30, 30, 60], &[]), 0));
    let published = closings::published(&door).expect("an answer");

    let home = program.kill9();
    put_back(stored.path(), &home);
    assert!(!sealed(&home).is_empty());
    let program = Program::start_in(home, options(NOON + 4 * DAY + HOUR));
    wait_until("the segment to be dropped", seconds(30), || sealed(program.home()).is_empty());
    assert_eq!(program.metric("headcount_insert_rows_total"), 0, "it was inserted again");
    closings::close(&program);
    let door = Door::embedded(&program.home().data(), "read");
    assert_eq!(open_rows(&door, FIRST), "0", "it was inserted again");
    assert_eq!(told(&program, &key), before);
    assert_eq!(closings::published(&door).expect("an answer"), published);
    assert_eq!(program.metric("headcount_late_rows_total"), 0);

    // The same with rows that no closing took: they are added, once.
    let home = program.kill9();
    put_back(lost.path(), &home);
    let program = Program::start_in(home, options(NOON + 4 * DAY + 2 * HOUR));
    let door = Door::embedded(&program.home().data(), "read");
    let added = || closings::published(&door).unwrap_or_default().len() > published.len();
    closings::close_until(&program, "the late rows to be added", || {
        sealed(program.home()).is_empty() && added()
    });
    assert_eq!(told(&program, &key), (days(&[37, 37, 67], &[]), 7));
    assert_eq!(program.metric("headcount_late_rows_total"), 7);
    let home = program.kill9();
    put_back(lost.path(), &home);
    put_back(stored.path(), &home);
    let program = Program::start_in(home, options(NOON + 4 * DAY + 3 * HOUR));
    wait_until("the segments to be dropped", seconds(30), || sealed(program.home()).is_empty());
    closings::close(&program);
    assert_eq!(told(&program, &key), (days(&[37, 37, 67], &[]), 7), "added a second time");
}

/// Options of a program that uses `foreign` through `url`.
fn using(foreign: &Foreign, url: &str, at: u32) -> Options {
    let mut options = Options { clock: Some(at), ..Options::behind_proxy() }.show_all();
    options.args.extend(foreign.arguments(url));
    options.env.push(foreign.password());
    options
}

#[test]
fn rows_of_a_two_day_outage_are_in_their_days_once_before_and_after_the_72_hours() {
    let foreign = Foreign::start();
    let door = foreign.ours();
    let gate = Gate::start(foreign.port());
    let main = Program::start(using(&foreign, &foreign.url(), NOON).site(SITE, "UTC"));
    let key = main.add_key(SITE, "read");
    let mut options = using(&foreign, &gate.url(), NOON);
    options.args.extend(["--role".to_owned(), "collect".to_owned()]);
    let collector = Program::start(options);
    wait_until("the collector to know the site", seconds(20), || {
        let body = format!(r#"{{"n":"pageview","u":"https://{SITE}/","d":"{SITE}"}}"#);
        let agent = agents::like("Chrome", "Windows").text.as_str();
        let headers = [("User-Agent", agent), ("X-Forwarded-For", "81.2.9.9")];
        collector.client().post("/api/event", &headers, body.as_bytes()).outcome() == "accepted"
    });
    let count = |day: &str| open_rows(&door, day).parse::<u64>().expect("a number");
    wait_until("its first row", seconds(20), || count(FIRST) == 1);
    let spools =
        || door.value("SELECT count() FROM spools FINAL WHERE oldest_open_day <= '2093-10-30'");
    wait_until("both to say what they hold", seconds(40), || spools() == "2");

    // Two days without the database, for one of the two.
    gate.shut();
    (0..20).for_each(|number| view(&main, number, "/"));
    (100..111).for_each(|number| view(&collector, number, "/"));
    for program in [&main, &collector] {
        set(program, NOON + DAY);
    }
    (0..10).for_each(|number| view(&main, number, "/"));
    (100..107).for_each(|number| {
        view(&collector, number, "/");
        view(&collector, number, "/about");
    });
    wait_until("the rows of the other", seconds(20), || (count(FIRST), count(SECOND)) == (21, 10));

    // 13:05 the day after: the first day could be closed, but one spool may still hold rows of it.
    set(&main, NOON + DAY + HOUR + 300);
    set(&collector, NOON + DAY + HOUR + 300);
    let closed = || closings::published(&door).expect("an answer");
    for _ in 0..3 {
        std::thread::sleep(seconds(4));
        closings::close(&main);
        assert_eq!(closed(), [], "it did not wait for a spool that holds older rows");
    }
    // After 72 hours of silence it is not waited for.
    set(&main, NOON + 3 * DAY + HOUR + 300);
    close_day(&main, &door, FIRST);
    close_day(&main, &door, SECOND);
    assert_eq!(told(&main, &key), (days(&[21, 21, 21], &[10, 10, 10]), 0));
    // 72 hours after the end of the first day: its open rows go; the second keeps them a day longer.
    set(&main, NOON + 4 * DAY + HOUR);
    closings::close_until(&main, "open rows of the first day to go", || count(FIRST) == 0);
    assert_eq!(count(SECOND), 10);

    // The database is back: rows of both days, after the 72 hours of one and before those of the other.
    set(&collector, NOON + 4 * DAY + HOUR);
    gate.open();
    wait_until("the segments to be delivered", seconds(60), || sealed(collector.home()).is_empty());
    let added = || closed().iter().any(|one| one.day == FIRST && one.addition);
    closings::close_until(&main, "the rows of the first day to be added", added);
    assert_eq!(told(&main, &key), (days(&[32, 32, 32], &[10, 10, 10]), 11));
    assert_eq!(count(FIRST), 0);

    set(&main, NOON + 5 * DAY + HOUR);
    set(&collector, NOON + 5 * DAY + HOUR);
    closings::close_until(&main, "open rows of the second day to go", || count(SECOND) == 0);
    assert_eq!(told(&main, &key), (days(&[32, 32, 32], &[17, 17, 24]), 11));
    let all = closed();
    let second = closings::current(&all, SECOND);
    assert_eq!(second.len(), 1, "a whole generation and nothing added: {second:?}");
    assert_eq!(second[0].rows, 24);
    assert_eq!(main.metric("headcount_late_rows_total"), 11);
    // Nothing is added by asking again.
    closings::close(&main);
    assert_eq!(closed(), all);
}

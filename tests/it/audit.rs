//! Accepted events are compared with stored ones once their day is over, over restarts and kills.

use crate::support::agents;
use crate::support::home::Home;
use crate::support::program::{Options, Program};
use crate::support::sql::Door;
use crate::support::{seconds, wait_until};

const SITE: &str = "audited.example";
const HOUR: u32 = 3_600;
const DAY: u32 = 24 * HOUR;
/// 2093-10-30 08:00 UTC: early enough for the whole of the next day to be counted.
const MORNING: u32 = 3_907_728_000;
/// The day that is audited.
const AUDITED: &str = "2093-10-31";
/// 12:02 UTC of the day after it: over in every zone, and not closed yet.
const OVER: u32 = MORNING + 2 * DAY + 4 * HOUR + 120;
const EVENTS: u64 = 40;

fn options(at: u32) -> Options {
    Options { clock: Some(at), ..Options::behind_proxy() }
}

fn send(program: &Program) {
    for number in 0..EVENTS {
        let body = format!(r#"{{"n":"pageview","u":"https://{SITE}/{number}","d":"{SITE}"}}"#);
        let agent = agents::like("Chrome", "Windows").text.as_str();
        let address = format!("81.2.3.{}", 1 + number);
        let headers = [("User-Agent", agent), ("X-Forwarded-For", address.as_str())];
        let answer = program.client().post("/api/event", &headers, body.as_bytes());
        assert_eq!(answer.outcome(), "accepted", "{}", answer.text());
    }
}

/// Starts once the day is over: what the audit counts as missing and as extra.
fn audited(home: Home) -> (u64, u64, Program) {
    let program = Program::start_in(home, options(OVER));
    wait_until("the audit", seconds(40), || program.metric("headcount_audited_days_total") == 1);
    let of = |name: &str| program.metric(&format!("headcount_audit_{name}_rows_total"));
    (of("missing"), of("extra"), program)
}

#[test]
fn rows_that_vanish_or_appear_behind_its_back_are_reported_and_others_are_not() {
    let program = Program::start(options(MORNING).site(SITE, "UTC"));
    program.clock.as_ref().expect("a clock").set(MORNING + DAY);
    send(&program);
    program.wait_rows(EVENTS);
    assert_eq!(program.metric("headcount_audited_days_total"), 0, "the day is not over");

    // The control: a kill between, and nothing is amiss.
    let (missing, extra, program) = audited(program.kill9());
    assert_eq!((missing, extra), (0, 0), "{}", program.home().log());
    assert!(!program.home().log().contains("does not hold the events"));

    let door = Door::embedded(&program.home().data(), "schema");
    door.value("ALTER TABLE open_events DELETE WHERE path IN ('/1', '/2', '/3') SETTINGS mutations_sync = 2");
    assert_eq!(door.value("SELECT count() FROM open_events"), (EVENTS - 3).to_string());
    let (code, _, home) = program.stop();
    assert_eq!(code, 0, "{}", home.log());
    let (missing, extra, program) = audited(home);
    assert_eq!((missing, extra), (3, 0), "{}", program.home().log());
    let log = program.home().log();
    let line = log.lines().find(|line| line.contains("does not hold the events")).expect("a line");
    for part in [AUDITED, "accepted=40", "missing=3", "extra=0"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    assert!(!line.contains(SITE) && !line.contains("81.2."), "{line}");

    let door = Door::embedded(&program.home().data(), "schema");
    door.value("INSERT INTO open_events SELECT * FROM open_events LIMIT 5");
    let (missing, extra, _program) = audited(program.kill9());
    assert_eq!((missing, extra), (0, 2), "3 are missing and 5 stored twice: 2 too many in sum");
}

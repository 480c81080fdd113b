//! What identifies a visitor is written nowhere: planted values are looked for in every file, log
//! line and table, on every path an event can take, after a stop and after a kill.

use rustix::process::Signal;

use crate::support::canaries::{self, CANARY, ROWS, SITE, found_in, scans, send_everything};
use crate::support::canaries_of_tools;
use crate::support::home::Home;
use crate::support::program::{Options, Program};
use crate::support::scan::{self, Found, Scan};
use crate::support::sql::Door;
use crate::support::{process, seconds, traces, unpack, wait_for, wait_until};

/// 2093-10-30 12:00 UTC.
const NOON: u32 = 3_907_742_400;

/// Everything found below the home and in the key directory.
fn on_disk(scan: &Scan, home: &Home) -> Vec<Found> {
    let mut found = unpack::folder(scan, home.scratch());
    found.extend(scan.folder(home.keys()));
    found
}

fn options() -> Options {
    Options { log: Some("trace"), ..Options::behind_proxy() }
}

#[test]
fn nothing_that_identifies_is_left_while_running_after_a_stop_and_after_a_restart() {
    let program = canaries::start(options());
    let (scan, canary) = scans();
    send_everything(&program.url);
    program.wait_rows(ROWS);
    let engine = program.clickhouse();
    assert_eq!(scan.places(&engine.dump()), []);
    assert!(found_in(&canary.places(&engine.dump()), "table open_events"), "the scan is blind");
    assert_eq!(on_disk(&scan, program.home()), []);
    let said = program.lines().join("\n");
    assert_eq!(scan.of("standard output", said.as_bytes()), []);

    let (code, _, home) = program.stop();
    assert_eq!(code, 0);
    assert_eq!(on_disk(&scan, &home), []);
    let program = canaries::again(home, options());
    assert_eq!(scan.places(&program.clickhouse().dump()), []);
    assert_eq!(on_disk(&scan, program.home()), []);
    assert_eq!(program.clickhouse().count("open_events"), ROWS);
    // A canary in the log and in the key directory is found by the same look.
    let log = program.home().log_file();
    let text = program.home().log() + CANARY;
    std::fs::write(&log, text).expect("our own log file");
    std::fs::write(program.home().keys().join("canary"), CANARY).expect("our own directory");
    let found = on_disk(&canary, program.home());
    assert!(found_in(&found, "stderr.log") && found_in(&found, "/dev/shm/"), "{found:?}");
}

#[test]
fn nothing_that_identifies_is_left_by_a_kill_with_rows_still_in_the_spool() {
    let program = canaries::start(options());
    let (scan, canary) = scans();
    // With the engine stopped, rows stay in the spool.
    for engine in program.engines() {
        process::signal(engine, Signal::STOP);
    }
    send_everything(&program.url);
    let found = on_disk(&canary, program.home());
    assert!(found_in(&found, "/spool/"), "the canary is not in the spool: {found:?}");
    assert_eq!(on_disk(&scan, program.home()), []);
    for engine in program.engines() {
        process::signal(engine, Signal::CONT);
    }
    let home = program.kill9();
    assert_eq!(on_disk(&scan, &home), []);

    let program = canaries::again(home, options());
    program.wait_rows(ROWS);
    assert_eq!(scan.places(&program.clickhouse().dump()), []);
    assert_eq!(on_disk(&scan, program.home()), []);
    let engine = program.clickhouse();
    wait_for("the canary in its table", seconds(10), || {
        found_in(&canary.places(&engine.dump()), "table open_events").then_some(())
    });
}

#[test]
fn what_a_server_names_of_its_visitors_is_left_nowhere() {
    let program = canaries::start(options());
    let key = program.add_key(SITE, "send");
    let (scan, canary) = scans();
    canaries_of_tools::send_named(&program.url, &key);
    program.wait_rows(canaries_of_tools::ROWS_OF_SERVERS);
    let engine = program.clickhouse();
    assert_eq!(scan.places(&engine.dump()), []);
    assert!(found_in(&canary.places(&engine.dump()), "table open_events"), "the scan is blind");
    let visitors =
        "SELECT uniqExact(visitor), min(visitor) > 0, groupUniqArray(browser) FROM open_events";
    assert_eq!(engine.value(visitors), "1\t1\t['Chrome']", "one visitor, whoever tells of it");
    let (code, _, home) = program.stop();
    assert_eq!(code, 0);
    assert_eq!(on_disk(&scan, &home), []);
    assert_eq!(scan.of("the log", home.log().as_bytes()), []);
}

#[test]
fn no_file_of_the_program_can_be_read_by_others() {
    let program = canaries::start(options());
    send_everything(&program.url);
    program.wait_rows(ROWS);
    let open = |folder: &std::path::Path| {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder).expect("a folder").permissions().mode();
        mode & 0o077 != 0
    };
    for folder in [program.home().data(), program.home().keys().to_owned()] {
        assert!(!open(&folder), "{} is open to others", folder.display());
    }
    assert!(!open(&program.home().data().join("engine/access.json")));
    // A core dump would hold keys and addresses.
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", program.pid()));
    let limits = limits.expect("limits of our own child");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a line");
    assert!(core.split_whitespace().nth(4) == Some("0"), "{core}");
}

#[test]
fn a_key_of_yesterday_is_gone_from_every_place() {
    // 2093-06-15 23:00 UTC.
    let evening = 3_895_945_200;
    let start = Options { clock: Some(evening), ..options() };
    let program = canaries::start(start);
    let keys = || scan::files(program.home().keys());
    send_everything(&program.url);
    let old = keys();
    let secrets: Vec<&Vec<u8>> =
        old.iter().map(|(_, bytes)| bytes).filter(|bytes| bytes.len() >= 32).collect();
    assert!(
        !secrets.is_empty(),
        "no key file: {:?}",
        old.iter().map(|(n, _)| n).collect::<Vec<_>>()
    );
    program.clock.as_ref().expect("a clock").set(evening + 3_600);
    wait_for("yesterday's key to be gone", seconds(90), || {
        let now = keys();
        let gone = |secret: &&Vec<u8>| !now.iter().any(|(_, bytes)| bytes == *secret);
        secrets.iter().all(gone).then_some(())
    });
    for secret in secrets {
        for (name, bytes) in scan::files(program.home().scratch()) {
            let tail = secret.get(secret.len() - 16..).expect("32 bytes");
            assert!(!bytes.windows(16).any(|window| window == tail), "a key in {name}");
        }
    }
}

/// Everything a running program keeps anywhere: all tables, the engine's own ones, all files and
/// what was said.
fn everywhere(program: &Program, scan: &Scan) -> Vec<Found> {
    let schema = Door::embedded(&program.home().data(), "schema");
    let mut found = scan.places(&traces::dump(&schema, |_| true));
    let system = canaries::system_tables(program);
    assert!(system.len() > 5, "{} of the engine's own tables", system.len());
    found.extend(scan.places(&system));
    found.extend(on_disk(scan, program.home()));
    found.extend(scan.of("standard output", program.lines().join("\n").as_bytes()));
    found
}

/// Sends planted values while the clock breaks, until a request has ended in a panic.
fn panic_in_a_request(program: &Program) {
    let clock = program.clock.as_ref().expect("a clock");
    // The connection asks for the time as well: its panics are met on the way.
    let mut nth = (1..5).cycle();
    wait_until("a request to end in a panic", seconds(20), || {
        clock.break_nth(nth.next().expect("a cycle has no end"));
        let answer = canaries::try_send_one(&program.url);
        clock.break_nth(0);
        answer.as_deref() == Some("internal")
    });
    assert!(program.home().log().contains("A panic"), "the panic is logged by its place");
}

/// The sealed segments in the spool.
fn segments(home: &Home) -> Vec<(String, Vec<u8>)> {
    let mut files = scan::files(&home.data().join("spool"));
    files.retain(|(name, _)| name.ends_with(".seg"));
    files
}

/// Damages the last row of every segment in the spool, as a bad disk would.
fn damage(home: &Home) {
    let mut damaged = 0;
    for (name, mut bytes) in segments(home) {
        if let Some(byte) = bytes.iter_mut().nth_back(40) {
            *byte ^= 0xff;
            std::fs::write(&name, bytes).expect("a file of the spool");
            damaged += 1;
        }
    }
    assert!(damaged > 0, "no file in the spool");
}

/// A data directory whose database is not to be had: nothing can be counted yet.
fn without_a_database() -> Program {
    let mut options = options().env("HEADCOUNT_CLICKHOUSE_PASSWORD", "none");
    options.args.extend(["--clickhouse-url".to_owned(), "http://127.0.0.1:9".to_owned()]);
    Program::start(options)
}

#[test]
fn nothing_is_left_by_refusals_panics_stops_kills_and_damage_one_after_another() {
    let (scan, canary) = scans();
    let log = Some("headcount=trace,info");
    let clocked = |args: &[&str]| {
        let mut options = Options { clock: Some(NOON), log, ..Options::behind_proxy() };
        options.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        options
    };
    // Counted and refused; then a panic in the middle of a request, and SIGTERM.
    let program = canaries::start(clocked(&[]));
    send_everything(&program.url);
    panic_in_a_request(&program);
    assert!(program.counted("internal") >= 1);
    let (code, _, home) = program.stop();
    assert_eq!(code, 0);

    // No room for the spool, and SIGKILL.
    let program = canaries::again(home, clocked(&["--spool-min-free-bytes", "4000TiB"]));
    assert_eq!(canaries::send_one(&program.url), "spool_full");
    let home = program.kill9();

    // Rows that wait in the spool, SIGKILL, and a disk that damages one of them.
    let program = canaries::again(home, clocked(&[]));
    // What earlier lives left in the spool is delivered first.
    wait_until("an empty spool", seconds(60), || segments(program.home()).is_empty());
    let before = program.clickhouse().count("open_events");
    assert!(before >= ROWS, "{before} rows");
    for engine in program.engines() {
        process::signal(engine, Signal::STOP);
    }
    send_everything(&program.url);
    wait_until("the segment to be sealed", seconds(10), || {
        found_in(&on_disk(&canary, program.home()), ".seg")
    });
    let engines = program.engines();
    process::signal(program.pid(), Signal::KILL);
    for engine in engines {
        process::signal(engine, Signal::CONT);
    }
    let home = program.kill9();
    damage(&home);
    let program = canaries::again(home, clocked(&[]));
    wait_until("the damaged segment to be kept aside", seconds(10), || {
        !scan::files(&program.home().data().join("bad")).is_empty()
    });
    let engine = program.clickhouse();
    wait_until("the other rows", seconds(30), || engine.count("open_events") >= before + ROWS - 1);

    let seen = everywhere(&program, &canary);
    for place in ["table open_events", "/bad/", "/engine/"] {
        assert!(found_in(&seen, place), "the look into {place} is blind");
    }
    assert_eq!(everywhere(&program, &scan), []);
    // Settings are kept in the cache, and the ready line was said: these looks are not blind.
    let names = Scan::new(&[SITE, "ready url="]);
    let seen = everywhere(&program, &names);
    assert!(found_in(&seen, "/cache/settings.json") && found_in(&seen, "standard output"));

    let other = without_a_database();
    assert_eq!(canaries::send_one(&other.url), "unavailable");
    assert_eq!(on_disk(&scan, other.home()), []);
    let (_, _, home) = other.stop();
    assert_eq!(on_disk(&scan, &home), []);
}

//! Keys of the day where something fails: the clock, the RAM disk, the swap, the room, a neighbour.
//! Whatever it is, an old key is never used again: there is a fresh one, or none.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::foreign::Foreign;
use crate::support::home::Home;
use crate::support::program::{KeyDir, Options, Program};
use crate::support::{agents, command, scan, seconds, wait_until};

/// 2093-10-30 12:00 UTC.
const NOON: u32 = 3_907_742_400;
const DAY: u32 = 86_400;
const SITE: &str = "site.example";
/// Within this a key whose day is over must be gone.
const GONE_WITHIN: std::time::Duration = seconds(10);
/// What `/proc/swaps` says where a disk is swapped to.
const SWAPS: &str = "Filename Type Size Used Priority\n/swapfile file 1048576 0 -2\n";

fn options(at: u32) -> Options {
    Options { clock: Some(at), ..Options::behind_proxy() }
}

/// One page view of one and the same person.
fn visit(program: &Program) {
    let body = format!(r#"{{"n":"pageview","u":"https://{SITE}/","d":"{SITE}"}}"#);
    let agent = agents::like("Chrome", "Windows").text.as_str();
    let headers = [("User-Agent", agent), ("X-Forwarded-For", "81.2.69.160")];
    let answer = program.client().post("/api/event", &headers, body.as_bytes());
    assert_eq!(answer.outcome(), "accepted", "{}", answer.text());
}

fn set(program: &Program, at: u32) {
    program.clock.as_ref().expect("a clock").set(at);
}

/// Keys in a directory.
fn keys_in(folder: &Path) -> BTreeSet<Vec<u8>> {
    let files = scan::files(folder).into_iter();
    files.filter(|(name, _)| name.ends_with(".key")).map(|(_, bytes)| bytes).collect()
}

/// Tokens in the order of arrival; 0 is none.
fn tokens(program: &Program, rows: u64) -> Vec<u64> {
    program.wait_rows(rows);
    let sql = "SELECT visitor FROM open_events ORDER BY batch, position";
    let text = program.clickhouse().value(sql);
    text.lines().map(|line| line.parse().expect("a token")).collect()
}

/// Each row in a batch of its own, so that their order is that of arrival.
fn visit_alone(program: &Program, rows: u64) {
    visit(program);
    program.wait_rows(rows);
}

#[test]
fn a_clock_that_jumps_years_ahead_and_back_finds_no_old_key() {
    let program = Program::start(options(NOON).site(SITE, "UTC"));
    visit_alone(&program, 1);
    let folder = program.home().keys();
    let mut gone = keys_in(folder);
    assert_eq!(gone.len(), 1);
    // Open rows are closed and dropped meanwhile, so that keys are all there is to look at.
    for at in [NOON + 5 * 365 * DAY, NOON + 60, NOON + 365 * DAY, NOON + 120] {
        set(&program, at);
        wait_until("the keys of before to be gone", GONE_WITHIN, || {
            keys_in(folder).is_disjoint(&gone)
        });
        visit(&program);
        let living = keys_in(folder);
        assert_eq!(living.len(), 1, "a visitor has a key again");
        assert!(living.is_disjoint(&gone), "a key of before came back");
        gone.extend(living);
    }
}

#[test]
fn a_clock_that_steps_back_and_forth_over_midnight_never_uses_a_key_of_another_day() {
    let program = Program::start(options(NOON + 12 * 3_600 - 30).site(SITE, "UTC"));
    let mut rows = 0;
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    for step in [0, 40, 0, 45, 20, 60] {
        set(&program, NOON + 12 * 3_600 - 30 + step);
        rows += 1;
        visit_alone(&program, rows);
        let folder = program.home().keys();
        assert!(
            keys_in(folder).len() <= 1,
            "two keys of one site live: {:?}",
            keys_in(folder).len()
        );
    }
    let text =
        program.clickhouse().value("SELECT day, visitor FROM open_events WHERE visitor != 0");
    for line in text.lines() {
        let (day, token) = line.split_once('\t').expect("two columns");
        seen.insert((token.to_owned(), day.to_owned()));
    }
    let tokens: BTreeSet<&String> = seen.iter().map(|(token, _)| token).collect();
    assert_eq!(tokens.len(), seen.len(), "a token of two days: {seen:?}");
    assert!(tokens.len() >= 2, "{seen:?}");
}

/// Mounts that leave no RAM disk where one is looked for.
fn no_ram_disk(disk: &Path) -> String {
    let disk = disk.display();
    format!("mount --bind {disk} /dev/shm\nmount --bind {disk} /run")
}

#[test]
fn without_a_ram_disk_keys_live_in_memory_and_end_with_the_process() {
    if !command::may_mount() {
        return;
    }
    let disk = tempfile::tempdir_in("/var/tmp").expect("a folder on disk");
    let start = || Options {
        key_dir: KeyDir::Unnamed,
        mounts: Some(no_ram_disk(disk.path())),
        ..options(NOON)
    };
    let program = Program::start(start().site(SITE, "UTC"));
    visit_alone(&program, 1);
    visit_alone(&program, 2);
    assert!(program.home().log().contains("Day keys are kept in memory only"));
    for folder in [disk.path(), program.home().scratch()] {
        assert_eq!(keys_in(folder).len(), 0, "a key was written to a disk");
    }
    let (_, _, home) = program.stop();
    let program = Program::start_in(home, start());
    visit_alone(&program, 3);
    let found = tokens(&program, 3);
    assert!(found[0] == found[1] && found[1] != found[2] && !found.contains(&0), "{found:?}");
    // A directory that is named and no RAM disk ends the start.
    let named = Options { key_dir: KeyDir::Named(disk.path().join("keys")), ..options(NOON) };
    let Err((failure, _)) = Program::try_start_in(Home::new(), named) else {
        panic!("it started with keys on a disk")
    };
    assert_eq!(failure.code, 64, "{failure:?}");
    assert!(!disk.path().join("keys").exists());
}

#[test]
fn where_a_disk_is_swapped_to_keys_stay_out_of_files_unless_it_is_allowed() {
    if !command::may_mount() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("swaps");
    std::fs::write(&file, SWAPS).expect("a file of ours");
    let mounts = format!("mount --bind {} /proc/swaps", file.display());
    let start = || Options { mounts: Some(mounts.clone()), ..options(NOON) };
    let program = Program::start(start().site(SITE, "UTC"));
    visit_alone(&program, 1);
    visit_alone(&program, 2);
    assert!(program.home().log().contains("swap is active"), "{}", program.home().log());
    assert_eq!(keys_in(program.home().keys()).len(), 0);
    let (_, _, home) = program.stop();
    let program = Program::start_in(home, start().env("HEADCOUNT_ALLOW_SWAP", "true"));
    visit_alone(&program, 3);
    assert_eq!(keys_in(program.home().keys()).len(), 1, "allow_swap allows files");
    let found = tokens(&program, 3);
    assert!(found[0] == found[1] && found[1] != found[2] && !found.contains(&0), "{found:?}");
}

#[test]
fn a_full_key_directory_costs_the_restart_and_not_the_privacy() {
    if !command::may_mount() {
        return;
    }
    let room = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    let keys = room.path().join("keys");
    std::fs::create_dir(&keys).expect("our own folder");
    let place = keys.display();
    let mounts = format!(
        "mount -t tmpfs -o size=4k,mode=0700 none {place}\nhead -c 4096 /dev/zero > {place}/full"
    );
    let start = || Options {
        mounts: Some(mounts.clone()),
        key_dir: KeyDir::Named(keys.clone()),
        ..options(NOON)
    };
    let program = Program::start(start().site(SITE, "UTC"));
    let inside = PathBuf::from(format!("/proc/{}/root{place}", program.pid()));
    assert_eq!(scan::files(&inside).len(), 1, "the full directory can be seen from here");
    visit_alone(&program, 1);
    visit_alone(&program, 2);
    assert!(program.home().log().contains("Key files cannot be written"));
    assert_eq!(keys_in(&inside).len(), 0, "a part of a key was left");
    // Midnight ends it all the same.
    set(&program, NOON + DAY);
    visit_alone(&program, 3);
    // A clock that goes back cannot be told to neighbours: then there is no token.
    set(&program, NOON + DAY - 600);
    visit_alone(&program, 4);
    let found = tokens(&program, 4);
    assert!(found[0] == found[1] && found[0] != 0, "{found:?}");
    assert!(found[2] != found[0] && found[2] != 0, "{found:?}");
    assert_eq!(found[3], 0, "{found:?}");
    let (_, _, home) = program.stop();
    let program = Program::start_in(home, start());
    visit_alone(&program, 5);
    assert!(!found.contains(&tokens(&program, 5)[4]));
}

#[test]
fn two_collectors_of_one_host_share_the_key_and_end_it_together() {
    let foreign = Foreign::start();
    let shared = Home::new();
    let start = |role: &str| {
        let mut options = options(NOON);
        options.key_dir = KeyDir::Named(shared.keys().to_owned());
        options.args.extend(foreign.arguments(&foreign.url()));
        options.args.extend(["--role".to_owned(), role.to_owned()]);
        options.env.push(foreign.password());
        options
    };
    let one = Program::start(start("all"));
    one.add_site(SITE, "UTC");
    let other = Program::start(start("collect"));
    let both = [&one, &other];
    let stored = |rows: usize| {
        let sql = "SELECT day, visitor FROM open_events ORDER BY day, visitor";
        let door = foreign.ours();
        wait_until("the rows", seconds(20), || door.value(sql).lines().count() == rows);
        let text = door.value(sql);
        let distinct: BTreeSet<&str> = text.lines().collect();
        assert!(distinct.iter().all(|line| !line.ends_with("\t0")), "{text}");
        distinct.len()
    };
    for program in both {
        visit(program);
    }
    assert_eq!(stored(2), 1, "the same person has two tokens");
    let before = keys_in(shared.keys());
    assert_eq!(before.len(), 1);
    // A crash of one takes nothing from the other, and finds the key again.
    let home = other.kill9();
    visit(&one);
    let other = Program::start_in(home, start("collect"));
    visit(&other);
    assert_eq!(stored(4), 1);
    assert_eq!(keys_in(shared.keys()), before);
    // Midnight, seen by one first: the key is gone for both.
    set(&one, NOON + DAY);
    visit(&one);
    wait_until("the old key to be gone", GONE_WITHIN, || {
        keys_in(shared.keys()).is_disjoint(&before)
    });
    set(&other, NOON + DAY);
    visit(&other);
    assert_eq!(stored(6), 2, "the next day has one token more");
    // A clock that goes back, seen by one: fresh keys for both.
    let day = keys_in(shared.keys());
    set(&one, NOON + DAY - 600);
    set(&other, NOON + DAY - 600);
    visit(&one);
    visit(&other);
    assert_eq!(stored(8), 3, "both have the same fresh one");
    assert!(
        keys_in(shared.keys()).is_disjoint(&day) && keys_in(shared.keys()).is_disjoint(&before)
    );
}

//! Of several processes with one database exactly one closes days.

use std::time::{Duration, Instant};

use headcount::model::Day;
use rustix::process::Signal;

use crate::support::closings;
use crate::support::command;
use crate::support::crowd::{self, Place, Truth};
use crate::support::foreign::Foreign;
use crate::support::home::Home;
use crate::support::program::{Options, Program};
use crate::support::random::Random;
use crate::support::report::Reports;
use crate::support::{process, seconds, wait_until};

const SITE: (&str, &str) = ("crowd.example", "UTC");
/// 2093-10-30 and 2093-10-31.
const DAYS: [Day; 2] = [Day(45_228), Day(45_229)];
/// 2093-10-30 12:00 UTC.
const NOON: u32 = 3_907_742_400;
/// 2093-11-01 13:05 UTC: both days can be closed.
const CLOSABLE: u32 = NOON + 2 * 86_400 + 3_900;
const ROWS: usize = 60_000;
/// How often the first closer falls asleep.
const NAPS: usize = 3;

/// Options of a program that uses `foreign`.
fn using(foreign: &Foreign, at: u32) -> Options {
    let mut options = Options { clock: Some(at), ..Options::behind_proxy() }.show_all();
    options.args.extend(foreign.arguments(&foreign.url()));
    options.env.push(foreign.password());
    options
}

#[test]
fn a_second_closer_is_refused_and_names_the_first() {
    let foreign = Foreign::start();
    let first = Program::start(using(&foreign, NOON).site(SITE.0, SITE.1));
    let owner = foreign.ours().value("SELECT owner FROM leases FINAL");
    let close = |home: &Home, at: u32| {
        let clock = crate::support::clock::Clock::new(home.scratch(), at);
        let mut close = command::bare();
        close.args(["close", "--data-dir"]).arg(home.data());
        close.args(foreign.arguments(&foreign.url())).envs([foreign.password()]);
        close.envs(clock.environment());
        command::finish(close, b"")
    };
    let other = Home::new();
    let refused = close(&other, NOON);
    assert_eq!(refused.code, 75, "{refused:?}");
    assert!(refused.stderr.contains(&owner), "{owner} is not named: {refused:?}");
    assert_eq!(refused.stdout, "");
    first.run(&["close"]).expect_ok("close of the first");
    // Once the first is gone and its lease with it, anybody may close.
    assert_eq!(first.stop().0, 0);
    let done = close(&other, NOON + 60);
    assert_eq!(done.code, 0, "{done:?}");
}

#[test]
fn a_closer_that_slept_through_its_lease_publishes_nothing_when_it_wakes() {
    let foreign = Foreign::start();
    let door = foreign.ours();
    let mut random = Random::seeded("a closer that sleeps", 9_301);
    let first = Program::start(using(&foreign, NOON).site(SITE.0, SITE.1));
    let key = first.add_key(SITE.0, "read");
    let site = door.value("SELECT id FROM sites FINAL").parse().expect("a number");
    let places = [Place { site, zone: SITE.1 }];
    let mut all = Vec::new();
    for (day, batch) in DAYS.into_iter().zip([1, 1_001]) {
        let rows = crowd::rows(&mut random, &places, day, ROWS, batch);
        crowd::insert(&door, &rows).expect("an insert");
        all.extend(rows);
    }
    let truth = Truth::of(&all);
    // Undisturbed, to know how long it takes; the first time it waits for its lease as well.
    first.clock.as_ref().expect("a clock").set(CLOSABLE);
    let is_closed = || closings::published(&door).is_ok_and(|all| all.len() == DAYS.len());
    closings::close_until(&first, "both days to be closed", is_closed);
    door.value("TRUNCATE TABLE closed_days");
    let begun = Instant::now();
    closings::close_until(&first, "both days to be closed again", is_closed);
    let took = begun.elapsed();
    println!("closing {} rows took {took:?}", all.len());

    let (mut program, mut at) = (first, CLOSABLE);
    for nap in 0..NAPS {
        door.value("TRUNCATE TABLE closed_days");
        let close = closings::start_close(&program.home().data());
        let millis = u64::try_from(took.as_millis()).expect("a short time");
        std::thread::sleep(Duration::from_millis(random.below(millis)));
        process::signal(program.pid(), Signal::STOP);
        let published = closings::published(&door).expect("an answer").len();
        // Its lease is over for somebody whose clock went on.
        at += 60;
        let second = Program::start(using(&foreign, at));
        closings::close_until(&second, "both days to be closed", is_closed);
        let closed = closings::published(&door).expect("an answer");
        // The clocks of machines agree, so the one that wakes sees how late it is.
        program.clock.as_ref().expect("a clock").set(at);
        let pid = program.pid();
        process::signal(pid, Signal::CONT);
        let refused = program.run(&["close"]);
        // It may have noticed and ended before it was asked: then the command looked at an engine of
        // its own, in which there is nothing.
        let found_nothing = refused.stderr.contains("no day is closed, and no rows are open");
        assert!(refused.code != 0 || found_nothing, "{refused:?}");
        wait_until("the first to notice", seconds(25), || !process::is_running(pid));
        drop(close.join());
        let (code, _, home) = program.stop_with(Signal::CONT);
        assert_eq!(code, 75, "{}", home.log());
        println!("nap {nap}: {published} of {} days were closed before it", DAYS.len());
        assert_eq!(closings::published(&door).expect("an answer"), closed, "after it woke");
        let mut reports = Reports::new(second.client(), SITE.0, &key);
        for (day, shown) in DAYS.iter().zip(closings::shown(&mut reports, &DAYS)) {
            assert_eq!(shown, truth.shown(site, *day), "{day} after nap {nap}");
        }
        program = second;
    }
}

//! What was acknowledged is stored exactly once, whoever is killed and whenever.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::home::Home;
use crate::support::load::{self, Load};
use crate::support::program::{Options, Program};
use crate::support::random::Random;
use crate::support::sql::Door;
use crate::support::{process, seconds, wait_for, wait_until};

/// Name of the site under load.
const SITE: &str = "load.example";
/// How often a part is killed.
const KILLS: usize = 10;
/// Connections that send at once.
const SENDERS: usize = 6;
/// Pause of each between two events.
const PAUSE: Duration = Duration::from_millis(2);

fn door(program: &Program) -> Door {
    Door::embedded(&program.home().data(), "read")
}

/// Waits until more events were accepted than before, so that a kill meets work.
fn wait_for_work(load: &Load) {
    let before = load.accepted();
    wait_until("the load to be accepted", seconds(30), || load.accepted() > before + 20);
}

/// Starts again in `home`, ends in order and starts once more: what a first start finds in the
/// spool it must have delivered, and nothing twice.
fn after_two_more_starts(home: Home) -> Program {
    let program = Program::start_in(home, Options::behind_proxy());
    let (code, _, home) = program.stop();
    assert_eq!(code, 0, "{}", home.log());
    Program::start_in(home, Options::behind_proxy())
}

#[test]
fn a_collector_killed_ten_times_under_load_loses_nothing_and_doubles_nothing() {
    let mut random = Random::seeded("kill -9 of the collector", 9_001);
    let mut program = Program::start(Options::behind_proxy().site(SITE, "UTC"));
    let load = Load::start(&program.url, SITE, SENDERS, PAUSE);
    for _ in 0..KILLS {
        wait_for_work(&load);
        std::thread::sleep(Duration::from_millis(random.below(900)));
        let home = program.kill9();
        load.aim(None);
        program = Program::start_in(home, Options::behind_proxy());
        load.aim(Some(&program.url));
    }
    wait_for_work(&load);
    let ledger = load.stop();
    load::check_exactly_once(&ledger, &door(&program));
    let program = after_two_more_starts(program.kill9());
    load::check_exactly_once(&ledger, &door(&program));
    assert_eq!(std::fs::read_dir(program.home().data().join("bad")).map_or(0, Iterator::count), 0);
}

#[test]
fn an_engine_killed_ten_times_under_load_loses_nothing_and_doubles_nothing() {
    let mut random = Random::seeded("kill -9 of the engine", 9_002);
    let program = Program::start(Options::behind_proxy().site(SITE, "UTC"));
    let load = Load::start(&program.url, SITE, SENDERS, PAUSE);
    for _ in 0..KILLS {
        let engine = wait_for("an engine", seconds(60), || program.engines().first().copied());
        wait_until("the engine to answer", seconds(60), || door(&program).text("SELECT 1").is_ok());
        std::thread::sleep(Duration::from_millis(300 + random.below(1_200)));
        process::signal(engine, Signal::KILL);
        wait_until("its end", seconds(10), || !process::is_running(engine));
        wait_for_work(&load);
    }
    let ledger = load.stop();
    assert!(
        ledger.values().all(|fate| *fate == load::Fate::Accepted),
        "an engine that is away must not be felt by those who send"
    );
    wait_until("the last engine", seconds(60), || door(&program).text("SELECT 1").is_ok());
    load::check_exactly_once(&ledger, &door(&program));
    let program = after_two_more_starts(program.kill9());
    load::check_exactly_once(&ledger, &door(&program));
}

#[test]
fn ctrl_c_under_load_loses_nothing_and_ends_the_engine_in_order() {
    let program = Program::start(Options::behind_proxy().site(SITE, "UTC"));
    let load = Load::start(&program.url, SITE, SENDERS, PAUSE);
    wait_for_work(&load);
    // Long enough for batches on their way, fresh ones and one that is being filled.
    std::thread::sleep(Duration::from_millis(2_500));
    let engine = program.engines().first().copied().expect("an engine");
    let begun = Instant::now();
    // What a terminal does: the signal goes to everyone of the foreground group.
    process::signal_group(program.pid(), Signal::INT);
    let (code, _, home) = program.stop_with(Signal::CONT);
    let took = begun.elapsed();
    let ledger = load.stop();
    assert_eq!(code, 0, "{}", home.log());
    assert!(took < seconds(10), "it took {took:?}");
    assert!(!process::is_running(engine), "the engine is still there");
    assert!(!home.data().join("engine/access.json").exists(), "passwords of a stopped engine");
    assert!(!home.log().contains("did not end in time"), "{}", home.log());
    assert!(!home.log().contains("the engine ended: starting it again"), "Ctrl-C reached it too");
    let program = Program::start_in(home, Options::behind_proxy());
    load::check_exactly_once(&ledger, &door(&program));
}

#[test]
fn a_second_ctrl_c_under_load_ends_at_once_and_still_loses_nothing() {
    let program = Program::start(Options::behind_proxy().site(SITE, "UTC"));
    let load = Load::start(&program.url, SITE, SENDERS, PAUSE);
    wait_for_work(&load);
    // Long enough for batches on their way, fresh ones and one that is being filled.
    std::thread::sleep(Duration::from_millis(2_500));
    let engine = program.engines().first().copied().expect("an engine");
    // An engine that cannot answer makes an end in order impossible within the time of this test.
    process::signal(engine, Signal::STOP);
    process::signal_group(program.pid(), Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    process::signal_group(program.pid(), Signal::INT);
    let pid = program.pid();
    wait_until("the program to end", seconds(3), || !process::is_running(pid));
    println!("the second signal ended it in {:?}", begun.elapsed());
    let ledger = load.stop();
    process::signal(engine, Signal::CONT);
    let home = program.kill9();
    let program = Program::start_in(home, Options::behind_proxy());
    load::check_exactly_once(&ledger, &door(&program));
}

//! kill -9 of the collector, of the engine, of both, 1 to 600 ms after the load was accepted again;
//! now and then during a start.

use rustix::process::Signal;

use super::{SITE, bad_files, door, load, using};
use crate::support::foreign::Foreign;
use crate::support::home::Home;
use crate::support::load::{Fate, Load};
use crate::support::ordeal::Ordeal;
use crate::support::program::{Options, Program};
use crate::support::weather::{Trouble, Weather};
use crate::support::{process, seconds, wait_for, wait_until};

/// Longest time from the first accepted events to a kill, milliseconds.
const LONGEST: u64 = 600;
/// Longest time that a batch is kept between the engine and the collector, milliseconds: one is
/// sealed each second.
const HELD: u64 = 1_400;
/// One of so many starts is killed before it is ready.
const STARTS: u64 = 4;

/// Starts again, after a start or none that did not live to be ready.
fn revive(home: Home, ordeal: &mut Ordeal, load: &Load, options: impl Fn() -> Options) -> Program {
    let mut home = home;
    if ordeal.random.below(STARTS) == 0 {
        let half = Program::spawn_in(home, options());
        ordeal.pause(LONGEST);
        home = half.kill9();
    }
    let program = Program::start_in(home, options());
    load.aim(Some(&program.url));
    program
}

/// Starts again, ends in order and starts once more: what a first start finds in the spool it must
/// have delivered, and nothing twice.
fn after_two_more_starts(home: Home, options: impl Fn() -> Options) -> Program {
    let program = Program::start_in(home, options());
    let (code, _, home) = program.stop();
    assert_eq!(code, 0, "{}", home.log());
    Program::start_in(home, options())
}

#[test]
fn collector() {
    let mut ordeal = Ordeal::begin("kill collector", 10);
    let foreign = Foreign::start();
    let weather = Weather::start(foreign.port());
    let options = || using(&foreign, &weather.url());
    let mut program = Program::start(options().site(SITE, "UTC"));
    let load = load(&program);
    for _ in 0..ordeal.rounds {
        load.wait_for_work();
        // Batches that are stored, or soon will be, and whose collector does not know it.
        let kind = ordeal.random.below(3);
        match kind {
            0 => weather.set(Trouble::Slow),
            1 => process::signal(foreign.pid(), Signal::STOP),
            _ => {}
        }
        ordeal.pause(if kind < 2 { HELD } else { LONGEST });
        let home = program.kill9();
        process::signal(foreign.pid(), Signal::CONT);
        weather.set(Trouble::None);
        load.aim(None);
        program = revive(home, &mut ordeal, &load, options);
    }
    load.wait_for_work();
    let ledger = load.stop();
    let program = after_two_more_starts(program.kill9(), options);
    ordeal.check(&ledger, &foreign.ours());
    assert_eq!(bad_files(program.home()), 0, "a kill is no damage");
}

#[test]
fn engine() {
    let mut ordeal = Ordeal::begin("kill engine", 10);
    let program = Program::start(Options::behind_proxy().site(SITE, "UTC"));
    let load = load(&program);
    for _ in 0..ordeal.rounds {
        let engine = wait_for("an engine", seconds(60), || program.engines().first().copied());
        wait_until("the engine to answer", seconds(60), || door(&program).text("SELECT 1").is_ok());
        if ordeal.random.below(3) > 0 {
            // Then it has something to store when the kill comes.
            process::signal(engine, Signal::STOP);
            ordeal.pause(HELD);
            process::signal(engine, Signal::CONT);
            ordeal.pause(60);
        } else {
            ordeal.pause(LONGEST);
        }
        process::signal(engine, Signal::KILL);
        wait_until("its end", seconds(10), || !process::is_running(engine));
        load.wait_for_work();
    }
    let ledger = load.stop();
    assert!(
        ledger.values().all(|fate| *fate == Fate::Accepted),
        "an engine that is away must not be felt by those who send"
    );
    let program = after_two_more_starts(program.kill9(), Options::behind_proxy);
    ordeal.check(&ledger, &door(&program));
}

#[test]
fn both() {
    let mut ordeal = Ordeal::begin("kill both", 10);
    let mut program = Program::start(Options::behind_proxy().site(SITE, "UTC"));
    let load = load(&program);
    for _ in 0..ordeal.rounds {
        load.wait_for_work();
        let engines = program.engines();
        let signal = |signal| engines.iter().for_each(|engine| process::signal(*engine, signal));
        if ordeal.random.below(2) == 0 {
            // Then it has something to store when the kill comes.
            signal(Signal::STOP);
            ordeal.pause(HELD);
            signal(Signal::CONT);
            ordeal.pause(60);
        } else {
            ordeal.pause(LONGEST);
        }
        // Left alone, the engine ends by itself when it notices that its program is gone.
        if ordeal.random.below(2) == 0 {
            signal(Signal::KILL);
        }
        let home = program.kill9();
        load.aim(None);
        program = revive(home, &mut ordeal, &load, Options::behind_proxy);
    }
    load.wait_for_work();
    let ledger = load.stop();
    let program = after_two_more_starts(program.kill9(), Options::behind_proxy);
    ordeal.check(&ledger, &door(&program));
    assert_eq!(bad_files(program.home()), 0, "a kill is no damage");
}

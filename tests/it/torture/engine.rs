//! A ClickHouse that is frozen, gone, refusing, silent, slow, cut off in the middle of an answer, or
//! out of memory: whoever sends events does not feel it, and nothing is lost or stored twice.

use rustix::process::Signal;

use super::{SITE, bad_files, load, using};
use crate::support::foreign::Foreign;
use crate::support::load::Fate;
use crate::support::ordeal::Ordeal;
use crate::support::process;
use crate::support::program::Program;
use crate::support::weather::{TROUBLES, Trouble, Weather};

/// Longest time of one trouble, milliseconds; far below the 30 s after which a lease is over.
const LONGEST: u64 = 2_000;
/// Longest time of good weather after it, milliseconds.
const GOOD: u64 = 500;

#[test]
fn troubles() {
    let mut ordeal = Ordeal::begin("engine in trouble", 10);
    let mut foreign = Foreign::start();
    let weather = Weather::start(foreign.port());
    let program = Program::start(using(&foreign, &weather.url()).site(SITE, "UTC"));
    let load = load(&program);
    let first = ordeal.random.below(9);
    for round in 0..ordeal.rounds {
        load.wait_for_work();
        // Each in turn, so that a short run meets all of them.
        match usize::try_from((first + round) % 9).expect("a small number") {
            7 => {
                process::signal(foreign.pid(), Signal::STOP);
                ordeal.pause(LONGEST);
                process::signal(foreign.pid(), Signal::CONT);
            }
            8 => {
                foreign.kill();
                ordeal.pause(LONGEST);
                foreign.run();
            }
            kind => {
                weather.set(TROUBLES[kind]);
                ordeal.pause(LONGEST);
                weather.set(Trouble::None);
            }
        }
        ordeal.pause(GOOD);
    }
    let ledger = load.stop();
    assert!(
        ledger.values().all(|fate| *fate == Fate::Accepted),
        "a ClickHouse in trouble must not be felt by those who send"
    );
    println!("troubled: {}", weather.troubled());
    assert!(weather.troubled() > 5, "nobody met the weather: {}", weather.troubled());
    ordeal.check(&ledger, &foreign.ours());
    assert_eq!(bad_files(program.home()), 0, "a batch was given up");
}

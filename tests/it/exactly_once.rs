//! Ctrl-C under load: what was acknowledged is stored exactly once. Harder ends are in `torture`.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::load::{self, Load};
use crate::support::program::{Options, Program};
use crate::support::sql::Door;
use crate::support::{process, seconds, wait_until};

/// Name of the site under load.
const SITE: &str = "load.example";
/// Connections that send at once.
const SENDERS: usize = 6;
/// Pause of each between two events.
const PAUSE: Duration = Duration::from_millis(2);

fn door(program: &Program) -> Door {
    Door::embedded(&program.home().data(), "read")
}

#[test]
fn ctrl_c_under_load_loses_nothing_and_ends_the_engine_in_order() {
    let program = Program::start(Options::behind_proxy().site(SITE, "UTC"));
    let load = Load::start(&program.url, SITE, SENDERS, PAUSE);
    load.wait_for_work();
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
    load.wait_for_work();
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

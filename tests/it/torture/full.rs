//! A full disk: new events are refused within a second, earlier ones stay, and it passes by itself.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{SITE, door, load};
use crate::support::home::Home;
use crate::support::load::Load;
use crate::support::mounted::Mounted;
use crate::support::ordeal::Ordeal;
use crate::support::program::{Options, Program};
use crate::support::{agents, process, seconds, wait_for, wait_until};

/// Size of the disk, megabytes.
const DISK_MB: u64 = 64;
/// Within this a full disk is noticed.
const NOTICED: Duration = seconds(1);
/// Within this an answer comes, and it takes events again when it has noticed, on a busy machine.
const ANSWERED: Duration = seconds(3);

/// Options of a program that leaves `free` of the disk to others.
fn leaving(free: &str) -> Options {
    Options::behind_proxy().env("HEADCOUNT_SPOOL_MIN_FREE_BYTES", free)
}

fn signal_engines(program: &Program, signal: Signal) {
    program.engines().into_iter().for_each(|engine| process::signal(engine, signal));
}

/// What somebody is told who sends an event while the disk is full.
fn assert_refused(program: &Program) {
    let body = format!(r#"{{"n":"pageview","u":"https://{SITE}/n/0","d":"{SITE}"}}"#);
    let agent = agents::like("Chrome", "Windows").text.as_str();
    let begun = Instant::now();
    let answer = program.client().post("/api/event", &[("User-Agent", agent)], body.as_bytes());
    assert!(begun.elapsed() < ANSWERED, "a refusal took {:?}", begun.elapsed());
    let outcome = answer.outcome();
    assert_eq!(answer.status, 503, "{outcome}");
    assert!(
        ["rejected; reason=spool_full", "rejected; reason=unavailable"].contains(&outcome),
        "{outcome}"
    );
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
}

/// Waits until `load` has got nothing but refusals for a while; how long it took.
fn wait_full(load: &Load) -> Duration {
    let begun = Instant::now();
    let mut last = (load.accepted(), begun);
    wait_until("nothing to be accepted", seconds(10), || {
        if load.accepted() != last.0 {
            last = (load.accepted(), Instant::now());
        }
        last.1.elapsed() > Duration::from_millis(300)
    });
    last.1 - begun
}

fn suffer(mut ordeal: Ordeal, free: &str) {
    let home = Home::new();
    let spool = home.data().join("spool");
    let Some(disk) = Mounted::make(DISK_MB, Some(spool)) else { return };
    let mut program = Program::start_in(home, leaving(free).site(SITE, "UTC"));
    let load = load(&program);
    for _ in 0..ordeal.rounds {
        load.wait_for_work();
        ordeal.pause(600);
        // Nothing is delivered, so nothing makes room.
        signal_engines(&program, Signal::STOP);
        disk.fill();
        let took = wait_full(&load);
        assert!(took < NOTICED, "the last event was accepted {took:?} after the disk was full");
        assert_refused(&program);
        wait_until("it to say so", seconds(10), || {
            program.client().get("/ready", &[]).status == 503
        });
        let kill = ordeal.random.below(3) == 0;
        signal_engines(&program, Signal::CONT);
        if kill {
            // A start on a full disk.
            let home = program.kill9();
            load.aim(None);
            program = Program::start_in(home, leaving(free));
            load.aim(Some(&program.url));
            ordeal.pause(300);
        }
        disk.empty();
        let accepted = load.accepted();
        let begun = Instant::now();
        wait_for("events to be accepted again", seconds(10), || {
            (load.accepted() > accepted + 5).then_some(())
        });
        let took = begun.elapsed();
        assert!(took < ANSWERED, "the first events were accepted {took:?} after there was room");
        assert_eq!(program.client().get("/ready", &[]).status, 200);
    }
    let ledger = load.stop();
    let program = Program::start_in(program.kill9(), leaving(free));
    ordeal.check(&ledger, &door(&program));
    let left = || fs::read_dir(disk.path()).expect("the spool").flatten();
    wait_until("the spool to be empty", seconds(20), || {
        !left().any(|entry| entry.path().extension().is_some_and(|end| end == "seg"))
    });
    drop(program);
}

#[test]
fn to_the_last_byte() {
    suffer(Ordeal::begin("disk full", 3), "0");
}

#[test]
fn to_what_is_left_to_others() {
    suffer(Ordeal::begin("disk short of space", 3), "8MiB");
}

//! Two collectors behind a balancer, restarted in turn: nobody is refused who asks twice, and
//! asking twice counts nobody twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use super::{PAUSE, SENDERS, SITE, using};
use crate::support::balancer::Balancer;
use crate::support::foreign::Foreign;
use crate::support::http::Client;
use crate::support::load::{self, Fate, Ledger};
use crate::support::ordeal::Ordeal;
use crate::support::program::Program;
use crate::support::{seconds, wait_until};

/// A stop in order takes no longer.
const STOP_LIMIT: Duration = seconds(10);

#[derive(Default)]
struct Told {
    next: AtomicU32,
    retried: AtomicU32,
    stop: AtomicBool,
}

/// Sends until stopped; an event that is not accepted is sent once more over a new connection.
fn run(url: &str, told: &Told) -> Ledger {
    let mut ledger = Ledger::new();
    let mut client = Client::new(url);
    while !told.stop.load(Ordering::Relaxed) {
        let number = told.next.fetch_add(1, Ordering::Relaxed);
        let mut fate = load::send(&mut client, SITE, number);
        if fate != Fate::Accepted {
            told.retried.fetch_add(1, Ordering::Relaxed);
            client = Client::new(url);
            fate = load::send(&mut client, SITE, number);
        }
        ledger.insert(number, fate);
        std::thread::sleep(PAUSE);
    }
    ledger
}

#[test]
fn restarts() {
    let mut ordeal = Ordeal::begin("rolling restart", 10);
    let foreign = Foreign::start();
    let options = |place: usize| {
        let mut options = using(&foreign, &foreign.url());
        let role = if place == 0 { "all" } else { "collect" };
        options.args.extend(["--role".to_owned(), role.to_owned()]);
        options
    };
    let mut programs =
        [Some(Program::start(options(0).site(SITE, "UTC"))), Some(Program::start(options(1)))];
    let url = |program: &Option<Program>| program.as_ref().expect("it runs").url.clone();
    let urls = programs.each_ref().map(url);
    let mut unsent = 5_000_000;
    let mut is_known = |url: &str| {
        unsent += 1;
        load::send(&mut Client::new(url), "other.example", unsent) == Fate::Refused(202)
    };
    for url in &urls {
        wait_until("the sites to be known", seconds(20), || is_known(url));
    }
    let balancer = Balancer::start(&[&urls[0], &urls[1]]);
    let told = Arc::new(Told::default());
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (url, told) = (balancer.url(), Arc::clone(&told));
            std::thread::spawn(move || run(&url, &told))
        })
        .collect();
    for round in 0..ordeal.rounds {
        let place = usize::from(round % 2 == 1);
        ordeal.pause(600);
        let (code, took, home) = programs[place].take().expect("it runs").stop();
        assert_eq!(code, 0, "{}", home.log());
        assert!(took < STOP_LIMIT, "a stop took {took:?}");
        let program = Program::start_in(home, options(place));
        balancer.moved(place, &program.url);
        wait_until("it to take events", seconds(20), || {
            program.client().get("/ready", &[]).status == 200 && is_known(&program.url)
        });
        programs[place] = Some(program);
    }
    told.stop.store(true, Ordering::Relaxed);
    let mut ledger = Ledger::new();
    for sender in senders {
        ledger.append(&mut sender.join().expect("a sender does not panic"));
    }
    println!("asked a second time: {}", told.retried.load(Ordering::Relaxed));
    let failed: Vec<_> = ledger.iter().filter(|(_, fate)| **fate != Fate::Accepted).collect();
    assert!(failed.is_empty(), "failed twice: {:?}", &failed[..failed.len().min(10)]);
    ordeal.check(&ledger, &foreign.ours());
}

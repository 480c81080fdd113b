//! One run of a category of faults: how often, from which seed, and what came of it.
//!
//! `make test` does each a few times from a fixed seed. `make torture` sets
//! `HEADCOUNT_TORTURE_KILLS`, to do them often, and `HEADCOUNT_TORTURE_SEED`, to do others. The same
//! seed chooses the same faults again; when they meet the program is up to the machine.

use std::time::{Duration, Instant};

use crate::support::load::{self, Ledger, Verdict, judge};
use crate::support::random::Random;
use crate::support::sql::Door;

/// A run that has begun.
pub(crate) struct Ordeal {
    category: &'static str,
    seed: u64,
    /// How often.
    pub(crate) rounds: u64,
    /// What chooses the faults.
    pub(crate) random: Random,
    begun: Instant,
}

impl Ordeal {
    /// Begins: `rounds` of `make test` are as many long ones as ten are of the kills asked for.
    pub(crate) fn begin(category: &'static str, rounds: u64) -> Self {
        let kills = number("HEADCOUNT_TORTURE_KILLS");
        let seed = number("HEADCOUNT_TORTURE_SEED").unwrap_or(9_001);
        let rounds = kills.map_or(rounds, |kills| (kills * rounds / 10).max(1));
        let random = Random::seeded(category, seed);
        Self { category, seed, rounds, random, begun: Instant::now() }
    }

    /// A pause of 1 to `longest` milliseconds.
    pub(crate) fn pause(&mut self, longest: u64) {
        std::thread::sleep(Duration::from_millis(1 + self.random.below(longest)));
    }

    /// Checks that what was accepted is stored once, what was refused never, and what got no answer
    /// at most once; prints one line of the table of `make torture`.
    pub(crate) fn check(&self, ledger: &Ledger, door: &Door) {
        let verdict = judge(ledger, door);
        self.print(&verdict);
        if let Some(number) = verdict.first {
            println!("event {number} is in: {:?}", load::places(door, number));
        }
        verdict.insist();
    }

    /// Prints one line of the table of `make torture`.
    pub(crate) fn print(&self, verdict: &Verdict) {
        let Self { category, seed, rounds, .. } = self;
        let Verdict { accepted, refused, unknown, lost, doubled, .. } = verdict;
        let took = self.begun.elapsed().as_secs();
        // At the start of a line, also under a harness that has named the test on it.
        println!(
            "\ntorture: | {category} | {seed} | {rounds} | {accepted} | {refused} | {unknown} | \
             {lost} | {doubled} | {took} s |"
        );
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a test runs is set from outside")]
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?} and not a number")))
}

//! What the tests stand on: the real program in directories of its own, a small HTTP client, the
//! engine's door, a generator of events and an independent count of them.
//!
//! Nothing here imitates a part of the program. What is expected is worked out from the design and
//! from the public data files, never by calling the code under test; the one thing borrowed from
//! the library is the calendar (`headcount::model`), which has tests of its own.

pub(crate) mod agents;
pub(crate) mod asker;
pub(crate) mod attack;
pub(crate) mod balancer;
pub(crate) mod brute;
pub(crate) mod canaries;
pub(crate) mod canaries_of_tools;
pub(crate) mod canaries_unread;
pub(crate) mod cc;
pub(crate) mod clickhouse;
pub(crate) mod clock;
pub(crate) mod closings;
pub(crate) mod command;
pub(crate) mod crowd;
pub(crate) mod disk;
pub(crate) mod events;
pub(crate) mod fault;
pub(crate) mod foreign;
pub(crate) mod gate;
pub(crate) mod geo;
pub(crate) mod home;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod memory;
pub(crate) mod mounted;
pub(crate) mod native;
pub(crate) mod noes;
pub(crate) mod noes_of_tools;
pub(crate) mod ordeal;
pub(crate) mod people;
pub(crate) mod process;
pub(crate) mod program;
pub(crate) mod random;
pub(crate) mod raw;
pub(crate) mod report;
pub(crate) mod scan;
pub(crate) mod sql;
pub(crate) mod traces;
pub(crate) mod unpack;
pub(crate) mod weather;
pub(crate) mod years;

use std::time::{Duration, Instant};

/// How often a condition is looked at again.
const POLL: Duration = Duration::from_millis(20);

/// Waits until `probe` gives a value; fails naming `what` after `limit`.
pub(crate) fn wait_for<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} in vain for {what}");
        std::thread::sleep(POLL);
    }
}

/// Waits until `probe` is true; fails naming `what` after `limit`.
pub(crate) fn wait_until(what: &str, limit: Duration, mut probe: impl FnMut() -> bool) {
    wait_for(what, limit, || probe().then_some(()));
}

/// `n` seconds.
pub(crate) const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

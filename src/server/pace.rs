//! Who lets a connection wait is cut off: silent ones, and heads that come a byte at a time.
//!
//! One look a second at all connections, instead of a timer for each request. A connection is
//! ended only while no request is being worked on: a request is either never begun or answered.
//!
//! Where connections get scarce, those that only wait have to go sooner, so that many slow clients
//! cannot keep others out for long. Connections of proxies are kept longer than proxies keep them:
//! a request that meets the closing of its connection is lost, and proxies repeat no POST. The
//! usual ones drop an idle connection after 60 to 120 seconds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval};

/// How often connections are looked at.
const TICK: Duration = Duration::from_secs(1);
/// Seconds a connection may be silent between two requests, and before the first.
const IDLE_SECONDS: u32 = 30;
/// The same for a proxy's, and for any machine nearby, which may be one that is not trusted.
const IDLE_SECONDS_OF_PROXIES: u32 = 180;
/// Seconds a head may take from its first byte on; with its body's 15 a request has 25.
const HEAD_SECONDS: u32 = 10;
/// The same two where connections are scarce.
const IDLE_SECONDS_WHEN_SCARCE: u32 = 2;
const HEAD_SECONDS_WHEN_SCARCE: u32 = 3;

/// A connection between two requests: since when.
const IDLE: u64 = 0;
/// A part of a head came: since when.
const HEAD: u64 = 1;
/// A request is worked on.
const BUSY: u64 = 2;
/// It is being cut off.
const ENDING: u64 = 3;
const STATE_SHIFT: u32 = 32;

/// Whose a connection is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// A client's, as far as anybody knows.
    #[default]
    Client,
    /// A machine's of the same network or the same computer.
    Near,
    /// A proxy's that the operator trusts.
    Proxy,
}

/// All connections of a listener.
pub struct Paces {
    /// Seconds since it was made.
    second: Arc<AtomicU32>,
    open: Mutex<HashMap<u64, (Arc<Pace>, AbortHandle)>>,
    last: AtomicU64,
    /// With so many open they are scarce.
    scarce: usize,
}

/// What one connection does, and since when.
#[derive(Default)]
pub struct Pace {
    second: Arc<AtomicU32>,
    /// State and second.
    now: AtomicU64,
    whose: Whose,
}

/// Takes a connection off the list when dropped.
pub struct Leave {
    paces: Arc<Paces>,
    number: u64,
}

impl Paces {
    /// At most `connections` will be open.
    #[must_use]
    pub fn new(connections: usize) -> Arc<Self> {
        Arc::new(Self {
            second: Arc::default(),
            open: Mutex::default(),
            last: AtomicU64::new(0),
            scarce: connections - connections / 8,
        })
    }

    /// A connection begins: `spawn` starts its task, which holds the [`Leave`] until it ends.
    pub fn begin(
        self: &Arc<Self>,
        whose: Whose,
        spawn: impl FnOnce(Arc<Pace>, Leave) -> AbortHandle,
    ) {
        let pace = Pace { second: Arc::clone(&self.second), now: AtomicU64::new(0), whose };
        pace.set(IDLE);
        let pace = Arc::new(pace);
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let leave = Leave { paces: Arc::clone(self), number };
        // The list is held over the start, so that a task that ends at once is on it already.
        let mut open = self.open();
        let task = spawn(Arc::clone(&pace), leave);
        open.insert(number, (pace, task));
    }

    /// Cuts off who lets wait, for ever.
    pub async fn watch(self: Arc<Self>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            // Never while the list is held: a task that is aborted leaves it on this very thread.
            self.overdue().iter().for_each(AbortHandle::abort);
        }
    }

    /// Another second is over: the tasks of those to cut off.
    fn overdue(&self) -> Vec<AbortHandle> {
        let now = self.second.fetch_add(1, Ordering::Relaxed) + 1;
        let open = self.open();
        let scarce = open.len() >= self.scarce;
        let overdue = open.values().filter(|(pace, _)| pace.ends(now, scarce));
        overdue.map(|(_, task)| task.clone()).collect()
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, (Arc<Pace>, AbortHandle)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    /// Bytes came.
    pub fn read(&self) {
        let now = self.now.load(Ordering::Relaxed);
        if now >> STATE_SHIFT == IDLE {
            self.change(now, HEAD);
        }
    }

    /// Bytes left: who reads an answer is not idle.
    pub fn wrote(&self) {
        let now = self.now.load(Ordering::Relaxed);
        if now >> STATE_SHIFT == IDLE {
            self.change(now, IDLE);
        }
    }

    /// A head has come; whether its request may be worked on.
    #[must_use]
    pub fn begin(&self) -> bool {
        let now = self.now.load(Ordering::Relaxed);
        now >> STATE_SHIFT != ENDING && self.change(now, BUSY)
    }

    /// A request was answered.
    pub fn end(&self) {
        self.set(IDLE);
    }

    /// Whether it is overdue; it ends then.
    fn ends(&self, second: u32, scarce: bool) -> bool {
        let now = self.now.load(Ordering::Relaxed);
        let limit = match now >> STATE_SHIFT {
            IDLE if self.whose == Whose::Proxy => IDLE_SECONDS_OF_PROXIES,
            IDLE if scarce => IDLE_SECONDS_WHEN_SCARCE,
            IDLE if self.whose == Whose::Near => IDLE_SECONDS_OF_PROXIES,
            IDLE => IDLE_SECONDS,
            HEAD if scarce => HEAD_SECONDS_WHEN_SCARCE,
            HEAD => HEAD_SECONDS,
            _ => return false,
        };
        let since = u32::try_from(now & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        second.saturating_sub(since) > limit && self.change(now, ENDING)
    }

    fn word(&self, state: u64) -> u64 {
        (state << STATE_SHIFT) | u64::from(self.second.load(Ordering::Relaxed))
    }

    fn set(&self, state: u64) {
        self.now.store(self.word(state), Ordering::Relaxed);
    }

    /// Only the connection's own task and the look of each second change it: where this fails,
    /// the connection is being cut off.
    fn change(&self, from: u64, state: u64) -> bool {
        let to = self.word(state);
        from == to
            || self.now.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.paces.open().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` connections that wait for ever.
    fn open(paces: &Arc<Paces>, n: usize, whose: Whose) -> Vec<Arc<Pace>> {
        let mut all = Vec::new();
        for _ in 0..n {
            paces.begin(whose, |pace, leave| {
                all.push(pace);
                let waits = async move {
                    std::future::pending::<()>().await;
                    drop(leave);
                };
                tokio::spawn(waits).abort_handle()
            });
        }
        all
    }

    /// Seconds pass; how many are cut off in them.
    async fn pass(paces: &Arc<Paces>, seconds: u32) -> usize {
        let mut ended = 0;
        for _ in 0..seconds {
            let overdue = paces.overdue();
            ended += overdue.len();
            overdue.iter().for_each(AbortHandle::abort);
        }
        // Each of them gets its turn to end.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        ended
    }

    #[tokio::test]
    async fn who_is_silent_or_slow_is_cut_off_and_who_works_is_not() {
        let paces = Paces::new(100);
        let all = open(&paces, 3, Whose::Client);
        let proxy = open(&paces, 1, Whose::Proxy);
        assert!(all[0].begin(), "a request is worked on");
        all[1].read();
        assert_eq!(pass(&paces, HEAD_SECONDS).await, 0);
        assert_eq!(pass(&paces, 1).await, 1, "the head that does not come");
        assert!(!all[1].begin(), "it is too late");
        assert_eq!(pass(&paces, IDLE_SECONDS - HEAD_SECONDS - 1).await, 0);
        all[2].wrote();
        assert_eq!(pass(&paces, IDLE_SECONDS).await, 0, "the answer is still read");
        assert_eq!(pass(&paces, 1).await, 1);
        all[0].end();
        all[0].read();
        assert_eq!(pass(&paces, HEAD_SECONDS + 1).await, 1, "a head a byte at a time");
        assert_eq!(pass(&paces, 2 * IDLE_SECONDS).await, 0, "the proxy's stays");
        assert!(proxy[0].begin());
        assert_eq!(paces.open().len(), 1);
    }

    #[tokio::test]
    async fn where_connections_are_scarce_the_waiting_ones_go_sooner() {
        let paces = Paces::new(80);
        let mut all = open(&paces, 69, Whose::Near);
        assert_eq!(pass(&paces, IDLE_SECONDS + 1).await, 0, "not scarce yet");
        all.extend(open(&paces, 1, Whose::Client));
        all[0].read();
        assert!(all[1].begin());
        assert_eq!(pass(&paces, 1).await, 67, "those that were silent for long");
        assert_eq!(paces.open().len(), 3, "the one that works, the slow and the new one");
    }
}

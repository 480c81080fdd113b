//! Whether this process may close days: its database is ready, it holds the lease, and nobody has
//! asked it to stop.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::model::now;
use crate::store::lease::LEASE_SECONDS;

/// The last seconds of a lease are not used: what was begun in time must also end in time.
const SPARE_SECONDS: u32 = 5;

/// The right to close days. Clocks can be set and machines can sleep, so a lease is over as soon
/// as either the wall clock or the steady one says so.
pub struct Hold {
    held: Mutex<Held>,
    owner: OnceLock<String>,
    stopping: watch::Receiver<bool>,
}

#[derive(Debug, Clone, Copy)]
enum Held {
    /// The database is not ready, or somebody else may have the lease.
    No,
    /// The database is ours alone.
    Always,
    /// The lease was asked for then, and given.
    Since { wall: u32, steady: Instant },
}

/// The moment at which a lease was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Wall time, seconds since 1970.
    pub wall: u32,
    steady: Instant,
}

impl Asked {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        Self { wall: now(), steady: Instant::now() }
    }
}

impl Hold {
    /// Nothing is held yet; nothing is held any more once `stopping` is true.
    #[must_use]
    pub fn new(stopping: watch::Receiver<bool>) -> Self {
        Self { held: Mutex::new(Held::No), owner: OnceLock::new(), stopping }
    }

    /// The database is ready, and nobody else can use it.
    pub fn own(&self) {
        self.set(Held::Always);
    }

    /// The lease that was asked for then was given to `owner`, or renewed.
    pub fn leased(&self, asked: Asked, owner: &str) {
        self.owner.get_or_init(|| owner.to_owned());
        self.set(Held::Since { wall: asked.wall, steady: asked.steady });
    }

    /// Whose lease it is; `None` while there is none.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.owner.get().map(String::as_str)
    }

    /// Whether days may be closed now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !*self.stopping.borrow() && {
            let held = *self.held.lock().unwrap_or_else(PoisonError::into_inner);
            holds(held, now(), Instant::now())
        }
    }

    fn set(&self, held: Held) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held;
    }
}

fn holds(held: Held, wall: u32, steady: Instant) -> bool {
    let seconds = LEASE_SECONDS - SPARE_SECONDS;
    match held {
        Held::No => false,
        Held::Always => true,
        Held::Since { wall: since, steady: begun } => {
            wall < since.saturating_add(seconds)
                && steady.saturating_duration_since(begun) < Duration::from_secs(seconds.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_ends_by_either_clock() {
        let begun = Instant::now();
        let held = Held::Since { wall: 1_000, steady: begun };
        let after = |seconds| begun + Duration::from_secs(seconds);
        assert!(holds(held, 1_024, after(24)));
        assert!(!holds(held, 1_025, after(10)), "the wall clock leapt, or the machine slept");
        assert!(!holds(held, 1_010, after(25)), "the wall clock went back");
        assert!(!holds(Held::No, 0, begun) && holds(Held::Always, u32::MAX, after(99)));
    }

    #[test]
    fn nothing_is_held_before_it_is_ready_and_after_the_call_to_stop() {
        let (stop, stopping) = watch::channel(false);
        let hold = Hold::new(stopping);
        assert!(!hold.is_held());
        assert_eq!(hold.owner(), None);
        hold.leased(Asked::now(), "me");
        assert!(hold.is_held() && hold.owner() == Some("me"));
        hold.own();
        assert!(hold.is_held());
        stop.send_replace(true);
        assert!(!hold.is_held());
    }
}

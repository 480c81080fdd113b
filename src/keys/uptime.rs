//! How long the machine has been running: a clock that nobody sets.
//!
//! It counts while the machine sleeps, and begins anew with a reboot, which also empties every
//! RAM disk. So the age of a key can be told although the wall clock stands still or lies.

use rustix::time::{ClockId, clock_gettime};

/// Seconds since the machine was started, sleep included.
pub(super) fn uptime() -> u32 {
    u32::try_from(clock_gettime(ClockId::Boottime).tv_sec).unwrap_or(u32::MAX)
}

//! The one place that reads wall time.
//!
//! It goes through the C library (as the standard library does), so that a preloaded clock
//! moves the whole program. Everything else takes the moment as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

/// The current wall time as whole seconds since 1970-01-01T00:00:00Z.
///
/// A clock before 1970 reads as 0; one past 2106 as `u32::MAX`.
#[must_use]
pub fn now() -> u32 {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads wall time")]
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    elapsed.map_or(0, |elapsed| u32::try_from(elapsed.as_secs()).unwrap_or(u32::MAX))
}

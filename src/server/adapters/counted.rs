//! What public counters showed some minutes ago, and whose turn it is to make another.
//!
//! Anybody may ask for a counter. So that a flood of them costs nothing, a number is kept for some
//! minutes, also that of a page that nobody knows; and what has to be counted anew has turns of its
//! own, beside those of the owners' reports.

use quick_cache::sync::Cache;

use crate::model::SiteId;
use crate::report::cache::CacheKey;
use crate::server::turns::{Busy, Turn, Turns};

/// Numbers that are kept: about a megabyte with their keys.
const KEPT_MAX: usize = 10_000;
/// How long a number is kept, in seconds.
const KEPT_SECONDS: u32 = 300;

/// Numbers of counters, and turns to make them.
pub struct Counters {
    turns: Turns,
    /// Visits, and when they were counted (seconds since 1970 UTC).
    kept: Cache<CacheKey, (u64, u32)>,
}

impl Default for Counters {
    fn default() -> Self {
        Self { turns: Turns::of_counters(), kept: Cache::new(KEPT_MAX) }
    }
}

impl Counters {
    /// What a counter showed within the last [`KEPT_SECONDS`].
    #[must_use]
    pub fn kept(&self, key: &CacheKey, now: u32) -> Option<u64> {
        let (visits, at) = self.kept.get(key)?;
        now.checked_sub(at).is_some_and(|age| age < KEPT_SECONDS).then_some(visits)
    }

    /// Keeps what a counter shows.
    pub fn keep(&self, key: CacheKey, visits: u64, now: u32) {
        self.kept.insert(key, (visits, now));
    }

    /// Waits for the turn of a site.
    ///
    /// # Errors
    /// When none came.
    pub async fn turn(&self, site: SiteId) -> Result<Turn, Busy> {
        self.turns.take(site).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(site: u32, name: &str) -> CacheKey {
        CacheKey::new(SiteId(site), 5, name, "days")
    }

    #[test]
    fn a_number_is_kept_for_some_minutes() {
        let counters = Counters::default();
        assert_eq!(counters.kept(&key(1, "/a"), 1_000), None);
        counters.keep(key(1, "/a"), 0, 1_000);
        for (now, expected) in [
            (1_000, Some(0)),
            (1_000 + KEPT_SECONDS - 1, Some(0)),
            (1_000 + KEPT_SECONDS, None),
            (999, None),
        ] {
            assert_eq!(counters.kept(&key(1, "/a"), now), expected, "{now}");
        }
        assert_eq!(counters.kept(&key(1, "/b"), 1_000), None);
        assert_eq!(counters.kept(&key(2, "/a"), 1_000), None);
    }

    #[test]
    fn a_flood_of_pages_that_nobody_knows_takes_no_more_room() {
        let counters = Counters::default();
        for n in 0..5 * KEPT_MAX {
            counters.keep(key(1, &n.to_string()), 0, 1_000);
        }
        assert!(counters.kept.len() <= KEPT_MAX, "{}", counters.kept.len());
        assert!(counters.kept.len() > KEPT_MAX / 2, "{}", counters.kept.len());
    }
}

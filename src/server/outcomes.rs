//! Counts of what was not counted, per site and day, on their way to the spool.
//!
//! Opted-out requests and unknown sites are never among them (`Outcome::is_counted_per_site`).

use std::collections::HashMap;
use std::sync::Mutex;

use crate::model::{Day, Outcome, SiteId};
use crate::spool::{Record, Spool};
use crate::store::row;

/// Distinct (site, day, outcome) held between two flushes; beyond it, new ones are not counted
/// per site (the process-wide metric still counts them).
const ENTRIES_MAX: usize = 100_000;

/// Counts since the last flush.
#[derive(Debug, Default)]
pub struct OutcomeCounts {
    counts: Mutex<HashMap<(SiteId, Day, Outcome), u64>>,
}

impl OutcomeCounts {
    /// Counts one event.
    pub fn add(&self, site: SiteId, day: Day, outcome: Outcome) {
        if !outcome.is_counted_per_site() {
            return;
        }
        let mut counts = self.lock();
        if counts.len() < ENTRIES_MAX || counts.contains_key(&(site, day, outcome)) {
            *counts.entry((site, day, outcome)).or_default() += 1;
        }
    }

    /// Puts all counts into the spool. What the spool does not take is kept for the next time.
    pub async fn flush(&self, spool: &Spool) {
        let taken = std::mem::take(&mut *self.lock());
        if taken.is_empty() {
            return;
        }
        let records: Vec<Record> = taken
            .iter()
            .map(|((site, day, outcome), n)| row::outcome_record(*site, *day, *outcome, *n))
            .collect();
        if spool.append(records).await.is_err() {
            let mut counts = self.lock();
            for (entry, n) in taken {
                *counts.entry(entry).or_default() += n;
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(SiteId, Day, Outcome), u64>> {
        self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

//! Counts of what was not counted or not kept, per site and day, on their way to the spool.
//!
//! Opted-out requests and unknown sites are never among them (`Outcome::is_counted_per_site`).

use std::collections::HashMap;
use std::sync::Mutex;

use crate::model::{Day, KeptBack, Refusal, SiteId};
use crate::spool::{Record, Spool};
use crate::store::row;

/// Distinct counts held between two flushes; beyond it, new ones are not counted per site (the
/// process-wide metric still counts them).
const ENTRIES_MAX: usize = 100_000;

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum What {
    /// An event that was not counted.
    Refused(Refusal),
    /// A part of an event that was not stored, by the name of its property or dimension.
    Kept(KeptBack, String),
}

/// Counts since the last flush.
#[derive(Debug, Default)]
pub struct OutcomeCounts {
    counts: Mutex<HashMap<(SiteId, Day, What), u64>>,
}

impl OutcomeCounts {
    /// Counts one event that was not counted.
    pub fn add(&self, site: SiteId, day: Day, refusal: Refusal) {
        if refusal.outcome.is_counted_per_site() {
            self.count((site, day, What::Refused(refusal)));
        }
    }

    /// Counts one part of an event that was not stored; `name` is a property's or a dimension's.
    pub fn keep_back(&self, site: SiteId, day: Day, what: KeptBack, name: String) {
        self.count((site, day, What::Kept(what, name)));
    }

    /// Puts all counts into the spool. What the spool does not take is kept for the next time.
    pub async fn flush(&self, spool: &Spool) {
        let taken = std::mem::take(&mut *self.lock());
        if taken.is_empty() {
            return;
        }
        let records: Vec<Record> = taken
            .iter()
            .map(|((site, day, what), n)| match what {
                What::Refused(refusal) => {
                    row::outcome_record(*site, *day, refusal.outcome, refusal.reason, *n)
                }
                What::Kept(what, name) => row::kept_back_record(*site, *day, *what, name, *n),
            })
            .collect();
        if spool.append(records).await.is_err() {
            let mut counts = self.lock();
            for (entry, n) in taken {
                *counts.entry(entry).or_default() += n;
            }
        }
    }

    fn count(&self, entry: (SiteId, Day, What)) {
        let mut counts = self.lock();
        if counts.len() < ENTRIES_MAX || counts.contains_key(&entry) {
            *counts.entry(entry).or_default() += 1;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(SiteId, Day, What), u64>> {
        self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

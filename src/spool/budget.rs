//! Whether the writer may take more: the byte budget, the free space, and a pause after failures.
//!
//! Promises: recovers by itself, within [`LOOK_EVERY`] of the cause passing. Does not write.

use std::io;
use std::time::{Duration, Instant};

use crate::spool::AppendError;
use crate::spool::queue::Shared;

/// Free space is asked for at most this often, and a failing disk tried again this often.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Failed writes in a row after which the writer pauses, so that a dead disk is not hammered.
const FAILURES_BEFORE_PAUSE: u32 = 2;

/// The writer's view of what it may still take.
pub(super) struct Budget {
    min_free_bytes: u64,
    looked: Option<Instant>,
    short: bool,
    failures: u32,
    paused: Option<Instant>,
}

impl Budget {
    pub(super) fn new(min_free_bytes: u64) -> Self {
        Self { min_free_bytes, looked: None, short: false, failures: 0, paused: None }
    }

    /// Looks at the disk again if it is time.
    pub(super) fn look(&mut self, shared: &Shared) {
        if self.paused.is_some_and(|since| since.elapsed() >= LOOK_EVERY) {
            self.paused = None;
        }
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK_EVERY) {
            return;
        }
        self.looked = Some(Instant::now());
        // When the question itself fails, writing will show what is wrong.
        let free = shared.disk.free_bytes(&shared.dir).unwrap_or(u64::MAX);
        let short = free < self.min_free_bytes;
        if short && !self.short {
            tracing::warn!(free, "The disk of the spool is short of space; events are refused.");
        } else if !short && self.short {
            tracing::info!(free, "The disk of the spool has space again.");
        }
        self.short = short;
    }

    /// Whether an append is taken when `more` bytes are about to be written before it.
    pub(super) fn admit(&self, shared: &Shared, more: u64) -> Result<(), AppendError> {
        if self.paused.is_some() {
            return Err(AppendError::Unavailable);
        }
        if self.short || shared.over_budget(more) {
            return Err(AppendError::Full);
        }
        Ok(())
    }

    /// Whether appends are refused for a cause that only looking again can lift.
    pub(super) fn is_blocked(&self) -> bool {
        self.short || self.paused.is_some()
    }

    /// A write was durable.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// A write failed; returns what to answer.
    pub(super) fn failed(&mut self, error: &io::Error) -> AppendError {
        if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            self.short = true;
            self.looked = Some(Instant::now());
            return AppendError::Full;
        }
        self.failures += 1;
        if self.failures >= FAILURES_BEFORE_PAUSE {
            self.paused = Some(Instant::now());
        }
        AppendError::Unavailable
    }
}

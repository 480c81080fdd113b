//! One append on its way from its caller to the writer and back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::oneshot;

use crate::spool::{AppendError, Record};

/// An append on its way to the writer.
pub(super) struct Append {
    pub(super) records: Vec<Record>,
    /// Of the records, framed.
    pub(super) bytes: usize,
    /// Takes the records back, too: memory is freed where it was taken.
    pub(super) answered: oneshot::Sender<(Result<(), AppendError>, Vec<Record>)>,
    #[expect(dead_code, reason = "held for its Drop, which gives the bytes back")]
    pub(super) charge: Charge,
}

/// A share of the memory for waiting appends; given back when dropped.
pub(super) struct Charge {
    total: Arc<AtomicUsize>,
    bytes: usize,
}

impl Charge {
    /// Takes `bytes`, unless the total would go above `limit`.
    pub(super) fn take(total: &Arc<AtomicUsize>, bytes: usize, limit: usize) -> Option<Self> {
        let before = total.fetch_add(bytes, Ordering::Relaxed);
        let charge = Self { total: Arc::clone(total), bytes };
        (before.saturating_add(bytes) <= limit).then_some(charge)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Append {
    /// The one who waits may be gone; the record stays where it is.
    pub(super) fn answer(self, verdict: Result<(), AppendError>) {
        if self.answered.send((verdict, self.records)).is_err() {
            tracing::debug!("An append was answered after its caller had gone.");
        }
    }
}

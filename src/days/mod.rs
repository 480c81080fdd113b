//! Closing a day: open events become hits and totals (stand-in until it is built).

use crate::model::Day;
use crate::store::{Store, StoreError};

/// How a closing runs.
pub struct Options {
    /// Memory of the engine, bytes; a closing uses at most half of it.
    pub memory_bytes: u64,
    /// Last day to close; all that are due when not given.
    pub through: Option<Day>,
}

/// One publication.
pub struct Closed {
    /// The day.
    pub day: Day,
    /// Rows written.
    pub rows: u64,
    /// Visitors.
    pub visitors: u64,
    /// Visits.
    pub visits: u64,
    /// Number of the generation.
    pub gen_number: u32,
    /// Whether it adds late rows.
    pub addition: bool,
    /// Late rows.
    pub late_rows: u64,
}

/// How far a closing is.
pub struct Progress {
    /// The day.
    pub day: Day,
    /// The step.
    pub step: &'static str,
    /// Rows done.
    pub done_rows: u64,
    /// Rows in all.
    pub all_rows: u64,
}

/// Who watches a closing.
pub trait Watch: Sync {
    /// Whether it may go on.
    fn may_go_on(&self) -> bool;
    /// Takes note of how far it is.
    fn progress(&self, progress: Progress);
}

/// Where closing stands.
pub struct Status {
    /// Last closed day.
    pub closed_through: Option<Day>,
    /// Days with open rows.
    pub open_days: u64,
    /// Day that waits for a spool.
    pub waiting: Option<(Day, u32)>,
    /// Oldest day that should have been closed.
    pub overdue: Option<Day>,
    /// Open rows of closed days.
    pub open_rows_of_closed_days: u64,
}

/// Why a closing ended early.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// The database.
    #[error("closing a day: {0}")]
    Store(#[from] StoreError),
}

/// Closes what is due.
///
/// # Errors
/// When the database refuses.
pub async fn close_due(
    store: &Store,
    _now: u32,
    _options: &Options,
    _watch: &impl Watch,
) -> Result<Vec<Closed>, CloseError> {
    store.ping().await?;
    Ok(Vec::new())
}

/// Where closing stands.
///
/// # Errors
/// When the database refuses.
pub async fn status(store: &Store, _now: u32) -> Result<Status, CloseError> {
    store.ping().await?;
    Ok(Status {
        closed_through: None,
        open_days: 0,
        waiting: None,
        overdue: None,
        open_rows_of_closed_days: 0,
    })
}

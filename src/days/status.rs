//! How far the closing of days is, for `doctor` and metrics: a few small questions.

use crate::days::calendar::{self, Stage};
use crate::days::{CloseError, state};
use crate::model::Day;
use crate::store::Store;

/// How long something may be due before it is overdue, in seconds.
const OVERDUE_SECONDS: u64 = 2 * 3600;

/// How far the closing of days is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// The last closed day with no day before it that has rows and is not closed.
    pub closed_through: Option<Day>,
    /// Days with rows that are not closed.
    pub open_days: u64,
    /// The oldest day whose closing waits for a collector, and the number of its spool.
    pub waiting: Option<(Day, u32)>,
    /// The oldest day with something left to do that has been due for two hours: its closing, or
    /// the dropping of its open rows.
    pub overdue: Option<Day>,
    /// Open rows of closed days that reports do not count yet: they came after the closing. After
    /// erasures it may be less than there are.
    pub open_rows_of_closed_days: u64,
}

/// Reads how far the closing of days is at `now` (seconds since 1970 UTC).
///
/// # Errors
/// When the database refuses or is away.
pub async fn status(store: &Store, now: u32) -> Result<Status, CloseError> {
    let state = state::read(store).await?;
    let mut status = Status::default();
    let mut first_open = None;
    for (&day, &rows) in &state.open {
        let published = state.of(day);
        let stage = calendar::stage(day, now, &state.spools);
        let closed = published.whole().is_some();
        let late = |from: u64| u64::from(now) >= from + OVERDUE_SECONDS;
        let overdue = match stage {
            Stage::Closable => !closed && late(calendar::closable_from(day)),
            Stage::Settled => late(calendar::settled_from(day)),
            Stage::Running | Stage::Waiting { .. } => false,
        };
        if overdue && status.overdue.is_none() {
            status.overdue = Some(day);
        }
        if closed {
            let taken: u64 = published.current().map(|one| one.taken).sum();
            let dropped = rows < taken;
            status.open_rows_of_closed_days += if dropped { 0 } else { rows - taken };
            continue;
        }
        status.open_days += 1;
        first_open = first_open.or(Some(day));
        if let Stage::Waiting { spool } = stage
            && status.waiting.is_none()
        {
            status.waiting = Some((day, spool));
        }
    }
    let before_open = |day: &&Day| first_open.is_none_or(|open| **day < open);
    status.closed_through = state.published.keys().filter(before_open).next_back().copied();
    Ok(status)
}

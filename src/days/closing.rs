//! What all steps of a closing share: the database, the watch, how much a statement may use.

use serde_json::Value;

use crate::days::state::number;
use crate::days::{CloseError, Progress, Watch};
use crate::model::Day;
use crate::store::{Bounds, Param, Statement, Store};

/// Rows that go from one step of a statement to the next at a time, where a row is a visitor with
/// all its events.
const VISITORS_AT_ONCE: u32 = 2_048;
/// The same, where a row is an event.
const ROWS_AT_ONCE: u32 = 16_384;
/// The same in the statement of heavy visitors, which keeps a block for every part of what it has
/// put on the disk.
const HEAVY_ROWS_AT_ONCE: u32 = 4_096;

/// One call of a closing.
pub(super) struct Closing<'a, W> {
    /// The database.
    pub(super) store: &'a Store,
    /// Told of progress, asked whether to go on.
    pub(super) watch: &'a W,
    /// Memory one statement may use, in bytes.
    pub(super) memory_bytes: u64,
    /// Open rows one statement takes.
    pub(super) chunk_rows: u64,
    /// The moment, seconds since 1970 UTC.
    pub(super) now: u32,
}

impl<W: Watch> Closing<'_, W> {
    /// Ends the closing when its process has to stop or is no longer the one that closes.
    pub(super) fn go_on(&self) -> Result<(), CloseError> {
        if self.watch.may_go_on() { Ok(()) } else { Err(CloseError::Stopped) }
    }

    pub(super) fn progress(&self, day: Day, step: &'static str, done_rows: u64, all_rows: u64) {
        self.watch.progress(Progress { day, step, done_rows, all_rows });
    }

    /// Runs a statement whose rows are visitors with their events.
    pub(super) async fn run_visitors(
        &self,
        step: &str,
        statement: Statement,
    ) -> Result<(), CloseError> {
        let bounds = self.bounds(VISITORS_AT_ONCE);
        Ok(self.store.closing_run(step, statement, bounds).await?)
    }

    /// Runs the statement of heavy visitors.
    pub(super) async fn run_heavy(&self, statement: Statement) -> Result<(), CloseError> {
        let bounds = Bounds { in_order: false, ..self.bounds(HEAVY_ROWS_AT_ONCE) };
        Ok(self.store.closing_run("heavy", statement, bounds).await?)
    }

    /// Runs a statement with as many groups as a site has pages.
    pub(super) async fn run_groups(
        &self,
        step: &str,
        statement: Statement,
    ) -> Result<(), CloseError> {
        let bounds = Bounds { in_order: false, ..self.bounds(ROWS_AT_ONCE) };
        Ok(self.store.closing_run(step, statement, bounds).await?)
    }

    /// Runs any other statement.
    pub(super) async fn run(&self, step: &str, statement: Statement) -> Result<(), CloseError> {
        let bounds = self.bounds(ROWS_AT_ONCE);
        Ok(self.store.closing_run(step, statement, bounds).await?)
    }

    /// Reads the rows of a statement.
    pub(super) async fn rows(
        &self,
        step: &str,
        statement: Statement,
    ) -> Result<Vec<Vec<Value>>, CloseError> {
        let bounds = self.bounds(ROWS_AT_ONCE);
        Ok(self.store.closing_rows(step, statement, bounds).await?)
    }

    /// Reads one number about a day.
    pub(super) async fn number(&self, day: Day, sql: &str) -> Result<u64, CloseError> {
        let found = self.rows("count", of_day(day, sql)).await?;
        number(found.first().ok_or(CloseError::Shape)?, 0)
    }

    fn bounds(&self, block_rows: u32) -> Bounds {
        Bounds { memory_bytes: self.memory_bytes, block_rows, in_order: true }
    }
}

/// A statement with one value, `day`.
pub(super) fn of_day(day: Day, sql: &str) -> Statement {
    Statement { sql: sql.to_owned(), params: vec![("day".to_owned(), Param::Date(day))] }
}

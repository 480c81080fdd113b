//! Drops the open rows of a settled day: parts all of whose rows are in a published generation.

use serde_json::Value;

use crate::days::closing::{Closing, of_day};
use crate::days::source::NOT_TAKEN;
use crate::days::{CloseError, Watch};
use crate::model::Day;

/// How often the parts are looked at anew because some were merged meanwhile.
const LOOKS: u32 = 10;

impl<W: Watch> Closing<'_, W> {
    /// How many open rows of a day no published generation has taken.
    pub(super) async fn not_taken(&self, day: Day) -> Result<u64, CloseError> {
        let sql = "SELECT count() FROM open_events WHERE day = {day:Date} AND ";
        self.number(day, &format!("{sql}{NOT_TAKEN}")).await
    }

    /// Whether a whole generation of what is open would hold less than those that count: open rows
    /// were dropped already, or went by other means than ours.
    pub(super) async fn would_lose(&self, day: Day) -> Result<bool, CloseError> {
        if self.dropping_has_begun(day).await? {
            return Ok(true);
        }
        let open =
            "SELECT count() FROM open_events WHERE day = {day:Date} AND name != 'engagement'";
        let written = "SELECT count() FROM hits WHERE day = {day:Date} AND gen >= \
            (SELECT max(gen) FROM closed_days WHERE day = {day:Date} AND addition = 0) AND gen IN \
            (SELECT gen FROM closed_days WHERE day = {day:Date})";
        Ok(self.number(day, written).await? > self.number(day, open).await?)
    }

    /// Drops all parts of a day whose rows are all taken. Late rows stay.
    pub(super) async fn drop_taken(&self, day: Day) -> Result<(), CloseError> {
        let mut begun = false;
        for _ in 0..LOOKS {
            // The list first: rows that arrive after it are in parts that are not on it.
            let listed = self.store.open_parts(day).await?;
            let kept = self.parts_with_rows_not_taken(day).await?;
            let droppable: Vec<_> =
                listed.into_iter().filter(|name| !kept.contains(name)).collect();
            if droppable.is_empty() {
                return Ok(());
            }
            if !begun {
                self.go_on()?;
                self.begin_dropping(day).await?;
                begun = true;
            }
            for name in droppable {
                self.go_on()?;
                self.store.drop_open_part(&name).await?;
            }
        }
        Ok(())
    }

    async fn dropping_has_begun(&self, day: Day) -> Result<bool, CloseError> {
        let sql = "SELECT count() FROM closed_batches WHERE day = {day:Date} AND first > last";
        Ok(self.number(day, sql).await? > 0)
    }

    /// Writes down that dropping begins, if it is not written yet: a run that holds no batch.
    async fn begin_dropping(&self, day: Day) -> Result<(), CloseError> {
        if self.dropping_has_begun(day).await? {
            return Ok(());
        }
        let sql = "INSERT INTO closed_batches (spool, day, first, last, gen) \
            SELECT 0, {day:Date}, 1, 0, 0";
        self.run("drop", of_day(day, sql)).await
    }

    async fn parts_with_rows_not_taken(&self, day: Day) -> Result<Vec<String>, CloseError> {
        let sql = "SELECT DISTINCT _part FROM open_events WHERE day = {day:Date} AND ";
        let found = self.rows("drop", of_day(day, &format!("{sql}{NOT_TAKEN}"))).await?;
        let name = |row: &Vec<Value>| match row.as_slice() {
            [Value::String(name)] => Ok(name.clone()),
            _ => Err(CloseError::Shape),
        };
        found.iter().map(name).collect()
    }
}

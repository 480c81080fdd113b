//! Drops the open rows of a settled day: parts all of whose rows are in a published generation.

use crate::days::generation::Closing;
use crate::days::source::NOT_TAKEN;
use crate::days::state::number;
use crate::days::{CloseError, Watch};
use crate::model::Day;
use crate::store::{Param, Statement};

/// How often the parts are looked at anew because some were merged meanwhile.
const LOOKS: u32 = 10;

/// Whether dropping of a day's open rows has begun: then it cannot be closed as a whole any more.
pub(super) async fn dropping_has_begun<W: Watch>(
    closing: &Closing<'_, W>,
    day: Day,
) -> Result<bool, CloseError> {
    let sql = "SELECT count() FROM closed_batches WHERE day = {day:Date} AND first > last";
    Ok(ask(closing, day, sql).await? > 0)
}

/// Whether the generations that count hold more events than are open: rows were removed by other
/// means than ours, so a whole generation of what is open would lose them.
pub(super) async fn would_lose<W: Watch>(
    closing: &Closing<'_, W>,
    day: Day,
) -> Result<bool, CloseError> {
    let open = "SELECT count() FROM open_events WHERE day = {day:Date} AND name != 'engagement'";
    let written = "SELECT count() FROM hits WHERE day = {day:Date} AND gen >= \
        (SELECT max(gen) FROM closed_days WHERE day = {day:Date} AND addition = 0) AND gen IN \
        (SELECT gen FROM closed_days WHERE day = {day:Date})";
    Ok(ask(closing, day, written).await? > ask(closing, day, open).await?)
}

/// Drops all parts of a day whose rows are all taken. Late rows stay.
pub(super) async fn drop_taken<W: Watch>(
    closing: &Closing<'_, W>,
    day: Day,
) -> Result<(), CloseError> {
    let mut begun = dropping_has_begun(closing, day).await?;
    for _ in 0..LOOKS {
        // The list of parts first: rows that arrive after it are in parts that are not on it.
        let listed = closing.store.open_parts(day).await?;
        let kept = parts_with_rows_not_taken(closing, day).await?;
        let droppable: Vec<_> = listed.into_iter().filter(|name| !kept.contains(name)).collect();
        if droppable.is_empty() {
            return Ok(());
        }
        if !begun {
            mark_begun(closing, day).await?;
            begun = true;
        }
        for name in droppable {
            closing.go_on()?;
            closing.store.drop_open_part(&name).await?;
        }
    }
    Ok(())
}

/// Writes down that dropping begins: a run of batches that holds none.
async fn mark_begun<W: Watch>(closing: &Closing<'_, W>, day: Day) -> Result<(), CloseError> {
    let sql = "INSERT INTO closed_batches (spool, day, first, last, gen) \
        SELECT 0, {day:Date}, 1, 0, 0";
    let statement = Statement { sql: sql.to_owned(), params: params(day) };
    Ok(closing.store.closing_run("drop", statement, closing.memory_bytes).await?)
}

async fn parts_with_rows_not_taken<W: Watch>(
    closing: &Closing<'_, W>,
    day: Day,
) -> Result<Vec<String>, CloseError> {
    let sql =
        format!("SELECT DISTINCT _part FROM open_events WHERE day = {{day:Date}} AND {NOT_TAKEN}");
    let statement = Statement { sql, params: params(day) };
    let found = closing.store.closing_rows("drop", statement, closing.memory_bytes).await?;
    let name = |row: &Vec<serde_json::Value>| match row.as_slice() {
        [serde_json::Value::String(name)] => Ok(name.clone()),
        _ => Err(CloseError::Shape),
    };
    found.iter().map(name).collect()
}

async fn ask<W: Watch>(closing: &Closing<'_, W>, day: Day, sql: &str) -> Result<u64, CloseError> {
    let statement = Statement { sql: sql.to_owned(), params: params(day) };
    let found = closing.store.closing_rows("count", statement, closing.memory_bytes).await?;
    number(found.first().ok_or(CloseError::Shape)?, 0)
}

fn params(day: Day) -> Vec<(String, Param)> {
    vec![("day".to_owned(), Param::Date(day))]
}

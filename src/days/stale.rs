//! Removes generations that do not count: those that were replaced, and what a closing that was
//! cut off has left.
//!
//! They are marked as deleted, month by month; their bytes go when parts are merged. Running it
//! again finds nothing.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::days::closing::Closing;
use crate::days::state::{State, number};
use crate::days::{CloseError, Watch};
use crate::model::Day;
use crate::store::{Param, Statement};

/// How long a replaced generation stays, in seconds: longer than any report that has begun to read
/// it, and than any answer that is kept.
const KEPT_SECONDS: u32 = 600;
/// How long after a replacement it is looked for at every call, in seconds.
const LOOKED_FOR_SECONDS: u32 = 2 * 86_400;

/// Tables whose rows belong to a generation.
const TABLES: [&str; 3] = ["hits", "totals", "closed_batches"];

/// Removes them; in all days when a closing is due (`all`), else in days with a generation that was
/// replaced lately.
pub(super) async fn remove<W: Watch>(
    closing: &Closing<'_, W>,
    state: &State,
    all: bool,
) -> Result<(), CloseError> {
    let lately: Vec<u64> = state
        .published
        .iter()
        .filter(|(_, published)| published.has_replaced())
        .filter(|(_, published)| {
            let age = published.whole().map_or(0, |one| closing.now.saturating_sub(one.closed));
            (KEPT_SECONDS..LOOKED_FOR_SECONDS).contains(&age)
        })
        .map(|(day, _)| u64::from(day.0))
        .collect();
    if !all && lately.is_empty() {
        return Ok(());
    }
    for table in TABLES {
        closing.go_on()?;
        let mut months: BTreeMap<i32, Vec<String>> = BTreeMap::new();
        for (day, generation) in generations(closing, table, all, &lately).await? {
            // Without a closing that is due, nobody stopped what an earlier one left running.
            let known = all || state.of(day).knows(generation);
            if known && counts_no_more(closing.now, state, table, day, generation) {
                let date = day.date();
                let month = i32::from(date.year()) * 100 + i32::from(date.month());
                months.entry(month).or_default().push(generation.to_string());
            }
        }
        for (month, numbers) in months {
            closing.go_on()?;
            let sql = format!(
                "DELETE FROM {table} IN PARTITION {month} WHERE gen IN ({})",
                numbers.join(", ")
            );
            let statement = Statement { sql, params: Vec::new() };
            closing.run("stale", statement).await?;
        }
    }
    Ok(())
}

/// Whether a generation of a table is to be removed. What a published one took stays known as
/// taken for as long as the data.
fn counts_no_more(now: u32, state: &State, table: &str, day: Day, generation: u32) -> bool {
    let Some(published) = state.published.get(&day) else { return true };
    if !published.knows(generation) {
        return true;
    }
    let age = published.whole().map_or(0, |one| now.saturating_sub(one.closed));
    table != "closed_batches" && !published.is_current(generation) && age >= KEPT_SECONDS
}

async fn generations<W: Watch>(
    closing: &Closing<'_, W>,
    table: &str,
    all: bool,
    lately: &[u64],
) -> Result<Vec<(Day, u32)>, CloseError> {
    let days = if all { "1" } else { "has({days:Array(UInt16)}, toUInt16(day))" };
    // The largest number stays known, so that it is not given again; 0 is the mark that dropping
    // has begun.
    let but = match table {
        "closed_batches" => "gen NOT IN (0, (SELECT max(gen) FROM closed_batches))",
        _ => "gen != 0",
    };
    let sql =
        format!("SELECT toUInt16(day), gen FROM {table} WHERE {but} AND {days} GROUP BY day, gen");
    let params = vec![("days".to_owned(), Param::U64Array(lately.to_vec()))];
    let found = closing.rows("stale", Statement { sql, params }).await?;
    let pair = |row: &Vec<Value>| Ok((Day(number(row, 0)?), number(row, 1)?));
    found.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use crate::days::state::{Publication, Published};

    use super::*;

    const DAY: Day = Day(20_000);

    fn state() -> State {
        let publication =
            |number, addition, closed| Publication { number, addition, taken: 1, closed };
        let all = vec![
            publication(3, false, 100),
            publication(4, true, 200),
            publication(6, false, 1_000),
            publication(9, true, 2_000),
        ];
        let mut state = State::default();
        state.published.insert(DAY, Published::of(all));
        state
    }

    #[test]
    fn the_newest_whole_generation_and_additions_behind_it_stay() {
        let at = |now, generation| counts_no_more(now, &state(), "hits", DAY, generation);
        assert!(!at(u32::MAX, 6) && !at(u32::MAX, 9));
        assert!(at(1_600, 3) && at(1_600, 4), "replaced ten minutes ago");
        assert!(!at(1_599, 3) && !at(1_599, 4), "replaced just now");
    }

    #[test]
    fn what_was_never_published_goes_at_once() {
        for table in TABLES {
            assert!(counts_no_more(0, &state(), table, DAY, 5));
            assert!(counts_no_more(0, &state(), table, Day(1), 6), "a number of another day");
        }
    }

    #[test]
    fn what_a_published_generation_took_stays_known() {
        assert!(!counts_no_more(u32::MAX, &state(), "closed_batches", DAY, 3));
    }
}

//! What the database says about days: which are published, which have open rows, what the
//! collectors still hold.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::days::CloseError;
use crate::model::Day;
use crate::store::{Bounds, Statement, Store};

/// What a statement that reads a few numbers may use: 128 MiB.
const SMALL: Bounds = Bounds { memory_bytes: 128 << 20, block_rows: 32_768, in_order: true };

/// A row of `closed_days`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Publication {
    /// The number of the generation.
    pub(super) number: u32,
    /// Whether it adds to the whole generation before it.
    pub(super) addition: bool,
    /// Rows of `open_events` it took, engagement included.
    pub(super) taken: u64,
    /// When, seconds since 1970 UTC.
    pub(super) closed: u32,
}

/// All publications of a day, by number.
#[derive(Debug, Clone, Default)]
pub(super) struct Published(Vec<Publication>);

impl Published {
    /// Publications of one day, by number.
    #[cfg(test)]
    pub(super) fn of(all: Vec<Publication>) -> Self {
        Self(all)
    }

    /// The whole generation that counts.
    pub(super) fn whole(&self) -> Option<&Publication> {
        self.0.iter().rev().find(|one| !one.addition)
    }

    /// What counts: the newest whole generation and the additions behind it.
    pub(super) fn current(&self) -> impl Iterator<Item = &Publication> {
        let whole = self.whole().map_or(u32::MAX, |one| one.number);
        self.0.iter().filter(move |one| one.number >= whole)
    }

    /// Whether a generation counts.
    pub(super) fn is_current(&self, number: u32) -> bool {
        self.current().any(|one| one.number == number)
    }

    /// Whether a generation was ever published.
    pub(super) fn knows(&self, number: u32) -> bool {
        self.0.iter().any(|one| one.number == number)
    }

    /// Whether a generation was replaced.
    pub(super) fn has_replaced(&self) -> bool {
        self.whole().is_some_and(|whole| self.0.iter().any(|one| one.number < whole.number))
    }
}

/// A collector as it last said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SpoolState {
    /// Number of its spool.
    pub(super) spool: u32,
    /// Oldest day of which it may hold rows.
    pub(super) oldest_open_day: Day,
    /// When it said so, seconds since 1970 UTC.
    pub(super) seen: u32,
}

/// All of it, read at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// Publications by day.
    pub(super) published: BTreeMap<Day, Published>,
    /// Days with parts of open rows, and about how many rows (deleted ones may be counted).
    pub(super) open: BTreeMap<Day, u64>,
    /// The collectors.
    pub(super) spools: Vec<SpoolState>,
}

impl State {
    /// What is published of a day.
    pub(super) fn of(&self, day: Day) -> Published {
        self.published.get(&day).cloned().unwrap_or_default()
    }
}

/// Reads it.
pub(super) async fn read(store: &Store) -> Result<State, CloseError> {
    let mut state = State::default();
    // Open rows first: a day that is published in between is then seen with both.
    let parts = "SELECT toUInt16(toDate(partition)), sum(rows) FROM system.parts WHERE \
        active AND rows > 0 AND database = currentDatabase() AND table = 'open_events' \
        GROUP BY partition";
    for row in rows(store, parts).await? {
        state.open.insert(Day(number(&row, 0)?), number(&row, 1)?);
    }
    let published = "SELECT toUInt16(day), gen, addition, rows + engagements, \
        toUnixTimestamp(closed) FROM closed_days ORDER BY day, gen";
    for row in rows(store, published).await? {
        let one = Publication {
            number: number(&row, 1)?,
            addition: number::<u8>(&row, 2)? != 0,
            taken: number(&row, 3)?,
            closed: number(&row, 4)?,
        };
        state.published.entry(Day(number(&row, 0)?)).or_default().0.push(one);
    }
    let spools = "SELECT spool, toUInt16(oldest_open_day), toUnixTimestamp(seen) \
        FROM spools FINAL ORDER BY spool";
    for row in rows(store, spools).await? {
        state.spools.push(SpoolState {
            spool: number(&row, 0)?,
            oldest_open_day: Day(number(&row, 1)?),
            seen: number(&row, 2)?,
        });
    }
    Ok(state)
}

async fn rows(store: &Store, sql: &str) -> Result<Vec<Vec<Value>>, CloseError> {
    let statement = Statement { sql: sql.to_owned(), params: Vec::new() };
    Ok(store.closing_rows("look", statement, SMALL).await?)
}

/// The number in column `at` of a row.
pub(super) fn number<T: TryFrom<u64>>(row: &[Value], at: usize) -> Result<T, CloseError> {
    let found = row.get(at).and_then(Value::as_u64).and_then(|value| T::try_from(value).ok());
    found.ok_or(CloseError::Shape)
}

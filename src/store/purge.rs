//! Deletes rows of sites and days from every table that has any, and their bytes from the disk.
//!
//! Rows are hidden first: no query sees them any more. Then the parts that held them are rewritten
//! without them (at once when that is little work, else within 30 days), and the engine removes the
//! old files. What is promised about the time is kept only while the engine runs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::model::Day;
use crate::store::Store;
use crate::store::client::{execute, rows};
use crate::store::error::StoreError;
use crate::store::masks::{Change, Partition};

/// Tables with rows of sites, in the order in which rows are deleted: a closing reads the first and
/// writes the others, so what it makes of rows that go is deleted after them.
pub(super) const TABLES: [&str; 7] =
    ["open_events", "hits", "totals", "outcomes", "kept_back", "vitals", "script_errors"];
/// Parts with fewer rows than this are rewritten at once; it takes about a minute.
pub(super) const AT_ONCE_ROWS: u64 = 50_000_000;
/// How long a caller waits for deletes and rewriting; what is not done goes on by itself.
const WAIT: Duration = Duration::from_secs(240);
/// When files of replaced parts are gone, in seconds after rewriting: they are kept for 30, and
/// looked for every 25 at the latest (see `schema/0004_retention.sql`).
const FILES_GONE_SECONDS: u32 = 120;
/// The same when rewriting goes on after the caller has stopped waiting.
const REWRITE_SECONDS: u32 = 3_600;
/// The same when rewriting waits for its turn: 30 days.
const MASKS_APPLIED_SECONDS: u32 = 30 * 86_400;

/// Which rows: of these sites, of these days, both bounds included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Numbers of the sites; `None` for all.
    pub sites: Option<Vec<u32>>,
    /// The first day; `None` for no bound.
    pub from: Option<Day>,
    /// The last day; `None` for no bound.
    pub to: Option<Day>,
}

/// What a deletion has done. No query sees the rows any more, unless it `goes_on`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Rows that were deleted, by table.
    pub rows: BTreeMap<String, u64>,
    /// Seconds until the bytes are gone from the disk at the latest, while the engine runs.
    pub gone_in: u32,
    /// Whether rows are still being deleted.
    pub goes_on: bool,
    /// Parts that may still hold the bytes, for [`Store::parts_left`].
    pub left: Vec<String>,
}

impl Selection {
    /// All rows of one site.
    #[must_use]
    pub fn site(site: u32) -> Self {
        Self { sites: Some(vec![site]), from: None, to: None }
    }

    /// The condition, made of numbers only.
    fn condition(&self) -> String {
        let mut parts = Vec::new();
        if let Some(sites) = &self.sites {
            let numbers: Vec<String> = sites.iter().map(u32::to_string).collect();
            let numbers = if numbers.is_empty() { "NULL".to_owned() } else { numbers.join(", ") };
            parts.push(format!("site IN ({numbers})"));
        }
        if let Some(from) = self.from {
            parts.push(format!("day >= toDate({})", from.0));
        }
        if let Some(to) = self.to {
            parts.push(format!("day <= toDate({})", to.0));
        }
        if parts.is_empty() { "1".to_owned() } else { parts.join(" AND ") }
    }
}

impl Erased {
    /// Rows of all tables.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.rows.values().sum()
    }
}

impl Store {
    /// How many rows a selection has, by table.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub async fn count_rows(
        &self,
        selection: &Selection,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let mut counts = BTreeMap::new();
        for table in self.tables(&TABLES).await? {
            let found = self.partitions_with(table, &selection.condition()).await?;
            counts.insert(table.to_owned(), found.iter().map(|one| one.rows).sum());
        }
        Ok(counts)
    }

    /// Deletes the rows of a selection, and rewrites their parts where that is little work.
    /// Cheap when there are none. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached; some tables may be done then.
    pub async fn erase(&self, selection: &Selection, now: u32) -> Result<Erased, StoreError> {
        self.erase_below(selection, now, AT_ONCE_ROWS).await
    }

    /// As [`Store::erase`]; parts with `at_once` rows and more wait for [`Store::apply_due_masks`].
    pub(super) async fn erase_below(
        &self,
        selection: &Selection,
        now: u32,
        at_once: u64,
    ) -> Result<Erased, StoreError> {
        let alone = self.clients.erasing.lock().await;
        let until = Instant::now() + WAIT;
        let condition = selection.condition();
        let mut erased = Erased::default();
        let mut touched = Vec::new();
        for table in self.tables(&TABLES).await? {
            let found = self.partitions_with(table, &condition).await?;
            erased.rows.insert(table.to_owned(), found.iter().map(|one| one.rows).sum());
            let masked = self.masked(&[table]).await?;
            let any = !found.is_empty();
            for partition in found {
                if !masked.iter().any(|one| one.id == partition.id) {
                    self.note_mask(&partition, now).await?;
                }
                let delete = Change::Delete(&condition);
                erased.goes_on |= !self.change(&partition, delete, until).await?;
                touched.push(partition);
            }
            if any {
                self.outlast_closing(until).await?;
            }
        }
        if !touched.is_empty() {
            erased.gone_in = self.rewrite(&touched, at_once, until).await?;
            erased.left = self.leftovers(&touched).await?;
        }
        if erased.goes_on {
            erased.gone_in = MASKS_APPLIED_SECONDS;
        }
        drop(alone);
        Ok(erased)
    }

    /// Deletes all rows of a site.
    ///
    /// # Errors
    /// As [`Store::erase`].
    pub async fn delete_site_rows(&self, site: u32, now: u32) -> Result<Erased, StoreError> {
        self.erase(&Selection::site(site), now).await
    }

    /// Rewrites the settings of sites without what was replaced: the name of a removed site.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub async fn forget_replaced_sites(&self) -> Result<(), StoreError> {
        execute(self.clients.schema.query_raw("OPTIMIZE TABLE sites FINAL")).await
    }

    /// Rewrites partitions with hidden rows: those of fewer than `at_once` rows, and those that
    /// have waited since `waiting_since` or longer. A closing hides rows, too: what nobody noted is
    /// noted at `now`.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(super) async fn apply_due_masks(
        &self,
        at_once: u64,
        waiting_since: u32,
        now: u32,
    ) -> Result<(), StoreError> {
        let alone = self.clients.erasing.lock().await;
        let text = "SELECT name, partition, toUnixTimestamp(since) FROM masks FINAL";
        let noted = rows::<(String, String, u32)>(self.clients.schema.query_raw(text)).await?;
        let until = Instant::now() + WAIT;
        for partition in self.masked(&self.tables(&TABLES).await?).await? {
            let note =
                noted.iter().find(|(name, id, _)| name == partition.table && *id == partition.id);
            let old = note.is_some_and(|(_, _, since)| *since <= waiting_since);
            if old || partition.rows < at_once {
                self.change(&partition, Change::ApplyMask, until).await?;
            }
            if old || note.is_none() {
                self.note_mask(&partition, now).await?;
            }
        }
        drop(alone);
        Ok(())
    }

    /// Rewrites the small ones of these partitions; answers in how many seconds the bytes of all
    /// are gone.
    async fn rewrite(
        &self,
        touched: &[Partition],
        at_once: u64,
        until: Instant,
    ) -> Result<u32, StoreError> {
        let mut gone_in = FILES_GONE_SECONDS;
        for masked in self.masked(&self.tables(&TABLES).await?).await? {
            let ours = |one: &Partition| one.table == masked.table && one.id == masked.id;
            if !touched.iter().any(ours) {
                continue;
            }
            let seconds = if masked.rows >= at_once {
                MASKS_APPLIED_SECONDS
            } else if self.change(&masked, Change::ApplyMask, until).await? {
                FILES_GONE_SECONDS
            } else {
                REWRITE_SECONDS
            };
            gone_in = gone_in.max(seconds);
        }
        Ok(gone_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_names_all_that_was_selected_and_nothing_else() {
        let day = |text| Day::parse(text);
        let all =
            Selection { sites: Some(vec![3, 7]), from: day("1970-01-03"), to: day("1970-01-05") };
        assert_eq!(all.condition(), "site IN (3, 7) AND day >= toDate(2) AND day <= toDate(4)");
        assert_eq!(Selection::site(9).condition(), "site IN (9)");
        let none = Selection { sites: Some(Vec::new()), from: None, to: None };
        assert_eq!(none.condition(), "site IN (NULL)", "no site is not every site");
    }
}

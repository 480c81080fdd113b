//! What the parts of a table say: where rows lie, which hold deleted ones, what is still on the disk.
//!
//! A delete hides rows at once; their bytes stay in the part until it is rewritten (its mask is
//! applied), and the old part's files stay until the engine has cleaned up. `system.parts` shows
//! all of these, so what is said here about bytes is what the disk holds.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::store::client::{execute, rows};
use crate::store::error::StoreError;
use crate::store::{Statement, Store};

/// How often a running change of a table is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// All parts of the database on the disk.
const PARTS: &str = "SELECT concat(table, '/', name) AS place, table, partition_id AS partition, \
    NOT active AS stale, has_lightweight_delete AS hidden \
    FROM system.parts WHERE database = {name:String} \
    UNION ALL SELECT concat(table, '/detached/', name), table, ifNull(partition_id, ''), 1, 0 \
    FROM system.detached_parts WHERE database = {name:String}";

/// A partition of one of our tables, with a number of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) table: &'static str,
    /// The engine's id of it; digits only.
    pub(super) id: String,
    pub(super) rows: u64,
}

/// One of our changes of a partition.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change<'a> {
    /// Hide the rows of a condition.
    Delete(&'a str),
    /// Rewrite parts without their hidden rows.
    ApplyMask,
}

impl Partition {
    fn place(&self) -> String {
        format!("{} IN PARTITION ID '{}'", self.table, self.id)
    }
}

impl Store {
    /// Those of `wanted` that are tables of this database: a database may be younger or older.
    pub(super) async fn tables(
        &self,
        wanted: &[&'static str],
    ) -> Result<Vec<&'static str>, StoreError> {
        let query = self
            .clients
            .schema
            .query_raw("SELECT name FROM system.tables WHERE database = {name:String}")
            .param("name", &self.clients.database);
        let known = rows::<String>(query).await?;
        Ok(wanted.iter().copied().filter(|table| known.iter().any(|name| name == table)).collect())
    }

    /// Partitions of `table` with rows that fulfil `condition`, and how many; hidden rows do not
    /// count.
    pub(super) async fn partitions_with(
        &self,
        table: &'static str,
        condition: &str,
    ) -> Result<Vec<Partition>, StoreError> {
        let text = format!(
            "SELECT _partition_id, count() FROM {table} WHERE {condition} \
             GROUP BY _partition_id ORDER BY _partition_id"
        );
        let found = self.select_schema(Statement { sql: text, params: Vec::new() }).await?;
        let read = |row: Vec<Value>| match row.as_slice() {
            [Value::String(id), Value::Number(rows)] => {
                partition(table, id.clone(), rows.as_u64().unwrap_or(0))
            }
            _ => Err(StoreError::BadAnswer("a count is no number")),
        };
        found.into_iter().map(read).collect()
    }

    /// Partitions of `tables` that hold hidden rows, with the rows of the parts concerned.
    pub(super) async fn masked(
        &self,
        tables: &[&'static str],
    ) -> Result<Vec<Partition>, StoreError> {
        let text = "SELECT table, partition_id, sum(rows) FROM system.parts \
            WHERE database = {name:String} AND active AND has_lightweight_delete \
            GROUP BY table, partition_id ORDER BY table, partition_id";
        let query = self.clients.schema.query_raw(text).param("name", &self.clients.database);
        let found = rows::<(String, String, u64)>(query).await?;
        let ours = |name: &str| tables.iter().copied().find(|table| *table == name);
        found
            .into_iter()
            .filter_map(|(table, id, rows)| Some(partition(ours(&table)?, id, rows)))
            .collect()
    }

    /// Partitions of `table` all of whose rows are of days before `day` (days since 1970).
    pub(super) async fn partitions_before(
        &self,
        table: &'static str,
        day: u16,
    ) -> Result<Vec<Partition>, StoreError> {
        let text = "SELECT partition_id, sum(rows) FROM system.parts \
            WHERE database = {name:String} AND table = {table:String} AND active AND rows > 0 \
            GROUP BY partition_id HAVING max(max_date) < toDate({day:UInt16}) \
            ORDER BY partition_id";
        let query = self
            .clients
            .schema
            .query_raw(text)
            .param("name", &self.clients.database)
            .param("table", table)
            .param("day", day);
        let found = rows::<(String, u64)>(query).await?;
        found.into_iter().map(|(id, rows)| partition(table, id, rows)).collect()
    }

    /// Drops a partition, however large it is.
    pub(super) async fn drop_partition(&self, partition: &Partition) -> Result<(), StoreError> {
        let text = format!("ALTER TABLE {} DROP PARTITION ID '{}'", partition.table, partition.id);
        let query = self.clients.schema.query_raw(&text);
        execute(query.with_setting("max_partition_size_to_drop", "0")).await
    }

    /// Changes a partition and waits until it is done, at the latest until `until`; answers whether
    /// it is. What is not done then goes on by itself, even after the engine was started again.
    pub(super) async fn change(
        &self,
        partition: &Partition,
        change: Change<'_>,
        until: Instant,
    ) -> Result<bool, StoreError> {
        let place = partition.place();
        let text = match change {
            Change::Delete(condition) => format!("DELETE FROM {place} WHERE {condition}"),
            Change::ApplyMask => {
                format!(
                    "ALTER TABLE {} APPLY DELETED MASK IN PARTITION ID '{}'",
                    partition.table, partition.id
                )
            }
        };
        let query = self
            .clients
            .schema
            .query_raw(&text)
            .with_setting("lightweight_deletes_sync", "0")
            .with_setting("lightweight_delete_mode", "alter_update")
            .with_setting("mutations_sync", "0");
        execute(query).await?;
        while self.is_changing(partition).await? {
            if Instant::now() >= until {
                return Ok(false);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(true)
    }

    /// Whether a delete or mask of ours is under way in a partition.
    async fn is_changing(&self, partition: &Partition) -> Result<bool, StoreError> {
        let text = "SELECT count() FROM system.mutations WHERE database = {name:String} \
            AND table = {table:String} AND NOT is_done AND NOT is_killed \
            AND position(command, {place:String}) > 0 \
            AND (position(command, '_row_exists') > 0 OR position(command, 'DELETED MASK') > 0)";
        let query = self
            .clients
            .schema
            .query_raw(text)
            .param("name", &self.clients.database)
            .param("table", partition.table)
            .param("place", format!("IN PARTITION ID '{}'", partition.id));
        Ok(rows::<u64>(query).await?.first() != Some(&0))
    }

    /// Waits until the statements of a closing that run now have ended, at the latest until `until`:
    /// they may still write what they have read before rows were hidden.
    pub(super) async fn outlast_closing(&self, until: Instant) -> Result<(), StoreError> {
        let text = "SELECT query_id FROM system.processes \
            WHERE startsWith(query_id, 'close-') AND current_database = {name:String}";
        let running = || {
            let query = self.clients.schema.query_raw(text);
            rows::<String>(query.param("name", &self.clients.database))
        };
        let begun = match running().await {
            // On a server where it is not allowed to look, a closing finds that rows went.
            Err(StoreError::Refused(_)) => return Ok(()),
            begun => begun?,
        };
        while !begun.is_empty()
            && Instant::now() < until
            && running().await?.iter().any(|id| begun.contains(id))
        {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Notes that a partition was, at `since`, without hidden rows. Written before rows are hidden,
    /// so that after a crash the time is at worst too early.
    pub(super) async fn note_mask(
        &self,
        partition: &Partition,
        since: u32,
    ) -> Result<(), StoreError> {
        let text = "INSERT INTO masks (name, partition, since) SETTINGS async_insert = 0 \
            SELECT {name:String}, {partition:String}, {since:DateTime('UTC')}";
        let query = self
            .clients
            .schema
            .query_raw(text)
            .param("name", partition.table)
            .param("partition", &partition.id)
            .param("since", since);
        execute(query).await
    }

    /// Parts of partitions that lie on the disk and may hold deleted rows, as `table/part`: those
    /// that were replaced, those with hidden rows, and those that were set aside as broken.
    pub(super) async fn leftovers(
        &self,
        partitions: &[Partition],
    ) -> Result<Vec<String>, StoreError> {
        let text = format!(
            "SELECT place FROM ({PARTS}) WHERE (stale OR hidden) \
             AND has({{places:Array(String)}}, concat(table, '/', partition))"
        );
        let places: Vec<String> =
            partitions.iter().map(|one| format!("{}/{}", one.table, one.id)).collect();
        let query = self.clients.schema.query_raw(&text).param("name", &self.clients.database);
        rows::<String>(query.param("places", places)).await
    }

    /// How many of these parts (`table/part`) still lie on the disk. A part's name is never given
    /// twice, so 0 means that their files are gone.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub async fn parts_left(&self, parts: &[String]) -> Result<u64, StoreError> {
        let text =
            format!("SELECT count() FROM ({PARTS}) WHERE has({{parts:Array(String)}}, place)");
        let query = self.clients.schema.query_raw(&text).param("name", &self.clients.database);
        let found = rows::<u64>(query.param("parts", parts)).await?;
        found.first().copied().ok_or(StoreError::BadAnswer("no row"))
    }
}

/// A partition; its id becomes part of statements, so it must be what our tables have: digits.
fn partition(table: &'static str, id: String, rows: u64) -> Result<Partition, StoreError> {
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(StoreError::BadAnswer("a partition has a strange id"));
    }
    Ok(Partition { table, id, rows })
}

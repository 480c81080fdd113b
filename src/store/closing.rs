//! Statements of a closing: run as the schema user, one after the other, each with an id by which
//! leftovers of a closing that was cut off are found and stopped.
//!
//! They may take long, so they do not take the turns of reports; and they are not written to any
//! log of queries, because the key by which visitors are numbered is bound to them.

use std::time::Duration;

use serde_json::Value;

use crate::store::Store;
use crate::store::client::{execute, within};
use crate::store::error::StoreError;
use crate::store::select::{Statement, bind, read};

/// How long one statement of a closing may take.
const LIMIT: Duration = Duration::from_secs(2 * 3600);
/// What the ids of all statements of closings begin with.
const ID_PREFIX: &str = "close-";

/// How every statement of a closing runs: in one thread, reading in the order of the tables' keys.
const SETTINGS: [(&str, &str); 19] = [
    ("log_queries", "0"),
    ("async_insert", "0"),
    ("insert_deduplicate", "0"),
    ("max_threads", "1"),
    ("max_insert_threads", "1"),
    ("max_execution_time", "7200"),
    ("optimize_read_in_order", "1"),
    ("aggregation_in_order_max_block_bytes", "4000000"),
    // Below 10 MB a part is written in one file; in one file a column, buffers take 300 MB.
    ("min_insert_block_size_rows", "65536"),
    ("min_insert_block_size_bytes", "9000000"),
    ("max_insert_block_size", "65536"),
    ("join_algorithm", "hash"),
    // The smaller side of a join is written on the right, and kept there.
    ("query_plan_join_swap_table", "false"),
    ("query_plan_optimize_join_order_limit", "0"),
    // What is sorted, grouped or joined goes to the disk early, whatever else is in memory.
    ("max_bytes_ratio_before_external_sort", "0"),
    ("max_bytes_ratio_before_external_group_by", "0"),
    ("max_bytes_ratio_before_external_join", "0"),
    ("min_external_sort_block_bytes", "1000000"),
    ("lightweight_deletes_sync", "2"),
];

/// What a statement of a closing may use.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// Rows that go from one of its steps to the next at a time.
    pub block_rows: u32,
    /// Whether groups are made in the order of the table's key, which takes little memory when
    /// they are many and small. Groups that share the beginning of the key stay in memory then;
    /// otherwise they go to the disk when they are too many.
    pub in_order: bool,
}

impl Store {
    /// Runs a statement of a closing that answers nothing. `step` becomes part of its id.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached: then it may be running still.
    pub async fn closing_run(
        &self,
        step: &str,
        statement: Statement,
        bounds: Bounds,
    ) -> Result<(), StoreError> {
        let query = self.closing_query(step, &statement, bounds);
        within(LIMIT, async move { Ok(query.execute().await?) }).await
    }

    /// Reads with a statement of a closing; values as in [`Store::select`].
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub async fn closing_rows(
        &self,
        step: &str,
        statement: Statement,
        bounds: Bounds,
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        let query = self.closing_query(step, &statement, bounds);
        within(LIMIT, read(query)).await
    }

    /// Stops what closings of this database left running, and waits until it has ended.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub async fn stop_closing(&self) -> Result<(), StoreError> {
        let text = "KILL QUERY WHERE startsWith(query_id, {prefix:String}) AND \
            current_database = {database:String} SYNC FORMAT Null";
        let query = self.clients.schema.query_raw(text).param("prefix", ID_PREFIX);
        execute(query.param("database", &self.clients.database)).await
    }

    fn closing_query(
        &self,
        step: &str,
        statement: &Statement,
        bounds: Bounds,
    ) -> clickhouse::query::Query {
        let spill = (bounds.memory_bytes / 10).to_string();
        let mut query = self.clients.schema.query_raw(&statement.sql);
        for (name, value) in &statement.params {
            query = bind(query, name, value);
        }
        for (name, value) in SETTINGS {
            query = query.with_setting(name, value);
        }
        query
            .with_setting("query_id", query_id(step))
            .with_setting("max_memory_usage", bounds.memory_bytes.to_string())
            .with_setting("max_block_size", bounds.block_rows.to_string())
            .with_setting("optimize_aggregation_in_order", u8::from(bounds.in_order).to_string())
            .with_setting("max_bytes_before_external_group_by", spill.clone())
            .with_setting("max_bytes_before_external_join", spill.clone())
            .with_setting("max_bytes_before_external_sort", spill)
    }
}

/// An id that no other statement has.
fn query_id(step: &str) -> String {
    let mut random = [0_u8; 8];
    // Without random bytes the id is refused while another one runs under it, and no harm is done.
    if getrandom::fill(&mut random).is_err() {
        return format!("{ID_PREFIX}{step}");
    }
    format!("{ID_PREFIX}{step}-{:016x}", u64::from_le_bytes(random))
}

//! Delivers one sealed segment: each group as one block with one insert, and only if it is missing.
//!
//! Segments of this life are new, so they are inserted without a look. After any doubt, and for
//! every segment of an earlier life, each group is looked up first.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::model::Day;
use crate::spool::Record;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::row::{self, Kind};
use crate::store::verify::{self, GroupId, Presence};
use crate::telemetry::Metrics;

/// How long sending one piece may take.
const SEND_LIMIT: Duration = Duration::from_secs(20);
/// How long the server may take to write a block.
const END_LIMIT: Duration = Duration::from_secs(120);
/// Size of a piece that is compressed and sent, in bytes.
const PIECE_BYTES: usize = 512 * 1024;

/// Settings of every insert: one block, one part, one answer after it is on the disk.
const SETTINGS: [(&str, &str); 8] = [
    ("async_insert", "0"),
    ("insert_deduplicate", "0"),
    ("max_insert_block_size", "1048449"),
    ("min_insert_block_size_rows", "0"),
    ("min_insert_block_size_bytes", "0"),
    ("input_format_parallel_parsing", "0"),
    ("max_partitions_per_insert_block", "4"),
    ("wait_end_of_query", "1"),
];

/// The rows of one table and day.
pub(super) struct Group {
    pub(super) id: GroupId,
    /// How many.
    pub(super) rows: u64,
    /// Their `RowBinary`.
    pub(super) bytes: Bytes,
}

/// A segment on its way.
pub(super) struct Delivery {
    groups: Vec<Group>,
    /// Look before inserting.
    in_doubt: bool,
}

/// How a try ended that did not deliver everything.
#[derive(Debug)]
pub(super) struct Setback {
    /// What happened.
    pub(super) error: StoreError,
    /// Rows that can never be inserted.
    pub(super) row_fault: bool,
}

/// A record whose body does not begin as ours do.
#[derive(Debug)]
pub(super) struct ForeignRecord;

impl Delivery {
    /// Sorts the records into groups. Positions are their places in the segment.
    pub(super) fn new(
        spool: u32,
        batch: u64,
        records: &[Record],
        found_at_start: bool,
    ) -> Result<Self, ForeignRecord> {
        let mut groups: BTreeMap<(Kind, Day), (u64, Vec<u8>)> = BTreeMap::new();
        for (record, position) in records.iter().zip(0_u32..) {
            let key = row::group(&record.body).ok_or(ForeignRecord)?;
            let (rows, bytes) = groups.entry(key).or_default();
            *rows += 1;
            row::append_row(bytes, &record.body, spool, batch, position);
        }
        let groups = groups
            .into_iter()
            .map(|((kind, day), (rows, bytes))| Group {
                id: GroupId { spool, batch, kind, day },
                rows,
                bytes: Bytes::from(bytes),
            })
            .collect();
        Ok(Self { groups, in_doubt: found_at_start })
    }

    /// Tries to get the groups that are left into the database. After a setback call it again.
    pub(super) async fn attempt(
        &mut self,
        store: &Store,
        metrics: &Metrics,
    ) -> Result<(), Setback> {
        while let Some(group) = self.groups.first() {
            if self.in_doubt && is_there(store, metrics, group).await.map_err(Setback::of)? {
                self.groups.remove(0);
                continue;
            }
            let started = Instant::now();
            let sent = insert(store, group).await;
            metrics.insert_seconds.observe(started.elapsed().as_secs_f64());
            if let Err(error) = sent {
                self.in_doubt = true;
                return Err(Setback::of(error));
            }
            metrics.insert_rows.inc_by(group.rows);
            self.groups.remove(0);
        }
        Ok(())
    }
}

impl Setback {
    fn of(error: StoreError) -> Self {
        Self { row_fault: error.is_row_fault(), error }
    }
}

/// Whether a group in doubt is in the database; ends an insert of it that still runs.
async fn is_there(store: &Store, metrics: &Metrics, group: &Group) -> Result<bool, StoreError> {
    metrics.verifies.inc();
    verify::stop_insert(store, &group.id).await?;
    match verify::presence(store, &group.id, group.rows).await? {
        Presence::Present => Ok(true),
        Presence::Missing => {
            metrics.verify_missing.inc();
            Ok(false)
        }
        Presence::Odd { found } => {
            tracing::error!(
                spool = group.id.spool,
                batch = group.id.batch,
                table = group.id.kind.table(),
                day = %group.id.day,
                expected = group.rows,
                found,
                "A batch has another number of rows than it was sent with; it is left as it is."
            );
            Ok(true)
        }
    }
}

async fn insert(store: &Store, group: &Group) -> Result<(), StoreError> {
    let kind = group.id.kind;
    let sql = format!("INSERT INTO {} ({}) FORMAT RowBinary", kind.table(), kind.columns());
    let mut insert = store
        .clients
        .insert
        .insert_formatted_with(sql)
        .with_timeouts(Some(SEND_LIMIT), Some(END_LIMIT))
        .with_setting("query_id", group.id.query_id());
    for (name, value) in SETTINGS {
        insert = insert.with_setting(name, value);
    }
    let bytes = group.bytes.clone();
    // Not cut off when the caller goes: see `client`. The limits above end it.
    let task = tokio::spawn(async move {
        let mut rest = bytes;
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(PIECE_BYTES));
            insert.send(piece).await?;
        }
        insert.end().await
    });
    match task.await {
        Ok(sent) => Ok(sent?),
        Err(_) => Err(StoreError::BadAnswer("the insert was cut off")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Outcome, SiteId};

    #[test]
    fn records_are_grouped_by_table_and_day_and_keep_their_places() {
        let record = |day| row::outcome_record(SiteId(1), Day(day), Outcome::Bot, "other", 1);
        let records = [record(5), record(6), record(5)];
        let delivery = Delivery::new(3, 4, &records, true).unwrap();
        let shape: Vec<_> = delivery.groups.iter().map(|g| (g.id.day.0, g.rows)).collect();
        assert_eq!(shape, [(5, 2), (6, 1)]);
        let first = &delivery.groups[0].bytes;
        assert_eq!(&first[first.len() - 4..], &2_u32.to_le_bytes());
        assert!(delivery.in_doubt);
    }

    #[test]
    fn a_foreign_record_is_refused() {
        let record = Record { key: [0; 12], body: b"hello".to_vec() };
        assert!(Delivery::new(1, 1, &[record], false).is_err());
    }
}

//! Delivers one sealed segment: each group as one block with one insert, and only if it is missing.
//!
//! The segment is read once. What stays in memory until it is delivered are the compressed blocks,
//! and every try sends the same bytes.
//!
//! Segments of this life are new, so they are inserted without a look. After any doubt, and for
//! every segment of an earlier life, each group is looked up first.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::model::Day;
use crate::spool::{ReadError, Sealed};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::native::{self, Block};
use crate::store::row::{self, Kind};
use crate::store::tally::Counts;
use crate::store::verify::{self, GroupId, Presence};
use crate::telemetry::Metrics;

/// How long sending one piece may take.
const SEND_LIMIT: Duration = Duration::from_secs(20);
/// How long the server may take to write a block.
const END_LIMIT: Duration = Duration::from_secs(120);

/// Settings of every insert: one block, one part, one answer after it is on the disk.
const SETTINGS: [(&str, &str); 10] = [
    ("max_threads", "1"),
    ("decompress", "1"),
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
    /// Their block, compressed.
    pub(super) frames: Vec<Bytes>,
}

/// A segment on its way.
pub(super) struct Delivery {
    groups: Vec<Group>,
    /// Events of the segment, by day and site.
    pub(super) accepted: Counts,
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

/// Why a segment cannot be delivered.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// The disk may obey the next time.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] ReadError),
    /// It never will be.
    #[error("a record is not one of ours")]
    Foreign,
}

/// The groups of a segment while it is read.
#[derive(Default)]
struct Gathered {
    blocks: BTreeMap<(Kind, Day), Block>,
    accepted: Counts,
    /// Place of the next record.
    position: u32,
    foreign: bool,
}

impl Gathered {
    fn add(&mut self, spool: u32, batch: u64, body: &[u8]) {
        let added = row::group(body).and_then(|(kind, day)| {
            let new = || Block::new(kind, spool, batch);
            let block = self.blocks.entry((kind, day)).or_insert_with(new);
            block.push(row::values(body), self.position).ok()?;
            if kind.is_closed_with_its_day() {
                *self.accepted.entry((day, row::site(body)?)).or_default() += 1;
            }
            Some(())
        });
        self.foreign |= added.is_none();
        self.position += 1;
    }
}

impl Delivery {
    /// Reads a segment and sorts its records into groups. Positions are their places in the
    /// segment. Blocks.
    pub(super) fn read(segment: &Sealed) -> Result<Self, Unusable> {
        let (spool, batch) = (segment.spool, segment.batch);
        let gathered =
            segment.fold(Gathered::default, |gathered, body| gathered.add(spool, batch, body))?;
        if gathered.foreign {
            return Err(Unusable::Foreign);
        }
        let groups = gathered.blocks.into_iter().map(|((kind, day), block)| Group {
            id: GroupId { spool, batch, kind, day },
            rows: block.rows(),
            frames: block.pack(),
        });
        let (groups, accepted) = (groups.collect(), gathered.accepted);
        Ok(Self { groups, accepted, in_doubt: segment.is_in_doubt })
    }

    /// Bytes it holds.
    pub(super) fn bytes(&self) -> usize {
        self.groups.iter().flat_map(|group| &group.frames).map(Bytes::len).sum()
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
                // A batch that was never tried before is not there: those rows are of another one
                // with its number, and there is nothing to be in doubt about.
                let foreign = error == StoreError::Taken && !self.in_doubt;
                self.in_doubt |= !foreign;
                return Err(Setback { row_fault: foreign || error.is_row_fault(), error });
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
    let id = group.id;
    let absent = verify::absent(id.kind);
    let mut insert = store
        .clients
        .bulk
        .insert_formatted_with(native::statement(id.kind, &absent))
        .with_timeouts(Some(SEND_LIMIT), Some(END_LIMIT))
        .with_setting("query_id", id.query_id())
        .with_setting("param_spool", id.spool.to_string())
        .with_setting("param_batch", id.batch.to_string())
        .with_setting("param_day", id.day.to_string());
    for (name, value) in SETTINGS {
        insert = insert.with_setting(name, value);
    }
    let frames = group.frames.clone();
    // Not cut off when the caller goes: see `client`. The limits above end it.
    let task = tokio::spawn(async move {
        for frame in frames {
            insert.send(frame).await?;
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
    fn records_are_grouped_by_table_and_day_and_a_foreign_one_is_noticed() {
        let record = |day| row::outcome_record(SiteId(1), Day(day), Outcome::Bot, "other", 1);
        let mut gathered = Gathered::default();
        for day in [5, 6, 5] {
            gathered.add(3, 4, &record(day).body);
        }
        let shape: Vec<_> =
            gathered.blocks.iter().map(|((_, day), block)| (day.0, block.rows())).collect();
        assert_eq!(shape, [(5, 2), (6, 1)]);
        assert!(!gathered.foreign);
        let mut short = record(5).body;
        short.pop();
        for foreign in [b"hello".to_vec(), short] {
            let mut gathered = Gathered::default();
            gathered.add(3, 4, &foreign);
            assert!(gathered.foreign);
        }
    }
}

//! What is known of a batch in the database: which of its groups are there.
//!
//! A group (one table, one day) is inserted as one block into one partition, so it is there whole
//! or not at all. A group that a closing has taken in counts as there, once that closing is
//! published: a closing writes down its batches before it publishes, and drops open rows only
//! afterwards, so what an unpublished one wrote down says nothing.

use crate::model::Day;
use crate::store::Store;
use crate::store::client::{execute, rows};
use crate::store::error::StoreError;
use crate::store::row::Kind;

/// Name of a group of rows: one batch, one table, one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GroupId {
    pub(super) spool: u32,
    pub(super) batch: u64,
    pub(super) kind: Kind,
    pub(super) day: Day,
}

/// Rows of a group.
const OF_GROUP: &str = "spool = {spool:UInt32} AND batch = {batch:UInt64} AND day = {day:Date}";
/// Marks of closings that took a group in and were published.
const CLOSED: &str = "spool = {spool:UInt32} AND day = {day:Date} \
    AND first <= {batch:UInt64} AND last >= {batch:UInt64} \
    AND gen IN (SELECT gen FROM closed_days WHERE day = {day:Date})";

/// What the database says about a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// Not there: insert it.
    Missing,
    /// There.
    Present,
    /// There, but with another number of rows: something is wrong that inserting would worsen.
    Odd {
        /// Rows found.
        found: u64,
    },
}

impl GroupId {
    /// The id of its insert; the server runs only one query of an id at a time.
    pub(super) fn query_id(&self) -> String {
        format!("{}-{}-{}-{}", self.spool, self.batch, self.kind.table(), self.day)
    }
}

/// Judges what was counted. Rows still in the table are looked for first: a closing writes down
/// that it took a batch before it removes the rows.
pub(super) const fn judge(found: u64, expected: u64, closed: bool) -> Presence {
    match (found, closed) {
        (0, true) => Presence::Present,
        (0, false) => Presence::Missing,
        (found, _) if found == expected => Presence::Present,
        (found, _) => Presence::Odd { found },
    }
}

/// The condition under which a group is inserted, evaluated by the server when the insert begins; if
/// it does not hold, the insert ends with [`StoreError::Taken`].
///
/// A request can lie in a buffer of the network, or of a server that hardly gets on, until its batch
/// was looked for, not found and delivered by another request. It would double the batch then. Since
/// only one query of an id runs at a time, and a query is listed before it evaluates anything, the
/// later one sees what the earlier one stored. That holds for one server, not for a URL behind which
/// there are several.
pub(super) fn absent(kind: Kind) -> String {
    let rows = format!("(SELECT count() FROM {} WHERE {OF_GROUP})", kind.table());
    let closed = if kind.is_closed_with_its_day() {
        format!(" + (SELECT count() FROM closed_batches WHERE {CLOSED})")
    } else {
        String::new()
    };
    format!("throwIf({rows}{closed} > 0) = 0")
}

/// Asks for a group of `expected` rows.
pub(super) async fn presence(
    store: &Store,
    group: &GroupId,
    expected: u64,
) -> Result<Presence, StoreError> {
    let table = group.kind.table();
    let text = format!("SELECT count() FROM {table} WHERE {OF_GROUP}");
    let found = count(store, &text, group).await?;
    let closed = found == 0 && group.kind.is_closed_with_its_day() && {
        let text = format!("SELECT count() FROM closed_batches WHERE {CLOSED}");
        count(store, &text, group).await? > 0
    };
    Ok(judge(found, expected, closed))
}

/// Makes sure that no insert of a group is running: stops it, and waits until it has ended.
///
/// Done as the schema user, for the inserting user does not see running queries. On a server where
/// that is not allowed, an own query of the same id is tried instead: it is refused while another
/// one runs, and then so is this function.
pub(super) async fn stop_insert(store: &Store, group: &GroupId) -> Result<(), StoreError> {
    let text = "KILL QUERY WHERE query_id = {id:String} SYNC FORMAT Null";
    let kill = store.clients.schema.query_raw(text).param("id", group.query_id());
    match execute(kill).await {
        Err(StoreError::Refused(_)) => {
            let probe = store.clients.insert.query_raw("SELECT 1");
            execute(probe.with_setting("query_id", group.query_id())).await
        }
        ended => ended,
    }
}

async fn count(store: &Store, text: &str, group: &GroupId) -> Result<u64, StoreError> {
    let query = store
        .clients
        .insert
        .query_raw(text)
        .param("spool", group.spool)
        .param("batch", group.batch)
        .param("day", group.day.to_string());
    rows::<u64>(query).await?.first().copied().ok_or(StoreError::BadAnswer("no row"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_there_whole_or_not_at_all() {
        assert_eq!(judge(0, 5, false), Presence::Missing);
        assert_eq!(judge(5, 5, false), Presence::Present);
        assert_eq!(judge(0, 5, true), Presence::Present);
        assert_eq!(judge(4, 5, false), Presence::Odd { found: 4 });
        assert_eq!(judge(10, 5, true), Presence::Odd { found: 10 });
    }

    #[test]
    fn only_events_are_looked_for_among_what_was_closed() {
        for kind in [Kind::Event, Kind::EventOld] {
            assert!(absent(kind).contains("FROM open_events") && absent(kind).contains("closed_"));
        }
        assert!(absent(Kind::Outcome).contains("FROM outcomes"));
        assert!(!absent(Kind::Outcome).contains("closed_"));
    }

    #[test]
    fn the_query_id_names_the_group_and_nothing_else() {
        let day = Day::parse("2026-11-21").unwrap();
        let group = GroupId { spool: 7, batch: 9, kind: Kind::Event, day };
        assert_eq!(group.query_id(), "7-9-open_events-2026-11-21");
    }
}

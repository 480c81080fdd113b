//! What each collector still has to deliver: its row of `spools`, so that no day is closed while
//! events of it are known to be under way.
//!
//! The row names the oldest day that an undelivered event can have, never a later one. Events that
//! name their own time may be older; they are not waited for.

use std::time::Duration;

use tokio::sync::Mutex;

use crate::model::Day;
use crate::spool::{Backlog, Spool};
use crate::store::Store;
use crate::store::client::{rows, within};
use crate::store::error::StoreError;

/// How often a collector looks whether its row still holds.
pub const LOOK_EVERY: Duration = Duration::from_secs(10);
/// A row that still holds is written again after so many seconds: each writing costs the embedded
/// engine about 20 ms of processor time.
const AGAIN_AFTER: u32 = 60;
/// A collector that was not seen for this long is not waited for, seconds.
pub const SILENT_AFTER: u32 = 72 * 3600;
/// The day that says: nothing is left here. The last one that a `Date` can hold.
pub const NOTHING_HERE: Day = Day(u16::MAX);

/// How far the western end of the calendar is behind UTC, seconds.
const WEST: u32 = 12 * 3600;
/// How long an event may be on its way from its time stamp to the spool, seconds; far more than
/// it is. Far less than the hour between the end of a day in the west and its closing.
const ON_THE_WAY: u32 = 60;
/// Seconds of a day.
const DAY_SECONDS: u32 = 86_400;
/// How often is looked whether what was delivered has left the spool.
const SETTLE_LOOK: Duration = Duration::from_millis(20);
/// How long writing the row may take.
const WRITE_LIMIT: Duration = Duration::from_secs(5);

/// A row of `spools`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clickhouse::Row, serde::Deserialize)]
pub struct SpoolRow {
    /// Random id of the spool directory.
    pub spool: u32,
    /// The oldest day it still has to deliver, days since 1970; [`NOTHING_HERE`] after a clean stop.
    oldest_open_day: u16,
    /// When it said so, seconds since 1970.
    pub seen: u32,
    /// Grows with every row of a spool.
    version: u64,
}

impl SpoolRow {
    /// The oldest day it still has to deliver.
    #[must_use]
    pub fn oldest_open_day(&self) -> Day {
        Day(self.oldest_open_day)
    }

    /// Whether `day` has to wait for this collector at `now`.
    #[must_use]
    pub fn holds_back(&self, day: Day, now: u32) -> bool {
        self.oldest_open_day() <= day && now.saturating_sub(self.seen) < SILENT_AFTER
    }
}

/// Writes the row of one spool.
pub struct Heartbeat {
    store: Store,
    spool: Spool,
    written: Mutex<Option<Written>>,
}

/// What the table says of the spool.
#[derive(Debug, Clone, Copy)]
struct Written {
    version: u64,
    /// What an earlier run said last: holds for whatever it left.
    left: Option<Day>,
    /// What this run said last, and when.
    said: Option<(Day, u32)>,
}

/// Why a row is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occasion {
    /// It is time to look.
    Look,
    /// Somebody wants it to be as new as can be.
    Now,
    /// The collector stops.
    Stop,
}

impl Heartbeat {
    /// The heartbeat of `spool`; nothing is sent yet.
    #[must_use]
    pub fn new(store: Store, spool: Spool) -> Self {
        Self { store, spool, written: Mutex::new(None) }
    }

    /// Waits until everything that came before the days that still run at `now` is delivered, at
    /// most for `limit`: rows that are in the database already leave the spool a moment later.
    pub async fn settle(&self, now: u32, limit: Duration) {
        let settled = async {
            while oldest_open_day(self.spool.backlog(), None, now) < westernmost_day(now) {
                tokio::time::sleep(SETTLE_LOOK).await;
            }
        };
        // Whatever is left then holds its day back, and is told.
        tokio::time::timeout(limit, settled).await.unwrap_or_default();
    }

    /// Says what is still to be delivered at `now`.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub async fn beat(&self, now: u32) -> Result<(), StoreError> {
        self.say(now, Occasion::Now).await
    }

    /// The same, unless it said so within the last minute.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub async fn keep_up(&self, now: u32) -> Result<(), StoreError> {
        self.say(now, Occasion::Look).await
    }

    /// The last word of a stop: as [`beat`](Self::beat), but when everything is delivered, that
    /// nothing is left here. The spool must be closed.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub async fn farewell(&self, now: u32) -> Result<(), StoreError> {
        self.say(now, Occasion::Stop).await
    }

    /// One word at a time, so that the later one has the higher version.
    async fn say(&self, now: u32, occasion: Occasion) -> Result<(), StoreError> {
        let mut written = self.written.lock().await;
        let Written { version, left, said } = match *written {
            Some(written) => written,
            None => self.look().await?,
        };
        // Looked at after the table was read: what came meanwhile counts.
        let backlog = self.spool.backlog();
        let oldest = if occasion == Occasion::Stop && backlog.is_empty() {
            NOTHING_HERE
        } else {
            oldest_open_day(backlog, left, now)
        };
        if occasion == Occasion::Look && still_holds(said, oldest, now) {
            return Ok(());
        }
        let version = version + 1;
        // Kept before the answer is known: a version is not used twice.
        *written = Some(Written { version, left, said: None });
        self.write(oldest, now, version).await?;
        *written = Some(Written { version, left, said: Some((oldest, now)) });
        Ok(())
    }

    async fn look(&self) -> Result<Written, StoreError> {
        let text = "SELECT spool, oldest_open_day, seen, version FROM spools \
            WHERE spool = {spool:UInt32} ORDER BY version DESC LIMIT 1";
        let query = self.store.clients.insert.query_raw(text).param("spool", self.spool.id());
        let found = rows::<SpoolRow>(query).await?.pop();
        Ok(Written {
            version: found.map_or(0, |row| row.version),
            left: found.map(|row| row.oldest_open_day()).filter(|day| *day != NOTHING_HERE),
            said: None,
        })
    }

    async fn write(&self, oldest: Day, now: u32, version: u64) -> Result<(), StoreError> {
        let text = "INSERT INTO spools (spool, oldest_open_day, seen, version) \
            SETTINGS async_insert = 0 \
            SELECT {spool:UInt32}, {day:Date}, {seen:DateTime('UTC')}, {version:UInt64}";
        let query = self
            .store
            .clients
            .insert
            .query_raw(text)
            .param("spool", self.spool.id())
            .param("day", oldest.to_string())
            .param("seen", now)
            .param("version", version);
        // Without a turn: a flood of questions must not make a collector look silent.
        within(WRITE_LIMIT, async move { Ok(query.execute().await?) }).await
    }
}

impl Store {
    /// What the collectors said last, by spool.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub async fn spools(&self) -> Result<Vec<SpoolRow>, StoreError> {
        let text = "SELECT spool, oldest_open_day, seen, version FROM spools FINAL ORDER BY spool";
        rows::<SpoolRow>(self.clients.settings.query_raw(text)).await
    }
}

/// Whether what was said last need not be said again.
fn still_holds(said: Option<(Day, u32)>, oldest: Day, now: u32) -> bool {
    said.is_some_and(|(day, at)| {
        day == oldest && now.checked_sub(at).is_some_and(|age| age < AGAIN_AFTER)
    })
}

/// The oldest day that an undelivered event can have.
///
/// What an earlier run left is no younger than what that run said last (`left`), and no younger
/// than its file; where it never said anything, it can be of any day.
fn oldest_open_day(backlog: Backlog, left: Option<Day>, now: u32) -> Day {
    let received = westernmost_day(backlog.received.map_or(now, |at| at.min(now)));
    match backlog.found {
        None => received,
        Some(at) => received.min(left.unwrap_or(Day(0))).min(westernmost_day(at)),
    }
}

/// The earliest day anywhere for an event that reached the spool at `at`.
pub(super) fn westernmost_day(at: u32) -> Day {
    let behind = at.saturating_sub(WEST + ON_THE_WAY);
    Day(u16::try_from(behind / DAY_SECONDS).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2093-06-16 12:30 UTC.
    const NOW: u32 = 3_895_993_800;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    fn at(now: u32, received: Option<u32>, found: Option<u32>, left: Option<&str>) -> String {
        oldest_open_day(Backlog { received, found }, left.map(day), now).to_string()
    }

    #[test]
    fn an_empty_spool_says_the_day_that_still_runs_in_the_west() {
        assert_eq!(at(NOW, None, None, None), "2093-06-16");
        assert_eq!(at(NOW - 1_800 + 59, None, None, None), "2093-06-15", "some are on their way");
        assert_eq!(at(NOW - 1_800 + 60, None, None, None), "2093-06-16");
        assert_eq!(at(NOW - 1_801, None, None, Some("2093-06-01")), "2093-06-15");
    }

    #[test]
    fn what_was_received_is_as_old_as_the_clock_said_then() {
        assert_eq!(at(NOW, Some(NOW - 86_400), None, None), "2093-06-15");
        assert_eq!(at(NOW, Some(NOW + 86_400), None, None), "2093-06-16", "the clock went back");
    }

    #[test]
    fn what_an_earlier_run_left_is_as_old_as_that_run_said() {
        // Sealed anew today, but the run before said it holds back the 12th.
        assert_eq!(at(NOW, None, Some(NOW), Some("2093-06-12")), "2093-06-12");
        assert_eq!(at(NOW, Some(NOW), Some(NOW - 9 * 86_400), Some("2093-06-12")), "2093-06-07");
        assert_eq!(at(NOW, None, Some(NOW), None), "1970-01-01", "nobody ever said");
    }

    #[test]
    fn the_same_is_said_again_once_a_minute_and_another_day_at_once() {
        let today = day("2093-06-16");
        let said = Some((today, NOW));
        assert!(still_holds(said, today, NOW + 59));
        assert!(!still_holds(said, today, NOW + 60));
        assert!(!still_holds(said, day("2093-06-15"), NOW + 1));
        assert!(!still_holds(said, today, NOW - 1), "the clock went back");
        assert!(!still_holds(None, today, NOW));
    }

    #[test]
    fn a_collector_is_waited_for_until_it_was_silent_for_three_days() {
        let oldest_open_day = day("2093-06-15").0;
        let row = SpoolRow { spool: 1, oldest_open_day, seen: NOW, version: 1 };
        assert!(row.holds_back(day("2093-06-15"), NOW));
        assert!(!row.holds_back(day("2093-06-14"), NOW));
        assert!(row.holds_back(day("2093-06-15"), NOW + SILENT_AFTER - 1));
        assert!(!row.holds_back(day("2093-06-15"), NOW + SILENT_AFTER));
        let gone = SpoolRow { oldest_open_day: NOTHING_HERE.0, ..row };
        assert!(!gone.holds_back(day("2093-06-15"), NOW));
    }
}

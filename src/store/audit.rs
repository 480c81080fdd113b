//! The audit: does the database hold the events that were accepted?
//!
//! Once a day is over in every zone and nothing of it is left in the spool, the numbers of the
//! [`Tally`] are compared with the rows of `open_events` that carry this spool's id, by site. The
//! open rows stay for 72 hours after the end of their day, closed or not; a day whose numbers
//! changed meanwhile (events that named their time) is compared again.
//!
//! It finds rows that were acknowledged by ClickHouse and are not there any more, rows of segments
//! that were set aside because ClickHouse refused them, and rows stored twice. It does not find rows
//! of segments that could not be read (they are counted as damaged), what was lost before one was
//! sealed, nor faults of a closing. Sites that were removed are left out; rows of an open day that
//! were deleted by command count as missing.

use std::collections::BTreeMap;

use crate::model::Day;
use crate::spool::Backlog;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::spools::westernmost_day;
use crate::store::tally::Tally;

/// How long open rows stay after the end of their day in UTC: 12 hours until it has ended
/// everywhere, and 72.
const OPEN_SECONDS: u32 = (12 + 72) * 3600;
/// How far the eastern end of the calendar is ahead of UTC, seconds.
const EAST: u32 = 14 * 3600;
/// Seconds of a day.
const DAY_SECONDS: u32 = 86_400;

/// What became of the events of one spool and day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Events that were accepted.
    pub accepted: u64,
    /// Of these, how many are not in the database.
    pub missing: u64,
    /// Rows above those that were accepted; always 0 for a day that began before the tally did.
    pub extra: u64,
}

/// Days of `tally` that can be audited at `now`, with the spool they came from.
#[must_use]
pub fn due(tally: &Tally, backlog: Backlog, now: u32) -> Vec<(u32, Day)> {
    if backlog.found.is_some() {
        return Vec::new();
    }
    let oldest = westernmost_day(backlog.received.map_or(now, |at| at.min(now)));
    let open = |day: Day| now < settled(day);
    tally.days().into_iter().filter(|(_, day)| *day < oldest && open(*day)).collect()
}

/// The first day whose open rows are still there at `now`.
#[must_use]
pub fn oldest_open(now: u32) -> Day {
    Day(u16::try_from(now.saturating_sub(OPEN_SECONDS) / DAY_SECONDS).unwrap_or(u16::MAX))
}

fn settled(day: Day) -> u32 {
    (u32::from(day.0) + 1).saturating_mul(DAY_SECONDS).saturating_add(OPEN_SECONDS)
}

impl Store {
    /// Compares one spool's events of a day with the database; `None` when more were accepted
    /// meanwhile. Sites that `exists` does not know are left out.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub async fn audit(
        &self,
        tally: &Tally,
        spool: u32,
        day: Day,
        exists: impl Fn(u32) -> bool,
    ) -> Result<Option<Verdict>, StoreError> {
        let accepted = tally.of(spool, day);
        let stored = self.stored(spool, day).await?;
        if tally.of(spool, day) != accepted {
            return Ok(None);
        }
        let whole = u32::from(day.0).saturating_mul(DAY_SECONDS).saturating_sub(EAST);
        let is_whole = tally.since() <= whole;
        Ok(Some(judge(&accepted, &stored, is_whole, exists)))
    }

    async fn stored(&self, spool: u32, day: Day) -> Result<BTreeMap<u32, u64>, StoreError> {
        let text = "SELECT site, count() FROM open_events \
            WHERE spool = {spool:UInt32} AND day = {day:Date} GROUP BY site";
        let query = self.clients.schema.query_raw(text);
        let query = query.param("spool", spool).param("day", day.to_string());
        Ok(crate::store::client::rows::<(u32, u64)>(query).await?.into_iter().collect())
    }
}

fn judge(
    accepted: &BTreeMap<u32, u64>,
    stored: &BTreeMap<u32, u64>,
    is_whole: bool,
    exists: impl Fn(u32) -> bool,
) -> Verdict {
    let mut verdict = Verdict::default();
    let sites = accepted.keys().chain(stored.keys().filter(|site| !accepted.contains_key(site)));
    for site in sites.filter(|site| exists(**site)) {
        let of = |counts: &BTreeMap<u32, u64>| counts.get(site).copied().unwrap_or(0);
        let (accepted, stored) = (of(accepted), of(stored));
        verdict.accepted += accepted;
        verdict.missing += accepted.saturating_sub(stored);
        if is_whole {
            verdict.extra += stored.saturating_sub(accepted);
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tally::Counts;

    const DAY: Day = Day(20_000);
    /// Midnight UTC after it.
    const MIDNIGHT: u32 = 20_001 * 86_400;
    const HOUR: u32 = 3600;

    #[test]
    fn missing_and_extra_rows_are_told_apart_and_removed_sites_left_out() {
        let accepted = BTreeMap::from([(1, 10), (2, 5), (3, 9)]);
        let stored = BTreeMap::from([(1, 8), (2, 6), (4, 2)]);
        let verdict = judge(&accepted, &stored, true, |site| site != 3);
        assert_eq!(verdict, Verdict { accepted: 15, missing: 2, extra: 3 });
        assert_eq!(judge(&accepted, &stored, false, |site| site != 3).extra, 0);
        assert_eq!(judge(&accepted, &accepted, true, |_| true).missing, 0);
    }

    #[test]
    fn a_day_is_due_when_it_is_over_everywhere_and_out_of_the_spool_until_it_is_settled() {
        let folder = tempfile::tempdir().unwrap();
        let tally = Tally::open(&folder.path().join("tally"), 1, |_| false).unwrap();
        tally.note(3, 1, &Counts::from([((DAY, 1), 5)])).unwrap();
        let at = |now, backlog| !due(&tally, backlog, now).is_empty();
        let empty = Backlog::default();
        assert!(!at(MIDNIGHT + 12 * HOUR, empty));
        assert!(at(MIDNIGHT + 12 * HOUR + 60, empty));
        assert!(at(MIDNIGHT + 84 * HOUR - 1, empty));
        assert!(!at(MIDNIGHT + 84 * HOUR, empty));
        let late = MIDNIGHT + 20 * HOUR;
        assert!(!at(late, Backlog { received: Some(MIDNIGHT), found: None }));
        assert!(at(late, Backlog { received: Some(late), found: None }));
        assert!(!at(late, Backlog { received: None, found: Some(late) }));
        assert_eq!(oldest_open(MIDNIGHT + 84 * HOUR - 1), DAY);
        assert_eq!(oldest_open(MIDNIGHT + 84 * HOUR), Day(20_001));
    }
}

//! When a day may be closed, and when its open rows have to go. All times are UTC.

use crate::days::state::SpoolState;
use crate::model::Day;

/// Seconds of a day.
const DAY_SECONDS: u64 = 86_400;
/// From the end of a date in UTC to the end of it in the last zone: 12 hours.
const LAST_ZONE_SECONDS: u64 = 12 * 3600;
/// From the end of a day in the last zone to the first closing: an hour for rows on their way.
const GRACE_SECONDS: u64 = 3600;
/// How long open rows stay after the end of their day, and how long a silent collector is waited
/// for: 72 hours.
pub(super) const PATIENCE_SECONDS: u64 = 72 * 3600;

/// What a day that has open rows is ready for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Somewhere it is still this day, or was within the last hour.
    Running,
    /// A collector may still have rows of it.
    Waiting {
        /// The number of its spool.
        spool: u32,
    },
    /// It can be closed; its open rows stay.
    Closable,
    /// Its 72 hours are over: everything is closed and open rows go.
    Settled,
}

/// The stage of `day` at `now`.
pub(super) fn stage(day: Day, now: u32, spools: &[SpoolState]) -> Stage {
    let now = u64::from(now);
    if now < closable_from(day) {
        return Stage::Running;
    }
    if now >= settled_from(day) {
        return Stage::Settled;
    }
    let waited_for = |spool: &&SpoolState| {
        spool.oldest_open_day <= day && u64::from(spool.seen) + PATIENCE_SECONDS > now
    };
    match spools.iter().filter(waited_for).min_by_key(|spool| spool.oldest_open_day) {
        Some(spool) => Stage::Waiting { spool: spool.spool },
        None => Stage::Closable,
    }
}

/// First moment at which `day` may be closed: 13:00 of the next date.
pub(super) fn closable_from(day: Day) -> u64 {
    ended_at(day) + GRACE_SECONDS
}

/// Moment at which open rows of `day` have to go: 72 hours after it ended in the last zone.
pub(super) fn settled_from(day: Day) -> u64 {
    ended_at(day) + PATIENCE_SECONDS
}

fn ended_at(day: Day) -> u64 {
    (u64::from(day.0) + 1) * DAY_SECONDS + LAST_ZONE_SECONDS
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Day = Day(20_000);
    /// Midnight UTC after the day.
    const MIDNIGHT: u32 = 20_001 * 86_400;
    const HOUR: u32 = 3600;

    fn spool(spool: u32, oldest_open_day: u16, seen: u32) -> SpoolState {
        SpoolState { spool, oldest_open_day: Day(oldest_open_day), seen }
    }

    #[test]
    fn a_day_can_be_closed_from_13_00_of_the_next_date() {
        assert_eq!(stage(DAY, MIDNIGHT + 13 * HOUR - 1, &[]), Stage::Running);
        assert_eq!(stage(DAY, MIDNIGHT + 13 * HOUR, &[]), Stage::Closable);
        assert_eq!(stage(DAY, 0, &[]), Stage::Running);
    }

    #[test]
    fn its_open_rows_go_72_hours_after_it_ended_in_the_last_zone() {
        let end = MIDNIGHT + 12 * HOUR;
        assert_eq!(stage(DAY, end + 72 * HOUR - 1, &[]), Stage::Closable);
        assert_eq!(stage(DAY, end + 72 * HOUR, &[]), Stage::Settled);
        assert_eq!(stage(Day(u16::MAX), u32::MAX, &[]), Stage::Running);
    }

    #[test]
    fn a_spool_with_rows_of_the_day_or_before_is_waited_for() {
        let now = MIDNIGHT + 20 * HOUR;
        let waiting = |list: &[SpoolState]| stage(DAY, now, list);
        assert_eq!(waiting(&[spool(1, 20_001, now)]), Stage::Closable);
        assert_eq!(waiting(&[spool(1, 20_000, now)]), Stage::Waiting { spool: 1 });
        assert_eq!(waiting(&[spool(1, 19_000, now)]), Stage::Waiting { spool: 1 });
        let two = [spool(1, 20_000, now), spool(2, 19_999, now), spool(3, 20_001, now)];
        assert_eq!(waiting(&two), Stage::Waiting { spool: 2 });
    }

    #[test]
    fn a_spool_silent_for_72_hours_is_not_waited_for() {
        let now = MIDNIGHT + 80 * HOUR;
        let silent = |seconds| stage(DAY, now, &[spool(1, 20_000, now - seconds)]);
        assert_eq!(silent(72 * HOUR - 1), Stage::Waiting { spool: 1 });
        assert_eq!(silent(72 * HOUR), Stage::Closable);
        let ahead = [spool(1, 20_000, now + HOUR)];
        assert_eq!(stage(DAY, now, &ahead), Stage::Waiting { spool: 1 });
    }

    #[test]
    fn after_the_72_hours_nobody_is_waited_for() {
        let now = MIDNIGHT + 84 * HOUR;
        assert_eq!(stage(DAY, now - 1, &[spool(1, 20_000, now)]), Stage::Waiting { spool: 1 });
        assert_eq!(stage(DAY, now, &[spool(1, 20_000, now)]), Stage::Settled);
    }
}

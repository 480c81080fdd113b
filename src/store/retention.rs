//! What is too old goes: rows by site, whole partitions, and what is known of days without rows.
//!
//! The tables' TTL does the installation's part as well, in its own time and by the engine's clock;
//! this does it every night by the program's. A day stays closed as long as it has a row.

use std::collections::BTreeMap;

use crate::model::Day;
use crate::store::Store;
use crate::store::client::{execute, rows};
use crate::store::error::StoreError;
use crate::store::purge::{Selection, TABLES};

/// Seconds of a day in UTC.
const DAY_SECONDS: u32 = 86_400;
/// Days that the TTL of the tables has to remove a row by itself, before it is deleted here.
const TTL_GRACE_DAYS: u16 = 2;
/// In the nightly run, parts with fewer rows than this are rewritten at once, in some ten seconds;
/// a month of a large installation is not rewritten every night.
const NIGHTLY_ROWS: u64 = 5_000_000;
/// How long hidden rows wait before their parts are rewritten whatever their size, in seconds:
/// 28 days, so that with a night and the time it takes they are gone within 30.
const MASK_SECONDS: u32 = 28 * DAY_SECONDS;

/// How long rows are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Months for the whole installation.
    pub months: u32,
    /// Sites with a retention of their own, in months.
    pub sites: Vec<(u32, u32)>,
    /// Removed sites, of which nothing is kept.
    pub removed: Vec<u32>,
}

/// What a nightly run has removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Enforced {
    /// Rows that were deleted.
    pub rows: u64,
    /// Partitions that were dropped.
    pub partitions: u64,
}

/// The first day that is kept when rows of `months` months are: a day goes when its date, that many
/// months later, has come.
fn first_kept(now: u32, months: u32) -> Day {
    let today = Day(u16::try_from(now / DAY_SECONDS).unwrap_or(u16::MAX));
    let months = jiff::Span::new().months(i64::from(months.min(1_200)));
    let mut day = Day::from_date(today.date().saturating_sub(months));
    while day.date().saturating_add(months) <= today.date() {
        day = Day(day.0.saturating_add(1));
    }
    day
}

impl Store {
    /// Removes everything that is too old at `now` (seconds since 1970). To be called once a day,
    /// by the one process that may write.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached; called again, it goes on.
    pub async fn enforce_retention(
        &self,
        retention: &Retention,
        now: u32,
    ) -> Result<Enforced, StoreError> {
        let mut enforced = Enforced::default();
        let kept = first_kept(now, retention.months);
        for table in self.tables(&TABLES).await? {
            for partition in self.partitions_before(table, kept.0).await? {
                self.drop_partition(&partition).await?;
                enforced.partitions += 1;
                enforced.rows += partition.rows;
            }
        }
        for selection in selections(retention, now) {
            let erased = self.erase_below(&selection, now, NIGHTLY_ROWS).await?;
            enforced.rows += erased.total();
        }
        self.apply_due_masks(NIGHTLY_ROWS, now.saturating_sub(MASK_SECONDS), now).await?;
        self.forget_days_before(kept).await?;
        Ok(enforced)
    }

    /// Removes what is known of closed days before `kept` that have no row left.
    async fn forget_days_before(&self, kept: Day) -> Result<(), StoreError> {
        let text = "SELECT toUInt16(day) FROM (\
            SELECT DISTINCT day FROM closed_days WHERE day < {kept:Date} \
            UNION DISTINCT SELECT DISTINCT day FROM closed_batches WHERE day < {kept:Date}) \
            WHERE day NOT IN (SELECT day FROM open_events WHERE day < {kept:Date} \
            UNION ALL SELECT day FROM hits WHERE day < {kept:Date} \
            UNION ALL SELECT day FROM totals WHERE day < {kept:Date})";
        let query = self.clients.schema.query_raw(text).param("kept", kept.to_string());
        let days: Vec<String> =
            rows::<u16>(query).await?.into_iter().map(|day| format!("toDate({day})")).collect();
        if days.is_empty() {
            return Ok(());
        }
        // The day itself goes last: as long as it is there, the day is closed.
        for table in ["closed_batches", "closed_days"] {
            let text = format!("DELETE FROM {table} WHERE day IN ({})", days.join(", "));
            execute(self.clients.schema.query_raw(&text)).await?;
        }
        Ok(())
    }
}

/// Rows to delete one by one: of sites by their months, and of all where the TTL is late.
fn selections(retention: &Retention, now: u32) -> Vec<Selection> {
    let before = |first: Day, sites| {
        let last = first.0.checked_sub(1)?;
        Some(Selection { sites, from: None, to: Some(Day(last)) })
    };
    let mut by_months: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (site, months) in retention.sites.iter().filter(|(_, months)| *months < retention.months) {
        by_months.entry(*months).or_default().push(*site);
    }
    let late = Day(first_kept(now, retention.months).0.saturating_sub(TTL_GRACE_DAYS));
    let removed = (!retention.removed.is_empty()).then(|| Selection {
        sites: Some(retention.removed.clone()),
        from: None,
        to: None,
    });
    by_months
        .into_iter()
        .filter_map(|(months, sites)| before(first_kept(now, months), Some(sites)))
        .chain(before(late, None))
        .chain(removed)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> u32 {
        u32::from(Day::parse(text).unwrap().0) * DAY_SECONDS + 5
    }

    #[test]
    fn a_day_goes_when_its_date_comes_again_months_later() {
        for (today, months, first) in [
            ("2026-11-22", 1, "2026-10-23"),
            ("2026-11-22", 13, "2025-10-23"),
            // Months of different length: 29 to 31 January plus a month is 28 February.
            ("2026-02-28", 1, "2026-02-01"),
            ("2026-03-01", 1, "2026-02-02"),
            ("2026-03-31", 1, "2026-03-01"),
            ("2028-02-29", 12, "2027-03-01"),
        ] {
            let kept = first_kept(at(today), months);
            assert_eq!(kept.to_string(), first, "{today}, {months} months");
        }
    }

    #[test]
    fn sites_are_grouped_by_their_months_and_longer_ones_are_left_alone() {
        let sites = vec![(1, 2), (2, 13), (3, 2), (4, 1), (5, 25)];
        let retention = Retention { months: 13, sites, removed: vec![6] };
        let found = selections(&retention, at("2026-11-22"));
        let shape: Vec<_> = found
            .iter()
            .map(|one| (one.sites.clone(), one.from, one.to.map(|day| day.to_string())))
            .collect();
        assert_eq!(
            shape,
            [
                (Some(vec![4]), None, Some("2026-10-22".to_owned())),
                (Some(vec![1, 3]), None, Some("2026-09-22".to_owned())),
                (None, None, Some("2025-10-20".to_owned())),
                (Some(vec![6]), None, None),
            ]
        );
    }
}

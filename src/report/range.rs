//! Date ranges in a site's calendar.
//!
//! A range is whole site-local days, both ends included; the zone is only asked which day it is
//! now and when a day begins. Rows carry their day, so nothing here converts stored times.

use jiff::Timestamp;
use jiff::ToSpan;
use serde_json::Value;

use crate::model::Day;
use crate::model::Site;
use crate::model::day::locate;
use crate::report::query::Dimension;

/// Days of the longest range; well beyond the longest retention (25 months).
pub(crate) const MAX_RANGE_DAYS: u32 = 1_830;
/// Days of the longest range by hour (10,000 rows are 416 days), or by day and another dimension
/// (each day may bind a value of its own, and bound values travel in a URL of at most 1 MiB).
pub(crate) const MAX_FINE_DAYS: u32 = 366;
/// Days of the longest range by minute (10,000 rows are 6 days).
pub(crate) const MAX_MINUTE_DAYS: u32 = 4;
/// Months of the longest range of whole months; not more than [`MAX_RANGE_DAYS`].
const MAX_RANGE_MONTHS: u16 = 60;
/// Seconds that "realtime" looks back.
pub(crate) const REALTIME_SECONDS: u32 = 300;
/// Seconds that an event may be ahead of the clock; decides which days "realtime" reads.
const AHEAD_SECONDS: u32 = 300;

/// A range as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateRange {
    /// Today so far.
    Today,
    /// That many whole days before today.
    LastDays(u16),
    /// The month to date.
    Month,
    /// That many whole months before this one.
    LastMonths(u16),
    /// The year to date.
    Year,
    /// From the day the site was created to today.
    All,
    /// The last [`REALTIME_SECONDS`].
    Realtime,
    /// From a day to a day.
    Days(Day, Day),
}

const TABLE: [(DateRange, &str); 5] = [
    (DateRange::Today, "day"),
    (DateRange::Month, "month"),
    (DateRange::Year, "year"),
    (DateRange::All, "all"),
    (DateRange::Realtime, "realtime"),
];

/// A range placed in a site's calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// First day.
    pub(crate) from: Day,
    /// Last day, included.
    pub(crate) to: Day,
    /// Only events later than this second count ("realtime").
    pub(crate) after: Option<u32>,
    /// First second, for the answer.
    first: u32,
    /// Last second, for the answer.
    last: u32,
}

impl DateRange {
    /// The range that `sent` names.
    pub(crate) fn read(sent: &Value) -> Option<Self> {
        match sent.as_str() {
            Some(name) => Self::find(name),
            None => Self::read_days(sent),
        }
    }

    /// The range from a day to a day that `sent` names.
    pub(crate) fn read_days(sent: &Value) -> Option<Self> {
        let [from, to] = sent.as_array()?.as_slice() else { return None };
        let (from, to) = (Day::parse(from.as_str()?)?, Day::parse(to.as_str()?)?);
        let days = u32::from(to.0.checked_sub(from.0)?) + 1;
        (days <= MAX_RANGE_DAYS).then_some(Self::Days(from, to))
    }

    fn find(name: &str) -> Option<Self> {
        let named = TABLE.iter().find(|(_, text)| *text == name).map(|(range, _)| *range);
        named.or_else(|| {
            let days = count(name, "d", u16::try_from(MAX_RANGE_DAYS).unwrap_or(u16::MAX));
            let months = count(name, "mo", MAX_RANGE_MONTHS);
            days.map(Self::LastDays).or(months.map(Self::LastMonths))
        })
    }

    /// What a request may say, for an error.
    pub(crate) fn allowed() -> String {
        let names = TABLE.map(|(_, name)| name).join(", ");
        format!(
            "{names}, a number of days before today such as 7d (at most {MAX_RANGE_DAYS}d), a \
             number of whole months before this one such as 6mo (at most {MAX_RANGE_MONTHS}mo), \
             or {}",
            Self::allowed_days()
        )
    }

    /// How a request may say from which day to which.
    pub(crate) fn allowed_days() -> String {
        format!(
            "two days [\"YYYY-MM-DD\",\"YYYY-MM-DD\"], the first not after the second, at most \
             {MAX_RANGE_DAYS} days"
        )
    }

    /// The days of the range for `site` when the clock says `now` (seconds since 1970 UTC).
    pub(crate) fn place(self, site: &Site, now: u32) -> Span {
        let today = locate(now, &site.zone).day;
        let date = today.date();
        let month = date.first_of_month();
        let (from, to) = match self {
            Self::Today => (today, today),
            Self::LastDays(days) => {
                (Day(today.0.saturating_sub(days)), Day(today.0.saturating_sub(1)))
            }
            Self::Month => (Day::from_date(month), today),
            Self::LastMonths(months) => (
                Day::from_date(month.saturating_sub(i64::from(months).months())),
                Day::from_date(month.saturating_sub(1.day())),
            ),
            Self::Year => {
                (Day::from_date(date.with().month(1).day(1).build().unwrap_or(date)), today)
            }
            Self::All => (first_day(site, today), today),
            Self::Realtime => return realtime(site, now),
            Self::Days(from, to) => (from, to),
        };
        let end = Day(to.0.saturating_add(1)).start(&site.zone);
        Span { from, to, after: None, first: from.start(&site.zone), last: end.saturating_sub(1) }
    }
}

impl Span {
    /// Number of days, both ends included.
    pub(crate) fn days(&self) -> u32 {
        u32::from(self.to.0.saturating_sub(self.from.0)) + 1
    }

    /// Both ends as local times with offset.
    pub(crate) fn ends(&self, site: &Site) -> [String; 2] {
        [self.first, self.last].map(|second| {
            Timestamp::from_second(i64::from(second))
                .unwrap_or_default()
                .to_zoned(site.zone.clone())
                .strftime("%Y-%m-%dT%H:%M:%S%:z")
                .to_string()
        })
    }

    /// The first instant of every day, seconds since 1970 UTC.
    pub(crate) fn starts(&self, site: &Site) -> Vec<u32> {
        (self.from.0..=self.to.0).map(|day| Day(day).start(&site.zone)).collect()
    }

    /// The label of every day, week or month: its first day. A week begins on Monday; the first
    /// week and month may begin before the range.
    pub(crate) fn period_labels(&self, period: Dimension) -> Vec<String> {
        let mut labels = Vec::new();
        let mut last = None;
        for day in self.from.0..=self.to.0 {
            let first = first_of(period, Day(day));
            if last.replace(first) != Some(first) {
                labels.push(first.to_string());
            }
        }
        labels
    }

    /// The label of every hour; a day has as many as begin in it, 23 or 25 with a clock change.
    pub(crate) fn hour_labels(&self, site: &Site) -> Vec<String> {
        let day_hours = |day: u16| {
            let start = Day(day).start(&site.zone);
            let end = Day(day.saturating_add(1)).start(&site.zone);
            let hours = end.saturating_sub(start).div_ceil(3600);
            (0..hours).map(move |hour| format!("{} {hour:02}:00:00", Day(day)))
        };
        (self.from.0..=self.to.0).flat_map(day_hours).collect()
    }

    /// The label of every minute, its hour counted as in [`Span::hour_labels`].
    pub(crate) fn minute_labels(&self, site: &Site) -> Vec<String> {
        let day_minutes = |day: u16| {
            let start = Day(day).start(&site.zone);
            let end = Day(day.saturating_add(1)).start(&site.zone);
            let minutes = end.saturating_sub(start).div_ceil(60);
            (0..minutes)
                .map(move |minute| format!("{} {:02}:{:02}:00", Day(day), minute / 60, minute % 60))
        };
        (self.from.0..=self.to.0).flat_map(day_minutes).collect()
    }
}

/// The first day of the day, week or month that `day` is in.
fn first_of(period: Dimension, day: Day) -> Day {
    let date = day.date();
    match period {
        Dimension::Week => {
            let since_monday = date.weekday().to_monday_zero_offset();
            Day(day.0.saturating_sub(u16::from(since_monday.unsigned_abs())))
        }
        Dimension::Month => Day::from_date(date.first_of_month()),
        _ => day,
    }
}

/// The number in a text such as `28d`: from 1 to `most`, without zeros in front.
fn count(text: &str, unit: &str, most: u16) -> Option<u16> {
    let digits = text.strip_suffix(unit)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    digits.parse().ok().filter(|number| plain && *number <= most)
}

fn first_day(site: &Site, today: Day) -> Day {
    let oldest = Day(today.0.saturating_sub(u16::try_from(MAX_RANGE_DAYS - 1).unwrap_or(u16::MAX)));
    locate(site.created, &site.zone).day.clamp(oldest, today)
}

fn realtime(site: &Site, now: u32) -> Span {
    let after = now.saturating_sub(REALTIME_SECONDS);
    let from = locate(after, &site.zone).day;
    let to = locate(now.saturating_add(AHEAD_SECONDS), &site.zone).day;
    Span { from, to, after: Some(after), first: after.saturating_add(1), last: now }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SiteId;
    use crate::model::day::zone;

    fn site(name: &str, created: u32) -> Site {
        Site {
            id: SiteId(1),
            domain: "a.example".to_owned(),
            timezone: name.to_owned(),
            zone: zone(name).unwrap(),
            hostnames: Vec::new(),
            rules: std::sync::Arc::default(),
            threshold: None,
            created,
        }
    }

    fn at(text: &str) -> u32 {
        u32::try_from(text.parse::<Timestamp>().unwrap().as_second()).unwrap()
    }

    fn days(range: DateRange, zone: &str, now: &str) -> String {
        let span = range.place(&site(zone, at("2026-02-03T12:00:00Z")), at(now));
        format!("{} {}", span.from, span.to)
    }

    #[test]
    fn named_ranges_are_days_of_the_site() {
        let now = "2026-11-21T23:30:00Z"; // already the 22nd in Berlin
        for (name, expected) in [
            ("day", "2026-11-22 2026-11-22"),
            ("7d", "2026-11-15 2026-11-21"),
            ("28d", "2026-10-25 2026-11-21"),
            ("30d", "2026-10-23 2026-11-21"),
            ("91d", "2026-08-23 2026-11-21"),
            ("1d", "2026-11-21 2026-11-21"),
            ("14d", "2026-11-08 2026-11-21"),
            ("month", "2026-11-01 2026-11-22"),
            ("1mo", "2026-10-01 2026-10-31"),
            ("6mo", "2026-05-01 2026-10-31"),
            ("12mo", "2025-11-01 2026-10-31"),
            ("year", "2026-01-01 2026-11-22"),
            ("all", "2026-02-03 2026-11-22"),
        ] {
            let range = DateRange::find(name).unwrap();
            assert_eq!(days(range, "Europe/Berlin", now), expected, "{name}");
        }
        assert_eq!(days(DateRange::Today, "UTC", now), "2026-11-21 2026-11-21");
        for unknown in
            ["24h", "0d", "07d", "+7d", "7D", "d", "1831d", "99999d", "61mo", "-1mo", "7 d"]
        {
            assert_eq!(DateRange::find(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn both_sides_of_the_date_line_have_their_own_today() {
        let now = "2026-11-21T10:30:00Z";
        assert_eq!(days(DateRange::Today, "Pacific/Kiritimati", now), "2026-11-22 2026-11-22");
        assert_eq!(days(DateRange::Today, "Pacific/Pago_Pago", now), "2026-11-20 2026-11-20");
        assert_eq!(days(DateRange::Month, "Pacific/Kiritimati", now), "2026-11-01 2026-11-22");
    }

    #[test]
    fn the_first_of_january_looks_back_over_the_year() {
        let now = "2026-01-01T12:00:00Z";
        assert_eq!(days(DateRange::LastMonths(6), "UTC", now), "2025-07-01 2025-12-31");
        assert_eq!(days(DateRange::Year, "UTC", now), "2026-01-01 2026-01-01");
        // A site "created" after today's day still has one day.
        assert_eq!(days(DateRange::All, "UTC", now), "2026-01-01 2026-01-01");
    }

    #[test]
    fn ends_carry_the_offset_of_their_own_day() {
        let site = site("Europe/Berlin", 0);
        let day = Day::parse("2026-10-25").unwrap();
        let span = DateRange::Days(day, day).place(&site, at("2026-11-21T10:00:00Z"));
        assert_eq!(span.ends(&site), ["2026-10-25T00:00:00+02:00", "2026-10-25T23:59:59+01:00"]);
    }

    #[test]
    fn a_day_has_the_hours_that_begin_in_it() {
        for (zone, day, hours) in [
            ("Europe/Berlin", "2026-03-29", 23),
            ("Europe/Berlin", "2026-10-25", 25),
            ("Australia/Lord_Howe", "2026-04-05", 25), // 24.5 hours
            ("Australia/Lord_Howe", "2026-10-04", 24), // 23.5 hours
            ("Asia/Kolkata", "2026-10-25", 24),
        ] {
            let site = site(zone, 0);
            let day = Day::parse(day).unwrap();
            let labels = DateRange::Days(day, day).place(&site, 0).hour_labels(&site);
            assert_eq!(labels.len(), hours, "{zone}");
            assert_eq!(labels.last().unwrap(), &format!("{day} {:02}:00:00", hours - 1));
        }
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_the_first() {
        let [from, to] = ["2026-12-30", "2027-02-01"].map(|day| Day::parse(day).unwrap());
        let span = DateRange::Days(from, to).place(&site("UTC", 0), 0);
        let weeks =
            ["2026-12-28", "2027-01-04", "2027-01-11", "2027-01-18", "2027-01-25", "2027-02-01"];
        assert_eq!(span.period_labels(Dimension::Week), weeks);
        let months = ["2026-12-01", "2027-01-01", "2027-02-01"];
        assert_eq!(span.period_labels(Dimension::Month), months);
        assert_eq!(span.period_labels(Dimension::Day).len(), 34);
    }

    #[test]
    fn minutes_are_counted_from_the_first_instant() {
        for (zone, day, minutes, last) in [
            ("Asia/Kolkata", "2026-10-25", 1_440, "23:59:00"),
            ("Europe/Berlin", "2026-03-29", 1_380, "22:59:00"),
            ("Australia/Lord_Howe", "2026-04-05", 1_470, "24:29:00"),
        ] {
            let site = site(zone, 0);
            let day = Day::parse(day).unwrap();
            let labels = DateRange::Days(day, day).place(&site, 0).minute_labels(&site);
            assert_eq!(labels.len(), minutes, "{zone}");
            assert_eq!(labels.last().unwrap(), &format!("{day} {last}"));
            assert_eq!(labels[61], format!("{day} 01:01:00"));
        }
    }

    #[test]
    fn realtime_reads_both_days_around_midnight() {
        let site = site("Europe/Berlin", 0);
        let now = at("2026-11-21T23:02:00Z"); // two minutes past midnight
        let span = DateRange::Realtime.place(&site, now);
        assert_eq!(
            (span.from.to_string(), span.to.to_string()),
            ("2026-11-21".to_owned(), "2026-11-22".to_owned())
        );
        assert_eq!(span.after, Some(now - 300));
        assert_eq!(span.days(), 2);
        assert_eq!(span.period_labels(Dimension::Day), ["2026-11-21", "2026-11-22"]);
    }
}

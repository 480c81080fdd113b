//! Calendar days of a site, in the site's own zone.
//!
//! A day is stored as ClickHouse stores `Date`: whole days since 1970-01-01. An hour of a day is
//! counted in full hours since the day's first instant, so a day with a clock change has 23 or 25.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Seconds of an hour.
const HOUR: u32 = 3600;

/// A site-local calendar day: whole days since 1970-01-01 (the encoding of ClickHouse `Date`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub u16);

/// A moment placed in a site's calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalMoment {
    /// The site-local day.
    pub day: Day,
    /// Full hours since the first instant of the day, 0 to 24.
    pub hour: u8,
    /// First instant of the day, seconds since 1970 UTC.
    pub day_start: u32,
    /// First instant of the next day, seconds since 1970 UTC.
    pub day_end: u32,
}

/// The zone name is not in the time zone database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone {0:?}: use a name such as Europe/Berlin or UTC")]
pub struct ZoneError(pub String);

impl Day {
    /// The day of a civil date; dates outside 1970-01-01 to 2149-06-06 are clamped.
    #[must_use]
    pub fn from_date(date: Date) -> Self {
        let epoch = jiff::civil::date(1970, 1, 1);
        let days = (date - epoch).get_days();
        Self(u16::try_from(days.max(0)).unwrap_or(u16::MAX))
    }

    /// The civil date of this day.
    #[must_use]
    pub fn date(self) -> Date {
        jiff::civil::date(1970, 1, 1).saturating_add(i64::from(self.0).days())
    }

    /// Reads `YYYY-MM-DD`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let date: Date = text.parse().ok()?;
        let known = jiff::civil::date(1970, 1, 1)..=jiff::civil::date(2149, 6, 6);
        (text.len() == 10 && known.contains(&date)).then(|| Self::from_date(date))
    }

    /// The first instant of this day in `zone`, seconds since 1970 UTC.
    #[must_use]
    pub fn start(self, zone: &TimeZone) -> u32 {
        first_instant(self.date(), zone)
    }
}

impl fmt::Display for Day {
    /// `YYYY-MM-DD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.date())
    }
}

/// Another moment of the same day.
#[must_use]
pub fn at(of_day: &LocalMoment, at: u32) -> LocalMoment {
    let hour = at.saturating_sub(of_day.day_start) / HOUR;
    LocalMoment { hour: u8::try_from(hour).unwrap_or(u8::MAX), ..*of_day }
}

/// Looks up an IANA zone name.
///
/// # Errors
/// When the name is not known.
pub fn zone(name: &str) -> Result<TimeZone, ZoneError> {
    TimeZone::get(name).map_err(|_| ZoneError(name.to_owned()))
}

/// Places `at` (seconds since 1970 UTC) in the calendar of `zone`.
#[must_use]
pub fn locate(at: u32, zone: &TimeZone) -> LocalMoment {
    let date =
        Timestamp::from_second(i64::from(at)).unwrap_or_default().to_zoned(zone.clone()).date();
    let day_start = first_instant(date, zone);
    let day_end = first_instant(date.saturating_add(1.day()), zone);
    let hour = u8::try_from(at.saturating_sub(day_start) / HOUR).unwrap_or(u8::MAX);
    LocalMoment { day: Day::from_date(date), hour, day_start, day_end }
}

fn first_instant(date: Date, zone: &TimeZone) -> u32 {
    let seconds = zone
        .to_ambiguous_zoned(date.at(0, 0, 0, 0))
        .compatible()
        .and_then(|zoned| zoned.start_of_day())
        .map_or(0, |zoned| zoned.timestamp().as_second());
    u32::try_from(seconds.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_round_trip_through_text() {
        let day = Day::parse("2026-11-21").unwrap();
        assert_eq!(day.to_string(), "2026-11-21");
        assert_eq!(Day::from_date(day.date()), day);
        assert_eq!(Day::parse("2026-13-01"), None);
        assert_eq!(Day::parse("26-1-1"), None);
        assert_eq!(Day::parse("2150-01-01"), None);
    }

    #[test]
    fn a_spring_day_in_berlin_has_23_hours() {
        let zone = zone("Europe/Berlin").unwrap();
        let moment = locate(Day::parse("2026-03-29").unwrap().start(&zone) + 22 * 3600, &zone);
        assert_eq!(moment.hour, 22);
        assert_eq!(moment.day_end - moment.day_start, 23 * 3600);
    }

    #[test]
    fn kiritimati_and_pago_pago_are_on_different_days() {
        let at = 1_795_000_000;
        let east = locate(at, &zone("Pacific/Kiritimati").unwrap());
        let west = locate(at, &zone("Pacific/Pago_Pago").unwrap());
        assert_ne!(east.day, west.day);
        assert!(east.day_start <= at && at < east.day_end);
    }

    #[test]
    fn an_unknown_zone_is_refused_by_name() {
        assert_eq!(zone("Mars/Olympus"), Err(ZoneError("Mars/Olympus".to_owned())));
    }
}

//! The days of the story in the calendar of each of forty zones.

use headcount::model::Day;
use headcount::model::day::{locate, zone};
use jiff::civil::Date;

use crate::support::years::table::Dimension;

/// First local day, at every site.
pub(crate) const FIRST_DAY: &str = "2093-03-27";
/// Local days with events.
pub(crate) const DAYS: usize = 12;

/// One zone for each site. In these days the clocks go forward in Europe (in some places at
/// midnight, in Troll by two hours) and back in Australia, New Zealand, Chatham and Chile.
pub(crate) const ZONES: [&str; 40] = [
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Antarctica/Troll",
    "Atlantic/Azores",
    "America/Santiago",
    "America/New_York",
    "America/St_Johns",
    "Australia/Sydney",
    "Australia/Adelaide",
    "Australia/Eucla",
    "Pacific/Auckland",
    "Pacific/Tongatapu",
    "Pacific/Fakaofo",
    "Pacific/Marquesas",
    "Pacific/Honolulu",
    "Pacific/Niue",
    "Asia/Kolkata",
    "Asia/Tehran",
    "Asia/Kabul",
    "Asia/Yangon",
    "Asia/Tokyo",
    "Asia/Shanghai",
    "Asia/Jerusalem",
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Sao_Paulo",
    "America/Phoenix",
    "America/Nuuk",
    "America/Caracas",
    "Europe/London",
    "Europe/Istanbul",
    "Pacific/Norfolk",
    "Pacific/Easter",
    "UTC",
];

/// One zone's days.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    /// First second of each day, and of the one after the last.
    pub(crate) starts: [u32; DAYS + 1],
    /// Its first day: whole days since 1970.
    first: u16,
}

impl Calendar {
    /// The days in the zone of that name.
    pub(crate) fn of(name: &str) -> Self {
        let zone = zone(name).expect("a known zone");
        let first = Day::parse(FIRST_DAY).expect("a day").0;
        let mut starts = [0; DAYS + 1];
        for (start, day) in starts.iter_mut().zip(first..) {
            *start = Day(day).start(&zone);
        }
        Self { starts, first }
    }

    /// Days since 1970 of day number `day`.
    pub(crate) fn stored(&self, day: usize) -> u16 {
        self.first + u16::try_from(day).expect("a few days")
    }

    /// Full hours from the first second of day number `day` to `ts`.
    pub(crate) fn hour(&self, day: usize, ts: u32) -> u8 {
        let since = ts - self.starts.get(day).expect("one of the days");
        u8::try_from(since / 3_600).expect("a day has at most 25 hours")
    }
}

/// Number of a date among the days of the story; below 0 or beyond [`DAYS`] outside of it.
pub(crate) fn number(date: Date) -> i32 {
    let first: Date = FIRST_DAY.parse().expect("a date");
    (date - first).get_days()
}

/// The date of day number `day`.
pub(crate) fn date(day: i32) -> Date {
    let first: Date = FIRST_DAY.parse().expect("a date");
    first.saturating_add(jiff::Span::new().days(day))
}

/// The Monday of the week of day number `day`.
pub(crate) fn monday(day: i32) -> Date {
    let back = i32::from(date(day).weekday().to_monday_zero_offset());
    date(day - back)
}

/// The first of the month of day number `day`.
pub(crate) fn first_of_month(day: i32) -> Date {
    date(day).first_of_month()
}

/// First and last day of the range called `range`, in the zone of that name at `clock`.
pub(crate) fn range(range: &str, name: &str, clock: u32) -> (i32, i32) {
    let today = locate(clock, &zone(name).expect("a known zone")).day.date();
    let first = today.first_of_month();
    let day = |date: Date| number(date);
    match range {
        "day" => (day(today), day(today)),
        "7d" => (day(today) - 7, day(today) - 1),
        "28d" => (day(today) - 28, day(today) - 1),
        "month" => (day(first), day(today)),
        "6mo" => (day(first.saturating_sub(jiff::Span::new().months(6))), day(first) - 1),
        "year" => (day(today.first_of_year()), day(today)),
        other => panic!("no range is called {other}"),
    }
}

/// Every label of a time from day number `from` to `to`; of hours as many as begin in each day.
pub(crate) fn labels(name: &str, dimension: Dimension, (from, to): (i32, i32)) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let zone = zone(name).expect("a known zone");
    let start = |day: i32| Day::from_date(date(day)).start(&zone);
    for day in from..=to {
        match dimension {
            Dimension::Week => found.push(monday(day).to_string()),
            Dimension::Month => found.push(first_of_month(day).to_string()),
            Dimension::Hour => {
                let hours = (start(day + 1) - start(day)).div_ceil(3_600);
                found.extend((0..hours).map(|hour| format!("{} {hour:02}:00:00", date(day))));
            }
            _ => found.push(date(day).to_string()),
        }
    }
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_change_both_ways_within_the_days() {
        let lengths = |name: &str| -> Vec<u32> {
            let calendar = Calendar::of(name);
            let mut found: Vec<u32> =
                calendar.starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
            found.retain(|length| *length != 86_400);
            found
        };
        assert_eq!(lengths("Europe/Berlin"), [23 * 3_600]);
        assert_eq!(lengths("Australia/Lord_Howe"), [86_400 + 1_800]);
        assert_eq!(lengths("Pacific/Chatham"), [25 * 3_600]);
        assert_eq!(lengths("Antarctica/Troll"), [22 * 3_600]);
        assert_eq!(lengths("Asia/Beirut"), [23 * 3_600]);
        assert!(lengths("Asia/Kathmandu").is_empty());
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_the_first() {
        // 2093-03-27 is a Friday.
        assert_eq!(monday(0).to_string(), "2093-03-23");
        assert_eq!(
            (monday(2).to_string(), monday(3).to_string()),
            ("2093-03-23".to_owned(), "2093-03-30".to_owned())
        );
        assert_eq!(
            (first_of_month(4).to_string(), first_of_month(5).to_string()),
            ("2093-03-01".to_owned(), "2093-04-01".to_owned())
        );
        assert_eq!(number("2093-04-07".parse().expect("a date")), 11);
    }
}

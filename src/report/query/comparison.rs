//! The period that a report is compared with: `include.comparisons`.

use jiff::ToSpan;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::model::Day;
use crate::model::Site;
use crate::report::query::Query;
use crate::report::query::error::QueryError;
use crate::report::query::json::object;
use crate::report::query::raw::MAX_ROWS;
use crate::report::range::DateRange;
use crate::report::range::Span;

/// The fields, for errors.
const FIELD: &str = "include.comparisons";

/// What a report is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// Which period.
    pub(crate) mode: Mode,
    /// Whether it is moved by days so that it begins on the same day of the week.
    pub(crate) match_day_of_week: bool,
}

/// Which period a report is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As many days, ending on the day before the first.
    PreviousPeriod,
    /// The same dates one year earlier; the 28th for a 29 February.
    YearOverYear,
    /// From a day to a day.
    Custom(Day, Day),
}

impl Mode {
    /// The name in queries.
    fn name(self) -> &'static str {
        match self {
            Self::PreviousPeriod => "previous_period",
            Self::YearOverYear => "year_over_year",
            Self::Custom(_, _) => "custom",
        }
    }
}

impl Comparison {
    /// The days to compare `span` with; `None` when they begin before 1970.
    pub(super) fn days(self, span: &Span) -> Option<(Day, Day)> {
        let length = u16::try_from(span.days()).ok()?;
        let (from, to) = match self.mode {
            Mode::Custom(from, to) => return Some((from, to)),
            Mode::PreviousPeriod => (span.from.0.checked_sub(length)?, span.from.0.checked_sub(1)?),
            Mode::YearOverYear => (year_before(span.from)?.0, year_before(span.to)?.0),
        };
        if !self.match_day_of_week {
            return Some((Day(from), Day(to)));
        }
        // How many days later the day of the week comes again.
        let later = (span.from.0 - from) % 7;
        let back = if later == 0 { 0 } else { 7 - later };
        let overlaps = to < span.from.0 && to.checked_add(later)? >= span.from.0;
        let forward = self.mode == Mode::YearOverYear && later < back && !overlaps;
        let shift = |day: u16| {
            if forward { day.checked_add(later) } else { day.checked_sub(back) }.map(Day)
        };
        Some((shift(from)?, shift(to)?))
    }

    /// The comparison as it is written in a query.
    pub(crate) fn echo(self) -> Value {
        let mut echo = json!({
            "mode": self.mode.name(),
            "match_day_of_week": self.match_day_of_week,
        });
        if let (Mode::Custom(from, to), Some(echo)) = (self.mode, echo.as_object_mut()) {
            echo.insert("date_range".to_owned(), json!([from.to_string(), to.to_string()]));
        }
        echo
    }
}

impl Query {
    /// The query to compare with; of a list, as many rows as there can be.
    pub(crate) fn compared(&self, site: &Site, now: u32) -> Option<Self> {
        let (from, to) = self.asked.comparison?.days(&self.span)?;
        let mut other = self.clone();
        other.asked.range = DateRange::Days(from, to);
        other.asked.comparison = None;
        other.asked.limit = MAX_ROWS;
        other.asked.offset = 0;
        other.span = other.asked.range.place(site, now);
        other.starts = other.span.starts(site);
        Some(other)
    }
}

/// Reads `include.comparisons`.
///
/// # Errors
/// When it is not as it should be.
pub(super) fn comparison(include: &Map<String, Value>) -> Result<Option<Comparison>, QueryError> {
    let Some(sent) = include.get("comparisons") else { return Ok(None) };
    let object = object(FIELD, sent, &["mode", "date_range", "match_day_of_week"])?;
    let modes = "\"previous_period\", \"year_over_year\" or \"custom\"";
    let field = format!("{FIELD}.mode");
    let mode = object.get("mode").ok_or_else(|| QueryError::missing(&field, modes))?;
    let flag = match object.get("match_day_of_week") {
        None => false,
        Some(Value::Bool(flag)) => *flag,
        Some(other) => {
            let field = format!("{FIELD}.match_day_of_week");
            return Err(QueryError::new(&field, other, "true or false"));
        }
    };
    let range_field = format!("{FIELD}.date_range");
    let mode = match mode.as_str() {
        Some("previous_period") => Mode::PreviousPeriod,
        Some("year_over_year") => Mode::YearOverYear,
        Some("custom") => {
            let days = DateRange::allowed_days();
            let sent =
                object.get("date_range").ok_or_else(|| QueryError::missing(&range_field, &days))?;
            match DateRange::read_days(sent) {
                Some(DateRange::Days(from, to)) => Mode::Custom(from, to),
                _ => return Err(QueryError::new(&range_field, sent, &days)),
            }
        }
        _ => return Err(QueryError::new(&field, mode, modes)),
    };
    let is_custom = matches!(mode, Mode::Custom(_, _));
    if let Some(range) = object.get("date_range").filter(|_| !is_custom) {
        return Err(QueryError::new(&range_field, range, "nothing, but with the mode \"custom\""));
    }
    if flag && is_custom {
        let field = format!("{FIELD}.match_day_of_week");
        return Err(QueryError::of_text(&field, "true", "false with the mode \"custom\""));
    }
    Ok(Some(Comparison { mode, match_day_of_week: flag }))
}

fn year_before(day: Day) -> Option<Day> {
    let date = day.date().checked_sub(1.year()).ok()?;
    (date.year() >= 1970).then(|| Day::from_date(date))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::query::tests::query;
    use crate::report::query::tests::site;

    const NOW: u32 = 1_795_303_800; // 2026-11-22 in Berlin

    /// The days that `range` is compared with.
    fn days(range: &Value, comparison: &Value) -> String {
        let query =
            query(&json!({ "date_range": range, "include": { "comparisons": comparison } }));
        let other = query.unwrap().compared(&site(), NOW).unwrap();
        format!("{} {}", other.span.from, other.span.to)
    }

    #[test]
    fn the_previous_period_is_as_long_and_ends_the_day_before() {
        let mode = json!({ "mode": "previous_period" });
        for (range, expected) in [
            (json!("day"), "2026-11-21 2026-11-21"),
            (json!("7d"), "2026-11-08 2026-11-14"),
            (json!("month"), "2026-10-10 2026-10-31"),
            (json!("6mo"), "2025-10-29 2026-04-30"),
            (json!(["2028-02-29", "2028-03-01"]), "2028-02-27 2028-02-28"),
        ] {
            assert_eq!(days(&range, &mode), expected, "{range}");
        }
    }

    #[test]
    fn a_year_earlier_has_the_same_dates() {
        let mode = json!({ "mode": "year_over_year" });
        for (range, expected) in [
            (json!("7d"), "2025-11-15 2025-11-21"),
            (json!("year"), "2025-01-01 2025-11-22"),
            (json!(["2028-02-01", "2028-02-29"]), "2027-02-01 2027-02-28"),
            (json!(["2028-02-29", "2028-02-29"]), "2027-02-28 2027-02-28"),
            (json!(["2029-02-01", "2029-02-28"]), "2028-02-01 2028-02-28"),
        ] {
            assert_eq!(days(&range, &mode), expected, "{range}");
        }
    }

    #[test]
    fn the_day_of_the_week_can_be_matched() {
        for (mode, range, expected) in [
            // A Sunday: the Sunday before, and the nearest one a year before.
            ("previous_period", json!("day"), "2026-11-15 2026-11-15"),
            ("year_over_year", json!("day"), "2025-11-23 2025-11-23"),
            ("previous_period", json!("7d"), "2026-11-08 2026-11-14"),
            ("previous_period", json!(["2026-11-02", "2026-11-05"]), "2026-10-26 2026-10-29"),
            // 2028-03-01 is a Wednesday, 2027-03-01 a Monday; 2029-03-01 a Thursday.
            ("year_over_year", json!(["2028-03-01", "2028-03-07"]), "2027-03-03 2027-03-09"),
            ("year_over_year", json!(["2029-03-01", "2029-03-07"]), "2028-03-02 2028-03-08"),
            // Not into the year itself.
            ("year_over_year", json!(["2026-01-01", "2026-12-31"]), "2024-12-26 2025-12-25"),
        ] {
            let matched = json!({ "mode": mode, "match_day_of_week": true });
            assert_eq!(days(&range, &matched), expected, "{mode} {range}");
        }
    }

    #[test]
    fn any_other_days_can_be_named() {
        let custom = json!({ "mode": "custom", "date_range": ["2026-01-01", "2026-01-05"] });
        assert_eq!(days(&json!("7d"), &custom), "2026-01-01 2026-01-05");
    }

    #[test]
    fn the_other_query_asks_for_all_rows_and_compares_with_nothing() {
        let query = query(&json!({ "dimensions": ["visit:source"],
            "pagination": { "limit": 5, "offset": 10 },
            "include": { "comparisons": { "mode": "previous_period" } } }))
        .unwrap();
        let other = query.compared(&site(), NOW).unwrap();
        assert_eq!((other.asked.limit, other.asked.offset), (10_000, 0));
        assert_eq!(other.asked.comparison, None);
        assert_eq!(other.compared(&site(), NOW).map(|_| ()), None);
        assert_eq!(other.starts.len(), 7);
        assert_eq!(other.starts.first(), Some(&other.span.from.start(&site().zone)));
    }

    #[test]
    fn what_is_not_as_it_should_be_is_refused_by_field() {
        for (sent, field) in [
            (json!(true), ""),
            (json!({}), ".mode"),
            (json!({ "mode": "next" }), ".mode"),
            (json!({ "mode": "custom" }), ".date_range"),
            (json!({ "mode": "custom", "date_range": "7d" }), ".date_range"),
            (
                json!({ "mode": "custom", "date_range": ["2026-02-02", "2026-02-01"] }),
                ".date_range",
            ),
            (
                json!({ "mode": "previous_period", "date_range": ["2026-01-01", "2026-01-02"] }),
                ".date_range",
            ),
            (json!({ "mode": "previous_period", "match_day_of_week": 1 }), ".match_day_of_week"),
            (
                json!({ "mode": "custom", "date_range": ["2026-01-01", "2026-01-02"],
                "match_day_of_week": true }),
                ".match_day_of_week",
            ),
            (json!({ "mode": "previous_period", "weeks": 1 }), ".weeks"),
        ] {
            let error = query(&json!({ "include": { "comparisons": sent } })).unwrap_err();
            assert_eq!(error.field, format!("include.comparisons{field}"), "{sent}");
        }
        // 1970 is where days begin.
        for mode in ["previous_period", "year_over_year"] {
            let error = query(&json!({ "date_range": ["1970-01-05", "1970-06-01"],
                "include": { "comparisons": { "mode": mode } } }));
            assert_eq!(error.unwrap_err().field, "include.comparisons");
        }
    }

    #[test]
    fn the_echo_is_what_was_sent() {
        for sent in [
            json!({ "mode": "custom", "date_range": ["2026-01-01", "2026-01-05"],
                "match_day_of_week": false }),
            json!({ "mode": "year_over_year", "match_day_of_week": true }),
        ] {
            let query = query(&json!({ "include": { "comparisons": sent } })).unwrap();
            assert_eq!(query.asked.comparison.unwrap().echo(), sent);
        }
    }
}

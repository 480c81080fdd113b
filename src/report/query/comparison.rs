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

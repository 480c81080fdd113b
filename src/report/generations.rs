//! Which days of a range are closed, and by which generations: read once for each query.
//!
//! A day is answered either from its published generations or from its open rows, never from both.
//! All statements of one query are bound to the same reading, so a day that is closed meanwhile is
//! neither counted twice nor missed. The reading also names the state of the rows, for the cache.

use serde_json::Value;

use crate::model::Day;
use crate::model::SiteId;
use crate::report::range::Span;
use crate::store::Param;
use crate::store::Statement;

/// The days of one site and range, by how they are stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Generations {
    /// Days without a published generation.
    pub(crate) open_days: Vec<Day>,
    /// Generations with sums by dimension.
    pub(crate) detailed: Vec<u64>,
    /// Generations without.
    pub(crate) plain: Vec<u64>,
    /// Rows that reached a closed day too late to be part of its whole generation.
    pub(crate) late_rows: u64,
    /// The oldest day with open rows that are read.
    pub(crate) oldest_open: Option<Day>,
    /// Names the state of all rows: generations, and what the open days hold.
    pub(crate) state: String,
}

/// One published generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Published {
    day: Day,
    number: u64,
    addition: bool,
}

impl Generations {
    /// All days open, as before the first closing.
    pub(crate) fn all_open(span: &Span) -> Self {
        Self { open_days: (span.from.0..=span.to.0).map(Day).collect(), ..Self::default() }
    }

    /// All generations that count.
    pub(crate) fn all(&self) -> Vec<u64> {
        self.detailed.iter().chain(&self.plain).copied().collect()
    }

    /// Whether any row is to be read from closed days.
    pub(crate) fn has_closed(&self) -> bool {
        !self.detailed.is_empty() || !self.plain.is_empty()
    }

    /// Whether any row is to be read from open days.
    pub(crate) fn has_open(&self) -> bool {
        !self.open_days.is_empty()
    }

    /// The parameters that bind every statement to this reading.
    pub(crate) fn params(&self) -> Vec<(String, Param)> {
        let days = self.open_days.iter().map(Day::to_string).collect();
        vec![
            ("days".to_owned(), Param::StrArray(days)),
            ("gens".to_owned(), Param::U64Array(self.all())),
            ("detailed".to_owned(), Param::U64Array(self.detailed.clone())),
            ("plain".to_owned(), Param::U64Array(self.plain.clone())),
        ]
    }
}

/// What is published in the range, what the site has there, and what its open rows look like:
/// rows of (kind, day or spool, generation or batch, flag or rows, events or oldest day).
pub(crate) fn statement(site: SiteId, span: &Span) -> Statement {
    let range = "day BETWEEN {from:Date} AND {to:Date}";
    let sql = format!(
        "SELECT 'day', toUInt64(toUInt16(day)), toUInt64(gen), toUInt64(addition), toUInt64(0) \
         FROM closed_days WHERE {range} \
         UNION ALL SELECT 'site', toUInt64(toUInt16(day)), toUInt64(gen), toUInt64(max(detailed)), \
         toUInt64(sum(events)) FROM totals WHERE site = {{site:UInt32}} AND dim = '' AND {range} \
         GROUP BY day, gen \
         UNION ALL SELECT 'open', toUInt64(spool), toUInt64(max(batch)), toUInt64(count()), \
         toUInt64(toUInt16(min(day))) FROM open_events WHERE site = {{site:UInt32}} AND {range} \
         AND day NOT IN (SELECT day FROM closed_days WHERE {range}) GROUP BY spool"
    );
    let params = vec![
        ("site".to_owned(), Param::U64(u64::from(site.0))),
        ("from".to_owned(), Param::Date(span.from)),
        ("to".to_owned(), Param::Date(span.to)),
    ];
    Statement { sql, params }
}

/// Understands the rows of [`statement`]; `None` when they have another shape.
pub(crate) fn read(span: &Span, rows: &[Vec<Value>]) -> Option<Generations> {
    let mut published = Vec::new();
    let mut of_site = Vec::new();
    let mut open = Vec::new();
    let mut oldest_open = Vec::new();
    for row in rows {
        let [kind, first, second, third, fourth] = row.as_slice() else { return None };
        let (first, second) = (first.as_u64()?, second.as_u64()?);
        let (third, fourth) = (third.as_u64()?, fourth.as_u64()?);
        match kind.as_str()? {
            "day" => published.push(Published {
                day: Day(u16::try_from(first).ok()?),
                number: second,
                addition: third == 1,
            }),
            "site" => of_site.push((second, third == 1, fourth)),
            _ => {
                open.push((first, second, third));
                oldest_open.push(Day(u16::try_from(fourth).ok()?));
            }
        }
    }
    let oldest_open = oldest_open.into_iter().min();
    let mut found = Generations { oldest_open, ..Generations::default() };
    let current = current(&mut published);
    for day in (span.from.0..=span.to.0).map(Day) {
        if !current.iter().any(|one| one.day == day) {
            found.open_days.push(day);
        }
    }
    let mut state = String::new();
    for one in &current {
        // A generation without rows of this site needs not be read.
        let Some((_, detailed, events)) = of_site.iter().find(|(gen_, ..)| *gen_ == one.number)
        else {
            continue;
        };
        if *detailed {
            found.detailed.push(one.number);
        } else {
            found.plain.push(one.number);
        }
        if one.addition {
            found.late_rows += events;
        }
        // Rows of a generation change only when they are erased.
        state.push_str(&format!("{}:{events};", one.number));
    }
    open.sort_unstable();
    let days: Vec<String> = found.open_days.iter().map(|day| day.0.to_string()).collect();
    state.push_str(&days.join(","));
    for (spool, batch, rows) in open {
        state.push_str(&format!(";{spool}/{batch}/{rows}"));
    }
    found.state = state;
    Some(found)
}

/// The generations that count: of each day the newest whole one and the additions behind it.
fn current(published: &mut [Published]) -> Vec<Published> {
    published.sort_unstable();
    let mut current: Vec<Published> = Vec::new();
    for one in published.iter() {
        if !one.addition {
            current.retain(|before| before.day != one.day);
        }
        current.push(*one);
    }
    current
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn span() -> Span {
        let site = crate::report::query::tests::site();
        let range = crate::report::range::DateRange::Days(Day(100), Day(103));
        range.place(&site, 0)
    }

    fn found(rows: &Value) -> Generations {
        let rows: Vec<Vec<Value>> = serde_json::from_value(rows.clone()).unwrap();
        read(&span(), &rows).unwrap()
    }

    #[test]
    fn the_newest_whole_generation_and_the_additions_behind_it_count() {
        let found = found(&json!([
            ["day", 100, 1, 0, 0],
            ["day", 100, 4, 0, 0],
            ["day", 100, 6, 1, 0],
            ["day", 101, 2, 0, 0],
            ["day", 101, 3, 1, 0],
            ["day", 101, 5, 0, 0],
            ["site", 100, 1, 1, 9],
            ["site", 100, 4, 1, 10],
            ["site", 100, 6, 0, 2],
            ["site", 101, 5, 0, 7],
            ["site", 102, 9, 0, 7],
        ]));
        assert_eq!(found.open_days, [Day(102), Day(103)]);
        assert_eq!((found.detailed, found.plain), (vec![4], vec![6, 5]));
        assert_eq!(found.late_rows, 2);
    }

    #[test]
    fn the_state_changes_with_every_row() {
        let one = found(&json!([["open", 7, 3, 100, 0]]));
        for other in [
            json!([["open", 7, 4, 101, 0]]),
            json!([["open", 7, 3, 99, 0]]),
            json!([["open", 8, 3, 100, 0]]),
            json!([]),
            json!([["day", 100, 1, 0, 0], ["site", 100, 1, 0, 4]]),
            json!([["day", 100, 1, 0, 0], ["site", 100, 1, 0, 3]]),
        ] {
            assert_ne!(found(&other).state, one.state, "{other}");
        }
    }

    #[test]
    fn rows_of_another_shape_are_refused() {
        assert!(read(&span(), &[vec![json!("day"), json!(1)]]).is_none());
        assert!(
            read(&span(), &[vec![json!("day"), json!("x"), json!(1), json!(1), json!(1)]])
                .is_none()
        );
    }
}

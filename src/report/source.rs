//! Rows that reports are made of: one row an event, with the attributes of its visit.
//!
//! Closed days have them stored (`hits`). For open days they are derived from `open_events`, in the
//! same shape and with the same meaning, so that everything above is written once. A visit is a
//! run of the events of one visitor and day, engagement left out, with gaps of at most 1,800 s, in
//! the order (ts, batch, position, spool). Only columns that a query names are read or derived.
//!
//! Columns of a source: `day`, `visitor` (token or ordinal; 0 without), `visit` (its number within
//! the visitor; 0 without a token), `by_key`, and those asked for by [`Columns`], under the names of
//! the table `hits`; `propN` for a property; `second` (open days only); `engaged_ms`, `scroll` and
//! `first_of_page`, which only the first row of a page in a visit has.

use crate::report::query::Dimension;
use crate::report::query::Scope;

/// Seconds between two events that still belong to one visit.
const MAX_GAP_SECONDS: u32 = 1_800;
/// Raw expression: the second of the event.
const SECOND: &str = "toUnixTimestamp(ts)";
/// What decides the order of events; the first is [`SECOND`].
const ORDER: [&str; 4] = [SECOND, "batch", "position", "spool"];
/// Rows of the open days of the range.
const OPEN: &str = "site = {site:UInt32} AND day BETWEEN {from:Date} AND {to:Date} \
                    AND day IN {days:Array(Date)}";

/// A column that a query needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    /// An attribute of the event itself, by its name.
    Own(&'static str),
    /// A property of the event, by its place in the query.
    Prop(u8),
    /// An attribute of the visit's first event, by its name.
    Visit(&'static str),
    /// Path of the first pageview of the visit.
    EntryPage,
    /// Path of the last pageview of the visit.
    ExitPage,
    /// Hour in which the visit starts.
    StartHour,
    /// Seconds from the first to the last event of the visit.
    Duration,
    /// 1 when at most one event of the visit counts against a bounce.
    Bounce,
    /// Pageviews of the visit.
    Views,
    /// Second of the event; open days only.
    Second,
    /// What the rows of a page in a visit were engaged: three columns.
    Engagement,
}

/// The columns that a query needs, each once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns(Vec<Column>);

impl Columns {
    /// Adds one.
    pub(crate) fn add(&mut self, column: Column) {
        if !self.0.contains(&column) {
            self.0.push(column);
        }
    }

    /// Adds what a dimension is made of.
    pub(crate) fn add_dimension(&mut self, dimension: Dimension) {
        match (dimension, dimension.scope()) {
            (Dimension::Prop(place), _) => self.add(Column::Prop(place)),
            (_, Scope::Event | Scope::Hour) => self.add(Column::Own(dimension.column())),
            (_, Scope::Visit) => self.add(Column::Visit(dimension.column())),
            (_, Scope::Entry) => self.add(Column::EntryPage),
            (_, Scope::Exit) => self.add(Column::ExitPage),
            (_, Scope::Minute) => self.add(Column::Second),
            (_, Scope::Period) => {}
        }
    }

    /// Whether visits must be told apart.
    fn of_visits(&self) -> bool {
        self.0.iter().any(|one| !matches!(one, Column::Own(_) | Column::Prop(_) | Column::Second))
    }
}

impl Column {
    /// Its name in a source.
    fn name(self) -> String {
        match self {
            Self::Own(name) | Self::Visit(name) => name.to_owned(),
            Self::Prop(place) => format!("prop{place}"),
            Self::EntryPage => "entry_page".to_owned(),
            Self::ExitPage => "exit_page".to_owned(),
            Self::StartHour => "start_hour".to_owned(),
            Self::Duration => "duration".to_owned(),
            Self::Bounce => "bounce".to_owned(),
            Self::Views => "views".to_owned(),
            Self::Second => "second".to_owned(),
            Self::Engagement => "engagement".to_owned(),
        }
    }
}

/// Rows of closed days: of the generations in the parameter `gens`, with the bits `first`.
/// `conditions` are conditions on columns of `hits`.
pub(crate) fn closed(columns: &Columns, gens: &str, conditions: &str) -> String {
    let mut list = String::new();
    for column in &columns.0 {
        match column {
            Column::Prop(place) => {
                list.push_str(&format!(", props[{{prop{place}:String}}] AS prop{place}"));
            }
            // Only asked of open days; of a closed day no event is later than any moment of now.
            Column::Second => list.push_str(", toUInt32(0) AS second"),
            Column::Engagement => {
                list.push_str(", engaged_ms, scroll, bitTest(first, 2) AS first_of_page");
            }
            other => list.push_str(&format!(", {}", other.name())),
        }
    }
    format!(
        "SELECT day, toUInt64(visitor) AS visitor, visit, by_key, first{list} FROM hits \
         WHERE site = {{site:UInt32}} AND day BETWEEN {{from:Date}} AND {{to:Date}} \
         AND gen IN {{{gens}:Array(UInt32)}} AND {conditions}"
    )
}

/// Rows of open days.
pub(crate) fn open(columns: &Columns) -> String {
    if !columns.of_visits() {
        return plain(columns, "");
    }
    let mut visits = Visits::new(columns);
    let rows = visits.rows(columns);
    format!("{rows} UNION ALL {}", plain(columns, " AND visitor = 0"))
}

/// Events by themselves: all that is needed without visits, and the rows without a token.
fn plain(columns: &Columns, and: &str) -> String {
    let mut list = String::new();
    for column in &columns.0 {
        let (value, name) = match column {
            Column::Own("hour") => ("hour".to_owned(), "hour"),
            Column::Own(name) | Column::Visit(name) => (text(name), *name),
            Column::Prop(place) => {
                list.push_str(&format!(", {} AS prop{place}", prop(*place)));
                continue;
            }
            Column::EntryPage => ("''".to_owned(), "entry_page"),
            Column::ExitPage => ("''".to_owned(), "exit_page"),
            Column::StartHour => ("hour".to_owned(), "start_hour"),
            Column::Duration => ("toInt64(0)".to_owned(), "duration"),
            Column::Bounce => ("toUInt8(0)".to_owned(), "bounce"),
            Column::Views => ("toUInt32(0)".to_owned(), "views"),
            Column::Second => (SECOND.to_owned(), "second"),
            Column::Engagement => {
                list.push_str(
                    ", toUInt64(0) AS engaged_ms, toUInt8(0) AS scroll, \
                     toUInt8(0) AS first_of_page",
                );
                continue;
            }
        };
        list.push_str(&format!(", {value} AS {name}"));
    }
    format!(
        "SELECT day, visitor, toUInt8(0) AS visit, by_key, toUInt8(0) AS first{list} \
         FROM open_events WHERE {OPEN} AND name != 'engagement'{and}"
    )
}

fn text(column: &str) -> String {
    format!("CAST({column}, 'String')")
}

fn prop(place: u8) -> String {
    format!("props[{{prop{place}:String}}]")
}

/// The tuple of an event, growing with what is asked of it.
struct Visits {
    parts: Vec<String>,
    engagement: bool,
}

impl Visits {
    fn new(columns: &Columns) -> Self {
        let engagement = columns.0.contains(&Column::Engagement);
        Self { parts: ORDER.map(str::to_owned).to_vec(), engagement }
    }

    /// The value of the raw expression `raw` in the tuple called `event`.
    fn of(&mut self, event: &str, raw: &str) -> String {
        let found = self.parts.iter().position(|part| part == raw);
        let place = found.unwrap_or_else(|| {
            self.parts.push(raw.to_owned());
            self.parts.len() - 1
        });
        format!("tupleElement({event}, {})", place + 1)
    }

    /// Its value in the first event of the visit (first touch).
    fn first(&mut self, raw: &str) -> String {
        self.of("v[1]", raw)
    }

    fn pageview(&mut self) -> String {
        self.of("y", "name = 'pageview'")
    }

    /// One row an event of a visit.
    fn rows(&mut self, columns: &Columns) -> String {
        let mut of_visit = Vec::new();
        // The order of columns is that of `plain` and `closed`: unions go by place.
        let mut of_event =
            vec![format!("{} AS by_key, toUInt8(0) AS first", self.of("x", "by_key"))];
        for column in &columns.0 {
            if let Some(value) = self.of_visit(*column) {
                of_visit.push(format!(", {value} AS {}", column.name()));
                of_event.push(column.name());
                continue;
            }
            let value = match column {
                Column::Own("hour") => self.of("x", "hour"),
                Column::Own(name) => self.of("x", &text(name)),
                Column::Prop(place) => self.of("x", &prop(*place)),
                Column::Engagement => {
                    of_event.push(self.engagement());
                    continue;
                }
                _ => self.of("x", SECOND),
            };
            of_event.push(format!("{value} AS {}", column.name()));
        }
        let joined = self.joined();
        format!(
            "SELECT day, visitor, toUInt8(least(k, 255)) AS visit, {} \
             FROM (SELECT day, visitor, v, k{}{} FROM ({}) \
             ARRAY JOIN visits AS v, arrayEnumerate(visits) AS k) ARRAY JOIN {joined}",
            of_event.join(", "),
            if self.engagement { ", engaged, starts" } else { "" },
            of_visit.join(""),
            self.visitors()
        )
    }

    fn of_visit(&mut self, column: Column) -> Option<String> {
        Some(match column {
            Column::Visit(name) => self.first(&text(name)),
            Column::EntryPage => {
                let pageview = self.pageview();
                self.of(&format!("arrayFirst(y -> {pageview}, v)"), &text("path"))
            }
            Column::ExitPage => {
                let pageview = self.pageview();
                self.of(&format!("arrayLast(y -> {pageview}, v)"), &text("path"))
            }
            Column::StartHour => self.first("hour"),
            Column::Duration => {
                format!("toInt64({}) - {}", self.of("v[-1]", SECOND), self.of("v[1]", SECOND))
            }
            Column::Bounce => {
                format!("arrayCount(y -> {} = 1, v) <= 1", self.of("y", "interactive"))
            }
            Column::Views => format!("toUInt32(arrayCount(y -> {}, v))", self.pageview()),
            Column::Own(_) | Column::Prop(_) | Column::Second | Column::Engagement => return None,
        })
    }

    /// What is joined: the events, those without a send key first where the first of a page
    /// matters, and whether an event is the first of its page.
    fn joined(&mut self) -> String {
        if !self.engagement {
            return "v AS x".to_owned();
        }
        let key = self.of("y", "by_key");
        let order = (1..=ORDER.len()).map(|place| format!("tupleElement(y, {place})"));
        let order = order.collect::<Vec<_>>().join(", ");
        let sorted = format!("arraySort(y -> ({key}, {order}), v)");
        let path = self.of("y", &text("path"));
        format!("{sorted} AS x, arrayEnumerateUniq(arrayMap(y -> {path}, {sorted})) AS nth")
    }

    /// Engaged time and scroll depth of the page in this visit, on its first event.
    fn engagement(&mut self) -> String {
        let path = self.of("x", &text("path"));
        let mine = format!(
            "tupleElement(g, 2) = {path} \
             AND greatest(1, arrayCount(s -> s <= tupleElement(g, 1), starts)) = k"
        );
        format!(
            "if(nth = 1, toUInt64(arraySum(g -> if({mine}, tupleElement(g, 3), 0), engaged)), 0) \
             AS engaged_ms, \
             if(nth = 1, toUInt8(arrayMax(arrayPushBack(arrayMap(g -> if({mine} \
             AND tupleElement(g, 4) != 255, tupleElement(g, 4), 0), engaged), 0))), 0) AS scroll, \
             nth = 1 AS first_of_page"
        )
    }

    /// One row a visitor and day: its visits as arrays of events.
    fn visitors(&self) -> String {
        let parts = self.parts.join(", ");
        let split = format!(
            "arraySplit((y, gap) -> gap > {MAX_GAP_SECONDS}, events, \
             arrayDifference(arrayMap(y -> toInt64(tupleElement(y, 1)), events))) AS visits"
        );
        if !self.engagement {
            return format!(
                "SELECT day, visitor, {split} FROM (SELECT day, visitor, \
                 arraySort(groupArray(tuple({parts}))) AS events FROM open_events \
                 WHERE {OPEN} AND name != 'engagement' AND visitor != 0 GROUP BY visitor, day)"
            );
        }
        format!(
            "SELECT day, visitor, engaged, {split}, \
             arrayMap(y -> tupleElement(y[1], 1), visits) AS starts FROM (SELECT day, visitor, \
             arraySort(groupArrayIf(tuple({parts}), name != 'engagement')) AS events, \
             groupArrayIf(tuple({SECOND}, {}, engaged_ms, scroll), name = 'engagement') AS engaged \
             FROM open_events WHERE {OPEN} AND visitor != 0 GROUP BY visitor, day \
             HAVING notEmpty(events))",
            text("path")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(list: &[Column]) -> Columns {
        let mut found = Columns::default();
        list.iter().for_each(|one| found.add(*one));
        found
    }

    #[test]
    fn a_tuple_holds_each_expression_once_behind_the_order() {
        let list = columns(&[Column::Own("path"), Column::EntryPage, Column::Duration]);
        let sql = open(&list);
        assert!(
            sql.contains(
                "tuple(toUnixTimestamp(ts), batch, position, spool, by_key, \
                 CAST(path, 'String'), name = 'pageview')"
            ),
            "{sql}"
        );
    }

    #[test]
    fn a_gap_of_half_an_hour_is_within_a_visit() {
        assert!(open(&columns(&[Column::Views])).contains("gap > 1800"));
    }

    #[test]
    fn visits_are_derived_only_when_needed() {
        let list = columns(&[Column::Own("path"), Column::Own("name"), Column::Own("path")]);
        assert!(!open(&list).contains("groupArray"));
        assert_eq!(open(&list).matches("AS path").count(), 1);
        assert!(open(&columns(&[Column::Visit("city")])).contains("UNION ALL"));
    }
}

//! Rows of a source as rows of the relation: filtered, with their dimensions, counted.
//!
//! A visit counts once in each row of the answer that its selected events reach. Two events reach
//! the same row when they agree on the dimensions of events, or both belong to "(other)". With the
//! bits `first` the first such event stands for the visit; without them the events of a visit are
//! gathered by row first. With hours a visit is a row of its own, in the hour it starts.

use crate::report::query::Dimension;
use crate::report::query::Query;
use crate::report::query::Scope;
use crate::report::source::Column;
use crate::report::source::Columns;
use crate::report::sql::expression;
use crate::report::sql::hidden;
use crate::report::sql::relation::Kind;
use crate::report::sql::relation::Shape;

/// The visitor as one number: tokens differ by day, and so do ordinals with their day.
pub(crate) const VISITOR: &str =
    "if(visitor = 0, 0, bitXor(bitShiftLeft(toUInt64(toUInt16(day)), 48), visitor))";

/// Where rows come from.
pub(crate) struct Rows {
    /// A `SELECT` of a source.
    pub(crate) source: String,
    /// Only rows of "(other)".
    pub(crate) only_hidden: bool,
    /// Rows of closed days, which stay as they are.
    pub(crate) closed: bool,
    /// The bits that tell first rows; `None` where there are none, or they do not suffice.
    pub(crate) kind: Option<Kind>,
}

/// The columns that a shape needs of a source.
pub(crate) fn columns(query: &Query, shape: &Shape<'_>) -> Columns {
    let mut columns = Columns::default();
    columns.add(Column::Own("name"));
    for dimension in shape.dimensions {
        columns.add_dimension(*dimension);
        if shape.visits && dimension.scope() == Scope::Hour {
            columns.add(Column::StartHour);
        }
    }
    if shape.filtered {
        for filter in &query.asked.filters {
            columns.add_dimension(filter.dimension);
        }
    }
    if query.span.after.is_some() {
        columns.add(Column::Second);
    }
    if shape.visits {
        for column in [Column::Duration, Column::Bounce, Column::Views] {
            columns.add(column);
        }
        if by_page(shape) || filters_pages(query, shape) {
            columns.add(Column::EntryPage);
        }
    }
    if shape.engagement {
        columns.add(Column::Engagement);
    }
    columns
}

/// The rows as a `SELECT`.
pub(crate) fn select(query: &Query, shape: &Shape<'_>, rows: &Rows) -> String {
    let mut conditions = vec![selected(query, shape)];
    if rows.only_hidden {
        conditions.extend(hidden::anything(query, shape).filter(|_| rows.closed));
        conditions.push(hidden::of_row(query, shape).unwrap_or_default());
        conditions.retain(|condition| !condition.is_empty());
    }
    let conditions = expression::all(&conditions);
    let source = &rows.source;
    if shape.visits && rows.kind.is_none() {
        return gathered(query, shape, source, &conditions);
    }
    let mut list = visitors(shape, rows.kind, filters_visits(query, shape));
    list.push_str(", toUInt64(1) AS e, toUInt64(name = 'pageview') AS pv");
    if let (true, Some(Kind(kind))) = (shape.visits, rows.kind) {
        let entry = entry_counts(query, shape, &entry_matches(query, shape), "0");
        list.push_str(&format!(
            ", toUInt64(bitTest(first, {})) AS f, toUInt64(f AND {entry}) AS fb, \
             toUInt64(fb * bounce_) AS bounce, toUInt64(f * duration_) AS duration, \
             toUInt64(f * views_) AS views",
            2 * kind
        ));
    }
    if shape.engagement {
        list.push_str(ENGAGEMENT);
    }
    let other = match hidden::of_row(query, shape) {
        Some(_) if rows.only_hidden => "1".to_owned(),
        other => other.unwrap_or_else(|| expression::NEVER.to_owned()),
    };
    list.push_str(&format!(", toUInt8({other}) AS o"));
    for (index, dimension) in shape.dimensions.iter().enumerate() {
        list.push_str(&format!(", {} AS d{index}", expression::value(*dimension)));
    }
    let source = renamed(shape, source);
    format!("SELECT day, {list} FROM ({source}) WHERE {conditions}")
}

/// Engaged time and scroll depth of rows that are the first of their page.
const ENGAGEMENT: &str = ", toUInt64(first_of_page AND engaged_ms > 0) AS ep, \
    toUInt64(if(first_of_page, engaged_ms, 0)) AS ems, \
    toUInt64(first_of_page AND scroll > 0) AS sp, toUInt64(if(first_of_page, scroll, 0)) AS sd";

/// The source with the columns of visits under names that the relation does not use.
fn renamed(shape: &Shape<'_>, source: &str) -> String {
    if shape.visits {
        format!(
            "SELECT *, bounce AS bounce_, duration AS duration_, views AS views_ FROM ({source})"
        )
    } else {
        source.to_owned()
    }
}

/// How visitors are counted: by the bits where they suffice, else each by its key.
fn visitors(shape: &Shape<'_>, kind: Option<Kind>, filters_visits: bool) -> String {
    let by_visit = shape.dimensions.iter().any(|one| one.is_of_visits());
    match kind {
        Some(Kind(kind)) if !by_visit && !filters_visits => format!(
            "toUInt64(0) AS vkey, toUInt64(bitTest(first, {})) AS vn, toUInt64(0) AS hkey, \
             toUInt64(vn = 1 AND by_key = 0) AS hn",
            2 * kind + 1
        ),
        // The first of its kind in a visit stands for the others: they agree.
        Some(Kind(kind)) => format!(
            "if(bitTest(first, {}), {VISITOR}, 0) AS vkey, toUInt64(0) AS vn, \
             if(by_key = 0, vkey, 0) AS hkey, toUInt64(0) AS hn",
            2 * kind
        ),
        None => format!(
            "{VISITOR} AS vkey, toUInt64(0) AS vn, if(by_key = 0, vkey, 0) AS hkey, \
             toUInt64(0) AS hn"
        ),
    }
}

/// One row for the events of a visit in one row of the answer.
fn gathered(query: &Query, shape: &Shape<'_>, source: &str, conditions: &str) -> String {
    let by_hour = shape.dimensions.contains(&Dimension::Hour);
    let hour = if by_hour { "if(side = 1, hour, start_hour)" } else { "hour" };
    let hides = hidden::split(query, shape, hour);
    let mut list = String::new();
    let mut groups = String::new();
    let mut outer = String::new();
    for (index, dimension) in shape.dimensions.iter().enumerate() {
        let value = match dimension.scope() {
            Scope::Hour => expression::hour(hour),
            _ => expression::value(*dimension),
        };
        let nothing = if dimension.is_time() { "toUInt32(0)" } else { "''" };
        list.push_str(&format!(", if(o = 1, {nothing}, {value}) AS d{index}"));
        groups.push_str(&format!(", d{index}"));
        outer.push_str(&format!(", d{index}"));
    }
    let (side, join, e, f) = if by_hour {
        (", side", " ARRAY JOIN [1, 0] AS side", "side", "toUInt64(visitor != 0 AND side = 0)")
    } else {
        ("", "", "1", "toUInt64(visitor != 0)")
    };
    let entry = entry_counts(query, shape, &entry_matches(query, shape), &hides.by_visit);
    if shape.engagement {
        list.push_str(ENGAGEMENT);
    }
    let engagement = if !shape.engagement {
        String::new()
    } else if by_hour {
        ", sum(side * ep) AS ep, sum(side * ems) AS ems, sum(side * sp) AS sp, \
         sum(side * sd) AS sd"
            .to_owned()
    } else {
        ", sum(ep) AS ep, sum(ems) AS ems, sum(sp) AS sp, sum(sd) AS sd".to_owned()
    };
    format!(
        "SELECT day, if(e > 0, {VISITOR}, 0) AS vkey, toUInt64(0) AS vn, \
         if(known > 0, vkey, 0) AS hkey, toUInt64(0) AS hn, e, pv, {f} AS f, f * enters AS fb, \
         fb * bounce_ AS bounce, f * duration_ AS duration, f * views_ AS views{}, o{outer} FROM (\
         SELECT day, visitor, visit{side}, o{groups}, toUInt64(sum({e})) AS e, \
         toUInt64(sum({e} * (name = 'pageview'))) AS pv, max(by_key = 0) AS known, \
         toUInt64(max(enters_)) AS enters, toUInt64(any(bounce_)) AS bounce_, \
         toUInt64(any(duration_)) AS duration_, toUInt64(any(views_)) AS views_{engagement} FROM (\
         SELECT day, visitor, visit, by_key, name, bounce_, duration_, views_{side}, \
         toUInt8({} OR {}) AS o, toUInt8({entry}) AS enters_{list} \
         FROM ({}){join} WHERE {conditions}) GROUP BY day, visitor, visit{side}, o{groups})",
        if shape.engagement { ", ep, ems, sp, sd" } else { "" },
        hides.by_visit,
        hides.by_event,
        renamed(shape, source),
    )
}

/// Whether an event is selected.
fn selected(query: &Query, shape: &Shape<'_>) -> String {
    let mut conditions = Vec::new();
    if query.span.after.is_some() {
        conditions.push("second > {after:UInt32}".to_owned());
    }
    if shape.filtered && !query.asked.filters.is_empty() {
        let stored = |dimension| expression::stored(dimension);
        conditions.push(expression::condition(query, &query.asked.condition, &stored));
    }
    expression::all(&conditions)
}

/// Whether the entry page of the visit passes the filters on pages.
fn entry_matches(query: &Query, shape: &Shape<'_>) -> String {
    if !filters_pages(query, shape) {
        return "1".to_owned();
    }
    let stored = |dimension| match dimension {
        Dimension::Page => "entry_page".to_owned(),
        other => expression::stored(other),
    };
    expression::condition(query, &query.asked.condition, &stored)
}

/// Whether the visit counts for the bounce rate in the row of this event: in a row of a page it
/// must have entered there, or, in "(other)", on a page that is hidden as well.
fn entry_counts(query: &Query, shape: &Shape<'_>, matches: &str, hidden_visit: &str) -> String {
    if !by_page(shape) {
        return matches.to_owned();
    }
    let page = expression::value(Dimension::Page);
    let entry = expression::value(Dimension::EntryPage);
    let here = match hidden::value(query, shape, Dimension::Page, &page) {
        Some(hidden) => {
            let entry_hidden = hidden::value(query, shape, Dimension::Page, &entry);
            let entry_hidden = entry_hidden.unwrap_or_default();
            format!("if({hidden}, ({entry_hidden}), {page} = {entry})")
        }
        None => format!("{page} = {entry}"),
    };
    format!("({matches}) AND views_ > 0 AND (({hidden_visit}) OR ({here}))")
}

fn by_page(shape: &Shape<'_>) -> bool {
    shape.dimensions.contains(&Dimension::Page)
}

fn filters_pages(query: &Query, shape: &Shape<'_>) -> bool {
    shape.filtered && query.asked.filters.iter().any(|one| one.dimension == Dimension::Page)
}

fn filters_visits(query: &Query, shape: &Shape<'_>) -> bool {
    shape.filtered && query.asked.filters.iter().any(|one| one.dimension.is_of_visits())
}

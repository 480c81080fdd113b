//! Expressions of report SQL: values of dimensions, filters, keys of released values.
//!
//! Every identifier and every literal here comes from a table of ours; what a request sent is
//! only ever named as a parameter.

use crate::report::query::Condition;
use crate::report::query::Dimension;
use crate::report::query::Filter;
use crate::report::query::Operator;
use crate::report::query::Scope;
use crate::report::visits::NEVER;
use crate::report::visits::Visits;

/// The stored value of a dimension; a plain `String`, so that branches of a union agree.
pub(crate) fn stored(dimension: Dimension) -> String {
    match (dimension, dimension.scope()) {
        (Dimension::Prop(place), _) => {
            format!("CAST(props[{{{}:String}}], 'String')", prop_parameter(place))
        }
        (_, Scope::Period) => period(dimension).to_owned(),
        (_, Scope::Hour) => "toUInt32(toUInt16(day)) * 32 + hour".to_owned(),
        (_, Scope::Minute) => {
            "toUInt32(toUInt16(day)) * 2048 + toUInt32(intDiv(toUnixTimestamp(ts) - \
             {starts:Array(UInt32)}[toUInt16(day) - toUInt16({from:Date}) + 1], 60))"
                .to_owned()
        }
        _ => format!("CAST({}, 'String')", dimension.column()),
    }
}

/// The first day of the day, week or month that `day` is in.
pub(crate) fn period(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Week => "toMonday(day)",
        Dimension::Month => "toStartOfMonth(day)",
        _ => "day",
    }
}

/// The parameter that holds the name of property number `place`.
pub(crate) fn prop_parameter(place: u8) -> String {
    format!("prop{place}")
}

/// The value as it is shown: a label for an empty text.
pub(crate) fn shown(dimension: Dimension, stored: &str) -> String {
    if dimension.is_time() {
        return stored.to_owned();
    }
    format!("if({stored} = '', '{}', {stored})", dimension.label())
}

/// The value of one row of `open_events` by itself; it has no entry and no exit page.
pub(crate) fn of_row(dimension: Dimension) -> String {
    match dimension.scope() {
        Scope::Entry | Scope::Exit => format!("'{}'", dimension.label()),
        _ => shown(dimension, &stored(dimension)),
    }
}

/// The value in `visit`, or, for a dimension of events, in its event called `event`.
pub(crate) fn of_visit(dimension: Dimension, visits: &mut Visits, event: &str) -> String {
    let raw = stored(dimension);
    let found = match dimension.scope() {
        Scope::Visit => visits.first(&raw),
        Scope::Entry => visits.entry(&raw),
        Scope::Exit => visits.exit(&raw),
        Scope::Period | Scope::Hour | Scope::Minute | Scope::Event => visits.of(event, &raw),
    };
    shown(dimension, &found)
}

/// The condition of filter number `index` on a shown value.
pub(crate) fn matches(index: usize, filter: &Filter, value: &str) -> String {
    let not = if filter.operator.is_negative() { "NOT " } else { "" };
    let values = format!("{{{}:Array(String)}}", filter_parameter(index));
    match (filter.operator.positive(), filter.case_sensitive) {
        (Operator::Contains, true) => {
            format!("{not}arrayExists(p -> position({value}, p) > 0, {values})")
        }
        (Operator::Contains, false) => {
            format!("{not}arrayExists(p -> positionCaseInsensitiveUTF8({value}, p) > 0, {values})")
        }
        (Operator::Matches, true) => format!("{not}arrayExists(p -> match({value}, p), {values})"),
        (Operator::Matches, false) => {
            format!("{not}arrayExists(p -> match({value}, concat('(?i)', p)), {values})")
        }
        (_, true) => format!("{not}has({values}, {value})"),
        (_, false) => {
            format!("{not}has(arrayMap(p -> lowerUTF8(p), {values}), lowerUTF8({value}))")
        }
    }
}

/// The condition over `leaves`, one for each filter.
pub(crate) fn holds(condition: &Condition, leaves: &[String]) -> String {
    let each = |parts: &[Condition]| -> Vec<String> {
        parts.iter().map(|part| holds(part, leaves)).collect()
    };
    match condition {
        Condition::Leaf(index) => leaves.get(*index).cloned().unwrap_or_default(),
        Condition::All(parts) => all(&each(parts)),
        Condition::Any(parts) => any(&each(parts)),
    }
}

/// The parameter that holds the values of filter number `index`.
pub(crate) fn filter_parameter(index: usize) -> String {
    format!("filter{index}")
}

/// All of `conditions`, or `1`.
pub(crate) fn all(conditions: &[String]) -> String {
    joined(conditions, " AND ", "1")
}

/// Any of `conditions`, or [`NEVER`].
pub(crate) fn any(conditions: &[String]) -> String {
    joined(conditions, " OR ", NEVER)
}

/// The key under which a shown value is released: with its period where rows are told apart by it.
pub(crate) fn key(dimension: Dimension, value: &str, by: Option<Dimension>) -> String {
    match (dimension.scope(), by) {
        (Scope::Hour | Scope::Minute, _) => format!("toString({value})"),
        (_, Some(by)) => format!("concat(toString({}), '|', {value})", period(by)),
        (_, None) => value.to_owned(),
    }
}

/// A column of an answer: the text of a time, or the value itself.
pub(crate) fn text(dimension: Dimension, column: &str) -> String {
    match dimension.scope() {
        Scope::Period => format!("toString({column})"),
        Scope::Hour => format!(
            "concat(toString(toDate(toUInt16(intDiv({column}, 32)))), ' ', \
             leftPad(toString({column} % 32), 2, '0'), ':00:00')"
        ),
        Scope::Minute => format!(
            "concat(toString(toDate(toUInt16(intDiv({column}, 2048)))), ' ', \
             leftPad(toString(intDiv({column} % 2048, 60)), 2, '0'), ':', \
             leftPad(toString({column} % 2048 % 60), 2, '0'), ':00')"
        ),
        _ => column.to_owned(),
    }
}

fn joined(conditions: &[String], by: &str, none: &str) -> String {
    if conditions.is_empty() {
        return none.to_owned();
    }
    let parts: Vec<String> = conditions.iter().map(|condition| format!("({condition})")).collect();
    parts.join(by)
}

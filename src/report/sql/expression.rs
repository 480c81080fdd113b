//! Expressions of report SQL: values of dimensions, filters, keys of released values.
//!
//! Every identifier and every literal here comes from a table of ours; what a request sent is
//! only ever named as a parameter.

use crate::report::query::Dimension;
use crate::report::query::Filter;
use crate::report::query::Operator;
use crate::report::query::Scope;
use crate::report::visits::NEVER;
use crate::report::visits::Visits;

/// The stored value of a dimension; a plain `String`, so that branches of a union agree.
pub(crate) fn stored(dimension: Dimension) -> String {
    match dimension.scope() {
        Scope::Day => "day".to_owned(),
        Scope::Hour => "toUInt32(toUInt16(day)) * 32 + hour".to_owned(),
        _ => format!("CAST({}, 'String')", dimension.column()),
    }
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
        Scope::Day | Scope::Hour | Scope::Event => visits.of(event, &raw),
    };
    shown(dimension, &found)
}

/// The condition of filter number `index` on a shown value.
pub(crate) fn matches(index: usize, filter: &Filter, value: &str) -> String {
    let not = match filter.operator {
        Operator::Is => "",
        Operator::IsNot => "NOT ",
    };
    format!("{not}has({{{}:Array(String)}}, {value})", filter_parameter(index))
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

/// The key under which a shown value is released: with its day where rows are told apart by day.
pub(crate) fn key(dimension: Dimension, value: &str, by_day: bool) -> String {
    match dimension.scope() {
        Scope::Hour => format!("toString({value})"),
        _ if by_day => format!("concat(toString(day), '|', {value})"),
        _ => value.to_owned(),
    }
}

/// A column of an answer: the text of a day or an hour, or the value itself.
pub(crate) fn text(dimension: Dimension, column: &str) -> String {
    match dimension.scope() {
        Scope::Day => format!("toString({column})"),
        Scope::Hour => format!(
            "concat(toString(toDate(toUInt16(intDiv({column}, 32)))), ' ', \
             leftPad(toString({column} % 32), 2, '0'), ':00:00')"
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

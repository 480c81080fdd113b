//! Expressions of report SQL over the columns of a source: values, filters, keys.
//!
//! Every identifier and every literal here comes from a table of ours; what a request sent is
//! only ever named as a parameter.

use crate::report::query::Condition;
use crate::report::query::Dimension;
use crate::report::query::Filter;
use crate::report::query::Operator;
use crate::report::query::Query;
use crate::report::query::Scope;
use crate::store::Param;

/// An expression that is always false.
pub(crate) const NEVER: &str = "0";

/// The stored value of a dimension in a row of a source.
pub(crate) fn stored(dimension: Dimension) -> String {
    match (dimension, dimension.scope()) {
        (_, Scope::Period) => part(Some(dimension)),
        (_, Scope::Hour) => hour("hour"),
        (_, Scope::Minute) => "toUInt32(toUInt16(day)) * 2048 + intDiv(second - \
             {starts:Array(UInt32)}[toUInt16(day) - toUInt16({from:Date}) + 1], 60)"
            .to_owned(),
        (_, Scope::Entry) => "entry_page".to_owned(),
        (_, Scope::Exit) => "exit_page".to_owned(),
        (Dimension::Prop(place), _) => format!("prop{place}"),
        _ => dimension.column().to_owned(),
    }
}

/// An hour of a day as one number; `column` holds the hour.
pub(crate) fn hour(column: &str) -> String {
    format!("toUInt32(toUInt16(day)) * 32 + {column}")
}

/// The value as it is shown: a label for an empty text.
pub(crate) fn shown(dimension: Dimension, stored: &str) -> String {
    if dimension.is_time() {
        return stored.to_owned();
    }
    format!("if({stored} = '', '{}', {stored})", dimension.label())
}

/// The value of a row, as it is shown.
pub(crate) fn value(dimension: Dimension) -> String {
    shown(dimension, &stored(dimension))
}

/// The day, week or month that a row belongs to.
pub(crate) fn part(period: Option<Dimension>) -> String {
    match period {
        Some(Dimension::Week) => "toMonday(day)",
        Some(Dimension::Month) => "toStartOfMonth(day)",
        _ => "day",
    }
    .to_owned()
}

/// The condition of a query on a row; `stored` says where the value of a dimension is found.
pub(crate) fn condition(
    query: &Query,
    condition: &Condition,
    stored: &dyn Fn(Dimension) -> String,
) -> String {
    let several = |list: &[Condition]| {
        list.iter().map(|one| self::condition(query, one, stored)).collect::<Vec<_>>()
    };
    match condition {
        Condition::Leaf(index) => match query.asked.filters.get(*index) {
            Some(filter) => leaf(*index, filter, &stored(filter.dimension)),
            None => NEVER.to_owned(),
        },
        Condition::All(list) => all(&several(list)),
        Condition::Any(list) => any(&several(list)),
    }
}

/// The condition of filter number `index` on the value stored in `stored`.
pub(crate) fn leaf(index: usize, filter: &Filter, stored: &str) -> String {
    let not = if filter.operator.is_negative() { "NOT " } else { "" };
    if filter.operator.positive() == Operator::Is && filter.case_sensitive {
        return format!("{not}({stored} IN {{{}:Array(String)}})", filter_parameter(index));
    }
    let shown = shown(filter.dimension, stored);
    let values = (0..filter.values.len()).map(|place| one_value(index, place, filter, &shown));
    format!("{not}({})", any(&values.collect::<Vec<_>>()))
}

/// Whether one value of a filter, which is not compared as a whole list, holds for `shown`.
pub(crate) fn one_value(index: usize, place: usize, filter: &Filter, shown: &str) -> String {
    let value = format!("{{{}:String}}", value_parameter(index, place));
    match (filter.operator.positive(), filter.case_sensitive) {
        (Operator::Contains, true) => format!("position({shown}, {value}) > 0"),
        (Operator::Contains, false) => {
            format!("position(lowerUTF8({shown}), lowerUTF8({value})) > 0")
        }
        (Operator::Matches, true) => format!("match({shown}, {value})"),
        (Operator::Matches, false) => format!("match({shown}, concat('(?i)', {value}))"),
        _ if filter.case_sensitive => format!("{shown} = {value}"),
        _ => format!("lowerUTF8({shown}) = lowerUTF8({value})"),
    }
}

/// The parameters that the filters of a query name.
pub(crate) fn filter_params(query: &Query) -> Vec<(String, Param)> {
    let mut params = Vec::new();
    for (index, filter) in query.asked.filters.iter().enumerate() {
        let mut stored = filter.values.clone();
        if stored.iter().any(|value| value == filter.dimension.label()) {
            stored.push(String::new());
        }
        params.push((filter_parameter(index), Param::StrArray(stored)));
        for (place, value) in filter.values.iter().enumerate() {
            params.push((value_parameter(index, place), Param::Str(value.clone())));
        }
    }
    for (place, name) in query.asked.props.iter().enumerate() {
        params.push((format!("prop{place}"), Param::Str(name.clone())));
    }
    params
}

fn filter_parameter(index: usize) -> String {
    format!("filter{index}")
}

fn value_parameter(index: usize, place: usize) -> String {
    format!("filter{index}_{place}")
}

/// All of `conditions`, or `1`.
pub(crate) fn all(conditions: &[String]) -> String {
    joined(conditions, " AND ", "1")
}

/// Any of `conditions`, or [`NEVER`].
pub(crate) fn any(conditions: &[String]) -> String {
    joined(conditions, " OR ", NEVER)
}

/// The key under which a shown value is released: with its day, week or month where rows are told
/// apart by it.
pub(crate) fn key(dimension: Dimension, value: &str, period: Option<Dimension>) -> String {
    match dimension.scope() {
        Scope::Hour | Scope::Minute => format!("toString({value})"),
        _ if period.is_some() => format!("concat(toString({}), '|', {value})", part(period)),
        _ => value.to_owned(),
    }
}

/// A column of an answer: the text of a time, or the value itself.
pub(crate) fn text(dimension: Dimension, column: &str) -> String {
    let date = |per_day: u32| format!("toString(toDate(toUInt16(intDiv({column}, {per_day}))))");
    match dimension.scope() {
        Scope::Period => format!("toString({column})"),
        Scope::Hour => {
            format!("concat({}, ' ', leftPad(toString({column} % 32), 2, '0'), ':00:00')", date(32))
        }
        Scope::Minute => format!(
            "concat({}, ' ', leftPad(toString(intDiv({column} % 2048, 60)), 2, '0'), ':', \
             leftPad(toString(({column} % 2048) % 60), 2, '0'), ':00')",
            date(2048)
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

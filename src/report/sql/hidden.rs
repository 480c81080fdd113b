//! Which rows of a relation belong to "(other)".

use crate::report::query::Dimension;
use crate::report::query::Query;
use crate::report::query::Scope;
use crate::report::sql::expression;
use crate::report::sql::relation::Shape;
use crate::report::sql::relation::relation;
use crate::report::threshold::Basis;
use crate::report::threshold::Hiding;

/// The condition that a row belongs to "(other)", from all dimensions; `None` when none does.
pub(crate) fn of_row(query: &Query, shape: &Shape<'_>) -> Option<String> {
    let mut hidden = parts(query, shape);
    for dimension in shape.dimensions {
        hidden.extend(value(query, shape, *dimension, &expression::value(*dimension)));
    }
    (!hidden.is_empty()).then(|| expression::any(&hidden))
}

/// Conditions that hide a row whatever its values: everything is hidden, or its day.
pub(crate) fn parts(query: &Query, shape: &Shape<'_>) -> Vec<String> {
    let Some(hiding) = shape.hiding else { return Vec::new() };
    let mut hidden = Vec::new();
    if hiding.hides_all() {
        hidden.push("1".to_owned());
    }
    if hiding.open_days().is_some() {
        let part = expression::part(query.period());
        hidden.push(format!("NOT has({{open_days:Array(String)}}, toString({part}))"));
    }
    hidden
}

/// The condition that `value` of `dimension` is not shown.
pub(crate) fn value(
    query: &Query,
    shape: &Shape<'_>,
    dimension: Dimension,
    value: &str,
) -> Option<String> {
    let hiding = shape.hiding.filter(|hiding| hiding.covers(dimension))?;
    let key = expression::key(dimension, value, query.period());
    let mut hidden = format!("{key} NOT IN ({})", released(query, dimension, hiding));
    if hiding.joined(dimension).next().is_some() {
        let parameter = joined_parameter(dimension);
        hidden.push_str(&format!(" OR has({{{parameter}:Array(String)}}, {key})"));
    }
    Some(hidden)
}

/// The conditions of dimensions of events, of hours, and of all others with the parts.
pub(crate) struct Split {
    /// The event by itself is hidden.
    pub(crate) by_event: String,
    /// Its visit or its part is.
    pub(crate) by_visit: String,
}

/// What hides rows, told apart by what it depends on; `hour` is where the hour is found.
pub(crate) fn split(query: &Query, shape: &Shape<'_>, hour: &str) -> Split {
    let mut by_visit = parts(query, shape);
    let mut by_event = Vec::new();
    for dimension in shape.dimensions {
        let shown = if dimension.scope() == Scope::Hour {
            expression::hour(hour)
        } else {
            expression::value(*dimension)
        };
        let found = value(query, shape, *dimension, &shown);
        match dimension.scope() {
            Scope::Event => by_event.extend(found),
            _ => by_visit.extend(found),
        }
    }
    Split { by_event: expression::any(&by_event), by_visit: expression::any(&by_visit) }
}

/// The parameter with the values of `dimension` that joined "(other)".
pub(crate) fn joined_parameter(dimension: Dimension) -> String {
    match dimension {
        Dimension::Prop(place) => format!("joined_prop{place}"),
        _ => format!("joined_{}", dimension.name().replace(':', "_")),
    }
}

/// Whether any value is hidden at all: a constant, so that rows of "(other)" are not looked for
/// where there are none. Only for rows that do not change between two readings of one statement;
/// `None` when it is not known.
pub(crate) fn anything(query: &Query, shape: &Shape<'_>) -> Option<String> {
    let hiding = shape.hiding?;
    let hides_parts = !parts(query, shape).is_empty();
    let own = |dimension: &&Dimension| hiding.covers(**dimension);
    let covered: Vec<Dimension> = shape.dimensions.iter().filter(own).copied().collect();
    let joins = |dimension: &Dimension| hiding.joined(*dimension).next().is_some();
    // A visit can start in an hour of which no selected event is.
    let unknown = |dimension: &Dimension| dimension.scope() == Scope::Hour || joins(dimension);
    if hides_parts || covered.is_empty() || covered.iter().any(unknown) {
        return None;
    }
    let some = covered.iter().map(|one| format!("{}.2 > 0", weighed(query, *one, hiding)));
    Some(expression::any(&some.collect::<Vec<_>>()))
}

/// The values of `dimension` that enough visitors share, as a `SELECT` of their keys.
fn released(query: &Query, dimension: Dimension, hiding: &Hiding) -> String {
    format!("SELECT arrayJoin({}.1)", weighed(query, dimension, hiding))
}

/// The keys of the values of `dimension` that enough visitors share, and how many others there are.
///
/// A scalar: however often it stands in a statement, it is planned and run once.
fn weighed(query: &Query, dimension: Dimension, hiding: &Hiding) -> String {
    let key = expression::key(dimension, "d0", query.period());
    let dimensions = [dimension];
    let shape = Shape::heads(&dimensions, hiding.basis() == Basis::Selected);
    format!(
        "(SELECT (groupArrayIf(released, enough), countIf(NOT enough)) FROM (SELECT {key} AS \
         released, {HEADS} >= {{k:UInt64}} AS enough FROM ({}) GROUP BY released))",
        relation(query, &shape)
    )
}

/// Visitors who count for groups, over a relation.
pub(crate) const HEADS: &str = "sum(hn) + uniqExactIf(hkey, hkey != 0)";

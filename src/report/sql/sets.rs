//! How many visitors a query selects, leaves out, and would select with a filter less.
//!
//! One row a day, week or month (or only days), so that a range is a plain sum. Only visitors
//! known by an event that was not sent with a key alone are counted; what they are counted for is
//! decided on such events too.

use crate::report::query::Condition;
use crate::report::query::Dimension;
use crate::report::query::Query;
use crate::report::source;
use crate::report::source::Column;
use crate::report::source::Columns;
use crate::report::sql::expression;
use crate::report::sql::flags::Flags;
use crate::report::sql::hidden;
use crate::report::sql::relation::Kind;
use crate::report::sql::relation::Shape;
use crate::report::sql::relation::kind_of;
use crate::report::sql::relation::pinned;
use crate::report::sql::relation::relation;

/// One row a part: its first day, `selected`, `[alone…]`, `[left out…]`.
///
/// *Alone* has, for each set of some but not all dimensions that the filters of one term use (of
/// all of them, when there are several terms), visitors with an event for which the filters of
/// those dimensions hold and, for one dimension with a negative filter, with an event for which they
/// do not, and without any for which they do: an answer must not say more of few visitors whom some
/// of the filters pick out already.
/// *Left out* has visitors without a selected event, with an event that is not selected, with a
/// visit without a selected event; and, of several conditions that must all hold, for each one
/// visitors with an event (without any event) for which it holds alone, and visitors whom it takes
/// out of what the others select (an event of theirs; them altogether).
pub(crate) fn sets(query: &Query) -> String {
    if query.asked.filters.is_empty() {
        return selected_only(query);
    }
    let conjuncts = conjuncts(query);
    let names: Vec<String> = (0..conjuncts.len()).map(|index| format!("c{index}")).collect();
    let mut flags = Flags::default();
    let selected = flags.add(&expression::all(&names));
    let missed = flags.add(&format!("NOT ({})", expression::all(&names)));
    let mut left_out = vec![format!("NOT {selected}"), missed, "idle".to_owned()];
    let mut alone = Vec::new();
    for part in weighed(query) {
        let holds: Vec<String> = part.leaves.iter().map(|leaf| format!("m{leaf}")).collect();
        let holds = expression::all(&holds);
        let some = flags.add(&holds);
        alone.push(some.clone());
        if part.excludes {
            alone.push(flags.add(&format!("NOT ({holds})")));
            // Those whom it leaves out altogether.
            alone.push(format!("NOT {some}"));
        }
    }
    for index in (0..names.len()).filter(|_| names.len() > 1) {
        let others = names.iter().enumerate().filter(|(other, _)| *other != index);
        let others = expression::all(&others.map(|(_, name)| name.clone()).collect::<Vec<_>>());
        left_out.push(format!("NOT {}", flags.add(&format!("c{index}"))));
        left_out.push(flags.add(&format!("NOT c{index}")));
        left_out.push(format!("{} AND NOT {selected}", flags.add(&others)));
        left_out.push(flags.add(&format!("({others}) AND NOT c{index}")));
    }
    let part = expression::part(query.period());
    format!(
        "SELECT toString({part}) AS part, countIf({selected}), {}, {} FROM (\
         {}) GROUP BY part",
        counts(&alone),
        counts(&left_out),
        visitors(query, &conjuncts, &flags)
    )
}

/// Without filters nobody is left out.
fn selected_only(query: &Query) -> String {
    let part = expression::part(query.period());
    format!(
        "SELECT toString({part}) AS part, {}, CAST([], 'Array(UInt64)'), CAST([], 'Array(UInt64)') \
         FROM ({}) GROUP BY part",
        hidden::HEADS,
        relation(query, &Shape::heads(&[], false))
    )
}

/// The conditions that must all hold.
fn conjuncts(query: &Query) -> Vec<Condition> {
    match &query.asked.condition {
        Condition::All(list) => list.clone(),
        one => vec![one.clone()],
    }
}

/// Filters of some dimensions, weighed by themselves.
#[derive(Debug, PartialEq, Eq)]
struct Weighed {
    leaves: Vec<usize>,
    excludes: bool,
}

/// Every set of filters that is to be weighed by itself, each once.
fn weighed(query: &Query) -> Vec<Weighed> {
    let filters = &query.asked.filters;
    let terms = query.asked.terms();
    let mut found: Vec<Weighed> = Vec::new();
    for term in &terms {
        let mut dimensions: Vec<Dimension> = Vec::new();
        for filter in term.iter().filter_map(|leaf| filters.get(*leaf)) {
            if !dimensions.contains(&filter.dimension) {
                dimensions.push(filter.dimension);
            }
        }
        for some in parts(&dimensions, terms.len() > 1) {
            let same = |leaf: &&usize| {
                filters.get(**leaf).is_some_and(|filter| some.contains(&filter.dimension))
            };
            let mut leaves: Vec<usize> = term.iter().filter(same).copied().collect();
            leaves.sort_unstable();
            leaves.dedup();
            let negative = |leaf: &usize| {
                filters.get(*leaf).is_some_and(|filter| filter.operator.is_negative())
            };
            let excludes = some.len() == 1 && leaves.iter().any(negative);
            let part = Weighed { leaves, excludes };
            if !found.contains(&part) {
                found.push(part);
            }
        }
    }
    found
}

/// All sets of some of `dimensions`: not of all of them unless `whole`, but of a single one, itself.
fn parts(dimensions: &[Dimension], whole: bool) -> Vec<Vec<Dimension>> {
    let all = (1_usize << dimensions.len()) - 1;
    let masks = (1..=all).filter(|mask| whole || dimensions.len() < 2 || *mask != all);
    let part = |mask: usize| {
        let chosen = dimensions.iter().enumerate().filter(|(place, _)| mask >> place & 1 == 1);
        chosen.map(|(_, dimension)| *dimension).collect()
    };
    masks.map(part).collect()
}

/// The number of visitors of each condition, as one array.
fn counts(conditions: &[String]) -> String {
    if conditions.is_empty() {
        return "CAST([], 'Array(UInt64)')".to_owned();
    }
    let each: Vec<String> = conditions.iter().map(|one| format!("toUInt64({one})")).collect();
    format!("sumForEach([{}])", each.join(", "))
}

/// One row a visitor of a day, with the flags. Closed and open days share no visitor.
fn visitors(query: &Query, conjuncts: &[Condition], flags: &Flags) -> String {
    let mut columns = Columns::default();
    // Visits are told apart: one of them may be left out alone.
    columns.add(Column::StartHour);
    for filter in &query.asked.filters {
        columns.add_dimension(filter.dimension);
    }
    if query.span.after.is_some() {
        columns.add(Column::Second);
    }
    let of_events = flags.of_events();
    let gathered = |events: &str| {
        format!(
            "SELECT day, visitor, toUInt8(1) AS visits, {} FROM (SELECT day, visitor, visit, {} FROM (\
             SELECT day, visitor, visit, {of_events} FROM ({events})) GROUP BY day, visitor, visit)",
            flags.names(),
            flags.of_visits()
        )
    };
    let mut branches = Vec::new();
    let generations = &query.generations;
    if generations.has_closed() {
        let (rows, are_visits) = distinct(query);
        let source = source::closed(&columns, "gens", &rows);
        branches.push(if are_visits {
            let events = events(query, conjuncts, &source, "toUInt8(bitTest(first, 0)) AS visits");
            format!("SELECT day, visitor, visits, {of_events} FROM ({events})")
        } else {
            gathered(&events(query, conjuncts, &source, "visit"))
        });
    }
    if generations.has_open() || branches.is_empty() {
        branches.push(gathered(&events(query, conjuncts, &source::open(&columns), "visit")));
    }
    let of_visitors = flags.of_visitors();
    let branches = branches.iter().map(|rows| {
        format!("SELECT day, visitor, {of_visitors} FROM ({rows}) GROUP BY day, visitor")
    });
    branches.collect::<Vec<_>>().join(" UNION ALL ")
}

/// Events with `visit` (any column, by its expression), `m0`, `m1`, … (does the filter hold) and
/// `c0`, `c1`, … (does the condition hold).
fn events(query: &Query, conjuncts: &[Condition], source: &str, visit: &str) -> String {
    let after = if query.span.after.is_some() { "second > {after:UInt32}" } else { "1" };
    let mut list = String::new();
    for (index, filter) in query.asked.filters.iter().enumerate() {
        let holds = expression::leaf(index, filter, &expression::stored(filter.dimension));
        list.push_str(&format!(", ({holds}) AS m{index}"));
    }
    for (index, conjunct) in conjuncts.iter().enumerate() {
        list.push_str(&format!(", ({}) AS c{index}", named(conjunct)));
    }
    format!(
        "SELECT day, visitor, {visit}{list} FROM ({source}) \
         WHERE visitor != 0 AND by_key = 0 AND {after}"
    )
}

/// One row of `hits` is enough of those that the filters cannot tell apart within a visit; the bits
/// prefer events that were not sent with a key alone. With it: whether at most one of these rows of
/// a visit can be selected. The first row of a visit is always among them.
fn distinct(query: &Query) -> (String, bool) {
    let own = query.asked.filters.iter().map(|filter| filter.dimension);
    let own: Vec<Dimension> = own.filter(|dimension| !dimension.is_of_visits()).collect();
    let held: Vec<Dimension> = pinned(query).collect();
    match kind_of(&own) {
        Some(Kind(kind)) if query.span.after.is_none() => {
            let one = own.iter().all(|dimension| held.contains(dimension));
            (format!("bitTest(first, {})", 2 * kind), one)
        }
        _ => ("1".to_owned(), false),
    }
}

/// A condition over the names of its filters.
fn named(condition: &Condition) -> String {
    let several = |list: &[Condition]| list.iter().map(named).collect::<Vec<_>>();
    match condition {
        Condition::Leaf(index) => format!("m{index}"),
        Condition::All(list) => expression::all(&several(list)),
        Condition::Any(list) => expression::any(&several(list)),
    }
}

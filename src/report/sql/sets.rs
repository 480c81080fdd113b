//! How many visitors a query selects, leaves out, and would select with a filter less.
//!
//! One row a day, so that a range is a plain sum. Only visitors known by an event that was not
//! sent with a key alone are counted; what they are counted for is decided on such events too.

use crate::report::query::Dimension;
use crate::report::query::Query;
use crate::report::sql::expression;
use crate::report::visits::ROWS;
use crate::report::visits::SECOND;
use crate::report::visits::Visits;

/// One row a day: `day`, `selected`, `[alone…]`, `[left out…]`.
///
/// *Alone* has, for each set of some but not all dimensions that filters use, visitors with an
/// event for which the filters of those dimensions hold and, for one dimension with an `is_not`,
/// with an event for which they do not: an answer to all filters must not say more of few visitors
/// whom some of the filters pick out already. *Left out* has visitors without a selected event, with an
/// event that is not selected, with a visit without a selected event; and, of several filters,
/// for each one visitors with an event (without any event) for which it holds alone, and visitors
/// whom it takes out of what the others select (an event of theirs; them altogether).
pub(crate) fn sets(query: &Query) -> String {
    let count = query.asked.filters.len();
    let filters: Vec<String> = (0..count).map(|index| format!("m{index}")).collect();
    let selected = expression::holds(&query.asked.condition, &filters);
    let mut flags = vec![flag("selected", &selected)];
    let mut left_out = vec!["selected = 0", "missed = 1", "idle = 1"]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    flags.push(flag("missed", &format!("NOT ({selected})")));
    let mut alone = Vec::new();
    for (index, some) in parts(&query.filtered_dimensions()).iter().enumerate() {
        let same = query.asked.filters.iter().zip(&filters);
        let same = same.filter(|(filter, _)| some.contains(&filter.dimension));
        let excludes =
            some.len() == 1 && same.clone().any(|(filter, _)| filter.operator.is_negative());
        let same: Vec<String> = same.map(|(_, name)| name.clone()).collect();
        flags.push(flag(&format!("alone{index}"), &expression::all(&same)));
        alone.push(format!("alone{index} = 1"));
        if excludes {
            let fails = format!("NOT ({})", expression::all(&same));
            flags.push(flag(&format!("fails{index}"), &fails));
            alone.push(format!("fails{index} = 1"));
        }
    }
    for index in (0..count).filter(|_| count > 1) {
        let others = filters.iter().enumerate().filter(|(other, _)| *other != index);
        let others = expression::all(&others.map(|(_, name)| name.clone()).collect::<Vec<_>>());
        flags.push(flag(&format!("own{index}"), &format!("m{index}")));
        flags.push(flag(&format!("not{index}"), &format!("NOT m{index}")));
        flags.push(flag(&format!("others{index}"), &others));
        flags.push(flag(&format!("taken{index}"), &format!("({others}) AND NOT m{index}")));
        left_out.push(format!("own{index} = 0"));
        left_out.push(format!("not{index} = 1"));
        left_out.push(format!("others{index} = 1 AND selected = 0"));
        left_out.push(format!("taken{index} = 1"));
    }
    let visitors: Vec<String> =
        flags.iter().map(|(name, _)| format!("max({name}_v) AS {name}")).collect();
    let visits: Vec<String> =
        flags.iter().map(|(name, sql)| format!("{sql} AS {name}_v")).collect();
    let part = query.period().map_or("day", expression::period);
    format!(
        "SELECT toString({part}) AS part, countIf(selected = 1), {}, {} FROM (SELECT day, visitor, {}, \
         min(selected_v) = 0 AS idle FROM (SELECT day, visitor, start, {} FROM ({}) \
         GROUP BY day, visitor, start) GROUP BY day, visitor) GROUP BY part",
        counts(&alone),
        counts(&left_out),
        visitors.join(", "),
        visits.join(", "),
        events(query)
    )
}

/// All sets of some, but not all, of `dimensions`; of a single one, itself.
fn parts(dimensions: &[Dimension]) -> Vec<Vec<Dimension>> {
    let all = (1_usize << dimensions.len()) - 1;
    let masks = (1..=all).filter(|mask| dimensions.len() < 2 || *mask != all);
    let part = |mask: usize| {
        let chosen = dimensions.iter().enumerate().filter(|(place, _)| mask >> place & 1 == 1);
        chosen.map(|(_, dimension)| *dimension).collect()
    };
    masks.map(part).collect()
}

fn flag(name: &str, condition: &str) -> (String, String) {
    (name.to_owned(), format!("max({condition})"))
}

fn counts(conditions: &[String]) -> String {
    let counts: Vec<String> = conditions.iter().map(|one| format!("countIf({one})")).collect();
    if counts.is_empty() {
        "CAST([], 'Array(UInt64)')".to_owned()
    } else {
        format!("[{}]", counts.join(", "))
    }
}

/// Events with `m0`, `m1`, … (does the filter hold) and `start`, which tells visits apart.
fn events(query: &Query) -> String {
    let filters = &query.asked.filters;
    // Without filters nothing is left out, so visits need not be told apart.
    let of_visits = filters.iter().any(|one| query.wants_visits() || one.dimension.is_of_visits());
    let mut visits = Visits::new();
    let mut columns = String::new();
    for (index, filter) in filters.iter().enumerate() {
        let value = if of_visits {
            expression::of_visit(filter.dimension, &mut visits, "x")
        } else {
            expression::of_row(filter.dimension)
        };
        let condition = expression::matches(index, filter, &value);
        columns.push_str(&format!(", {condition} AS m{index}"));
    }
    let after = |second: &str| match query.span.after {
        Some(_) => format!("{second} > {{after:UInt32}}"),
        None => "1".to_owned(),
    };
    if !of_visits {
        return format!(
            "SELECT day, visitor, 0 AS start{columns} FROM open_events \
             WHERE {ROWS} AND visitor != 0 AND by_key = 0 AND {}",
            after(SECOND)
        );
    }
    let by_key = visits.of("x", "by_key");
    let (own, start) = (visits.of("x", SECOND), visits.first(SECOND));
    format!(
        "SELECT day, visitor, {start} AS start{columns} FROM ({}) ARRAY JOIN visit AS x \
         WHERE {by_key} = 0 AND {}",
        visits.sql(),
        after(&own)
    )
}

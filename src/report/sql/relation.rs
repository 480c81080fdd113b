//! The relation that every statement aggregates, put together from what is stored.
//!
//! A row stands for one event, for the events of a visit in one row of the answer, or for a sum
//! over a closed day. Columns: `day`; `vkey`, `hkey`: the visitor (the visitor, if known by an event
//! that was not sent with a key alone) to be counted once, or 0; `vn`, `hn`: visitors already
//! counted; `e` events and `pv` pageviews; if visits are wanted `f` visits, `fb` those that count
//! for the bounce rate, and over them the sums `bounce`, `duration`, `views`; if engagement is wanted
//! `ep`, `ems`, `sp`, `sd` (pages engaged, milliseconds, pages scrolled, percent); `o` = 1 for what
//! belongs to "(other)"; `d0`, `d1`, … the dimensions of the shape.
//!
//! Closed days answer from `totals` when nothing is filtered, else from `hits`; open days from
//! `open_events`. Where the bits `first` suffice, a visit or visitor is counted by its first row.

use crate::report::query::Condition;
use crate::report::query::Dimension;
use crate::report::query::Operator;
use crate::report::query::Query;
use crate::report::query::Scope;
use crate::report::source;
use crate::report::sql::expression;
use crate::report::sql::hidden;
use crate::report::sql::rows;
use crate::report::sql::rows::Rows;
use crate::report::threshold::Hiding;

/// What a relation must hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape<'a> {
    /// The dimensions, periods left out.
    pub(crate) dimensions: &'a [Dimension],
    /// Whether the filters of the query hold.
    pub(crate) filtered: bool,
    /// Whether visits are counted.
    pub(crate) visits: bool,
    /// Whether engaged time and scroll depth are.
    pub(crate) engagement: bool,
    /// Whether values are merged afterwards, so that neither sums nor bits of a value may count
    /// visitors.
    pub(crate) merged: bool,
    /// Which rows belong to "(other)".
    pub(crate) hiding: Option<&'a Hiding>,
    /// Which of them are wanted.
    pub(crate) wanted: Wanted,
}

/// Which rows of a relation are wanted; others may be there all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All.
    All,
    /// Those of "(other)".
    Hidden,
    /// The others.
    Shown,
}

/// How rows of `hits` are told to be the first of their visit (visitor): the number of the pair of
/// bits in `first`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind(pub(crate) u8);

impl<'a> Shape<'a> {
    /// Visitors and events by `dimensions`, without visits.
    pub(crate) fn heads(dimensions: &'a [Dimension], filtered: bool) -> Self {
        Self {
            dimensions,
            filtered,
            visits: false,
            engagement: false,
            merged: false,
            hiding: None,
            wanted: Wanted::All,
        }
    }
}

/// The relation as a `SELECT`.
pub(crate) fn relation(query: &Query, shape: &Shape<'_>) -> String {
    let generations = &query.generations;
    let mut branches = Vec::new();
    let hidden = hidden::of_row(query, shape);
    let (mut from_hits, mut summed) = (!generations.all().is_empty(), None);
    let mut gens = "gens";
    if let Some(dim) = sums(query, shape) {
        let whole = dim.is_empty() || dim == "hour";
        let (from, any) = if whole {
            ("gens", from_hits)
        } else {
            ("detailed", !generations.detailed.is_empty())
        };
        if any {
            // Sums have no row of "(other)"; those are all in the rows of hits.
            if shape.wanted != Wanted::Hidden {
                branches.push(totals(query, shape, dim, from));
            }
            summed = (hidden.is_some() && shape.wanted != Wanted::Shown).then_some(from);
        }
        (gens, from_hits) = ("plain", !whole && !generations.plain.is_empty());
    }
    let closed = |gens: &str, only_hidden: bool| {
        let source = source::closed(&rows::columns(query, shape), gens, "1");
        let kind = kind(query, shape);
        rows::select(query, shape, &Rows { source, only_hidden, closed: true, kind })
    };
    if let Some(from) = summed {
        branches.push(closed(from, true));
    }
    // Gathered rows are told to be hidden after they are gathered.
    let only_hidden = shape.wanted == Wanted::Hidden && hidden.is_some() && !shape.visits;
    if from_hits {
        branches.push(closed(gens, only_hidden));
    }
    if generations.has_open() || branches.is_empty() {
        let source = source::open(&rows::columns(query, shape));
        let rows = Rows { source, only_hidden, closed: false, kind: None };
        branches.push(rows::select(query, shape, &rows));
    }
    branches.join(" UNION ALL ")
}

/// The `dim` of `totals` that holds the whole answer, if one does.
fn sums(query: &Query, shape: &Shape<'_>) -> Option<&'static str> {
    let filtered = shape.filtered && !query.asked.filters.is_empty();
    if filtered || shape.merged || query.span.after.is_some() {
        return None;
    }
    match shape.dimensions {
        [] => Some(""),
        [one] => one.totals(),
        _ => None,
    }
}

/// Sums of closed days, of values that are shown.
fn totals(query: &Query, shape: &Shape<'_>, dim: &str, gens: &str) -> String {
    let mut columns = String::new();
    if shape.visits {
        columns.push_str(
            ", visits AS f, entries AS fb, bounces AS bounce, duration AS duration, views AS views",
        );
    }
    if shape.engagement {
        columns.push_str(
            ", engaged_pages AS ep, engaged_ms AS ems, scrolled_pages AS sp, scroll AS sd",
        );
    }
    let mut conditions = vec![format!("dim = '{dim}'")];
    let mut list = String::new();
    if let [dimension] = shape.dimensions {
        // The engine may look at values of other dimensions before it leaves them out.
        let value = if dimension.scope() == Scope::Hour {
            expression::hour("toUInt8OrZero(value)")
        } else {
            expression::shown(*dimension, "value")
        };
        let mut hidden = hidden::parts(query, shape);
        hidden.extend(hidden::value(query, shape, *dimension, &value));
        if !hidden.is_empty() {
            conditions.push(format!("NOT ({})", expression::any(&hidden)));
        }
        list = format!(", {value} AS d0");
    }
    format!(
        "SELECT day, toUInt64(0) AS vkey, visitors AS vn, toUInt64(0) AS hkey, heads AS hn, \
         events AS e, pageviews AS pv{columns}, toUInt8(0) AS o{list} FROM totals \
         WHERE site = {{site:UInt32}} AND day BETWEEN {{from:Date}} AND {{to:Date}} \
         AND gen IN {{{gens}:Array(UInt32)}} AND {}",
        expression::all(&conditions)
    )
}

/// The bits that count visits, when all rows that agree in what they say belong to one row of the
/// answer and pass the filters alike.
pub(crate) fn kind(query: &Query, shape: &Shape<'_>) -> Option<Kind> {
    // Bits of a value cannot count visitors over several.
    if query.span.after.is_some() || shape.merged {
        return None;
    }
    let mut fixed = Vec::new();
    for dimension in shape.dimensions {
        match dimension.scope() {
            Scope::Hour | Scope::Minute => return None,
            Scope::Event => fixed.push(*dimension),
            Scope::Period | Scope::Visit | Scope::Entry | Scope::Exit => {}
        }
    }
    // Values that fall into "(other)" become one group, which bits of a value cannot count.
    if !fixed.is_empty() && hidden::of_row(query, shape).is_some() {
        return None;
    }
    if shape.filtered {
        fixed.extend(pinned(query));
        let loose = query.asked.filters.iter().any(|filter| {
            filter.dimension.scope() == Scope::Event && !fixed.contains(&filter.dimension)
        });
        if loose {
            return None;
        }
    }
    kind_of(&fixed)
}

/// The bits for events that are told apart by `fixed` dimensions of events.
pub(crate) fn kind_of(fixed: &[Dimension]) -> Option<Kind> {
    let known = [Dimension::Page, Dimension::Name];
    if fixed.iter().any(|one| !known.contains(one)) {
        return None;
    }
    let [page, name] = known.map(|one| u8::from(fixed.contains(&one)));
    Some(Kind(page + 2 * name))
}

/// Dimensions of events that a filter holds at one stored value.
pub(crate) fn pinned(query: &Query) -> impl Iterator<Item = Dimension> {
    let must_hold: &[Condition] = match &query.asked.condition {
        Condition::All(list) => list,
        one => std::slice::from_ref(one),
    };
    let leaves = must_hold.iter().filter_map(|one| match one {
        Condition::Leaf(index) => query.asked.filters.get(*index),
        _ => None,
    });
    leaves.filter_map(|filter| match filter.values.as_slice() {
        [value]
            if filter.operator == Operator::Is
                && filter.case_sensitive
                && *value != filter.dimension.label()
                && filter.dimension.scope() == Scope::Event =>
        {
            Some(filter.dimension)
        }
        _ => None,
    })
}

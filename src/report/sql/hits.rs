//! The relation that every statement aggregates: events with the attributes of their visit.
//!
//! Columns: `day`, `visitor`, `by_key`, `pv` (a pageview), `o` (belongs to "(other)"), `d0`, `d1`, …
//! (the dimensions of the shape, days left out), and what a row counts for: `e` = 1 for an event,
//! `f` = 1 where a visit counts, once in each row of the answer, with its `duration`, `bounce` and
//! `views`; `fb` = 1 where it also counts for the bounce rate. Without hours a row is both; with
//! hours a visit is a row of its own, in the hour it starts.

use crate::report::query::Condition;
use crate::report::query::Dimension;
use crate::report::query::Filter;
use crate::report::query::Query;
use crate::report::query::Scope;
use crate::report::sql::expression;
use crate::report::threshold::Basis;
use crate::report::threshold::Hiding;
use crate::report::visits::PAGEVIEW;
use crate::report::visits::ROWS;
use crate::report::visits::SECOND;
use crate::report::visits::Visits;

/// What a relation must hold.
pub(crate) struct Shape<'a> {
    /// The dimensions, days left out.
    pub(crate) dimensions: &'a [Dimension],
    /// Whether the filters of the query hold.
    pub(crate) filtered: bool,
    /// Whether visits are counted.
    pub(crate) visits: bool,
    /// Which rows belong to "(other)".
    pub(crate) hiding: Option<&'a Hiding>,
}

/// The relation as a `SELECT`.
pub(crate) fn relation(query: &Query, shape: &Shape<'_>) -> String {
    let filters = if shape.filtered { query.asked.filters.as_slice() } else { &[] };
    let of_visits = shape.visits
        || shape.dimensions.iter().any(|dimension| dimension.is_of_visits())
        || filters.iter().any(|filter| filter.dimension.is_of_visits());
    if !of_visits {
        return rows(query, shape, "");
    }
    format!("{} UNION ALL {}", derived(query, shape), rows(query, shape, " AND visitor = 0"))
}

/// The values of `dimension` that enough visitors share, as a `SELECT` of their keys.
pub(crate) fn released(query: &Query, dimension: Dimension, hiding: &Hiding) -> String {
    let key = expression::key(dimension, "d0", hiding.period());
    let shape = Shape {
        dimensions: &[dimension],
        filtered: hiding.basis() == Basis::Selected,
        visits: false,
        hiding: None,
    };
    format!(
        "SELECT {key} AS released FROM ({}) WHERE visitor != 0 AND by_key = 0 GROUP BY released \
         HAVING uniqExact((day, visitor)) >= {{k:UInt64}}",
        relation(query, &shape)
    )
}

/// The parameter with the values of dimension `dimension` that joined "(other)".
pub(crate) fn joined_parameter(dimension: Dimension) -> String {
    match dimension {
        Dimension::Prop(place) => format!("joined_prop{place}"),
        _ => format!("joined_{}", dimension.name().replace(':', "_")),
    }
}

/// Events by themselves: all that is needed without visits, and the rows without a token.
fn rows(query: &Query, shape: &Shape<'_>, and: &str) -> String {
    let mut hidden = hidden_days(shape);
    let mut columns = String::new();
    for (index, dimension) in shape.dimensions.iter().enumerate() {
        let value = expression::of_row(*dimension);
        hidden.extend(hidden_value(query, shape, *dimension, &value));
        columns.push_str(&format!(", {value} AS d{index}"));
    }
    let mut conditions = vec![after(query, SECOND)];
    if shape.filtered {
        let leaves = query.asked.filters.iter().enumerate().map(|(index, filter)| {
            expression::matches(index, filter, &expression::of_row(filter.dimension))
        });
        let leaves: Vec<String> = leaves.collect();
        conditions.push(expression::holds(&query.asked.condition, &leaves));
    }
    format!(
        "SELECT day, visitor, by_key, {PAGEVIEW} AS pv, 1 AS e, 0 AS f, 0 AS fb, 0 AS bounce, \
         0 AS duration, 0 AS views, {} AS o{columns} FROM open_events WHERE {ROWS}{and} AND {}",
        expression::any(&hidden),
        expression::all(&conditions)
    )
}

/// Events of visits.
fn derived(query: &Query, shape: &Shape<'_>) -> String {
    let mut visits = Visits::new();
    let mut columns = Vec::new();
    let mut hidden = hidden_days(shape);
    for (index, dimension) in shape.dimensions.iter().enumerate() {
        if dimension.is_of_visits() {
            let value = expression::of_visit(*dimension, &mut visits, "");
            hidden.extend(hidden_value(query, shape, *dimension, &value));
            columns.push(format!("{value} AS d{index}"));
        }
    }
    columns.push(format!("{} AS visit_o", expression::any(&hidden)));
    let mut conditions = vec![after(query, &visits.of("x", SECOND))];
    let mut entry_conditions = Vec::new();
    if shape.filtered {
        let leaves = leaves(query, &mut visits, |dimension| dimension);
        conditions.push(expression::holds(&query.asked.condition, &leaves));
        let entered = |dimension| match dimension {
            Dimension::Page => Dimension::EntryPage,
            other => other,
        };
        entry_conditions = of_pages(query, &self::leaves(query, &mut visits, entered));
    }
    if shape.visits {
        columns.push(format!("{} AS duration", visits.duration()));
        columns.push(format!("{} AS bounce", visits.bounce()));
        columns.push(format!("{} AS views", visits.pageviews()));
        columns.push(format!("{} AS entry_matches", expression::all(&entry_conditions)));
    }
    let keys = Keys::new(query, shape, &mut visits);
    if shape.visits {
        columns.extend(keys.columns());
    }
    let outer = joined(shape, &keys, &mut visits);
    format!(
        "{outer} FROM (SELECT day, visitor, visit, {}, arrayFilter(x -> {}, visit) AS matched \
         FROM ({})) ARRAY JOIN {}",
        columns.join(", "),
        expression::all(&conditions),
        visits.sql(),
        keys.array_join(shape)
    )
}

/// The condition of each filter on the event `x`, its dimension taken as `seen`.
fn leaves(
    query: &Query,
    visits: &mut Visits,
    seen: impl Fn(Dimension) -> Dimension,
) -> Vec<String> {
    let filters = query.asked.filters.iter().enumerate();
    let leaf = |(index, filter): (usize, &Filter)| {
        let value = expression::of_visit(seen(filter.dimension), visits, "x");
        expression::matches(index, filter, &value)
    };
    filters.map(leaf).collect()
}

/// Those parts of the condition that use pages alone.
fn of_pages(query: &Query, leaves: &[String]) -> Vec<String> {
    fn uses_pages_alone(part: &Condition, filters: &[Filter]) -> bool {
        match part {
            Condition::Leaf(index) => {
                filters.get(*index).is_some_and(|one| one.dimension == Dimension::Page)
            }
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().all(|part| uses_pages_alone(part, filters))
            }
        }
    }
    let Condition::All(parts) = &query.asked.condition else { return Vec::new() };
    let fitting = parts.iter().filter(|part| uses_pages_alone(part, &query.asked.filters));
    fitting.map(|part| expression::holds(part, leaves)).collect()
}

/// The columns of the relation over the events of visits.
fn joined(shape: &Shape<'_>, keys: &Keys, visits: &mut Visits) -> String {
    let by_key = visits.of("x", "by_key");
    let pageview = visits.of("x", PAGEVIEW);
    let mut columns = String::new();
    for (index, dimension) in shape.dimensions.iter().enumerate() {
        let value = match dimension.scope() {
            Scope::Hour => {
                let raw = expression::stored(*dimension);
                let (own, start) = (visits.of("x", &raw), visits.first(&raw));
                format!("if(e = 1, {own}, {start})")
            }
            Scope::Event => expression::of_visit(*dimension, visits, "x"),
            _ => format!("d{index}"),
        };
        columns.push_str(&format!(", {value} AS d{index}"));
    }
    let counts = match (shape.visits, keys.by_hour) {
        (false, _) => "1 AS e, 0 AS f, 0 AS fb, 0 AS bounce, 0 AS duration, 0 AS views".to_owned(),
        (true, false) => format!(
            "1 AS e, nth = 1 AS f, f AND {} AS fb, bounce, duration, views",
            keys.entry_counts()
        ),
        (true, true) => format!(
            "side AS e, 1 - side AS f, f AND {} AS fb, bounce, duration, views",
            keys.entry_counts()
        ),
    };
    format!(
        "SELECT day, visitor, {by_key} AS by_key, {pageview} AS pv, {counts}, {} AS o{columns}",
        keys.other(shape)
    )
}

/// How events of one visit fall into rows of the answer.
///
/// A visit counts once in each row that its matching events reach. Two events reach the same row
/// when they agree on the event dimensions, or both belong to "(other)".
struct Keys {
    by_hour: bool,
    by_page: bool,
    /// Raw expressions: the event, or its hour, belongs to "(other)".
    event_hidden: String,
    hour_hidden: String,
    /// The key of the event `x` or `y`, and of the entry pageview.
    of_x: String,
    of_y: String,
    of_entry: String,
    /// The hour in which the visit starts belongs to "(other)".
    start_hidden: String,
    pageview_of_y: String,
}

impl Keys {
    fn new(query: &Query, shape: &Shape<'_>, visits: &mut Visits) -> Self {
        let mut event_hidden = Vec::new();
        let mut hour_hidden = Vec::new();
        let mut values = Vec::new();
        for dimension in shape.dimensions {
            let hidden = || hidden_value(query, shape, *dimension, &expression::of_row(*dimension));
            match dimension.scope() {
                Scope::Hour => hour_hidden.extend(hidden()),
                Scope::Event => {
                    event_hidden.extend(hidden());
                    values.push(expression::stored(*dimension));
                }
                _ => {}
            }
        }
        let raw_event = expression::any(&event_hidden);
        let raw_hour = expression::any(&hour_hidden);
        let mut key = |event: &str| {
            let hidden = format!("(start_o OR {})", visits.of(event, &raw_event));
            let mut parts = vec![hidden.clone()];
            for value in &values {
                parts.push(format!("if({hidden}, '', {})", visits.of(event, value)));
            }
            format!("tuple({})", parts.join(", "))
        };
        let (of_x, of_y) = (key("x"), key("y"));
        let by_page = shape.dimensions.contains(&Dimension::Page);
        let of_entry = if by_page { key("entry_view") } else { String::new() };
        Self {
            by_hour: shape.visits && shape.dimensions.contains(&Dimension::Hour),
            by_page,
            event_hidden: visits.of("x", &raw_event),
            hour_hidden: visits.of("x", &raw_hour),
            of_x,
            of_y,
            of_entry,
            start_hidden: visits.first(&raw_hour),
            pageview_of_y: visits.of("y", PAGEVIEW),
        }
    }

    /// Columns of the visit that keys refer to.
    fn columns(&self) -> Vec<String> {
        let mut columns = vec![format!("visit_o OR {} AS start_o", self.start_hidden)];
        if self.by_page {
            columns.push(format!("arrayFirst(y -> {}, visit) AS entry_view", self.pageview_of_y));
        }
        columns
    }

    fn entry_counts(&self) -> String {
        if self.by_page {
            format!("entry_matches AND views > 0 AND {} = {}", self.of_x, self.of_entry)
        } else {
            "entry_matches".to_owned()
        }
    }

    fn other(&self, shape: &Shape<'_>) -> String {
        let event = format!("visit_o OR {} OR {}", self.event_hidden, self.hour_hidden);
        if shape.visits && self.by_hour {
            format!("if(side = 1, {event}, start_o OR {})", self.event_hidden)
        } else {
            event
        }
    }

    fn array_join(&self, shape: &Shape<'_>) -> String {
        let nth = format!("arrayEnumerateUniq(arrayMap(y -> {}, matched))", self.of_y);
        match (shape.visits, self.by_hour) {
            (false, _) => "matched AS x".to_owned(),
            (true, false) => format!("matched AS x, {nth} AS nth"),
            (true, true) => {
                let starts = format!("arrayFilter((y, n) -> n = 1, matched, {nth})");
                format!(
                    "arrayConcat(matched, {starts}) AS x, arrayConcat(arrayMap(y -> 1, matched), \
                     arrayMap(y -> 0, {starts})) AS side"
                )
            }
        }
    }
}

fn after(query: &Query, second: &str) -> String {
    match query.span.after {
        Some(_) => format!("{second} > {{after:UInt32}}"),
        None => "1".to_owned(),
    }
}

fn hidden_days(shape: &Shape<'_>) -> Vec<String> {
    let Some(hiding) = shape.hiding else { return Vec::new() };
    let mut hidden = Vec::new();
    if hiding.hides_all() {
        hidden.push("1".to_owned());
    }
    if hiding.open_days().is_some() {
        let part = hiding.period().map_or("day", expression::period);
        hidden.push(format!("NOT has({{open_days:Array(String)}}, toString({part}))"));
    }
    hidden
}

fn hidden_value(
    query: &Query,
    shape: &Shape<'_>,
    dimension: Dimension,
    value: &str,
) -> Option<String> {
    let hiding = shape.hiding.filter(|hiding| hiding.covers(dimension))?;
    let key = expression::key(dimension, value, hiding.period());
    let mut hidden = format!("{key} NOT IN ({})", released(query, dimension, hiding));
    if hiding.joined(dimension).next().is_some() {
        let parameter = joined_parameter(dimension);
        hidden.push_str(&format!(" OR has({{{parameter}:Array(String)}}, {key})"));
    }
    Some(hidden)
}

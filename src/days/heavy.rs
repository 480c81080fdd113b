//! The statement that fills `hits` with visitors of very many events.
//!
//! One machine can send millions of events a day as one visitor. Arrays of them would not fit into
//! memory, so here a row stays a row: what does not fit while sorting and grouping goes to the
//! disk. It is slower, and gives exactly the rows that [`crate::days::hits`] would.
//!
//! - A visitor's visits follow from the seconds at which it was there: 90,000 a day at most.
//! - The place of an event in its visit is its place in the day, less the events of earlier visits.
//! - A row that is the first of any kind is the first of its name and path in the visit. So there
//!   is one candidate for each visit, name and path, and the other bits are sought among those:
//!   as many as one machine has pages, not as it has events. A million are too many, and the day
//!   stays open.

use crate::days::chunks::Chunk;
use crate::days::hits::{self, MAX_GAP_SECONDS, STEPS, TOUCH};
use crate::days::source::Source;
use crate::store::Statement;

/// The order of events.
const ORDER: &str = "at, batch, position, spool";
/// The number of the visit to which the second `at` belongs.
const VISIT: &str = "arrayCount(y -> y <= at, starts)";
/// An event's own columns, as `hits` has them.
const OWN: &str = "hour, name, by_key, hostname, path, props, revenue, currency";

/// Fills in the heavy visitors of a chunk.
pub(super) fn visitors(source: &Source, generation: u32, chunk: &Chunk) -> Statement {
    let touch = TOUCH.join(", ");
    let sql = format!(
        "INSERT INTO hits ({}, {touch}) SELECT site, {{day:Date}}, {{gen:UInt32}}, ordinal, visit, \
         place - earlier, bits, hour, start_hour, roundDown(at - start, {STEPS}), name, by_key, \
         hostname, path, props, revenue, currency, ms, depth, entry_page, exit_page, end - start, \
         bounce, views, {touch} FROM (SELECT site, visitor, {ORDER}, {OWN}, place, ordinal, \
         {VISIT} AS visit FROM ({}) AS a INNER JOIN ({}) AS w USING (site, visitor)) AS r \
         INNER JOIN ({}) AS v USING (site, visitor, visit) \
         LEFT ANY JOIN ({}) AS k USING (site, visitor, {ORDER})",
        hits::COLUMNS,
        placed(source, chunk),
        whereabouts(source, chunk),
        visits(source, chunk),
        candidates(source, chunk),
    );
    Statement { sql, params: hits::params(source, generation, chunk) }
}

/// Events with their place in the day.
fn placed(source: &Source, chunk: &Chunk) -> String {
    format!(
        "SELECT site, visitor, toUnixTimestamp(ts) AS at, batch, position, spool, {OWN}, \
         row_number() OVER (PARTITION BY site, visitor ORDER BY ts, batch, position, spool \
         ROWS BETWEEN CURRENT ROW AND CURRENT ROW) AS place FROM open_events WHERE {}",
        rows(source, chunk, "!="),
    )
}

/// Of each visitor: its ordinal, and the seconds at which its visits start.
fn whereabouts(source: &Source, chunk: &Chunk) -> String {
    format!(
        "SELECT site, visitor, ordinal, starts FROM ({}) AS s INNER JOIN ({}) AS o \
         USING (site, visitor)",
        starts(source, chunk),
        hits::ordinals(source, chunk),
    )
}

/// The seconds at which the visits of each visitor start.
fn starts(source: &Source, chunk: &Chunk) -> String {
    format!(
        "SELECT site, visitor, \
         arrayFilter((y, gap, i) -> i = 1 OR gap > {MAX_GAP_SECONDS}, seconds, \
         arrayDifference(arrayMap(y -> toInt64(y), seconds)), arrayEnumerate(seconds)) AS starts \
         FROM (SELECT site, visitor, arraySort(groupUniqArray(toUnixTimestamp(ts))) AS seconds \
         FROM open_events WHERE {} GROUP BY site, visitor)",
        rows(source, chunk, "!="),
    )
}

/// Attributes of visits, and how many events the visitor's earlier visits have.
fn visits(source: &Source, chunk: &Chunk) -> String {
    let touch = TOUCH.join(", ");
    let places = TOUCH.iter().zip(1..);
    let touched: Vec<_> =
        places.map(|(column, place)| format!("tupleElement(touch, {place}) AS {column}")).collect();
    format!(
        "SELECT site, visitor, visit, start, end, start_hour, entry_page, exit_page, bounce, \
         views, sum(events) OVER (PARTITION BY site, visitor ORDER BY visit \
         ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - events AS earlier, {} \
         FROM (SELECT site, visitor, visit, count() AS events, min(at) AS start, max(at) AS end, \
         argMin(hour, ({ORDER})) AS start_hour, \
         argMinIf(path, ({ORDER}), name = 'pageview') AS entry_page, \
         argMaxIf(path, ({ORDER}), name = 'pageview') AS exit_page, \
         countIf(interactive = 1) <= 1 AS bounce, countIf(name = 'pageview') AS views, \
         argMin(tuple({touch}), ({ORDER})) AS touch FROM ({}) GROUP BY site, visitor, visit)",
        touched.join(", "),
        in_visits(source, chunk, "!=", &format!("hour, name, interactive, path, {touch}")),
    )
}

/// The first event of each visit, name and path, with all its first bits and, if it is the first
/// of its path in the visit, what was engaged there.
fn candidates(source: &Source, chunk: &Chunk) -> String {
    // In pairs of (in the visit, in the visitor's day): all, path, name, name and path.
    let kinds =
        [", visit", "", ", visit, path", ", path", ", visit, name", ", name", "", ", name, path"];
    let bit = |(keys, bit): (&str, u32)| match bit {
        6 => "64".to_owned(),
        _ => format!(
            "{} * (row_number() OVER (PARTITION BY site, visitor{keys} ORDER BY first_key \
             ROWS BETWEEN CURRENT ROW AND CURRENT ROW) = 1)",
            1_u32 << bit
        ),
    };
    let bits: Vec<_> = kinds.into_iter().zip(0..).map(bit).collect();
    format!(
        "SELECT site, visitor, first_key.2 AS at, first_key.3 AS batch, first_key.4 AS position, \
         first_key.5 AS spool, bits, \
         if(bitTest(bits, 2), toUInt32(least(engaged, 4294967295)), 0) AS ms, \
         if(bitTest(bits, 2), deepest, 0) AS depth FROM (SELECT site, visitor, visit, path, \
         first_key, toUInt8({}) AS bits FROM (SELECT site, visitor, visit, name, path, \
         min((by_key, {ORDER})) AS first_key FROM ({}) GROUP BY site, visitor, visit, name, path)) \
         AS c LEFT ANY JOIN (SELECT site, visitor, greatest(visit, 1) AS visit, path, \
         sum(engaged_ms) AS engaged, max(if(scroll = 255, 0, scroll)) AS deepest FROM ({}) \
         GROUP BY site, visitor, visit, path) AS e USING (site, visitor, visit, path)",
        bits.join(" + "),
        in_visits(source, chunk, "!=", "name, by_key, path"),
        in_visits(source, chunk, "=", "path, engaged_ms, scroll"),
    )
}

/// Events (`!=`) or engagement rows (`=`): what orders them, `columns`, their visit.
fn in_visits(source: &Source, chunk: &Chunk, engagement: &str, columns: &str) -> String {
    format!(
        "SELECT site, visitor, {ORDER}, {columns}, {VISIT} AS visit FROM (\
         SELECT site, visitor, toUnixTimestamp(ts) AS at, batch, position, spool, {columns} \
         FROM open_events WHERE {}) AS a INNER JOIN ({}) AS s USING (site, visitor)",
        rows(source, chunk, engagement),
        starts(source, chunk),
    )
}

/// Rows of the heavy visitors of a chunk: events (`!=`) or engagement rows (`=`).
fn rows(source: &Source, chunk: &Chunk, engagement: &str) -> String {
    let rows = hits::rows(source, chunk);
    format!("{rows} AND {} AND name {engagement} 'engagement'", hits::is_heavy(&rows))
}

//! The statement that fills `hits` with visitors of very many events.
//!
//! One machine can send millions of events a day as one visitor. Arrays of them would not fit into
//! memory, so here a row stays a row: what does not fit while sorting and grouping goes to the
//! disk. It is slower, and gives exactly the rows that [`crate::days::hits`] would.
//!
//! What makes it work: a visitor's visits follow from the seconds at which it was there, and of
//! those a day has 90,000 at most.

use crate::days::chunks::Chunk;
use crate::days::hits::{self, MAX_GAP_SECONDS, STEPS, TOUCH};
use crate::days::source::Source;
use crate::store::Statement;

/// The order of events.
const ORDER: &str = "at, batch, position, spool";

/// Fills in the heavy visitors of a chunk.
pub(super) fn visitors(source: &Source, generation: u32, chunk: &Chunk) -> Statement {
    let touch = TOUCH.join(", ");
    let places = TOUCH.iter().zip(1..);
    let from_touch: Vec<_> =
        places.map(|(column, place)| format!("tupleElement(touch, {place}) AS {column}")).collect();
    let sql = format!(
        "INSERT INTO hits ({}, {touch}) SELECT site, {{day:Date}}, {{gen:UInt32}}, ordinal, visit, \
         hit, bits, hour, start_hour, roundDown(at - start, {STEPS}), name, by_key, hostname, \
         path, props, revenue, currency, \
         if(bitTest(bits, 2), toUInt32(least(ms, 4294967295)), 0), \
         if(bitTest(bits, 2), depth, 0), entry_page, exit_page, end - start, bounce, views, \
         {touch} FROM ({}) AS r INNER JOIN (SELECT site, visitor, visit, start, end, \
         start_hour, entry_page, exit_page, bounce, views, {} FROM ({})) AS v USING (site, visitor, visit) \
         LEFT ANY JOIN ({}) AS e USING (site, visitor, visit, path)",
        hits::COLUMNS,
        ranked(source, chunk),
        from_touch.join(", "),
        visits(source, chunk),
        engaged(source, chunk),
    );
    Statement { sql, params: hits::params(source, generation, chunk) }
}

/// Events with their place in the visit and their first bits.
fn ranked(source: &Source, chunk: &Chunk) -> String {
    let rank = |keys: &str, order: &str| {
        format!(
            "row_number() OVER (PARTITION BY site, visitor{keys} ORDER BY {order} \
             ROWS BETWEEN CURRENT ROW AND CURRENT ROW)"
        )
    };
    // In pairs of (in the visit, in the visitor's day): all, path, name, name and path.
    let kinds = [
        ", visit",
        "",
        ", visit, path",
        ", path",
        ", visit, name",
        ", name",
        ", visit, name, path",
        ", name, path",
    ];
    let first = |keys: &&str| rank(keys, &format!("by_key, {ORDER}"));
    let bits: Vec<_> = kinds
        .iter()
        .zip(0_u32..)
        .map(|(keys, bit)| format!("{} * ({} = 1)", 1_u32 << bit, first(keys)))
        .collect();
    format!(
        "SELECT site, visitor, ordinal, visit, at, hour, name, by_key, hostname, path, props, \
         revenue, currency, {} AS hit, toUInt8({}) AS bits FROM ({})",
        rank(", visit", ORDER),
        bits.join(" + "),
        events(source, chunk, "hour, name, by_key, hostname, path, props, revenue, currency"),
    )
}

/// Attributes of visits.
fn visits(source: &Source, chunk: &Chunk) -> String {
    let touch = TOUCH.join(", ");
    format!(
        "SELECT site, visitor, visit, min(at) AS start, max(at) AS end, \
         argMin(hour, ({ORDER})) AS start_hour, \
         argMinIf(path, ({ORDER}), name = 'pageview') AS entry_page, \
         argMaxIf(path, ({ORDER}), name = 'pageview') AS exit_page, \
         countIf(interactive = 1) <= 1 AS bounce, countIf(name = 'pageview') AS views, \
         argMin(tuple({touch}), ({ORDER})) AS touch FROM ({}) GROUP BY site, visitor, visit",
        events(source, chunk, &format!("hour, name, interactive, path, {touch}")),
    )
}

/// Engaged time and scroll depth by page of a visit.
fn engaged(source: &Source, chunk: &Chunk) -> String {
    let rows = hits::rows(source, chunk);
    format!(
        "SELECT site, visitor, greatest({VISIT}, 1) AS visit, path, sum(engaged_ms) AS ms, \
         max(if(scroll = 255, 0, scroll)) AS depth FROM (SELECT site, visitor, path, engaged_ms, \
         scroll, toUnixTimestamp(ts) AS at FROM open_events WHERE {rows} AND {} AND \
         name = 'engagement') AS g INNER JOIN ({}) AS s USING (site, visitor) \
         GROUP BY site, visitor, visit, path",
        hits::is_heavy(&rows),
        starts(source, chunk),
    )
}

/// The number of the visit to which the second `at` belongs.
const VISIT: &str = "arrayCount(y -> y <= at, starts)";

/// Events other than engagement: what orders them, their visit, and `columns`.
fn events(source: &Source, chunk: &Chunk, columns: &str) -> String {
    let rows = hits::rows(source, chunk);
    format!(
        "SELECT site, visitor, ordinal, {ORDER}, {columns}, {VISIT} AS visit FROM (\
         SELECT site, visitor, toUnixTimestamp(ts) AS at, batch, position, spool, {columns} \
         FROM open_events WHERE {rows} AND {} AND name != 'engagement') AS a \
         INNER JOIN (SELECT site, visitor, ordinal, starts FROM ({}) AS o \
         INNER JOIN ({}) AS s USING (site, visitor)) AS w USING (site, visitor)",
        hits::is_heavy(&rows),
        hits::ordinals(source, chunk),
        starts(source, chunk),
    )
}

/// The seconds at which the visits of each heavy visitor start.
fn starts(source: &Source, chunk: &Chunk) -> String {
    let rows = hits::rows(source, chunk);
    format!(
        "SELECT site, visitor, \
         arrayFilter((y, gap, i) -> i = 1 OR gap > {MAX_GAP_SECONDS}, seconds, \
         arrayDifference(arrayMap(y -> toInt64(y), seconds)), arrayEnumerate(seconds)) AS starts \
         FROM (SELECT site, visitor, arraySort(groupUniqArray(toUnixTimestamp(ts))) AS seconds \
         FROM open_events WHERE {rows} AND {} AND name != 'engagement' GROUP BY site, visitor)",
        hits::is_heavy(&rows),
    )
}

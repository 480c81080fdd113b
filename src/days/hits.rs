//! The statements that fill `hits`: open rows of one chunk become rows with the attributes of
//! their visits.
//!
//! The rows of a visitor come together in key order, so that the engine holds few visitors at a
//! time. From there it works on arrays, whose lengths are the visitor's events, in time and memory
//! that grow with that length and no faster: no lambda looks into another array by index.
//!
//! 1. `events`: the visitor's rows other than engagement, sorted; `engaged`: its engagement rows.
//! 2. `starts_visit` says of each event whether a visit starts there. `ranked` holds the events in
//!    the order that decides which is the first of its kind: those not sent by key alone before
//!    the others. From it come the `first` bits, and they go back into the order of time.
//! 3. Events and engagement rows, sorted together by (visit, path), fall into groups; the first
//!    event of a group is the row with the bit "first of its path in the visit", and gets what was
//!    engaged in that group.
//! 4. Visits, then events, become rows.
//!
//! Visitors with so many events that their arrays would be too big (nobody's, a machine's) are left
//! to [`crate::days::heavy`].

use crate::days::chunks::Chunk;
use crate::days::source::Source;
use crate::store::{Param, Statement};

/// Seconds between two events that still belong to one visit.
pub(super) const MAX_GAP_SECONDS: u32 = 1_800;
/// What `elapsed` is rounded down to, in seconds.
pub(super) const STEPS: &str =
    "[0, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800]";

/// What of an event is kept: first what orders it, then its own columns.
const OWN: [&str; 13] = [
    "toUnixTimestamp(ts)",
    "batch",
    "position",
    "spool",
    "name",
    "interactive",
    "by_key",
    "hour",
    "hostname",
    "path",
    "props",
    "revenue",
    "currency",
];
/// Columns that a visit takes from its first event.
pub(super) const TOUCH: [&str; 20] = [
    "referrer",
    "source",
    "channel",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
    "country",
    "region",
    "city",
    "browser",
    "browser_version",
    "os",
    "os_version",
    "device",
    "language",
    "screen",
    "click_id",
    "score",
];

/// Columns of `hits` before those of [`TOUCH`], in the order of both statements here.
pub(super) const COLUMNS: &str = "site, day, gen, visitor, visit, hit, first, hour, start_hour, \
    elapsed, name, by_key, hostname, path, props, revenue, currency, engaged_ms, scroll, \
    entry_page, exit_page, duration, bounce, views";

/// The value of a column in the tuple that the expression `event` gives.
fn of(event: &str, column: &str) -> String {
    let place = OWN.iter().chain(&TOUCH).position(|known| *known == column);
    let place = place.expect("only kept columns are asked for") + 1;
    format!("tupleElement({event}, {place})")
}

/// Fills in the visitors of a chunk, but for the heavy ones.
pub(super) fn visitors(source: &Source, generation: u32, chunk: &Chunk) -> Statement {
    let touch = TOUCH.join(", ");
    let sql = format!(
        "INSERT INTO hits ({COLUMNS}, {touch}) SELECT site, {{day:Date}}, {{gen:UInt32}}, ordinal, \
         visit, hit, first_bits, {hour}, start_hour, roundDown({second} - start, {STEPS}), {name}, \
         {by_key}, {hostname}, {path}, {props}, {revenue}, {currency}, \
         toUInt32(least(tupleElement(share, 2), 4294967295)), tupleElement(share, 3), entry_page, \
         exit_page, duration, bounce, views, {touch} \
         FROM ({visits}) \
         ARRAY JOIN events AS event, arrayEnumerate(events) AS hit, bits AS first_bits, \
         shares AS share",
        hour = of("event", "hour"),
        second = of("event", "toUnixTimestamp(ts)"),
        name = of("event", "name"),
        by_key = of("event", "by_key"),
        hostname = of("event", "hostname"),
        path = of("event", "path"),
        props = of("event", "props"),
        revenue = of("event", "revenue"),
        currency = of("event", "currency"),
        visits = visits(source, chunk),
    );
    Statement { sql, params: params(source, generation, chunk) }
}

/// Fills in the rows without a token of all sites of a chunk.
pub(super) fn tokenless(source: &Source, generation: u32, chunk: &Chunk) -> Statement {
    let touch = TOUCH.join(", ");
    let sql = format!(
        "INSERT INTO hits ({COLUMNS}, {touch}) SELECT site, {{day:Date}}, {{gen:UInt32}}, 0, 0, 0, \
         0, hour, hour, 0, name, by_key, hostname, path, props, revenue, currency, 0, 0, '', '', \
         0, 0, 0, {touch} FROM open_events WHERE {} AND site BETWEEN {{low:UInt32}} AND \
         {{high:UInt32}} AND visitor = 0 AND name != 'engagement'",
        source.rows(),
    );
    Statement { sql, params: params(source, generation, chunk) }
}

/// The values of all statements that fill `hits`.
pub(super) fn params(source: &Source, generation: u32, chunk: &Chunk) -> Vec<(String, Param)> {
    let mut params = source.params();
    let numbers = [
        ("gen", u64::from(generation)),
        ("low", u64::from(chunk.low)),
        ("high", u64::from(chunk.high)),
        ("hash_low", chunk.hash_low),
        ("hash_high", chunk.hash_high),
        ("before", chunk.before),
        ("heavy_above", chunk.heavy_above),
    ];
    params.extend(numbers.map(|(name, value)| (name.to_owned(), Param::U64(value))));
    params
}

/// One row a visit: its attributes, its events, their first bits and engaged shares.
fn visits(source: &Source, chunk: &Chunk) -> String {
    let pageview = format!("{} = 'pageview'", of("y", "name"));
    let touch: String =
        TOUCH.map(|column| format!(", {} AS {column}", of("events[1]", column))).concat();
    format!(
        "SELECT site, ordinal, visit, events, bits, shares, {start} AS start, \
         {start_hour} AS start_hour, {entry} AS entry_page, {exit} AS exit_page, \
         {end} - start AS duration, arrayCount(y -> {interactive} = 1, events) <= 1 AS bounce, \
         arrayCount(y -> {pageview}, events) AS views{touch} \
         FROM ({split}) ARRAY JOIN visits AS events, arrayEnumerate(visits) AS visit, \
         visits_bits AS bits, visits_shares AS shares",
        start = of("events[1]", "toUnixTimestamp(ts)"),
        start_hour = of("events[1]", "hour"),
        entry = of(&format!("arrayFirst(y -> {pageview}, events)"), "path"),
        exit = of(&format!("arrayLast(y -> {pageview}, events)"), "path"),
        end = of("events[-1]", "toUnixTimestamp(ts)"),
        interactive = of("y", "interactive"),
        split = split(source, chunk),
    )
}

/// One row a visitor: its visits as arrays of events, of first bits and of engaged shares.
fn split(source: &Source, chunk: &Chunk) -> String {
    format!(
        "SELECT site, ordinal, arraySplit((y, s) -> s, events, starts_visit) AS visits, \
         arraySplit((y, s) -> s, bits, starts_visit) AS visits_bits, \
         arraySplit((y, s) -> s, {shares}, starts_visit) AS visits_shares \
         FROM (SELECT site, ordinal, events, engaged, starts_visit, ranked, \
         arraySort((b, i) -> i, {bits}, tupleElement(ranked, 2)) AS bits \
         FROM (SELECT site, ordinal, events, engaged, starts_visit, \
         arraySort(y -> (y.1, y.2), arrayZip({by_key}, arrayEnumerate(events), \
         arrayCumSum(starts_visit), {name}, {path})) AS ranked \
         FROM (SELECT site, ordinal, events, engaged, arrayMap(g -> g > {MAX_GAP_SECONDS}, \
         arrayDifference(arrayMap(y -> toInt64(y), {second}))) AS starts_visit \
         FROM ({visitors}))))",
        shares = shares(),
        bits = first_bits(),
        by_key = of("events", "by_key"),
        name = of("events", "name"),
        path = of("events", "path"),
        second = of("events", "toUnixTimestamp(ts)"),
        visitors = one_row_a_visitor(source, chunk),
    )
}

/// The first bits of each of `ranked`, whose elements are `(by_key, place, visit, name, path)`.
fn first_bits() -> String {
    let first = |keys: &[u8]| {
        let keys: Vec<_> = keys.iter().map(|key| format!("ranked.{key}")).collect();
        format!("arrayEnumerateUniq({})", keys.join(", "))
    };
    // In pairs of (in the visit, in the visitor's day): all, path, name, name and path.
    let kinds: [&[u8]; 8] = [&[3], &[], &[3, 5], &[5], &[3, 4], &[4], &[3, 4, 5], &[4, 5]];
    let arrays =
        kinds.map(
            |keys| {
                if keys.is_empty() { "arrayEnumerate(ranked)".to_owned() } else { first(keys) }
            },
        );
    format!(
        "arrayMap((a, b, c, d, e, f, g, h) -> toUInt8((a = 1) + 2 * (b = 1) + 4 * (c = 1) + \
         8 * (d = 1) + 16 * (e = 1) + 32 * (f = 1) + 64 * (g = 1) + 128 * (h = 1)), {})",
        arrays.join(", ")
    )
}

/// What was engaged, by event in order: (place, milliseconds, scroll depth).
///
/// Elements that are grouped: `(visit, path, is_engagement, by_key, place, milliseconds, depth)`.
fn shares() -> String {
    let nothing = "arrayMap(i -> (toUInt64(i), toUInt64(0), toUInt8(0)), arrayEnumerate(events))";
    let events = "arrayMap(y -> (toUInt64(y.3), y.5, toUInt8(0), y.1, toUInt64(y.2), toUInt64(0), \
        toUInt8(0)), ranked)";
    let starts = format!(
        "arrayFilter((y, s, i) -> s OR i = 1, {}, starts_visit, arrayEnumerate(events))",
        of("events", "toUnixTimestamp(ts)")
    );
    // Visits are numbered from 0 here; what comes before the first belongs to the first.
    let engaged = format!(
        "arrayMap(y -> (toUInt64(greatest(arrayCount(z -> z <= y.1, {starts}), 1) - 1), y.2, \
         toUInt8(1), toUInt8(0), toUInt64(0), toUInt64(y.3), y.4), engaged)"
    );
    let grouped = format!(
        "arrayMap(m -> arraySplit((y, n) -> n = 1, m, arrayEnumerateUniq(m.1, m.2)), \
         [arraySort(y -> (y.1, y.2, y.3, y.4, y.5), arrayConcat({events}, {engaged}))])[1]"
    );
    let heads = format!(
        "arrayMap(k -> (k[1].5, arraySum(k.6), arrayMax(k.7)), \
         arrayFilter(k -> k[1].3 = 0, {grouped}))"
    );
    let others = "arrayFilter((y, b) -> NOT bitTest(b, 2), arrayMap(i -> (toUInt64(i), \
        toUInt64(0), toUInt8(0)), arrayEnumerate(events)), bits)";
    format!("if(empty(engaged), {nothing}, arraySort(y -> y.1, arrayConcat({heads}, {others})))")
}

/// One row a visitor: site, ordinal, its events in order, its engagement rows.
fn one_row_a_visitor(source: &Source, chunk: &Chunk) -> String {
    let tuple = [OWN.as_slice(), TOUCH.as_slice()].concat().join(", ");
    let rows = rows(source, chunk);
    let heavy = if chunk.heavy { format!(" AND NOT {}", is_heavy(&rows)) } else { String::new() };
    format!(
        "SELECT site, ordinal, events, engaged FROM (SELECT site, visitor, \
         arraySort(y -> (y.1, y.2, y.3, y.4), groupArrayIf(tuple({tuple}), \
         name != 'engagement')) AS events, \
         groupArrayIf(tuple(toUnixTimestamp(ts), path, engaged_ms, \
         if(scroll = 255, 0, scroll)), name = 'engagement') AS engaged \
         FROM open_events WHERE {rows}{heavy} GROUP BY site, visitor) AS a \
         ANY INNER JOIN ({}) AS o USING (site, visitor)",
        ordinals(source, chunk),
    )
}

/// A condition on rows of `open_events`: those of the visitors of a chunk.
pub(super) fn rows(source: &Source, chunk: &Chunk) -> String {
    let mut rows = source.rows();
    rows.push_str(" AND site BETWEEN {low:UInt32} AND {high:UInt32} AND visitor != 0");
    if chunk.is_slice() {
        rows.push_str(" AND ");
        rows.push_str(source.hash());
        rows.push_str(" BETWEEN {hash_low:UInt64} AND {hash_high:UInt64}");
    }
    rows
}

/// A condition on such rows: those of visitors with too many of them.
pub(super) fn is_heavy(rows: &str) -> String {
    format!(
        "(site, visitor) IN (SELECT site, visitor FROM open_events WHERE {rows} \
         GROUP BY site, visitor HAVING count() > {{heavy_above:UInt64}})"
    )
}

/// `site, visitor, ordinal` of every visitor of a chunk with an event other than engagement: its
/// rank by the keyed hash, behind the visitors of lower slices and of the generations that are
/// added to.
pub(super) fn ordinals(source: &Source, chunk: &Chunk) -> String {
    let ranks = format!(
        "SELECT site, visitor, \
         row_number() OVER (PARTITION BY site ORDER BY hash, visitor) AS rank FROM \
         (SELECT site, visitor, {} AS hash FROM open_events WHERE {} AND \
         name != 'engagement' GROUP BY site, visitor)",
        source.hash(),
        rows(source, chunk),
    );
    if chunk.is_slice() || !source.addition {
        return format!(
            "SELECT site, visitor, toUInt32({{before:UInt64}} + rank) AS ordinal FROM ({ranks})"
        );
    }
    format!(
        "SELECT site, visitor, toUInt32(before + rank) AS ordinal FROM ({ranks}) AS c \
         LEFT ANY JOIN (SELECT site, max(visitor) AS before FROM hits WHERE day = {{day:Date}} AND \
         site BETWEEN {{low:UInt32}} AND {{high:UInt32}} AND has({{gens:Array(UInt32)}}, gen) \
         GROUP BY site) AS d USING (site)"
    )
}

/// The largest ordinal of a slice's site so far, in this generation and in those it adds to.
pub(super) fn before(source: &Source, generation: u32, chunk: &Chunk) -> Statement {
    let sql = "SELECT max(visitor) FROM hits WHERE day = {day:Date} AND site = {low:UInt32} AND \
        (gen = {gen:UInt32} OR has({gens:Array(UInt32)}, gen))";
    Statement { sql: sql.to_owned(), params: params(source, generation, chunk) }
}

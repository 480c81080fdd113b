//! The statements that fill `totals` from the `hits` of one generation.
//!
//! What can be counted by a first bit is: visits are rows with bit 0, the visitors of a page rows
//! with bit 3. Where a visitor has several rows in a group that no bit tells apart, ordinals are
//! counted as a bitmap, which is exact and small because they are dense.

use crate::days::chunks::Chunk;
use crate::days::source::Source;
use crate::model::label;
use crate::store::{Param, Statement};

/// Most hits of a site and day that has sums for the whole day and its hours alone.
pub(super) const DETAILED_ABOVE: u64 = 20_000;

/// Dimensions of a visit: all its rows have the same value.
const VISIT_DIMENSIONS: [&str; 22] = [
    "entry_page",
    "exit_page",
    "source",
    "referrer",
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

/// Columns of `totals`, in the order of all statements here.
const COLUMNS: &str = "site, day, gen, dim, value, detailed, visitors, heads, visits, entries, \
    bounces, duration, views, pageviews, events, engaged_pages, engaged_ms, scrolled_pages, scroll";

/// The rows of one generation.
const ROWS: &str = "FROM hits WHERE day = {day:Date} AND gen = {gen:UInt32} AND \
    site BETWEEN {low:UInt32} AND {high:UInt32}";
/// Those of them that belong to sites with all dimensions.
const DETAILED: &str = "has({detailed:Array(UInt32)}, site)";
/// What every row adds to its group, whatever the visit.
const OF_ROWS: &str = "countIf(name = 'pageview'), count(), \
    countIf(bitTest(first, 2) AND engaged_ms > 0), sumIf(engaged_ms, bitTest(first, 2)), \
    countIf(bitTest(first, 2) AND scroll > 0), sumIf(scroll, bitTest(first, 2))";

/// The row of a page that counts for the bounce rate: the first of the visit's entry page.
const ENTRY: &str = "bitTest(first, 2) AND views > 0 AND entry_page = path";

/// A statement that fills `totals`.
pub(super) struct Sums {
    pub(super) statement: Statement,
    /// Whether its groups come in the order of the table.
    pub(super) in_order: bool,
}

/// All statements for the sites of a chunk; `detailed` are those of them above the limit.
pub(super) fn all(source: &Source, generation: u32, chunk: &Chunk, detailed: &[u32]) -> Vec<Sums> {
    let mut texts = vec![(days(), true), (hours(), true)];
    if !detailed.is_empty() {
        texts.extend([
            (by_bits("page", "path", [2, 3], ENTRY), false),
            (by_bits("name", "name", [4, 5], "bitTest(first, 4)"), false),
            (hostnames(), true),
        ]);
        texts.extend(VISIT_DIMENSIONS.chunks(SETS_AT_ONCE).map(|some| (of_visits(some), false)));
    }
    let params = vec![
        ("day".to_owned(), Param::Date(source.day)),
        ("gen".to_owned(), Param::U64(u64::from(generation))),
        ("low".to_owned(), Param::U64(u64::from(chunk.low))),
        ("high".to_owned(), Param::U64(u64::from(chunk.high))),
        (
            "detailed".to_owned(),
            Param::U64Array(detailed.iter().map(|&site| u64::from(site)).collect()),
        ),
    ];
    texts
        .into_iter()
        .map(|(select, in_order)| {
            let sql = format!("INSERT INTO totals ({COLUMNS}) {select}");
            Sums { statement: Statement { sql, params: params.clone() }, in_order }
        })
        .collect()
}

/// Dimensions of visits that one statement adds up; more need more memory.
const SETS_AT_ONCE: usize = 10;

fn head(dimension: &str, value: &str) -> String {
    format!("SELECT site, {{day:Date}}, {{gen:UInt32}}, {dimension}, {value}, {DETAILED}")
}

/// The whole day.
fn days() -> String {
    format!("{} , {} {ROWS} GROUP BY site", head("''", "''"), bits([0, 1], "bitTest(first, 0)"),)
}

/// A dimension for which first bits exist.
fn by_bits(dimension: &str, column: &str, pair: [u8; 2], entry: &str) -> String {
    format!(
        "{}, {} {ROWS} AND {DETAILED} GROUP BY site, {column}",
        head(&format!("'{dimension}'"), column),
        bits(pair, entry),
    )
}

/// Numbers of a group by the bits for the visit and for the visitor-day. `entry` is true of one
/// row of each visit that counts for the bounce rate.
fn bits([visit, visitor]: [u8; 2], entry: &str) -> String {
    let visit = format!("bitTest(first, {visit})");
    let visitor = format!("bitTest(first, {visitor})");
    format!(
        "countIf({visitor}), countIf({visitor} AND by_key = 0), countIf({visit}), \
         countIf({entry}), sumIf(bounce, {entry}), sumIf(duration, {visit}), \
         sumIf(views, {visit}), {OF_ROWS}"
    )
}

/// Dimensions of visits, in one reading.
fn of_visits(dimensions: &[&str]) -> String {
    let each = |part: &dyn Fn(&str) -> String| -> String {
        dimensions.iter().map(|name| part(name)).collect::<Vec<_>>().join(", ")
    };
    let dimension =
        format!("multiIf({}, '')", each(&|name| format!("grouping(d_{name}) = 0, '{name}'")));
    let value =
        format!("multiIf({}, '')", each(&|name| format!("grouping(d_{name}) = 0, d_{name}")));
    format!(
        "{}, groupBitmapIf(visitor, starts), groupBitmapIf(visitor, starts AND by_key = 0), \
         countIf(starts), countIf(starts), sumIf(bounce, starts), sumIf(duration, starts), \
         sumIf(views, starts), sum(pageview), count(), countIf(engaged > 0), sum(engaged), \
         countIf(depth > 0), sum(depth) \
         FROM (SELECT site, visitor, by_key, bitTest(first, 0) AS starts, bounce, duration, \
         views, name = 'pageview' AS pageview, if(bitTest(first, 2), engaged_ms, 0) AS engaged, \
         if(bitTest(first, 2), scroll, 0) AS depth, {} {ROWS} AND {DETAILED}) \
         GROUP BY GROUPING SETS ({})",
        head(&dimension, &value),
        each(&|name| {
            // A text that reads like the label of an empty one is the same value in reports, and a
            // visitor with both is one.
            let label = if name == "source" { label::DIRECT } else { label::NOT_SET };
            format!("if({name} = '{label}', '', toString({name})) AS d_{name}")
        }),
        each(&|name| format!("(site, d_{name})")),
    )
}

/// Hours: visitors and rows by the hour of the event, visits by the hour in which they start.
fn hours() -> String {
    format!(
        "SELECT site, {{day:Date}}, {{gen:UInt32}}, 'hour', leftPad(toString(at), 2, '0'), \
         {DETAILED}, sum(a), sum(b), sum(c), sum(c), sum(d), sum(e), sum(f), sum(g), sum(h), \
         sum(i), sum(j), sum(k), sum(l) FROM (\
         SELECT site, hour AS at, groupBitmapIf(visitor, visitor != 0) AS a, \
         groupBitmapIf(visitor, visitor != 0 AND by_key = 0) AS b, 0 AS c, 0 AS d, 0 AS e, \
         0 AS f, {} {ROWS} GROUP BY site, at \
         UNION ALL SELECT site, start_hour AS at, 0, 0, count(), sum(bounce), sum(duration), \
         sum(views), 0, 0, 0, 0, 0, 0 {ROWS} AND bitTest(first, 0) GROUP BY site, at\
         ) GROUP BY site, at",
        named_of_rows(),
    )
}

/// Host names: a visit may have several, so its rows of one name are first brought together, in
/// the order of the table.
fn hostnames() -> String {
    format!(
        "{}, groupBitmapIf(visitor, visitor != 0), groupBitmapIf(visitor, visitor != 0 AND human), \
         countIf(visitor != 0), countIf(visitor != 0), sum(b), sum(d), sum(v), sum(g), sum(h), \
         sum(i), sum(j), sum(k), sum(l) FROM (\
         SELECT site, visitor, visit, hostname, min(by_key) = 0 AS human, any(bounce) AS b, \
         any(duration) AS d, any(views) AS v, {} {ROWS} AND {DETAILED} \
         GROUP BY site, visitor, visit, hostname) GROUP BY site, hostname",
        head("'hostname'", "hostname"),
        named_of_rows(),
    )
}

/// [`OF_ROWS`] under the names g to l.
fn named_of_rows() -> String {
    "countIf(name = 'pageview') AS g, count() AS h, \
     countIf(bitTest(first, 2) AND engaged_ms > 0) AS i, \
     sumIf(engaged_ms, bitTest(first, 2)) AS j, \
     countIf(bitTest(first, 2) AND scroll > 0) AS k, sumIf(scroll, bitTest(first, 2)) AS l"
        .to_owned()
}

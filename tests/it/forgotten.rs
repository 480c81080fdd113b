//! What is left of a day once it is closed and its 72 hours are over: no token, no second.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::support::agents;
use crate::support::closings;
use crate::support::people;
use crate::support::program::{Options, Program};
use crate::support::report::Reports;
use crate::support::scan::Found;
use crate::support::sql::Door;
use crate::support::traces::{self, rank_correlation};
use crate::support::{seconds, unpack, wait_for};

const HOUR: u32 = 3_600;
const DAY: u32 = 24 * HOUR;
/// 2093-10-30 12:00 UTC.
const NOON: u32 = 3_907_742_400;
/// 05:00 UTC: evening of the 30th in the east, of the 29th in the west.
const EARLY: u32 = NOON - 7 * HOUR;
/// 20:00 UTC: the 31st in the east, the 30th in the west.
const LATE: u32 = NOON + 8 * HOUR;
/// 13:05 UTC of the 31st: the 30th can be closed.
const CLOSABLE: u32 = NOON + DAY + HOUR + 300;
/// The 72 h after the end of the 30th (the 31st, 12:00 UTC) are over.
const OVER: u32 = NOON + 4 * DAY + 300;
/// The day that is forgotten, and its neighbours.
const BEFORE: &str = "2093-10-29";
const FORGOTTEN: &str = "2093-10-30";
const AFTER: &str = "2093-10-31";
const EAST: &str = "east.example";
const WEST: &str = "west.example";
const SECOND: &str = "second.example";
/// Visitors of the evening, alike in everything but their address.
const FEW: usize = 40;
/// Visitors of the morning.
const MANY: usize = 240;
/// Seconds between two visitors, so that all come within one hour.
const STEP: u32 = 7;
/// Rank correlations of `MANY` things in a random order lie within this: five standard deviations.
const NEAR_ZERO: f64 = 0.33;
/// Tables of closed days.
const CLOSED: [&str; 4] = ["hits", "totals", "closed_days", "closed_batches"];
/// Tables whose times are of operators and processes, not of visitors: when a site, an account, a
/// key or a login was made, how long a lease runs, when a spool was last heard of, when a migration ran.
const OF_OPERATORS: [&str; 7] =
    ["sites", "accounts", "logins", "api_keys", "leases", "spools", "schema_versions"];

fn options(at: u32) -> Options {
    Options { clock: Some(at), ..Options::behind_proxy() }.show_all()
}

/// Sends one event at second `at` to each of `sites`.
fn send(program: &Program, at: u32, address: &str, sites: &[&str], name: &str, page: &str) {
    program.clock.as_ref().expect("a clock").set(at);
    let agent = agents::like("Chrome", "Windows").text.as_str();
    let headers = [("User-Agent", agent), ("X-Forwarded-For", address)];
    for domain in sites {
        let mut body = json!({"n": name, "u": format!("https://{domain}{page}"), "d": domain});
        match name {
            "engagement" => body["e"] = json!(4_000),
            "signup" => body["p"] = json!({"plan": "pro"}),
            _ => {}
        }
        let answer = program.client().post("/api/event", &headers, body.to_string().as_bytes());
        assert_eq!(answer.outcome(), "accepted", "{}", answer.text());
    }
}

/// Sends everything; how many rows that makes.
fn send_all(program: &Program) -> u64 {
    let town = people::towns().into_iter().next().expect("a town");
    for (address, second) in town.addresses.iter().take(FEW).zip((EARLY..).step_by(STEP as usize)) {
        send(program, second, address, &[EAST, WEST], "pageview", "/");
    }
    let mut rows = 2 * FEW as u64;
    for (number, second) in (0..MANY).zip((LATE..).step_by(STEP as usize)) {
        // Neighbours in time are none in their addresses.
        let address = format!("81.2.{}.{}", 60 + number % 7, 1 + number);
        let page = format!("/v/{number}");
        let sites = [EAST, WEST, SECOND];
        send(program, second, &address, &sites, "pageview", &page);
        rows += 3;
        let more = [(1, "pageview"), (2, "signup"), (3, "engagement")];
        for (_, name) in more.iter().filter(|(part, _)| number % 8 == *part) {
            send(program, second + 4, &address, &sites, name, &page);
            rows += 3;
        }
    }
    program.wait_rows(rows);
    rows
}

/// What is known of the rows while they are open.
struct Open {
    /// Tokens by day.
    tokens: BTreeMap<String, BTreeSet<u64>>,
    seconds: BTreeSet<u32>,
}

fn open(door: &Door) -> Open {
    let text = door.value("SELECT day, visitor, toUnixTimestamp(ts) FROM open_events FORMAT TSV");
    let mut open = Open { tokens: BTreeMap::new(), seconds: BTreeSet::new() };
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let token = fields[1].parse().expect("a token");
        open.tokens.entry(fields[0].to_owned()).or_default().insert(token);
        open.seconds.insert(fields[2].parse().expect("a second"));
    }
    open
}

/// Values of a group: what `value` is for each page of `site` on the day that is forgotten.
fn by_page(door: &Door, table: &str, value: &str, site: &str) -> BTreeMap<String, u64> {
    let sql = format!(
        "SELECT path, min(toUInt64({value})) FROM {table} WHERE day = '{FORGOTTEN}' \
         AND site = {site} AND name != 'engagement' AND startsWith(path, '/v/') GROUP BY path FORMAT TSV"
    );
    let pair = |line: &str| {
        let (path, value) = line.split_once('\t').expect("two fields");
        (path.to_owned(), value.parse().expect("a number"))
    };
    let found: BTreeMap<String, u64> = door.value(&sql).lines().map(pair).collect();
    assert_eq!(found.len(), MANY, "{sql}");
    found
}

fn correlation(one: &BTreeMap<String, u64>, other: &BTreeMap<String, u64>) -> f64 {
    let pairs: Vec<(u64, u64)> = one.iter().map(|(path, value)| (*value, other[path])).collect();
    rank_correlation(&pairs)
}

fn numbers_of_sites(door: &Door) -> BTreeMap<String, String> {
    let text = door.value("SELECT domain, id FROM sites FINAL FORMAT TSV");
    let pair = |line: &str| {
        let (domain, id) = line.split_once('\t').expect("two fields");
        (domain.to_owned(), id.to_owned())
    };
    text.lines().map(pair).collect()
}

/// Ordinals tell nothing of tokens, of times, or of the order at another site.
fn check_orders(
    tokens: &[BTreeMap<String, u64>],
    times: &BTreeMap<String, u64>,
    door: &Door,
    sites: &[&str],
) {
    let ordinals: Vec<_> =
        sites.iter().map(|site| by_page(door, "hits", "visitor", site)).collect();
    for (own, tokens) in ordinals.iter().zip(tokens) {
        let mut all: Vec<u64> = own.values().copied().collect();
        all.sort_unstable();
        assert_eq!(all, (1..=MANY as u64).collect::<Vec<_>>(), "numbers from 1 without gaps");
        let turned =
            tokens.iter().map(|(path, token)| (path.clone(), token.swap_bytes())).collect();
        for (what, other) in [("tokens", tokens), ("tokens as bytes", &turned), ("times", times)] {
            let found = correlation(own, other);
            println!("order of ordinals and of {what}: {found:.3}");
            assert!(found.abs() < NEAR_ZERO, "ordinals follow the {what}: {found}");
        }
    }
    let [one, other] = &ordinals[..] else { panic!("two sites") };
    let found = correlation(one, other);
    println!("order at one site and at the other: {found:.3}");
    assert!(found.abs() < NEAR_ZERO, "the same visitors have the same order at two sites: {found}");
    // The control: an order by token is seen.
    let sorted = |tokens: &BTreeMap<String, u64>| -> BTreeMap<String, u64> {
        let mut order: Vec<_> = tokens.iter().collect();
        order.sort_by_key(|(_, token)| **token);
        (0..).zip(order).map(|(rank, (path, _))| (path.clone(), rank)).collect()
    };
    assert!((correlation(&sorted(&tokens[0]), &tokens[0]) - 1.0).abs() < 1e-9);
}

/// No column of a closed table is a time but the one that says when the day was closed.
fn check_columns(schema: &Door) {
    let columns = traces::columns(schema);
    let closed: Vec<_> =
        columns.iter().filter(|column| CLOSED.contains(&column.table.as_str())).collect();
    assert_eq!(closed.iter().map(|column| &column.table).collect::<BTreeSet<_>>().len(), 4);
    let times: Vec<String> = closed
        .iter()
        .filter(|column| column.kind.contains("Time"))
        .map(|column| format!("{}.{}", column.table, column.name))
        .collect();
    assert_eq!(times, ["closed_days.closed"]);
    for gone in ["ts", "spool", "batch", "position"] {
        let kept =
            |column: &&&traces::Column| column.name == gone && column.table != "closed_batches";
        assert_eq!(closed.iter().find(kept), None);
    }
    for column in closed {
        println!("{}.{} {}", column.table, column.name, column.kind);
    }
}

/// Visitors who differ in nothing but the second in which they came leave rows that differ in
/// nothing but the ordinal: no column encodes what is finer than the hour.
fn check_alike(schema: &Door, site: &str) {
    let names: Vec<String> = traces::columns(schema)
        .into_iter()
        .filter(|column| column.table == "hits" && column.name != "visitor")
        .map(|column| column.name)
        .collect();
    let sql = format!(
        "SELECT count(), uniqExact(visitor), uniqExact(tuple({})) FROM hits \
         WHERE day = '{FORGOTTEN}' AND site = {site}",
        names.join(", ")
    );
    assert_eq!(schema.value(&sql), format!("{FEW}\t{FEW}\t1"), "{sql}");
    // Those who looked again after 4 seconds did so between 2 and 5.
    let elapsed =
        format!("SELECT arraySort(groupUniqArray(elapsed)) FROM hits WHERE day = '{FORGOTTEN}'");
    assert_eq!(schema.value(&elapsed), "[0,2]");
}

/// What reports say of each site, by day.
fn check_reports(program: &Program, keys: &[(&str, String)]) {
    let (few, many) = (FEW as u64, MANY as u64);
    let wanted: [(&str, [u64; 3]); 3] =
        [(EAST, [0, few, many]), (WEST, [few, many, 0]), (SECOND, [0, many, 0])];
    for ((domain, visitors), (_, key)) in wanted.into_iter().zip(keys) {
        let mut reports = Reports::new(program.client(), domain, key);
        for (day, visitors) in [BEFORE, FORGOTTEN, AFTER].into_iter().zip(visitors) {
            let found = reports.totals(&["visitors", "visits"], &json!([day, day]), &json!([]));
            assert_eq!(found, [json!(visitors), json!(visitors)], "{domain} on {day}");
        }
    }
}

/// Starts the same program again at another moment and closes until `is_done`.
fn again(program: Program, at: u32, is_done: impl Fn(&Door) -> bool) -> (Program, Door) {
    let (code, _, home) = program.stop();
    assert_eq!(code, 0);
    let program = Program::start_in(home, options(at));
    let schema = Door::embedded(&program.home().data(), "schema");
    closings::close_until(&program, "the day to be done with", || is_done(&schema));
    (program, schema)
}

fn rows_of(door: &Door, day: &str) -> String {
    door.value(&format!("SELECT count() FROM open_events WHERE day = '{day}'"))
}

fn places(found: &[Found]) -> BTreeSet<&str> {
    found.iter().map(|(place, _)| place.as_str()).collect()
}

#[test]
fn seventy_two_hours_after_a_day_nothing_of_its_tokens_and_seconds_is_left() {
    let program = Program::start(options(EARLY - HOUR));
    for (domain, zone) in
        [(EAST, "Pacific/Kiritimati"), (WEST, "Pacific/Pago_Pago"), (SECOND, "Pacific/Pago_Pago")]
    {
        program.add_site(domain, zone);
    }
    let keys = [EAST, WEST, SECOND].map(|domain| (domain, program.add_key(domain, "read")));
    send_all(&program);
    program.clock.as_ref().expect("a clock").set(LATE + HOUR);
    let schema = Door::embedded(&program.home().data(), "schema");
    let sites = numbers_of_sites(&schema);
    let pair = [sites[WEST].as_str(), sites[SECOND].as_str()];
    let tokens = pair.map(|site| by_page(&schema, "open_events", "visitor", site));
    let times = by_page(&schema, "open_events", "ts", pair[0]);
    let Open { tokens: by_day, seconds: all_seconds } = open(&schema);
    let counts: Vec<_> = by_day.iter().map(|(day, all)| (day.as_str(), all.len())).collect();
    assert_eq!(counts, [(BEFORE, FEW), (FORGOTTEN, FEW + 2 * MANY), (AFTER, MANY)]);
    check_reports(&program, &keys);

    // The scans see what is there: every token and every second.
    let (gone, kept) = (traces::of_tokens(&by_day[FORGOTTEN]), traces::of_tokens(&by_day[AFTER]));
    let moments = traces::of_seconds(&all_seconds);
    let everything = |schema: &Door| traces::dump(schema, |_| true);
    let of_visitors = |schema: &Door| traces::dump(schema, |table| !OF_OPERATORS.contains(&table));
    let open_tables = ["table open_events as RowBinary", "table open_events as TSVRaw"];
    let distinct =
        |found: &[Found]| found.iter().map(|(_, form)| form.clone()).collect::<BTreeSet<_>>().len();
    let found = gone.places(&everything(&schema));
    assert_eq!(places(&found), open_tables.into());
    assert_eq!(distinct(&found), 2 * by_day[FORGOTTEN].len(), "each token as text and as bytes");
    let found = moments.places(&of_visitors(&schema));
    assert_eq!(places(&found), open_tables.into());
    assert_eq!(distinct(&found), 2 * all_seconds.len(), "each second as text and as bytes");

    // Closed: the open rows are still there, and what was written from them knows neither.
    let has = |schema: &Door, day: &str| {
        let all = closings::published(schema).unwrap_or_default();
        !closings::current(&all, day).is_empty()
    };
    let (program, schema) = again(program, CLOSABLE, |schema| has(schema, FORGOTTEN));
    assert_ne!(rows_of(&schema, FORGOTTEN), "0");
    assert_eq!(places(&gone.places(&everything(&schema))), open_tables.into());
    assert_eq!(places(&moments.places(&of_visitors(&schema))), open_tables.into());
    check_columns(&schema);
    check_alike(&schema, &sites[EAST]);
    check_orders(&tokens, &times, &schema, &pair);
    check_reports(&program, &keys);
    let engine = program.home().data().join("engine");
    assert!(!unpack::folder(&gone, &engine).is_empty(), "the scan of files is blind");

    // 72 hours after its end.
    let (program, schema) = again(program, OVER, |schema| rows_of(schema, FORGOTTEN) == "0");
    assert_eq!(gone.places(&everything(&schema)), []);
    assert_eq!(places(&kept.places(&everything(&schema))), open_tables.into(), "the scan is blind");
    let closed = traces::dump(&schema, |table| CLOSED.contains(&table) || table == "outcomes");
    assert_eq!(moments.places(&closed), []);
    check_reports(&program, &keys);
    let begun = std::time::Instant::now();
    wait_for("the engine's files to be without it", seconds(120), || {
        let left = unpack::folder(&gone, program.home().scratch());
        left.is_empty().then_some(())
    });
    println!("its files were without it after {:?}", begun.elapsed());
    assert!(!unpack::folder(&kept, &engine).is_empty(), "the scan of files is blind");
    let (code, _, home) = program.stop();
    assert_eq!(code, 0);
    assert_eq!(unpack::folder(&gone, home.scratch()), []);
}

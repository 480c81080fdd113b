//! Many days closed one after the other with the memory an engine has by default.

use serde_json::json;

use crate::support::clickhouse::ClickHouse;
use crate::support::program::{Options, Program};
use crate::support::report::Reports;

const SITE: &str = "site.example";
/// First instant of 2093-06-16 UTC, and its day number.
const FIRST: u32 = 3_895_948_800;
const FIRST_DAY: u32 = FIRST / DAY_SECONDS;
const DAY_SECONDS: u32 = 86_400;
const HOUR: u32 = 3_600;
const DAYS: u32 = 4;
/// Rows of a day that are there when it is closed first; that come before its 72 hours are over;
/// that come later.
const ROWS: [u64; 3] = [130_000, 20_000, 3_000];
/// The 72 hours of the last day are over.
const ALL_OVER: u32 = FIRST + (DAYS - 1) * DAY_SECONDS + (36 + 72) * HOUR;

/// Stores rows of 30 sites, of which the first has a third of the visitors; one visitor of it in
/// sixteen rows of all. Every column differs from row to row as it may.
fn arrive(engine: &ClickHouse, day: u32, arrival: u64) {
    let rows = ROWS[usize::try_from(arrival).expect("a small number")];
    let sql = format!(
        "INSERT INTO open_events SELECT if(a % 3 = 0, 1, 1 + a % 30) AS site, \
         toDate({day}) AS day, intDiv(second, 3600), {day} * 86400 + second, \
         if(a % 16 = 0, 99, 100 + a % 20000) AS visitor, \
         ['pageview', 'pageview', 'engagement', 'signup'][1 + b % 4] AS name, b % 5 > 0, b % 11 = 0, \
         ['site.example', 'www.site.example'][1 + b % 2], concat('/', toString(b % 3000)), \
         concat(toString(a % 400), '.example'), toString(a % 50), toString(a % 9), \
         toString(a % 40), toString(a % 7), toString(a % 60), toString(a % 300), toString(a % 200), \
         toString(a % 90), toString(a % 700), toString(a % 5000), toString(a % 12), \
         toString(a % 80), toString(a % 6), toString(a % 30), toString(a % 4), toString(a % 35), \
         toString(a % 5), if(name = 'engagement', b % 60000, 0), if(name = 'engagement', b % 101, 255), \
         map('plan', toString(b % 20), 'n', toString(b % 999)), b % 1000, 'EUR', \
         1, {arrival} * 100 + intDiv(number, 5000), number % 5000 \
         FROM (SELECT number, cityHash64(number, {day}, {arrival}) AS a, cityHash64(a) AS b, \
         b % 86400 AS second FROM numbers({rows}))"
    );
    engine.query("schema", &sql).expect("many rows");
}

fn close(program: &Program, at: u32) {
    program.clock.as_ref().expect("a clock").set(at);
    program.run(&["close"]).expect_ok("close");
}

#[test]
fn a_backlog_is_closed_with_the_usual_memory_at_the_first_try() {
    let options = Options { clock: Some(FIRST + 10 * HOUR), ..Options::behind_proxy() };
    let program = Program::start(options.site(SITE, "UTC"));
    let key = program.add_key(SITE, "read");
    let engine = program.clickhouse();
    let days = FIRST_DAY..FIRST_DAY + DAYS;
    days.clone().for_each(|day| arrive(&engine, day, 0));
    // What reports have used the engine gives back little by little.
    let mut reports = Reports::new(program.client(), SITE, &key);
    for dimension in ["event:page", "visit:city", "visit:referrer", "event:props:n", "time:day"] {
        let answer = reports.ask(json!({"metrics": ["visitors", "visits", "bounce_rate"],
            "dimensions": [dimension], "date_range": ["2093-06-16", "2093-06-19"]}));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    // The first day is over for good, the others may be closed.
    close(&program, FIRST + (DAYS - 1) * DAY_SECONDS + 37 * HOUR);
    days.clone().for_each(|day| arrive(&engine, day, 1));
    close(&program, ALL_OVER);
    let wholes = engine.value("SELECT countIf(addition = 0) FROM closed_days");
    assert_eq!(wholes, (2 * DAYS - 1).to_string(), "three days are replaced, one is added to");
    // Replaced generations are removed, and right behind that there is more to close.
    days.clone().for_each(|day| arrive(&engine, day, 2));
    close(&program, ALL_OVER + 700);
    assert_eq!(engine.count("open_events"), 0);
    for day in days {
        let sql = format!(
            "SELECT count() + (SELECT sum(engagements) FROM closed_days WHERE day = toDate({day}) AND gen >= \
             (SELECT max(gen) FROM closed_days WHERE day = toDate({day}) AND addition = 0)) \
             FROM hits WHERE day = toDate({day})"
        );
        assert_eq!(engine.value(&sql), ROWS.iter().sum::<u64>().to_string(), "day {day}");
    }
    // Each try takes a number.
    let numbers = engine.value("SELECT (count(), max(gen)) FROM closed_days");
    assert_eq!(numbers, format!("({0},{0})", engine.count("closed_days")), "a try that failed");
}

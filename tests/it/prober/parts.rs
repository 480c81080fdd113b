//! Days of a few people of whom filters pick out one: what charts and lists by days leave out.

use serde_json::{Value, json};

use crate::days::raw::{self, Raw};
use crate::prober::crowd::{DAYS, NOW, START};
use crate::support::program::{Options, Program};
use crate::support::report::Reports;

const SITE: &str = "site.example";

/// Somebody who opens a page at noon of a day of the crowd; each number is one visitor.
fn person(number: u32, day: usize, city: &str, path: &str) -> Raw {
    Raw {
        site: 1,
        day: DAYS[day].to_owned(),
        hour: 12,
        ts: START + u32::try_from(day).expect("a few days") * 86_400 + 43_200 + number,
        visitor: u64::from(number + 1),
        name: "pageview".to_owned(),
        interactive: 1,
        path: path.to_owned(),
        city: city.to_owned(),
        browser: "Firefox".to_owned(),
        revenue: "0".to_owned(),
        scroll: 255,
        ..Raw::default()
    }
}

/// A program that knows these people, with the first days closed up to one of them.
fn knowing(mut rows: Vec<Raw>, closed: Option<usize>) -> (Program, Reports) {
    let options = Options { clock: Some(START + 36_000), ..Options::default() };
    let program = Program::start(options.site(SITE, "UTC"));
    (0..).zip(&mut rows).for_each(|(place, row)| row.position = place);
    raw::insert(&program.clickhouse(), &rows);
    program.clock.as_ref().expect("a clock").set(NOW);
    if let Some(day) = closed {
        program.run(&["close", "--through", DAYS[day]]).expect_ok("close");
    }
    let key = program.add_key(SITE, "read");
    let reports = Reports::new(program.client(), SITE, &key);
    (program, reports)
}

fn asked(reports: &mut Reports, days: [usize; 2], dimensions: &Value, filters: &Value) -> Value {
    let answer = reports.ask(json!({
        "metrics": ["visitors"],
        "date_range": days.map(|day| DAYS[day]),
        "dimensions": dimensions,
        "filters": filters,
        "include": {"total_rows": true},
    }));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// A day on which filters of several dimensions pick out one person is left out, of charts and of
/// lists, and neither counts nor pages tell that it was there.
#[test]
fn a_day_that_is_left_out_leaves_no_trace() {
    let mut rows: Vec<Raw> = (0..30).map(|n| person(n, 2, "Rome", "/")).collect();
    rows.extend((30..60).map(|n| person(n, 3, "Vaduz", "/")));
    rows.push(person(60, 2, "Vaduz", "/"));
    let (_program, mut reports) = knowing(rows, None);
    for dimensions in [json!(["time:day"]), json!(["visit:os", "time:day"])] {
        for (limit, offset) in [(100, 0), (1, 0), (1, 1)] {
            let answer = reports.ask(json!({
                "metrics": ["visitors"],
                "date_range": [DAYS[2], DAYS[3]],
                "dimensions": dimensions,
                "filters": [["is", "visit:city", ["Vaduz"]], ["is", "visit:browser", ["Firefox"]]],
                "pagination": {"limit": limit, "offset": offset},
                "include": {"total_rows": true},
            }));
            let answer = answer.json();
            let days = answer["results"].as_array().expect("rows").iter();
            let days: Vec<&Value> =
                days.filter_map(|row| row["dimensions"].as_array()?.last()).collect();
            let shown: &[&str] = if offset == 0 { &DAYS[3..] } else { &[] };
            assert_eq!(days, shown, "{dimensions} {limit} {offset}: {answer}");
            let meta = &answer["meta"];
            assert_eq!((&meta["total_rows"], &meta["withheld_visitors"]), (&json!(1), &json!(0)));
            assert_eq!(meta["withheld_days"], json!([DAYS[2]]));
        }
    }
}

/// Several values in one filter, of which one is of few on one of the days, but not on both.
#[test]
fn a_day_on_which_few_reach_a_value_that_is_named_tells_no_more_than_its_sum() {
    let mut rows: Vec<Raw> = (0..30).map(|n| person(n, 1, "Rome", "/")).collect();
    rows.extend((30..32).map(|n| person(n, 1, "Vaduz", "/")));
    rows.extend((32..42).map(|n| person(n, 1, "Oslo", "/")));
    for (day, city, first) in [(2, "Vaduz", 42), (2, "Rome", 62), (2, "Oslo", 82)] {
        rows.extend((first..first + 20).map(|n| person(n, day, city, "/")));
    }
    let (_program, mut reports) = knowing(rows, Some(1));
    for values in [
        json!(["is", "visit:city", ["Vaduz", "Rome"]]),
        json!(["contains", "visit:city", ["adu", "om"]]),
        json!(["is_not", "visit:city", ["Vaduz", "Oslo"]]),
    ] {
        let list = json!(["visit:os", "time:day"]);
        let answer = asked(&mut reports, [1, 2], &list, &json!([values]));
        let labels = answer["results"].as_array().expect("rows").iter();
        let labels: Vec<&Value> = labels.map(|row| &row["dimensions"]).collect();
        let shown = [json!(["(other)", DAYS[1]]), json!(["(not set)", DAYS[2]])];
        assert_eq!(labels.len(), 2, "{values}: {answer}");
        assert!(shown.iter().all(|row| labels.contains(&row)), "{values}: {answer}");
        // Where filters of two dimensions meet, its sum is not told either.
        let two = json!([values, ["is", "visit:browser", ["Firefox"]]]);
        for dimensions in [list, json!(["time:day"])] {
            let answer = asked(&mut reports, [1, 2], &dimensions, &two);
            assert_eq!(answer["meta"]["withheld_days"], json!([DAYS[1]]), "{values}: {answer}");
            assert_eq!(answer["meta"]["total_rows"], json!(1), "{values}: {answer}");
        }
    }
}

/// The same where days are told apart, but the value is of few in all of them together.
#[test]
fn a_value_of_few_of_the_range_withholds_all_its_days() {
    let mut rows: Vec<Raw> =
        (0..40).map(|n| person(n, 2 + usize::from(n % 2 == 1), "Rome", "/")).collect();
    rows.extend((40..44).map(|n| person(n, 2 + usize::from(n % 2 == 1), "Vaduz", "/")));
    let (_program, mut reports) = knowing(rows, None);
    for time in ["time:day", "time:week", "time:month"] {
        for filter in [
            json!(["is", "visit:city", ["Vaduz", "Rome"]]),
            json!(["contains", "visit:city", ["Vad", "o"]]),
        ] {
            let list = json!(["visit:os", time]);
            let answer = asked(&mut reports, [2, 3], &list, &json!([filter]));
            assert_eq!(answer["results"], json!([]), "{filter}: {answer}");
            assert_eq!(answer["meta"]["withheld"], "few_visitors", "{filter}: {answer}");
            assert_eq!(answer["meta"]["withheld_visitors"], 44, "{filter}: {answer}");
        }
    }
}

/// Who opens two pages that a pattern matches is still one.
#[test]
fn a_pattern_that_three_people_reach_on_two_pages_each_is_one_of_few() {
    let mut rows: Vec<Raw> = (0..30).map(|n| person(n, 1, "Rome", "/")).collect();
    for path in ["/docs/start", "/docs/api"] {
        rows.extend((30..33).map(|n| person(n, 1, "Rome", path)));
    }
    let (_program, mut reports) = knowing(rows, Some(1));
    for pattern in ["docs", "/docs/"] {
        let filters = json!([["contains", "event:page", [pattern, "/"]]]);
        let answer = asked(&mut reports, [1, 1], &json!(["visit:os"]), &filters);
        assert_eq!(answer["meta"]["withheld"], "few_visitors", "{answer}");
    }
}

//! Reports against an independent count of the same events, in two zones at opposite ends of the
//! day, with the clock of the running program moved from event to event.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::agents;
use crate::support::brute::{Calendar, Log, Numbers, Seen};
use crate::support::events::{self, Sent};
use crate::support::geo::Geo;
use crate::support::program::{Options, Program};
use crate::support::report::Reports;

/// 2093-10-30 12:00 UTC: in New York the clocks go back on 1 November.
const FROM: u32 = 3_907_742_400;
/// 2093-11-02 18:00 UTC.
const TO: u32 = 3_908_023_200;
const SEED: u64 = 20_931_030;
const EVENTS: usize = 1_000;
/// A site of the east and one of the west: 18 and 19 hours apart.
const SITES: [(&str, &str); 2] =
    [("east.example", "Pacific/Kiritimati"), ("west.example", "America/New_York")];
/// Every dimension a report can be broken down by.
const DIMENSIONS: [&str; 14] = [
    "time:day",
    "time:hour",
    "event:page",
    "event:name",
    "visit:source",
    "visit:channel",
    "visit:country",
    "visit:region",
    "visit:city",
    "visit:browser",
    "visit:os",
    "visit:device",
    "visit:entry_page",
    "visit:exit_page",
];

/// Starts a program that shows every group and whose clock is at `FROM`.
fn start() -> Program {
    let options = Options { clock: Some(FROM), ..Options::behind_proxy() }.show_all();
    SITES.iter().fold(Program::start(options), |program, (domain, zone)| {
        program.add_site(domain, zone);
        program
    })
}

/// Sends everything in its second and waits for the rows.
fn send_all(program: &Program, sent: &[Sent]) {
    let mut client = program.client();
    let clock = program.clock.as_ref().expect("a clock");
    for event in sent {
        clock.set(event.ts);
        let (domain, _) = SITES[event.site];
        let headers =
            [("User-Agent", event.agent.text.as_str()), ("X-Forwarded-For", event.address)];
        let answer = client.post("/api/event", &headers, event.body(domain).as_bytes());
        assert_eq!(answer.outcome(), "accepted", "{event:?}");
    }
    program.wait_rows(sent.len() as u64);
    clock.set(TO);
}

/// The reports and the independent count of one site.
fn both(program: &Program, sent: &[Sent], site: usize) -> (Reports, Log) {
    let (domain, zone) = SITES[site];
    let key = program.add_key(domain, "read");
    let log = Log::of(sent, site, &Calendar::of(zone), &Geo::open());
    (Reports::new(program.client(), domain, &key), log)
}

fn all_days() -> Value {
    json!(["2093-10-29", "2093-11-04"])
}

fn whole(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is not a whole number"))
}

fn plain(numbers: &Numbers) -> Vec<u64> {
    [numbers.visitors, numbers.visits, numbers.pageviews, numbers.events].map(|n| n as u64).to_vec()
}

const PLAIN: [&str; 4] = ["visitors", "visits", "pageviews", "events"];
const RATIOS: [&str; 2] = ["bounce_rate", "visit_duration"];

/// Compares the numbers of a selection, without dimensions.
fn compare_totals(reports: &mut Reports, range: &Value, filters: &Value, expected: &Numbers) {
    let found: Vec<u64> = reports.totals(&PLAIN, range, filters).iter().map(whole).collect();
    assert_eq!(found, plain(expected), "{PLAIN:?} of {range} where {filters}");
}

/// Compares a breakdown by one dimension.
fn compare_groups(reports: &mut Reports, log: &Log, dimension: &str) {
    let expected = log.by(dimension, |_| true);
    let query = json!({"metrics": PLAIN, "date_range": all_days(), "dimensions": [dimension]});
    let rows = reports.rows(&query);
    let found: BTreeMap<String, Vec<u64>> = rows
        .iter()
        .map(|(labels, metrics)| (labels[0].clone(), metrics.iter().map(whole).collect()))
        .collect();
    assert_eq!(found.len(), rows.len(), "{dimension}: a label comes twice");
    let wanted: BTreeMap<String, Vec<u64>> =
        expected.iter().map(|(label, numbers)| (label.clone(), plain(numbers))).collect();
    assert_eq!(found, wanted, "{PLAIN:?} by {dimension}");

    // What a page or an event's name would mean for a bounce is not a matter of counting.
    if !dimension.starts_with("event:") {
        let query = json!({"metrics": RATIOS, "date_range": all_days(), "dimensions": [dimension]});
        for (labels, metrics) in reports.rows(&query) {
            let numbers = expected.get(&labels[0]).expect("the same groups");
            let wanted = [numbers.bounce_rate(), numbers.visit_duration()];
            let found = [whole(&metrics[0]), whole(&metrics[1])];
            assert_eq!(found, wanted, "{RATIOS:?} of {labels:?} by {dimension}: {numbers:?}");
        }
    }
}

#[test]
fn a_thousand_events_of_two_zones_are_counted_like_by_hand() {
    let sent = events::generate(SEED, EVENTS, SITES.len(), FROM, TO);
    let program = start();
    send_all(&program, &sent);
    for (site, (_, zone)) in SITES.iter().enumerate() {
        let (mut reports, log) = both(&program, &sent, site);
        println!("{zone}: {} events, {} visits", log.events.len(), log.visits.len());
        compare_totals(&mut reports, &all_days(), &json!([]), &log.totals(|_| true));
        let totals = log.totals(|_| true);
        let ratios = reports.totals(&RATIOS, &all_days(), &json!([]));
        assert_eq!(
            ratios.iter().map(whole).collect::<Vec<_>>(),
            [totals.bounce_rate(), totals.visit_duration()]
        );
        for dimension in DIMENSIONS {
            compare_groups(&mut reports, &log, dimension);
        }
        for day in log.by("time:day", |_| true).keys() {
            let range = json!([day, day]);
            let expected = log.totals(|seen| seen.day == *day);
            compare_totals(&mut reports, &range, &json!([]), &expected);
        }
        compare_filters(&mut reports, &log);
    }
}

/// Compares selections by filters on events and on visits, alone and together.
fn compare_filters(reports: &mut Reports, log: &Log) {
    for dimension in DIMENSIONS.iter().filter(|name| !name.starts_with("time:")) {
        let labels: Vec<String> = log.by(dimension, |_| true).into_keys().collect();
        let value = &labels[labels.len() / 2];
        let is = |seen: &Seen| log.label(seen, dimension) == *value;
        let filter = json!([["is", dimension, [value]]]);
        compare_totals(reports, &all_days(), &filter, &log.totals(is));
        let filter = json!([["is_not", dimension, [value]]]);
        compare_totals(reports, &all_days(), &filter, &log.totals(|seen| !is(seen)));
        let both = [&labels[0], value];
        let filter = json!([["is", dimension, both]]);
        let expected = log.totals(|seen| both.contains(&&log.label(seen, dimension)));
        compare_totals(reports, &all_days(), &filter, &expected);
    }
    let docs = |seen: &Seen| seen.sent.path.contains("docs");
    let chrome = |seen: &Seen| log.label(seen, "visit:browser") == "Chrome";
    let filter = json!([
        ["is", "event:page", ["/docs/start", "/docs/api"]],
        ["is", "visit:browser", ["Chrome"]],
        ["is", "event:name", ["pageview"]],
    ]);
    let expected = log.totals(|seen| docs(seen) && chrome(seen) && seen.sent.name == "pageview");
    compare_totals(reports, &all_days(), &filter, &expected);
}

/// One visitor's events at the west site, so many seconds after `FROM`.
fn at(offsets: &[u32]) -> Vec<Sent> {
    let agent = agents::like("Firefox", "Windows");
    let event = |after: &u32| Sent::pageview(1, FROM + after, "81.2.69.160", agent, "/");
    offsets.iter().map(event).collect()
}

fn west_totals(sent: &[Sent], metrics: &[&str]) -> Vec<u64> {
    let program = start();
    send_all(&program, sent);
    let (mut reports, log) = both(&program, sent, 1);
    compare_totals(&mut reports, &all_days(), &json!([]), &log.totals(|_| true));
    reports.totals(metrics, &all_days(), &json!([])).iter().map(whole).collect()
}

#[test]
fn half_an_hour_continues_a_visit_and_one_second_more_begins_another() {
    let metrics = ["visitors", "visits", "pageviews", "bounce_rate", "visit_duration"];
    assert_eq!(west_totals(&at(&[0, 1_800, 3_600]), &metrics), [1, 1, 3, 0, 3_600]);
    assert_eq!(west_totals(&at(&[0, 1_801, 3_601]), &metrics), [1, 2, 3, 50, 900]);
    assert_eq!(west_totals(&at(&[0, 1_801, 3_602]), &metrics), [1, 3, 3, 100, 0]);
}

#[test]
fn engagement_makes_no_visitor_bridges_no_gap_and_lengthens_no_visit() {
    let metrics = ["visitors", "visits", "events", "bounce_rate", "visit_duration"];
    let mut sent = at(&[0, 60, 1_000, 2_000, 4_000]);
    sent[1].interactive = false;
    sent[1].name = "scrolled";
    for event in &mut sent[2..4] {
        event.name = "engagement";
    }
    // 60 s to 4,000 s is a gap, whatever the engagement between them says.
    assert_eq!(west_totals(&sent, &metrics), [1, 2, 3, 100, 30]);
    sent.truncate(4);
    assert_eq!(west_totals(&sent[2..], &metrics), [0, 0, 0, 0, 0]);
}

#[test]
fn midnight_of_the_site_ends_a_visit_and_a_visitor_and_midnight_elsewhere_does_not() {
    let east = Calendar::of(SITES[0].1).start("2093-11-01");
    let west = Calendar::of(SITES[1].1).start("2093-11-01");
    let agent = agents::like("Firefox", "Windows");
    let view = |site, ts| Sent::pageview(site, ts, "81.2.69.160", agent, "/");
    let mut sent = Vec::new();
    for midnight in [east, west] {
        for site in [0, 1] {
            sent.push(view(site, midnight - 1));
            sent.push(view(site, midnight));
        }
    }
    sent.sort_by_key(|event| event.ts);
    let program = start();
    send_all(&program, &sent);
    for site in [0, 1] {
        let (mut reports, log) = both(&program, &sent, site);
        // Two days around its own midnight, and one visit on one of them around the other's.
        let expected = log.totals(|_| true);
        assert_eq!((expected.visitors, expected.visits), (2, 3), "{}", SITES[site].0);
        compare_totals(&mut reports, &all_days(), &json!([]), &expected);
        compare_groups(&mut reports, &log, "time:day");
        compare_groups(&mut reports, &log, "time:hour");
    }
    let days = "SELECT site, toString(day) AS day, count() AS n FROM open_events
        GROUP BY site, day ORDER BY site, day";
    assert_eq!(program.clickhouse().rows(days).len(), 4, "two days at each site");
}

#[test]
fn the_day_the_clocks_go_back_has_25_hours_counted_from_its_first() {
    let start_of_day = Calendar::of(SITES[1].1).start("2093-11-01");
    let agent = agents::like("Firefox", "Windows");
    let sent: Vec<Sent> = (0..26)
        .map(|hour| Sent::pageview(1, start_of_day + hour * 3_600, "81.2.69.160", agent, "/"))
        .collect();
    let program = start();
    send_all(&program, &sent);
    let (mut reports, log) = both(&program, &sent, 1);
    compare_groups(&mut reports, &log, "time:hour");
    compare_groups(&mut reports, &log, "time:day");
    let query = json!({"metrics": ["events"], "date_range": ["2093-11-01", "2093-11-01"],
        "dimensions": ["time:hour"], "include": {"time_labels": true}});
    let answer = reports.ask(query).json();
    assert_eq!(answer["results"].as_array().map(Vec::len), Some(25), "{answer}");
    let labels = answer["meta"]["time_labels"].as_array().expect("the full list");
    assert_eq!((labels.len(), &labels[24]), (25, &json!("2093-11-01 24:00:00")));
    let events: Vec<Value> = reports.totals(
        &["visitors", "visits", "events"],
        &json!(["2093-11-01", "2093-11-01"]),
        &json!([]),
    );
    assert_eq!(events, [json!(1), json!(25), json!(25)]);
}

#[test]
fn events_of_one_second_keep_the_order_in_which_they_came() {
    let mut sent = at(&[0, 0, 0, 0]);
    for (event, path) in sent.iter_mut().zip(["/about", "/docs/api", "/", "/pricing"]) {
        event.path = path;
    }
    let program = start();
    send_all(&program, &sent);
    let (mut reports, log) = both(&program, &sent, 1);
    compare_groups(&mut reports, &log, "visit:entry_page");
    compare_groups(&mut reports, &log, "visit:exit_page");
    assert_eq!(log.by("visit:entry_page", |_| true).into_keys().collect::<Vec<_>>(), ["/about"]);
}

#[test]
fn the_named_ranges_are_days_of_the_site_and_the_running_day_is_so_far() {
    // One event at noon of each of the last forty days of the west.
    let calendar = Calendar::of(SITES[1].1);
    let agent = agents::like("Firefox", "Windows");
    let options = Options { clock: Some(FROM), ..Options::behind_proxy() }.show_all();
    let program = Program::start(options.site("west.example", "America/New_York"));
    let clock = program.clock.as_ref().expect("a clock");
    let mut client = program.client();
    let noon = calendar.start("2093-10-30") + 12 * 3_600;
    for day in 0..40 {
        let ts = noon + day * 86_400;
        clock.set(ts);
        let event = Sent::pageview(1, ts, "81.2.69.160", agent, "/");
        let headers = [("User-Agent", agent.text.as_str())];
        let answer = client.post("/api/event", &headers, event.body("west.example").as_bytes());
        assert_eq!(answer.outcome(), "accepted");
    }
    program.wait_rows(40);
    let key = program.add_key("west.example", "read");
    let mut reports = Reports::new(program.client(), "west.example", &key);
    // The last event is of 8 December, a minute ago.
    clock.set(noon + 39 * 86_400 + 60);
    for (range, days) in [
        ("day", 1),
        ("7d", 7),
        ("28d", 28),
        ("30d", 30),
        ("91d", 39),
        ("month", 8),
        ("6mo", 32),
        ("year", 40),
        ("all", 40),
        ("realtime", 1),
    ] {
        let found = reports.totals(&["visitors"], &json!(range), &json!([]));
        assert_eq!(found, [json!(days)], "{range}");
    }
    clock.set(noon + 39 * 86_400 + 301);
    assert_eq!(reports.totals(&["visitors"], &json!("realtime"), &json!([])), [json!(0)]);
}

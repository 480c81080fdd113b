//! Small stories whose numbers were worked out by hand: what the brute force itself is held to.

use std::sync::Arc;

use crate::support::years::count::{Count, Sums, shown, total};
use crate::support::years::crowd::{Event, SCROLL_NONE};
use crate::support::years::filter::{Leaf, Operator, Tree};
use crate::support::years::table::{Dimension, Table, View};
use crate::support::years::words::{COLUMNS, ENGAGEMENT, NAME, PATH, TEXTS};

const SOURCE: usize = 4;

/// A page view of visitor 1 on the first day, in its first hour, in time.
fn view(ts: u32, path: u16) -> Event {
    let mut texts = [0; TEXTS];
    texts[PATH] = path;
    Event {
        site: 0,
        day: 0,
        hour: u8::try_from(ts / 3_600).expect("an hour"),
        ts,
        visitor: 1,
        interactive: true,
        by_key: false,
        texts,
        props: [0; 4],
        engaged_ms: 0,
        scroll: SCROLL_NONE,
        revenue: 0,
        spool: 1,
        batch: 1,
        position: 0,
        arrival: 0,
    }
}

fn stay(ts: u32, path: u16, engaged_ms: u32, scroll: u8) -> Event {
    let mut event = Event { interactive: false, engaged_ms, scroll, ..view(ts, path) };
    event.texts[NAME] = ENGAGEMENT;
    event
}

fn table(events: Vec<Event>, view: &View) -> Table {
    let many = events.len();
    Table::new(&Arc::new(events), 0..many, view)
}

fn sums(events: Vec<Event>) -> Sums {
    total(&table(events, &View::open(0)), &[], (0, 11))
}

fn numbers(sums: &Sums, metrics: &[&str]) -> Vec<u64> {
    metrics.iter().map(|metric| sums.metric(metric)).collect()
}

/// Sums by label of one dimension.
fn by(table: &Table, filters: &[Tree], dimension: Dimension, label: &str) -> Sums {
    let count = Count { table, filters, dimensions: &[dimension], days: (0, 11), hide: &shown };
    let groups = count.groups();
    let found = groups.into_iter().find(|(key, _)| dimension.label(key[0]) == label);
    found.map(|(_, sums)| sums).unwrap_or_default()
}

#[test]
fn half_an_hour_continues_a_visit_and_a_second_more_begins_another() {
    let metrics = ["visitors", "visits", "pageviews", "bounce_rate", "visit_duration"];
    let one = sums(vec![view(0, 0), view(1_800, 1), view(3_600, 0)]);
    assert_eq!(numbers(&one, &metrics), [1, 1, 3, 0, 3_600]);
    let two = sums(vec![view(0, 0), view(1_801, 1), view(3_601, 0)]);
    assert_eq!(numbers(&two, &metrics), [1, 2, 3, 50, 900]);
    // Engagement between two events bridges nothing.
    let two = sums(vec![view(0, 0), stay(900, 0, 1, 1), view(1_801, 1)]);
    assert_eq!(numbers(&two, &metrics), [1, 2, 2, 100, 0]);
}

#[test]
fn ties_are_settled_by_batch_then_position_then_spool() {
    let late = Event { batch: 2, position: 0, spool: 0, ..view(5, 1) };
    let behind = Event { position: 7, spool: 0, ..view(5, 2) };
    let second = Event { position: 3, spool: 2, ..view(5, 3) };
    let first = Event { position: 3, ..view(5, 4) };
    let table = table(vec![late, behind, second, first], &View::open(0));
    let page = |path: usize| COLUMNS[PATH].values[path].clone();
    assert_eq!(by(&table, &[], Dimension::Entry, &page(4)).visits, 1);
    assert_eq!(by(&table, &[], Dimension::Exit, &page(1)).visits, 1);
}

#[test]
fn attributes_are_those_of_the_first_event_and_rows_without_token_have_their_own() {
    let mut first = view(0, 0);
    first.texts[SOURCE] = 1;
    let mut second = view(10, 1);
    second.texts[SOURCE] = 2;
    let mut nobody = Event { visitor: 0, ..view(20, 2) };
    nobody.texts[SOURCE] = 2;
    let table = table(vec![first, second, nobody], &View::open(0));
    let google = by(&table, &[], Dimension::Text(SOURCE), "Google");
    assert_eq!((google.visitors, google.visits, google.events), (1, 1, 2));
    let duck = by(&table, &[], Dimension::Text(SOURCE), "DuckDuckGo");
    assert_eq!((duck.visitors, duck.visits, duck.events, duck.pageviews), (0, 0, 1, 1));
    assert_eq!(by(&table, &[], Dimension::Exit, "(not set)").events, 1);
}

#[test]
fn time_on_a_page_goes_to_the_last_visit_that_had_begun_if_it_had_the_page() {
    let metrics = ["time_on_page", "scroll_depth"];
    let mut events = vec![view(0, 0), view(60, 0), view(5_000, 1)];
    // Before the first event: the first visit. Of the second visit's page in the first: nowhere.
    events.push(Event { ts: 0, ..stay(0, 0, 1_000, 20) });
    events.push(stay(300, 0, 2_500, SCROLL_NONE));
    events.push(stay(4_999, 1, 90_000, 99));
    events.push(stay(9_000, 1, 4_499, 0));
    let table = table(events, &View::open(0));
    let page = |path: usize| by(&table, &[], Dimension::Text(PATH), &COLUMNS[PATH].labels[path]);
    assert_eq!(numbers(&page(0), &metrics), [4, 20]);
    assert_eq!(numbers(&page(1), &metrics), [4, 0]);
    let both = total(&table, &[], (0, 11));
    assert_eq!((both.engaged_pages, both.engaged_ms, both.scrolled_pages), (2, 7_999, 1));
}

#[test]
fn the_first_of_a_page_is_one_not_sent_by_a_key_if_there_is_one() {
    let mut sent = Event { by_key: true, ..view(0, 0) };
    sent.texts[NAME] = 2;
    let events = vec![sent, view(10, 0), stay(20, 0, 7_000, 50)];
    let table = table(events, &View::open(0));
    let by_name = |name: &str| by(&table, &[], Dimension::Text(NAME), name).engaged_ms;
    assert_eq!((by_name("signup"), by_name("pageview")), (0, 7_000));
}

#[test]
fn a_visit_counts_in_the_hour_it_starts_and_a_visitor_in_every_hour() {
    let table = table(vec![view(3_000, 0), view(4_000, 1), view(5_000, 1)], &View::open(0));
    let hour = |label: &str| by(&table, &[], Dimension::Hour, label);
    let (first, second) = (hour("2093-03-27 00:00:00"), hour("2093-03-27 01:00:00"));
    assert_eq!((first.visitors, first.visits, first.events), (1, 1, 1));
    assert_eq!((second.visitors, second.visits, second.events), (1, 0, 2));
}

#[test]
fn bounces_of_a_page_are_of_visits_that_entered_there() {
    let page = |path: usize| COLUMNS[PATH].values[path].clone();
    let two = Event { visitor: 2, ..view(0, 1) };
    let table = table(vec![view(0, 0), view(10, 1), two], &View::open(0));
    let second = by(&table, &[], Dimension::Text(PATH), &page(1));
    assert_eq!((second.visits, second.entries, second.bounces), (2, 1, 1));
    let leaf = Leaf {
        operator: Operator::Is,
        not: false,
        dimension: Dimension::Text(PATH),
        values: vec![page(1)],
        case_sensitive: None,
    };
    let seen = total(&table, &[Tree::Leaf(leaf)], (0, 11));
    assert_eq!((seen.visits, seen.entries, seen.bounces), (2, 1, 1));
}

#[test]
fn what_is_added_to_a_closed_day_is_somebody_else() {
    let late = Event { arrival: 1, ..view(10, 1) };
    let events = vec![view(0, 0), late, Event { arrival: 2, ..view(20, 2) }];
    let mut seen = View::open(2);
    let count = |view: &View| {
        let sums = total(&table(events.clone(), view), &[], (0, 11));
        (sums.visitors, sums.visits, sums.events)
    };
    assert_eq!(count(&seen), (1, 1, 3));
    seen.taken[0] = vec![0];
    assert_eq!(count(&seen), (1, 1, 1));
    seen.taken[0] = vec![0, 1];
    assert_eq!(count(&seen), (2, 2, 2));
    seen.taken[0] = vec![0, 1, 2];
    assert_eq!(count(&seen), (3, 3, 3));
    assert_eq!(table(events.clone(), &seen).added((0, 11)), 2);
    assert_eq!(table(events.clone(), &seen).layer(0, 2), [1, 1, 1]);
    seen.taken[0] = vec![1, 2];
    assert_eq!(count(&seen), (2, 2, 3));
}

#[test]
fn conditions_are_told_by_labels_and_trees_by_logic() {
    let leaf = |operator, not, values: &[&str], case_sensitive| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let dimension = Dimension::Text(SOURCE);
        Tree::Leaf(Leaf { operator, not, dimension, values, case_sensitive })
    };
    let mut google = view(0, 0);
    google.texts[SOURCE] = 1;
    let table = table(vec![view(0, 0), Event { visitor: 2, ..google }], &View::open(0));
    let events = |tree: Tree| total(&table, &[tree], (0, 11)).events;
    let direct = leaf(Operator::Is, false, &[""], None);
    let any_case = leaf(Operator::Is, false, &["GOOGLE"], Some(false));
    let neither = leaf(Operator::Contains, true, &["oog", "irec"], None);
    let wild = leaf(Operator::Matches, false, &["^G.*e$", "^D.*t / N"], None);
    assert_eq!(events(direct.clone()), 1);
    assert_eq!(events(any_case.clone()), 1);
    assert_eq!(events(leaf(Operator::Is, false, &["GOOGLE"], None)), 0);
    assert_eq!(events(neither), 0);
    assert_eq!(events(wild), 2);
    assert_eq!(events(Tree::And(vec![direct.clone(), any_case.clone()])), 0);
    assert_eq!(events(Tree::Or(vec![direct.clone(), any_case])), 2);
    assert_eq!(events(Tree::Not(Box::new(direct))), 1);
}

//! A million events of forty sites in forty zones, asked about in three hundred ways: the answer
//! is what brute force counts, whether days are open, closed, extended or a mixture of these.

use crate::support::random::Random;
use crate::support::years::calendar::{DAYS, ZONES, range};
use crate::support::years::check;
use crate::support::years::compare::{self, Period};
use crate::support::years::oblige::{self, K};
use crate::support::years::question::{Question, untimed};
use crate::support::years::story::{Story, sizes};
use crate::support::years::table::{Dimension, Table, View};

const SEED: u64 = 20_930_327;
const EVENTS: usize = 1_000_000;
/// Questions about the biggest site beside those without filters, and about the others.
const QUESTIONS: (usize, usize) = (14, 260);
/// Questions about few visitors.
const NARROW: usize = 48;
/// 2093-03-28 12:00 UTC: no day may be closed yet.
const ALL_OPEN: u32 = 3_889_080_000;
/// 2093-04-01 13:30 UTC: March may be closed, and its first two days are over for good.
const MARCH_OVER: u32 = ALL_OPEN + 4 * 86_400 + 5_400;
/// 2093-04-03 13:30 UTC: two more days may be closed, and two more are over for good.
const TWO_LATER: u32 = MARCH_OVER + 2 * 86_400;
/// 2093-04-12 13:30 UTC: all days are over for good.
const ALL_OVER: u32 = MARCH_OVER + 11 * 86_400;

/// Every list of the biggest site without filters, and random questions about it.
fn of_the_biggest(random: &mut Random) -> Vec<Question> {
    let mut all = vec![Question::plain(0, &[])];
    for time in [Dimension::Day, Dimension::Week, Dimension::Month, Dimension::Hour] {
        all.push(Question::plain(0, &[time]));
    }
    all.extend(untimed().iter().map(|one| Question::plain(0, &[*one])));
    all.extend((0..QUESTIONS.0).map(|_| Question::random(random, 0)));
    all
}

/// Random questions about all others.
fn of_the_others(random: &mut Random) -> Vec<Question> {
    let sites = (1..ZONES.len()).cycle();
    sites.take(QUESTIONS.1).map(|site| Question::random(random, site)).collect()
}

/// Whole months, weeks and the like, as they are called at `clock`, at both sides of the date line.
fn named(clock: u32) -> Vec<Question> {
    let mut all = Vec::new();
    for site in [2, 3, 4, 6] {
        for name in ["day", "7d", "28d", "month", "6mo", "year"] {
            let time = if name == "7d" { Dimension::Hour } else { Dimension::Day };
            let days = range(name, ZONES[site], clock);
            all.push(Question { days, range: Some(name), ..Question::plain(site, &[time]) });
        }
    }
    all
}

/// What was closed is what the tables hold as their last layer of that day, or as the whole.
fn compare_closed(closed: &[(usize, [u64; 3])], tables: &[Table]) {
    for (day, said) in closed {
        let wanted = sizes(tables, *day);
        assert_eq!(Some(said), wanted.last(), "rows, visitors and visits of day {day}: {wanted:?}");
    }
}

#[test]
fn a_million_events_are_counted_as_by_brute_force() {
    let mut random = Random::seeded("questions", SEED);
    let mut story = Story::begin(SEED, EVENTS, ALL_OPEN);
    let (biggest, others) = (of_the_biggest(&mut random), of_the_others(&mut random));
    let few = narrow(&mut random);
    story.arrive(0);

    let tables = story.tables(&View::open(0));
    equal(&story, "all days open", &tables, &[&biggest[..5], &every(2, 0, &others)].concat());
    minutes(&story, &tables);

    let closed = story.close(MARCH_OVER, 4);
    compare_closed(&closed, &tables);
    assert_eq!(story.open_rows(1), "0", "open rows of days that are over for good");
    equal(
        &story,
        "March closed, April open",
        &tables,
        &[every(4, 1, &biggest), every(2, 1, &others)].concat(),
    );
    equal(&story, "ranges by name", &tables, &named(MARCH_OVER));
    beside(&story, &tables, &others);

    // Two days are over for good, three will be taken in anew, the others are open.
    story.arrive(1);
    let mut view = View::open(1);
    view.taken[..5].fill(vec![0]);
    let hidden: Vec<Question> = (1..10).map(|site| within(site, (2, 4))).collect();
    equal(&story, "late rows of closed days wait", &story.tables(&view), &hidden);

    let closed = story.close(TWO_LATER, 6);
    view.taken[..2].fill(vec![0, 1]);
    view.taken[2..4].fill(vec![1]);
    let tables = story.tables(&view);
    compare_closed(&closed, &tables);
    equal(
        &story,
        "late rows taken in",
        &tables,
        &[every(5, 3, &biggest), every(3, 2, &others)].concat(),
    );
    story.restart(TWO_LATER, K);
    judge(&story, "small groups of open and closed days", &tables, &few);

    story.arrive(2);
    let mut closed = story.close(ALL_OVER, 7);
    closed.extend(story.close(ALL_OVER, DAYS - 1));
    view.taken[..2].fill(vec![0, 1, 2]);
    view.taken[2..4].fill(vec![1, 2]);
    view.taken[4..].fill(vec![2]);
    compare_closed(&closed, &story.tables(&view));
    story.arrive(3);
    let closed = story.close(ALL_OVER + 60, DAYS - 1);
    view.taken.iter_mut().for_each(|taken| taken.push(3));
    let tables = story.tables(&view);
    compare_closed(&closed, &tables);
    assert_eq!(story.open_rows(DAYS), "0", "open rows, when all days are over for good");
    judge(&story, "small groups of days with additions", &tables, &every(6, 1, &others));
    story.restart(ALL_OVER + 120, 1);
    equal(&story, "all days closed, with additions", &tables, &[biggest, others].concat());
    story.end();
}

/// Asks for equality to the unit.
fn equal(story: &Story, phase: &str, tables: &[Table], all: &[Question]) {
    story.ask(phase, all, |asked, found| {
        check::equal(&mut story.reports(asked.site), &tables[asked.site], asked, found);
    });
}

/// Asks for all rows, and judges what is shown.
fn judge(story: &Story, phase: &str, tables: &[Table], all: &[Question]) {
    story.ask(phase, all, |asked, found| {
        let mut reports = story.reports(asked.site);
        oblige::judge(&mut reports, &tables[asked.site], &asked.unpaged(), found);
    });
}

/// One in so many, from the one of that number on.
fn every(step: usize, first: usize, all: &[Question]) -> Vec<Question> {
    all.iter().skip(first).step_by(step).cloned().collect()
}

/// About few visitors of sites that are not the biggest.
fn narrow(random: &mut Random) -> Vec<Question> {
    let sites = (1..ZONES.len()).cycle();
    sites.take(NARROW).map(|site| Question::narrow(random, site)).collect()
}

/// A question about some days of a site.
fn within(site: usize, days: (i32, i32)) -> Question {
    Question { days, ..Question::plain(site, &[Dimension::Day]) }
}

/// Minutes of open days.
fn minutes(story: &Story, tables: &[Table]) {
    story.ask("minutes", &[(0, 3), (1, 9), (5, 9), (8, 2)], |(site, day), found| {
        compare::minutes(&mut story.reports(*site), &tables[*site], *site, *day, found);
    });
}

/// Some of the questions beside another period; minutes of closed days are gone.
fn beside(story: &Story, tables: &[Table], all: &[Question]) {
    let some: Vec<&Question> =
        all.iter().filter(|one| one.dimensions.len() <= 1).step_by(13).collect();
    story.ask("comparisons", &some, |asked, found| {
        for period in [Period::Previous, Period::Days(1, 6)] {
            let mut reports = story.reports(asked.site);
            compare::beside(&mut reports, &tables[asked.site], asked, period, found);
        }
    });
    let said = compare::ask_minutes(&mut story.reports(1), 4);
    assert!(said.get("results").is_none(), "minutes of a closed day: {said}");
}

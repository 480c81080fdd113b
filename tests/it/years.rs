//! A million events of forty sites in forty zones, asked about in three hundred ways: the answer
//! is what brute force counts, whether days are open, closed, extended or a mixture of these.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use crate::support::command;
use crate::support::program::{Options, Program};
use crate::support::random::Random;
use crate::support::report::Reports;
use crate::support::years::calendar::ZONES;
use crate::support::years::check::{self, Found};
use crate::support::years::crowd::{Crowd, Event};
use crate::support::years::question::Question;
use crate::support::years::rows;
use crate::support::years::table::{Table, View};

const SEED: u64 = 20_930_327;
const EVENTS: usize = 1_000_000;
const QUESTIONS: usize = 300;
/// 2093-03-28 12:00 UTC: no day may be closed yet.
const ALL_OPEN: u32 = 3_889_080_000;

/// The events, and the program that was told them.
struct Story {
    events: Arc<Vec<Event>>,
    /// The events of each site.
    ranges: Vec<Range<usize>>,
    program: Program,
    key: String,
    /// Numbers of the sites in the database.
    sites: Vec<u32>,
    begun: Instant,
}

fn domain(site: usize) -> String {
    format!("s{site:02}.example")
}

impl Story {
    fn begin() -> Self {
        let begun = Instant::now();
        let events = Crowd::new(SEED, EVENTS).events;
        assert_eq!(events.len(), EVENTS);
        println!("made up after {:?}", begun.elapsed());
        let mut ranges = vec![0..0; ZONES.len()];
        let mut from = 0;
        for of_site in events.chunk_by(|a, b| a.site == b.site) {
            let to = from + of_site.len();
            ranges[usize::from(of_site[0].site)] = from..to;
            from = to;
        }
        let options = Options { clock: Some(ALL_OPEN), ..Options::default() }.show_all();
        let program = Program::start(options);
        let lines = ZONES.iter().enumerate();
        let lines: String = lines
            .map(|(site, zone)| format!("site add {} --timezone {zone}\n", domain(site)))
            .collect();
        command::at_home(program.home(), &["admin"], &lines).expect_ok("forty times site add");
        let said = program.run(&["key", "create", "--all-sites", "--scope", "read"]);
        let key = said.expect_ok("key create").trim().to_owned();
        let numbers = "SELECT id, domain FROM sites FINAL FORMAT TSV";
        let text = program.clickhouse().query("settings", numbers).expect("the sites");
        let mut sites = vec![0; ZONES.len()];
        for line in String::from_utf8_lossy(&text).lines() {
            let (id, name) = line.split_once('\t').expect("two columns");
            let site = (0..ZONES.len()).find(|site| domain(*site) == name);
            sites[site.expect("one of ours")] = id.parse().expect("a number");
        }
        println!("the sites are known after {:?}", begun.elapsed());
        Self { events: Arc::new(events), ranges, program, key, sites, begun }
    }

    /// The batches of that arrival reach the database.
    fn arrive(&self, arrival: u8) {
        let data = self.program.home().data();
        let rows = rows::insert(&data, &self.sites, &self.events, arrival);
        println!("{rows} rows of arrival {arrival} after {:?}", self.begun.elapsed());
    }

    /// Every site as `view` shows it.
    fn tables(&self, view: &View) -> Vec<Table> {
        let table = |range: &Range<usize>| Table::new(&self.events, range.clone(), view);
        let (biggest, others) = self.ranges.split_first().expect("forty sites");
        let tables = std::thread::scope(|scope| {
            let rest = scope.spawn(move || others.iter().map(table).collect::<Vec<Table>>());
            let mut tables = vec![table(biggest)];
            tables.extend(rest.join().expect("tables"));
            tables
        });
        println!("visits are cut after {:?}", self.begun.elapsed());
        tables
    }

    fn reports(&self, site: usize) -> Reports {
        Reports::new(self.program.client(), &domain(site), &self.key)
    }

    /// Asks everything and compares.
    fn ask(&self, phase: &str, tables: &[Table], questions: &[Question]) {
        let some = |odd: usize| -> Found {
            let mut found = Found::default();
            for asked in questions.iter().skip(odd).step_by(2) {
                let mut reports = self.reports(asked.site);
                check::equal(&mut reports, &tables[asked.site], asked, &mut found);
            }
            found
        };
        let mut found = std::thread::scope(|scope| {
            let odd = scope.spawn(|| some(1));
            let mut found = some(0);
            found.join(odd.join().expect("questions"));
            found
        });
        println!(
            "{phase}: {} questions, {} rows, after {:?}",
            found.questions,
            found.rows,
            self.begun.elapsed()
        );
        found.faults.sort();
        found.assert_none(phase);
    }
}

/// Mostly about small sites, some about the biggest.
fn questions() -> Vec<Question> {
    let mut random = Random::seeded("questions", SEED);
    let mut all = Vec::new();
    while all.len() < QUESTIONS {
        let site = if all.len() % 8 == 0 { 0 } else { all.len() % ZONES.len() };
        let asked = Question::random(&mut random, site);
        if is_old(&asked) {
            all.push(asked);
        }
    }
    all
}

fn is_old(asked: &Question) -> bool {
    use crate::support::years::filter::{Operator, Tree};
    let old = [
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
    asked.dimensions.iter().all(|one| old.contains(&one.name().as_str()))
        && asked.leaves().iter().all(|leaf| {
            leaf.operator == Operator::Is
                && leaf.case_sensitive.is_none()
                && old.contains(&leaf.dimension.name().as_str())
        })
        && asked.filters.iter().all(|tree| matches!(tree, Tree::Leaf(_)))
        && !asked.metrics.iter().any(|one| ["time_on_page", "scroll_depth"].contains(one))
}

#[test]
fn a_million_events_are_counted_as_by_brute_force() {
    let story = Story::begin();
    story.arrive(0);
    let questions = questions();
    let tables = story.tables(&View::open(0));
    story.ask("all days open", &tables, &questions);
}

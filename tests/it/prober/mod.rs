//! The threshold from outside: thousands of questions at random to a site with rare values
//! everywhere, over the API with a key. Days that are closed, with and without sums by value, and
//! open ones answer; what an answer may tell is counted from the rows that were stored, by rules
//! that are written here from the design alone.

mod crowd;
mod judge;
mod parts;
mod question;
mod truth;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::days::raw;
use crate::prober::judge::{Extent, Judge, KINDS, Row};
use crate::prober::question::Question;
use crate::prober::truth::Truth;
use crate::support::home::Home;
use crate::support::program::{Options, Program};
use crate::support::random::Random;
use crate::support::report::Reports;

const SITE: &str = "site.example";
const SEED: u64 = 20_930_301;
const VISITORS: u32 = 320;
/// Reports of one site that are made at a time.
const ASKERS: u64 = 4;
/// Questions with the same filters and range.
const LISTS: usize = 3;
/// Questions that are asked each time. `PROBER_QUESTIONS=10000 make test ONLY=prober` asks more of
/// the same seed: 19 minutes were seen, beside other work.
const DEFAULT: u64 = 1_000;
/// Questions that are asked where nothing is withheld.
const CONTROL: u64 = 500;
/// Questions that are asked where one visitor less is enough.
const CONTROL_OF_FOUR: u64 = 200;
/// How often a question is asked.
const TRIES: usize = 10;
/// Pages that are asked for, of one list.
const PAGES: u64 = 30;

/// Sums over all answers of an asker.
#[derive(Debug, Default)]
struct Sum {
    told: BTreeMap<&'static str, Vec<String>>,
    asked: u64,
    refused: u64,
    withheld: u64,
    lists: u64,
    others: u64,
    named: usize,
    compared: usize,
}

impl Sum {
    fn add(&mut self, other: Self) {
        for (kind, more) in other.told {
            self.told.entry(kind).or_default().extend(more);
        }
        self.asked += other.asked;
        self.refused += other.refused;
        self.withheld += other.withheld;
        self.lists += other.lists;
        self.others += other.others;
        self.named += other.named;
        self.compared += other.compared;
    }

    fn count(&self, kind: &str) -> usize {
        self.told.get(kind).map_or(0, Vec::len)
    }

    fn all(&self) -> usize {
        self.told.values().map(Vec::len).sum()
    }

    /// One line, and a few examples of each kind.
    fn show(&self, what: &str, took: Duration) {
        println!(
            "{what}: {} asked in {took:?}, {} refused, {} withheld, {} lists, {} with others, {} \
             rows with a value, {} compared, {} violations",
            self.asked,
            self.refused,
            self.withheld,
            self.lists,
            self.others,
            self.named,
            self.compared,
            self.all()
        );
        for (kind, all) in &self.told {
            println!("  {kind}: {}", all.len());
            let mut short: Vec<&String> = all.iter().collect();
            short.sort_by_key(|text| text.len());
            short.iter().take(4).for_each(|one| println!("    {one}"));
        }
    }
}

/// One asker: keeps its connection, and asks until it has asked enough.
struct Asker<'a> {
    truth: &'a Truth,
    reports: Reports,
    sum: Sum,
    /// Nothing should be found.
    is_strict: bool,
}

impl Asker<'_> {
    fn run(mut self, seed: u64, questions: u64) -> Sum {
        let mut random = Random::seeded("prober's questions", seed);
        while self.sum.asked < questions {
            let mut question = Question::random(&mut random, self.truth);
            // As a page does, which asks several lists with the same filters.
            for _ in 0..LISTS {
                self.question(&question);
                question = question.another(&mut random);
            }
        }
        self.sum
    }

    fn question(&mut self, question: &Question) {
        let mut judge = Judge::new(self.truth, question);
        let Some(first) = self.ask(question, 0) else { return };
        let mut all = judge::rows(&first, false);
        let total = first["meta"]["total_rows"].as_u64().expect("a number of rows");
        self.sum.withheld += u64::from(!first["meta"]["withheld"].is_null());
        let mut whole = true;
        if let Some(limit) = question.page {
            judge.rows(&all, Extent::Page);
            for page in 1..total.div_ceil(limit).min(PAGES) {
                let Some(next) = self.ask(question, page * limit) else { return };
                let rows = judge::rows(&next, false);
                if rows.is_empty() {
                    judge.told.push((KINDS[7], format!("page {page} is empty")));
                }
                judge.rows(&rows, Extent::Page);
                all.extend(rows);
            }
            whole = total <= limit * PAGES;
        }
        self.sum.lists += u64::from(!question.list.is_empty() && !all.is_empty());
        self.sum.named += judge.rows(&all, if whole { Extent::Whole } else { Extent::Page });
        if whole {
            judge.meta(&first, &all);
        }
        if question.compared.is_some() {
            let beside = judge::rows(&first, true);
            self.sum.compared += beside.len();
            judge.rows(&beside, Extent::Beside);
        }
        let is_other = |row: &Row| row.0.iter().any(|label| label == "(other)");
        self.sum.others += u64::from(all.iter().any(is_other));
        let mut told = std::mem::take(&mut judge.told);
        told.sort();
        told.dedup();
        for (kind, what) in told {
            let text = format!("{what}: {} -> {}", question.json(0), shortened(&first));
            if self.is_strict {
                // At once: a long run may be ended at the first of them.
                println!("{kind}: {text}");
            }
            self.sum.told.entry(kind).or_default().push(text);
        }
    }

    /// An answer, unless the question is refused.
    fn ask(&mut self, question: &Question, offset: u64) -> Option<Value> {
        self.sum.asked += 1;
        let query = question.json(offset);
        for _ in 0..TRIES {
            // On a machine with other things to do an answer may take too long.
            let Ok(answer) = self.reports.try_ask(query.clone()) else { continue };
            match answer.status {
                200 => return Some(answer.json()),
                // The place of an answer may be given back a moment after it.
                429 | 503 => std::thread::sleep(Duration::from_millis(100)),
                400 => {
                    self.sum.refused += 1;
                    return None;
                }
                _ => panic!("{query}: {} {}", answer.status, answer.text()),
            }
        }
        self.sum.told.entry(KINDS[9]).or_default().push(query.to_string());
        None
    }
}

fn shortened(answer: &Value) -> String {
    let text = format!("{} {}", answer["results"], answer["meta"]);
    text.chars().take(700).collect()
}

/// Asks `questions` questions with the threshold of the environment variable.
fn probe(truth: &Truth, home: Home, threshold: &str, questions: u64) -> (Sum, Home) {
    let options = Options { clock: Some(crowd::NOW), ..Options::default() };
    let program = Program::start_in(home, options.env("HEADCOUNT_THRESHOLD", threshold));
    let key = program.add_key(SITE, "read");
    let begun = Instant::now();
    let mut sum = Sum::default();
    std::thread::scope(|scope| {
        let askers: Vec<_> = (0..ASKERS)
            .map(|number| {
                let reports = Reports::new(program.client(), SITE, &key);
                let is_strict = threshold == "5";
                let asker = Asker { truth, reports, sum: Sum::default(), is_strict };
                scope.spawn(move || asker.run(SEED + number, questions / ASKERS))
            })
            .collect();
        for asker in askers {
            sum.add(asker.join().expect("an asker ends well"));
        }
    });
    sum.show(&format!("threshold {threshold}"), begun.elapsed());
    let (code, _, home) = program.stop();
    assert_eq!(code, 0, "{}", home.log());
    (sum, home)
}

/// A home whose database has the crowd; the first two days are closed.
fn stored(crowd: &crowd::Crowd) -> Home {
    let options = Options { clock: Some(crowd::START + 36_000), ..Options::default() };
    let program = Program::start(options.site(SITE, "UTC"));
    let engine = program.clickhouse();
    for rows in crowd.rows.chunks(400) {
        raw::insert(&engine, rows);
    }
    engine.query("schema", &crowd::bulk_statement(1)).expect("many rows");
    program.clock.as_ref().expect("a clock").set(crowd::NOW);
    program.run(&["close", "--through", crowd::DAYS[1]]).expect_ok("close");
    let closed = "SELECT groupArray(rows) FROM (SELECT rows FROM closed_days ORDER BY day)";
    let count = |day: usize| {
        let of_day = crowd.events.iter().filter(|event| event.day == day);
        of_day.map(|event| event.weight).sum::<u64>()
    };
    assert_eq!(engine.value(closed), format!("[{},{}]", count(0), count(1)));
    let by_value = "SELECT groupUniqArray(day) FROM totals WHERE dim = 'city'";
    assert_eq!(engine.value(by_value), format!("['{}']", crowd::DAYS[0]));
    let (code, _, home) = program.stop();
    assert_eq!(code, 0, "{}", home.log());
    home
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test's own switch")]
fn questions_at_random_learn_nothing_about_fewer_than_five() {
    let asked = std::env::var("PROBER_QUESTIONS").ok();
    let asked = asked.map(|number| number.parse().expect("PROBER_QUESTIONS is a number"));
    learn(asked.unwrap_or(DEFAULT));
}

/// Asks that many questions, and some of them where less is withheld.
fn learn(questions: u64) {
    let crowd = crowd::crowd(SEED, VISITORS);
    let truth = Truth::new(crowd.events.clone());
    let home = stored(&crowd);
    let (sum, home) = probe(&truth, home, "5", questions);
    assert_eq!(sum.all(), 0, "an answer told too much, or a wrong number");
    assert!(sum.refused * 20 < sum.asked, "too few questions were understood: {}", sum.refused);
    assert!(sum.lists * 5 > sum.asked && sum.others * 10 > sum.asked, "nothing is told");
    assert!(sum.named as u64 > sum.asked && sum.compared as u64 * 4 > sum.asked, "nothing is told");

    let (off, home) = probe(&truth, home, "1", CONTROL);
    let (low, _home) = probe(&truth, home, "4", CONTROL_OF_FOUR);
    // The same eyes see each kind where nothing is withheld, and what is one too few.
    assert!(off.all() >= 1_000, "the prober is blind: {}", off.all());
    assert_eq!((off.others, off.withheld), (0, 0), "nobody is among others");
    for kind in &KINDS[..5] {
        assert!(off.count(kind) > 0, "the prober does not see: {kind}");
    }
    assert!(low.count(KINDS[4]) > 0 && low.count(KINDS[5]) > 0, "it does not count well");
    for kind in [KINDS[6], KINDS[8], KINDS[9]] {
        assert_eq!((off.count(kind), low.count(kind)), (0, 0), "{kind}");
    }
}

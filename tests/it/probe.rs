//! Hundreds of questions at random to a site with a threshold: none of the answers may tell
//! anything about fewer than five people. The same questions to a site without one must.

use crate::support::asker::Question;
use crate::support::people::{self, Moment, Person};
use crate::support::program::{Options, Program};
use crate::support::random::Random;
use crate::support::report::Reports;

/// The site of these tests.
const SITE: &str = "site.example";
/// The least number of visitors that is shown.
const K: usize = 5;
/// Two days and three hours of 2093.
const MOMENTS: [Moment; 3] = [
    (3_907_742_400, "2093-10-30", "2093-10-30 12:00:00"),
    (3_907_749_600, "2093-10-30", "2093-10-30 14:00:00"),
    (3_907_818_000, "2093-10-31", "2093-10-31 09:00:00"),
];
const DAYS: [&str; 2] = ["2093-10-30", "2093-10-31"];
const SEED: u64 = 5_150;
const PEOPLE: usize = 110;
const QUESTIONS: usize = 320;

/// Sums over all answers.
#[derive(Debug, Default)]
struct Sum {
    violations: Vec<String>,
    answered: usize,
    refused: usize,
    withheld: usize,
    named: usize,
}

fn ask_all(options: Options, people: &[Person], questions: usize) -> Sum {
    let options = Options { clock: Some(MOMENTS[0].0), ..options }.site(SITE, "UTC");
    let program = Program::start(options);
    people::send(&program, SITE, people, None);
    program.wait_rows(people::events(people));
    let key = program.add_key(SITE, "read");
    let mut reports = Reports::new(program.client(), SITE, &key);
    let mut random = Random::seeded("questions", SEED);
    let mut sum = Sum::default();
    for _ in 0..questions {
        let question = Question::random(&mut random, people, &DAYS);
        let answer = reports.ask(question.json());
        if answer.status == 400 {
            sum.refused += 1;
            continue;
        }
        assert_eq!(answer.status, 200, "{question:?}: {}", answer.text());
        let body = answer.json();
        sum.answered += 1;
        sum.withheld += usize::from(!body["meta"]["withheld"].is_null());
        let rows = body["results"].as_array().expect("results").iter().map(|row| {
            let labels = row["dimensions"].as_array().expect("dimensions").iter();
            let labels = labels.map(|label| label.as_str().expect("text").to_owned());
            (labels.collect(), row["metrics"][0].as_u64().expect("visitors"))
        });
        let told = question.judge(people, &rows.collect::<Vec<_>>(), K);
        sum.named += told.named;
        let about = |violation| format!("{violation}, asked {}: {}", question.json(), body["meta"]);
        sum.violations.extend(told.violations.into_iter().map(about));
    }
    println!(
        "{} answered, {} refused, {} withheld, {} rows with a value, {} violations",
        sum.answered,
        sum.refused,
        sum.withheld,
        sum.named,
        sum.violations.len()
    );
    sum
}

#[test]
fn three_hundred_random_questions_learn_nothing_about_fewer_than_five() {
    let people = people::crowd(SEED, PEOPLE, &MOMENTS);
    let sum = ask_all(Options::behind_proxy(), &people, QUESTIONS);
    assert!(sum.violations.is_empty(), "{}", sum.violations.join("\n"));
    assert!(sum.answered >= 300, "too few questions were understood: {sum:?}");
    assert!(sum.named >= 300, "a report that tells nothing is no report: {} rows", sum.named);
}

#[test]
fn the_same_questions_learn_a_lot_where_the_threshold_is_off() {
    let people = people::crowd(SEED, PEOPLE, &MOMENTS);
    let sum = ask_all(Options::behind_proxy().show_all(), &people, QUESTIONS / 3);
    assert_eq!(sum.withheld, 0);
    let wrong = sum.violations.iter().find(|violation| violation.starts_with("others"));
    assert_eq!(wrong, None, "without a threshold nobody is among others");
    assert!(sum.violations.len() > 100, "the probe is blind: {}", sum.violations.len());
}

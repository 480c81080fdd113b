//! Asking the questions of a dashboard: of the report stage itself, with each statement timed, and
//! of the serving program over HTTP.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use headcount::model::now;
use headcount::report::{self, cache::Cache};
use headcount::store::{Statement, Store, StoreError};
use headcount::telemetry::Metrics;
use serde_json::Value;

use crate::dashboard::{Question, View};
use crate::home::{Home, Opened, Served};
use crate::proc_stat;

/// The least number of visitors of a shown group, as the program's own default.
const THRESHOLD: u32 = 5;
/// Connections a browser opens to one host.
const CONNECTIONS: usize = 6;

/// One question, asked several times of the report stage.
pub(crate) struct Taken {
    pub(crate) name: &'static str,
    /// Median over the rounds of the sum over its statements, from sending one to holding its
    /// answer.
    pub(crate) milliseconds: f64,
    /// CPU milliseconds of the engine, mean of the rounds, in steps of 10 / rounds.
    pub(crate) cpu: f64,
    pub(crate) statements: usize,
    /// The statement that took longest in the last round.
    pub(crate) heaviest: Option<(Statement, f64)>,
    /// Rows of the answer of the first round.
    pub(crate) results: Value,
}

/// The store, with a clock beside each statement.
struct Timed<'a> {
    store: &'a Store,
    taken: Mutex<Vec<(Statement, f64)>>,
}

impl report::Reader for Timed<'_> {
    async fn select(&self, statement: Statement) -> Result<Vec<Vec<Value>>, StoreError> {
        let begun = Instant::now();
        let rows = self.store.select(statement.clone()).await;
        let took = milliseconds(begun);
        self.taken.lock().expect("no panic holds it").push((statement, took));
        rows
    }
}

/// Asks each question `rounds` times, in turn; the first of several rounds is not counted.
pub(crate) async fn engine_side(
    opened: &Opened,
    questions: &[Question],
    rounds: usize,
) -> Vec<Taken> {
    let mut cpu = vec![0.0; questions.len()];
    let mut times: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    let mut last: BTreeMap<usize, (Vec<(Statement, f64)>, Value)> = BTreeMap::new();
    let warm = usize::from(rounds > 1);
    for round in 0..rounds + warm {
        // As in one load of a page: sizes are shared by its lists, and nothing is left of a round.
        let cache = Cache::new(&Metrics::new(&[]));
        for (place, question) in questions.iter().enumerate() {
            let reader = Timed { store: &opened.store, taken: Mutex::default() };
            let body = question.body();
            let raw = report::parse(body.as_bytes())
                .unwrap_or_else(|error| panic!("{}: {}", question.name, error.message));
            let before = proc_stat::cpu(opened.pid());
            let answer = report::run(raw, &opened.biggest, &reader, THRESHOLD, now(), &cache).await;
            if round >= warm {
                let spent = proc_stat::cpu(opened.pid()).saturating_sub(before);
                cpu[place] += spent.as_secs_f64() * 1000.0 / rounds as f64;
            }
            let taken = reader.taken.into_inner().expect("no panic holds it");
            let times = times.entry(place).or_default();
            let took: f64 = taken.iter().map(|(_, took)| took).sum();
            match answer {
                Ok(answer) => {
                    times.extend((round >= warm).then_some(took));
                    last.insert(place, (taken, results(&answer)));
                }
                Err(error) => {
                    // Too much for the engine: said in the table by NaN and a text.
                    times.push(f64::NAN);
                    last.insert(place, (taken, Value::String(format!("{error:?}"))));
                }
            }
        }
    }
    let taken = questions.iter().zip(last).zip(times.into_values()).zip(cpu);
    let taken = taken.map(|(((question, (_, (statements, results))), times), cpu)| Taken {
        name: question.name,
        milliseconds: median(times),
        cpu,
        statements: statements.len(),
        heaviest: statements.into_iter().max_by(|one, other| one.1.total_cmp(&other.1)),
        results,
    });
    taken.collect()
}

/// The rows of an answer, without what is compared (the other period may be closed meanwhile).
fn results(answer: &[u8]) -> Value {
    let answer: Value = serde_json::from_slice(answer).expect("an answer is JSON");
    answer.get("results").cloned().unwrap_or_default()
}

/// A page over HTTP, milliseconds: each question by itself, one after the other (medians), and the
/// first load as a browser does it, with six connections at once.
///
/// The program is started anew for every load, because it keeps answers and sizes; a load of the
/// page with a day less goes before, so that files and marks are where they are in daily use.
pub(crate) fn over_http(home: &Home, key: &str, view: &View, rounds: usize) -> (Vec<f64>, f64) {
    let mut questions = view.first_load();
    if view.filters.is_empty() {
        questions.extend(view.other_tabs());
    }
    let mut times = vec![Vec::new(); questions.len()];
    let mut pages = Vec::new();
    for _ in 0..rounds {
        let served = warm(home, key, view);
        let mut connection = served.connect();
        for (question, times) in questions.iter().zip(&mut times) {
            let begun = Instant::now();
            let answered = connection.query(&question.body()).is_some();
            times.push(if answered { milliseconds(begun) } else { f64::NAN });
        }
        drop(served);
        pages.push(at_once(&warm(home, key, view), &view.first_load()));
    }
    (times.into_iter().map(median).collect(), median(pages))
}

fn warm(home: &Home, key: &str, view: &View) -> Served {
    let served = home.serve(key.to_owned());
    let mut connection = served.connect();
    for question in view.with_a_day_less().first_load() {
        connection.query(&question.body());
    }
    served
}

/// Milliseconds until a browser with six connections has all answers.
fn at_once(served: &Served, questions: &[Question]) -> f64 {
    let waiting = Mutex::new(questions.iter());
    let mut open: Vec<_> = (0..CONNECTIONS).map(|_| served.connect()).collect();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for connection in &mut open {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().expect("no panic holds it").next();
                    let Some(question) = next else { return };
                    connection.query(&question.body());
                }
            });
        }
    });
    milliseconds(begun)
}

/// Milliseconds since then.
pub(crate) fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1000.0
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

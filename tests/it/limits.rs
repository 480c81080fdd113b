//! Reports that come faster than they can be made: some wait, the rest are told when to come back.

use rustix::process::Signal;
use serde_json::json;

use crate::support::http::Answer;
use crate::support::program::{Options, Program};
use crate::support::report::Reports;
use crate::support::{process, seconds, wait_until};

/// Reports of one site that are made at a time.
const AT_ONCE: usize = 4;

#[test]
fn a_flood_of_reports_of_one_site_waits_and_then_is_sent_away() {
    let program = Program::start(Options::default().site("site.example", "UTC"));
    let key = program.add_key("site.example", "read");
    let ask = |program: &Program, page: usize| -> std::thread::JoinHandle<Answer> {
        let mut reports = Reports::new(program.client(), "site.example", &key);
        // Each another one, so that none is known already.
        let filter = json!([["is", "event:page", [format!("/{page}")]]]);
        let query = json!({"metrics": ["visitors"], "date_range": "7d", "filters": filter});
        std::thread::spawn(move || reports.ask(query))
    };
    assert_eq!(ask(&program, 0).join().expect("an answer").status, 200);
    // The engine stops to think: whatever is asked now takes its turn and keeps it.
    let engine = program.engines()[0];
    process::signal(engine, Signal::STOP);
    let asked: Vec<_> = (1..=AT_ONCE + 2).map(|page| ask(&program, page)).collect();
    wait_until("two of them to be sent away", seconds(20), || {
        program.metric("headcount_queries_total{result=\"limited\"}") == 2
    });
    process::signal(engine, Signal::CONT);
    let answers: Vec<Answer> =
        asked.into_iter().map(|asked| asked.join().expect("an answer")).collect();
    let (sent_away, made): (Vec<&Answer>, Vec<&Answer>) =
        answers.iter().partition(|answer| answer.status == 429);
    assert_eq!((sent_away.len(), made.len()), (2, AT_ONCE));
    assert!(made.iter().all(|answer| answer.status == 200), "{made:?}");
    for answer in sent_away {
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
        let body = answer.json();
        let error = body["error"].as_str().expect("an error is text");
        assert!(error.starts_with("too many reports of this site at once"), "{error}");
    }
    assert_eq!(ask(&program, 99).join().expect("an answer").status, 200);
    let answered = program.metric("headcount_queries_total{result=\"answered\"}");
    assert_eq!(answered, 2 + AT_ONCE as u64);
}

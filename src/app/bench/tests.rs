//! The generator against servers that misbehave, in this process.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;

/// What a server does with its n-th request.
#[derive(Clone, Copy)]
enum Does {
    Answers(&'static str),
    Closes,
    Stays,
}

const OK: &str = "HTTP/1.1 202 Accepted\r\nx-headcount: accepted\r\ncontent-length: 2\r\n\r\nok";
const FULL: &str = "HTTP/1.1 503 Full\r\nx-headcount: rejected; reason=spool_full\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";

/// A server on a port of its own, until the tests end; its URL.
fn server(behave: impl Fn(u64) -> Does + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (behave, number) = (Arc::new(behave), Arc::new(AtomicU64::new(0)));
    drop(std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (behave, number) = (Arc::clone(&behave), Arc::clone(&number));
            drop(std::thread::spawn(move || serve(stream.unwrap(), &*behave, &number)));
        }
    }));
    url
}

fn serve(mut stream: TcpStream, behave: &dyn Fn(u64) -> Does, number: &AtomicU64) {
    stream.set_nodelay(true).unwrap();
    let mut held = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        held.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&held);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let wanted = head.split("Content-Length: ").nth(1).unwrap();
        if body.len() < wanted.split("\r\n").next().unwrap().parse().unwrap() {
            continue;
        }
        held.clear();
        match behave(number.fetch_add(1, Ordering::Relaxed)) {
            Does::Answers(text) => {
                // In two parts, as a network may deliver it.
                let (first, second) = text.split_at(30);
                stream.write_all(first.as_bytes()).unwrap();
                std::thread::sleep(Duration::from_micros(200));
                stream.write_all(second.as_bytes()).unwrap();
                if text == FULL {
                    return;
                }
            }
            Does::Closes => return,
            Does::Stays => std::thread::sleep(Duration::from_secs(3600)),
        }
    }
}

fn plan(url: String, rate: Option<u64>) -> Plan {
    Plan {
        url,
        sites: vec!["bench.example".to_owned()],
        duration: Duration::from_millis(600),
        warm_up: Duration::ZERO,
        connections: 4,
        rate,
        threads: 2,
        visitors: 20,
        pages: 10,
        seed: 1,
        opted_out_percent: 0,
        agents: None,
        is_real_site: false,
        is_any_server: false,
    }
}

fn figures(plan: &Plan) -> Figures<'_> {
    run(plan, &|_| {}).map_err(|error| error.message).unwrap()
}

#[test]
fn a_server_that_closes_after_each_refusal_is_connected_again_and_again() {
    let url = server(|n| Does::Answers(if n % 2 == 1 { FULL } else { OK }));
    let plan = plan(url, None);
    let found = figures(&plan);
    let counts = &found.tally.measured;
    assert!(counts.answered > 50 && counts.answered == counts.sent, "{counts:?}");
    let (full, accepted) = (counts.outcomes()["spool_full"], counts.accepted());
    assert_eq!((counts.statuses()[&503], full + accepted), (full, counts.answered));
    assert!(full.abs_diff(accepted) <= 1 && found.tally.connections + 4 >= full, "{counts:?}");
    assert_eq!(found.tally.refused.count(), full);
    assert!(counts.failures().values().all(|count| *count == 0), "{counts:?}");
}

#[test]
fn requests_without_an_answer_are_counted_by_their_reason() {
    let url = server(|n| match n % 10 {
        3 => Does::Closes,
        7 => Does::Answers("HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        _ => Does::Answers(OK),
    });
    let plan = plan(url, Some(500));
    let found = figures(&plan);
    let (counts, failures) = (&found.tally.measured, found.tally.measured.failures());
    let lost = failures["closed"] + failures["malformed"];
    assert!(failures["closed"] > 5 && failures["malformed"] > 5, "{failures:?}");
    assert_eq!(counts.answered + lost, counts.sent, "{counts:?}");
    assert_eq!(counts.sent + found.tally.unsent, 300, "500 a second for 600 ms");
    assert_eq!(counts.accepted(), counts.answered);
}

#[test]
fn an_open_loop_keeps_its_times_over_several_threads() {
    let plan = plan(server(|_| Does::Answers(OK)), Some(200));
    let found = figures(&plan);
    let sent = found.tally.measured.sent;
    // A busy machine may stand still over the end; nothing is forgotten all the same.
    assert!(sent > 60 && sent + found.tally.unsent == 120, "{sent}");
    assert_eq!(found.tally.latency.count(), sent);
    assert!(found.nanos >= 600_000_000, "{}", found.nanos);
}

#[test]
fn nobody_there_and_nobody_of_ours_is_said_before_the_load() {
    let refused = |plan: &Plan| run(plan, &|_| {}).err().map(|error| error.message).unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let words = refused(&plan(format!("http://{gone}"), None));
    assert!(words.contains("does not answer"), "{words}");
    let foreign = || server(|_| Does::Answers("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    let words = refused(&plan(foreign(), None));
    assert!(words.contains("no headcount"), "{words}");
    let any = Plan { is_any_server: true, ..plan(foreign(), None) };
    assert!(figures(&any).tally.measured.outcomes()["none"] > 10);
    let unknown = "HTTP/1.1 202 Accepted\r\nx-headcount: ignored; reason=unknown_site\r\ncontent-length: 0\r\n\r\n";
    let words = refused(&plan(server(move |_| Does::Answers(unknown)), None));
    assert!(words.contains("has no site bench.example"), "{words}");
}

#[test]
fn a_connection_that_hangs_does_not_stop_the_others() {
    // The first request is the look; the second hangs for good.
    let plan = plan(server(|n| if n == 1 { Does::Stays } else { Does::Answers(OK) }), None);
    let begun = Instant::now();
    let found = figures(&plan);
    let counts = &found.tally.measured;
    assert!(counts.answered > 50 && counts.sent == counts.answered + 1, "{counts:?}");
    assert_eq!(counts.failures()["timed_out"], 1);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[test]
fn only_names_that_nobody_can_own_are_free_for_load() {
    for site in ["bench.example", "a.test", "localhost", "x.LOCALHOST", "localhost:8000"] {
        assert!(is_reserved(site), "{site}");
    }
    for site in ["example.com", "mytest", "test.org", "example.", ""] {
        assert!(!is_reserved(site), "{site}");
    }
}

//! The front against those who mean harm, byte by byte: shapes that two readers understand
//! differently, floods of every kind, clients that are slow on purpose.

use std::time::{Duration, Instant};

use crate::support::agents;
use crate::support::program::{Options, Program};
use crate::support::raw::{Heard, Raw};
use crate::support::{process, seconds, wait_until};

const BODY: &str = r#"{"n":"pageview","u":"https://site.example/a","d":"site.example"}"#;
/// How long an answer may take, at most.
const SOON: Duration = Duration::from_secs(5);

fn agent() -> &'static str {
    agents::like("Chrome", "Windows").text.as_str()
}

/// The head of an event without its last line.
fn head(more: &str) -> String {
    format!("POST /api/event HTTP/1.1\r\nHost: x\r\nUser-Agent: {}\r\n{more}", agent())
}

/// A whole event.
fn event() -> String {
    format!("{}Content-Length: {}\r\n\r\n{BODY}", head(""), BODY.len())
}

/// A chunked event: lines of its head, what stands behind each length, and the end.
fn chunked(more: &str, extension: &str, end: &str) -> String {
    let (left, right) = BODY.split_at(20);
    format!(
        "{}{more}\r\n{:x}{extension}\r\n{left}\r\n{:X}\r\n{right}\r\n0\r\n{end}",
        head(""),
        left.len(),
        right.len(),
    )
}

/// What a request by itself is answered, and whether the connection ends.
fn ask(program: &Program, request: impl AsRef<[u8]>) -> Heard {
    let mut raw = Raw::to(&program.url);
    raw.send(request);
    let heard = raw.hear_answers(1, SOON);
    if heard.closed {
        return heard;
    }
    let closed = raw.hear(Duration::from_millis(300)).closed;
    Heard { closed, ..heard }
}

fn start() -> Program {
    Program::start(Options::behind_proxy().site("site.example", "UTC"))
}

/// The memory that is the program's own, MiB.
fn private(program: &Program) -> u64 {
    process::private_bytes(program.pid()) / (1 << 20)
}

/// Shapes that must be refused, each with a second request behind it that must never be begun.
fn shapes() -> Vec<(&'static str, String)> {
    let length = BODY.len();
    let with = |lines: &str| format!("{}{lines}\r\n{BODY}", head(""));
    let coding = "Transfer-Encoding: chunked\r\n";
    let both = format!("Content-Length: {length}\r\n{coding}");
    let second = format!("{coding}Content-Length: {length}\r\n");
    vec![
        ("length, then coding", chunked(&both, "", "\r\n")),
        ("coding, then length", chunked(&second, "", "\r\n")),
        ("two lengths", with(&format!("Content-Length: {length}\r\nContent-Length: 3\r\n"))),
        ("one length twice", with(&format!("Content-Length: {length}\r\n").repeat(2))),
        ("a list of lengths", with(&format!("Content-Length: {length}, {length}\r\n"))),
        ("identity, chunked", chunked("Transfer-Encoding: identity, chunked\r\n", "", "\r\n")),
        ("chunked, identity", chunked("Transfer-Encoding: chunked, identity\r\n", "", "\r\n")),
        ("chunked twice", chunked(&coding.repeat(2), "", "\r\n")),
        ("xchunked", chunked("Transfer-Encoding: xchunked\r\n", "", "\r\n")),
        ("a coding in two lines", chunked("Transfer-Encoding:\r\n chunked\r\n", "", "\r\n")),
        ("a folded line", with(&format!("X-Long: a\r\n b\r\nContent-Length: {length}\r\n"))),
        ("a bare LF", with(&format!("X: a\nContent-Length: {length}\r\n"))),
        ("a hidden coding", chunked("X: a\nTransfer-Encoding: chunked\r\n", "", "\r\n")),
        ("NUL in a value", with(&format!("X: a\0b\r\nContent-Length: {length}\r\n"))),
        ("NUL in a name", with(&format!("X\0: a\r\nContent-Length: {length}\r\n"))),
        ("a blank before the colon", with(&format!("Content-Length : {length}\r\n"))),
        ("a blank before the name", with(&format!("X: a\r\n Content-Length: {length}\r\n"))),
        ("a negative length", with("Content-Length: -1\r\n")),
        ("a length with a sign", with(&format!("Content-Length: +{length}\r\n"))),
        ("a length in hex", with("Content-Length: 0x10\r\n")),
        ("an empty length", with("Content-Length:\r\n")),
        ("a length beyond 64 bits", with("Content-Length: 18446744073709551617\r\n")),
        ("the largest length", with("Content-Length: 18446744073709551615\r\n")),
        ("a bare CR", with(&format!("X: a\rb\r\nContent-Length: {length}\r\n"))),
        ("HTTP/1.0 with a coding", chunked(coding, "", "\r\n").replacen("1.1", "1.0", 1)),
        ("HTTP/2.0 in words", event().replacen("1.1", "2.0", 1)),
        ("no version", event().replacen(" HTTP/1.1", "", 1)),
        ("a chunk of 2^64", format!("{}{coding}\r\n10000000000000000\r\n{BODY}", head(""))),
        ("a chunk of -1", format!("{}{coding}\r\n-1\r\n{BODY}", head(""))),
        ("a chunk of 0x", format!("{}{coding}\r\n0x41\r\n{BODY}", head(""))),
        ("a chunk longer than said", format!("{}{coding}\r\n3\r\n{BODY}\r\n0\r\n\r\n", head(""))),
        ("a chunk line with a bare LF", chunked(coding, "", "\r\n").replacen("14\r\n", "14\n", 1)),
        ("a bare LF in an extension", chunked(coding, ";a=b\n", "\r\n")),
        ("extensions without end", chunked(coding, &format!(";{}", "x".repeat(40_000)), "\r\n")),
        ("trailers without end", chunked(coding, "", &format!("{}\r\n", "T: x\r\n".repeat(9_000)))),
    ]
}

#[test]
fn no_request_of_two_meanings_is_taken_and_nothing_hides_behind_another() {
    let program = start();
    let hidden = event().replace("pageview", "hidden");
    for (name, request) in shapes() {
        let heard = ask(&program, request + &hidden);
        let statuses = heard.statuses();
        assert!(
            statuses.len() == 1 && matches!(statuses[0], 400 | 413 | 431 | 505),
            "{name}: {heard:?}"
        );
        assert!(heard.closed, "{name}: the connection goes on");
    }
    let accepted = program.counted("accepted");
    assert_eq!(accepted, 0, "one of them was taken");
    // The same in usual words are taken: the refusals above are not for something else.
    let coding = "Transfer-Encoding: Chunked\r\n";
    for (name, request, lasts) in [
        ("plain", event(), true),
        ("empty lines before it", format!("\r\n\r\n{}", event()), true),
        ("chunked", chunked(coding, "", "\r\n"), false),
        ("with extensions and trailers", chunked(coding, ";a=\"b\"", "T: x\r\n\r\n"), false),
        ("an unknown coding of hops", event().replacen("Host", "TE: trailers\r\nHost", 1), true),
        ("HTTP/1.0", event().replacen("1.1", "1.0", 1), false),
        (
            "HTTP/1.0 that lasts",
            event().replacen("1.1\r\n", "1.0\r\nConnection: keep-alive\r\n", 1),
            true,
        ),
        (
            "an absolute address",
            event().replacen(" /api", " http://elsewhere.example/api", 1),
            true,
        ),
        (
            "an upgrade",
            event().replacen("Host", "Upgrade: h2c\r\nConnection: Upgrade\r\nHost", 1),
            true,
        ),
    ] {
        let heard = ask(&program, request);
        assert_eq!(
            (heard.statuses(), heard.closed),
            (vec![202], !lasts),
            "{name}: {}",
            heard.text()
        );
    }
    assert_eq!(program.counted("accepted"), 9);
    // What comes behind a chunked body is dropped, not answered.
    let heard = ask(&program, chunked(coding, "", "\r\n") + &hidden);
    assert_eq!((heard.statuses(), heard.closed), (vec![202], true));
    assert_eq!(program.counted("accepted"), 10);
    for (name, request, status) in [
        (
            "CONNECT",
            "CONNECT site.example:443 HTTP/1.1\r\nHost: site.example:443\r\n\r\n".to_owned(),
            405,
        ),
        ("TRACE", "TRACE /api/event HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 405),
        ("TLS", "\x16\x03\x01\x02\0\x01\0\x01\u{7f}\x03\x03".to_owned(), 400),
        ("many lines", format!("{}{}\r\n", head(""), "X: y\r\n".repeat(100)), 431),
        ("a large head", format!("{}X: {}\r\n\r\n", head(""), "y".repeat(40_000)), 431),
        ("a huge address", format!("GET /{} HTTP/1.1\r\n\r\n", "y".repeat(100_000)), 431),
    ] {
        let heard = ask(&program, request);
        assert_eq!(heard.statuses(), [status], "{name}: {}", heard.text());
    }
    let other_protocol = ask(&program, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(other_protocol.closed && !other_protocol.text().contains(" 20"), "{other_protocol:?}");
    assert_eq!(ask(&program, event()).statuses(), [202]);
}

#[test]
fn bodies_that_are_compressed_late_cut_off_or_refused_leave_no_connection_astray() {
    let program = start();
    // A gzip that would be a gigabyte: nobody looks into it.
    let bomb = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3].repeat(3_000);
    let said = format!("Content-Encoding: gzip\r\nContent-Length: {}\r\n", bomb.len());
    let request = [head(&said).into_bytes(), b"\r\n".to_vec(), bomb].concat();
    let heard = ask(&program, &request);
    assert_eq!((heard.statuses(), heard.closed), (vec![400], false), "{}", heard.text());
    assert!(heard.text().contains("compressed bodies are not taken"), "{}", heard.text());
    let same = event().replacen("Host", "Content-Encoding: identity\r\nHost", 1);
    assert_eq!(ask(&program, same).statuses(), [202]);
    // A refusal after the whole body keeps the connection; so do all others on it.
    let mut raw = Raw::to(&program.url);
    let bad = BODY.replacen("pageview", "", 1);
    let bad = format!("{}Content-Length: {}\r\n\r\n{bad}", head(""), bad.len());
    raw.send(bad.clone() + &event() + "GET /none HTTP/1.1\r\n\r\n" + &bad + &event());
    let heard = raw.hear_answers(5, SOON);
    assert_eq!((heard.statuses(), heard.closed), (vec![400, 202, 404, 400, 202], false));
    // "Expect": asked for before it is sent, and refused without it where it is too large.
    let mut raw = Raw::to(&program.url);
    raw.send(head(&format!("Expect: 100-continue\r\nContent-Length: {}\r\n\r\n", BODY.len())));
    let heard = raw.hear_until(SOON, |bytes| bytes.ends_with(b"\r\n\r\n"));
    assert_eq!(heard.text(), "HTTP/1.1 100 Continue\r\n\r\n");
    raw.send(BODY);
    assert_eq!(raw.hear_answers(1, SOON).statuses(), [202]);
    let large = ask(&program, head("Expect: 100-continue\r\nContent-Length: 100000\r\n\r\n"));
    assert_eq!((large.statuses(), large.closed), (vec![413], true));
    // Cut off, reset or ended half-way: nothing of it is counted.
    let before = program.counted("accepted");
    for ended in [true, false] {
        for keep in [10, event().len() - 1] {
            let mut raw = Raw::to(&program.url);
            raw.send(&event()[..keep]);
            std::thread::sleep(Duration::from_millis(50));
            if ended {
                raw.end();
                let heard = raw.hear(SOON);
                assert!(heard.closed && !heard.text().contains(" 202 "), "{}", heard.text());
            } else {
                raw.reset();
            }
        }
    }
    assert_eq!(ask(&program, event()).statuses(), [202]);
    assert_eq!(program.counted("accepted"), before + 1);
}

#[test]
fn ten_thousand_requests_at_once_are_answered_in_order_on_one_connection() {
    const EACH: usize = 2_500;
    let program = start();
    let memory = private(&program);
    let mut raw = Raw::to(&program.url);
    let mut writer = raw.twin();
    let other = event().replacen("site.example/a", "elsewhere.example/a", 1);
    let other =
        other.replacen(&format!(": {}\r\n", BODY.len()), &format!(": {}\r\n", BODY.len() + 5), 1);
    let round =
        format!("{}GET /pixel.gif HTTP/1.1\r\n\r\n{other}GET /none HTTP/1.1\r\n\r\n", event(),);
    let all = round.repeat(EACH);
    let sending = std::thread::spawn(move || writer.send(all));
    // Nobody reads for a while: answers pile up in the kernel, not in the program.
    std::thread::sleep(seconds(2));
    assert!(private(&program) < memory + 16, "{} MiB", private(&program));
    let heard = raw.hear_answers(4 * EACH, seconds(60));
    assert!(sending.join().expect("the sender"));
    assert_eq!(heard.statuses(), [202, 200, 202, 404].repeat(EACH));
    let ignored = heard.text().matches("x-headcount: ignored; reason=excluded").count();
    assert_eq!((ignored, program.counted("accepted")), (EACH, EACH as u64));
    assert!(private(&program) < memory + 16, "{} MiB", private(&program));
}

/// Sends `bytes` to each of `all` and keeps those that are still open.
fn drip(all: &mut Vec<Raw>, bytes: &[u8]) {
    all.retain_mut(|raw| raw.send(bytes));
}

#[test]
fn slow_clients_are_cut_off_and_meanwhile_others_are_served() {
    let program = start();
    let mut waiting: Vec<Raw> = Vec::new();
    let mut heads: Vec<Raw> = Vec::new();
    let mut bodies: Vec<Raw> = Vec::new();
    for _ in 0..100 {
        waiting.push(Raw::to(&program.url));
        heads.push(Raw::to(&program.url));
        let mut body = Raw::to(&program.url);
        body.send(head("Content-Length: 60000\r\n\r\n{"));
        bodies.push(body);
    }
    let began = Instant::now();
    // A byte a second of a head, or of a body, for as long as they are let.
    let mut lasted = (Duration::ZERO, Duration::ZERO);
    while began.elapsed() < seconds(25) && !(heads.is_empty() && bodies.is_empty()) {
        drip(&mut heads, b"G");
        drip(&mut bodies, b" ");
        if !heads.is_empty() {
            lasted.0 = began.elapsed();
        }
        if !bodies.is_empty() {
            lasted.1 = began.elapsed();
        }
        let asked = Instant::now();
        assert_eq!(ask(&program, event()).statuses(), [202]);
        assert!(asked.elapsed() < seconds(2), "others wait {:?}", asked.elapsed());
        std::thread::sleep(seconds(1));
    }
    assert!((seconds(9)..seconds(15)).contains(&lasted.0), "heads: {:?}", lasted.0);
    assert!((seconds(13)..seconds(20)).contains(&lasted.1), "bodies: {:?}", lasted.1);
    // The silent ones come from a trusted proxy here and stay.
    assert!(waiting.iter_mut().all(|raw| raw.send(event())), "a proxy's connections are kept");
    for raw in waiting.iter_mut().take(3) {
        assert_eq!(raw.hear_answers(1, SOON).statuses(), [202]);
    }
}

/// A connection from another address of this machine: nobody that is trusted.
fn from(program: &Program, n: u8) -> Raw {
    Raw::from(&format!("127.0.0.{n}"), &program.url)
}

#[test]
fn a_flood_of_connections_takes_a_share_only_and_silence_ends_sooner_where_they_are_scarce() {
    // Files for 128 connections; one machine may hold 32 of them.
    let options = Options { files: Some(256 + 128), ..Options::default() };
    let program = Program::start(options.site("site.example", "UTC"));
    let open = |raw: &mut Raw| !raw.hear(Duration::from_millis(2)).closed;
    let mut first: Vec<Raw> = (0..100).map(|_| from(&program, 2)).collect();
    std::thread::sleep(Duration::from_millis(500));
    first.retain_mut(open);
    assert_eq!(first.len(), 32, "one machine's share");
    let mut other = from(&program, 3);
    other.send(event());
    assert_eq!(other.hear_answers(1, SOON).statuses(), [202]);
    // Four machines that say nothing hold all there are. Somebody else waits a moment only.
    let mut all: Vec<Raw> =
        (3..7).flat_map(|n| (0..32).map(move |_| n)).map(|n| from(&program, n)).collect();
    let mut late = from(&program, 9);
    late.send(event());
    let asked = Instant::now();
    assert_eq!(late.hear_answers(1, seconds(10)).statuses(), [202]);
    assert!(asked.elapsed() < seconds(8), "it waited {:?}", asked.elapsed());
    wait_until("the silent ones to be cut off", seconds(10), || {
        all.retain_mut(open);
        // Those that got in after them have the usual time again.
        all.len() < 64
    });
    assert!(program.clickhouse().count("open_events") <= 2, "the engine has files enough");
}

#[test]
fn memory_is_bounded_whatever_a_thousand_connections_hold_back() {
    let program = Program::start(Options::behind_proxy().site("site.example", "UTC"));
    let idle = private(&program);
    let largest = std::cell::Cell::new(idle);
    let measure = || largest.set(largest.get().max(private(&program)));
    // Heads of 15 KiB without an end, and bodies of 60 KB that stop before theirs.
    let endless = head(&format!("X: {}", "y".repeat(15_000)));
    let stuck = format!("{}{}", head("Content-Length: 60000\r\n\r\n"), "y".repeat(59_000));
    let mut all: Vec<Raw> = Vec::new();
    let mut refused = 0;
    for n in 0..2_000 {
        let mut raw = Raw::to(&program.url);
        raw.send(if n % 2 == 0 { &endless } else { &stuck });
        all.push(raw);
        if n % 100 == 0 {
            measure();
        }
    }
    std::thread::sleep(seconds(1));
    measure();
    // Those that no longer fit were told so at once, and who sends an event in one piece is served.
    for raw in &mut all {
        let heard = raw.hear(Duration::from_millis(1));
        if heard.statuses() == [503] {
            assert!(heard.text().contains("retry-after: "), "{}", heard.text());
            refused += 1;
        }
    }
    assert!(refused > 500, "{refused} refused");
    assert_eq!(ask(&program, event()).statuses(), [202]);
    println!(
        "idle {idle} MiB, at most {} MiB with {} connections, {refused} bodies refused",
        largest.get(),
        all.len()
    );
    assert!(largest.get() < idle + 96, "{} MiB", largest.get());
    drop(all);
    wait_until("the bodies to be forgotten", seconds(10), || {
        let large = BODY.to_owned() + &" ".repeat(50_000);
        let request = format!("{}Content-Length: {}\r\n\r\n{large}", head(""), large.len());
        ask(&program, request).statuses() == [202]
    });
}

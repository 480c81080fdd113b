//! Floods of every kind, and clients that are slow on purpose: others are served, memory is bounded.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::program::{Options, Program};
use crate::support::raw::{BODY, Raw, SOON, ask, event, head, start};
use crate::support::{process, seconds, wait_until};

/// Events before memory is looked at for the first time.
const WARM_UP: usize = 50;

/// The memory that is the program's own, MiB.
fn private(program: &Program) -> u64 {
    process::private_bytes(program.pid()) / (1 << 20)
}

/// The same after a few events, so that what is made once for the first of them is in it.
fn private_when_warm(program: &Program) -> u64 {
    let mut raw = Raw::to(&program.url);
    raw.send(event().repeat(WARM_UP));
    assert_eq!(raw.hear_answers(WARM_UP, SOON).statuses(), [202; WARM_UP]);
    private(program)
}

#[test]
fn ten_thousand_requests_at_once_are_answered_in_order_on_one_connection() {
    const EACH: usize = 2_500;
    let program = start();
    let memory = private_when_warm(&program);
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
    assert_eq!((ignored, program.counted("accepted")), (EACH, (WARM_UP + EACH) as u64));
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
    while began.elapsed() < seconds(35) && !(heads.is_empty() && bodies.is_empty()) {
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
        assert!(asked.elapsed() < seconds(5), "others wait {:?}", asked.elapsed());
        std::thread::sleep(seconds(1));
    }
    assert!((seconds(9)..seconds(22)).contains(&lasted.0), "heads: {:?}", lasted.0);
    assert!((seconds(13)..seconds(28)).contains(&lasted.1), "bodies: {:?}", lasted.1);
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
    let idle = private_when_warm(&program);
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

/// An event of which nothing was ever seen before.
fn new_in_everything(n: usize) -> String {
    let body = json!({
        "n": format!("event {n}"),
        "d": if n.is_multiple_of(4) { format!("none{n}.example") } else { "site.example".to_owned() },
        "u": format!("https://h{n}.site.example/page{n}?utm_source=s{n}&utm_campaign=c{n}"),
        "r": format!("https://r{n}.example/"),
        "p": {"plan": format!("plan {n}"), format!("property {n}"): n},
    });
    let body = body.to_string();
    format!(
        "POST /api/event HTTP/1.1\r\nHost: h{n}.example\r\nUser-Agent: Mozilla/5.0 (Windows NT \
         10.0; Win64; x64) AppleWebKit/537.36 Chrome/{n}.0 Safari/537.36\r\nX-Forwarded-For: \
         9.{}.{}.9\r\nAccept-Language: x{n}\r\nContent-Length: {}\r\n\r\n{body}",
        n / 250 % 250,
        n % 250,
        body.len(),
    )
}

#[test]
fn a_client_that_invents_everything_meets_caps_and_fills_no_memory() {
    const SENDERS: usize = 80;
    const EACH: usize = 200;
    let program = start();
    let flood = |round: usize| {
        std::thread::scope(|scope| {
            for sender in 0..SENDERS {
                let mut raw = Raw::to(&program.url);
                let mut writer = raw.twin();
                let first = (round * SENDERS + sender) * EACH;
                scope.spawn(move || {
                    writer.send((first..first + EACH).map(new_in_everything).collect::<String>())
                });
                scope.spawn(move || {
                    let heard = raw.hear_answers(EACH, seconds(60));
                    let statuses = heard.statuses();
                    let other = statuses.iter().find(|status| **status != 202);
                    assert_eq!((statuses.len(), other), (EACH, None));
                });
            }
        });
        private(&program)
    };
    let accepted = (SENDERS * EACH * 3 / 4) as u64;
    let first = flood(0);
    program.wait_rows(accepted);
    let second = flood(1);
    program.wait_rows(2 * accepted);
    println!(
        "{first} MiB after {accepted} events with new values, {second} MiB after as many more"
    );
    assert!(second <= first + 12, "{first} MiB, then {second} MiB");
    assert_eq!(program.counted("unknown_site"), (2 * SENDERS * EACH / 4) as u64);
    for (column, most) in [
        ("name", 500),
        ("hostname", 200),
        ("utm_source", 2_000),
        ("utm_campaign", 2_000),
        ("referrer", 5_000),
        ("props[\'plan\']", 200),
    ] {
        let sql = format!(
            "SELECT uniqExact({column}), countIf({column} = \'(more)\') > 0 FROM open_events"
        );
        let found = program.clickhouse().value(&sql);
        let (kinds, more) = found.split_once('\t').expect("two columns");
        let kinds: u64 = kinds.parse().expect("a number");
        assert!(kinds <= most + 1 && more == "1", "{column}: {found}");
    }
    let names = "SELECT uniqExact(arrayJoin(mapKeys(props))) FROM open_events";
    assert_eq!(program.clickhouse().value(names), "1", "an undeclared property is kept");
}

//! A closed-loop generator: each connection sends its next request when the last is answered.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Connections open at once, a thread each.
const CONNECTIONS: usize = 64;
/// Distinct requests, sent in turn.
const REQUESTS: usize = 20_000;
/// Distinct addresses, spread over the public IPv4 space.
const ADDRESSES: u32 = 10_000;

/// What one round of load saw.
pub(crate) struct Loaded {
    /// Answers with status 202 (and, from headcount, `X-Headcount: accepted`).
    pub(crate) accepted: u64,
    /// How long it took.
    pub(crate) took: Duration,
    micros: Vec<u32>,
}

impl Loaded {
    /// The latency below which this share of the requests lies, in milliseconds.
    pub(crate) fn percentile_ms(&self, share: f64) -> f64 {
        let at = (self.micros.len() as f64 * share) as usize;
        f64::from(self.micros.get(at).copied().unwrap_or(0)) / 1000.0
    }
}

/// Ready-made requests: real User-Agents, many addresses and pages.
pub(crate) fn requests() -> Vec<Vec<u8>> {
    let agents = agents();
    (0..REQUESTS)
        .map(|number| {
            let number = u32::try_from(number).expect("small");
            let agent = &agents[number as usize % agents.len()];
            // A fixed stride walks the address space; first octets 1 to 223.
            let address = (number % ADDRESSES).wrapping_mul(374_321) % 3_700_000_000 + 16_777_216;
            let [a, b, c, d] = address.to_be_bytes();
            let page = number % 200;
            let source = ["https://www.google.com/", "https://news.example/", "", ""][number as usize % 4];
            let body = format!(
                r#"{{"n":"pageview","u":"https://bench.example/articles/{page}?utm_source=letter","d":"bench.example","r":"{source}","w":1280}}"#
            );
            format!(
                "POST /api/event HTTP/1.1\r\nHost: bench.example\r\nContent-Type: text/plain\r\n\
                 User-Agent: {agent}\r\nX-Forwarded-For: {a}.{b}.{c}.{d}\r\nAccept-Language: de-DE,de;q=0.9\r\n\
                 Origin: https://bench.example\r\nReferer: https://bench.example/\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        })
        .collect()
}

/// 1,000 User-Agents of the npm package `user-agents`.
fn agents() -> Vec<String> {
    let script = "import U from 'user-agents'; const s = new Set(); for (let i = 0; s.size < 1000 && i < 20000; i++) s.add(new U().toString()); console.log([...s].join('\\n'))";
    let output = Command::new("node")
        .args(["--input-type=module", "-e", script])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("node runs");
    let text = String::from_utf8(output.stdout).expect("agents are text");
    let agents: Vec<String> = text.lines().map(str::to_owned).collect();
    assert!(agents.len() > 500, "npm ci was run: {}", String::from_utf8_lossy(&output.stderr));
    agents
}

/// Loads the port for `time`.
pub(crate) fn run(port: u16, requests: &[Vec<u8>], time: Duration) -> Loaded {
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut accepted = 0;
    let mut micros = Vec::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let next = Arc::clone(&next);
                scope.spawn(move || connection(port, requests, &next, start + time))
            })
            .collect();
        for thread in threads {
            let (count, times) = thread.join().expect("a connection");
            accepted += count;
            micros.extend(times);
        }
    });
    micros.sort_unstable();
    Loaded { accepted, took: start.elapsed(), micros }
}

fn connection(
    port: u16,
    requests: &[Vec<u8>],
    next: &AtomicUsize,
    until: Instant,
) -> (u64, Vec<u32>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    stream.set_nodelay(true).expect("the option");
    let mut answer = [0_u8; 4096];
    let (mut accepted, mut micros) = (0, Vec::with_capacity(16 * 1024));
    while Instant::now() < until {
        let request = &requests[next.fetch_add(1, Ordering::Relaxed) % requests.len()];
        let sent = Instant::now();
        stream.write_all(request).expect("sent");
        let mut held = 0;
        // Answers are one small packet; a longer one is read until its body's `ok`.
        loop {
            let read = stream.read(&mut answer[held..]).expect("answered");
            assert!(read > 0, "the server closed the connection");
            held += read;
            let text = &answer[..held];
            if text.windows(4).any(|four| four == b"\r\n\r\n") && text.ends_with(b"ok") {
                break;
            }
            assert!(text.starts_with(b"HTTP/1.1 202"), "{}", String::from_utf8_lossy(text));
        }
        let text = &answer[..held];
        let refused = text.windows(8).any(|part| part == b"ignored;");
        accepted += u64::from(!refused);
        micros.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    (accepted, micros)
}

//! Connections of which a test says every byte: for what no client would send.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::support::agents;
use crate::support::program::{Options, Program};

/// How long a write may take: the other side may have stopped to read.
const WRITE_LIMIT: Duration = Duration::from_secs(20);

/// A usual event.
pub(crate) const BODY: &str = r#"{"n":"pageview","u":"https://site.example/a","d":"site.example"}"#;
/// How long an answer may take, at most.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// A person's browser.
pub(crate) fn agent() -> &'static str {
    agents::like("Chrome", "Windows").text.as_str()
}

/// The head of an event without its last line.
pub(crate) fn head(more: &str) -> String {
    format!("POST /api/event HTTP/1.1\r\nHost: x\r\nUser-Agent: {}\r\n{more}", agent())
}

/// A whole event.
pub(crate) fn event() -> String {
    format!("{}Content-Length: {}\r\n\r\n{BODY}", head(""), BODY.len())
}

/// One connection.
pub(crate) struct Raw(TcpStream);

/// What came over a connection, and how it ended.
#[derive(Debug)]
pub(crate) struct Heard {
    /// All bytes.
    pub(crate) bytes: Vec<u8>,
    /// Whether the other side closed it.
    pub(crate) closed: bool,
}

impl Raw {
    /// Connects to `http://A:P`.
    pub(crate) fn to(url: &str) -> Self {
        let stream = TcpStream::connect(url.trim_start_matches("http://")).expect("a port of ours");
        stream.set_nodelay(true).expect("an option of a socket");
        stream.set_write_timeout(Some(WRITE_LIMIT)).expect("a limit that is not zero");
        Self(stream)
    }

    /// Connects to `http://A:P` from an address of this machine.
    pub(crate) fn from(own: &str, url: &str) -> Self {
        use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
        let other: SocketAddr = url.trim_start_matches("http://").parse().expect("an address");
        let own: SocketAddr = format!("{own}:0").parse().expect("an address");
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        bind(&socket, &own).expect("an address of this machine");
        connect(&socket, &other).expect("a port of ours");
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true).expect("an option of a socket");
        stream.set_write_timeout(Some(WRITE_LIMIT)).expect("a limit that is not zero");
        Self(stream)
    }

    /// Sends these bytes; whether they were all taken.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).is_ok()
    }

    /// The same connection, to write and to read at once.
    pub(crate) fn twin(&self) -> Self {
        Self(self.0.try_clone().expect("a second hold on a socket"))
    }

    /// Says that nothing more will be sent.
    pub(crate) fn end(&self) {
        drop(self.0.shutdown(std::net::Shutdown::Write));
    }

    /// Ends the connection without a word, as a machine that breaks down (RST).
    pub(crate) fn reset(self) {
        rustix::net::sockopt::set_socket_linger(&self.0, Some(Duration::ZERO)).expect("an option");
    }

    /// Reads until `enough` of what came says so, it is closed, or `limit` is over.
    pub(crate) fn hear_until(
        &mut self,
        limit: Duration,
        mut enough: impl FnMut(&[u8]) -> bool,
    ) -> Heard {
        let deadline = Instant::now() + limit;
        let mut heard = Heard { bytes: Vec::new(), closed: false };
        let mut piece = vec![0; 64 * 1024];
        while !enough(&heard.bytes) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.0.set_read_timeout(Some(left)).expect("a limit that is not zero");
            match self.0.read(&mut piece) {
                Ok(0) => heard.closed = true,
                Ok(n) => heard.bytes.extend_from_slice(&piece[..n]),
                Err(error) => {
                    heard.closed =
                        !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                }
            }
            if heard.closed {
                break;
            }
        }
        heard
    }

    /// Reads until it is closed or `limit` is over.
    pub(crate) fn hear(&mut self, limit: Duration) -> Heard {
        self.hear_until(limit, |_| false)
    }

    /// Reads `answers` answers (by their first lines), until it is closed or `limit` is over.
    pub(crate) fn hear_answers(&mut self, answers: usize, limit: Duration) -> Heard {
        self.hear_until(limit, |bytes| whole(bytes) >= answers)
    }
}

impl Heard {
    /// The statuses of the answers, in order.
    pub(crate) fn statuses(&self) -> Vec<u16> {
        statuses(&self.bytes)
    }

    /// As text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Answers, each with its end by `Content-Length`.
fn answers(bytes: &[u8]) -> impl Iterator<Item = (u16, bool)> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let end = rest.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&rest[..end]).to_ascii_lowercase();
        let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok())
            .unwrap_or(0_usize);
        let whole = rest.len() >= end + length;
        rest = rest.get(end + length..).unwrap_or_default();
        Some((status, whole))
    })
}

fn statuses(bytes: &[u8]) -> Vec<u16> {
    answers(bytes).map(|(status, _)| status).collect()
}

fn whole(bytes: &[u8]) -> usize {
    answers(bytes).filter(|(status, whole)| *whole && *status != 100).count()
}

/// Whether the connection has to end behind this answer (RFC 9112, section 9.3), or because what
/// was sent is known not to have been read to its end.
fn must_end(heard: &Heard) -> bool {
    let text = heard.text().to_ascii_lowercase();
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let says = |word: &str| head.lines().any(|line| line == format!("connection: {word}"));
    says("close")
        || (head.starts_with("http/1.0 ") && !says("keep-alive"))
        || heard.statuses().iter().any(|status| matches!(status, 413 | 431 | 505))
}

/// A program with the site of [`BODY`], behind a proxy that it trusts.
pub(crate) fn start() -> Program {
    Program::start(Options::behind_proxy().site("site.example", "UTC"))
}

/// What a request by itself is answered, and whether the connection ends.
pub(crate) fn ask(program: &Program, request: impl AsRef<[u8]>) -> Heard {
    let mut raw = Raw::to(&program.url);
    raw.send(request);
    let heard = raw.hear_answers(1, SOON);
    if heard.closed {
        return heard;
    }
    // An end that was announced may take its time; one that was not would come at once.
    let limit = if must_end(&heard) { SOON } else { Duration::from_millis(300) };
    let closed = raw.hear(limit).closed;
    Heard { closed, ..heard }
}

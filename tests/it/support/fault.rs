//! A proxy that breaks what passes through it: it forwards HTTP to one port of this machine and
//! loses the answer of every second insert after the server has given it.
//!
//! So the server has done what it was asked, and the one who asked cannot know.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A running proxy; it ends with the test's process.
pub(crate) struct FaultProxy {
    port: u16,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    inserts: AtomicUsize,
    lost: AtomicUsize,
    torn: AtomicUsize,
}

/// What happens to one request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// The server answers, the client's connection is closed.
    AnswerLost,
    /// The head and half of the body reach the server, then both connections are closed. (Half a
    /// head would end an embedded engine, which is a matter of its own.)
    RequestTorn,
}

impl FaultProxy {
    /// Starts in front of `port`.
    pub(crate) fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let own = listener.local_addr().expect("its address").port();
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        drop(std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let counts = Arc::clone(&shared);
                drop(std::thread::spawn(move || drop(serve(&client, port, &counts))));
            }
        }));
        Self { port: own, counts }
    }

    /// `http://127.0.0.1:P`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Answers of inserts that were lost.
    pub(crate) fn lost(&self) -> usize {
        self.counts.lost.load(Ordering::Relaxed)
    }

    /// Inserts of which half was forwarded.
    pub(crate) fn torn(&self) -> usize {
        self.counts.torn.load(Ordering::Relaxed)
    }
}

impl Counts {
    /// The fate of the next insert: every second answer is lost, every tenth request is torn.
    fn next(&self) -> Fault {
        let number = self.inserts.fetch_add(1, Ordering::Relaxed);
        if number % 2 == 1 {
            self.lost.fetch_add(1, Ordering::Relaxed);
            Fault::AnswerLost
        } else if number % 5 == 4 {
            self.torn.fetch_add(1, Ordering::Relaxed);
            Fault::RequestTorn
        } else {
            Fault::None
        }
    }
}

/// Forwards the requests of one connection.
fn serve(client: &TcpStream, port: u16, counts: &Counts) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", port))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let mut from_client = BufReader::new(client.try_clone()?);
    let mut from_server = BufReader::new(server.try_clone()?);
    let (mut to_client, mut to_server) = (client, &server);
    loop {
        let request = message(&mut from_client)?;
        let head = String::from_utf8_lossy(request.get(..400.min(request.len())).unwrap_or(&[]))
            .into_owned();
        // Only rows of events: settings are written by hand, and their writer sees the fault.
        let insert = head.contains("INSERT") && head.contains("open_events");
        let fault = if insert { counts.next() } else { Fault::None };
        if fault == Fault::RequestTorn {
            let body = request.windows(4).position(|end| end == b"\r\n\r\n").unwrap_or(0) + 4;
            let half = body + (request.len() - body) / 2;
            to_server.write_all(request.get(..half).unwrap_or(&[]))?;
            server.shutdown(Shutdown::Both)?;
            return client.shutdown(Shutdown::Both);
        }
        to_server.write_all(&request)?;
        let answer = message(&mut from_server)?;
        if fault == Fault::AnswerLost {
            return client.shutdown(Shutdown::Both);
        }
        to_client.write_all(&answer)?;
    }
}

/// One whole request or answer as it came.
pub(crate) fn message(from: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut length, mut chunked) = (0, false);
    loop {
        let begin = bytes.len();
        if from.read_until(b'\n', &mut bytes)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = String::from_utf8_lossy(bytes.get(begin..).unwrap_or(&[])).to_ascii_lowercase();
        let line = line.trim();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        chunked |= line.starts_with("transfer-encoding:") && line.contains("chunked");
        if line.is_empty() {
            break;
        }
    }
    if !chunked {
        from.take(length).read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    loop {
        let begin = bytes.len();
        from.read_until(b'\n', &mut bytes)?;
        let line = String::from_utf8_lossy(bytes.get(begin..).unwrap_or(&[])).into_owned();
        let size = u64::from_str_radix(line.trim(), 16)
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::InvalidData))?;
        from.take(size + 2).read_to_end(&mut bytes)?;
        if size == 0 {
            return Ok(bytes);
        }
    }
}

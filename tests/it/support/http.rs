//! A small blocking HTTP/1.1 client: keep-alive, raw bytes, every header as it came.
//!
//! It never repeats a request by itself (a repeated event would be counted twice) and follows no
//! redirect. A body needs a length or chunks; otherwise it ends with the connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long one answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Headers of a request.
pub(crate) type Headers<'a> = &'a [(&'a str, &'a str)];

/// One connection to one address, opened when needed.
pub(crate) struct Client {
    address: String,
    stream: Option<BufReader<TcpStream>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Status code.
    pub(crate) status: u16,
    /// Headers in order, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, chunks joined.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The first header of that name (lower case).
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?} ({})", self.text(), self.status))
    }

    /// `X-Headcount`, or an empty string.
    pub(crate) fn outcome(&self) -> &str {
        self.header("x-headcount").unwrap_or_default()
    }
}

impl Client {
    /// A client of `http://A:P` or `A:P`; connects with the first request.
    pub(crate) fn new(address: &str) -> Self {
        let address = address.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self { address, stream: None }
    }

    /// `GET`.
    pub(crate) fn get(&mut self, path: &str, headers: Headers<'_>) -> Answer {
        self.send("GET", path, headers, b"")
    }

    /// `POST`.
    pub(crate) fn post(&mut self, path: &str, headers: Headers<'_>, body: &[u8]) -> Answer {
        self.send("POST", path, headers, body)
    }

    /// Sends one request and reads its answer. `Host` and `Content-Length` are added.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: Headers<'_>,
        body: &[u8],
    ) -> Answer {
        self.try_send(method, path, headers, body)
            .unwrap_or_else(|error| panic!("{method} {path} at {}: {error}", self.address))
    }

    /// [`Client::send`], if an answer comes in time.
    pub(crate) fn try_send(
        &mut self,
        method: &str,
        path: &str,
        headers: Headers<'_>,
        body: &[u8],
    ) -> std::io::Result<Answer> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if method != "GET" || !body.is_empty() {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        self.try_raw(&bytes)
    }

    /// Sends these bytes as they are and reads one answer.
    pub(crate) fn try_raw(&mut self, bytes: &[u8]) -> std::io::Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) if still_open(&stream) => stream,
            _ => self.connect()?,
        };
        // A server may answer and close before it has read everything: the answer counts.
        let sent = stream.get_mut().write_all(bytes);
        let has_body = !bytes.starts_with(b"HEAD ");
        let answer =
            read_answer(&mut stream, has_body).map_err(|error| sent.err().unwrap_or(error))?;
        if !answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            self.stream = Some(stream);
        }
        Ok(answer)
    }

    /// Whether the other side closes an idle connection within `limit`.
    pub(crate) fn is_closed_within(&self, limit: Duration) -> bool {
        let Some(stream) = &self.stream else { return true };
        let socket = stream.get_ref();
        socket.set_read_timeout(Some(limit)).expect("a limit that is not zero");
        let open =
            |kind| matches!(kind, std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
        !matches!(socket.peek(&mut [0_u8; 1]), Err(error) if open(error.kind()))
    }

    fn connect(&self) -> std::io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.set_write_timeout(Some(ANSWER_LIMIT))?;
        Ok(BufReader::new(stream))
    }
}

/// Whether the other side has not closed an idle connection meanwhile.
fn still_open(stream: &BufReader<TcpStream>) -> bool {
    let socket = stream.get_ref();
    if socket.set_nonblocking(true).is_err() {
        return false;
    }
    let peeked = socket.peek(&mut [0_u8; 1]);
    let open = matches!(&peeked, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
    socket.set_nonblocking(false).is_ok() && open
}

/// `has_body`: answers of `HEAD` have none, whatever length they name.
fn read_answer(stream: &mut BufReader<TcpStream>, has_body: bool) -> std::io::Result<Answer> {
    let mut status = 100;
    let mut headers = Vec::new();
    while status == 100 {
        let line = read_line(stream)?;
        status = line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| bad(format!("no status in {line:?}")))?;
        headers = read_headers(stream)?;
    }
    let mut answer = Answer { status, headers, body: Vec::new() };
    if !has_body {
        return Ok(answer);
    }
    let length = answer.header("content-length").and_then(|value| value.parse::<u64>().ok());
    let chunked = answer.header("transfer-encoding").is_some_and(|v| v.contains("chunked"));
    if chunked {
        read_chunks(stream, &mut answer.body)?;
    } else if let Some(length) = length {
        stream.take(length).read_to_end(&mut answer.body)?;
    } else if !matches!(status, 204 | 304) {
        stream.read_to_end(&mut answer.body)?;
    }
    Ok(answer)
}

fn read_headers(stream: &mut BufReader<TcpStream>) -> std::io::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let line = read_line(stream)?;
        if line.is_empty() {
            return Ok(headers);
        }
        let (name, value) = line.split_once(':').ok_or_else(|| bad(format!("header {line:?}")))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn read_chunks(stream: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> std::io::Result<()> {
    loop {
        let line = read_line(stream)?;
        let size = u64::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)
            .map_err(|_| bad(format!("chunk size {line:?}")))?;
        stream.take(size).read_to_end(body)?;
        let end = read_line(stream)?;
        if size == 0 {
            return Ok(());
        }
        if !end.is_empty() {
            return Err(bad(format!("after a chunk: {end:?}")));
        }
    }
}

fn read_line(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut line = Vec::new();
    if stream.read_until(b'\n', &mut line)? == 0 {
        return Err(std::io::Error::new(
            std::io::ErrorKind::UnexpectedEof,
            "the connection was closed without an answer",
        ));
    }
    Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
}

fn bad(text: String) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, text)
}

//! A very small HTTP client for the engine's own few questions (ping, stop, self-check).
//!
//! One request a connection, HTTP/1.0 so that answers are never chunked, bounded in time and size.
//! It speaks to 127.0.0.1 only and is not meant for data: that is what `store` is for.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::engine::access::User;

/// Longest answer that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 256 * 1024;

/// What the engine answered.
pub(super) struct Answer {
    /// HTTP status.
    pub(super) status: u16,
    /// Code of the exception, when there was one.
    pub(super) code: Option<u32>,
    /// The body as text.
    pub(super) body: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    /// Nobody listens on the port.
    #[error("nobody listens on the port")]
    NotListening,
    /// The connection broke.
    #[error("{0}")]
    Io(std::io::Error),
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// Not an HTTP answer.
    #[error("the answer is not HTTP")]
    NotHttp,
}

/// Whether the engine answers `/ping` within `limit`.
pub(super) async fn ping(port: u16, limit: Duration) -> Result<(), HttpError> {
    let request = "GET /ping HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";
    let answer = exchange(port, request.as_bytes(), limit).await?;
    if answer.status == 200 { Ok(()) } else { Err(HttpError::NotHttp) }
}

/// Sends one statement as `user`, or as the unnamed local user when `None`.
pub(super) async fn query(
    port: u16,
    user: Option<&User>,
    sql: &str,
    limit: Duration,
) -> Result<Answer, HttpError> {
    let login = user.map_or_else(String::new, |user| {
        format!("X-ClickHouse-User: {}\r\nX-ClickHouse-Key: {}\r\n", user.user, user.password)
    });
    let request = format!(
        "POST /?wait_end_of_query=1 HTTP/1.0\r\nHost: 127.0.0.1\r\n{login}Content-Length: {}\r\n\r\n{sql}",
        sql.len()
    );
    exchange(port, request.as_bytes(), limit).await
}

async fn exchange(port: u16, request: &[u8], limit: Duration) -> Result<Answer, HttpError> {
    match tokio::time::timeout(limit, send_and_read(port, request)).await {
        Ok(answer) => answer,
        Err(_) => Err(HttpError::TimedOut),
    }
}

async fn send_and_read(port: u16, request: &[u8]) -> Result<Answer, HttpError> {
    let mut stream =
        TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::ConnectionRefused => HttpError::NotListening,
            _ => HttpError::Io(error),
        })?;
    stream.write_all(request).await.map_err(HttpError::Io)?;
    let mut bytes = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut bytes).await.map_err(HttpError::Io)?;
    parse(&String::from_utf8_lossy(&bytes)).ok_or(HttpError::NotHttp)
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let mut status_line = lines.next()?.split(' ');
    if !status_line.next()?.starts_with("HTTP/1.") {
        return None;
    }
    let status = status_line.next()?.parse().ok()?;
    let code = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("x-clickhouse-exception-code"))
        .and_then(|(_, value)| value.trim().parse().ok());
    Some(Answer { status, code, body: body.trim_end().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_is_told_from_a_result() {
        let good = parse("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n1\n").unwrap();
        assert_eq!((good.status, good.code, good.body.as_str()), (200, None, "1"));
        let bad = parse("HTTP/1.1 500 x\r\nX-ClickHouse-Exception-Code: 497\r\n\r\nCode").unwrap();
        assert_eq!((bad.status, bad.code), (500, Some(497)));
        assert!(parse("SSH-2.0-x\r\n\r\n").is_none());
        assert!(parse("").is_none());
    }

    #[tokio::test]
    async fn a_closed_port_is_told_from_a_slow_one() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let slow = ping(port, Duration::from_millis(50)).await;
        assert!(matches!(slow, Err(HttpError::TimedOut)));
        drop(listener);
        let closed = ping(port, Duration::from_secs(1)).await;
        assert!(matches!(closed, Err(HttpError::NotListening)));
    }
}

//! Just enough of the native protocol to ask one question and see whether it is refused.
//!
//! The same user can come in by either door; the self-check knocks on both. It speaks an old
//! revision on purpose: fewer fields, and every server still understands it.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Revision we claim: before client information, compression negotiation and settings.
const REVISION: u64 = 54_000;
/// Longest text that is read, in bytes.
const MAX_TEXT_BYTES: u64 = 64 * 1024;

/// Most that is read after an answer, in bytes: an exception with its stack, with room to spare.
const MAX_REST_BYTES: u64 = 1024 * 1024;

const HELLO: u64 = 0;
const QUERY: u64 = 1;
const DATA: u64 = 2;
const EXCEPTION: u64 = 2;
/// Ask for the whole result.
const STAGE_COMPLETE: u64 = 2;

/// Block information (no overflow, no bucket), then no columns and no rows.
const EMPTY_BLOCK: [u8; 10] = [1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0];

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// The server answered with an exception of this code.
    Exception(u32),
    /// The server answered with something else: it does what it was asked.
    Accepted,
}

/// Asks `sql` as the unnamed local user over the native port.
pub(super) async fn ask(port: u16, sql: &str, limit: Duration) -> std::io::Result<Reply> {
    tokio::time::timeout(limit, talk(port, sql))
        .await
        .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut)))
}

async fn talk(port: u16, sql: &str) -> std::io::Result<Reply> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(&hello()).await?;
    let mut answer = reply(&mut stream).await?;
    if answer == Reply::Accepted {
        skip_text(&mut stream).await?;
        for _ in 0..3 {
            let _version_part = number(&mut stream).await?;
        }
        stream.write_all(&question(sql)).await?;
        answer = reply(&mut stream).await?;
    }
    leave(&mut stream).await?;
    Ok(answer)
}

async fn reply(stream: &mut TcpStream) -> std::io::Result<Reply> {
    if number(stream).await? == EXCEPTION {
        return Ok(Reply::Exception(stream.read_u32_le().await?));
    }
    Ok(Reply::Accepted)
}

/// Says goodbye and reads the rest: this engine aborts when a native connection is reset, and a
/// socket closed with unread bytes is reset.
async fn leave(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.shutdown().await?;
    let mut rest = stream.take(MAX_REST_BYTES);
    tokio::io::copy(&mut rest, &mut tokio::io::sink()).await.map(|_| ())
}

fn hello() -> Vec<u8> {
    let mut bytes = Vec::new();
    put_number(&mut bytes, HELLO);
    put_text(&mut bytes, "headcount");
    put_number(&mut bytes, 1);
    put_number(&mut bytes, 1);
    put_number(&mut bytes, REVISION);
    put_text(&mut bytes, "");
    put_text(&mut bytes, "default");
    put_text(&mut bytes, "");
    bytes
}

fn question(sql: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_number(&mut bytes, QUERY);
    put_text(&mut bytes, "");
    // Settings, none: an empty name ends them.
    put_text(&mut bytes, "");
    put_number(&mut bytes, STAGE_COMPLETE);
    put_number(&mut bytes, 0);
    put_text(&mut bytes, sql);
    // An empty block: there is no data to insert.
    put_number(&mut bytes, DATA);
    put_text(&mut bytes, "");
    bytes.extend_from_slice(&EMPTY_BLOCK);
    bytes
}

async fn number(stream: &mut TcpStream) -> std::io::Result<u64> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let byte = stream.read_u8().await?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(std::io::Error::from(std::io::ErrorKind::InvalidData))
}

async fn skip_text(stream: &mut TcpStream) -> std::io::Result<()> {
    let length = number(stream).await?;
    if length > MAX_TEXT_BYTES {
        return Err(std::io::Error::from(std::io::ErrorKind::InvalidData));
    }
    let skipped = tokio::io::copy(&mut stream.take(length), &mut tokio::io::sink()).await?;
    if skipped == length {
        Ok(())
    } else {
        Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof))
    }
}

fn put_number(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap_or(0));
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_number(bytes, u64::try_from(text.len()).unwrap_or(0));
    bytes.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_seven_bits_a_byte() {
        let mut bytes = Vec::new();
        put_number(&mut bytes, 300);
        put_text(&mut bytes, "ab");
        assert_eq!(bytes, [0xac, 0x02, 2, b'a', b'b']);
    }
}

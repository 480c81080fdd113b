//! One question over ClickHouse's native protocol, in an old revision that needs few fields.
//!
//! The same rights must hold at every door; this one is not HTTP.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::support::seconds;

/// Before client information, time zones and named settings were added.
const REVISION: u64 = 54_000;
/// The kind of packet that carries an exception.
const EXCEPTION: u64 = 2;

/// Asks `sql` as `user`; the code and text of the refusal, if it is refused.
///
/// # Errors
/// When nobody listens or the answer is not of this protocol.
pub(crate) fn ask(
    port: u16,
    user: &str,
    password: &str,
    sql: &str,
) -> std::io::Result<Option<(u32, String)>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(seconds(10)))?;
    let mut hello = Packet::default();
    hello.number(0).text("test").number(1).number(1).number(REVISION);
    hello.text("").text(user).text(password);
    stream.write_all(&hello.0)?;
    let mut refusal =
        if number(&mut stream)? == EXCEPTION { Some(exception(&mut stream)?) } else { None };
    if refusal.is_none() {
        text(&mut stream)?;
        for _ in 0..3 {
            number(&mut stream)?;
        }
        let mut query = Packet::default();
        // No query id, no settings, the whole result, no compression; then an empty block: no
        // overflow row, no bucket, end of what is said about it, no columns, no rows.
        query.number(1).text("").text("").number(2).number(0).text(sql).number(2).text("");
        query.0.extend_from_slice(&[1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0]);
        stream.write_all(&query.0)?;
        if number(&mut stream)? == EXCEPTION {
            refusal = Some(exception(&mut stream)?);
        }
    }
    // Reads the rest: an embedded engine ends when a connection of this kind is reset.
    stream.shutdown(Shutdown::Write)?;
    std::io::copy(&mut stream, &mut std::io::sink())?;
    Ok(refusal)
}

#[derive(Default)]
struct Packet(Vec<u8>);

impl Packet {
    fn number(&mut self, mut value: u64) -> &mut Self {
        while value > 0x7f {
            self.0.push(u8::try_from(value & 0x7f).expect("seven bits") | 0x80);
            value >>= 7;
        }
        self.0.push(u8::try_from(value).expect("seven bits"));
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
        self
    }
}

fn exception(stream: &mut impl Read) -> std::io::Result<(u32, String)> {
    let mut code = [0; 4];
    stream.read_exact(&mut code)?;
    text(stream)?;
    Ok((u32::from_le_bytes(code), text(stream)?))
}

fn text(stream: &mut impl Read) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    let length = number(stream)?;
    stream.take(length).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn number(stream: &mut impl Read) -> std::io::Result<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        value |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] < 0x80 {
            return Ok(value);
        }
    }
    Err(std::io::ErrorKind::InvalidData.into())
}

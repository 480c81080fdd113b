//! The start of an HTTP/1.1 answer, read as far as a load generator needs it.

use crate::model::Outcome;

/// An answer that is longer than this is not one of a collecting path, bytes.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What the header `X-Headcount` said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// One of the outcomes.
    Outcome(Outcome),
    /// Something else.
    Other,
    /// There was no such header.
    Nothing,
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// What became of the event.
    pub said: Said,
    /// The server closes the connection after it.
    pub closes: bool,
}

/// What the bytes read so far are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// The start of an answer.
    Partial,
    /// One answer, and nothing behind it.
    Whole(Answer),
    /// Not an answer that we understand, or more than one.
    Malformed,
}

/// Reads `bytes`: everything that came since the request was sent.
#[must_use]
pub fn read(bytes: &[u8]) -> Read {
    read_head(bytes).unwrap_or(Read::Malformed)
}

/// `None` when it is not to be understood.
fn read_head(bytes: &[u8]) -> Option<Read> {
    let mut rest = bytes;
    let Some(first) = line(&mut rest) else {
        return (bytes.len() < ANSWER_BYTES_MAX).then_some(Read::Partial);
    };
    let status = first.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    let status = number(status).and_then(|status| u16::try_from(status).ok())?;
    let mut answer = Answer { status, said: Said::Nothing, closes: false };
    let mut length = 0;
    loop {
        let Some(header) = line(&mut rest) else {
            return (bytes.len() < ANSWER_BYTES_MAX).then_some(Read::Partial);
        };
        // Most headers are told apart by their first letter.
        match header.first().map(u8::to_ascii_lowercase) {
            None => break,
            Some(b'x') => {
                if let Some(value) = value(header, b"x-headcount") {
                    answer.said = said(value);
                }
            }
            Some(b'c') => {
                if let Some(value) = value(header, b"content-length") {
                    length = usize::try_from(number(value)?).ok()?;
                } else if let Some(value) = value(header, b"connection") {
                    answer.closes = value.eq_ignore_ascii_case(b"close");
                }
            }
            // Answers of collecting paths have a length.
            Some(b't') if value(header, b"transfer-encoding").is_some() => return None,
            Some(_) => {}
        }
    }
    if rest.len() < length {
        return (length <= ANSWER_BYTES_MAX).then_some(Read::Partial);
    }
    (rest.len() == length).then_some(Read::Whole(answer))
}

/// The next line without its end; `None` when it is not whole.
fn line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (line, behind) = rest.split_at_checked(end)?;
    *rest = behind.get(1..)?;
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

/// The value of a header of this name (small letters).
fn value<'a>(header: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (own, rest) = header.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":")?;
    own.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn said(value: &[u8]) -> Said {
    if value == b"accepted" {
        return Said::Outcome(Outcome::Accepted);
    }
    let name = value.split(|byte| *byte == b'=').nth(1).unwrap_or_default();
    let found = Outcome::ALL.into_iter().find(|outcome| outcome.name().as_bytes() == name);
    found.map_or(Said::Other, Said::Outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCEPTED: &[u8] = b"HTTP/1.1 202 Accepted\r\ncontent-type: text/plain; charset=utf-8\r\nx-content-type-options: nosniff\r\nX-Headcount: accepted\r\naccess-control-allow-origin: *\r\ncontent-length: 2\r\ndate: Sun, 22 Nov 2026 12:00:00 GMT\r\n\r\nok";

    fn whole(text: &str) -> Answer {
        match read(text.as_bytes()) {
            Read::Whole(answer) => answer,
            other => panic!("{text:?} is {other:?}"),
        }
    }

    #[test]
    fn an_answer_may_be_cut_anywhere() {
        for end in 0..ACCEPTED.len() {
            assert_eq!(read(&ACCEPTED[..end]), Read::Partial, "{end}");
        }
        let said = Said::Outcome(Outcome::Accepted);
        assert_eq!(read(ACCEPTED), Read::Whole(Answer { status: 202, said, closes: false }));
    }

    #[test]
    fn outcomes_are_read_from_the_header() {
        for outcome in Outcome::ALL {
            let word = if outcome.status() == 202 { "ignored" } else { "rejected" };
            let answer = whole(&format!(
                "HTTP/1.1 {} Words\r\nx-headcount: {word}; reason={}\r\n\r\n",
                outcome.status(),
                outcome.name()
            ));
            assert_eq!((answer.status, answer.said), (outcome.status(), Said::Outcome(outcome)));
        }
        assert_eq!(whole("HTTP/1.1 200 OK\r\nX-Headcount: perhaps\r\n\r\n").said, Said::Other);
        assert_eq!(whole("HTTP/1.1 204 No Content\r\n\r\n").said, Said::Nothing);
    }

    #[test]
    fn a_connection_that_ends_is_noticed() {
        let closes = |line: &str| whole(&format!("HTTP/1.1 429 Slow\r\n{line}\r\n\r\n")).closes;
        assert!(closes("Connection: close") && closes("connection:Close"));
        assert!(!closes("connection: keep-alive"));
    }

    #[test]
    fn what_is_no_answer_of_ours_is_malformed() {
        for text in [
            "HTTP/1.0 200 OK\r\n\r\n",
            "SSH-2.0-x\r\n",
            "HTTP/1.1 2x2 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nok",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n",
        ] {
            assert_eq!(read(text.as_bytes()), Read::Malformed, "{text:?}");
        }
        assert_eq!(read(&[b'x'; ANSWER_BYTES_MAX]), Read::Malformed);
    }
}

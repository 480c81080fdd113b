//! Heads that two readers may understand differently, which is what request smuggling lives on.
//!
//! Behind a proxy, one connection carries the requests of many people. If proxy and server do not
//! agree where a request ends, one visitor can put words into another's mouth. hyper refuses most
//! such shapes; three it reads in one of their meanings: `Transfer-Encoding` beside
//! `Content-Length` (it takes the first and drops the second, so that nothing later can tell),
//! lines that end with a bare LF, and a length or a coding that is named twice. Here the bytes are
//! looked at before hyper gets them, and such a head is answered 400 and is the last of its
//! connection (RFC 9112, sections 2.2, 6.1 and 6.3, allows that or asks for it).
//!
//! It only ever refuses: what it does not understand is left to hyper. After a chunked body it
//! looks no further, and the listener ends the connection: no byte behind one is ever taken for a
//! request.

use zeroize::Zeroize;

/// Bytes kept of a line that comes in pieces: more than any length or coding needs.
const LINE_BYTES_MAX: usize = 96;

/// Follows the heads of one connection.
#[derive(Default)]
pub struct Framing {
    place: Place,
    /// Heads that came to their end.
    heads: u32,
    begun: bool,
    length: Option<u64>,
    chunked: bool,
    line: Line,
}

/// Where in the stream the next byte stands.
#[derive(Default, Clone, Copy)]
enum Place {
    #[default]
    Head,
    /// So many bytes of a body are to come.
    Body(u64),
    /// Nobody looks any more.
    Done,
}

/// The beginning of a line that came in pieces. It is wiped: it may hold a part of any header.
#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    length: usize,
    last: u8,
}

/// What a line tells.
enum Told {
    Nothing,
    EndOfHead,
    /// It can be understood in two ways.
    Ambiguous,
    /// It is not to be understood; hyper will refuse it.
    Nonsense,
}

impl Framing {
    /// Looks at the next bytes of the stream. The number of an ambiguous head, counted from 0, if
    /// one ends in them; it is the last one looked at.
    pub fn look(&mut self, mut bytes: &[u8]) -> Option<u32> {
        while !bytes.is_empty() {
            match self.place {
                Place::Done => return None,
                Place::Body(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = bytes.get(here..).unwrap_or_default();
                    let left = left - here as u64;
                    self.place = if left == 0 { Place::Head } else { Place::Body(left) };
                }
                Place::Head => {
                    let Some(end) = memchr::memchr(b'\n', bytes) else {
                        self.line.keep(bytes);
                        return None;
                    };
                    let (line, rest) = bytes.split_at_checked(end + 1)?;
                    bytes = rest;
                    match self.whole_line(line) {
                        Told::Nothing => {}
                        Told::EndOfHead => self.end_of_head(),
                        Told::Nonsense => self.place = Place::Done,
                        Told::Ambiguous => {
                            self.place = Place::Done;
                            return Some(self.heads);
                        }
                    }
                }
            }
        }
        None
    }

    fn whole_line(&mut self, piece: &[u8]) -> Told {
        if self.line.length == 0 {
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            return match text.strip_suffix(b"\r") {
                Some(text) => self.told(text, false),
                None => self.bare(text),
            };
        }
        let mut line = std::mem::take(&mut self.line);
        line.keep(piece.strip_suffix(b"\n").unwrap_or(piece));
        let cut = line.length > line.bytes.len();
        let text = if cut { line.bytes.as_slice() } else { line.text() };
        let told = if line.last == b'\r' { self.told(text, cut) } else { self.bare(text) };
        line.bytes.zeroize();
        // Its memory serves the next one.
        self.line.bytes = std::mem::take(&mut line.bytes);
        told
    }

    /// A line that ended with a bare LF. Empty ones before a request are read over by everybody.
    fn bare(&self, text: &[u8]) -> Told {
        if text.is_empty() && !self.begun { Told::Nothing } else { Told::Ambiguous }
    }

    /// A line without its end; `cut`: only its beginning.
    fn told(&mut self, text: &[u8], cut: bool) -> Told {
        if text.is_empty() {
            return match (self.begun, self.chunked && self.length.is_some()) {
                (false, _) => Told::Nothing,
                (true, false) => Told::EndOfHead,
                (true, true) => Told::Ambiguous,
            };
        }
        if !self.begun {
            self.begun = true;
            return Told::Nothing;
        }
        // Nearly all lines end here.
        if !matches!(text.first(), Some(b'c' | b'C' | b't' | b'T')) {
            return Told::Nothing;
        }
        let Some(colon) = memchr::memchr(b':', text) else { return Told::Nothing };
        let (name, value) = text.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            if cut || self.length.is_some() {
                return Told::Ambiguous;
            }
            self.length = number(value);
            return if self.length.is_some() { Told::Nothing } else { Told::Nonsense };
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if cut || self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Told::Ambiguous;
            }
            self.chunked = true;
        }
        Told::Nothing
    }

    fn end_of_head(&mut self) {
        self.heads = self.heads.wrapping_add(1);
        self.begun = false;
        self.place = match (self.chunked, self.length.take()) {
            (true, _) => Place::Done,
            (false, None | Some(0)) => Place::Head,
            (false, Some(length)) => Place::Body(length),
        };
    }
}

impl Line {
    fn keep(&mut self, piece: &[u8]) {
        let room = LINE_BYTES_MAX.saturating_sub(self.bytes.len()).min(piece.len());
        self.bytes.extend_from_slice(piece.get(..room).unwrap_or_default());
        self.length += piece.len();
        self.last = piece.last().copied().unwrap_or(self.last);
    }

    /// The whole line without its CR.
    fn text(&self) -> &[u8] {
        self.bytes.strip_suffix(b"\r").unwrap_or(&self.bytes)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// Digits and nothing else.
fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "POST /api/event HTTP/1.1\r\nHost: x\r\n";

    /// Looks at a stream in pieces of `size`.
    fn look(stream: &str, size: usize) -> Option<u32> {
        let mut framing = Framing::default();
        stream.as_bytes().chunks(size).find_map(|piece| framing.look(piece))
    }

    /// The same in pieces of every size.
    fn found(stream: &str) -> Option<u32> {
        let whole = look(stream, stream.len());
        for size in 1..=stream.len().min(40) {
            assert_eq!(look(stream, size), whole, "in pieces of {size}");
        }
        whole
    }

    #[test]
    fn shapes_of_two_meanings_are_found() {
        for lines in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "transfer-encoding:chunked\r\nX: y\r\ncOnTeNt-LeNgTh:5\r\n",
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "X: y\nTransfer-Encoding: chunked\r\n",
            "X: y\n",
        ] {
            assert_eq!(found(&format!("{HEAD}{lines}\r\n")), Some(0), "{lines:?}");
        }
        let padded = format!("{HEAD}Content-Length:{}5\r\n\r\n", " ".repeat(200));
        assert_eq!(look(&padded, 7), Some(0), "a length that is hidden");
        assert_eq!(found("GET / HTTP/1.1\n\n"), Some(0));
    }

    #[test]
    fn usual_requests_are_not() {
        let long = "y".repeat(300);
        for lines in [
            "Content-Length: 5\r\n".to_owned(),
            "Transfer-Encoding: Chunked\r\n".to_owned(),
            format!("Cookie: {long}\r\nContent-Length:5\r\n"),
            format!("TE: {long}\r\nTrailer: {long}\r\nContent-Length : 5\r\n"),
            "X-Content-Length: 5\r\nX-Transfer-Encoding: chunked\r\nCL: 4\r\n".to_owned(),
        ] {
            assert_eq!(found(&format!("{HEAD}{lines}\r\nhello")), None, "{lines:?}");
        }
        // What stands in a body is no head, and empty lines may stand before one.
        let body = "a\nContent-Length: 1\nTransfer-Encoding: chunked\n\n";
        let one = format!("{HEAD}Content-Length: {}\r\n\r\n{body}", body.len());
        assert_eq!(found(&format!("\r\n\n{one}\r\n{one}{one}")), None);
        // What hyper refuses is left to it.
        for nonsense in ["+5", "-5", "5, 5", "0x5", "99999999999999999999", ""] {
            assert_eq!(found(&format!("{HEAD}Content-Length: {nonsense}\r\n\r\n\n\n")), None);
        }
    }

    #[test]
    fn the_head_is_named_that_is_ambiguous() {
        let good = format!("{HEAD}Content-Length: 5\r\n\r\nhello");
        let get = "GET / HTTP/1.1\r\n\r\n";
        let bad = format!("{HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(found(&format!("{good}{get}{good}{bad}{good}")), Some(3));
        // Behind a chunked body nobody looks: the connection ends there.
        assert_eq!(found(&format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{bad}")), None);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference_and_nothing_panics(
            parts in proptest::collection::vec(prop_oneof![
                Just("POST / HTTP/1.1\r\n".to_owned()),
                Just("Content-Length: 3\r\n".to_owned()),
                Just("Transfer-Encoding: chunked\r\n".to_owned()),
                Just("\r\n".to_owned()), Just("\n".to_owned()), Just("\r".to_owned()),
                Just("abc".to_owned()), "[ -~\r\n]{0,120}",
            ], 0..24),
            size in 1..50_usize,
        ) {
            let stream = parts.concat();
            prop_assert_eq!(look(&stream, size), look(&stream, stream.len().max(1)));
        }
    }
}

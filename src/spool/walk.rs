//! Reading a sealed file from front to back, one record at a time: what is in memory is a block of
//! the file, not the file.
//!
//! Promises: answers `true` only when the whole file is as it was written. For anything else the
//! file is to be read as a whole, which tells what is damaged and what is not.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

use crate::spool::MAX_BODY_BYTES;
use crate::spool::format::{
    self, BLOCK_BYTES, HEADER_BYTES, Head, Header, Kind, MARK_BYTES, RECORD_HEAD_BYTES,
};

/// Hands out the body of each record of the sealed file of `batch`.
pub(super) fn sealed(path: &Path, batch: u64, each: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
    match walk(path, batch, each) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        other => other,
    }
}

fn walk(path: &Path, batch: u64, each: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
    let file = File::open(path)?;
    let mut from = Reader { file: BufReader::with_capacity(BLOCK_BYTES, file), at: 0 };
    let mut head = [0; HEADER_BYTES];
    from.file.read_exact(&mut head)?;
    from.at = HEADER_BYTES;
    let rows = match format::head(&head) {
        Head::Known(Header { kind: Kind::Sealed, batch: named, rows, .. }) if named == batch => {
            rows
        }
        _ => return Ok(false),
    };
    let mut body = Vec::new();
    for _ in 0..rows {
        if !from.record(batch, &mut body)? {
            return Ok(false);
        }
        each(&body);
    }
    // A mark is written only before the next record.
    Ok(from.file.read(&mut [0])? == 0)
}

struct Reader {
    file: BufReader<File>,
    /// Offset in the file.
    at: usize,
}

impl Reader {
    /// The next record's body; `false` when it is damaged.
    fn record(&mut self, batch: u64, body: &mut Vec<u8>) -> io::Result<bool> {
        let mut head = [0; RECORD_HEAD_BYTES];
        self.fill(&mut head)?;
        let Some((len, sum, key)) = format::record_head(&head) else { return Ok(false) };
        let bytes = usize::try_from(u32::from_le_bytes(len)).unwrap_or(usize::MAX);
        if bytes > MAX_BODY_BYTES {
            return Ok(false);
        }
        body.resize(bytes, 0);
        self.fill(body)?;
        Ok(format::checksum(batch, len, &key, body) == sum)
    }

    /// Fills `out` with bytes of records, without the marks.
    fn fill(&mut self, mut out: &mut [u8]) -> io::Result<()> {
        while !out.is_empty() {
            self.pass_mark()?;
            let room = BLOCK_BYTES - self.at % BLOCK_BYTES;
            let (now, later) = out.split_at_mut(room.min(out.len()));
            self.file.read_exact(now)?;
            self.at += now.len();
            out = later;
        }
        Ok(())
    }

    fn pass_mark(&mut self) -> io::Result<()> {
        if self.at.is_multiple_of(BLOCK_BYTES) {
            self.file.read_exact(&mut [0; MARK_BYTES])?;
            self.at += MARK_BYTES;
        }
        Ok(())
    }
}

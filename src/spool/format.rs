//! The bytes of a segment file: header, records, marks. Pure: no file is opened here.
//!
//! Promises: [`parse`] returns only records that [`Framer`] wrote for the same batch, whatever the
//! bytes are, and never panics. It does not sort and does not judge what damage means for the
//! caller; it says where it is. The layout is described in the head of the spool module.

use crate::spool::MAX_BODY_BYTES;
use crate::spool::Record;

/// Version of the layout. The first [`HEADER_BYTES`] keep their shape in every version.
pub(super) const FORMAT: u32 = 1;
/// Length of the file header, bytes.
pub(super) const HEADER_BYTES: usize = 36;
/// A mark stands at each multiple of this many bytes of the file.
pub(super) const BLOCK_BYTES: usize = 64 * 1024;
/// Length of a mark, bytes.
pub(super) const MARK_BYTES: usize = 16;
/// Length of a record without its body, bytes: length, checksum, key.
pub(super) const RECORD_HEAD_BYTES: usize = 20;

const MAGIC: [u8; 8] = *b"hcspool\n";
const MARK_MAGIC: [u8; 4] = *b"Mrk1";

/// Whether records stand in the order they came or in the order of their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// In the order of arrival; the end may be torn.
    Log,
    /// Sorted; complete by construction.
    Sealed,
}

/// The head of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// Id of the spool that wrote the file.
    pub(super) spool: u32,
    pub(super) batch: u64,
    /// Number of records of a sealed file; 0 in a log, which does not know it yet.
    pub(super) rows: u32,
}

/// What the first bytes of a file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// A header of this format.
    Known(Header),
    /// An intact header of a later format, with its version.
    Newer(u32),
    /// Too short, or its checksum is wrong.
    Damaged,
}

/// What was found in a file.
#[derive(Debug)]
pub(super) struct Parsed {
    /// The header, when it is intact.
    pub(super) header: Option<Header>,
    /// The intact records in file order.
    pub(super) records: Vec<Record>,
    /// Number of damaged places: of a sealed file the records known to be missing, or more.
    pub(super) bad: u64,
    /// Offset in the file behind the last returned record.
    pub(super) end: usize,
}

/// Lays records out behind each other, with a mark at each block.
#[derive(Debug)]
pub(super) struct Framer {
    batch: u64,
    offset: usize,
    durable: usize,
}

impl Framer {
    /// Starts a file: writes its header to `out`.
    pub(super) fn begin(header: &Header, out: &mut Vec<u8>) -> Self {
        let start = out.len();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&kind_number(header.kind).to_le_bytes());
        out.extend_from_slice(&header.spool.to_le_bytes());
        out.extend_from_slice(&header.rows.to_le_bytes());
        out.extend_from_slice(&header.batch.to_le_bytes());
        let sum = crc32c::crc32c(out.get(start..).unwrap_or_default());
        out.extend_from_slice(&sum.to_le_bytes());
        Self { batch: header.batch, offset: HEADER_BYTES, durable: 0 }
    }

    /// Bytes of the file so far.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// Says that all bytes so far are on the disk; later marks repeat it.
    pub(super) fn set_durable(&mut self) {
        self.durable = self.offset;
    }

    /// Writes one record, and the marks that fall into it, to `out`.
    pub(super) fn record(&mut self, key: &[u8; 12], body: &[u8], out: &mut Vec<u8>) {
        let len = narrow(body.len()).to_le_bytes();
        let sum = checksum(self.batch, len, key, body).to_le_bytes();
        let mut left = RECORD_HEAD_BYTES + body.len();
        let mut begun = false;
        for part in [len.as_slice(), sum.as_slice(), key.as_slice(), body] {
            let mut part = part;
            while !part.is_empty() {
                if self.offset.is_multiple_of(BLOCK_BYTES) {
                    self.mark(if begun { left } else { 0 }, out);
                }
                let room = BLOCK_BYTES - self.offset % BLOCK_BYTES;
                let (now, later) = part.split_at(room.min(part.len()));
                out.extend_from_slice(now);
                self.offset += now.len();
                left -= now.len();
                part = later;
                begun = true;
            }
        }
    }

    /// `left`: bytes of the record that the mark interrupts.
    fn mark(&mut self, left: usize, out: &mut Vec<u8>) {
        let first = narrow(skip(self.offset, left));
        let durable = narrow(self.durable);
        out.extend_from_slice(&MARK_MAGIC);
        out.extend_from_slice(&first.to_le_bytes());
        out.extend_from_slice(&durable.to_le_bytes());
        out.extend_from_slice(&mark_sum(self.batch, self.offset, first, durable).to_le_bytes());
        self.offset += MARK_BYTES;
    }
}

/// Reads the head of a file; `bytes` may be longer.
pub(super) fn head(bytes: &[u8]) -> Head {
    let known = || {
        let (body, sum) = bytes.get(..HEADER_BYTES)?.split_last_chunk::<4>()?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*sum) || !body.starts_with(&MAGIC) {
            return None;
        }
        let version = u32_at(body, 8)?;
        if version > FORMAT {
            return Some(Head::Newer(version));
        }
        let kind =
            if u32_at(body, 12)? == kind_number(Kind::Log) { Kind::Log } else { Kind::Sealed };
        let batch = u64::from_le_bytes(*body.get(24..)?.first_chunk()?);
        Some(Head::Known(Header { kind, spool: u32_at(body, 16)?, rows: u32_at(body, 20)?, batch }))
    };
    known().unwrap_or(Head::Damaged)
}

/// Reads the records of `batch` from the bytes of a whole file.
///
/// In a sealed file a bad record is skipped up to the next mark. In a log it ends the reading
/// (a write that a crash cut short, never acknowledged), unless a later mark proves that the
/// place was durable once: then it is damage, treated as in a sealed file.
pub(super) fn parse(bytes: &[u8], batch: u64, kind: Kind) -> Parsed {
    let header = match head(bytes) {
        Head::Known(header) => Some(header),
        Head::Newer(_) | Head::Damaged => None,
    };
    let mut parsed = Parsed { header, records: Vec::new(), bad: 0, end: HEADER_BYTES };
    let mut at = HEADER_BYTES;
    while skip(at, 0) < bytes.len() {
        if let Some((record, next)) = record_at(bytes, at, batch) {
            parsed.records.push(record);
            parsed.end = next;
            at = next;
            continue;
        }
        if kind == Kind::Log && proven(bytes, at, batch) <= at {
            break;
        }
        parsed.bad += 1;
        let Some(next) = marks_after(bytes, at, batch).map(|(first, _)| first).find(|to| *to > at)
        else {
            break;
        };
        at = next;
    }
    if let Some(Header { rows, kind: Kind::Sealed, .. }) = header {
        let missing = u64::from(rows).saturating_sub(parsed.records.len() as u64);
        parsed.bad = parsed.bad.max(missing);
    }
    parsed
}

/// The record that starts at `at`, and the offset behind it.
fn record_at(bytes: &[u8], at: usize, batch: u64) -> Option<(Record, usize)> {
    let mut head = Vec::with_capacity(RECORD_HEAD_BYTES);
    let at = copy(bytes, at, RECORD_HEAD_BYTES, &mut head)?;
    let (len, sum, key) = record_head(&head)?;
    let body_bytes = usize::try_from(u32::from_le_bytes(len)).ok()?;
    if body_bytes > MAX_BODY_BYTES {
        return None;
    }
    let mut body = Vec::with_capacity(body_bytes);
    let next = copy(bytes, at, body_bytes, &mut body)?;
    let intact = checksum(batch, len, &key, &body) == sum;
    intact.then_some((Record { key, body }, next))
}

/// Length of the body as it is written, checksum, and key.
pub(super) fn record_head(head: &[u8]) -> Option<([u8; 4], u32, [u8; 12])> {
    let (len, rest) = head.split_first_chunk::<4>()?;
    let (sum, key) = rest.split_first_chunk::<4>()?;
    Some((*len, u32::from_le_bytes(*sum), key.try_into().ok()?))
}

/// Copies `n` bytes of records from `at` on, without the marks; returns the offset behind them.
fn copy(bytes: &[u8], mut at: usize, mut n: usize, out: &mut Vec<u8>) -> Option<usize> {
    while n > 0 {
        if at.is_multiple_of(BLOCK_BYTES) {
            at += MARK_BYTES;
        }
        let step = n.min(BLOCK_BYTES - at % BLOCK_BYTES);
        out.extend_from_slice(bytes.get(at..at + step)?);
        at += step;
        n -= step;
    }
    Some(at)
}

/// Where the next record starts when `n` bytes of records follow at `at`.
fn skip(mut at: usize, mut n: usize) -> usize {
    loop {
        if at.is_multiple_of(BLOCK_BYTES) {
            at += MARK_BYTES;
        }
        if n == 0 {
            return at;
        }
        let step = n.min(BLOCK_BYTES - at % BLOCK_BYTES);
        at += step;
        n -= step;
    }
}

/// The intact marks behind `at`: where the first whole record after each starts, and how many
/// bytes of the file were durable when it was written.
fn marks_after(bytes: &[u8], at: usize, batch: u64) -> impl Iterator<Item = (usize, usize)> {
    let blocks = (at / BLOCK_BYTES + 1)..=(bytes.len() / BLOCK_BYTES);
    blocks.filter_map(move |block| {
        let offset = block * BLOCK_BYTES;
        let mark = bytes.get(offset..offset + MARK_BYTES)?;
        let (first, durable, sum) = (u32_at(mark, 4)?, u32_at(mark, 8)?, u32_at(mark, 12)?);
        let intact =
            mark.starts_with(&MARK_MAGIC) && sum == mark_sum(batch, offset, first, durable);
        intact.then_some((usize::try_from(first).ok()?, usize::try_from(durable).ok()?))
    })
}

/// The bytes that marks behind `at` prove to have been durable.
fn proven(bytes: &[u8], at: usize, batch: u64) -> usize {
    marks_after(bytes, at, batch).map(|(_, durable)| durable).max().unwrap_or(0)
}

/// The batch goes in first, so that a record of a deleted file that shows up in a reused block of
/// the disk is not taken for one of this file.
pub(super) fn checksum(batch: u64, len: [u8; 4], key: &[u8; 12], body: &[u8]) -> u32 {
    let mut head = [0; 16];
    let (low, high) = head.split_at_mut(4);
    low.copy_from_slice(&len);
    high.copy_from_slice(key);
    let sum = crc32c::crc32c_append(crc32c::crc32c(&batch.to_le_bytes()), &head);
    crc32c::crc32c_append(sum, body)
}

fn mark_sum(batch: u64, offset: usize, first: u32, durable: u32) -> u32 {
    let mut sum = crc32c::crc32c(&batch.to_le_bytes());
    for number in [narrow(offset), first, durable] {
        sum = crc32c::crc32c_append(sum, &number.to_le_bytes());
    }
    sum
}

fn kind_number(kind: Kind) -> u32 {
    match kind {
        Kind::Log => 1,
        Kind::Sealed => 2,
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Files stay far below 4 GiB, and bodies below their limit.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

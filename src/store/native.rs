//! Encoding of ClickHouse's `Native` format: the rows of one table and day as one block, column by
//! column, in compressed frames that are made once and sent as often as needed.
//!
//! A block is: number of columns and of rows (LEB128), then for each column name and type (each
//! behind its length) and all of its values. `LowCardinality(String)`: version 1 (u64), type of the
//! numbers with the flags for "own list" (u64), the list behind its length (u64), the numbers
//! behind theirs. `Map`: the version of its names, the ends of the rows (u64 each), names, values.
//! Format: <https://clickhouse.com/docs/reference/interfaces/specs/NativeFormat>.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;

use crate::store::columns::{Column, ORIGIN, Shape};
use crate::store::frames::Frames;
use crate::store::row::Kind;

/// `SharedDictionariesWithAdditionalKeys`, the one version of `LowCardinality` there is.
const WORDS_VERSION: u64 = 1;
/// Flags of a list of words: it stands in the block, and no other one is meant.
const OWN_LIST: u64 = 0x600;

/// Values that do not follow each other as the columns of their table do.
#[derive(Debug)]
pub(super) struct ForeignValues;

/// The rows of one table and day, while they are gathered.
pub(super) struct Block {
    columns: Vec<(Column, Values)>,
    positions: Vec<u8>,
    spool: u32,
    batch: u64,
    rows: u64,
}

/// The values of one column.
enum Values {
    Fixed { bytes: Vec<u8>, width: usize },
    Text(Vec<u8>),
    Words(Words),
    Pairs { ends: Vec<u8>, pairs: u64, names: Words, values: Vec<u8> },
}

/// The different values of a column in the order they came, and which one each row has.
#[derive(Default)]
struct Words {
    /// Each behind its length.
    list: Vec<u8>,
    /// Number and place of each.
    known: HashMap<Box<[u8]>, (u32, usize)>,
    rows: Vec<u32>,
    /// Where the word of the row before stands in the list.
    last: Range<usize>,
}

impl Block {
    /// An empty one.
    pub(super) fn new(kind: Kind, spool: u32, batch: u64) -> Self {
        let columns = kind.columns().map(|column| (*column, Values::of(column.shape))).collect();
        Self { columns, positions: Vec::new(), spool, batch, rows: 0 }
    }

    /// How many rows it has.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Appends a row: its values in `RowBinary`, without those of [`ORIGIN`].
    pub(super) fn push(&mut self, values: &[u8], position: u32) -> Result<(), ForeignValues> {
        let mut rest = values;
        for (_, column) in &mut self.columns {
            rest = column.take(rest).ok_or(ForeignValues)?;
        }
        if !rest.is_empty() {
            return Err(ForeignValues);
        }
        self.positions.extend_from_slice(&position.to_le_bytes());
        self.rows += 1;
        Ok(())
    }

    /// The block in compressed frames; each column is given back as soon as it is in them.
    pub(super) fn pack(self) -> Vec<Bytes> {
        let mut frames = Frames::new();
        let rows = usize::try_from(self.rows).unwrap_or(usize::MAX);
        frames.count(self.columns.len() + ORIGIN.len());
        frames.count(rows);
        for (column, values) in self.columns {
            head(&mut frames, &column);
            values.write(&mut frames);
        }
        let spool = self.spool.to_le_bytes();
        let batch = self.batch.to_le_bytes();
        for (column, value) in ORIGIN.iter().zip([spool.as_slice(), batch.as_slice()]) {
            head(&mut frames, column);
            frames.put(&value.repeat(rows));
        }
        if let Some(column) = ORIGIN.last() {
            head(&mut frames, column);
            frames.put(&self.positions);
        }
        frames.finish()
    }
}

/// The statement that a block of `kind` is sent with. It inserts nothing unless `absent`, a condition,
/// holds when the server begins with it.
pub(super) fn statement(kind: Kind, absent: &str) -> String {
    let columns = || kind.columns().chain(ORIGIN);
    let names: Vec<&str> = columns().map(|column| column.name).collect();
    let names = names.join(", ");
    let types: Vec<String> =
        columns().map(|column| format!("{} {}", column.name, column.kind)).collect();
    let types = types.join(", ").replace('\'', "\\'");
    let table = kind.table();
    format!(
        "INSERT INTO {table} ({names}) SELECT {names} FROM input('{types}') WHERE {absent} \
         FORMAT Native"
    )
}

fn head(frames: &mut Frames, column: &Column) {
    for text in [column.name, column.kind] {
        frames.count(text.len());
        frames.put(text.as_bytes());
    }
}

impl Values {
    fn of(shape: Shape) -> Self {
        match shape {
            Shape::Fixed(width) => Self::Fixed { bytes: Vec::new(), width },
            Shape::Text => Self::Text(Vec::new()),
            Shape::Words => Self::Words(Words::default()),
            Shape::Pairs => Self::Pairs {
                ends: Vec::new(),
                pairs: 0,
                names: Words::default(),
                values: Vec::new(),
            },
        }
    }

    /// Takes one value off the front of a row and returns the rest.
    fn take<'a>(&mut self, row: &'a [u8]) -> Option<&'a [u8]> {
        match self {
            Self::Fixed { bytes, width } => {
                let (value, rest) = row.split_at_checked(*width)?;
                bytes.extend_from_slice(value);
                Some(rest)
            }
            Self::Text(bytes) => {
                let (value, rest) = split_text(row)?;
                bytes.extend_from_slice(value);
                Some(rest)
            }
            Self::Words(words) => {
                let (value, rest) = split_text(row)?;
                words.push(value);
                Some(rest)
            }
            Self::Pairs { ends, pairs, names, values } => {
                let (count, digits) = length(row)?;
                let mut rest = row.get(digits..)?;
                for _ in 0..count {
                    let (name, behind) = split_text(rest)?;
                    let (value, behind) = split_text(behind)?;
                    names.push(name);
                    values.extend_from_slice(value);
                    rest = behind;
                    *pairs += 1;
                }
                ends.extend_from_slice(&pairs.to_le_bytes());
                Some(rest)
            }
        }
    }

    fn write(self, frames: &mut Frames) {
        match self {
            Self::Fixed { bytes, .. } | Self::Text(bytes) => frames.put(&bytes),
            Self::Words(words) => {
                frames.put(&WORDS_VERSION.to_le_bytes());
                words.write(frames);
            }
            Self::Pairs { ends, names, values, .. } => {
                frames.put(&WORDS_VERSION.to_le_bytes());
                frames.put(&ends);
                names.write(frames);
                frames.put(&values);
            }
        }
    }
}

impl Words {
    /// `value` with its length before it.
    fn push(&mut self, value: &[u8]) {
        // Rows of a visitor stand together, so it is often the same again.
        let again = self.rows.last().filter(|_| self.list.get(self.last.clone()) == Some(value));
        let number = match again {
            Some(number) => *number,
            None => self.number_of(value),
        };
        self.rows.push(number);
    }

    fn number_of(&mut self, value: &[u8]) -> u32 {
        if let Some((number, start)) = self.known.get(value) {
            self.last = *start..*start + value.len();
            return *number;
        }
        let number = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        let start = self.list.len();
        self.known.insert(value.into(), (number, start));
        self.list.extend_from_slice(value);
        self.last = start..self.list.len();
        number
    }

    /// Nothing is written for no rows, as the server expects.
    fn write(self, frames: &mut Frames) {
        if self.rows.is_empty() {
            return;
        }
        let words = self.known.len();
        let (number_type, width) = match words {
            0..=0x100 => (0, 1),
            0x101..=0x1_0000 => (1, 2),
            _ => (2, 4),
        };
        frames.put(&(OWN_LIST | number_type).to_le_bytes());
        frames.put(&(words as u64).to_le_bytes());
        frames.put(&self.list);
        frames.put(&(self.rows.len() as u64).to_le_bytes());
        let mut numbers = Vec::with_capacity(self.rows.len() * width);
        for number in self.rows {
            numbers.extend_from_slice(number.to_le_bytes().get(..width).unwrap_or_default());
        }
        frames.put(&numbers);
    }
}

/// A text with its length before it, and what follows.
fn split_text(row: &[u8]) -> Option<(&[u8], &[u8])> {
    let (bytes, digits) = length(row)?;
    row.split_at_checked(digits.checked_add(bytes)?)
}

/// A length in LEB128, and of how many bytes it is.
fn length(row: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0_usize;
    for (at, byte) in row.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Day, Outcome, SiteId};
    use crate::store::row;

    /// The content of frames.
    fn content(frames: &[Bytes]) -> Vec<u8> {
        let mut all = Vec::new();
        for frame in frames {
            let bytes = u32::from_le_bytes(*frame[21..].first_chunk().unwrap());
            let bytes = usize::try_from(bytes).unwrap();
            all.extend(lz4_flex::block::decompress(&frame[25..], bytes).unwrap());
        }
        all
    }

    #[test]
    fn a_block_is_laid_out_column_by_column() {
        let mut block = Block::new(Kind::Outcome, 9, 8);
        for (reason, position) in [("a", 4), ("b", 5), ("a", 6)] {
            let record = row::outcome_record(SiteId(1), Day(2), Outcome::Bot, reason, 3);
            block.push(row::values(&record.body), position).unwrap();
        }
        assert_eq!(block.rows(), 3);
        let mut expected = vec![8, 3];
        let mut column = |name: &str, kind: &str, values: &[&[u8]]| {
            for text in [name, kind] {
                expected.push(u8::try_from(text.len()).unwrap());
                expected.extend_from_slice(text.as_bytes());
            }
            expected.extend(values.concat());
        };
        let one = 1_u64.to_le_bytes();
        let (two, three) = (2_u64.to_le_bytes(), 3_u64.to_le_bytes());
        let own_list = 0x600_u64.to_le_bytes();
        column("site", "UInt32", &[&[1, 0, 0, 0].repeat(3)]);
        column("day", "Date", &[&[2, 0].repeat(3)]);
        let words = "LowCardinality(String)";
        column("outcome", words, &[&one, &own_list, &one, b"\x03bot", &three, &[0, 0, 0]]);
        column("reason", words, &[&one, &own_list, &two, b"\x01a\x01b", &three, &[0, 1, 0]]);
        column("events", "UInt64", &[&three.repeat(3)]);
        column("spool", "UInt32", &[&[9, 0, 0, 0].repeat(3)]);
        column("batch", "UInt64", &[&8_u64.to_le_bytes().repeat(3)]);
        column("position", "UInt32", &[&[4, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0]]);
        assert_eq!(content(&block.pack()), expected);
    }

    #[test]
    fn many_words_get_wider_numbers() {
        for (count, number_type, width) in [(256_u32, 0, 1), (257, 1, 2), (65_537, 2, 4)] {
            let mut words = Words::default();
            for number in (0..count).chain([0, count - 1]) {
                let mut value = vec![4];
                value.extend_from_slice(&number.to_le_bytes());
                words.push(&value);
            }
            let mut frames = Frames::new();
            words.write(&mut frames);
            let bytes = content(&frames.finish());
            assert_eq!(bytes[..8], (OWN_LIST | number_type).to_le_bytes());
            assert_eq!(bytes[8..16], u64::from(count).to_le_bytes());
            let numbers = &bytes[24 + 5 * usize::try_from(count).unwrap()..];
            assert_eq!(numbers.len(), width * usize::try_from(count + 2).unwrap());
            let last = (count - 1).to_le_bytes();
            assert_eq!(numbers[numbers.len() - width..], last[..width]);
            assert!(numbers[numbers.len() - 2 * width..][..width].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn values_of_another_shape_are_refused() {
        let record = row::outcome_record(SiteId(1), Day(2), Outcome::Bot, "other", 3);
        let values = row::values(&record.body);
        let push = |values: &[u8]| Block::new(Kind::Outcome, 9, 8).push(values, 0);
        push(values).unwrap();
        for cut in 0..values.len() {
            push(&values[..cut]).unwrap_err();
        }
        push(&[values, &[0]].concat()).unwrap_err();
        push(&[0xff; 64]).unwrap_err();
    }
}

//! The records of one segment, bodies behind each other in large pieces of memory.
//!
//! Not a list of [`Record`]s: each of those has memory of its own, taken by the thread that made the
//! event. To free twelve thousand of them here, in another thread, keeps the allocator's locks from
//! all that collect meanwhile.

use crate::spool::Record;
use crate::spool::format::RECORD_HEAD_BYTES;

/// Size of a piece, bytes: larger than any body. One that doubled as it grew would be copied each
/// time, and hold twice the memory meanwhile.
const PIECE_BYTES: usize = 256 * 1024;
/// Size of the first one, bytes: most segments of a quiet site need no other.
const FIRST_BYTES: usize = 16 * 1024;

/// Keys and bodies, in order of arrival until they are sorted.
#[derive(Default)]
pub(super) struct Rows {
    pieces: Vec<Vec<u8>>,
    places: Vec<Place>,
    body_bytes: usize,
}

/// Where a body lies.
struct Place {
    key: [u8; 12],
    piece: u32,
    start: u32,
    bytes: u32,
}

impl Rows {
    /// Copies a record behind the others.
    pub(super) fn push(&mut self, record: &Record) {
        let body = record.body.as_slice();
        let has_room = |piece: &Vec<u8>| piece.capacity() - piece.len() >= body.len();
        if !self.pieces.last().is_some_and(has_room) {
            let bytes = if self.pieces.is_empty() { FIRST_BYTES } else { PIECE_BYTES };
            self.pieces.push(Vec::with_capacity(bytes.max(body.len())));
        }
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let piece = number(self.pieces.len() - 1);
        if let Some(last) = self.pieces.last_mut() {
            let (start, bytes) = (number(last.len()), number(body.len()));
            last.extend_from_slice(body);
            self.places.push(Place { key: record.key, piece, start, bytes });
            self.body_bytes += body.len();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Sealed order: by key, and stable, so that positions are the same each time.
    pub(super) fn sort(&mut self) {
        self.places.sort_by_key(|place| place.key);
    }

    /// Key and body of each.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8; 12], &[u8])> {
        self.places.iter().map(|place| {
            let (start, bytes) = (place.start as usize, place.bytes as usize);
            let piece = self.pieces.get(place.piece as usize);
            let body = piece.and_then(|piece| piece.get(start..start + bytes));
            (&place.key, body.unwrap_or_default())
        })
    }

    /// Bytes with the framing of records, without marks.
    pub(super) fn framed_bytes(&self) -> usize {
        self.places.len() * RECORD_HEAD_BYTES + self.body_bytes
    }
}

impl<'a> FromIterator<&'a Record> for Rows {
    fn from_iter<T: IntoIterator<Item = &'a Record>>(records: T) -> Self {
        let mut rows = Self::default();
        records.into_iter().for_each(|record| rows.push(record));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were_pushed_and_then_by_key() {
        // Some pieces full, bodies of all sizes, the largest larger than what is left of a piece.
        let record = |n: usize| Record {
            key: [u8::try_from(n % 7).unwrap(); 12],
            body: vec![u8::try_from(n % 251).unwrap(); n * 37 % crate::spool::MAX_BODY_BYTES],
        };
        let mut records: Vec<_> = (0..3_000).map(record).collect();
        let mut rows: Rows = records.iter().collect();
        let same = |rows: &Rows, records: &[Record]| {
            rows.iter().eq(records.iter().map(|record| (&record.key, record.body.as_slice())))
        };
        assert!(same(&rows, &records) && rows.pieces.len() > 100 && rows.len() == 3_000);
        assert!(rows.pieces.iter().all(|piece| piece.capacity() < 2 * PIECE_BYTES));
        rows.sort();
        records.sort_by_key(|record| record.key);
        assert!(same(&rows, &records));
    }
}

//! The records of one segment, bodies behind each other in one piece of memory.
//!
//! Not a list of [`Record`]s: each of those has memory of its own, taken by the thread that made the
//! event. To free twelve thousand of them here, in another thread, keeps the allocator's locks from
//! all that collect meanwhile.

use crate::spool::Record;
use crate::spool::format::RECORD_HEAD_BYTES;

/// Keys and bodies, in order of arrival until they are sorted.
#[derive(Default)]
pub(super) struct Rows {
    bodies: Vec<u8>,
    places: Vec<Place>,
}

/// Where a body lies.
struct Place {
    key: [u8; 12],
    start: u32,
    bytes: u32,
}

impl Rows {
    /// Copies a record behind the others. A segment is far smaller than 4 GiB.
    pub(super) fn push(&mut self, record: &Record) {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.places.push(Place {
            key: record.key,
            start: number(self.bodies.len()),
            bytes: number(record.body.len()),
        });
        self.bodies.extend_from_slice(&record.body);
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
            (&place.key, self.bodies.get(start..start + bytes).unwrap_or_default())
        })
    }

    /// Bytes with the framing of records, without marks.
    pub(super) fn framed_bytes(&self) -> usize {
        self.places.len() * RECORD_HEAD_BYTES + self.bodies.len()
    }
}

impl<'a> FromIterator<&'a Record> for Rows {
    fn from_iter<T: IntoIterator<Item = &'a Record>>(records: T) -> Self {
        let mut rows = Self::default();
        records.into_iter().for_each(|record| rows.push(record));
        rows
    }
}

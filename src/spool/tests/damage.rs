//! Damage of every kind: truncated, flipped, zeroed, swapped. Never a panic, never a record that
//! was not written, always the records before the damage, and those behind the next mark.

use proptest::prelude::*;

use super::{SMALL, open, quick_dir, record};
use crate::spool::format::{self, BLOCK_BYTES, Framer, Header, Kind, MARK_BYTES};
use crate::spool::{Record, segment};

const BATCH: u64 = 77;
const SPOOL: u32 = 5;

/// A log whose marks say that all bytes before each record were durable.
fn log(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let header = Header { kind: Kind::Log, spool: SPOOL, batch: BATCH, rows: 0 };
    let mut framer = Framer::begin(&header, &mut bytes);
    for record in records {
        framer.record(&record.key, &record.body, &mut bytes);
        framer.set_durable();
    }
    bytes
}

fn file(kind: Kind, records: &[Record]) -> Vec<u8> {
    match kind {
        Kind::Log => log(records),
        Kind::Sealed => super::sealed(SPOOL, BATCH, records),
    }
}

/// Where each record starts and ends in the file.
fn places(records: &[Record]) -> Vec<(usize, usize)> {
    let mut bytes = Vec::new();
    let header = Header { kind: Kind::Log, spool: SPOOL, batch: BATCH, rows: 0 };
    let mut framer = Framer::begin(&header, &mut bytes);
    let mut places = Vec::new();
    for record in records {
        let start = framer.offset();
        let mark = if start.is_multiple_of(BLOCK_BYTES) { MARK_BYTES } else { 0 };
        framer.record(&record.key, &record.body, &mut bytes);
        places.push((start + mark, framer.offset()));
    }
    places
}

fn small() -> Vec<Record> {
    (0..20).map(record).collect()
}

/// About 400 KiB: records that lie across marks, one that is longer than a block.
fn big() -> Vec<Record> {
    let body = |one: u32| match one {
        40 => vec![1; 65_536],
        _ => vec![u8::try_from(one % 251).unwrap(); 1500 + usize::try_from(one % 7).unwrap() * 400],
    };
    (0..120).map(|one| Record { key: [u8::try_from(one).unwrap(); 12], body: body(one) }).collect()
}

/// Checks what is read from `damaged`, of which the bytes `from..to` differ from what was written.
fn check(
    written: &[Record],
    places: &[(usize, usize)],
    damaged: &[u8],
    from: usize,
    to: usize,
    kind: Kind,
) {
    let read = format::parse(damaged, BATCH, kind).records;
    let mut rest = written.iter();
    for record in &read {
        assert!(rest.any(|one| one == record), "a record that was not written, or out of order");
    }
    // The first mark that is intact behind the damage. In a log the last one must also prove that
    // the place is no torn tail: a record must have begun between the damaged one and that mark.
    let mark = to.div_ceil(BLOCK_BYTES) * BLOCK_BYTES;
    let last_mark = damaged.len() / BLOCK_BYTES * BLOCK_BYTES;
    let bad = places.iter().find(|(_, end)| *end > from).map_or(0, |(start, _)| *start);
    let durable = places.iter().rfind(|(start, _)| *start < last_mark).map_or(0, |place| place.0);
    let proven = kind == Kind::Sealed || durable > bad;
    for (record, (start, end)) in written.iter().zip(places) {
        let before = *end <= from;
        let behind = *start >= mark && mark < damaged.len() && proven;
        if before || behind {
            assert!(read.contains(record), "{kind:?} {from}..{to}: lost the record at {start}");
        }
    }
}

/// Where `damaged` begins to differ; `from` when it does not.
fn first_change(whole: &[u8], damaged: &[u8], from: usize) -> usize {
    whole.iter().zip(damaged).position(|(a, b)| a != b).unwrap_or(from)
}

#[test]
fn what_is_written_is_read_back_whole() {
    for records in [small(), big(), Vec::new()] {
        for kind in [Kind::Log, Kind::Sealed] {
            let bytes = file(kind, &records);
            let parsed = format::parse(&bytes, BATCH, kind);
            assert_eq!((parsed.bad, parsed.end), (0, bytes.len()));
            assert_eq!(parsed.records, records);
            let header = parsed.header.unwrap();
            assert_eq!((header.kind, header.spool, header.batch), (kind, SPOOL, BATCH));
        }
    }
}

#[test]
fn a_file_cut_at_any_byte_gives_exactly_the_whole_records() {
    let records = small();
    let places = places(&records);
    for kind in [Kind::Log, Kind::Sealed] {
        let bytes = file(kind, &records);
        for len in 0..bytes.len() {
            let parsed = format::parse(&bytes[..len], BATCH, kind);
            let whole = places.iter().filter(|(_, end)| *end <= len).count();
            assert_eq!(parsed.records, records[..whole], "{kind:?} cut to {len}");
            if kind == Kind::Sealed && len >= format::HEADER_BYTES {
                assert_eq!(parsed.bad, 20 - whole as u64, "the missing ones are counted");
            }
        }
    }
}

#[test]
fn each_flipped_bit_loses_nothing_before_it() {
    let records = small();
    let places = places(&records);
    for kind in [Kind::Log, Kind::Sealed] {
        let mut bytes = file(kind, &records);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                check(&records, &places, &bytes, at, at + 1, kind);
                bytes[at] ^= 1 << bit;
            }
        }
    }
}

#[test]
fn zeroed_doubled_and_swapped_sectors_lose_nothing_before_them_or_behind_the_next_mark() {
    let records = big();
    let places = places(&records);
    for kind in [Kind::Log, Kind::Sealed] {
        let whole = file(kind, &records);
        for from in (0..whole.len()).step_by(512) {
            let to = (from + 512).min(whole.len());
            let mut zeroed = whole.clone();
            zeroed[from..to].fill(0);
            check(&records, &places, &zeroed, from, to, kind);
            if to + 512 > whole.len() {
                continue;
            }
            let mut doubled = whole.clone();
            doubled.copy_within(from..to, to);
            let first = first_change(&whole, &doubled, to);
            check(&records, &places, &doubled, first, to + 512, kind);
            let mut swapped = whole.clone();
            let (low, high) = swapped[from..to + 512].split_at_mut(512);
            low.swap_with_slice(high);
            let first = first_change(&whole, &swapped, from);
            check(&records, &places, &swapped, first, to + 512, kind);
        }
    }
}

#[test]
fn a_flipped_byte_in_a_big_file_costs_only_the_records_up_to_the_next_mark() {
    let records = big();
    let places = places(&records);
    for kind in [Kind::Log, Kind::Sealed] {
        let mut bytes = file(kind, &records);
        let around_marks = (1..bytes.len() / BLOCK_BYTES)
            .flat_map(|block| block * BLOCK_BYTES - 4..block * BLOCK_BYTES + MARK_BYTES + 4);
        let everywhere = (0..bytes.len()).step_by(211);
        for at in everywhere.chain(around_marks).collect::<Vec<_>>() {
            bytes[at] ^= 0x5a;
            check(&records, &places, &bytes, at, at + 1, kind);
            bytes[at] ^= 0x5a;
        }
    }
}

#[test]
fn a_damaged_mark_inside_an_intact_record_costs_nothing() {
    let records = big();
    let mut bytes = file(Kind::Sealed, &records);
    bytes[BLOCK_BYTES..BLOCK_BYTES + MARK_BYTES].fill(0xff);
    assert_eq!(format::parse(&bytes, BATCH, Kind::Sealed).records, records);
}

#[test]
fn a_log_is_cut_where_a_group_was_torn_even_if_later_sectors_arrived() {
    // One group of 40 records, never acknowledged: no mark says that it was durable.
    let records = big();
    let mut bytes = Vec::new();
    let header = Header { kind: Kind::Log, spool: SPOOL, batch: BATCH, rows: 0 };
    let mut framer = Framer::begin(&header, &mut bytes);
    for (index, record) in records.iter().enumerate() {
        if index == 10 {
            framer.set_durable();
        }
        framer.record(&record.key, &record.body, &mut bytes);
    }
    let (start, _) = places(&records)[12];
    bytes[start + 30] ^= 1;
    let parsed = format::parse(&bytes, BATCH, Kind::Log);
    assert_eq!((parsed.records.len(), parsed.bad), (12, 0));
    // The same before the durable place is damage.
    bytes[start + 30] ^= 1;
    bytes[places(&records)[4].0 + 30] ^= 1;
    let parsed = format::parse(&bytes, BATCH, Kind::Log);
    assert_eq!(parsed.bad, 1);
    assert!(parsed.records.len() > 60);
}

#[test]
fn a_body_that_looks_like_a_segment_of_the_same_batch_is_never_read_as_one() {
    let forged: Vec<_> = (500..520).map(record).collect();
    let mut records = small();
    records.insert(3, Record { key: [1; 12], body: super::sealed(SPOOL, BATCH, &forged) });
    records.insert(9, Record { key: [1; 12], body: log(&forged)[format::HEADER_BYTES..].to_vec() });
    let places = places(&records);
    let mut bytes = file(Kind::Sealed, &records);
    for at in 0..bytes.len() {
        bytes[at] ^= 0x81;
        check(&records, &places, &bytes, at, at + 1, Kind::Sealed);
        bytes[at] ^= 0x81;
    }
}

#[test]
fn records_of_another_batch_are_not_taken() {
    let bytes = file(Kind::Sealed, &small());
    assert!(format::parse(&bytes, BATCH + 1, Kind::Sealed).records.is_empty());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..3000), head: bool) {
        if head {
            let mut with_head = file(Kind::Sealed, &small());
            with_head.append(&mut bytes);
            bytes = with_head;
        }
        for kind in [Kind::Log, Kind::Sealed] {
            let read = format::parse(&bytes, BATCH, kind).records;
            prop_assert!(read.is_empty() || read == small());
        }
    }

    #[test]
    fn any_damage_of_a_big_file_is_survived(from in 0_usize..400_000, len in 1_usize..3000, with: u8) {
        let records = big();
        let mut bytes = file(Kind::Sealed, &records);
        let from = from % bytes.len();
        let to = (from + len).min(bytes.len());
        bytes[from..to].fill(with);
        check(&records, &places(&records), &bytes, from, to, Kind::Sealed);
    }
}

#[tokio::test]
async fn a_damaged_segment_is_counted_once_kept_in_bad_and_the_rest_handed_out() {
    let dir = quick_dir();
    let spool = open(dir.path(), SMALL);
    spool.append((0..3).map(record).collect()).await.unwrap();
    let sealed = spool.next().await.unwrap();
    let path = segment::sealed_path(&dir.path().join("spool"), sealed.batch);
    let whole = sealed.records().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    for _ in 0..2 {
        assert_eq!(sealed.records().unwrap(), whole[..2]);
        assert_eq!(spool.corrupt_records(), 1);
    }
    spool.delivered(sealed.batch);
    let kept = dir.path().join("bad").join(format!("{:08x}-{}.seg", spool.id(), sealed.batch));
    assert_eq!(std::fs::read(kept).unwrap(), bytes);
}

#[tokio::test]
async fn every_damage_to_a_found_file_still_lets_the_spool_start() {
    let dir = quick_dir();
    let spool = open(dir.path(), SMALL);
    spool.append((0..3).map(record).collect()).await.unwrap();
    let batch = spool.next().await.unwrap().batch;
    drop(spool);
    let path = segment::sealed_path(&dir.path().join("spool"), batch);
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        for damaged in [whole[..at].to_vec(), {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x10;
            flipped
        }] {
            std::fs::write(&path, damaged).unwrap();
            let spool = open(dir.path(), SMALL);
            let sealed = spool.next().await.unwrap();
            assert!(sealed.is_in_doubt);
            let wanted: Vec<_> = (0..3).map(record).collect();
            let got = sealed.records().unwrap();
            assert!(got.iter().all(|one| wanted.contains(one)));
            assert!(at >= format::HEADER_BYTES || got.is_empty() || got.len() == 3);
        }
    }
}

//! Reading a sealed file record by record gives what reading it as a whole gives, or nothing.

use super::{open, quick_dir, record, sealed};
use crate::spool::format::BLOCK_BYTES;
use crate::spool::{LIMITS, Record, segment, walk};

const BATCH: u64 = 77;

/// The bodies of a file with these bytes, if it can be walked through.
fn walked(dir: &std::path::Path, bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let path = dir.join("file");
    std::fs::write(&path, bytes).unwrap();
    let mut bodies = Vec::new();
    let whole = walk::sealed(&path, BATCH, &mut |body| bodies.push(body.to_vec())).unwrap();
    whole.then_some(bodies)
}

fn bodies(records: &[Record]) -> Vec<Vec<u8>> {
    records.iter().map(|one| one.body.clone()).collect()
}

#[test]
fn a_whole_file_is_walked_through_and_any_other_is_not() {
    let dir = quick_dir();
    let records: Vec<_> = (0..20).map(record).collect();
    let bytes = sealed(5, BATCH, &records);
    assert_eq!(walked(dir.path(), &bytes), Some(bodies(&records)));
    for at in 0..bytes.len() {
        assert_eq!(walked(dir.path(), &bytes[..at]), None, "cut at {at}");
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        assert_eq!(walked(dir.path(), &flipped), None, "flipped at {at}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(walked(dir.path(), &longer), None);
    assert_eq!(walked(dir.path(), &sealed(5, BATCH + 1, &records)), None, "another batch");
    let none = sealed(5, BATCH, &[]);
    assert_eq!(walked(dir.path(), &none), Some(Vec::new()));
}

#[test]
fn records_that_lie_across_marks_come_whole() {
    let dir = quick_dir();
    for last in 0..40 {
        // With one of these lengths the file ends where a mark would come next.
        let lens = [1500, 65_536, 1, 70, 30_000, 33_773 + last];
        let record = |len: usize| Record { key: [1; 12], body: vec![7; len] };
        let records: Vec<_> = lens.into_iter().map(record).collect();
        let bytes = sealed(5, BATCH, &records);
        assert!(bytes.len() > BLOCK_BYTES + 101);
        assert_eq!(walked(dir.path(), &bytes), Some(bodies(&records)), "{}", bytes.len());
        let mut flipped = bytes;
        flipped[BLOCK_BYTES + 100] ^= 1;
        assert_eq!(walked(dir.path(), &flipped), None);
    }
}

#[tokio::test]
async fn a_damaged_segment_is_folded_from_what_is_intact() {
    let dir = quick_dir();
    let spool = open(dir.path(), LIMITS);
    let long = |one: u32| Record { key: [0; 12], body: vec![u8::try_from(one).unwrap(); 1_000] };
    spool.append((0..200).map(long).collect()).await.unwrap();
    spool.close();
    let sealed = spool.next().await.unwrap();
    let fold = || {
        let begun = std::cell::Cell::new(0);
        let begin = || {
            begun.set(begun.get() + 1);
            Vec::new()
        };
        let all = sealed.fold(begin, |all: &mut Vec<u8>, body| all.push(body[0])).unwrap();
        (all, begun.get())
    };
    assert_eq!(fold(), ((0..200).collect(), 1));
    let path = segment::sealed_path(&dir.path().join("spool"), sealed.batch);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[70_000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let (all, begun) = fold();
    assert_eq!(begun, 2, "it begins anew");
    assert!(all.len() < 200 && all.len() > 100 && all.is_sorted() && all[0] == 0);
    let whole: Vec<u8> = sealed.records().unwrap().iter().map(|one| one.body[0]).collect();
    assert_eq!(all, whole);
    assert!(spool.corrupt_records() > 0);
}

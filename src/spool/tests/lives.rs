//! From one life of the process to the next: what is found, what is refused, which numbers are
//! used.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::sim::{Fault, Op, Sim};
use super::{
    SMALL, config, copy_of, drain, files, flat, in_sealed_order, numbers, open, quick_dir, record,
    sealed,
};
use crate::spool::{LIMITS, OpenError, Spool, ident, segment};

#[tokio::test]
async fn a_killed_process_leaves_all_it_acknowledged() {
    let dir = quick_dir();
    let spool = open(dir.path(), SMALL);
    for one in 0..10 {
        spool.append(vec![record(one)]).await.unwrap();
    }
    let left = copy_of(dir.path());
    let next = open(left.path(), SMALL);
    assert_eq!(next.id(), spool.id());
    assert!(next.oldest_age().is_some() && next.bytes() > 0);
    assert_eq!(flat(&drain(&next).await), (0..10).collect::<Vec<_>>());
    // All was sealed at start: no log is left.
    assert!(!files(left.path()).iter().any(|name| name.starts_with("active-")));
}

#[tokio::test]
async fn a_log_cut_at_any_byte_gives_what_was_whole() {
    let dir = quick_dir();
    let spool = open(dir.path(), LIMITS);
    for one in 0..6 {
        spool.append(vec![record(one)]).await.unwrap();
    }
    let left = copy_of(dir.path());
    let name = files(left.path()).into_iter().find(|name| name.starts_with("active-")).unwrap();
    let log = std::fs::read(left.path().join("spool").join(&name)).unwrap();
    let mut most = 0;
    for len in 0..=log.len() {
        let cut = copy_of(left.path());
        std::fs::write(cut.path().join("spool").join(&name), &log[..len]).unwrap();
        let spool = open(cut.path(), LIMITS);
        let got = flat(&drain(&spool).await);
        assert_eq!(got, (0..u32::try_from(got.len()).unwrap()).collect::<Vec<_>>());
        assert!(got.len() >= most, "a longer log gives no less");
        assert_eq!(spool.corrupt_records(), 0, "a torn tail is no damage");
        most = got.len();
    }
    assert_eq!(most, 6);
}

#[tokio::test]
async fn with_a_log_and_a_sealed_file_of_one_batch_the_log_goes() {
    let dir = quick_dir();
    let spool = open(dir.path(), LIMITS);
    spool.append((0..5).map(record).collect()).await.unwrap();
    let left = copy_of(dir.path());
    drop(spool);
    let inside = left.path().join("spool");
    let name = files(left.path()).into_iter().find(|name| name.starts_with("active-")).unwrap();
    let Some(segment::Name::Log(batch)) = segment::name(&name) else { panic!("a log") };
    let rows = in_sealed_order(&[0, 1, 2, 3]);
    let rows: Vec<_> = rows.into_iter().map(record).collect();
    std::fs::write(segment::sealed_path(&inside, batch), sealed(9, batch, &rows)).unwrap();
    std::fs::write(segment::temp_path(&inside, batch + 1), b"half").unwrap();
    let spool = open(left.path(), LIMITS);
    let sealed = spool.next().await.unwrap();
    assert_eq!((sealed.batch, sealed.spool, sealed.is_in_doubt), (batch, 9, true));
    assert_eq!(numbers(&sealed), in_sealed_order(&[0, 1, 2, 3]));
    let name = format!("seg-{batch}.seg");
    assert_eq!(files(left.path()), ["lock", &name, "spool.id"]);
}

#[tokio::test]
async fn batch_numbers_grow_over_lives_and_are_never_used_twice() {
    let dir = quick_dir();
    let mut seen = BTreeSet::new();
    let mut place = copy_of_empty(&dir);
    for life in 0..6 {
        let spool = open(place.path(), SMALL);
        for one in 0..7 {
            spool.append((0..3).map(|row| record(one * 3 + row)).collect()).await.unwrap();
        }
        // Each second life ends by a kill before the batches are delivered.
        let left = copy_of(place.path());
        spool.close();
        while let Some(sealed) = spool.next().await {
            if sealed.is_in_doubt {
                assert!(seen.contains(&sealed.batch), "found, but never seen");
            } else {
                assert!(seen.last().is_none_or(|last| *last < sealed.batch));
                assert!(seen.insert(sealed.batch), "used twice");
            }
            spool.delivered(sealed.batch);
        }
        drop(spool);
        if life % 2 == 1 {
            place = left;
        }
    }
    assert!(seen.len() >= 6 * 7);
}

fn copy_of_empty(dir: &tempfile::TempDir) -> tempfile::TempDir {
    std::fs::create_dir_all(dir.path().join("spool")).unwrap();
    std::fs::create_dir_all(dir.path().join("bad")).unwrap();
    copy_of(dir.path())
}

#[tokio::test]
async fn more_batches_than_one_reservation_holds_stay_distinct() {
    let dir = quick_dir();
    let sim = Sim::new(dir.path());
    std::fs::create_dir_all(dir.path().join("spool")).unwrap();
    let inside = dir.path().join("spool");
    let mut last = 0;
    for _ in 0..3 {
        let stored = ident::load(&inside).unwrap();
        let mut ident = ident::Ident::settle(&*sim, &inside, stored, 0).unwrap();
        for _ in 0..1500 {
            let batch = ident.next_batch(&*sim).unwrap();
            assert!(batch > last);
            last = batch;
        }
    }
    // Numbers seen in file names are not used again even if spool.id is lost.
    std::fs::remove_file(inside.join("spool.id")).unwrap();
    let mut ident = ident::Ident::settle(&*sim, &inside, None, 1 << 40).unwrap();
    assert!(ident.next_batch(&*sim).unwrap() > 1 << 40);
}

#[tokio::test]
async fn a_later_format_is_refused_by_name_and_nothing_is_touched() {
    let dir = quick_dir();
    let spool = open(dir.path(), LIMITS);
    spool.append((0..5).map(record).collect()).await.unwrap();
    let left = copy_of(dir.path());
    let inside = left.path().join("spool");
    let mut later = sealed(1, 4000, &[record(1)]);
    later[8..12].copy_from_slice(&2_u32.to_le_bytes());
    let sum = crc32c::crc32c(&later[..32]);
    later[32..36].copy_from_slice(&sum.to_le_bytes());
    std::fs::write(segment::sealed_path(&inside, 4000), &later).unwrap();
    std::fs::write(segment::temp_path(&inside, 4001), b"half").unwrap();
    let look = || {
        let read = |name: String| (std::fs::read(inside.join(&name)).unwrap(), name);
        files(left.path()).into_iter().map(read).collect::<Vec<_>>()
    };
    let before = look();
    match Spool::open(config(left.path())) {
        Err(OpenError::Newer { file, version: 2 }) => assert_eq!(file, "seg-4000.seg"),
        other => panic!("{:?}", other.err()),
    }
    assert_eq!(look(), before);
    // The id file likewise.
    std::fs::remove_file(segment::sealed_path(&inside, 4000)).unwrap();
    let mut id = std::fs::read(inside.join("spool.id")).unwrap();
    id[8] = 9;
    let sum = crc32c::crc32c(&id[..24]);
    id[24..].copy_from_slice(&sum.to_le_bytes());
    std::fs::write(inside.join("spool.id"), id).unwrap();
    let before = look();
    assert!(matches!(Spool::open(config(left.path())), Err(OpenError::Newer { version: 9, .. })));
    assert_eq!(look(), before);
}

#[tokio::test]
async fn a_damaged_id_file_gives_a_new_id_and_old_segments_keep_theirs() {
    let dir = quick_dir();
    let spool = open(dir.path(), SMALL);
    spool.append((0..3).map(record).collect()).await.unwrap();
    let old = (spool.id(), spool.next().await.unwrap().batch);
    drop(spool);
    let path = dir.path().join("spool/spool.id");
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 4;
        std::fs::write(&path, damaged).unwrap();
        let spool = open(dir.path(), SMALL);
        assert_ne!(spool.id(), old.0);
        let sealed = spool.next().await.unwrap();
        assert_eq!((sealed.spool, sealed.batch), old);
    }
}

#[tokio::test]
async fn on_a_full_disk_a_found_log_is_handed_out_unsealed_at_the_same_positions() {
    let dir = quick_dir();
    let spool = open(dir.path(), LIMITS);
    let sent: Vec<u32> = (0..30).collect();
    spool.append(sent.iter().map(|one| record(*one)).collect()).await.unwrap();
    let left = copy_of(dir.path());
    for _ in 0..2 {
        let full =
            |_, op| (op == Op::Create).then_some(Fault::Not(std::io::ErrorKind::StorageFull));
        let sim = Sim::with_plan(left.path(), Box::new(full));
        let spool = Spool::open_on(&config(left.path()), Arc::clone(&sim) as _, LIMITS).unwrap();
        let sealed = spool.next().await.unwrap();
        assert_eq!(numbers(&sealed), in_sealed_order(&sent));
        assert!(files(left.path()).contains(&format!("active-{}.log", sealed.batch)));
    }
    let spool = open(left.path(), LIMITS);
    let sealed = spool.next().await.unwrap();
    assert_eq!(numbers(&sealed), in_sealed_order(&sent));
}

#[test]
fn the_format_does_not_change_by_accident() {
    let bytes = sealed(0x0102_0304, 5, &[record(7)]);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let head = "686373706f6f6c0a0100000002000000040302010100000005000000\
                00000000e298257f";
    let row = "0b000000bbfa80df0000000600000000000000000700000078787878787878";
    assert_eq!(hex, format!("{head}{row}"));
    let rows: Vec<_> = (0..6000).map(record).collect();
    assert_eq!(crc32c::crc32c(&sealed(1, 2, &rows)), 2_702_617_234);
}

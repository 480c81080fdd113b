//! The queue as its users see it: order, limits, budget, closing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::sim::Sim;
use super::{
    SMALL, config, drain, files, flat, in_sealed_order, number, numbers, open, quick_dir, record,
    until,
};
use crate::spool::append::Charge;
use crate::spool::format::{self, Kind};
use crate::spool::{
    AppendError, LIMITS, Limits, MAX_APPEND_BYTES, MAX_BODY_BYTES, OpenError, Record, Spool,
    segment,
};

#[tokio::test]
async fn a_sealed_file_is_sorted_by_key_and_equal_keys_keep_their_order() {
    let dir = quick_dir();
    let spool = open(dir.path(), LIMITS);
    let sent: Vec<u32> = (0..200).collect();
    for chunk in sent.chunks(7) {
        spool.append(chunk.iter().map(|one| record(*one)).collect()).await.unwrap();
    }
    spool.close();
    let sealed = spool.next().await.unwrap();
    assert!(!sealed.is_in_doubt);
    assert_eq!(sealed.spool, spool.id());
    assert_eq!(numbers(&sealed), in_sealed_order(&sent));
    let bytes =
        std::fs::read(segment::sealed_path(&dir.path().join("spool"), sealed.batch)).unwrap();
    let on_disk = format::parse(&bytes, sealed.batch, Kind::Sealed);
    assert_eq!(on_disk.header.unwrap().rows, 200);
    let order: Vec<u32> = on_disk.records.iter().map(number).collect();
    assert_eq!(order, in_sealed_order(&sent));
    spool.delivered(sealed.batch);
    assert_eq!(files(dir.path()), ["lock", "spool.id"]);
    assert_eq!((spool.bytes(), spool.oldest_age()), (0, None));
    assert!(spool.next().await.is_none());
}

#[tokio::test]
async fn while_segments_wait_the_next_one_grows_instead() {
    let dir = quick_dir();
    let mut config = config(dir.path());
    config.seal_after = Duration::from_millis(10);
    let spool = Spool::open(config).unwrap();
    let sealed = || files(dir.path()).iter().filter(|name| name.ends_with(".seg")).count();
    for one in 0..4 {
        spool.append(vec![record(one)]).await.unwrap();
        until(|| sealed() == usize::try_from(one).unwrap() + 1).await;
    }
    for one in 4..9 {
        spool.append(vec![record(one)]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    assert_eq!(sealed(), 4, "a fifth was sealed, though nobody takes the four");
    // One is taken: there is room for the one that grew.
    let first = spool.next().await.unwrap();
    assert_eq!(numbers(&first), [0]);
    until(|| sealed() == 5).await;
    let rest = drain(&spool).await;
    assert_eq!(rest.len(), 4);
    assert_eq!(rest.values().next_back().unwrap().len(), 5);
}

#[tokio::test]
async fn a_segment_is_sealed_by_age_and_handed_out_once_until_given_back() {
    let dir = quick_dir();
    let mut config = config(dir.path());
    config.seal_after = Duration::from_millis(20);
    let spool = Spool::open(config).unwrap();
    spool.append(vec![record(1)]).await.unwrap();
    assert!(spool.oldest_age().is_some());
    let sealed = spool.next().await.unwrap();
    let soon = Duration::from_millis(50);
    assert!(tokio::time::timeout(soon, spool.next()).await.is_err());
    assert!(!sealed.is_in_doubt);
    spool.give_back(sealed.batch);
    let again = spool.next().await.unwrap();
    assert!(again.is_in_doubt, "whoever gave it back may have stored it");
    assert_eq!((again.batch, numbers(&again)), (sealed.batch, vec![1]));
    spool.quarantine(again.batch, "refused by the table");
    assert_eq!(spool.bytes(), 0);
    let name = format!("{:08x}-{}", spool.id(), again.batch);
    let reason = std::fs::read(dir.path().join("bad").join(format!("{name}.reason"))).unwrap();
    assert_eq!(reason, b"refused by the table");
    assert!(dir.path().join("bad").join(format!("{name}.seg")).exists());
}

#[tokio::test]
async fn next_wakes_when_a_segment_comes_and_ends_after_close() {
    let dir = quick_dir();
    let spool = open(dir.path(), SMALL);
    let waiting = spool.clone();
    let (first, ()) = tokio::join!(async { waiting.next().await.map(|one| one.batch) }, async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        spool.append((0..3).map(record).collect()).await.unwrap();
    });
    assert!(first.is_some());
    let closing = spool.clone();
    let (end, ()) = tokio::join!(async { waiting.next().await.is_none() }, async {
        tokio::task::spawn_blocking(move || closing.close()).await.unwrap();
    });
    assert!(end);
    assert_eq!(spool.append(vec![record(9)]).await, Err(AppendError::Unavailable));
    assert!(!spool.is_accepting());
    spool.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_64_concurrent_appends_is_in_a_file_when_it_returns() {
    let dir = quick_dir();
    let spool = open(dir.path(), Limits { rows: 100, ..LIMITS });
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..64_u32 {
        let (spool, dir) = (spool.clone(), dir.path().join("spool"));
        tasks.spawn(async move {
            for turn in 0..8 {
                let mine = task * 100 + turn;
                spool.append(vec![record(mine)]).await.unwrap();
                assert!(is_in_a_file(&dir, mine), "acknowledged, but in no file");
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(flat(&drain(&spool).await).len(), 64 * 8);
}

/// Reads the files anew; looks twice, because a log may turn into a sealed file in between.
fn is_in_a_file(dir: &std::path::Path, wanted: u32) -> bool {
    (0..20).any(|_| {
        let listing = std::fs::read_dir(dir).unwrap();
        listing.filter_map(Result::ok).any(|entry| {
            let name = entry.file_name().into_string().unwrap();
            let (batch, kind) = match segment::name(&name) {
                Some(segment::Name::Log(batch)) => (batch, Kind::Log),
                Some(segment::Name::Sealed(batch)) => (batch, Kind::Sealed),
                _ => return false,
            };
            let bytes = std::fs::read(entry.path()).unwrap_or_default();
            let records = format::parse(&bytes, batch, kind).records;
            records.iter().any(|record| number(record) == wanted)
        })
    })
}

#[tokio::test]
async fn the_byte_budget_refuses_and_recovers_when_a_batch_is_delivered() {
    let dir = quick_dir();
    let mut config = config(dir.path());
    config.max_bytes = 400;
    let spool = Spool::open_on(&config, Sim::new(dir.path()), SMALL).unwrap();
    let mut taken = 0;
    while spool.append(vec![record(taken)]).await.is_ok() {
        taken += 1;
        assert!(taken < 50, "the budget never fills");
    }
    assert!(taken >= 3);
    assert_eq!(spool.append(vec![record(99)]).await, Err(AppendError::Full));
    assert!(!spool.is_accepting());
    let sealed = spool.next().await.unwrap();
    spool.delivered(sealed.batch);
    assert!(spool.is_accepting());
    spool.append(vec![record(100)]).await.unwrap();
}

#[tokio::test]
async fn short_free_space_refuses_and_recovers_without_an_append() {
    let dir = quick_dir();
    let sim = Sim::new(dir.path());
    let mut config = config(dir.path());
    config.min_free_bytes = 1000;
    let spool = Spool::open_on(&config, Arc::clone(&sim) as _, SMALL).unwrap();
    spool.append(vec![record(1)]).await.unwrap();
    sim.set_free(999);
    tokio::time::sleep(Duration::from_millis(260)).await;
    assert_eq!(spool.append(vec![record(2)]).await, Err(AppendError::Full));
    assert!(!spool.is_accepting());
    sim.set_free(1000);
    let start = Instant::now();
    until(|| spool.is_accepting()).await;
    assert!(start.elapsed() < Duration::from_secs(1));
    spool.append(vec![record(3)]).await.unwrap();
    assert_eq!(flat(&drain(&spool).await), [1, 3]);
}

#[tokio::test]
async fn what_is_larger_than_a_limit_is_refused() {
    let dir = quick_dir();
    let spool = open(dir.path(), LIMITS);
    let sized = |bytes| Record { key: [0; 12], body: vec![7; bytes] };
    let too_large = Err(AppendError::TooLarge);
    assert_eq!(spool.append(vec![sized(MAX_BODY_BYTES + 1)]).await, too_large);
    let many = vec![sized(MAX_BODY_BYTES); MAX_APPEND_BYTES / MAX_BODY_BYTES];
    assert_eq!(spool.append(many).await, too_large);
    assert_eq!(spool.append(vec![sized(0); LIMITS.rows + 1]).await, too_large);
    assert_eq!(spool.append(Vec::new()).await, Ok(()));
    spool.append(vec![sized(MAX_BODY_BYTES)]).await.unwrap();
    spool.close();
    let records = spool.next().await.unwrap().records().unwrap();
    assert!(records.len() == 1 && records[0] == sized(MAX_BODY_BYTES));
}

#[tokio::test]
async fn segments_keep_their_row_and_byte_limits() {
    let dir = quick_dir();
    let spool = open(dir.path(), LIMITS);
    for _ in 0..3 {
        spool.append(vec![Record { key: [1; 12], body: Vec::new() }; 30_000]).await.unwrap();
    }
    let big = vec![Record { key: [2; 12], body: vec![1; 60_000] }; 60];
    for _ in 0..6 {
        spool.append(big.clone()).await.unwrap();
    }
    spool.close();
    let mut rows = 0;
    while let Some(sealed) = spool.next().await {
        let path = segment::sealed_path(&dir.path().join("spool"), sealed.batch);
        assert!(std::fs::metadata(path).unwrap().len() <= 16_000_000);
        let records = sealed.records().unwrap().len();
        assert!(records <= 50_000);
        rows += records;
    }
    assert_eq!(rows, 90_000 + 360);
}

#[test]
fn waiting_bytes_are_bounded_and_a_dropped_append_gives_its_share_back() {
    let total = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let first = Charge::take(&total, 60, 100).unwrap();
    assert!(Charge::take(&total, 41, 100).is_none());
    drop(first);
    assert!(Charge::take(&total, 100, 100).is_some());
}

#[tokio::test]
async fn a_second_opening_is_refused_until_the_first_is_dropped() {
    let dir = quick_dir();
    let spool = open(dir.path(), SMALL);
    assert!(matches!(Spool::open(config(dir.path())), Err(OpenError::Locked)));
    let id = spool.id();
    drop(spool);
    assert_eq!(open(dir.path(), SMALL).id(), id);
}

#[tokio::test]
async fn appends_beyond_the_queue_are_refused_at_once() {
    let dir = quick_dir();
    let sim = Sim::new(dir.path());
    let spool = Spool::open_on(&config(dir.path()), Arc::clone(&sim) as _, LIMITS).unwrap();
    sim.hold(true);
    let mut tasks = tokio::task::JoinSet::new();
    // The writer holds one group, the queue as many again.
    for one in 0..10_000 {
        let spool = spool.clone();
        tasks.spawn(async move { spool.append(vec![record(one)]).await });
    }
    let refused = tasks.join_next().await.unwrap().unwrap();
    assert_eq!(refused, Err(AppendError::Unavailable), "while nothing can be written");
    sim.hold(false);
    let mut taken = 0;
    while let Some(done) = tasks.join_next().await {
        taken += u32::from(done.unwrap().is_ok());
    }
    assert!((4096..10_000).contains(&taken), "{taken}");
    assert_eq!(flat(&drain(&spool).await).len(), usize::try_from(taken).unwrap());
}

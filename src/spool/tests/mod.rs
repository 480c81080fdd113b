//! Tests of the spool as a whole, and what they share.

mod damage;
mod faults;
mod lives;
mod model;
mod queue;
mod sim;
mod walk;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::disk::RealDisk;
use super::seal;
use super::{Config, FsyncPolicy, Limits, Record, Sealed, Spool};

/// Small segments: three rows fill one.
const SMALL: Limits =
    Limits { rows: 3, bytes: 1 << 20, seal_bytes: 1 << 20, reserve_from: 60, reserve_bytes: 150 };

/// A directory in memory where there is one: syncing costs nothing.
fn quick_dir() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn config(dir: &Path) -> Config {
    Config {
        dir: dir.join("spool"),
        bad_dir: dir.join("bad"),
        fsync: FsyncPolicy::Group,
        max_bytes: 1 << 30,
        min_free_bytes: 0,
        seal_after: Duration::from_secs(3600),
    }
}

/// The bytes of a sealed file with these records in this order.
fn sealed(spool: u32, batch: u64, records: &[Record]) -> Vec<u8> {
    seal::encode(spool, batch, &records.iter().collect())
}

fn open(dir: &Path, limits: Limits) -> Spool {
    Spool::open_on(&config(dir), Arc::new(RealDisk), limits).unwrap()
}

/// A record that knows its number; numbers far apart share a key.
fn record(number: u32) -> Record {
    let mut key = [0; 12];
    // Scattered, with repeats.
    key[3] = u8::try_from(number.wrapping_mul(37) % 11).unwrap();
    let mut body = number.to_le_bytes().to_vec();
    body.extend(std::iter::repeat_n(b'x', usize::try_from(number % 23).unwrap()));
    Record { key, body }
}

fn number(record: &Record) -> u32 {
    u32::from_le_bytes(*record.body.first_chunk().unwrap())
}

fn numbers(sealed: &Sealed) -> Vec<u32> {
    sealed.records().unwrap().iter().map(number).collect()
}

/// Sealed order of records that arrived in the order of `numbers`.
fn in_sealed_order(numbers: &[u32]) -> Vec<u32> {
    let mut records: Vec<_> = numbers.iter().map(|one| record(*one)).collect();
    records.sort_by_key(|one| one.key);
    records.iter().map(number).collect()
}

/// Closes a spool and takes all that it still hands out: batch → numbers.
async fn drain(spool: &Spool) -> BTreeMap<u64, Vec<u32>> {
    spool.close();
    let mut all = BTreeMap::new();
    while let Some(sealed) = spool.next().await {
        assert!(all.insert(sealed.batch, numbers(&sealed)).is_none(), "a batch came twice");
    }
    all
}

/// All numbers of batches, sorted.
fn flat(batches: &BTreeMap<u64, Vec<u32>>) -> Vec<u32> {
    let mut all: Vec<u32> = batches.values().flatten().copied().collect();
    all.sort_unstable();
    all
}

/// What a killed process leaves: the files as they are at one moment.
fn copy_of(dir: &Path) -> TempDir {
    loop {
        if let Some(copy) = try_copy(dir) {
            return copy;
        }
    }
}

/// `None` when the sealer changed the directory meanwhile: that would be two moments.
fn try_copy(dir: &Path) -> Option<TempDir> {
    let to = quick_dir();
    let before = files(dir);
    for folder in ["spool", "bad"] {
        std::fs::create_dir_all(to.path().join(folder)).unwrap();
        for entry in std::fs::read_dir(dir.join(folder)).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), to.path().join(folder).join(entry.file_name())).ok()?;
        }
    }
    (files(dir) == before).then_some(to)
}

fn files(dir: &Path) -> Vec<String> {
    let listing = std::fs::read_dir(dir.join("spool")).unwrap();
    let mut names: Vec<_> =
        listing.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Waits until the writer and the sealer did what they were to do.
async fn until(mut done: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never came");
}

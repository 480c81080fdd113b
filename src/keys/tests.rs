//! Day keys over their whole life, on a real RAM-backed directory.

use std::cell::Cell;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use crate::keys::{KEY_BYTES, KeyStorage, Keys, KeysConfig, KeysError};
use crate::model::day::{locate, zone};
use crate::model::{LocalMoment, SiteId};

/// 2026-11-21 12:00:00 UTC.
const NOON: u32 = 1_795_262_400;
const DAY: u32 = 86_400;
const SITE: SiteId = SiteId(7);
const FILE: &str = "7-2026-11-21.key";

thread_local! {
    /// The uptime that a test's thread sees, in seconds.
    static UPTIME: Cell<u32> = const { Cell::new(1_000) };
}

fn uptime() -> u32 {
    UPTIME.get()
}

fn shm() -> tempfile::TempDir {
    tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o700))
        .prefix("hc-keys-")
        .tempdir_in("/dev/shm")
        .unwrap()
}

fn config(directory: Option<&Path>) -> KeysConfig {
    KeysConfig {
        explicit: directory.map(Path::to_owned),
        runtime_directory: None,
        data_dir: "/nowhere".into(),
        allow_swap: true,
    }
}

fn open(directory: &Path, now: u32) -> Keys {
    Keys::open_with(&config(Some(directory)), now, false, uptime).unwrap()
}

/// Keys without a directory, as when swap is active.
fn memory_only(now: u32) -> Keys {
    let mut config = config(Some(Path::new("/dev/shm")));
    config.explicit = None;
    config.allow_swap = false;
    Keys::open_with(&config, now, true, uptime).unwrap()
}

fn utc(at: u32) -> LocalMoment {
    locate(at, &zone("UTC").unwrap())
}

fn key_at(keys: &Keys, at: u32) -> Option<[u8; KEY_BYTES]> {
    keys.of(SITE, &utc(at), at).map(|key| **key)
}

fn files(directory: &Path) -> Vec<String> {
    let listing = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        listing.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_key_holds_for_its_day_and_site_only() {
    let room = shm();
    let keys = open(room.path(), NOON);
    let key = key_at(&keys, NOON).unwrap();
    assert_ne!(key, [0; KEY_BYTES]);
    assert_eq!(key_at(&keys, NOON + 3600), Some(key));
    let other = keys.of(SiteId(8), &utc(NOON), NOON).unwrap();
    assert_ne!(**other, key);
    assert_ne!(key_at(&keys, NOON + DAY), Some(key));
}

#[test]
fn processes_of_one_directory_share_a_key_and_a_restart_keeps_it() {
    let room = shm();
    let one = open(room.path(), NOON);
    let two = open(room.path(), NOON);
    let key = key_at(&one, NOON);
    assert_eq!(key_at(&two, NOON + 1), key);
    drop((one, two));
    assert_eq!(key_at(&open(room.path(), NOON + 60), NOON + 60), key);
}

#[test]
fn threads_of_many_processes_agree_on_one_key() {
    let room = shm();
    let all: Vec<Arc<Keys>> = (0..4).map(|_| Arc::new(open(room.path(), NOON))).collect();
    let threads: Vec<_> = (0..16)
        .map(|n: usize| {
            let keys = Arc::clone(&all[n % 4]);
            std::thread::spawn(move || key_at(&keys, NOON))
        })
        .collect();
    let mut found: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    found.dedup();
    assert_eq!(found.len(), 1, "one key for all");
    assert!(found[0].is_some());
}

#[test]
fn the_file_is_private_and_holds_the_key() {
    let room = shm();
    let key = key_at(&open(room.path(), NOON), NOON).unwrap();
    let path = room.path().join(FILE);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(std::fs::read(&path).unwrap()[..KEY_BYTES], key);
}

#[test]
fn a_day_that_is_over_leaves_nothing() {
    let room = shm();
    let keys = open(room.path(), NOON);
    let held = keys.of(SITE, &utc(NOON), NOON).unwrap();
    let end = utc(NOON).day_end;
    keys.sweep(end - 1);
    assert_eq!(files(room.path()), [FILE]);
    keys.sweep(end);
    assert!(files(room.path()).is_empty());
    assert_eq!(Arc::strong_count(&held), 1, "nobody else holds it");
}

#[test]
fn a_start_deletes_keys_whose_day_is_over_and_what_cannot_be_read() {
    let room = shm();
    assert!(key_at(&open(room.path(), NOON), NOON).is_some());
    std::fs::write(room.path().join("9-2026-11-22.key"), b"short").unwrap();
    std::fs::write(room.path().join("10-2026-11-22.key"), [1; 48]).unwrap();
    let keys = open(room.path(), NOON + DAY);
    assert!(files(room.path()).is_empty());
    drop(keys);
}

#[test]
fn a_damaged_file_is_replaced() {
    let room = shm();
    let key = key_at(&open(room.path(), NOON), NOON).unwrap();
    let path = room.path().join(FILE);
    let mut bytes = std::fs::read(&path).unwrap();
    let keys = open(room.path(), NOON);
    bytes[3] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let fresh = key_at(&keys, NOON).unwrap();
    assert_ne!(fresh, key);
    assert_ne!(fresh[..], bytes[..KEY_BYTES]);
    assert_eq!(key_at(&open(room.path(), NOON), NOON), Some(fresh));
}

#[test]
fn at_midnight_the_older_day_has_no_key_any_more() {
    let room = shm();
    let keys = open(room.path(), NOON);
    let end = utc(NOON).day_end;
    let old = key_at(&keys, end - 1);
    assert!(old.is_some());
    assert!(key_at(&keys, end).is_some_and(|fresh| Some(fresh) != old));
    assert_eq!(files(room.path()), ["7-2026-11-22.key"], "the old key went with the first event");
    // A request that was placed in the old day just before midnight.
    assert!(keys.of(SITE, &utc(end - 1), end - 1).is_none());
    assert!(keys.of(SITE, &utc(end - 1), end).is_none());
    // A neighbour that has no key of the old day in memory makes none either.
    let neighbour = open(room.path(), end - 1);
    assert!(key_at(&neighbour, end - 1).is_none());
    assert_eq!(files(room.path()), ["7-2026-11-22.key"]);
}

#[test]
fn without_a_directory_the_older_day_has_no_key_either() {
    let keys = memory_only(NOON);
    let end = utc(NOON).day_end;
    assert!(key_at(&keys, end - 1).is_some() && key_at(&keys, end).is_some());
    assert!(key_at(&keys, end - 1).is_none());
}

#[test]
fn a_clock_that_went_back_gets_a_fresh_key_once_for_all_processes() {
    let room = shm();
    let one = open(room.path(), NOON);
    let two = open(room.path(), NOON);
    let key = key_at(&one, NOON);
    assert_eq!(key_at(&two, NOON), key);
    assert_eq!(key_at(&one, NOON - 5), key, "a nudge is no set-back");
    let fresh = key_at(&one, NOON - 60);
    assert!(fresh.is_some() && fresh != key);
    assert_eq!(key_at(&two, NOON - 60), fresh);
    assert_eq!(key_at(&one, NOON - 59), fresh, "the neighbour did not replace it again");
}

#[test]
fn an_idle_neighbour_follows_by_its_sweep() {
    let room = shm();
    let one = open(room.path(), NOON);
    let two = open(room.path(), NOON);
    let key = key_at(&two, NOON);
    one.sweep(NOON + 3600);
    let fresh = key_at(&one, NOON + 60);
    assert!(fresh.is_some() && fresh != key);
    two.sweep(NOON + 61);
    assert_eq!(key_at(&two, NOON + 61), fresh);
}

#[test]
fn a_key_from_the_future_is_not_used_after_a_restart() {
    let room = shm();
    let later = key_at(&open(room.path(), NOON + 3600), NOON + 3600).unwrap();
    let keys = open(room.path(), NOON);
    assert!(files(room.path()).is_empty());
    assert_ne!(key_at(&keys, NOON), Some(later));
    drop(keys);
    let year = NOON + 365 * DAY;
    assert!(key_at(&open(room.path(), year), year).is_some());
    drop(open(room.path(), NOON));
    assert!(files(room.path()).is_empty());
}

#[test]
fn without_a_directory_keys_live_in_memory() {
    let keys = memory_only(NOON);
    assert!(matches!(keys.storage(), KeyStorage::MemoryOnly(reason) if reason.contains("swap")));
    let key = key_at(&keys, NOON);
    assert!(key.is_some());
    assert_eq!(key_at(&keys, NOON + 1), key);
    assert_ne!(key_at(&keys, NOON - 60), key, "the clock went back");
    assert_ne!(key_at(&memory_only(NOON), NOON), key);
}

#[test]
fn a_locked_directory_means_no_key_and_no_waiting() {
    let room = shm();
    let keys = open(room.path(), NOON);
    let neighbour = std::fs::File::open(room.path()).unwrap();
    neighbour.lock().unwrap();
    assert!(key_at(&keys, NOON).is_none());
    neighbour.unlock().unwrap();
    assert!(key_at(&keys, NOON).is_some());
}

#[test]
fn a_moment_of_another_day_than_now_has_no_key() {
    let keys = memory_only(NOON);
    assert!(keys.of(SITE, &utc(NOON - DAY), NOON).is_none());
    assert!(keys.of(SITE, &utc(NOON + DAY), NOON).is_none());
}

#[test]
fn an_explicit_directory_on_a_disk_ends_the_start() {
    let room = tempfile::tempdir_in("/var/tmp").unwrap();
    let error = Keys::open(config(Some(room.path())), NOON).unwrap_err();
    assert!(matches!(error, KeysError::Directory { .. }));
    assert!(error.to_string().contains("is not RAM-backed"), "{error}");
}

#[test]
fn debug_shows_no_key() {
    let keys = memory_only(NOON);
    let key = keys.of(SITE, &utc(NOON), NOON).unwrap();
    let text = format!("{keys:?} {key:?}");
    assert!(text.contains("DayKey(***)"));
    assert!(!text.contains(&format!("{:?}", key[0..2].to_vec())), "{text}");
}

#[test]
fn a_clock_that_stands_still_does_not_keep_a_key_alive() {
    let room = shm();
    let (one, only) = (open(room.path(), NOON), memory_only(NOON));
    let key = key_at(&one, NOON).unwrap();
    let other = key_at(&only, NOON);
    UPTIME.set(UPTIME.get() + 25 * 3600);
    assert_eq!(key_at(&one, NOON), Some(key), "the longest day has 25 hours");
    UPTIME.set(UPTIME.get() + 3600);
    let neighbour = open(room.path(), NOON);
    assert!(files(room.path()).is_empty(), "a start takes an old key for living");
    drop(neighbour);
    one.sweep(NOON);
    assert!(one.living.read().unwrap().is_empty(), "a sweep leaves an old key");
    let fresh = key_at(&one, NOON);
    assert!(fresh.is_some() && fresh != Some(key));
    assert_ne!(key_at(&only, NOON), other);
}

#[test]
fn a_key_that_is_older_than_the_machine_runs_is_not_used() {
    let room = shm();
    let key = key_at(&open(room.path(), NOON), NOON);
    UPTIME.set(UPTIME.get() - 500);
    let keys = open(room.path(), NOON + 60);
    assert!(files(room.path()).is_empty());
    assert_ne!(key_at(&keys, NOON + 60), key);
}

#[test]
fn a_generation_that_cannot_be_written_means_no_key() {
    let room = shm();
    let keys = open(room.path(), NOON);
    assert!(key_at(&keys, NOON).is_some());
    std::fs::create_dir(room.path().join("generation")).unwrap();
    assert!(key_at(&keys, NOON - 60).is_none(), "neighbours cannot be told");
    assert!(key_at(&keys, NOON - 59).is_none());
    assert!(!files(room.path()).contains(&FILE.to_owned()), "the old key is still there");
}

//! The durable queue between collecting and ClickHouse: opaque records, on disk before they are
//! acknowledged.
//!
//! # What it promises
//! - [`Spool::append`] returns `Ok` only when the records are on the disk (`fdatasync`; under
//!   [`FsyncPolicy::Group`] one for all appends that wait at that moment).
//! - An acknowledged record is handed out by [`Spool::next`] in every life of the process until
//!   its batch is [`delivered`](Spool::delivered), always in the same batch at the same position.
//! - A refused record (`Err`) is not handed out: before the answer, the log that may hold it is
//!   cut back or replaced by a file without it. If the disk refuses that too, the answer is given
//!   all the same, nothing is accepted until the disk has obeyed, and only a crash or power cut in
//!   between can bring the record back: then it was *unknown*, and appears at most once.
//! - An append that got no answer (crash, caller gone) is unknown: each of its records appears once
//!   or not at all.
//! - Batch numbers are never used twice, hold no time and grow.
//! - A damaged record costs at most the records up to the next mark; it is counted, the file is
//!   kept in `bad_dir`, and the rest is handed out.
//!
//! Not promised: protection against two copies of one spool directory in use at a time (a restored
//! backup, a cloned machine): they share the id. It knows nothing of what is in a record.
//!
//! # Files
//! - `lock`: held by `flock` while the spool is open.
//! - `spool.id`: the spool's id and the end of the reserved batch numbers.
//! - `active-<batch>.log`: records in the order they came. At most one grows; a found one is sealed
//!   at start, under its own batch.
//! - `seg-<batch>.seg`: a sealed segment, immutable, sorted by key, equal keys in order of arrival.
//!   It is written under `seg-<batch>.tmp`, synced, renamed, the directory synced, and only then
//!   the log is removed. If both are found, the log goes: the sealed file is complete.
//!
//! If sealing fails (disk full), the log itself is handed out; [`Sealed::records`] sorts it in
//! memory, which gives the same positions. So a full disk can always be drained.
//!
//! # Bytes (little endian)
//! - header, 36: magic `hcspool\n` · format u32 · kind u32 (1 log, 2 sealed) · spool u32 · rows u32
//!   (0 in a log) · batch u64 · crc32c u32 of the 32 bytes before. These keep their shape in later
//!   formats; an intact header with a larger format ends the start and nothing is touched.
//! - record: body length u32 · crc32c u32 · key 12 · body. The checksum covers batch, length, key
//!   and body.
//! - mark, 16, at each multiple of 64 KiB of the file, also inside a record: magic `Mrk1` · offset
//!   of the next record start u32 · bytes known durable when it was written u32 · crc32c u32 of
//!   batch, offset and both numbers. Its place is fixed, so no body can forge one.
//!
//! A log ends at its first bad record (a write that a crash cut short, never acknowledged), unless
//! a later mark proves that the place had been durable: then it is damage. Behind its end there may
//! be zeros: room made ahead, so that syncing an append changes no size.

mod append;
mod budget;
mod disk;
mod format;
mod ident;
mod queue;
mod recover;
mod rows;
mod seal;
mod segment;
mod walk;
mod writer;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use append::{Append, Charge};
use disk::{Disk, RealDisk};
pub use queue::Backlog;
use queue::Shared;
pub use segment::{ReadError, Sealed};

/// Largest body of a record, bytes: more than the largest event from a browser.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// Most records of one segment: one insert block.
pub const MAX_SEGMENT_ROWS: usize = 50_000;
/// Most bytes of the records of one segment with their framing; with header and marks a file
/// stays below 16 MB, one insert block.
pub const MAX_SEGMENT_BYTES: usize = 15 * 1024 * 1024;
/// A segment of this many bytes is sealed without waiting for its age.
pub const SEAL_BYTES: usize = 3 * 1024 * 1024;
/// Most record bytes, framing included, of one append: fits any segment that is not sealed yet.
pub const MAX_APPEND_BYTES: usize = 4 * 1024 * 1024;
/// Appends that may wait for the writer; more are refused at once.
pub const MAX_PENDING_APPENDS: usize = 4096;
/// Record bytes of waiting appends; more are refused at once, so that memory stays bounded.
pub const MAX_PENDING_BYTES: usize = 32 * 1024 * 1024;
/// Seal a segment this long after its first record, unless the configuration says otherwise.
pub const SEAL_AFTER: Duration = Duration::from_secs(1);

/// When a segment is full; apart from the constants so that tests can fill one quickly.
#[derive(Debug, Clone, Copy)]
struct Limits {
    rows: usize,
    bytes: usize,
    seal_bytes: usize,
    /// Bytes of a log from which room is made ahead of its appends: before, they come so seldom
    /// that it would cost more than it saves.
    reserve_from: u64,
    /// Room made at a time.
    reserve_bytes: usize,
}

/// The limits of a real spool.
const LIMITS: Limits = Limits {
    rows: MAX_SEGMENT_ROWS,
    bytes: MAX_SEGMENT_BYTES,
    seal_bytes: SEAL_BYTES,
    reserve_from: 64 * 1024,
    reserve_bytes: 1024 * 1024,
};

/// When appends are synced to the disk. Either way before they are acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FsyncPolicy {
    /// One sync for all appends that wait.
    Group,
    /// One sync for each append.
    Each,
}

/// Where the spool lives and how much it may take.
#[derive(Debug, Clone)]
pub struct Config {
    /// The directory of the spool's files; created when missing.
    pub dir: PathBuf,
    /// Where damaged and refused segments go; created when missing, best on the same file system.
    pub bad_dir: PathBuf,
    /// When appends are synced.
    pub fsync: FsyncPolicy,
    /// Bytes of active and sealed files at which appends are refused.
    pub max_bytes: u64,
    /// Free bytes of the file system below which appends are refused.
    pub min_free_bytes: u64,
    /// Age of the first record at which a segment is sealed; usually [`SEAL_AFTER`]. While several
    /// sealed segments wait, it is not sealed for its age: it would not be delivered sooner.
    pub seal_after: Duration,
}

/// One opaque row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The order of rows in a sealed segment: bytewise.
    pub key: [u8; 12],
    /// At most [`MAX_BODY_BYTES`].
    pub body: Vec<u8>,
}

/// Why records were not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The budget is used up or the disk is full; passes when batches are delivered.
    #[error("the spool is full")]
    Full,
    /// Too much is waiting, the disk fails, or the spool is closed.
    #[error("the spool does not take records at the moment")]
    Unavailable,
    /// A body, or the append as a whole, is above its limit: the caller's mistake, never passes.
    #[error("a record or an append is larger than the spool takes")]
    TooLarge,
}

/// Why a spool could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another part of this one, has the directory open.
    #[error("the spool directory is in use by another process")]
    Locked,
    /// A file was written by a later version of the program. No file was touched.
    #[error("spool file {file} has format {version}, newer than this program understands (it knows up to {known}); start the newer version or move the file away", known = format::FORMAT)]
    Newer {
        /// Its name in the spool directory.
        file: String,
        /// The format it names.
        version: u32,
    },
    /// The disk refused a step.
    #[error("spool: could not {step}: {error}")]
    Io {
        /// What was tried.
        step: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

/// The durable queue. Clones share it; when the last is dropped it is closed.
#[derive(Clone)]
pub struct Spool(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    limits: Limits,
    /// `None` once closed.
    inbox: RwLock<Option<SyncSender<Append>>>,
    pending_bytes: Arc<AtomicUsize>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Keeps the lock for as long as the spool is open.
    lock: Mutex<Option<File>>,
}

impl Spool {
    /// Opens the directory, takes its lock, seals what an earlier life left and starts the writer.
    /// Blocks for as long as that takes.
    ///
    /// # Errors
    /// [`OpenError`]; after `Newer` and `Locked` no file was changed.
    pub fn open(config: Config) -> Result<Self, OpenError> {
        Self::open_on(&config, Arc::new(RealDisk), LIMITS)
    }

    fn open_on(config: &Config, disk: Arc<dyn Disk>, limits: Limits) -> Result<Self, OpenError> {
        let recover::Opened { shared, ident, lock } = recover::open(config, disk)?;
        let (sender, inbox) = sync_channel(MAX_PENDING_APPENDS);
        let threads = writer::start(&shared, ident, config, limits, inbox)
            .map_err(|error| OpenError::Io { step: "start the writer thread", error })?;
        Ok(Self(Arc::new(Inner {
            shared,
            limits,
            inbox: RwLock::new(Some(sender)),
            pending_bytes: Arc::new(AtomicUsize::new(0)),
            threads: Mutex::new(threads),
            lock: Mutex::new(Some(lock)),
        })))
    }

    /// The id of this spool: random, not 0, the same in every life of the directory.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.shared.spool
    }

    /// Appends records, all in one segment. `Ok` means durable.
    ///
    /// If the future is dropped before it is ready, the records may or may not be stored.
    ///
    /// # Errors
    /// [`AppendError`]; then none of the records is stored.
    pub async fn append(&self, records: Vec<Record>) -> Result<(), AppendError> {
        if records.is_empty() {
            return Ok(());
        }
        let too_long = records.iter().any(|record| record.body.len() > MAX_BODY_BYTES);
        let bytes = segment::framed_bytes(&records);
        if too_long || bytes > MAX_APPEND_BYTES || records.len() > self.0.limits.rows {
            return Err(AppendError::TooLarge);
        }
        if self.0.shared.over_budget(0) {
            return Err(AppendError::Full);
        }
        let charge = Charge::take(&self.0.pending_bytes, bytes, MAX_PENDING_BYTES)
            .ok_or(AppendError::Unavailable)?;
        let (answered, answer) = oneshot::channel();
        self.send(Append { records, bytes, answered, charge })?;
        // The records come back with the answer: who took their memory gives it back.
        answer.await.map_or(Err(AppendError::Unavailable), |(verdict, _records)| verdict)
    }

    fn send(&self, append: Append) -> Result<(), AppendError> {
        let inbox = self.0.inbox.read().unwrap_or_else(PoisonError::into_inner);
        let sender = inbox.as_ref().ok_or(AppendError::Unavailable)?;
        sender.try_send(append).map_err(|_| AppendError::Unavailable)
    }

    /// The oldest sealed segment that is not handed out; waits for one. After [`close`](Self::close)
    /// `None` when no segment waits. Dropping the future loses nothing.
    pub async fn next(&self) -> Option<Sealed> {
        queue::next(&self.0.shared).await
    }

    /// The batch is stored elsewhere: removes its file. Blocks for one directory sync.
    pub fn delivered(&self, batch: u64) {
        self.0.shared.delivered(batch);
    }

    /// The batch cannot be stored: moves its file to the bad directory, with `reason` (no payload)
    /// in a `.reason` file beside it. Blocks for a few disk steps.
    pub fn quarantine(&self, batch: u64, reason: &str) {
        self.0.shared.quarantine(batch, reason);
    }

    /// The batch could not be delivered now: [`next`](Self::next) will hand it out again.
    pub fn give_back(&self, batch: u64) {
        self.0.shared.give_back(batch);
    }

    /// Whether a file of the batch is still here.
    #[must_use]
    pub fn holds(&self, batch: u64) -> bool {
        self.0.shared.holds(batch)
    }

    /// Whether an append would be taken now, as far as is known (free space is looked at when
    /// appends come, and each quarter of a second while it is short).
    #[must_use]
    pub fn is_accepting(&self) -> bool {
        self.0.shared.is_accepting()
    }

    /// Bytes of active and sealed files that are not delivered.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.shared.bytes()
    }

    /// Age of the oldest record that is not delivered; `None` when there is none. For segments
    /// found at start it is the age of the file.
    #[must_use]
    pub fn oldest_age(&self) -> Option<Duration> {
        self.0.shared.oldest_age()
    }

    /// From when the records are that are not delivered. One that is not acknowledged yet may be
    /// missing.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        self.0.shared.backlog()
    }

    /// Records found damaged since this start.
    #[must_use]
    pub fn corrupt_records(&self) -> u64 {
        self.0.shared.corrupt_records()
    }

    /// Takes no more appends, seals what is there and ends the writer. Appends that wait are still
    /// answered. Blocks until done; a second call changes nothing. The directory stays locked until
    /// the spool is dropped, since segments can still be handed out and delivered.
    pub fn close(&self) {
        self.0.close();
    }
}

impl Inner {
    fn close(&self) {
        self.shared.refuse_from_now_on();
        drop(self.inbox.write().unwrap_or_else(PoisonError::into_inner).take());
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("A thread of the spool panicked; its log is sealed at next start.");
            }
        }
        self.shared.finish();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

#[cfg(test)]
mod tests;

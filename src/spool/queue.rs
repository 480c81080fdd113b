//! What writer, sealer and drain share: the list of segments, and who has which.
//!
//! Promises: a segment is handed out once until it is given back; the oldest first. Holds its lock
//! only for look-ups, never over a disk step.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::spool::Sealed;
use crate::spool::disk::{self, Disk};
use crate::spool::segment::{self, Source};

/// Longest text of a `.reason` file, bytes.
const MAX_REASON_BYTES: usize = 4096;

/// Sealed segments that wait for the drain, beside those it has, from which on segments grow instead.
const BACKED_UP: usize = 4;

/// What is not delivered, by wall time in seconds since 1970. Wall time and not age: events are
/// stamped with it, and a machine that slept or a clock that was set must not make them younger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// The least moment at which a record of this run came.
    pub received: Option<u32>,
    /// The least time of a file that an earlier run left. Its records can be older than that: a
    /// file is written anew when it is sealed.
    pub found: Option<u32>,
}

impl Backlog {
    /// Whether everything is delivered.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// The state of an open spool.
pub(super) struct Shared {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
    pub(super) bad_dir: PathBuf,
    pub(super) spool: u32,
    max_bytes: u64,
    bytes: AtomicU64,
    corrupt: AtomicU64,
    /// Set by the writer: the disk is short of space or fails.
    blocked: AtomicBool,
    closed: AtomicBool,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    segments: BTreeMap<u64, Segment>,
    finished: bool,
}

/// One batch.
pub(super) struct Segment {
    pub(super) phase: Phase,
    pub(super) bytes: u64,
    pub(super) since: Since,
    pub(super) spool: u32,
    pub(super) source: Source,
    pub(super) damage_counted: bool,
    /// It was handed out and given back: nobody knows how far its delivery came.
    pub(super) returned: bool,
}

/// Where a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Takes records, or is being sealed.
    Open,
    /// To be handed out.
    Waiting,
    /// Handed out.
    Out,
}

/// Since when a batch holds records.
#[derive(Debug, Clone, Copy)]
pub(super) enum Since {
    /// Of this run: when the first record came, and the least wall time at which one did.
    Run(Instant, u32),
    /// Found at start; time of the file, unix seconds.
    Found(u32),
}

impl Shared {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        dir: &Path,
        bad_dir: &Path,
        spool: u32,
        max_bytes: u64,
    ) -> Self {
        Self {
            disk,
            dir: dir.to_path_buf(),
            bad_dir: bad_dir.to_path_buf(),
            spool,
            max_bytes,
            bytes: AtomicU64::new(0),
            corrupt: AtomicU64::new(0),
            blocked: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            state: Mutex::new(State::default()),
            changed: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a batch on the list, or replaces what is known of it.
    pub(super) fn put(&self, batch: u64, segment: Segment) {
        let waiting = segment.phase == Phase::Waiting;
        let bytes = segment.bytes;
        let old = self.state().segments.insert(batch, segment);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.bytes.fetch_sub(old.map_or(0, |old| old.bytes), Ordering::Relaxed);
        if waiting {
            self.changed.notify_waiters();
        }
    }

    /// The file of an open batch grew.
    pub(super) fn set_bytes(&self, batch: u64, bytes: u64) {
        let mut state = self.state();
        if let Some(segment) = state.segments.get_mut(&batch) {
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
            self.bytes.fetch_sub(segment.bytes, Ordering::Relaxed);
            segment.bytes = bytes;
            if let Since::Run(_, wall) = &mut segment.since {
                // The clock may have gone back since the first record.
                *wall = (*wall).min(crate::model::now());
            }
        }
    }

    /// An open batch takes no more records: it may be handed out.
    pub(super) fn seal(&self, batch: u64, source: Source, bytes: u64) {
        self.set_bytes(batch, bytes);
        if let Some(segment) = self.state().segments.get_mut(&batch) {
            segment.phase = Phase::Waiting;
            segment.source = source;
        }
        self.changed.notify_waiters();
    }

    /// Takes a batch off the list.
    pub(super) fn forget(&self, batch: u64) {
        let gone = self.state().segments.remove(&batch);
        self.bytes.fetch_sub(gone.map_or(0, |segment| segment.bytes), Ordering::Relaxed);
    }

    pub(super) fn holds(&self, batch: u64) -> bool {
        self.state().segments.contains_key(&batch)
    }

    /// Whether so many sealed segments wait that one more would not be delivered sooner.
    pub(super) fn is_backed_up(&self) -> bool {
        let state = self.state();
        let waiting = state.segments.values().filter(|one| one.phase == Phase::Waiting);
        waiting.take(BACKED_UP).count() == BACKED_UP
    }

    fn is_out(&self, batch: u64) -> bool {
        let state = self.state();
        let out = state.segments.get(&batch).is_some_and(|segment| segment.phase == Phase::Out);
        if !out {
            tracing::warn!(batch, "A batch was answered for that is not handed out.");
        }
        out
    }

    pub(super) fn delivered(&self, batch: u64) {
        if !self.is_out(batch) {
            return;
        }
        match self.remove_files(batch) {
            Ok(()) => self.forget(batch),
            // It stays on the list, so that it counts in the budget; the next start hands it out
            // again, and whoever takes it finds it delivered.
            Err(error) => tracing::warn!(batch, %error, "A delivered batch could not be removed."),
        }
    }

    /// A batch has a log beside its sealed file if sealing stopped half-way.
    fn remove_files(&self, batch: u64) -> io::Result<()> {
        disk::unlink_if_there(&*self.disk, &segment::log_path(&self.dir, batch))?;
        disk::unlink_if_there(&*self.disk, &segment::sealed_path(&self.dir, batch))?;
        self.disk.sync_dir(&self.dir)
    }

    pub(super) fn give_back(&self, batch: u64) {
        if !self.is_out(batch) {
            return;
        }
        if let Some(segment) = self.state().segments.get_mut(&batch) {
            segment.phase = Phase::Waiting;
            segment.returned = true;
        }
        self.changed.notify_waiters();
    }

    pub(super) fn quarantine(&self, batch: u64, reason: &str) {
        if !self.is_out(batch) {
            return;
        }
        let state = self.state();
        let source = state.segments.get(&batch).map(|segment| (segment.source, segment.spool));
        drop(state);
        let Some((source, spool)) = source else { return };
        let from = match source {
            Source::Sealed => segment::sealed_path(&self.dir, batch),
            Source::Log { .. } => segment::log_path(&self.dir, batch),
        };
        let reason = reason.get(..reason.floor_char_boundary(MAX_REASON_BYTES)).unwrap_or(reason);
        let to = self.bad_path(spool, batch, &from);
        let moved = keep(&from, &to)
            .and_then(|()| std::fs::write(to.with_extension("reason"), reason))
            .and_then(|()| self.disk.sync_dir(&self.bad_dir))
            .and_then(|()| self.remove_files(batch));
        match moved {
            Ok(()) => {
                self.forget(batch);
                tracing::error!(batch, "A batch was moved to the bad directory; see its .reason.");
            }
            Err(error) => {
                tracing::error!(batch, %error, "A bad batch could not be moved; it stays until restart.");
            }
        }
    }

    /// Counts damage once a batch, and keeps its file.
    pub(super) fn damaged(&self, batch: u64, records: u64, path: &Path) {
        let mut state = self.state();
        let spool = match state.segments.get_mut(&batch) {
            Some(segment) if segment.damage_counted => return,
            Some(segment) => {
                segment.damage_counted = true;
                segment.spool
            }
            None => self.spool,
        };
        drop(state);
        self.corrupt.fetch_add(records, Ordering::Relaxed);
        tracing::error!(
            batch,
            records,
            "A spool file is damaged; it is kept in the bad directory."
        );
        if let Err(error) = keep(path, &self.bad_path(spool, batch, path)) {
            tracing::error!(batch, %error, "A damaged spool file could not be kept.");
        }
    }

    /// Batches of different spools may meet in the bad directory.
    fn bad_path(&self, spool: u32, batch: u64, file: &Path) -> PathBuf {
        let suffix = file.extension().and_then(|suffix| suffix.to_str()).unwrap_or("seg");
        self.bad_dir.join(format!("{spool:08x}-{batch}.{suffix}"))
    }

    pub(super) fn over_budget(&self, more: u64) -> bool {
        self.bytes().saturating_add(more) >= self.max_bytes
    }

    pub(super) fn set_blocked(&self, blocked: bool) {
        self.blocked.store(blocked, Ordering::Relaxed);
    }

    pub(super) fn refuse_from_now_on(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// No segment will be added any more.
    pub(super) fn finish(&self) {
        self.state().finished = true;
        self.changed.notify_waiters();
    }

    pub(super) fn is_accepting(&self) -> bool {
        let stopped = self.closed.load(Ordering::Relaxed) || self.blocked.load(Ordering::Relaxed);
        !stopped && !self.over_budget(0)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn corrupt_records(&self) -> u64 {
        self.corrupt.load(Ordering::Relaxed)
    }

    pub(super) fn oldest_age(&self) -> Option<Duration> {
        let now = crate::model::now();
        let age = |segment: &Segment| match segment.since {
            Since::Run(since, _) => since.elapsed(),
            Since::Found(since) => Duration::from_secs(u64::from(now.saturating_sub(since))),
        };
        self.state().segments.values().map(age).max()
    }

    pub(super) fn backlog(&self) -> Backlog {
        let mut backlog = Backlog::default();
        for segment in self.state().segments.values() {
            let (earliest, at) = match segment.since {
                Since::Run(_, at) => (&mut backlog.received, at),
                Since::Found(at) => (&mut backlog.found, at),
            };
            *earliest = Some(earliest.map_or(at, |known| known.min(at)));
        }
        backlog
    }
}

/// Waits for the oldest segment that is not handed out; `None` when none will come.
pub(super) async fn next(shared: &Arc<Shared>) -> Option<Sealed> {
    loop {
        let mut changed = std::pin::pin!(shared.changed.notified());
        // Listen before looking, so that no change falls in between.
        changed.as_mut().enable();
        {
            let mut state = shared.state();
            let waiting = state.segments.iter_mut().find(|(_, one)| one.phase == Phase::Waiting);
            if let Some((batch, segment)) = waiting {
                segment.phase = Phase::Out;
                return Some(Sealed {
                    batch: *batch,
                    spool: segment.spool,
                    is_in_doubt: segment.returned || matches!(segment.since, Since::Found(_)),
                    bytes: segment.bytes,
                    source: segment.source,
                    shared: Arc::clone(shared),
                });
            }
            if state.finished {
                return None;
            }
        }
        changed.await;
    }
}

/// A second name for a file, which takes no space; a copy where that cannot be.
fn keep(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(_) => {
            std::fs::copy(from, to)?;
            std::fs::File::open(to)?.sync_all()
        }
        Ok(()) => Ok(()),
    }
}

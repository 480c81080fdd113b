//! The one writer: a thread that takes waiting appends together, writes them behind each other,
//! syncs once and only then answers (group commit).
//!
//! Promises: no `Ok` before the bytes are durable; after a failed write or sync the file is not
//! written or synced again through that descriptor. Does not sort and does not read.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use zeroize::Zeroize as _;

use crate::model::wipe_stack;
use crate::spool::append::Append;
use crate::spool::budget::{Budget, LOOK_EVERY};
use crate::spool::disk::Disk;
use crate::spool::format::{Framer, Header, Kind};
use crate::spool::ident::Ident;
use crate::spool::queue::{Phase, Segment, Shared, Since};
use crate::spool::rows::Rows;
use crate::spool::seal::{self, Full};
use crate::spool::segment::{self, Source};
use crate::spool::{AppendError, Config, FsyncPolicy, Limits, MAX_PENDING_APPENDS};

/// Record bytes of one write, beyond which no further append joins the group.
const MAX_GROUP_BYTES: usize = 4 * 1024 * 1024;
/// Memory of a write that is kept for the next one, bytes.
const KEPT_BYTES: usize = 64 * 1024;
/// Vain tries in a row to cut back a log, after which they come only every [`LOOK_EVERY`].
const RETRACTIONS_BEFORE_PAUSE: u32 = 2;
/// Full segments that may wait for the sealing thread; then the writer waits for it.
const MAX_UNSEALED: usize = 1;
/// Appends of a group from which there is so much to do that the next group is waited for: each
/// sync costs as much processor time as some ten events.
const LINGER_FROM: usize = 4;
/// How long the writer waits at a time for more appends to join; when none came, it waits no more.
const LINGER_STEP: Duration = Duration::from_micros(100);
/// How often at most.
const LINGER_STEPS: usize = 2;

struct Writer {
    shared: Arc<Shared>,
    ident: Ident,
    fsync: FsyncPolicy,
    seal_after: Duration,
    limits: Limits,
    budget: Budget,
    active: Option<Active>,
    /// A log that may hold refused records, because the disk did not let us cut it. While there is
    /// one, nothing is accepted.
    doubtful: Option<Full>,
    /// When cutting it back was last tried in vain, and how often.
    refused: Option<(Instant, u32)>,
    sealer: SyncSender<Full>,
    /// Appends of the last group.
    last_group: usize,
    /// Memory for the bytes of a write.
    bytes: Vec<u8>,
}

/// The log that grows.
struct Active {
    batch: u64,
    file: File,
    framer: Framer,
    /// The header, until it is written together with the first records.
    unwritten: Vec<u8>,
    rows: Rows,
    durable: u64,
    /// End of the room made for appends; see [`Limits`].
    reserved: u64,
    since: Instant,
}

/// Starts the writer and the thread that seals for it.
pub(super) fn start(
    shared: &Arc<Shared>,
    ident: Ident,
    config: &Config,
    limits: Limits,
    inbox: Receiver<Append>,
) -> io::Result<Vec<JoinHandle<()>>> {
    let (sealer, full) = sync_channel(MAX_UNSEALED);
    let writer = Writer {
        shared: Arc::clone(shared),
        ident,
        fsync: config.fsync,
        seal_after: config.seal_after,
        limits,
        budget: Budget::new(config.min_free_bytes),
        active: None,
        doubtful: None,
        refused: None,
        sealer,
        last_group: 0,
        bytes: Vec::new(),
    };
    let sealing = Arc::clone(shared);
    let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
    Ok(vec![
        named("spool-writer").spawn(move || writer.run(&inbox))?,
        named("spool-sealer").spawn(move || seal::run(&sealing, full))?,
    ])
}

impl Writer {
    fn run(mut self, inbox: &Receiver<Append>) {
        let mut first = None;
        loop {
            if first.is_none() {
                first = match self.wait(inbox) {
                    Ok(append) => Some(append),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => break,
                };
            }
            self.tend();
            if let Some(append) = first.take() {
                let (group, next) = self.gather(append, inbox);
                self.commit(group);
                // The keys of its records were on the stack.
                wipe_stack();
                first = next;
            }
            self.seal_if_due();
        }
        self.rotate();
        self.retract();
        // Dropping the sender ends the sealer once it has done all.
    }

    fn wait(&self, inbox: &Receiver<Append>) -> Result<Append, RecvTimeoutError> {
        let look = (self.budget.is_blocked() || self.doubtful.is_some()).then_some(LOOK_EVERY);
        let due = self.active.as_ref().map(|log| {
            let left = self.seal_after.saturating_sub(log.since.elapsed());
            // Old enough, and not sealed: it waits until fewer others do.
            if left.is_zero() { LOOK_EVERY } else { left }
        });
        match look.into_iter().chain(due).min() {
            Some(timeout) => inbox.recv_timeout(timeout),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// Looks at the disk, and tries again what it refused.
    fn tend(&mut self) {
        self.budget.look(&self.shared);
        // Each try writes the whole segment: not for every append that is turned away.
        let due = self.refused.is_none_or(|(tried, times)| {
            times < RETRACTIONS_BEFORE_PAUSE || tried.elapsed() >= LOOK_EVERY
        });
        if due {
            self.retract();
        }
        self.shared.set_blocked(self.budget.is_blocked() || self.doubtful.is_some());
    }

    /// Tries to cut back a log that may hold refused records.
    fn retract(&mut self) {
        let Some(mut full) = self.doubtful.take() else { return };
        let times = self.refused.map_or(0, |(_, times)| times);
        match seal::retract(&self.shared, &mut full) {
            Ok(()) => {
                if times > 0 {
                    tracing::info!(batch = full.batch, "The disk of the spool works again.");
                }
                self.refused = None;
            }
            Err(error) => {
                if times == 0 {
                    tracing::error!(batch = full.batch, %error, "The disk of the spool still fails.");
                }
                self.refused = Some((Instant::now(), times.saturating_add(1)));
                self.doubtful = Some(full);
            }
        }
    }

    /// Takes the appends that are written together with `first`, answers those that cannot be
    /// taken, and returns one that has to wait for the next segment.
    fn gather(&mut self, first: Append, inbox: &Receiver<Append>) -> (Vec<Append>, Option<Append>) {
        if !self.fits(&first, 0, 0) {
            self.rotate();
        }
        let (mut group, mut rows, mut bytes) = (Vec::new(), 0, 0);
        let mut next = Some(first);
        let (mut seen, mut lingered) = (0, 0);
        while let Some(append) = next.take() {
            if !self.fits(&append, rows, bytes) {
                return (group, Some(append));
            }
            seen += 1;
            match self.admit(bytes as u64) {
                Ok(()) => {
                    rows += append.records.len();
                    bytes += append.bytes;
                    group.push(append);
                }
                Err(refusal) => append.answer(Err(refusal)),
            }
            let alone = self.fsync == FsyncPolicy::Each;
            if alone || bytes >= MAX_GROUP_BYTES || seen >= MAX_PENDING_APPENDS {
                break;
            }
            next = inbox.try_recv().ok();
            if next.is_none() && self.last_group >= LINGER_FROM && lingered < LINGER_STEPS {
                lingered += 1;
                std::thread::sleep(LINGER_STEP);
                next = inbox.try_recv().ok();
            }
        }
        self.last_group = group.len();
        (group, None)
    }

    fn admit(&self, more: u64) -> Result<(), AppendError> {
        if self.doubtful.is_some() {
            return Err(AppendError::Unavailable);
        }
        self.budget.admit(&self.shared, more)
    }

    /// Whether the active segment has room behind `rows` and `bytes` that are about to be written.
    fn fits(&self, append: &Append, rows: usize, bytes: usize) -> bool {
        let (have_rows, have_bytes) =
            self.active.as_ref().map_or((0, 0), |log| (log.rows.len(), log.framer.offset()));
        have_rows + rows + append.records.len() <= self.limits.rows
            && have_bytes + bytes + append.bytes <= self.limits.bytes
    }

    /// Makes a group durable and answers it.
    fn commit(&mut self, group: Vec<Append>) {
        if group.is_empty() {
            return;
        }
        let verdict = match self.write(&group) {
            Ok(()) => {
                self.budget.succeeded();
                Ok(())
            }
            Err(error) => {
                let refusal = self.budget.failed(&error);
                tracing::error!(%error, "A write to the spool failed; its events are refused.");
                self.abandon();
                Err(refusal)
            }
        };
        for append in group {
            if let (Ok(()), Some(active)) = (verdict, &mut self.active) {
                append.records.iter().for_each(|record| active.rows.push(record));
            }
            append.answer(verdict);
        }
    }

    fn write(&mut self, group: &[Append]) -> io::Result<()> {
        if self.active.is_none() {
            self.active = Some(self.create()?);
        }
        let Some(active) = &mut self.active else { return Ok(()) };
        let fresh = !active.unwritten.is_empty();
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.append(&mut active.unwritten);
        for record in group.iter().flat_map(|append| &append.records) {
            active.framer.record(&record.key, &record.body, &mut bytes);
        }
        let disk = &*self.shared.disk;
        active.reserve(disk, &self.limits, bytes.len())?;
        disk.append(&active.file, &bytes)?;
        disk.sync(&active.file)?;
        if fresh {
            disk.sync_dir(&self.shared.dir)?;
        }
        active.framer.set_durable();
        active.durable = active.framer.offset() as u64;
        self.shared.set_bytes(active.batch, active.durable);
        if bytes.capacity() <= KEPT_BYTES {
            // What is given back is wiped; what is kept has to be: it holds tokens.
            bytes.as_mut_slice().zeroize();
            bytes.clear();
            self.bytes = bytes;
        }
        Ok(())
    }

    fn create(&mut self) -> io::Result<Active> {
        let batch = self.ident.next_batch(&*self.shared.disk)?;
        let file = self.shared.disk.create(&segment::log_path(&self.shared.dir, batch))?;
        let since = Instant::now();
        let mut unwritten = Vec::new();
        let header = Header { kind: Kind::Log, spool: self.shared.spool, batch, rows: 0 };
        let framer = Framer::begin(&header, &mut unwritten);
        self.shared.put(
            batch,
            Segment {
                phase: Phase::Open,
                bytes: 0,
                since: Since::Run(since, crate::model::now()),
                spool: self.shared.spool,
                source: Source::Sealed,
                damage_counted: false,
                returned: false,
            },
        );
        Ok(Active {
            batch,
            file,
            framer,
            unwritten,
            rows: Rows::default(),
            durable: 0,
            reserved: 0,
            since,
        })
    }

    /// Gives up the log after a failed write: what was acknowledged stays, the rest goes.
    fn abandon(&mut self) {
        let Some(Active { batch, file, rows, durable, .. }) = self.active.take() else { return };
        // Closed first: whatever comes next uses a descriptor of its own.
        drop(file);
        self.doubtful = Some(Full { batch, rows, durable });
        self.tend();
    }

    fn seal_if_due(&mut self) {
        let due = self.active.as_ref().is_some_and(|log| {
            log.rows.len() >= self.limits.rows
                || log.framer.offset() >= self.limits.seal_bytes
                || log.since.elapsed() >= self.seal_after && !self.shared.is_backed_up()
        });
        if due {
            self.rotate();
        }
    }

    /// Hands the active log to the sealer; the next append begins a new one.
    fn rotate(&mut self) {
        let Some(Active { batch, file, rows, durable, .. }) = self.active.take() else { return };
        drop(file);
        if self.sealer.send(Full { batch, rows, durable }).is_err() {
            tracing::error!(batch, "The sealing thread is gone; the log is sealed at next start.");
        }
    }
}

impl Active {
    /// Makes room for `bytes` behind what is durable, where that pays.
    fn reserve(&mut self, disk: &dyn Disk, limits: &Limits, bytes: usize) -> io::Result<()> {
        let end = self.durable + bytes as u64;
        if self.durable < limits.reserve_from || end <= self.reserved {
            return Ok(());
        }
        let from = self.reserved.max(self.durable);
        let len = bytes.max(limits.reserve_bytes);
        disk.reserve(&self.file, from, len)?;
        self.reserved = from + len as u64;
        Ok(())
    }
}

impl Drop for Writer {
    /// Also after a panic: nobody is told that appends are welcome.
    fn drop(&mut self) {
        self.shared.refuse_from_now_on();
    }
}

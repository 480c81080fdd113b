//! Opening a spool directory: lock, look, and bring what an earlier life left into order.
//!
//! Promises: looks at everything before it changes anything, so that a file of a later format is
//! left alone with all others; ends with sealed segments only (or whole logs on a full disk). Does
//! not read sealed files beyond their header.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};

use crate::spool::disk::{self, Disk};
use crate::spool::format::{self, Head, Kind};
use crate::spool::ident::{self, Ident};
use crate::spool::queue::{Phase, Segment, Shared, Since};
use crate::spool::segment::{self, Name, ReadError, Source};
use crate::spool::{Config, OpenError, seal};

/// Mode of the spool's directories.
const DIR_MODE: u32 = 0o700;

/// What [`open`] brings up.
pub(super) struct Opened {
    pub(super) shared: Arc<Shared>,
    pub(super) ident: Ident,
    pub(super) lock: File,
}

/// The files of a batch that were found.
#[derive(Debug, Default)]
struct Found {
    sealed: bool,
    log: bool,
    /// Of the sealed file, or of the log when there is none.
    head: Option<Head>,
}

/// Takes the directory and recovers it.
pub(super) fn open(config: &Config, disk: Arc<dyn Disk>) -> Result<Opened, OpenError> {
    let dir = config.dir.as_path();
    for dir in [dir, &config.bad_dir] {
        let mut builder = DirBuilder::new();
        builder
            .recursive(true)
            .mode(DIR_MODE)
            .create(dir)
            .map_err(io_at("create the directory"))?;
    }
    let lock = lock(dir)?;
    let (found, temps) = look(dir)?;
    let stored = ident::load(dir)?;
    let above = found.keys().next_back().copied().unwrap_or(0);
    let ident = Ident::settle(&*disk, dir, stored, above)?;
    let spool = ident.spool();
    let shared = Shared::new(disk, dir, &config.bad_dir, spool, config.max_bytes);
    for temp in temps {
        disk::unlink_if_there(&*shared.disk, &dir.join(temp)).map_err(io_at("remove a file"))?;
    }
    for (batch, found) in found {
        take_over(&shared, batch, &found)?;
    }
    shared.disk.sync_dir(dir).map_err(io_at("sync the directory"))?;
    Ok(Opened { shared: Arc::new(shared), ident, lock })
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(dir.join("lock")).map_err(io_at("open the lock file"))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Locked),
        Err(error) => Err(io_at("lock the directory")(error.into())),
    }
}

/// Lists the segments and the left-over temporary files; refuses a later format.
fn look(dir: &Path) -> Result<(BTreeMap<u64, Found>, Vec<String>), OpenError> {
    let mut found = BTreeMap::<u64, Found>::new();
    let mut temps = Vec::new();
    let listing = std::fs::read_dir(dir).map_err(io_at("list the directory"))?;
    for entry in listing {
        let entry = entry.map_err(io_at("list the directory"))?;
        let Ok(file) = entry.file_name().into_string() else { continue };
        let (batch, sealed) = match segment::name(&file) {
            Some(Name::Sealed(batch)) => (batch, true),
            Some(Name::Log(batch)) => (batch, false),
            Some(Name::Temp) => {
                temps.push(file);
                continue;
            }
            None => continue,
        };
        let head = segment::read_head(&entry.path()).map_err(io_at("read a file"))?;
        if let Head::Newer(version) = head {
            return Err(OpenError::Newer { file, version });
        }
        let batch = found.entry(batch).or_default();
        batch.sealed |= sealed;
        batch.log |= !sealed;
        if sealed || batch.head.is_none() {
            batch.head = Some(head);
        }
    }
    Ok((found, temps))
}

/// Puts a found batch on the list, sealed if possible.
fn take_over(shared: &Shared, batch: u64, found: &Found) -> Result<(), OpenError> {
    let log = segment::log_path(&shared.dir, batch);
    // An intact header names its spool; otherwise it is ours, as nearly always.
    let spool = match found.head {
        Some(Head::Known(header)) => header.spool,
        _ => shared.spool,
    };
    if found.sealed {
        if found.log {
            disk::unlink_if_there(&*shared.disk, &log).map_err(io_at("remove a file"))?;
        }
        let path = segment::sealed_path(&shared.dir, batch);
        return put(shared, batch, spool, &path);
    }
    put(shared, batch, spool, &log)?;
    let bytes = match segment::read(&log) {
        Ok(bytes) => bytes,
        Err(ReadError::Io(error)) => return Err(io_at("read a log")(error)),
        Err(other) => return Err(io_at("read a log")(io::Error::other(other))),
    };
    let mut parsed = format::parse(&bytes, batch, Kind::Log);
    if parsed.bad > 0 {
        shared.damaged(batch, parsed.bad, &log);
    }
    if parsed.records.is_empty() {
        shared.forget(batch);
        return disk::unlink_if_there(&*shared.disk, &log).map_err(io_at("remove a file"));
    }
    // Room that was made for records to come is nothing that was cut.
    let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let cut = written.saturating_sub(parsed.end);
    tracing::info!(
        batch,
        records = parsed.records.len(),
        cut,
        "A log of an earlier run is sealed."
    );
    let mut rows = parsed.records.iter().collect();
    drop(std::mem::take(&mut parsed.records));
    let sealed = seal::write(shared, spool, batch, &mut rows);
    if sealed.is_err() {
        // What is handed out must not change after a power cut; the end behind it is never used.
        shared.disk.shorten(&log, parsed.end as u64).map_err(io_at("sync a log"))?;
    }
    seal::hand_out(shared, batch, parsed.end as u64, sealed);
    Ok(())
}

/// Puts a found file on the list, to be handed out.
fn put(shared: &Shared, batch: u64, spool: u32, path: &Path) -> Result<(), OpenError> {
    let metadata = std::fs::metadata(path).map_err(io_at("look at a file"))?;
    let since = Since::Found(u32::try_from(metadata.mtime().max(0)).unwrap_or(u32::MAX));
    let bytes = metadata.len();
    let source = Source::Sealed;
    let phase = Phase::Waiting;
    let (damage_counted, returned) = (false, false);
    shared.put(batch, Segment { phase, bytes, since, spool, source, damage_counted, returned });
    Ok(())
}

fn io_at(step: &'static str) -> impl Fn(io::Error) -> OpenError {
    move |error| OpenError::Io { step, error }
}

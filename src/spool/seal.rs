//! Sealing: from the rows of a log to an immutable sorted file; and the thread that does it while
//! the writer goes on.
//!
//! Promises: at each step exactly one usable copy of the batch is on the disk. Does not decide when
//! a segment is full; the writer does.

use std::io;
use std::sync::mpsc::Receiver;

use crate::model::wipe_stack;
use crate::spool::disk;
use crate::spool::format::{BLOCK_BYTES, Framer, HEADER_BYTES, Header, Kind, MARK_BYTES};
use crate::spool::queue::Shared;
use crate::spool::rows::Rows;
use crate::spool::segment::{self, Source};

/// A log that takes no more records.
pub(super) struct Full {
    pub(super) batch: u64,
    /// The acknowledged records, in order of arrival.
    pub(super) rows: Rows,
    /// Bytes of the log up to the last acknowledged record.
    pub(super) durable: u64,
}

/// Seals what the writer hands over, until the writer ends.
pub(super) fn run(shared: &Shared, full: Receiver<Full>) {
    for mut full in full {
        let sealed = write(shared, shared.spool, full.batch, &mut full.rows);
        hand_out(shared, full.batch, full.durable, sealed);
    }
}

/// Lets the drain have the sorted file, or the log if that could not be written. The log must end
/// with the last record that counts.
pub(super) fn hand_out(shared: &Shared, batch: u64, log_bytes: u64, sealed: io::Result<u64>) {
    match sealed {
        Ok(bytes) => shared.seal(batch, Source::Sealed, bytes),
        Err(error) => {
            tracing::warn!(batch, %error, "A segment could not be sealed; its log is delivered instead.");
            shared.seal(batch, Source::Log { len: log_bytes }, log_bytes);
        }
    }
}

/// Puts away a log whose last write failed, so that what was not acknowledged cannot come back.
///
/// # Errors
/// The disk refuses: the log may still hold such records. To be called again.
pub(super) fn retract(shared: &Shared, full: &mut Full) -> io::Result<()> {
    let log = segment::log_path(&shared.dir, full.batch);
    if full.rows.is_empty() {
        disk::unlink_if_there(&*shared.disk, &log)?;
        shared.disk.sync_dir(&shared.dir)?;
        shared.forget(full.batch);
        return Ok(());
    }
    let sealed = write(shared, shared.spool, full.batch, &mut full.rows);
    if sealed.is_ok() {
        disk::unlink_if_there(&*shared.disk, &log)?;
        shared.disk.sync_dir(&shared.dir)?;
    } else {
        shared.disk.shorten(&log, full.durable)?;
    }
    hand_out(shared, full.batch, full.durable, sealed);
    Ok(())
}

/// Writes the sorted file of a batch and removes the log. Returns the bytes of the file.
pub(super) fn write(shared: &Shared, spool: u32, batch: u64, rows: &mut Rows) -> io::Result<u64> {
    let bytes = sorted(spool, batch, rows);
    // Sorting leaves keys on the stack, and keys hold tokens.
    wipe_stack();
    let (dir, disk) = (&shared.dir, &*shared.disk);
    let to = segment::sealed_path(dir, batch);
    disk::replace(disk, dir, &segment::temp_path(dir, batch), &to, &bytes)?;
    // Not synced: should the log come back after a power cut, the sealed file outranks it.
    if let Err(error) = disk::unlink_if_there(disk, &segment::log_path(dir, batch)) {
        tracing::warn!(batch, %error, "The log of a sealed segment could not be removed.");
    }
    Ok(bytes.len() as u64)
}

#[inline(never)]
fn sorted(spool: u32, batch: u64, rows: &mut Rows) -> Vec<u8> {
    rows.sort();
    encode(spool, batch, rows)
}

/// The bytes of a sealed file.
pub(super) fn encode(spool: u32, batch: u64, rows: &Rows) -> Vec<u8> {
    let framed = rows.framed_bytes();
    let marks = (framed / (BLOCK_BYTES - MARK_BYTES) + 1) * MARK_BYTES;
    let mut bytes = Vec::with_capacity(HEADER_BYTES + framed + marks);
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let header = Header { kind: Kind::Sealed, spool, batch, rows: count };
    let mut framer = Framer::begin(&header, &mut bytes);
    for (key, body) in rows.iter() {
        framer.record(key, body, &mut bytes);
    }
    bytes
}

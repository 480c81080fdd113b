//! Who the spool is, and the numbers of its batches: the file `spool.id`.
//!
//! Promises: the id is random, not 0, and stays; a batch number is given out once in the life of
//! the directory, because a stretch of numbers is reserved on the disk before the first of it is
//! used. Numbers hold no time. A crash skips the rest of a stretch.

use std::io;
use std::path::{Path, PathBuf};

use crate::spool::OpenError;
use crate::spool::disk::{self, Disk};

/// Batch numbers reserved by one write.
const STRETCH: u64 = 1024;
/// Version of the file's layout.
const FORMAT: u32 = 1;
/// Length of the file, bytes.
const FILE_BYTES: usize = 28;
const MAGIC: [u8; 8] = *b"hcspid\n\0";

/// The identity of a spool directory.
#[derive(Debug)]
pub(super) struct Ident {
    dir: PathBuf,
    spool: u32,
    next: u64,
    reserved: u64,
}

/// What `spool.id` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored {
    spool: u32,
    /// All numbers below may have been used.
    reserved: u64,
}

impl Ident {
    /// Takes over what [`load`] found, or makes a new identity and writes it.
    ///
    /// `above`: the highest batch number seen in a file name of the directory.
    pub(super) fn settle(
        disk: &dyn Disk,
        dir: &Path,
        stored: Option<Stored>,
        above: u64,
    ) -> Result<Self, OpenError> {
        let failed = |error| OpenError::Io { step: "write spool.id", error };
        let (spool, used) = match stored {
            Some(stored) => (stored.spool, stored.reserved),
            None => (random_id().map_err(failed)?, 1),
        };
        let next = used.max(above.saturating_add(1));
        let mut ident = Self { dir: dir.to_path_buf(), spool, next, reserved: next };
        if stored.is_none() {
            ident.reserve(disk, next).map_err(failed)?;
        }
        Ok(ident)
    }

    /// The id of the spool; never 0.
    pub(super) fn spool(&self) -> u32 {
        self.spool
    }

    /// A batch number that was never given out before.
    pub(super) fn next_batch(&mut self, disk: &dyn Disk) -> io::Result<u64> {
        if self.next >= self.reserved {
            self.reserve(disk, self.next.saturating_add(STRETCH))?;
        }
        let batch = self.next;
        self.next += 1;
        Ok(batch)
    }

    fn reserve(&mut self, disk: &dyn Disk, reserved: u64) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(FILE_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&self.spool.to_le_bytes());
        bytes.extend_from_slice(&reserved.to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        let temp = self.dir.join("spool.id.tmp");
        disk::replace(disk, &self.dir, &temp, &self.dir.join("spool.id"), &bytes)?;
        self.reserved = reserved;
        Ok(())
    }
}

/// Reads `spool.id`; `None` when there is none or it is damaged.
///
/// A damaged one is not fatal: with a new id no number can be one that was used before.
pub(super) fn load(dir: &Path) -> Result<Option<Stored>, OpenError> {
    let bytes = match std::fs::read(dir.join("spool.id")) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(OpenError::Io { step: "read spool.id", error }),
    };
    let stored = decode(&bytes)?;
    if stored.is_none() {
        tracing::warn!("The file spool.id is damaged; the spool gets a new id.");
    }
    Ok(stored)
}

fn decode(bytes: &[u8]) -> Result<Option<Stored>, OpenError> {
    let field = |from: usize, to: usize| bytes.get(from..to);
    let read = || {
        let (body, sum) = bytes.split_last_chunk::<4>()?;
        let intact = crc32c::crc32c(body) == u32::from_le_bytes(*sum) && body.starts_with(&MAGIC);
        let version = u32::from_le_bytes(field(8, 12)?.try_into().ok()?);
        let spool = u32::from_le_bytes(field(12, 16)?.try_into().ok()?);
        let reserved = u64::from_le_bytes(field(16, 24)?.try_into().ok()?);
        intact.then_some((version, Stored { spool, reserved }))
    };
    match read() {
        Some((version, _)) if version > FORMAT => {
            Err(OpenError::Newer { file: "spool.id".to_owned(), version })
        }
        Some((_, stored)) if stored.spool != 0 => Ok(Some(stored)),
        _ => Ok(None),
    }
}

fn random_id() -> io::Result<u32> {
    loop {
        let id = getrandom::u32().map_err(io::Error::other)?;
        if id != 0 {
            return Ok(id);
        }
    }
}

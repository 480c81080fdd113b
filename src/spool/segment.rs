//! Segment files: their names, a sealed segment as the drain sees it, and how it is read.
//!
//! Promises: reading the same file twice gives the same records at the same positions. Does not
//! write segments; `seal` does.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::wipe_stack;
use crate::spool::Record;
use crate::spool::format::{self, Head, Kind, Parsed, RECORD_HEAD_BYTES};
use crate::spool::queue::Shared;
use crate::spool::walk;

/// Largest file that is read, bytes; ours stay below a quarter of it.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Why a sealed segment could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The disk refused; may pass.
    #[error("could not read a spool segment: {0}")]
    Io(#[from] io::Error),
    /// The file is larger than any segment: it is not ours.
    #[error("a spool segment is larger than any the spool writes")]
    TooLarge,
    /// The file was replaced by one of a later format while the spool was open.
    #[error("a spool segment has format {0}, newer than this program understands")]
    Newer(u32),
}

/// A segment that takes no more records: one batch.
pub struct Sealed {
    /// The number of the batch, unique in its spool.
    pub batch: u64,
    /// The spool that wrote the batch: [`Spool::id`](crate::spool::Spool::id), unless `spool.id`
    /// was lost since.
    pub spool: u32,
    /// Whether it may be delivered already: an earlier life of the process left it, or it was given
    /// back.
    pub is_in_doubt: bool,
    /// Bytes of its file.
    pub bytes: u64,
    pub(super) source: Source,
    pub(super) shared: Arc<Shared>,
}

/// Which file holds the records of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The sorted file.
    Sealed,
    /// The first `len` bytes of the log: sealing failed.
    Log { len: u64 },
}

impl Sealed {
    /// The records in sealed order: by key, equal keys in the order of arrival. The index in the
    /// list is the position of the row.
    ///
    /// Blocks while it reads the file. Damaged records are left out, counted, and the file is kept
    /// in the bad directory; if none is intact the list is empty and the batch is to be reported as
    /// delivered.
    ///
    /// # Errors
    /// [`ReadError`] when the file cannot be read at all.
    pub fn records(&self) -> Result<Vec<Record>, ReadError> {
        let found = self.read_records();
        // Reading and sorting leave keys on the stack, and keys hold tokens.
        wipe_stack();
        found
    }

    /// Goes through the bodies of the records in sealed order without holding them all: `each` adds
    /// one to what `begin` made. If damage shows up on the way, it begins anew with what
    /// [`records`](Self::records) finds.
    ///
    /// # Errors
    /// [`ReadError`] when the file cannot be read at all.
    pub fn fold<T>(
        &self,
        begin: impl Fn() -> T,
        mut each: impl FnMut(&mut T, &[u8]),
    ) -> Result<T, ReadError> {
        if self.source == Source::Sealed {
            let mut all = begin();
            let path = sealed_path(&self.shared.dir, self.batch);
            let whole = walk::sealed(&path, self.batch, &mut |body| each(&mut all, body));
            wipe_stack();
            if whole? {
                return Ok(all);
            }
        }
        let mut all = begin();
        for record in self.records()? {
            each(&mut all, &record.body);
        }
        Ok(all)
    }

    #[inline(never)]
    fn read_records(&self) -> Result<Vec<Record>, ReadError> {
        let (path, limit) = match self.source {
            Source::Sealed => (sealed_path(&self.shared.dir, self.batch), None),
            Source::Log { len } => (log_path(&self.shared.dir, self.batch), Some(len)),
        };
        let kind = if limit.is_some() { Kind::Log } else { Kind::Sealed };
        let mut bytes = read(&path)?;
        if let Some(len) = limit {
            bytes.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        }
        if let Head::Newer(version) = format::head(&bytes) {
            return Err(ReadError::Newer(version));
        }
        let Parsed { mut records, bad, header, .. } = format::parse(&bytes, self.batch, kind);
        if bad > 0 || header.is_none() {
            self.shared.damaged(self.batch, bad, &path);
        }
        if kind == Kind::Log {
            sort(&mut records);
        }
        Ok(records)
    }
}

/// Bytes of records with their framing, without marks.
pub(super) fn framed_bytes(records: &[Record]) -> usize {
    records.iter().map(|record| RECORD_HEAD_BYTES + record.body.len()).sum()
}

/// Sealed order: by key, and stable, so that positions are the same each time.
pub(super) fn sort(records: &mut [Record]) {
    records.sort_by(by_key);
}

fn by_key(a: &Record, b: &Record) -> Ordering {
    a.key.cmp(&b.key)
}

/// Reads a file of the spool, whole.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ReadError::TooLarge);
    }
    Ok(bytes)
}

/// Reads the header of a file.
pub(super) fn read_head(path: &Path) -> io::Result<Head> {
    let mut bytes = Vec::with_capacity(format::HEADER_BYTES);
    File::open(path)?.take(format::HEADER_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(format::head(&bytes))
}

/// Name of the sorted file of a batch.
pub(super) fn sealed_path(dir: &Path, batch: u64) -> PathBuf {
    dir.join(format!("seg-{batch}.seg"))
}

/// Name under which the sorted file is written.
pub(super) fn temp_path(dir: &Path, batch: u64) -> PathBuf {
    dir.join(format!("seg-{batch}.tmp"))
}

/// Name of the log of a batch.
pub(super) fn log_path(dir: &Path, batch: u64) -> PathBuf {
    dir.join(format!("active-{batch}.log"))
}

/// A file name of the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Sealed(u64),
    Log(u64),
    Temp,
}

/// Reads a file name; `None` for files that are not segments.
pub(super) fn name(file: &str) -> Option<Name> {
    let number = |prefix: &str, suffix: &str| {
        file.strip_prefix(prefix)?.strip_suffix(suffix)?.parse::<u64>().ok()
    };
    if let Some(batch) = number("seg-", ".seg") {
        return Some(Name::Sealed(batch));
    }
    if let Some(batch) = number("active-", ".log") {
        return Some(Name::Log(batch));
    }
    let temp = number("seg-", ".tmp").is_some() || file == "spool.id.tmp";
    temp.then_some(Name::Temp)
}

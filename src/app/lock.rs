//! One process per data directory: an exclusive lock on `<data_dir>/lock`.
//!
//! The lock goes with the process, however it ends; the file stays.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// Why the data directory is not ours.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds the lock.
    #[error("{0} is in use by another headcount process")]
    Taken(PathBuf),
    /// The directory or the file cannot be made.
    #[error("cannot use {path} as data directory: {source}")]
    Io {
        /// What was tried.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

/// The held lock; dropping it releases it.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
}

/// Makes the data directory (mode 0700) if needed and takes its lock.
///
/// # Errors
/// When another process holds it, or the directory cannot be used.
pub fn take(data_dir: &Path) -> Result<DataDirLock, LockError> {
    let io = |source| LockError::Io { path: data_dir.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(io)?;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(data_dir.join("lock"))
        .map_err(io)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(DataDirLock { _file: file }),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(LockError::Taken(data_dir.to_owned())),
        Err(errno) => Err(io(errno.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let first = take(dir.path()).unwrap();
        assert!(matches!(take(dir.path()), Err(LockError::Taken(_))));
        drop(first);
        take(dir.path()).unwrap();
    }
}

//! What the spool asks of the file system, as one trait, so that tests own the disk.
//!
//! Promises: each call is one step that either happened or returned an error. Does not decide
//! anything: which step follows a failed one is the caller's business. Reading is not here,
//! because a read that fails loses nothing.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Mode of every file of the spool: rows are nobody else's business.
const FILE_MODE: u32 = 0o600;

/// The steps that change something on the disk, and the one that asks for its free space.
pub(super) trait Disk: Send + Sync {
    /// Creates a file that does not exist yet, for writing.
    fn create(&self, path: &Path) -> io::Result<File>;
    /// Writes all of `bytes` at the end of what was written through this file.
    fn append(&self, file: &File, bytes: &[u8]) -> io::Result<()>;
    /// Writes `len` zeros from `at` on, where nothing was written yet; appends overwrite them. Then a
    /// sync of an append changes nothing but the bytes themselves.
    fn reserve(&self, file: &File, at: u64, len: usize) -> io::Result<()>;
    /// Makes the content of a file survive a power cut.
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Cuts a file to `len` bytes through a descriptor of its own, and makes that durable.
    fn shorten(&self, path: &Path, len: u64) -> io::Result<()>;
    /// Renames a file; one of the new name is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a name.
    fn unlink(&self, path: &Path) -> io::Result<()>;
    /// Makes created, renamed and removed names of a directory survive a power cut.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Bytes of the file system that an unprivileged user may still fill.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
}

/// The real file system.
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)
    }

    fn append(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn reserve(&self, file: &File, at: u64, len: usize) -> io::Result<()> {
        file.write_all_at(&vec![0; len], at)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn shorten(&self, path: &Path, len: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(len)?;
        file.sync_data()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let found = rustix::fs::statvfs(dir)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

/// Removes a name that may be gone already.
pub(super) fn unlink_if_there(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.unlink(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Puts `bytes` under `to`, whole or not at all, even over a power cut.
///
/// `temp` is a name in the same directory `dir` that nothing else uses.
pub(super) fn replace(
    disk: &dyn Disk,
    dir: &Path,
    temp: &Path,
    to: &Path,
    bytes: &[u8],
) -> io::Result<()> {
    unlink_if_there(disk, temp)?;
    let file = disk.create(temp)?;
    let written = disk.append(&file, bytes).and_then(|()| disk.sync(&file));
    drop(file);
    if let Err(error) = written.and_then(|()| disk.rename(temp, to)) {
        // The rest of a failed try only takes space; the next start removes it too.
        drop(disk.unlink(temp));
        return Err(error);
    }
    disk.sync_dir(dir)
}

//! The places one program lives in: data directory, key directory, log file.
//!
//! Every test has its own, so that tests run side by side; dropping a home removes all of it. A
//! home outlives a program, so that a second program can be started on what the first one left.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Directories of one program, removed when dropped.
pub(crate) struct Home {
    base: TempDir,
    keys: TempDir,
    data: PathBuf,
}

impl Home {
    /// Makes empty directories: data and log on disk, keys in `/dev/shm`.
    pub(crate) fn new() -> Self {
        let base = tempfile::Builder::new()
            .prefix("hc-test-")
            .tempdir()
            .expect("a temporary directory can be made");
        let keys = tempfile::Builder::new()
            .prefix("hc-test-")
            .tempdir_in("/dev/shm")
            .expect("a directory in /dev/shm can be made");
        for path in [base.path(), keys.path()] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))
                .expect("the mode of our own directory can be set");
        }
        let data = base.path().join("data");
        Self { base, keys, data }
    }

    /// The same with a data directory that is elsewhere, and stays when this is dropped.
    pub(crate) fn with_data(data: PathBuf) -> Self {
        Self { data, ..Self::new() }
    }

    /// `--data-dir`.
    pub(crate) fn data(&self) -> PathBuf {
        self.data.clone()
    }

    /// `--key-dir`, on a RAM-backed file system.
    pub(crate) fn keys(&self) -> &Path {
        self.keys.path()
    }

    /// Where standard error of every program of this home is appended.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.base.path().join("stderr.log")
    }

    /// A folder for things of the test's own, outside of what the program knows.
    pub(crate) fn scratch(&self) -> &Path {
        self.base.path()
    }

    /// The log so far, as text.
    pub(crate) fn log(&self) -> String {
        fs::read(self.log_file())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The log file, open to append.
    pub(crate) fn open_log(&self) -> fs::File {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_file())
            .expect("the log file can be opened")
    }
}

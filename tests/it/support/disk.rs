//! A disk that fails under the program when a test says so, preloaded: `disk.c` stands before the
//! calls that change files of the spool. No root is needed, and every other file is left alone.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::support::cc;

/// Words of the control file, as `disk.c` names them.
const KIND: u64 = 0;
const ERROR: u64 = 1;
const NTH: u64 = 2;
const TIMES: u64 = 3;
const FAILED: u64 = 4;
const SYNCED: u64 = 5;
const REUSED: u64 = 6;
const LEFT: u64 = 7;

/// Which steps fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// `fdatasync` and `fsync`; what was not synced before is lost.
    Sync,
    /// `write`, whole.
    Write,
    /// `write`: a part is taken first, as on a disk that becomes full.
    ShortWrite,
    /// Everything that changes something.
    All,
}

/// The disk of a program's spool.
pub(crate) struct Disk {
    control: File,
    path: PathBuf,
    library: PathBuf,
}

impl Disk {
    /// A sound disk; compiled into `folder`.
    pub(crate) fn new(folder: &Path) -> Self {
        let library = cc::library(folder, "disk");
        let path = folder.join("disk");
        fs::write(&path, [0; 64]).expect("the disk's file can be written");
        let control = File::options().read(true).write(true).open(&path);
        Self { control: control.expect("the disk's file can be opened"), path, library }
    }

    /// What the program's environment needs.
    pub(crate) fn environment(&self) -> [(String, String); 2] {
        let text = |path: &PathBuf| path.display().to_string();
        [
            ("LD_PRELOAD".to_owned(), text(&self.library)),
            ("TEST_DISK_FILE".to_owned(), text(&self.path)),
        ]
    }

    /// From the `nth` such step on `times` of them fail with `error`.
    pub(crate) fn fail(&self, step: Step, error: Errno, nth: u64, times: u64) {
        self.heal();
        let kind = match step {
            Step::Sync => 1,
            Step::Write => 2,
            Step::ShortWrite => 3,
            Step::All => 4,
        };
        self.set(ERROR, i64::from(error.raw_os_error()));
        self.set(TIMES, i64::try_from(times).unwrap_or(i64::MAX));
        self.set(KIND, kind);
        self.set(NTH, i64::try_from(nth).expect("a small number"));
    }

    /// From now on nothing fails.
    pub(crate) fn heal(&self) {
        for word in [NTH, LEFT, KIND] {
            self.set(word, 0);
        }
    }

    /// Steps that failed so far.
    pub(crate) fn failed(&self) -> i64 {
        self.get(FAILED)
    }

    /// Logs that were synced so far, each time counted.
    pub(crate) fn synced(&self) -> i64 {
        self.get(SYNCED)
    }

    /// Descriptors whose sync had failed and that were written or synced again, as if that could
    /// bring back what is lost.
    pub(crate) fn reused(&self) -> i64 {
        self.get(REUSED)
    }

    fn set(&self, word: u64, value: i64) {
        let written = self.control.write_all_at(&value.to_ne_bytes(), word * 8);
        written.expect("the disk's file can be written");
    }

    fn get(&self, word: u64) -> i64 {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, word * 8).expect("the disk's file can be read");
        i64::from_ne_bytes(bytes)
    }
}

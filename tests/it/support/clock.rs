//! A clock that a test sets, preloaded into the program.
//!
//! The program reads wall time through the C library in one place; `clock.c` answers there with
//! what this side wrote. The time stands still between two settings, so the second an event gets
//! is known exactly. Monotonic time is left alone. Set it forward only, unless a test is about a
//! clock that goes back.
//!
//! The engine has a C library of its own and keeps the real time, which matters to nothing but the
//! TTL of its tables: tests with a clock play in a year far ahead, so that no row is ever too old.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::support::cc;

/// The moment a program sees.
pub(crate) struct Clock {
    file: File,
    path: PathBuf,
    library: PathBuf,
}

impl Clock {
    /// Compiles the clock into `folder` and sets it to `at` (seconds since 1970 UTC).
    pub(crate) fn new(folder: &Path, at: u32) -> Self {
        let library = cc::library(folder, "clock");
        let path = folder.join("clock");
        fs::write(&path, [0; 16]).expect("the clock's file can be written");
        let file = File::options().write(true).open(&path).expect("the clock's file can be opened");
        let clock = Self { file, path, library };
        clock.set(at);
        clock
    }

    /// Moves the program to `at` (seconds since 1970 UTC).
    pub(crate) fn set(&self, at: u32) {
        // Half a second in: rounding either way would be seen as a wrong second.
        let nanos = i64::from(at) * 1_000_000_000 + 500_000_000;
        self.file.write_all_at(&nanos.to_ne_bytes(), 0).expect("the clock's file can be written");
    }

    /// Breaks the `nth` answer from now, once, or with 0 no answer any more: whoever asks for the
    /// time then panics.
    pub(crate) fn break_nth(&self, nth: i64) {
        let word = nth.to_ne_bytes();
        self.file.write_all_at(&word, 8).expect("the clock's file can be written");
    }

    /// What the program's environment needs.
    pub(crate) fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [("LD_PRELOAD", self.library.clone()), ("TEST_CLOCK_FILE", self.path.clone())]
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn another_program_sees_the_second_that_was_set() {
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        let clock = Clock::new(folder.path(), 1_781_562_615);
        let date = || {
            let mut command = Command::new("date");
            command.args(["-u", "+%s"]).envs(clock.environment());
            let output = command.output().expect("date runs");
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        };
        assert_eq!(date(), "1781562615");
        clock.set(1_781_562_616);
        assert_eq!(date(), "1781562616");
    }
}

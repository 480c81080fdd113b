//! A file system of the test's own: ext4 in a file, mounted through a loop device, so that it can
//! be full, or lose its power, without anybody else noticing. Needs root.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::{cc, seconds, wait_until};

/// A mounted file system, unmounted and removed when dropped.
pub(crate) struct Mounted {
    folder: TempDir,
    at: PathBuf,
    power: PathBuf,
}

impl Mounted {
    /// Makes one of `megabytes` and mounts it at `at`, or at a place of its own. Says so when this
    /// machine does not let it.
    pub(crate) fn make(megabytes: u64, at: Option<PathBuf>) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("hc-disk-").tempdir().expect("a folder");
        let at = at.unwrap_or_else(|| folder.path().join("mounted"));
        fs::create_dir_all(&at).expect("a folder of ours");
        let power = cc::program(folder.path(), "power");
        let mounted = Self { folder, at, power };
        let image = File::create(mounted.image()).expect("a file of ours");
        image.set_len(megabytes * 1024 * 1024).expect("a sparse file");
        let format = ["-q", "-F", "-m", "0", "-E", "nodiscard"];
        let made = run(Command::new("mkfs.ext4").args(format).arg(mounted.image()));
        if let Err(error) = made.and_then(|()| mounted.mount()) {
            println!("skipped: a file system in a file needs root and loop devices: {error}");
            return None;
        }
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(&mounted.at, mode).expect("a folder of ours");
        Some(mounted)
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        &self.at
    }

    /// Cuts its power: whatever was not synced is lost, and everything fails from now on.
    pub(crate) fn cut(&self) {
        run(Command::new(&self.power).arg(&self.at)).expect("the power can be cut");
    }

    /// Takes it away, once nobody has a file of it open any more.
    pub(crate) fn unmount(&self) {
        let unmount = || run(Command::new("umount").arg(&self.at));
        wait_until("nobody to use a file system", seconds(20), || unmount().is_ok());
    }

    /// Brings it back, as after a reboot.
    pub(crate) fn mount(&self) -> io::Result<()> {
        let options = ["-t", "ext4", "-o", "loop,noatime"];
        run(Command::new("mount").args(options).arg(self.image()).arg(&self.at))
    }

    /// Fills it to the last byte.
    pub(crate) fn fill(&self) {
        let file = File::options().append(true).create(true).open(self.filling());
        let mut file = file.expect("a file of ours");
        for size in [1024 * 1024, 4096, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
    }

    /// Takes away what filled it.
    pub(crate) fn empty(&self) {
        fs::remove_file(self.filling()).expect("a file of ours");
    }

    fn filling(&self) -> PathBuf {
        self.at.join("filling")
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily, so that nothing a failed test left can keep it.
        drop(run(Command::new("umount").arg("--lazy").arg(&self.at)));
    }
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output()?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(io::Error::other(said)) }
}

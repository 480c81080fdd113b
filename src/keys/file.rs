//! The files of a key directory: one a key, plus the generation that counts clock set-backs.
//!
//! A key file is `<site>-<YYYY-MM-DD>.key`, mode 0600, 48 bytes: the key (32), the end of its day
//! (u32 LE, seconds since 1970), when it was made (u32 LE), the machine's uptime then (u32 LE,
//! seconds), CRC-32C of all that (u32 LE). Every
//! access happens under the `flock` of the directory, so the processes of one host agree; a file
//! that is short or fails its checksum is as good as none. Files are overwritten before they are
//! unlinked.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::keys::CLOCK_SLACK;
use crate::keys::directory::KeyDirectory;
use crate::keys::memory::{DayKey, KEY_BYTES, Vault};
use crate::model::{Day, SiteId};

/// Bytes of a key file.
const FILE_BYTES: usize = KEY_BYTES + 16;
/// Mode of a key file.
const FILE_MODE: u32 = 0o600;
/// Tries for the lock, a millisecond apart: a stopped neighbour must not stop us.
const LOCK_TRIES: u32 = 100;
/// How old a key may become by the machine's uptime, in seconds: the longest day has 25 hours.
const AGE_MAX: u32 = 26 * 3600;
/// Name of the file that counts how often the clock went back.
const GENERATION: &str = "generation";

/// The directory while nobody else reads or writes it.
pub(super) struct Locked<'a> {
    directory: &'a KeyDirectory,
}

/// What a key file says besides the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Life {
    /// First second that is no longer of the key's day.
    pub(super) day_end: u32,
    /// When the key was made.
    pub(super) made: u32,
    /// The machine's uptime when the key was made, in seconds.
    pub(super) made_up: u32,
}

/// Name of the file of a site's day.
pub(super) fn name(site: SiteId, day: Day) -> String {
    format!("{}-{day}.key", site.0)
}

impl KeyDirectory {
    /// Takes the lock, or nothing when it is not to be had in a tenth of a second.
    ///
    /// Threads of one process share the lock: the caller keeps them apart.
    pub(super) fn lock(&self) -> Option<Locked<'_>> {
        for _ in 0..LOCK_TRIES {
            match rustix::fs::flock(&self.fd, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Some(Locked { directory: self }),
                Err(Errno::WOULDBLOCK | Errno::INTR) => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(_) => return None,
            }
        }
        None
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // Nothing to do about a failure: closing the directory unlocks it as well.
        rustix::fs::flock(&self.directory.fd, FlockOperation::Unlock).ok();
    }
}

impl Locked<'_> {
    /// Whether a file of that name is there.
    pub(super) fn exists(&self, name: &str) -> bool {
        rustix::fs::statat(&self.directory.fd, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Reads a key into `vault`; nothing when there is no whole and sound file.
    pub(super) fn read(&self, name: &str, vault: &Vault) -> Option<(DayKey, Life)> {
        let mut file = self.open(name, OFlags::RDONLY)?;
        if file.metadata().ok()?.len() != FILE_BYTES as u64 {
            return None;
        }
        let mut rest = [0u8; FILE_BYTES - KEY_BYTES];
        let key = vault
            .key(|bytes| file.read_exact(bytes).is_ok() && file.read_exact(&mut rest).is_ok())?;
        let life = Life::parse(&key, rest)?;
        Some((key, life))
    }

    /// Writes a key that must not be there yet.
    pub(super) fn create(&self, name: &str, key: &DayKey, life: Life) -> std::io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let mut file = self.open_checked(name, flags)?;
        let written = file.write_all(&key[..]).and_then(|()| file.write_all(&life.encode(key)));
        if written.is_err() {
            self.delete(name);
        }
        written
    }

    /// Overwrites a file with zeros and unlinks it; one that is not there is fine.
    pub(super) fn delete(&self, name: &str) {
        if let Some(file) = self.open(name, OFlags::WRONLY) {
            // Unlinked whatever comes of it: the next owner of the page gets it zeroed as well.
            drop(file.write_all_at(&[0; FILE_BYTES], 0));
        }
        rustix::fs::unlinkat(&self.directory.fd, name, AtFlags::empty()).ok();
    }

    /// Names of all key files.
    pub(super) fn names(&self) -> Vec<String> {
        let Ok(listing) = rustix::fs::Dir::read_from(&self.directory.fd) else {
            return Vec::new();
        };
        listing
            .filter_map(|entry| entry.ok()?.file_name().to_str().ok().map(str::to_owned))
            .filter(|name| name.strip_suffix(".key").is_some())
            .collect()
    }

    /// How often the clock was seen to go back; 0 when there is no such file.
    pub(super) fn generation(&self) -> u32 {
        let mut bytes = [0; 4];
        let read =
            self.open(GENERATION, OFlags::RDONLY).map(|file| file.read_exact_at(&mut bytes, 0));
        if matches!(read, Some(Ok(()))) { u32::from_le_bytes(bytes) } else { 0 }
    }

    /// Writes the generation.
    pub(super) fn set_generation(&self, generation: u32) -> std::io::Result<()> {
        let file = self.open_checked(GENERATION, OFlags::WRONLY | OFlags::CREATE)?;
        file.write_all_at(&generation.to_le_bytes(), 0)
    }

    fn open(&self, name: &str, flags: OFlags) -> Option<File> {
        self.open_checked(name, flags).ok()
    }

    fn open_checked(&self, name: &str, flags: OFlags) -> std::io::Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(FILE_MODE);
        Ok(File::from(rustix::fs::openat(&self.directory.fd, name, flags, mode)?))
    }
}

impl Life {
    /// Whether its day is over at `now`, or it is too old at the uptime `up`.
    pub(super) fn is_over(self, now: u32, up: u32) -> bool {
        now >= self.day_end || up.checked_sub(self.made_up).is_none_or(|age| age >= AGE_MAX)
    }

    /// Whether the key may be used: it is not over, and was not made in the future.
    pub(super) fn is_usable(self, now: u32, up: u32) -> bool {
        !self.is_over(now, up) && self.made <= now.saturating_add(CLOCK_SLACK)
    }

    fn encode(self, key: &DayKey) -> [u8; FILE_BYTES - KEY_BYTES] {
        let [a, b, c, d] = self.day_end.to_le_bytes();
        let [e, f, g, h] = self.made.to_le_bytes();
        let [i, j, k, l] = self.made_up.to_le_bytes();
        let [m, n, o, p] = self.checksum(key).to_le_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
    }

    fn parse(key: &DayKey, rest: [u8; FILE_BYTES - KEY_BYTES]) -> Option<Self> {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = rest;
        let life = Self {
            day_end: u32::from_le_bytes([a, b, c, d]),
            made: u32::from_le_bytes([e, f, g, h]),
            made_up: u32::from_le_bytes([i, j, k, l]),
        };
        (life.checksum(key) == u32::from_le_bytes([m, n, o, p])).then_some(life)
    }

    fn checksum(self, key: &DayKey) -> u32 {
        let sum = crc32c::crc32c(&key[..]);
        let sum = crc32c::crc32c_append(sum, &self.day_end.to_le_bytes());
        let sum = crc32c::crc32c_append(sum, &self.made.to_le_bytes());
        crc32c::crc32c_append(sum, &self.made_up.to_le_bytes())
    }
}

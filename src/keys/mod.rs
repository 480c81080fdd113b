//! The life of day keys: made at random, one for each site and site-local day, gone when the day
//! is over.
//!
//! A key lies in locked memory and, so that a restart counts nobody twice, in a file of a
//! RAM-backed directory that the processes of one host share. It is never derived from anything,
//! and at most one key of a site lives. Where it is in doubt which key holds (an older day than
//! the living key's, a lock that is not to be had, memory that cannot be locked) there is none,
//! and the event is counted without a token. A clock that went back gets fresh keys, and one that
//! stands still ends no day: then the machine's own uptime ends the key.
//!
//! Said openly: root, snapshots of a virtual machine and hibernation can see a living key, and
//! after a stop the file stays until the next start or reboot.

mod directory;
mod file;
mod memory;
mod swap;
mod uptime;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::keys::directory::{Choice, KeyDirectory};
use crate::keys::file::{Life, Locked};
use crate::keys::memory::Vault;
use crate::model::{Day, LocalMoment, SiteId};

pub use directory::DirectoryFault;
pub use memory::{DayKey, KEY_BYTES};
pub use swap::{HardeningError, process_hardening, swap_active};

/// How far the clock may step back before it counts as gone back, in seconds: threads read it a
/// little apart, and time servers nudge it.
const CLOCK_SLACK: u32 = 5;
/// How long before midnight the next day's key is looked for before one is made, in seconds: a
/// neighbour may be past midnight already.
const MIDNIGHT_SLACK: u32 = 5;
/// How often a sweep reads the whole directory, in seconds.
const FULL_SWEEP: u32 = 60;
/// At most one warning of a kind in this time, in seconds.
const WARN_EVERY: u32 = 60;

/// Where keys may be kept.
#[derive(Debug, Clone)]
pub struct KeysConfig {
    /// `--key-dir`: must be RAM-backed, ours and 0700; made when it does not exist.
    pub explicit: Option<PathBuf>,
    /// `$RUNTIME_DIRECTORY`.
    pub runtime_directory: Option<PathBuf>,
    /// The data directory; its hash names the directory under `/dev/shm`.
    pub data_dir: PathBuf,
    /// Keep files although swap is active.
    pub allow_swap: bool,
}

/// Why keys cannot be kept as asked: a fault of configuration (exit 64).
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The directory that was named does not fit.
    #[error(
        "key_dir {path:?} {fault}: name a directory of your own, of mode 0700, on a tmpfs such as \
         /dev/shm, or leave key_dir out"
    )]
    Directory {
        /// What was named.
        path: PathBuf,
        /// What is wrong with it.
        fault: DirectoryFault,
    },
    /// Memory cannot be locked and swap is active.
    #[error(
        "memory for day keys cannot be locked and swap is active: raise the limit of locked \
         memory (LimitMEMLOCK, ulimit -l), switch swap off, or set allow_swap = true"
    )]
    NotLocked,
}

/// Where keys are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyStorage {
    /// In memory and in this directory: a restart counts nobody twice.
    Directory(PathBuf),
    /// In memory only, and why: after a restart, visitors of the running day are counted again.
    MemoryOnly(String),
}

/// The living keys. Cheap to read from many threads.
pub struct Keys {
    directory: Option<KeyDirectory>,
    storage: KeyStorage,
    vault: Vault,
    living: RwLock<HashMap<SiteId, Living>>,
    /// The latest moment seen, seconds since 1970.
    highest: AtomicU32,
    /// Held while keys are made, deleted or swept.
    making: Mutex<Making>,
    warned: AtomicU32,
    /// The machine's uptime in seconds.
    uptime: fn() -> u32,
}

struct Living {
    day: Day,
    life: Life,
    key: Arc<DayKey>,
}

struct Making {
    /// The directory's generation when `living` was last known to agree with it.
    generation: u32,
    last_full_sweep: u32,
}

impl Keys {
    /// Chooses where keys are kept and deletes those whose day is over at `now`.
    ///
    /// # Errors
    /// When the explicit directory does not fit, or when memory can neither be locked nor be
    /// trusted to stay off a disk.
    pub fn open(config: KeysConfig, now: u32) -> Result<Self, KeysError> {
        Self::open_with(&config, now, swap_active(), uptime::uptime)
    }

    /// The key of `site` on the day of `moment`, made when there is none; `now` and `moment` are
    /// the same instant or nearly so. Nothing when it is in doubt.
    #[must_use]
    pub fn of(&self, site: SiteId, moment: &LocalMoment, now: u32) -> Option<Arc<DayKey>> {
        if now < moment.day_start || now >= moment.day_end {
            return None;
        }
        if !self.saw(now) {
            self.clock_went_back(now)?;
        }
        match self.look_up(site, moment, now) {
            Look::Living(key) => Some(key),
            Look::InDoubt => None,
            Look::Missing => self.obtain(site, moment, now),
        }
    }

    /// Wipes keys whose day is over at `now`, in memory and in the directory, and follows a
    /// neighbour that saw the clock go back. Call it every few seconds.
    pub fn sweep(&self, now: u32) {
        if !self.saw(now) && self.clock_went_back(now).is_none() {
            return;
        }
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let over = self.take_over(now);
        let Some(directory) = &self.directory else { return };
        let full = now.saturating_sub(making.last_full_sweep) >= FULL_SWEEP;
        let Some(locked) = directory.lock() else {
            // The files of `over` are found by the next full sweep.
            return self.warn(now, "The key directory is locked by another process.");
        };
        for name in over {
            locked.delete(&name);
        }
        self.follow(&mut making, &locked);
        if full {
            delete_unusable(&locked, &self.vault, now, (self.uptime)());
            making.last_full_sweep = now;
        }
    }

    /// Where keys are kept.
    #[must_use]
    pub fn storage(&self) -> KeyStorage {
        self.storage.clone()
    }

    /// Whether the memory in use for keys is locked.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.vault.is_locked()
    }

    fn open_with(
        config: &KeysConfig,
        now: u32,
        swap: bool,
        uptime: fn() -> u32,
    ) -> Result<Self, KeysError> {
        let choice = directory::choose(config, swap)
            .map_err(|(path, fault)| KeysError::Directory { path, fault })?;
        let vault = Vault::new(swap && !config.allow_swap);
        // Tried now, so that a start fails and not each event later.
        drop(vault.key(|_| true).ok_or(KeysError::NotLocked)?);
        let (directory, storage) = match choice {
            Choice::Directory(directory) => {
                let storage = KeyStorage::Directory(directory.path.clone());
                (Some(directory), storage)
            }
            Choice::MemoryOnly(reason) => (None, KeyStorage::MemoryOnly(reason)),
        };
        let mut generation = 0;
        if let Some(locked) = directory.as_ref().and_then(KeyDirectory::lock) {
            delete_unusable(&locked, &vault, now, uptime());
            generation = locked.generation();
        }
        Ok(Self {
            directory,
            storage,
            vault,
            living: RwLock::default(),
            highest: AtomicU32::new(now),
            making: Mutex::new(Making { generation, last_full_sweep: now }),
            warned: AtomicU32::new(0),
            uptime,
        })
    }

    /// Notes `now`; false when the clock went back.
    fn saw(&self, now: u32) -> bool {
        let highest = self.highest.load(Ordering::Relaxed);
        if now > highest {
            self.highest.fetch_max(now, Ordering::Relaxed);
        }
        now.saturating_add(CLOCK_SLACK) >= highest
    }

    fn look_up(&self, site: SiteId, moment: &LocalMoment, now: u32) -> Look {
        let living = self.living.read().unwrap_or_else(PoisonError::into_inner);
        match living.get(&site) {
            Some(entry) if entry.day > moment.day => Look::InDoubt,
            Some(entry)
                if entry.day == moment.day && entry.life.is_usable(now, (self.uptime)()) =>
            {
                Look::Living(Arc::clone(&entry.key))
            }
            _ => Look::Missing,
        }
    }

    /// Reads the key from the directory or makes it.
    fn obtain(&self, site: SiteId, moment: &LocalMoment, now: u32) -> Option<Arc<DayKey>> {
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let locked = match &self.directory {
            Some(directory) => {
                let Some(locked) = directory.lock() else {
                    self.warn(now, "The key directory is locked: events carry no token.");
                    return None;
                };
                self.follow(&mut making, &locked);
                Some(locked)
            }
            None => None,
        };
        // Another thread may have been first.
        match self.look_up(site, moment, now) {
            Look::Living(key) => return Some(key),
            Look::InDoubt => return None,
            Look::Missing => {}
        }
        let found = match &locked {
            Some(locked) => self.read_or_make(locked, site, moment, now)?,
            None => self.fresh(moment, now)?,
        };
        let key = Arc::new(found.0);
        let entry = Living { day: moment.day, life: found.1, key: Arc::clone(&key) };
        let mut living = self.living.write().unwrap_or_else(PoisonError::into_inner);
        let before = living.insert(site, entry);
        drop(living);
        if let (Some(before), Some(locked)) = (before, &locked)
            && before.day != moment.day
        {
            locked.delete(&file::name(site, before.day));
        }
        Some(key)
    }

    fn read_or_make(
        &self,
        locked: &Locked<'_>,
        site: SiteId,
        moment: &LocalMoment,
        now: u32,
    ) -> Option<(DayKey, Life)> {
        let name = file::name(site, moment.day);
        if let Some((key, mut life)) = locked.read(&name, &self.vault)
            && life.is_usable(now, (self.uptime)())
        {
            life.day_end = life.day_end.min(moment.day_end);
            return Some((key, life));
        }
        let next = file::name(site, Day(moment.day.0.saturating_add(1)));
        if now.saturating_add(MIDNIGHT_SLACK) >= moment.day_end && locked.exists(&next) {
            return None;
        }
        locked.delete(&name);
        locked.delete(&file::name(site, Day(moment.day.0.saturating_sub(1))));
        let (key, life) = self.fresh(moment, now)?;
        if let Err(error) = locked.create(&name, &key, life) {
            tracing::debug!(%error, "A key file was not written.");
            self.warn(now, "Key files cannot be written: keys of this day end with the process.");
        }
        Some((key, life))
    }

    fn fresh(&self, moment: &LocalMoment, now: u32) -> Option<(DayKey, Life)> {
        let key = self.vault.key(|bytes| getrandom::fill(bytes).is_ok());
        if key.is_none() {
            self.warn(now, "No locked memory or randomness for a key: events carry no token.");
        }
        Some((key?, Life { day_end: moment.day_end, made: now, made_up: (self.uptime)() }))
    }

    /// Takes entries whose day is over out of memory; the names of their files.
    fn take_over(&self, now: u32) -> Vec<String> {
        let mut living = self.living.write().unwrap_or_else(PoisonError::into_inner);
        let up = (self.uptime)();
        living
            .extract_if(|_, entry| entry.life.is_over(now, up))
            .map(|(site, entry)| file::name(site, entry.day))
            .collect()
    }

    /// Forgets all keys when a neighbour has replaced those of the directory.
    fn follow(&self, making: &mut Making, locked: &Locked<'_>) {
        let generation = locked.generation();
        if generation != making.generation {
            self.living.write().unwrap_or_else(PoisonError::into_inner).clear();
            making.generation = generation;
        }
    }

    /// Ends all keys, once for all processes of the directory; nothing when that is not possible.
    fn clock_went_back(&self, now: u32) -> Option<()> {
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if self.saw(now) {
            return Some(()); // Another thread has dealt with it.
        }
        self.living.write().unwrap_or_else(PoisonError::into_inner).clear();
        if let Some(directory) = &self.directory {
            let locked = directory.lock()?;
            let generation = locked.generation();
            if generation == making.generation {
                for name in locked.names() {
                    locked.delete(&name);
                }
                // Neighbours that cannot be told keep their keys: then there is none here.
                let next = generation.wrapping_add(1);
                locked.set_generation(next).ok()?;
                making.generation = next;
            } else {
                making.generation = generation;
            }
            making.last_full_sweep = now;
        }
        self.highest.store(now, Ordering::Relaxed);
        tracing::warn!("The clock went back: day keys were replaced, visitors count again.");
        Some(())
    }

    fn warn(&self, now: u32, what: &str) {
        let last = self.warned.load(Ordering::Relaxed);
        if now.abs_diff(last) >= WARN_EVERY {
            self.warned.store(now, Ordering::Relaxed);
            tracing::warn!("{what}");
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("storage", &self.storage).finish_non_exhaustive()
    }
}

enum Look {
    Living(Arc<DayKey>),
    InDoubt,
    Missing,
}

/// Deletes key files whose day is over, that cannot be read, or that come from the future.
fn delete_unusable(locked: &Locked<'_>, vault: &Vault, now: u32, up: u32) {
    for name in locked.names() {
        if !locked.read(&name, vault).is_some_and(|(_, life)| life.is_usable(now, up)) {
            locked.delete(&name);
        }
    }
}

//! Memory for day keys: locked, left out of core dumps and of forked children, wiped after use.
//!
//! Keys lie in slots of whole pages, so that a hundred thousand sites need a few megabytes of
//! locked memory and not a page each. This is the only file of `keys` with unsafe code: it maps
//! pages and hands out each slot to one owner at a time. It does not know days or files.

use std::fmt;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::mm::{Advice, MapFlags, ProtFlags};
use zeroize::Zeroize;

/// Length of a day key, in bytes.
pub const KEY_BYTES: usize = 32;
/// One mapping, in bytes: the page size of most machines, and 128 keys.
const PAGE_BYTES: usize = 4096;
/// Keys in one mapping; the bits of `Page::taken`.
const SLOTS: u32 = 128;

/// The key of one site and one day. Wiped when the last owner drops it.
///
/// It has no `Clone`, and its `Debug` shows nothing.
pub struct DayKey {
    page: Arc<Page>,
    slot: u32,
}

/// Where keys are kept: grows by a page when all slots are taken.
pub(super) struct Vault {
    pages: Mutex<Vec<Arc<Page>>>,
    /// Whether a page that cannot be locked is refused.
    must_lock: bool,
}

struct Page {
    start: NonNull<u8>,
    /// One bit a slot.
    taken: Mutex<u128>,
    locked: bool,
}

// SAFETY: `start` points to a mapping that `Page` alone owns until it is dropped; each slot is
// reached only through the one `DayKey` that `taken` gave it to.
#[expect(unsafe_code, reason = "a mapping is not tied to a thread")]
unsafe impl Send for Page {}
// SAFETY: as above; a shared `Page` changes only `taken`, behind its lock.
#[expect(unsafe_code, reason = "slots have one owner each")]
unsafe impl Sync for Page {}

impl Vault {
    /// An empty vault. With `must_lock`, memory that cannot be locked is not used.
    pub(super) fn new(must_lock: bool) -> Self {
        Self { pages: Mutex::new(Vec::new()), must_lock }
    }

    /// A key filled by `fill`, or nothing when `fill` fails or no memory is to be had.
    pub(super) fn key(&self, fill: impl FnOnce(&mut [u8; KEY_BYTES]) -> bool) -> Option<DayKey> {
        let mut key = self.slot()?;
        fill(key.bytes_mut()).then_some(key)
    }

    /// Whether all memory in use is locked.
    pub(super) fn is_locked(&self) -> bool {
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.iter().all(|page| page.locked)
    }

    fn slot(&self) -> Option<DayKey> {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        for page in pages.iter() {
            if let Some(slot) = page.take() {
                return Some(DayKey { page: Arc::clone(page), slot });
            }
        }
        let page = Arc::new(Page::map(self.must_lock)?);
        let slot = page.take()?;
        pages.push(Arc::clone(&page));
        Some(DayKey { page, slot })
    }
}

impl Page {
    fn map(must_lock: bool) -> Option<Self> {
        let flags = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a fresh private mapping at an address that the kernel picks.
        #[expect(unsafe_code, reason = "mapping memory")]
        let start = unsafe {
            rustix::mm::mmap_anonymous(std::ptr::null_mut(), PAGE_BYTES, flags, MapFlags::PRIVATE)
        };
        let start = start.ok()?;
        // SAFETY: the range is the mapping made above, and nothing refers to it yet.
        #[expect(unsafe_code, reason = "advice about a mapping of ours")]
        let (locked, _) = unsafe {
            // Before the lock: a page left out of dumps that is not locked is still worth having.
            let advised = rustix::mm::madvise(start, PAGE_BYTES, Advice::LinuxDontDump)
                .and(rustix::mm::madvise(start, PAGE_BYTES, Advice::LinuxDontFork));
            (rustix::mm::mlock(start, PAGE_BYTES).is_ok(), advised)
        };
        let page = Self { start: NonNull::new(start.cast())?, taken: Mutex::new(0), locked };
        (locked || !must_lock).then_some(page)
    }

    fn take(&self) -> Option<u32> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = taken.trailing_ones();
        (slot < SLOTS).then(|| {
            *taken |= 1 << slot;
            slot
        })
    }

    fn give_back(&self, slot: u32) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) &= !(1 << slot);
    }

    fn slot_start(&self, slot: u32) -> *mut [u8; KEY_BYTES] {
        self.start.as_ptr().cast::<[u8; KEY_BYTES]>().wrapping_add(slot as usize)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: every `DayKey` holds an `Arc<Page>`, so no slot is in use any more.
        #[expect(unsafe_code, reason = "unmapping what `map` mapped")]
        let unmapped = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), PAGE_BYTES) };
        debug_assert!(unmapped.is_ok(), "the mapping was ours");
    }
}

impl DayKey {
    fn bytes_mut(&mut self) -> &mut [u8; KEY_BYTES] {
        // SAFETY: the slot lies inside the mapping (`slot < SLOTS`), is initialised (mappings
        // start as zeros) and belongs to this `DayKey` alone, which is borrowed mutably.
        #[expect(unsafe_code, reason = "a slot of a mapping of ours")]
        unsafe {
            &mut *self.page.slot_start(self.slot)
        }
    }
}

impl Deref for DayKey {
    type Target = [u8; KEY_BYTES];

    fn deref(&self) -> &Self::Target {
        // SAFETY: as in `bytes_mut`; nobody can write while a shared borrow lives.
        #[expect(unsafe_code, reason = "a slot of a mapping of ours")]
        unsafe {
            &*self.page.slot_start(self.slot)
        }
    }
}

impl Drop for DayKey {
    fn drop(&mut self) {
        self.bytes_mut().zeroize();
        self.page.give_back(self.slot);
    }
}

impl fmt::Debug for DayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DayKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_distinct_and_grow_over_pages() {
        let vault = Vault::new(false);
        let keys: Vec<DayKey> = (0..300u32)
            .map(|n| {
                let fill = |bytes: &mut [u8; KEY_BYTES]| {
                    bytes[..4].copy_from_slice(&n.to_le_bytes());
                    true
                };
                vault.key(fill).unwrap()
            })
            .collect();
        for (n, key) in keys.iter().enumerate() {
            assert_eq!(key[..4], u32::try_from(n).unwrap().to_le_bytes());
        }
        assert_eq!(vault.pages.lock().unwrap().len(), 3);
    }

    #[test]
    fn a_dropped_key_is_wiped_and_its_slot_used_again() {
        let vault = Vault::new(false);
        let fill = |bytes: &mut [u8; KEY_BYTES]| {
            bytes.fill(0xAB);
            true
        };
        let key = vault.key(fill).unwrap();
        let slot = key.slot;
        drop(key);
        let mut before = [1u8; KEY_BYTES];
        let again = vault
            .key(|bytes| {
                before.copy_from_slice(bytes);
                true
            })
            .unwrap();
        assert_eq!((again.slot, before), (slot, [0u8; KEY_BYTES]));
    }

    #[test]
    fn a_failed_fill_gives_no_key_and_keeps_no_slot() {
        let vault = Vault::new(false);
        assert!(vault.key(|_| false).is_none());
        assert_eq!(vault.key(|_| true).unwrap().slot, 0);
    }

    #[test]
    fn pages_are_locked_and_left_out_of_dumps() {
        let vault = Vault::new(false);
        let key = vault.key(|_| true).unwrap();
        let start = key.page.start.as_ptr() as usize;
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let holds_start = |line: &str| {
            let (from, rest) = line.split_once('-')?;
            let to = rest.split_whitespace().next()?;
            let number = |text| usize::from_str_radix(text, 16).ok();
            Some(number(from)? <= start && start < number(to)?)
        };
        // The kernel joins neighbouring mappings of the same kind.
        let mut lines = maps.lines().skip_while(|line| holds_start(line) != Some(true));
        let flags = lines.find(|line| line.starts_with("VmFlags:")).expect("a mapping of its own");
        assert!(flags.contains(" dd") && flags.contains(" dc"), "{flags}");
        if vault.is_locked() {
            assert!(flags.contains(" lo"), "{flags}");
        }
    }

    #[test]
    fn debug_shows_no_bytes() {
        let vault = Vault::new(false);
        let key = vault.key(|bytes| getrandom::fill(bytes).is_ok()).unwrap();
        assert_eq!(format!("{key:?}"), "DayKey(***)");
    }
}

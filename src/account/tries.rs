//! Limits how often somebody may try to log in.
//!
//! Tries are counted for each mail address and for all together. Addresses are kept as a hash
//! under a key of this process, at most for one window; nothing is written.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::account::error::AccountError;

/// Length of a window, in seconds.
const WINDOW: u32 = 300;
/// Tries for one mail address in a window.
const TRIES_EACH: u32 = 10;
/// Tries for all together in a window: two hashes a second at most would be 600.
const TRIES_ALL: u32 = 300;
/// Mail addresses kept at a time; more than `TRIES_ALL` cannot come up in a window.
const KEPT_MAX: usize = 2 * TRIES_ALL as usize;

/// Counts tries.
pub(super) struct Tries {
    key: [u8; 32],
    counted: Mutex<HashMap<[u8; 32], Count>>,
    all: Mutex<Count>,
}

#[derive(Clone, Copy)]
struct Count {
    since: u32,
    tries: u32,
}

impl Tries {
    pub(super) fn new() -> Result<Self, AccountError> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|_| AccountError::Machine("no randomness"))?;
        let all = Mutex::new(Count { since: 0, tries: 0 });
        Ok(Self { key, counted: Mutex::default(), all })
    }

    /// Counts a try for a mail address.
    ///
    /// # Errors
    /// When there were too many, with the seconds to wait.
    pub(super) fn count(&self, email: &str, now: u32) -> Result<(), AccountError> {
        let hash = *blake3::keyed_hash(&self.key, email.as_bytes()).as_bytes();
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.check(TRIES_ALL, now)?;
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() >= KEPT_MAX {
            counted.retain(|_, count| !count.is_over(now));
        }
        let each = counted.entry(hash).or_insert(Count { since: now, tries: 0 });
        each.check(TRIES_EACH, now)?;
        each.tries += 1;
        all.tries += 1;
        Ok(())
    }

    /// Forgets the tries for a mail address, after the right password.
    pub(super) fn forget(&self, email: &str) {
        let hash = *blake3::keyed_hash(&self.key, email.as_bytes()).as_bytes();
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).remove(&hash);
    }
}

impl Count {
    fn is_over(self, now: u32) -> bool {
        // A clock that went back ends a window as well.
        now < self.since || now - self.since >= WINDOW
    }

    /// Refuses when `most` tries were made in the window that runs at `now`.
    fn check(&mut self, most: u32, now: u32) -> Result<(), AccountError> {
        if self.is_over(now) {
            *self = Self { since: now, tries: 0 };
        }
        if self.tries >= most {
            let retry_after = WINDOW - (now - self.since);
            return Err(AccountError::TooManyTries { retry_after });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_does_not_use_up_the_tries_of_another() {
        let tries = Tries::new().unwrap();
        for _ in 0..TRIES_EACH {
            tries.count("a@example.com", 1000).unwrap();
        }
        let error = tries.count("a@example.com", 1100).unwrap_err();
        assert!(matches!(error, AccountError::TooManyTries { retry_after: 200 }), "{error}");
        tries.count("b@example.com", 1100).unwrap();
        tries.count("a@example.com", 1000 + WINDOW).unwrap();
    }

    #[test]
    fn the_right_password_forgets_the_tries() {
        let tries = Tries::new().unwrap();
        for _ in 0..TRIES_EACH * 2 {
            tries.count("a@example.com", 1000).unwrap();
            tries.forget("a@example.com");
        }
    }

    #[test]
    fn many_addresses_together_are_limited_and_forgotten() {
        let tries = Tries::new().unwrap();
        for n in 0..10_000 {
            let refused = tries.count(&format!("{n}@example.com"), 1000 + n / 100).is_err();
            assert_eq!(refused, n >= TRIES_ALL, "{n}");
        }
    }
}

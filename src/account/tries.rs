//! Limits how often somebody may try to log in.
//!
//! Tries are counted for each mail address from each network, so that nobody can lock an owner
//! out from elsewhere, and for each network. Both are kept as a hash under a key of this process,
//! at most for one window; nothing is written. How many passwords are checked at a time is
//! bounded by `password`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::account::error::AccountError;

/// Length of a window, in seconds.
const WINDOW: u32 = 300;
/// Tries for one mail address from one network in a window.
const TRIES_EACH: u32 = 10;
/// Tries from one network in a window.
const TRIES_NETWORK: u32 = 60;
/// Counts kept at a time; beyond it the ones that are over go, and if none is, all.
const KEPT_MAX: usize = 10_000;

/// Counts tries.
pub(super) struct Tries {
    key: [u8; 32],
    counted: Mutex<HashMap<[u8; 32], Count>>,
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
        Ok(Self { key, counted: Mutex::default() })
    }

    /// Counts a try for a mail address from a network (a number that stands for it).
    ///
    /// # Errors
    /// When there were too many, with the seconds to wait.
    pub(super) fn count(&self, email: &str, network: u64, now: u32) -> Result<(), AccountError> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() >= KEPT_MAX {
            counted.retain(|_, count| !count.is_over(now));
            if counted.len() >= KEPT_MAX {
                counted.clear();
            }
        }
        for (hash, most) in
            [(self.hash("", network), TRIES_NETWORK), (self.hash(email, network), TRIES_EACH)]
        {
            let count = counted.entry(hash).or_insert(Count { since: now, tries: 0 });
            count.check(most, now)?;
            count.tries += 1;
        }
        Ok(())
    }

    fn hash(&self, email: &str, network: u64) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&network.to_le_bytes());
        hasher.update(email.as_bytes());
        *hasher.finalize().as_bytes()
    }

    /// Forgets the tries for a mail address, after the right password.
    pub(super) fn forget(&self, email: &str, network: u64) {
        let hash = self.hash(email, network);
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
    fn one_address_does_not_use_up_the_tries_of_another_or_of_another_network() {
        let tries = Tries::new().unwrap();
        for _ in 0..TRIES_EACH {
            tries.count("a@example.com", 1, 1000).unwrap();
        }
        let error = tries.count("a@example.com", 1, 1100).unwrap_err();
        assert!(matches!(error, AccountError::TooManyTries { retry_after: 200 }), "{error}");
        tries.count("b@example.com", 1, 1100).unwrap();
        tries.count("a@example.com", 2, 1100).unwrap();
        tries.count("a@example.com", 1, 1000 + WINDOW).unwrap();
    }

    #[test]
    fn the_right_password_forgets_the_tries_for_its_address() {
        let tries = Tries::new().unwrap();
        for _ in 0..TRIES_EACH * 2 {
            tries.count("a@example.com", 1, 1000).unwrap();
            tries.forget("a@example.com", 1);
        }
    }

    #[test]
    fn one_network_is_limited_and_others_are_not() {
        let tries = Tries::new().unwrap();
        for n in 0..TRIES_NETWORK * 2 {
            let refused = tries.count(&format!("{n}@example.com"), 1, 1000).is_err();
            assert_eq!(refused, n >= TRIES_NETWORK, "{n}");
        }
        tries.count("a@example.com", 2, 1000).unwrap();
    }

    #[test]
    fn the_table_stays_bounded() {
        let tries = Tries::new().unwrap();
        for network in 0..3 * KEPT_MAX as u64 {
            tries.count("a@example.com", network, 1000).unwrap();
        }
        assert!(tries.counted.lock().unwrap().len() <= KEPT_MAX + 2);
    }
}

//! Passwords: which ones are taken, and how they are hashed (argon2id).
//!
//! A hash costs 19 MiB and some tens of milliseconds, so at most two are computed at a time, off
//! the event loop: a flood of logins must not become a flood of memory.

use std::sync::{Arc, OnceLock};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::account::error::AccountError;

/// Fewest characters of a password.
const CHARS_MIN: usize = 12;
/// Most characters of a password.
const CHARS_MAX: usize = 256;
/// Memory of one hash, in KiB (19 MiB).
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over that memory.
const PASSES: u32 = 2;
/// Threads of one hash.
const LANES: u32 = 1;
/// Hashes computed at a time.
const AT_A_TIME: usize = 2;

/// Computes and compares password hashes.
pub(super) struct Passwords {
    permits: Arc<Semaphore>,
    /// Compared with when there is no account, so that both answers take the same time.
    nobody: OnceLock<String>,
}

impl Passwords {
    pub(super) fn new() -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_A_TIME)), nobody: OnceLock::new() }
    }

    /// The hash of a password that is fit to be one, as a PHC string.
    pub(super) async fn hash(&self, password: &str) -> Result<String, AccountError> {
        check(password)?;
        let password = Zeroizing::new(password.to_owned());
        self.off_the_loop(move || hash_now(&password)).await?
    }

    /// Whether `password` belongs to `stored`; without `stored` it takes as long and is false.
    pub(super) async fn verify(
        &self,
        password: &str,
        stored: Option<String>,
    ) -> Result<bool, AccountError> {
        if password.chars().count() > CHARS_MAX {
            return Ok(false);
        }
        let known = stored.is_some();
        let password = Zeroizing::new(password.to_owned());
        let against = match (stored, self.nobody.get()) {
            (Some(stored), _) => stored,
            (None, Some(nobody)) => nobody.clone(),
            (None, None) => {
                let fresh = self.off_the_loop(|| hash_now("a password of nobody")).await??;
                self.nobody.get_or_init(|| fresh).clone()
            }
        };
        let same = move || {
            let parsed = PasswordHash::new(&against);
            parsed.is_ok_and(|hash| hasher().verify_password(password.as_bytes(), &hash).is_ok())
        };
        Ok(self.off_the_loop(same).await? && known)
    }

    async fn off_the_loop<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AccountError> {
        let stopped = AccountError::Machine("it is stopping");
        let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else {
            return Err(stopped);
        };
        // The permit goes along: a caller that hangs up does not make room for another hash.
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        done.await.map_err(|_| stopped)
    }
}

/// Whether a new password may be taken.
pub(super) fn check(password: &str) -> Result<(), AccountError> {
    match password.chars().count() {
        0..CHARS_MIN => Err(AccountError::Password("the password needs at least 12 characters")),
        CHARS_MIN..=CHARS_MAX => Ok(()),
        _ => Err(AccountError::Password("the password may have at most 256 characters")),
    }
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("these parameters are valid");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash_now(password: &str) -> Result<String, AccountError> {
    let hash = hasher().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|_| AccountError::Machine("no randomness"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "correct horse battery";

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_only() {
        let passwords = Passwords::new();
        let stored = passwords.hash(GOOD).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(passwords.verify(GOOD, Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify("correct horse battery!", Some(stored)).await.unwrap());
        assert!(!passwords.verify("a password of nobody", None).await.unwrap());
        assert!(!passwords.verify(GOOD, Some("no hash".to_owned())).await.unwrap());
    }

    #[tokio::test]
    async fn two_accounts_with_one_password_differ() {
        let passwords = Passwords::new();
        assert_ne!(passwords.hash(GOOD).await.unwrap(), passwords.hash(GOOD).await.unwrap());
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert!(check("elf zeichen").is_err());
        assert!(check("zwölf zeiche").is_ok());
        assert!(check(&"ä".repeat(256)).is_ok());
        assert!(check(&"a".repeat(257)).is_err());
    }
}

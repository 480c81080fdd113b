//! The setup link: one use, one hour, in memory, only while no account exists.

use std::sync::{Mutex, PoisonError};

use subtle::ConstantTimeEq;

use crate::account::error::AccountError;
use crate::account::secret;

/// How long a setup link holds, in seconds.
const SETUP_SECONDS: u32 = 3600;

/// The setup link of this process, if there is one.
#[derive(Default)]
pub(super) struct Setup(Mutex<Option<Pending>>);

struct Pending {
    hash: String,
    expires: u32,
}

impl Setup {
    /// A fresh token; an older one ends.
    pub(super) fn issue(&self, now: u32) -> Result<String, AccountError> {
        let token = secret::token()?;
        let pending =
            Pending { hash: secret::stored(&token), expires: now.saturating_add(SETUP_SECONDS) };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(pending);
        Ok(token)
    }

    /// Whether the token holds at `now`.
    pub(super) fn holds(&self, token: &str, now: u32) -> bool {
        let hash = secret::stored(token);
        let pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pending.as_ref().is_some_and(|pending| {
            now < pending.expires && bool::from(pending.hash.as_bytes().ct_eq(hash.as_bytes()))
        })
    }

    /// Ends the token.
    pub(super) fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_holds_for_an_hour_until_it_is_ended_or_replaced() {
        let setup = Setup::default();
        assert!(!setup.holds("", 1000));
        let token = setup.issue(1000).unwrap();
        assert!(setup.holds(&token, 1000 + SETUP_SECONDS - 1));
        assert!(!setup.holds(&token, 1000 + SETUP_SECONDS));
        assert!(!setup.holds("another", 1000));
        let second = setup.issue(1000).unwrap();
        assert!(!setup.holds(&token, 1000) && setup.holds(&second, 1000));
        setup.end();
        assert!(!setup.holds(&second, 1000));
    }
}

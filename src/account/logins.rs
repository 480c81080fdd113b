//! Logins: the cookie of a person who has given the password.
//!
//! A login is a random token; the database holds its hash. It ends after 30 days, by logging out,
//! or when the password changes. A login seen a moment ago is not asked for again.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use crate::account::accounts::Account;
use crate::account::error::AccountError;
use crate::account::{Accounts, secret};
use crate::store::LoginRow;

/// How long a login holds, in seconds: 30 days.
pub(super) const LOGIN_SECONDS: u32 = 30 * 86_400;
/// How long a login that was found is taken for granted: a removal elsewhere holds after this.
const RECENT: Duration = Duration::from_secs(5);
/// Logins remembered at a time.
const RECENT_MAX: usize = 1_000;

/// A fresh login. It has no `Debug` and is not stored.
pub struct LoginToken {
    /// The text of the cookie.
    pub token: String,
    /// For how long it holds, in seconds (the cookie's `Max-Age`).
    pub max_age: u32,
    /// Whose it is.
    pub account: Account,
}

/// Logins found a moment ago, by their stored hash.
#[derive(Default)]
pub(super) struct RecentLogins(Mutex<HashMap<String, Recent>>);

struct Recent {
    account: Account,
    expires: u32,
    found: Instant,
}

impl Accounts {
    /// Checks mail address and password and makes a login.
    ///
    /// # Errors
    /// `WrongLogin` or `TooManyTries`, or when the database does not answer.
    pub async fn log_in(
        &self,
        email: &str,
        password: &str,
        network: u64,
        now: u32,
    ) -> Result<LoginToken, AccountError> {
        let account = self.verify(email, password, network, now).await?;
        self.create_login(account, now).await
    }

    /// Makes a login for an account that was just verified or made.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn create_login(
        &self,
        account: Account,
        now: u32,
    ) -> Result<LoginToken, AccountError> {
        let token = secret::token()?;
        let row = LoginRow {
            hash: secret::stored(&token),
            account: account.id,
            created: now,
            expires: now.saturating_add(LOGIN_SECONDS),
            removed: 0,
            version: 1,
        };
        let known = self.known.get(self).await?;
        let hash = row.hash.clone();
        self.shelf.put_login(row).await?;
        known.lock().unwrap_or_else(PoisonError::into_inner).insert(hash);
        Ok(LoginToken { token, max_age: LOGIN_SECONDS, account })
    }

    /// Whose login this is; `None` when it does not hold.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn who(&self, token: &str, now: u32) -> Result<Option<Account>, AccountError> {
        if !secret::is_token(token) {
            return Ok(None);
        }
        let hash = secret::stored(token);
        if let Some(account) = self.recent.get(&hash, now) {
            return Ok(Some(account));
        }
        // Only this process makes logins: what it does not know is nobody's, and is refused
        // without asking the database, so that strangers cannot keep it busy.
        let known = self.known.get(self).await?;
        if !known.lock().unwrap_or_else(PoisonError::into_inner).contains(&hash) {
            return Ok(None);
        }
        let rows = self.shelf.logins().await?;
        let found = rows.into_iter().find(|row| row.hash == hash && now < row.expires);
        let Some(row) = found else { return Ok(None) };
        let account = self.account(row.account).await?;
        if let Some(account) = &account {
            self.recent.put(hash, account.clone(), row.expires);
        }
        Ok(account)
    }

    /// Ends a login; one that does not hold is fine.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn log_out(&self, token: &str) -> Result<(), AccountError> {
        let hash = secret::stored(token);
        self.recent.clear();
        let rows = self.shelf.logins().await?;
        if let Some(row) = rows.into_iter().find(|row| row.hash == hash) {
            self.end_login(row).await?;
        }
        // A request beside this one may have found it again in between.
        self.recent.clear();
        Ok(())
    }

    pub(super) async fn end_logins_of(&self, account: u32) -> Result<(), AccountError> {
        for row in self.shelf.logins().await? {
            if row.account == account {
                self.end_login(row).await?;
            }
        }
        self.recent.clear();
        Ok(())
    }

    async fn end_login(&self, row: LoginRow) -> Result<(), AccountError> {
        self.shelf.put_login(LoginRow { removed: 1, version: row.version + 1, ..row }).await
    }
}

/// The hashes of all logins that were ever valid in this run; asked of the database once.
#[derive(Default)]
pub(super) struct KnownLogins(OnceCell<Mutex<HashSet<String>>>);

impl KnownLogins {
    async fn get(&self, accounts: &Accounts) -> Result<&Mutex<HashSet<String>>, AccountError> {
        self.0
            .get_or_try_init(|| async {
                let rows = accounts.shelf.logins().await?;
                Ok(Mutex::new(rows.into_iter().map(|row| row.hash).collect()))
            })
            .await
    }
}

impl RecentLogins {
    fn get(&self, hash: &str, now: u32) -> Option<Account> {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = recent.get(hash)?;
        (found.found.elapsed() < RECENT && now < found.expires).then(|| found.account.clone())
    }

    fn put(&self, hash: String, account: Account, expires: u32) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() >= RECENT_MAX {
            recent.clear();
        }
        recent.insert(hash, Recent { account, expires, found: Instant::now() });
    }

    fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

//! Accounts: who may use the dashboard.

use std::sync::atomic::Ordering;

use crate::account::error::AccountError;
use crate::account::{Accounts, password};
use crate::store::AccountRow;

/// Longest mail address, in bytes (RFC 5321).
const EMAIL_MAX: usize = 254;
/// The only role.
const OWNER: &str = "owner";

/// A person who may log in. It has no `Debug`: the mail address belongs in no log.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: u32,
    /// Its mail address, lower case.
    pub email: String,
    /// `owner`.
    pub role: String,
}

impl Accounts {
    /// Whether there is any account.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn any(&self) -> Result<bool, AccountError> {
        // Accounts are never removed: once there is one, nobody needs to ask again. So strangers
        // cannot keep the database busy with the question.
        if self.has_account.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let any = !self.shelf.accounts().await?.is_empty();
        self.has_account.store(any, Ordering::Relaxed);
        Ok(any)
    }

    /// Adds an account.
    ///
    /// # Errors
    /// When mail address, password or role cannot be taken, or the account exists.
    pub async fn add(
        &self,
        email: &str,
        password: &str,
        role: &str,
        now: u32,
    ) -> Result<Account, AccountError> {
        let email = normal_email(email)?;
        if role != OWNER {
            return Err(AccountError::Role);
        }
        let hash = self.passwords.hash(password).await?;
        let alone = self.writing.lock().await;
        let added = self.insert(email, hash, now).await;
        drop(alone);
        added
    }

    /// Changes the password of an account and ends its logins.
    ///
    /// # Errors
    /// When the password cannot be taken or there is no such account.
    pub async fn change_password(
        &self,
        email: &str,
        password: &str,
        now: u32,
    ) -> Result<(), AccountError> {
        let email = normal_email(email)?;
        let hash = self.passwords.hash(password).await?;
        let alone = self.writing.lock().await;
        let row = self.row_of(&email).await?.ok_or(AccountError::AccountUnknown)?;
        let account = row.id;
        let changed = AccountRow { password: hash, changed: now, version: row.version + 1, ..row };
        self.shelf.put_account(changed).await?;
        self.end_logins_of(account).await?;
        drop(alone);
        Ok(())
    }

    /// The account of mail address and password. It takes as long when there is none. `network`
    /// is a number that stands for where the try comes from.
    ///
    /// # Errors
    /// `WrongLogin` when they do not belong together, `TooManyTries` after too many tries.
    pub async fn verify(
        &self,
        email: &str,
        password: &str,
        network: u64,
        now: u32,
    ) -> Result<Account, AccountError> {
        let email = normal_email(email).map_err(|_| AccountError::WrongLogin)?;
        self.tries.count(&email, network, now)?;
        let row = self.row_of(&email).await?;
        let stored = row.as_ref().map(|row| row.password.clone());
        let right = self.passwords.verify(password, stored).await?;
        let row = row.filter(|_| right).ok_or(AccountError::WrongLogin)?;
        self.tries.forget(&email, network);
        Ok(account_of(row))
    }

    /// Inserts an account whose parts are checked; the caller holds `writing`.
    pub(super) async fn insert(
        &self,
        email: String,
        hash: String,
        now: u32,
    ) -> Result<Account, AccountError> {
        if self.row_of(&email).await?.is_some() {
            return Err(AccountError::AccountExists);
        }
        let row = AccountRow {
            id: self.shelf.highest_ids().await?.account + 1,
            email,
            password: hash,
            role: OWNER.to_owned(),
            created: now,
            removed: 0,
            changed: now,
            version: 1,
        };
        self.shelf.put_account(row.clone()).await?;
        self.setup.end();
        Ok(account_of(row))
    }

    pub(super) async fn account(&self, id: u32) -> Result<Option<Account>, AccountError> {
        let rows = self.shelf.accounts().await?;
        Ok(rows.into_iter().find(|row| row.id == id).map(account_of))
    }

    async fn row_of(&self, email: &str) -> Result<Option<AccountRow>, AccountError> {
        Ok(self.shelf.accounts().await?.into_iter().find(|row| row.email == email))
    }

    /// A fresh setup token while no account exists; an older one ends.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn setup_token(&self, now: u32) -> Result<Option<String>, AccountError> {
        if self.any().await? {
            return Ok(None);
        }
        self.setup.issue(now).map(Some)
    }

    /// Whether a setup token holds.
    #[must_use]
    pub fn setup_holds(&self, token: &str, now: u32) -> bool {
        self.setup.holds(token, now)
    }

    /// Uses a setup token up: makes the first account and the first site (one that is there
    /// already is fine). Everything is checked first; a refusal leaves the token as it is.
    ///
    /// # Errors
    /// `SetupToken` when it does not hold or an account exists; else what cannot be taken.
    pub async fn finish_setup(
        &self,
        token: &str,
        email: &str,
        password: &str,
        site: (&str, &str),
        now: u32,
    ) -> Result<Account, AccountError> {
        if !self.setup.holds(token, now) {
            return Err(AccountError::SetupToken);
        }
        let email = normal_email(email)?;
        password::check(password)?;
        let (domain, timezone) = site;
        let hash = self.passwords.hash(password).await?;
        let alone = self.writing.lock().await;
        // Again: another request may have used it up in the meantime.
        if !self.setup.holds(token, now) || self.any().await? {
            return Err(AccountError::SetupToken);
        }
        match self.insert_site(domain, timezone, now).await {
            Ok(_) | Err(AccountError::SiteExists(_)) => {}
            Err(error) => return Err(error),
        }
        let account = self.insert(email, hash, now).await;
        drop(alone);
        self.refresh_sites().await;
        account
    }
}

/// A mail address in the form in which it is stored.
pub(super) fn normal_email(text: &str) -> Result<String, AccountError> {
    let email = text.trim().to_lowercase();
    let plain = email.chars().all(|c| !c.is_whitespace() && !c.is_control() && c != ',');
    let parts = email.split_once('@');
    let whole = parts
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    (plain && whole && email.len() <= EMAIL_MAX).then_some(email).ok_or(AccountError::Email)
}

fn account_of(row: AccountRow) -> Account {
    Account { id: row.id, email: row.email, role: row.role }
}

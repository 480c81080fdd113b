//! Sites, accounts, logins and keys: the settings that people make.
//!
//! [`Sites`] is what collecting and reporting read; [`Accounts`] is what the
//! dashboard and the command line change. Rows lie in the database, and one process writes them.
//! Passwords are kept as argon2id hashes, tokens and keys as their blake3: none of them can be
//! read back. Events are not touched, except that removing a site deletes its rows.

pub mod admin;
pub mod erasure;
pub mod sites;
pub mod snapshot;

mod accounts;
mod api_keys;
mod cache;
mod domain;
mod error;
mod logins;
mod password;
mod retention;
mod rules;
mod secret;
mod setup;
mod shelf;
mod site_changes;
mod tries;

#[cfg(test)]
mod tests;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use crate::account::logins::{KnownLogins, RecentLogins};
use crate::account::password::Passwords;
use crate::account::setup::Setup;
use crate::account::shelf::Shelf;
use crate::account::site_changes::Removal;
use crate::account::sites::Sites;
use crate::account::tries::Tries;

pub use accounts::Account;
pub use api_keys::{KeyLine, KeyRequest};
pub use error::AccountError;
pub use logins::LoginToken;
pub use rules::{RuleChanges, RuleCheck};
pub use site_changes::{DEMO_DOMAIN, SiteLine};
pub use snapshot::{ApiKey, Scope, Snapshot};

/// Months for which rows are kept when nothing else was said.
const RETENTION_MONTHS: u32 = 13;

/// Everything that changes settings. All moments are seconds since 1970.
pub struct Accounts {
    shelf: Shelf,
    sites: Arc<Sites>,
    passwords: Passwords,
    tries: Tries,
    setup: Setup,
    recent: RecentLogins,
    known: KnownLogins,
    has_account: AtomicBool,
    removals: Mutex<Vec<Removal>>,
    /// Months for which the installation keeps rows.
    months: u32,
    /// What is wrong with rules, and their stored form: the pipeline that follows them knows.
    check_rules: RuleCheck,
    /// Held while rows are read and written, so that numbers and names stay unique.
    writing: tokio::sync::Mutex<()>,
}

impl Accounts {
    /// The settings of the database of `sites`, which is refreshed after each change;
    /// `check_rules` says what is wrong with rules.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn new(sites: Arc<Sites>, check_rules: RuleCheck) -> Result<Self, AccountError> {
        Ok(Self {
            shelf: sites.shelf().clone(),
            sites,
            passwords: Passwords::new(),
            tries: Tries::new()?,
            setup: Setup::default(),
            recent: RecentLogins::default(),
            known: KnownLogins::default(),
            has_account: AtomicBool::new(false),
            removals: Mutex::default(),
            months: RETENTION_MONTHS,
            check_rules,
            writing: tokio::sync::Mutex::default(),
        })
    }
}

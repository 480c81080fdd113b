//! Rows in memory with the rules of the database: the highest version of a row holds.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::account::error::AccountError;
use crate::account::shelf::HighestIds;
use crate::store::{AccountRow, Enforced, Erased, KeyRow, LoginRow, Retention, Selection, SiteRow};

/// The tables; every version of every row is kept.
#[derive(Default)]
pub(crate) struct Tables {
    /// All versions of sites.
    pub(crate) sites: Mutex<Vec<SiteRow>>,
    accounts: Mutex<Vec<AccountRow>>,
    logins: Mutex<Vec<LoginRow>>,
    keys: Mutex<Vec<KeyRow>>,
    /// Sites whose rows were deleted, in order.
    pub(crate) deleted: Mutex<Vec<u32>>,
    /// Selections whose rows were deleted, in order.
    pub(crate) erased: Mutex<Vec<Selection>>,
    /// What was enforced last.
    pub(crate) retention: Mutex<Option<Retention>>,
    /// Whether every call fails.
    pub(crate) down: AtomicBool,
}

type Answer<T> = Result<T, AccountError>;

impl Tables {
    fn up(&self) -> Answer<()> {
        if self.down.load(Ordering::Relaxed) {
            return Err(AccountError::Machine("it is down"));
        }
        Ok(())
    }

    pub(crate) fn sites(&self) -> Answer<Vec<SiteRow>> {
        self.up()?;
        let rows = self.sites.lock().unwrap();
        Ok(last(&rows, |row| row.id, |row| row.version, |row| row.removed))
    }

    pub(crate) fn accounts(&self) -> Answer<Vec<AccountRow>> {
        self.up()?;
        let rows = self.accounts.lock().unwrap();
        Ok(last(&rows, |row| row.id, |row| row.version, |row| row.removed))
    }

    pub(crate) fn logins(&self) -> Answer<Vec<LoginRow>> {
        self.up()?;
        let rows = self.logins.lock().unwrap();
        Ok(last(&rows, |row| row.hash.clone(), |row| row.version, |row| row.removed))
    }

    pub(crate) fn keys(&self) -> Answer<Vec<KeyRow>> {
        self.up()?;
        let rows = self.keys.lock().unwrap();
        Ok(last(&rows, |row| row.id, |row| row.version, |row| row.removed))
    }

    pub(crate) fn put_site(&self, row: SiteRow) -> Answer<()> {
        self.up()?;
        self.sites.lock().unwrap().push(row);
        Ok(())
    }

    pub(crate) fn put_account(&self, row: AccountRow) -> Answer<()> {
        self.up()?;
        self.accounts.lock().unwrap().push(row);
        Ok(())
    }

    pub(crate) fn put_login(&self, row: LoginRow) -> Answer<()> {
        self.up()?;
        self.logins.lock().unwrap().push(row);
        Ok(())
    }

    pub(crate) fn put_key(&self, row: KeyRow) -> Answer<()> {
        self.up()?;
        self.keys.lock().unwrap().push(row);
        Ok(())
    }

    pub(crate) fn highest_ids(&self) -> Answer<HighestIds> {
        self.up()?;
        let site = self.sites.lock().unwrap().iter().map(|row| row.id).max();
        let account = self.accounts.lock().unwrap().iter().map(|row| row.id).max();
        let key = self.keys.lock().unwrap().iter().map(|row| row.id).max();
        let or_0 = Option::unwrap_or_default;
        Ok(HighestIds { site: or_0(site), account: or_0(account), key: or_0(key) })
    }

    pub(crate) fn removed_sites(&self) -> Answer<Vec<u32>> {
        self.up()?;
        let rows = self.sites.lock().unwrap();
        Ok(rows.iter().filter(|row| row.removed == 1).map(|row| row.id).collect())
    }

    pub(crate) fn delete_site_rows(&self, site: u32) -> Answer<Erased> {
        self.up()?;
        self.deleted.lock().unwrap().push(site);
        Ok(Erased::default())
    }

    pub(crate) fn erase(&self, selection: &Selection) -> Answer<Erased> {
        self.up()?;
        self.erased.lock().unwrap().push(selection.clone());
        Ok(Erased { rows: self.count_rows()?, ..Erased::default() })
    }

    pub(crate) fn count_rows(&self) -> Answer<BTreeMap<String, u64>> {
        self.up()?;
        let counts = [("open_events", 3), ("hits", 5), ("totals", 0)];
        Ok(counts.map(|(table, rows)| (table.to_owned(), rows)).into())
    }

    pub(crate) fn enforce_retention(&self, retention: &Retention) -> Answer<Enforced> {
        self.up()?;
        *self.retention.lock().unwrap() = Some(retention.clone());
        Ok(Enforced::default())
    }

    pub(crate) fn all_keys(&self) -> Vec<KeyRow> {
        self.keys.lock().unwrap().clone()
    }

    pub(crate) fn all_logins(&self) -> Vec<LoginRow> {
        self.logins.lock().unwrap().clone()
    }
}

fn last<R: Clone, K: PartialEq>(
    rows: &[R],
    key: impl Fn(&R) -> K,
    version: impl Fn(&R) -> u64,
    removed: impl Fn(&R) -> u8,
) -> Vec<R> {
    let newer = |row: &R| rows.iter().any(|o| key(o) == key(row) && version(o) > version(row));
    rows.iter().filter(|row| !newer(row) && removed(row) == 0).cloned().collect()
}

//! Where the rows of settings lie: the database, or memory in tests of this folder.
//!
//! It adds nothing to the rows. Only one process of a database writes them.

use std::collections::BTreeMap;

use crate::account::error::AccountError;
use crate::store::{
    AccountRow, Enforced, Erased, KeyRow, LoginRow, Retention, Selection, SiteRow, Store,
};

#[cfg(test)]
use crate::account::tests::memory::Tables;

/// The highest numbers ever given, removed rows included; 0 when there was none.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HighestIds {
    pub(super) site: u32,
    pub(super) account: u32,
    pub(super) key: u32,
}

/// The rows of settings.
#[derive(Clone)]
pub(super) enum Shelf {
    Store(Store),
    #[cfg(test)]
    Memory(std::sync::Arc<Tables>),
}

impl Shelf {
    pub(super) async fn sites(&self) -> Result<Vec<SiteRow>, AccountError> {
        match self {
            Self::Store(store) => Ok(store.sites().await?),
            #[cfg(test)]
            Self::Memory(tables) => tables.sites(),
        }
    }

    pub(super) async fn put_site(&self, row: SiteRow) -> Result<(), AccountError> {
        match self {
            Self::Store(store) => Ok(store.put_site(&row).await?),
            #[cfg(test)]
            Self::Memory(tables) => tables.put_site(row),
        }
    }

    pub(super) async fn accounts(&self) -> Result<Vec<AccountRow>, AccountError> {
        match self {
            Self::Store(store) => Ok(store.accounts().await?),
            #[cfg(test)]
            Self::Memory(tables) => tables.accounts(),
        }
    }

    pub(super) async fn put_account(&self, row: AccountRow) -> Result<(), AccountError> {
        match self {
            Self::Store(store) => Ok(store.put_account(&row).await?),
            #[cfg(test)]
            Self::Memory(tables) => tables.put_account(row),
        }
    }

    pub(super) async fn logins(&self) -> Result<Vec<LoginRow>, AccountError> {
        match self {
            Self::Store(store) => Ok(store.logins().await?),
            #[cfg(test)]
            Self::Memory(tables) => tables.logins(),
        }
    }

    pub(super) async fn put_login(&self, row: LoginRow) -> Result<(), AccountError> {
        match self {
            Self::Store(store) => Ok(store.put_login(&row).await?),
            #[cfg(test)]
            Self::Memory(tables) => tables.put_login(row),
        }
    }

    pub(super) async fn keys(&self) -> Result<Vec<KeyRow>, AccountError> {
        match self {
            Self::Store(store) => Ok(store.api_keys().await?),
            #[cfg(test)]
            Self::Memory(tables) => tables.keys(),
        }
    }

    pub(super) async fn put_key(&self, row: KeyRow) -> Result<(), AccountError> {
        match self {
            Self::Store(store) => Ok(store.put_api_key(&row).await?),
            #[cfg(test)]
            Self::Memory(tables) => tables.put_key(row),
        }
    }

    pub(super) async fn highest_ids(&self) -> Result<HighestIds, AccountError> {
        match self {
            Self::Store(store) => {
                let (site, account, key) = store.highest_ids().await?;
                Ok(HighestIds { site, account, key })
            }
            #[cfg(test)]
            Self::Memory(tables) => tables.highest_ids(),
        }
    }

    /// Numbers of sites that were removed.
    pub(super) async fn removed_sites(&self) -> Result<Vec<u32>, AccountError> {
        match self {
            Self::Store(store) => Ok(store.removed_sites().await?),
            #[cfg(test)]
            Self::Memory(tables) => tables.removed_sites(),
        }
    }

    /// Deletes the event rows of a site; done when they are out of every query.
    pub(super) async fn delete_site_rows(
        &self,
        site: u32,
        now: u32,
    ) -> Result<Erased, AccountError> {
        match self {
            Self::Store(store) => {
                let erased = store.delete_site_rows(site, now).await?;
                store.forget_replaced_sites().await?;
                Ok(erased)
            }
            #[cfg(test)]
            Self::Memory(tables) => tables.delete_site_rows(site),
        }
    }

    /// Deletes event rows; done when they are out of every query.
    pub(super) async fn erase(
        &self,
        selection: &Selection,
        now: u32,
    ) -> Result<Erased, AccountError> {
        match self {
            Self::Store(store) => Ok(store.erase(selection, now).await?),
            #[cfg(test)]
            Self::Memory(tables) => tables.erase(selection),
        }
    }

    /// How many event rows there are, by table.
    pub(super) async fn count_rows(
        &self,
        selection: &Selection,
    ) -> Result<BTreeMap<String, u64>, AccountError> {
        match self {
            Self::Store(store) => Ok(store.count_rows(selection).await?),
            #[cfg(test)]
            Self::Memory(tables) => tables.count_rows(),
        }
    }

    /// Removes event rows that are too old.
    pub(super) async fn enforce_retention(
        &self,
        retention: &Retention,
        now: u32,
    ) -> Result<Enforced, AccountError> {
        match self {
            Self::Store(store) => Ok(store.enforce_retention(retention, now).await?),
            #[cfg(test)]
            Self::Memory(tables) => tables.enforce_retention(retention),
        }
    }
}

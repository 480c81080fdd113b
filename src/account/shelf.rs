//! Where the rows of settings lie: the database, or memory in tests of this folder.
//!
//! It adds nothing to the rows. Only one process of a database writes them.

use crate::account::error::AccountError;
use crate::store::{AccountRow, KeyRow, LoginRow, SiteRow, Store};

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

    /// Deletes the event rows of a site; done when they are out of every query.
    pub(super) async fn delete_site_rows(&self, site: u32) -> Result<(), AccountError> {
        match self {
            Self::Store(store) => Ok(store.delete_site_rows(site).await?),
            #[cfg(test)]
            Self::Memory(tables) => tables.delete_site_rows(site),
        }
    }
}

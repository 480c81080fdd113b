//! The directory of sites: what collecting reads on every event, kept fresh from the database.
//!
//! Reading is lock-free. Until a list was loaded once, from the database or from the cache, there
//! is no snapshot, and collecting answers 503: it never takes "not known yet" for "unknown site".
//! This file does not change settings; `Accounts` does.

use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;

use crate::account::cache::Cache;
use crate::account::error::AccountError;
use crate::account::shelf::Shelf;
use crate::account::snapshot::Snapshot;
use crate::store::Store;

/// How often `refresh` is to be called: a new or revoked key or site is known within 10 s.
pub const REFRESH_EVERY: Duration = Duration::from_secs(5);

/// The sites and keys that a server of this data directory loaded last, from its cache; nothing
/// when there is none.
#[must_use]
pub fn last_known(data_dir: &Path) -> Option<Snapshot> {
    Cache::new(data_dir).read().map(|(sites, keys)| Snapshot::new(&sites, &keys, None))
}

/// The directory of sites and keys.
pub struct Sites {
    shelf: Shelf,
    cache: Arc<Cache>,
    current: ArcSwapOption<Snapshot>,
    /// Hash of what is known to be in the cache.
    cached: Mutex<Option<blake3::Hash>>,
    /// Held while rows are read, so that an older list never replaces a newer one.
    refreshing: tokio::sync::Mutex<()>,
}

impl Sites {
    /// The directory of a database; begins with the cache in `data_dir`, if there is one.
    #[must_use]
    pub fn new(store: Store, data_dir: &Path) -> Self {
        Self::on(Shelf::Store(store), data_dir)
    }

    /// Sites and keys as last loaded; `None` until a list was loaded once.
    #[must_use]
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.current.load_full()
    }

    /// The same for a moment only: quicker, and not to be held while anything is waited for.
    #[must_use]
    pub fn current(&self) -> impl Deref<Target = Option<Arc<Snapshot>>> {
        self.current.load()
    }

    /// Loads sites and keys from the database and, when they changed, writes the cache.
    ///
    /// # Errors
    /// When the database does not answer; the snapshot stays as it was then.
    pub async fn refresh(&self) -> Result<(), AccountError> {
        let alone = self.refreshing.lock().await;
        let mut sites = self.shelf.sites().await?;
        let mut keys = self.shelf.keys().await?;
        sites.sort_by(|a, b| a.domain.cmp(&b.domain));
        keys.sort_by_key(|key| key.id);
        let before = self.current.load_full();
        let snapshot = Snapshot::new(&sites, &keys, before.as_deref());
        self.current.store(Some(Arc::new(snapshot)));
        let bytes = Cache::encode(&sites, &keys);
        self.write_cache(bytes).await;
        drop(alone);
        Ok(())
    }

    pub(super) fn on(shelf: Shelf, data_dir: &Path) -> Self {
        let cache = Arc::new(Cache::new(data_dir));
        let known = cache.read().map(|(sites, keys)| Snapshot::new(&sites, &keys, None));
        Self {
            shelf,
            cache,
            current: ArcSwapOption::from(known.map(Arc::new)),
            cached: Mutex::new(None),
            refreshing: tokio::sync::Mutex::new(()),
        }
    }

    pub(super) fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// A failure is no fault of the list: it is logged, and the next refresh tries again.
    async fn write_cache(&self, bytes: Vec<u8>) {
        let hash = blake3::hash(&bytes);
        if *self.cached.lock().unwrap_or_else(PoisonError::into_inner) == Some(hash) {
            return;
        }
        let cache = Arc::clone(&self.cache);
        match tokio::task::spawn_blocking(move || cache.write(&bytes)).await {
            Ok(Ok(())) => {
                *self.cached.lock().unwrap_or_else(PoisonError::into_inner) = Some(hash);
            }
            Ok(Err(error)) => tracing::warn!(%error, "The cache of settings was not written."),
            Err(_) => {}
        }
    }
}

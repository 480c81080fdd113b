//! Which of several processes with one database may write settings and close days.
//!
//! One row names the owner and until when. The owner renews it; after its end anybody may take it;
//! the same owner (the id of a data directory) takes its own over at once. Clocks of the machines
//! must agree to within a few seconds. It is not needed with the embedded engine.

use std::time::Duration;

use crate::store::Store;
use crate::store::client::{execute, rows};
use crate::store::error::StoreError;

/// How far ahead a lease reaches, in seconds; renew it every 10.
pub const LEASE_SECONDS: u32 = 30;
/// Name of the one lease there is.
const NAME: &str = "all";
/// A condition of a statement: nobody but `{owner:String}` has taken the lease.
///
/// It holds the statements of one who looked, fell asleep, and goes on when another has taken over.
/// The other one stops what is running, after it took the lease: so a statement is either stopped,
/// or done before the other one looks, or sees the other's name.
pub const NOT_TAKEN_OVER: &str =
    "(SELECT any(owner) FROM leases FINAL WHERE name = 'all') = {owner:String}";
/// How long a foreign lease is left alone after it was taken, before it counts as ours: two
/// processes that take it at once write within this time, and both then read the same winner.
const SETTLE: Duration = Duration::from_secs(1);

/// The lease of one owner.
#[derive(Debug, Clone)]
pub struct Lease {
    owner: String,
}

/// Why there is no lease.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Somebody else has it.
    #[error(
        "another headcount with role all uses this database (owner {owner}, for {seconds} more \
         seconds): stop it first, or start this one with role = \"collect\""
    )]
    Held {
        /// The id of its data directory.
        owner: String,
        /// How long it has it, unless it renews.
        seconds: u32,
    },
    /// The database refuses or is away.
    #[error("the lease: {0}")]
    Store(#[from] StoreError),
}

/// The row of the lease.
#[derive(Debug, Clone, PartialEq, Eq, clickhouse::Row, serde::Deserialize)]
struct LeaseRow {
    owner: String,
    until: u32,
    version: u64,
}

impl Lease {
    /// The lease that `owner`, a random id kept in the data directory, wants to have.
    #[must_use]
    pub const fn new(owner: String) -> Self {
        Self { owner }
    }

    /// Whose lease it is.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Takes or renews the lease until `now` + 30 s.
    ///
    /// # Errors
    /// `Held` when somebody else has it.
    pub async fn acquire(&self, store: &Store, now: u32) -> Result<(), LeaseError> {
        let found = read(store).await?;
        refuse_foreign(found.as_ref(), &self.owner, now)?;
        let version = found.as_ref().map_or(0, |row| row.version) + 1;
        let until = now.saturating_add(LEASE_SECONDS);
        write(store, &LeaseRow { owner: self.owner.clone(), until, version }).await?;
        if found.is_some_and(|row| row.owner == self.owner) {
            return Ok(());
        }
        tokio::time::sleep(SETTLE).await;
        refuse_foreign(read(store).await?.as_ref(), &self.owner, now)
    }

    /// Whether nobody else has the lease.
    ///
    /// # Errors
    /// `Held` when somebody else has it.
    pub async fn check(&self, store: &Store, now: u32) -> Result<(), LeaseError> {
        match read(store).await {
            Err(error) if error.is_unknown_table() => Ok(()),
            found => refuse_foreign(found?.as_ref(), &self.owner, now),
        }
    }

    /// Gives the lease back; nothing happens when it is somebody else's.
    ///
    /// # Errors
    /// When the database refuses or is away.
    pub async fn release(&self, store: &Store, now: u32) -> Result<(), LeaseError> {
        let Some(found) = read(store).await? else { return Ok(()) };
        if found.owner != self.owner {
            return Ok(());
        }
        let version = found.version + 1;
        Ok(write(store, &LeaseRow { until: now, version, ..found }).await?)
    }
}

fn refuse_foreign(found: Option<&LeaseRow>, owner: &str, now: u32) -> Result<(), LeaseError> {
    match found {
        Some(row) if row.owner != owner && row.until > now => {
            Err(LeaseError::Held { owner: row.owner.clone(), seconds: row.until - now })
        }
        _ => Ok(()),
    }
}

async fn read(store: &Store) -> Result<Option<LeaseRow>, StoreError> {
    let text = "SELECT owner, until, version FROM leases FINAL WHERE name = {name:String}";
    let query = store.clients.settings.query_raw(text).param("name", NAME);
    Ok(rows::<LeaseRow>(query).await?.pop())
}

async fn write(store: &Store, row: &LeaseRow) -> Result<(), StoreError> {
    let text = "INSERT INTO leases (name, owner, until, version) SETTINGS async_insert = 0 \
        SELECT {name:String}, {owner:String}, {until:DateTime('UTC')}, {version:UInt64}";
    let query = store
        .clients
        .settings
        .query_raw(text)
        .param("name", NAME)
        .param("owner", &row.owner)
        .param("until", row.until)
        .param("version", row.version);
    execute(query).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(owner: &str, until: u32) -> LeaseRow {
        LeaseRow { owner: owner.to_owned(), until, version: 1 }
    }

    #[test]
    fn a_living_foreign_lease_is_refused_by_name() {
        let error = refuse_foreign(Some(&row("first", 110)), "second", 100).unwrap_err();
        assert!(error.to_string().contains("owner first, for 10 more"), "{error}");
    }

    #[test]
    fn ones_own_an_ended_and_no_lease_can_be_taken() {
        assert!(refuse_foreign(Some(&row("me", 110)), "me", 100).is_ok());
        assert!(refuse_foreign(Some(&row("first", 100)), "second", 100).is_ok());
        assert!(refuse_foreign(None, "me", 100).is_ok());
    }
}

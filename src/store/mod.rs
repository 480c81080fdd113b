//! The only folder that speaks to ClickHouse: inserting rows, reading them, settings, tables.
//!
//! Promises: no error message and no log line of this folder holds a row, a value or a statement
//! with values; reports run as a user that cannot write; a request that was sent is always read to
//! its end, even when nobody waits for it any more. What the rows mean is not its business.

pub mod audit;
mod client;
mod closing;
mod columns;
mod deliver;
pub mod drain;
mod error;
mod frames;
pub mod lease;
mod migrate;
mod masks;
pub mod native;
mod parts;
mod purge;
mod retention;
mod rowbinary;
pub mod row;
mod schema_files;
mod select;
mod settings;
pub mod spools;
pub mod tally;
mod verify;

use std::sync::Arc;

pub use closing::Bounds;
pub use error::{Limit, StoreError};
pub use migrate::MigrateError;
pub use purge::{Erased, Selection};
pub use retention::{Enforced, Retention};
pub use select::{Param, Statement};
pub use settings::{AccountRow, KeyRow, LoginRow, SiteRow};

use client::Clients;

/// A user of the database. Shows no password: it has no `Debug`.
#[derive(Clone)]
pub struct Credentials {
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: String,
}

/// Where the database is and as whom to speak to it. The four users may be one.
#[derive(Clone)]
pub struct Access {
    /// Such as `http://127.0.0.1:8123`.
    pub url: String,
    /// Name of the database.
    pub database: String,
    /// Inserts events and looks up which batches exist.
    pub insert: Credentials,
    /// Reads events and totals.
    pub read: Credentials,
    /// Reads and writes settings.
    pub settings: Credentials,
    /// Creates and changes tables.
    pub schema: Credentials,
}

/// A client of the database; clones share their connections.
#[derive(Clone)]
pub struct Store {
    clients: Arc<Clients>,
}

impl Store {
    /// A client; nothing is sent yet.
    #[must_use]
    pub fn new(access: Access) -> Self {
        Self { clients: Arc::new(Clients::new(access)) }
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.clients.ping().await
    }
}

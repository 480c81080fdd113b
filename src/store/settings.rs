//! Rows of settings: sites, accounts, logins, keys.
//!
//! A row is changed by putting it again with a higher version, and removed by putting it with
//! `removed` = 1. Only the newest version of a row is read. What the fields mean and who may write
//! is the business of `account`.

use std::time::Duration;

use clickhouse::{Row, RowOwned, RowRead, RowWrite};
use serde::{Deserialize, Serialize};

use crate::model::Day;
use crate::store::Store;
use crate::store::client::{rows, within};
use crate::store::error::StoreError;

/// How long writing one row may take.
const PUT_LIMIT: Duration = Duration::from_secs(30);

/// A row of `sites`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct SiteRow {
    /// Its number, never given twice.
    pub id: u32,
    /// Its name.
    pub domain: String,
    /// IANA name of its zone.
    pub timezone: String,
    /// Hosts whose pages count; empty for the domain and its subdomains.
    pub hostnames: Vec<String>,
    /// Rules for what is collected, as JSON; empty for none.
    pub rules: String,
    /// Least visitors of a shown group; 0 for the program's.
    pub threshold: u32,
    /// Months for which rows are kept; 0 for the program's.
    pub retention_months: u8,
    /// Seconds since 1970.
    pub created: u32,
    /// 1 when it was removed.
    pub removed: u8,
    /// Time of this version, seconds since 1970.
    pub changed: u32,
    /// The highest one holds.
    pub version: u64,
}

/// A row of `accounts`. It holds a mail address and a password hash: no `Debug`.
#[derive(Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct AccountRow {
    /// Its number, never given twice.
    pub id: u32,
    /// The mail address.
    pub email: String,
    /// The hash of the password.
    pub password: String,
    /// The role, such as `owner`.
    pub role: String,
    /// Seconds since 1970.
    pub created: u32,
    /// 1 when it was removed.
    pub removed: u8,
    /// Time of this version, seconds since 1970.
    pub changed: u32,
    /// The highest one holds.
    pub version: u64,
}

/// A row of `logins`. No `Debug`, as it names a secret's hash.
#[cfg_attr(test, derive(Debug))]
#[derive(Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct LoginRow {
    /// blake3 of the token, hexadecimal.
    pub hash: String,
    /// Number of the account.
    pub account: u32,
    /// Seconds since 1970.
    pub created: u32,
    /// Seconds since 1970.
    pub expires: u32,
    /// 1 when it was ended.
    pub removed: u8,
    /// The highest one holds.
    pub version: u64,
}

/// A row of `api_keys`. No `Debug`, as it names a secret's hash.
#[cfg_attr(test, derive(Debug))]
#[derive(Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct KeyRow {
    /// Its number, never given twice.
    pub id: u32,
    /// blake3 of the key, hexadecimal.
    pub hash: String,
    /// `read`, `send` or `admin`.
    pub scope: String,
    /// 1 when it is for all sites.
    pub all_sites: u8,
    /// Numbers of its sites.
    pub sites: Vec<u32>,
    /// What its owner calls it.
    pub name: String,
    /// Seconds since 1970.
    pub created: u32,
    /// Last day on which it works; day 0 for ever.
    #[serde(with = "days")]
    pub expires: Day,
    /// Last day on which it was used; day 0 for never.
    #[serde(with = "days")]
    pub last_used: Day,
    /// 1 when it was revoked.
    pub removed: u8,
    /// Time of this version, seconds since 1970.
    pub changed: u32,
    /// The highest one holds.
    pub version: u64,
}

/// `Date` is the number of days.
mod days {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::model::Day;

    pub(super) fn serialize<S: Serializer>(day: &Day, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(day.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Day, D::Error> {
        u16::deserialize(input).map(Day)
    }
}

impl Store {
    /// All sites, removed ones not.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached; so for all functions here.
    pub async fn sites(&self) -> Result<Vec<SiteRow>, StoreError> {
        self.standing("sites", "id").await
    }

    /// Numbers of sites that were removed.
    ///
    /// # Errors
    /// As [`Store::sites`].
    pub async fn removed_sites(&self) -> Result<Vec<u32>, StoreError> {
        let text = "SELECT id FROM sites FINAL WHERE removed = 1 ORDER BY id";
        rows::<u32>(self.clients.settings.query_raw(text)).await
    }

    /// Writes a site.
    ///
    /// # Errors
    /// As [`Store::sites`].
    pub async fn put_site(&self, row: &SiteRow) -> Result<(), StoreError> {
        self.put("sites", row.clone()).await
    }

    /// All accounts, removed ones not.
    ///
    /// # Errors
    /// As [`Store::sites`].
    pub async fn accounts(&self) -> Result<Vec<AccountRow>, StoreError> {
        self.standing("accounts", "id").await
    }

    /// Writes an account.
    ///
    /// # Errors
    /// As [`Store::sites`].
    pub async fn put_account(&self, row: &AccountRow) -> Result<(), StoreError> {
        self.put("accounts", row.clone()).await
    }

    /// All logins that were not ended; expired ones may be among them.
    ///
    /// # Errors
    /// As [`Store::sites`].
    pub async fn logins(&self) -> Result<Vec<LoginRow>, StoreError> {
        self.standing("logins", "created").await
    }

    /// Writes a login.
    ///
    /// # Errors
    /// As [`Store::sites`].
    pub async fn put_login(&self, row: &LoginRow) -> Result<(), StoreError> {
        self.put("logins", row.clone()).await
    }

    /// All keys that were not revoked; expired ones are among them.
    ///
    /// # Errors
    /// As [`Store::sites`].
    pub async fn api_keys(&self) -> Result<Vec<KeyRow>, StoreError> {
        self.standing("api_keys", "id").await
    }

    /// Writes a key.
    ///
    /// # Errors
    /// As [`Store::sites`].
    pub async fn put_api_key(&self, row: &KeyRow) -> Result<(), StoreError> {
        self.put("api_keys", row.clone()).await
    }

    /// The highest numbers of sites, accounts and keys that are known, removed ones included;
    /// 0 when there is none.
    ///
    /// # Errors
    /// As [`Store::sites`].
    pub async fn highest_ids(&self) -> Result<(u32, u32, u32), StoreError> {
        let text = "SELECT (SELECT max(id) FROM sites) AS site, \
            (SELECT max(id) FROM accounts) AS account, (SELECT max(id) FROM api_keys) AS key";
        let text =
            format!("SELECT ifNull(site, 0), ifNull(account, 0), ifNull(key, 0) FROM ({text})");
        let found = rows::<(u32, u32, u32)>(self.clients.settings.query_raw(&text)).await?;
        found.first().copied().ok_or(StoreError::BadAnswer("no row"))
    }

    async fn standing<T>(&self, table: &str, order: &str) -> Result<Vec<T>, StoreError>
    where
        T: Row + RowOwned + RowRead + Send + 'static,
    {
        let columns = T::COLUMN_NAMES.join(", ");
        let text =
            format!("SELECT {columns} FROM {table} FINAL WHERE removed = 0 ORDER BY {order}");
        rows::<T>(self.clients.settings.query_raw(&text)).await
    }

    async fn put<T>(&self, table: &'static str, row: T) -> Result<(), StoreError>
    where
        T: RowOwned + RowWrite + Clone + Send + Sync + 'static,
    {
        // A row that arrives twice is one row: when the connection broke it is simply sent again.
        match self.put_once(table, row.clone()).await {
            Err(error) if error.is_broken_connection() => self.put_once(table, row).await,
            done => done,
        }
    }

    async fn put_once<T>(&self, table: &'static str, row: T) -> Result<(), StoreError>
    where
        T: RowOwned + RowWrite + Send + Sync + 'static,
    {
        let client = self.clients.settings.clone().with_validation(false);
        within(PUT_LIMIT, async move {
            let mut insert = client.insert::<T>(table).await?.with_setting("async_insert", "0");
            insert.write(&row).await?;
            Ok(insert.end().await?)
        })
        .await
    }
}

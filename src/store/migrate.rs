//! Brings the tables to this program's version: each SQL file once, in order.
//!
//! `schema_versions` says what was applied and with which text. A file whose text has changed
//! since, or a database that knows more files than this program, ends with an error before
//! anything is touched. Statements are written so that a file that was applied half way can be
//! applied again. Only one process of a database may call it at a time.

use crate::model::now;
use crate::store::Store;
use crate::store::client::{execute, rows};
use crate::store::error::StoreError;
use crate::store::schema_files::{FILES, SchemaFile, statements};

/// Longest retention, in months.
const MAX_RETENTION_MONTHS: u32 = 25;

/// Tables whose rows are kept for `retention_months`, the column that says from when, and months
/// beyond: what says that a day is closed must not go before the rows of that day.
const RETAINED: [(&str, &str, u32); 9] = [
    ("open_events", "day", 0),
    ("outcomes", "day", 0),
    ("kept_back", "day", 0),
    ("vitals", "day", 0),
    ("script_errors", "day", 0),
    ("hits", "day", 0),
    ("totals", "day", 0),
    ("closed_batches", "day", 1),
    ("closed_days", "day", 1),
];

/// The table of applied files.
const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS schema_versions
(
    version UInt32,
    name String,
    checksum String,
    applied DateTime('UTC')
)
ENGINE = MergeTree
ORDER BY version
TTL toDate(applied) + INTERVAL 50 YEAR
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1,
    min_compressed_bytes_to_fsync_after_merge = 1, max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000, non_replicated_deduplication_window = 0";

/// Why the tables could not be brought to this version.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database cannot do it or is away.
    #[error("{step}: {error}")]
    Store {
        /// What was tried.
        step: String,
        /// Why not.
        error: StoreError,
    },
    /// The database was used by a later version of this program.
    #[error(
        "the database has schema {found}, but this headcount knows {known} only: \
         start the newer headcount, or restore a backup made before it"
    )]
    Newer {
        /// Newest file the database knows.
        found: String,
        /// Newest file this program knows.
        known: String,
    },
    /// A file was changed after it was applied.
    #[error(
        "schema {name} was applied with another text than this headcount has: \
         this program and this database do not belong together"
    )]
    Changed {
        /// The file.
        name: String,
    },
    /// Out of bounds.
    #[error("retention_months is {0}: use 1 to {MAX_RETENTION_MONTHS}")]
    Retention(u32),
}

/// A file as the database knows it.
#[derive(Debug, Clone, PartialEq, Eq, clickhouse::Row, serde::Deserialize)]
struct Applied {
    version: u32,
    name: String,
    checksum: String,
}

impl Store {
    /// Creates the database if need be, applies the files that are missing, and sets how long rows
    /// are kept. Answers the names of the applied files, such as `1_events`.
    ///
    /// # Errors
    /// When the database is newer than the program, belongs to another, or cannot be reached.
    pub async fn migrate(&self, retention_months: u32) -> Result<Vec<String>, MigrateError> {
        if !(1..=MAX_RETENTION_MONTHS).contains(&retention_months) {
            return Err(MigrateError::Retention(retention_months));
        }
        self.create_database().await?;
        self.run_schema("create schema_versions", VERSIONS).await?;
        let applied = self.applied().await?;
        let mut names = Vec::new();
        for file in missing(FILES, &applied)? {
            for statement in statements(file.sql) {
                self.run_schema(&format!("apply schema {}", file.label()), &statement).await?;
            }
            self.record(file).await?;
            names.push(file.label());
        }
        self.retain(retention_months).await?;
        Ok(names)
    }

    /// Names of the files that [`Store::migrate`] would apply.
    ///
    /// # Errors
    /// As [`Store::migrate`]; a database without our tables is not an error.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, MigrateError> {
        let applied = match self.applied().await {
            Err(MigrateError::Store { error, .. }) if error.is_unknown_table() => Vec::new(),
            applied => applied?,
        };
        Ok(missing(FILES, &applied)?.iter().map(|file| file.label()).collect())
    }

    async fn create_database(&self) -> Result<(), MigrateError> {
        let name = &self.clients.database;
        let client = self.clients.schema.clone().with_database("system");
        let known = client
            .query_raw("SELECT count() FROM system.databases WHERE name = {name:String}")
            .param("name", name);
        let step = || "create the database".to_owned();
        let found = rows::<u64>(known)
            .await
            .map_err(|error| MigrateError::Store { step: step(), error })?;
        if found.first() == Some(&1) {
            return Ok(());
        }
        let create = client.query_raw("CREATE DATABASE IF NOT EXISTS {name:Identifier}");
        execute(create.param("name", name))
            .await
            .map_err(|error| MigrateError::Store { step: step(), error })
    }

    async fn applied(&self) -> Result<Vec<Applied>, MigrateError> {
        let text = "SELECT version, name, checksum FROM schema_versions ORDER BY version";
        rows::<Applied>(self.clients.schema.query_raw(text))
            .await
            .map_err(|error| MigrateError::Store { step: "read schema_versions".to_owned(), error })
    }

    async fn record(&self, file: &SchemaFile) -> Result<(), MigrateError> {
        let text = "INSERT INTO schema_versions SETTINGS async_insert = 0 \
            SELECT {version:UInt32}, {name:String}, {checksum:String}, {applied:DateTime('UTC')}";
        let query = self
            .clients
            .schema
            .query_raw(text)
            .param("version", file.version)
            .param("name", file.name)
            .param("checksum", file.checksum())
            .param("applied", now());
        execute(query).await.map_err(|error| MigrateError::Store {
            step: format!("record schema {}", file.label()),
            error,
        })
    }

    /// Sets the retention of every table that has another one.
    async fn retain(&self, months: u32) -> Result<(), MigrateError> {
        let text = "SELECT name, engine_full FROM system.tables WHERE database = {name:String}";
        let query = self.clients.schema.query_raw(text).param("name", &self.clients.database);
        let step = "read the retention".to_owned();
        let tables = rows::<(String, String)>(query)
            .await
            .map_err(|error| MigrateError::Store { step, error })?;
        for (table, column, more) in RETAINED {
            let months = months + more;
            let found = tables.iter().find(|(name, _)| name == table);
            if let Some((_, engine)) = found
                && !engine.contains(&format!("TTL {column} + toIntervalMonth({months})"))
            {
                let alter =
                    format!("ALTER TABLE {table} MODIFY TTL {column} + INTERVAL {months} MONTH");
                self.run_schema(&format!("set the retention of {table}"), &alter).await?;
            }
        }
        Ok(())
    }

    async fn run_schema(&self, step: &str, sql: &str) -> Result<(), MigrateError> {
        execute(self.clients.schema.query_raw(sql))
            .await
            .map_err(|error| MigrateError::Store { step: step.to_owned(), error })
    }
}

/// The files that are not applied yet, after a look at those that are.
fn missing<'a>(
    files: &'a [SchemaFile],
    applied: &[Applied],
) -> Result<Vec<&'a SchemaFile>, MigrateError> {
    let known = |version| files.iter().find(|file| file.version == version);
    for found in applied {
        match known(found.version) {
            Some(file) if file.checksum() == found.checksum => {}
            Some(file) => return Err(MigrateError::Changed { name: file.label() }),
            None => {
                return Err(MigrateError::Newer {
                    found: format!("{}_{}", found.version, found.name),
                    known: files.last().map(SchemaFile::label).unwrap_or_default(),
                });
            }
        }
    }
    let done = |file: &&SchemaFile| applied.iter().any(|found| found.version == file.version);
    Ok(files.iter().filter(|file| !done(file)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: [SchemaFile; 2] = [
        SchemaFile { version: 1, name: "one", sql: "SELECT 1" },
        SchemaFile { version: 2, name: "two", sql: "SELECT 2" },
    ];

    fn applied(file: SchemaFile) -> Applied {
        Applied { version: file.version, name: file.name.to_owned(), checksum: file.checksum() }
    }

    #[test]
    fn only_missing_files_are_applied_in_order() {
        let labels = |applied: &[Applied]| -> Vec<String> {
            missing(&TWO, applied).unwrap().iter().map(|file| file.label()).collect()
        };
        assert_eq!(labels(&[]), ["1_one", "2_two"]);
        assert_eq!(labels(&[applied(TWO[0])]), ["2_two"]);
        assert!(labels(&TWO.map(applied)).is_empty());
    }

    #[test]
    fn a_newer_database_is_refused_naming_both() {
        let newer = Applied { version: 3, name: "three".to_owned(), checksum: String::new() };
        let error = missing(&TWO, &[applied(TWO[0]), newer]).unwrap_err().to_string();
        assert!(error.contains("3_three") && error.contains("2_two"), "{error}");
    }

    #[test]
    fn a_changed_file_is_refused() {
        let mut changed = applied(TWO[0]);
        changed.checksum = "other".to_owned();
        let error = missing(&TWO, &[changed]).unwrap_err();
        assert!(matches!(error, MigrateError::Changed { ref name } if name == "1_one"));
    }
}

//! The engine's own door, through `engine/access.json` and the same HTTP as any client.
//!
//! Tests look at what is stored through it, and try what its users must not be able to do.

use std::path::Path;

use serde_json::Value;

use crate::support::http::Client;

/// Tables of the database, by the user who may read them.
pub(crate) const TABLES: [(&str, &[&str]); 2] = [
    ("read", &["open_events", "outcomes", "kept_back", "vitals", "script_errors"]),
    ("settings", &["sites", "accounts", "logins", "api_keys", "leases"]),
];

/// A running engine.
pub(crate) struct ClickHouse {
    access: Value,
}

impl ClickHouse {
    /// Reads `engine/access.json` of a data directory.
    pub(crate) fn open(data: &Path) -> Self {
        let path = data.join("engine/access.json");
        let text =
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { access: serde_json::from_slice(&text).expect("access.json is JSON") }
    }

    /// Runs SQL as one of `insert`, `read`, `settings`, `schema`, or `default` (no password).
    ///
    /// # Errors
    /// The engine's words when it refuses.
    pub(crate) fn query(&self, user: &str, sql: &str) -> Result<Vec<u8>, String> {
        self.query_at("/", user, sql)
    }

    /// [`ClickHouse::query`] under an id.
    ///
    /// # Errors
    /// The engine's words when it refuses.
    pub(crate) fn query_as(&self, user: &str, id: &str, sql: &str) -> Result<Vec<u8>, String> {
        self.query_at(&format!("/?query_id={id}"), user, sql)
    }

    fn query_at(&self, path: &str, user: &str, sql: &str) -> Result<Vec<u8>, String> {
        let url = self.access["url"].as_str().expect("access.json names a url");
        let database = self.access["database"].as_str().expect("access.json names a database");
        let known = &self.access["users"][user];
        let name = known["user"].as_str().unwrap_or(user);
        let password = known["password"].as_str().unwrap_or_default();
        let mut headers = vec![("X-ClickHouse-User", name), ("X-ClickHouse-Database", database)];
        if !password.is_empty() {
            headers.push(("X-ClickHouse-Key", password));
        }
        let answer = Client::new(url).post(path, &headers, sql.as_bytes());
        if answer.status == 200 { Ok(answer.body) } else { Err(answer.text()) }
    }

    /// What a program of its own needs to ask as one of the users: url, database, user, password.
    pub(crate) fn door(&self, user: &str) -> Value {
        let mut door = self.access["users"][user].clone();
        door["url"] = self.access["url"].clone();
        door["database"] = self.access["database"].clone();
        door
    }

    /// Rows of a `SELECT` on event tables, one JSON object each.
    pub(crate) fn rows(&self, sql: &str) -> Vec<Value> {
        let body = self
            .query("read", &format!("{sql} FORMAT JSONEachRow"))
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        let text = String::from_utf8(body).expect("JSON is UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("a row is JSON")).collect()
    }

    /// The first value of a `SELECT` on event tables.
    pub(crate) fn value(&self, sql: &str) -> String {
        let body = self
            .query("read", &format!("{sql} FORMAT TSVRaw"))
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        String::from_utf8_lossy(&body).trim_end_matches('\n').to_owned()
    }

    /// Rows of an event table.
    pub(crate) fn count(&self, table: &str) -> u64 {
        let text = self.value(&format!("SELECT count() FROM {table}"));
        text.parse().unwrap_or_else(|_| panic!("count of {table}: {text}"))
    }

    /// Every stored row, as text and as bytes: what compression on disk would hide.
    pub(crate) fn dump(&self) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        for (user, tables) in TABLES {
            for table in tables {
                for format in ["TSVRaw", "RowBinary"] {
                    let bytes = self
                        .query(user, &format!("SELECT * FROM {table} FORMAT {format}"))
                        .unwrap_or_else(|error| panic!("dump of {table}: {error}"));
                    found.push((format!("table {table} as {format}"), bytes));
                }
            }
        }
        found
    }
}

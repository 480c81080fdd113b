//! Reading for reports: a statement with bound values, rows of JSON values back.
//!
//! Values never become part of the statement's text. The reader is a `readonly` user, so nothing
//! is sent that would be a setting.

use std::time::Duration;

use clickhouse::query::Query;
use serde_json::Value;

use crate::model::Day;
use crate::store::Store;
use crate::store::client::in_turn;
use crate::store::error::{StoreError, TOO_LONG};

/// Longest answer, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// How long one question may take; the engine's reader is stopped after 30 s.
const LIMIT: Duration = Duration::from_secs(60);

/// A `SELECT` with named places for values, such as `{site:UInt32}`.
#[derive(Debug, Clone)]
pub struct Statement {
    /// The text; it holds no value that came from outside.
    pub sql: String,
    /// The values by name.
    pub params: Vec<(String, Param)>,
}

/// A bound value.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// For `String`.
    Str(String),
    /// For unsigned numbers, and for `DateTime` as seconds since 1970.
    U64(u64),
    /// For signed numbers.
    I64(i64),
    /// For `Float64`.
    F64(f64),
    /// For `Date`.
    Date(Day),
    /// For `Array(String)`.
    StrArray(Vec<String>),
    /// For arrays of unsigned numbers.
    U64Array(Vec<u64>),
}

impl Store {
    /// Reads as the reader. Numbers come as JSON numbers, dates as `YYYY-MM-DD`.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached, or the answer is above 64 MiB.
    pub async fn select(&self, statement: Statement) -> Result<Vec<Vec<Value>>, StoreError> {
        fetch(&self.clients.read, &statement).await
    }

    /// Reads as the schema user, which sees all our tables and the system's.
    ///
    /// # Errors
    /// As [`Store::select`].
    pub async fn select_schema(&self, statement: Statement) -> Result<Vec<Vec<Value>>, StoreError> {
        fetch(&self.clients.schema, &statement).await
    }
}

async fn fetch(
    client: &clickhouse::Client,
    statement: &Statement,
) -> Result<Vec<Vec<Value>>, StoreError> {
    let mut query = client.query_raw(&statement.sql);
    for (name, value) in &statement.params {
        query = bind(query, name, value);
    }
    let again = query.clone();
    match in_turn(LIMIT, read(query)).await {
        // A connection that the server closed while it was idle: reading twice does no harm.
        Err(error) if error.is_broken_connection() => in_turn(LIMIT, read(again)).await,
        answer => answer,
    }
}

pub(super) fn bind(query: Query, name: &str, value: &Param) -> Query {
    match value {
        Param::Str(value) => query.param(name, value),
        Param::U64(value) => query.param(name, value),
        Param::I64(value) => query.param(name, value),
        Param::F64(value) => query.param(name, value),
        Param::Date(day) => query.param(name, day.to_string()),
        Param::StrArray(values) => query.param(name, values),
        Param::U64Array(values) => query.param(name, values),
    }
}

pub(super) async fn read(query: Query) -> Result<Vec<Vec<Value>>, StoreError> {
    // The answer is complete before its status is: no error can hide in its middle.
    let mut cursor = query.with_setting("wait_end_of_query", "1").fetch_bytes("JSONCompact")?;
    let mut bytes = Vec::new();
    let mut too_long = false;
    while let Some(chunk) = cursor.next().await? {
        too_long |= bytes.len() + chunk.len() > MAX_ANSWER_BYTES;
        if !too_long {
            bytes.extend_from_slice(&chunk);
        }
    }
    if too_long {
        return Err(StoreError::BadAnswer(TOO_LONG));
    }
    parse(&bytes)
}

#[derive(serde::Deserialize)]
struct Answer {
    meta: Vec<Column>,
    data: Vec<Vec<Value>>,
}

#[derive(serde::Deserialize)]
struct Column {
    #[serde(rename = "type")]
    kind: String,
}

fn parse(bytes: &[u8]) -> Result<Vec<Vec<Value>>, StoreError> {
    let mut answer: Answer =
        serde_json::from_slice(bytes).map_err(|_| StoreError::BadAnswer("it is not JSON"))?;
    // Some servers quote 64-bit numbers; here a number is a number.
    for row in &mut answer.data {
        for (value, column) in row.iter_mut().zip(&answer.meta) {
            if column.kind.starts_with("UInt") || column.kind.starts_with("Int") {
                unquote(value);
            }
        }
    }
    Ok(answer.data)
}

fn unquote(value: &mut Value) {
    let Value::String(text) = value else { return };
    if let Ok(number) = text.parse::<u64>() {
        *value = number.into();
    } else if let Ok(number) = text.parse::<i64>() {
        *value = number.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_numbers_become_numbers_and_text_stays_text() {
        let answer = br#"{"meta":[{"name":"a","type":"UInt64"},{"name":"b","type":"String"},
            {"name":"c","type":"Int64"}],"data":[["18446744073709551615","7","-3"]],"rows":1}"#;
        let rows = parse(answer).unwrap();
        assert_eq!(rows[0][0], u64::MAX);
        assert_eq!(rows[0][1], "7");
        assert_eq!(rows[0][2], -3);
        assert!(parse(b"Code: 1").is_err());
    }
}

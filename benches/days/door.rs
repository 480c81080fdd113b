//! The engine's door: statements over HTTP as one of its users, with what the engine says of them.

use std::io::{Read, Write};
use std::net::TcpStream;

use headcount::engine::{Access, User};
use headcount::store::{Param, Statement};
use serde_json::Value;

/// One statement's answer.
pub(crate) struct Answer {
    /// The text.
    pub(crate) body: String,
    /// What the engine said of its work.
    pub(crate) work: Work,
}

/// `X-ClickHouse-Summary`.
#[derive(Default)]
pub(crate) struct Work {
    pub(crate) milliseconds: f64,
    pub(crate) rows: u64,
    pub(crate) megabytes: f64,
    pub(crate) memory_megabytes: f64,
}

/// Asks as the schema user.
///
/// # Errors
/// The engine's own words.
pub(crate) fn ask(access: &Access, sql: &str, settings: &[(&str, &str)]) -> Result<Answer, String> {
    let settings: Vec<(String, String)> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    send(access, &access.schema, sql, &settings)
}

/// Asks a report's statement as the reader.
///
/// # Errors
/// The engine's own words.
pub(crate) fn ask_bound(
    access: &Access,
    head: &str,
    statement: &Statement,
) -> Result<Answer, String> {
    let mut bound: Vec<(String, String)> = statement
        .params
        .iter()
        .map(|(name, value)| (format!("param_{name}"), text(value)))
        .collect();
    bound.push(("wait_end_of_query".to_owned(), "1".to_owned()));
    send(access, &access.read, &format!("{head}{}", statement.sql), &bound)
}

/// A bound value as the HTTP interface takes it.
fn text(value: &Param) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    match value {
        Param::Str(text) => text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n"),
        Param::U64(number) => number.to_string(),
        Param::I64(number) => number.to_string(),
        Param::F64(number) => number.to_string(),
        Param::Date(day) => day.to_string(),
        Param::StrArray(list) => {
            let list: Vec<String> = list.iter().map(|one| format!("'{}'", escaped(one))).collect();
            format!("[{}]", list.join(","))
        }
        Param::U64Array(list) => {
            let list: Vec<String> = list.iter().map(u64::to_string).collect();
            format!("[{}]", list.join(","))
        }
    }
}

fn send(
    access: &Access,
    user: &User,
    sql: &str,
    query: &[(String, String)],
) -> Result<Answer, String> {
    let address = access.url.trim_start_matches("http://").trim_end_matches('/');
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("database", &access.database)
        .extend_pairs(query)
        .finish();
    let broken = |error: std::io::Error| format!("the engine's door: {error}");
    let mut stream = TcpStream::connect(address).map_err(broken)?;
    write!(
        stream,
        "POST /?{query} HTTP/1.0\r\nX-ClickHouse-User: {}\r\nX-ClickHouse-Key: {}\r\nContent-Length: {}\r\n\r\n{sql}",
        user.user,
        user.password,
        sql.len()
    )
    .map_err(broken)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(broken)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("the engine's door: no answer")?;
    if head.split(' ').nth(1) != Some("200") || body.starts_with("Code: ") {
        return Err(body.chars().take(600).collect());
    }
    Ok(Answer { body: body.trim_end().to_owned(), work: work(head) })
}

fn work(head: &str) -> Work {
    let line = head.lines().find_map(|line| line.strip_prefix("X-ClickHouse-Summary: "));
    let told: Value = line.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let number = |name: &str| {
        told.get(name)
            .and_then(Value::as_str)
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    Work {
        milliseconds: number("elapsed_ns") / 1e6,
        rows: number("read_rows") as u64,
        megabytes: number("read_bytes") / 1e6,
        memory_megabytes: number("memory_usage") / 1e6,
    }
}

//! Asks the running engine for what nobody may have, and wants to be refused.
//!
//! With the right to read files, any local process could read every file of the engine's user
//! through the unnamed user, the passwords among them. So the unnamed user (on both ports) and the
//! reader ask for files, addresses, other people's queries and other people's tables: anything but
//! a clear refusal is an error, and the start ends.

use std::time::Duration;

use crate::engine::access::{Access, User};
use crate::engine::http::{self, HttpError};
use crate::engine::native::{self, Reply};

/// How long one question may take.
const LIMIT: Duration = Duration::from_secs(10);
/// ClickHouse's code for "not enough privileges".
const ACCESS_DENIED: u32 = 497;
/// ClickHouse's code for "cannot do that in readonly mode".
const READONLY: u32 = 164;

/// ClickHouse's code for "there is no such table".
const UNKNOWN_TABLE: u32 = 60;

/// One thing that must not be had.
#[derive(Clone, Copy)]
struct Question {
    what: &'static str,
    sql: &'static str,
    /// It asks for a table of ours, which does not exist before the first migration.
    ours: bool,
}

/// What neither the unnamed user nor the reader may have.
const FORBIDDEN: [Question; 11] = [
    question("files", "SELECT * FROM file('/etc/hostname', 'LineAsString')"),
    question("addresses", "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')"),
    // Reading needs two rights, looking at the shape of a file only the dangerous one.
    question("the shape of files", "DESCRIBE file('/etc/hostname', 'LineAsString')"),
    question("the shape of addresses", "DESCRIBE url('http://127.0.0.1:1/', 'LineAsString')"),
    question("other servers", "SELECT * FROM remote('127.0.0.1:1', 'system', 'one')"),
    question("running queries", "SELECT query FROM system.processes"),
    question("the list of users", "SELECT name FROM system.users"),
    ours("accounts", "SELECT password FROM headcount.accounts"),
    question("creating tables", "CREATE TABLE headcount.self_check (a UInt8) ENGINE = Memory"),
    question("writing files", "INSERT INTO FUNCTION file('self_check', 'CSV', 'a UInt8') SELECT 1"),
    question("shutting down", "SYSTEM SHUTDOWN"),
];
/// What the unnamed user must not have either, though the reader may.
const FORBIDDEN_LOCAL: Question = ours("events", "SELECT count() FROM headcount.open_events");
/// What the reader must not have besides.
const FORBIDDEN_READER: Question =
    question("its own limits", "SELECT 1 SETTINGS max_memory_usage = 0");

/// A right that nobody should have, or a question without an answer.
#[derive(Debug, thiserror::Error)]
pub enum SelfCheckError {
    /// The engine did what it was asked.
    #[error("{who} can get at {what}")]
    Allowed {
        /// The user and the door.
        who: &'static str,
        /// What was asked for.
        what: &'static str,
    },
    /// The engine failed in another way, so nothing is known.
    #[error("{who} asking for {what} was not refused clearly (code {code})")]
    Unclear {
        /// The user and the door.
        who: &'static str,
        /// What was asked for.
        what: &'static str,
        /// ClickHouse's code, 0 when there was none.
        code: u32,
    },
    /// There was no answer.
    #[error("{who} asking for {what} got no answer: {reason}")]
    NoAnswer {
        /// The user and the door.
        who: &'static str,
        /// What was asked for.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

/// Asks everything of the engine behind `access`; `doctor` calls it with what `access.json` says.
///
/// # Errors
/// When anything is not refused, or cannot be asked.
pub async fn run(
    http_port: u16,
    tcp_port: Option<u16>,
    access: &Access,
) -> Result<(), SelfCheckError> {
    for question in FORBIDDEN.into_iter().chain([FORBIDDEN_LOCAL]) {
        refused_http("the unnamed user", http_port, None, question).await?;
    }
    for question in FORBIDDEN.into_iter().chain([FORBIDDEN_READER]) {
        refused_http("the reader", http_port, Some(&access.read), question).await?;
    }
    granted("the unnamed user", http_port, None, |grant| {
        grant == "GRANT SYSTEM LISTEN ON *.* TO default"
    })
    .await?;
    granted("the reader", http_port, Some(&access.read), |grant| {
        grant.starts_with(&format!("GRANT SELECT ON {}.", access.database))
    })
    .await?;
    if let Some(tcp_port) = tcp_port {
        refused_native(http_port, tcp_port).await?;
    }
    Ok(())
}

const fn question(what: &'static str, sql: &'static str) -> Question {
    Question { what, sql, ours: false }
}

const fn ours(what: &'static str, sql: &'static str) -> Question {
    Question { what, sql, ours: true }
}

async fn refused_http(
    who: &'static str,
    port: u16,
    user: Option<&User>,
    question: Question,
) -> Result<(), SelfCheckError> {
    match http::query(port, user, question.sql, LIMIT).await {
        Ok(answer) => {
            judge(who, question, (answer.status != 200).then_some(answer.code.unwrap_or(0)))
        }
        Err(error) => Err(no_answer(who, question.what, &error)),
    }
}

/// Reads the rights of a user: each must be one of those we give.
async fn granted(
    who: &'static str,
    port: u16,
    user: Option<&User>,
    ours: impl Fn(&str) -> bool,
) -> Result<(), SelfCheckError> {
    let what = "more rights than we gave";
    let answer = http::query(port, user, "SHOW GRANTS", LIMIT)
        .await
        .map_err(|error| no_answer(who, what, &error))?;
    if answer.status != 200 {
        return Err(SelfCheckError::Unclear { who, what, code: answer.code.unwrap_or(0) });
    }
    if answer.body.lines().all(|grant| ours(grant.trim())) {
        Ok(())
    } else {
        Err(SelfCheckError::Allowed { who, what })
    }
}

/// Opens the native port, as any local process can, asks there, and closes it again.
async fn refused_native(http_port: u16, tcp_port: u16) -> Result<(), SelfCheckError> {
    let who = "the unnamed user on the native port";
    let open = "SYSTEM START LISTEN TCP";
    if let Err(error) = http::query(http_port, None, open, LIMIT).await {
        return Err(no_answer(who, "a listener", &error));
    }
    let mut result = Ok(());
    for question in FORBIDDEN.into_iter().chain([FORBIDDEN_LOCAL]) {
        result = match native::ask(tcp_port, question.sql, LIMIT).await {
            Ok(Reply::Exception(code)) => judge(who, question, Some(code)),
            Ok(Reply::Accepted) => judge(who, question, None),
            Err(error) => Err(no_answer(who, question.what, &HttpError::Io(error))),
        };
        if result.is_err() {
            break;
        }
    }
    // If it stays open, the rights that were just checked still guard it.
    drop(http::query(http_port, None, "SYSTEM STOP LISTEN TCP", LIMIT).await);
    result
}

/// `code` is that of the exception; `None` means that there was none.
fn judge(who: &'static str, question: Question, code: Option<u32>) -> Result<(), SelfCheckError> {
    let what = question.what;
    match code {
        Some(ACCESS_DENIED | READONLY) => Ok(()),
        Some(UNKNOWN_TABLE) if question.ours => Ok(()),
        Some(code) => Err(SelfCheckError::Unclear { who, what, code }),
        None => Err(SelfCheckError::Allowed { who, what }),
    }
}

fn no_answer(who: &'static str, what: &'static str, error: &HttpError) -> SelfCheckError {
    SelfCheckError::NoAnswer { who, what, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_is_good() {
        let files = FORBIDDEN[0];
        assert!(judge("x", files, Some(ACCESS_DENIED)).is_ok());
        assert!(judge("x", files, Some(READONLY)).is_ok());
        assert!(matches!(judge("x", files, None), Err(SelfCheckError::Allowed { .. })));
        // An unknown table proves nothing about the rights on others.
        let unclear = judge("x", files, Some(UNKNOWN_TABLE));
        assert!(matches!(unclear, Err(SelfCheckError::Unclear { code: 60, .. })));
        assert!(judge("x", FORBIDDEN_LOCAL, Some(UNKNOWN_TABLE)).is_ok());
        assert!(judge("x", FORBIDDEN_LOCAL, None).is_err());
    }
}

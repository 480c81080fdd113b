//! What can go wrong with the database, without a word of what was sent or read.
//!
//! ClickHouse's own messages can quote values. Only its error code and the code's name are kept.

use std::fmt;

/// Why a statement did not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The server understood it and said no; trying again as it is will not help.
    #[error("ClickHouse refused the statement: {0}")]
    Refused(Code),
    /// The server could not do it now, or its answer was lost: it may have been done or not.
    #[error("ClickHouse could not finish the statement: {0}")]
    Ambiguous(Code),
    /// An insert found rows of its batch, and stored nothing.
    #[error(
        "there are rows with the number of this batch already; was a copy of the spool in use?"
    )]
    Taken,
    /// No connection, or it broke: it may have been done or not.
    #[error("ClickHouse cannot be reached")]
    Unreachable,
    /// The answer is not of the agreed form.
    #[error("the answer of ClickHouse cannot be read: {0}")]
    BadAnswer(&'static str),
}

/// An error code of ClickHouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The number, 0 when there was none.
    pub number: u32,
    /// The name, such as `UNKNOWN_TABLE`; empty when there was none.
    pub name: String,
}

/// Codes of statements that are at fault themselves: unknown names, syntax, types, rights.
const REFUSALS: [u32; 44] = [
    6, 8, 10, 16, 20, 26, 27, 32, 33, 36, 38, 39, 41, 42, 43, 44, 46, 47, 49, 50, 51, 53, 57, 60,
    62, 63, 69, 70, 72, 80, 81, 117, 131, 158, 164, 184, 215, 349, 386, 396, 407, 456, 457, 497,
];
/// Codes of limits: `TOO_MANY_ROWS`, `TIMEOUT_EXCEEDED`, `TOO_SLOW`, `MEMORY_LIMIT_EXCEEDED`,
/// `TOO_MANY_BYTES`, `TOO_MANY_ROWS_OR_BYTES`.
const LIMITS: [(u32, Limit); 6] = [
    (158, Limit::Rows),
    (159, Limit::Time),
    (160, Limit::Time),
    (241, Limit::Memory),
    (307, Limit::Rows),
    (396, Limit::Rows),
];
/// Why an answer above our own bound cannot be read.
pub(super) const TOO_LONG: &str = "it is too long";
/// Codes that mean: these rows can never be inserted (they cannot be parsed or converted). Not
/// those of data that end too early (32, 33): then the request was cut short on its way.
const ROW_FAULTS: [u32; 12] = [6, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 407];
/// Code of `throwIf`, which only inserts use.
const THROWN_IF: u32 = 395;
/// Code of a wrong name or password.
const AUTHENTICATION_FAILED: u32 = 516;
/// Code of a statement that wanted more memory than it or the server may use.
const MEMORY_LIMIT_EXCEEDED: u32 = 241;
/// Code of an unknown table, and of an unknown database.
const UNKNOWN_TABLE: u32 = 60;
const UNKNOWN_DATABASE: u32 = 81;

/// What a statement may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The time of one statement.
    Time,
    /// The memory of one statement, or of all that run.
    Memory,
    /// The rows or bytes read or answered.
    Rows,
}

impl StoreError {
    /// The limit of the reader that the statement came up against, if that was it.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::Refused(code) | Self::Ambiguous(code) => {
                LIMITS.iter().find(|(number, _)| *number == code.number).map(|(_, limit)| *limit)
            }
            Self::BadAnswer(reason) if *reason == TOO_LONG => Some(Limit::Rows),
            Self::BadAnswer(_) | Self::Unreachable | Self::Taken => None,
        }
    }

    /// Whether the rows themselves are at fault, so that they can never be inserted.
    #[must_use]
    pub fn is_row_fault(&self) -> bool {
        matches!(self, Self::Refused(code) if ROW_FAULTS.contains(&code.number))
    }

    /// Whether a table or the database does not exist.
    #[must_use]
    pub fn is_unknown_table(&self) -> bool {
        matches!(self, Self::Refused(code)
            if [UNKNOWN_TABLE, UNKNOWN_DATABASE].contains(&code.number))
    }

    /// Whether it wanted more memory than it, or the server, may use.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        matches!(self, Self::Ambiguous(code) if code.number == MEMORY_LIMIT_EXCEEDED)
    }

    /// Whether the same statement may be sent again at once: it reads, and the connection broke.
    pub(super) const fn is_broken_connection(&self) -> bool {
        matches!(self, Self::Unreachable)
    }

    /// The error for an exception text of ClickHouse.
    pub(super) fn of_exception(text: &str) -> Self {
        let code = Code::read(text);
        if code.number == THROWN_IF {
            Self::Taken
        } else if REFUSALS.contains(&code.number) || code.number == AUTHENTICATION_FAILED {
            Self::Refused(code)
        } else {
            Self::Ambiguous(code)
        }
    }
}

impl From<clickhouse::error::Error> for StoreError {
    fn from(error: clickhouse::error::Error) -> Self {
        use clickhouse::error::Error;
        match error {
            Error::Network(_) | Error::TimedOut => Self::Unreachable,
            Error::BadResponse(text) => Self::of_exception(&text),
            Error::SchemaMismatch(_) => Self::BadAnswer("other columns than expected"),
            Error::NotEnoughData => Self::BadAnswer("it ends too early"),
            Error::RowNotFound => Self::BadAnswer("no row"),
            Error::InvalidParams(_) => Self::BadAnswer("the request could not be made"),
            _ => Self::BadAnswer("it is damaged"),
        }
    }
}

impl Code {
    /// Reads `Code: N. DB::Exception: … (NAME) (version …)` and forgets the rest.
    fn read(text: &str) -> Self {
        let number = text
            .split_once("Code: ")
            .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next())
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(0);
        let name = text
            .rsplit('(')
            .map(|part| part.split(')').next().unwrap_or_default())
            .find(|part| {
                part.len() > 3
                    && part
                        .bytes()
                        .all(|b| b.is_ascii_uppercase() || b == b'_' || b.is_ascii_digit())
            })
            .filter(|_| number != 0)
            .unwrap_or_default();
        Self { number, name: name.chars().take(64).collect() }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.number, self.name.as_str()) {
            (0, _) => f.write_str("no code"),
            (number, "") => write!(f, "code {number}"),
            (number, name) => write!(f, "code {number}, {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_holds_no_value() {
        let text = "Code: 457. DB::Exception: Value '/secret/(PATH)/x' cannot be parsed as UInt32 \
            for query parameter 'a' because it isn't parsed completely. (BAD_QUERY_PARAMETER) \
            (version 26.7.2.1)";
        let error = StoreError::of_exception(text);
        assert_eq!(
            error.to_string(),
            "ClickHouse refused the statement: code 457, BAD_QUERY_PARAMETER"
        );
        assert!(!format!("{error:?}").contains("secret"));
    }

    #[test]
    fn a_lost_answer_is_not_a_refusal() {
        let memory =
            "Code: 241. DB::Exception: (total) memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)";
        assert!(StoreError::of_exception(memory).is_out_of_memory());
        assert!(matches!(StoreError::of_exception("502 Bad Gateway"), StoreError::Ambiguous(_)));
        let timed_out = StoreError::from(clickhouse::error::Error::TimedOut);
        assert_eq!(timed_out, StoreError::Unreachable);
    }

    #[test]
    fn limits_are_told_from_other_failures() {
        let limit = |number: u32| {
            StoreError::of_exception(&format!("Code: {number}. DB::Exception: x (X_Y)")).limit()
        };
        assert_eq!([158, 307, 396].map(limit), [Some(Limit::Rows); 3]);
        assert_eq!([159, 160].map(limit), [Some(Limit::Time); 2]);
        assert_eq!(limit(241), Some(Limit::Memory));
        assert_eq!([60, 516, 999, 0].map(limit), [None; 4]);
        assert_eq!(StoreError::BadAnswer(TOO_LONG).limit(), Some(Limit::Rows));
        assert_eq!(StoreError::Unreachable.limit(), None);
    }

    #[test]
    fn a_wrong_password_is_no_fault_of_the_rows() {
        let error = StoreError::of_exception("Code: 516. DB::Exception: x (AUTHENTICATION_FAILED)");
        assert!(matches!(error, StoreError::Refused(_)) && !error.is_row_fault());
        let unknown = StoreError::of_exception("Code: 60. DB::Exception: x (UNKNOWN_TABLE)");
        assert!(unknown.is_unknown_table() && !unknown.is_row_fault());
        let rows = StoreError::of_exception("Code: 53. DB::Exception: x (TYPE_MISMATCH)");
        assert!(rows.is_row_fault());
    }

    #[test]
    fn what_passes_never_makes_rows_bad() {
        // Not now, not all of it, not from us: timeouts, memory, disk, parts, quorum, cut bodies.
        for number in [
            32, 33, 40, 159, 202, 203, 209, 210, 216, 236, 241, 242, 243, 252, 279, 319, 394, 425,
            516, 999, 0,
        ] {
            let error =
                StoreError::of_exception(&format!("Code: {number}. DB::Exception: x (X_Y)"));
            assert!(!error.is_row_fault(), "{number}");
        }
    }
}

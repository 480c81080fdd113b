//! What is wrong with a query, in words that say how to mend it.

use serde_json::Value;

/// Characters of the request that an error repeats.
const MAX_SENT_CHARS: usize = 200;

/// A query that cannot be answered: which field, what was sent, what is allowed.
///
/// `sent` and the message repeat a piece of the request: they belong into the answer, not into
/// a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// The field, such as `metrics` or `filters[0]`; empty for the body as a whole.
    pub field: String,
    /// A sentence with the field, what was sent and what is allowed.
    pub message: String,
    /// What was sent, as JSON, cut after 200 characters.
    pub sent: String,
    /// What is allowed.
    pub allowed: String,
}

impl QueryError {
    pub(crate) fn new(field: &str, sent: &Value, allowed: &str) -> Self {
        Self::of_text(field, &sent.to_string(), allowed)
    }

    pub(crate) fn missing(field: &str, allowed: &str) -> Self {
        Self::of_text(field, "nothing", allowed)
    }

    pub(crate) fn of_text(field: &str, sent: &str, allowed: &str) -> Self {
        let mut cut: String = sent.chars().take(MAX_SENT_CHARS).collect();
        if cut.len() < sent.len() {
            cut.push('…');
        }
        let name = if field.is_empty() { "the query" } else { field };
        Self {
            field: field.to_owned(),
            message: format!("{name}: {cut} was sent; allowed: {allowed}"),
            sent: cut,
            allowed: allowed.to_owned(),
        }
    }
}

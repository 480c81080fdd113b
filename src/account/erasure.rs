//! What is said about deleted rows: how many there were, and when their bytes are gone.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::now;
use crate::store::Erased;

/// What became of rows that were to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// What was done.
    pub erased: Erased,
    /// When the bytes are gone from the disk at the latest, seconds since 1970 UTC.
    pub gone_by: u32,
    /// Whether they were looked for and are gone already.
    pub gone: bool,
    /// Whether nothing of ours runs after the command, so that the time stands still.
    pub stops: bool,
}

impl Erasure {
    /// Just done: the time counts from now.
    #[must_use]
    pub fn new(erased: Erased) -> Self {
        let gone = erased.gone_in == 0 && erased.left.is_empty();
        Self { gone_by: now().saturating_add(erased.gone_in), gone, stops: false, erased }
    }

    /// `TABLE⇥ROWS`, one line a table.
    pub(super) fn lines(&self) -> String {
        self.erased.rows.iter().map(|(table, rows)| format!("{table}\t{rows}\n")).collect()
    }

    /// Adds the numbers to what names the deletion.
    pub(super) fn json(&self, mut value: Value) -> Value {
        if let Value::Object(members) = &mut value {
            members.insert("rows".to_owned(), json!(self.erased.rows));
            members.insert("gone".to_owned(), json!(self.gone));
            members.insert("gone_by".to_owned(), json!(self.moment("%Y-%m-%dT%H:%M:%SZ")));
        }
        value
    }

    /// The sentence for people.
    pub(super) fn words(&self) -> String {
        let rows = self.erased.total();
        if self.erased.goes_on {
            let by = self.moment("%Y-%m-%d %H:%M:%S UTC");
            return format!(
                "{rows} rows are being deleted; the database goes on with it. Their bytes are \
                 gone from disk by {by}, while the server runs."
            );
        }
        if rows == 0 {
            return "There were no rows to delete.".to_owned();
        }
        if self.gone {
            return format!("{rows} rows are deleted; their bytes are gone from disk.");
        }
        let by = self.moment("%Y-%m-%d %H:%M:%S UTC");
        if self.stops {
            let minutes = self.erased.gone_in.div_ceil(60);
            return format!(
                "{rows} rows are deleted; their bytes are gone from disk when the server has run \
                 for {minutes} more minutes."
            );
        }
        let aside = self.erased.left.iter().filter(|part| part.contains("/detached/")).count();
        let mut words = format!("{rows} rows are deleted; their bytes are gone from disk by {by}.");
        if aside > 0 {
            words.push_str(&format!(
                " {aside} parts that the database has set aside as broken may hold some of them \
                 for ever: remove them by hand from the folders named detached."
            ));
        }
        words
    }

    fn moment(&self, format: &str) -> String {
        jiff::Timestamp::from_second(i64::from(self.gone_by))
            .unwrap_or_default()
            .strftime(format)
            .to_string()
    }
}

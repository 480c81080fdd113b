//! Parts of `open_events`: which a day has, and dropping one.

use std::time::Duration;

use crate::model::Day;
use crate::store::Store;
use crate::store::client::{rows, within};
use crate::store::error::StoreError;

/// How long dropping one part may take: the engine waits for merges of the table to end.
const DROP_LIMIT: Duration = Duration::from_secs(600);
/// Code of a part that is not there: it was merged into another, or dropped before.
const NO_SUCH_PART: u32 = 232;

impl Store {
    /// Names of the parts of `open_events` that hold rows of `day`, deleted ones included.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub async fn open_parts(&self, day: Day) -> Result<Vec<String>, StoreError> {
        let text = "SELECT name FROM system.parts WHERE active AND rows > 0 AND \
            database = currentDatabase() AND table = 'open_events' AND \
            toDate(partition) = {day:Date} ORDER BY name";
        let query = self.clients.schema.query_raw(text).param("day", day.to_string());
        rows::<String>(query).await
    }

    /// Drops a part of `open_events`. One that is not there any more is no error: look again.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached: then it may be gone or not.
    pub async fn drop_open_part(&self, name: &str) -> Result<(), StoreError> {
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(StoreError::BadAnswer("a part has an odd name"));
        }
        let text = format!("ALTER TABLE open_events DROP PART '{name}'");
        let query = self
            .clients
            .schema
            .query_raw(&text)
            .with_setting("query_id", format!("close-drop-{name}"));
        match within(DROP_LIMIT, async move { Ok(query.execute().await?) }).await {
            Err(StoreError::Ambiguous(code)) if code.number == NO_SUCH_PART => Ok(()),
            done => done,
        }
    }
}

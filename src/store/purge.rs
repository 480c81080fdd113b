//! Deletes the rows of one site from every table that has any.
//!
//! Done means: no query sees them any more. The bytes go when their parts are merged, at the latest
//! with the table's TTL.

use crate::store::Store;
use crate::store::client::{execute, rows};
use crate::store::error::StoreError;

/// Tables with rows of sites.
const TABLES: [&str; 4] = ["open_events", "outcomes", "hits", "totals"];

impl Store {
    /// Deletes the rows of `site`. Cheap when there are none.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached; some tables may be done then.
    pub async fn delete_site_rows(&self, site: u32) -> Result<(), StoreError> {
        let schema = &self.clients.schema;
        let known = schema
            .query_raw("SELECT name FROM system.tables WHERE database = {name:String}")
            .param("name", &self.clients.database);
        let known = rows::<String>(known).await?;
        for table in TABLES.into_iter().filter(|table| known.iter().any(|name| name == table)) {
            let any =
                format!("SELECT count() FROM (SELECT 1 FROM {table} WHERE site = {site} LIMIT 1)");
            if rows::<u64>(schema.query_raw(&any)).await?.first() != Some(&0) {
                let delete = format!("DELETE FROM {table} WHERE site = {site}");
                execute(schema.query_raw(&delete)).await?;
            }
        }
        Ok(())
    }
}

//! Sizes of what a query selects and leaves out, read once for all lists of a page.
//!
//! They depend on the site, the range and the filters, not on the list: a page of ten lists with one
//! filter would ask ten times at once. What "(other)" must hold over all visitors depends on the
//! list, but not on the filters: the next filter need not ask again. Kept while the state of the
//! rows holds.

use bytes::Bytes;
use serde_json::Value;

use crate::report::Reader;
use crate::report::cache::Cache;
use crate::report::cache::CacheKey;
use crate::report::query::Query;
use crate::store::Statement;
use crate::store::StoreError;

/// A reader that shares what it reads with all who ask the same of the same rows.
pub(crate) struct Sizes<'a, R> {
    /// Where rows are read from.
    pub(crate) reader: &'a R,
    /// Where they are kept.
    pub(crate) cache: &'a Cache,
    /// The query that they belong to.
    pub(crate) query: &'a Query,
}

impl<R: Reader> Reader for Sizes<'_, R> {
    async fn select(&self, statement: Statement) -> Result<Vec<Vec<Value>>, StoreError> {
        if self.query.span.after.is_some() {
            return self.reader.select(statement).await;
        }
        let text = format!("{}|{:?}", statement.sql, statement.params);
        let key = CacheKey::new(self.query.site, 0, &text, &self.query.generations.state);
        let rows = async {
            let rows = self.reader.select(statement).await?;
            serde_json::to_vec(&rows)
                .map(Bytes::from)
                .map_err(|_| StoreError::BadAnswer("it cannot be kept"))
        };
        let rows = self.cache.shared(key, rows).await?;
        serde_json::from_slice(&rows).map_err(|_| StoreError::BadAnswer("it is not JSON"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::sync::atomic::Ordering;

    use serde_json::json;

    use super::*;
    use crate::report::query::tests::query;
    use crate::report::sql;
    use crate::telemetry::Metrics;

    #[derive(Default)]
    struct Counting(AtomicU64);

    impl Reader for Counting {
        async fn select(&self, _: Statement) -> Result<Vec<Vec<Value>>, StoreError> {
            let nth = self.0.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok(vec![vec![json!(nth)]])
        }
    }

    #[tokio::test]
    async fn sizes_are_read_once_for_one_state_of_the_rows() {
        let (reader, cache) = (Counting::default(), Cache::new(&Metrics::new(&[])));
        let filters = json!([["is", "event:page", ["/a"]]]);
        let page = query(&json!({ "dimensions": ["event:page"], "filters": filters })).unwrap();
        let city = query(&json!({ "dimensions": ["visit:city"], "filters": filters })).unwrap();
        let ask = async |query: &Query| {
            let sizes = Sizes { reader: &reader, cache: &cache, query };
            sizes.select(sql::sets(query)).await.unwrap()
        };
        let (one, two) = tokio::join!(ask(&page), ask(&city));
        assert_eq!((&one, reader.0.load(Ordering::Relaxed)), (&two, 1));
        let mut later = page.clone();
        later.generations.state = "another row".to_owned();
        assert_ne!(ask(&later).await, one);
        let other = json!([["is", "event:page", ["/b"]]]);
        let other = query(&json!({ "dimensions": ["event:page"], "filters": other })).unwrap();
        assert_ne!(ask(&other).await, one);
    }
}

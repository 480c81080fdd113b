//! What the questions of a page have in common, read once for all of them.
//!
//! Which days are closed is read anew for every page, but once for its questions that come at the
//! same time ([`Together`]). Sizes ([`Sizes`]) of what a query selects and leaves out depend on the
//! site, the range and the filters, not on the list: a page of ten lists with one filter would ask
//! ten times at once. What "(other)" must hold over all visitors depends on the list, but not on
//! the filters: the next filter need not ask again. They are kept while the state of the rows holds.

use bytes::Bytes;
use serde_json::Value;

use crate::model::SiteId;
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
        let key = key(self.query.site, &statement, &self.query.generations.state);
        unpacked(&self.cache.shared(key, packed(self.reader, statement)).await?)
    }
}

/// A reader of which those who ask the same at the same time get one answer.
pub(crate) struct Together<'a, R> {
    /// Where rows are read from.
    pub(crate) reader: &'a R,
    /// Where those who ask meet.
    pub(crate) cache: &'a Cache,
    /// The site they ask about.
    pub(crate) site: SiteId,
}

impl<R: Reader> Reader for Together<'_, R> {
    async fn select(&self, statement: Statement) -> Result<Vec<Vec<Value>>, StoreError> {
        let key = key(self.site, &statement, "at the same time");
        unpacked(&self.cache.joined(key, packed(self.reader, statement)).await?)
    }
}

fn key(site: SiteId, statement: &Statement, state: &str) -> CacheKey {
    CacheKey::new(site, 0, &format!("{}|{:?}", statement.sql, statement.params), state)
}

async fn packed(reader: &impl Reader, statement: Statement) -> Result<Bytes, StoreError> {
    let rows = reader.select(statement).await?;
    let packed = serde_json::to_vec(&rows).map(Bytes::from);
    packed.map_err(|_| StoreError::BadAnswer("it cannot be kept"))
}

fn unpacked(rows: &Bytes) -> Result<Vec<Vec<Value>>, StoreError> {
    serde_json::from_slice(rows).map_err(|_| StoreError::BadAnswer("it is not JSON"))
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

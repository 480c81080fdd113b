//! Answers that were made before, kept while the state of the data they came from holds.
//!
//! An answer is found under a hash of everything it depends on: site, threshold, the query with its
//! days, and the state of the data. New data means another key, so nothing is ever thrown away for
//! being old; what is not asked for any more gives way to what is. Only answers that were released
//! are kept, as they were sent; no query can be read back from its key.

use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use quick_cache::Weighter;
use quick_cache::sync::Cache as Shelf;

use crate::model::SiteId;
use crate::telemetry::Metrics;

/// Bytes of all kept answers, with what keeping them takes.
const BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Bytes of the largest answer that is kept: larger ones are exports, asked for once.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// What keeping one answer takes beside its bytes: key, counters, places in the lists.
const ENTRY_BYTES: u64 = 128;
/// Answers of this size are expected; only memory for the lists depends on it.
const USUAL_BYTES: u64 = 2048;

/// Under what an answer is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheKey([u8; 32]);

impl CacheKey {
    /// `query`: the query in one fixed spelling, its dates and `now` turned into days. `data`: the
    /// generations and batches that the answer is made of.
    #[must_use]
    pub fn new(site: SiteId, threshold: u32, query: &str, data: &str) -> Self {
        let mut hash = blake3::Hasher::new();
        hash.update(&site.0.to_le_bytes());
        hash.update(&threshold.to_le_bytes());
        for text in [query, data] {
            // The length first, so that no two pairs of texts run together.
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
        Self(*hash.finalize().as_bytes())
    }
}

/// Answers by key.
pub struct Cache {
    shelf: Shelf<CacheKey, Bytes, Weight>,
    hits: Counter,
    misses: Counter,
}

#[derive(Clone)]
struct Weight;

impl Weighter<CacheKey, Bytes> for Weight {
    fn weight(&self, _: &CacheKey, answer: &Bytes) -> u64 {
        ENTRY_BYTES + answer.len() as u64
    }
}

impl Cache {
    /// An empty cache that counts what it finds in `metrics`.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        let entries = usize::try_from(BYTES_MAX / USUAL_BYTES).unwrap_or(usize::MAX);
        Self {
            shelf: Shelf::with_weighter(entries, BYTES_MAX, Weight),
            hits: metrics.query_cache_hits.clone(),
            misses: metrics.query_cache_misses.clone(),
        }
    }

    /// The answer kept under `key`.
    #[must_use]
    pub fn get(&self, key: &CacheKey) -> Option<Bytes> {
        let found = self.shelf.get(key);
        if found.is_some() {
            self.hits.inc()
        } else {
            self.misses.inc()
        };
        found
    }

    /// What is kept under `key`, or what `make` gives, which is kept; of several who ask at once
    /// only one makes it.
    ///
    /// # Errors
    /// Those of `make`.
    pub async fn shared<E>(
        &self,
        key: CacheKey,
        make: impl Future<Output = Result<Bytes, E>>,
    ) -> Result<Bytes, E> {
        self.shelf.get_or_insert_async(&key, make).await
    }

    /// What `make` gives; of several who ask at once only one makes it, and nothing is kept. Who
    /// joins gets what was seen a little before it asked: as long as `make` takes at most.
    ///
    /// # Errors
    /// Those of `make`.
    pub async fn joined<E>(
        &self,
        key: CacheKey,
        make: impl Future<Output = Result<Bytes, E>>,
    ) -> Result<Bytes, E> {
        let made = self.shared(key, make).await;
        self.shelf.remove(&key);
        made
    }

    /// Keeps an answer; one above 1 MiB is not kept.
    pub fn insert(&self, key: CacheKey, answer: Bytes) {
        if answer.len() <= ANSWER_BYTES_MAX {
            self.shelf.insert(key, answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (Cache, Metrics) {
        let metrics = Metrics::new(&[]);
        (Cache::new(&metrics), metrics)
    }

    #[test]
    fn an_answer_is_found_under_its_own_key_only() {
        let (cache, metrics) = cache();
        let key = |site, k, query, data| CacheKey::new(SiteId(site), k, query, data);
        let own = key(1, 5, "visitors", "gen 1");
        cache.insert(own, Bytes::from_static(b"{}"));
        assert_eq!(cache.get(&own).as_deref(), Some(b"{}".as_slice()));
        let others = [
            key(2, 5, "visitors", "gen 1"),
            key(1, 1, "visitors", "gen 1"),
            key(1, 5, "visits", "gen 1"),
            key(1, 5, "visitors", "gen 2"),
            key(1, 5, "visitorsgen", " 1"),
            key(1, 5, "", "visitorsgen 1"),
        ];
        for other in others {
            assert_eq!(cache.get(&other), None);
        }
        assert_eq!((metrics.query_cache_hits.get(), metrics.query_cache_misses.get()), (1, 6));
    }

    #[tokio::test]
    async fn what_is_joined_is_made_once_at_a_time_and_not_kept() {
        let (cache, _metrics) = cache();
        let key = CacheKey::new(SiteId(1), 0, "days", "");
        let made = std::cell::Cell::new(0_u8);
        let ask = || {
            cache.joined(key, async {
                made.set(made.get() + 1);
                tokio::task::yield_now().await;
                Ok::<_, ()>(Bytes::from(vec![made.get()]))
            })
        };
        let (one, two) = tokio::join!(ask(), ask());
        assert_eq!((one.unwrap(), two.unwrap(), made.get()), (vec![1].into(), vec![1].into(), 1));
        assert_eq!((ask().await.unwrap(), made.get()), (vec![2].into(), 2));
        assert_eq!(cache.shelf.len(), 0);
    }

    #[test]
    fn a_key_shows_nothing_of_the_query() {
        let text = format!("{:?}", CacheKey::new(SiteId(1), 5, "/secret/page", "gen 1"));
        assert!(!text.contains("secret") && !text.contains("page"), "{text}");
    }

    #[test]
    fn it_stays_below_its_bound() {
        let (cache, _metrics) = cache();
        for n in 0..1000 {
            let key = CacheKey::new(SiteId(n), 5, "", "");
            cache.insert(key, Bytes::from(vec![0; 100_000]));
            assert!(cache.shelf.weight() <= BYTES_MAX, "after {n}: {}", cache.shelf.weight());
        }
        assert!(cache.shelf.len() > 100, "only {} are kept", cache.shelf.len());
        let large = CacheKey::new(SiteId(1), 5, "export", "");
        cache.insert(large, Bytes::from(vec![0; ANSWER_BYTES_MAX + 1]));
        assert_eq!(cache.get(&large), None);
    }
}

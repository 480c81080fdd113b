//! The numbers of `/metrics`, in the Prometheus text format.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

type OutcomeLabel = [(&'static str, &'static str); 1];

/// Upper bounds of the insert time histogram, in seconds.
const INSERT_SECONDS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// All metrics of the process. Numbers count since start.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    events: Family<OutcomeLabel, Counter>,
    /// Bytes in the spool, active segment included.
    pub spool_bytes: Gauge,
    /// Age of the oldest record that is not in ClickHouse, in seconds; 0 when there is none.
    pub spool_oldest_seconds: Gauge,
    /// Rows that ClickHouse acknowledged.
    pub insert_rows: Counter,
    /// Time of one insert, in seconds.
    pub insert_seconds: Histogram,
    /// Rows that reached a day after it was closed.
    pub late_rows: Counter,
    /// Requests with a forwarded header from a peer that is not trusted.
    pub untrusted_forwarded: Counter,
    /// Inserts whose result was in doubt and that were verified.
    pub verifies: Counter,
    /// Verified partitions that were missing and inserted again.
    pub verify_missing: Counter,
    /// Batches moved to `bad/`.
    pub batches_bad: Counter,
    /// Records of the spool that failed their checksum.
    pub records_corrupt: Counter,
    /// Times the engine was started again.
    pub engine_restarts: Counter,
}

impl Metrics {
    /// Registers everything; each of `outcomes` is present from the start with the value 0.
    #[must_use]
    pub fn new(outcomes: &[&'static str]) -> Self {
        let mut registry = Registry::with_prefix("headcount");
        let events = Family::<OutcomeLabel, Counter>::default();
        for outcome in outcomes {
            drop(events.get_or_create(&[("outcome", *outcome)]));
        }
        registry.register("events", "Events by what became of them", events.clone());
        let spool_bytes: Gauge = Gauge::default();
        registry.register("spool_bytes", "Bytes in the spool", spool_bytes.clone());
        let spool_oldest_seconds: Gauge = Gauge::default();
        registry.register(
            "spool_oldest_seconds",
            "Age of the oldest record not yet in ClickHouse",
            spool_oldest_seconds.clone(),
        );
        let insert_seconds = Histogram::new(INSERT_SECONDS);
        registry.register("insert_seconds", "Time of one insert", insert_seconds.clone());
        let mut counter = |name: &str, help: &str| {
            let counter: Counter<u64, AtomicU64> = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let insert_rows = counter("insert_rows", "Rows acknowledged by ClickHouse");
        let late_rows = counter("late_rows", "Rows that came after their day was closed");
        let untrusted_forwarded =
            counter("untrusted_forwarded", "Forwarded headers from peers that are not trusted");
        let verifies = counter("verifies", "Inserts in doubt that were verified");
        let verify_missing = counter("verify_missing", "Partitions found missing by a verify");
        let batches_bad = counter("batches_bad", "Batches moved to bad/");
        let records_corrupt = counter("records_corrupt", "Spool records with a wrong checksum");
        let engine_restarts = counter("engine_restarts", "Times the engine was started again");
        Self {
            registry,
            events,
            spool_bytes,
            spool_oldest_seconds,
            insert_rows,
            insert_seconds,
            late_rows,
            untrusted_forwarded,
            verifies,
            verify_missing,
            batches_bad,
            records_corrupt,
            engine_restarts,
        }
    }

    /// Counts one event under its outcome.
    pub fn event(&self, outcome: &'static str) {
        self.events.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// The text of `/metrics`.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a String cannot fail");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_present_from_the_start() {
        let metrics = Metrics::new(&["accepted", "bot"]);
        metrics.event("bot");
        let text = metrics.encode();
        assert!(text.contains("headcount_events_total{outcome=\"accepted\"} 0"), "{text}");
        assert!(text.contains("headcount_events_total{outcome=\"bot\"} 1"), "{text}");
        assert!(text.contains("headcount_insert_rows_total 0"), "{text}");
    }
}

//! The numbers of `/metrics`, in the Prometheus text format.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

type Label = [(&'static str, &'static str); 1];

/// Upper bounds of the insert time histogram, in seconds.
const INSERT_SECONDS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Upper bounds of the closing time histogram, in seconds.
const CLOSING_SECONDS: [f64; 10] = [0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0];
/// Upper bounds of the report time histogram, in seconds.
const QUERY_SECONDS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// How a report can end; all are present from the start.
const QUERY_RESULTS: [&str; 5] = ["answered", "refused", "limited", "too_heavy", "failed"];

/// All metrics of the process. Numbers count since start.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// In the order in which the outcomes were given.
    events: Vec<Counter>,
    /// Bytes in the spool, active segment included.
    pub spool_bytes: Gauge,
    /// Age of the oldest record that is not in ClickHouse, in seconds; 0 when there is none.
    pub spool_oldest_seconds: Gauge,
    /// Rows that ClickHouse acknowledged.
    pub insert_rows: Counter,
    /// Time of one insert, in seconds.
    pub insert_seconds: Histogram,
    /// Rows that reached a day after it was closed for good, and were added to it.
    pub late_rows: Counter,
    /// Days published by a closing, again and additions included.
    pub days_closed: Counter,
    /// Rows that closings wrote.
    pub closing_rows: Counter,
    /// Time to close one day, in seconds.
    pub closing_seconds: Histogram,
    /// First instant (UTC) of the last closed day, in seconds since 1970; 0 when none is closed.
    pub closed_through: Gauge,
    /// Days with open rows.
    pub days_open: Gauge,
    /// Collectors that keep a day from being closed.
    pub spools_waiting: Gauge,
    queries: Family<Label, Counter>,
    /// Time of one report, waiting for its turn included, in seconds.
    pub query_seconds: Histogram,
    /// Reports answered from memory.
    pub query_cache_hits: Counter,
    /// Reports that were looked for in memory and not found.
    pub query_cache_misses: Counter,
    /// Requests with a forwarded header from a peer that is not trusted.
    pub untrusted_forwarded: Counter,
    /// Inserts whose result was in doubt and that were verified.
    pub verifies: Counter,
    /// Verified partitions that were missing and inserted again.
    pub verify_missing: Counter,
    /// Batches moved to `bad/`.
    pub batches_bad: Counter,
    /// Days whose accepted events were compared with the stored ones.
    pub audited_days: Counter,
    /// Accepted events of those days that are not stored.
    pub audit_missing_rows: Counter,
    /// Stored rows of those days that were not accepted, or are stored twice.
    pub audit_extra_rows: Counter,
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
        let to = &mut registry;
        Self {
            events: {
                let events =
                    family(to, "events", "Events by what became of them", "outcome", outcomes);
                let counter =
                    |name: &&'static str| events.get_or_create(&[("outcome", *name)]).clone();
                outcomes.iter().map(counter).collect()
            },
            spool_bytes: gauge(to, "spool_bytes", "Bytes in the spool"),
            spool_oldest_seconds: gauge(
                to,
                "spool_oldest_seconds",
                "Age of the oldest record not yet in ClickHouse",
            ),
            insert_rows: counter(to, "insert_rows", "Rows acknowledged by ClickHouse"),
            insert_seconds: histogram(to, "insert_seconds", "Time of one insert", INSERT_SECONDS),
            late_rows: counter(to, "late_rows", "Rows that came after their day was closed"),
            days_closed: counter(to, "days_closed", "Days published by a closing"),
            closing_rows: counter(to, "closing_rows", "Rows that closings wrote"),
            closing_seconds: histogram(
                to,
                "closing_seconds",
                "Time to close one day",
                CLOSING_SECONDS,
            ),
            closed_through: gauge(
                to,
                "closed_through",
                "First instant (UTC, Unix seconds) of the last closed day",
            ),
            days_open: gauge(to, "days_open", "Days with open rows"),
            spools_waiting: gauge(to, "spools_waiting", "Collectors that keep a day from closing"),
            queries: family(to, "queries", "Reports by how they ended", "result", &QUERY_RESULTS),
            query_seconds: histogram(to, "query_seconds", "Time of one report", QUERY_SECONDS),
            query_cache_hits: counter(to, "query_cache_hits", "Reports answered from memory"),
            query_cache_misses: counter(to, "query_cache_misses", "Reports not found in memory"),
            untrusted_forwarded: counter(
                to,
                "untrusted_forwarded",
                "Forwarded headers from peers that are not trusted",
            ),
            verifies: counter(to, "verifies", "Inserts in doubt that were verified"),
            verify_missing: counter(to, "verify_missing", "Partitions found missing by a verify"),
            batches_bad: counter(to, "batches_bad", "Batches moved to bad/"),
            audited_days: counter(to, "audited_days", "Days audited: accepted against stored"),
            audit_missing_rows: counter(
                to,
                "audit_missing_rows",
                "Accepted events that are not stored",
            ),
            audit_extra_rows: counter(to, "audit_extra_rows", "Stored rows above the accepted"),
            records_corrupt: counter(to, "records_corrupt", "Spool records with a wrong checksum"),
            engine_restarts: counter(to, "engine_restarts", "Times the engine was started again"),
            registry,
        }
    }

    /// Counts one event under its outcome: its place in the list that [`new`](Self::new) was given.
    pub fn event(&self, outcome: usize) {
        if let Some(events) = self.events.get(outcome) {
            events.inc();
        }
    }

    /// Counts one report under how it ended: `answered`, `refused` (the asker's mistake),
    /// `limited` (too many at once), `too_heavy` (time, memory or rows), `failed`.
    pub fn query(&self, result: &'static str) {
        self.queries.get_or_create(&[("result", result)]).inc();
    }

    /// The text of `/metrics`.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a String cannot fail");
        text
    }
}

fn counter(registry: &mut Registry, name: &str, help: &str) -> Counter {
    let counter = Counter::default();
    registry.register(name, help, counter.clone());
    counter
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let gauge = Gauge::default();
    registry.register(name, help, gauge.clone());
    gauge
}

fn histogram(registry: &mut Registry, name: &str, help: &str, bounds: [f64; 10]) -> Histogram {
    let histogram = Histogram::new(bounds);
    registry.register(name, help, histogram.clone());
    histogram
}

/// Counters by one label; each of `values` is present from the start.
fn family(
    registry: &mut Registry,
    name: &str,
    help: &str,
    label: &'static str,
    values: &[&'static str],
) -> Family<Label, Counter> {
    let family = Family::<Label, Counter>::default();
    for value in values {
        drop(family.get_or_create(&[(label, *value)]));
    }
    registry.register(name, help, family.clone());
    family
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_present_from_the_start() {
        let metrics = Metrics::new(&["accepted", "bot"]);
        metrics.event(1);
        let text = metrics.encode();
        assert!(text.contains("headcount_events_total{outcome=\"accepted\"} 0"), "{text}");
        assert!(text.contains("headcount_events_total{outcome=\"bot\"} 1"), "{text}");
        assert!(text.contains("headcount_insert_rows_total 0"), "{text}");
        metrics.query("limited");
        let text = metrics.encode();
        assert!(text.contains("headcount_queries_total{result=\"limited\"} 1"), "{text}");
        assert!(text.contains("headcount_queries_total{result=\"answered\"} 0"), "{text}");
    }
}

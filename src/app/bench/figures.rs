//! The result of a run: as a table for people, as JSON for programs, and what to mind about it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::app::bench::Plan;
use crate::app::bench::histogram::Histogram;
use crate::app::bench::tally::Tally;

/// Own delay from which a request counts as late, microseconds.
const LATE_MICROS: u64 = 5_000;
/// Share of late requests, in thousandths, from which the generator cannot keep its times.
const LATE_PER_MILLE: u64 = 10;
/// Share of one processor, in percent, from which a thread of ours is the bottleneck.
const BUSY_PERCENT: u64 = 90;

/// What a run found.
pub struct Figures<'a> {
    /// What was asked for.
    pub plan: &'a Plan,
    /// What was counted.
    pub tally: Tally,
    /// Answers to the requests that looked for the sites, accepted ones.
    pub probes_accepted: u64,
    /// Requests written out.
    pub requests: usize,
    /// Length of the measured time, to its last answer, nanoseconds.
    pub nanos: u64,
}

impl Figures<'_> {
    /// Events accepted in all: warm-up and first look included. So many rows come of the run.
    #[must_use]
    pub fn accepted_in_all(&self) -> u64 {
        self.probes_accepted + self.tally.warm_up.accepted() + self.tally.measured.accepted()
    }

    /// For programs. Times are milliseconds unless their name says otherwise.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let Tally { measured, warm_up, .. } = &self.tally;
        json!({
            "url": self.plan.url,
            "sites": self.plan.sites,
            "loop": if self.plan.rate.is_some() { "open" } else { "closed" },
            "rate": self.plan.rate,
            "connections": self.plan.connections,
            "threads": self.plan.threads,
            "warm_up_seconds": self.plan.warm_up.as_secs_f64(),
            "seconds": seconds(self.nanos),
            "visitors": self.plan.visitors,
            "pages": self.plan.pages,
            "seed": self.plan.seed,
            "requests_written": self.requests,
            "sent": measured.sent,
            "sent_in_all": measured.sent + warm_up.sent,
            "answered": measured.answered,
            "accepted": measured.accepted(),
            "accepted_in_all": self.accepted_in_all(),
            "answered_per_second": self.per_second(measured.answered),
            "accepted_per_second": self.per_second(measured.accepted()),
            "outcomes": measured.outcomes(),
            "statuses": measured.statuses(),
            "errors": measured.failures(),
            "errors_of_warm_up": warm_up.failures(),
            "unsent": self.tally.unsent,
            "latency_ms": times(&self.tally.latency),
            "service_ms": times(&self.tally.service),
            "refused_ms": times(&self.tally.refused),
            "connections_made": self.tally.connections,
            "generator": {
                "cpu_us_per_request": self.cpu_per_request(),
                "busy_percent": self.busy_percent(),
                "lag_ms": times(&self.tally.lag),
                "late": self.late(),
                "is_bottleneck": self.is_bottleneck(),
            },
            "notes": self.notes(),
        })
    }

    /// For people.
    #[must_use]
    pub fn to_table(&self) -> String {
        let Tally { measured, .. } = &self.tally;
        let mut text = String::new();
        let mut row = |name: &str, value: String| {
            // Writing into a text does not fail.
            writeln!(text, "{name:<22}{value}").ok();
        };
        let rate = |count: u64| format!("{count:>10}  {:>9.0} /s", self.per_second(count));
        row(
            "loop",
            match self.plan.rate {
                Some(rate) => format!("open, {rate} events/s intended"),
                None => "closed".to_owned(),
            },
        );
        row("connections", format!("{} ({} made)", self.plan.connections, self.tally.connections));
        row("measured", format!("{:.1} s", seconds(self.nanos)));
        row("sent", rate(measured.sent));
        row("answered", rate(measured.answered));
        for (name, count) in measured.outcomes() {
            row(&format!("  {name}"), rate(count));
        }
        for (status, count) in measured.statuses() {
            row(&format!("  status {status}"), rate(count));
        }
        if self.plan.rate.is_some() {
            row("due but not sent", rate(self.tally.unsent));
        }
        let errors = measured.failures();
        let errors = errors.iter().map(|(name, count)| format!("{count} {name}"));
        row("without answer", errors.collect::<Vec<_>>().join(", "));
        row("", format!("{:>9} {:>9} {:>9} {:>9} {:>9}", "p50", "p90", "p99", "p99.9", "max"));
        let since = if self.plan.rate.is_some() { "latency from due, ms" } else { "latency, ms" };
        row(since, line(&self.tally.latency));
        if self.plan.rate.is_some() {
            row("from sending, ms", line(&self.tally.service));
            row("own delay, ms", line(&self.tally.lag));
        }
        if self.tally.refused.count() > 0 {
            row("refusals, ms", line(&self.tally.refused));
        }
        row(
            "generator",
            format!(
                "{:.1} us of processor a request, {} % of one processor",
                self.cpu_per_request(),
                self.busy_percent()
            ),
        );
        row("rows to expect", self.accepted_in_all().to_string());
        text.trim_end().to_owned()
    }

    /// What to mind about the figures, a sentence each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let outcomes = self.tally.measured.outcomes();
        let count = |name: &str| outcomes.get(name).copied().unwrap_or_default();
        let mut notes = Vec::new();
        let mut note = |applies: bool, text: String| notes.extend(applies.then_some(text));
        note(
            count("limited") > 0,
            format!(
                "{} requests were limited. Perhaps the server takes all of them as from one network: add this machine's address to its --trusted-proxies, so that it believes X-Forwarded-For.",
                count("limited")
            ),
        );
        note(
            self.is_bottleneck(),
            "The generator was a bottleneck: it needed all of its processor or could not keep its times. Use more --threads, or another machine.".to_owned(),
        );
        note(
            self.tally.unsent > 0,
            format!(
                "{} requests were due and not sent, because all connections waited for answers: the server (or the generator) is slower than the rate. They are in no latency.",
                self.tally.unsent
            ),
        );
        note(
            self.tally.measured.accepted() == 0 && count("none") == 0,
            "No event was accepted.".to_owned(),
        );
        notes
    }

    fn per_second(&self, count: u64) -> f64 {
        rounded(count as f64 / seconds(self.nanos).max(1e-9), 10.0)
    }

    fn cpu_per_request(&self) -> f64 {
        rounded(self.tally.cpu as f64 / 1e3 / self.tally.measured.sent.max(1) as f64, 100.0)
    }

    /// Of one processor, by the busiest thread.
    fn busy_percent(&self) -> u64 {
        self.tally.cpu_of_one.saturating_mul(100).checked_div(self.nanos).unwrap_or_default()
    }

    fn late(&self) -> u64 {
        self.tally.lag.above(LATE_MICROS)
    }

    fn is_bottleneck(&self) -> bool {
        let late = self.late().saturating_mul(1000) > self.tally.lag.count() * LATE_PER_MILLE;
        self.busy_percent() >= BUSY_PERCENT || late
    }
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

fn millis(micros: u64) -> f64 {
    micros as f64 / 1e3
}

fn times(histogram: &Histogram) -> Value {
    json!({
        "count": histogram.count(),
        "mean": millis(histogram.mean()),
        "p50": millis(histogram.at(500)),
        "p90": millis(histogram.at(900)),
        "p99": millis(histogram.at(990)),
        "p99_9": millis(histogram.at(999)),
        "max": millis(histogram.max()),
        "above_100_ms": histogram.above(100_000),
    })
}

fn line(histogram: &Histogram) -> String {
    let values = [500, 900, 990, 999].map(|share| histogram.at(share));
    let values = values.into_iter().chain([histogram.max()]);
    let cells = values.map(|micros| format!("{:>9.2}", millis(micros)));
    cells.collect::<Vec<_>>().join(" ")
}

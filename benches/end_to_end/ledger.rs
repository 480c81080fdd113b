//! What the clients were told over a whole measurement, against what the database holds.

use std::time::{Duration, Instant};

use crate::client::Loaded;
use crate::target::Headcount;

/// How long the last rows may take.
const DRAIN_LIMIT: Duration = Duration::from_secs(900);

/// Events acknowledged, and requests that nobody answered.
#[derive(Default)]
pub(crate) struct Ledger {
    acknowledged: u64,
    unknown: u64,
}

impl Ledger {
    /// Adds a run.
    pub(crate) fn add(&mut self, loaded: &Loaded) {
        self.acknowledged += loaded.accepted_in_all();
        self.unknown += loaded.unknown();
    }

    /// Events acknowledged so far.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Waits until the database holds them; how long that took.
    pub(crate) fn wait(&self, headcount: &Headcount) -> Duration {
        let start = Instant::now();
        while headcount.rows() < self.acknowledged {
            assert!(start.elapsed() < DRAIN_LIMIT, "acknowledged events are missing: {self:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        start.elapsed()
    }

    /// Waits until the database holds them and nothing more comes; prints both numbers.
    ///
    /// # Panics
    /// When an event is missing or doubled.
    pub(crate) fn check(&self, headcount: &Headcount) {
        let took = self.wait(headcount);
        // A row too many would come with a later batch.
        std::thread::sleep(Duration::from_secs(3));
        let stored = headcount.rows();
        println!(
            "acknowledged {}, stored {stored} ({:.1} s after the last request; {} requests had no answer)",
            self.acknowledged,
            took.as_secs_f64(),
            self.unknown
        );
        let most = self.acknowledged + self.unknown;
        assert!((self.acknowledged..=most).contains(&stored), "{self:?}, stored {stored}");
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "acknowledged {}, without answer {}", self.acknowledged, self.unknown)
    }
}

//! When each request of an open loop is due, whatever became of those before it.

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// The due times of one thread: evenly spaced, the threads taking turns.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Requests a second of all threads.
    rate: u64,
    threads: u64,
    /// Number of this thread's next request among those of all threads.
    next: u64,
}

impl Schedule {
    /// The turns of `thread` (from 0) of `threads` at `rate` requests a second in all.
    #[must_use]
    pub fn new(rate: u64, thread: u64, threads: u64) -> Self {
        Self { rate: rate.max(1), threads: threads.max(1), next: thread }
    }

    /// When the next request is due, nanoseconds since the start.
    #[must_use]
    pub fn due(&self) -> u64 {
        (self.next / self.rate)
            .saturating_mul(SECOND)
            .saturating_add((self.next % self.rate).saturating_mul(SECOND) / self.rate)
    }

    /// The next request was sent.
    pub fn advance(&mut self) {
        self.next = self.next.saturating_add(self.threads);
    }

    /// How many of this thread's requests that are due before `end` were not sent.
    #[must_use]
    pub fn left(&self, end: u64) -> u64 {
        let before = (end / SECOND)
            .saturating_mul(self.rate)
            .saturating_add(((end % SECOND).saturating_mul(self.rate)).div_ceil(SECOND));
        before.saturating_sub(self.next).div_ceil(self.threads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_evenly_spaced_and_none_is_forgotten() {
        let mut schedule = Schedule::new(4, 0, 1);
        let mut due = Vec::new();
        for _ in 0..6 {
            due.push(schedule.due());
            schedule.advance();
        }
        assert_eq!(due, [0, 250_000_000, 500_000_000, 750_000_000, SECOND, 1_250_000_000]);
        assert_eq!(schedule.left(2 * SECOND), 2);
        assert_eq!(schedule.left(SECOND), 0);
    }

    #[test]
    fn threads_share_the_same_times() {
        let mut all = Vec::new();
        for thread in 0..3 {
            let mut schedule = Schedule::new(7_001, thread, 3);
            let left = schedule.left(SECOND);
            let mut own = 0;
            while schedule.due() < SECOND {
                all.push(schedule.due());
                schedule.advance();
                own += 1;
            }
            assert_eq!((left, schedule.left(SECOND)), (own, 0));
        }
        all.sort_unstable();
        let mut one = Schedule::new(7_001, 0, 1);
        for due in &all {
            assert_eq!(*due, one.due());
            one.advance();
        }
        assert_eq!(all.len(), 7_001);
    }

    #[test]
    fn a_long_run_neither_drifts_nor_overflows() {
        let mut schedule = Schedule::new(1_000_003, 0, 1);
        schedule.next = 1_000_003 * 86_400 * 365;
        assert_eq!(schedule.due(), 86_400 * 365 * SECOND);
    }
}

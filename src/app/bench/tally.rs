//! What one thread counted, and the sum of all threads.

use std::collections::BTreeMap;

use crate::app::bench::answer::{Answer, Said};
use crate::app::bench::histogram::Histogram;
use crate::model::Outcome;

/// Places of outcomes in [`Counts`]: all of ours, another word, no word.
const OUTCOMES: usize = Outcome::ALL.len() + 2;

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection could be made.
    Connect,
    /// The connection ended before the answer.
    Closed,
    /// No answer came in time.
    Late,
    /// The answer could not be understood.
    Malformed,
}

/// Numbers of requests.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Requests whose first byte was sent.
    pub sent: u64,
    /// Whole answers.
    pub answered: u64,
    outcomes: [u64; OUTCOMES],
    statuses: Vec<(u16, u64)>,
    failures: [u64; 4],
}

impl Counts {
    /// Counts an answer.
    pub fn answer(&mut self, answer: &Answer) {
        self.answered += 1;
        let place = match answer.said {
            Said::Outcome(outcome) => Outcome::ALL.iter().position(|one| *one == outcome),
            Said::Other => Some(OUTCOMES - 2),
            Said::Nothing => Some(OUTCOMES - 1),
        };
        if let Some(count) = place.and_then(|place| self.outcomes.get_mut(place)) {
            *count += 1;
        }
        self.add_status(answer.status, 1);
    }

    fn add_status(&mut self, status: u16, more: u64) {
        match self.statuses.iter_mut().find(|(known, _)| *known == status) {
            Some((_, count)) => *count += more,
            None => self.statuses.push((status, more)),
        }
    }

    /// Counts a request without an answer, or a connection that could not be made.
    pub fn fail(&mut self, failure: Failure) {
        let [connect, closed, late, malformed] = &mut self.failures;
        *match failure {
            Failure::Connect => connect,
            Failure::Closed => closed,
            Failure::Late => late,
            Failure::Malformed => malformed,
        } += 1;
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: &Self) {
        self.sent += other.sent;
        self.answered += other.answered;
        for (count, more) in self.outcomes.iter_mut().zip(other.outcomes) {
            *count += more;
        }
        for (status, more) in &other.statuses {
            self.add_status(*status, *more);
        }
        for (count, more) in self.failures.iter_mut().zip(other.failures) {
            *count += more;
        }
    }

    /// Answers that said `accepted`.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.outcomes.first().copied().unwrap_or_default()
    }

    /// Answers by outcome, those that came.
    #[must_use]
    pub fn outcomes(&self) -> BTreeMap<&'static str, u64> {
        let names = Outcome::ALL.map(Outcome::name).into_iter().chain(["other", "none"]);
        names.zip(self.outcomes).filter(|(_, count)| *count > 0).collect()
    }

    /// Answers by status, those that came.
    #[must_use]
    pub fn statuses(&self) -> BTreeMap<u16, u64> {
        self.statuses.iter().copied().collect()
    }

    /// What went wrong, by name.
    #[must_use]
    pub fn failures(&self) -> BTreeMap<&'static str, u64> {
        ["connect", "closed", "timed_out", "malformed"].into_iter().zip(self.failures).collect()
    }
}

/// What was measured.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Before the measured time began.
    pub warm_up: Counts,
    /// In the measured time: by when a request was due.
    pub measured: Counts,
    /// From when a request was due to its answer; in a closed loop that is when it was sent.
    pub latency: Histogram,
    /// From when a request was sent to its answer.
    pub service: Histogram,
    /// The same of answers with a status of 400 and more.
    pub refused: Histogram,
    /// From when a request was due and a connection free to when it was sent: our own delay.
    pub lag: Histogram,
    /// Requests that were due in the measured time and never sent.
    pub unsent: u64,
    /// Connections made, the first ones included.
    pub connections: u64,
    /// When the last answer came, nanoseconds since the start.
    pub last_answer: u64,
    /// Processor time of the sending threads in the measured time, nanoseconds.
    pub cpu: u64,
    /// The same of the busiest thread.
    pub cpu_of_one: u64,
}

impl Tally {
    /// Adds what another thread has counted.
    pub fn merge(&mut self, other: &Self) {
        self.warm_up.merge(&other.warm_up);
        self.measured.merge(&other.measured);
        self.latency.merge(&other.latency);
        self.service.merge(&other.service);
        self.refused.merge(&other.refused);
        self.lag.merge(&other.lag);
        self.unsent += other.unsent;
        self.connections += other.connections;
        self.last_answer = self.last_answer.max(other.last_answer);
        self.cpu += other.cpu;
        self.cpu_of_one = self.cpu_of_one.max(other.cpu_of_one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_outcome_and_status_and_threads_add_up() {
        let mut one = Counts::default();
        let mut other = Counts::default();
        let answer = |status, said| Answer { status, said, closes: false };
        one.answer(&answer(202, Said::Outcome(Outcome::Accepted)));
        one.answer(&answer(503, Said::Outcome(Outcome::SpoolFull)));
        other.answer(&answer(202, Said::Outcome(Outcome::Accepted)));
        other.answer(&answer(202, Said::Nothing));
        other.fail(Failure::Late);
        one.merge(&other);
        assert_eq!((one.answered, one.accepted()), (4, 2));
        let outcomes: Vec<_> = one.outcomes().into_iter().collect();
        assert_eq!(outcomes, [("accepted", 2), ("none", 1), ("spool_full", 1)]);
        assert_eq!(one.statuses().into_iter().collect::<Vec<_>>(), [(202, 3), (503, 1)]);
        assert_eq!(one.failures()["timed_out"], 1);
    }
}

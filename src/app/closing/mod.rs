//! Closing days in the running program: when, by whom, one run at a time, and what is said of it.

pub mod local;
pub mod words;

use std::mem::{Discriminant, discriminant};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::app::hold::Hold;
use crate::days::{self, CloseError, Closed, Options, Progress, Status, Watch};
use crate::model::{Day, now};
use crate::store::Store;
use crate::store::spools::{Heartbeat, SpoolRow};
use crate::telemetry::Metrics;

/// When a process looks for the first time what there is to close, after its start.
const FIRST_AFTER: Duration = Duration::from_secs(10);
/// How often it looks again.
const EVERY: Duration = Duration::from_secs(60);
/// How long ending the statement of a closing may take when the process stops.
const CUT_TIME: Duration = Duration::from_secs(2);
/// How long a run waits for rows of days that are over to leave the collector's own spool.
const SETTLE_TIME: Duration = Duration::from_secs(5);
/// Seconds of a day.
const DAY_SECONDS: i64 = 86_400;

/// Closes days for this process.
pub struct Closer {
    store: Store,
    metrics: Arc<Metrics>,
    hold: Arc<Hold>,
    heartbeat: Arc<Heartbeat>,
    memory_bytes: u64,
    running: Mutex<()>,
}

/// What one run did, and where closing stands after it.
pub struct Ran {
    /// What was published, in order.
    pub closed: Vec<Closed>,
    /// Whether the process stopped or lost its lease before everything was done.
    pub cut_short: bool,
    /// Where closing stands.
    pub status: Status,
    /// What the collectors said last.
    pub spools: Vec<SpoolRow>,
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Another process has the lease, the database is not ready, or this one is stopping.
    #[error("this process may not close days now: the database is not ready, or it is stopping")]
    NotHeld,
    /// It could not be done.
    #[error(transparent)]
    Close(#[from] CloseError),
}

impl Closer {
    /// `memory_bytes`: what the engine may use; a closing takes at most half of it.
    #[must_use]
    pub fn new(
        store: Store,
        metrics: Arc<Metrics>,
        hold: Arc<Hold>,
        heartbeat: Arc<Heartbeat>,
        memory_bytes: u64,
    ) -> Self {
        Self { store, metrics, hold, heartbeat, memory_bytes, running: Mutex::new(()) }
    }

    /// Whether a run is under way.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running.try_lock().is_err()
    }

    /// Ends the statement of a run that is under way: the process stops, and nothing is held any
    /// more. What was published stays, the rest is done by the next run.
    pub async fn cut_short(&self) {
        if !self.is_running() {
            return;
        }
        match tokio::time::timeout(CUT_TIME, self.store.stop_closing()).await {
            Ok(Ok(())) => tracing::info!("A closing was cut short."),
            Ok(Err(error)) => tracing::debug!(%error, "A closing could not be cut short."),
            Err(_) => tracing::debug!("A closing could not be cut short in time."),
        }
    }

    /// Closes what is due, up to `through`; waits for a run that is under way. `tell` hears how
    /// far it is.
    ///
    /// # Errors
    /// [`RunError`]; what was published before stays published.
    pub async fn run(
        &self,
        through: Option<Day>,
        tell: impl Fn(&Progress) + Sync,
    ) -> Result<Ran, RunError> {
        let _one_at_a_time = self.running.lock().await;
        if !self.hold.is_held() {
            return Err(RunError::NotHeld);
        }
        // Our own spool must not hold back what it has just delivered.
        self.heartbeat.settle(now(), SETTLE_TIME).await;
        if let Err(error) = self.heartbeat.beat(now()).await {
            tracing::debug!(%error, "The collector's row could not be written now.");
        }
        let watching = Watching { hold: &self.hold, tell, begun: Lock::default() };
        let options = Options { memory_bytes: self.memory_bytes, through };
        let done = days::close_due(&self.store, now(), &options, &watching).await;
        let ended = Instant::now();
        // A statement that was ended because the process stops is no failure.
        let closed = done.map_err(|error| self.unless_stopped(error))?;
        self.count(&closed, &watching.begun.into_inner().unwrap_or_default(), ended);
        let status = days::status(&self.store, now()).await;
        let status = status.map_err(|error| self.unless_stopped(error))?;
        let spools = self.store.spools().await.map_err(CloseError::from)?;
        self.show(&status, &spools);
        Ok(Ran { closed, cut_short: !self.hold.is_held(), status, spools })
    }

    fn unless_stopped(&self, error: CloseError) -> RunError {
        if self.hold.is_held() { RunError::Close(error) } else { RunError::NotHeld }
    }

    fn count(&self, closed: &[Closed], begun: &[(Day, Instant)], ended: Instant) {
        for one in closed {
            self.metrics.days_closed.inc();
            self.metrics.closing_rows.inc_by(one.rows);
            self.metrics.late_rows.inc_by(one.late_rows);
        }
        let ends = begun.iter().skip(1).map(|(_, begun)| *begun).chain([ended]);
        for ((day, begun), ended) in begun.iter().zip(ends) {
            if closed.iter().any(|one| one.day == *day) {
                let seconds = ended.saturating_duration_since(*begun).as_secs_f64();
                self.metrics.closing_seconds.observe(seconds);
            }
        }
    }

    fn show(&self, status: &Status, spools: &[SpoolRow]) {
        let through = status.closed_through.map_or(0, |day| i64::from(day.0) * DAY_SECONDS);
        self.metrics.closed_through.set(through);
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.metrics.days_open.set(number(status.open_days));
        let waiting = status.waiting.map_or(0, |(day, _)| {
            spools.iter().filter(|row| row.holds_back(day, now())).count().max(1)
        });
        self.metrics.spools_waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }
}

/// Looks every minute what there is to close.
pub fn start(tasks: &mut JoinSet<()>, closer: &Arc<Closer>) {
    let closer = Arc::clone(closer);
    tasks.spawn(async move {
        tokio::time::sleep(FIRST_AFTER).await;
        let mut warned = None;
        loop {
            if closer.hold.is_held() {
                report(closer.run(None, |_| {}).await, &mut warned);
            }
            tokio::time::sleep(EVERY).await;
        }
    });
}

/// Logs how a run ended; of failures in a row that are alike, only the first loudly.
fn report(ended: Result<Ran, RunError>, warned: &mut Option<Discriminant<CloseError>>) {
    match ended {
        Ok(ran) => {
            *warned = None;
            for Closed { day, rows, gen_number, addition, .. } in ran.closed {
                tracing::info!(%day, rows, generation = gen_number, addition, "A day is closed.");
            }
        }
        Err(RunError::NotHeld) => {}
        Err(RunError::Close(error)) if *warned == Some(discriminant(&error)) => {
            tracing::debug!(%error, "Days could not be closed now; tried again in a minute.");
        }
        Err(RunError::Close(error)) => {
            *warned = Some(discriminant(&error));
            tracing::warn!(%error, "Days could not be closed now; tried again every minute.");
        }
    }
}

/// Watches one run.
struct Watching<'a, F> {
    hold: &'a Hold,
    tell: F,
    /// When each day's work began, in order.
    begun: Lock<Vec<(Day, Instant)>>,
}

impl<F: Fn(&Progress) + Sync> Watch for Watching<'_, F> {
    fn may_go_on(&self) -> bool {
        self.hold.is_held()
    }

    fn owner(&self) -> Option<&str> {
        self.hold.owner()
    }

    fn progress(&self, progress: Progress) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.last().is_none_or(|(day, _)| *day != progress.day) {
            begun.push((progress.day, Instant::now()));
        }
        drop(begun);
        (self.tell)(&progress);
    }
}

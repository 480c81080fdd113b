//! The long-lived tasks of a serving process.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::account::sites::REFRESH_EVERY;
use crate::app::fatal::{FAILED, Fatal};
use crate::model::{Day, now};
use crate::server::panic::CatchPanic;
use crate::server::state::{Role, State};

/// Seconds of a day in UTC.
const DAY_SECONDS: u32 = 86_400;

/// How often the directory of sites and keys is read again; a new one is known within this time.
const SETTINGS_EVERY: Duration = REFRESH_EVERY;
/// How often keys whose day is over are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How often the counts of what was not counted go to the spool, and the rows of removed sites
/// that arrived late are deleted.
const MINUTE: Duration = Duration::from_secs(60);
/// How often the gauges are set.
const GAUGES_EVERY: Duration = Duration::from_secs(1);
/// How often caches keyed by a hash get a new key and are emptied.
const ROTATE_EVERY: Duration = Duration::from_secs(24 * 3600);

/// Starts the tasks that only need the state.
pub fn start(tasks: &mut JoinSet<()>, state: &Arc<State>) {
    every(tasks, SETTINGS_EVERY, state, |state| async move {
        if let Err(error) = state.sites.refresh().await {
            tracing::debug!(%error, "The settings could not be read; the last ones stay.");
        }
    });
    every(tasks, SWEEP_EVERY, state, |state| async move { state.keys.sweep(now()) });
    every(tasks, MINUTE, state, |state| async move {
        state.outcomes.flush(&state.spool).await;
        // Yesterday in UTC is still today somewhere.
        let today = u16::try_from(now() / DAY_SECONDS).unwrap_or(u16::MAX);
        state.caps.forget_before(Day(today.saturating_sub(1)));
    });
    every(tasks, MINUTE, state, |state| async move {
        if state.settings.role != Role::All {
            return;
        }
        let kept = state.accounts.write_last_used(now()).await;
        if let Err(error) = kept.and(state.accounts.finish_removals(now()).await) {
            tracing::debug!(%error, "Some settings could not be written; tried again in a minute.");
        }
    });
    every(tasks, GAUGES_EVERY, state, |state| async move {
        let bytes = i64::try_from(state.spool.bytes()).unwrap_or(i64::MAX);
        state.metrics.spool_bytes.set(bytes);
        let age = state.spool.oldest_age().map_or(0, |age| age.as_secs());
        state.metrics.spool_oldest_seconds.set(i64::try_from(age).unwrap_or(i64::MAX));
    });
    every(tasks, ROTATE_EVERY, state, |state| async move {
        match random_key().and_then(|agents| Ok((agents, random_key()?))) {
            Ok((agents, rates)) => state.rotate(agents, rates),
            Err(error) => tracing::error!(message = %error.message, "Caches keep their key."),
        }
    });
}

/// 32 fresh random bytes.
///
/// # Errors
/// When the system has no randomness to give.
pub fn random_key() -> Result<[u8; 32], Fatal> {
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key)
        .map_err(|error| Fatal::say(FAILED, format!("no random bytes to be had: {error}")))?;
    Ok(key)
}

fn every<F, R>(tasks: &mut JoinSet<()>, period: Duration, state: &Arc<State>, work: F)
where
    F: Fn(Arc<State>) -> R + Send + 'static,
    R: Future<Output = ()> + Send,
{
    let state = Arc::clone(state);
    tasks.spawn(async move {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick comes at once; the state was just made.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            // A panic is logged by its hook; the next round must come all the same, or a key would
            // outlive its day.
            CatchPanic::new(work(Arc::clone(&state))).await.unwrap_or_default();
        }
    });
}

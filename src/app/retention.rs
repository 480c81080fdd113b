//! The nightly run: what is too old goes, once a UTC day and soon after every start.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;

use crate::account::AccountError;
use crate::account::admin::AdminReply;
use crate::app::prepare;
use crate::config::{Config, Role};
use crate::model::now;
use crate::server::state::State;
use crate::store::Store;

/// How often it is looked whether a new day has begun, and how long after a failure it is tried
/// again.
const MINUTE: Duration = Duration::from_secs(60);
/// Seconds of a day in UTC.
const DAY_SECONDS: u32 = 86_400;
/// Longest month, in days: what was set aside is kept at least as long as its rows would have been.
const MONTH_DAYS: u64 = 31;
/// How long a command waits for bytes to leave the disk before the engine it started is stopped.
const GONE_LIMIT: Duration = Duration::from_secs(240);
/// How often it looks.
const GONE_EVERY: Duration = Duration::from_secs(1);

/// Starts the nightly run of a process that may write.
pub fn start(tasks: &mut JoinSet<()>, config: &Arc<Config>, state: &Arc<State>) {
    if config.role != Role::All {
        return;
    }
    let (config, state) = (Arc::clone(config), Arc::clone(state));
    tasks.spawn(async move {
        let mut done = None;
        loop {
            tokio::time::sleep(MINUTE).await;
            let moment = now();
            let today = moment / DAY_SECONDS;
            if done == Some(today) || prepare::refuse_if_leased(&config, &state.store).await.is_err()
            {
                continue;
            }
            match run(&config, &state, moment).await {
                Ok(()) => done = Some(today),
                Err(error) => {
                    tracing::debug!(%error, "Old rows could not be deleted; tried again in a minute.");
                }
            }
        }
    });
}

async fn run(config: &Arc<Config>, state: &State, moment: u32) -> Result<(), AccountError> {
    let enforced = state.accounts.enforce_retention(moment).await?;
    if enforced.rows > 0 {
        tracing::info!(
            rows = enforced.rows,
            partitions = enforced.partitions,
            "Deleted rows that were too old."
        );
    }
    let config = Arc::clone(config);
    let swept = tokio::task::spawn_blocking(move || sweep_bad(&config)).await;
    if let Ok(files @ 1..) = swept {
        tracing::info!(files, "Removed batches that were set aside and are too old.");
    }
    Ok(())
}

/// Removes batches in the bad directory that were set aside longer ago than rows are kept, by the
/// clock of the file system; answers how many.
fn sweep_bad(config: &Config) -> u64 {
    let Ok(entries) = std::fs::read_dir(config.data_dir.join("bad")) else { return 0 };
    let kept = Duration::from_secs(
        u64::from(config.retention_months) * MONTH_DAYS * u64::from(DAY_SECONDS),
    );
    let limit = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(now())).saturating_sub(kept);
    let mut removed = 0;
    for entry in entries.flatten() {
        let old = entry.metadata().and_then(|facts| facts.modified()).is_ok_and(|at| at < limit);
        if old && std::fs::remove_file(entry.path()).is_ok() {
            removed += 1;
        }
    }
    removed
}

/// Waits until the bytes of deleted rows are gone, as the engine is about to be stopped: without it
/// nothing would remove them.
pub async fn wait_gone(store: &Store, reply: &mut AdminReply) {
    let Some(erasure) = reply.erasure_mut() else { return };
    let bound = Duration::from_secs(erasure.erased.gone_in.into());
    if erasure.gone || bound > GONE_LIMIT {
        erasure.stops = true;
        return;
    }
    let waited = tokio::time::timeout(GONE_LIMIT, async {
        while store.parts_left(&erasure.erased.left).await != Ok(0) {
            tokio::time::sleep(GONE_EVERY).await;
        }
    });
    erasure.gone = waited.await.is_ok();
    erasure.stops = true;
}

//! Says in the database what this collector still has to deliver, for as long as it runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::model::now;
use crate::store::StoreError;
use crate::store::spools::{Heartbeat, LOOK_EVERY};

/// Pause between two tries of the first word.
const PAUSE: Duration = Duration::from_millis(500);
/// How long the last word of a stop may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// Says it once, before the first rows are delivered: waits while the database is away. Where it
/// refuses (its tables may be older than this program), rows must not wait for that.
pub async fn first(heartbeat: &Heartbeat, stopping: &mut watch::Receiver<bool>) {
    loop {
        match heartbeat.beat(now()).await {
            Ok(()) => return,
            Err(error @ StoreError::Refused(_)) => {
                tracing::debug!(%error, "The collector's row cannot be written yet.");
                return;
            }
            Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

/// Says it again and again.
pub fn start(tasks: &mut JoinSet<()>, heartbeat: &Arc<Heartbeat>) {
    let heartbeat = Arc::clone(heartbeat);
    tasks.spawn(async move {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick comes at once, and the first word is said before the delivery begins.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            if let Err(error) = heartbeat.keep_up(now()).await {
                tracing::debug!(%error, "The collector's row could not be written now.");
            }
        }
    });
}

/// Says the last word of a stop. The spool is closed.
pub async fn end(heartbeat: &Heartbeat) {
    match tokio::time::timeout(FAREWELL, heartbeat.farewell(now())).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "The collector's last row was not written."),
        Err(_) => tracing::debug!("The collector's last row was not written in time."),
    }
}

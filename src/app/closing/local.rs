//! `headcount close` while no server runs here: this process delivers what the spool still holds,
//! takes the lease when the database is shared, and closes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::closing::words::{Closing, ProgressLine};
use crate::app::closing::{Closer, RunError};
use crate::app::fatal::{FAILED, Fatal};
use crate::app::hold::Hold;
use crate::app::{audit, heartbeat, prepare, serve};
use crate::config::Config;
use crate::model::{Day, now};
use crate::store::spools::Heartbeat;
use crate::store::{Store, drain};
use crate::telemetry::Metrics;

/// How long the delivery of what the spool holds may take; what is left then holds days back.
const DELIVERY: Duration = Duration::from_secs(60);

/// Closes what is due, up to `through`. The caller holds the lock of the data directory, and the
/// tables are up to date.
///
/// # Errors
/// When another process has the lease, or it could not be done.
pub async fn close(
    config: &Config,
    store: &Store,
    through: Option<Day>,
    tell: &(dyn Fn(ProgressLine) + Sync),
) -> Result<Closing, Fatal> {
    let metrics = Arc::new(Metrics::new(&[]));
    let heartbeat = deliver(config, store, &metrics).await?;
    let (stop, stopping) = watch::channel(false);
    let hold = Arc::new(Hold::new(stopping));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.send_replace(true);
        }
        // Without signals nobody asks: the sender must stay.
        std::future::pending::<()>().await;
    });
    if config.clickhouse_url.is_none() {
        hold.own();
    } else {
        prepare::lease(&mut tasks, config, store, &hold).await?;
    }
    tell(ProgressLine::looking());
    let closer = Closer::new(
        store.clone(),
        metrics,
        Arc::clone(&hold),
        Arc::new(heartbeat),
        config.engine_memory,
    );
    let ran = closer.run(through, |progress| tell(progress.into())).await;
    tasks.shutdown().await;
    if config.clickhouse_url.is_some() {
        prepare::give_back(config, store).await;
    }
    let ran = ran.map_err(|error| match error {
        RunError::NotHeld => Fatal::say(FAILED, "stopped before everything was closed"),
        RunError::Close(error) => Fatal::say(FAILED, error.to_string()),
    })?;
    Ok(Closing::of(&ran, through, now()))
}

/// Delivers what an earlier run left in the spool, and says so, so that this spool does not hold
/// back any day.
async fn deliver(
    config: &Config,
    store: &Store,
    metrics: &Arc<Metrics>,
) -> Result<Heartbeat, Fatal> {
    let spool = serve::open_spool(config)?;
    let heartbeat = Heartbeat::new(store.clone(), spool.clone());
    let (going, mut shutdown) = watch::channel(false);
    heartbeat::first(&heartbeat, &mut shutdown).await;
    let closing = spool.clone();
    tokio::task::spawn_blocking(move || closing.close())
        .await
        .context("the spool did not close")?;
    let tally = audit::open_tally(&config.data_dir, &spool);
    let delivery = drain::run(store.clone(), spool, Arc::clone(metrics), tally, shutdown);
    if tokio::time::timeout(DELIVERY, delivery).await.is_err() {
        tracing::warn!("Some rows stay in the spool; the days they belong to wait for them.");
    }
    drop(going);
    heartbeat::end(&heartbeat).await;
    Ok(heartbeat)
}

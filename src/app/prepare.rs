//! Makes the database ready: the lease, the tables, the first list of sites, the demo site.
//!
//! The embedded engine is there at once. A server of the operator's may be down at start: then
//! collecting goes on with the cached settings, and this waits for it in the background.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;

use crate::account::AccountError;
use crate::app::fatal::{DATABASE, FAILED, Fatal, TAKEN};
use crate::app::hold::{Asked, Hold};
use crate::app::serve;
use crate::config::{Config, Role};
use crate::model::now;
use crate::server::state::State;
use crate::store::lease::{Lease, LeaseError};
use crate::store::{Store, StoreError};

/// How long a start waits for a server of the operator's before it goes on without.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// Pause between two tries to reach it.
const PAUSE: Duration = Duration::from_millis(500);
/// How often the lease is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(10);

/// Prepares the database; answers whether it is ready already.
///
/// # Errors
/// When the database is newer than this program, or another process has the lease.
pub async fn database(
    tasks: &mut JoinSet<()>,
    config: &Arc<Config>,
    state: &Arc<State>,
    hold: &Arc<Hold>,
) -> Result<bool, Fatal> {
    let embedded = config.clickhouse_url.is_none();
    let ready = match tokio::time::timeout(FIRST_WAIT, reachable(&state.store)).await {
        Ok(reached) => reached.map(|()| true)?,
        Err(_) => embedded,
    };
    if ready && prepare(config, state, hold).await? {
        if !embedded && config.role == Role::All {
            let store = state.store.clone();
            tasks.spawn(renew(owner(&config.data_dir)?, store, Arc::clone(hold)));
        }
        return Ok(true);
    }
    tracing::warn!("ClickHouse does not answer; events are kept in the spool until it does.");
    let (config, state, hold) = (Arc::clone(config), Arc::clone(state), Arc::clone(hold));
    tasks.spawn(async move {
        match wait_and_prepare(&config, &state, &hold).await {
            Ok(owner) if config.role == Role::All => {
                tracing::info!("ClickHouse answers; the tables are ready.");
                if let Err(fatal) = serve::offer_setup(&state).await {
                    tracing::error!(message = %fatal.message, "No set-up link could be offered.");
                }
                renew(owner, state.store.clone(), hold).await;
            }
            Ok(_) => tracing::info!("ClickHouse answers."),
            Err(fatal) => end(&fatal),
        }
    });
    Ok(false)
}

/// Waits until everything is ready; answers the owner's id.
async fn wait_and_prepare(config: &Config, state: &State, hold: &Hold) -> Result<String, Fatal> {
    loop {
        reachable(&state.store).await?;
        if prepare(config, state, hold).await? {
            return owner(&config.data_dir);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits until the database answers.
///
/// # Errors
/// When it answers that it does not want us: waiting does not mend a wrong password.
async fn reachable(store: &Store) -> Result<(), Fatal> {
    loop {
        match store.ping().await {
            Ok(()) => return Ok(()),
            Err(error @ StoreError::Refused(_)) => {
                let error = anyhow::Error::from(error)
                    .context("ClickHouse refuses us: check clickhouse_user and its password");
                return Err(Fatal::new(DATABASE, error));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Answers whether it is done; a collector has to wait for the tables, which it does not make.
async fn prepare(config: &Config, state: &State, hold: &Hold) -> Result<bool, Fatal> {
    let failed = |error| Fatal::new(FAILED, anyhow::Error::from(error));
    if config.role == Role::All {
        // A second process must not migrate under the first; the lease itself lies in a table.
        refuse_if_leased(config, &state.store).await?;
        let migrated = state.store.migrate(config.retention_months).await;
        let applied = migrated.map_err(|error| Fatal::new(FAILED, error))?;
        for name in applied {
            tracing::info!(%name, "Applied a migration.");
        }
        if config.clickhouse_url.is_some() {
            take(&Lease::new(owner(&config.data_dir)?), &state.store, hold)
                .await
                .map_err(lease_fatal)?;
        } else {
            hold.own();
        }
    }
    match state.sites.refresh().await {
        Err(AccountError::Store(error)) if config.role == Role::Collect => {
            tracing::warn!(%error, "There is no list of sites yet.");
            return Ok(false);
        }
        refreshed => refreshed.map_err(failed)?,
    }
    if config.role == Role::All && config.demo {
        state.accounts.ensure_demo(now()).await.map_err(failed)?;
    }
    Ok(true)
}

/// Refuses to write settings while a serving process of another data directory has the lease.
///
/// # Errors
/// When somebody else has it.
pub async fn refuse_if_leased(config: &Config, store: &Store) -> Result<(), Fatal> {
    if config.clickhouse_url.is_none() {
        return Ok(());
    }
    let lease = Lease::new(owner(&config.data_dir)?);
    lease.check(store, now()).await.map_err(lease_fatal)
}

/// Takes the lease and renews it for as long as the tasks run.
///
/// # Errors
/// When somebody else has it.
pub async fn lease(
    tasks: &mut JoinSet<()>,
    config: &Config,
    store: &Store,
    hold: &Arc<Hold>,
) -> Result<(), Fatal> {
    let owner = owner(&config.data_dir)?;
    take(&Lease::new(owner.clone()), store, hold).await.map_err(lease_fatal)?;
    tasks.spawn(renew(owner, store.clone(), Arc::clone(hold)));
    Ok(())
}

/// Gives the lease back, so that the next process need not wait for its end.
pub async fn give_back(config: &Config, store: &Store) {
    let Ok(owner) = owner(&config.data_dir) else { return };
    if let Err(error) = Lease::new(owner).release(store, now()).await {
        tracing::debug!(%error, "The lease could not be given back; it ends by itself.");
    }
}

async fn take(lease: &Lease, store: &Store, hold: &Hold) -> Result<(), LeaseError> {
    let asked = Asked::now();
    lease.acquire(store, asked.wall).await?;
    hold.leased(asked, lease.owner());
    Ok(())
}

async fn renew(owner: String, store: Store, hold: Arc<Hold>) {
    let lease = Lease::new(owner);
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        match take(&lease, &store, &hold).await {
            Ok(()) => {}
            Err(error @ LeaseError::Held { .. }) => end(&lease_fatal(error)),
            Err(error) => tracing::warn!(%error, "The lease could not be renewed now."),
        }
    }
}

fn lease_fatal(error: LeaseError) -> Fatal {
    let code = if matches!(error, LeaseError::Held { .. }) { TAKEN } else { FAILED };
    Fatal::new(code, error)
}

/// The random id of this data directory, made at the first start.
fn owner(data_dir: &Path) -> Result<String, Fatal> {
    let path = data_dir.join("owner");
    if let Ok(text) = fs::read_to_string(&path)
        && text.trim().len() == 32
    {
        return Ok(text.trim().to_owned());
    }
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random)
        .map_err(|error| Fatal::say(FAILED, format!("no random bytes to be had: {error}")))?;
    let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .context("cannot write the owner's id")?;
    Ok(text)
}

/// Ends a process that must not go on: what was acknowledged is in the spool.
fn end(fatal: &Fatal) {
    tracing::error!(message = %fatal.message, "Ending.");
    #[expect(clippy::exit, reason = "another process owns the database, or it is newer than us")]
    std::process::exit(i32::from(fatal.code));
}

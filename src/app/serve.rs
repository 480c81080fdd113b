//! `headcount serve`: opens everything in order, announces itself, and stops in reverse.
//!
//! Standard output gets the promised lines and nothing else; logs go to standard error.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::account::Accounts;
use crate::account::sites::Sites;
use crate::app::admin_socket::AdminSocket;
use crate::app::closing::{self, Closer};
use crate::app::database::Database;
use crate::app::fatal::{CONFIG, FAILED, Fatal, TAKEN};
use crate::app::hold::Hold;
use crate::app::lookups::{self, Files};
use crate::app::operator::Serving;
use crate::app::{audit, check_rules, heartbeat, lock, panic_hook, prepare, retention, tasks};
use crate::config::{self, Config};
use crate::ingest::{self, Agents};
use crate::keys::{self, Keys, KeysConfig};
use crate::model::{Outcome, now};
use crate::server::first_party::FirstParty;
use crate::server::rates::Rates;
use crate::server::state::{Parts, Role, Settings, State};
use crate::server::{listen, router};
use crate::spool::{self, Spool};
use crate::store::drain;
use crate::store::spools::Heartbeat;
use crate::store::tally::Tally;
use crate::telemetry::{Metrics, logs};

/// How long a segment of the spool gathers rows before it is delivered.
const SEAL_AFTER: Duration = Duration::from_millis(1000);
/// How long the last segments may take to be delivered when the process stops; what is left is
/// delivered by the next start.
const LAST_DELIVERY: Duration = Duration::from_millis(2500);

/// Runs until a signal ends it.
///
/// # Errors
/// Whatever keeps it from starting, with its exit code.
pub fn run(config: Config) -> Result<(), Fatal> {
    logs::init(&config.log, config.log_format).map_err(|error| Fatal::new(CONFIG, error))?;
    panic_hook::install();
    if let Err(error) = keys::process_hardening() {
        tracing::warn!(%error, "Core dumps could not be switched off.");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let ended = runtime.block_on(serve(Arc::new(config)));
    runtime.shutdown_timeout(Duration::from_millis(500));
    ended
}

async fn serve(config: Arc<Config>) -> Result<(), Fatal> {
    let lock = lock::take(&config.data_dir).map_err(lock_fatal)?;
    let public = bind(&config.listen.to_string()).await?;
    let metrics_listener = match config.metrics_listen {
        Some(address) => Some(bind(&address.to_string()).await?),
        None => None,
    };
    let mut asked_to_stop = watch_signals()?;
    let metrics = Arc::new(Metrics::new(&Outcome::ALL.map(Outcome::name)));
    let (state, database, files) = open(&config, &metrics).await?;
    let (shutdown, stopping) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let hold = Arc::new(Hold::new(stopping.clone()));
    let prepared = prepare::database(&mut tasks, &config, &state, &hold).await?;
    tasks::start(&mut tasks, &state);
    lookups::start(&mut tasks, &state, files);
    retention::start(&mut tasks, &config, &state);
    let heartbeat = Arc::new(Heartbeat::new(state.store.clone(), state.spool.clone()));
    let tally = audit::open_tally(&config.data_dir, &state.spool);
    audit::start(&mut tasks, &state, tally.clone());
    let delivery = start_delivery(&mut tasks, &state, &heartbeat, tally, &stopping);
    let closer = Arc::new(Closer::new(
        state.store.clone(),
        metrics,
        hold,
        Arc::clone(&heartbeat),
        config.engine_memory,
    ));
    if config.role == config::Role::All {
        closing::start(&mut tasks, &closer);
    }
    serve_operator(&mut tasks, &config, &state, &database, &closer)?;
    let ready = ready_line(&config, &state, &public, metrics_listener.as_ref(), database.kind())?;
    let servers = start_servers(&state, public, metrics_listener, &stopping);
    say(&ready)?;
    if config.role == config::Role::All && prepared {
        // The database may be stuck already: a signal must be heard all the same.
        tokio::select! {
            offered = offer_setup(&state) => offered?,
            _ = asked_to_stop.wait_for(|asked| *asked) => {}
        }
    }
    // The sender lives in the task that watches signals; without it nobody can ask any more.
    asked_to_stop.wait_for(|asked| *asked).await.context("nobody watches signals any more")?;
    tracing::info!("Stopping.");
    shutdown.send_replace(true);
    closer.cut_short().await;
    for server in servers {
        // A server task ends by itself; if it panicked there is nothing left to wait for.
        drop(server.await);
    }
    tasks.shutdown().await;
    empty(&state, delivery).await?;
    heartbeat::end(&heartbeat).await;
    if config.clickhouse_url.is_some() && config.role == config::Role::All {
        prepare::give_back(&config, &state.store).await;
    }
    drop((closer, heartbeat, state));
    if let Some(database) = Arc::into_inner(database) {
        database.close().await;
    }
    drop(lock);
    Ok(())
}

/// Opens everything in order, what the configuration may have wrong first.
async fn open(
    config: &Config,
    metrics: &Arc<Metrics>,
) -> Result<(Arc<State>, Arc<Database>, Files), Fatal> {
    let keys = open_keys(config)?;
    let (lookups, files) = lookups::open(config).map_err(|error| Fatal::new(CONFIG, error))?;
    ingest::load_tables();
    let agents = Agents::new();
    agents.rotate(tasks::random_key()?);
    let spool = open_spool(config)?;
    let database = Database::open(config, Arc::clone(metrics)).await?;
    let database = Arc::new(database);
    let sites = Arc::new(Sites::new(database.store.clone(), &config.data_dir));
    let accounts = Accounts::new(Arc::clone(&sites), check_rules)
        .map_err(|error| Fatal::new(FAILED, error))?;
    let accounts = accounts.keeping(config.retention_months);
    let state = Arc::new(State::new(Parts {
        settings: settings(config),
        metrics: Arc::clone(metrics),
        spool,
        keys,
        lookups,
        agents,
        sites,
        accounts: Arc::new(accounts),
        store: database.store.clone(),
        rates: Rates::new(config.rate_limit, tasks::random_key()?),
    }));
    Ok((state, database, files))
}

/// Delivers what is in the spool, once the database was told from which day on.
fn start_delivery(
    tasks: &mut JoinSet<()>,
    state: &State,
    heartbeat: &Arc<Heartbeat>,
    tally: Option<Arc<Tally>>,
    stopping: &watch::Receiver<bool>,
) -> JoinHandle<()> {
    heartbeat::start(tasks, heartbeat);
    let (store, spool) = (state.store.clone(), state.spool.clone());
    let (metrics, heartbeat) = (Arc::clone(&state.metrics), Arc::clone(heartbeat));
    let mut stopping = stopping.clone();
    tokio::spawn(async move {
        heartbeat::first(&heartbeat, &mut stopping).await;
        drain::run(store, spool, metrics, tally, stopping).await;
    })
}

/// Answers the command line.
fn serve_operator(
    tasks: &mut JoinSet<()>,
    config: &Arc<Config>,
    state: &Arc<State>,
    database: &Arc<Database>,
    closer: &Arc<Closer>,
) -> Result<(), Fatal> {
    let socket = AdminSocket::bind(&config.data_dir)?;
    let serving = Arc::new(Serving::new(
        Arc::clone(config),
        Arc::clone(state),
        Arc::clone(database),
        Arc::clone(closer),
    ));
    let answer = move |line, interim| {
        let serving = Arc::clone(&serving);
        async move { serving.answer(line, interim).await }
    };
    tasks.spawn(async move { socket.serve(answer).await });
    Ok(())
}

/// Puts everything that is held in memory into the spool, closes it, and gives the drain a moment.
async fn empty(state: &State, delivery: JoinHandle<()>) -> Result<(), Fatal> {
    state.outcomes.flush(&state.spool).await;
    let closing = state.spool.clone();
    tokio::task::spawn_blocking(move || closing.close())
        .await
        .context("the spool did not close")?;
    if tokio::time::timeout(LAST_DELIVERY, delivery).await.is_err() {
        tracing::info!("Some rows wait in the spool; the next start delivers them.");
    }
    Ok(())
}

fn settings(config: &Config) -> Settings {
    Settings {
        role: match config.role {
            config::Role::All => Role::All,
            config::Role::Collect => Role::Collect,
        },
        demo: config.demo,
        threshold: config.threshold,
        retention_months: config.retention_months,
        trusted_proxies: config.trusted_proxies.clone(),
        first_party: config.first_party_path.clone().map(FirstParty::new),
    }
}

fn open_keys(config: &Config) -> Result<Keys, Fatal> {
    let keys = Keys::open(keys_config(config), now()).map_err(|error| Fatal::new(CONFIG, error))?;
    match keys.storage() {
        keys::KeyStorage::Directory(path) => {
            tracing::info!(path = %path.display(), "Day keys are kept in memory and on a RAM disk.");
        }
        keys::KeyStorage::MemoryOnly(reason) => {
            tracing::warn!(%reason, "Day keys are kept in memory only: a restart counts visitors again.");
        }
    }
    Ok(keys)
}

/// What the key directory depends on.
#[must_use]
pub fn keys_config(config: &Config) -> KeysConfig {
    KeysConfig {
        explicit: config.key_dir.clone(),
        runtime_directory: config.runtime_directory.clone(),
        data_dir: config.data_dir.clone(),
        allow_swap: config.allow_swap,
    }
}

/// Opens the spool of the data directory.
///
/// # Errors
/// When another process has it, or a file is not to be understood.
pub fn open_spool(config: &Config) -> Result<Spool, Fatal> {
    Spool::open(spool::Config {
        dir: config.data_dir.join("spool"),
        bad_dir: config.data_dir.join("bad"),
        fsync: match config.fsync {
            config::Fsync::Group => spool::FsyncPolicy::Group,
            config::Fsync::Each => spool::FsyncPolicy::Each,
        },
        max_bytes: config.spool_max_bytes,
        min_free_bytes: config.spool_min_free_bytes,
        seal_after: SEAL_AFTER,
    })
    .map_err(|error| Fatal::new(FAILED, error))
}

/// The exit for a data directory that is not to be had.
#[must_use]
pub fn lock_fatal(error: lock::LockError) -> Fatal {
    let code = if matches!(error, lock::LockError::Taken(_)) { TAKEN } else { FAILED };
    Fatal::new(code, error)
}

async fn bind(address: &str) -> Result<TcpListener, Fatal> {
    TcpListener::bind(address).await.map_err(|error| {
        if error.kind() == std::io::ErrorKind::AddrInUse {
            Fatal::say(
                TAKEN,
                format!("{address} is taken by another program; name another address"),
            )
        } else {
            Fatal::say(FAILED, format!("cannot listen on {address}: {error}"))
        }
    })
}

/// Fixes the origins and answers the `ready` line.
fn ready_line(
    config: &Config,
    state: &State,
    public: &TcpListener,
    metrics: Option<&TcpListener>,
    engine: &str,
) -> Result<String, Fatal> {
    let url = |listener: &TcpListener| -> anyhow::Result<String> {
        let address = listener.local_addr()?;
        if address.ip().is_unspecified() {
            // Listening everywhere, loopback is where it can be reached for certain.
            return Ok(format!("http://127.0.0.1:{}", address.port()));
        }
        Ok(format!("http://{address}"))
    };
    let ready = url(public)?;
    state.listening.set(&ready);
    state.origin.set(config.public_url.as_deref().unwrap_or(&ready));
    let metrics = metrics.map(url).transpose()?.unwrap_or_else(|| "off".to_owned());
    Ok(format!("ready url={ready} metrics={metrics} engine={engine}"))
}

/// Prints the set-up link while there is no account.
///
/// # Errors
/// When the accounts cannot be read.
pub async fn offer_setup(state: &State) -> Result<(), Fatal> {
    let token = state.accounts.setup_token(now()).await.context("cannot read the accounts")?;
    match token {
        Some(token) => say(&format!("setup url={}/setup/{token}", state.listening.url())),
        None => Ok(()),
    }
}

fn say(line: &str) -> Result<(), Fatal> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .context("cannot write to standard output")?;
    Ok(())
}

/// Raises the number of files the process may open to what the system allows, and says it.
fn files_max() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "The number of open files could not be raised.");
    }
    let current = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(current).unwrap_or(usize::MAX)
}

fn start_servers(
    state: &Arc<State>,
    public: TcpListener,
    metrics: Option<TcpListener>,
    stopping: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let capacity = listen::Capacity::new(files_max(), state.settings.trusted_proxies.clone());
    let own = Arc::clone(state);
    let handler = move |request, peer| router::public(Arc::clone(&own), request, peer);
    let mut servers =
        vec![tokio::spawn(listen::run(public, capacity.clone(), handler, stopping.clone()))];
    if let Some(listener) = metrics {
        let own = Arc::clone(state);
        let handler = move |request, _| {
            let state = Arc::clone(&own);
            async move { router::metrics(&state, &request) }
        };
        servers.push(tokio::spawn(listen::run(listener, capacity, handler, stopping.clone())));
    }
    servers
}

/// Watches SIGTERM and SIGINT from before anything is opened: the first asks to stop, the second
/// ends the process at once.
fn watch_signals() -> Result<watch::Receiver<bool>, Fatal> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch SIGINT")?;
    let (ask, asked) = watch::channel(false);
    tokio::spawn(async move {
        one(&mut terminate, &mut interrupt).await;
        ask.send_replace(true);
        one(&mut terminate, &mut interrupt).await;
        tracing::warn!("Asked twice: ending at once. What was acknowledged is in the spool.");
        #[expect(clippy::exit, reason = "the second signal asks for exactly this")]
        std::process::exit(1);
    });
    Ok(asked)
}

async fn one(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

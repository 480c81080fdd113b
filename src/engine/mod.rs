//! The embedded ClickHouse: a child process of this program that loads the engine library.
//!
//! Promises: the child listens on 127.0.0.1 only, with four users whose passwords are fresh at
//! every start; the unnamed local user can do nothing but open listeners (checked at start); the
//! child ends when this process is gone, however it ends; a child that died or stopped listening is
//! started again on the same ports with the same passwords. It does not know our tables beyond
//! their names, and it never reads or writes a row.
//!
//! Known of this engine (26.7): it ends itself when a client resets a connection while it waits for
//! the next request there, on either port. So whoever speaks to it reads answers to their end, and
//! a local process that does otherwise costs a restart of well under a second.

pub mod access;
pub mod config;
mod http;
pub mod library;
mod native;
mod process;
pub mod self_check;
mod supervisor;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::telemetry::Metrics;

pub use access::{Access, User};
pub use self_check::SelfCheckError;

/// Name of our database.
pub const DATABASE: &str = "headcount";
/// How much memory the engine may use when nothing else is said, in bytes.
pub const DEFAULT_MEMORY_BYTES: u64 = 600 * 1024 * 1024;
/// Less than this and the engine cannot merge our parts, in bytes.
pub const MIN_MEMORY_BYTES: u64 = 256 * 1024 * 1024;

/// How to run the engine.
pub struct Config {
    /// The engine library (`libchdb.so`).
    pub library: PathBuf,
    /// Folder of the engine: its data, its configuration and `access.json`. Made when missing.
    pub data_dir: PathBuf,
    /// Upper bound of the engine's memory in bytes, at least [`MIN_MEMORY_BYTES`].
    pub memory_bytes: u64,
    /// Port of the HTTP interface; any free one when not given.
    pub http_port: Option<u16>,
    /// The program that knows the hidden `engine` command; this program when not given.
    pub program: Option<PathBuf>,
}

/// Why the engine could not be started.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no such file.
    #[error(
        "the engine library {0} does not exist: run `make run` or `npm ci`, name it with \
         engine_library, or use a server of your own with clickhouse_url"
    )]
    LibraryMissing(PathBuf),
    /// The bound is too low.
    #[error("engine_memory is {0} bytes, but the engine needs at least {MIN_MEMORY_BYTES}")]
    TooLittleMemory(u64),
    /// Files of the engine's folder.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No random bytes to be had.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
    /// Another engine uses the folder.
    #[error("another engine is running in {0}: stop it, or use another data directory")]
    Locked(PathBuf),
    /// Something else listens on the port.
    #[error("port {0} on 127.0.0.1 is taken: name another one with engine_http_port")]
    PortTaken(u16),
    /// The child ended before it answered.
    #[error("the engine ended at its start: {0}")]
    Ended(String),
    /// The child runs, but does not answer.
    #[error("the engine did not answer within {0} seconds")]
    Silent(u64),
    /// It answers, but what it was asked for failed.
    #[error("the engine could not be prepared: {0}")]
    Prepare(String),
    /// It lets somebody do what nobody may.
    #[error("the engine is not locked down: {0}")]
    SelfCheck(#[from] SelfCheckError),
}

/// A running engine. Dropping it ends the child at once; [`Engine::stop`] ends it in good order.
pub struct Engine {
    access: Access,
    shared: Arc<supervisor::Shared>,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts the engine, waits until it answers, creates the database and checks its rights.
    ///
    /// While an engine of an earlier process still holds the folder it waits up to 15 seconds.
    /// Must be called inside a tokio runtime; the child is watched by a task of that runtime.
    ///
    /// # Errors
    /// When the engine cannot be started, does not answer, or is not locked down.
    pub async fn start(config: Config, metrics: Arc<Metrics>) -> Result<Self, EngineError> {
        let prepared = process::prepare(config)?;
        let (child, access) = process::start(&prepared).await?;
        access.write(&prepared.access_file()).map_err(|source| EngineError::Io {
            what: "cannot write",
            path: prepared.access_file(),
            source,
        })?;
        let shared = Arc::new(supervisor::Shared::new(child.pid()));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(supervisor::run(
            prepared,
            child,
            access.clone(),
            Arc::clone(&shared),
            metrics,
            stopped,
        ));
        Ok(Self { access, shared, stop: Some(stop), task: Some(task) })
    }

    /// Where the engine listens and as whom to speak to it. The same until [`Engine::stop`].
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// How often the child was started again.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.shared.restarts()
    }

    /// Process id of the running child; `None` between two children.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.shared.pid()
    }

    /// Ends the child in good order: asks it to end, SIGTERM after 5 s, SIGKILL after 10 s.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // A closed channel means the supervisor has ended already.
            stop.send(()).ok();
        }
        if let Some(task) = self.task.take() {
            let limit = supervisor::STOP_LIMIT + Duration::from_secs(5);
            if tokio::time::timeout(limit, task).await.is_err() {
                tracing::warn!("The engine's supervisor did not end in time.");
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            // The task owns the child's standard input: the child ends with it.
            task.abort();
        }
    }
}

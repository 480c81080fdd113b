//! Commands of the person who runs headcount: done by the serving process when there is one
//! (over the admin socket), else by this one, which then holds the lock and the database.

use std::future::Future;
use std::sync::Arc;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::account::Accounts;
use crate::account::admin::{self, AdminCommand, AdminReply};
use crate::account::sites::Sites;
use crate::app::admin_socket::Interim;
use crate::app::closing::words::{Closing, ProgressLine};
use crate::app::closing::{Closer, local as closing};
use crate::app::database::Database;
use crate::app::doctor::{self, Check, Subject};
use crate::app::fatal::{CONFIG, DATABASE, FAILED, Fatal, TAKEN};
use crate::app::{admin_socket, check_rules, lock, prepare, retention, serve};
use crate::config::{Config, Role};
use crate::model::{Day, now};
use crate::server::state::State;
use crate::telemetry::{Metrics, logs};

/// What can be asked. It may hold a password: no `Debug`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// A change or list of settings.
    Admin(AdminCommand),
    /// Bring the tables up to date.
    Migrate,
    /// Look for what is wrong.
    Doctor,
    /// Close the days that are over.
    Close {
        /// The last day to close, days since 1970; all that are over when not given.
        through: Option<u16>,
    },
}

/// What came of it. It may hold a fresh key: no `Debug`.
#[derive(Default, Serialize, Deserialize)]
pub struct Reply {
    /// The reply of a command.
    pub admin: Option<AdminReply>,
    /// Names of migrations that were applied.
    pub applied: Vec<String>,
    /// Findings of the doctor.
    pub checks: Vec<Check>,
    /// What was closed.
    pub closing: Option<Closing>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answered {
    /// The answer is still to come.
    Progress(ProgressLine),
    Done(Box<Reply>),
    Refused(String),
}

/// The end of the admin socket inside the serving process.
pub struct Serving {
    config: Arc<Config>,
    state: Arc<State>,
    database: Arc<Database>,
    closer: Arc<Closer>,
}

impl Serving {
    /// Answers with what the serving process has open.
    #[must_use]
    pub fn new(
        config: Arc<Config>,
        state: Arc<State>,
        database: Arc<Database>,
        closer: Arc<Closer>,
    ) -> Self {
        Self { config, state, database, closer }
    }

    /// Answers one line of the socket.
    pub async fn answer(&self, line: String, interim: Interim) -> String {
        let answered = match serde_json::from_str::<Request>(&line) {
            Ok(Request::Close { through }) => self.close(through.map(Day), &interim).await,
            Ok(request) => self.execute(request).await,
            Err(_) => Answered::Refused("this server does not know the command".to_owned()),
        };
        written(&answered)
    }

    async fn close(&self, through: Option<Day>, interim: &Interim) -> Answered {
        if self.config.role != Role::All {
            return Answered::Refused(
                "this server collects only: days are closed by the one with role \"all\""
                    .to_owned(),
            );
        }
        let say = |line: ProgressLine| interim.say(written(&Answered::Progress(line)));
        let busy = self.closer.is_running();
        say(if busy { ProgressLine::waiting() } else { ProgressLine::looking() });
        match self.closer.run(through, |progress| say(progress.into())).await {
            Ok(ran) => Answered::Done(Box::new(Reply {
                closing: Some(Closing::of(&ran, through, now())),
                ..Reply::default()
            })),
            Err(error) => Answered::Refused(error.to_string()),
        }
    }

    async fn execute(&self, request: Request) -> Answered {
        let subject =
            Subject { config: &self.config, database: Ok(&self.database), live: Some(&self.state) };
        let done = perform(request, &self.state.accounts, &subject, &self.database).await;
        match done {
            Ok(reply) => Answered::Done(Box::new(reply)),
            Err(fatal) => Answered::Refused(fatal.message),
        }
    }
}

fn written(answered: &Answered) -> String {
    serde_json::to_string(answered).unwrap_or_default()
}

/// The end of the command line: a server to ask, or everything opened here.
pub enum Operator {
    /// The serving process answers.
    Remote(Box<Config>),
    /// This process does it itself.
    Local(Box<Local>),
}

/// What this process opened to do it itself.
pub struct Local {
    config: Config,
    /// The database, or why there is none.
    database: Result<Arc<Database>, Fatal>,
    accounts: Option<Accounts>,
    _lock: lock::DataDirLock,
}

impl Operator {
    /// Takes the lock and opens the database, or finds the process that holds the lock.
    ///
    /// # Errors
    /// When the data directory cannot be used at all.
    pub async fn connect(config: Config) -> Result<Self, Fatal> {
        logs::init("warn", config.log_format).map_err(|error| Fatal::new(CONFIG, error))?;
        let lock = match lock::take(&config.data_dir) {
            Ok(lock) => lock,
            Err(lock::LockError::Taken(_)) => return Ok(Self::Remote(Box::new(config))),
            Err(error) => return Err(serve::lock_fatal(error)),
        };
        let metrics = Arc::new(Metrics::new(&[]));
        let database = Database::open(&config, metrics).await.map(Arc::new);
        Ok(Self::Local(Box::new(Local { config, database, accounts: None, _lock: lock })))
    }

    /// Does one thing. `tell` hears how far a long one is.
    ///
    /// # Errors
    /// Why it was refused or could not be done.
    pub async fn ask(
        &mut self,
        request: Request,
        tell: &(dyn Fn(ProgressLine) + Sync),
    ) -> Result<Reply, Fatal> {
        match self {
            Self::Remote(config) => remote(config, &request, tell).await,
            Self::Local(local) => Box::pin(local.perform(request, tell)).await,
        }
    }

    /// Stops what was started.
    pub async fn close(self) {
        if let Self::Local(local) = self {
            let Local { database, accounts, _lock, .. } = *local;
            drop(accounts);
            if let Ok(database) = database
                && let Some(database) = Arc::into_inner(database)
            {
                database.close().await;
            }
        }
    }
}

impl Local {
    async fn perform(
        &mut self,
        request: Request,
        tell: &(dyn Fn(ProgressLine) + Sync),
    ) -> Result<Reply, Fatal> {
        let database = match &self.database {
            Ok(database) => Arc::clone(database),
            Err(fatal) if matches!(request, Request::Doctor) => {
                let subject =
                    Subject { config: &self.config, database: Err(&fatal.message), live: None };
                return Ok(Reply { checks: doctor::checks(&subject).await, ..Reply::default() });
            }
            Err(fatal) => return Err(Fatal::say(fatal.code, fatal.message.clone())),
        };
        if let Request::Close { through } = request {
            make_ready(&self.config, &database).await?;
            let through = through.map(Day);
            let closing = closing::close(&self.config, &database.store, through, tell).await?;
            return Ok(Reply { closing: Some(closing), ..Reply::default() });
        }
        if matches!(request, Request::Admin(_)) && self.accounts.is_none() {
            self.accounts = Some(open_accounts(&self.config, &database).await?);
        }
        let subject = Subject { config: &self.config, database: Ok(&database), live: None };
        match (&request, &self.accounts) {
            (Request::Admin(_), Some(accounts)) => {
                let mut reply = perform(request, accounts, &subject, &database).await?;
                if let Some(admin) = reply.admin.as_mut()
                    && self.config.clickhouse_url.is_none()
                {
                    retention::wait_gone(&database.store, admin).await;
                }
                Ok(reply)
            }
            _ => perform_without_accounts(request, &subject, &database).await,
        }
    }
}

/// Makes sure that the database answers, is nobody else's, and has its tables.
async fn make_ready(config: &Config, database: &Database) -> Result<(), Fatal> {
    let gone = |error| Fatal::new(DATABASE, anyhow::Error::from(error));
    database.store.ping().await.map_err(gone)?;
    prepare::refuse_if_leased(config, &database.store).await?;
    migrate(config, database).await.map(drop)
}

/// Migrates and reads the settings.
async fn open_accounts(config: &Config, database: &Database) -> Result<Accounts, Fatal> {
    make_ready(config, database).await?;
    let sites = Arc::new(Sites::new(database.store.clone(), &config.data_dir));
    sites.refresh().await.map_err(|error| Fatal::new(DATABASE, error))?;
    let accounts = Accounts::new(sites, check_rules).map_err(|error| Fatal::new(FAILED, error))?;
    Ok(accounts.keeping(config.retention_months))
}

async fn migrate(config: &Config, database: &Database) -> Result<Vec<String>, Fatal> {
    let applied = database.store.migrate(config.retention_months).await;
    applied.map_err(|error| Fatal::new(FAILED, error))
}

async fn perform(
    request: Request,
    accounts: &Accounts,
    subject: &Subject<'_>,
    database: &Database,
) -> Result<Reply, Fatal> {
    match request {
        Request::Admin(command) => {
            let reply = admin::execute(command, accounts, now()).await;
            let reply = reply.map_err(|error| Fatal::new(FAILED, error))?;
            Ok(Reply { admin: Some(reply), ..Reply::default() })
        }
        other => perform_without_accounts(other, subject, database).await,
    }
}

async fn perform_without_accounts(
    request: Request,
    subject: &Subject<'_>,
    database: &Database,
) -> Result<Reply, Fatal> {
    match request {
        Request::Migrate => {
            Ok(Reply { applied: migrate(subject.config, database).await?, ..Reply::default() })
        }
        Request::Doctor => Ok(Reply { checks: doctor::checks(subject).await, ..Reply::default() }),
        Request::Admin(_) | Request::Close { .. } => {
            Err(Fatal::say(FAILED, "the settings are not open"))
        }
    }
}

async fn remote(
    config: &Config,
    request: &Request,
    tell: &(dyn Fn(ProgressLine) + Sync),
) -> Result<Reply, Fatal> {
    let line = serde_json::to_string(request).context("cannot write the command")?;
    let is_interim = |line: &str| match serde_json::from_str(line) {
        Ok(Answered::Progress(progress)) => {
            tell(progress);
            true
        }
        _ => false,
    };
    let answer = admin_socket::ask(&config.data_dir, &line, is_interim).await.map_err(|_| {
        Fatal::say(
            TAKEN,
            format!(
                "{} is in use by another headcount process, which does not answer; is it just starting or stopping?",
                config.data_dir.display()
            ),
        )
    })?;
    match serde_json::from_str(&answer).context("the server's answer cannot be read")? {
        Answered::Done(reply) => Ok(*reply),
        Answered::Refused(message) => Err(Fatal::say(FAILED, message)),
        Answered::Progress(_) => Err(Fatal::say(FAILED, "the server's answer cannot be read")),
    }
}

/// Runs a future of a command to its end.
///
/// # Errors
/// When there is no runtime to be had.
pub fn blocking<T>(work: impl Future<Output = T>) -> Result<T, Fatal> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    Ok(runtime.block_on(work))
}

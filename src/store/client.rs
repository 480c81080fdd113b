//! One client a user, and how requests are sent.
//!
//! Every request runs in a task of its own and is read to its end even when its caller has gone:
//! the embedded engine ends when a connection is reset at the wrong moment, and a closed browser
//! tab must not do that.

use std::future::Future;
use std::time::Duration;

use clickhouse::{Client, Compression};
use tokio::sync::Semaphore;

use crate::store::error::StoreError;
use crate::store::{Access, Credentials};

/// How long a ping may take.
const PING_LIMIT: Duration = Duration::from_secs(5);
/// How long a statement other than a bulk insert may take; the reader's own limit is 30 s.
const STATEMENT_LIMIT: Duration = Duration::from_secs(90);

/// How long reading a few rows of settings may take.
const ROWS_LIMIT: Duration = Duration::from_secs(10);
/// Statements other than inserts of events that run at a time: the embedded engine has little
/// memory, and a flood of questions must not end it. The server makes 12 reports at once, each of
/// one statement at a time; the others are for settings, the lease and closing.
const AT_ONCE: usize = 16;
/// How long one of them waits for its turn.
const TURN_LIMIT: Duration = Duration::from_secs(5);

static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);

/// The clients of the four users.
pub(super) struct Clients {
    pub(super) database: String,
    pub(super) insert: Client,
    /// The inserting user, for bodies that are compressed already.
    pub(super) bulk: Client,
    pub(super) read: Client,
    pub(super) settings: Client,
    pub(super) schema: Client,
    /// Held while rows are deleted: one deletion at a time.
    pub(super) erasing: tokio::sync::Mutex<()>,
}

impl Clients {
    pub(super) fn new(access: Access) -> Self {
        let bare = Client::default().with_url(access.url).with_compression(Compression::None);
        let client = |user: Credentials| {
            bare.clone()
                .with_user(user.user)
                .with_password(user.password)
                .with_database(&access.database)
        };
        Self {
            insert: client(access.insert.clone()).with_compression(Compression::Lz4),
            bulk: client(access.insert),
            read: client(access.read),
            settings: client(access.settings),
            schema: client(access.schema),
            database: access.database,
            erasing: tokio::sync::Mutex::default(),
        }
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        // As the inserting user, and without the database: it may not exist yet.
        let client =
            self.insert.clone().with_database("system").with_compression(Compression::None);
        let query = client.query_raw("SELECT 1");
        within(PING_LIMIT, async move { Ok(query.execute().await?) }).await
    }
}

/// Runs `work` to its end in a task of its own, unless it takes longer than `limit`.
pub(super) async fn within<T: Send + 'static>(
    limit: Duration,
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    let task = tokio::spawn(async move {
        tokio::time::timeout(limit, work).await.unwrap_or(Err(StoreError::Unreachable))
    });
    task.await.unwrap_or(Err(StoreError::BadAnswer("the request was cut off")))
}

/// As [`within`], and at most [`AT_ONCE`] of them run; the others wait their turn for a while.
pub(super) async fn in_turn<T: Send + 'static>(
    limit: Duration,
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    let turn = tokio::time::timeout(TURN_LIMIT, TURNS.acquire()).await;
    let Ok(Ok(turn)) = turn else { return Err(StoreError::Unreachable) };
    within(limit, async move {
        let done = work.await;
        drop(turn);
        done
    })
    .await
}

/// Runs a statement without a result.
pub(super) async fn execute(query: clickhouse::query::Query) -> Result<(), StoreError> {
    in_turn(STATEMENT_LIMIT, async move { Ok(query.execute().await?) }).await
}

/// Runs a statement and reads its rows; once more when the connection broke before the answer.
pub(super) async fn rows<T>(query: clickhouse::query::Query) -> Result<Vec<T>, StoreError>
where
    T: clickhouse::RowOwned + clickhouse::RowRead + Send + 'static,
{
    let again = query.clone();
    match in_turn(ROWS_LIMIT, async move { Ok(query.fetch_all::<T>().await?) }).await {
        Err(error) if error.is_broken_connection() => {
            in_turn(ROWS_LIMIT, async move { Ok(again.fetch_all::<T>().await?) }).await
        }
        answer => answer,
    }
}

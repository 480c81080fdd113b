//! Watches the child and starts it again, on the same ports and with the same passwords.
//!
//! A child that ended, or on whose port nobody listens any more (any local process may close the
//! listener), is replaced after a pause that grows while starts fail. A child that listens but is
//! slow is left alone for a minute.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::engine::access::Access;
use crate::engine::http::{self, HttpError};
use crate::engine::process::{self, Prepared, Running};
use crate::telemetry::Metrics;

/// How long a stop may take before the process is killed.
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(10);
/// When a process that is asked to stop gets SIGTERM.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// Pause between two looks at the child.
const LOOK_PAUSE: Duration = Duration::from_secs(2);
/// How long one look may take.
const LOOK_LIMIT: Duration = Duration::from_secs(5);
/// Looks in a row that find a closed port before the child is replaced.
const CLOSED_LOOKS: u32 = 2;
/// How long a child may be deaf before it is replaced.
const DEAF_LIMIT: Duration = Duration::from_secs(60);
/// First and longest pause before a start; it doubles while children end soon.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A child that lived this long makes the next pause short again.
const LONG_LIFE: Duration = Duration::from_secs(5);

/// What the rest of the program may know of the child.
pub(super) struct Shared {
    pid: AtomicU32,
    restarts: AtomicU64,
}

impl Shared {
    pub(super) const fn new(pid: u32) -> Self {
        Self { pid: AtomicU32::new(pid), restarts: AtomicU64::new(0) }
    }

    pub(super) fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    pub(super) fn pid(&self) -> Option<u32> {
        Some(self.pid.load(Ordering::Relaxed)).filter(|pid| *pid != 0)
    }
}

/// Why the look at a child ended.
enum Seen {
    Ended,
    Deaf,
    Stop,
}

/// Watches `child` and its successors until `stop` is sent or dropped; then ends the child and
/// removes `access.json`.
pub(super) async fn run(
    prepared: Prepared,
    mut child: Running,
    access: Access,
    shared: Arc<Shared>,
    metrics: Arc<Metrics>,
    mut stop: oneshot::Receiver<()>,
) {
    let mut pause = FIRST_PAUSE;
    loop {
        let born = Instant::now();
        match watch(&mut child, prepared.http_port(), &mut stop).await {
            Seen::Stop => break,
            Seen::Deaf => {
                tracing::warn!("The engine does not listen any more: starting it again.");
                child.kill().await;
            }
            Seen::Ended => tracing::warn!("The engine ended: starting it again."),
        }
        shared.pid.store(0, Ordering::Relaxed);
        if born.elapsed() > LONG_LIFE {
            pause = FIRST_PAUSE;
        }
        let Some(next) = replace(&prepared, &access, &mut pause, &mut stop).await else {
            remove_access(&prepared);
            return;
        };
        child = next;
        shared.pid.store(child.pid(), Ordering::Relaxed);
        shared.restarts.fetch_add(1, Ordering::Relaxed);
        metrics.engine_restarts.inc();
        tracing::info!("The engine runs again.");
    }
    end(&mut child, prepared.http_port(), &access).await;
    shared.pid.store(0, Ordering::Relaxed);
    remove_access(&prepared);
}

async fn watch(child: &mut Running, port: u16, stop: &mut oneshot::Receiver<()>) -> Seen {
    let mut closed = 0;
    let mut heard = Instant::now();
    loop {
        tokio::select! {
            _ = &mut *stop => return Seen::Stop,
            () = child.ended() => return Seen::Ended,
            () = tokio::time::sleep(LOOK_PAUSE) => {}
        }
        match http::ping(port, LOOK_LIMIT).await {
            Ok(()) => {
                closed = 0;
                heard = Instant::now();
            }
            Err(HttpError::NotListening) => closed += 1,
            Err(_) => closed = 0,
        }
        if closed >= CLOSED_LOOKS || heard.elapsed() > DEAF_LIMIT {
            return Seen::Deaf;
        }
    }
}

/// Starts a child, again and again; `None` when asked to stop meanwhile.
async fn replace(
    prepared: &Prepared,
    access: &Access,
    pause: &mut Duration,
    stop: &mut oneshot::Receiver<()>,
) -> Option<Running> {
    loop {
        tokio::select! {
            _ = &mut *stop => return None,
            () = tokio::time::sleep(*pause) => {}
        }
        *pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        let started = tokio::select! {
            _ = &mut *stop => return None,
            started = process::spawn_ready(prepared, access) => started,
        };
        match started {
            Ok(child) => return Some(child),
            Err(error) => tracing::error!(%error, "The engine cannot be started again."),
        }
    }
}

/// Ends the child: the query that keeps it alive, then SIGTERM, then SIGKILL.
async fn end(child: &mut Running, port: u16, access: &Access) {
    let asked = Instant::now();
    // Without an answer the signals below do it.
    drop(http::query(port, Some(&access.schema), "KILL QUERY WHERE user = ''", LOOK_LIMIT).await);
    let left = STOP_PATIENCE.saturating_sub(asked.elapsed());
    if tokio::time::timeout(left, child.ended()).await.is_ok() {
        return;
    }
    child.terminate();
    let left = STOP_LIMIT.saturating_sub(asked.elapsed());
    if tokio::time::timeout(left, child.ended()).await.is_err() {
        tracing::warn!("The engine did not end in time: killed.");
        child.kill().await;
    }
}

fn remove_access(prepared: &Prepared) {
    if let Err(error) = fs::remove_file(prepared.access_file()) {
        tracing::warn!(%error, "Cannot remove access.json.");
    }
}

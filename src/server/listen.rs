//! The accept loop: connections in, answers out, and a drain with a deadline.
//!
//! Connections and header sizes are bounded. A panic in one request ends as one 500 answer.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::server::answer::{self, Answer};
use crate::server::panic::CatchPanic;
use crate::server::patience::Patient;
use crate::server::peers::Peers;

/// Connections open at once, if the process may open as many files; beyond it, new ones wait in
/// the kernel's queue.
const CONNECTIONS_MAX: usize = 4096;
/// Files kept free for everything else: spool, database, pages, the engine's watch.
const FILES_RESERVED: usize = 256;
/// One peer may hold this part of the connections, unless it is a trusted proxy.
const PEER_SHARE: usize = 4;
/// Time for a request's head to arrive, which also ends idle connections.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// Header lines of one request.
const HEADERS_MAX: usize = 64;
/// Bytes of one request's head.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Time for requests in flight to end once the server is asked to stop.
const DRAIN_TIME: Duration = Duration::from_secs(5);
/// Pause after an accept error that concerns the whole process (no file descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many connections a listener takes.
#[derive(Debug, Clone)]
pub struct Capacity {
    connections: usize,
    unlimited: Vec<IpNet>,
}

impl Capacity {
    /// As many as `files_max`, the files the process may open, allows; peers in `trusted` may hold
    /// all of them.
    #[must_use]
    pub fn new(files_max: usize, trusted: Vec<IpNet>) -> Self {
        let connections = files_max.saturating_sub(FILES_RESERVED).clamp(64, CONNECTIONS_MAX);
        Self { connections, unlimited: trusted }
    }
}

/// Serves `listener` with `handler` until `shutdown` turns true, then lets open requests end.
pub async fn run<H, F>(
    listener: TcpListener,
    capacity: Capacity,
    handler: H,
    mut shutdown: watch::Receiver<bool>,
) where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let handler = Arc::new(handler);
    let permits = Arc::new(Semaphore::new(capacity.connections));
    let peers = Peers::new(capacity.connections / PEER_SHARE, capacity.unlimited);
    let graceful = GracefulShutdown::new();
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&permits).acquire_owned() => permit,
            _ = shutdown.wait_for(|stop| *stop) => break,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = shutdown.wait_for(|stop| *stop) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(code = error.raw_os_error(), "A connection could not be accepted.");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // A peer that holds too many connections gets no further one; its others go on.
        let Some(seat) = peers.seat(peer.ip()) else { continue };
        // Answers are small: waiting to fill a packet only adds latency. A socket that refuses
        // the option still works.
        drop(stream.set_nodelay(true));
        let handler = Arc::clone(&handler);
        let service = service_fn(move |request| {
            let has_body = !matches!(*request.method(), Method::GET | Method::HEAD);
            let answer = CatchPanic::new(handler(request, peer));
            async move {
                let mut answer = answer.await.unwrap_or_else(fault);
                // A refusal may leave a part of the body unread: then the connection ends, and the
                // other side is told, so that it does not send the next request into it.
                if has_body
                    && (answer.status().is_client_error() || answer.status().is_server_error())
                {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, std::convert::Infallible>(answer)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(Patient::new(stream)), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A broken connection is the client's affair: whatever it was answered stands.
            drop(connection.await);
            drop((permit, seat));
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIME, graceful.shutdown()).await.is_err() {
        tracing::warn!("Some connections did not end in time and are closed.");
    }
}

/// The answer when a handler panicked.
fn fault() -> Answer {
    answer::error(
        StatusCode::INTERNAL_SERVER_ERROR,
        "an internal fault; it was logged without your request",
    )
}

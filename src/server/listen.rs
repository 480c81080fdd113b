//! The accept loop: connections in, answers out, and a drain with a deadline.
//!
//! Connections and header sizes are bounded. A panic in one request ends as one 500 answer.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use crate::ingest::network::is_near;
use crate::server::answer::{self, Answer, WasRead};
use crate::server::pace::{Pace, Paces, Whose};
use crate::server::panic::CatchPanic;
use crate::server::patience::{Heads, Patient};
use crate::server::peers::Peers;

/// Connections open at once, if the process may open as many files; beyond it, new ones wait in
/// the kernel's queue.
const CONNECTIONS_MAX: usize = 4096;
/// Files kept free for everything else: spool, database, pages, the engine's watch.
const FILES_RESERVED: usize = 256;
/// One peer may hold this part of the connections, unless it is a trusted proxy.
const PEER_SHARE: usize = 4;
/// Header lines of one request.
const HEADERS_MAX: usize = 64;
/// Bytes of one request's head, and of a body that are read at once: what every connection may
/// hold without having sent a whole request. Browsers send one or two thousand, and a path of the
/// site's own brings the site's cookies with it.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Time for requests in flight to end once the server is asked to stop.
const DRAIN_TIME: Duration = Duration::from_secs(5);
/// Pause after an accept error that concerns the whole process (no file descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often such an error is said.
const ACCEPT_SAID: Duration = Duration::from_secs(60);

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

/// The connection was cut off before the request was begun.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut off")]
struct CutOff;

/// What all connections of a listener share.
struct Front<H> {
    handler: H,
    http: http1::Builder,
    peers: Arc<Peers>,
    paces: Arc<Paces>,
    graceful: GracefulShutdown,
}

/// Serves `listener` with `handler` until `shutdown` turns true, then lets open requests end.
pub async fn run<H, F>(
    listener: TcpListener,
    capacity: Capacity,
    handler: H,
    mut shutdown: watch::Receiver<bool>,
) where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(capacity.connections));
    let mut http = http1::Builder::new();
    // Time is kept by `paces`.
    http.header_read_timeout(None).max_headers(HEADERS_MAX).max_buf_size(HEAD_BYTES_MAX);
    let front = Front {
        handler,
        http,
        peers: Peers::new(capacity.connections / PEER_SHARE, capacity.unlimited),
        paces: Paces::new(capacity.connections),
        graceful: GracefulShutdown::new(),
    };
    let watching = tokio::spawn(Arc::clone(&front.paces).watch());
    let mut said = None;
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
        match accepted {
            Ok((stream, peer)) => front.open(stream, peer, permit),
            Err(error) => endure(&error, &mut said).await,
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIME, front.graceful.shutdown()).await.is_err() {
        tracing::warn!("Some connections did not end in time and are closed.");
    }
    watching.abort();
}

/// What to do about a connection that was not accepted: nothing if it broke by itself, else wait.
async fn endure(error: &io::Error, said: &mut Option<Instant>) {
    if matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    ) {
        return;
    }
    if said.is_none_or(|said| said.elapsed() >= ACCEPT_SAID) {
        *said = Some(Instant::now());
        tracing::warn!(code = error.raw_os_error(), "Connections cannot be accepted; they wait.");
    }
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

impl<H, F> Front<H>
where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    /// Begins a connection.
    fn open(&self, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        // A peer that holds too many connections gets no further one; its others go on.
        let Some(seat) = self.peers.seat(peer.ip()) else { return };
        // Answers are small: waiting to fill a packet only adds latency. A socket that refuses
        // the option still works.
        drop(stream.set_nodelay(true));
        let whose = match peer.ip() {
            proxy if self.peers.is_unlimited(proxy) => Whose::Proxy,
            near if is_near(near) => Whose::Near,
            _ => Whose::Client,
        };
        self.paces.begin(whose, |pace, leave| {
            let heads = Arc::new(Heads::default());
            let stream = Patient::new(stream, Arc::clone(&pace), Arc::clone(&heads));
            let handler = self.handler.clone();
            let service =
                service_fn(move |request| serve(&handler, request, peer, &pace, heads.next()));
            let connection = self.http.serve_connection(TokioIo::new(stream), service);
            let connection = self.graceful.watch(connection);
            let task = tokio::spawn(async move {
                // A broken connection is the client's affair: whatever it was answered stands.
                drop(connection.await);
                drop((permit, seat, leave));
            });
            task.abort_handle()
        });
    }
}

/// Answers one request of a connection; `ambiguous`: its head can be understood in two ways.
fn serve<H, F>(
    handler: &H,
    request: Request<Incoming>,
    peer: SocketAddr,
    pace: &Arc<Pace>,
    ambiguous: bool,
) -> impl Future<Output = Result<Answer, CutOff>> + use<H, F>
where
    H: Fn(Request<Incoming>, SocketAddr) -> F,
    F: Future<Output = Answer>,
{
    let has_body = !matches!(*request.method(), Method::GET | Method::HEAD);
    let is_chunked = request.body().size_hint().exact().is_none();
    let begun = pace.begin();
    let answer = (begun && !ambiguous).then(|| CatchPanic::new(handler(request, peer)));
    let pace = Arc::clone(pace);
    async move {
        let mut answer = match answer {
            Some(answer) => answer.await.unwrap_or_else(fault),
            None if begun => two_meanings(),
            None => return Err(CutOff),
        };
        pace.end();
        let refused = answer.status().is_client_error() || answer.status().is_server_error();
        let was_read = refused && answer.extensions_mut().remove::<WasRead>().is_some();
        // A refusal may leave a part of the body unread: then the connection ends, and the other
        // side is told, so that it does not send the next request into it. And what follows a
        // chunked body is never taken for a request.
        if is_chunked || ambiguous || (has_body && refused && !was_read) {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(answer)
    }
}

/// The answer when a handler panicked.
fn fault() -> Answer {
    answer::error(
        StatusCode::INTERNAL_SERVER_ERROR,
        "an internal fault; it was logged without your request",
    )
}

/// The answer to a head that a proxy may have understood differently.
fn two_meanings() -> Answer {
    answer::error(
        StatusCode::BAD_REQUEST,
        "the request can be understood in two ways: name either Content-Length or \
         Transfer-Encoding: chunked, once, and end lines with CR LF",
    )
}

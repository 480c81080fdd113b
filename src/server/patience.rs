//! The stream under a connection: what is looked at before hyper gets it, and patience with an end.
//!
//! A connection whose other end stops reading is closed: answers must make progress. What is read
//! and written tells [`Pace`] how the connection moves, and [`Framing`] what its heads mean.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::server::framing::Framing;
use crate::server::pace::Pace;

/// How long a write may wait for the other end to read anything.
const WRITE_STALL: Duration = Duration::from_secs(20);

/// A stream that fails a write which makes no progress.
pub struct Patient {
    stream: TcpStream,
    limit: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    pace: Arc<Pace>,
    framing: Framing,
    heads: Arc<Heads>,
}

/// The heads of a connection, in the order in which they came.
pub struct Heads {
    /// The one that can be understood in two ways.
    ambiguous: AtomicU32,
    /// Those whose requests were begun.
    begun: AtomicU32,
}

impl Default for Heads {
    fn default() -> Self {
        Self { ambiguous: AtomicU32::new(u32::MAX), begun: AtomicU32::new(0) }
    }
}

impl Heads {
    /// The next request begins; whether its head can be understood in two ways.
    #[must_use]
    pub fn next(&self) -> bool {
        self.begun.fetch_add(1, Ordering::Relaxed) == self.ambiguous.load(Ordering::Relaxed)
    }
}

impl Patient {
    /// Guards `stream`.
    #[must_use]
    pub fn new(stream: TcpStream, pace: Arc<Pace>, heads: Arc<Heads>) -> Self {
        let framing = Framing::default();
        Self { stream, limit: WRITE_STALL, stalled: None, pace, framing, heads }
    }

    /// Lets a ready result pass and starts, or checks, the clock of one that waits.
    fn guard<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            self.pace.wrote();
            return polled;
        }
        let limit = self.limit;
        let clock = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(clock.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let came = buffer.filled().get(before..).unwrap_or_default();
        if !came.is_empty() {
            self.pace.read();
            if let Some(head) = self.framing.look(came) {
                self.heads.ambiguous.store(head, Ordering::Relaxed);
            }
        }
        polled
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.guard(cx, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.guard(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, buffers);
        self.guard(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (Patient, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let stream = listener.accept().await.unwrap().0;
        (Patient::new(stream, Arc::new(Pace::default()), Arc::default()), client)
    }

    #[tokio::test]
    async fn a_reader_gets_everything_and_a_stalled_one_is_given_up() {
        let (mut stream, mut client) = pair().await;
        stream.write_all(b"hello").await.unwrap();
        let mut read = [0; 5];
        client.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"hello");
        // From here on nobody reads, so the clock of the write runs out.
        stream.limit = Duration::from_millis(50);
        let endless = vec![0_u8; 64 * 1024];
        let error = loop {
            if let Err(error) = stream.write_all(&endless).await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}

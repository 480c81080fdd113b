//! `<data_dir>/admin.sock`: how the command line talks to the running server.
//!
//! One JSON line in, one JSON line out; before it, a long command may send lines that say how far it
//! is. Whoever may open the socket (mode 0600, in a directory of
//! mode 0700) is the operator. It is reached through `/proc/self/fd/N/`, so that the length of the
//! data directory's path does not matter.

use std::fs::File;
use std::future::Future;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const NAME: &str = "admin.sock";
/// Bytes of one request or answer line.
const LINE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// What a server says to whoever connects, before it reads anything.
const GREETING: &str = "headcount";
/// Time for the greeting: a server that is stuck does not greet.
const GREETING_TIME: Duration = Duration::from_secs(5);
/// Time for the server to say something (removing a site rewrites its days).
const ANSWER_TIME: Duration = Duration::from_secs(600);

/// How often the last line that was not the answer is said again, so that nobody takes a long step
/// for a server that is stuck.
const AGAIN_EVERY: Duration = Duration::from_secs(10);
/// Lines that may wait for a slow reader; further ones are left out.
const INTERIM_LINES_MAX: usize = 64;

/// Takes the lines that go before the answer.
#[derive(Debug, Clone)]
pub struct Interim(mpsc::Sender<String>);

impl Interim {
    /// Sends a line, unless the reader is too slow for it.
    pub fn say(&self, line: String) {
        if self.0.try_send(line).is_err() {
            tracing::debug!("A line of progress was left out.");
        }
    }
}

/// The socket, bound; the file is removed when it is dropped.
#[derive(Debug)]
pub struct AdminSocket {
    listener: UnixListener,
    directory: File,
}

impl AdminSocket {
    /// Binds the socket. The caller holds the lock of the data directory, so a socket that is
    /// there belongs to a process that is gone.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn bind(data_dir: &Path) -> Result<Self> {
        let directory = File::open(data_dir)?;
        let path = short(&directory);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context("cannot remove the old admin socket");
            }
            _ => {}
        }
        let listener = UnixListener::bind(&path).context("cannot make the admin socket")?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, directory })
    }

    /// Answers commands until the task is dropped.
    pub async fn serve<H, F>(&self, handler: H)
    where
        H: Fn(String, Interim) -> F + Send + Sync + 'static,
        F: Future<Output = String> + Send,
    {
        let handler = Arc::new(handler);
        let mut conversations = JoinSet::new();
        loop {
            while conversations.try_join_next().is_some() {}
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let handler = Arc::clone(&handler);
            conversations.spawn(async move {
                if let Err(error) = converse(stream, handler.as_ref()).await {
                    tracing::debug!(%error, "An admin connection ended early.");
                }
            });
        }
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        // It may be gone already; the next start removes what is left.
        drop(std::fs::remove_file(short(&self.directory)));
    }
}

async fn converse<H, F>(stream: UnixStream, handler: &H) -> Result<()>
where
    H: Fn(String, Interim) -> F,
    F: Future<Output = String>,
{
    let (read, mut write) = stream.into_split();
    write.write_all(format!("{GREETING}\n").as_bytes()).await?;
    let mut lines = BufReader::new(read.take(LINE_BYTES_MAX)).lines();
    let line = tokio::time::timeout(Duration::from_secs(10), lines.next_line()).await??;
    let Some(line) = line else { return Ok(()) };
    let (sender, mut interim) = mpsc::channel(INTERIM_LINES_MAX);
    let mut answer = std::pin::pin!(handler(line, Interim(sender)));
    let mut again = tokio::time::interval(AGAIN_EVERY);
    let mut last = None;
    let answer = loop {
        tokio::select! {
            biased;
            Some(line) = interim.recv() => {
                send(&mut write, &line).await?;
                last = Some(line);
                again.reset();
            }
            answer = &mut answer => break answer,
            _ = again.tick() => if let Some(line) = &last { send(&mut write, line).await? },
        }
    };
    // A handler that never had to wait has said everything at once.
    while let Ok(line) = interim.try_recv() {
        send(&mut write, &line).await?;
    }
    send(&mut write, &answer).await
}

async fn send(write: &mut OwnedWriteHalf, line: &str) -> Result<()> {
    write.write_all(format!("{line}\n").as_bytes()).await?;
    Ok(())
}

/// Sends one line to the running server and returns its answer. `is_interim` hears each line and
/// says whether the answer is still to come.
///
/// # Errors
/// When nobody answers.
pub async fn ask(
    data_dir: &Path,
    line: &str,
    mut is_interim: impl FnMut(&str) -> bool,
) -> Result<String> {
    let directory = File::open(data_dir)?;
    let stream = UnixStream::connect(short(&directory)).await?;
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read.take(LINE_BYTES_MAX)).lines();
    let greeting = tokio::time::timeout(GREETING_TIME, lines.next_line()).await??;
    if greeting.as_deref() != Some(GREETING) {
        bail!("whoever listens on the admin socket is not headcount");
    }
    write.write_all(line.as_bytes()).await?;
    write.write_all(b"\n").await?;
    loop {
        match tokio::time::timeout(ANSWER_TIME, lines.next_line()).await?? {
            Some(line) if is_interim(&line) => {}
            Some(answer) => return Ok(answer),
            None => bail!("the server closed the connection without an answer"),
        }
    }
}

fn short(directory: &File) -> String {
    format!("/proc/self/fd/{}/{NAME}", directory.as_raw_fd())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_gets_its_lines_and_its_answer_even_under_a_long_path() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("x".repeat(200));
        std::fs::create_dir(&deep).unwrap();
        let socket = AdminSocket::bind(&deep).unwrap();
        let mut heard = Vec::new();
        let mut interim = |line: &str| {
            heard.push(line.to_owned());
            line.starts_with("at ")
        };
        let answering = |line, interim: Interim| async move {
            interim.say("at 1".to_owned());
            interim.say("at 2".to_owned());
            format!("got {line}")
        };
        let answer = tokio::select! {
            () = socket.serve(answering) => unreachable!(),
            answer = ask(&deep, "hello", &mut interim) => answer.unwrap(),
        };
        assert_eq!(answer, "got hello");
        assert_eq!(heard, ["at 1", "at 2", "got hello"]);
        drop(socket);
        assert!(ask(&deep, "hello", |_| false).await.is_err());
    }
}

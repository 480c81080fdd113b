//! `<data_dir>/admin.sock`: how the command line talks to the running server.
//!
//! One JSON line in, one JSON line out. Whoever may open the socket (mode 0600, in a directory of
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
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

const NAME: &str = "admin.sock";
/// Bytes of one request or answer line.
const LINE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// What a server says to whoever connects, before it reads anything.
const GREETING: &str = "headcount";
/// Time for the greeting: a server that is stuck does not greet.
const GREETING_TIME: Duration = Duration::from_secs(5);
/// Time for the server to answer a command (removing a site rewrites its days).
const ANSWER_TIME: Duration = Duration::from_secs(600);

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
        H: Fn(String) -> F + Send + Sync + 'static,
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
    H: Fn(String) -> F,
    F: Future<Output = String>,
{
    let (read, mut write) = stream.into_split();
    write.write_all(format!("{GREETING}\n").as_bytes()).await?;
    let mut lines = BufReader::new(read.take(LINE_BYTES_MAX)).lines();
    let line = tokio::time::timeout(Duration::from_secs(10), lines.next_line()).await??;
    let Some(line) = line else { return Ok(()) };
    let mut answer = handler(line).await;
    answer.push('\n');
    write.write_all(answer.as_bytes()).await?;
    Ok(())
}

/// Sends one line to the running server and returns its answer.
///
/// # Errors
/// When nobody answers.
pub async fn ask(data_dir: &Path, line: &str) -> Result<String> {
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
    match tokio::time::timeout(ANSWER_TIME, lines.next_line()).await?? {
        Some(answer) => Ok(answer),
        None => bail!("the server closed the connection without an answer"),
    }
}

fn short(directory: &File) -> String {
    format!("/proc/self/fd/{}/{NAME}", directory.as_raw_fd())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_gets_its_answer_even_under_a_long_path() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("x".repeat(200));
        std::fs::create_dir(&deep).unwrap();
        let socket = AdminSocket::bind(&deep).unwrap();
        let answer = tokio::select! {
            () = socket.serve(|line| async move { format!("got {line}") }) => unreachable!(),
            answer = ask(&deep, "hello") => answer.unwrap(),
        };
        assert_eq!(answer, "got hello");
        drop(socket);
        assert!(ask(&deep, "hello").await.is_err());
    }
}

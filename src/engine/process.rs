//! One child: writing its files, starting it, waiting until it answers, ending it.
//!
//! What the child prints may name tables and parts; it is kept only until it answers, for the
//! error of a failed start, and thrown away afterwards.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::engine::access::{Access, write_private};
use crate::engine::{Config, DATABASE, EngineError, MIN_MEMORY_BYTES};
use crate::engine::{config, http, self_check};

/// How long an engine that still holds the folder is waited for.
const LOCK_PATIENCE: Duration = Duration::from_secs(15);
/// Pause between two tries for the folder.
const LOCK_PAUSE: Duration = Duration::from_millis(500);
/// How long a child may take to answer; reading many parts takes a while.
const READY_PATIENCE: Duration = Duration::from_secs(120);
/// Pause between two questions whether it answers.
const READY_PAUSE: Duration = Duration::from_millis(20);
/// How long one question may take.
const QUESTION_LIMIT: Duration = Duration::from_secs(10);
/// How much of the child's last words is kept, in lines.
const LAST_LINES: usize = 8;
/// Longest line that is kept, in characters.
const LAST_LINE_CHARS: usize = 300;

/// Everything a start needs; a restart uses the same.
pub(super) struct Prepared {
    config: Config,
    program: PathBuf,
    http_port: u16,
    tcp_port: u16,
}

/// A running child. Dropping it ends the process, for its standard input ends.
pub(super) struct Running {
    child: Child,
    /// Kept open as long as the child shall live.
    input: Option<ChildStdin>,
    pid: u32,
}

type LastLines = Arc<Mutex<Option<Vec<String>>>>;

/// Checks the configuration, makes the folders, and picks the ports.
pub(super) fn prepare(config: Config) -> Result<Prepared, EngineError> {
    if !config.library.is_file() {
        return Err(EngineError::LibraryMissing(config.library));
    }
    if config.memory_bytes < MIN_MEMORY_BYTES {
        return Err(EngineError::TooLittleMemory(config.memory_bytes));
    }
    let config = Config {
        library: absolute(&config.library)?,
        data_dir: absolute(&config.data_dir)?,
        ..config
    };
    make_private_dir(&config.data_dir)?;
    make_private_dir(&config.data_dir.join("data"))?;
    // Not current_exe(): that path is gone when the program was replaced by a newer one.
    let program = config.program.clone().unwrap_or_else(|| PathBuf::from("/proc/self/exe"));
    let http_port = match config.http_port {
        Some(port) => {
            free_port(port).ok_or(EngineError::PortTaken(port))?;
            port
        }
        None => free_port(0).ok_or(EngineError::PortTaken(0))?,
    };
    let tcp_port = free_port(0).ok_or(EngineError::PortTaken(0))?;
    Ok(Prepared { config, program, http_port, tcp_port })
}

/// Starts the first child: writes its configuration and checks its rights.
pub(super) async fn start(prepared: &Prepared) -> Result<(Running, Access), EngineError> {
    let dir = &prepared.config.data_dir;
    let started = Instant::now();
    // Before anything is written: a running engine reads its users file again when it changes.
    while is_locked(&dir.join("data/status")) {
        if started.elapsed() > LOCK_PATIENCE {
            return Err(EngineError::Locked(dir.clone()));
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    let access = config::fresh_access(prepared.http_port).map_err(EngineError::Random)?;
    let memory = prepared.config.memory_bytes;
    let users = dir.join("users.xml");
    write_file(&users, &config::users_xml(&access, memory))?;
    write_file(&prepared.config_file(), &config::server_xml(dir, &users, memory))?;
    loop {
        match spawn_ready(prepared, &access).await {
            Err(EngineError::Locked(_)) if started.elapsed() < LOCK_PATIENCE => {
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            Err(error) => return Err(error),
            Ok(running) => {
                self_check::run(prepared.http_port, Some(prepared.tcp_port), &access).await?;
                return Ok((running, access));
            }
        }
    }
}

/// Starts a child and waits until it answers and the database exists.
pub(super) async fn spawn_ready(
    prepared: &Prepared,
    access: &Access,
) -> Result<Running, EngineError> {
    let (mut running, lines) = spawn(prepared)?;
    let started = Instant::now();
    loop {
        if let Some(status) = running.child.try_wait().map_err(|source| EngineError::Io {
            what: "cannot watch",
            path: prepared.program.clone(),
            source,
        })? {
            // The reader of its words sees their end very soon.
            tokio::time::sleep(READY_PAUSE).await;
            return Err(ended(prepared, &lines, status));
        }
        if http::ping(prepared.http_port, QUESTION_LIMIT).await.is_ok()
            && answers(prepared.http_port, access, "SELECT 1").await.is_ok()
        {
            break;
        }
        if started.elapsed() > READY_PATIENCE {
            return Err(EngineError::Silent(READY_PATIENCE.as_secs()));
        }
        tokio::time::sleep(READY_PAUSE).await;
    }
    *lines.lock().unwrap_or_else(PoisonError::into_inner) = None;
    let create = format!("CREATE DATABASE IF NOT EXISTS {DATABASE}");
    answers(prepared.http_port, access, &create).await.map_err(EngineError::Prepare)?;
    Ok(running)
}

impl Prepared {
    /// Path of `access.json`.
    pub(super) fn access_file(&self) -> PathBuf {
        self.config.data_dir.join("access.json")
    }

    /// Port of the HTTP interface.
    pub(super) const fn http_port(&self) -> u16 {
        self.http_port
    }

    fn config_file(&self) -> PathBuf {
        self.config.data_dir.join("config.xml")
    }
}

impl Running {
    /// Process id.
    pub(super) const fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until the process has ended.
    pub(super) async fn ended(&mut self) {
        // An error means that it is not ours to wait for any more.
        drop(self.child.wait().await);
    }

    /// Asks the process to end (SIGTERM).
    pub(super) fn terminate(&self) {
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended in the meantime; it is not reaped yet, so the id is still its own.
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        }
    }

    /// Ends the process (SIGKILL) and waits for it.
    pub(super) async fn kill(&mut self) {
        drop(self.input.take());
        drop(self.child.kill().await);
    }
}

fn spawn(prepared: &Prepared) -> Result<(Running, LastLines), EngineError> {
    let dir = &prepared.config.data_dir;
    let io = |what, source| EngineError::Io { what, path: prepared.program.clone(), source };
    let mut child = Command::new(&prepared.program)
        .arg0("headcount")
        .arg("engine")
        .arg("--library")
        .arg(&prepared.config.library)
        .arg("--config")
        .arg(prepared.config_file())
        .arg("--data")
        .arg(dir.join("data"))
        .args(["--http-port", &prepared.http_port.to_string()])
        .args(["--tcp-port", &prepared.tcp_port.to_string()])
        .env("TZ", "UTC")
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| io("cannot start", source))?;
    let lines: LastLines = Arc::new(Mutex::new(Some(Vec::new())));
    if let Some(stderr) = child.stderr.take() {
        drop(tokio::spawn(keep_last_lines(stderr, Arc::clone(&lines))));
    }
    let input = child.stdin.take();
    let pid = child.id().unwrap_or(0);
    Ok((Running { child, input, pid }, lines))
}

/// Reads what the child prints until it ends; keeps the last lines while there is a place for them.
async fn keep_last_lines(stderr: impl AsyncRead + Unpin, lines: LastLines) {
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
        let mut kept = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_mut() {
            let text = String::from_utf8_lossy(&line);
            if kept.len() == LAST_LINES {
                drop(kept.remove(0));
            }
            kept.push(text.trim().chars().take(LAST_LINE_CHARS).collect());
        }
        line.clear();
    }
}

fn ended(prepared: &Prepared, lines: &LastLines, status: std::process::ExitStatus) -> EngineError {
    let lines = lines.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
    let text = lines.join(" ");
    if text.contains("Cannot lock file") {
        return EngineError::Locked(prepared.config.data_dir.clone());
    }
    if text.contains("Address already in use") {
        return EngineError::PortTaken(prepared.http_port);
    }
    EngineError::Ended(if text.is_empty() { status.to_string() } else { text })
}

async fn answers(port: u16, access: &Access, sql: &str) -> Result<(), String> {
    match http::query(port, Some(&access.schema), sql, QUESTION_LIMIT).await {
        Ok(answer) if answer.status == 200 && answer.code.is_none() => Ok(()),
        Ok(answer) => Err(answer.body.chars().take(LAST_LINE_CHARS).collect()),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether an engine holds its status file, as every running engine does.
fn is_locked(path: &Path) -> bool {
    let Ok(file) = fs::File::open(path) else { return false };
    let lock = rustix::fs::FlockOperation::NonBlockingLockExclusive;
    rustix::fs::flock(&file, lock).is_err()
}

fn free_port(wanted: u16) -> Option<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", wanted)).ok()?;
    listener.local_addr().ok().map(|address| address.port())
}

fn absolute(path: &Path) -> Result<PathBuf, EngineError> {
    std::path::absolute(path).map_err(|source| EngineError::Io {
        what: "cannot resolve",
        path: path.to_owned(),
        source,
    })
}

fn make_private_dir(path: &Path) -> Result<(), EngineError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| EngineError::Io { what: "cannot create", path: path.to_owned(), source })
}

fn write_file(path: &Path, text: &str) -> Result<(), EngineError> {
    write_private(path, text).map_err(|source| EngineError::Io {
        what: "cannot write",
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_last_lines_are_kept_and_none_after_the_start() {
        let lines: LastLines = Arc::new(Mutex::new(Some(Vec::new())));
        let text: String = (0..20).map(|number| format!("line {number}\n")).collect();
        keep_last_lines(text.as_bytes(), Arc::clone(&lines)).await;
        let kept = lines.lock().unwrap().take().unwrap();
        assert_eq!(kept.len(), LAST_LINES);
        assert_eq!(kept.last().unwrap(), "line 19");
        keep_last_lines(text.as_bytes(), Arc::clone(&lines)).await;
        assert!(lines.lock().unwrap().is_none());
    }

    #[test]
    fn a_missing_library_is_named() {
        let config = Config {
            library: "/nowhere/libchdb.so".into(),
            data_dir: "/nowhere/engine".into(),
            memory_bytes: MIN_MEMORY_BYTES,
            http_port: None,
            program: None,
        };
        let error = prepare(config).err().unwrap().to_string();
        assert!(error.contains("/nowhere/libchdb.so does not exist"), "{error}");
    }

    #[test]
    fn a_taken_port_is_told() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(free_port(listener.local_addr().unwrap().port()), None);
        assert!(free_port(0).is_some());
    }
}

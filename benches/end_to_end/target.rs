//! The two servers under load, each a process of its own, and the database of the second.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal};

/// Name of the site under load.
pub(crate) const SITE: &str = "bench.example";

/// The floor's process.
pub(crate) struct Floor {
    child: Child,
    port: u16,
}

impl Floor {
    pub(crate) fn start() -> Self {
        let program = std::env::current_exe().expect("our own program");
        let mut child = Command::new(program)
            .arg("floor")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the floor starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("a pipe"))
            .read_line(&mut line)
            .expect("a port");
        Self { port: line.trim().parse().expect("a port"), child }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// headcount with its embedded engine, one site, and 127.0.0.1 as trusted proxy.
pub(crate) struct Headcount {
    child: Child,
    port: u16,
    data_dir: PathBuf,
    key_dir: PathBuf,
}

/// The engine stands still until this is dropped.
pub(crate) struct Stopped {
    engine: u32,
}

impl Drop for Stopped {
    fn drop(&mut self) {
        signal(self.engine, Signal::CONT);
    }
}

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process number");
    rustix::process::kill_process(pid, signal).expect("a process of ours");
}

impl Headcount {
    pub(crate) fn start() -> Self {
        let own = std::process::id();
        let data_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{own}"));
        let key_dir = PathBuf::from(format!("/dev/shm/headcount-bench-{own}"));
        std::fs::create_dir_all(&data_dir).expect("a data directory");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_headcount"))
            .current_dir(root)
            .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "off"])
            .args(["--trusted-proxies", "127.0.0.1/32", "--log", "warn"])
            .arg("--data-dir")
            .arg(&data_dir)
            .arg("--key-dir")
            .arg(&key_dir)
            .stdout(Stdio::piped())
            .spawn()
            .expect("headcount starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("ready");
        let port = line
            .split("url=http://127.0.0.1:")
            .nth(1)
            .and_then(|rest| rest.split(' ').next())
            .and_then(|port| port.trim().parse().ok())
            .unwrap_or_else(|| panic!("no ready line: {line}"));
        let added = Command::new(env!("CARGO_BIN_EXE_headcount"))
            .args(["site", "add", SITE, "--data-dir"])
            .arg(&data_dir)
            .status()
            .expect("the command runs");
        assert!(added.success(), "the site was added");
        Self { child, port, data_dir, key_dir }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The engine is the one child of headcount.
    pub(crate) fn engine_pid(&self) -> u32 {
        let pid = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let from_main = children.unwrap_or_default();
        let found = from_main.split_whitespace().next().and_then(|text| text.parse().ok());
        found.unwrap_or_else(|| Self::child_of(pid).expect("the engine runs"))
    }

    /// A child started by another thread than the first is listed under that thread.
    fn child_of(pid: u32) -> Option<u32> {
        std::fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten().find_map(|task| {
            let children = std::fs::read_to_string(task.path().join("children")).ok()?;
            children.split_whitespace().next()?.parse().ok()
        })
    }

    /// Stops the engine; rows wait in the spool.
    pub(crate) fn stop_engine(&self) -> Stopped {
        let engine = self.engine_pid();
        signal(engine, Signal::STOP);
        Stopped { engine }
    }

    /// Rows of events that the database holds.
    pub(crate) fn rows(&self) -> u64 {
        self.ask("SELECT count() FROM open_events").parse().unwrap_or(0)
    }

    /// Days with events.
    pub(crate) fn days(&self) -> String {
        self.ask("SELECT uniqExact(day) FROM open_events")
    }

    /// Visitors of the days.
    pub(crate) fn visitors(&self) -> String {
        self.ask("SELECT uniqExact(visitor) FROM open_events WHERE visitor != 0")
    }

    /// Size of the spool's files, MB.
    pub(crate) fn spool_mb(&self) -> f64 {
        let files = std::fs::read_dir(self.data_dir.join("spool")).into_iter().flatten().flatten();
        let bytes = files.filter_map(|file| file.metadata().ok()).map(|found| found.len());
        bytes.sum::<u64>() as f64 / 1e6
    }

    /// Bytes on disk of one row of `open_events`, once its parts are merged.
    pub(crate) fn bytes_per_event(&self) -> f64 {
        self.ask("OPTIMIZE TABLE open_events FINAL");
        let answer = self.ask(
            "SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts WHERE active AND database = 'headcount' AND table = 'open_events'",
        );
        answer.parse().unwrap_or(f64::NAN)
    }

    /// Asks the engine as the schema user.
    fn ask(&self, sql: &str) -> String {
        let text = std::fs::read_to_string(self.data_dir.join("engine/access.json"))
            .expect("the engine runs");
        let access: serde_json::Value = serde_json::from_str(&text).expect("access.json is JSON");
        let field = |pointer: &str| {
            access.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or("").to_owned()
        };
        let address = field("/url").trim_start_matches("http://").trim_end_matches('/').to_owned();
        let mut stream = TcpStream::connect(&address).expect("the engine listens");
        write!(
            stream,
            "POST /?database=headcount HTTP/1.0\r\nX-ClickHouse-User: {}\r\nX-ClickHouse-Key: {}\r\nContent-Length: {}\r\n\r\n{sql}",
            field("/users/schema/user"),
            field("/users/schema/password"),
            sql.len()
        )
        .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).trim().to_owned()
    }
}

impl Drop for Headcount {
    fn drop(&mut self) {
        let pid = Pid::from_child(&self.child);
        // It may have ended already.
        rustix::process::kill_process(pid, Signal::TERM).ok();
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.data_dir));
        drop(std::fs::remove_dir_all(&self.key_dir));
    }
}

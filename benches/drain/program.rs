//! Folders of a run, the real program on them, and the engine's door.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use headcount::spool::{Config, FsyncPolicy};

/// Name of the site events are sent to.
pub(crate) const SITE: &str = "bench.example";

/// Folders that go with the run.
pub(crate) struct Home {
    data: PathBuf,
    keys: PathBuf,
}

impl Home {
    pub(crate) fn new(part: &str) -> Self {
        let own = std::process::id();
        let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("drain-{part}-{own}"));
        let keys = PathBuf::from(format!("/dev/shm/headcount-drain-{own}"));
        std::fs::create_dir_all(&data).expect("a data directory");
        Self { data, keys }
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// The spool of the program, sealed when it is full.
    pub(crate) fn spool(&self) -> Config {
        Config {
            dir: self.data.join("spool"),
            bad_dir: self.data.join("bad"),
            fsync: FsyncPolicy::Group,
            max_bytes: u64::MAX,
            min_free_bytes: 0,
            seal_after: std::time::Duration::from_secs(3_600),
        }
    }

    /// Runs a command of the program.
    pub(crate) fn command(&self, words: &[&str]) {
        let done = Command::new(env!("CARGO_BIN_EXE_headcount"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(words)
            .arg("--data-dir")
            .arg(&self.data)
            .stdout(Stdio::null())
            .status()
            .expect("the program runs");
        assert!(done.success(), "{words:?}");
    }

    /// Starts the program.
    pub(crate) fn serve(&self) -> Serving<'_> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_headcount"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "off"])
            .args(["--trusted-proxies", "127.0.0.1/32", "--log", "warn"])
            .arg("--data-dir")
            .arg(&self.data)
            .arg("--key-dir")
            .arg(&self.keys)
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
        Serving { home: self, child, port }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.data));
        drop(std::fs::remove_dir_all(&self.keys));
    }
}

/// The program at work.
pub(crate) struct Serving<'a> {
    home: &'a Home,
    child: Child,
    port: u16,
}

impl Serving<'_> {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends one event and waits for the 202.
    pub(crate) fn send(&self, visitor: u32) {
        let body = format!(
            r#"{{"n":"pageview","u":"https://{SITE}/page/{}","d":"{SITE}"}}"#,
            visitor % 50
        );
        let [_, a, b, c] = visitor.to_be_bytes();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        write!(
            stream,
            "POST /api/event HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             X-Forwarded-For: 20.{a}.{b}.{c}\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) \
             Gecko/20100101 Firefox/140.0\r\nAccept-Language: de\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        assert!(answer.contains("headcount: accepted"), "{answer}");
    }

    /// How many events the database holds, as the reader sees it; `None` while it does not answer.
    pub(crate) fn stored(&self) -> Option<u64> {
        let file = self.home.data.join("engine/access.json");
        let access: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()?;
        let field = |pointer: &str| access.pointer(pointer).and_then(|value| value.as_str());
        let address = field("/url")?.trim_start_matches("http://").trim_end_matches('/');
        let sql = "SELECT count() FROM open_events";
        let mut stream = TcpStream::connect(address).ok()?;
        write!(
            stream,
            "POST /?database=headcount HTTP/1.0\r\nX-ClickHouse-User: {}\r\nX-ClickHouse-Key: {}\r\nContent-Length: {}\r\n\r\n{sql}",
            field("/users/read/user")?,
            field("/users/read/password")?,
            sql.len()
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.split_once("\r\n\r\n")?.1.trim().parse().ok()
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        // It may have ended already.
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        drop(self.child.wait());
    }
}

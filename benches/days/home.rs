//! The folder of a run, the real program on it, and the engine opened on it by this process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use headcount::account::sites::Sites;
use headcount::engine::{self, Access, Engine};
use headcount::model::Site;
use headcount::store::{self, Credentials, Store};
use headcount::telemetry::Metrics;

use crate::plan::{Plan, SITES};

/// The biggest site.
pub(crate) const BIGGEST: &str = "site1.example";

/// How long rows are kept: the program's own default.
const RETENTION_MONTHS: u32 = 13;

/// Folders of one run.
pub(crate) struct Home {
    data: PathBuf,
    keys: PathBuf,
    memory: u64,
    kept: bool,
}

impl Home {
    /// Makes the folders.
    pub(crate) fn new(plan: &Plan) -> Self {
        let own = std::process::id();
        let data = plan.dir.clone().unwrap_or_else(|| {
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("days-{own}"))
        });
        let keys = PathBuf::from(format!("/dev/shm/headcount-days-{own}"));
        std::fs::create_dir_all(&data).expect("a data directory");
        Self { data, keys, memory: plan.engine_memory, kept: plan.dir.is_some() }
    }

    /// A file of ours beside the program's.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.data.join(name)
    }

    /// The program with the folders of this run.
    fn program(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_headcount"));
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(words)
            .arg("--data-dir")
            .arg(&self.data)
            .args(["--engine-memory", &format!("{}MiB", self.memory / 1024 / 1024)]);
        command
    }

    /// Makes the sites; a key that reads them all.
    pub(crate) fn set_up(&self) -> String {
        let mut lines: String =
            (1..=SITES).map(|number| format!("site add site{number}.example\n")).collect();
        lines.push_str("key create --all-sites --scope read\n");
        let mut child = self
            .program(&["admin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(lines.as_bytes()).expect("commands are read");
        drop(stdin);
        let output = child.wait_with_output().expect("the program ends");
        assert!(output.status.success(), "the sites are made");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let key = said.lines().find(|line| line.starts_with("hc_read_")).expect("a key");
        key.to_owned()
    }

    /// The engine, opened by this process as the program opens it.
    pub(crate) async fn open(&self) -> Opened {
        let package = "node_modules/@chdb/lib-linux-x64-gnu/libchdb.so";
        let config = engine::Config {
            library: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(package),
            data_dir: self.data.join("engine"),
            memory_bytes: self.memory,
            http_port: None,
            program: Some(PathBuf::from(env!("CARGO_BIN_EXE_headcount"))),
        };
        let engine =
            Engine::start(config, Arc::new(Metrics::new(&[]))).await.expect("the engine starts");
        let access = engine.access().clone();
        let user = |user: &engine::User| Credentials {
            user: user.user.clone(),
            password: user.password.clone(),
        };
        let store = Store::new(store::Access {
            url: access.url.clone(),
            database: access.database.clone(),
            insert: user(&access.insert),
            read: user(&access.read),
            settings: user(&access.settings),
            schema: user(&access.schema),
        });
        store.migrate(RETENTION_MONTHS).await.expect("the tables are brought up to date");
        let sites = Sites::new(store.clone(), &self.data);
        sites.refresh().await.expect("the sites are read");
        let snapshot = sites.snapshot().expect("the sites were read");
        assert_eq!(snapshot.sites().len(), SITES, "the sites that were made");
        let biggest = snapshot.by_domain(BIGGEST).expect("the biggest site").clone();
        assert_eq!(biggest.id.0, 1, "events are made for sites 1 to {SITES}");
        Opened { engine, access, store, biggest }
    }

    /// The real program, serving.
    pub(crate) fn serve(&self, key: String) -> Served {
        let mut child = self
            .program(&["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "off"])
            .args(["--log", "warn", "--key-dir"])
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
        Served { child, port, key }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if !self.kept {
            drop(std::fs::remove_dir_all(&self.data));
        }
        drop(std::fs::remove_dir_all(&self.keys));
    }
}

/// The engine of a run.
pub(crate) struct Opened {
    pub(crate) engine: Engine,
    pub(crate) access: Access,
    pub(crate) store: Store,
    pub(crate) biggest: Site,
}

impl Opened {
    /// Process id of the engine.
    pub(crate) fn pid(&self) -> u32 {
        self.engine.pid().expect("the engine runs")
    }
}

/// The serving program.
pub(crate) struct Served {
    child: Child,
    port: u16,
    key: String,
}

impl Served {
    /// A connection that stays open.
    pub(crate) fn connect(&self) -> Connection<'_> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the program listens");
        stream.set_nodelay(true).expect("the option");
        Connection { reader: BufReader::new(stream), key: &self.key }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        // It may have ended already.
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        drop(self.child.wait());
    }
}

/// A browser's connection.
pub(crate) struct Connection<'a> {
    reader: BufReader<TcpStream>,
    key: &'a str,
}

impl Connection<'_> {
    /// Asks a report; the body of the answer, `None` when it is more than one report may have.
    pub(crate) fn query(&mut self, body: &str) -> Option<String> {
        write!(
            self.reader.get_mut(),
            "POST /api/v2/query HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.key,
            body.len()
        )
        .expect("sent");
        let mut status = String::new();
        self.reader.read_line(&mut status).expect("a status");
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line).expect("a header");
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut answer = vec![0; length];
        self.reader.read_exact(&mut answer).expect("a body");
        let answer = String::from_utf8(answer).expect("JSON is text");
        // 422: more than one report may have.
        let too_much = status.contains(" 422 ");
        assert!(too_much || status.contains(" 200 "), "{status}{answer}\n{body}");
        (!too_much).then_some(answer)
    }
}

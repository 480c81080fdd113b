//! CPU time and memory of another process, read from /proc.

use std::fs;
use std::time::Duration;

/// Clock ticks a second, as Linux reports process times.
const TICKS: f64 = 100.0;

/// Memory of a process in megabytes.
pub(crate) struct Memory {
    /// Pages no other process shares, mapped files excluded as far as they are clean and shared.
    pub(crate) private_mb: f64,
    /// All resident pages.
    pub(crate) resident_mb: f64,
}

/// User and system time since the start of the process.
pub(crate) fn cpu(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<f64> =
        after_name.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect();
    let ticks = fields.get(11).unwrap_or(&0.0) + fields.get(12).unwrap_or(&0.0);
    Duration::from_secs_f64(ticks / TICKS)
}

/// Memory as of now: anonymous pages count as private, mapped files only as resident.
pub(crate) fn memory(pid: u32) -> Memory {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(|rest| rest.trim().split(' ').next())
            .and_then(|kb| kb.parse::<f64>().ok())
            .unwrap_or(0.0)
            / 1024.0
    };
    Memory { private_mb: field("RssAnon:"), resident_mb: field("VmRSS:") }
}

//! Whether the kernel may write memory to a disk, and what this process does against it.
//!
//! Reads `/proc/swaps` and `/sys/block/zram*/backing_dev`; a machine without them counts as one
//! without swap. It does not see hibernation or snapshots of a virtual machine.

use std::path::Path;

use rustix::process::{DumpableBehavior, Resource, Rlimit};

/// A protection of this process that the kernel refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}: {cause}")]
pub struct HardeningError {
    what: &'static str,
    cause: rustix::io::Errno,
}

/// Whether memory may be written to a disk by swapping: any active swap that is not zram, or a
/// zram device that writes back to a disk.
#[must_use]
pub fn swap_active() -> bool {
    let swaps = std::fs::read_to_string("/proc/swaps").unwrap_or_default();
    reaches_disk(&swaps, |device| {
        let path = Path::new("/sys/block").join(device).join("backing_dev");
        std::fs::read_to_string(path).is_ok_and(|backing| backing.trim() != "none")
    })
}

/// Switches core dumps off and lets this process lock as much memory as its hard limit allows.
///
/// Call it first thing in `main`, before a key exists.
///
/// # Errors
/// When the kernel refuses to switch core dumps off.
pub fn process_hardening() -> Result<(), HardeningError> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|cause| HardeningError { what: "make this process not dumpable", cause })?;
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(Resource::Core, none)
        .map_err(|cause| HardeningError { what: "set the core file limit to 0", cause })?;
    let memory = rustix::process::getrlimit(Resource::Memlock);
    let raised = Rlimit { current: memory.maximum, maximum: memory.maximum };
    if let Err(cause) = rustix::process::setrlimit(Resource::Memlock, raised) {
        tracing::debug!(%cause, "The limit of locked memory stays as it was.");
    }
    Ok(())
}

/// `swaps` is the text of `/proc/swaps`; `writes_back` says whether a zram device has a disk
/// behind it.
fn reaches_disk(swaps: &str, writes_back: impl Fn(&str) -> bool) -> bool {
    swaps.lines().skip(1).filter_map(|line| line.split_whitespace().next()).any(|name| {
        match name.strip_prefix("/dev/").filter(|device| device.starts_with("zram")) {
            Some(device) => writes_back(device),
            None => true,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

    #[test]
    fn only_zram_without_a_disk_is_harmless() {
        let swaps = |lines: &str| format!("{HEAD}{lines}");
        assert!(!reaches_disk("", |_| false));
        assert!(!reaches_disk(HEAD, |_| false));
        assert!(!reaches_disk(&swaps("/dev/zram0 partition 1 0 100\n"), |_| false));
        assert!(reaches_disk(&swaps("/dev/zram0 partition 1 0 100\n"), |_| true));
        assert!(reaches_disk(&swaps("/dev/vda2 partition 1 0 -2\n"), |_| false));
        let both = "/dev/zram0 partition 1 0 100\n/swapfile file 1 0 -2\n";
        assert!(reaches_disk(&swaps(both), |_| false));
    }

    #[test]
    fn hardening_switches_core_dumps_off() {
        process_hardening().unwrap();
        assert_eq!(rustix::process::getrlimit(Resource::Core).current, Some(0));
        let behavior = rustix::process::dumpable_behavior().unwrap();
        assert_eq!(behavior, DumpableBehavior::NotDumpable);
        // Other tests of this process may want /proc/self as it was.
        rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable).unwrap();
    }
}

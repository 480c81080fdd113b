//! The memory of a running process, as a core dump would hold it and more: pages that are left out
//! of dumps are read as well.
//!
//! Read through `/proc/PID/mem`, which for a process that may not be dumped needs the rights of
//! root. Without them a test can only assert that dumps are off, and says so.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use crate::support::scan::{Found, Scan};

/// Bytes read at a time; neighbouring pieces overlap by [`OVERLAP`].
const PIECE: usize = 16 * 1024 * 1024;
/// Longer than anything that is looked for.
const OVERLAP: usize = 4096;

/// The memory of one process.
pub(crate) struct Memory {
    file: File,
    /// Start, end and name of what can be read and is its own.
    regions: Vec<(u64, u64, String)>,
}

impl Memory {
    /// Opens the memory of `pid`; nothing when the system does not allow it.
    ///
    /// Mappings of files that cannot be written are left out: they hold what the files hold.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let file = File::open(format!("/proc/{pid}/mem")).ok()?;
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
        let region = |line: &str| {
            let mut fields = line.split_whitespace();
            let (start, end) = fields.next()?.split_once('-')?;
            let rights = fields.next()?;
            let name = fields.nth(3).unwrap_or("anonymous").to_owned();
            let own = rights.contains('w') || !name.starts_with('/');
            let readable = rights.starts_with('r')
                && !matches!(name.as_str(), "[vvar]" | "[vvar_vclock]" | "[vsyscall]");
            let number = |text| u64::from_str_radix(text, 16).ok();
            (own && readable).then_some((number(start)?, number(end)?, name))
        };
        let regions: Vec<_> = maps.lines().filter_map(region).collect();
        let memory = Self { file, regions };
        // The first page of a mapping may be a guard; that any can be read is enough.
        let any = memory
            .regions
            .iter()
            .any(|(start, ..)| memory.file.read_exact_at(&mut [0; 8], *start).is_ok());
        any.then_some(memory)
    }

    /// What of `scan` lies in it, and where.
    pub(crate) fn look(&self, scan: &Scan) -> Vec<Found> {
        let mut found = Vec::new();
        let mut piece = vec![0; PIECE];
        for (start, end, name) in &self.regions {
            let mut at = *start;
            while at < *end {
                let want = usize::try_from(*end - at).map_or(PIECE, |left| left.min(PIECE));
                let bytes = &mut piece[..want];
                if self.file.read_exact_at(bytes, at).is_err() {
                    break;
                }
                found.extend(scan.of(&format!("memory {name} near {at:x}"), bytes));
                if want < PIECE {
                    break;
                }
                at += (PIECE - OVERLAP) as u64;
            }
        }
        found
    }

    /// All of it, by place.
    pub(crate) fn pieces(&self) -> Vec<(String, Vec<u8>)> {
        let piece = |(start, end, name): &(u64, u64, String)| {
            let mut bytes = vec![0; usize::try_from(end - start).ok()?];
            self.file.read_exact_at(&mut bytes, *start).ok()?;
            Some((format!("memory {name} at {start:x}"), bytes))
        };
        self.regions.iter().filter_map(piece).collect()
    }

    /// How many bytes can be looked through.
    pub(crate) fn bytes(&self) -> u64 {
        self.regions.iter().map(|(start, end, _)| end - start).sum()
    }
}

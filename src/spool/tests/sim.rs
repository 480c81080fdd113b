//! A disk that fails on demand and remembers what a power cut would leave.
//!
//! It writes real files but syncs nothing; beside them it keeps, for each file, the content that
//! was synced, and the names that a directory sync made durable.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use tempfile::TempDir;

use super::quick_dir;
use crate::spool::disk::{Disk, RealDisk};

/// What is asked of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Create,
    Append,
    Reserve,
    Sync,
    Shorten,
    Rename,
    Unlink,
    SyncDir,
}

/// How a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It did not happen.
    Not(io::ErrorKind),
    /// It happened, and yet an error comes back. An append is torn.
    Done(io::ErrorKind),
}

/// Which changes to names survive a power cut, beside those that were synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    Synced,
    Removals,
    Additions,
    All,
}

/// Pairs of luck and names worth looking at.
pub(super) const CUTS: [(usize, Names); 7] = [
    (0, Names::Synced),
    (0, Names::Removals),
    (0, Names::Additions),
    (0, Names::All),
    (2, Names::Removals),
    (3, Names::Additions),
    (4, Names::All),
];

/// Decides by the number of the step and its kind.
pub(super) type Plan = Box<dyn FnMut(u64, Op) -> Option<Fault> + Send>;

#[derive(Default, Clone)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// End of the zeros behind it, and of those that were synced.
    reserved: usize,
    durable_reserved: usize,
    /// A sync failed: the kernel may have dropped what was to be written.
    poisoned: bool,
}

struct Inner {
    root: PathBuf,
    step: u64,
    free: u64,
    plan: Plan,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    contents: BTreeMap<u64, Content>,
    /// Steps that must never be taken.
    violations: Vec<String>,
}

pub(super) struct Sim {
    inner: Mutex<Inner>,
    /// Set by a test to stop the disk.
    held: Mutex<bool>,
    released: Condvar,
}

impl Sim {
    /// A disk without faults below `root`, whose directory is empty.
    pub(super) fn new(root: &Path) -> Arc<Self> {
        Self::with_plan(root, Box::new(|_, _| None))
    }

    pub(super) fn with_plan(root: &Path, plan: Plan) -> Arc<Self> {
        let inner = Inner {
            root: root.to_path_buf(),
            step: 0,
            free: u64::MAX,
            plan,
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            contents: BTreeMap::new(),
            violations: Vec::new(),
        };
        Arc::new(Self {
            inner: Mutex::new(inner),
            held: Mutex::new(false),
            released: Condvar::new(),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub(super) fn set_free(&self, bytes: u64) {
        self.inner().free = bytes;
    }

    pub(super) fn set_plan(&self, plan: Plan) {
        self.inner().plan = plan;
    }

    /// Steps so far.
    pub(super) fn steps(&self) -> u64 {
        self.inner().step
    }

    /// No step of writing is taken until it is called with `false`.
    pub(super) fn hold(&self, held: bool) {
        *self.held.lock().unwrap() = held;
        self.released.notify_all();
    }

    pub(super) fn assert_no_violation(&self) {
        assert_eq!(self.inner().violations, Vec::<String>::new());
    }

    /// What a power cut leaves: durable content, and of appended bytes that were not synced the
    /// share `luck` (0 to 4 quarters); of changes to names that were not synced those of `names`.
    pub(super) fn after_power_cut(&self, luck: usize, names: Names) -> TempDir {
        let inner = self.inner();
        let to = quick_dir();
        for folder in ["spool", "bad"] {
            std::fs::create_dir_all(to.path().join(folder)).unwrap();
        }
        let (durable, now) = (&inner.durable_names, &inner.names);
        let mut left = if names == Names::All { now.clone() } else { durable.clone() };
        match names {
            Names::Synced | Names::All => {}
            Names::Removals => left.retain(|name, _| now.contains_key(name)),
            Names::Additions => left.extend(now.clone()),
        }
        for (name, ino) in &left {
            let content = &inner.contents[ino];
            let mut bytes = content.durable.clone();
            if let Some(more) = content.now.strip_prefix(content.durable.as_slice()) {
                bytes.extend_from_slice(&more[..more.len() * luck / 4]);
            }
            let zeros = if luck > 0 { content.reserved } else { content.durable_reserved };
            bytes.resize(bytes.len().max(zeros), 0);
            std::fs::write(to.path().join(name), bytes).unwrap();
        }
        to
    }

    /// Counts the step; `Ok(None)` means go on, `Ok(Some)` do it and then fail.
    fn step(&self, op: Op) -> io::Result<Option<io::Error>> {
        drop(self.released.wait_while(self.held.lock().unwrap(), |held| *held).unwrap());
        let mut inner = self.inner();
        let step = inner.step;
        inner.step += 1;
        match (inner.plan)(step, op) {
            None => Ok(None),
            Some(Fault::Not(kind)) => Err(kind.into()),
            Some(Fault::Done(kind)) => Ok(Some(kind.into())),
        }
    }
}

impl Inner {
    fn name(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap().to_path_buf()
    }

    fn content(&mut self, file: &File) -> &mut Content {
        self.contents.entry(file.metadata().unwrap().ino()).or_default()
    }
}

fn outcome(fault: Option<io::Error>) -> io::Result<()> {
    fault.map_or(Ok(()), Err)
}

impl Disk for Sim {
    fn create(&self, path: &Path) -> io::Result<File> {
        let fault = self.step(Op::Create)?;
        let file = RealDisk.create(path)?;
        let mut inner = self.inner();
        let (name, ino) = (inner.name(path), file.metadata()?.ino());
        drop(inner.contents.insert(ino, Content::default()));
        // Numbers of removed files are used again.
        inner.durable_names.retain(|_, other| *other != ino);
        inner.names.insert(name, ino);
        outcome(fault).map(|()| file)
    }

    fn append(&self, file: &File, bytes: &[u8]) -> io::Result<()> {
        let fault = self.step(Op::Append)?;
        let torn = if fault.is_some() { bytes.len() * 2 / 3 } else { bytes.len() };
        RealDisk.append(file, &bytes[..torn])?;
        let mut inner = self.inner();
        let content = inner.content(file);
        content.now.extend_from_slice(&bytes[..torn]);
        let poisoned = content.poisoned;
        content.poisoned |= fault.is_some();
        if poisoned {
            inner.violations.push("append to a file after it failed".to_owned());
        }
        outcome(fault)
    }

    fn reserve(&self, file: &File, at: u64, len: usize) -> io::Result<()> {
        let fault = self.step(Op::Reserve)?;
        RealDisk.reserve(file, at, len)?;
        let mut inner = self.inner();
        let content = inner.content(file);
        content.reserved = usize::try_from(at).unwrap() + len;
        let poisoned = content.poisoned;
        content.poisoned |= fault.is_some();
        if poisoned {
            inner.violations.push("reserve in a file after it failed".to_owned());
        }
        outcome(fault)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let fault = self.step(Op::Sync);
        let mut inner = self.inner();
        let content = inner.content(file);
        let poisoned = content.poisoned;
        if fault.is_ok() {
            content.durable = content.now.clone();
            content.durable_reserved = content.reserved;
        }
        content.poisoned |= !matches!(fault, Ok(None));
        if poisoned {
            inner.violations.push("sync of a file after it failed".to_owned());
        }
        outcome(fault?)
    }

    fn shorten(&self, path: &Path, len: u64) -> io::Result<()> {
        let fault = self.step(Op::Shorten)?;
        let file = std::fs::OpenOptions::new().write(true).open(path)?;
        file.set_len(len)?;
        let mut inner = self.inner();
        let content = inner.content(&file);
        content.now.truncate(usize::try_from(len).unwrap());
        content.durable = content.now.clone();
        (content.reserved, content.durable_reserved) = (0, 0);
        outcome(fault)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let fault = self.step(Op::Rename)?;
        RealDisk.rename(from, to)?;
        let mut inner = self.inner();
        let (from, to) = (inner.name(from), inner.name(to));
        let ino = inner.names.remove(&from).unwrap();
        inner.names.insert(to, ino);
        outcome(fault)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        let fault = self.step(Op::Unlink)?;
        RealDisk.unlink(path)?;
        let mut inner = self.inner();
        let name = inner.name(path);
        inner.names.remove(&name);
        outcome(fault)
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        let fault = self.step(Op::SyncDir)?;
        let mut inner = self.inner();
        inner.durable_names = inner.names.clone();
        outcome(fault)
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<u64> {
        Ok(self.inner().free)
    }
}

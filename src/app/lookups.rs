//! The files an operator may replace under a running server: city databases and lists.
//!
//! They are looked at every few seconds, by size, time of change and place on the disk. A changed
//! file is read whole and checked before it takes the old one's place; a file that is missing or
//! wrong is refused with one log line, and the old one stays. A log line names file and line
//! number, never text of the file.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use arc_swap::ArcSwap;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::app::geo_file;
use crate::config::Config;
use crate::ingest::{Lookups, Networks, SpamHosts};
use crate::server::state::State;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Largest list that is read, in bytes: a million networks take about 20 MB.
const LIST_BYTES_MAX: u64 = 64 << 20;

/// Which of the files.
#[derive(Clone, Copy)]
enum What {
    Geo,
    Datacentres,
    Spam,
}

/// What tells that a file is another than before: device, inode, size, seconds and nanoseconds of
/// its last change; nothing when it cannot be looked at.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

struct Watched {
    what: What,
    paths: Vec<PathBuf>,
    seen: Vec<Stamp>,
}

/// The files in use, as they were when they were last looked at.
pub struct Files {
    cache_dir: PathBuf,
    watched: Vec<Watched>,
}

/// Reads all files that the settings name.
///
/// # Errors
/// The first that cannot be used, with its setting, path and line.
pub fn open(config: &Config) -> Result<(Lookups, Files)> {
    if config.geo_path.is_empty() {
        tracing::warn!("No city database: locations stay empty. Name one with geo_path.");
    }
    let cache_dir = config.data_dir.join("cache");
    let one = |path: &Option<PathBuf>| path.iter().cloned().collect::<Vec<_>>();
    let mut files = Files { cache_dir, watched: Vec::new() };
    for (what, paths) in [
        (What::Geo, config.geo_path.clone()),
        (What::Datacentres, one(&config.datacentre_list)),
        (What::Spam, one(&config.spam_list)),
    ] {
        let seen = paths.iter().map(|path| stamp(path)).collect();
        files.watched.push(Watched { what, paths, seen });
    }
    let mut lookups = Lookups {
        geo: Arc::new(geo_file::open(&config.geo_path, &files.cache_dir)?),
        ..Lookups::default()
    };
    for watched in files.watched.iter().filter(|watched| !matches!(watched.what, What::Geo)) {
        watched.load(&files.cache_dir, &mut lookups)?;
    }
    Ok((lookups, files))
}

/// How many entries each list has that the settings name.
///
/// # Errors
/// As [`open`].
pub fn count(config: &Config) -> Result<Vec<String>> {
    let mut counts = Vec::new();
    for (what, path) in
        [(What::Datacentres, &config.datacentre_list), (What::Spam, &config.spam_list)]
    {
        let Some(path) = path else { continue };
        let watched = Watched { what, paths: vec![path.clone()], seen: Vec::new() };
        let mut found = Lookups::default();
        watched.load(&config.data_dir, &mut found)?;
        let entries = found.datacentres.len() + found.spam.len();
        counts.push(format!("{}: {entries} entries", what.setting()));
    }
    Ok(counts)
}

/// Looks at the files from now on.
pub fn start(tasks: &mut JoinSet<()>, state: &Arc<State>, files: Files) {
    let state = Arc::clone(state);
    let files = Arc::new(Mutex::new(files));
    tasks.spawn(async move {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let (state, files) = (Arc::clone(&state), Arc::clone(&files));
            // Reading and checking a city database takes seconds: not on a thread that serves.
            let looked = tokio::task::spawn_blocking(move || {
                files.lock().unwrap_or_else(PoisonError::into_inner).look(&state.lookups);
            });
            if let Err(error) = looked.await {
                tracing::error!(%error, "Replaced files could not be looked at.");
            }
        }
    });
}

impl Files {
    /// Takes what has changed and is right.
    fn look(&mut self, lookups: &ArcSwap<Lookups>) {
        for watched in &mut self.watched {
            let found: Vec<Stamp> = watched.paths.iter().map(|path| stamp(path)).collect();
            if found == watched.seen {
                continue;
            }
            // Written on while it is read, it has another stamp the next time.
            watched.seen = found;
            let mut next = Lookups::clone(&lookups.load());
            match watched.load(&self.cache_dir, &mut next) {
                Ok(()) => {
                    lookups.store(Arc::new(next));
                    tracing::info!(setting = watched.what.setting(), "A replaced file is in use.");
                }
                Err(error) => {
                    let reason = format!("{error:#}");
                    tracing::warn!(%reason, "A replaced file is refused; the old one stays.");
                }
            }
        }
    }
}

impl Watched {
    fn load(&self, cache_dir: &Path, lookups: &mut Lookups) -> Result<()> {
        let setting = self.what.setting();
        let list = |path: &Path| read(path).with_context(|| named(setting, path));
        match (self.what, self.paths.as_slice()) {
            (_, []) => {}
            (What::Geo, paths) => lookups.geo = Arc::new(geo_file::replace(paths, cache_dir)?),
            (What::Datacentres, [path, ..]) => {
                let networks = Networks::read(&list(path)?);
                lookups.datacentres = Arc::new(networks.with_context(|| named(setting, path))?);
            }
            (What::Spam, [path, ..]) => {
                let hosts = SpamHosts::read(&list(path)?);
                lookups.spam = Arc::new(hosts.with_context(|| named(setting, path))?);
            }
        }
        Ok(())
    }
}

impl What {
    fn setting(self) -> &'static str {
        match self {
            Self::Geo => "geo_path",
            Self::Datacentres => "datacentre_list",
            Self::Spam => "spam_list",
        }
    }
}

fn named(setting: &str, path: &Path) -> String {
    format!("{setting} {}", path.display())
}

fn stamp(path: &Path) -> Stamp {
    let found = fs::metadata(path).ok()?;
    Some((found.dev(), found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let size = fs::metadata(path)?.len();
    if size > LIST_BYTES_MAX {
        bail!("is too large: at most 64 MiB");
    }
    Ok(fs::read(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list in a directory of its own, as a running server knows it.
    fn watching(text: &str) -> (tempfile::TempDir, PathBuf, Files, ArcSwap<Lookups>) {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("spam.txt");
        fs::write(&path, text).unwrap();
        let mut config = Config::load(&[], None, &std::collections::BTreeMap::new()).unwrap();
        config.data_dir = room.path().join("data");
        config.spam_list = Some(path.clone());
        let (lookups, files) = open(&config).unwrap();
        (room, path, files, ArcSwap::from_pointee(lookups))
    }

    #[test]
    fn a_replaced_list_is_taken_and_a_wrong_or_missing_one_is_not() {
        let (room, path, mut files, lookups) = watching("one.example\n");
        let holds = |host: &str| lookups.load().spam.contains(host);
        assert!(holds("one.example") && !holds("two.example"));
        let before = Arc::as_ptr(&lookups.load().spam);
        files.look(&lookups);
        assert_eq!(Arc::as_ptr(&lookups.load().spam), before, "an unchanged file is not read");

        // Of the same size: by another inode.
        let new = room.path().join("new");
        fs::write(&new, "two.example\n").unwrap();
        fs::rename(&new, &path).unwrap();
        files.look(&lookups);
        assert!(!holds("one.example") && holds("two.example"));

        fs::write(&path, "three.example\nno host\n").unwrap();
        files.look(&lookups);
        assert!(holds("two.example") && !holds("three.example"));
        fs::remove_file(&path).unwrap();
        files.look(&lookups);
        assert!(holds("two.example"));
        fs::write(&path, "three.example\n").unwrap();
        files.look(&lookups);
        assert!(holds("three.example") && !holds("two.example"));
    }

    #[test]
    fn an_error_names_setting_file_and_line_and_not_its_text() {
        let (_room, path, files, _) = watching("");
        fs::write(&path, "a.example\nSECRET/\n").unwrap();
        let spam = files.watched.iter().find(|watched| matches!(watched.what, What::Spam));
        let error = spam.unwrap().load(&files.cache_dir, &mut Lookups::default()).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.starts_with("spam_list /") && text.contains("spam.txt: line 2: "), "{text}");
        assert!(!text.contains("SECRET"), "{text}");
    }
}

//! The copy of sites and keys on disk, so that a start without ClickHouse can collect.
//!
//! `cache/settings.json` in the data directory, mode 0600, replaced as a whole. It holds sites
//! and the hashes of send and read keys: no account, no login, no admin key.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::account::snapshot::Scope;
use crate::model::Day;
use crate::store::{KeyRow, SiteRow};

/// Version of the format.
const VERSION: u32 = 1;
/// Largest file read, in bytes: a hundred thousand sites need about 20 MB.
const FILE_MAX_BYTES: u64 = 256 * 1024 * 1024;

/// The file.
pub(super) struct Cache {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Content {
    version: u32,
    sites: Vec<CachedSite>,
    keys: Vec<CachedKey>,
}

#[derive(Serialize, Deserialize)]
struct CachedSite {
    id: u32,
    domain: String,
    timezone: String,
    hostnames: Vec<String>,
    /// As they are stored; version 0.1 had none.
    #[serde(default)]
    rules: String,
    threshold: u32,
    created: u32,
}

#[derive(Serialize, Deserialize)]
struct CachedKey {
    id: u32,
    hash: String,
    scope: Scope,
    /// `null` for all sites.
    sites: Option<Vec<u32>>,
    /// Days since 1970; 0 for a key that does not expire.
    expires: u16,
}

impl Cache {
    /// The cache of a data directory.
    pub(super) fn new(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("cache") }
    }

    /// The rows of the file; nothing when there is none or it is damaged.
    pub(super) fn read(&self) -> Option<(Vec<SiteRow>, Vec<KeyRow>)> {
        let file = File::open(self.folder.join("settings.json")).ok()?;
        if file.metadata().ok()?.len() > FILE_MAX_BYTES {
            return None;
        }
        let content: Content = serde_json::from_reader(std::io::BufReader::new(file)).ok()?;
        (content.version == VERSION).then(|| content.rows())
    }

    /// The bytes that `write` would put there.
    pub(super) fn encode(sites: &[SiteRow], keys: &[KeyRow]) -> Vec<u8> {
        let content = Content {
            version: VERSION,
            sites: sites.iter().map(CachedSite::of).collect(),
            keys: keys.iter().filter_map(CachedKey::of).collect(),
        };
        serde_json::to_vec(&content).expect("numbers and texts always become JSON")
    }

    /// Replaces the file; after a crash the old or the new one is there, whole.
    pub(super) fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        let fresh = self.folder.join("settings.json.new");
        // One that a crash left behind may have other rights.
        if let Err(error) = std::fs::remove_file(&fresh)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&fresh, self.folder.join("settings.json"))?;
        File::open(&self.folder)?.sync_all()
    }
}

impl Content {
    fn rows(self) -> (Vec<SiteRow>, Vec<KeyRow>) {
        let sites = self.sites.into_iter().map(CachedSite::row).collect();
        (sites, self.keys.into_iter().map(CachedKey::row).collect())
    }
}

impl CachedSite {
    fn of(row: &SiteRow) -> Self {
        Self {
            id: row.id,
            domain: row.domain.clone(),
            timezone: row.timezone.clone(),
            hostnames: row.hostnames.clone(),
            rules: row.rules.clone(),
            threshold: row.threshold,
            created: row.created,
        }
    }

    fn row(self) -> SiteRow {
        SiteRow {
            id: self.id,
            domain: self.domain,
            timezone: self.timezone,
            hostnames: self.hostnames,
            rules: self.rules,
            threshold: self.threshold,
            retention_months: 0,
            created: self.created,
            removed: 0,
            changed: self.created,
            version: 0,
        }
    }
}

impl CachedKey {
    fn of(row: &KeyRow) -> Option<Self> {
        let scope = Scope::parse(&row.scope).filter(|scope| *scope != Scope::Admin)?;
        let sites = (row.all_sites == 0).then(|| row.sites.clone());
        Some(Self { id: row.id, hash: row.hash.clone(), scope, sites, expires: row.expires.0 })
    }

    fn row(self) -> KeyRow {
        KeyRow {
            id: self.id,
            hash: self.hash,
            scope: self.scope.name().to_owned(),
            all_sites: u8::from(self.sites.is_none()),
            sites: self.sites.unwrap_or_default(),
            name: String::new(),
            created: 0,
            expires: Day(self.expires),
            last_used: Day(0),
            removed: 0,
            changed: 0,
            version: 0,
        }
    }
}

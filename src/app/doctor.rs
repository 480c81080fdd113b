//! `headcount doctor`: looks for what is wrong and says how to mend it.
//!
//! Inside the serving process it sees the live state; otherwise it opens what it needs itself.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::app::closing::words;
use crate::app::database::Database;
use crate::app::operator::{Operator, Request};
use crate::app::{Fatal, geo_file, lookups, serve};
use crate::config::Config;
use crate::days;
use crate::keys::{self, KeyStorage, Keys};
use crate::model::{day, now};
use crate::server::state::State;

/// Free disk space below which the check warns, bytes.
const DISK_WARN_BYTES: u64 = 2 << 30;
/// Age of the oldest undelivered row at which the check warns, seconds.
const SPOOL_WARN_SECONDS: u64 = 300;
/// A clock before this is not set: 2026-01-01 UTC, seconds since 1970.
const CLOCK_MIN: u32 = 1_767_225_600;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, but somebody should know.
    Warn,
    /// Does not work.
    Fail,
}

/// One finding.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Check {
    /// How bad it is.
    pub level: Level,
    /// What was looked at.
    pub name: String,
    /// What was seen.
    pub detail: String,
    /// What to do; empty when nothing.
    pub fix: String,
}

/// What the checks can look at.
pub struct Subject<'a> {
    /// The settings in force.
    pub config: &'a Config,
    /// The database, or why there is none.
    pub database: Result<&'a Database, &'a str>,
    /// The state of the serving process, when asked there.
    pub live: Option<&'a State>,
}

/// Asks the serving process, or looks by itself when there is none.
///
/// # Errors
/// When the lock is held by a process that does not answer.
pub async fn examine(config: Config) -> Result<Vec<Check>, Fatal> {
    let mut operator = Operator::connect(config).await?;
    let reply = operator.ask(Request::Doctor, &|_| {}).await;
    operator.close().await;
    Ok(reply?.checks)
}

/// Runs all checks, in the order in which they are printed.
pub async fn checks(subject: &Subject<'_>) -> Vec<Check> {
    let config = subject.config;
    vec![
        engine_library(config),
        engine_access(subject).await,
        database(subject).await,
        geo(config),
        lists(config),
        data_dir(&config.data_dir),
        spool(subject),
        key_dir(subject),
        swap(config),
        clock(),
        trusted_proxies(subject),
        public_url(subject),
        disk(&config.data_dir),
        days(subject).await,
    ]
}

/// `level⇥name⇥detail⇥fix`, one a line.
#[must_use]
pub fn as_lines(checks: &[Check]) -> String {
    let lines: Vec<String> = checks
        .iter()
        .map(|check| {
            let level = match check.level {
                Level::Ok => "ok",
                Level::Warn => "warn",
                Level::Fail => "fail",
            };
            [level, &check.name, &one_line(&check.detail), &one_line(&check.fix)].join("\t")
        })
        .collect();
    lines.join("\n")
}

/// The same as a JSON array.
#[must_use]
pub fn as_json(checks: &[Check]) -> String {
    serde_json::to_string_pretty(checks).unwrap_or_default()
}

/// Whether anything does not work.
#[must_use]
pub fn has_failed(checks: &[Check]) -> bool {
    checks.iter().any(|check| check.level == Level::Fail)
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\t'], " ")
}

fn check(level: Level, name: &str, detail: impl Into<String>, fix: impl Into<String>) -> Check {
    Check { level, name: name.to_owned(), detail: detail.into(), fix: fix.into() }
}

fn ok(name: &str, detail: impl Into<String>) -> Check {
    check(Level::Ok, name, detail, "")
}

fn engine_library(config: &Config) -> Check {
    const NAME: &str = "engine_library";
    match (&config.clickhouse_url, &config.engine_library) {
        (Some(_), _) => ok(NAME, "not needed: an external ClickHouse is used"),
        (None, Some(path)) if path.is_file() => ok(NAME, path.display().to_string()),
        (None, Some(path)) => check(
            Level::Fail,
            NAME,
            format!("{} does not exist", path.display()),
            "run npm ci in headcount's folder, or set engine_library",
        ),
        (None, None) => check(
            Level::Fail,
            NAME,
            "not found",
            "run npm ci in headcount's folder, set engine_library, or use clickhouse_url",
        ),
    }
}

async fn engine_access(subject: &Subject<'_>) -> Check {
    const NAME: &str = "engine_access";
    let checked = match subject.database {
        Ok(database) => database.self_check().await,
        Err(error) => return check(Level::Fail, NAME, error, "see database"),
    };
    match checked {
        None => ok(NAME, "an external ClickHouse looks after its own users"),
        Some(Ok(())) => {
            ok(NAME, "local users are refused files, system tables and other users' tables")
        }
        Some(Err(error)) => check(
            Level::Fail,
            NAME,
            error.to_string(),
            "stop headcount and report this: the engine lets local users do too much",
        ),
    }
}

async fn database(subject: &Subject<'_>) -> Check {
    const NAME: &str = "database";
    let store = match subject.database {
        Ok(database) => &database.store,
        Err(error) => return check(Level::Fail, NAME, error, "see engine_library and the disk"),
    };
    let kind = if subject.config.clickhouse_url.is_some() { "external" } else { "embedded" };
    match store.pending_migrations().await {
        Ok(pending) if pending.is_empty() => ok(NAME, format!("{kind}, tables up to date")),
        Ok(pending) => check(
            Level::Warn,
            NAME,
            format!("{kind}, {} migrations to apply", pending.len()),
            "headcount migrate",
        ),
        Err(error) => check(
            Level::Fail,
            NAME,
            format!("{kind}: {error}"),
            "is ClickHouse up and is clickhouse_url right? Events wait in the spool meanwhile",
        ),
    }
}

async fn days(subject: &Subject<'_>) -> Check {
    const NAME: &str = "days";
    let unknown = |error: String| check(Level::Warn, NAME, error, "see database");
    let Ok(database) = subject.database else { return unknown("not known".to_owned()) };
    let store = &database.store;
    let mut status = days::status(store, now()).await;
    if status.is_err() {
        // A closing that begins ends what earlier ones left running, and takes this for one.
        status = days::status(store, now()).await;
    }
    let status = match status {
        Ok(status) => status,
        Err(error) => return unknown(error.to_string()),
    };
    let spools = match store.spools().await {
        Ok(spools) => spools,
        Err(error) => return unknown(error.to_string()),
    };
    let (well, detail, fix) = words::finding(&status, &spools);
    check(if well { Level::Ok } else { Level::Warn }, NAME, detail, fix)
}

fn geo(config: &Config) -> Check {
    const NAME: &str = "geo";
    if config.geo_path.is_empty() {
        return check(
            Level::Warn,
            NAME,
            "no city database: locations stay empty",
            "run npm ci in headcount's folder, or set geo_path",
        );
    }
    let names: Vec<String> =
        config.geo_path.iter().map(|path| path.display().to_string()).collect();
    match geo_file::open(&config.geo_path, &config.data_dir.join("cache")) {
        Ok(_) => ok(NAME, names.join(", ")),
        Err(error) => check(Level::Fail, NAME, format!("{error:#}"), "set geo_path to MMDB files"),
    }
}

fn lists(config: &Config) -> Check {
    const NAME: &str = "lists";
    match lookups::count(config) {
        Ok(counts) if counts.is_empty() => {
            ok(NAME, "none given: spam_list and datacentre_list are not set")
        }
        Ok(counts) => ok(NAME, counts.join(", ")),
        Err(error) => check(
            Level::Fail,
            NAME,
            format!("{error:#}"),
            "mend the file: one entry a line, # begins a comment",
        ),
    }
}

fn data_dir(path: &Path) -> Check {
    const NAME: &str = "data_dir";
    match std::fs::metadata(path) {
        Ok(found) if found.permissions().mode() & 0o077 == 0 => {
            ok(NAME, path.display().to_string())
        }
        Ok(_) => check(
            Level::Warn,
            NAME,
            format!("{} can be read by other users", path.display()),
            format!("chmod 700 {}", path.display()),
        ),
        Err(error) => check(Level::Fail, NAME, error.to_string(), "make it, or set data_dir"),
    }
}

fn spool(subject: &Subject<'_>) -> Check {
    const NAME: &str = "spool";
    let bad = std::fs::read_dir(subject.config.data_dir.join("bad")).map_or(0, Iterator::count);
    if bad > 0 {
        return check(
            Level::Warn,
            NAME,
            format!("{bad} files in bad/: rows that ClickHouse refused or that were damaged"),
            "read the .reason files there, keep the others, and report it",
        );
    }
    let Some(state) = subject.live else { return ok(NAME, "not running") };
    let age = state.spool.oldest_age().map_or(0, |age| age.as_secs());
    let detail = format!("{} bytes, oldest row {age} s", state.spool.bytes());
    if !state.spool.is_accepting() {
        return check(Level::Fail, NAME, detail, "free disk space, or raise spool_max_bytes");
    }
    if age > SPOOL_WARN_SECONDS {
        return check(Level::Warn, NAME, detail, "rows do not reach ClickHouse: see database");
    }
    ok(NAME, detail)
}

fn key_dir(subject: &Subject<'_>) -> Check {
    const NAME: &str = "key_dir";
    let storage = match subject.live {
        Some(state) => state.keys.storage(),
        None => match Keys::open(serve::keys_config(subject.config), now()) {
            Ok(keys) => keys.storage(),
            Err(error) => return check(Level::Fail, NAME, error.to_string(), "set key_dir"),
        },
    };
    match storage {
        KeyStorage::Directory(path) => ok(NAME, path.display().to_string()),
        KeyStorage::MemoryOnly(reason) => check(
            Level::Warn,
            NAME,
            format!("keys in memory only, a restart counts visitors again: {reason}"),
            "set key_dir to a RAM-backed directory of mode 0700 owned by headcount's user",
        ),
    }
}

fn swap(config: &Config) -> Check {
    const NAME: &str = "swap";
    match (keys::swap_active(), config.allow_swap) {
        (false, _) => ok(NAME, "no swap that reaches a disk"),
        (true, true) => check(
            Level::Warn,
            NAME,
            "swap is on and allow_swap is set: a day key may reach the disk",
            "switch swap off, or use zram",
        ),
        (true, false) => check(
            Level::Warn,
            NAME,
            "swap is on: keys stay in memory only",
            "switch swap off, use zram, or set allow_swap",
        ),
    }
}

fn clock() -> Check {
    const NAME: &str = "clock";
    let at = now();
    if at < CLOCK_MIN {
        return check(Level::Fail, NAME, "the clock is not set", "set it, for example with NTP");
    }
    let moment = day::locate(at, &jiff::tz::TimeZone::UTC);
    ok(NAME, format!("{} {:02}h UTC", moment.day, moment.hour))
}

fn trusted_proxies(subject: &Subject<'_>) -> Check {
    const NAME: &str = "trusted_proxies";
    if let Some(peer) = subject.live.and_then(State::untrusted_proxy) {
        let (detail, fix) = crate::server::dashboard::proxy_notice(&peer);
        return check(Level::Warn, NAME, detail, fix);
    }
    let count = subject.config.trusted_proxies.len();
    ok(
        NAME,
        if count == 0 { "none, and none seen".to_owned() } else { format!("{count} networks") },
    )
}

fn public_url(subject: &Subject<'_>) -> Check {
    const NAME: &str = "public_url";
    let config = subject.config;
    match &config.public_url {
        Some(url) if url.starts_with("https://") => ok(NAME, url.clone()),
        Some(url) => check(
            Level::Warn,
            NAME,
            format!("{url} is not https: passwords travel in the clear"),
            "put a proxy with a certificate in front (packaging/nginx, packaging/caddy)",
        ),
        None if config.listen.ip().is_loopback() => {
            let live = subject.live.map(|state| state.origin.url().to_owned());
            ok(NAME, live.unwrap_or_else(|| format!("http://{}", config.listen)))
        }
        None => check(
            Level::Warn,
            NAME,
            "not set, but headcount listens beyond this machine",
            "set public_url to the address that browsers use",
        ),
    }
}

fn disk(data_dir: &Path) -> Check {
    const NAME: &str = "disk";
    match rustix::fs::statvfs(data_dir) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let detail = format!("{:.1} GB free", free as f64 / 1e9);
            if free < DISK_WARN_BYTES {
                return check(Level::Warn, NAME, detail, "free some disk space");
            }
            ok(NAME, detail)
        }
        Err(error) => check(Level::Fail, NAME, error.to_string(), "is data_dir there?"),
    }
}

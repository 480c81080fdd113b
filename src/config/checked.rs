//! The checked configuration: every setting with its type and its bounds.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use zeroize::Zeroizing;

use crate::config::key::{KEYS, Kind, find};
use crate::config::parse;
use crate::config::places::{default_engine_library, default_geo_path};
use crate::config::problem::{Problem, Problems};
use crate::config::raw::{Settings, Text, gather};
use crate::telemetry::logs::{self, LogFormat};

/// Least memory of the embedded ClickHouse, in bytes: below it does not start.
const ENGINE_MIN_BYTES: u64 = 256 << 20;
/// Least bytes of the spool: a few segments.
const SPOOL_MIN_BYTES: u64 = 16 << 20;

/// What this process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Collects, reports, closes days, writes settings.
    All,
    /// Only collects.
    Collect,
}

/// When an event counts as durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// One fsync for all events that wait for it.
    Group,
    /// One fsync an event.
    Each,
}

/// A password: wiped when dropped, shown as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

/// All settings, checked. Sizes are in bytes.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is a row of the table `KEYS`, with its sentence")]
pub struct Config {
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    pub key_dir: Option<PathBuf>,
    pub geo_path: Vec<PathBuf>,
    pub datacentre_list: Option<PathBuf>,
    pub spam_list: Option<PathBuf>,
    pub engine_library: Option<PathBuf>,
    pub engine_memory: u64,
    pub engine_http_port: Option<u16>,
    pub clickhouse_url: Option<String>,
    pub clickhouse_user: String,
    pub clickhouse_password: Option<Secret>,
    pub clickhouse_database: String,
    pub trusted_proxies: Vec<IpNet>,
    /// Scheme, host and port, as browsers send it in `Origin`.
    pub public_url: Option<String>,
    /// `/PATH`, without a slash at its end.
    pub first_party_path: Option<String>,
    /// `None` is `off`.
    pub metrics_listen: Option<SocketAddr>,
    /// Events per second, network and site; `None` is `off`.
    pub rate_limit: Option<u32>,
    pub role: Role,
    pub demo: bool,
    pub log: String,
    pub log_format: LogFormat,
    pub threshold: u32,
    pub retention_months: u32,
    pub allow_swap: bool,
    pub fsync: Fsync,
    pub spool_max_bytes: u64,
    pub spool_min_free_bytes: u64,
    /// `$RUNTIME_DIRECTORY`, which the service manager sets; not a setting.
    pub runtime_directory: Option<PathBuf>,
}

impl Config {
    /// Gathers and checks all settings: `flags` as (TOML key, text), a TOML `file`, and the
    /// environment.
    ///
    /// # Errors
    /// All that is wrong, at once; the caller ends with 64.
    pub fn load(
        flags: &[(String, String)],
        file: Option<&Path>,
        env: &BTreeMap<String, String>,
    ) -> Result<Self, Problems> {
        let (settings, problems) = gather(flags, file, env);
        let mut reader = Reader { settings, problems };
        let mut config = reader.config();
        if let Some(config) = &mut config {
            reader.cross_check(config);
            config.runtime_directory = runtime_directory(env);
        }
        match config {
            Some(config) if reader.problems.is_empty() => Ok(config),
            _ => Err(Problems(reader.problems)),
        }
    }

    /// Fills in where the engine's library and the city database lie, when nobody said so.
    pub fn find_places(&mut self, cwd: &Path, exe: &Path) {
        if self.engine_library.is_none() && self.clickhouse_url.is_none() {
            self.engine_library = default_engine_library(cwd, exe);
        }
        if self.geo_path.is_empty() {
            self.geo_path = default_geo_path(cwd, exe);
        }
    }

    /// The settings in force as TOML, passwords as `"***"`; those that are not set as comments.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let line = |name: &str| match self.value(name) {
            Some(value) => format!("{name} = {value}\n"),
            None => format!("# {name} is not set\n"),
        };
        KEYS.iter().map(|key| line(key.name)).collect()
    }

    fn value(&self, name: &str) -> Option<toml::Value> {
        let path = |path: &Path| toml::Value::from(path.display().to_string());
        Some(match name {
            "listen" => self.listen.to_string().into(),
            "data_dir" => path(&self.data_dir),
            "key_dir" => path(self.key_dir.as_deref()?),
            "geo_path" if self.geo_path.is_empty() => return None,
            "geo_path" => toml::Value::Array(self.geo_path.iter().map(|p| path(p)).collect()),
            "datacentre_list" => path(self.datacentre_list.as_deref()?),
            "spam_list" => path(self.spam_list.as_deref()?),
            "engine_library" => path(self.engine_library.as_deref()?),
            "engine_memory" => parse::size_text(self.engine_memory).into(),
            "engine_http_port" => i64::from(self.engine_http_port?).into(),
            "clickhouse_url" => self.clickhouse_url.clone()?.into(),
            "clickhouse_user" => self.clickhouse_user.clone().into(),
            "clickhouse_password" => self.clickhouse_password.as_ref().map(|_| "***")?.into(),
            "clickhouse_database" => self.clickhouse_database.clone().into(),
            "trusted_proxies" => {
                let texts = self.trusted_proxies.iter().map(|net| net.to_string().into());
                toml::Value::Array(texts.collect())
            }
            "public_url" => self.public_url.clone()?.into(),
            "first_party_path" => self.first_party_path.clone().unwrap_or_default().into(),
            "metrics_listen" => {
                self.metrics_listen.map_or_else(|| "off".to_owned(), |at| at.to_string()).into()
            }
            "rate_limit" => {
                self.rate_limit.map_or_else(|| "off".into(), |rate| i64::from(rate).into())
            }
            "role" => (if self.role == Role::All { "all" } else { "collect" }).into(),
            "demo" => self.demo.into(),
            "log" => self.log.clone().into(),
            "log_format" => {
                (if self.log_format == LogFormat::Json { "json" } else { "text" }).into()
            }
            "threshold" => i64::from(self.threshold).into(),
            "retention_months" => i64::from(self.retention_months).into(),
            "allow_swap" => self.allow_swap.into(),
            "fsync" => (if self.fsync == Fsync::Group { "group" } else { "each" }).into(),
            "spool_max_bytes" => parse::size_text(self.spool_max_bytes).into(),
            "spool_min_free_bytes" => parse::size_text(self.spool_min_free_bytes).into(),
            _ => return None,
        })
    }
}

impl Secret {
    /// The password itself, to hand to whoever must know it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// systemd lists several directories with colons between; the first is ours.
fn runtime_directory(env: &BTreeMap<String, String>) -> Option<PathBuf> {
    let first = env.get("RUNTIME_DIRECTORY")?.split(':').next()?;
    (!first.is_empty()).then(|| PathBuf::from(first))
}

struct Reader {
    settings: Settings,
    problems: Vec<Problem>,
}

impl Reader {
    /// Nothing when a value does not fit; the reason is among the problems then.
    fn config(&mut self) -> Option<Config> {
        // Every value is read before the first `?`, so that all problems are found.
        let listen = self.required("listen", parse::address);
        let data_dir = self.required("data_dir", parse::path);
        let key_dir = self.optional("key_dir", parse::path);
        let geo_path = self.optional("geo_path", parse::paths);
        let datacentre_list = self.optional("datacentre_list", parse::path);
        let spam_list = self.optional("spam_list", parse::path);
        let engine_library = self.optional("engine_library", parse::path);
        let engine_memory = self.size("engine_memory", ENGINE_MIN_BYTES);
        let engine_http_port = self.optional("engine_http_port", parse::port);
        let clickhouse_url = self.optional("clickhouse_url", parse::url);
        let clickhouse_user = self.required("clickhouse_user", parse::text);
        let clickhouse_password = self.optional("clickhouse_password", secret);
        let clickhouse_database = self.required("clickhouse_database", database);
        let trusted_proxies = self.required("trusted_proxies", parse::networks);
        let public_url = self.optional("public_url", parse::origin);
        let first_party_path = self.required("first_party_path", parse::web_path);
        let metrics_listen = self.required("metrics_listen", parse::address_or_off);
        let rate_limit = self.number_or_off("rate_limit");
        let role = self.word("role");
        let demo = self.required("demo", parse::switch);
        let log = self.required("log", log_filter);
        let log_format = self.word("log_format");
        let threshold = self.number("threshold");
        let retention_months = self.number("retention_months");
        let allow_swap = self.required("allow_swap", parse::switch);
        let fsync = self.word("fsync");
        let spool_max_bytes = self.size("spool_max_bytes", SPOOL_MIN_BYTES);
        let spool_min_free_bytes = self.size("spool_min_free_bytes", 0);
        Some(Config {
            listen: listen?,
            data_dir: data_dir?,
            key_dir: key_dir?,
            geo_path: geo_path?.unwrap_or_default(),
            datacentre_list: datacentre_list?,
            spam_list: spam_list?,
            engine_library: engine_library?,
            engine_memory: engine_memory?,
            engine_http_port: engine_http_port?,
            clickhouse_url: clickhouse_url?,
            clickhouse_user: clickhouse_user?,
            clickhouse_password: clickhouse_password?,
            clickhouse_database: clickhouse_database?,
            trusted_proxies: trusted_proxies?,
            public_url: public_url?,
            first_party_path: first_party_path?,
            metrics_listen: metrics_listen?,
            rate_limit: rate_limit?,
            role: if role? == "all" { Role::All } else { Role::Collect },
            demo: demo?,
            log: log?,
            log_format: if log_format? == "json" { LogFormat::Json } else { LogFormat::Text },
            threshold: threshold?,
            retention_months: retention_months?,
            allow_swap: allow_swap?,
            fsync: if fsync? == "each" { Fsync::Each } else { Fsync::Group },
            spool_max_bytes: spool_max_bytes?,
            spool_min_free_bytes: spool_min_free_bytes?,
            runtime_directory: None,
        })
    }

    fn cross_check(&mut self, config: &Config) {
        if config.role == Role::Collect && config.clickhouse_url.is_none() {
            self.problems.push(Problem::Conflict(
                "role = collect needs clickhouse_url: the embedded ClickHouse belongs to one process"
                    .to_owned(),
            ));
        }
        if config.role == Role::Collect && config.demo {
            self.problems.push(Problem::Conflict(
                "demo needs role = all: a process that only collects creates no site".to_owned(),
            ));
        }
        if config.metrics_listen == Some(config.listen) && config.listen.port() != 0 {
            self.problems.push(Problem::Conflict(
                "metrics_listen and listen are the same address: metrics need their own".to_owned(),
            ));
        }
    }

    fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Text) -> Result<T, String>,
    ) -> Option<Option<T>> {
        debug_assert!(find(name).is_some(), "{name} is not in the table");
        let Some(given) = self.settings.get(name) else { return Some(None) };
        match read(&given.text) {
            Ok(value) => Some(Some(value)),
            Err(why) => {
                self.problems.push(Problem::Value { origin: given.origin.clone(), why });
                None
            }
        }
    }

    fn required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Text) -> Result<T, String>,
    ) -> Option<T> {
        self.optional(name, read).map(|value| value.expect("the table gives it a default"))
    }

    fn size(&mut self, name: &str, least: u64) -> Option<u64> {
        self.required(name, |text| match parse::size(text)? {
            size if size >= least => Ok(size),
            _ => Err(format!("must be at least {}", parse::size_text(least))),
        })
    }

    fn number(&mut self, name: &str) -> Option<u32> {
        let (least, most) = match find(name).map(|key| key.kind) {
            Some(Kind::Number(least, most)) => (least, most),
            _ => (0, u32::MAX),
        };
        self.required(name, |text| parse::number(text, least, most))
    }

    fn number_or_off(&mut self, name: &str) -> Option<Option<u32>> {
        let (least, most) = match find(name).map(|key| key.kind) {
            Some(Kind::NumberOrOff(least, most)) => (least, most),
            _ => (0, u32::MAX),
        };
        self.required(name, |text| parse::number_or_off(text, least, most))
    }

    fn word(&mut self, name: &str) -> Option<String> {
        let words = match find(name).map(|key| key.kind) {
            Some(Kind::Word(words)) => words,
            _ => &[],
        };
        self.required(name, |text| parse::word(text, words))
    }
}

fn secret(text: &Text) -> Result<Secret, String> {
    match text {
        Text::One(text) => Ok(Secret(Zeroizing::new(text.clone()))),
        Text::Many(_) => Err("must be one text".to_owned()),
    }
}

fn database(text: &Text) -> Result<String, String> {
    let name = parse::text(text)?;
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain && !name.starts_with(|c: char| c.is_ascii_digit()) && name.len() <= 64 {
        return Ok(name);
    }
    Err(format!("{name:?} is not a plain name of letters, digits and _"))
}

fn log_filter(text: &Text) -> Result<String, String> {
    let filter = parse::text(text)?;
    logs::check(&filter).map_err(|error| error.to_string())?;
    Ok(filter)
}

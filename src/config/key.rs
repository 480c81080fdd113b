//! The one table of settings: flags, variables, the file, `--help` and the README follow it.
//!
//! A row has a name (the TOML key), a kind, a default and a sentence. The flag is the name with
//! `-`, the variable `HEADCOUNT_` and the name in capitals.

use std::fmt::Write as _;

/// What a setting's text must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `ADDRESS:PORT`.
    Address,
    /// `ADDRESS:PORT` or `off`.
    AddressOrOff,
    /// A file or directory.
    Path,
    /// Several of them.
    Paths,
    /// Bytes, with an optional `KiB`, `MiB`, `GiB`, `TiB`, `kB`, `MB`, `GB` or `TB`.
    Size,
    /// A port.
    Port,
    /// An `http` or `https` address without credentials.
    Url,
    /// Scheme, host and port only.
    Origin,
    /// A path below the public address, such as `/numbers`; empty is none.
    WebPath,
    /// Any text that is not empty.
    Text,
    /// A password: only by variable or the file it names, never shown.
    Secret,
    /// Networks such as `10.0.0.0/8`.
    Networks,
    /// One of a few words.
    Word(&'static [&'static str]),
    /// True or false; as a flag, without a value.
    Switch,
    /// A whole number from the first to the second.
    Number(u32, u32),
    /// The same, or `off`.
    NumberOrOff(u32, u32),
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The TOML key.
    pub name: &'static str,
    /// What its text must look like.
    pub kind: Kind,
    /// The text that holds when nothing is given; `None` when there is none.
    pub default: Option<&'static str>,
    /// What it does, one sentence.
    pub doc: &'static str,
}

/// What every variable of ours begins with.
pub(super) const VARIABLE_PREFIX: &str = "HEADCOUNT_";

const RATE_LIMIT: &str = "events a second of one network for one site";

/// All settings, in the order of `--help`.
pub const KEYS: &[Key] = &[
    key("listen", Kind::Address, Some("127.0.0.1:8000"), "where visitors and owners connect"),
    key("data_dir", Kind::Path, Some("data"), "where spool, caches and the engine's data lie"),
    key("key_dir", Kind::Path, None, "where day keys are kept; must be RAM-backed and 0700"),
    key("geo_path", Kind::Paths, None, "city databases in MMDB format (IPv4 and IPv6)"),
    key("datacentre_list", Kind::Path, None, "networks whose visits count as bots, one a line"),
    key("spam_list", Kind::Path, None, "hosts that spam referrers, one a line"),
    key("engine_library", Kind::Path, None, "libchdb.so of the embedded ClickHouse"),
    key("engine_memory", Kind::Size, Some("600MiB"), "memory the embedded ClickHouse may use"),
    key("engine_http_port", Kind::Port, None, "port of the embedded ClickHouse; any free one"),
    key("clickhouse_url", Kind::Url, None, "a ClickHouse to use instead of the embedded one"),
    key("clickhouse_user", Kind::Text, Some("default"), "user there"),
    key("clickhouse_password", Kind::Secret, None, "password there"),
    key("clickhouse_database", Kind::Text, Some("headcount"), "database there"),
    key("trusted_proxies", Kind::Networks, Some(""), "networks whose forwarded headers hold"),
    key("public_url", Kind::Origin, None, "address under which browsers reach headcount"),
    key("first_party_path", Kind::WebPath, Some(""), "scripts and collecting also below this path"),
    key("metrics_listen", Kind::AddressOrOff, Some("127.0.0.1:8001"), "where /metrics is served"),
    key("rate_limit", Kind::NumberOrOff(1, 100_000), Some("50"), RATE_LIMIT),
    key("role", Kind::Word(&["all", "collect"]), Some("all"), "everything, or only collecting"),
    key("demo", Kind::Switch, Some("false"), "create the site demo.example and its pages"),
    key("log", Kind::Text, Some("info"), "which log lines are written"),
    key("log_format", Kind::Word(&["text", "json"]), Some("text"), "how they are written"),
    key("threshold", Kind::Number(1, 10_000), Some("5"), "least visitors of a group shown"),
    key("retention_months", Kind::Number(1, 25), Some("13"), "how long rows are kept"),
    key("allow_swap", Kind::Switch, Some("false"), "keep day keys in files although swap is on"),
    key("fsync", Kind::Word(&["group", "each"]), Some("group"), "when the spool reaches the disk"),
    key("spool_max_bytes", Kind::Size, Some("4GiB"), "events waiting for ClickHouse, at most"),
    key("spool_min_free_bytes", Kind::Size, Some("256MiB"), "disk space the spool leaves free"),
];

impl Key {
    /// The flag: `--data-dir`.
    #[must_use]
    pub fn flag(&self) -> String {
        format!("--{}", self.name.replace('_', "-"))
    }

    /// The variable: `HEADCOUNT_DATA_DIR`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.name.to_uppercase())
    }

    /// What stands for the value in `--help`; empty for a switch.
    #[must_use]
    pub fn placeholder(&self) -> String {
        match self.kind {
            Kind::Address => "A:P".to_owned(),
            Kind::AddressOrOff => "A:P|off".to_owned(),
            Kind::Path => "PATH".to_owned(),
            Kind::Paths => "PATH[,PATH]".to_owned(),
            Kind::Size => "SIZE".to_owned(),
            Kind::Port => "PORT".to_owned(),
            Kind::Url | Kind::Origin => "URL".to_owned(),
            Kind::WebPath => "/PATH".to_owned(),
            Kind::Text | Kind::Secret => "TEXT".to_owned(),
            Kind::Networks => "CIDR[,CIDR]".to_owned(),
            Kind::Word(words) => words.join("|"),
            Kind::Switch => String::new(),
            Kind::Number(least, most) => format!("{least}..{most}"),
            Kind::NumberOrOff(least, most) => format!("{least}..{most}|off"),
        }
    }
}

/// The row of a TOML key.
#[must_use]
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The lines of `--help` about settings.
#[must_use]
pub fn help() -> String {
    let mut text = String::from("Settings (flag > variable > file > default):\n");
    writeln!(text, "  {:<38} a TOML file with the keys below", "--config FILE")
        .expect("writing to a String cannot fail");
    for key in KEYS.iter().filter(|key| key.kind != Kind::Secret) {
        let flag = format!("{} {}", key.flag(), key.placeholder());
        let default = match key.default {
            Some("") | None => String::new(),
            Some(_) if key.kind == Kind::Switch => String::new(),
            Some(default) => format!(" [{default}]"),
        };
        writeln!(text, "  {:<38} {}{default}", flag.trim_end(), key.doc)
            .expect("writing to a String cannot fail");
    }
    text.push_str(
        "Each flag is also the variable HEADCOUNT_<KEY> and the key of the file, with `_`.\n\
         HEADCOUNT_<KEY>_FILE names a file that holds the value. Passwords are given only so:\n\
         HEADCOUNT_CLICKHOUSE_PASSWORD or HEADCOUNT_CLICKHOUSE_PASSWORD_FILE.\n",
    );
    text
}

const fn key(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    doc: &'static str,
) -> Key {
    Key { name, kind, default, doc }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_snake_case_and_unique_and_lines_fit_a_terminal() {
        let mut names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
        assert!(names.iter().all(|name| name.chars().all(|c| c == '_' || c.is_ascii_lowercase())));
        assert!(names.iter().all(|name| !name.ends_with("_file")), "HEADCOUNT_X_FILE is taken");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KEYS.len());
        for line in help().lines() {
            assert!(line.chars().count() <= 110, "{line}");
        }
    }

    #[test]
    fn help_names_every_flag_but_no_password_flag() {
        let text = help();
        assert!(text.contains("--engine-memory SIZE"), "{text}");
        assert!(text.contains("--role all|collect"), "{text}");
        assert!(!text.contains("--clickhouse-password"), "{text}");
    }
}

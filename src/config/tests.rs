//! The configuration as a whole: precedence, faults, and what `check` prints.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::{Config, Fsync, KEYS, Role};
use crate::telemetry::logs::LogFormat;

fn flags(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    flags(pairs).into_iter().collect()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn problems(flag: &[(&str, &str)], toml: Option<&Path>, vars: &[(&str, &str)]) -> String {
    Config::load(&flags(flag), toml, &env(vars)).unwrap_err().to_string()
}

#[test]
fn without_anything_the_defaults_hold() {
    let config = Config::load(&[], None, &BTreeMap::new()).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(config.metrics_listen.unwrap().to_string(), "127.0.0.1:8001");
    assert_eq!((config.threshold, config.retention_months), (5, 13));
    assert_eq!((config.engine_memory, config.spool_max_bytes), (600 << 20, 4 << 30));
    assert_eq!(
        (config.role, config.fsync, config.log_format),
        (Role::All, Fsync::Group, LogFormat::Text)
    );
    assert!(config.trusted_proxies.is_empty() && config.geo_path.is_empty() && !config.demo);
    assert!(config.clickhouse_url.is_none() && config.clickhouse_password.is_none());
}

#[test]
fn a_flag_beats_a_variable_beats_the_file() {
    let toml = file("threshold = 7\nretention_months = 3\nlog = \"debug\"\ndemo = true\n");
    let vars = env(&[("HEADCOUNT_THRESHOLD", "8"), ("HEADCOUNT_LOG", "warn"), ("PATH", "/bin")]);
    let config = Config::load(&flags(&[("log", "error")]), Some(toml.path()), &vars).unwrap();
    assert_eq!((config.retention_months, config.threshold), (3, 8));
    assert_eq!((config.log.as_str(), config.demo), ("error", true));
    let by_variable = env(&[("HEADCOUNT_CONFIG", toml.path().to_str().unwrap())]);
    assert_eq!(Config::load(&[], None, &by_variable).unwrap().threshold, 7);
}

#[test]
fn a_list_is_an_array_or_has_commas() {
    let toml = file("geo_path = [\"a,b\", \"c\"]\ntrusted_proxies = [\"10.0.0.0/8\"]\n");
    let config = Config::load(&[], Some(toml.path()), &BTreeMap::new()).unwrap();
    assert_eq!(config.geo_path, [PathBuf::from("a,b"), PathBuf::from("c")]);
    assert_eq!(config.trusted_proxies.len(), 1);
    let config = Config::load(&flags(&[("geo_path", "x,y")]), None, &BTreeMap::new()).unwrap();
    assert_eq!(config.geo_path, [PathBuf::from("x"), PathBuf::from("y")]);
}

#[test]
fn a_password_comes_by_variable_or_file_and_is_never_shown() {
    let secret = file("hunter2\n");
    let path = secret.path().to_str().unwrap();
    for vars in [
        env(&[("HEADCOUNT_CLICKHOUSE_PASSWORD", "hunter2")]),
        env(&[("HEADCOUNT_CLICKHOUSE_PASSWORD_FILE", path)]),
        env(&[("HEADCOUNT_CLICKHOUSE_PASSWORD_FILE", path), ("HEADCOUNT_CLICKHOUSE_PASSWORD", "")]),
    ] {
        let config = Config::load(&[], None, &vars).unwrap();
        assert_eq!(config.clickhouse_password.as_ref().unwrap().expose(), "hunter2");
        let shown = format!("{config:?}{}", config.to_toml());
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("clickhouse_password = \"***\""), "{shown}");
    }
    let both = [
        ("HEADCOUNT_CLICKHOUSE_PASSWORD", "hunter2"),
        ("HEADCOUNT_CLICKHOUSE_PASSWORD_FILE", path),
    ];
    assert!(problems(&[], None, &both).contains("set one of them"));
    let toml = file("clickhouse_password = \"hunter2\"\n");
    let text = problems(&[], Some(toml.path()), &[]);
    assert!(text.contains("passwords do not belong in this file"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    let broken = file("listen = \"127.0.0.1:1\"\nclickhouse_password = hunter2\n");
    let text = problems(&[], Some(broken.path()), &[]);
    assert!(text.contains("line 2") && !text.contains("hunter2"), "{text}");
}

#[test]
fn all_faults_come_at_once_with_the_nearest_names() {
    let toml = file("lisen = \"x\"\nthreshold = 0\nfsync = \"never\"\n[server]\nport = 1\n");
    let vars = [("HEADCOUNT_TRESHOLD", "5"), ("HEADCOUNT_ENGINE_MEMORY", "lots")];
    let text = problems(&[("role", "both")], Some(toml.path()), &vars);
    for part in [
        "unknown key lisen (did you mean listen?)",
        "unknown key server",
        "unknown variable HEADCOUNT_TRESHOLD (did you mean HEADCOUNT_THRESHOLD?)",
        "\"0\" is not a whole number from 1 to 10000",
        "\"never\" is not one of group, each",
        "HEADCOUNT_ENGINE_MEMORY: \"lots\" is not a size",
        "--role: \"both\" is not one of all, collect",
    ] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    assert_eq!(text.lines().count(), 7, "{text}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let text = problems(&[], Some(Path::new("/nowhere/c.toml")), &[]);
    assert!(text.starts_with("--config: cannot read /nowhere/c.toml:"), "{text}");
    let text = problems(&[], None, &[("HEADCOUNT_LOG_FILE", "/nowhere/log")]);
    assert!(text.starts_with("HEADCOUNT_LOG_FILE: cannot read /nowhere/log:"), "{text}");
}

#[test]
fn settings_that_exclude_each_other_are_refused() {
    assert!(problems(&[("role", "collect")], None, &[]).contains("needs clickhouse_url"));
    let both = [("role", "collect"), ("clickhouse_url", "http://db:8123"), ("demo", "true")];
    assert!(problems(&both, None, &[]).contains("demo needs role = all"));
    let same = [("listen", "127.0.0.1:8001")];
    assert!(problems(&same, None, &[]).contains("metrics need their own"));
    let zero = [("listen", "127.0.0.1:0"), ("metrics_listen", "127.0.0.1:0")];
    assert!(Config::load(&flags(&zero), None, &BTreeMap::new()).is_ok());
}

#[test]
fn bounds_hold() {
    for (name, bad) in [
        ("retention_months", "26"),
        ("threshold", "0"),
        ("rate_limit", "0"),
        ("rate_limit", "never"),
        ("engine_memory", "1MiB"),
        ("engine_http_port", "0"),
        ("clickhouse_database", "a;b"),
        ("log", "headcount=loud"),
        ("public_url", "https://a.example/path"),
        ("first_party_path", "/js/own"),
        ("data_dir", ""),
    ] {
        assert!(Config::load(&flags(&[(name, bad)]), None, &BTreeMap::new()).is_err(), "{name}");
    }
    let off = Config::load(&flags(&[("metrics_listen", "off")]), None, &BTreeMap::new()).unwrap();
    assert_eq!((off.metrics_listen, off.rate_limit), (None, Some(50)));
    let off = Config::load(&flags(&[("rate_limit", "off")]), None, &BTreeMap::new()).unwrap();
    assert_eq!(off.rate_limit, None);
}

#[test]
fn what_check_prints_is_a_configuration_and_has_every_key() {
    let given = flags(&[
        ("key_dir", "/dev/shm/k"),
        ("geo_path", "a\"b,c"),
        ("datacentre_list", "/networks.txt"),
        ("spam_list", "/hosts.txt"),
        ("engine_library", "/l.so"),
        ("engine_http_port", "1234"),
        ("clickhouse_url", "http://db:8123"),
        ("trusted_proxies", "10.0.0.0/8,::1"),
        ("public_url", "https://stats.example.com"),
        ("first_party_path", "/numbers"),
        ("metrics_listen", "off"),
        ("fsync", "each"),
        ("log_format", "json"),
    ]);
    let first = Config::load(&given, None, &BTreeMap::new()).unwrap().to_toml();
    let again = Config::load(&[], Some(file(&first).path()), &BTreeMap::new()).unwrap().to_toml();
    assert_eq!(first, again);
    for (key, line) in KEYS.iter().zip(first.lines()) {
        let set = line.starts_with(&format!("{} = ", key.name));
        assert!(set || line == "# clickhouse_password is not set", "{line}");
    }
}

#[test]
fn the_runtime_directory_is_the_first_of_its_list() {
    let vars = env(&[("RUNTIME_DIRECTORY", "/run/a:/run/b")]);
    let config = Config::load(&[], None, &vars).unwrap();
    assert_eq!(config.runtime_directory, Some(PathBuf::from("/run/a")));
}

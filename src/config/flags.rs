//! Reads the arguments of `serve` and `check` after the table of settings.

use std::iter::Peekable;
use std::path::PathBuf;

use crate::config::key::{KEYS, Key, Kind};
use crate::config::problem::{Problem, Problems, nearest};

/// What the arguments said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arguments {
    /// TOML key and text of each flag, in the order given.
    pub flags: Vec<(String, String)>,
    /// `--config FILE`.
    pub file: Option<PathBuf>,
    /// `--help` or `-h`: print help, do nothing else.
    pub help: bool,
    /// Which of the command's own switches were given, without `--`.
    pub switches: Vec<String>,
}

/// Reads the arguments that follow the command's name; `switches` are flags without a value that
/// the command has beside the settings, without `--` (`check` has `json`).
///
/// # Errors
/// All arguments that are unknown, given twice, or lack a value.
pub fn parse_arguments(arguments: &[String], switches: &[&str]) -> Result<Arguments, Problems> {
    let mut found = Arguments::default();
    let mut problems = Vec::new();
    let mut rest = arguments.iter().peekable();
    while let Some(argument) = rest.next() {
        if argument == "--help" || argument == "-h" {
            found.help = true;
            continue;
        }
        let Some(text) = argument.strip_prefix("--") else {
            problems.push(Problem::Flag(format!("unexpected argument {argument:?}")));
            continue;
        };
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        if switches.contains(&name) && value.is_none() {
            found.switches.push(name.to_owned());
            continue;
        }
        let known = KEYS.iter().find(|key| key.flag() == format!("--{name}"));
        let outcome = match known {
            Some(key) if key.kind == Kind::Secret => {
                if value.is_none() {
                    skip_value(&mut rest);
                }
                Err(Problem::Flag(format!(
                    "--{name} is not a flag, since others can see flags: use {} or {}_FILE",
                    key.variable(),
                    key.variable()
                )))
            }
            Some(key) if key.kind == Kind::Switch => {
                set(&mut found, key, Some(value.unwrap_or_else(|| "true".to_owned())))
            }
            Some(key) => set(&mut found, key, value.or_else(|| rest.next().cloned())),
            None if name == "config" => {
                set_file(&mut found, value.or_else(|| rest.next().cloned()))
            }
            None => {
                if value.is_none() {
                    skip_value(&mut rest);
                }
                Err(unknown(name, switches))
            }
        };
        problems.extend(outcome.err());
    }
    if problems.is_empty() { Ok(found) } else { Err(Problems(problems)) }
}

/// Passes over what is likely the value of a refused flag, so that it is not shown as well.
fn skip_value<'a>(rest: &mut Peekable<impl Iterator<Item = &'a String>>) {
    rest.next_if(|next| !next.starts_with("--"));
}

fn set(found: &mut Arguments, key: &Key, value: Option<String>) -> Result<(), Problem> {
    let value = value.ok_or_else(|| Problem::Flag(format!("{} lacks its value", key.flag())))?;
    if found.flags.iter().any(|(name, _)| name == key.name) {
        return Err(Problem::Flag(format!("{} is given twice", key.flag())));
    }
    found.flags.push((key.name.to_owned(), value));
    Ok(())
}

fn set_file(found: &mut Arguments, value: Option<String>) -> Result<(), Problem> {
    let value = value.ok_or_else(|| Problem::Flag("--config lacks its value".to_owned()))?;
    if found.file.replace(PathBuf::from(value)).is_some() {
        return Err(Problem::Flag("--config is given twice".to_owned()));
    }
    Ok(())
}

fn unknown(name: &str, switches: &[&str]) -> Problem {
    let known = KEYS.iter().filter(|key| key.kind != Kind::Secret).map(Key::flag);
    let own = switches.iter().chain(&["config", "help"]).map(|name| format!("--{name}"));
    let name = format!("--{name}");
    let nearest = nearest(&name, known.chain(own));
    Problem::Unknown { kind: "flag", name, nearest }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, Problems> {
        let owned: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        parse_arguments(&owned, &["json"])
    }

    #[test]
    fn values_follow_or_are_joined_and_switches_have_none() {
        let found = parse(&[
            "--listen",
            "[::1]:0",
            "--data-dir=d",
            "--demo",
            "--config",
            "c.toml",
            "--json",
        ])
        .unwrap();
        let flags: Vec<(&str, &str)> =
            found.flags.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(flags, [("listen", "[::1]:0"), ("data_dir", "d"), ("demo", "true")]);
        assert_eq!(found.file, Some(PathBuf::from("c.toml")));
        assert_eq!(found.switches, ["json"]);
        assert_eq!(parse(&["--demo=false"]).unwrap().flags[0].1, "false");
        assert!(parse(&["-h"]).unwrap().help);
    }

    #[test]
    fn all_faults_are_named_at_once_with_the_nearest_flag() {
        let error =
            parse(&["--listn", ":80", "--demo", "stray", "--role=all", "--role", "all", "--log"]);
        let text = error.unwrap_err().to_string();
        let expected = "unknown flag --listn (did you mean --listen?)\n\
                        unexpected argument \"stray\"\n\
                        --role is given twice\n\
                        --log lacks its value";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_password_is_no_flag() {
        let text = parse(&["--clickhouse-password=hunter2"]).unwrap_err().to_string();
        assert!(text.contains("HEADCOUNT_CLICKHOUSE_PASSWORD_FILE"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        let text = parse(&["--clickhouse-password", "hunter2"]).unwrap_err().to_string();
        assert!(!text.contains("hunter2"), "{text}");
    }
}

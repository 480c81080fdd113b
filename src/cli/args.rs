//! Splits the arguments of a command into its own and the settings that every command takes.

use crate::config::{KEYS, Kind};

/// What a command takes beside settings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Names of its positional arguments, in order; all are required.
    pub(super) positional: &'static [&'static str],
    /// Its own flags with a value, without `--`.
    pub(super) valued: &'static [&'static str],
    /// Its own flags without a value, without `--`.
    pub(super) switches: &'static [&'static str],
}

/// The arguments of one command.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    /// Positional arguments, as many as the shape names.
    pub(super) positional: Vec<String>,
    valued: Vec<(String, String)>,
    switches: Vec<String>,
    /// Arguments for the settings, untouched.
    pub(super) settings: Vec<String>,
    /// `--help` was among them.
    pub(super) help: bool,
}

impl Own {
    /// The value of an own flag.
    #[must_use]
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.valued.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Whether an own switch was given.
    #[must_use]
    pub(super) fn has(&self, name: &str) -> bool {
        self.switches.iter().any(|own| own == name)
    }
}

/// Splits `arguments`.
///
/// # Errors
/// A sentence naming what is missing or too much.
pub(super) fn split(arguments: &[String], shape: &Shape) -> Result<Own, String> {
    let mut own = Own::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let Some(text) = argument.strip_prefix("--") else {
            if argument == "-h" {
                own.help = true;
            } else {
                own.positional.push(argument.clone());
            }
            continue;
        };
        let (name, joined) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        if name == "help" {
            own.help = true;
        } else if shape.switches.contains(&name) && joined.is_none() {
            own.switches.push(name.to_owned());
        } else if shape.valued.contains(&name) {
            let value = joined.or_else(|| rest.next().cloned());
            let value = value.ok_or_else(|| format!("--{name} lacks its value"))?;
            if own.value(name).is_some() {
                return Err(format!("--{name} is given twice"));
            }
            own.valued.push((name.to_owned(), value));
        } else {
            own.settings.push(argument.clone());
            if joined.is_none()
                && takes_value(name)
                && let Some(value) = rest.next()
            {
                own.settings.push(value.clone());
            }
        }
    }
    if !own.help {
        count(&own.positional, shape.positional)?;
    }
    Ok(own)
}

fn count(given: &[String], wanted: &[&str]) -> Result<(), String> {
    if let Some(missing) = wanted.get(given.len()) {
        return Err(format!("{missing} is missing"));
    }
    match given.get(wanted.len()) {
        Some(extra) => Err(format!("unexpected argument {extra:?}")),
        None => Ok(()),
    }
}

/// Whether the setting's flag is followed by a value.
fn takes_value(name: &str) -> bool {
    name == "config"
        || KEYS.iter().any(|key| key.flag() == format!("--{name}") && key.kind != Kind::Switch)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADD: Shape =
        Shape { positional: &["DOMAIN"], valued: &["timezone"], switches: &["json"] };

    fn parse(arguments: &[&str]) -> Result<Own, String> {
        split(&arguments.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), &ADD)
    }

    #[test]
    fn own_arguments_and_settings_may_be_mixed() {
        let own = parse(&["--data-dir", "d", "example.org", "--json", "--timezone=UTC", "--demo"])
            .unwrap();
        assert_eq!(own.positional, ["example.org"]);
        assert_eq!(own.value("timezone"), Some("UTC"));
        assert!(own.has("json"));
        assert_eq!(own.settings, ["--data-dir", "d", "--demo"]);
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        assert_eq!(parse(&[]), Err("DOMAIN is missing".to_owned()));
        assert_eq!(parse(&["a", "b"]), Err("unexpected argument \"b\"".to_owned()));
        assert_eq!(parse(&["a", "--timezone"]), Err("--timezone lacks its value".to_owned()));
    }
}

//! Gathers the text of each setting from flags, variables, the file and the defaults.
//!
//! It knows names and precedence, not meanings: `checked.rs` makes values of the text.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::key::{KEYS, Key, Kind, VARIABLE_PREFIX, find};
use crate::config::problem::{Problem, nearest};

/// Largest configuration file and `_FILE`, in bytes: far more than one of people needs.
const FILE_MAX_BYTES: u64 = 1024 * 1024;
/// Variable that names the configuration file when no flag does.
pub(super) const CONFIG_VARIABLE: &str = "HEADCOUNT_CONFIG";

/// A setting as it was given. It may hold a password, so it is never shown.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) text: Text,
    /// Who gave it, for error messages.
    pub(super) origin: String,
}

/// Text of a setting.
#[derive(Clone)]
pub(super) enum Text {
    One(String),
    /// A TOML array of strings.
    Many(Vec<String>),
}

/// Settings by name; those without value and default are absent.
pub(super) type Settings = BTreeMap<&'static str, Given>;

/// Gathers all settings, and all that is wrong with their names.
pub(super) fn gather(
    flags: &[(String, String)],
    file: Option<&Path>,
    env: &BTreeMap<String, String>,
) -> (Settings, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut settings = defaults();
    let by_variable = env.get(CONFIG_VARIABLE).filter(|path| !path.is_empty()).map(Path::new);
    let named = file.map(|path| (path, "--config")).or(by_variable.map(|p| (p, CONFIG_VARIABLE)));
    if let Some((path, origin)) = named {
        from_file(path, origin, &mut settings, &mut problems);
    }
    from_variables(env, &mut settings, &mut problems);
    for (name, value) in flags {
        match find(name) {
            Some(key) if key.kind != Kind::Secret => {
                let given = Given { text: Text::One(value.clone()), origin: key.flag() };
                settings.insert(key.name, given);
            }
            _ => problems.push(unknown("flag", name, KEYS.iter().map(|key| key.name.to_owned()))),
        }
    }
    (settings, problems)
}

fn defaults() -> Settings {
    let row = |key: &'static Key| {
        let text = Text::One(key.default?.to_owned());
        Some((key.name, Given { text, origin: format!("default of {}", key.name) }))
    };
    KEYS.iter().filter_map(row).collect()
}

fn from_variables(
    env: &BTreeMap<String, String>,
    settings: &mut Settings,
    problems: &mut Vec<Problem>,
) {
    let ours = |name: &str| name.starts_with(VARIABLE_PREFIX) && name != CONFIG_VARIABLE;
    for (name, value) in env.iter().filter(|(name, _)| ours(name)) {
        let direct = KEYS.iter().find(|key| key.variable() == *name);
        let by_file = name
            .strip_suffix("_FILE")
            .and_then(|stem| KEYS.iter().find(|key| key.variable() == stem));
        let given = match (direct, by_file) {
            // Set but empty is how compose files say "not set".
            (Some(_), _) | (_, Some(_)) if value.is_empty() => continue,
            (Some(key), _) => Ok((key, value.clone())),
            (None, Some(key)) => {
                if env.get(&key.variable()).is_some_and(|direct| !direct.is_empty()) {
                    let why = format!("{} is set as well; set one of them", key.variable());
                    Err(Problem::Value { origin: name.clone(), why })
                } else {
                    read(Path::new(value), name).map(|text| (key, first_line_end_off(text)))
                }
            }
            (None, None) => {
                let known = KEYS.iter().map(Key::variable).chain([CONFIG_VARIABLE.to_owned()]);
                Err(unknown("variable", name, known))
            }
        };
        match given {
            Ok((key, text)) => {
                let given = Given { text: Text::One(text), origin: name.clone() };
                settings.insert(key.name, given);
            }
            Err(problem) => problems.push(problem),
        }
    }
}

fn from_file(path: &Path, origin: &str, settings: &mut Settings, problems: &mut Vec<Problem>) {
    let table = match read(path, origin) {
        Ok(text) => match text.parse::<toml::Table>() {
            Ok(table) => table,
            Err(error) => return problems.push(not_toml(path, &text, &error)),
        },
        Err(problem) => return problems.push(problem),
    };
    for (name, value) in table {
        let origin = format!("{name} in {}", path.display());
        let Some(key) = find(&name) else {
            let known = KEYS.iter().filter(|key| key.kind != Kind::Secret);
            problems.push(unknown("key", &name, known.map(|key| key.name.to_owned())));
            continue;
        };
        if key.kind == Kind::Secret {
            let why = format!(
                "passwords do not belong in this file; use {} or {}_FILE",
                key.variable(),
                key.variable()
            );
            problems.push(Problem::Value { origin, why });
            continue;
        }
        match text_of(value) {
            Some(text) => drop(settings.insert(key.name, Given { text, origin })),
            None => problems.push(Problem::Value {
                origin,
                why: "must be a text, a number, true, false, or a list of texts".to_owned(),
            }),
        }
    }
}

fn text_of(value: toml::Value) -> Option<Text> {
    match value {
        toml::Value::String(text) => Some(Text::One(text)),
        toml::Value::Integer(number) => Some(Text::One(number.to_string())),
        toml::Value::Boolean(switch) => Some(Text::One(switch.to_string())),
        toml::Value::Array(items) => items
            .into_iter()
            .map(|item| match item {
                toml::Value::String(text) => Some(text),
                _ => None,
            })
            .collect::<Option<_>>()
            .map(Text::Many),
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

fn not_toml(path: &Path, text: &str, error: &toml::de::Error) -> Problem {
    // The library's own rendering shows the line, which may hold a password put there by mistake.
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let why = format!("is not TOML: {}", error.message());
    Problem::Value { origin: format!("{} line {line}", path.display()), why }
}

fn read(path: &Path, origin: &str) -> Result<String, Problem> {
    let fault = |why: String| Problem::File {
        origin: origin.to_owned(),
        path: path.display().to_string(),
        why,
    };
    let found = std::fs::metadata(path).map_err(|error| fault(error.to_string()))?;
    if found.len() > FILE_MAX_BYTES {
        return Err(fault(format!("it is larger than {FILE_MAX_BYTES} bytes")));
    }
    std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))
}

fn first_line_end_off(mut text: String) -> String {
    let end = text.trim_end_matches(['\n', '\r']).len();
    text.truncate(end);
    text
}

fn unknown(kind: &'static str, name: &str, known: impl Iterator<Item = String>) -> Problem {
    Problem::Unknown { kind, name: name.to_owned(), nearest: nearest(name, known) }
}

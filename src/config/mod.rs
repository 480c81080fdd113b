//! Settings: flags, variables and a TOML file become one checked [`Config`].
//!
//! One table ([`KEYS`]) names them all. This is the only place that reads the environment. It
//! opens no socket and starts nothing; it reads the configuration file and the files that
//! `HEADCOUNT_<KEY>_FILE` names. All that is wrong is reported at once, with the nearest known
//! name, and never with the value of a password.

mod checked;
mod flags;
mod key;
mod parse;
mod places;
mod problem;
mod raw;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use checked::{Config, Fsync, Role, Secret};
pub use flags::{Arguments, parse_arguments};
pub use key::{KEYS, Key, Kind, help};
pub use places::{default_engine_library, default_geo_path};
pub use problem::{Problem, Problems, nearest};

/// The environment, for [`Config::load`]; names that are not UTF-8 are left out.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        })
        .collect()
}

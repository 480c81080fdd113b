//! What can be wrong with the configuration, said so that a person can mend it.
//!
//! Problems never show the value of a password.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A key, variable or flag that does not exist.
    #[error("unknown {kind} {name}{}", hint(nearest.as_deref()))]
    Unknown {
        /// `key`, `variable` or `flag`.
        kind: &'static str,
        /// As it was given.
        name: String,
        /// The known one that is most like it.
        nearest: Option<String>,
    },
    /// A value that does not fit.
    #[error("{origin}: {why}")]
    Value {
        /// Where the value was given: a flag, a variable, or a key and its file.
        origin: String,
        /// What is wrong and what is allowed.
        why: String,
    },
    /// A file that cannot be used.
    #[error("{origin}: cannot read {path}: {why}")]
    File {
        /// What named the file.
        origin: String,
        /// The file.
        path: String,
        /// Why not.
        why: String,
    },
    /// A flag that cannot stand as it does.
    #[error("{0}")]
    Flag(String),
    /// Two settings that exclude each other.
    #[error("{0}")]
    Conflict(String),
}

/// All that is wrong, at once; never empty. The caller ends with exit code 64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The candidate most like `name`, if one is like it at all.
#[must_use]
pub fn nearest<T: AsRef<str>>(
    name: &str,
    candidates: impl IntoIterator<Item = T>,
) -> Option<String> {
    candidates
        .into_iter()
        .map(|known| (strsim::jaro_winkler(name, known.as_ref()), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known.as_ref().to_owned())
}

/// From which Jaro-Winkler likeness on a name is worth naming.
const LIKENESS: f64 = 0.75;

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!(" (did you mean {nearest}?)"))
}

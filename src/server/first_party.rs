//! The operator's own path: the same scripts and doors under names that no list of trackers knows.
//!
//! `PATH/s.js`, `f.js`, `v.js` and `o.js` are the scripts, `PATH/e` takes events and `PATH/p` is the
//! pixel. A script from there finds its door beside itself, also when a proxy of the site moves the
//! path elsewhere.

/// What lies below the path, and under which name it is known else.
const DOORS: &[(&str, &str)] = &[
    ("e", "/api/event"),
    ("p", "/pixel.gif"),
    ("s.js", "/js/script.js"),
    ("f.js", "/js/full.js"),
    ("v.js", "/js/vitals.js"),
    ("o.js", "/js/opt-out.js"),
];

/// A path such as `/numbers`, checked by `config`: a slash in front and none at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstParty(String);

impl FirstParty {
    /// The path as configured.
    #[must_use]
    pub fn new(path: String) -> Self {
        Self(path)
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0
    }

    /// The usual name of what is asked for, if it lies below this path.
    #[must_use]
    pub fn usual(&self, path: &str) -> Option<&'static str> {
        let name = path.strip_prefix(self.0.as_str())?.strip_prefix('/')?;
        DOORS.iter().find(|(door, _)| *door == name).map(|(_, usual)| *usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_doors_lie_below_the_path() {
        let own = FirstParty::new("/numbers".to_owned());
        assert_eq!(own.usual("/numbers/e"), Some("/api/event"));
        assert_eq!(own.usual("/numbers/f.js"), Some("/js/full.js"));
        for other in [
            "/numbers",
            "/numbers/",
            "/numberse",
            "/numbers/e/",
            "/numbers//e",
            "/x/numbers/e",
            "/e",
        ] {
            assert_eq!(own.usual(other), None, "{other}");
        }
    }
}

//! Sites by the ids of other tools: a tag that was written for one of them names its site by such
//! an id (`G-ABC123`, a UUID, a number, a code), and keeps it when only its host name is changed.
//!
//! Written `tool:ID` such a name stands where a domain stands. No domain holds a colon.

/// A tool whose tags and clients are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tool {
    /// Plausible's newer snippet: the id in the name of its script, such as `pa-AbC123`.
    Plausible,
    /// Google Analytics 4: a measurement id, such as `G-ABC123`.
    Ga4,
    /// Umami: the UUID of a website.
    Umami,
    /// Matomo: the number of a site.
    Matomo,
    /// GoatCounter: a code, the first label of its host.
    GoatCounter,
}

impl Tool {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Plausible, Self::Ga4, Self::Umami, Self::Matomo, Self::GoatCounter];

    /// The part before the colon.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plausible => "plausible",
            Self::Ga4 => "ga4",
            Self::Umami => "umami",
            Self::Matomo => "matomo",
            Self::GoatCounter => "goatcounter",
        }
    }

    /// The tool and the id of a name; `None` for a domain.
    #[must_use]
    pub fn of_name(name: &str) -> Option<(Self, &str)> {
        let (tool, id) = name.split_once(':')?;
        let known = |one: &Self| tool.eq_ignore_ascii_case(one.name());
        Some((Self::ALL.into_iter().find(known)?, id)).filter(|(_, id)| !id.is_empty())
    }

    /// The name of a site by this tool's id, as it is compared: in small letters.
    #[must_use]
    pub fn site_name(self, id: &str) -> String {
        format!("{}:{}", self.name(), id.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parted_at_the_first_colon() {
        assert_eq!(Tool::of_name("ga4:G-ABC"), Some((Tool::Ga4, "G-ABC")));
        assert_eq!(Tool::of_name("Umami:a:b"), Some((Tool::Umami, "a:b")));
        for domain in ["example.com", "example.com:8080", "ga4:", ":x", "ga4"] {
            assert_eq!(Tool::of_name(domain), None, "{domain}");
        }
        for tool in Tool::ALL {
            let name = tool.site_name("X-1");
            assert_eq!(Tool::of_name(&name), Some((tool, "x-1")));
        }
    }
}

//! What a site's owner says about collecting: which parts of an address are kept, which properties,
//! and which visits are left out. Plain text, as it is stored and shown; `ingest` reads it.

use serde::{Deserialize, Serialize};

/// The rules of a site. Without any, addresses lose their whole query, no property of the owner's
/// own is stored, and nothing is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// Query parameters that stay in the path, such as `id`: exact names.
    pub query_params: Vec<String>,
    /// How paths are rewritten before they are stored; the first that fits holds.
    pub path_rules: Vec<PathRule>,
    /// Names of properties that are stored.
    pub properties: Vec<String>,
    /// Patterns of paths whose events are not counted.
    pub excluded_paths: Vec<String>,
    /// Countries (ISO 3166-1 alpha-2) whose events are not counted.
    pub excluded_countries: Vec<String>,
    /// Addresses and networks (CIDR) whose events are not counted. They are kept as a setting
    /// and never beside an event.
    pub excluded_networks: Vec<String>,
    /// Names of the site by ids of other tools, such as `ga4:G-ABC123`; see
    /// [`Tool`](crate::model::Tool).
    pub ids: Vec<String>,
}

/// `/user/* → /user/:name`.
///
/// In `from`, `*` stands for any text without `/` and `**` for any text; it must fit the whole path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathRule {
    /// The pattern, beginning with `/`.
    pub from: String,
    /// What is stored instead, beginning with `/`.
    pub to: String,
}

impl Rules {
    /// The names of the fields, for whoever reads them from outside.
    pub const FIELDS: [&str; 7] = [
        "query_params",
        "path_rules",
        "properties",
        "excluded_paths",
        "excluded_countries",
        "excluded_networks",
        "ids",
    ];

    /// The rules as they are stored; empty without any.
    #[must_use]
    pub fn to_json(&self) -> String {
        if *self == Self::default() {
            return String::new();
        }
        serde_json::to_string(self).expect("lists of text always become JSON")
    }

    /// The rules of a stored text; `None` when it is not ours. Fields that a later version added
    /// are passed over.
    #[must_use]
    pub fn of_json(text: &str) -> Option<Self> {
        if text.is_empty() { Some(Self::default()) } else { serde_json::from_str(text).ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_named() {
        let json = serde_json::to_value(Rules::default()).unwrap();
        let names: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(names.len(), Rules::FIELDS.len());
        assert!(names.iter().all(|name| Rules::FIELDS.contains(&name.as_str())));
    }

    #[test]
    fn rules_come_back_as_they_were_stored() {
        let rules = Rules {
            query_params: vec!["id".into()],
            path_rules: vec![PathRule { from: "/user/*".into(), to: "/user/:name".into() }],
            ..Rules::default()
        };
        assert_eq!(Rules::of_json(&rules.to_json()), Some(rules));
        assert_eq!(Rules::default().to_json(), "");
        assert_eq!(Rules::of_json(""), Some(Rules::default()));
        assert_eq!(Rules::of_json(r#"{"properties":["plan"]}"#).unwrap().properties, ["plan"]);
        assert_eq!(Rules::of_json(r#"{"of_a_later_version":[]}"#), Some(Rules::default()));
        assert_eq!(Rules::of_json("[1]"), None);
    }
}

//! `site rules`: what it takes.

use crate::account::RuleChanges;
use crate::account::admin::AdminCommand;
use crate::app::fatal::{Fatal, USAGE};
use crate::cli::args::{Own, Shape};
use crate::model::PathRule;

/// `site rules DOMAIN [--LIST VALUES …]`
pub(super) const RULES: Shape = Shape {
    positional: &["DOMAIN"],
    valued: &[
        "query-params",
        "path-rules",
        "properties",
        "exclude-paths",
        "exclude-countries",
        "exclude-networks",
        "ids",
    ],
    switches: &["json"],
};

/// The command of `site rules`: each flag replaces a list, an empty value empties it.
///
/// # Errors
/// When a path rule has no two sides.
pub(super) fn rules(own: &Own) -> Result<AdminCommand, Fatal> {
    let list = |name: &str| own.value(name).map(entries);
    let path_rules = own.value("path-rules").map(entries).map(|rules| {
        rules.iter().map(|rule| path_rule(rule)).collect::<Result<Vec<PathRule>, Fatal>>()
    });
    let changes = RuleChanges {
        query_params: list("query-params"),
        path_rules: path_rules.transpose()?,
        properties: list("properties"),
        excluded_paths: list("exclude-paths"),
        excluded_countries: list("exclude-countries"),
        excluded_networks: list("exclude-networks"),
        ids: list("ids"),
    };
    let domain = own.positional.first().cloned().unwrap_or_default();
    Ok(AdminCommand::SiteRules { domain, changes })
}

fn entries(text: &str) -> Vec<String> {
    text.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
}

/// `/user/*=/user/:name`, or with `->`.
fn path_rule(text: &str) -> Result<PathRule, Fatal> {
    let (from, to) = text.split_once("->").or_else(|| text.split_once('=')).ok_or_else(|| {
        Fatal::say(USAGE, format!("{text:?} is no path rule: write /user/*=/user/:name"))
    })?;
    Ok(PathRule { from: from.trim().to_owned(), to: to.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_have_two_sides() {
        for text in ["/user/*=/user/:name", "/user/* -> /user/:name"] {
            let rule = path_rule(text).ok().unwrap();
            assert_eq!((rule.from.as_str(), rule.to.as_str()), ("/user/*", "/user/:name"));
        }
        assert!(path_rule("/user/*").is_err());
        assert_eq!(entries(" a, ,b"), ["a", "b"]);
        assert!(entries("").is_empty());
    }
}

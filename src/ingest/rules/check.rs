//! What is wrong with rules that somebody wrote, said so that they can be mended.

use crate::ingest::adapters::{ID_BYTES_MAX, umami};
use crate::ingest::click;
use crate::ingest::placeholder::hide_all;
use crate::ingest::rules::{network, pattern};
use crate::ingest::text::clean;
use crate::ingest::url::CAMPAIGN_BYTES_MAX;
use crate::model::{PathRule, Rules, Tool};

/// Properties that a site may declare.
pub const PROPERTIES_MAX: usize = 30;
/// Query parameters that a site may keep.
const QUERY_PARAMS_MAX: usize = 30;
/// Rules for paths, and patterns of paths left out, that a site may have.
const PATTERNS_MAX: usize = 100;
/// Addresses and networks that a site may leave out.
const NETWORKS_MAX: usize = 1_000;
/// Ids of other tools that a site may have.
const IDS_MAX: usize = 50;
/// Most digits of the number of a site in Matomo.
const DIGITS_MAX: usize = 9;
/// Longest first part of a host name, in bytes (RFC 1035).
const LABEL_BYTES_MAX: usize = 63;
/// Countries there are, and some.
const COUNTRIES_MAX: usize = 300;
/// Longest name of a property or parameter, in bytes.
const NAME_BYTES_MAX: usize = 100;
/// Longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 200;

/// What is wrong with rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RuleError {
    /// The field of [`Rules`].
    pub field: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

/// The rules in the form in which they are stored: trimmed, countries in capitals, each entry once.
///
/// # Errors
/// The first thing that is wrong, with its field.
pub fn checked(rules: Rules) -> Result<Rules, RuleError> {
    let country = |text: String| text.to_ascii_uppercase();
    let same = |text: String| text;
    let rules = Rules {
        query_params: list("query_params", rules.query_params, QUERY_PARAMS_MAX, same, parameter)?,
        properties: list("properties", rules.properties, PROPERTIES_MAX, same, property)?,
        excluded_paths: list("excluded_paths", rules.excluded_paths, PATTERNS_MAX, same, |text| {
            path_pattern("excluded_paths", text)
        })?,
        excluded_countries: list(
            "excluded_countries",
            rules.excluded_countries,
            COUNTRIES_MAX,
            country,
            is_country,
        )?,
        excluded_networks: list(
            "excluded_networks",
            rules.excluded_networks,
            NETWORKS_MAX,
            same,
            is_network,
        )?,
        path_rules: path_rules(rules.path_rules)?,
        ids: list("ids", rules.ids, IDS_MAX, same, is_id)?,
        public: list("public", rules.public, Rules::PUBLIC.len(), same, is_public)?,
    };
    Ok(rules)
}

fn path_rules(rules: Vec<PathRule>) -> Result<Vec<PathRule>, RuleError> {
    const FIELD: &str = "path_rules";
    if rules.len() > PATTERNS_MAX {
        return Err(too_many(FIELD, PATTERNS_MAX));
    }
    let trimmed = rules
        .into_iter()
        .map(|rule| PathRule { from: rule.from.trim().to_owned(), to: rule.to.trim().to_owned() });
    let mut checked: Vec<PathRule> = Vec::new();
    for rule in trimmed {
        path_pattern(FIELD, &rule.from)?;
        if !rule.to.starts_with('/') || rule.to.contains(['*', '?', '#']) {
            return Err(wrong(
                FIELD,
                format!(
                    "{:?} is no path to store: write it like /user/:name, without * ? #",
                    rule.to
                ),
            ));
        }
        short(FIELD, &rule.to, PATTERN_BYTES_MAX)?;
        if checked.iter().any(|known| known.from == rule.from) {
            return Err(wrong(FIELD, format!("{:?} stands there twice: keep one", rule.from)));
        }
        checked.push(rule);
    }
    Ok(checked)
}

/// Trims, puts into one form, drops repetitions, and checks each entry.
fn list(
    field: &'static str,
    entries: Vec<String>,
    most: usize,
    form: fn(String) -> String,
    check: impl Fn(&str) -> Result<(), RuleError>,
) -> Result<Vec<String>, RuleError> {
    let mut kept: Vec<String> = Vec::new();
    for entry in entries {
        let entry = form(entry.trim().to_owned());
        if entry.is_empty() || kept.contains(&entry) {
            continue;
        }
        check(&entry)?;
        kept.push(entry);
    }
    if kept.len() > most { Err(too_many(field, most)) } else { Ok(kept) }
}

fn parameter(text: &str) -> Result<(), RuleError> {
    const FIELD: &str = "query_params";
    short(FIELD, text, NAME_BYTES_MAX)?;
    if click::is_click_id(text) {
        return Err(wrong(
            FIELD,
            format!("{text:?} names a click: its value is never kept, its name always is"),
        ));
    }
    if text.contains(['&', '=', '?', '#', '*', ' ']) || clean(text, CAMPAIGN_BYTES_MAX) != text {
        return Err(wrong(
            FIELD,
            format!("{text:?} is no name of a parameter: write the part before =, such as id"),
        ));
    }
    Ok(())
}

fn property(text: &str) -> Result<(), RuleError> {
    const FIELD: &str = "properties";
    short(FIELD, text, NAME_BYTES_MAX)?;
    if clean(text, NAME_BYTES_MAX) != text {
        return Err(wrong(FIELD, "a name holds characters that cannot be seen".to_owned()));
    }
    Ok(())
}

fn path_pattern(field: &'static str, text: &str) -> Result<(), RuleError> {
    short(field, text, PATTERN_BYTES_MAX)?;
    if !text.starts_with('/') || text.contains(['?', '#']) || pattern(text).is_none() {
        return Err(wrong(
            field,
            format!(
                "{text:?} is no pattern of a path: begin with /, use * for a part and ** for the \
                 rest, such as /user/* or /admin/**"
            ),
        ));
    }
    let stored = hide_all(text);
    if stored != text {
        return Err(wrong(
            field,
            format!(
                "{text:?} never fits, since ids are replaced before rules are looked at: write \
                 {stored:?}"
            ),
        ));
    }
    Ok(())
}

fn is_country(text: &str) -> Result<(), RuleError> {
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Ok(());
    }
    Err(wrong(
        "excluded_countries",
        format!("{text:?} is no country code: use two letters, such as DE"),
    ))
}

fn is_network(text: &str) -> Result<(), RuleError> {
    if network(text).is_some() {
        return Ok(());
    }
    Err(wrong(
        "excluded_networks",
        format!(
            "{text:?} is no address or network: write 203.0.113.9, 203.0.113.0/24 or 2001:db8::/48"
        ),
    ))
}

fn is_public(text: &str) -> Result<(), RuleError> {
    if Rules::PUBLIC.contains(&text) {
        return Ok(());
    }
    let start: String = text.chars().take(40).collect();
    let all = Rules::PUBLIC.join(", ");
    Err(wrong("public", format!("{start:?} cannot be made public: there is {all}")))
}

fn is_id(text: &str) -> Result<(), RuleError> {
    let start: String = text.chars().take(40).collect();
    if let Some((tool, id)) = Tool::of_name(text) {
        return can_be_sent(tool, id).map_err(|rule| {
            wrong("ids", format!("{start:?} is no id that a tag can have: write {rule}"))
        });
    }
    let tools = Tool::ALL.map(Tool::name).join(", ");
    Err(wrong(
        "ids",
        format!(
            "{start:?} is no id of another tool: write tool:ID, such as ga4:G-ABC123 or matomo:1, \
             with one of {tools}"
        ),
    ))
}

/// Whether a tag of a tool can name this id; else how such ids look. What its doors refuse can never
/// find its site.
fn can_be_sent(tool: Tool, id: &str) -> Result<(), &'static str> {
    let is_of = |id: &str, more: &[u8]| {
        !id.is_empty()
            && id.len() <= ID_BYTES_MAX
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    let (fits, rule) = match tool {
        Tool::Ga4 => (is_of(id, b"-"), "ga4: and a measurement id such as G-ABC123"),
        Tool::Umami => (umami::is_uuid(id), "umami: and the 36 characters of the website's UUID"),
        Tool::Matomo => (
            is_of(id, b"")
                && id.len() <= DIGITS_MAX
                && !id.starts_with('0')
                && id.bytes().all(|byte| byte.is_ascii_digit()),
            "matomo: and the number of the site, at most 9 digits, such as 1",
        ),
        Tool::Plausible => (
            id.strip_prefix("pa-").is_some_and(|id| is_of(id, b"-_")),
            "plausible: and the name of the script without its ending, such as pa-AbC123",
        ),
        Tool::GoatCounter => (
            is_of(id, b"-") && id.len() <= LABEL_BYTES_MAX && !id.starts_with('-'),
            "goatcounter: and the code, which is the first part of a host name",
        ),
    };
    if fits { Ok(()) } else { Err(rule) }
}

fn short(field: &'static str, text: &str, most: usize) -> Result<(), RuleError> {
    if text.len() <= most {
        return Ok(());
    }
    let start: String = text.chars().take(20).collect();
    Err(wrong(field, format!("{start}… is too long: at most {most} bytes")))
}

fn too_many(field: &'static str, most: usize) -> RuleError {
    wrong(field, format!("{field} has too many entries: at most {most}"))
}

fn wrong(field: &'static str, message: String) -> RuleError {
    RuleError { field, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(json: serde_json::Value) -> Rules {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn ids_are_those_that_tags_can_have() {
        const UUID: &str = "550E8400-e29b-41d4-a716-446655440000";
        let long = "x".repeat(LABEL_BYTES_MAX);
        for (name, fits) in [
            ("ga4:G-ABC123".to_owned(), true),
            ("GA4:GT-ABC123".to_owned(), true),
            ("ga4:UA-1234-5".to_owned(), true),
            ("ga4:G_ABC".to_owned(), false),
            ("ga4:G.ABC".to_owned(), false),
            (format!("umami:{UUID}"), true),
            (format!("umami:{UUID}0"), false),
            (format!("umami:{}", UUID.replace('-', "")), false),
            ("umami:shop".to_owned(), false),
            ("matomo:1".to_owned(), true),
            ("matomo:999999999".to_owned(), true),
            ("matomo:1000000000".to_owned(), false),
            ("matomo:01".to_owned(), false),
            ("matomo:0".to_owned(), false),
            ("matomo:one".to_owned(), false),
            ("plausible:pa-AbC_1-2".to_owned(), true),
            ("plausible:pa-".to_owned(), false),
            ("plausible:AbC".to_owned(), false),
            ("plausible:shop.example".to_owned(), false),
            ("goatcounter:my-code".to_owned(), true),
            (format!("goatcounter:{long}"), true),
            (format!("goatcounter:{long}x"), false),
            ("goatcounter:my.code".to_owned(), false),
            ("goatcounter:my_code".to_owned(), false),
        ] {
            let found = checked(rules(serde_json::json!({"ids": [name]})));
            assert_eq!(found.is_ok(), fits, "{name}");
        }
        let said = checked(rules(serde_json::json!({"ids": ["matomo:01"]}))).unwrap_err();
        assert!(said.message.contains("matomo: and the number"), "{said}");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_field() {
        let many = |n: usize| (0..n).map(|i| format!("p{i}")).collect::<Vec<_>>();
        for (json, field) in [
            (serde_json::json!({"query_params": ["a=b"]}), "query_params"),
            (serde_json::json!({"query_params": ["x".repeat(101)]}), "query_params"),
            (serde_json::json!({"query_params": ["gclid"]}), "query_params"),
            (serde_json::json!({"excluded_paths": ["/order/123456"]}), "excluded_paths"),
            (serde_json::json!({"properties": many(31)}), "properties"),
            (serde_json::json!({"properties": ["a\u{202e}b"]}), "properties"),
            (serde_json::json!({"excluded_paths": ["admin"]}), "excluded_paths"),
            (serde_json::json!({"excluded_countries": ["DEU"]}), "excluded_countries"),
            (serde_json::json!({"excluded_networks": ["203.0.113.0/33"]}), "excluded_networks"),
            (serde_json::json!({"excluded_networks": ["localhost"]}), "excluded_networks"),
            (serde_json::json!({"ids": ["G-ABC123"]}), "ids"),
            (serde_json::json!({"public": ["everything"]}), "public"),
            (serde_json::json!({"ids": ["fathom:ABC"]}), "ids"),
            (serde_json::json!({"ids": ["ga4:G ABC"]}), "ids"),
            (serde_json::json!({"ids": [format!("ga4:{}", "x".repeat(101))]}), "ids"),
            (serde_json::json!({"path_rules": [{"from": "x", "to": "/y"}]}), "path_rules"),
            (serde_json::json!({"path_rules": [{"from": "/x", "to": "y"}]}), "path_rules"),
            (serde_json::json!({"path_rules": [{"from": "/x", "to": "/*"}]}), "path_rules"),
            (
                serde_json::json!({"path_rules": [{"from": "/x", "to": "/y"}, {"from": "/x", "to": "/z"}]}),
                "path_rules",
            ),
        ] {
            let error = checked(rules(json.clone())).expect_err("refused");
            assert_eq!(error.field, field, "{json}");
        }
        assert!(checked(rules(serde_json::json!({"properties": many(30)}))).is_ok());
    }
}

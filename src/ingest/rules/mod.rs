//! The rules of a site, made ready for events: what of an address is kept, which properties, and
//! which visits are left out.
//!
//! [`checked`] says what is wrong with rules that somebody wrote; [`Rulebook`] keeps the compiled
//! rules of every site and follows their changes.

mod check;

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use regex::{Regex, RegexBuilder};

use crate::ingest::url::PATH_BYTES_MAX;
use crate::model::{PathRule, Rules, Site, SiteId};

pub use check::{PROPERTIES_MAX, RuleError, checked};

/// Properties that are stored without being declared: those of the script's own events.
pub const OWN_PROPERTIES: [&str; 3] = ["items", "path", "url"];

/// Bits of an IPv6 address that say that the rest is one of IPv4 (RFC 4291, 2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// Memory one compiled pattern may take, in bytes; such patterns take some thousand.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// The rules of one site, ready for use.
#[derive(Default)]
pub struct SiteRules {
    query_params: Vec<String>,
    path_rules: Vec<(Regex, String)>,
    properties: Vec<String>,
    excluded_paths: Vec<Regex>,
    excluded_countries: Vec<String>,
    excluded_networks: Vec<IpNet>,
}

/// Rules as they were written, and ready for use.
type Compiled = (Arc<Rules>, Arc<SiteRules>);

/// The compiled rules of all sites.
#[derive(Default)]
pub struct Rulebook {
    sites: ArcSwap<HashMap<SiteId, Compiled>>,
}

impl Rulebook {
    /// The rules of a site as they are now; compiled when they have changed.
    #[must_use]
    pub fn of(&self, site: &Site) -> Arc<SiteRules> {
        if let Some((text, rules)) = self.sites.load().get(&site.id)
            && (Arc::ptr_eq(text, &site.rules) || text == &site.rules)
        {
            return Arc::clone(rules);
        }
        let rules = Arc::new(SiteRules::new(&site.rules));
        self.sites.rcu(|sites| {
            let mut sites = HashMap::clone(sites);
            sites.insert(site.id, (Arc::clone(&site.rules), Arc::clone(&rules)));
            sites
        });
        rules
    }
}

impl SiteRules {
    /// Compiles rules. What cannot be read was refused when it was written, and is left out.
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        let read = |rule: &PathRule| Some((pattern(&rule.from)?, rule.to.clone()));
        Self {
            query_params: rules.query_params.clone(),
            path_rules: rules.path_rules.iter().filter_map(read).collect(),
            properties: rules.properties.clone(),
            excluded_paths: rules.excluded_paths.iter().filter_map(|text| pattern(text)).collect(),
            excluded_countries: rules.excluded_countries.clone(),
            excluded_networks: rules
                .excluded_networks
                .iter()
                .filter_map(|text| network(text))
                .collect(),
        }
    }

    /// The path as it is stored: rewritten, with the parameters of `query` that are kept.
    #[must_use]
    pub fn path<'a>(&'a self, path: &'a str, query: &[(String, String)]) -> Cow<'a, str> {
        let rule = self.path_rules.iter().find(|(from, _)| from.is_match(path));
        let mut stored = Cow::Borrowed(rule.map_or(path, |(_, to)| to));
        let mut mark = '?';
        for name in &self.query_params {
            for (_, value) in query.iter().filter(|(sent, _)| sent == name) {
                let more = format!("{mark}{name}={value}");
                if stored.len() + more.len() <= PATH_BYTES_MAX {
                    stored.to_mut().push_str(&more);
                    mark = '&';
                }
            }
        }
        stored
    }

    /// Whether events of this path are not counted.
    #[must_use]
    pub fn excludes_path(&self, path: &str) -> bool {
        self.excluded_paths.iter().any(|pattern| pattern.is_match(path))
    }

    /// Whether events of this country are not counted.
    #[must_use]
    pub fn excludes_country(&self, country: &str) -> bool {
        self.excluded_countries.iter().any(|excluded| excluded == country)
    }

    /// The networks whose events are not counted.
    pub(crate) fn excluded_networks(&self) -> &[IpNet] {
        &self.excluded_networks
    }

    /// Whether a property of this name is stored.
    #[must_use]
    pub fn keeps(&self, property: &str) -> bool {
        OWN_PROPERTIES.contains(&property) || self.properties.iter().any(|kept| kept == property)
    }
}

fn pattern(text: &str) -> Option<Regex> {
    let literal = regex::escape(text).replace(r"\*\*", ".*").replace(r"\*", "[^/]*");
    RegexBuilder::new(&format!("^(?s:{literal})$")).size_limit(COMPILED_BYTES_MAX).build().ok()
}

/// A network, or an address as a network of its own; of IPv4 also where it is written as IPv6
/// (`::ffff:203.0.113.7`, `::ffff:203.0.113.0/120`), as clients are compared in that form.
pub(super) fn network(text: &str) -> Option<IpNet> {
    let Ok(network) = text.parse::<IpNet>() else {
        return text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
    };
    let network = network.trunc();
    Some(match (network.addr().to_canonical(), network.prefix_len().checked_sub(MAPPED_BITS)) {
        (address, Some(bits)) if address != network.addr() => {
            IpNet::new(address, bits).unwrap_or(network)
        }
        _ => network,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(json: serde_json::Value) -> Rules {
        serde_json::from_value(json).unwrap()
    }

    fn compiled(json: serde_json::Value) -> SiteRules {
        SiteRules::new(&checked(rules(json)).unwrap())
    }

    #[test]
    fn networks_of_ipv4_are_the_same_however_they_are_written() {
        for (text, read) in [
            ("::ffff:203.0.113.7", "203.0.113.7/32"),
            ("::ffff:203.0.113.77/120", "203.0.113.0/24"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::ffff:0:0/95", "::fffe:0:0/95"),
            ("203.0.113.77/24", "203.0.113.0/24"),
            ("2001:db8:0:1::/64", "2001:db8:0:1::/64"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(network(text), read.parse().ok(), "{text}");
        }
    }

    #[test]
    fn the_first_rule_that_fits_the_whole_path_holds() {
        let rules = compiled(serde_json::json!({"path_rules": [
            {"from": "/user/me", "to": "/user/me"},
            {"from": "/user/*", "to": "/user/:name"},
            {"from": "/user/*/posts/**", "to": "/user/:name/posts"},
            {"from": "/a.b", "to": "/dot"},
        ]}));
        for (path, stored) in [
            ("/user/jane", "/user/:name"),
            ("/user/me", "/user/me"),
            ("/user/jane/posts/1/2", "/user/:name/posts"),
            ("/user/jane/edit", "/user/jane/edit"),
            ("/users/jane", "/users/jane"),
            ("/x/user/jane", "/x/user/jane"),
            ("/a.b", "/dot"),
            ("/aXb", "/aXb"),
            ("/user/jane\nx", "/user/:name"),
        ] {
            assert_eq!(rules.path(path, &[]), stored, "{path}");
        }
    }

    #[test]
    fn only_listed_parameters_stay_in_the_order_of_the_list() {
        let rules = compiled(serde_json::json!({"query_params": ["page", "id"]}));
        let query = [("id", "5"), ("token", "x"), ("page", "2"), ("ID", "9")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(rules.path("/list", &query), "/list?page=2&id=5");
        assert_eq!(SiteRules::default().path("/list", &query), "/list");
        let long = "/".to_owned() + &"a".repeat(PATH_BYTES_MAX - 3);
        assert_eq!(rules.path(&long, &query), long);
    }

    #[test]
    fn shields_name_paths_countries_and_networks() {
        let rules = compiled(serde_json::json!({
            "excluded_paths": ["/admin/**", "/health"], "excluded_countries": ["kp"],
            "excluded_networks": ["203.0.113.77/24", "2001:db8::1", " 198.51.100.7 "],
        }));
        assert!(rules.excludes_path("/admin/x/y") && rules.excludes_path("/health"));
        assert!(!rules.excludes_path("/admin") && !rules.excludes_path("/healthy"));
        assert!(rules.excludes_country("KP") && !rules.excludes_country(""));
        let networks: Vec<String> =
            rules.excluded_networks().iter().map(ToString::to_string).collect();
        assert_eq!(networks, ["203.0.113.0/24", "2001:db8::1/128", "198.51.100.7/32"]);
    }

    #[test]
    fn declared_properties_and_the_scripts_own_are_kept() {
        let rules = compiled(serde_json::json!({"properties": ["plan", "plan", " "]}));
        assert!(rules.keeps("plan") && rules.keeps("url") && rules.keeps("path"));
        assert!(!rules.keeps("Plan") && !rules.keeps("email"));
    }

    #[test]
    fn the_rulebook_follows_changes() {
        let site = |rules: Rules| Site {
            id: SiteId(1),
            domain: "example.com".into(),
            timezone: "UTC".into(),
            zone: jiff::tz::TimeZone::UTC,
            hostnames: vec![],
            rules: Arc::new(rules),
            threshold: None,
            created: 0,
        };
        let book = Rulebook::default();
        let before = site(Rules::default());
        assert!(!book.of(&before).keeps("plan"));
        assert!(Arc::ptr_eq(&book.of(&before), &book.of(&site(Rules::default()))));
        let after = site(rules(serde_json::json!({"properties": ["plan"]})));
        assert!(book.of(&after).keeps("plan"));
        assert!(!book.of(&before).keeps("plan"));
    }
}

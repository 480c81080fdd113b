//! A site as collecting and reporting see it.

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::model::rules::Rules;

/// Number of a site, given once and never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SiteId(pub u32);

/// A site: one domain, one zone, the hosts whose pages it counts.
#[derive(Debug, Clone)]
pub struct Site {
    /// Its number.
    pub id: SiteId,
    /// Its name, lower case, without `www.`.
    pub domain: String,
    /// IANA name of its zone.
    pub timezone: String,
    /// The zone itself.
    pub zone: TimeZone,
    /// Hosts whose pages count; empty means the domain and its subdomains.
    pub hostnames: Vec<String>,
    /// What its owner says about collecting.
    pub rules: Arc<Rules>,
    /// The least number of visitors of a shown group, if the site has its own.
    pub threshold: Option<u32>,
    /// When it was created, seconds since 1970 UTC.
    pub created: u32,
}

impl Site {
    /// Whether a page on `host` (lower case, without `www.` and port) counts for this site.
    #[must_use]
    pub fn admits(&self, host: &str) -> bool {
        if self.hostnames.is_empty() {
            return host == self.domain
                || host.strip_suffix(&self.domain).is_some_and(|rest| rest.ends_with('.'));
        }
        self.hostnames.iter().any(|allowed| allowed == host)
    }
}

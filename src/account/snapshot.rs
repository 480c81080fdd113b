//! What collecting and reporting know of sites and keys at one moment.
//!
//! A snapshot never changes; a newer one replaces it. Keys are known by their hash only.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use serde::{Deserialize, Serialize};

use crate::account::domain;
use crate::account::secret;
use crate::model::{Day, Rules, Site, SiteId, Tool};
use crate::store::{KeyRow, SiteRow};

/// Seconds of a day in UTC.
const DAY_SECONDS: u32 = 86_400;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Ask for reports.
    Read,
    /// Send events.
    Send,
    /// Both, and settings.
    Admin,
}

/// A key that holds, without the key itself.
pub struct ApiKey {
    /// Its number.
    pub id: u32,
    /// What it may do.
    pub scope: Scope,
    /// `None` for all sites.
    pub sites: Option<Vec<SiteId>>,
    /// The first second at which it no longer holds.
    expires: Option<u32>,
    /// The last day (UTC) on which it was used.
    last_used: AtomicU16,
}

/// All sites and keys at one moment.
#[derive(Default)]
pub struct Snapshot {
    sites: Vec<Site>,
    by_domain: HashMap<String, usize>,
    /// By the names that other tools' ids give.
    by_external: HashMap<String, usize>,
    by_id: HashMap<SiteId, usize>,
    retention: HashMap<SiteId, u32>,
    keys: HashMap<String, Arc<ApiKey>>,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 3] = [Self::Read, Self::Send, Self::Admin];

    /// The name in keys and settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Send => "send",
            Self::Admin => "admin",
        }
    }

    /// The scope of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// Whether a key of this scope may do what `wanted` may.
    #[must_use]
    pub fn allows(self, wanted: Self) -> bool {
        self == wanted || self == Self::Admin
    }
}

impl ApiKey {
    /// Whether the key is for this site.
    #[must_use]
    pub fn covers(&self, site: SiteId) -> bool {
        self.sites.as_ref().is_none_or(|sites| sites.contains(&site))
    }

    pub(super) fn last_used(&self) -> Day {
        Day(self.last_used.load(Ordering::Relaxed))
    }

    fn from_row(row: &KeyRow) -> Option<Self> {
        let expires = (row.expires.0 != 0)
            .then(|| (u32::from(row.expires.0) + 1).saturating_mul(DAY_SECONDS));
        Some(Self {
            id: row.id,
            scope: Scope::parse(&row.scope)?,
            sites: (row.all_sites == 0).then(|| row.sites.iter().copied().map(SiteId).collect()),
            expires,
            last_used: AtomicU16::new(row.last_used.0),
        })
    }
}

impl Snapshot {
    /// The snapshot of these rows; the days on which keys were used are carried over from
    /// `before`, and so are rules where they cannot be read now. Rows that do not make sense are
    /// left out.
    pub(super) fn new(sites: &[SiteRow], keys: &[KeyRow], before: Option<&Self>) -> Self {
        let mut snapshot = Self::default();
        for row in sites {
            let Some(site) = site_of(row, before) else {
                tracing::warn!(
                    site = row.id,
                    "A site has an unknown time zone or unreadable rules and is left out."
                );
                continue;
            };
            let at = snapshot.sites.len();
            snapshot.by_domain.insert(site.domain.clone(), at);
            snapshot.by_id.insert(site.id, at);
            for (tool, id) in site.rules.ids.iter().filter_map(|name| Tool::of_name(name)) {
                snapshot.by_external.insert(tool.site_name(id), at);
            }
            if row.retention_months > 0 {
                snapshot.retention.insert(site.id, row.retention_months.into());
            }
            snapshot.sites.push(site);
        }
        for row in keys {
            let Some(key) = ApiKey::from_row(row) else { continue };
            if let Some(old) = before.and_then(|before| before.keys.get(&row.hash)) {
                key.last_used.fetch_max(old.last_used().0, Ordering::Relaxed);
            }
            snapshot.keys.insert(row.hash.clone(), Arc::new(key));
        }
        snapshot
    }

    /// All sites, by domain.
    #[must_use]
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// The site of a domain, as stored (lower case); a leading `www.` is looked past.
    #[must_use]
    pub fn by_domain(&self, domain: &str) -> Option<&Site> {
        let plain = || self.by_domain.get(domain.strip_prefix("www.")?);
        self.sites.get(*self.by_domain.get(domain).or_else(plain)?)
    }

    /// The site that an event names: by its domain, or by another tool's id (`tool:ID` in small
    /// letters). An id that no site has stands for the site of the page's `host`, so that a tag
    /// whose host name was changed needs nothing else.
    #[must_use]
    pub fn named(&self, name: &str, host: &str) -> Option<&Site> {
        if Tool::of_name(name).is_none() {
            return self.by_domain(name);
        }
        match self.by_external.get(name) {
            Some(at) => self.sites.get(*at),
            None => self.of_host(host),
        }
    }

    /// The site that counts pages of a host (small letters, without `www.`), that of the longest
    /// domain if there are several.
    #[must_use]
    pub fn of_host(&self, host: &str) -> Option<&Site> {
        let mut rest = Some(host);
        while let Some(domain) = rest {
            if let Some(site) = self.by_domain(domain).filter(|site| site.admits(host)) {
                return Some(site);
            }
            rest = domain.split_once('.').map(|(_, parent)| parent);
        }
        None
    }

    /// The site of a number.
    #[must_use]
    pub fn by_id(&self, id: SiteId) -> Option<&Site> {
        self.sites.get(*self.by_id.get(&id)?)
    }

    /// Months for which a site's rows are kept, if it has a number of its own.
    #[must_use]
    pub fn retention_months(&self, id: SiteId) -> Option<u32> {
        self.retention.get(&id).copied()
    }

    /// The key `text`, when it holds at `now` and may do what `scope` may; notes the day of use.
    #[must_use]
    pub fn key(&self, text: &str, scope: Scope, now: u32) -> Option<Arc<ApiKey>> {
        let (named, token) = text.strip_prefix("hc_")?.split_once('_')?;
        if !secret::is_token(token) {
            return None;
        }
        let key = self.keys.get(&secret::stored(text))?;
        let holds = key.expires.is_none_or(|expires| now < expires);
        if !holds || key.scope.name() != named || !key.scope.allows(scope) {
            return None;
        }
        let today = u16::try_from(now / DAY_SECONDS).unwrap_or(u16::MAX);
        key.last_used.fetch_max(today, Ordering::Relaxed);
        Some(Arc::clone(key))
    }

    /// The key `text`, when it may send events.
    #[must_use]
    pub fn send_key(&self, text: &str, now: u32) -> Option<Arc<ApiKey>> {
        self.key(text, Scope::Send, now)
    }

    /// The key `text`, when it may ask for reports.
    #[must_use]
    pub fn read_key(&self, text: &str, now: u32) -> Option<Arc<ApiKey>> {
        self.key(text, Scope::Read, now)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Arc<ApiKey>> {
        self.keys.values()
    }
}

/// The site of a row; its rules are those of `before` where they are the same or cannot be read.
fn site_of(row: &SiteRow, before: Option<&Snapshot>) -> Option<Site> {
    let (timezone, zone) = domain::timezone(&row.timezone).ok()?;
    let known = before.and_then(|before| before.by_id(SiteId(row.id))).map(|site| &site.rules);
    let rules = match (Rules::of_json(&row.rules), known) {
        (Some(rules), Some(known)) if **known == rules => Arc::clone(known),
        (Some(rules), _) => Arc::new(rules),
        (None, known) => {
            let known = known?;
            tracing::warn!(site = row.id, "A site has unreadable rules: those before stay.");
            Arc::clone(known)
        }
    };
    Some(Site {
        id: SiteId(row.id),
        domain: row.domain.clone(),
        timezone,
        zone,
        hostnames: row.hostnames.clone(),
        rules,
        threshold: (row.threshold > 0).then_some(row.threshold),
        created: row.created,
    })
}

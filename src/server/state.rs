//! What the handlers share: opened things, handed down by `app`.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use ipnet::IpNet;

use crate::account::Accounts;
use crate::account::sites::Sites;
use crate::ingest::caps::Caps;
use crate::ingest::{Agents, Context, Headers, Identity, Lookups, Rulebook, address, network};
use crate::keys::Keys;
use crate::model::{Outcome, Refusal, SiteId};
use crate::report::cache::Cache;
use crate::server::adapters::counted::Counters;
use crate::server::first_party::FirstParty;
use crate::server::moments::Moments;
use crate::server::norms::Statuses;
use crate::server::origin::PublicOrigin;
use crate::server::outcomes::OutcomeCounts;
use crate::server::rates::Rates;
use crate::server::turns::Turns;
use crate::spool::Spool;
use crate::store::Store;
use crate::telemetry::Metrics;

/// What this process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Collects, reports, serves the dashboard, writes settings.
    All,
    /// Collects only.
    Collect,
}

/// Settings that the handlers look at.
#[derive(Debug)]
pub struct Settings {
    /// What this process does.
    pub role: Role,
    /// Whether the demo site is served.
    pub demo: bool,
    /// The least number of visitors of a shown group, unless a site has its own.
    pub threshold: u32,
    /// How long rows are kept, months.
    pub retention_months: u32,
    /// Peers whose forwarded headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The operator's own path for scripts and collecting.
    pub first_party: Option<FirstParty>,
}

/// Everything a request may need.
pub struct State {
    /// Settings of the process.
    pub settings: Settings,
    /// Numbers of the process.
    pub metrics: Arc<Metrics>,
    /// The durable queue.
    pub spool: Spool,
    /// The keys of the day.
    pub keys: Keys,
    /// City databases and lists, which are replaced when their files change.
    pub lookups: ArcSwap<Lookups>,
    /// The reader of User-Agents.
    pub agents: Agents,
    /// The directory of sites and keys.
    pub sites: Arc<Sites>,
    /// Accounts and logins.
    pub accounts: Arc<Accounts>,
    /// The database.
    pub store: Store,
    /// Counts of what was not counted.
    pub outcomes: OutcomeCounts,
    /// The rules of sites, ready for events.
    pub rules: Rulebook,
    /// Where sites are in their calendars.
    pub moments: Moments,
    /// What is said of sites to whoever asks about tracking.
    pub statuses: Statuses,
    /// How many different values sites had today.
    pub caps: Caps,
    /// Who may make reports now.
    pub report_turns: Turns,
    /// What anybody may see of sites.
    pub counters: Counters,
    /// Reports that were made before.
    pub report_cache: Cache,
    /// The dashboard's own origin.
    pub origin: PublicOrigin,
    /// The address it listens on, which the set-up link names.
    pub listening: PublicOrigin,
    /// Who sends too much.
    pub rates: Rates,
    /// Somebody was limited who came through a proxy that is not trusted, and it was said.
    said_limited: AtomicBool,
    untrusted_proxy: Mutex<Option<IpAddr>>,
}

/// The opened things of which a [`State`] is made.
pub struct Parts {
    /// See [`State`].
    pub settings: Settings,
    /// See [`State`].
    pub metrics: Arc<Metrics>,
    /// See [`State`].
    pub spool: Spool,
    /// See [`State`].
    pub keys: Keys,
    /// See [`State`].
    pub lookups: Lookups,
    /// See [`State`].
    pub agents: Agents,
    /// See [`State`].
    pub sites: Arc<Sites>,
    /// See [`State`].
    pub accounts: Arc<Accounts>,
    /// See [`State`].
    pub store: Store,
    /// See [`State`].
    pub rates: Rates,
}

impl State {
    /// Puts the opened things together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            report_turns: Turns::default(),
            counters: Counters::default(),
            report_cache: Cache::new(&parts.metrics),
            settings: parts.settings,
            metrics: parts.metrics,
            spool: parts.spool,
            keys: parts.keys,
            lookups: ArcSwap::from_pointee(parts.lookups),
            agents: parts.agents,
            sites: parts.sites,
            accounts: parts.accounts,
            store: parts.store,
            outcomes: OutcomeCounts::default(),
            rules: Rulebook::default(),
            moments: Moments::default(),
            statuses: Statuses::default(),
            caps: Caps::default(),
            origin: PublicOrigin::default(),
            listening: PublicOrigin::default(),
            rates: parts.rates,
            said_limited: AtomicBool::new(false),
            untrusted_proxy: Mutex::new(None),
        }
    }

    /// What the pipeline of an event reads, with the look-ups that hold now.
    #[must_use]
    pub fn ingest_context<'a>(&'a self, lookups: &'a Lookups) -> Context<'a> {
        Context { lookups, agents: &self.agents, trusted: &self.settings.trusted_proxies }
    }

    /// A number that stands for the client's network until the key is replaced, for limits.
    #[must_use]
    pub fn network(&self, headers: &Headers<'_>, peer: IpAddr) -> u64 {
        let resolved = address::resolve(peer, headers, &self.settings.trusted_proxies);
        self.rates.under_key(|key| Identity::new(resolved.addr, b"").network(key))
    }

    /// Counts an event towards the rate of its network for `site`.
    ///
    /// Events with a send key do not come here: a relay sends for everybody, and its key can be
    /// revoked.
    ///
    /// # Errors
    /// [`Outcome::Limited`] when the network has sent too many.
    pub fn within_rate(
        &self,
        site: SiteId,
        headers: &Headers<'_>,
        peer: IpAddr,
    ) -> Result<(), Refusal> {
        let mut untrusted = false;
        let admitted = self.rates.admit(site, |key| {
            let resolved = address::resolve(peer, headers, &self.settings.trusted_proxies);
            untrusted = resolved.untrusted_forwarded;
            network::far_network(&resolved.addr, key)
        });
        if admitted {
            return Ok(());
        }
        if untrusted && !self.said_limited.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "Events are limited that came through a proxy which is not trusted: all its \
                 visitors look like one. Set trusted_proxies."
            );
        }
        Err(Outcome::Limited.into())
    }

    /// Begins another 24 hours: what is keyed by a hash is emptied and gets another key.
    pub fn rotate(&self, agents: [u8; 32], rates: [u8; 32]) {
        self.agents.rotate(agents);
        self.rates.rotate(rates);
        self.said_limited.store(false, Ordering::Relaxed);
    }

    /// Counts a forwarded header from a peer that is not trusted. The peer itself is kept for the
    /// notice only when it is a loopback or private address, which is nobody's on the internet.
    pub fn note_untrusted_proxy(&self, peer: IpAddr) {
        self.metrics.untrusted_forwarded.inc();
        let peer = peer.to_canonical();
        let near = match peer {
            IpAddr::V4(address) => address.is_loopback() || address.is_private(),
            IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
        };
        if near {
            *self.untrusted_proxy.lock().unwrap_or_else(PoisonError::into_inner) = Some(peer);
        }
    }

    /// The near peer that sent forwarded headers without being trusted, if there was one.
    #[must_use]
    pub fn untrusted_proxy(&self) -> Option<String> {
        let peer = *self.untrusted_proxy.lock().unwrap_or_else(PoisonError::into_inner);
        peer.map(|peer| peer.to_string())
    }
}

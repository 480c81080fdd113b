//! Adding, listing and removing sites.
//!
//! A removed site is first unknown to every collector, then its rows are deleted, and deleted
//! again later: rows that were under way when it was removed must not stay.

use std::sync::PoisonError;

use serde::{Deserialize, Serialize};

use crate::account::{AccountError, Accounts, domain};
use crate::model::{Day, Rules};
use crate::store::{Erased, SiteRow};

/// The site that `--demo` creates.
pub const DEMO_DOMAIN: &str = "demo.example";
/// Hosts whose pages it counts.
const DEMO_HOSTNAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// Properties that its pages send.
const DEMO_PROPERTIES: [&str; 1] = ["plan"];
/// Its threshold: nothing is withheld.
const DEMO_THRESHOLD: u32 = 1;
/// When rows of a removed site are deleted again, in seconds after its removal: when every
/// collector has heard of it, and when spools that could not deliver have had an hour.
const DELETE_AGAIN: [u32; 2] = [60, 3_600];
/// Seconds of a day in UTC.
const DAY_SECONDS: u32 = 86_400;

/// A site as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteLine {
    /// Its domain.
    pub domain: String,
    /// The name of its zone.
    pub timezone: String,
    /// `YYYY-MM-DD` (UTC).
    pub created: String,
    /// Months for which its rows are kept, if the site has a number of its own.
    pub retention_months: Option<u32>,
}

impl SiteLine {
    pub(super) fn of(row: SiteRow) -> Self {
        Self {
            domain: row.domain,
            timezone: row.timezone,
            created: day_of(row.created).to_string(),
            retention_months: (row.retention_months > 0).then(|| row.retention_months.into()),
        }
    }
}

/// A site whose rows are to be deleted again.
pub(super) struct Removal {
    site: u32,
    removed: u32,
    done: usize,
}

/// The day in UTC of a moment.
pub(super) fn day_of(at: u32) -> Day {
    Day(u16::try_from(at / DAY_SECONDS).unwrap_or(u16::MAX))
}

impl Accounts {
    /// Adds a site and gives its domain back as it is stored.
    ///
    /// # Errors
    /// When domain or zone cannot be taken, or the site exists.
    pub async fn add_site(
        &self,
        domain: &str,
        timezone: &str,
        now: u32,
    ) -> Result<String, AccountError> {
        let alone = self.writing.lock().await;
        let domain = self.insert_site(domain, timezone, now).await?;
        drop(alone);
        self.refresh_sites().await;
        Ok(domain)
    }

    /// All sites, by domain.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn site_list(&self) -> Result<Vec<SiteLine>, AccountError> {
        let mut rows = self.shelf.sites().await?;
        rows.sort_by(|a, b| a.domain.cmp(&b.domain));
        Ok(rows.into_iter().map(SiteLine::of).collect())
    }

    /// Removes a site and deletes its rows; done when they are out of every query.
    ///
    /// # Errors
    /// When there is no such site, or the database does not answer: asked again, it goes on.
    pub async fn remove_site(&self, domain: &str, now: u32) -> Result<Erased, AccountError> {
        let alone = self.writing.lock().await;
        let row = self.site_row(domain).await?;
        let site = row.id;
        // What deletes again is noted first: it must not be lost to an error in between.
        let removal = Removal { site, removed: now, done: 0 };
        self.removals.lock().unwrap_or_else(PoisonError::into_inner).push(removal);
        // The number stays, so that it is never given again; nothing else does.
        let removed = SiteRow {
            domain: String::new(),
            hostnames: Vec::new(),
            rules: String::new(),
            removed: 1,
            changed: now,
            version: row.version + 1,
            ..row
        };
        self.shelf.put_site(removed).await?;
        drop(alone);
        self.refresh_sites().await;
        self.shelf.delete_site_rows(site, now).await
    }

    /// Deletes rows of removed sites that arrived after the removal. Call it every minute.
    ///
    /// # Errors
    /// When the database does not answer; what is left is tried again.
    pub async fn finish_removals(&self, now: u32) -> Result<(), AccountError> {
        let due = |removal: &Removal| {
            let after = DELETE_AGAIN.get(removal.done).copied().unwrap_or(u32::MAX);
            now.saturating_sub(removal.removed) >= after
        };
        let sites: Vec<u32> = {
            let removals = self.removals.lock().unwrap_or_else(PoisonError::into_inner);
            removals.iter().filter(|removal| due(removal)).map(|removal| removal.site).collect()
        };
        for site in sites {
            self.shelf.delete_site_rows(site, now).await?;
            let mut removals = self.removals.lock().unwrap_or_else(PoisonError::into_inner);
            for removal in removals.iter_mut().filter(|removal| removal.site == site) {
                removal.done += 1;
            }
            removals.retain(|removal| removal.done < DELETE_AGAIN.len());
        }
        Ok(())
    }

    /// Creates the demo site if it is not there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn ensure_demo(&self, now: u32) -> Result<(), AccountError> {
        let alone = self.writing.lock().await;
        let rows = self.shelf.sites().await?;
        if !rows.iter().any(|row| row.domain == DEMO_DOMAIN) {
            let hostnames = DEMO_HOSTNAMES.iter().map(|host| (*host).to_owned()).collect();
            let row = self.fresh_site(DEMO_DOMAIN.to_owned(), "UTC".to_owned(), now).await?;
            let properties = DEMO_PROPERTIES.iter().map(|name| (*name).to_owned()).collect();
            let rules = Rules { properties, ..Rules::default() }.to_json();
            let row = SiteRow { hostnames, rules, threshold: DEMO_THRESHOLD, ..row };
            self.shelf.put_site(row).await?;
        }
        drop(alone);
        self.refresh_sites().await;
        Ok(())
    }

    /// Inserts a site; the caller holds `writing`.
    pub(super) async fn insert_site(
        &self,
        domain: &str,
        timezone: &str,
        now: u32,
    ) -> Result<String, AccountError> {
        let domain = domain::domain(domain)?;
        let (timezone, _) = domain::timezone(timezone)?;
        if self.shelf.sites().await?.iter().any(|row| row.domain == domain) {
            return Err(AccountError::SiteExists(domain));
        }
        let row = self.fresh_site(domain.clone(), timezone, now).await?;
        self.shelf.put_site(row).await?;
        Ok(domain)
    }

    /// What was written is in the database; that the list here is a little old is no failure.
    pub(super) async fn refresh_sites(&self) {
        if let Err(error) = self.sites.refresh().await {
            tracing::warn!(%error, "The list of sites was not loaded after a change.");
        }
    }

    async fn fresh_site(
        &self,
        domain: String,
        timezone: String,
        now: u32,
    ) -> Result<SiteRow, AccountError> {
        Ok(SiteRow {
            id: self.shelf.highest_ids().await?.site + 1,
            domain,
            timezone,
            hostnames: Vec::new(),
            rules: String::new(),
            threshold: 0,
            retention_months: 0,
            created: now,
            removed: 0,
            changed: now,
            version: 1,
        })
    }
}

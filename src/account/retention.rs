//! How long a site's rows are kept, and deleting those of some of its days.
//!
//! A site's own retention is at most the installation's. What is too old is deleted once a day;
//! rows of removed sites that turned up late go with it.

use std::collections::BTreeMap;

use crate::account::site_changes::SiteLine;
use crate::account::{AccountError, Accounts};
use crate::model::Day;
use crate::store::{Enforced, Erased, Retention, Selection, SiteRow};

impl Accounts {
    /// The installation keeps rows for `months`; 13 unless it is said.
    #[must_use]
    pub fn keeping(mut self, months: u32) -> Self {
        self.months = months;
        self
    }

    /// Sets for how many months the rows of a site are kept, 1 to the installation's; `None` for
    /// the installation's. Rows that are too old then go with the next nightly run.
    ///
    /// # Errors
    /// When there is no such site, the number is out of bounds, or the database does not answer.
    pub async fn set_retention(
        &self,
        domain: &str,
        months: Option<u32>,
        now: u32,
    ) -> Result<SiteLine, AccountError> {
        let stored = match months {
            None => 0,
            Some(months) if (1..=self.months).contains(&months) => {
                u8::try_from(months).unwrap_or(u8::MAX)
            }
            Some(given) => return Err(AccountError::Retention { given, most: self.months }),
        };
        let alone = self.writing.lock().await;
        let row = self.site_row(domain).await?;
        let version = row.version + 1;
        let changed = SiteRow { retention_months: stored, changed: now, version, ..row };
        self.shelf.put_site(changed.clone()).await?;
        drop(alone);
        self.refresh_sites().await;
        Ok(SiteLine::of(changed))
    }

    /// Deletes the rows of a site from one day to another, both included, or refuses with their
    /// number when it is not `confirmed`. Done when they are out of every query.
    ///
    /// # Errors
    /// When it is not confirmed, there is no such site, the days make no range, or the database
    /// does not answer.
    pub async fn erase_days(
        &self,
        domain: &str,
        (from, to): (&str, &str),
        confirmed: bool,
        now: u32,
    ) -> Result<Erased, AccountError> {
        let day = |text: &str| Day::parse(text).ok_or_else(|| AccountError::Date(text.to_owned()));
        let (first, last) = (day(from)?, day(to)?);
        if first > last {
            return Err(AccountError::Days { from: from.to_owned(), to: to.to_owned() });
        }
        let row = self.site_row(domain).await?;
        let selection = Selection { sites: Some(vec![row.id]), from: Some(first), to: Some(last) };
        if confirmed {
            return self.shelf.erase(&selection, now).await;
        }
        let counts = self.shelf.count_rows(&selection).await?;
        Err(AccountError::EraseNotConfirmed { domain: row.domain, counts: listed(&counts) })
    }

    /// Deletes what is older than its retention. To be called once a day, by the one process that
    /// may write.
    ///
    /// # Errors
    /// When the database does not answer; called again, it goes on.
    pub async fn enforce_retention(&self, now: u32) -> Result<Enforced, AccountError> {
        let sites = self.shelf.sites().await?;
        let own = sites.iter().filter(|row| row.retention_months > 0);
        let sites = own.map(|row| (row.id, u32::from(row.retention_months))).collect();
        let removed = self.shelf.removed_sites().await?;
        self.shelf.enforce_retention(&Retention { months: self.months, sites, removed }, now).await
    }

    /// The row of a site that is there.
    pub(super) async fn site_row(&self, domain: &str) -> Result<SiteRow, AccountError> {
        let wanted = domain.trim().to_lowercase();
        let rows = self.shelf.sites().await?;
        let row = rows.into_iter().find(|row| row.domain == wanted);
        row.ok_or(AccountError::SiteUnknown(wanted))
    }
}

/// `3 rows of open_events, 5 of hits`; tables without rows are left out.
fn listed(counts: &BTreeMap<String, u64>) -> String {
    let some: Vec<String> = counts
        .iter()
        .filter(|(_, rows)| **rows > 0)
        .map(|(table, rows)| format!("{rows} rows of {table}"))
        .collect();
    if some.is_empty() { "no rows".to_owned() } else { some.join(", ") }
}

//! Keys of scripts and servers: `hc_<scope>_<43 base64url>`, shown once, stored as their hash.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::account::error::AccountError;
use crate::account::site_changes::day_of;
use crate::account::snapshot::Scope;
use crate::account::{Accounts, secret};
use crate::model::Day;
use crate::store::{KeyRow, SiteRow};

/// Longest name of a key, in bytes.
const NAME_MAX: usize = 100;
/// Seconds of a day in UTC.
const DAY_SECONDS: u32 = 86_400;

/// A key to be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyRequest {
    /// What it may do.
    pub scope: Scope,
    /// Domains; `None` for all sites.
    pub sites: Option<Vec<String>>,
    /// What people call it; may be empty.
    pub name: String,
    /// The last day (UTC) on which it holds, `YYYY-MM-DD`; `None` for ever.
    pub expires: Option<String>,
}

/// A key as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLine {
    /// Its number.
    pub id: u32,
    /// What it may do.
    pub scope: Scope,
    /// Domains; `None` for all sites.
    pub sites: Option<Vec<String>>,
    /// What people call it.
    pub name: String,
    /// `YYYY-MM-DD` (UTC).
    pub created: String,
    /// `YYYY-MM-DD` (UTC), or `never`.
    pub last_used: String,
}

impl Accounts {
    /// Makes a key and gives it back; it cannot be read again.
    ///
    /// # Errors
    /// When a site is unknown, the day of expiry is over or no day, or the name is too long.
    pub async fn create_key(&self, request: &KeyRequest, now: u32) -> Result<String, AccountError> {
        let name = request.name.trim();
        let plain = |c: char| !c.is_control();
        if name.len() > NAME_MAX || !name.chars().all(plain) {
            let why = format!("the name may have at most {NAME_MAX} bytes and no line breaks");
            return Err(AccountError::KeyRequest(why));
        }
        let expires = request.expires.as_deref().map(|day| last_day(day, now)).transpose()?;
        let alone = self.writing.lock().await;
        let sites = match &request.sites {
            Some(domains) => numbers_of(domains, &self.shelf.sites().await?)?,
            None => Vec::new(),
        };
        let text = format!("hc_{}_{}", request.scope.name(), secret::token()?);
        let row = KeyRow {
            id: self.shelf.highest_ids().await?.key + 1,
            hash: secret::stored(&text),
            scope: request.scope.name().to_owned(),
            all_sites: u8::from(request.sites.is_none()),
            sites,
            name: name.to_owned(),
            created: now,
            expires: expires.unwrap_or(Day(0)),
            last_used: Day(0),
            removed: 0,
            changed: now,
            version: 1,
        };
        self.shelf.put_key(row).await?;
        drop(alone);
        self.refresh_sites().await;
        Ok(text)
    }

    /// All keys that were not revoked, by number.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keys(&self) -> Result<Vec<KeyLine>, AccountError> {
        let sites = self.shelf.sites().await?;
        let domains: HashMap<u32, &str> =
            sites.iter().map(|site| (site.id, site.domain.as_str())).collect();
        let mut rows = self.shelf.keys().await?;
        rows.sort_by_key(|row| row.id);
        Ok(rows.into_iter().filter_map(|row| line(row, &domains)).collect())
    }

    /// Revokes a key: within 10 s it holds nowhere.
    ///
    /// # Errors
    /// When there is no key of that number.
    pub async fn revoke_key(&self, id: u32, now: u32) -> Result<(), AccountError> {
        let alone = self.writing.lock().await;
        let rows = self.shelf.keys().await?;
        let row = rows.into_iter().find(|row| row.id == id).ok_or(AccountError::KeyUnknown(id))?;
        let removed = KeyRow { removed: 1, changed: now, version: row.version + 1, ..row };
        self.shelf.put_key(removed).await?;
        drop(alone);
        self.refresh_sites().await;
        Ok(())
    }

    /// Writes down the days on which keys were last used here. Call it every few minutes.
    ///
    /// # Errors
    /// When the database does not answer; the days are kept until it does.
    pub async fn write_last_used(&self, now: u32) -> Result<(), AccountError> {
        let Some(snapshot) = self.sites.snapshot() else { return Ok(()) };
        let used: HashMap<u32, Day> =
            snapshot.keys().map(|key| (key.id, key.last_used())).collect();
        let alone = self.writing.lock().await;
        for row in self.shelf.keys().await? {
            match used.get(&row.id) {
                Some(day) if *day > row.last_used => {
                    let version = row.version + 1;
                    let row = KeyRow { last_used: *day, changed: now, version, ..row };
                    self.shelf.put_key(row).await?;
                }
                _ => {}
            }
        }
        drop(alone);
        Ok(())
    }
}

fn last_day(text: &str, now: u32) -> Result<Day, AccountError> {
    let refuse = |why: &str| AccountError::KeyRequest(format!("{text:?} {why}"));
    let day = Day::parse(text).ok_or_else(|| refuse("is not a day such as 2027-01-31"))?;
    if u32::from(day.0) < now / DAY_SECONDS {
        return Err(refuse("is over"));
    }
    Ok(day)
}

fn numbers_of(domains: &[String], sites: &[SiteRow]) -> Result<Vec<u32>, AccountError> {
    if domains.is_empty() {
        let why = "name a site with --site DOMAIN, or say --all-sites".to_owned();
        return Err(AccountError::KeyRequest(why));
    }
    let number = |domain: &String| {
        let wanted = domain.trim().to_lowercase();
        let site = sites.iter().find(|site| site.domain == wanted);
        site.map(|site| site.id).ok_or(AccountError::SiteUnknown(wanted))
    };
    domains.iter().map(number).collect()
}

fn line(row: KeyRow, domains: &HashMap<u32, &str>) -> Option<KeyLine> {
    let removed = |id: &u32| format!("(removed {id})");
    let domain = |id: &u32| domains.get(id).map_or_else(|| removed(id), |d| (*d).to_owned());
    let sites = (row.all_sites == 0).then(|| row.sites.iter().map(domain).collect());
    let never = row.last_used.0 == 0;
    Some(KeyLine {
        id: row.id,
        scope: Scope::parse(&row.scope)?,
        sites,
        name: row.name,
        created: day_of(row.created).to_string(),
        last_used: if never { "never".to_owned() } else { row.last_used.to_string() },
    })
}

//! The rules of a site for what is collected: reading and changing them.

use serde::{Deserialize, Serialize};

use crate::account::{AccountError, Accounts};
use crate::model::{PathRule, Rules};
use crate::store::SiteRow;

/// Puts rules into the form in which they are stored, or says which field is wrong and why.
pub type RuleCheck = fn(Rules) -> Result<Rules, (&'static str, String)>;

/// Which lists of rules are replaced; the others stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleChanges {
    /// See [`Rules`], as for all fields.
    pub query_params: Option<Vec<String>>,
    /// See [`Rules`].
    pub path_rules: Option<Vec<PathRule>>,
    /// See [`Rules`].
    pub properties: Option<Vec<String>>,
    /// See [`Rules`].
    pub excluded_paths: Option<Vec<String>>,
    /// See [`Rules`].
    pub excluded_countries: Option<Vec<String>>,
    /// See [`Rules`].
    pub excluded_networks: Option<Vec<String>>,
    /// See [`Rules`].
    pub ids: Option<Vec<String>>,
}

impl RuleChanges {
    /// The rules after these changes.
    #[must_use]
    pub fn applied_to(self, rules: Rules) -> Rules {
        Rules {
            query_params: self.query_params.unwrap_or(rules.query_params),
            path_rules: self.path_rules.unwrap_or(rules.path_rules),
            properties: self.properties.unwrap_or(rules.properties),
            excluded_paths: self.excluded_paths.unwrap_or(rules.excluded_paths),
            excluded_countries: self.excluded_countries.unwrap_or(rules.excluded_countries),
            excluded_networks: self.excluded_networks.unwrap_or(rules.excluded_networks),
            ids: self.ids.unwrap_or(rules.ids),
        }
    }
}

impl Accounts {
    /// Replaces lists of a site's rules and gives all of them back as they are stored. Collectors
    /// follow within 10 s; rows that are stored already stay as they are.
    ///
    /// # Errors
    /// When there is no such site, a rule cannot be taken, the stored rules cannot be read, or the
    /// database does not answer.
    pub async fn change_rules(
        &self,
        domain: &str,
        changes: RuleChanges,
        now: u32,
    ) -> Result<Rules, AccountError> {
        let alone = self.writing.lock().await;
        let row = self.site_row(domain).await?;
        let Some(known) = Rules::of_json(&row.rules) else {
            return Err(AccountError::RulesUnreadable(row.domain));
        };
        let rules = self.checked_rules(changes.applied_to(known.clone()))?;
        if rules.ids != known.ids {
            self.ids_are_free(&rules.ids, &row).await?;
        }
        if rules != known {
            let (rules, version) = (rules.to_json(), row.version + 1);
            self.shelf.put_site(SiteRow { rules, changed: now, version, ..row }).await?;
        }
        drop(alone);
        self.refresh_sites().await;
        Ok(rules)
    }

    /// Whether no other site has one of these ids.
    async fn ids_are_free(&self, ids: &[String], own: &SiteRow) -> Result<(), AccountError> {
        let others = self.shelf.sites().await?;
        for other in others.iter().filter(|other| other.id != own.id && other.removed == 0) {
            let taken = Rules::of_json(&other.rules).unwrap_or_default().ids;
            let same = |id: &&String| taken.iter().any(|known| known.eq_ignore_ascii_case(id));
            if let Some(id) = ids.iter().find(same) {
                let message = format!(
                    "{id:?} is an id of {}: an id names one site, take it away there first",
                    other.domain
                );
                return Err(AccountError::Rules { field: "ids", message });
            }
        }
        Ok(())
    }

    /// Rules in the form in which they would be stored.
    ///
    /// # Errors
    /// When a rule cannot be taken.
    pub fn checked_rules(&self, rules: Rules) -> Result<Rules, AccountError> {
        (self.check_rules)(rules).map_err(|(field, message)| AccountError::Rules { field, message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_lists_are_replaced() {
        let rules = Rules {
            properties: vec!["plan".into()],
            query_params: vec!["id".into()],
            ..Rules::default()
        };
        let changes = RuleChanges { properties: Some(vec![]), ..RuleChanges::default() };
        let changed = changes.applied_to(rules.clone());
        assert_eq!(changed, Rules { properties: vec![], ..rules });
    }
}

//! Commands about sites, accounts and keys, as the command line gives them.
//!
//! A command and its reply are plain values: they travel over the admin socket as JSON, one a
//! line, or are executed at once when no server runs. What is printed is made here: lines with
//! tabs, or JSON.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::account::erasure::Erasure;
use crate::account::{AccountError, Accounts, KeyLine, KeyRequest, RuleChanges, SiteLine};
use crate::model::Rules;

/// A command. It may hold a password, so it has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum AdminCommand {
    /// `site add DOMAIN [--timezone ZONE]`
    SiteAdd {
        /// The domain.
        domain: String,
        /// The name of its zone; UTC when it is left out.
        #[serde(default = "utc")]
        timezone: String,
    },
    /// `site list`
    SiteList,
    /// `site remove DOMAIN --yes`
    SiteRemove {
        /// The domain.
        domain: String,
        /// Whether `--yes` was said.
        yes: bool,
    },
    /// `site retention DOMAIN MONTHS|default`
    SiteRetention {
        /// The domain.
        domain: String,
        /// `None` for the installation's.
        months: Option<u32>,
    },
    /// `site rules DOMAIN [--LIST VALUES …]`
    SiteRules {
        /// The domain.
        domain: String,
        /// What is replaced.
        changes: RuleChanges,
    },
    /// `erase --site DOMAIN --from DATE --to DATE [--yes]`
    Erase {
        /// The domain.
        domain: String,
        /// The first day.
        from: String,
        /// The last day.
        to: String,
        /// Whether `--yes` was said.
        yes: bool,
    },
    /// `account add EMAIL --password-stdin [--role owner]`
    AccountAdd {
        /// The mail address.
        email: String,
        /// The password.
        password: String,
        /// `owner`.
        #[serde(default = "owner")]
        role: String,
    },
    /// `account password EMAIL --password-stdin`
    AccountPassword {
        /// The mail address.
        email: String,
        /// The new password.
        password: String,
    },
    /// `key create …`
    KeyCreate(KeyRequest),
    /// `key list`
    KeyList,
    /// `key revoke ID`
    KeyRevoke {
        /// The number of the key.
        id: u32,
    },
}

/// What became of a command that was not refused. It may hold a fresh key: no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum AdminReply {
    /// The site is there.
    SiteAdded {
        /// The domain as it is stored.
        domain: String,
    },
    /// All sites.
    Sites {
        /// One a site, by domain.
        sites: Vec<SiteLine>,
    },
    /// The site and its rows are gone.
    SiteRemoved {
        /// The domain.
        domain: String,
        /// What became of its rows.
        erasure: Erasure,
    },
    /// The retention of the site holds.
    SiteRetention {
        /// The site.
        site: SiteLine,
    },
    /// The rules of the site.
    SiteRules {
        /// The domain.
        domain: String,
        /// All of them.
        rules: Rules,
    },
    /// The rows of these days are gone.
    Erased {
        /// The domain.
        domain: String,
        /// The first day.
        from: String,
        /// The last day.
        to: String,
        /// What became of its rows.
        erasure: Erasure,
    },
    /// The account is there.
    AccountAdded {
        /// The mail address as it is stored.
        email: String,
    },
    /// The password holds, older logins do not.
    PasswordChanged,
    /// The key, shown once.
    KeyCreated {
        /// The key itself.
        key: String,
    },
    /// All keys.
    Keys {
        /// One a key, by number.
        keys: Vec<KeyLine>,
    },
    /// The key does not hold any more.
    KeyRevoked {
        /// Its number.
        id: u32,
    },
}

/// Executes a command.
///
/// # Errors
/// Why it was refused, for people; exit code 1.
pub async fn execute(
    command: AdminCommand,
    accounts: &Accounts,
    now: u32,
) -> Result<AdminReply, AccountError> {
    Ok(match command {
        AdminCommand::SiteAdd { domain, timezone } => {
            AdminReply::SiteAdded { domain: accounts.add_site(&domain, &timezone, now).await? }
        }
        AdminCommand::SiteList => AdminReply::Sites { sites: accounts.site_list().await? },
        AdminCommand::SiteRemove { domain, yes } => {
            if !yes {
                return Err(AccountError::NotConfirmed(domain));
            }
            let erased = accounts.remove_site(&domain, now).await?;
            AdminReply::SiteRemoved { domain, erasure: Erasure::new(erased) }
        }
        AdminCommand::SiteRetention { domain, months } => {
            let site = accounts.set_retention(&domain, months, now).await?;
            AdminReply::SiteRetention { site }
        }
        AdminCommand::SiteRules { domain, changes } => {
            let rules = accounts.change_rules(&domain, changes, now).await?;
            AdminReply::SiteRules { domain, rules }
        }
        AdminCommand::Erase { domain, from, to, yes } => {
            let erased = accounts.erase_days(&domain, (&from, &to), yes, now).await?;
            AdminReply::Erased { domain, from, to, erasure: Erasure::new(erased) }
        }
        AdminCommand::AccountAdd { email, password, role } => {
            let account = accounts.add(&email, &password, &role, now).await?;
            AdminReply::AccountAdded { email: account.email }
        }
        AdminCommand::AccountPassword { email, password } => {
            accounts.change_password(&email, &password, now).await?;
            AdminReply::PasswordChanged
        }
        AdminCommand::KeyCreate(request) => {
            AdminReply::KeyCreated { key: accounts.create_key(&request, now).await? }
        }
        AdminCommand::KeyList => AdminReply::Keys { keys: accounts.keys().await? },
        AdminCommand::KeyRevoke { id } => {
            accounts.revoke_key(id, now).await?;
            AdminReply::KeyRevoked { id }
        }
    })
}

impl AdminReply {
    /// What goes to standard output without `--json`: whole lines, fields between tabs.
    #[must_use]
    pub fn lines(&self) -> String {
        match self {
            Self::SiteAdded { domain } | Self::SiteRemoved { domain, .. } => format!("{domain}\n"),
            Self::SiteRetention { site } => format!("{}\t{}\n", site.domain, months(site)),
            Self::SiteRules { rules, .. } => rule_lines(rules),
            Self::Erased { erasure, .. } => erasure.lines(),
            Self::AccountAdded { email } => format!("{email}\n"),
            Self::PasswordChanged => String::new(),
            Self::KeyCreated { key } => format!("{key}\n"),
            Self::KeyRevoked { id } => format!("{id}\n"),
            Self::Sites { sites } => sites
                .iter()
                .map(|site| format!("{}\t{}\t{}\n", site.domain, site.timezone, site.created))
                .collect(),
            Self::Keys { keys } => keys.iter().map(key_line).collect(),
        }
    }

    /// What goes to standard output with `--json`: one line.
    #[must_use]
    pub fn json(&self) -> String {
        let value = match self {
            Self::SiteAdded { domain } => json!({ "domain": domain }),
            Self::SiteRemoved { domain, erasure } => {
                erasure.json(json!({ "domain": domain, "removed": true }))
            }
            Self::SiteRetention { site } => json!(site),
            Self::SiteRules { domain, rules } => json!({ "domain": domain, "rules": rules }),
            Self::Erased { domain, from, to, erasure } => {
                erasure.json(json!({ "domain": domain, "from": from, "to": to }))
            }
            Self::AccountAdded { email } => json!({ "email": email }),
            Self::PasswordChanged => json!({ "changed": true }),
            Self::KeyCreated { key } => json!({ "key": key }),
            Self::KeyRevoked { id } => json!({ "id": id, "revoked": true }),
            Self::Sites { sites } => json!(sites),
            Self::Keys { keys } => json!(keys),
        };
        format!("{value}\n")
    }

    /// Words for people, to standard error.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let words = match self {
            Self::SiteRemoved { erasure, .. } => format!(
                "{} Rows still under way are deleted within an hour while the server runs, and \
                 once a day after that.",
                erasure.words()
            ),
            Self::SiteRetention { .. } => {
                "Rows that are older are deleted within a day while the server runs.".to_owned()
            }
            Self::Erased { erasure, .. } => format!(
                "{} Events of these days that are still under way (in a spool that could not \
                 deliver) count as new: they will be stored.",
                erasure.words()
            ),
            Self::PasswordChanged => "The password is changed; older logins have ended.".to_owned(),
            Self::KeyCreated { .. } => "Keep the key: it is not shown again.".to_owned(),
            Self::KeyRevoked { .. } => {
                "The key is revoked; it holds nowhere after 10 s.".to_owned()
            }
            _ => return None,
        };
        Some(words)
    }

    /// What became of deleted rows, if there were any to delete.
    #[must_use]
    pub fn erasure_mut(&mut self) -> Option<&mut Erasure> {
        match self {
            Self::SiteRemoved { erasure, .. } | Self::Erased { erasure, .. } => Some(erasure),
            _ => None,
        }
    }
}

/// A line a list: its name, then its entries.
fn rule_lines(rules: &Rules) -> String {
    let path_rules = rules.path_rules.iter().map(|rule| format!("{} -> {}", rule.from, rule.to));
    let lists = [
        ("query_params", rules.query_params.clone()),
        ("path_rules", path_rules.collect()),
        ("properties", rules.properties.clone()),
        ("excluded_paths", rules.excluded_paths.clone()),
        ("excluded_countries", rules.excluded_countries.clone()),
        ("excluded_networks", rules.excluded_networks.clone()),
        ("ids", rules.ids.clone()),
    ];
    lists.map(|(name, entries)| format!("{name}\t{}\n", entries.join(", "))).concat()
}

fn months(site: &SiteLine) -> String {
    site.retention_months.map_or_else(|| "default".to_owned(), |months| months.to_string())
}

fn key_line(key: &KeyLine) -> String {
    let sites = key.sites.as_ref().map_or_else(|| "all".to_owned(), |sites| sites.join(","));
    let name = key.name.replace('\t', " ");
    let KeyLine { id, scope, created, last_used, .. } = key;
    format!("{id}\t{}\t{sites}\t{name}\t{created}\t{last_used}\n", scope.name())
}

fn utc() -> String {
    "UTC".to_owned()
}

fn owner() -> String {
    "owner".to_owned()
}

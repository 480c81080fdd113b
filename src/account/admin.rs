//! Commands about sites, accounts and keys, as the command line gives them.
//!
//! A command and its reply are plain values: they travel over the admin socket as JSON, one a
//! line, or are executed at once when no server runs. What is printed is made here: lines with
//! tabs, or JSON.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::account::{AccountError, Accounts, KeyLine, KeyRequest, SiteLine};

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
            accounts.remove_site(&domain, now).await?;
            AdminReply::SiteRemoved { domain }
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
            Self::SiteAdded { domain } | Self::SiteRemoved { domain } => format!("{domain}\n"),
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
            Self::SiteRemoved { domain } => json!({ "domain": domain, "removed": true }),
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
    pub fn words(&self) -> Option<&'static str> {
        match self {
            Self::SiteRemoved { .. } => Some(
                "The site's rows are deleted. Rows still under way are deleted within an hour \
                 while the server runs; files with deleted rows leave the disk about ten minutes \
                 after that.",
            ),
            Self::PasswordChanged => Some("The password is changed; older logins have ended."),
            Self::KeyCreated { .. } => Some("Keep the key: it is not shown again."),
            Self::KeyRevoked { .. } => Some("The key is revoked; it holds nowhere after 10 s."),
            _ => None,
        }
    }
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

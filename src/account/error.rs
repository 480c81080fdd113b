//! What can go wrong with sites, accounts, logins and keys, said to people.
//!
//! Messages hold no mail address, password, token or key.

use crate::store::StoreError;

/// Why an operation was refused.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The text is not a domain; the hint says how to write it.
    #[error("this is not a domain: {0}")]
    Domain(String),
    /// The zone is not in the time zone database.
    #[error("unknown time zone {given:?}{}", did_you_mean(nearest.as_deref()))]
    Timezone {
        /// What was given.
        given: String,
        /// The known name most like it.
        nearest: Option<String>,
    },
    /// There is a site of that name.
    #[error("the site {0} exists already")]
    SiteExists(String),
    /// There is no site of that name.
    #[error("there is no site {0}; `headcount site list` shows all")]
    SiteUnknown(String),
    /// `site remove` without `--yes`.
    #[error("this deletes all numbers of {0}; say --yes to do it")]
    NotConfirmed(String),
    /// A site's retention is out of bounds.
    #[error("{given} months are out of bounds: use 1 to {most} (the installation's), or default")]
    Retention {
        /// What was given.
        given: u32,
        /// Months of the installation.
        most: u32,
    },
    /// A rule for collecting cannot be taken; the message says what to do.
    #[error("{message}")]
    Rules {
        /// The field of the rules.
        field: &'static str,
        /// What is wrong.
        message: String,
    },
    /// The stored rules of a site cannot be read, so that a change would lose them.
    #[error(
        "the stored rules of {0} were written by a later version; nothing was changed: use that version"
    )]
    RulesUnreadable(String),
    /// The text is not a date.
    #[error("{0:?} is not a date such as 2026-11-21")]
    Date(String),
    /// The last day is before the first.
    #[error("{from} is after {to}")]
    Days {
        /// The first day.
        from: String,
        /// The last day.
        to: String,
    },
    /// `erase` without `--yes`.
    #[error("this deletes {counts} of {domain}; say --yes to do it")]
    EraseNotConfirmed {
        /// The site.
        domain: String,
        /// How many rows, by table.
        counts: String,
    },
    /// The text is not a mail address.
    #[error("this is not a mail address, such as name@example.com")]
    Email,
    /// The password cannot be taken; the text says why.
    #[error("{0}")]
    Password(&'static str),
    /// There is no such role.
    #[error("there is no such role: the only one is owner")]
    Role,
    /// There is an account of that mail address.
    #[error("there is an account with this mail address already")]
    AccountExists,
    /// There is no account of that mail address.
    #[error("there is no account with this mail address")]
    AccountUnknown,
    /// Mail address and password do not belong together.
    #[error("mail address or password is wrong")]
    WrongLogin,
    /// Too many tries.
    #[error("too many tries to log in; try again in {retry_after} s")]
    TooManyTries {
        /// Seconds.
        retry_after: u32,
    },
    /// The setup link does not hold.
    #[error(
        "this setup link was used, has expired, or never was; start headcount again for a new one"
    )]
    SetupToken,
    /// A key cannot be made so; the text says why.
    #[error("{0}")]
    KeyRequest(String),
    /// There is no key of that number.
    #[error("there is no key {0}; `headcount key list` shows all")]
    KeyUnknown(u32),
    /// The machine gave no randomness, or no thread for a password.
    #[error("this machine cannot do it now: {0}")]
    Machine(&'static str),
    /// The database did not answer.
    #[error("the database does not answer; try again")]
    Store(#[from] StoreError),
}

impl AccountError {
    /// Which field of a form the error is about: `domain`, `timezone`, `email`, `password` or one
    /// of the rules'.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Domain(_) | Self::SiteExists(_) => Some("domain"),
            Self::Timezone { .. } => Some("timezone"),
            Self::Email | Self::AccountExists => Some("email"),
            Self::Password(_) => Some("password"),
            Self::Rules { field, .. } => Some(field),
            _ => None,
        }
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || ": use a name such as Europe/Berlin or UTC".to_owned(),
        |nearest| format!(" (did you mean {nearest}?)"),
    )
}

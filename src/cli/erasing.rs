//! `site retention` and `erase`: what they take.

use crate::account::admin::AdminCommand;
use crate::app::fatal::{Fatal, USAGE};
use crate::cli::args::{Own, Shape};

/// `site retention DOMAIN MONTHS|default`
pub(super) const RETENTION: Shape =
    Shape { positional: &["DOMAIN", "MONTHS"], valued: &[], switches: &["json"] };
/// `erase --site DOMAIN --from DATE --to DATE [--yes]`
pub(super) const ERASE: Shape =
    Shape { positional: &[], valued: &["site", "from", "to"], switches: &["json", "yes"] };

/// The command of `site retention`.
///
/// # Errors
/// When the months are no number.
pub(super) fn retention(own: &Own) -> Result<AdminCommand, Fatal> {
    let word = |place: usize| own.positional.get(place).cloned().unwrap_or_default();
    let months = match word(1).as_str() {
        "default" => None,
        number => Some(number.parse().map_err(|_| {
            Fatal::say(USAGE, "MONTHS is a number of months, or default for the installation's")
        })?),
    };
    Ok(AdminCommand::SiteRetention { domain: word(0), months })
}

/// The command of `erase`.
///
/// # Errors
/// When a flag is missing.
pub(super) fn erase(own: &Own) -> Result<AdminCommand, Fatal> {
    let flag = |name: &str, value: &str| {
        own.value(name)
            .map(str::to_owned)
            .ok_or_else(|| Fatal::say(USAGE, format!("say --{name} {value}")))
    };
    Ok(AdminCommand::Erase {
        domain: flag("site", "DOMAIN")?,
        from: flag("from", "YYYY-MM-DD")?,
        to: flag("to", "YYYY-MM-DD")?,
        yes: own.has("yes"),
    })
}

//! What `--help` says.

use crate::config;

/// The commands, in the order of `--help`.
const COMMANDS: &[(&str, &str)] = &[
    ("serve", "collect events and serve reports and dashboard (serve --help lists all settings)"),
    ("check", "print the settings in force as TOML"),
    ("doctor", "look for what is wrong and say how to mend it"),
    (
        "policy [DOMAIN]",
        "print what is collected and why, for a site's privacy policy, and which promises are kept,\n        each with the tests that hold it",
    ),
    ("migrate", "bring the database's tables up to date"),
    (
        "close [--through DATE]",
        "close the days that are over: date, rows, visitors, visits, generation (done by itself\n        every minute while the server runs)",
    ),
    ("site add DOMAIN [--timezone ZONE]", "add a site (time zone: UTC unless said)"),
    ("site list", "list the sites: domain, time zone, created"),
    ("site remove DOMAIN --yes", "remove a site and all its rows"),
    ("site retention DOMAIN MONTHS|default", "keep a site's rows for fewer months than the rest"),
    (
        "site rules DOMAIN [--properties NAMES] [--query-params NAMES] [--path-rules FROM=TO,…]\n  \
         [--exclude-paths PATTERNS] [--exclude-networks CIDRS] [--exclude-countries CODES]",
        "show what a site collects; each flag replaces a list (separated by commas, \"\" empties it)",
    ),
    (
        "erase --site DOMAIN --from DATE --to DATE [--yes]",
        "delete a site's rows of these days; without --yes say how many",
    ),
    ("account add EMAIL --password-stdin", "add an account (--role owner)"),
    ("account password EMAIL --password-stdin", "change a password; ends the account's logins"),
    (
        "key create --site DOMAIN|--all-sites --scope read|send|admin",
        "make a key, shown once (--name N, --expires YYYY-MM-DD)",
    ),
    ("key list", "list the keys: id, scope, sites, name, created, last used"),
    ("key revoke ID", "make a key useless"),
    ("admin < FILE", "run several of these commands, one a line"),
    ("version", "print the version"),
];

/// `headcount --help`.
#[must_use]
pub(super) fn overview() -> String {
    let mut text = String::from(
        "headcount: web analytics that counts heads, not people\n\nUsage: headcount COMMAND [--data-dir DIR] [--json] …\n\n",
    );
    for (command, meaning) in COMMANDS {
        text.push_str("  ");
        text.push_str(command);
        text.push_str("\n        ");
        text.push_str(meaning);
        text.push('\n');
    }
    text.push_str(
        "\nAll commands take the settings of serve (--config FILE, --data-dir DIR, …). They work while\nthe server runs and when it does not.",
    );
    text
}

/// `headcount serve --help`.
#[must_use]
pub(super) fn serve() -> String {
    config::help()
}

/// The complaint about a command that does not exist.
#[must_use]
pub(super) fn unknown(command: &str) -> String {
    let names = COMMANDS.iter().filter_map(|(usage, _)| usage.split(' ').next());
    match config::nearest(command, names) {
        Some(near) => format!("unknown command {command:?} (did you mean {near}?)"),
        None => format!("unknown command {command:?}; headcount --help lists them"),
    }
}

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
         [--exclude-paths PATTERNS] [--exclude-networks CIDRS] [--exclude-countries CODES] [--ids TOOL:ID,…]",
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
    (
        "bench URL --site DOMAIN",
        "load a server of yours with made-up visitors and say how it bore it (bench --help)",
    ),
    ("version", "print the version"),
];

/// What `headcount bench --help` says.
const BENCH: &str = "headcount bench: load by made-up visitors, to see how much a server of yours can take

Usage: headcount bench URL --site DOMAIN[,DOMAIN...] [--json]

URL is that of headcount itself, http://HOST:PORT, not of a proxy with TLS before it. The site must be
there and its domain must end in .example, .test, .localhost or .invalid, because the visitors are
counted like any others. Let the server trust the address that the load comes from
(--trusted-proxies), or all visitors are of one network to it.

  --duration 30s       how long is measured
  --warm-up 2s         load before that, which is not measured
  --connections 64     connections at once
  --rate N             events a second, whatever the server does (open loop): latency counts from when
                       an event was due. Without it each connection sends its next event as soon as
                       the last is answered (closed loop): how many the server can take
  --threads 1          threads that send
  --visitors 10000     different visitors; they come again and again
  --pages 200          pages of each site, by Zipf's law
  --opted-out 5%       visitors who send DNT: 1 (0% unless said)
  --agents FILE        User-Agents, one a line, instead of our own
  --seed 1             the same seed makes the same requests
  --real-site          the site may be a real one: its numbers are spoiled for good
  --any-server         the server need not be headcount

The result is a table, or JSON with --json. 'rows to expect' (accepted_in_all) is how many events the
server has acknowledged, warm-up included.";

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

/// `headcount bench --help`.
#[must_use]
pub(super) fn bench() -> String {
    BENCH.to_owned()
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

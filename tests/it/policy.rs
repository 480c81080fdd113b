//! What a site tells its visitors follows from what runs: `headcount policy`.

use std::path::Path;

use regex::RegexBuilder;
use serde_json::Value;

use crate::support::command;
use crate::support::home::Home;
use crate::support::program::{Options, Program};
use crate::support::sql::Door;
use crate::support::{seconds, traces, wait_for};

/// Claims that nobody can show to hold, as people would write them.
const NOT_CLAIMED: [&str; 10] = [
    r"anonym",
    r"no personal data",
    r"(can ?not|can't|never) be traced",
    r"complian|conform(s|ing)? (to|with) (gdpr|cnil)|certified|validated",
    r"consent",
    r"banner (is )?(not )?need",
    r"never (touch|reach|leave)",
    r"unique visitors",
    r"k-anonym",
    r"we do not process",
];
/// Columns that no table of events may have, in part or whole.
const NO_COLUMN: &str = r"(^|_)(ip|ips|address|addr|ua|user_agent|lat|lon|latitude|longitude|coordinates|postcode|zip|asn|isp|title|email|fingerprint)(_|$)";
/// Tables of events.
const OF_EVENTS: [&str; 6] =
    ["open_events", "hits", "totals", "outcomes", "vitals", "script_errors"];

/// `headcount policy` with these settings.
fn policy(home: &Home, args: &[&str], env: &[(&str, &str)]) -> command::Done {
    let mut run = command::bare();
    run.arg("policy").args(args).arg("--data-dir").arg(home.data());
    run.env("HEADCOUNT_GEO_PATH", command::geo_path()).envs(env.iter().copied());
    command::finish(run, b"")
}

fn text(env: &[(&str, &str)]) -> String {
    policy(&Home::new(), &[], env).expect_ok("policy")
}

fn rows(env: &[(&str, &str)]) -> Vec<Value> {
    let text = policy(&Home::new(), &["--json"], env).expect_ok("policy --json");
    let found: Value = serde_json::from_str(&text).expect("it is JSON");
    found["promises"].as_array().expect("promises").clone()
}

#[test]
fn every_test_that_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let exists = |name: &str| {
        let (module, test) = name.split_once("::").expect("module::name");
        let source = std::fs::read_to_string(root.join(format!("{module}.rs"))).unwrap_or_default();
        source.contains(&format!("#[test]\nfn {test}() {{"))
    };
    let rows = rows(&[]);
    let numbers: Vec<u64> = rows.iter().filter_map(|row| row["number"].as_u64()).collect();
    assert_eq!(numbers, (1..=30).collect::<Vec<_>>());
    for row in &rows {
        let tests = row["tests"].as_array().expect("a list");
        let holds = matches!(row["state"].as_str(), Some("kept" | "partly"));
        assert_eq!(holds, !tests.is_empty(), "{row}");
        for test in tests {
            let test = test.as_str().expect("a name");
            assert!(exists(test), "promise {} names {test}, which does not exist", row["number"]);
        }
    }
    assert!(!exists("policy::a_test_that_nobody_wrote"), "the look is blind");
}

#[test]
fn claims_that_cannot_be_shown_are_not_made() {
    let pattern = NOT_CLAIMED.join("|");
    let claims = RegexBuilder::new(&pattern).case_insensitive(true).build().expect("a pattern");
    for planted in [
        "The numbers are anonymous.",
        "We collect no personal data.",
        "GDPR compliant",
        "No consent banner is needed.",
        "keys never touch a disk",
        "unique visitors of the month",
        "With DNT we do not process anything",
    ] {
        assert!(claims.is_match(planted), "{planted} would pass");
    }
    let settings: [&[(&str, &str)]; 3] = [
        &[],
        &[("HEADCOUNT_THRESHOLD", "1"), ("HEADCOUNT_ALLOW_SWAP", "true")],
        &[
            ("HEADCOUNT_TRUSTED_PROXIES", "127.0.0.1/32"),
            ("HEADCOUNT_CLICKHOUSE_URL", "http://127.0.0.1:8123"),
            ("HEADCOUNT_FIRST_PARTY_PATH", "/count"),
        ],
    ];
    for env in settings {
        let said = text(env);
        assert_eq!(claims.find(&said).map(|found| found.as_str().to_owned()), None, "{said}");
    }
}

#[test]
fn the_text_follows_the_configuration() {
    let usual = text(&[]);
    for part in [
        "at least 5 visitors",
        "after 13 months",
        "country, region and city",
        "the one of the connection",
        "/.well-known/gpc.json",
        "our choice",
        "major, of systems also minor",
        "its place in the order of the visit",
        "how long the whole visit lasted, in seconds",
        "amount and currency",
        "sent without being declared or whose values were not kept, never those values",
        "refused and for what reason",
        "url and path",
        "from 5 reports on",
        "are shown however small they are",
    ] {
        assert!(usual.contains(part), "{part:?} is not in {usual}");
    }
    for (name, value, part) in [
        ("HEADCOUNT_THRESHOLD", "1", "Groups are shown however small they are"),
        ("HEADCOUNT_THRESHOLD", "12", "at least 12 visitors"),
        ("HEADCOUNT_ALLOW_SWAP", "true", "Swap is allowed by configuration"),
        ("HEADCOUNT_KEY_DIR", "/dev/shm/of-a-test", "in /dev/shm/of-a-test, which must be"),
        ("HEADCOUNT_RETENTION_MONTHS", "3", "after 3 months"),
        ("HEADCOUNT_TRUSTED_PROXIES", "10.1.0.0/16", "(trusted: 10.1.0.0/16)"),
        ("HEADCOUNT_PUBLIC_URL", "https://stats.example.org", "at https://stats.example.org"),
        ("HEADCOUNT_FIRST_PARTY_PATH", "/count", "below /count of the site"),
        ("HEADCOUNT_CLICKHOUSE_URL", "http://127.0.0.1:8123", "on another server"),
    ] {
        assert!(!usual.contains(part), "{part:?} is said without {name}");
        let said = text(&[(name, value)]);
        assert!(said.contains(part), "{name}={value}: {part:?} is not in {said}");
    }
    let state = |env: &[(&str, &str)], number: u64| {
        let rows = rows(env);
        let row = rows.iter().find(|row| row["number"] == number).expect("a promise");
        row["state"].as_str().expect("a state").to_owned()
    };
    assert_eq!(state(&[], 28), "kept");
    assert_eq!(state(&[("HEADCOUNT_THRESHOLD", "1")], 28), "broken");
    assert_eq!(state(&[], 22), "kept");
    assert_eq!(state(&[("HEADCOUNT_ALLOW_SWAP", "true")], 22), "broken");
}

#[test]
fn a_site_has_a_text_of_its_own_whether_the_program_runs_or_not() {
    let program = Program::start(Options::default());
    program.add_site("site.example", "Europe/Berlin");
    let said = wait_for("the site to be known", seconds(15), || {
        let done = policy(program.home(), &["site.example"], &[]);
        (done.code == 0).then_some(done.stdout)
    });
    assert!(said.contains("We count visits to site.example"), "{said}");
    assert!(said.contains("At midnight (Europe/Berlin)"), "{said}");
    let unknown = policy(program.home(), &["none.example"], &[]);
    assert_eq!(unknown.code, 1, "{unknown:?}");
    assert!(unknown.stderr.contains("none.example is no site here"), "{unknown:?}");
    let (_, _, home) = program.stop();
    assert_eq!(policy(&home, &["site.example"], &[]).stdout, said);
}

#[test]
fn no_column_is_finer_than_a_city_or_names_a_person() {
    let program = Program::start(Options::default());
    let schema = Door::embedded(&program.home().data(), "schema");
    let refused = RegexBuilder::new(NO_COLUMN).build().expect("a pattern");
    assert!(["ip", "client_ip", "user_agent", "lat"].iter().all(|name| refused.is_match(name)));
    let columns = traces::columns(&schema);
    for table in OF_EVENTS {
        let own: Vec<&str> = columns
            .iter()
            .filter(|column| column.table == table)
            .map(|column| column.name.as_str())
            .collect();
        assert!(!own.is_empty(), "no table {table}");
        for name in own {
            assert!(!refused.is_match(name), "{table}.{name}");
        }
    }
    // The control: accounts of operators have an address.
    assert!(
        columns.iter().any(|column| column.table == "accounts" && refused.is_match(&column.name))
    );
}

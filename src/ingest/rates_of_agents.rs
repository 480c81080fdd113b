//! How often browser and system are named as uap-core's own test files name them.
//!
//! The files lie in the source of the crate `ua-parser`, which every build has in cargo's registry;
//! cargo is asked where. They hold a User-Agent for each pattern, old and rare ones among them, so
//! the rate says that the patterns are whole and run, not how well the browsers of today are told:
//! that is what the samples of `user-agents` are for.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use crate::ingest::{Agents, agent, families};

/// One case: the User-Agent, and what it is expected to be.
#[derive(Default)]
struct Case {
    text: String,
    /// Family, major and minor version.
    expected: [String; 3],
}

/// The folder `uap-core` in the source of the crate.
fn uap_core() -> PathBuf {
    let vendor = if cfg!(target_os = "macos") { "apple-darwin" } else { "unknown-linux-gnu" };
    // Packages of other platforms need not be in the registry.
    let platform = format!("{}-{vendor}", std::env::consts::ARCH);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .args(["--filter-platform", &platform])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = found["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "ua-parser").unwrap();
    PathBuf::from(package["manifest_path"].as_str().unwrap()).with_file_name("uap-core")
}

/// The cases of a file: a list of flat maps, whose values are plain or quoted, a line each.
fn cases(file: &str) -> Vec<Case> {
    let text = std::fs::read_to_string(uap_core().join(file)).unwrap();
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        let line = line.trim_start().trim_start_matches("- ");
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = scalar(value.trim());
        match (name, cases.last_mut()) {
            ("user_agent_string", _) => cases.push(Case { text: value, ..Case::default() }),
            ("family", Some(case)) => case.expected[0] = value,
            ("major", Some(case)) => case.expected[1] = value,
            ("minor", Some(case)) => case.expected[2] = value,
            _ => {}
        }
    }
    cases
}

fn scalar(text: &str) -> String {
    let inside = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    if let Some(text) = inside('\'') {
        text.replace("''", "'")
    } else if let Some(text) = inside('"') {
        text.replace("\\\"", "\"").replace("\\\\", "\\")
    } else if matches!(text, "null" | "~") {
        String::new()
    } else {
        text.to_owned()
    }
}

/// How many cases are matched as expected; the others are printed.
fn matching(what: &str, files: &[&str], place: usize) -> (usize, usize) {
    let (mut all, mut same) = (0, 0);
    for case in files.iter().flat_map(|file| cases(file)) {
        all += 1;
        let found = agent::matched(&case.text)[place].clone();
        if found == case.expected {
            same += 1;
        } else {
            println!("  {what}: {:?} for {:?}: {}", found, case.expected, case.text);
        }
    }
    println!("{what}: {same} of {all} cases of uap-core as expected");
    (all, same)
}

#[test]
fn browsers_and_systems_are_matched_as_uap_core_expects() {
    let (all, same) = matching("browsers", &["tests/test_ua.yaml"], 0);
    assert!(all >= 1_400 && same * 1_000 >= all * 995, "at least 995 in 1,000");
    let files = ["tests/test_os.yaml", "test_resources/additional_os_tests.yaml"];
    let (all, same) = matching("systems", &files, 1);
    assert!(all >= 450 && same * 1_000 >= all * 990, "at least 990 in 1,000");
}

#[test]
fn what_is_shown_follows_the_closed_lists_and_nothing_else() {
    let agents = Agents::new();
    let (mut all, mut named, mut hidden) = (0, 0, BTreeSet::new());
    for case in cases("tests/test_ua.yaml") {
        // The program reads the first 512 bytes.
        if case.text.len() > 512 {
            continue;
        }
        all += 1;
        let shown = agents.parse(case.text.as_bytes());
        let family = &agent::matched(&case.text)[0][0];
        assert_eq!(shown.browser, families::browser(family), "{}", case.text);
        if shown.browser.is_empty() {
            assert_eq!(shown.browser_version, "", "{}", case.text);
            hidden.insert(family.clone());
        } else {
            named += 1;
        }
    }
    println!(
        "shown: {named} of {all} cases have a browser's name; {} families are not shown",
        hidden.len()
    );
    // Most cases are apps, bots and libraries, which have no name of a browser.
    assert!(named * 6 >= all);
}

#[test]
fn real_people_have_a_browser_a_system_and_a_device() {
    let agents = Agents::new();
    let people = crate::ingest::rates::people();
    let parsed: Vec<_> = people.iter().map(|text| agents.parse(text.as_bytes())).collect();
    let with = |of: fn(&agent::Agent) -> &'static str| {
        parsed.iter().filter(|agent| !of(agent).is_empty()).count()
    };
    let (browsers, systems, devices) =
        (with(|agent| agent.browser), with(|agent| agent.os), with(|agent| agent.device));
    println!(
        "people: of {}, {browsers} have a browser, {systems} a system, {devices} a device",
        people.len()
    );
    for count in [browsers, systems, devices] {
        assert!(count * 1_000 >= people.len() * 990, "at least 990 in 1,000");
    }
}

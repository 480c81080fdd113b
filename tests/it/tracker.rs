//! The scripts of a site's pages in a real Chromium: what they count, and what they leave alone.
//!
//! The scripts of the tests are in `tests/browser`; they compare with the rows that are stored.

use crate::browser::{run, start_with};

/// The operator's own path in these tests.
const OWN_PATH: &[&str] = &["--first-party-path", "/numbers"];

#[test]
fn every_feature_of_the_scripts_becomes_the_rows_it_should() {
    let (program, setup) = start_with(OWN_PATH);
    for domain in ["shop.example", "a.shop.example"] {
        program.add_site(domain, "UTC");
    }
    run("tracker", &program, &setup);
    run("life", &program, &setup);
    for outcome in ["excluded", "unknown_site", "invalid", "bot", "limited", "opted_out"] {
        assert_eq!(program.counted(outcome), 0, "{outcome}");
    }
}

#[test]
fn whoever_asks_not_to_be_counted_is_not_and_nothing_is_kept_in_a_browser() {
    let (program, setup) = start_with(OWN_PATH);
    for domain in ["shop.example", "a.shop.example"] {
        program.add_site(domain, "UTC");
    }
    run("switches", &program, &setup);
    run("vitals", &program, &setup);
    run("storage", &program, &setup);
    for outcome in ["opted_out", "unknown_site", "limited", "bot"] {
        assert_eq!(program.counted(outcome), 0, "{outcome}");
    }
}

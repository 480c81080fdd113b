//! The clients that other tools publish, from npm, against the real program.
//!
//! `tests/browser/clients.mjs` uses them as their readmes say, with nothing changed but the host.

use crate::browser::{run_with, start_with};

#[test]
fn published_clients_of_other_tools_become_the_rows_they_should() {
    let (program, setup) = start_with(&[]);
    program.add_site("shop.example", "UTC");
    let ids = "ga4:G-CLIENT1,umami:550e8400-e29b-41d4-a716-446655440000,matomo:1";
    let rules = ["--properties", "plan,category,name,value", "--ids", ids];
    program.run(&[&["site", "rules", "shop.example"], &rules[..]].concat()).expect_ok("site rules");
    let key = program.add_key("shop.example", "send");
    run_with("clients", &program, &setup, &key);
    for outcome in ["unknown_site", "invalid", "bot", "limited", "opted_out"] {
        assert_eq!(program.counted(outcome), 0, "{outcome}");
    }
}

//! The scripts of a site's pages in a real Chromium: what they count, and what they leave alone.
//!
//! The scripts of the tests are in `tests/browser`; they compare with the rows that are stored.

use crate::browser::{run, start_with};
use crate::support::program::Program;

/// The properties that the pages of these tests send.
const PROPERTIES: &str = "plan,the-place,step,kind,author,theme,a,when";
/// The operator's own path in these tests.
const OWN_PATH: &[&str] = &["--first-party-path", "/numbers"];

#[test]
fn every_feature_of_the_scripts_becomes_the_rows_it_should() {
    let (program, setup) = start_with(OWN_PATH);
    for domain in ["shop.example", "a.shop.example"] {
        program.add_site(domain, "UTC");
        let rules = ["site", "rules", domain, "--properties", PROPERTIES];
        program.run(&rules).expect_ok("site rules");
    }
    run("tracker", &program, &setup);
    run("life", &program, &setup);
    for outcome in ["excluded", "unknown_site", "invalid", "bot", "limited", "opted_out"] {
        assert_eq!(program.counted(outcome), 0, "{outcome}");
    }
    own_path_has_the_usual_doors(&program);
}

/// The same files and doors, and nothing else, lie below the operator's own path.
fn own_path_has_the_usual_doors(program: &Program) {
    let mut client = program.client();
    for (own, usual) in
        [("s.js", "script.js"), ("f.js", "full.js"), ("v.js", "vitals.js"), ("o.js", "opt-out.js")]
    {
        let mine = client.get(&format!("/numbers/{own}"), &[]);
        let named = client.get(&format!("/js/{usual}"), &[]);
        assert_eq!((mine.status, &mine.body), (200, &named.body), "{own}");
        for (header, value) in [
            ("access-control-allow-origin", "*"),
            ("cross-origin-resource-policy", "cross-origin"),
            ("cache-control", "public, max-age=14400"),
            ("content-type", "text/javascript; charset=utf-8"),
        ] {
            assert_eq!(mine.header(header), Some(value), "{own}");
            assert_eq!(named.header(header), Some(value), "{usual}");
        }
    }
    let body = br#"{"n":"pageview","u":"https://shop.example/","d":"shop.example","gpc":1}"#;
    assert_eq!(client.post("/numbers/e", &[], body).outcome(), "ignored; reason=opted_out");
    assert_eq!(client.send("OPTIONS", "/numbers/e", &[], b"").status, 204);
    assert_eq!(client.get("/numbers/e", &[]).status, 405);
    let pixel = client.get("/numbers/p?site=shop.example&dnt=1", &[]);
    assert_eq!((pixel.status, pixel.outcome()), (200, "ignored; reason=opted_out"));
    for nothing in ["/numbers", "/numbers/", "/numbers/script.js", "/numbers/x", "/js/x.js", "/js/"]
    {
        assert_eq!(client.get(nothing, &[]).status, 404, "{nothing}");
    }
}

#[test]
fn whoever_asks_not_to_be_counted_is_not_and_nothing_is_kept_in_a_browser() {
    let (program, setup) = start_with(OWN_PATH);
    for domain in ["shop.example", "a.shop.example"] {
        program.add_site(domain, "UTC");
    }
    run("vitals", &program, &setup);
    run("switches", &program, &setup);
    run("storage", &program, &setup);
    for outcome in ["opted_out", "unknown_site", "limited", "bot"] {
        assert_eq!(program.counted(outcome), 0, "{outcome}");
    }
}

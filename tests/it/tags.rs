//! Tags that were written for other tools, with nothing but their host changed, in a real Chromium.
//!
//! `tests/browser/tags-pages.mjs` has the pages, as the tools' documentation writes their tags; what
//! they send is compared with the rows that are stored.

use crate::browser::{run, start_with};

/// The properties that the pages of these tests send.
const PROPERTIES: &str = "value,currency,coupon,tax,shipping,method,plan,tag,category,name,revenue,\
    search_term,search_category,results,dimension1,sku,price,event_category,event_label,link_url,\
    link_domain,outbound,file_name,file_extension,percent_scrolled,author,a.b,kind";

#[test]
fn tags_of_other_tools_become_the_rows_they_should() {
    let (program, setup) = start_with(&[]);
    for domain in ["shop.example", "a.shop.example"] {
        program.add_site(domain, "UTC");
        let rules = ["site", "rules", domain, "--properties", PROPERTIES];
        program.run(&rules).expect_ok("site rules");
    }
    let ids = ["site", "rules", "shop.example", "--ids", "ga4:G-OTHER"];
    program.run(&ids).expect_ok("site rules");
    run("tags", &program, &setup);
    for outcome in ["excluded", "unknown_site", "invalid", "bot", "limited", "opted_out"] {
        assert_eq!(program.counted(outcome), 0, "{outcome}");
    }
}

#[test]
fn every_script_is_served_to_everybody_under_the_names_of_its_tool() {
    let (program, _) = start_with(&[]);
    let mut client = program.client();
    let mut tags = Vec::new();
    for (path, alike) in [
        ("/gtag/js?id=G-TEST1", "/gtag/js?id=G-TEST1&l=layer"),
        ("/matomo.js", "/piwik.js"),
        ("/script.js", "/api/script.js"),
        ("/count.js", "/count.js?x=1"),
        ("/js/script.hash.revenue.js", "/js/pa-AbC_12.js"),
        ("/js/script.js", "/js/script.js?v=1"),
    ] {
        let [one, other] = [path, alike].map(|path| client.get(path, &[]));
        assert_eq!((one.status, other.status), (200, 200), "{path}");
        assert_eq!(one.body, other.body, "{path}");
        for (header, value) in [
            ("access-control-allow-origin", "*"),
            ("cross-origin-resource-policy", "cross-origin"),
            ("cache-control", "public, max-age=14400"),
            ("content-type", "text/javascript; charset=utf-8"),
        ] {
            assert_eq!(one.header(header), Some(value), "{path}");
        }
        let head = client.send("HEAD", path, &[], b"");
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert_eq!(client.send("POST", path, &[], b"").status, 405, "{path}");
        tags.push(one.header("etag").map(str::to_owned));
    }
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), 6, "six files");
    for nothing in ["/js/script.unknown.js", "/js/pa-.js", "/gtag", "/matomo.js/", "/js/tags.js"] {
        assert_eq!(client.get(nothing, &[]).status, 404, "{nothing}");
    }
}

//! Public counters: what they tell, whom, and what many who ask at once cost.

use crate::goatcounter::{MOMENT, agent, ask, start};
use crate::support::http::{Answer, Client};
use crate::support::program::{Options, Program};
use crate::support::{agents, seconds, wait_until};

/// Reports that were asked for, made or kept.
fn reports(program: &Program) -> u64 {
    ["hits", "misses"]
        .map(|one| program.metric(&format!("headcount_query_cache_{one}_total")))
        .iter()
        .sum()
}

#[test]
fn a_flood_of_counters_asks_for_a_few_reports() {
    let options = Options::default().site("site.example", "UTC").show_all();
    let program = Program::start(options);
    let rules = ["site", "rules", "site.example", "--public", "counter"];
    program.run(&rules).expect_ok("site rules");
    let page = [
        ("User-Agent", agents::like("Chrome", "Windows").text.as_str()),
        ("Referer", "https://site.example/"),
    ];
    let status = |path: &str| program.client().get(path, &page).status;
    wait_until("the setting", seconds(15), || status("/counter/TOTAL.json") != 403);
    // Nobody has been there; whoever asks first has it counted.
    let flood = |path: &str| {
        let before = reports(&program);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut client = program.client();
                    for form in ["json", "svg", "html?style=x", "json?no_branding=1", "json?rnd=7"]
                    {
                        assert_eq!(client.get(&format!("{path}.{form}"), &page).status, 404);
                    }
                });
            }
        });
        reports(&program) - before
    };
    // A page, or an event of that name.
    assert_eq!(flood("/counter/nobody-knows-it"), 2);
    assert_eq!(flood("/counter/nobody-knows-it"), 0);
    assert_eq!(flood("/counter/%2Fnor-this"), 1, "the control asks for one");
}

/// A visitor of the site looks at something.
fn view(client: &mut Client, address: &str, query: &str) {
    let page = ("Referer", "https://site.example/");
    let headers = [("User-Agent", agent()), ("X-Forwarded-For", address), page];
    let answer = ask(client, "GET", &format!("/count?{query}"), &headers, "");
    assert_eq!(answer.outcome(), "accepted", "{query}");
}

/// Somebody looks at a counter.
fn look(client: &mut Client, path: &str) -> Answer {
    ask(client, "GET", path, &[], "")
}

/// Its status and its number.
fn number(client: &mut Client, path: &str) -> (u16, String) {
    let answer = look(client, path);
    let said = answer.json();
    let field =
        |name: &str| said.get(name).and_then(|text| text.as_str()).expect("a text").to_owned();
    assert_eq!(field("count"), field("count_unique"));
    (answer.status, field("count"))
}

#[test]
fn a_counter_shows_completed_hours_to_anybody_if_the_owner_allows_it() {
    let options = Options { clock: Some(MOMENT), ..Options::behind_proxy() }.show_all();
    let program = start(options);
    let mut client = program.client();
    let clock = program.clock.as_ref().expect("a clock");
    assert_eq!(look(&mut client, "/counter/%2Fa.json").status, 403);
    let public = ["site", "rules", "site.example", "--public", "counter"];
    program.run(&public).expect_ok("site rules");
    wait_until("the setting", seconds(15), || {
        look(&mut client, "/counter/%2Fa.json").status != 403
    });
    for address in ["81.2.69.1", "81.2.69.2", "81.2.69.3"] {
        view(&mut client, address, "p=/a");
    }
    view(&mut client, "81.2.69.1", "p=/b%3Fid%3D7");
    view(&mut client, "81.2.69.9", "p=buy&e=true");
    program.wait_rows(5);
    // The running hour belongs to nobody yet.
    assert_eq!(number(&mut client, "/counter/%2Fa.json?x=1"), (404, "0".to_owned()));
    clock.set(MOMENT + 3_600);
    for (path, status, count) in [
        ("%2Fa", 200, "3"),
        ("/a/", 200, "3"),
        ("a", 200, "3"),
        ("TOTAL", 200, "4"),
        ("buy", 200, "1"),
        ("%2Fb", 200, "1"),
        ("%2Fnone", 404, "0"),
        ("none", 404, "0"),
    ] {
        let found = number(&mut client, &format!("/counter/{path}.json"));
        assert_eq!(found, (status, count.to_owned()), "{path}");
    }
    // The next day, with what happened the day before and nothing of the day after.
    clock.set(MOMENT + 86_400);
    for (query, status) in [
        ("", 200),
        ("?start=week", 200),
        ("?start=2093-06-15&end=2093-06-15", 200),
        ("?start=2093-06-16", 404),
        ("?end=2093-06-14", 404),
        ("?start=soon", 400),
    ] {
        let answer = look(&mut client, &format!("/counter/%2Fa.json{query}"));
        assert_eq!(answer.status, status, "{query}: {}", answer.text());
    }
    for (path, kind) in [
        ("/counter/TOTAL.svg", "image/svg+xml"),
        ("/counter/%2Fa.html?no_branding=1", "text/html; charset=utf-8"),
    ] {
        let answer = look(&mut client, path);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)));
        assert_eq!(answer.header("cache-control"), Some("public, max-age=14400"));
        assert!(answer.text().contains("id=\"gcvc-views\""), "{}", answer.text());
        assert_eq!(answer.text().contains("gcvc-by\""), kind.starts_with("image"));
    }
    for (path, status) in
        [("/counter/%2Fa.png", 404), ("/counter/%2Fa.txt", 400), ("/counter/", 400)]
    {
        assert_eq!(look(&mut client, path).status, status, "{path}");
    }
    // Of a host that names no site, the page that asks is one of the site's; or of nobody's.
    let page = [("Referer", "https://site.example/x")];
    assert_eq!(client.get("/counter/TOTAL.json", &page).status, 200);
    assert_eq!(client.get("/counter/TOTAL.json", &[]).status, 404);
}

#[test]
fn a_counter_tells_nobody_of_a_few() {
    let program = start(Options { clock: Some(MOMENT), ..Options::behind_proxy() });
    let mut client = program.client();
    let public = ["site", "rules", "site.example", "--public", "counter"];
    program.run(&public).expect_ok("site rules");
    for last in 1..=5 {
        view(&mut client, &format!("81.2.69.{last}"), "p=/five");
    }
    for last in 1..=4 {
        view(&mut client, &format!("81.2.69.{last}"), "p=/four");
    }
    program.wait_rows(9);
    program.clock.as_ref().expect("a clock").set(MOMENT + 86_400);
    wait_until("the setting", seconds(15), || {
        look(&mut client, "/counter/%2Fx.json").status != 403
    });
    assert_eq!(number(&mut client, "/counter/%2Ffive.json"), (200, "5".to_owned()));
    assert_eq!(number(&mut client, "/counter/%2Ffour.json"), (404, "0".to_owned()));
}

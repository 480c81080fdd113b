//! Questions that cannot be answered: what is wrong, what was sent, what is allowed, and no harm.

use serde_json::{Value, json};

use crate::support::agents;
use crate::support::http::Answer;
use crate::support::program::{Options, Program};
use crate::support::report::Reports;

const SITE: &str = "site.example";
const OTHER_SITE: &str = "other.example";

const DIMENSIONS: [&str; 26] = [
    "event:page",
    "event:name",
    "event:hostname",
    "event:props:größe der Hose",
    "visit:source",
    "visit:referrer",
    "visit:channel",
    "visit:utm_source",
    "visit:utm_medium",
    "visit:utm_campaign",
    "visit:utm_term",
    "visit:utm_content",
    "visit:country",
    "visit:region",
    "visit:city",
    "visit:browser",
    "visit:browser_version",
    "visit:os",
    "visit:os_version",
    "visit:device",
    "visit:language",
    "visit:screen",
    "visit:click_id",
    "visit:score",
    "visit:entry_page",
    "visit:exit_page",
];

fn start() -> (Program, Reports) {
    let options = Options::behind_proxy().site(SITE, "UTC").site(OTHER_SITE, "UTC").show_all();
    let program = Program::start(options);
    let key = program.add_key(SITE, "read");
    let reports = Reports::new(program.client(), SITE, &key);
    (program, reports)
}

/// One event, so that there is a row to look at.
fn send_one(program: &Program) {
    let agent = agents::like("Chrome", "Windows").text.as_str();
    let body = format!(
        r#"{{"n":"pageview","u":"https://{SITE}/p","d":"{SITE}","p":{{"größe der Hose":"XL"}}}}"#
    );
    let headers = [("User-Agent", agent), ("X-Forwarded-For", "81.2.69.9")];
    let answer = program.client().post("/api/event", &headers, body.as_bytes());
    assert_eq!(answer.outcome(), "accepted");
    program.wait_rows(1);
}

fn good() -> Value {
    json!({"metrics": ["visitors"], "date_range": "all"})
}

fn with(key: &str, value: Value) -> Value {
    let mut query = good();
    query[key] = value;
    query
}

/// A refusal that says which field, what was sent and what is allowed.
fn assert_helpful(answer: &Answer, query: &Value, field: &str) {
    assert_eq!(answer.status, 400, "{query}: {}", answer.text());
    let body = answer.json();
    let said = body["field"].as_str().unwrap_or_default();
    assert!(said.starts_with(field), "{query}: field {said:?} and not {field}");
    for part in ["error", "sent", "allowed"] {
        assert!(body[part].as_str().is_some_and(|text| !text.is_empty()), "{query}: {body}");
    }
}

#[test]
fn every_mistake_in_a_query_is_answered_with_field_sent_and_allowed() {
    let (_program, mut reports) = start();
    assert_eq!(reports.ask(good()).status, 200, "the good query");
    for (field, value) in [
        ("metrics", json!(["heads"])),
        ("metrics", json!([])),
        ("metrics", json!("visitors")),
        ("metrics", json!(["visitors", "visitors"])),
        ("metrics", json!([1])),
        ("date_range", json!("yesterdayish")),
        ("date_range", json!(["2026-02-30", "2026-03-01"])),
        ("date_range", json!(["2026-03-02", "2026-03-01"])),
        ("date_range", json!(["2026-03-02"])),
        ("date_range", json!(["1026-03-02", "2026-03-01"])),
        ("date_range", json!(7)),
        ("dimensions", json!(["visit:postcode"])),
        ("dimensions", json!(["visit:city", "visit:city"])),
        ("dimensions", json!({"visit:city": 1})),
        ("filters", json!([["resembles", "event:page", ["/"]]])),
        ("filters", json!([["is", "visitor", ["1"]]])),
        ("filters", json!([["is", "event:page", "/"]])),
        ("filters", json!([["is", "event:page", []]])),
        ("filters", json!([["is", "event:page", [1]]])),
        ("filters", json!([["is", "event:page"]])),
        ("filters", json!("event:page==/")),
        ("order_by", json!([["pageviews", "desc"]])),
        ("order_by", json!([["visitors", "sideways"]])),
        ("order_by", json!("visitors")),
        ("pagination", json!({"limit": 0})),
        ("pagination", json!({"limit": -1})),
        ("pagination", json!({"limit": 1_000_000_000})),
        ("pagination", json!({"offset": "a"})),
        ("include", json!({"everything": true})),
    ] {
        let query = with(field, value);
        assert_helpful(&reports.ask(query.clone()), &query, field);
    }
    for field in ["metrics", "date_range"] {
        let mut query = good();
        query.as_object_mut().expect("an object").remove(field);
        assert_helpful(&reports.ask(query.clone()), &query, field);
    }
    let query = with("colour", json!("red"));
    let answer = reports.ask(query.clone());
    assert_eq!(answer.status, 400, "an unknown key: {}", answer.text());
    assert!(answer.text().contains("colour"), "{}", answer.text());
}

#[test]
fn every_kind_of_question_is_answered() {
    let (program, mut reports) = start();
    send_one(&program);
    let described = program.client().get("/api/openapi.json", &[]).text();
    let mut queries = Vec::new();
    for dimension in DIMENSIONS {
        let name = dimension.split_once("props:").map_or(dimension, |(_, _)| "event:props:.+");
        assert!(described.contains(name), "{dimension} is not described");
        queries.push(with("dimensions", json!([dimension])));
        queries.push(with("dimensions", json!([dimension, "time:week"])));
        for operator in ["is", "is_not", "contains", "contains_not", "matches", "matches_not"] {
            for options in [json!({}), json!({"case_sensitive": false})] {
                let filter = json!([operator, dimension, ["a", "ä"], options]);
                queries.push(with("filters", json!([["or", [filter, ["not", filter]]]])));
            }
        }
    }
    for time in ["time:hour", "time:day", "time:month"] {
        let mut query = with("dimensions", json!([time]));
        for mode in ["previous_period", "year_over_year"] {
            query["include"] = json!({"comparisons": {"mode": mode, "match_day_of_week": true}});
            queries.push(query.clone());
        }
    }
    queries
        .push(json!({"metrics": ["visitors"], "date_range": "day", "dimensions": ["time:minute"]}));
    queries.push(json!({"metrics": ["visitors"], "date_range": "3d"}));
    for query in queries {
        let answer = reports.ask(query.clone());
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    }
}

/// The API takes no pattern that the engine refuses, or the report would fail without a reason.
#[test]
fn the_engine_understands_every_pattern_that_is_taken() {
    let (program, mut reports) = start();
    send_one(&program);
    for pattern in [
        "blog",
        "^/(de|en)/[a-z0-9_-]+$",
        "(?i:a)b(?-s:.)",
        "(?P<part>a)+?",
        "(?i)A|(?U)b*",
        r"\d{4}-\d{2,}-\d{0,2}",
        r"\bgo\b|\Ago\z|\B",
        r"[\w.-]+@[^\s@]+",
        "(?:a*)*",
        "a|",
        "()",
        "}",
        "[[:alpha:][:^digit:]]",
        "[]a-]|[^]a]|[-a]",
        r"[\d-z]",
        "[a-c-e]",
        "(a{10}){100}",
        "^*",
        "a{0}",
        r"\p{Greek}|\PL|\p{Lu}|\p{Cf}|[^\pN]",
        r"\x41|\x{1F600}|\.|\[|\{|\}|\-|\/|\ ",
        "größe|😀",
        r"\pL{20}",
        ".{1000}",
        "\u{0}",
        "(?i)[^é]{200}",
    ] {
        for options in [json!({}), json!({"case_sensitive": false})] {
            let filter = json!(["matches", "event:page", [pattern], options]);
            let answer = reports.ask(with("filters", json!([filter])));
            assert_eq!(answer.status, 200, "{pattern}: {}", answer.text());
        }
    }
    for pattern in ["(?x)a b", "[a&&b]", "a**", r"\p{Alphabetic}", "(?=a)", "a{1001}", "(", "x\\"] {
        let query = with("filters", json!([["matches", "event:page", [pattern]]]));
        assert_helpful(&reports.ask(query.clone()), &query, "filters");
    }
    // It looks at the patterns of a filter even when one before has matched.
    let sql = "SELECT arrayExists(p -> match(path, p), ['.', 'a**']) FROM open_events";
    let refusal = program.clickhouse().query("read", sql).expect_err("a pattern that is none");
    assert!(refusal.contains("repetition"), "{refusal}");
}

#[test]
fn a_body_that_is_no_query_is_refused_in_words() {
    let (program, _) = start();
    let key = program.add_key(SITE, "read");
    let bearer = format!("Bearer {key}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    for body in ["", "{", "[]", "null", "\"x\"", "{\"site_id\":}", "\u{fe}"] {
        let answer = program.client().post("/api/v2/query", &headers, body.as_bytes());
        assert_eq!(answer.status, 400, "{body:?}: {}", answer.text());
        assert!(answer.json()["error"].is_string(), "{body:?}");
    }
    let deep = "[".repeat(20_000);
    assert_eq!(program.client().post("/api/v2/query", &headers, deep.as_bytes()).status, 400);
    let large = vec![b' '; 4 << 20];
    let status = program.client().post("/api/v2/query", &headers, &large).status;
    assert!(matches!(status, 400 | 413), "{status}");
    assert_eq!(program.client().get("/api/v2/query", &headers).status, 405);
}

#[test]
fn without_a_key_of_the_site_there_is_no_answer() {
    let (program, mut reports) = start();
    let ask = |domain: &str, key: &str| Reports::new(program.client(), domain, key).ask(good());
    assert_eq!(reports.ask(good()).status, 200);
    for key in ["", "hc_read_", "hc_read_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "x' OR 1=1"]
    {
        let answer = ask(SITE, key);
        assert_eq!(answer.status, 401, "{key:?}: {}", answer.text());
    }
    let body = json!({"site_id": SITE, "metrics": ["visitors"], "date_range": "day"}).to_string();
    let none = program.client().post("/api/v2/query", &[], body.as_bytes());
    assert_eq!(none.status, 401);
    let cookie = [("Cookie", "headcount_login=AAAA"), ("Origin", program.url.as_str())];
    assert_eq!(program.client().post("/api/v2/query", &cookie, body.as_bytes()).status, 401);

    let key = program.add_key(SITE, "read");
    let foreign = ask(OTHER_SITE, &key);
    let missing = ask("nowhere.example", &key);
    assert_eq!((foreign.status, missing.status), (404, 404));
    let blind = |answer: &Answer, name: &str| answer.text().replace(name, "it");
    assert_eq!(
        blind(&foreign, OTHER_SITE),
        blind(&missing, "nowhere.example"),
        "whether a foreign site exists must not be told"
    );
    let list = program.run(&["key", "list"]).expect_ok("key list");
    let id = list.lines().next().and_then(|line| line.split('\t').next()).expect("a key");
    program.run(&["key", "revoke", id]).expect_ok("key revoke");
    assert_eq!(reports.ask(good()).status, 401, "a revoked key");
}

#[test]
fn text_that_looks_like_sql_is_only_text() {
    let (program, mut reports) = start();
    let agent = agents::like("Chrome", "Windows").text.as_str();
    let mut client = program.client();
    for n in 0..3 {
        let body = format!(r#"{{"n":"pageview","u":"https://{SITE}/p","d":"{SITE}"}}"#);
        let from = format!("81.2.69.{}", 10 + n);
        let headers = [("User-Agent", agent), ("X-Forwarded-For", from.as_str())];
        assert_eq!(client.post("/api/event", &headers, body.as_bytes()).outcome(), "accepted");
    }
    program.wait_rows(3);
    let evil = [
        "' OR 1=1 --",
        "') OR 1=1 --",
        "\\' OR 1=1 --",
        "\\",
        "'; DROP TABLE open_events; --",
        "{visitor:UInt64}",
        "{f0:String}",
        "%",
        "/p' UNION ALL SELECT password FROM accounts --",
        "\u{0}",
        "\n\t\r'\"`",
        "NULL",
        "1) SETTINGS readonly=0",
        "😀'",
    ];
    for text in evil {
        for dimension in ["event:page", "visit:source", "visit:city", "event:name"] {
            let filters = json!([["is", dimension, [text]]]);
            let query = with("filters", filters);
            let answer = reports.ask(query.clone());
            assert_eq!(answer.status, 200, "{query}: {}", answer.text());
            assert_eq!(answer.json()["results"][0]["metrics"][0], 0, "{query} selects nobody");
            let query = with("filters", json!([["is_not", dimension, [text, "a"]]]));
            let answer = reports.ask(query.clone());
            assert_eq!(answer.status, 200, "{query}: {}", answer.text());
            assert_eq!(answer.json()["results"][0]["metrics"][0], 3, "{query} leaves out nobody");
        }
        for field in ["metrics", "dimensions"] {
            assert_eq!(reports.ask(with(field, json!([text]))).status, 400);
        }
        assert_eq!(reports.ask(with("date_range", json!([text, text]))).status, 400);
        assert_eq!(reports.ask(with("order_by", json!([[text, text]]))).status, 400);
        let key = program.add_key(SITE, "read");
        let site = Reports::new(program.client(), text, &key).ask(good()).status;
        assert!(matches!(site, 400 | 404), "{text:?}: {site}");
    }
    assert_eq!(program.clickhouse().count("open_events"), 3);
    let log = program.home().log();
    for text in ["DROP TABLE", "UNION ALL", "OR 1=1"] {
        assert!(!log.contains(text), "a value of a query is in the log");
    }
}

//! The rules of a site on the real program: what is kept of an address, which properties, which
//! visits are left out, and that owners see what was not kept by name and never by value.

use serde_json::{Value, json};

use crate::support::http::{Answer, Client};
use crate::support::program::{Options, Program};
use crate::support::{agents, seconds, wait_for};

const SITE: &str = "site.example";
/// A visitor in a country that the databases know.
const SOMEWHERE: &str = "91.198.174.192";

fn agent() -> &'static str {
    agents::like("Chrome", "Windows").text.as_str()
}

fn start() -> Program {
    Program::start(Options::behind_proxy().site(SITE, "UTC"))
}

/// `site rules` with these flags; what it prints.
fn rules(program: &Program, flags: &[&str]) -> String {
    program.run(&[&["site", "rules", SITE], flags].concat()).expect_ok("site rules")
}

fn send(client: &mut Client, address: &str, body: &Value) -> String {
    let headers = [("User-Agent", agent()), ("X-Forwarded-For", address)];
    client.post("/api/event", &headers, body.to_string().as_bytes()).outcome().to_owned()
}

fn view(path: &str) -> Value {
    json!({"n": "pageview", "d": SITE, "u": format!("https://{SITE}{path}")})
}

/// A count of a site, as its reader gets it.
fn count(program: &Program, key: &str, what: &str) -> Answer {
    let bearer = format!("Bearer {key}");
    program.client().get(&format!("/api/sites/{SITE}/{what}"), &[("Authorization", &bearer)])
}

fn rows(program: &Program, key: &str, what: &str) -> Vec<Value> {
    let answer = count(program, key, what);
    assert_eq!(answer.status, 200, "{what}: {}", answer.text());
    answer.json()["rows"].as_array().expect("rows").clone()
}

#[test]
fn rules_hold_from_the_next_event_on_and_say_what_is_wrong() {
    let program = start();
    let said = rules(
        &program,
        &[
            "--query-params",
            "id",
            "--path-rules",
            "/user/*=/user/:name",
            "--exclude-paths",
            "/admin/**",
            "--exclude-networks",
            "198.51.100.0/24",
            "--exclude-countries",
            "nz",
        ],
    );
    assert!(said.contains("path_rules\t/user/* -> /user/:name\n"), "{said}");
    assert!(said.contains("excluded_countries\tNZ\n") && said.contains("properties\tplan, "));
    let mut client = program.client();
    for (address, path, outcome) in [
        (SOMEWHERE, "/user/jane?id=7&token=secret9z", "accepted"),
        (SOMEWHERE, "/pay/4111-1111-1111-1111/+49-30-1234-567?q=x", "accepted"),
        (SOMEWHERE, "/admin/users", "ignored; reason=excluded"),
        ("198.51.100.200", "/", "ignored; reason=excluded"),
        ("202.27.32.1", "/", "ignored; reason=excluded"),
    ] {
        assert_eq!(send(&mut client, address, &view(path)), outcome, "{address} {path}");
    }
    let elsewhere = json!({"n": "pageview", "d": SITE, "u": "https://other.example/"});
    assert_eq!(send(&mut client, SOMEWHERE, &elsewhere), "ignored; reason=excluded");
    let bot = [("User-Agent", "Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)")];
    let answer = client.post("/api/event", &bot, view("/").to_string().as_bytes());
    assert_eq!(answer.outcome(), "ignored; reason=bot");
    program.wait_rows(2);
    let paths = "SELECT arraySort(groupArray(path)) FROM open_events";
    assert_eq!(program.clickhouse().value(paths), "['/pay/:card/:phone','/user/:name?id=7']");

    // Counts are flushed every minute: a stop does it at once.
    let (_, _, home) = program.stop();
    let program = Program::start_in(home, Options::behind_proxy());
    let key = program.add_key(SITE, "read");
    let refused = wait_for("the counts", seconds(30), || {
        let rows = rows(&program, &key, "refusals");
        (rows.len() == 5).then_some(rows)
    });
    let mut reasons: Vec<String> = refused
        .iter()
        .map(|row| format!("{}/{}/{}", row["outcome"], row["reason"], row["events"]))
        .collect();
    reasons.sort();
    let expected = [
        r#""bot"/"GPTBot"/1"#,
        r#""excluded"/"country"/1"#,
        r#""excluded"/"hostname"/1"#,
        r#""excluded"/"network"/1"#,
        r#""excluded"/"path"/1"#,
    ];
    assert_eq!(reasons, expected);
    assert_eq!(count(&program, &key, "outcomes").json(), json!({"bot": 1, "excluded": 4}));
    // The rules survive a restart, and one list can be emptied.
    assert!(rules(&program, &["--exclude-paths", ""]).contains("excluded_paths\t\n"));
    assert_eq!(send(&mut program.client(), SOMEWHERE, &view("/admin/users")), "accepted");
    for (flags, wrong) in [
        (["--exclude-networks", "fritz.box"], "is no address or network: write 203.0.113.9"),
        (["--exclude-countries", "Germany"], "use two letters, such as DE"),
        (["--path-rules", "/user/*"], "write /user/*=/user/:name"),
        (["--exclude-paths", "admin"], "begin with /"),
    ] {
        let done = program.run(&[&["site", "rules", SITE], &flags[..]].concat());
        assert!(done.code != 0 && done.stderr.contains(wrong), "{flags:?}: {}", done.stderr);
    }
}

#[test]
fn properties_are_kept_by_list_and_what_looks_like_an_id_is_not_kept() {
    let program = start();
    rules(&program, &["--properties", "plan,user,colour"]);
    let mut client = program.client();
    let event = |props: Value| json!({"n": "Signup", "d": SITE, "u": format!("https://{SITE}/s"), "p": props});
    let props = json!({"plan": "pro", "user": "4815162342", "secret note": "hush9z", "url": "/x"});
    for _ in 0..3 {
        assert_eq!(send(&mut client, SOMEWHERE, &event(props.clone())), "accepted");
    }
    for n in 0..205 {
        assert_eq!(
            send(&mut client, SOMEWHERE, &event(json!({"colour": format!("c{n}")}))),
            "accepted"
        );
    }
    program.wait_rows(208);
    let engine = program.clickhouse();
    let props = "SELECT toString(props) FROM open_events WHERE props['plan'] != '' LIMIT 1";
    assert_eq!(engine.value(props), "{'plan':'pro','url':'/x'}");
    let colours = "SELECT uniqExact(props['colour']), countIf(props['colour'] = '(more)') \
        FROM open_events WHERE props['colour'] != ''";
    assert_eq!(engine.value(colours), "201\t5");
    let (_, _, home) = program.stop();
    let program = Program::start_in(home, Options::behind_proxy());
    let key = program.add_key(SITE, "read");
    let expected = [
        json!({"what": "distinct", "name": "colour", "events": 5}),
        json!({"what": "property", "name": "secret note", "events": 3}),
        json!({"what": "value", "name": "user", "events": 3}),
    ];
    let kept_back = wait_for("the counts", seconds(30), || {
        let rows = rows(&program, &key, "kept-back");
        (rows.len() == 3).then_some(rows)
    });
    assert_eq!(kept_back, expected);
    for (table, bytes) in program.clickhouse().dump() {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains("hush9z") && !text.contains("4815162342"), "a value in {table}");
    }
}

#[test]
fn pages_report_vitals_and_errors_without_a_token() {
    let program = start();
    let mut client = program.client();
    for n in 1..=100 {
        let lcp = json!({"n": "web_vitals", "d": SITE, "u": format!("https://{SITE}/p"),
            "v": {"lcp": 20 * n, "cls": 0.1, "inp": -1}});
        assert_eq!(send(&mut client, SOMEWHERE, &lcp), "accepted");
    }
    // Of the first paint one report is all that is too few, of inputs two pages of three; of the
    // server's time every page has enough, and two are more than are listed.
    let mut measured = |page: &str, values: Value| {
        let sent = json!({"n": "web_vitals", "d": SITE, "u": format!("https://{SITE}{page}"), "v": values});
        assert_eq!(send(&mut client, SOMEWHERE, &sent), "accepted");
    };
    measured("/rare", json!({"fcp": 9}));
    for n in 0..6 {
        measured("/a", json!({"fcp": 30}));
        measured("/a", json!({"fcp": 50}));
        measured("/q", json!({"fcp": 30, "inp": 30}));
        measured(&format!("/few{}", n % 2), json!({"inp": 30}));
    }
    for n in 0..510 {
        measured(&format!("/n/{}", n % 102), json!({"ttfb": 40}));
    }
    for n in 0..6 {
        let error = json!({"n": "js_error", "d": SITE, "u": format!("https://{SITE}/p"),
            "t": format!("TypeError: 'user{n}' at https://a.example/{n}?q=hush9z line {n}")});
        assert_eq!(send(&mut client, SOMEWHERE, &error), "accepted");
    }
    let once = json!({"n": "js_error", "d": SITE, "u": format!("https://{SITE}/p"), "t": "Once"});
    assert_eq!(send(&mut client, SOMEWHERE, &once), "accepted");
    let empty = json!({"n": "web_vitals", "d": SITE, "u": format!("https://{SITE}/p"), "v": {}});
    assert_eq!(send(&mut client, SOMEWHERE, &empty), "rejected; reason=invalid");
    let engine = program.clickhouse();
    wait_for("the rows", seconds(30), || {
        (engine.count("vitals") == 741 && engine.count("script_errors") == 7).then_some(())
    });
    assert_eq!(engine.count("open_events"), 0);
    let key = program.add_key(SITE, "read");
    let all = rows(&program, &key, "vitals");
    let lcp = all.iter().find(|row| row["metric"] == "lcp").expect("a row");
    assert_eq!((&lcp["events"], &lcp["group"]), (&json!(100), &json!("")));
    for (level, truth) in [("p50", 1000.0), ("p75", 1500.0), ("p90", 1800.0), ("p99", 1980.0)] {
        let told = lcp[level].as_f64().expect("a number");
        assert!((told - truth).abs() <= 0.05 * truth, "{level} is {told}");
    }
    let pages = rows(&program, &key, "vitals?by=page");
    let groups = |metric: &str| -> Vec<Value> {
        let of_metric = pages.iter().filter(|row| row["metric"] == metric);
        of_metric.map(|row| json!([row["group"], row["events"]])).collect()
    };
    // One report alone could be told from the sum: the smallest shown page is among the others.
    assert_eq!(groups("fcp"), [json!(["/a", 12]), json!(["(other)", 7])]);
    assert_eq!(groups("inp"), [json!(["/q", 6]), json!(["(other)", 6])]);
    assert_eq!(groups("lcp"), [json!(["/p", 100])]);
    let many = groups("ttfb");
    assert_eq!((many.len(), many.last()), (101, Some(&json!(["(other)", 10]))));
    let country = rows(&program, &key, "vitals?by=country");
    assert!(country.iter().all(|row| row["group"] == "NL"), "{country:?}");
    let errors = rows(&program, &key, "script-errors");
    let expected =
        json!({"template": "TypeError: '' at url line 0", "events": 6, "pages": 1, "browsers": 1});
    assert_eq!(errors, [expected]);
    assert_eq!(count(&program, &key, "vitals?by=city").status, 400);
    assert_eq!(count(&program, &key, "nothing").status, 404);
    assert_eq!(count(&program, "hc_read_no", "vitals").status, 401);
}

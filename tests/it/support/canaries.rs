//! Planted values on every path that an event can take, so that a test can look for what is left
//! of them: an address of either kind, a User-Agent, a referrer, a mail address, a secret.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::home::Home;
use crate::support::http::Client;
use crate::support::noes;
use crate::support::program::{Options, Program};
use crate::support::scan::{Found, Scan};
use crate::support::sql::Door;
use crate::support::{canaries_of_tools, canaries_unread};

pub(crate) const V4: &str = "81.2.69.163";
pub(crate) const V6: &str = "2a02:8108:1a2b:3c4d:5e6f:7a8b:9c0d:1e2f";
pub(crate) const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; plantedagentword) AppleWebKit/537.36 \
    (KHTML, like Gecko) Chrome/126.0.6478.127 Safari/537.36";
/// What must be found nowhere.
pub(crate) const PLANTED: [&str; 14] = [
    V4,
    V6,
    "plantedagentword",
    "126.0.6478.127",
    "planted-referrer-path",
    "plantedreferrerquery",
    "plantedquerytoken",
    "planted.person@mail.example",
    "plantedbotagent",
    "plantedsendkey",
    "plantedpropertyvalue",
    "9b2f6c1e-77aa-4c0d-8d11-0f3b5a7c9e21",
    canaries_of_tools::WHO,
    "plantedserver",
];
/// What is meant to be stored: found in every store that holds the row.
pub(crate) const CANARY: &str = "/canary-path-of-the-row";
/// The site they are sent to.
pub(crate) const SITE: &str = "site.example";
/// A site that leaves out the networks of both planted addresses.
const SHIELDED: &str = "shielded.example";
/// A site to which more is sent than one network may.
const FLOODED: &str = "flooded.example";
/// Events a second of one network for one site; a minute's worth may come at once.
const RATE: u32 = 2;
/// Rows that [`send_everything`] leaves.
pub(crate) const ROWS: u64 = 16 + 2 * (canaries_of_tools::ROWS_OF_BROWSERS + canaries_unread::ROWS);
/// Outcomes that it meets.
pub(crate) const MET: [&str; 9] = [
    "accepted",
    "opted_out",
    "bot",
    "spam_referrer",
    "excluded",
    "unknown_site",
    "invalid",
    "too_large",
    "limited",
];

/// Starts in a new home with all that can refuse an event: rules of the site and a list of spam.
pub(crate) fn start(options: Options) -> Program {
    let home = Home::new();
    std::fs::write(home.scratch().join("spam"), "spammer.example\n").expect("a list of ours");
    let program = again(home, options.site(SITE, "UTC"));
    let rules = ["--properties", "who,plan,number", "--exclude-paths", "/admin/**"];
    program.run(&[&["site", "rules", SITE], &rules[..]].concat()).expect_ok("site rules");
    program.add_site(SHIELDED, "UTC");
    program.add_site(FLOODED, "UTC");
    let networks = ["--exclude-networks", "81.2.0.0/16,2a02:8108::/32"];
    program.run(&[&["site", "rules", SHIELDED], &networks[..]].concat()).expect_ok("site rules");
    program
}

/// Starts again in a home that [`start`] has left.
pub(crate) fn again(home: Home, mut options: Options) -> Program {
    options.args.extend(noes::OWN_PATH.map(str::to_owned));
    options
        .args
        .extend(["--spam-list".to_owned(), home.scratch().join("spam").display().to_string()]);
    Program::start_in(home, options.env("HEADCOUNT_RATE_LIMIT", &RATE.to_string()))
}

/// Headers of one who is planted.
pub(crate) fn headers(address: &str) -> [(&'static str, &str); 3] {
    let referer = "https://site.example/x?session=plantedquerytoken";
    [("User-Agent", AGENT), ("X-Forwarded-For", address), ("Referer", referer)]
}

/// An event that carries everything planted; `page` is its path.
pub(crate) fn loaded(page: &str, host: &str, domain: &str) -> String {
    json!({
        "n": "pageview", "d": domain,
        "u": format!("https://{host}{page}?session=plantedquerytoken&mail=planted.person@mail.example"),
        "r": "https://neighbour.example/planted-referrer-path?q=plantedreferrerquery",
        "p": {"who": "planted.person@mail.example", "plan": "pro", "number": V4,
            "undeclared": "plantedpropertyvalue"},
    })
    .to_string()
}

/// Sends planted values down every path an event can take; leaves [`ROWS`] rows.
pub(crate) fn send_everything(url: &str) {
    let mut outcomes = BTreeSet::new();
    for address in [V4, V6] {
        for path in noes::EVENTS {
            events(url, path, address, &mut outcomes);
        }
        for path in noes::PIXELS {
            pixels(url, path, address, &mut outcomes);
        }
        canaries_of_tools::send(url, address, &mut outcomes);
        canaries_unread::send(url, address);
        others(url, address);
        flood(url, address, &mut outcomes);
    }
    let wanted: BTreeSet<String> = MET.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(outcomes, wanted);
    broken(url);
}

/// One event with everything planted; its outcome.
pub(crate) fn send_one(url: &str) -> String {
    try_send_one(url).expect("an answer")
}

/// [`send_one`], if it is answered at all.
pub(crate) fn try_send_one(url: &str) -> Option<String> {
    let body = loaded("/in-a-panic", SITE, SITE);
    let answer = Client::new(url).try_send("POST", "/api/event", &headers(V4), body.as_bytes());
    Some(name(answer.ok()?.outcome()))
}

fn name(outcome: &str) -> String {
    outcome.rsplit('=').next().unwrap_or_default().to_owned()
}

/// What a page may report about itself: no rows, but counts.
fn reports() -> [String; 2] {
    let page = format!("https://{SITE}{CANARY}?session=plantedquerytoken");
    let message = format!(
        "TypeError: 'plantedquerytoken' of planted.person@mail.example at {V4} \
         https://neighbour.example/planted-referrer-path?q=plantedreferrerquery"
    );
    let vitals = json!({"n": "web_vitals", "d": SITE, "u": page, "v": {"lcp": 1234, "cls": 0.02}});
    let error = json!({"n": "js_error", "d": SITE, "u": page, "t": message});
    [vitals.to_string(), error.to_string()]
}

fn events(url: &str, path: &str, address: &str, outcomes: &mut BTreeSet<String>) {
    let mut client = Client::new(url);
    let who = headers(address);
    let mut post = |headers: &[(&str, &str)], body: &str| {
        let outcome = client.post(path, headers, body.as_bytes()).outcome().to_owned();
        outcomes.insert(name(&outcome));
        outcome
    };
    let good = loaded(CANARY, SITE, SITE);
    assert_eq!(post(&who, &good), "accepted");
    let named = loaded("/user/planted.person@mail.example", SITE, SITE);
    let named = named.replace("\"pro\"", "\"9b2f6c1e-77aa-4c0d-8d11-0f3b5a7c9e21\"");
    assert_eq!(post(&who, &named), "accepted");
    for report in reports() {
        assert_eq!(post(&who, &report), "accepted", "{report}");
    }
    let identified = good.replace("\"pro\"", "\"9b2f6c1e-77aa-4c0d-8d11-0f3b5a7c9e21\"");
    let spam = identified.replace("https://neighbour.example/", "https://spammer.example/");
    assert_eq!(post(&who, &spam), "ignored; reason=spam_referrer");
    let shielded = loaded("/admin/planted.person@mail.example", SITE, SITE);
    assert_eq!(post(&who, &shielded), "ignored; reason=excluded");
    let by_network = loaded(CANARY, SHIELDED, SHIELDED);
    assert_eq!(post(&who, &by_network), "ignored; reason=excluded");
    let bot_agent = "plantedbotagent/1.0 (+https://bot.example/bot)";
    let bot = [("User-Agent", bot_agent), ("X-Forwarded-For", address)];
    assert_eq!(post(&bot, &good), "ignored; reason=bot");
    let ahead = [who[0], who[1], ("Sec-Purpose", "prefetch;prerender")];
    assert_eq!(post(&ahead, &good), "ignored; reason=bot");
    assert_eq!(post(&who[1..], &good), "ignored; reason=bot");
    let excluded = loaded("/", "elsewhere.example", SITE);
    assert_eq!(post(&who, &excluded), "ignored; reason=excluded");
    let unknown = loaded("/", SITE, "none.example");
    assert_eq!(post(&who, &unknown), "ignored; reason=unknown_site");
    let invalid = good.replace("pageview", "").replace("https://site.example", "nonsense:");
    assert_eq!(post(&who, &invalid), "rejected; reason=invalid");
    assert_eq!(post(&who, &format!("{{{good}")), "rejected; reason=invalid");
    assert_eq!(post(&who, &format!("\u{0}{good}")), "rejected; reason=invalid");
    let wrong_key = [who[0], who[1], ("Authorization", "Bearer hc_send_plantedsendkey")];
    assert_eq!(post(&wrong_key, &good), "rejected; reason=invalid");
    let forwarded = format!("for=\"[{V6}]:4711\", for={V4}");
    let odd = [who[0], ("Forwarded", forwarded.as_str()), ("DNT", "1")];
    assert_eq!(post(&odd, &good), "ignored; reason=opted_out");
    let relayed = good.replacen('{', r#"{"gpc":"1","#, 1);
    assert_eq!(post(&who, &relayed), "ignored; reason=opted_out");
    let large = format!("{good}{}", "plantedquerytoken".repeat(5_000));
    assert_eq!(post(&who, &large), "rejected; reason=too_large");
}

fn pixels(url: &str, path: &str, address: &str, outcomes: &mut BTreeSet<String>) {
    let mut client = Client::new(url);
    let who = headers(address);
    let page = "u=https%3A%2F%2Fsite.example%2Fp%3Fsession%3Dplantedquerytoken";
    let mail = "campaign=planted.person%40mail.example";
    for (query, expected) in [
        (format!("site={SITE}&{page}"), "accepted"),
        (format!("site={SITE}"), "accepted"),
        (format!("site={SITE}&{page}&gpc=1"), "ignored; reason=opted_out"),
        (format!("site=none.example&{page}"), "ignored; reason=unknown_site"),
        (format!("site={SITE}&u=nonsense:plantedquerytoken"), "ignored; reason=invalid"),
        (format!("{page}&{mail}"), "ignored; reason=invalid"),
    ] {
        let answer = client.get(&format!("{path}?{query}"), &who);
        assert_eq!((answer.status, answer.outcome()), (200, expected), "{query}");
        outcomes.insert(name(answer.outcome()));
    }
}

/// Sends as a machine does until it is told to come back later, by both doors. It leaves no row.
fn flood(url: &str, address: &str, outcomes: &mut BTreeSet<String>) {
    let mut client = Client::new(url);
    let bot_agent = "plantedbotagent/1.0 (+https://bot.example/bot)";
    let bot = [("User-Agent", bot_agent), ("X-Forwarded-For", address)];
    let event = loaded(CANARY, FLOODED, FLOODED);
    let page = "u=https%3A%2F%2Fflooded.example%2Fplantedquerytoken";
    let pixel = format!("/pixel.gif?site={FLOODED}&{page}");
    for (method, path, body) in [("POST", "/api/event", event.as_str()), ("GET", &pixel, "")] {
        let told = (0..RATE * 100).any(|_| {
            let answer = client.send(method, path, &bot, body.as_bytes());
            outcomes.insert(name(answer.outcome()));
            answer.status == 429 && answer.outcome() == "rejected; reason=limited"
        });
        assert!(told, "nobody stops a flood of {path}");
    }
}

/// Addresses that collect nothing.
fn others(url: &str, address: &str) {
    let mut client = Client::new(url);
    let who = headers(address);
    for path in [
        "/nowhere?session=plantedquerytoken",
        "/api/v2/query",
        "/js/script.js",
        "/.well-known/dnt/plantedquerytoken.example",
        "/api/event?plantedquerytoken",
        "/login?next=plantedquerytoken",
    ] {
        client.get(path, &who);
    }
    let query = br#"{"site_id":"plantedquerytoken"}"#;
    client.post("/api/v2/query", &who, query);
    let login = br#"{"email":"planted.person@mail.example","password":"plantedquerytoken"}"#;
    client.post("/api/login", &who, login);
    client.send("OPTIONS", "/api/event", &who, b"");
    client.send("BREW", "/api/event", &who, b"plantedquerytoken");
}

/// Requests that are no HTTP, cut off, or too long.
fn broken(url: &str) {
    let wrong = format!("POST /api/event HTTP/9.9\r\nUser-Agent: {AGENT}\r\n\r\n");
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "plantedquerytoken".repeat(9_000));
    let many = "X-Planted: plantedquerytoken\r\n".repeat(100);
    let many = format!("GET /pixel.gif HTTP/1.1\r\nHost: x\r\n{many}\r\n");
    for bytes in [wrong, long, many] {
        drop(Client::new(url).try_raw(bytes.as_bytes()));
    }
}

/// Tables of the engine itself that never end or hold nothing but rules of counting.
const ENDLESS: [&str; 8] = [
    "numbers",
    "numbers_mt",
    "zeros",
    "zeros_mt",
    "one",
    "primes",
    "generate_series",
    "generateSeries",
];

/// Every row of the engine's own tables that its users may read.
pub(crate) fn system_tables(program: &Program) -> Vec<(String, Vec<u8>)> {
    let schema = Door::embedded(&program.home().data(), "schema");
    let names = schema.value("SELECT name FROM system.tables WHERE database = 'system' FORMAT TSV");
    let kept = names.lines().filter(|name| !ENDLESS.contains(name));
    let table = |name: &str| {
        let bytes = schema.bytes(&format!("SELECT * FROM system.`{name}` FORMAT TSVRaw")).ok()?;
        Some((format!("table system.{name}"), bytes))
    };
    kept.filter_map(table).collect()
}

/// Whether something was found in a place whose name has `part`.
pub(crate) fn found_in(found: &[Found], part: &str) -> bool {
    found.iter().any(|(place, _)| place.contains(part))
}

/// A scan for what must be nowhere, and one for what shows that the look is not blind.
pub(crate) fn scans() -> (Scan, Scan) {
    (Scan::new(&PLANTED), Scan::new(&[CANARY]))
}

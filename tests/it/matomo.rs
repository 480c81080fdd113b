//! Matomo by its own doors: what its clients send, what they are answered, and what becomes a row.

use serde_json::{Value, json};

use crate::support::agents;
use crate::support::geo::{ADDRESSES, Geo};
use crate::support::http::{Answer, Client};
use crate::support::program::{Options, Program};
use crate::support::scan::{Found, Scan};
use crate::support::unpack;

/// 2093-06-15 22:30:15 UTC.
const MOMENT: u32 = 3_895_943_415;
/// A page view as matomo.js sends it.
const VIEW: &str = "action_name=Planted%20title&idsite=1&rec=1&r=123456&h=12&m=30&s=15\
    &url=https%3A%2F%2Fsite.example%2Fshop%3Futm_source%3DNewsletter%26id%3D7\
    &urlref=https%3A%2F%2Fneighbour.example%2Fsome%2Fpage&_id=0123456789abcdef&_idn=1\
    &send_image=1&_refts=0&pv_id=abcdef&pf_net=0&pf_srv=20&uadata=%7B%7D&pdf=1&cookie=1\
    &res=390x844&lang=de-at";
const PROPERTIES: &str = "category,name,value,search_term,search_category,results,piece,target,\
    interaction,revenue,sku,price,dimension1,plan,note,who";
/// What is the same of a row that was sent twice.
const SAME: &str = "DISTINCT * EXCEPT (spool, batch, position, ts)";

fn agent() -> (&'static str, &'static str) {
    ("User-Agent", agents::like("Chrome", "Windows").text.as_str())
}

fn start(options: Options) -> Program {
    let program = Program::start(options.site("site.example", "UTC"));
    let rules = ["--properties", PROPERTIES, "--ids", "matomo:1"];
    program.run(&[&["site", "rules", "site.example"], &rules[..]].concat()).expect_ok("rules");
    program
}

fn get(client: &mut Client, query: &str) -> Answer {
    client.get(&format!("/matomo.php?{query}"), &[agent()])
}

fn bulk(client: &mut Client, body: &Value) -> (u16, String, Value) {
    // As its Node client says what it sends.
    let headers = [agent(), ("Content-Type", "application/x-www-form-urlencoded")];
    let answer = client.post("/matomo.php", &headers, body.to_string().as_bytes());
    (answer.status, answer.outcome().to_owned(), answer.json())
}

#[test]
fn a_page_view_is_the_row_that_our_own_script_leaves_by_whatever_way_it_comes() {
    let program = start(Options { clock: Some(MOMENT), ..Options::default() });
    let mut client = program.client();
    let page = "https://site.example/shop?utm_source=Newsletter&id=7";
    let own = json!({"n": "pageview", "d": "site.example", "u": page, "w": 390, "l": "de",
        "r": "https://neighbour.example/some/page"});
    let answer = client.post("/api/event", &[agent()], own.to_string().as_bytes());
    assert_eq!(answer.outcome(), "accepted");
    for path in ["/matomo.php", "/piwik.php"] {
        let answer = client.get(&format!("{path}?{VIEW}"), &[agent()]);
        assert_eq!((answer.status, answer.outcome(), answer.body.len()), (200, "accepted", 43));
        assert_eq!(answer.header("content-type"), Some("image/gif"));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("set-cookie"), None);
    }
    let form = [agent(), ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")];
    let answer = client.post("/matomo.php?send_image=0", &form, VIEW.as_bytes());
    assert_eq!((answer.status, answer.outcome(), answer.body.len()), (204, "accepted", 0));
    // Its script sends all of its parameters in the body.
    let answer = client.post("/matomo.php", &form, VIEW.replace("image=1", "image=0").as_bytes());
    assert_eq!((answer.status, answer.outcome(), answer.body.len()), (204, "accepted", 0));
    let beacon = client.post(&format!("/matomo.php?{VIEW}"), &[agent()], b"");
    assert_eq!((beacon.status, beacon.outcome()), (200, "accepted"));
    let (status, outcome, said) = bulk(&mut client, &json!({"requests": [format!("?{VIEW}")]}));
    assert_eq!((status, outcome.as_str()), (200, "accepted"));
    assert_eq!(said, json!({"status": "success", "tracked": 1, "invalid": 0}));
    program.wait_rows(7);
    let kinds = program.clickhouse().rows(&format!("SELECT {SAME} FROM open_events"));
    assert_eq!(kinds.len(), 1, "{kinds:#?}");
    assert_eq!(kinds[0]["source"], "Newsletter");
}

#[test]
fn every_action_is_an_event_with_its_properties() {
    let program = start(Options { clock: Some(MOMENT), ..Options::default() });
    let mut client = program.client();
    let away = "https%3A%2F%2Fother.example%2Fx%3Ftoken%3D1";
    for more in [
        "search=red+shoes&search_cat=all&search_count=0",
        &format!("link={away}"),
        &format!("download={away}"),
        "e_c=video&e_a=play&e_n=intro&e_v=3&ca=1",
        "c_n=ad&c_p=a.png&c_t=%2Fx&ca=1",
        "c_n=ad&c_i=click&ca=1",
        "idgoal=7",
        "idgoal=0&ec_id=plantedorder&revenue=12.5&currency=EUR&ec_tx=2&ec_items=%5B%5B%22s%22%2C%22n%22%2C%22c%22%2C1%2C2%5D%2C%5B%22t%22%5D%5D",
        "idgoal=0&revenue=8&ec_items=%5B%5B%22s%22%5D%5D",
        "_pks=S-1&_pkn=Red&_pkc=%5B%22shoes%22%2C%22sale%22%5D&_pkp=9.99&dimension1=gold",
        "ping=1",
    ] {
        let answer = get(&mut client, &format!("{VIEW}&{more}"));
        assert_eq!((answer.status, answer.body.len()), (200, 43), "{more}");
        let expected = if more == "ping=1" { "ignored; reason=excluded" } else { "accepted" };
        assert_eq!(answer.outcome(), expected, "{more}");
    }
    program.wait_rows(11);
    let rows = program.clickhouse().rows(
        "SELECT name, interactive, toFloat64(revenue) AS revenue, currency, props
         FROM open_events ORDER BY name, interactive",
    );
    let row = |name: &str, interactive: u8, props: Value| json!({"name": name, "interactive": interactive, "props": props});
    let expected = [
        row("Content Impression", 0, json!({"name": "ad", "piece": "a.png", "target": "/x"})),
        row("Content Interaction", 1, json!({"interaction": "click", "name": "ad"})),
        row("Ecommerce Cart Update", 1, json!({"items": "1", "revenue": "8"})),
        row("Ecommerce Order", 1, json!({"items": "2"})),
        row("File Download", 1, json!({"path": "/shop", "url": "https://other.example/x"})),
        row("Goal 7", 1, json!({})),
        row("Outbound Link: Click", 1, json!({"path": "/shop", "url": "https://other.example/x"})),
        row(
            "Product View",
            0,
            json!({"category": "shoes, sale", "dimension1": "gold",
            "name": "Red", "price": "9.99", "sku": "S-1"}),
        ),
        row("pageview", 1, json!({"dimension1": "gold"})),
        row("play", 1, json!({"category": "video", "name": "intro", "value": "3"})),
        row(
            "view_search_results",
            1,
            json!({"results": "0", "search_category": "all",
            "search_term": "red shoes"}),
        ),
    ];
    assert_eq!(rows.len(), expected.len());
    for (found, expected) in rows.iter().zip(&expected) {
        for column in ["name", "interactive", "props"] {
            assert_eq!(found[column], expected[column], "{found}");
        }
        let is_order = found["name"] == "Ecommerce Order";
        assert_eq!(found["revenue"].as_f64(), Some(if is_order { 12.5 } else { 0.0 }), "{found}");
        assert_eq!(found["currency"], if is_order { "EUR" } else { "" }, "{found}");
    }
}

/// Status, `X-Headcount`, query, form and headers of a request that is not counted.
type Case<'a> = (u16, &'a str, String, &'a str, &'a [(&'a str, &'a str)]);

#[test]
fn every_request_has_its_answer_and_one_outcome() {
    let program = start(Options::default());
    let mut client = program.client();
    let with = |more: &str| format!("{VIEW}&{more}");
    let elsewhere = "idsite=9&rec=1&url=https%3A%2F%2Felsewhere.example%2F";
    let cases: [Case<'_>; 14] = [
        (200, "ignored; reason=opted_out", with(""), "", &[("DNT", "1")]),
        (
            204,
            "ignored; reason=opted_out",
            with("").replace("send_image=1", "send_image=0"),
            "",
            &[("Sec-GPC", "1")],
        ),
        (200, "ignored; reason=opted_out", with("dnt=1"), "", &[]),
        (200, "ignored; reason=opted_out", String::new(), "gpc=1", &[]),
        (200, "ignored; reason=unknown_site", elsewhere.to_owned(), "", &[]),
        (200, "ignored; reason=excluded", elsewhere.replace("idsite=9", "idsite=1"), "", &[]),
        (200, "ignored; reason=bot", with(""), "", &[("Sec-Purpose", "prefetch")]),
        (400, "rejected; reason=invalid", "rec=1".to_owned(), "", &[]),
        (400, "rejected; reason=invalid", "rec=1&idsite=PLANTED".to_owned(), "", &[]),
        (400, "rejected; reason=invalid", "rec=1&idsite=1&url=PLANTED".to_owned(), "", &[]),
        (400, "rejected; reason=invalid", "rec=1&idsite=1&e_c=a".to_owned(), "", &[]),
        (400, "rejected; reason=invalid", "rec=1&idsite=1".to_owned(), "", &[]),
        (400, "rejected; reason=invalid", String::new(), "{PLANTED", &[]),
        (400, "rejected; reason=invalid", String::new(), "{\"requests\":[]}", &[]),
    ];
    for (status, said, query, body, headers) in &cases {
        let outcome = said.rsplit('=').next().expect("a reason");
        let before = program.counted(outcome);
        let headers = [&[agent()], *headers].concat();
        let answer = client.post(&format!("/matomo.php?{query}"), &headers, body.as_bytes());
        assert_eq!((answer.status, answer.outcome()), (*status, *said), "{query} {body}");
        assert_eq!(program.counted(outcome), before + 1, "{query} {body}");
        assert!(!answer.text().contains("PLANTED"), "{}", answer.text());
        if body.starts_with('{') {
            assert_eq!(answer.json()["status"], "error");
        }
    }
    // Nothing is to be recorded, and so nothing is counted.
    for query in ["idsite=1", "idsite=1&rec=0", "idsite=1&rec=1&ping=1"] {
        assert_eq!(get(&mut client, query).status, 200, "{query}");
    }
    // A picture on a page without a script is on the page that it comes from.
    let page = [agent(), ("Referer", "https://site.example/from?x=1")];
    let answer = client.get("/matomo.php?idsite=1&rec=1", &page);
    assert_eq!((answer.status, answer.outcome()), (200, "accepted"));
    assert_eq!(client.send("PUT", "/piwik.php", &[agent()], b"").status, 405);
    program.wait_rows(1);
    assert_eq!(program.clickhouse().value("SELECT path FROM open_events"), "/from");
}

#[test]
fn a_bulk_request_tells_how_many_were_taken_and_has_limits() {
    let program = start(Options::default());
    let key = program.add_key("site.example", "send");
    let mut client = program.client();
    let mixed = json!({"requests": [
        format!("?{VIEW}"),
        {"idsite": 1, "rec": 1, "url": "https://site.example/object"},
        "?rec=1&idsite=x",
        "?idsite=1&rec=1&ping=1",
        "?idsite=9&rec=1&url=https%3A%2F%2Felsewhere.example%2F",
        7,
    ]});
    let (status, outcome, said) = bulk(&mut client, &mixed);
    assert_eq!((status, outcome.as_str()), (200, "ignored; reason=invalid"));
    assert_eq!(said, json!({"status": "success", "tracked": 3, "invalid": 2}));
    let short = "?idsite=1&rec=1&url=https%3A%2F%2Fsite.example%2Fb";
    let many = |count: usize| json!({"requests": vec![short; count]});
    assert_eq!(bulk(&mut client, &many(500)).2["tracked"], 500);
    assert_eq!(bulk(&mut client, &many(501)).0, 400);
    // A page with a product is two events and one request.
    let both = json!({"requests": [format!("?{VIEW}&_pkn=Red"), "?rec=1&idsite=x&_pkn=Red"]});
    let (_, _, said) = bulk(&mut client, &both);
    assert_eq!(said, json!({"status": "success", "tracked": 1, "invalid": 1}));
    // More than a browser sends takes a key, which may be in the body.
    let large = |token: &str| {
        json!({"requests": [short], "token_auth": token,
        "padding": "p".repeat(70_000)})
    };
    let too_large = (413, "rejected; reason=too_large");
    for token in ["", "hc_send_wrong"] {
        let (status, outcome, said) = bulk(&mut client, &large(token));
        assert_eq!((status, outcome.as_str()), too_large, "{said}");
        assert!(said["error"].as_str().is_some_and(|text| text.contains("256 KiB")), "{said}");
    }
    assert_eq!(bulk(&mut client, &large(&key)).2["tracked"], 1);
    let huge = json!({"requests": [short], "padding": "p".repeat(256 * 1024)}).to_string();
    let answer = program.client().post("/matomo.php", &[agent()], huge.as_bytes());
    assert_eq!((answer.status, answer.outcome()), too_large);
    program.wait_rows(2 + 500 + 2 + 1);
}

#[test]
fn a_send_key_names_address_agent_and_time_and_nobody_else_does() {
    let program = start(Options { clock: Some(MOMENT), ..Options::behind_proxy() });
    let key = program.add_key("site.example", "send");
    let geo = Geo::open();
    let of = |country: &str| {
        let there = |one: &&str| geo.place(one).country == country;
        ADDRESSES.into_iter().find(there).expect("an address of that country")
    };
    let (german, american) = (of("DE"), of("US"));
    let safari = agents::like("Safari", "iOS").text.as_str();
    let encoded: String = url_encoded(safari);
    let named = format!("cip={german}&ua={encoded}&cdt={}", MOMENT - 3_600);
    let page = |name: &str| format!("idsite=1&rec=1&url=https%3A%2F%2Fsite.example%2F{name}");
    let mut client = program.client();
    let mut send = |query: &str, agent: &str| {
        let headers = [("User-Agent", agent), ("X-Forwarded-For", american)];
        client.get(&format!("/matomo.php?{query}"), &headers).outcome().to_owned()
    };
    let token = format!("token_auth={key}");
    let library = "python-requests/2.32";
    for (query, by) in [
        (format!("{}&{named}&{token}", page("1-named")), library),
        (format!("{}&{token}", page("2-nobody")), library),
        (format!("{}&{named}", page("3-no-key")), agent().1),
        (format!("{}&{named}&token_auth=hc_send_wrong", page("4-wrong")), agent().1),
        // Of an id that no site lists, the key says which site it is.
        (format!("idsite=77&rec=1&e_c=a&e_a=5-no-page&{token}"), library),
    ] {
        assert_eq!(send(&query, by), "accepted", "{query}");
    }
    assert_eq!(send(&page("6-bot"), library), "ignored; reason=bot");
    let old = format!("{}&{token}&cdt={}", page("7-old"), MOMENT - 25 * 3_600);
    let answer = program.client().get(&format!("/matomo.php?{old}"), &[agent()]);
    assert_eq!((answer.status, answer.outcome()), (400, "rejected; reason=invalid"));
    assert!(answer.text().starts_with("cdt "), "{}", answer.text());
    let body = json!({"token_auth": key, "requests": [format!("?{}&{named}", page("8-bulk"))]});
    assert_eq!(bulk(&mut program.client(), &body).2["tracked"], 1);
    program.wait_rows(6);
    let rows = program.clickhouse().rows(
        "SELECT path, name, country, browser, visitor != 0 AS known, by_key, channel,
         toUnixTimestamp(ts) AS at FROM open_events ORDER BY path, name",
    );
    let row = |path: &str, country: &str, browser: &str, known: u8, by_key: u8, at: u32| {
        json!({"path": path, "name": "pageview", "country": country, "browser": browser,
            "known": known, "by_key": by_key, "channel": "Direct", "at": at})
    };
    let mut bare = row("", "US", "", 0, 1, MOMENT);
    bare["name"] = json!("5-no-page");
    bare["country"] = json!("");
    let expected = [
        bare,
        row("/1-named", "DE", "Safari", 1, 1, MOMENT - 3_600),
        row("/2-nobody", "", "", 0, 1, MOMENT),
        row("/3-no-key", "US", "Chrome", 1, 0, MOMENT),
        row("/4-wrong", "US", "Chrome", 1, 0, MOMENT),
        row("/8-bulk", "DE", "Safari", 1, 1, MOMENT - 3_600),
    ];
    assert_eq!(rows.len(), expected.len());
    for (found, expected) in rows.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
}

fn url_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn nothing_personal_of_a_request_is_stored() {
    let program = start(Options { log: Some("trace"), ..Options::default() });
    let key = program.add_key("site.example", "send");
    let mut client = program.client();
    let mail = "planted.person%40mail.example";
    let query = format!(
        "idsite=1&rec=1&_id=planted0id&cid=planted0cid&uid={mail}&action_name=planted-title\
         &url=https%3A%2F%2Fsite.example%2Fcanary-path%3Fmail%3D{mail}%26x%3Dplantedquery\
         &urlref=https%3A%2F%2Fneighbour.example%2Fplanted-referrer&e_c=canary-note&e_a=buy\
         &e_n={mail}&ec_id=plantedorder&uadata=%7B%22model%22%3A%22plantedmodel%22%7D\
         &cvar=%7B%221%22%3A%5B%22who%22%2C%22plantedtoken0A1b2C3d4E%22%5D%7D\
         &dimension1=%2Buser%20{mail}&cip=81.2.69.163&ua=plantedagent&city=plantedcity&lat=48.40123"
    );
    assert_eq!(get(&mut client, &query).outcome(), "accepted");
    let keyed = json!({"token_auth": key, "requests": [format!("?{query}")]});
    assert_eq!(bulk(&mut client, &keyed).2["tracked"], 1);
    program.wait_rows(2);
    let planted = [
        "planted0id",
        "planted0cid",
        "planted.person",
        "planted-title",
        "plantedquery",
        "planted-referrer",
        "plantedorder",
        "plantedmodel",
        "plantedtoken0A1b2C3d4E",
        "81.2.69.163",
        "plantedagent",
        "plantedcity",
        "48.40123",
        key.as_str(),
    ];
    let (scan, canaries) = (Scan::new(&planted), Scan::new(&["canary-path", "canary-note"]));
    let mut found = scan.places(&program.clickhouse().dump());
    found.extend(unpack::folder(&scan, program.home().scratch()));
    found.extend(scan.of("standard output", program.lines().join("\n").as_bytes()));
    assert_eq!(found, []);
    let found: Vec<Found> = canaries.places(&program.clickhouse().dump());
    let is_there = |(place, _): &Found| place.contains("table open_events");
    assert!(found.iter().any(is_there), "the look is blind: {found:?}");
}

//! The same browsing through the doors of every tool: the rows are equal in every column that the
//! tool can express, visitor included.

use serde_json::{Value, json};

use crate::support::http::{Answer, Client};
use crate::support::program::{Options, Program};

const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 \
    (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
/// 2093-10-30 12:00 UTC.
const NOON: u32 = 3_907_742_400;
const ADDRESS: &str = "81.2.69.163";
const WEBSITE: &str = "550e8400-e29b-41d4-a716-446655440000";
/// The page that is looked at first, and its parts as some tools send them.
const PATH: &str = "/pricing";
const QUERY: &str = "?utm_source=letter&utm_medium=email&utm_campaign=june&gclid=EAIaIQobChMI";
const REFERRER: &str = "https://neighbour.example/some/page?q=1";
/// The page that is looked at next.
const DOCS: &str = "https://site.example/docs";
/// Columns that say how a row came here.
const WAY: [&str; 3] = ["spool", "batch", "position"];

/// One tool: how it says five things (a page with campaign and referrer, an event on it with a
/// property, a second page, a purchase there, and how long it was looked at), and which columns it
/// cannot fill as we do.
struct Tool {
    name: &'static str,
    send: fn(&mut Client, &str) -> Vec<Answer>,
    cannot: &'static [&'static str],
    /// Which of the five things it says as we do.
    says: &'static [usize],
}

/// All five.
const ALL: &[usize] = &[0, 1, 2, 3, 4];

const TOOLS: [Tool; 10] = [
    Tool { name: "our own", send: own, cannot: &[], says: ALL },
    Tool { name: "Umami", send: umami, cannot: &[], says: ALL },
    Tool { name: "Umami, a batch", send: umami_batch, cannot: &[], says: ALL },
    Tool { name: "GA4", send: ga4, cannot: &[], says: ALL },
    Tool { name: "GA4, a batch", send: ga4_batch, cannot: &[], says: ALL },
    // A server tells no screen, and signs of a machine are not looked for in it.
    Tool {
        name: "Measurement Protocol",
        send: protocol,
        cannot: &["screen", "score", "by_key"],
        says: ALL,
    },
    // A sale of its own has another name, and it sends no time that a page was looked at.
    Tool { name: "Matomo", send: matomo, cannot: &[], says: &[0, 1, 2] },
    Tool { name: "Matomo, in bulk", send: matomo_bulk, cannot: &[], says: &[0, 1, 2] },
    // Its events have a name in the place of the page; a picture is asked for with other headers.
    Tool { name: "GoatCounter", send: goatcounter, cannot: &["score"], says: &[0, 2] },
    // A picture knows neither referrer nor screen.
    Tool {
        name: "the pixel",
        send: pixel,
        cannot: &["referrer", "screen", "score"],
        says: &[0, 2],
    },
];

fn page() -> String {
    format!("https://site.example{PATH}{QUERY}")
}

fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

const HEADERS: [(&str, &str); 3] =
    [("User-Agent", CHROME), ("X-Forwarded-For", ADDRESS), ("Accept-Language", "de-AT,de;q=0.9")];

fn post(client: &mut Client, path: &str, body: &str) -> Answer {
    client.post(path, &HEADERS, body.as_bytes())
}

fn own(client: &mut Client, _key: &str) -> Vec<Answer> {
    let bodies = [
        json!({"n": "pageview", "d": "site.example", "u": page(), "r": REFERRER, "w": 390}),
        json!({"n": "Signup", "d": "site.example", "u": page(), "r": REFERRER, "w": 390,
            "p": {"dimension1": "gold"}}),
        json!({"n": "pageview", "d": "site.example", "u": DOCS, "w": 390}),
        json!({"n": "purchase", "d": "site.example", "u": DOCS, "w": 390,
            "$": {"amount": 9.9, "currency": "USD"}}),
        json!({"n": "engagement", "d": "site.example", "u": DOCS, "w": 390, "e": 4321}),
    ];
    bodies.iter().map(|body| post(client, "/api/event", &body.to_string())).collect()
}

fn of_umami() -> [Value; 5] {
    let common = json!({"website": WEBSITE, "hostname": "site.example", "language": "de-AT",
        "screen": "390x844", "title": "Prices", "referrer": "", "id": "somebody"});
    let with = |kind: &str, more: Value| {
        let mut payload = common.clone();
        let fields = payload.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        json!({"type": kind, "payload": payload})
    };
    let first = format!("{PATH}{QUERY}");
    [
        with("event", json!({"url": first, "referrer": REFERRER})),
        with(
            "event",
            json!({"url": first, "referrer": REFERRER, "name": "Signup",
                "data": {"dimension1": "gold"}}),
        ),
        with("event", json!({"url": "/docs"})),
        with(
            "event",
            json!({"url": "/docs", "name": "purchase",
                "data": {"revenue": 9.9, "currency": "USD"}}),
        ),
        with("engagement", json!({"url": "/docs", "engagement": 4321})),
    ]
}

fn umami(client: &mut Client, _key: &str) -> Vec<Answer> {
    of_umami().iter().map(|body| post(client, "/api/send", &body.to_string())).collect()
}

fn umami_batch(client: &mut Client, _key: &str) -> Vec<Answer> {
    vec![post(client, "/api/batch", &json!(of_umami()).to_string())]
}

fn of_ga4() -> [String; 5] {
    let (page, docs, referrer) = (escaped(&page()), escaped(DOCS), escaped(REFERRER));
    [
        format!("en=page_view&dl={page}&dr={referrer}"),
        format!("en=Signup&dl={page}&dr={referrer}&ep.dimension1=gold"),
        format!("en=page_view&dl={docs}&dr="),
        format!("en=purchase&dl={docs}&cu=USD&epn.value=9.9&ep.transaction_id=T1"),
        format!("en=user_engagement&dl={docs}&_et=4321"),
    ]
}

const SHARED: &str = "/g/collect?v=2&tid=G-ABC123&cid=123.456&sid=1700000000&ul=de-at&sr=390x844";

fn ga4(client: &mut Client, _key: &str) -> Vec<Answer> {
    let events = of_ga4();
    events.iter().map(|event| post(client, &format!("{SHARED}&{event}"), "")).collect()
}

fn ga4_batch(client: &mut Client, _key: &str) -> Vec<Answer> {
    vec![post(client, SHARED, &of_ga4().join("\r\n"))]
}

fn protocol(client: &mut Client, key: &str) -> Vec<Answer> {
    let params =
        |page: &str, referrer: &str| json!({"page_location": page, "page_referrer": referrer});
    let mut signup = params(&page(), REFERRER);
    signup["dimension1"] = json!("gold");
    let on_docs = |more: Value| {
        let mut params = params(DOCS, "");
        params.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
        params
    };
    let bought = on_docs(json!({"currency": "USD", "value": 9.9, "transaction_id": "T1"}));
    let body = json!({"client_id": "123.456", "user_id": "somebody", "ip_override": ADDRESS,
    "user_agent": CHROME, "events": [
        {"name": "page_view", "params": params(&page(), REFERRER)},
        {"name": "Signup", "params": signup},
        {"name": "page_view", "params": params(DOCS, "")},
        {"name": "purchase", "params": bought},
        {"name": "user_engagement", "params": on_docs(json!({"engagement_time_msec": 4321}))},
    ]});
    let path = format!("/mp/collect?measurement_id=G-ABC123&api_secret={key}");
    let headers = [("User-Agent", "server/1.0"), ("Accept-Language", "de-AT")];
    vec![client.post(&path, &headers, body.to_string().as_bytes())]
}

fn of_matomo() -> [String; 3] {
    let common = "idsite=1&rec=1&_id=0123456789abcdef&res=390x844&lang=de-AT&action_name=Prices";
    let (page, referrer) = (escaped(&page()), escaped(REFERRER));
    [
        format!("{common}&url={page}&urlref={referrer}"),
        format!("{common}&url={page}&urlref={referrer}&e_c=Accounts&e_a=Signup&dimension1=gold"),
        format!("{common}&url={}", escaped(DOCS)),
    ]
}

fn matomo(client: &mut Client, _key: &str) -> Vec<Answer> {
    let [first, second, third] = of_matomo();
    vec![
        client.get(&format!("/matomo.php?{first}"), &HEADERS),
        post(client, "/matomo.php", &second),
        client.get(&format!("/piwik.php?{third}"), &HEADERS),
    ]
}

/// Its headers, and the page that a browser names.
fn picture(client: &mut Client, path: &str) -> Answer {
    let mut headers = HEADERS.to_vec();
    headers.push(("Referer", "https://site.example/"));
    client.get(path, &headers)
}

fn goatcounter(client: &mut Client, _key: &str) -> Vec<Answer> {
    let (query, referrer) = (escaped(QUERY), escaped(REFERRER));
    [
        format!("/count?p={PATH}&q={query}&r={referrer}&t=Prices&s=390,844,3&rnd=x"),
        "/count?p=/docs&s=390,844,3".to_owned(),
    ]
    .map(|path| picture(client, &path))
    .into()
}

fn pixel(client: &mut Client, _key: &str) -> Vec<Answer> {
    [page(), DOCS.to_owned()]
        .map(|page| picture(client, &format!("/pixel.gif?site=site.example&u={}", escaped(&page))))
        .into()
}

fn matomo_bulk(client: &mut Client, _key: &str) -> Vec<Answer> {
    let requests = of_matomo().map(|one| format!("?{one}"));
    vec![post(client, "/matomo.php", &json!({"requests": requests}).to_string())]
}

#[test]
fn the_same_browsing_through_every_door_gives_the_same_rows() {
    let options = Options { clock: Some(NOON), ..Options::behind_proxy() };
    let options = options.site("site.example", "UTC");
    let program = Program::start(options);
    let ids = format!("ga4:G-ABC123,umami:{WEBSITE},matomo:1");
    let rules = ["--ids", &ids, "--properties", "dimension1"];
    program.run(&[&["site", "rules", "site.example"], &rules[..]].concat()).expect_ok("rules");
    let key = program.add_key("site.example", "send");
    let mut client = program.client();
    for tool in &TOOLS {
        for answer in (tool.send)(&mut client, &key) {
            assert_eq!(answer.outcome(), "accepted", "{}: {}", tool.name, answer.text());
        }
    }
    let told = TOOLS.iter().map(|tool| tool.says.len()).sum::<usize>();
    program.wait_rows(told as u64);
    let rows = program.clickhouse().rows("SELECT * FROM open_events ORDER BY batch, position");
    let expected: Vec<Value> = rows.iter().take(ALL.len()).cloned().collect();
    assert_eq!(expected[0]["path"], PATH);
    assert_ne!(expected[0]["visitor"], json!("0"));
    assert_eq!(expected[1]["props"], json!({"dimension1": "gold"}));
    assert_eq!((&expected[3]["revenue"], &expected[3]["currency"]), (&json!(9.9), &json!("USD")));
    assert_eq!(
        (&expected[4]["name"], &expected[4]["engaged_ms"]),
        (&json!("engagement"), &json!(4321))
    );
    let mut rows = rows.iter();
    for tool in &TOOLS {
        for place in tool.says {
            check(tool, rows.next().expect("a row"), &expected[*place]);
        }
    }
}

fn check(tool: &Tool, found: &Value, expected: &Value) {
    for (column, value) in expected.as_object().expect("an object") {
        let column = column.as_str();
        // Requests may lie on both sides of a second or an hour.
        let moves = ["ts", "hour"].contains(&column);
        if !moves && !WAY.contains(&column) && !tool.cannot.contains(&column) {
            assert_eq!(&found[column], value, "{column}, {}", tool.name);
        }
    }
}

//! Google Analytics 4 from browsers, by its own door: what its clients send, what they are answered,
//! and what becomes a row.

use serde_json::{Value, json};

use crate::support::agents;
use crate::support::http::{Answer, Client, Headers};
use crate::support::program::{Options, Program};

/// 2093-06-15 22:30:15 UTC.
const MOMENT: u32 = 3_895_943_415;
/// What all hits of a page share, as gtag.js sends it.
const SHARED: &str = "v=2&tid=G-ABC123&gtm=45je5&_p=1700000000000&gcs=G111&gcd=13l3l3l3l1&npa=0\
    &dma=0&cid=1234567890.1700000000&ul=de-at&sr=390x844&uaa=x86&uab=64&pscdl=noapi&_s=1\
    &sid=1700000001&sct=1&seg=1&dt=Planted%20title";
const PAGE: &str = "dl=https%3A%2F%2Fsite.example%2Fshop%3Futm_source%3DNewsletter%26id%3D7\
    &dr=https%3A%2F%2Fneighbour.example%2Fsome%2Fpage";
/// Properties of the shop's events.
const PROPERTIES: &str = "currency,value,item_list_name,coupon,payment_type,shipping_tier,tax,\
    shipping,method,percent_scrolled,link_url,outbound,search_term,file_name,label,transaction_id,\
    user_id,customer,note,plan";

pub(super) fn agent() -> (&'static str, &'static str) {
    ("User-Agent", agents::like("Chrome", "Windows").text.as_str())
}

pub(super) fn start(options: Options) -> Program {
    let program = Program::start(options.site("site.example", "UTC"));
    program
        .run(&["site", "rules", "site.example", "--properties", PROPERTIES])
        .expect_ok("site rules");
    program
}

pub(super) fn hit(client: &mut Client, query: &str, body: &str) -> Answer {
    let path = format!("/g/collect?{query}");
    let answer = client.post(&path, &[agent(), ("Content-Type", "text/plain")], body.as_bytes());
    assert_eq!((answer.status, answer.body.len()), (204, 0), "{query}");
    answer
}

pub(super) fn columns(program: &Program, columns: &str) -> Vec<Value> {
    program.clickhouse().rows(&format!("SELECT {columns} FROM open_events ORDER BY ts, position"))
}

#[test]
fn a_page_view_is_the_row_that_our_own_script_leaves() {
    let program = start(Options { clock: Some(MOMENT), ..Options::default() });
    let mut client = program.client();
    let page = "https://site.example/shop?utm_source=Newsletter&id=7";
    let own = json!({"n": "pageview", "d": "site.example", "u": page, "w": 390, "l": "de",
        "r": "https://neighbour.example/some/page"});
    let answer = client.post("/api/event", &[agent()], own.to_string().as_bytes());
    assert_eq!(answer.outcome(), "accepted");
    let shared = format!("{SHARED}&{PAGE}");
    let by_get = format!("/g/collect?{shared}&en=page_view&_ss=1&_fv=1&_et=0");
    let answer = client.get(&by_get, &[agent()]);
    assert_eq!((answer.status, answer.outcome(), answer.body.len()), (204, "accepted", 0));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(hit(&mut client, &format!("{shared}&en=page_view"), "").outcome(), "accepted");
    assert_eq!(hit(&mut client, &shared, "en=page_view&_ee=1").outcome(), "accepted");
    program.wait_rows(4);
    let kinds = columns(&program, "DISTINCT * EXCEPT (spool, batch, position, ts)");
    assert_eq!(kinds.len(), 1, "{kinds:#?}");
    assert_eq!((&kinds[0]["source"], &kinds[0]["screen"]), (&json!("Newsletter"), &json!("Small")));
}

#[test]
fn a_batch_is_its_events_under_their_own_names_and_engaged_time_is_engagement() {
    let program = start(Options { clock: Some(MOMENT), ..Options::default() });
    let mut client = program.client();
    let body = "en=page_view&_ee=1\n\
        en=scroll&_ee=1&epn.percent_scrolled=90&_et=5000\n\
        en=click&ep.link_url=https%3A%2F%2Fother.example%2Fx%3Ftoken%3D1&ep.outbound=true\n\
        en=view_search_results&ep.search_term=red%20shoes\n\
        en=session_start\n\
        en=user_engagement&_et=1200";
    assert_eq!(hit(&mut client, &format!("{SHARED}&{PAGE}"), body).outcome(), "accepted");
    program.wait_rows(6);
    let found = columns(&program, "name, interactive, engaged_ms, scroll, props");
    let row = |name: &str, interactive: u8, engaged: u32, props: Value| {
        json!({"name": name, "interactive": interactive, "engaged_ms": engaged, "scroll": 255,
            "props": props})
    };
    let mut expected = [
        row("pageview", 1, 0, json!({})),
        row("scroll", 0, 0, json!({"percent_scrolled": "90"})),
        row("engagement", 0, 5000, json!({})),
        row("click", 1, 0, json!({"link_url": "https://other.example/x", "outbound": "true"})),
        row("view_search_results", 0, 0, json!({"search_term": "red shoes"})),
        row("engagement", 0, 1200, json!({})),
    ];
    let mut found = found;
    let by_text = |one: &Value| one.to_string();
    found.sort_by_key(by_text);
    expected.sort_by_key(by_text);
    assert_eq!(found, expected);
}

/// The documentation's shop: what a visitor does from a list to the till, and back.
const SHOP: [(&str, &str); 11] = [
    (
        "view_item_list",
        "ep.item_list_id=related_products&ep.item_list_name=Related&pr1=idSKU_1&pr2=idSKU_2",
    ),
    ("select_item", "ep.item_list_name=Related&pr1=idSKU_1"),
    ("view_item", "cu=USD&epn.value=30.03&pr1=idSKU_1~nmStan~brGoogle~pr10.01~qt3"),
    ("add_to_cart", "cu=USD&epn.value=30.03&pr1=idSKU_1~pr10.01~qt3"),
    ("view_cart", "cu=USD&epn.value=30.03&pr1=idSKU_1~pr10.01~qt3"),
    ("remove_from_cart", "cu=USD&epn.value=10.01&pr1=idSKU_1~pr10.01~qt1"),
    ("begin_checkout", "cu=USD&epn.value=20.02&ep.coupon=SUMMER_FUN&pr1=idSKU_1~qt2"),
    ("add_shipping_info", "cu=USD&epn.value=20.02&ep.shipping_tier=Ground&pr1=idSKU_1~qt2"),
    ("add_payment_info", "cu=USD&epn.value=20.02&ep.payment_type=Credit%20Card&pr1=idSKU_1~qt2"),
    (
        "purchase",
        "cu=USD&epn.value=72.05&ep.transaction_id=T_12345&epn.tax=3.60&epn.shipping=5.99\
         &ep.coupon=SUMMER_SALE&pr1=idSKU_1~pr10.01~qt3&pr2=idSKU_2~pr21.01~qt2",
    ),
    ("refund", "cu=USD&epn.value=21.01&ep.transaction_id=T_12345&pr1=idSKU_2~qt1"),
];

#[test]
fn the_documentations_shop_gives_revenue_currency_and_items() {
    let program = start(Options { clock: Some(MOMENT), ..Options::default() });
    let mut client = program.client();
    for (name, more) in SHOP {
        hit(&mut client, &format!("{SHARED}&{PAGE}&en={name}&{more}"), "");
    }
    program.wait_rows(11);
    let money = program.clickhouse().rows(
        "SELECT name, toFloat64(revenue) AS revenue, currency, props['items'] AS items,
         props['value'] AS value FROM open_events WHERE name IN ('purchase', 'refund',
         'add_to_cart', 'view_item_list') ORDER BY name",
    );
    let row = |name: &str, revenue: f64, currency: &str, items: &str, value: &str| {
        json!({"name": name, "revenue": revenue, "currency": currency, "items": items,
            "value": value})
    };
    let expected = [
        row("add_to_cart", 0.0, "", "1", "30.03"),
        row("purchase", 72.05, "USD", "2", ""),
        row("refund", -21.01, "USD", "1", ""),
        row("view_item_list", 0.0, "", "2", ""),
    ];
    let same = |found: &Value, expected: &Value| {
        found.as_object().expect("a row").iter().all(|(name, value)| match value.as_f64() {
            Some(number) => expected[name].as_f64() == Some(number),
            None => &expected[name] == value,
        })
    };
    assert_eq!(money.len(), expected.len());
    assert!(
        money.iter().zip(&expected).all(|(found, expected)| same(found, expected)),
        "{money:?}"
    );
    // Nothing tells one order from another.
    let orders = "SELECT count() FROM open_events WHERE mapContains(props, 'transaction_id')";
    assert_eq!(program.clickhouse().value(orders), "0");
    let visitors = "SELECT uniq(visitor) FROM open_events WHERE visitor != 0";
    assert_eq!(program.clickhouse().value(visitors), "1");
}

/// Outcome, query, body and headers of a request.
type Case<'a> = (&'a str, &'a str, &'a str, Headers<'a>);

#[test]
fn every_request_is_answered_with_nothing_and_its_outcome() {
    let program = start(Options::default());
    let mut client = program.client();
    let one = |more: &str| format!("{SHARED}&{PAGE}&{more}");
    let elsewhere = "v=2&tid=G-1&en=x&dl=https%3A%2F%2Felsewhere.example%2F";
    let long = format!("en={}", "x".repeat(41));
    let lines = "en=x\n".repeat(101);
    let cases: [Case<'_>; 14] = [
        ("accepted", &one("en=x"), "", &[]),
        ("accepted", &one(&format!("en={}", "x".repeat(40))), "", &[]),
        ("opted_out", &one("en=x"), "", &[("DNT", "1")]),
        ("opted_out", &one("en=x"), "", &[("Sec-GPC", "1")]),
        ("opted_out", &one("en=x&dnt=1"), "", &[]),
        ("opted_out", &one("en=x").replace("gcs=G111", "gcs=G100"), "", &[]),
        ("opted_out", &one("en=x").replace("gcs=G111", "gcs=G110"), "", &[]),
        ("excluded", &one("en=session_start"), "", &[]),
        ("unknown_site", elsewhere, "", &[]),
        ("invalid", &one(&long), "", &[]),
        ("invalid", &one("en=x").replace("v=2", "v=1"), "", &[]),
        ("invalid", "", "{not a hit", &[]),
        ("invalid", &one(""), &lines, &[]),
        ("bot", &one("en=x"), "", &[("Sec-Purpose", "prefetch")]),
    ];
    for (outcome, query, body, headers) in cases {
        let before = program.counted(outcome);
        let headers = [&[agent()], headers].concat();
        let answer = client.post(&format!("/g/collect?{query}"), &headers, body.as_bytes());
        assert_eq!((answer.status, answer.body.len()), (204, 0), "{query} {body}");
        let said = answer.outcome();
        let expected = format!("ignored; reason={outcome}");
        assert!(said == outcome || said == expected, "{said} for {query}");
        let counted = program.counted(outcome) - before;
        // What is derived from ids is no event, and has no outcome of its own.
        assert_eq!(counted, u64::from(!query.contains("session_start")), "{query}");
    }
    let large = "en=x&ep.a=".to_owned() + &"z".repeat(70_000);
    let answer = program.client().post("/g/collect?v=2", &[agent()], large.as_bytes());
    assert_eq!((answer.status, answer.outcome()), (204, "ignored; reason=too_large"));
    assert_eq!(client.send("PUT", "/g/collect", &[agent()], b"").status, 405);
    assert_eq!(client.get("/mp/collect", &[agent()]).status, 405);
    let asked = client.send("OPTIONS", "/g/collect", &[("Origin", "https://site.example")], b"");
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (204, Some("*")));
    program.wait_rows(2);
}

#[test]
fn a_site_is_found_by_its_id_before_the_host_of_its_page() {
    let options = Options::default().site("other.example", "UTC");
    let program = start(options);
    let ids = ["--ids", "ga4:G-ABC123"];
    program.run(&[&["site", "rules", "other.example"], &ids[..]].concat()).expect_ok("ids");
    let mut client = program.client();
    // The id is that of the other site, which does not count this page.
    let known = hit(&mut client, &format!("{SHARED}&{PAGE}&en=x"), "");
    assert_eq!(known.outcome(), "ignored; reason=excluded");
    let unknown = format!("{SHARED}&{PAGE}&en=x").replace("G-ABC123", "G-OTHER");
    assert_eq!(hit(&mut client, &unknown, "").outcome(), "accepted");
    program.wait_rows(1);
}

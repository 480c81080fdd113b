//! Requests of Matomo's clients and what becomes of them.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::ingest::PAGEVIEW;
use crate::ingest::adapters::matomo::bulk::REQUESTS_MAX;

const PAGE: &str = "url=https%3A%2F%2Fsite.example%2Fa";

fn found_of(query: &str) -> Hits<'static> {
    tracked(query.to_owned().leak(), b"", None)
}

fn hits(query: &str) -> Vec<Hit<'static>> {
    let found = found_of(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    let hit = |found| match found {
        Found::Hit(hit) => Some(*hit),
        Found::Nothing => None,
        Found::Wrong(error) => panic!("{error}"),
    };
    found.into_iter().filter_map(hit).collect()
}

/// The one event of a request with these parameters besides the usual ones.
fn of(more: &str) -> Hit<'static> {
    let mut all = hits(&format!("idsite=1&rec=1&{PAGE}&{more}"));
    assert_eq!(all.len(), 1, "{more}");
    all.remove(0)
}

fn wrong(query: &str) -> &'static str {
    found_of(query).err().unwrap_or_else(|| panic!("{query} is not wrong")).field
}

fn name_and_props(hit: &Hit<'_>) -> (String, Vec<(String, String)>) {
    (hit.payload.name().to_owned(), hit.payload.props.fit.clone())
}

#[test]
fn a_page_view_is_ours_and_nothing_of_ids_or_titles() {
    let query = "idsite=007&rec=1&action_name=Title&url=https%3A%2F%2Fwww.site.example%2Fa%3Fid%3D7\
        &urlref=https%3A%2F%2Fwww.neighbour.example%2Fx&_id=0123456789abcdef&rand=1&apiv=1&h=1&m=2\
        &res=1920x1080&lang=de-at&uid=jane&cid=0123456789abcdef&cookie=1&pf_net=3&pv_id=abc&bots=1";
    let all = hits(query);
    let [view] = all.as_slice() else { panic!("one event") };
    let payload = &view.payload;
    assert_eq!((payload.name(), payload.sites()), (PAGEVIEW, &["matomo:7".into()][..]));
    let page = payload.page.as_ref().unwrap();
    assert_eq!((&*page.hostname, &*page.path), ("site.example", "/a"));
    assert_eq!((&*payload.referrer, &*payload.language), ("neighbour.example", "de"));
    assert_eq!((payload.screen, payload.interactive), ("Extra large", true));
    assert!(payload.props.fit.is_empty() && payload.revenue.is_none() && payload.of_server);
    assert!(view.named.address.is_none() && view.named.at.is_none());
}

#[test]
fn every_action_has_its_name_and_properties() {
    let link = "https%3A%2F%2Fother.example%2Fx%3Fsecret%3D1";
    for (more, name, props) in [
        (
            &*format!("link={link}"),
            "Outbound Link: Click",
            json!({"url": "https://other.example/x"}),
        ),
        (&format!("download={link}"), "File Download", json!({"url": "https://other.example/x"})),
        (
            "search=red+shoes&search_cat=all&search_count=0",
            "view_search_results",
            json!({"search_term": "red shoes", "search_category": "all", "results": "0"}),
        ),
        ("search=a", "view_search_results", json!({"search_term": "a"})),
        (
            "e_c=+video+&e_a=+play+&e_n=intro&e_v=1.5&ca=1",
            "play",
            json!({"category": "video", "name": "intro", "value": "1.5"}),
        ),
        (
            "c_n=ad&c_p=a.png&c_t=%2Fx",
            "Content Impression",
            json!({"name": "ad", "piece": "a.png", "target": "/x"}),
        ),
        ("c_n=ad&c_i=click", "Content Interaction", json!({"name": "ad", "interaction": "click"})),
        ("idgoal=3", "Goal 3", json!({})),
        ("idgoal=3&revenue=9.5", "Goal 3", json!({"revenue": "9.5"})),
        (
            "idgoal=0&ec_id=A-77&revenue=12.5&ec_items=%5B%5B%22s%22%2C%22n%22%2C%22c%22%2C1%2C2%5D%2C%5B%22t%22%5D%5D",
            "Ecommerce Order",
            json!({"items": "2", "revenue": "12.5"}),
        ),
        ("idgoal=0&revenue=12&currency=EUR", "Ecommerce Cart Update", json!({"revenue": "12"})),
        (
            "dimension1=gold&dimension999=x&dimension0=x&dimension1000=x&dimension01=x",
            PAGEVIEW,
            json!({"dimension1": "gold", "dimension999": "x"}),
        ),
        (
            "cvar=%7B%221%22%3A%5B%22plan%22%2C%22pro%22%5D%7D&_cvar=%7B%222%22%3A%5B%22kind%22%2C3%5D%2C%223%22%3A%5B%22who%22%2C%22a%40b.example%22%5D%7D",
            PAGEVIEW,
            json!({"plan": "pro", "kind": "3"}),
        ),
    ] {
        let hit = of(more);
        let (found, kept) = name_and_props(&hit);
        let kept: Value = kept
            .into_iter()
            .map(|(n, v)| (n, Value::from(v)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        assert_eq!((found.as_str(), kept), (name, props), "{more}");
        assert!(hit.payload.revenue.is_none(), "{more}");
        assert_eq!(hit.payload.interactive, name != "Content Impression", "{more}");
    }
}

#[test]
fn an_amount_with_a_currency_is_revenue() {
    let order = of("idgoal=0&ec_id=7&revenue=1322.22&currency=eur").payload;
    let revenue = order.revenue.unwrap();
    assert_eq!((revenue.thousandths, &*revenue.currency), (1_322_220, "EUR"));
    assert_eq!(of("idgoal=2&revenue=5&currency=USD").payload.revenue.unwrap().thousandths, 5_000);
    let odd = of("idgoal=2&revenue=5&currency=Euro");
    assert!(odd.payload.revenue.is_none());
    assert_eq!(name_and_props(&odd).1, [("revenue".to_owned(), "5".to_owned())]);
}

#[test]
fn a_product_is_an_event_beside_the_view_of_its_page() {
    let all = hits(&format!("idsite=1&rec=1&{PAGE}&_pkc=shoes&_pkp=9.99&_pks=S-1&_pkn=Red"));
    let [view, product] = all.as_slice() else { panic!("two events") };
    assert_eq!(view.payload.name(), PAGEVIEW);
    let (name, props) = name_and_props(product);
    let own = [("category", "shoes"), ("name", "Red"), ("price", "9.99"), ("sku", "S-1")];
    assert_eq!(
        (name.as_str(), props),
        ("Product View", own.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec())
    );
    assert!(!product.payload.interactive, "looking is no second action");
}

#[test]
fn what_is_not_to_be_recorded_is_nothing() {
    for query in [
        "idsite=1",
        "idsite=1&rec=0",
        "idsite=1&rec=1&ping=1",
        "idsite=1&rec=1&ca=1&url=https%3A%2F%2Fsite.example%2F",
        "rec=0",
    ] {
        assert!(matches!(found_of(query).unwrap()[..], [Found::Nothing]), "{query}");
    }
    for query in ["dnt=1", "gpc=1&idsite=1&rec=1", "dnt=0&dnt=1x"] {
        assert!(
            matches!(&found_of(query).unwrap()[..], [Found::Hit(hit)] if hit.payload.opted_out())
        );
    }
}

#[test]
fn errors_name_the_field() {
    for (query, field) in [
        ("rec=1", "idsite"),
        ("rec=1&idsite=0", "idsite"),
        ("rec=1&idsite=x1", "idsite"),
        ("rec=1&idsite=1234567890", "idsite"),
        ("rec=1&idsite=1&url=SECRET", "url"),
        ("rec=1&idsite=1&e_c=a", "e_c_or_a"),
        ("rec=1&idsite=1&e_a=a", "e_c"),
        ("rec=1&idsite=1&e_c=a&e_a=+", "e_c_or_a"),
        ("rec=1&idsite=1&e_c=a&e_a=engagement", "e_a"),
        ("rec=1&idsite=1&idgoal=x", "idgoal"),
        ("rec=1&idsite=1&cdt=soon", "cdt"),
    ] {
        let found = wrong(query);
        assert!(found == field || (field == "e_c_or_a" && found == "e_a"), "{query}: {found}");
    }
    assert_eq!(of("idsite=2").payload.sites(), ["matomo:1"], "the first counts");
    let long = |chars: usize| format!("rec=1&idsite=1&{PAGE}&e_c=a&e_a={}", "x".repeat(chars));
    assert!(found_of(&long(120)).is_ok());
    assert_eq!(wrong(&long(121)), "e_a");
}

#[test]
fn campaigns_of_the_request_count_where_the_page_names_none() {
    let campaign = |more: &str| of(more).payload.page.unwrap().campaign;
    let told = campaign("_rcn=spring&_rck=shoes");
    assert_eq!((told.campaign.as_str(), told.term.as_str()), ("spring", "shoes"));
    let page = "https%3A%2F%2Fsite.example%2F%3Fmtm_campaign%3Down%26mtm_source%3Dnews";
    let all = hits(&format!("idsite=1&rec=1&url={page}&_rcn=other"));
    let own = &all[0].payload.page.as_ref().unwrap().campaign;
    assert_eq!((own.campaign.as_str(), own.source.as_str()), ("own", "news"));
}

#[test]
fn what_a_server_names_is_read() {
    let named = of("cip=203.0.113.9&ua=Agent%2F1&cdt=2026-07-31+12%3A00%3A00&token_auth=hc").named;
    assert_eq!(
        (named.address.as_deref(), named.user_agent.as_deref()),
        (Some("203.0.113.9"), Some("Agent/1"))
    );
    assert_eq!(named.at, Some(1_785_499_200));
    assert_eq!(of("cdt=1785499200").named.at, Some(1_785_499_200));
    assert_eq!(token(b"idsite=1&token_auth=hc_send_x").as_deref(), Some("hc_send_x"));
    assert_eq!(token(b"token_auth="), None);
    assert!(is_without_image(b"a=1&send_image=0") && !is_without_image(b"send_image=1"));
}

#[test]
fn the_page_of_a_picture_is_its_referer_and_forms_are_read() {
    let referer = Some(&b"https://site.example/from"[..]);
    let path = |query: &'static str, body: &'static [u8]| {
        let Ok(mut found) = tracked(query, body, referer) else { panic!("{query}") };
        let Found::Hit(hit) = found.remove(0) else { panic!("{query}") };
        hit.payload.page.map(|page| page.path.into_owned())
    };
    assert_eq!(path("idsite=1&rec=1", b"").as_deref(), Some("/from"));
    assert_eq!(path("idsite=1&rec=1&urlref=x", b""), None);
    let form = b"rec=1&url=https%3A%2F%2Fsite.example%2Fform";
    assert_eq!(path("idsite=1", form).as_deref(), Some("/form"));
    let beside = b"rec=1&url=https%3A%2F%2Fsite.example%2Fform&idsite=9";
    assert_eq!(
        path("idsite=1&url=https%3A%2F%2Fsite.example%2Fquery", beside).as_deref(),
        Some("/query")
    );
}

#[test]
fn a_bulk_request_has_queries_or_objects() {
    let page = "https://site.example/b";
    let body = json!({"token_auth": "hc_send_x", "requests": [
        format!("?idsite=1&rec=1&{PAGE}"),
        format!("idsite=2&rec=1&{PAGE}&e_c=a&e_a=b"),
        {"idsite": 3, "rec": 1, "url": page, "cvar": {"1": ["plan", "pro"]}, "ec_items": [["a"]], "ping": false},
        "?rec=1",
        7,
        "?idsite=1&rec=1&ping=1",
    ]})
    .to_string();
    assert!(bulk::is_bulk(body.as_bytes()) && !bulk::is_bulk(b"idsite=1"));
    let bulk = bulk::read(body.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(bulk.token.as_deref(), Some("hc_send_x"));
    let told: Vec<String> = bulk
        .events()
        .iter()
        .map(|found| match found {
            Found::Hit(hit) => format!("{} {}", hit.payload.sites()[0], hit.payload.name()),
            Found::Nothing => "nothing".to_owned(),
            Found::Wrong(error) => error.field.to_owned(),
        })
        .collect();
    let expected =
        ["matomo:1 pageview", "matomo:2 b", "matomo:3 pageview", "idsite", "requests", "nothing"];
    assert_eq!(told, expected);
    let in_entry = json!({"requests": ["?idsite=1&token_auth=hc_send_y"]}).to_string();
    assert_eq!(bulk::read(in_entry.as_bytes()).ok().unwrap().token.as_deref(), Some("hc_send_y"));
}

#[test]
fn a_key_of_one_entry_is_not_that_of_the_others() {
    let mine = "?idsite=1&rec=1&token_auth=hc_send_x";
    let read = |own: Value, entries: &[&str]| {
        let body = json!({"requests": entries, "token_auth": own}).to_string();
        bulk::read(body.as_bytes()).map(|bulk| bulk.token).map_err(|error| error.field)
    };
    let token = |text: &str| Ok(Some(text.to_owned()));
    for other in ["?idsite=2&rec=1", "?idsite=2&rec=1&token_auth=hc_send_y"] {
        assert_eq!(read(Value::Null, &[mine, other]), Err("token_auth"), "{other}");
        assert_eq!(read("".into(), &[other, mine]), Err("token_auth"), "{other}");
        assert_eq!(read("hc_send_z".into(), &[mine, other]), token("hc_send_z"));
    }
    assert_eq!(read(Value::Null, &[mine, "?rec=1&token_auth=hc_send_x"]), token("hc_send_x"));
    assert_eq!(read(Value::Null, &["?rec=1", "?rec=1"]), Ok(None));
}

#[test]
fn a_no_beside_the_entries_or_behind_many_pairs_is_heard() {
    let opts_out = |found: &Hits<'_>| {
        let is_no = |one: &Found<'_>| matches!(one, Found::Hit(hit) if hit.payload.opted_out());
        found.as_ref().is_ok_and(|all| all.len() == 1 && all.iter().all(is_no))
    };
    let view = format!("idsite=1&rec=1&{PAGE}");
    for (field, expected) in [
        (r#""dnt":1"#, true),
        (r#""dnt":"1yes""#, true),
        (r#""gpc":true"#, true),
        (r#""gpc":"1","dnt":0"#, true),
        (r#""dnt":0,"gpc":"10""#, false),
        (r#""dnt":null"#, false),
    ] {
        let body = format!(r#"{{{field},"requests":["?{view}"]}}"#);
        assert_eq!(
            opts_out(&bulk::read(body.as_bytes()).map(bulk::Bulk::events)),
            expected,
            "{field}"
        );
    }
    let many = format!("{view}{}&gpc=1", "&a=b".repeat(PAIRS_MAX));
    assert!(
        opts_out(&tracked(&many, b"", None)) && opts_out(&tracked(&view, many.as_bytes(), None))
    );
    let body = json!({"requests": [many]}).to_string();
    assert!(opts_out(&bulk::read(body.as_bytes()).map(bulk::Bulk::events)));
    assert!(!opts_out(&tracked(&view, b"dnt=0", None)));
}

#[test]
fn a_bulk_request_is_refused_as_a_whole_when_it_is_none() {
    assert_eq!(REQUESTS_MAX, 500);
    let many = |count: usize| json!({"requests": vec!["?idsite=1"; count]}).to_string();
    assert_eq!(
        bulk::read(many(REQUESTS_MAX).as_bytes()).ok().unwrap().events().len(),
        REQUESTS_MAX
    );
    let deep = format!(r#"{{"requests":{}"#, "[".repeat(50_000));
    for body in [&*many(REQUESTS_MAX + 1), &many(0), "{}", "{", r#"{"requests":"x"}"#, &deep] {
        assert_eq!(bulk::read(body.as_bytes()).err().unwrap().field, "requests");
    }
}

proptest! {
    #[test]
    fn any_bytes_give_bounded_events(
        junk in any::<Vec<u8>>(),
        text in "\\PC{0,60}",
        names in proptest::collection::vec(0..NAMES.len(), 0..12),
    ) {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("idsite", "1").append_pair("rec", "1").append_pair("url", "https://e.example/");
        for name in names {
            query.append_pair(NAMES[name], &text);
        }
        let query = query.finish();
        for found in [tracked(&query, &junk, Some(&junk)), tracked(&text, &junk, None)].into_iter().flatten() {
            prop_assert!(found.len() <= 2);
            for one in found {
                let Found::Hit(hit) = one else { continue };
                prop_assert!(hit.payload.name().len() <= 480 && hit.payload.props.fit.len() <= 30);
            }
        }
        prop_assert!(bulk::read(&junk).is_err());
        let body = json!({"requests": [query, text]}).to_string();
        match bulk::read(body.as_bytes()) {
            Ok(bulk) => prop_assert!(bulk.events().len() <= 4),
            Err(error) => prop_assert_eq!(error.field, "token_auth"),
        }
    }
}

//! Requests of gtag.js and what becomes of them, with every limit of the format at its edges.

use proptest::prelude::*;

use super::*;
use crate::ingest::adapters::ga4::event::{
    NAME_CHARS_MAX, PAGE_CHARS_MAX, PARAM_NAME_CHARS_MAX, PARAM_VALUE_CHARS_MAX, PARAMS_MAX,
};
use crate::ingest::payload::ENGAGED_MS_LIMIT;
use crate::ingest::{ENGAGEMENT, PAGEVIEW, PayloadError};

/// A page view as gtag.js sends it.
const VIEW: &str = "v=2&tid=G-ABC123&gtm=45je&_p=17&gcs=G111&cid=123.456&ul=de-at&sr=390x844\
    &uid=jane&sid=17&sct=2&seg=1&en=page_view&dl=https%3A%2F%2Fsite.example%2Fa%3Fid%3D7\
    &dr=https%3A%2F%2Fwww.neighbour.example%2Fx&dt=Title&up.plan=gold&uaa=x86&_ss=1&_fv=1";
const PAGE: &str = "https%3A%2F%2Fsite.example%2Fa";

fn found(query: &str, body: &str) -> Vec<Found<'static>> {
    let (query, body) = (query.to_owned().leak(), body.to_owned().leak());
    collect(query, body.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

fn payloads(query: &str, body: &str) -> Vec<Payload<'static>> {
    let payload = |found| match found {
        Found::Hit(hit) => Some(hit.payload),
        Found::Nothing => None,
        Found::Wrong(error) => panic!("{error}"),
    };
    found(query, body).into_iter().filter_map(payload).collect()
}

/// The one event of a name with further parameters.
fn of(name: &str, more: &str) -> Payload<'static> {
    let query = format!("v=2&tid=G-1&dl={PAGE}&en={name}&{more}");
    let mut all = payloads(&query, "");
    assert_eq!(all.len(), 1, "{query}");
    all.remove(0)
}

fn props(payload: &Payload<'_>) -> Vec<(String, String)> {
    payload.props.fit.clone()
}

fn wrong(query: &str) -> PayloadError {
    match collect(query, b"") {
        Err(error) => error,
        Ok(mut found) => match found.remove(0) {
            Found::Wrong(error) => error,
            _ => panic!("{query} is not wrong"),
        },
    }
}

#[test]
fn a_page_view_is_ours_and_nothing_of_ids_or_titles() {
    let all = payloads(VIEW, "");
    let [view] = all.as_slice() else { panic!("one event") };
    assert_eq!(view.sites(), ["ga4:g-abc123"]);
    assert_eq!((view.name(), view.screen, &*view.language), (PAGEVIEW, "Small", "de"));
    assert_eq!(view.referrer, "neighbour.example");
    let page = view.page.as_ref().unwrap();
    assert_eq!((&*page.hostname, &*page.path), ("site.example", "/a"));
    assert!(view.interactive && view.revenue.is_none() && !view.of_server);
    assert_eq!(props(view), []);
    assert_eq!(with_referrer_ignored(), "");
}

fn with_referrer_ignored() -> String {
    payloads(&format!("{VIEW}&ir=1"), "").remove(0).referrer.into_owned()
}

#[test]
fn lines_of_a_body_are_events_over_what_all_share() {
    let shared = format!("v=2&tid=G-1&ul=en-us&dl={PAGE}&cu=USD");
    let body = "en=page_view&_et=0\r\n\nen=login&ep.method=mail&_et=1500\n\
        en=page_view&dl=https%3A%2F%2Fsite.example%2Fb\nen=user_engagement&_et=2000";
    let all = payloads(&shared, body);
    let told: Vec<_> = all
        .iter()
        .map(|one| (one.name(), &*one.page.as_ref().unwrap().path, one.engaged_ms))
        .collect();
    let expected = [
        (PAGEVIEW, "/a", 0),
        ("login", "/a", 0),
        (ENGAGEMENT, "/a", 1500),
        (PAGEVIEW, "/b", 0),
        (ENGAGEMENT, "/a", 2000),
    ];
    assert_eq!(told, expected);
    assert!(all.iter().all(|one| one.language == "en"));
    assert!(all.iter().all(|one| one.interactive == (one.name() != ENGAGEMENT)));
    // A body alone will do.
    let whole = format!("v=2&tid=G-1&en=login&dl={PAGE}");
    assert_eq!(payloads("", &whole).len(), 1);
}

#[test]
fn what_is_derived_from_ids_is_not_counted_and_engaged_time_has_limits() {
    for (name, ms, expected) in [
        ("session_start", 500, 0),
        ("first_visit", 500, 0),
        ("user_engagement", 0, 0),
        ("user_engagement", 1, 1),
        ("user_engagement", ENGAGED_MS_LIMIT - 1, 1),
        ("user_engagement", ENGAGED_MS_LIMIT, 0),
        ("page_view", 0, 1),
        ("page_view", 1, 2),
    ] {
        let query = format!("v=2&tid=G-1&dl={PAGE}&en={name}&_et={ms}");
        assert_eq!(payloads(&query, "").len(), expected, "{name} {ms}");
    }
    assert!(matches!(found("v=2&tid=G-1&en=session_start", "")[..], [Found::Nothing]));
}

#[test]
fn whoever_said_no_is_not_counted() {
    for (more, expected) in [
        ("gcs=G100", true),
        ("gcs=G110", true),
        ("gcs=G111", false),
        ("gcs=G101", false),
        ("gcs=G1--", false),
        ("gcs=", false),
        ("dnt=1", true),
        ("dnt=0", false),
        ("gpc=1", true),
        ("gpc=10", false),
    ] {
        assert_eq!(of("page_view", more).opted_out(), expected, "{more}");
    }
    // Behind more pairs than are looked at otherwise, too.
    for no in ["dnt=1", "gcs=G100", "gpc=1"] {
        let many = format!("{}{no}", "x=y&".repeat(PAIRS_MAX + 1));
        assert!(of("page_view", &many).opted_out(), "{no}");
    }
    let body = "en=page_view\nen=page_view&gcs=G100";
    let all = payloads(&format!("v=2&tid=G-1&dl={PAGE}"), body);
    assert_eq!(all.iter().map(Payload::opted_out).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn sales_have_revenue_and_other_money_is_a_property() {
    let sale = "cu=EUR&epn.value=72.05&epn.tax=3.6&ep.transaction_id=T_12345&pr1=idSKU_1~nmShirt\
        ~pr10.01~qt3&pr2=idSKU_2&pr201=x&pr=x";
    let bought = of("purchase", sale);
    let revenue = bought.revenue.clone().unwrap();
    assert_eq!((revenue.thousandths, &*revenue.currency), (72_050, "EUR"));
    let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    };
    assert_eq!(props(&bought), own(&[("items", "2"), ("tax", "3.6")]));
    let refund = of("refund", "cu=EUR&epn.value=10.5").revenue.unwrap();
    assert_eq!(refund.thousandths, -10_500);
    let cart = of("add_to_cart", sale);
    assert!(cart.revenue.is_none());
    let kept = [("currency", "EUR"), ("items", "2"), ("tax", "3.6"), ("value", "72.05")];
    assert_eq!(props(&cart), own(&kept));
    // Without a currency it is no revenue.
    let odd = of("purchase", "epn.value=5");
    assert!(odd.revenue.is_none() && props(&odd) == own(&[("value", "5")]));
}

#[test]
fn campaigns_count_where_the_page_names_none() {
    let of = |page: &str| {
        let query = format!(
            "v=2&tid=G-1&en=page_view&dl={page}&cs=news&cm=email&cn=spring\
            &cc=top&ct=shoes"
        );
        payloads(&query, "").remove(0).page.unwrap().campaign
    };
    let told = of(PAGE);
    let texts = [&told.source, &told.medium, &told.campaign, &told.content, &told.term];
    assert_eq!(texts, ["news", "email", "spring", "top", "shoes"]);
    let own = of(&format!("{PAGE}%3Futm_source%3Down"));
    assert_eq!((own.source.as_str(), own.medium.as_str()), ("own", ""));
}

#[test]
fn only_clicks_and_the_like_make_a_visit_of_two() {
    assert!(of("login", "").interactive);
    assert!(!of("scroll", "epn.percent_scrolled=90").interactive);
    for name in ["view_search_results", "view_item", "view_item_list", "view_promotion"] {
        assert!(!of(name, "").interactive, "{name}");
    }
    assert!(of("select_item", "").interactive && of("view_cart", "").interactive);
    assert!(!of("login", "ep.non_interaction=true").interactive);
    assert!(!of("login", "epn.non_interaction=1").interactive);
    assert!(of("login", "ep.non_interaction=false").interactive);
}

#[test]
fn who_somebody_is_is_no_property() {
    let more = "ep.method=mail&ep.user_id=jane&ep.client_id=1.2&ep.user_data.email=x&ep.Email=x\
        &ep.customerName=x&ep.transaction_id=7&ep.page_title=x&ep.send_to=x&ep.ga_session_id=3\
        &ep.label=jane%40mail.example&epn.account=1234567";
    let sent = of("login", more);
    assert_eq!(props(&sent), [("method".to_owned(), "mail".to_owned())]);
    assert_eq!(sent.props.identifying, ["account", "label"]);
}

#[test]
fn names_and_parameters_have_the_formats_limits() {
    assert_eq!((NAME_CHARS_MAX, PARAM_NAME_CHARS_MAX, PARAM_VALUE_CHARS_MAX), (40, 40, 100));
    assert_eq!((PARAMS_MAX, PAGE_CHARS_MAX), (25, 1000));
    let name = |chars: usize| "é".repeat(chars);
    for (chars, fits) in
        [(NAME_CHARS_MAX - 1, true), (NAME_CHARS_MAX, true), (NAME_CHARS_MAX + 1, false)]
    {
        let query = format!("v=2&tid=G-1&dl={PAGE}&en={}", name(chars));
        let is_hit = matches!(collect(&query, b"").unwrap()[0], Found::Hit(_));
        assert_eq!(is_hit, fits, "{chars}");
    }
    for (chars, kept) in [(PARAM_NAME_CHARS_MAX, 1), (PARAM_NAME_CHARS_MAX + 1, 0)] {
        assert_eq!(props(&of("x", &format!("ep.{}=1", name(chars)))).len(), kept, "{chars}");
    }
    for (chars, kept) in
        [(99, 99), (100, 100), (101, PARAM_VALUE_CHARS_MAX), (900, PARAM_VALUE_CHARS_MAX)]
    {
        let value = &props(&of("x", &format!("ep.a={}", name(chars))))[0].1;
        assert_eq!(value.chars().count(), kept, "{chars}");
    }
    assert!(props(&of("x", &format!("ep.a={}", name(2001)))).is_empty(), "no property holds more");
    for (count, kept) in [(PARAMS_MAX - 1, 24), (PARAMS_MAX, 25), (PARAMS_MAX + 1, 25)] {
        let more: Vec<String> = (0..count).map(|n| format!("ep.p{n}=1")).collect();
        assert_eq!(props(&of("x", &more.join("&"))).len(), kept, "{count}");
    }
    // Half a mail address behind the limit is none of a word's business.
    let hidden = format!("ep.a={}jane%40mail.example", "word+".repeat(19));
    assert_eq!(of("x", &hidden).props.identifying, ["a"]);
}

#[test]
fn a_long_page_loses_its_query_and_a_path_that_is_too_long_is_refused() {
    let start = "https://site.example/";
    for (chars, fits) in [(PAGE_CHARS_MAX, true), (PAGE_CHARS_MAX + 1, false)] {
        let address = format!("{start}{}", "z".repeat(chars - start.len()));
        let query = format!("v=2&tid=G-1&en=page_view&dl={address}");
        let is_hit = matches!(collect(&query, b"").unwrap()[0], Found::Hit(_));
        assert_eq!(is_hit, fits, "{chars}");
    }
    let address = format!("{start}a?utm_source=news&x={}&utm_medium=late", "z".repeat(1000));
    let address: String = form_urlencoded::byte_serialize(address.as_bytes()).collect();
    let page = payloads(&format!("v=2&tid=G-1&en=page_view&dl={address}"), "").remove(0);
    let campaign = page.page.unwrap().campaign;
    assert_eq!((campaign.source.as_str(), campaign.medium.as_str()), ("news", ""));
}

#[test]
fn requests_that_are_none_of_the_format_name_the_field() {
    for (query, field) in [
        ("", "v"),
        ("v=1&tid=G-1&en=x", "v"),
        ("v=2&en=x&dl=https%3A%2F%2Fsite.example%2F", "tid"),
        ("v=2&tid=G-1&dl=https%3A%2F%2Fsite.example%2F", "name"),
        ("v=2&tid=G-1&en=x", "dl"),
        ("v=2&tid=G-1&en=x&dl=javascript:1", "url"),
        ("v=2&tid=G-1&en=pageview&dl=https%3A%2F%2Fsite.example%2F", "name"),
        ("v=2&tid=G-1&en=engagement&dl=https%3A%2F%2Fsite.example%2F", "name"),
        ("v=2&tid=G-1&en=web_vitals&dl=https%3A%2F%2Fsite.example%2F", "name"),
    ] {
        assert_eq!(wrong(query).field, field, "{query}");
    }
    for (lines, fits) in [(EVENTS_MAX, true), (EVENTS_MAX + 1, false)] {
        let body = "en=x\n".repeat(lines);
        assert_eq!(collect(&format!("v=2&tid=G-1&dl={PAGE}"), body.as_bytes()).is_ok(), fits);
    }
    // A small request is no large one because all its events share much.
    for (bytes, fits) in [(3_000, true), (3_400, false)] {
        let query = format!("v=2&tid=G-1&dl={PAGE}&ep.x={}", "a".repeat(bytes));
        let body = "en=x\n".repeat(20);
        assert_eq!(collect(&query, body.as_bytes()).is_ok(), fits, "{bytes}");
    }
}

#[test]
fn half_of_an_address_is_nothing() {
    let start = "/".to_owned() + &"aB3dE5gH7jK9".repeat(166);
    let long = format!("{start}/person@example.org");
    assert!(props(&of("x", &format!("ep.url={long}"))).is_empty(), "{}", long.len());
    let short = props(&of("x", "ep.url=/aB3dE5gH7jK9aB3dE5gH7jK9/person@example.org"));
    assert_eq!(short, [("url".to_owned(), "/:token/:email".to_owned())]);
}

proptest! {
    #[test]
    fn any_bytes_give_bounded_events(
        query in "\\PC{0,99}",
        junk in any::<Vec<u8>>(),
        name in "\\PC{0,50}",
        value in "\\PC{0,150}",
    ) {
        let encoded: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("en", &name).append_pair(&format!("ep.{name}"), &value)
            .append_pair("dl", &format!("https://e.example/{value}")).finish();
        let body = [encoded.as_bytes(), b"\n", &junk].concat();
        for shared in [query.clone(), format!("v=2&tid=G-1&dl={PAGE}&{query}")] {
            let Ok(found) = collect(&shared, &body) else { continue };
            prop_assert!(found.len() <= 2 * EVENTS_MAX);
            for one in found {
                let Found::Hit(hit) = one else { continue };
                prop_assert!(hit.payload.name().chars().count() <= 2 * NAME_CHARS_MAX);
                prop_assert!(hit.payload.props.fit.len() <= PARAMS_MAX + 1);
                for (_, value) in &hit.payload.props.fit {
                    prop_assert!(value.chars().count() <= PARAM_VALUE_CHARS_MAX);
                }
            }
        }
    }
}

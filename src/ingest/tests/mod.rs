//! The pipeline as a whole: what is counted, how, and what never comes out.

mod fuzz;
mod rules;

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;

use super::*;
use crate::model::{Event, SCROLL_NONE, SiteId, day};

const NOW: u32 = 1_795_000_000;
const KEY: [u8; 32] = [9; 32];
const CHROME: &[u8] = b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

static AGENTS: LazyLock<Agents> = LazyLock::new(Agents::new);

fn site(domain: &str, hostnames: &[&str]) -> Site {
    Site {
        id: SiteId(7),
        domain: domain.to_owned(),
        timezone: "UTC".to_owned(),
        zone: day::zone("UTC").unwrap(),
        hostnames: hostnames.iter().map(|&host| host.to_owned()).collect(),
        rules: Arc::default(),
        threshold: None,
        created: 0,
    }
}

fn headers() -> Headers<'static> {
    Headers {
        user_agent: Some(CHROME),
        accept_language: Some(b"de-AT,en;q=0.5"),
        ..Headers::default()
    }
}

fn run(
    headers: &Headers<'_>,
    payload: &Payload<'_>,
    site: &Site,
) -> Result<Event<'static>, Outcome> {
    run_with(headers, payload, site, Some(&KEY))
}

fn run_with(
    headers: &Headers<'_>,
    payload: &Payload<'_>,
    site: &Site,
    key: Option<&[u8; 32]>,
) -> Result<Event<'static>, Outcome> {
    let facts = Facts { headers, peer: "8.8.8.8".parse().unwrap(), by_key: false, named: None };
    let cx = Context { lookups: &location::tests::REAL_LOOKUPS, agents: &AGENTS, trusted: &[] };
    let rules = SiteRules::new(&site.rules);
    let moment = &day::locate(NOW, &site.zone);
    let target = Target { site, rules: &rules, key, moment, now: NOW };
    let reduced = process(&facts, payload, &target, &cx).map_err(|refusal| refusal.outcome)?;
    Ok(event_of(reduced))
}

fn event_of(reduced: Reduced<'_>) -> Event<'_> {
    match reduced.row {
        Row::Event(event) => event,
        other => panic!("no event: {other:?}"),
    }
}

fn payload(body: &str) -> Payload<'_> {
    parse_event(body.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

fn pixel<'a>(query: &'a str, referer: Option<&'a [u8]>) -> Payload<'a> {
    parse_pixel(query, referer).unwrap_or_else(|error| panic!("{error}"))
}

const VIEW: &str = r#"{"n":"pageview","d":"example.com","u":"https://www.example.com/a?utm_medium=x","r":"https://www.google.com/q"}"#;

#[test]
fn a_page_view_becomes_an_event() {
    let event = run(&headers(), &payload(VIEW), &site("example.com", &[])).unwrap();
    let identity = Identity::new(ClientAddr::for_test("8.8.8.8"), CHROME);
    let expected = Event {
        site: SiteId(7),
        day: day::locate(NOW, &day::zone("UTC").unwrap()).day,
        hour: event.hour,
        ts: NOW,
        visitor: identity.token(&KEY),
        name: "pageview".into(),
        interactive: true,
        by_key: false,
        hostname: "example.com".into(),
        path: "/a".into(),
        referrer: "google.com".into(),
        source: "Google".into(),
        channel: "Organic Search".into(),
        utm_source: "".into(),
        utm_medium: "x".into(),
        utm_campaign: "".into(),
        utm_term: "".into(),
        utm_content: "".into(),
        country: "US".into(),
        region: "California".into(),
        city: event.city.clone(),
        browser: "Chrome".into(),
        browser_version: "142".into(),
        os: "Windows".into(),
        os_version: "10".into(),
        device: "Desktop".into(),
        language: "de".into(),
        screen: "".into(),
        click_id: "".into(),
        score: 10,
        engaged_ms: 0,
        scroll: SCROLL_NONE,
        props: vec![],
        revenue: 0,
        currency: "".into(),
    };
    assert_eq!(event, expected);
    assert!(!event.city.is_empty());
}

#[test]
fn signals_come_first_wherever_they_are() {
    let site = site("example.com", &[]);
    let dnt = Headers { dnt: vec![b"1"], ..headers() };
    let gpc = Headers { sec_gpc: vec![b"1"], user_agent: None, ..headers() };
    for headers in [dnt, gpc] {
        assert_eq!(run(&headers, &payload(VIEW), &site), Err(Outcome::OptedOut));
    }
    assert_eq!(run(&headers(), &payload(r#"{"dnt":"1"}"#), &site), Err(Outcome::OptedOut));
}

#[test]
fn what_is_not_counted_has_an_outcome() {
    let reason = |user_agent: Option<&'static [u8]>, purpose: &[&'static [u8]]| {
        let headers = Headers { user_agent, purpose: purpose.to_vec(), ..headers() };
        let facts = Facts {
            headers: &headers,
            peer: "8.8.8.8".parse().unwrap(),
            by_key: false,
            named: None,
        };
        let cx = Context { lookups: &Lookups::default(), agents: &AGENTS, trusted: &[] };
        prepare(&facts, &payload(VIEW), &cx).err().unwrap()
    };
    assert_eq!(reason(None, &[]), Refusal::bot("no_user_agent"));
    assert_eq!(reason(Some(b"GPTBot/1.2"), &[]), Refusal::bot("GPTBot"));
    assert_eq!(reason(Some(b"SomeBot/1.2"), &[]), Refusal::bot("other"));
    assert_eq!(reason(Some(CHROME), &[b"prefetch"]), Refusal::bot("ahead_of_time"));
    let own = site("example.com", &[]);
    for user_agent in [None, Some(&b""[..]), Some(b"curl/8.5.0")] {
        let headers = Headers { user_agent, ..headers() };
        assert_eq!(run(&headers, &payload(VIEW), &own), Err(Outcome::Bot));
    }
    let ahead = Headers { purpose: vec![b"prefetch;prerender"], ..headers() };
    assert_eq!(run(&ahead, &payload(VIEW), &own), Err(Outcome::Bot));
    let other = site("other.example", &[]);
    assert_eq!(run(&headers(), &payload(VIEW), &other), Err(Outcome::Excluded));
    let demo = site("demo.example", &["localhost", "127.0.0.1", "::1"]);
    let body = r#"{"n":"pageview","d":"demo.example","u":"http://[::1]:8000/demo"}"#;
    assert_eq!(run(&headers(), &payload(body), &demo).unwrap().hostname, "::1");
}

#[test]
fn hints_complete_the_agent_and_signs_make_the_score() {
    let own = payload(VIEW);
    let cx = Context { lookups: &Lookups::default(), agents: &AGENTS, trusted: &[] };
    let prepared = |headers: &Headers<'_>, by_key: bool| {
        let facts = Facts { headers, peer: "8.8.8.8".parse().unwrap(), by_key, named: None };
        let prepared = prepare(&facts, &own, &cx).ok().unwrap();
        (prepared.agent.browser, prepared.score())
    };
    let brave = Headers {
        sec_ch_ua: Some(br#""Brave";v="142", "Chromium";v="142", "Not_A Brand";v="99""#),
        accept: Some(b"*/*"),
        ..headers()
    };
    assert_eq!(prepared(&brave, false), ("Brave", 0));
    let bare = Headers { accept_language: None, ..headers() };
    assert_eq!(prepared(&bare, false), ("Chrome", 35));
    assert_eq!(prepared(&bare, true), ("Chrome", 0));
}

#[test]
fn without_a_key_there_is_no_token() {
    let event = run_with(&headers(), &payload(VIEW), &site("example.com", &[]), None).unwrap();
    assert_eq!(event.visitor, 0);
}

#[test]
fn an_own_page_is_no_referrer() {
    let body = VIEW.replace("www.google.com", "shop.example.com");
    let event = run(&headers(), &payload(&body), &site("example.com", &[])).unwrap();
    assert_eq!((&*event.referrer, &*event.source, &*event.channel), ("", "", "Direct"));
}

#[test]
fn an_own_page_under_a_bare_address_is_no_referrer_either() {
    let demo = site("demo.example", &["localhost", "127.0.0.1", "::1"]);
    let body = r#"{"n":"pageview","d":"demo.example","u":"http://127.0.0.1:8000/demo/docs","r":"http://127.0.0.1:8000/demo"}"#;
    assert_eq!(run(&headers(), &payload(body), &demo).unwrap().channel, "Direct");
    let body = body.replace("8000/demo\"", "8000/demo\",\"r\":\"http://203.0.113.9/\"");
    let event = run(&headers(), &payload(&body), &demo).unwrap();
    assert_eq!((&*event.referrer, &*event.source), (":address", ":address"));
}

#[test]
fn each_site_of_an_event_has_its_own_token() {
    let body = r#"{"n":"pageview","d":"a.example,b.example","u":"https://a.example/","r":"https://b.example/"}"#;
    let (payload, headers) = (payload(body), headers());
    let facts =
        Facts { headers: &headers, peer: "8.8.8.8".parse().unwrap(), by_key: false, named: None };
    let cx = Context { lookups: &Lookups::default(), agents: &AGENTS, trusted: &[] };
    let prepared = prepare(&facts, &payload, &cx).unwrap_or_else(|outcome| panic!("{outcome:?}"));
    let moment = day::locate(NOW, &day::zone("UTC").unwrap());
    let rules = SiteRules::default();
    let at = |site: &Site, key| {
        let target = Target { site, rules: &rules, key: Some(key), moment: &moment, now: NOW };
        event_of(reduce(&prepared, &payload, &target).unwrap().into_owned())
    };
    let first = at(&site("a.example", &[]), &[1; 32]);
    let second = at(&site("b.example", &["a.example", "b.example"]), &[2; 32]);
    assert_ne!(first.visitor, second.visitor);
    assert_eq!((&*first.referrer, &*second.referrer), ("b.example", ""));
    assert_eq!((&*first.channel, &*second.channel), ("Referral", "Direct"));
}

#[test]
fn pixels_count_pages_with_a_token_and_mails_without() {
    let own = site("example.com", &[]);
    let page = pixel("site=example.com", Some(b"https://example.com/a"));
    let event = run(&headers(), &page, &own).unwrap();
    assert_eq!((&*event.path, event.visitor != 0), ("/a", true));
    let on_page = pixel("site=example.com&campaign=c", Some(b"https://example.com/a"));
    assert_ne!(run(&headers(), &on_page, &own).unwrap().visitor, 0);
    for referer in [None, Some(&b"https://mail.example.net/inbox/17"[..])] {
        let mail = pixel("site=example.com&campaign=spring&event=Open", referer);
        let event = run(&headers(), &mail, &own).unwrap();
        assert_eq!((event.visitor, &*event.path, &*event.hostname), (0, "", ""));
        assert_eq!((&*event.name, &*event.utm_campaign), ("Open", "spring"));
        assert_eq!(event.channel, "Email");
    }
    let elsewhere = pixel("site=example.com&campaign=c&u=https://evil.example/", None);
    assert_eq!(run(&headers(), &elsewhere, &own), Err(Outcome::Excluded));
}

#[test]
fn a_mail_service_reads_for_a_person_of_whom_it_says_nothing() {
    let agent = b"Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)";
    let headers = Headers { user_agent: Some(agent), ..Headers::default() };
    let own = site("example.com", &[]);
    let event = run(&headers, &pixel("site=example.com&campaign=c", None), &own).unwrap();
    assert_eq!((&*event.country, &*event.browser), ("", ""));
    assert_eq!(run(&headers, &payload(VIEW), &own), Err(Outcome::Bot));
}

#[test]
fn events_of_the_script_get_the_path_as_a_property() {
    let body = r#"{"n":404,"d":"example.com","u":"https://example.com/gone"}"#;
    let event = run(&headers(), &payload(body), &site("example.com", &[])).unwrap();
    assert_eq!(event.props, [("path".into(), "/gone".into())]);
}

#[test]
fn nothing_that_identifies_comes_out() {
    let body = r#"{"n":"Canary jane@canary.example","d":"example.com",
        "u":"https://jane:canarypass@example.com/u/jane%40canary.example/4815162342/x?canaryquery=canaryvalue&gclid=canaryclick#canaryfragment",
        "r":"https://news.example/canaryreferrer?canaryrefquery=1","l":"x-canarylanguage","w":31415,
        "p":{"mail":"jane@canary.example","url":"https://x.example/y?canarypropquery=1"},
        "ip":"203.0.113.77","x-plausible-ip":"203.0.113.77"}"#;
    let agent = b"Mozilla/5.0 (X11; Linux x86_64; canarydevice/7.7) Gecko/20100101 Firefox/145.0 canaryword/9";
    let headers = Headers {
        user_agent: Some(agent),
        referer: Some(b"https://example.com/canaryreferer"),
        origin: Some(b"https://canaryorigin.example"),
        x_forwarded_for: vec![b"203.0.113.77"],
        forwarded: vec![b"for=203.0.113.77"],
        accept_language: Some(b"x-canarylanguage"),
        ..Headers::default()
    };
    let facts = Facts {
        headers: &headers,
        peer: "203.0.113.88".parse().unwrap(),
        by_key: false,
        named: None,
    };
    let cx = Context { lookups: &location::tests::REAL_LOOKUPS, agents: &AGENTS, trusted: &[] };
    let site = site("example.com", &[]);
    let (moment, rules) = (&day::locate(NOW, &site.zone), &SiteRules::default());
    let target = Target { site: &site, rules, key: Some(&KEY), moment, now: NOW };
    let reduced = process(&facts, &payload(body), &target, &cx).unwrap();
    let text = format!("{reduced:?}");
    let event = event_of(reduced);
    for canary in ["canary", "203.0.113", "jane", "4815162342", "31415", "x86_64"] {
        let found = text.replace("Canary", "").contains(canary);
        assert!(!found, "{canary} in {text}");
    }
    assert_eq!(event.click_id, "gclid", "its name only");
    assert_eq!(event.path, "/u/:email/:number/x");
    assert_eq!(event.referrer, "news.example");
}

/// Every text of an event with its limit in bytes.
fn texts<'a>(event: &'a Event<'_>) -> Vec<(&'a str, usize)> {
    let mut texts = vec![
        (&*event.name, 480),
        (&event.hostname, url::HOST_BYTES_MAX),
        (&event.path, url::PATH_BYTES_MAX),
        (&event.referrer, url::HOST_BYTES_MAX),
        (&event.source, url::CAMPAIGN_BYTES_MAX),
        (&event.utm_source, url::CAMPAIGN_BYTES_MAX),
        (&event.utm_medium, url::CAMPAIGN_BYTES_MAX),
        (&event.utm_campaign, url::CAMPAIGN_BYTES_MAX),
        (&event.utm_term, url::CAMPAIGN_BYTES_MAX),
        (&event.utm_content, url::CAMPAIGN_BYTES_MAX),
        (&event.country, 2),
        (&event.region, 120),
        (&event.city, 120),
        (&event.browser_version, 4),
        (&event.os_version, 9),
        (&event.language, 3),
        (&event.currency, 3),
    ];
    for (name, value) in &event.props {
        texts.push((name, props::PROP_NAME_BYTES_MAX));
        texts.push((value, props::PROP_VALUE_BYTES_MAX));
    }
    texts
}

proptest! {
    #[test]
    fn every_text_is_bounded_and_clean(
        words in proptest::collection::vec(any::<String>(), 8),
        long in "[a-z\u{0}-\u{ffff}]{0,400}",
        agent in any::<Vec<u8>>(),
        by_pixel in any::<bool>(),
    ) {
        let encode = |text: &str| ::url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let query = format!(
            "utm_source={}&utm_medium={}&utm_campaign={long}&utm_term={}&ref={}",
            encode(&words[0]), encode(&words[1]), encode(&long), encode(&words[2]),
        );
        let address = format!("https://example.com/{}{long}?{query}#{}", words[3], words[4]);
        let query = format!("site=example.com&event={}&campaign={}&u={}",
            encode(&words[5]), encode(&long), encode(&address));
        let body = serde_json::json!({
            "n": words[5], "d": "example.com", "u": address, "r": words[6], "h": 1,
            "l": words[7], "p": {(words[0].as_str()): long, "k": words[1]},
        }).to_string();
        let payload = if by_pixel {
            parse_pixel(&query, Some(&agent))
        } else {
            parse_event(body.as_bytes())
        };
        let user_agent = [CHROME, &agent].concat();
        let headers = Headers {
            user_agent: Some(&user_agent), accept_language: Some(&agent), ..Headers::default()
        };
        if let Ok(payload) = payload
            && let Ok(event) = run(&headers, &payload, &site("example.com", &[]))
        {
            for (text, bytes_max) in texts(&event) {
                prop_assert!(text.len() <= bytes_max, "{} bytes: {text:?}", text.len());
                prop_assert!(!text.chars().any(char::is_control), "{text:?}");
            }
        }
    }
}

/// Fails to compile where the type has the trait: two candidates for `_` are ambiguous.
macro_rules! assert_lacks {
    ($type:ty: $($bound:path),+) => {$(
        const _: fn() = || {
            trait Ambiguous<A> {
                fn some() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            struct Has;
            impl<T: ?Sized + $bound> Ambiguous<Has> for T {}
            let _ = <$type as Ambiguous<_>>::some;
        };
    )+};
}

assert_lacks!(ClientAddr: std::fmt::Debug, Clone, serde::Serialize, std::fmt::Display);
assert_lacks!(Headers<'static>: std::fmt::Debug, Clone, serde::Serialize);
assert_lacks!(Facts<'static>: std::fmt::Debug, Clone, serde::Serialize);
assert_lacks!(Identity<'static>: std::fmt::Debug, Clone, serde::Serialize);
assert_lacks!(Payload<'static>: std::fmt::Debug, Clone, serde::Serialize);
assert_lacks!(Prepared<'static>: std::fmt::Debug, Clone, serde::Serialize);
assert_lacks!(Agents: std::fmt::Debug, Clone);

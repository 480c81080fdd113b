//! What rules of a site and lists of the operator make of events, and what pages report of themselves.

use super::*;
use crate::model::{KeptBack, PathRule, Rules};

/// What the rules of a site make of an event.
fn by_rules(rules: &Rules, peer: &str, body: &str) -> Result<Reduced<'static>, Refusal> {
    let headers = headers();
    let facts =
        Facts { headers: &headers, peer: peer.parse().unwrap(), by_key: false, named: None };
    let cx = Context { lookups: &location::tests::REAL_LOOKUPS, agents: &AGENTS, trusted: &[] };
    let (site, rules) = (site("example.com", &[]), SiteRules::new(rules));
    let moment = &day::locate(NOW, &site.zone);
    let target = Target { site: &site, rules: &rules, key: Some(&KEY), moment, now: NOW };
    process(&facts, &payload(body), &target, &cx)
}

fn at_path(path: &str) -> String {
    format!(r#"{{"n":"pageview","d":"example.com","u":"https://example.com{path}"}}"#)
}

#[test]
fn rules_leave_out_paths_networks_and_countries_each_for_its_reason() {
    let rules = Rules {
        excluded_paths: vec!["/admin/**".into()],
        excluded_networks: vec!["8.8.4.0/24".into(), "2001:4860:4860::8888".into()],
        excluded_countries: vec!["AU".into()],
        ..Rules::default()
    };
    for (peer, path, reason) in [
        ("8.8.8.8", "/", None),
        ("8.8.8.8", "/admin/users", Some("path")),
        ("8.8.4.4", "/", Some("network")),
        ("::ffff:8.8.4.4", "/", Some("network")),
        ("2001:4860:4860::8888", "/", Some("network")),
        ("2001:4860:4860::8844", "/", None),
        ("1.1.1.1", "/", Some("country")),
    ] {
        let found = by_rules(&rules, peer, &at_path(path)).err();
        assert_eq!(found, reason.map(Refusal::excluded), "{peer} {path}");
    }
    let elsewhere = at_path("/").replace("//example.com", "//other.example");
    assert_eq!(by_rules(&rules, "8.8.8.8", &elsewhere), Err(Refusal::excluded("hostname")));
}

#[test]
fn rules_say_what_of_an_address_is_kept() {
    let rules = Rules {
        query_params: vec!["id".into()],
        path_rules: vec![PathRule { from: "/user/*".into(), to: "/user/:name".into() }],
        ..Rules::default()
    };
    let kept = |path: &str| {
        event_of(by_rules(&rules, "8.8.8.8", &at_path(path)).unwrap()).path.into_owned()
    };
    assert_eq!(kept("/user/jane?id=7&token=secret"), "/user/:name?id=7");
    assert_eq!(kept("/list?id=jane%40mail.example"), "/list?id=:email");
    assert_eq!(kept("/list?token=secret"), "/list");
}

#[test]
fn undeclared_properties_are_kept_back_by_name() {
    let rules = Rules { properties: vec!["plan".into(), "user".into()], ..Rules::default() };
    let body = at_path("/").replace(
        '{',
        r#"{"p":{"plan":"pro","user":"1234567","colour":"red","mail":"a@b.example","url":"/x"},"#,
    );
    let reduced = by_rules(&rules, "8.8.8.8", &body).unwrap();
    assert_eq!(
        reduced.kept_back,
        [
            (KeptBack::Property, "mail".to_owned()),
            (KeptBack::Value, "user".to_owned()),
            (KeptBack::Property, "colour".to_owned()),
        ]
    );
    let props = event_of(reduced).props;
    let expected = [("plan", "pro"), ("url", "/x")];
    assert_eq!(props, expected.map(|(name, value)| (name.into(), value.into())));
}

#[test]
fn what_a_page_reports_of_itself_has_no_token() {
    let body = at_path("/user/12345678")
        .replace("pageview", WEB_VITALS)
        .replace('{', r#"{"v":{"lcp":1234,"cls":0.1},"#);
    let reduced = by_rules(&Rules::default(), "8.8.8.8", &body).unwrap();
    let Row::Vitals(vitals) = reduced.row else { panic!("{:?}", reduced.row) };
    assert_eq!(vitals.len(), 2);
    assert_eq!((vitals[0].path.as_str(), vitals[0].country.as_str()), ("/user/:number", "US"));
    let body = at_path("/a").replace("pageview", SCRIPT_ERROR).replace('{', r#"{"t":"at 'x' 12","#);
    let reduced = by_rules(&Rules::default(), "8.8.8.8", &body).unwrap();
    let Row::ScriptError(error) = reduced.row else { panic!("{:?}", reduced.row) };
    assert_eq!((error.template.as_str(), error.browser.as_str()), ("at '' 0", "Chrome"));
    for nothing in [
        r#"{"n":"web_vitals","u":"https://e.example/"}"#,
        r#"{"n":"js_error","u":"https://e.example/"}"#,
    ] {
        assert!(parse_event(nothing.as_bytes()).is_err());
    }
}

#[test]
fn the_operators_lists_refuse() {
    let lookups = Lookups {
        datacentres: Networks::read(b"198.51.100.0/24").unwrap().into(),
        spam: SpamHosts::read(b"spam.example\nexample.com").unwrap().into(),
        ..Lookups::default()
    };
    let run = |peer: &str, by_key: bool, user_agent: &[u8], body: &str| {
        let headers = Headers { user_agent: Some(user_agent), ..headers() };
        let facts = Facts { headers: &headers, peer: peer.parse().unwrap(), by_key, named: None };
        let cx = Context { lookups: &lookups, agents: &AGENTS, trusted: &[] };
        let site = site("example.com", &[]);
        let moment = day::locate(NOW, &site.zone);
        let rules = SiteRules::default();
        let target =
            Target { site: &site, rules: &rules, key: Some(&KEY), moment: &moment, now: NOW };
        process(&facts, &payload(body), &target, &cx).err()
    };
    assert_eq!(run("203.0.113.9", false, CHROME, VIEW), None);
    assert_eq!(run("198.51.100.9", false, CHROME, VIEW), Some(Refusal::bot("datacentre")));
    assert_eq!(run("::ffff:198.51.100.9", false, CHROME, VIEW), Some(Refusal::bot("datacentre")));
    // A server sends from there.
    assert_eq!(run("198.51.100.9", true, CHROME, VIEW), None);
    for (referrer, expected) in [
        ("spam.example", Some(Outcome::SpamReferrer.into())),
        ("www.spam.example", Some(Outcome::SpamReferrer.into())),
        ("a.spam.example", Some(Outcome::SpamReferrer.into())),
        ("semalt.com", Some(Outcome::SpamReferrer.into())),
        ("notspam.example", None),
        // The site itself, whatever a list says.
        ("shop.example.com", None),
    ] {
        let body = VIEW.replace("www.google.com", referrer);
        assert_eq!(run("203.0.113.9", false, CHROME, &body), expected, "{referrer}");
    }
}

#[test]
fn a_flood_of_names_and_referrers_hides_neither_page_views_nor_known_sources() {
    let caps = caps::Caps::default();
    let sent = |name: &str, referrer: &str| {
        let body = at_path("/")
            .replace("pageview", name)
            .replace('{', &format!(r#"{{"r":"https://{referrer}/","#));
        let mut reduced = by_rules(&Rules::default(), "8.8.8.8", &body).unwrap();
        caps.apply(&mut reduced);
        event_of(reduced)
    };
    for n in 0..5_001 {
        sent(&format!("n{n}"), &format!("h{n}.example"));
    }
    assert_eq!(sent("Signup", "new.example").name, caps::MORE);
    let event = sent("pageview", "www.google.com");
    assert_eq!((&*event.name, &*event.source), ("pageview", "Google"));
    assert_eq!((&*event.referrer, &*event.channel), (caps::MORE, "Organic Search"));
    assert_eq!(sent("Outbound Link: Click", "new.example").name, "Outbound Link: Click");
}

#[test]
fn path_rules_hold_for_addresses_in_properties_too() {
    let rules = Rules {
        path_rules: vec![PathRule { from: "/user/**".into(), to: "/user/:name".into() }],
        properties: vec!["next".into()],
        ..Rules::default()
    };
    let body = at_path("/").replace(
        '{',
        r#"{"p":{"path":"/user/jane","url":"https://www.example.com/user/jane/invoice.pdf?x=1",
            "next":"https://elsewhere.example/user/jane"},"#,
    );
    let props = event_of(by_rules(&rules, "8.8.8.8", &body).unwrap()).props;
    let expected = [
        ("next", "https://elsewhere.example/user/jane"),
        ("path", "/user/:name"),
        ("url", "https://example.com/user/:name"),
    ];
    assert_eq!(props, expected.map(|(name, value)| (name.into(), value.into())));
}

#[test]
fn sources_that_anybody_can_make_up_have_a_cap() {
    let caps = caps::Caps::default();
    let source = |query: &str| {
        let body = at_path(&format!("/?{query}"));
        let mut reduced = by_rules(&Rules::default(), "8.8.8.8", &body).unwrap();
        caps.apply(&mut reduced);
        event_of(reduced).source
    };
    for n in 0..5_000 {
        assert_eq!(source(&format!("ref=r{n}")), format!("r{n}"));
    }
    assert_eq!(source("ref=another"), caps::MORE);
    assert_eq!((source("ref=google"), source("ref=r7")), ("Google".into(), "r7".into()));
}

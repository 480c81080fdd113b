//! Every parser of what comes from outside, under text and bytes made to break it.
//!
//! Whatever is sent: no panic, and what comes out is bounded, valid UTF-8 and free of control
//! characters (or, where a closed list is promised, of that list). The number of cases of each test
//! is `PROPTEST_CASES`, by default 256.

mod made;
mod senders;
mod servers;

use std::net::IpAddr;

use proptest::prelude::*;
use serde_json::{Value, json};

use made::{body, bytes, text, value};

use super::{AGENTS, KEY, NOW, event_of, site, texts};
use crate::ingest::body::Sent as SentValue;
use crate::ingest::text::clean;
use crate::ingest::url::{self, CAMPAIGN_BYTES_MAX, HOST_BYTES_MAX, PATH_BYTES_MAX};
use crate::ingest::{
    ClientAddr, Context, Facts, Headers, Networks, Row, SiteRules, SpamHosts, Target, address,
    bots, channel, fields, hints, location, measured, parse_event, parse_pixel, process, props,
    revenue, signals, signs, source,
};
use crate::model::{PathRule, Rules, day};

/// What a request says, owned.
type Sent = (Vec<Vec<u8>>, Option<usize>);

/// Headers of any bytes; some are missing, and the User-Agent is often a browser's.
fn sent() -> impl Strategy<Value = Sent> {
    let agents = proptest::option::weighted(0.7, 0..crate::ingest::rates::PEOPLE_MIN);
    (proptest::collection::vec(bytes(), 12), agents)
}

fn with_headers<T>((sent, agent): &Sent, look: impl FnOnce(&Headers<'_>) -> T) -> T {
    let one = |place: usize| Some(sent[place].as_slice()).filter(|value| !value.is_empty());
    let people = crate::ingest::rates::people_once();
    let headers = Headers {
        dnt: vec![],
        sec_gpc: vec![],
        user_agent: agent.map(|place| people[place].as_bytes()).or(one(0)),
        referer: one(1),
        origin: one(2),
        forwarded: one(3).into_iter().chain(one(4)).collect(),
        x_forwarded_for: one(5).into_iter().chain(one(6)).collect(),
        accept: one(7),
        accept_language: one(8),
        sec_ch_ua: one(9),
        sec_ch_ua_mobile: one(10),
        sec_ch_ua_platform: one(11),
        sec_fetch_mode: one(10),
        purpose: one(11).filter(|value| value.len() > 40).into_iter().collect(),
    };
    look(&headers)
}

/// What was called has come back.
fn survives<T>(_: T) {}

/// Whether a text may be stored.
fn is_fit(text: &str, bytes_max: usize) -> bool {
    text.len() <= bytes_max && !text.chars().any(|c| c.is_control() || c == '\u{202e}')
}

fn rules() -> SiteRules {
    let rule = |from: &str, to: &str| PathRule { from: from.into(), to: to.into() };
    SiteRules::new(&Rules {
        query_params: vec!["id".into(), "a".into()],
        path_rules: vec![rule("/user/*", "/user/:name"), rule("/**/x", "/x")],
        properties: vec!["plan".into()],
        excluded_paths: vec!["/admin/**".into()],
        ..Rules::default()
    })
}

proptest! {
    #[test]
    fn whole_events(
        body in body(), sent in sent(), query in text(), by_pixel in any::<bool>(), by_key in any::<bool>(),
    ) {
        let checked = with_headers(&sent, |headers| {
            let query = format!("site=example.com&u=https://example.com/{query}&{query}");
            let payload = if by_pixel {
                parse_pixel(&query, headers.referer)
            } else {
                parse_event(&body)
            };
            let Ok(payload) = payload else { return Ok(()) };
            let own = site("example.com", &[]);
            let (rules, moment) = (rules(), day::locate(NOW, &own.zone));
            let target = Target { site: &own, rules: &rules, key: Some(&KEY), moment: &moment, now: NOW };
            let trusted = ["8.0.0.0/8".parse().unwrap()];
            let facts = Facts { headers, peer: "8.8.8.8".parse().unwrap(), by_key, named: None };
            let cx = Context { lookups: &location::tests::REAL_LOOKUPS, agents: &AGENTS, trusted: &trusted };
            let Ok(reduced) = process(&facts, &payload, &target, &cx) else { return Ok(()) };
            for (_, name) in &reduced.kept_back {
                prop_assert!(is_fit(name, props::PROP_NAME_BYTES_MAX), "{name:?}");
            }
            match &reduced.row {
                Row::Event(_) => {
                    let event = event_of(reduced);
                    for (text, bytes_max) in texts(&event) {
                        prop_assert!(is_fit(text, bytes_max), "{} bytes: {text:?}", text.len());
                    }
                    prop_assert!(event.props.len() <= props::PROPS_MAX && event.score <= signs::SCORE_MAX);
                }
                Row::Vitals(vitals) => {
                    prop_assert!(vitals.len() <= 5);
                    prop_assert!(vitals.iter().all(|vital| is_fit(&vital.path, PATH_BYTES_MAX)));
                }
                Row::ScriptError(error) => {
                    prop_assert!(is_fit(&error.template, measured::TEMPLATE_BYTES_MAX), "{error:?}");
                    prop_assert!(is_fit(&error.path, PATH_BYTES_MAX), "{error:?}");
                }
            }
            Ok(())
        });
        checked?;
    }

    #[test]
    fn bodies_and_queries(body in body(), junk in bytes(), query in text(), referer in bytes()) {
        for body in [&body, &junk] {
            if let Err(error) = parse_event(body) {
                prop_assert!(is_fit(&error.to_json(), 300));
            }
        }
        if let Err(error) = parse_pixel(&query, Some(&referer)) {
            prop_assert!(is_fit(&error.to_json(), 300));
        }
    }

    #[test]
    fn addresses_of_pages(text in text(), by_fragment in any::<bool>()) {
        let query = format!("https://e.example/?utm_source={text}&ref={text}&gclid={text}&id={text}");
        for address in [text.clone(), format!("https://{text}"), format!("https://e.example/{text}"), query] {
            if let Ok(page) = url::page(&address, by_fragment) {
                prop_assert!(is_fit(&page.path, PATH_BYTES_MAX) && page.path.starts_with('/'));
                prop_assert!(is_fit(&page.hostname, HOST_BYTES_MAX));
                let campaign = &page.campaign;
                let parts = [&campaign.source, &campaign.medium, &campaign.term, &campaign.reference];
                prop_assert!(parts.iter().all(|part| is_fit(part, CAMPAIGN_BYTES_MAX)));
                prop_assert!(page.query.iter().all(|(_, value)| is_fit(value, 100)));
                let found = source::find(campaign, "");
                prop_assert!(is_fit(found.name, CAMPAIGN_BYTES_MAX));
                prop_assert!(channel::ALL.contains(&found.channel));
            }
            let host = url::referrer_host(&address);
            let kept = url::foreign_host(&host);
            prop_assert!(is_fit(&host, HOST_BYTES_MAX) && is_fit(&kept, HOST_BYTES_MAX));
            let direct = url::Campaign::default();
            let found = source::find(&direct, &kept);
            prop_assert!(is_fit(found.name, HOST_BYTES_MAX));
            prop_assert!(channel::ALL.contains(&found.channel));
            survives(SpamHosts::default().contains(&host));
            prop_assert!(is_fit(&url::text(&address, 300), 300));
            prop_assert!(is_fit(&url::site_name(&address), HOST_BYTES_MAX));
        }
    }

    #[test]
    fn values_of_payloads(value in value(), name in text()) {
        if let Some(revenue) = revenue::read(&json!({"amount": value, "currency": "EUR"}).into()) {
            prop_assert_eq!(revenue.currency, "EUR");
        }
        if let Some(revenue) = revenue::read(&json!({"amount": name.clone(), "currency": name.clone()}).into()) {
            prop_assert!(is_fit(&revenue.currency, 3));
        }
        let as_text = Value::from(value.to_string());
        for sent in [value.clone(), json!({name.clone(): value}), as_text].map(SentValue::from) {
            survives(revenue::read(&sent));
            let Ok(props) = props::read(Some(&sent)) else { continue };
            prop_assert!(props.fit.len() <= props::PROPS_MAX);
            prop_assert!(props.identifying.len() <= props::PROPS_MAX);
            for (name, value) in &props.fit {
                prop_assert!(is_fit(name, props::PROP_NAME_BYTES_MAX), "{name:?}");
                prop_assert!(is_fit(value, props::PROP_VALUE_BYTES_MAX), "{value:?}");
            }
        }
        if let Ok(template) = measured::template(Some(&Value::from(name).into())) {
            prop_assert!(is_fit(&template, measured::TEMPLATE_BYTES_MAX));
        }
        survives(measured::vitals(Some(&json!({"lcp": value, "cls": value}).into())));
        let value = value.into();
        survives((fields::whole(&value), fields::is_one(&value), fields::says_dnt(&value)));
    }

    #[test]
    fn headers_and_addresses(sent in sent(), peer in any::<[u8; 16]>()) {
        with_headers(&sent, |headers| {
            let language = signals::language(headers.accept_language);
            prop_assert!(language.len() <= 3 && language.bytes().all(|b| b.is_ascii_lowercase()));
            let opted = Headers { dnt: headers.forwarded.clone(), ..Headers::default() };
            survives((signals::opted_out(&opted), signals::is_ahead_of_time(headers)));
            let peer = IpAddr::from(peer);
            let everybody = ["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
            for trusted in [&[][..], &everybody] {
                let found = address::resolve(peer, headers, trusted).addr;
                prop_assert!(!trusted.is_empty() || found.ip() == peer.to_canonical());
            }
            Ok(())
        })?;
    }

    #[test]
    fn agents_hints_and_signs(sent in sent(), junk in bytes()) {
        with_headers(&sent, |headers| {
            let hints = hints::Hints::of(headers);
            for user_agent in [headers.user_agent.unwrap_or_default(), &junk] {
                let agent = AGENTS.parse(user_agent);
                let score = signs::score(headers, &hints, &agent);
                let agent = hints.complete(agent);
                prop_assert!(score <= signs::SCORE_MAX);
                prop_assert!(is_fit(&agent.browser_version, 5) && is_fit(&agent.os_version, 9));
                prop_assert!(["", "Desktop", "Mobile", "Tablet", "TV"].contains(&agent.device));
                let reason = bots::find(Some(user_agent));
                prop_assert!(reason.is_none_or(|reason| is_fit(reason, 32)));
                survives(bots::is_mail_reader(Some(user_agent)));
            }
            survives(bots::reason(headers, bots::find(headers.user_agent)));
            Ok(())
        })?;
    }

    #[test]
    fn lists_of_operators(
        junk in bytes(), good in any::<[u8; 4]>(), wide in any::<[u8; 16]>(), size in 0..=32_u8,
    ) {
        let lines = junk.split(|byte| *byte == b'\n').count();
        for error in [Networks::read(&junk).err(), SpamHosts::read(&junk).err()].into_iter().flatten() {
            prop_assert!((1..=lines).contains(&error.line) && is_fit(&error.to_string(), 120));
        }
        let (good, wide) = (IpAddr::from(good), IpAddr::from(wide));
        let mut all = vec![b'#'];
        all.extend(junk.iter().filter(|byte| **byte != b'\n'));
        all.extend(format!("\n{good}/{size}\r\n {wide} # {wide}\n").bytes());
        let networks = Networks::read(&all).unwrap();
        for address in [good, wide] {
            prop_assert!(networks.contains(&ClientAddr::for_test(&address.to_string())) || address.to_canonical() != address);
        }
        let host = format!("a{}.example", clean(&String::from_utf8_lossy(&junk), 20));
        survives(SpamHosts::read(host.as_bytes()).map(|spam| spam.contains(&host)));
    }

    #[test]
    fn city_databases(changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..12), cut in 0..9_usize) {
        let mut file = location::tests::database_bytes();
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = byte;
        }
        if cut == 0 {
            file.truncate(file.len() / 2);
        }
        if let Ok(reader) = maxminddb::Reader::from_source(file) {
            let whole = location::check(&reader).is_ok();
            let geo = crate::ingest::Geo::new(Some(reader), None);
            for address in ["8.8.8.8", "255.1.2.3", "2001:db8::1"] {
                let Some(place) = geo.locate(&ClientAddr::for_test(address)) else { continue };
                prop_assert!(whole || place.country.len() <= 2);
                prop_assert!(is_fit(&place.country, 2) && is_fit(&place.region, 120) && is_fit(&place.city, 120));
            }
        }
    }
}

#[test]
fn the_generators_reach_what_they_should() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = [0_usize; 4];
    for _ in 0..400 {
        let body = body().new_tree(&mut runner).unwrap().current();
        seen[usize::from(parse_event(&body).is_ok())] += 1;
        let text = text().new_tree(&mut runner).unwrap().current();
        seen[2] += usize::from(text.chars().any(char::is_control));
        seen[3] += usize::from(text.len() > 1_000);
    }
    // Neither all refused nor all taken; enough to clean and to cut.
    assert!(seen.iter().all(|count| *count >= 20), "{seen:?}");
}

//! A crowd whose every member is known: who they are, where they come from, what they look at.
//!
//! Addresses are real ones of real towns, found in the public city file; each person is one
//! visitor of one day with one visit, all of it within one second, so that what a report may tell
//! can be worked out by counting persons.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::agents::{self, Agent};
use crate::support::events::{ORIGINS, Origin};
use crate::support::geo::{ADDRESSES, Geo, Place};
use crate::support::program::Program;
use crate::support::random::Random;

/// A town, and addresses that the file places there.
#[derive(Debug, Clone)]
pub(crate) struct Town {
    pub(crate) place: Place,
    pub(crate) addresses: Vec<String>,
}

/// Different towns with many addresses each.
pub(crate) fn towns() -> Vec<Town> {
    let geo = Geo::open();
    let mut found: Vec<Town> = Vec::new();
    for address in ADDRESSES.iter().filter(|address| address.contains('.')) {
        let place = geo.place(address);
        let known = found.iter().any(|town| town.place.city == place.city);
        if place.city.is_empty() || place.region.is_empty() || known {
            continue;
        }
        let (network, _) = address.rsplit_once('.').expect("an IPv4 address");
        let addresses: Vec<String> = (1..255)
            .map(|host| format!("{network}.{host}"))
            .filter(|near| geo.place(near) == place)
            .collect();
        if addresses.len() >= 60 {
            found.push(Town { place, addresses });
        }
    }
    found
}

/// One visitor of one day.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) address: String,
    pub(crate) place: Place,
    pub(crate) agent: &'static Agent,
    pub(crate) origin: Origin,
    /// Pages in the order in which they were seen.
    pub(crate) pages: Vec<&'static str>,
    /// Second in which they come, if the clock is the test's.
    pub(crate) ts: u32,
    /// Labels of that second: day and hour.
    pub(crate) day: &'static str,
    pub(crate) hour: &'static str,
}

impl Person {
    /// Somebody who sees one page, with an ordinary browser and without a source.
    pub(crate) fn of(town: &Town, number: usize, page: &'static str) -> Self {
        Self {
            address: town.addresses.get(number).expect("a town has addresses enough").clone(),
            place: town.place.clone(),
            agent: agents::like("Chrome", "Windows"),
            origin: *ORIGINS.first().expect("direct is the first origin"),
            pages: vec![page],
            ts: 0,
            day: "",
            hour: "",
        }
    }

    /// The same with another browser and system.
    pub(crate) fn with_agent(mut self, browser: &str, os: &str) -> Self {
        self.agent = agents::like(browser, os);
        self
    }

    /// The same from the source at `number` of the list.
    pub(crate) fn from(mut self, number: usize) -> Self {
        self.origin = *ORIGINS.get(number).expect("an origin of the list");
        self
    }

    /// The same with more pages.
    pub(crate) fn then(mut self, page: &'static str) -> Self {
        self.pages.push(page);
        self
    }

    /// The label of the event on `page`.
    pub(crate) fn label(&self, dimension: &str, page: &str) -> String {
        let (text, empty) = match dimension {
            "time:day" => (self.day, ""),
            "time:hour" => (self.hour, ""),
            "event:page" => (page, ""),
            "event:name" => ("pageview", ""),
            "visit:source" => (self.origin.source, "Direct / None"),
            "visit:channel" => (self.origin.channel, "(not set)"),
            "visit:country" => (self.place.country.as_str(), "(not set)"),
            "visit:region" => (self.place.region.as_str(), "(not set)"),
            "visit:city" => (self.place.city.as_str(), "(not set)"),
            "visit:browser" => (self.agent.browser, "(not set)"),
            "visit:os" => (self.agent.os, "(not set)"),
            "visit:device" => (self.agent.device, "(not set)"),
            "visit:entry_page" => (*self.pages.first().expect("a page"), ""),
            "visit:exit_page" => (*self.pages.last().expect("a page"), ""),
            other => panic!("nobody has a {other}"),
        };
        if text.is_empty() { empty.to_owned() } else { text.to_owned() }
    }
}

/// Sends what everyone does, in the order of time, with `key` if it is a server that reports them.
pub(crate) fn send(program: &Program, domain: &str, people: &[Person], key: Option<&str>) {
    let mut client = program.client();
    let bearer = key.map(|key| format!("Bearer {key}"));
    for person in people {
        if let Some(clock) = program.clock.as_ref().filter(|_| person.ts > 0) {
            clock.set(person.ts);
        }
        for (n, page) in person.pages.iter().enumerate() {
            let query = if n == 0 { person.origin.query } else { "" };
            let mut body = json!({"n": "pageview", "u": format!("https://{domain}{page}{query}"), "d": domain});
            if n == 0 && !person.origin.referrer.is_empty() {
                body["r"] = json!(person.origin.referrer);
            }
            let mut headers = vec![
                ("User-Agent", person.agent.text.as_str()),
                ("X-Forwarded-For", person.address.as_str()),
            ];
            if let Some(bearer) = &bearer {
                headers.push(("Authorization", bearer));
            }
            let answer = client.post("/api/event", &headers, body.to_string().as_bytes());
            assert_eq!(answer.outcome(), "accepted", "{person:?}: {}", answer.text());
        }
    }
}

/// How many events they make.
pub(crate) fn events(people: &[Person]) -> u64 {
    people.iter().map(|person| person.pages.len() as u64).sum()
}

/// Moments at which a crowd comes: second, day and hour as reports in UTC name them.
pub(crate) type Moment = (u32, &'static str, &'static str);

/// A crowd with towns, browsers, sources and pages of very different sizes, some of one person.
pub(crate) fn crowd(seed: u64, size: usize, moments: &[Moment]) -> Vec<Person> {
    const PAGES: [&str; 9] =
        ["/", "/", "/", "/", "/pricing", "/pricing", "/docs/start", "/about", "/only/for/you"];
    let mut random = Random::seeded("a crowd", seed);
    let towns = towns();
    assert!(towns.len() >= 8, "the city file places too few of our addresses");
    let agents = kinds();
    let mut used = BTreeMap::new();
    let mut people: Vec<Person> = (0..size)
        .map(|_| {
            let town = skewed(&mut random, towns.len());
            let number = used.entry(town).or_insert(0);
            *number += 1;
            let town = towns.get(town).expect("a town of the list");
            let mut person = Person::of(town, *number % town.addresses.len(), "/");
            let mut page = || *random.pick(&PAGES);
            person.pages = vec![page()];
            for _ in 0..2 {
                person.pages.push(page());
            }
            let keep = 1 + usize::try_from(random.below(3)).expect("at most three");
            person.pages.truncate(keep);
            person.agent = agents.get(skewed(&mut random, agents.len())).expect("an agent");
            person.origin = if random.below(2) == 0 {
                *ORIGINS.first().expect("direct is the first origin")
            } else {
                *random.pick(&ORIGINS)
            };
            (person.ts, person.day, person.hour) = *random.pick(moments);
            person
        })
        .collect();
    people.sort_by_key(|person| person.ts);
    people
}

/// A number below `n`, each half as likely as the one before: the last ones come once or never.
fn skewed(random: &mut Random, n: usize) -> usize {
    let mut number = 0;
    while number + 1 < n && random.below(100) < 55 {
        number += 1;
    }
    number
}

/// One agent of each browser and system in the list.
fn kinds() -> Vec<&'static Agent> {
    let mut found: Vec<&'static Agent> = Vec::new();
    for agent in agents::all() {
        if !found.iter().any(|one| (one.browser, one.os) == (agent.browser, agent.os)) {
            found.push(agent);
        }
    }
    found
}

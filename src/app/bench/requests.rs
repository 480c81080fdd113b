//! The requests of a run, written out before it begins: sending one costs no thought.

use serde_json::json;

use crate::app::bench::agents::Agents;
use crate::app::bench::random::{Random, Weights};
use crate::app::bench::visits::{self, Deed, Event, Visitor};

/// Visits under way at once: the events of a visit stand apart, as they come to a server.
const VISITS_AT_ONCE: usize = 512;
/// Requests are written out until this many are there, visitors coming again if they are few.
const REQUESTS_MIN: usize = 20_000;
/// The path of events.
const PATH: &str = "/api/event";

/// Of whom and of what requests tell.
pub struct Cast<'a> {
    /// The value of the header `Host`.
    pub host: &'a str,
    /// Path before `/api/event`, without a slash at its end.
    pub prefix: &'a str,
    /// Sites; the first are visited most.
    pub sites: &'a [String],
    /// Visitors.
    pub visitors: u64,
    /// Pages of each site.
    pub pages: usize,
    /// Of a hundred visitors, those who send `DNT: 1`.
    pub opted_out_percent: u64,
    /// Browsers.
    pub agents: &'a Agents,
    /// Seed of all choices.
    pub seed: u64,
}

/// Requests, one behind the other.
pub struct Requests {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Requests {
    /// Writes requests until each visitor had a visit and there are [`REQUESTS_MIN`].
    #[must_use]
    pub fn write(cast: &Cast<'_>) -> Self {
        let mut random = Random::new(cast.seed);
        let sites = Weights::zipf(cast.sites.len());
        let pages = Weights::zipf(cast.pages);
        let visitors: Vec<Visitor> = (0..cast.visitors)
            .map(|_| Visitor::new(&mut random, cast.agents, &sites, cast.opted_out_percent))
            .collect();
        let mut requests = Self { bytes: Vec::new(), ends: Vec::new() };
        let mut coming = visitors.iter().cycle();
        let mut begun = 0;
        let mut under_way: Vec<(&Visitor, std::vec::IntoIter<Event>)> = Vec::new();
        loop {
            let more = begun < visitors.len() || requests.len() < REQUESTS_MIN;
            if more && under_way.len() < VISITS_AT_ONCE {
                let Some(visitor) = coming.next() else { break };
                let visit = visits::visit(&mut random, &pages, cast.site(visitor.site));
                under_way.push((visitor, visit.into_iter()));
                begun += 1;
                continue;
            }
            if under_way.is_empty() {
                break;
            }
            let at = random.place(under_way.len());
            match under_way.get_mut(at).and_then(|(who, visit)| Some((who, visit.next()?))) {
                Some((visitor, event)) => requests.push(&one(cast, visitor, &event)),
                None => drop(under_way.swap_remove(at)),
            }
        }
        requests
    }

    /// How many there are; at least one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The request at a place, counted round the end.
    #[must_use]
    pub fn get(&self, place: usize) -> &[u8] {
        let place = place % self.ends.len().max(1);
        let end = self.ends.get(place).copied().unwrap_or_default();
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        self.bytes.get(start.unwrap_or_default()..end).unwrap_or_default()
    }

    fn push(&mut self, request: &str) {
        self.bytes.extend_from_slice(request.as_bytes());
        self.ends.push(self.bytes.len());
    }
}

impl Cast<'_> {
    fn site(&self, place: usize) -> &str {
        self.sites.get(place).map_or("", String::as_str)
    }
}

/// One page view of a site by an ordinary visitor: to see what the server says of it.
#[must_use]
pub fn probe(cast: &Cast<'_>, site: usize) -> Vec<u8> {
    let mut random = Random::new(cast.seed ^ 1);
    let mut visitor = Visitor::new(&mut random, cast.agents, &Weights::zipf(1), 0);
    visitor.site = site;
    let event = Event { page: visits::path(0), deed: Deed::View { referrer: String::new() } };
    one(cast, &visitor, &event).into_bytes()
}

/// As the script sends it from a page over https, forwarded by a proxy.
fn one(cast: &Cast<'_>, visitor: &Visitor, event: &Event) -> String {
    let (site, page, width) = (cast.site(visitor.site), &event.page, visitor.width);
    let url = format!("https://{site}{page}");
    let body = match &event.deed {
        Deed::View { referrer } => {
            json!({"n": "pageview", "u": url, "d": site, "r": referrer, "w": width})
        }
        Deed::Custom { name } => json!({"n": name, "u": url, "d": site, "r": "", "w": width}),
        Deed::Engagement { millis, depth } => {
            json!({"n": "engagement", "u": url, "d": site, "e": millis, "sd": depth})
        }
    };
    let body = body.to_string();
    let dnt = if visitor.has_opted_out { "DNT: 1\r\n" } else { "" };
    format!(
        "POST {}{PATH} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n{}User-Agent: {}\r\n\
         Content-Type: text/plain;charset=UTF-8\r\nAccept: */*\r\nOrigin: https://{site}\r\n\
         Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n\
         Referer: https://{site}/\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
         Accept-Language: {}\r\n{dnt}X-Forwarded-For: {}\r\n\r\n{body}",
        cast.prefix,
        cast.host,
        body.len(),
        visitor.agent.hints,
        visitor.agent.text,
        visitor.language,
        visitor.address,
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ingest;

    fn cast<'a>(sites: &'a [String], agents: &'a Agents, visitors: u64) -> Cast<'a> {
        Cast {
            host: "127.0.0.1:8000",
            prefix: "",
            sites,
            visitors,
            pages: 200,
            opted_out_percent: 10,
            agents,
            seed: 42,
        }
    }

    fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
        request.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    #[test]
    fn every_request_is_whole_and_understood_by_the_collector() {
        let sites = ["one.example".to_owned(), "two.example".to_owned()];
        let agents = Agents::built_in();
        let requests = Requests::write(&cast(&sites, &agents, 3_000));
        assert!(requests.len() >= REQUESTS_MIN, "{}", requests.len());
        let mut names: BTreeMap<String, u32> = BTreeMap::new();
        let (mut opted_out, mut first) = (0, 0);
        let mut visitors = std::collections::BTreeSet::new();
        for place in 0..requests.len() {
            let request = std::str::from_utf8(requests.get(place)).unwrap();
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("POST /api/event HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n"));
            assert_eq!(header(head, "Content-Length"), Some(body.len().to_string().as_str()));
            let payload = ingest::parse_event(body.as_bytes()).unwrap();
            *names.entry(payload.name().to_owned()).or_default() += 1;
            first += u32::from(payload.sites() == ["one.example"]);
            opted_out += u32::from(header(head, "DNT") == Some("1"));
            visitors.insert(header(head, "X-Forwarded-For").unwrap().to_owned());
        }
        assert_eq!(visitors.len(), 3_000);
        let all = u32::try_from(requests.len()).unwrap();
        let share = |count: u32| count * 100 / all;
        assert!((55..75).contains(&share(names["pageview"])), "{names:?}");
        assert!((25..40).contains(&share(names["engagement"])), "{names:?}");
        assert!(names["Signup"] > 0, "{names:?}");
        assert!((60..73).contains(&share(first)), "two thirds go to the first of two sites");
        assert!((7..13).contains(&share(opted_out)), "{opted_out} of {all}");
    }

    #[test]
    fn the_same_seed_writes_the_same_requests() {
        let sites = ["one.example".to_owned()];
        let agents = Agents::built_in();
        let one = Requests::write(&cast(&sites, &agents, 50));
        let same = Requests::write(&cast(&sites, &agents, 50));
        let other = Requests::write(&Cast { seed: 43, ..cast(&sites, &agents, 50) });
        assert_eq!((&one.bytes, &one.ends), (&same.bytes, &same.ends));
        assert_ne!(one.bytes, other.bytes);
        assert_eq!(one.get(0), one.get(one.len()));
    }
}

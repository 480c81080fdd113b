//! Made-up visitors on a real calendar: who looked at what, when, from where, repeatable by seed.
//!
//! Gaps between events are chosen around the ones that matter (1,799, 1,800 and 1,801 seconds),
//! visitors share addresses and User-Agents, some visit two sites, some send engagement only.

use serde_json::json;

use crate::support::agents::{self, Agent};
use crate::support::geo::ADDRESSES;
use crate::support::random::Random;

/// Seconds between two events of a visitor; the ones around half an hour often.
const GAPS: [u32; 12] = [0, 0, 3, 20, 95, 600, 1_799, 1_800, 1_801, 1_801, 5_400, 30_000];
/// Pages of the sites.
const PATHS: [&str; 6] = ["/", "/pricing", "/docs/start", "/docs/api", "/blog/hello", "/about"];
/// Agents used: so many of the package's list.
const AGENTS: usize = 60;

/// What a visitor came from: the referrer or campaign sent, and the names it should get.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    /// `referrer` of the payload.
    pub(crate) referrer: &'static str,
    /// Query of the page's URL.
    pub(crate) query: &'static str,
    /// Expected name of the source; empty for direct visits.
    pub(crate) source: &'static str,
    /// Expected channel.
    pub(crate) channel: &'static str,
}

/// Where visitors come from. Sources and channels are those that users of other tools know.
pub(crate) const ORIGINS: [Origin; 8] = [
    Origin { referrer: "", query: "", source: "", channel: "Direct" },
    Origin {
        referrer: "https://www.google.com/",
        query: "",
        source: "Google",
        channel: "Organic Search",
    },
    Origin {
        referrer: "https://duckduckgo.com/",
        query: "",
        source: "DuckDuckGo",
        channel: "Organic Search",
    },
    Origin {
        referrer: "https://www.facebook.com/some/post",
        query: "",
        source: "Facebook",
        channel: "Organic Social",
    },
    Origin {
        referrer: "https://blog.neighbour.example/list?of=links",
        query: "",
        source: "blog.neighbour.example",
        channel: "Referral",
    },
    Origin {
        referrer: "",
        query: "?utm_source=newsletter&utm_medium=email&utm_campaign=spring",
        source: "newsletter",
        channel: "Email",
    },
    Origin {
        referrer: "https://www.google.com/",
        query: "?utm_source=google&utm_medium=cpc",
        source: "Google",
        channel: "Paid Search",
    },
    Origin {
        referrer: "https://chatgpt.com/",
        query: "",
        source: "ChatGPT",
        channel: "AI Assistants",
    },
];

/// One event as a browser sends it.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// Number of the site in the caller's list.
    pub(crate) site: usize,
    /// Second in which it is received.
    pub(crate) ts: u32,
    /// Address of the visitor.
    pub(crate) address: &'static str,
    /// User-Agent of the visitor.
    pub(crate) agent: &'static Agent,
    /// Name of the event.
    pub(crate) name: &'static str,
    /// Path of the page.
    pub(crate) path: &'static str,
    /// Where it came from.
    pub(crate) origin: Origin,
    /// `interactive` of the payload.
    pub(crate) interactive: bool,
}

impl Sent {
    /// A page view without a referrer.
    pub(crate) fn pageview(
        site: usize,
        ts: u32,
        address: &'static str,
        agent: &'static Agent,
        path: &'static str,
    ) -> Self {
        let origin = *ORIGINS.first().expect("direct is the first origin");
        Self { site, ts, address, agent, name: "pageview", path, origin, interactive: true }
    }

    /// The same as another event.
    pub(crate) fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// The same, but it does not end a bounce.
    pub(crate) fn not_interactive(mut self) -> Self {
        self.interactive = false;
        self
    }

    /// The body of `POST /api/event`.
    pub(crate) fn body(&self, domain: &str) -> String {
        let url = format!("https://{domain}{}{}", self.path, self.origin.query);
        let mut body = json!({"n": self.name, "u": url, "d": domain});
        if !self.origin.referrer.is_empty() {
            body["r"] = json!(self.origin.referrer);
        }
        if !self.interactive {
            body["i"] = json!(false);
        }
        if self.name == "engagement" {
            body["e"] = json!(4_000);
            body["sd"] = json!(55);
        }
        body.to_string()
    }
}

/// About `count` events of `sites` sites between `from` and `to`, in the order of time.
pub(crate) fn generate(seed: u64, count: usize, sites: usize, from: u32, to: u32) -> Vec<Sent> {
    let mut random = Random::seeded("events", seed);
    let agents = agents::all();
    let step = (agents.len() / AGENTS).max(1);
    let agents: Vec<&'static Agent> = agents.iter().step_by(step).collect();
    let mut events = Vec::new();
    while events.len() < count {
        let address = random.pick(&ADDRESSES);
        let agent = random.pick(&agents);
        let site = usize::try_from(random.below(sites as u64)).expect("few sites");
        let mut ts = from + u32::try_from(random.below(u64::from(to - from))).expect("a time");
        for _ in 0..=random.below(14) {
            if ts >= to || events.len() == count {
                break;
            }
            events.push(one(&mut random, site, ts, address, agent));
            ts += random.pick(&GAPS);
        }
    }
    events.sort_by_key(|event| event.ts);
    events
}

fn one(
    random: &mut Random,
    site: usize,
    ts: u32,
    address: &'static str,
    agent: &'static Agent,
) -> Sent {
    let path = *random.pick(&PATHS);
    let mut sent = Sent::pageview(site, ts, address, agent, path);
    sent.origin = *random.pick(&ORIGINS);
    match random.below(100) {
        0..=9 => sent.named("engagement"),
        10..=19 => sent.named("signup"),
        20..=27 => sent.named("scrolled").not_interactive(),
        _ => sent,
    }
}

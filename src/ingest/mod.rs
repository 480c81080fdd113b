//! Request facts → event: the privacy pipeline, without clock, disk or network.
//!
//! The order of the steps, each of which may end the event with one [`Outcome`]:
//! signals of the headers → payload → signals of the payload → (the server looks the site up) →
//! rules of the site → bots → address → location → agent → source → token → row
//! ([`Reduced`]).
//!
//! Promise: address and User-Agent end here. What comes out is the [`Reduced`] row; every string
//! in it is bounded, valid UTF-8, and free of control characters. An event whose site has no key
//! for the day, and a pixel in a mail, carries no token (0).
//!
//! The server calls [`opted_out`], [`parse_event`] or [`parse_pixel`], then, for the sites it
//! finds, [`admit`], [`prepare`] once, and [`reduce`] for each site. [`process`] is the same for one
//! site, a step a line.

pub mod adapters;
pub mod address;
pub mod agent;
mod body;
pub mod bots;
mod campaign;
pub mod caps;
mod channel;
mod click;
mod families;
mod fields;
pub mod hints;
pub mod lists;
pub mod location;
mod measured;
pub mod network;
mod payload;
mod pixel;
mod plain;
mod placeholder;
mod props;
mod query;
mod reduce;
mod revenue;
pub mod rules;
pub mod signals;
pub mod signs;
pub mod source;
mod text;
mod traits;
pub mod url;
pub mod visitor;

#[cfg(test)]
mod rates;
#[cfg(test)]
mod rates_of_agents;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::model::{LocalMoment, Outcome, Refusal, Site};

pub use address::ClientAddr;
pub use agent::{Agent, Agents};
pub use lists::{ListError, Networks, SpamHosts};
pub use location::{Geo, Location};
pub use payload::{
    ENGAGEMENT, PAGEVIEW, Payload, PayloadError, SCRIPT_ERROR, WEB_VITALS, parse_event,
};
pub use pixel::parse_pixel;
pub use reduce::{Reduced, Row, reduce};
pub use rules::{Rulebook, SiteRules};
pub use signals::{Headers, opted_out, says_no};
pub use source::Source;
pub use visitor::Identity;

/// What the server knows of a request besides its body. Neither `Debug` nor `Clone`.
pub struct Facts<'a> {
    /// The headers of interest.
    pub headers: &'a Headers<'a>,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// A send key came with it: a server sends, and looks like one.
    pub by_key: bool,
    /// The visitor's address, as whoever has a send key names it.
    pub named: Option<IpAddr>,
}

/// What the pipeline looks things up in.
pub struct Context<'a> {
    /// Databases and lists.
    pub lookups: &'a Lookups,
    /// The User-Agent parser.
    pub agents: &'a Agents,
    /// Networks whose forwarded headers are believed.
    pub trusted: &'a [IpNet],
}

/// Databases and lists that the operator may replace at any time.
#[derive(Clone, Default)]
pub struct Lookups {
    /// The location databases.
    pub geo: Arc<Geo>,
    /// Networks where machines live and people do not.
    pub datacentres: Arc<Networks>,
    /// Hosts whose visits are made up.
    pub spam: Arc<SpamHosts>,
}

/// What is computed once for all sites of an event. Neither `Debug` nor `Clone`: it holds what the
/// token is made of, and lives as long as the request.
pub struct Prepared<'a> {
    identity: Identity<'a>,
    location: Option<Arc<Location>>,
    agent: Arc<Agent>,
    score: u8,
    referrer: Cow<'a, str>,
    is_spam: bool,
    /// Address and User-Agent are those of one visitor.
    is_visitor: bool,
    language: Cow<'a, str>,
    untrusted_forwarded: bool,
}

impl Prepared<'_> {
    /// A forwarded header came through a peer that is not trusted, and was ignored.
    #[must_use]
    pub fn untrusted_forwarded(&self) -> bool {
        self.untrusted_forwarded
    }

    /// How much the request looks like a machine's; see [`signs::score`].
    #[must_use]
    pub fn score(&self) -> u8 {
        self.score
    }

    /// A number for the client's network under a short-lived random key, for limiters.
    #[must_use]
    pub fn network(&self, key: &[u8; 32]) -> u64 {
        self.identity.network(key)
    }

    fn location(&self) -> &Location {
        self.location.as_deref().unwrap_or(&location::UNKNOWN)
    }
}

/// One site that an event is for, at the moment of the event.
pub struct Target<'a> {
    /// The site.
    pub site: &'a Site,
    /// Its rules.
    pub rules: &'a SiteRules,
    /// The key of the site's day; without it the event carries no token.
    pub key: Option<&'a [u8; 32]>,
    /// The moment in the site's calendar.
    pub moment: &'a LocalMoment,
    /// The moment, seconds since 1970 UTC.
    pub now: u32,
}

/// The whole pipeline for one site, for a caller that keeps what comes out.
///
/// # Errors
/// Why an event is not counted.
pub fn process(
    facts: &Facts<'_>,
    payload: &Payload<'_>,
    target: &Target<'_>,
    cx: &Context<'_>,
) -> Result<Reduced<'static>, Refusal> {
    admit(payload, target.site, target.rules)?;
    let prepared = prepare(facts, payload, cx)?;
    reduce(&prepared, payload, target).map(Reduced::into_owned)
}

/// The rules of a site that need no more than the page: whether it counts it.
///
/// # Errors
/// [`Outcome::OptedOut`] or [`Outcome::Excluded`].
pub fn admit(payload: &Payload<'_>, site: &Site, rules: &SiteRules) -> Result<(), Refusal> {
    if payload.opted_out() {
        return Err(Outcome::OptedOut.into());
    }
    let Some(page) = &payload.page else { return Ok(()) };
    // A page whose host nobody named is one of the site's.
    if !page.hostname.is_empty() && !site.admits(&page.hostname) {
        return if payload.page_may_be_mail { Ok(()) } else { Err(Refusal::excluded("hostname")) };
    }
    if rules.excludes_path(&page.path) { Err(Refusal::excluded("path")) } else { Ok(()) }
}

/// The steps that are the same for every site: signals, bots, address, location, agent, source.
///
/// Pages that are fetched ahead of their reader (`Sec-Purpose`) count as bots.
///
/// # Errors
/// [`Outcome::OptedOut`] or [`Outcome::Bot`].
pub fn prepare<'a>(
    facts: &Facts<'a>,
    payload: &'a Payload<'_>,
    cx: &Context<'_>,
) -> Result<Prepared<'a>, Refusal> {
    let headers = facts.headers;
    if opted_out(headers) || payload.opted_out() {
        return Err(Outcome::OptedOut.into());
    }
    if payload.of_server && payload.page.is_none() && !facts.by_key {
        return Err(Outcome::Invalid.into());
    }
    let user_agent = headers.user_agent.unwrap_or_default();
    let seen = cx.agents.look(user_agent);
    let Client { is_mail_reader, has_address, has_agent, is_visitor } =
        client(facts, payload, seen.bot)?;
    let resolved = match facts.named {
        Some(named) => address::Resolved::named(named),
        None => address::resolve(facts.peer, headers, cx.trusted),
    };
    // Mail services fetch from datacentres for their readers, and servers send from there.
    let is_expected = is_mail_reader || facts.by_key;
    if !is_expected && cx.lookups.datacentres.contains(&resolved.addr) {
        return Err(Refusal::bot(bots::DATACENTRE));
    }
    let (agent, score) = if has_agent { agent(headers, seen.agent) } else { (Arc::default(), 0) };
    let location = if has_address { cx.lookups.geo.locate(&resolved.addr) } else { None };
    let spoken = headers.accept_language.filter(|_| has_agent || is_mail_reader);
    Ok(Prepared {
        is_visitor,
        identity: Identity::new(resolved.addr, user_agent),
        location,
        agent,
        score: if facts.by_key { 0 } else { score },
        is_spam: cx.lookups.spam.contains(&payload.referrer),
        referrer: url::foreign_host(&payload.referrer),
        language: match &*payload.language {
            "" => signals::language(spoken),
            sent => Cow::Borrowed(sent),
        },
        untrusted_forwarded: resolved.untrusted_forwarded,
    })
}

/// Whose the address and the User-Agent of a request are.
struct Client {
    /// A mail service that fetches for its readers: it says where its own machines are.
    is_mail_reader: bool,
    /// The address is a visitor's.
    has_address: bool,
    /// The User-Agent is a visitor's.
    has_agent: bool,
    /// Both are those of one visitor.
    is_visitor: bool,
}

/// Looks whose they are; refuses machines, but those that are a server with a key.
fn client(
    facts: &Facts<'_>,
    payload: &Payload<'_>,
    bot: Option<&'static str>,
) -> Result<Client, Refusal> {
    if payload.is_automated {
        return Err(Refusal::bot(bots::HEADLESS));
    }
    let is_server = facts.by_key && payload.of_server;
    // With a key a server may tell of somebody of whom it does not name the User-Agent.
    let is_faceless = facts.by_key && payload.faceless;
    let is_mail_reader = payload.page.is_none()
        && !payload.of_server
        && bots::is_mail_reader(facts.headers.user_agent);
    let reason = bots::reason(facts.headers, bot).filter(|_| !is_faceless);
    match reason {
        Some(reason) if is_mail_reader && reason != bots::AHEAD_OF_TIME => {}
        Some(reason) if is_server && bots::is_of_programs(reason) => {}
        Some(reason) => return Err(Refusal::bot(reason)),
        None => {}
    }
    let names_nobody = facts.by_key
        && facts.named.is_none()
        && (payload.of_server || payload.unlinked || payload.faceless);
    Ok(Client {
        is_mail_reader,
        has_address: !is_mail_reader && !names_nobody,
        has_agent: reason.is_none() && !is_mail_reader && !is_faceless,
        is_visitor: !is_server || (facts.named.is_some() && reason.is_none()),
    })
}

/// The agent as its hints complete it, and the score of the request.
fn agent(headers: &Headers<'_>, agent: Arc<Agent>) -> (Arc<Agent>, u8) {
    let hints = hints::Hints::of(headers);
    let score = signs::score(headers, &hints, &agent);
    (hints.complete(agent), score)
}

/// Loads the tables now, so that no request waits for it. [`Agents::new`] loads its own.
pub fn load_tables() {
    bots::load();
    lists::load();
    source::load();
}

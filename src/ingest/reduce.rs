//! The last step for one site: what was prepared becomes the row that is stored.
//!
//! Here the rules of the site are applied that need the client's network or country, its path rules,
//! and its list of properties. What is not kept is told by name.

use crate::ingest::channel;
use crate::ingest::measured::Report;
use crate::ingest::source::Source;
use crate::ingest::url::{Campaign, Page};
use crate::ingest::{Payload, Prepared, SiteRules, Target, props};
use crate::model::{Event, KeptBack, Outcome, Refusal, ScriptError, Site, Vital};

/// Events of the script that are about a place in the site: they get its path as a property.
pub(super) const EVENTS_WITH_PATH: [&str; 5] =
    ["404", "Cloaked Link: Click", "File Download", "Form: Submission", "Outbound Link: Click"];

/// What is stored of one event at one site.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// An event of a visitor.
    Event(Box<Event>),
    /// What a page measured of itself, a value a metric.
    Vitals(Vec<Vital>),
    /// An error of a page's scripts.
    ScriptError(ScriptError),
}

/// A row, and what of the event is not in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduced {
    /// What is stored.
    pub row: Row,
    /// What is not, by the name of its property.
    pub kept_back: Vec<(KeptBack, String)>,
    /// The source has a name of our table, of which there are few.
    pub source_is_known: bool,
}

/// The row of one site, which has admitted the payload ([`crate::ingest::admit`]).
///
/// # Errors
/// [`Outcome::Excluded`] by network or country, [`Outcome::SpamReferrer`].
pub fn reduce(
    prepared: &Prepared,
    payload: &Payload,
    target: &Target<'_>,
) -> Result<Reduced, Refusal> {
    let (site, rules) = (target.site, target.rules);
    if prepared.identity.is_within(rules.excluded_networks()) {
        return Err(Refusal::excluded("network"));
    }
    if rules.excludes_country(&prepared.location.country) {
        return Err(Refusal::excluded("country"));
    }
    let page = payload.page.as_ref().filter(|page| site.admits(&page.hostname));
    if prepared.is_spam && !is_own(payload, target, page) {
        return Err(Outcome::SpamReferrer.into());
    }
    let path = page.map_or_else(String::new, |page| rules.path(&page.path, &page.query));
    let reported = match &payload.report {
        Report::None => {
            let (props, kept_back) = properties(payload, site, rules, &path);
            let source = source(prepared, payload, target, page);
            let source_is_known = source.is_known;
            let event = event(prepared, payload, target, (page, path, source), props);
            return Ok(Reduced { row: Row::Event(Box::new(event)), kept_back, source_is_known });
        }
        Report::Vitals(values) => Row::Vitals(
            values
                .iter()
                .map(|(metric, bucket)| Vital {
                    site: site.id,
                    day: target.moment.day,
                    path: path.clone(),
                    device: prepared.agent.device.to_owned(),
                    country: prepared.location.country.clone(),
                    metric: *metric,
                    bucket: *bucket,
                })
                .collect(),
        ),
        Report::ScriptError(template) => Row::ScriptError(ScriptError {
            site: site.id,
            day: target.moment.day,
            path,
            browser: prepared.agent.browser.to_owned(),
            template: template.clone(),
        }),
    };
    Ok(Reduced { row: reported, kept_back: Vec::new(), source_is_known: false })
}

fn event(
    prepared: &Prepared,
    payload: &Payload,
    target: &Target<'_>,
    (page, path, source): (Option<&Page>, String, Source),
    props: Vec<(String, String)>,
) -> Event {
    let site = target.site;
    let hostname = page.map_or("", |page| &page.hostname);
    let is_own = is_own(payload, target, page);
    let referrer = if is_own { "" } else { &prepared.referrer };
    let utm = |field: fn(&Campaign) -> &String| {
        page.map_or_else(String::new, |page| field(&page.campaign).clone())
    };
    let (place, agent) = (&prepared.location, &prepared.agent);
    let revenue = payload.revenue.as_ref();
    Event {
        site: site.id,
        day: target.moment.day,
        hour: target.moment.hour,
        ts: target.now,
        visitor: page.and(target.key).map_or(0, |key| prepared.identity.token(key)),
        name: payload.name.clone(),
        interactive: payload.interactive,
        by_key: false,
        hostname: hostname.to_owned(),
        path,
        referrer: referrer.to_owned(),
        source: source.name,
        channel: source.channel.to_owned(),
        utm_source: utm(|campaign| &campaign.source),
        utm_medium: utm(|campaign| &campaign.medium),
        utm_campaign: match payload.pixel_campaign.as_str() {
            "" => utm(|campaign| &campaign.campaign),
            named => named.to_owned(),
        },
        utm_term: utm(|campaign| &campaign.term),
        utm_content: utm(|campaign| &campaign.content),
        country: place.country.clone(),
        region: place.region.clone(),
        city: place.city.clone(),
        browser: agent.browser.to_owned(),
        browser_version: agent.browser_version.clone(),
        os: agent.os.to_owned(),
        os_version: agent.os_version.clone(),
        device: agent.device.to_owned(),
        language: prepared.language.clone(),
        screen: payload.screen.to_owned(),
        click_id: page.map_or("", |page| page.campaign.click_id).to_owned(),
        score: prepared.score,
        engaged_ms: payload.engaged_ms,
        scroll: payload.scroll,
        props,
        revenue: revenue.map_or(0, |revenue| revenue.thousandths),
        currency: revenue.map_or_else(String::new, |revenue| revenue.currency.clone()),
    }
}

/// Where the event comes from: a mail, the site itself, or what was prepared.
fn source(
    prepared: &Prepared,
    payload: &Payload,
    target: &Target<'_>,
    page: Option<&Page>,
) -> Source {
    match page {
        None => {
            let name = channel::EMAIL.to_owned();
            Source { name, channel: channel::EMAIL, is_known: true }
        }
        Some(_) if is_own(payload, target, page) => payload.source(""),
        Some(_) => prepared.source.clone(),
    }
}

/// Whether the referrer is a page of the site itself.
fn is_own(payload: &Payload, target: &Target<'_>, page: Option<&Page>) -> bool {
    target.site.admits(&payload.referrer)
        || payload.referrer == page.map_or("", |page| &page.hostname)
}

type KeptBackNames = Vec<(KeptBack, String)>;

/// A value that is a path, or an address, of the site follows the site's rules for paths.
fn by_rules(value: &str, site: &Site, rules: &SiteRules) -> String {
    if value.starts_with('/') {
        return rules.path(value, &[]);
    }
    let parts = value.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
    if let Some((scheme, rest)) = parts
        && let Some((host, path)) = rest.split_once('/')
        && site.admits(host)
    {
        return format!("{scheme}://{host}{}", rules.path(&format!("/{path}"), &[]));
    }
    value.to_owned()
}

/// The properties that the site keeps, and the names of the others.
fn properties(
    payload: &Payload,
    site: &Site,
    rules: &SiteRules,
    path: &str,
) -> (Vec<(String, String)>, KeptBackNames) {
    let mut kept_back: KeptBackNames = Vec::new();
    let identifying = payload.props.identifying.iter();
    kept_back.extend(identifying.map(|name| match rules.keeps(name) {
        true => (KeptBack::Value, name.clone()),
        false => (KeptBack::Property, name.clone()),
    }));
    let mut kept = Vec::new();
    for (name, value) in &payload.props.fit {
        if rules.keeps(name) {
            kept.push((name.clone(), by_rules(value, site, rules)));
        } else {
            kept_back.push((KeptBack::Property, name.clone()));
        }
    }
    let is_given = kept.iter().any(|(name, _)| name == "path");
    if EVENTS_WITH_PATH.contains(&payload.name.as_str())
        && !is_given
        && kept.len() < props::PROPS_MAX
    {
        kept.push(("path".to_owned(), path.to_owned()));
        kept.sort_unstable();
    }
    (kept, kept_back)
}

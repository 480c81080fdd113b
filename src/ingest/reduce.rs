//! The last step for one site: what was prepared becomes the row that is stored.
//!
//! Here the rules of the site are applied that need the client's network or country, its path rules,
//! and its list of properties. What is not kept is told by name.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::ingest::channel;
use crate::ingest::measured::Report;
use crate::ingest::source::{self, Source};
use crate::ingest::url::{Campaign, Page};
use crate::ingest::{Payload, Prepared, SiteRules, Target, props};
use crate::model::{Event, KeptBack, Outcome, Refusal, ScriptError, Site, Vital};

/// Events of the script that are about a place in the site: they get its path as a property.
pub(super) const EVENTS_WITH_PATH: [&str; 5] =
    ["404", "Cloaked Link: Click", "File Download", "Form: Submission", "Outbound Link: Click"];

/// The campaign of an event without a page.
static NO_CAMPAIGN: LazyLock<Campaign> = LazyLock::new(Campaign::default);

/// What is stored of one event at one site.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly every row is an event; none is kept")]
pub enum Row<'a> {
    /// An event of a visitor.
    Event(Event<'a>),
    /// What a page measured of itself, a value a metric.
    Vitals(Vec<Vital>),
    /// An error of a page's scripts.
    ScriptError(ScriptError),
}

/// A row, and what of the event is not in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduced<'a> {
    /// What is stored.
    pub row: Row<'a>,
    /// What is not, by the name of its property.
    pub kept_back: Vec<(KeptBack, String)>,
    /// The source has a name of our table, of which there are few.
    pub source_is_known: bool,
}

impl Reduced<'_> {
    /// The same on its own, for whoever keeps it.
    #[must_use]
    pub fn into_owned(self) -> Reduced<'static> {
        let row = match self.row {
            Row::Event(event) => Row::Event(event.into_owned()),
            Row::Vitals(vitals) => Row::Vitals(vitals),
            Row::ScriptError(error) => Row::ScriptError(error),
        };
        Reduced { row, ..self }
    }
}

/// The row of one site, which has admitted the payload ([`crate::ingest::admit`]).
///
/// # Errors
/// [`Outcome::Excluded`] by network or country, [`Outcome::SpamReferrer`].
pub fn reduce<'a>(
    prepared: &'a Prepared<'_>,
    payload: &'a Payload<'_>,
    target: &Target<'a>,
) -> Result<Reduced<'a>, Refusal> {
    let (site, rules) = (target.site, target.rules);
    let place = prepared.location();
    if prepared.identity.is_within(rules.excluded_networks()) {
        return Err(Refusal::excluded("network"));
    }
    if rules.excludes_country(&place.country) {
        return Err(Refusal::excluded("country"));
    }
    let is_of_site = |page: &&Page<'_>| page.hostname.is_empty() || site.admits(&page.hostname);
    let page = payload.page.as_ref().filter(is_of_site);
    if prepared.is_spam && !is_own(payload, target, page) {
        return Err(Outcome::SpamReferrer.into());
    }
    let path = page.map_or(Cow::Borrowed(""), |page| rules.path(&page.path, &page.query));
    let reported = match &payload.report {
        Report::None => {
            let (props, kept_back) = properties(payload, site, rules, &path);
            let source = source(prepared, payload, target, page);
            let source_is_known = source.is_known;
            let event = event(prepared, payload, target, (page, path, source), props);
            return Ok(Reduced { row: Row::Event(event), kept_back, source_is_known });
        }
        Report::Vitals(values) => Row::Vitals(
            values
                .iter()
                .map(|(metric, bucket)| Vital {
                    site: site.id,
                    day: target.moment.day,
                    path: path.clone().into_owned(),
                    device: prepared.agent.device.to_owned(),
                    country: place.country.clone(),
                    metric: *metric,
                    bucket: *bucket,
                })
                .collect(),
        ),
        Report::ScriptError(template) => Row::ScriptError(ScriptError {
            site: site.id,
            day: target.moment.day,
            path: path.into_owned(),
            browser: prepared.agent.browser.to_owned(),
            template: template.clone(),
        }),
    };
    Ok(Reduced { row: reported, kept_back: Vec::new(), source_is_known: false })
}

/// Names and values of properties.
type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

fn event<'a>(
    prepared: &'a Prepared<'_>,
    payload: &'a Payload<'_>,
    target: &Target<'a>,
    (page, path, source): (Option<&'a Page<'_>>, Cow<'a, str>, Source<'a>),
    props: Pairs<'a>,
) -> Event<'a> {
    let site = target.site;
    let text = |text: &'a str| Cow::Borrowed(text);
    let is_own = is_own(payload, target, page);
    let utm = |field: fn(&Campaign) -> &String| text(page.map_or("", |page| field(&page.campaign)));
    let (place, agent) = (prepared.location(), &prepared.agent);
    let revenue = payload.revenue.as_ref();
    Event {
        site: site.id,
        day: target.moment.day,
        hour: target.moment.hour,
        ts: target.now,
        visitor: page
            .and(target.key)
            .filter(|_| prepared.is_visitor)
            .filter(|_| !payload.unlinked)
            .map_or(0, |key| prepared.identity.token(key)),
        name: text(&payload.name),
        interactive: payload.interactive,
        by_key: false,
        hostname: text(page.map_or("", |page| match &*page.hostname {
            "" => &site.domain,
            named => named,
        })),
        path,
        referrer: text(if is_own { "" } else { &prepared.referrer }),
        source: text(source.name),
        channel: text(source.channel),
        utm_source: utm(|campaign| &campaign.source),
        utm_medium: utm(|campaign| &campaign.medium),
        utm_campaign: match &*payload.pixel_campaign {
            "" => utm(|campaign| &campaign.campaign),
            named => text(named),
        },
        utm_term: utm(|campaign| &campaign.term),
        utm_content: utm(|campaign| &campaign.content),
        country: text(&place.country),
        region: text(&place.region),
        city: text(&place.city),
        browser: text(agent.browser),
        browser_version: text(&agent.browser_version),
        os: text(agent.os),
        os_version: text(&agent.os_version),
        device: text(agent.device),
        language: text(&prepared.language),
        screen: text(payload.screen),
        click_id: text(page.map_or("", |page| page.campaign.click_id)),
        score: prepared.score,
        engaged_ms: payload.engaged_ms,
        scroll: payload.scroll,
        props,
        revenue: revenue.map_or(0, |revenue| revenue.thousandths),
        currency: text(revenue.map_or("", |revenue| &revenue.currency)),
    }
}

/// Where the event comes from: a mail, the site itself, or elsewhere.
fn source<'a>(
    prepared: &'a Prepared<'_>,
    payload: &Payload<'_>,
    target: &Target<'_>,
    page: Option<&'a Page<'_>>,
) -> Source<'a> {
    let is_own = is_own(payload, target, page);
    let referrer = if is_own { "" } else { &*prepared.referrer };
    let Some(found) = page else {
        if payload.of_server {
            return source::find(&NO_CAMPAIGN, referrer);
        }
        return Source { name: channel::EMAIL, channel: channel::EMAIL, is_known: true };
    };
    source::find(&found.campaign, referrer)
}

/// Whether the referrer is a page of the site itself.
fn is_own(payload: &Payload<'_>, target: &Target<'_>, page: Option<&Page<'_>>) -> bool {
    target.site.admits(&payload.referrer)
        || payload.referrer == page.map_or("", |page| &page.hostname)
}

type KeptBackNames = Vec<(KeptBack, String)>;

/// A value that is a path, or an address, of the site follows the site's rules for paths.
fn by_rules<'a>(value: &'a str, site: &Site, rules: &'a SiteRules) -> Cow<'a, str> {
    if value.starts_with('/') {
        return rules.path(value, &[]);
    }
    let parts = value.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
    if let Some((scheme, rest)) = parts
        && let Some((host, path)) = rest.split_once('/')
        && site.admits(host)
    {
        let path = format!("/{path}");
        return Cow::Owned(format!("{scheme}://{host}{}", rules.path(&path, &[])));
    }
    Cow::Borrowed(value)
}

/// The properties that the site keeps, and the names of the others.
fn properties<'a>(
    payload: &'a Payload<'_>,
    site: &Site,
    rules: &'a SiteRules,
    path: &Cow<'a, str>,
) -> (Pairs<'a>, KeptBackNames) {
    let mut kept_back: KeptBackNames = Vec::new();
    let identifying = payload.props.identifying.iter();
    kept_back.extend(identifying.map(|name| match rules.keeps(name) {
        true => (KeptBack::Value, name.clone()),
        false => (KeptBack::Property, name.clone()),
    }));
    let mut kept: Pairs<'a> = Vec::new();
    for (name, value) in &payload.props.fit {
        if rules.keeps(name) {
            kept.push((Cow::Borrowed(name), by_rules(value, site, rules)));
        } else {
            kept_back.push((KeptBack::Property, name.clone()));
        }
    }
    let is_given = kept.iter().any(|(name, _)| name == "path");
    if EVENTS_WITH_PATH.contains(&&*payload.name) && !is_given && kept.len() < props::PROPS_MAX {
        kept.push((Cow::Borrowed("path"), path.clone()));
        kept.sort_unstable();
    }
    (kept, kept_back)
}

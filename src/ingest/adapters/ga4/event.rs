//! An event of Google Analytics 4, whichever of its formats it came in, as ours.
//!
//! Limits are those of the documentation (names 40 characters, values 100, 25 parameters, page
//! addresses 1,000 characters). Beyond them GA4 drops or cuts, and so do we; a value is reduced
//! before it is cut, so that half a mail address does not pass for a word. Ids of clients, users,
//! visits and orders are not read, nor `user_data`, user properties and titles.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value, json};

use crate::ingest::adapters::{Found, Hit, Named, own_name, site};
use crate::ingest::body::Sent;
use crate::ingest::fields::{page, screen};
use crate::ingest::payload::{
    ENGAGED_MS_LIMIT, ENGAGEMENT, PAGEVIEW, Payload, PayloadError, error,
};
use crate::ingest::props::{self, PROP_VALUE_BYTES_MAX, Props};
use crate::ingest::revenue::{self, Revenue};
use crate::ingest::signals;
use crate::ingest::text::{cut, then};
use crate::ingest::url::{self, CAMPAIGN_BYTES_MAX, Campaign, Page};
use crate::model::{SCROLL_NONE, Tool};

/// Longest name of an event, in characters.
pub(super) const NAME_CHARS_MAX: usize = 40;
/// Longest name of a parameter, in characters.
pub(super) const PARAM_NAME_CHARS_MAX: usize = 40;
/// Longest value of a parameter, in characters.
pub(super) const PARAM_VALUE_CHARS_MAX: usize = 100;
/// Parameters of one event.
pub(super) const PARAMS_MAX: usize = 25;
/// Longest address of a page, in characters.
pub(super) const PAGE_CHARS_MAX: usize = 1000;

/// The name of a page view.
const PAGE_VIEW: &str = "page_view";
/// The name of an event that says nothing but how long a page was looked at.
const USER_ENGAGEMENT: &str = "user_engagement";
/// What GA4 derives from ids of ours that do not exist.
const DERIVED: [&str; 2] = ["first_visit", "session_start"];
/// What happens to a reader without a click: it makes no visit of two.
const PASSIVE: [&str; 5] =
    ["scroll", "view_item", "view_item_list", "view_promotion", "view_search_results"];
/// Events with money, and whether it comes or goes.
const SALES: [(&str, i64); 2] = [("purchase", 1), ("refund", -1)];
/// Parameters that are no properties: what has a place of its own, and what tells people, visits or
/// orders apart.
const NOT_KEPT: [&str; 34] = [
    "anonymize_ip",
    "client_id",
    "conversion_linker",
    "debug_mode",
    "engagement_time_msec",
    "event_callback",
    "event_timeout",
    "groups",
    "ignore_referrer",
    "items",
    "language",
    "linker",
    "non_interaction",
    "order_id",
    "page_location",
    "page_path",
    "page_referrer",
    "page_title",
    "screen_resolution",
    "send_page_view",
    "send_to",
    "server_container_url",
    "session_id",
    "session_number",
    "timestamp_micros",
    "traffic_type",
    "transaction_id",
    "uid",
    "update",
    "user_agent",
    "user_data",
    "user_id",
    "user_location",
    "user_properties",
];
/// Beginnings of the names of those that steer the sender.
const NOT_KEPT_STARTS: [&str; 9] = [
    "allow_",
    "campaign_",
    "cookie_",
    "developer_id",
    "first_party_",
    "ga_session_",
    "gtm.",
    "transport_",
    "user_data.",
];
/// Under such names senders give away who somebody is, whatever the value looks like.
static WHO: LazyLock<Regex> = LazyLock::new(|| {
    let people = "user|client|customer|visitor|member|account|contact|login";
    Regex::new(&format!("(?i)(?:{people})_?(?:id|data|name)|e_?mail|phone|address"))
        .expect("a constant pattern that the tests compile")
});

/// An event before it is ours.
#[derive(Default)]
pub(super) struct Told<'a> {
    /// The measurement id.
    pub(super) id: Cow<'a, str>,
    pub(super) name: Cow<'a, str>,
    /// Address of the page.
    pub(super) page: Option<Cow<'a, str>>,
    pub(super) referrer: Cow<'a, str>,
    pub(super) language: Cow<'a, str>,
    /// `1920x1080`.
    pub(super) screen: Cow<'a, str>,
    /// Time the page was looked at since the last event, milliseconds.
    pub(super) engaged_ms: u64,
    pub(super) params: Params,
    /// Entries of the list of items.
    pub(super) items: usize,
    pub(super) currency: Cow<'a, str>,
    /// Source, medium, name, content and term.
    pub(super) campaign: [Cow<'a, str>; 5],
    /// It came by the Measurement Protocol.
    pub(super) of_server: bool,
    /// What holds only with a key.
    pub(super) named: Said<'a>,
}

/// What a server says of its visitor; beside each event again.
#[derive(Default, Clone)]
pub(super) struct Said<'a> {
    pub(super) address: Option<Cow<'a, str>>,
    pub(super) user_agent: Option<Cow<'a, str>>,
    pub(super) at: Option<i64>,
}

/// Parameters of an event, within GA4's limits.
#[derive(Default, Clone)]
pub(super) struct Params {
    kept: Map<String, Value>,
    passive: bool,
}

impl Params {
    /// Takes a parameter, if it fits; the first of a name counts.
    pub(super) fn add(&mut self, name: &str, value: Value) {
        if name == "non_interaction" {
            self.passive = is_yes(&value);
        }
        let fits = !name.is_empty() && is_within(name, PARAM_NAME_CHARS_MAX);
        if !fits || self.kept.len() == PARAMS_MAX || !is_kept(name) {
            return;
        }
        // Cut before it is reduced, it could end with half of an address.
        if value.as_str().is_none_or(|text| text.len() <= PROP_VALUE_BYTES_MAX) {
            self.kept.entry(name).or_insert(value);
        }
    }
}

impl<'a> Told<'a> {
    /// The events that it is: itself, and the time a page was looked at.
    pub(super) fn found(self, all: &mut Vec<Found<'a>>) {
        if DERIVED.contains(&&*self.name) {
            all.push(Found::Nothing);
            return;
        }
        let engaged = (1..ENGAGED_MS_LIMIT).contains(&self.engaged_ms).then_some(self.engaged_ms);
        let engagement = engaged.map(|ms| self.engagement(ms));
        if self.name == USER_ENGAGEMENT {
            all.push(engagement.map_or(Found::Nothing, Found::from));
            return;
        }
        let event = self.event();
        let is_good = event.is_ok();
        all.push(event.into());
        // Of a wrong event the time is as wrong, and said once.
        all.extend(engagement.filter(|_| is_good).map(Found::from));
    }

    fn engagement(&self, ms: u64) -> Result<Hit<'a>, PayloadError> {
        let follows = self.name != USER_ENGAGEMENT;
        let payload = Payload {
            name: Cow::Borrowed(ENGAGEMENT),
            interactive: false,
            engaged_ms: u32::try_from(ms).unwrap_or_default(),
            ..self.base()?
        };
        Ok(Hit { payload, named: self.named.clone().into(), follows })
    }

    fn event(mut self) -> Result<Hit<'a>, PayloadError> {
        let name = event_name(std::mem::take(&mut self.name))?;
        let sale = SALES.iter().find(|(sale, _)| *sale == name);
        let revenue = sale.and_then(|(_, sign)| self.revenue(*sign));
        if !self.currency.is_empty() {
            let currency = Value::String(self.currency.clone().into_owned());
            self.params.add_own("currency", currency, revenue.is_some());
        }
        if self.items > 0 {
            self.params.kept.insert("items".to_owned(), self.items.into());
        }
        let payload = Payload {
            interactive: !self.params.passive && !PASSIVE.contains(&&*name),
            props: read_props(std::mem::take(&mut self.params.kept))?,
            revenue,
            name,
            ..self.base()?
        };
        Ok(Hit { payload, named: self.named.into(), follows: false })
    }

    /// What all events of a page have.
    fn base(&self) -> Result<Payload<'a>, PayloadError> {
        let found = match &self.page {
            Some(address) => Some(self.page_of(address)?),
            None if self.of_server => None,
            None => return Err(error("dl", "can't be blank")),
        };
        let width = self.screen.split(['x', 'X']).next().unwrap_or_default().trim();
        Ok(Payload {
            sites: vec![site(Tool::Ga4, &self.id, "tid")?],
            referrer: then(self.referrer.clone(), url::referrer_host),
            language: then(self.language.clone(), |text| signals::language(Some(text.as_bytes()))),
            screen: width.parse().map_or("", screen),
            scroll: SCROLL_NONE,
            page: found,
            of_server: self.of_server,
            ..Payload::default()
        })
    }

    fn page_of(&self, address: &Cow<'a, str>) -> Result<Page<'a>, PayloadError> {
        let mut found = page(shortened(address)?, false)?;
        let campaign = &mut found.campaign;
        let is_tagged = |campaign: &Campaign| {
            let Campaign { source, medium, campaign, term, content, .. } = campaign;
            [source, medium, campaign, term, content].iter().any(|text| !text.is_empty())
        };
        if !is_tagged(campaign) {
            let [source, medium, name, content, term] = &self.campaign;
            let text = |sent: &str| url::text(sent.trim(), CAMPAIGN_BYTES_MAX).into_owned();
            campaign.source = text(source);
            campaign.medium = text(medium);
            campaign.campaign = text(name);
            campaign.content = text(content);
            campaign.term = text(term);
        }
        Ok(found)
    }

    /// Value and currency of a sale; they are no properties then.
    fn revenue(&mut self, sign: i64) -> Option<Revenue> {
        let amount = self.params.kept.get("value")?;
        let sent = json!({ "amount": amount, "currency": self.currency });
        let found = revenue::read(&Sent::Other(sent))?;
        self.params.kept.remove("value");
        let thousandths = if sign < 0 { -found.thousandths.abs() } else { found.thousandths };
        Some(Revenue { thousandths, ..found })
    }
}

impl Params {
    /// A parameter with a place of its own in the format: a property, unless it is used otherwise.
    fn add_own(&mut self, name: &str, value: Value, is_used: bool) {
        if is_used {
            self.kept.remove(name);
        } else {
            self.kept.entry(name).or_insert(value);
        }
    }
}

impl<'a> From<Said<'a>> for Named<'a> {
    fn from(said: Said<'a>) -> Self {
        let Said { address, user_agent, at } = said;
        Self { address, user_agent, at, at_field: "timestamp_micros" }
    }
}

fn is_kept(name: &str) -> bool {
    !NOT_KEPT.contains(&name)
        && !NOT_KEPT_STARTS.iter().any(|start| name.starts_with(start))
        && !WHO.is_match(name)
}

/// Whether a text has at most so many characters.
pub(super) fn is_within(text: &str, chars_max: usize) -> bool {
    text.len() <= chars_max || text.chars().count() <= chars_max
}

fn event_name(name: Cow<'_, str>) -> Result<Cow<'_, str>, PayloadError> {
    if !is_within(name.trim(), NAME_CHARS_MAX) {
        return Err(error("name", "is too long: at most 40 characters"));
    }
    let name = own_name(name, "name")?;
    Ok(if name == PAGE_VIEW { Cow::Borrowed(PAGEVIEW) } else { name })
}

/// An address beyond the limit loses the end of its query; one whose path alone is longer is none.
fn shortened<'a>(address: &Cow<'a, str>) -> Result<Cow<'a, str>, PayloadError> {
    let Some((limit, _)) = address.char_indices().nth(PAGE_CHARS_MAX) else {
        return Ok(address.clone());
    };
    let short = cut(address, limit);
    let query = short.find(['?', '#']);
    let end = query.map(|start| short.rfind(['&', '#']).unwrap_or(start).max(start));
    match end {
        Some(end) => Ok(Cow::Owned(cut(short, end).to_owned())),
        None => Err(error("url", "is too long: at most 1000 characters")),
    }
}

/// Properties, each cut to GA4's limit once it is reduced.
fn read_props(params: Map<String, Value>) -> Result<Props, PayloadError> {
    let mut props = props::read(Some(&Sent::Other(Value::Object(params))))?;
    for (_, value) in &mut props.fit {
        if let Some((limit, _)) = value.char_indices().nth(PARAM_VALUE_CHARS_MAX) {
            value.truncate(limit);
        }
    }
    Ok(props)
}

fn is_yes(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64().is_some_and(|number| number > 0.0),
        Value::String(text) => matches!(text.trim(), "1" | "true"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::is_kept;

    /// `tests/browser/tags.mjs` asks the same of the script in the page.
    #[test]
    fn parameters_of_the_sender_are_no_properties() {
        let listed = include_str!("../../../../tests/browser/ga4-params.json");
        let listed: BTreeMap<String, Vec<String>> = serde_json::from_str(listed).unwrap();
        for name in listed.values().flatten() {
            assert!(!is_kept(name), "{name}");
        }
        assert!(is_kept("campaign") && is_kept("method") && is_kept("value"));
    }
}

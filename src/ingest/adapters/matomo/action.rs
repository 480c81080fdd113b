//! What a request of Matomo is about: a page, or one of the actions it tells apart.
//!
//! The names of the events are those of our own script where it has the same, else Matomo's.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::ingest::adapters::matomo::Sent;
use crate::ingest::adapters::own_name;
use crate::ingest::body;
use crate::ingest::payload::{PAGEVIEW, PayloadError, error};
use crate::ingest::props::{self, PROP_NAME_BYTES_MAX, PROP_VALUE_BYTES_MAX, Props};
use crate::ingest::revenue::{self, Revenue};

/// A link to another site.
const LINK: &str = "Outbound Link: Click";
/// A file that was fetched.
const DOWNLOAD: &str = "File Download";
/// A search within the site.
const SEARCH: &str = "view_search_results";
/// A part of a page that was seen.
const IMPRESSION: &str = "Content Impression";
/// A part of a page that somebody did something with.
const INTERACTION: &str = "Content Interaction";
/// A sale.
const ORDER: &str = "Ecommerce Order";
/// A change of what somebody is about to buy.
const CART: &str = "Ecommerce Cart Update";
/// A product that somebody looks at, besides the view of its page.
const PRODUCT: &str = "Product View";
/// Longest JSON of custom variables or items that is read, in bytes.
const JSON_BYTES_MAX: usize = 64 * 1024;

/// An event of a request.
pub(super) struct Action {
    pub(super) name: Cow<'static, str>,
    pub(super) interactive: bool,
    pub(super) props: Props,
    pub(super) revenue: Option<Revenue>,
}

/// An event before its properties are reduced.
struct Draft {
    name: Cow<'static, str>,
    interactive: bool,
    props: Map<String, Value>,
    revenue: Option<Revenue>,
}

/// The events of a request: one, two for a page with a product, none for what Matomo counts only
/// together with an action of a plugin.
pub(super) fn actions(sent: &Sent<'_>) -> Result<Vec<Action>, PayloadError> {
    let drafts = match action(sent)? {
        Some(draft) => vec![draft],
        None if sent.get("ca") == Some("1") => Vec::new(),
        None => {
            let mut drafts = vec![Draft::new(PAGEVIEW, [])];
            drafts.extend(product(sent));
            drafts
        }
    };
    drafts.into_iter().map(|draft| draft.finished(sent)).collect()
}

/// What a request is that is no page view.
fn action(sent: &Sent<'_>) -> Result<Option<Draft>, PayloadError> {
    let found = if sent.get("e_c").is_some() || sent.get("e_a").is_some() {
        event(sent)?
    } else if let Some(name) = sent.get("c_n") {
        content(sent, name)
    } else if let Some(url) = sent.get("link") {
        Draft::new(LINK, [("url", Some(url))])
    } else if let Some(url) = sent.get("download") {
        Draft::new(DOWNLOAD, [("url", Some(url))])
    } else if let Some(term) = sent.get("search") {
        let category = sent.get("search_cat");
        let results = sent.get("search_count");
        let all =
            [("search_term", Some(term)), ("search_category", category), ("results", results)];
        Draft::new(SEARCH, all)
    } else if let Some(number) = sent.get("idgoal") {
        goal(sent, number)?
    } else {
        return Ok(None);
    };
    Ok(Some(found))
}

fn event(sent: &Sent<'_>) -> Result<Draft, PayloadError> {
    let category = sent.get("e_c").ok_or(error("e_c", "can't be blank"))?;
    let action = sent.get("e_a").ok_or(error("e_a", "can't be blank"))?;
    let name = own_name(Cow::Borrowed(action), "e_a")?.into_owned();
    let (label, value) = (sent.get("e_n"), sent.get("e_v"));
    let props = [("category", Some(category)), ("name", label), ("value", value)];
    Ok(Draft::new(name, props))
}

fn content(sent: &Sent<'_>, name: &str) -> Draft {
    let (piece, target) = (sent.get("c_p"), sent.get("c_t"));
    let props = [("name", Some(name)), ("piece", piece), ("target", target)];
    match sent.get("c_i") {
        Some(interaction) => {
            let mut draft = Draft::new(INTERACTION, props);
            draft.add("interaction", Some(interaction));
            draft
        }
        // It is seen, and nobody did anything.
        None => Draft { interactive: false, ..Draft::new(IMPRESSION, props) },
    }
}

fn goal(sent: &Sent<'_>, number: &str) -> Result<Draft, PayloadError> {
    let number: u32 = number.parse().map_err(|_| error("idgoal", "must be a number"))?;
    let mut draft = match number {
        0 if sent.get("ec_id").is_some() => Draft::new(ORDER, []),
        0 => Draft::new(CART, []),
        number => Draft::new(format!("Goal {number}"), []),
    };
    if number == 0 {
        let items = sent.get("ec_items").and_then(list).filter(|items| *items > 0);
        draft.add("items", items.map(|items| items.to_string()).as_deref());
    }
    let Some(amount) = sent.get("revenue").filter(|amount| *amount != "0") else {
        return Ok(draft);
    };
    // Matomo's requests do not say of which currency an amount is; without one it is no revenue
    // here, and stays what it is: a number. What lies in a cart is not earned.
    if draft.name != CART
        && let Some(currency) = sent.get("currency")
    {
        let sent = json!({ "amount": amount, "currency": currency });
        draft.revenue = revenue::read(&body::Sent::Other(sent));
    }
    if draft.revenue.is_none() {
        draft.add("revenue", Some(amount));
    }
    Ok(draft)
}

/// The product of a page.
fn product(sent: &Sent<'_>) -> Option<Draft> {
    let [sku, name, category, price] = ["_pks", "_pkn", "_pkc", "_pkp"].map(|name| sent.get(name));
    if sku.is_none() && name.is_none() && category.is_none() {
        return None;
    }
    // Several categories are a list.
    let joined = category.and_then(parsed).and_then(|list| {
        let names: Vec<&str> = list.as_array()?.iter().filter_map(Value::as_str).collect();
        Some(names.join(", "))
    });
    let category = joined.as_deref().or(category);
    let props = [("sku", sku), ("name", name), ("category", category), ("price", price)];
    Some(Draft { interactive: false, ..Draft::new(PRODUCT, props) })
}

impl Draft {
    fn new<'p>(
        name: impl Into<Cow<'static, str>>,
        props: impl IntoIterator<Item = (&'p str, Option<&'p str>)>,
    ) -> Self {
        let name = name.into();
        let mut draft = Self { name, interactive: true, props: Map::new(), revenue: None };
        for (name, value) in props {
            draft.add(name, value);
        }
        draft
    }

    /// A property, unless there is one of that name. What is too long to be reduced as a whole is
    /// left out.
    fn add(&mut self, name: &str, value: Option<&str>) {
        let Some(value) = value else { return };
        if name.len() <= PROP_NAME_BYTES_MAX && value.len() <= PROP_VALUE_BYTES_MAX {
            self.props.entry(name).or_insert_with(|| Value::String(value.to_owned()));
        }
    }

    /// With custom dimensions and variables.
    fn finished(mut self, sent: &Sent<'_>) -> Result<Action, PayloadError> {
        for (name, value) in sent.dimensions() {
            self.add(name, Some(value));
        }
        for variables in ["cvar", "_cvar"] {
            for (name, value) in sent.get(variables).map(self::variables).unwrap_or_default() {
                self.add(&name, Some(&value));
            }
        }
        let Self { name, interactive, props, revenue } = self;
        let props = props::read(Some(&body::Sent::Other(Value::Object(props))))?;
        Ok(Action { name, interactive, props, revenue })
    }
}

/// Custom variables: `{"1":["name","value"], …}`.
fn variables(text: &str) -> Vec<(String, String)> {
    let Some(Value::Object(slots)) = parsed(text) else { return Vec::new() };
    let of = |slot: Value| {
        let Value::Array(pair) = slot else { return None };
        let [name, value] = pair.first_chunk()?;
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some((name.as_str()?.to_owned(), value))
    };
    slots.into_iter().filter_map(|(_, slot)| of(slot)).collect()
}

/// How many entries a list has.
fn list(text: &str) -> Option<usize> {
    parsed(text)?.as_array().map(Vec::len)
}

fn parsed(text: &str) -> Option<Value> {
    (text.len() <= JSON_BYTES_MAX).then(|| serde_json::from_str(text).ok()).flatten()
}

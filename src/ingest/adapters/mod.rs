//! What clients of other tools send, read into the one [`Payload`] that everything becomes.
//!
//! An adapter is pure: from query and body to [`Hits`]. It names the site by the tool's id
//! (`umami:UUID`, see [`Tool`]), and the event as our own script would, so that the same browsing
//! gives the same rows whatever tag a page carries. Ids of clients, visitors and users are not read;
//! what a caller names of a visitor ([`Named`]) holds only with a send key.
//!
//! Formats: the documentation and the published clients of each tool; each file says which.

pub mod ga4;
mod given;
pub mod goatcounter;
pub mod matomo;
pub mod umami;

use std::borrow::Cow;

use crate::ingest::fields::checked_name;
use crate::ingest::payload::{
    ENGAGEMENT, PAGEVIEW, Payload, PayloadError, SCRIPT_ERROR, WEB_VITALS, error,
};
use crate::ingest::text::clean;
use crate::model::Tool;

/// Longest id of a site in another tool, in bytes; Umami's are the longest, with 36.
pub const ID_BYTES_MAX: usize = 100;

/// One event, and what its sender says of the visitor.
pub struct Hit<'a> {
    /// The event.
    pub payload: Payload<'a>,
    /// What holds only with a send key.
    pub named: Named<'a>,
    /// It came in one entry with the event before it, such as the product that a page shows.
    pub follows: bool,
}

/// What a server says of the visitor it sends for. Neither `Debug` nor `Clone`: it is a person's.
pub struct Named<'a> {
    /// The address of the visitor, as text.
    pub address: Option<Cow<'a, str>>,
    /// The visitor's User-Agent.
    pub user_agent: Option<Cow<'a, str>>,
    /// When it happened, seconds since 1970 UTC.
    pub at: Option<i64>,
    /// The field in which that was said.
    pub at_field: &'static str,
}

/// Nothing was said; our own format would have said the time in `timestamp`.
impl Default for Named<'_> {
    fn default() -> Self {
        Self { address: None, user_agent: None, at: None, at_field: "timestamp" }
    }
}

/// What one part of a request was.
pub enum Found<'a> {
    /// An event.
    Hit(Box<Hit<'a>>),
    /// Something that is understood and not counted: who a visitor is, a sign of life.
    Nothing,
    /// Not readable, with what is wrong.
    Wrong(PayloadError),
}

/// All parts of a request in their order; the error when the request as a whole is not readable.
pub type Hits<'a> = Result<Vec<Found<'a>>, PayloadError>;

impl<'a> Hit<'a> {
    /// An event of which the sender says nothing more.
    #[must_use]
    pub fn of(payload: Payload<'a>) -> Self {
        Self { payload, named: Named::default(), follows: false }
    }
}

impl<'a> From<Hit<'a>> for Found<'a> {
    fn from(hit: Hit<'a>) -> Self {
        Self::Hit(Box::new(hit))
    }
}

impl<'a> From<Result<Hit<'a>, PayloadError>> for Found<'a> {
    fn from(read: Result<Hit<'a>, PayloadError>) -> Self {
        match read {
            Ok(hit) => hit.into(),
            Err(error) => Self::Wrong(error),
        }
    }
}

/// What the body of our own format says of the visitor, beside the event: `ip`, `user_agent`, and
/// `timestamp` (seconds since 1970 UTC). Whatever is blank or has another shape is not there.
#[must_use]
pub fn said(body: &[u8]) -> Named<'_> {
    #[derive(serde::Deserialize)]
    struct Said<'a> {
        #[serde(borrow, default)]
        ip: Option<Cow<'a, str>>,
        #[serde(borrow, default)]
        user_agent: Option<Cow<'a, str>>,
        #[serde(default)]
        timestamp: Option<i64>,
    }
    let said: Option<Said<'_>> = serde_json::from_slice(body).ok();
    said.map_or_else(Named::default, |said| Named {
        address: filled(said.ip),
        user_agent: filled(said.user_agent),
        at: said.timestamp,
        ..Named::default()
    })
}

/// A text in which something stands.
fn filled(text: Option<Cow<'_, str>>) -> Option<Cow<'_, str>> {
    text.filter(|text| !text.trim().is_empty())
}

/// The name of the site with this id of a tool, as it stands in [`Payload::sites`].
///
/// # Errors
/// Under the tool's own name of the field, when the id is blank or too long.
pub fn site(tool: Tool, id: &str, field: &'static str) -> Result<Cow<'static, str>, PayloadError> {
    let id = id.trim();
    if id.is_empty() {
        return Err(error(field, "can't be blank"));
    }
    if id.len() > ID_BYTES_MAX {
        return Err(error(field, "is too long: at most 100 bytes"));
    }
    Ok(Cow::Owned(tool.site_name(&clean(id, ID_BYTES_MAX))))
}

/// The name of an event that the sender chose: fit to be stored, and none of those that are not
/// chosen: a page view is told as such, and the rest only our own script reports.
///
/// # Errors
/// Under the tool's own name of the field.
pub(super) fn own_name<'a>(
    name: Cow<'a, str>,
    field: &'static str,
) -> Result<Cow<'a, str>, PayloadError> {
    let name = checked_name(name).map_err(|reason| error(field, reason.message))?;
    if [PAGEVIEW, ENGAGEMENT, SCRIPT_ERROR, WEB_VITALS].contains(&&*name) {
        return Err(error(field, "is a name that no event of one's own has: choose another"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_texts_name_nobody_and_a_page_view_is_no_name() {
        let body = br#"{"ip": " ", "user_agent": "", "timestamp": 7}"#;
        let named = said(body);
        assert!(named.address.is_none() && named.user_agent.is_none() && named.at == Some(7));
        let named = said(br#"{"ip": null, "user_agent": "A/1"}"#);
        assert!(named.address.is_none() && named.user_agent.as_deref() == Some("A/1"));
        for name in ["pageview", " pageview ", "engagement", "js_error", "web_vitals"] {
            assert_eq!(own_name(Cow::Borrowed(name), "x").unwrap_err().field, "x", "{name}");
        }
        assert!(own_name(Cow::Borrowed("page view"), "x").is_ok());
    }

    #[test]
    fn ids_become_names_of_sites() {
        assert_eq!(site(Tool::Ga4, " G-ABC1 ", "tid").unwrap(), "ga4:g-abc1");
        assert_eq!(site(Tool::Matomo, " ", "idsite").unwrap_err().field, "idsite");
        assert!(site(Tool::Umami, &"x".repeat(ID_BYTES_MAX), "website").is_ok());
        assert!(site(Tool::Umami, &"x".repeat(ID_BYTES_MAX + 1), "website").is_err());
    }
}

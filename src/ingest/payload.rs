//! The body of `POST /api/event`, in Plausible's short or long names, read and reduced at once.
//!
//! Promise: a [`Payload`] holds no full address, no query and no full referrer; they end here. A
//! payload that opts out keeps nothing at all. Errors name the field and the rule, never the value.
//! Names of client address, User-Agent and time are not read.

use std::borrow::Cow;

use serde_json::Value;

use crate::ingest::body::{Body, Key, Sent};
use crate::ingest::fields::{
    checked_name, is_one, optional_text, page, says_dnt, says_gpc, screen, sites, whole,
};
use crate::ingest::measured::{self, Report};
use crate::ingest::props::{self, Props};
use crate::ingest::revenue::{self, Revenue};
use crate::ingest::text::then;
use crate::ingest::url::{self, Page};
use crate::model::SCROLL_NONE;

/// Engaged time from which a report is not believed, in milliseconds (30 days).
pub(crate) const ENGAGED_MS_LIMIT: u64 = 30 * 86_400_000;

/// The name of a page view.
pub const PAGEVIEW: &str = "pageview";
/// The name of a report of engaged time and scroll depth.
pub const ENGAGEMENT: &str = "engagement";

/// The name under which a page reports its Web Vitals.
pub const WEB_VITALS: &str = "web_vitals";
/// The name under which a page reports an error of its scripts.
pub const SCRIPT_ERROR: &str = "js_error";

/// What was sent, reduced; texts that needed no change lie where they were received. Neither
/// `Debug` nor `Clone`: it stays within one request.
#[derive(Default)]
pub struct Payload<'a> {
    pub(crate) opted_out: bool,
    pub(crate) sites: Vec<Cow<'a, str>>,
    pub(crate) name: Cow<'a, str>,
    /// The page; none for a pixel in a mail.
    pub(crate) page: Option<Page<'a>>,
    /// The page is only what the browser's `Referer` says, and a campaign was named: it may be
    /// a mail read in a browser.
    pub(crate) page_may_be_mail: bool,
    /// Campaign of a pixel.
    pub(crate) pixel_campaign: Cow<'a, str>,
    /// Host of the referrer, not yet reduced.
    pub(crate) referrer: Cow<'a, str>,
    pub(crate) interactive: bool,
    pub(crate) engaged_ms: u32,
    pub(crate) scroll: u8,
    pub(crate) screen: &'static str,
    pub(crate) language: Cow<'a, str>,
    pub(crate) props: Props,
    pub(crate) revenue: Option<Revenue>,
    pub(crate) report: Report,
}

/// Why a payload is [`Outcome::Invalid`](crate::model::Outcome::Invalid): answered as
/// `400 {"errors":{"<field>":["<message>"]}}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} {message}")]
pub struct PayloadError {
    /// The field, by the name Plausible's answers use.
    pub field: &'static str,
    /// The rule that it breaks.
    pub message: &'static str,
}

impl PayloadError {
    /// The body of the answer.
    #[must_use]
    pub fn to_json(self) -> String {
        format!(r#"{{"errors":{{"{}":["{}"]}}}}"#, self.field, self.message)
    }
}

impl<'a> Payload<'a> {
    /// Whether the payload itself says that the visitor opted out; it is empty then.
    #[must_use]
    pub fn opted_out(&self) -> bool {
        self.opted_out
    }

    /// The sites the event is for: small letters, without `www.`, each once, at least one.
    #[must_use]
    pub fn sites(&self) -> &[Cow<'a, str>] {
        &self.sites
    }

    /// The host of the page; empty without one.
    #[must_use]
    pub fn host(&self) -> &str {
        self.page.as_ref().map_or("", |page| &page.hostname)
    }

    /// The name of the event.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a report of a page about itself, which carries no token.
    #[must_use]
    pub fn is_report(&self) -> bool {
        !matches!(self.report, Report::None)
    }

    pub(crate) fn opt_out() -> Self {
        Self { opted_out: true, ..Self::default() }
    }
}

/// Reads the body of an event.
///
/// # Errors
/// When it is no JSON object, or a field breaks a rule of the wire format.
pub fn parse_event(body: &[u8]) -> Result<Payload<'_>, PayloadError> {
    let mut body: Body<'_> = serde_json::from_slice(body)
        .map_err(|_| error("request", "must be a JSON object in UTF-8"))?;
    let mut first = |keys: &[Key]| body.take(keys);
    let says_dnt = first(&[Key::Dnt]).is_some_and(|value| says_dnt(&value));
    if says_dnt || first(&[Key::Gpc]).is_some_and(|value| says_gpc(&value)) {
        return Ok(Payload::opt_out());
    }
    let domain = optional_text("domain", first(&[Key::D, Key::Domain]))?;
    let address =
        optional_text("url", first(&[Key::U, Key::Url]))?.filter(|text| !text.trim().is_empty());
    if domain.is_none() && address.is_none() {
        return Err(error("domain", "can't be blank"));
    }
    let name = event_name(first(&[Key::N, Key::Name]))?;
    let by_fragment = first(&[Key::H, Key::HashMode]).is_some_and(|value| is_one(&value));
    let page = page(address.ok_or(error("url", "can't be blank"))?, by_fragment)?;
    let mut payload = Payload {
        sites: sites(domain.unwrap_or_else(|| page.hostname.clone()))?,
        referrer: then(text(first(&[Key::R, Key::Referrer])), url::referrer_host),
        interactive: first(&[Key::I, Key::Interactive]) != Some(Sent::Other(Value::Bool(false))),
        screen: first(&[Key::W]).as_ref().and_then(whole).map_or("", screen),
        language: then(text(first(&[Key::L])), primary),
        props: props::read(first(&[Key::M, Key::Meta, Key::P, Key::Props]).as_ref())?,
        scroll: SCROLL_NONE,
        page: Some(page),
        name,
        ..Payload::default()
    };
    match &*payload.name {
        ENGAGEMENT => engagement(&mut payload, first(&[Key::E]), first(&[Key::Sd]))?,
        WEB_VITALS => {
            payload.report = Report::Vitals(measured::vitals(first(&[Key::V]).as_ref())?);
        }
        SCRIPT_ERROR => {
            payload.report = Report::ScriptError(measured::template(first(&[Key::T]).as_ref())?);
        }
        _ => {
            let sent = first(&[Key::Dollar, Key::Revenue]);
            payload.revenue = sent.as_ref().and_then(revenue::read);
        }
    }
    Ok(payload)
}

pub(crate) const fn error(field: &'static str, message: &'static str) -> PayloadError {
    PayloadError { field, message }
}

fn event_name(value: Option<Sent<'_>>) -> Result<Cow<'_, str>, PayloadError> {
    match value {
        None => Err(error("event_name", "can't be blank")),
        Some(Sent::Text(name)) => checked_name(name),
        Some(Sent::Other(Value::Number(number))) => checked_name(Cow::Owned(number.to_string())),
        Some(Sent::Other(_)) => Err(error("event_name", "must be a string")),
    }
}

fn engagement(
    payload: &mut Payload<'_>,
    engaged: Option<Sent<'_>>,
    scroll: Option<Sent<'_>>,
) -> Result<(), PayloadError> {
    let engaged = engaged.as_ref().and_then(whole).filter(|ms| *ms < ENGAGED_MS_LIMIT);
    let scroll = scroll.as_ref().and_then(whole);
    let scroll = scroll.and_then(|percent| u8::try_from(percent.min(100)).ok());
    if engaged.is_none() && scroll.is_none() {
        return Err(error("e", "or sd must be given with an engagement event"));
    }
    payload.interactive = false;
    payload.engaged_ms = engaged.and_then(|ms| u32::try_from(ms).ok()).unwrap_or_default();
    payload.scroll = scroll.unwrap_or(SCROLL_NONE);
    Ok(())
}

/// The text of a value; empty when it is none.
fn text(value: Option<Sent<'_>>) -> Cow<'_, str> {
    match value {
        Some(Sent::Text(text)) => text,
        _ => Cow::Borrowed(""),
    }
}

fn primary(language: &str) -> Cow<'_, str> {
    crate::ingest::signals::language(Some(language.as_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::ingest::fields::{NAME_CHARS_MAX, SITES_MAX};

    fn read(body: &Value) -> Result<Payload<'static>, PayloadError> {
        parse_event(body.to_string().leak().as_bytes())
    }

    fn parsed(changes: Value) -> Payload<'static> {
        let mut body = json!({"n": "pageview", "u": "https://example.com/a", "d": "example.com"});
        let Value::Object(changes) = changes else { panic!("an object") };
        body.as_object_mut().unwrap().extend(changes);
        read(&body).unwrap_or_else(|error| panic!("{error}"))
    }

    fn refused(body: Value) -> (&'static str, &'static str) {
        let error = read(&body).err().expect("refused");
        (error.field, error.message)
    }

    #[test]
    fn short_and_long_names_say_the_same() {
        let short = parsed(json!({"r": "https://t.co/x", "i": false, "p": {"a": 1}}));
        let long = read(&json!({
            "name": "pageview", "url": "https://example.com/a", "domain": "www.Example.com",
            "referrer": "https://t.co/x", "interactive": false, "props": {"a": 1},
        }))
        .ok()
        .unwrap();
        for payload in [short, long] {
            assert_eq!(payload.sites(), ["example.com"]);
            assert_eq!(payload.name(), PAGEVIEW);
            assert_eq!(payload.page.as_ref().unwrap().path, "/a");
            assert_eq!(payload.referrer, "t.co");
            assert!(!payload.interactive);
            assert_eq!(payload.props.fit, [("a".to_owned(), "1".to_owned())]);
        }
    }

    #[test]
    fn an_opt_out_in_the_payload_keeps_nothing() {
        for body in [
            json!({"dnt": "1", "n": "x"}),
            json!({"dnt": "1yes"}),
            json!({"dnt": 1, "u": 7}),
            json!({"dnt": true}),
            json!({"gpc": "1"}),
            json!({"gpc": 1}),
            json!({"gpc": true}),
        ] {
            let payload = read(&body).ok().unwrap();
            assert!(payload.opted_out() && payload.sites().is_empty() && payload.name().is_empty());
        }
        for changes in
            [json!({"dnt": "0"}), json!({"gpc": "10"}), json!({"dnt": null, "gpc": false})]
        {
            assert!(!parsed(changes).opted_out());
        }
    }

    #[test]
    fn one_event_may_be_for_several_sites() {
        let payload = parsed(json!({"d": "a.example, WWW.b.example,,a.example"}));
        assert_eq!(payload.sites(), ["a.example", "b.example"]);
        let by_page = read(&json!({"n": "x", "u": "https://www.c.example/"})).ok().unwrap();
        assert_eq!(by_page.sites(), ["c.example"]);
        let many: Vec<String> = (0..21).map(|n| format!("s{n}.example")).collect();
        let body = json!({"n": "x", "u": "https://c.example/", "d": many.join(",")});
        assert_eq!(refused(body).0, "domain");
    }

    #[test]
    fn errors_name_the_field_and_never_the_value() {
        let url = "https://example.com/";
        for (body, field) in [
            (json!([]), "request"),
            (json!({}), "domain"),
            (json!({"u": url}), "event_name"),
            (json!({"n": "x"}), "domain"),
            (json!({"n": "x", "d": " , ", "u": url}), "domain"),
            (json!({"n": "x", "d": 7, "u": url}), "domain"),
            (json!({"n": "x", "d": "a.example"}), "url"),
            (json!({"n": "x", "d": "a.example", "u": 1}), "url"),
            (json!({"n": "x", "d": "a.example", "u": "data:text/html,SECRET"}), "url"),
            (json!({"n": "x", "d": "a.example", "u": "SECRET"}), "url"),
            (json!({"n": "x", "d": "a.example", "u": format!("{url}{}", "a".repeat(2000))}), "url"),
            (json!({"n": " ", "u": url}), "event_name"),
            (json!({"n": ["SECRET"], "u": url}), "event_name"),
            (json!({"n": "x".repeat(121), "u": url}), "event_name"),
            (json!({"n": "x", "u": url, "p": {"k": "v".repeat(2001)}}), "props"),
            (json!({"n": "x", "u": url, "p": {("k".repeat(301)): 1}}), "props"),
            (json!({"n": "engagement", "u": url}), "e"),
            (json!({"n": "engagement", "u": url, "e": ENGAGED_MS_LIMIT}), "e"),
        ] {
            let (found, message) = refused(body);
            assert_eq!(found, field, "{message}");
            assert!(!message.contains("SECRET"));
        }
        assert_eq!(parse_event(b"\xff").err().unwrap().field, "request");
        assert_eq!(
            error("domain", "can't be blank").to_json(),
            r#"{"errors":{"domain":["can't be blank"]}}"#
        );
    }

    #[test]
    fn names_are_strings_or_numbers() {
        assert_eq!(parsed(json!({"n": 404})).name(), "404");
        assert_eq!(parsed(json!({"n": " Sign\u{7}up "})).name(), "Signup");
        assert_eq!(parsed(json!({"n": "mail from a@b.example"})).name(), "mail from :email");
        assert_eq!(parsed(json!({"n": "ä".repeat(120)})).name().chars().count(), 120);
    }

    #[test]
    fn engagement_has_time_or_depth() {
        for (changes, ms, scroll) in [
            (json!({"e": 1500, "sd": 42}), 1500, 42),
            (json!({"e": 1500.9}), 1500, SCROLL_NONE),
            (json!({"sd": 250}), 0, 100),
            (json!({"e": ENGAGED_MS_LIMIT, "sd": 0}), 0, 0),
            (json!({"e": -5, "sd": 7}), 0, 7),
        ] {
            let mut body = json!({"n": "engagement"});
            body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            let payload = parsed(body);
            assert_eq!((payload.engaged_ms, payload.scroll), (ms, scroll), "{changes}");
            assert!(!payload.interactive);
        }
        let pageview = parsed(json!({"e": 1500, "sd": 42}));
        assert_eq!((pageview.engaged_ms, pageview.scroll), (0, SCROLL_NONE));
    }

    #[test]
    fn fragments_screens_and_languages_are_read() {
        let by_fragment =
            |h: Value| parsed(json!({"u": "https://example.com/a#/b", "h": h})).page.unwrap().path;
        assert_eq!(by_fragment(json!(1)), "/a#/b");
        assert_eq!(by_fragment(json!(0)), "/a");
        assert_eq!(parsed(json!({"w": 390})).screen, "Small");
        assert_eq!(parsed(json!({"l": "pt-BR"})).language, "pt");
        assert_eq!(parsed(json!({"l": 7})).language, "");
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert_eq!(parse_event("[".repeat(60_000).as_bytes()).err().unwrap().field, "request");
        let deep = format!(r#"{{"p":{}"#, r#"{"a":"#.repeat(10_000));
        assert_eq!(parse_event(deep.as_bytes()).err().unwrap().field, "request");
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_bounded_payload_or_an_error(
            junk in any::<Vec<u8>>(),
            name in "\\PC{0,130}",
            props in proptest::collection::btree_map("\\PC{0,9}", "\\PC{0,40}", 0..40),
        ) {
            prop_assert!(parse_event(&junk).is_err());
            let body = json!({"n": name, "u": format!("https://e.example/{name}"), "p": props,
                "d": String::from_utf8_lossy(&junk), "r": name, "$": {"amount": name}});
            if let Ok(payload) = read(&body) {
                prop_assert!(payload.name().chars().count() <= NAME_CHARS_MAX);
                prop_assert!(payload.props.fit.len() <= props::PROPS_MAX);
                prop_assert!(payload.sites().len() <= SITES_MAX);
                prop_assert!(payload.sites().iter().all(|s| s.len() <= url::HOST_BYTES_MAX));
            }
        }
    }
}

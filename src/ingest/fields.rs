//! Single values of a payload: what counts as yes, as a number, as text, as the name of a site.
//!
//! Trackers disagree on types (`1`, `"1"`, `true`); these readings are lenient where nothing can go
//! wrong, and say no otherwise.

use std::borrow::Cow;

use crate::ingest::body::Sent;
use crate::ingest::payload::{PayloadError, error};
use crate::ingest::text::{clean, then};
use crate::ingest::url::{self, Page, PageError};

/// Longest name of an event, in characters, as the wire format says.
pub(crate) const NAME_CHARS_MAX: usize = 120;
/// Sites that one event may be sent to; a longer list is a mistake or an amplifier.
pub(crate) const SITES_MAX: usize = 20;

pub(crate) fn says_dnt(value: &Sent<'_>) -> bool {
    is_one(value) || value.as_str().is_some_and(|text| text.trim().starts_with('1'))
}

pub(crate) fn says_gpc(value: &Sent<'_>) -> bool {
    is_one(value)
}

/// `1`, `"1"` or `true`.
pub(crate) fn is_one(value: &Sent<'_>) -> bool {
    value.as_bool() == Some(true)
        || value.as_f64().is_some_and(|number| (number - 1.0).abs() < f64::EPSILON)
        || value.as_str().is_some_and(|text| text.trim() == "1")
}

pub(crate) fn optional_text<'a>(
    field: &'static str,
    value: Option<Sent<'a>>,
) -> Result<Option<Cow<'a, str>>, PayloadError> {
    match value {
        None => Ok(None),
        Some(Sent::Text(text)) => Ok(Some(text)),
        Some(Sent::Other(_)) => Err(error(field, "must be a string")),
    }
}

/// A number that is not negative, rounded down.
pub(crate) fn whole(value: &Sent<'_>) -> Option<u64> {
    value.as_u64().or_else(|| {
        let number = value.as_f64().filter(|number| (0.0..1e15).contains(number))?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within 0 and 10^15; rounding down is meant"
        )]
        Some(number as u64)
    })
}

/// A page address, with its error under the field `url`.
pub(crate) fn page(address: Cow<'_, str>, by_fragment: bool) -> Result<Page<'_>, PayloadError> {
    let page = match address {
        Cow::Borrowed(address) => url::page(address.trim(), by_fragment),
        Cow::Owned(address) => url::page(address.trim(), by_fragment).map(Page::into_owned),
    };
    page.map_err(|reason| match reason {
        PageError::TooLong => error("url", "is too long: at most 2000 bytes"),
        PageError::Scheme => error("url", "scheme is not allowed: send the address of a page"),
        PageError::NotAbsolute => {
            error("url", "must be a full address, such as https://example.com/page")
        }
    })
}

/// The sites of a comma list.
pub(crate) fn sites(list: Cow<'_, str>) -> Result<Vec<Cow<'_, str>>, PayloadError> {
    match list {
        Cow::Borrowed(list) => named(list),
        Cow::Owned(list) => {
            let own = |name: Cow<'_, str>| Cow::Owned(name.into_owned());
            Ok(named(&list)?.into_iter().map(own).collect())
        }
    }
}

fn named(list: &str) -> Result<Vec<Cow<'_, str>>, PayloadError> {
    let mut sites = Vec::new();
    for name in list.split(',').map(url::site_name).filter(|name| !name.is_empty()) {
        if sites.contains(&name) {
            continue;
        }
        if sites.len() == SITES_MAX {
            return Err(error("domain", "names too many sites: at most 20"));
        }
        sites.push(name);
    }
    if sites.is_empty() { Err(error("domain", "can't be blank")) } else { Ok(sites) }
}

/// A name that is fit to be stored: bounded, cleaned, without mail addresses.
pub(crate) fn checked_name(name: Cow<'_, str>) -> Result<Cow<'_, str>, PayloadError> {
    if name.chars().count() > NAME_CHARS_MAX {
        return Err(error("event_name", "is too long: at most 120 characters"));
    }
    let bytes_max = NAME_CHARS_MAX * char::MAX_LEN_UTF8;
    let name = then(name, |name| url::text(name.trim(), bytes_max));
    let name = then(name, |name| clean(name, bytes_max));
    if name.is_empty() { Err(error("event_name", "can't be blank")) } else { Ok(name) }
}

/// The class of a screen by its width in CSS pixels.
pub(crate) fn screen(width: u64) -> &'static str {
    match width {
        0 => "",
        1..576 => "Small",
        576..992 => "Medium",
        992..1440 => "Large",
        _ => "Extra large",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn sent(value: &Value) -> Sent<'_> {
        value.clone().into()
    }

    #[test]
    fn yes_has_three_spellings() {
        for value in [json!(1), json!(1.0), json!("1"), json!(" 1 "), json!(true)] {
            let sent = sent(&value);
            assert!(is_one(&sent) && says_dnt(&sent) && says_gpc(&sent), "{value}");
        }
        for value in [json!(0), json!("10"), json!(false), json!("true"), json!([1]), json!(11)] {
            let sent = sent(&value);
            assert!(!is_one(&sent) && !says_gpc(&sent), "{value}");
        }
        assert!(says_dnt(&sent(&json!("1xyz"))) && !says_dnt(&sent(&json!("0"))));
    }

    #[test]
    fn numbers_are_rounded_down_and_not_negative() {
        for (value, expected) in [
            (json!(7), Some(7)),
            (json!(7.9), Some(7)),
            (json!(-1), None),
            (json!(1e300), None),
            (json!("7"), None),
        ] {
            assert_eq!(whole(&sent(&value)), expected);
        }
    }

    #[test]
    fn screens_have_four_classes() {
        for (width, class) in [
            (0, ""),
            (390, "Small"),
            (575, "Small"),
            (576, "Medium"),
            (992, "Large"),
            (1440, "Extra large"),
            (u64::MAX, "Extra large"),
        ] {
            assert_eq!(screen(width), class);
        }
    }
}

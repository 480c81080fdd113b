//! The privacy signals of a request, and the headers an event is made of.
//!
//! Promise: the answer of [`opted_out`] depends on headers alone, so it can be asked before
//! anything else is looked at. [`Headers`] borrows from the request and is never kept, copied or
//! printed.

use std::borrow::Cow;

use url::form_urlencoded;

use crate::ingest::text::small;

/// The headers of interest, as received. Neither `Debug` nor `Clone`: they name a person.
#[derive(Default)]
pub struct Headers<'a> {
    /// Every `DNT` value.
    pub dnt: Vec<&'a [u8]>,
    /// Every `Sec-GPC` value.
    pub sec_gpc: Vec<&'a [u8]>,
    /// `User-Agent`.
    pub user_agent: Option<&'a [u8]>,
    /// `Referer`.
    pub referer: Option<&'a [u8]>,
    /// `Origin`.
    pub origin: Option<&'a [u8]>,
    /// Every `Forwarded` line, in order.
    pub forwarded: Vec<&'a [u8]>,
    /// Every `X-Forwarded-For` line, in order.
    pub x_forwarded_for: Vec<&'a [u8]>,
    /// `Accept`.
    pub accept: Option<&'a [u8]>,
    /// `Accept-Language`.
    pub accept_language: Option<&'a [u8]>,
    /// `Sec-CH-UA`: the brands of a Chromium.
    pub sec_ch_ua: Option<&'a [u8]>,
    /// `Sec-CH-UA-Mobile`.
    pub sec_ch_ua_mobile: Option<&'a [u8]>,
    /// `Sec-CH-UA-Platform`.
    pub sec_ch_ua_platform: Option<&'a [u8]>,
    /// `Sec-Fetch-Mode`, which stands for its family: it is sent whenever one of them is.
    pub sec_fetch_mode: Option<&'a [u8]>,
    /// Every `Sec-Purpose`, `Purpose` and `X-Moz` value.
    pub purpose: Vec<&'a [u8]>,
}

impl<'a> Headers<'a> {
    /// The headers of a visitor as a server tells of them: with this User-Agent, and without what
    /// the server's own client says of itself.
    #[must_use]
    pub fn of_visitor(&self, user_agent: &'a [u8]) -> Self {
        Self {
            dnt: self.dnt.clone(),
            sec_gpc: self.sec_gpc.clone(),
            user_agent: Some(user_agent),
            referer: self.referer,
            origin: self.origin,
            accept_language: self.accept_language,
            ..Self::default()
        }
    }
}

/// Whether the visitor asked not to be counted: a `DNT` value that begins with `1`, or a
/// `Sec-GPC` value that is exactly `1`. Several lines of a header that a proxy joined by commas
/// are read as several values.
#[must_use]
pub fn opted_out(headers: &Headers<'_>) -> bool {
    values(&headers.dnt).any(|value| value.first() == Some(&b'1'))
        || values(&headers.sec_gpc).any(|value| value == b"1")
}

/// The same of a query or a form: whether any of its pairs says no, a `dnt` that begins with `1` or a
/// `gpc` that is `1`. However many there are, all of them count: in doubt the visitor said no.
#[must_use]
pub fn says_no(pairs: &[u8]) -> bool {
    form_urlencoded::parse(pairs).any(|(name, value)| is_no(&name, &value))
}

/// Whether one pair says no.
pub(crate) fn is_no(name: &str, value: &str) -> bool {
    match name {
        "dnt" => value.trim().starts_with('1'),
        "gpc" => value.trim() == "1",
        _ => false,
    }
}

fn values<'a>(lines: &'a [&'a [u8]]) -> impl Iterator<Item = &'a [u8]> {
    lines.iter().flat_map(|line| line.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

/// Whether the browser fetches ahead of its user: nobody has seen the page, and maybe nobody will.
#[must_use]
pub fn is_ahead_of_time(headers: &Headers<'_>) -> bool {
    headers.purpose.iter().any(|value| {
        let value = value.to_ascii_lowercase();
        [&b"prefetch"[..], b"prerender", b"preview"]
            .iter()
            .any(|word| value.windows(word.len()).any(|window| window == *word))
    })
}

/// The primary language of `Accept-Language`, when it has two or three letters; else empty.
///
/// Only the first entry is read: more of the list would tell people apart.
pub(crate) fn language(value: Option<&[u8]>) -> Cow<'_, str> {
    let first = value.unwrap_or_default().split(|byte| matches!(byte, b',' | b';')).next();
    let primary = first.unwrap_or_default().split(|byte| matches!(byte, b'-' | b'_')).next();
    let primary = std::str::from_utf8(primary.unwrap_or_default().trim_ascii()).unwrap_or_default();
    if matches!(primary.len(), 2 | 3) && primary.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        small(primary)
    } else {
        Cow::Borrowed("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(dnt: &[&'static [u8]], sec_gpc: &[&'static [u8]]) -> Headers<'static> {
        Headers { dnt: dnt.to_vec(), sec_gpc: sec_gpc.to_vec(), ..Headers::default() }
    }

    #[test]
    fn dnt_counts_by_its_first_character() {
        for (values, expected) in [
            (&[b"1" as &[u8]][..], true),
            (&[b"1xyz"], true),
            (&[b" 1"], true),
            (&[b"0"], false),
            (&[b""], false),
            (&[b"yes"], false),
            (&[b"0", b"1"], true),
            (&[], false),
        ] {
            assert_eq!(opted_out(&with(values, &[])), expected, "{values:?}");
        }
    }

    #[test]
    fn gpc_counts_when_one_value_is_exactly_1() {
        for (values, expected) in [
            (&[b"1" as &[u8]][..], true),
            (&[b"\t1 "], true),
            (&[b"0", b"1"], true),
            (&[b"1xyz"], false),
            (&[b"1, 1"], true),
            (&[b"0, 1"], true),
            (&[b"true"], false),
            (&[], false),
        ] {
            assert_eq!(opted_out(&with(&[], values)), expected, "{values:?}");
        }
    }

    #[test]
    fn any_pair_of_a_query_or_form_says_no() {
        let many = format!("{}dnt=1", "a=1&".repeat(1000));
        for (pairs, expected) in [
            ("dnt=1", true),
            ("a=b&dnt=+1yes", true),
            ("%64nt=%31", true),
            ("dnt=0&dnt=1", true),
            ("gpc=0&gpc=1+", true),
            (&*many, true),
            ("", false),
            ("dnt", false),
            ("dnt=0&gpc=10&a=1", false),
            ("u=https%3A%2F%2Fa.example%2F%3Fdnt%3D1", false),
        ] {
            assert_eq!(says_no(pairs.as_bytes()), expected, "{pairs}");
        }
    }

    #[test]
    fn fetching_ahead_is_seen() {
        for (value, expected) in [
            (b"prefetch;prerender" as &[u8], true),
            (b"Prefetch", true),
            (b"preview", true),
            (b"", false),
            (b"visit", false),
        ] {
            let headers = Headers { purpose: vec![value], ..Headers::default() };
            assert_eq!(is_ahead_of_time(&headers), expected);
        }
    }

    #[test]
    fn a_language_is_its_primary_subtag() {
        for (value, expected) in [
            (&b"de-AT,de;q=0.9"[..], "de"),
            (b"FIL", "fil"),
            (b"en;q=0.8", "en"),
            (b"*", ""),
            (b"x-secret", ""),
            (b"english", ""),
            (b"\xff\xfe", ""),
        ] {
            assert_eq!(language(Some(value)), expected);
        }
        assert_eq!(language(None), "");
    }
}

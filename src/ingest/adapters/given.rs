//! What the adapters have in common: JSON that is not quite of the shape it should be, texts that
//! were sent as numbers, and pages of which only the path was sent.
//!
//! A page whose host nobody named has an empty one here; it is taken for a page of the site that
//! the event names.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;

use crate::ingest::body::Sent;
use crate::ingest::payload::{PayloadError, error};
use crate::ingest::url::{self, Page, PageError};

/// Longest address of a page that an adapter reads, in bytes. Of what is kept every part has its own
/// limit.
pub(super) const ADDRESS_BYTES_MAX: usize = 8192;
/// Stands for the host of a page while it is read; `.invalid` is nobody's (RFC 2606).
const NO_HOST: &str = "host.invalid";

/// An object of this kind, or anything else, which is passed over; so is an object in which a name
/// stands twice.
pub(super) enum Loose<T> {
    Object(T),
    Other,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Loose<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseReader(PhantomData))
    }
}

struct LooseReader<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for LooseReader<T> {
    type Value = Loose<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Loose<T>, A::Error> {
        let mut fields = Fields { map, owes_value: false, is_broken: false };
        match T::deserialize(MapAccessDeserializer::new(&mut fields)) {
            Ok(object) => Ok(Loose::Object(object)),
            Err(fault) if fields.is_broken => Err(fault),
            Err(_) => fields.pass_over().map(|()| Loose::Other),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Loose<T>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose::Other)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Loose<T>, E> {
        Ok(Loose::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Loose<T>, E> {
        Ok(Loose::Other)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Loose<T>, E> {
        Ok(Loose::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Loose<T>, E> {
        Ok(Loose::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Loose<T>, E> {
        Ok(Loose::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Loose<T>, E> {
        Ok(Loose::Other)
    }
}

/// The fields of an object, which can still be passed over when their reader gives up.
struct Fields<A> {
    map: A,
    /// A name was read, and its value was not.
    owes_value: bool,
    /// The text itself cannot be read on.
    is_broken: bool,
}

impl<'de, A: MapAccess<'de>> Fields<A> {
    fn pass_over(mut self) -> Result<(), A::Error> {
        if self.owes_value {
            self.map.next_value::<IgnoredAny>()?;
        }
        while self.map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Fields<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let name = self.map.next_key_seed(seed);
        self.owes_value = matches!(name, Ok(Some(_)));
        self.is_broken |= name.is_err();
        name
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        let value = self.map.next_value_seed(seed);
        self.owes_value = false;
        self.is_broken |= value.is_err();
        value
    }
}

/// A list of which at most `MAX` entries are read; what stands behind them is passed over.
pub(super) struct Listed<T, const MAX: usize> {
    pub(super) entries: Vec<T>,
    /// There are more than `MAX`.
    pub(super) is_longer: bool,
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Listed<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListReader(PhantomData))
    }
}

struct ListReader<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for ListReader<T, MAX> {
    type Value = Listed<T, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut listed = Listed { entries: Vec::new(), is_longer: false };
        while listed.entries.len() < MAX {
            match list.next_element()? {
                Some(entry) => listed.entries.push(entry),
                None => return Ok(listed),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            listed.is_longer = true;
        }
        Ok(listed)
    }
}

/// A text, or the number that was sent in its place.
pub(super) fn text<'a>(
    field: &'static str,
    value: Option<Sent<'a>>,
) -> Result<Option<Cow<'a, str>>, PayloadError> {
    match value {
        None | Some(Sent::Other(Value::Null)) => Ok(None),
        Some(Sent::Text(text)) => Ok(Some(text)),
        Some(Sent::Other(Value::Number(number))) => Ok(Some(Cow::Owned(number.to_string()))),
        Some(Sent::Other(_)) => Err(error(field, "must be a string")),
    }
}

/// A number, or the text in which it was sent.
pub(super) fn number(
    field: &'static str,
    value: Option<&Sent<'_>>,
) -> Result<Option<f64>, PayloadError> {
    let read = match value {
        None | Some(Sent::Other(Value::Null)) => return Ok(None),
        Some(Sent::Text(text)) => {
            text.trim().parse().ok().filter(|number: &f64| number.is_finite())
        }
        Some(other) => other.as_f64(),
    };
    read.map(Some).ok_or(error(field, "must be a number"))
}

/// A page of which the whole address was sent, or what follows the host. Where both the address and
/// what stands beside it name a host, that of the address is the page's.
pub(super) fn page(address: &str, host: Option<&str>) -> Result<Page<'static>, PayloadError> {
    let address = address.trim();
    if address.len() > ADDRESS_BYTES_MAX {
        return Err(error("url", "is too long: at most 8192 bytes"));
    }
    let host = host.map(host_name).transpose()?;
    let mut names_host = true;
    let whole = match address {
        whole if has_scheme(whole) => Cow::Borrowed(whole),
        _ if host.is_none() && address.starts_with("//") => Cow::Owned(format!("https:{address}")),
        path => {
            names_host = false;
            // A browser takes both kinds of slashes, and two of them for the beginning of a host.
            let path = path.trim_start_matches(['/', '\\']);
            Cow::Owned(format!("https://{NO_HOST}/{path}"))
        }
    };
    let is_route = |fragment: &str| fragment.starts_with(['/', '!']);
    let by_fragment = address.split_once('#').is_some_and(|(_, fragment)| is_route(fragment));
    let mut page = url::page_at_most(&whole, by_fragment, usize::MAX).map_err(fault)?.into_owned();
    if !names_host {
        page.hostname = Cow::Owned(host.unwrap_or_default());
    }
    Ok(page)
}

/// No page but its host, if it was named.
pub(super) fn no_page(host: Option<&str>) -> Result<Page<'static>, PayloadError> {
    let hostname = host.map(host_name).transpose()?.unwrap_or_default();
    Ok(Page { hostname: Cow::Owned(hostname), ..Page::default() })
}

/// The page that a header names, such as `Referer`; of an `Origin` only its host counts.
pub(super) fn page_of_header(value: &[u8]) -> Option<Page<'static>> {
    let address = std::str::from_utf8(value).ok()?;
    let page = url::page_at_most(address.trim(), false, ADDRESS_BYTES_MAX);
    page.ok().map(Page::into_owned)
}

fn host_name(host: &str) -> Result<String, PayloadError> {
    const WRONG: PayloadError = error("hostname", "must be the name of a host");
    // What parts an address would make another host of it, or hide what follows.
    if host.contains(['/', '#', '?', '@', '\\']) {
        return Err(WRONG);
    }
    url::page_at_most(&format!("https://{host}/"), false, ADDRESS_BYTES_MAX)
        .map(|page| page.hostname.into_owned())
        .map_err(|_| WRONG)
}

fn fault(reason: PageError) -> PayloadError {
    match reason {
        PageError::TooLong => error("url", "is too long: at most 8192 bytes"),
        PageError::Scheme => error("url", "scheme is not allowed: send the address of a page"),
        PageError::NotAbsolute => error("url", "must be an address or a path"),
    }
}

/// Whether a text begins like `https:`.
fn has_scheme(address: &str) -> bool {
    let Some((scheme, _)) = address.split_once(':') else { return false };
    let is_of_scheme = |one: char| one.is_ascii_alphanumeric() || matches!(one, '+' | '-' | '.');
    scheme.starts_with(|one: char| one.is_ascii_alphabetic()) && scheme.chars().all(is_of_scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Named {
        a: Option<u8>,
    }

    #[test]
    fn pages_have_the_host_that_was_named() {
        for (address, host, expected) in [
            ("/a/b?x=1", Some("www.Site.example"), "site.example/a/b"),
            ("a", Some("site.example"), "site.example/a"),
            ("?utm_source=x", Some("site.example"), "site.example/"),
            ("", Some("site.example"), "site.example/"),
            ("https://other.example/a", Some("site.example"), "other.example/a"),
            ("https://www.site.example/a", Some("site.example:80"), "site.example/a"),
            ("//admin/x", Some("site.example"), "site.example/admin/x"),
            (r"\admin\x", Some("site.example"), "site.example/admin/x"),
            (r"/\/admin/x", Some("site.example"), "site.example/admin/x"),
            (r"\\other.example/a", None, "/other.example/a"),
            ("@other.example/a", Some("site.example"), "site.example/@other.example/a"),
            ("https://host.invalid/a", None, "host.invalid/a"),
            ("//host.invalid/a", None, "host.invalid/a"),
            ("/a", Some("host.invalid"), "host.invalid/a"),
            ("https://www.other.example/a", None, "other.example/a"),
            ("//other.example/a", None, "other.example/a"),
            ("/a", None, "/a"),
            ("/a#part", None, "/a"),
            ("/a#/route", None, "/a#/route"),
            ("/a#!/route?token=1", None, "/a#!/route"),
            ("/at/12:30", None, "/at/12:30"),
            ("/ä", Some("münchen.example:8080"), "xn--mnchen-3ya.example/ä"),
        ] {
            let page = page(address, host).unwrap();
            assert_eq!(format!("{}{}", page.hostname, page.path), expected, "{address} {host:?}");
        }
        for (address, host, field) in [
            ("javascript:alert(1)", None, "url"),
            ("data:text/html,x", Some("site.example"), "url"),
            ("https://", None, "url"),
            ("https://a.example/", Some("not a host"), "hostname"),
            ("/a", Some("not a host"), "hostname"),
            ("/a", Some("a.example/x"), "hostname"),
            ("/a", Some("a.example#"), "hostname"),
            ("/a", Some("a.example?"), "hostname"),
            ("/a", Some(r"a.example\x"), "hostname"),
            ("/a", Some("evil.test@a.example"), "hostname"),
            ("https://a.example/", Some("a.example/x"), "hostname"),
        ] {
            assert_eq!(no_page(host.filter(|_| field == "hostname")).is_err(), field == "hostname");
            assert_eq!(page(address, host).err().unwrap().field, field, "{address}");
        }
        assert!(page(&format!("/{}", "a".repeat(ADDRESS_BYTES_MAX - 1)), None).is_ok());
        assert!(page(&format!("/{}", "a".repeat(ADDRESS_BYTES_MAX)), None).is_err());
    }

    #[test]
    fn numbers_are_texts_and_texts_numbers() {
        let sent = |value: Value| Some(Sent::from(value));
        assert_eq!(text("x", sent(404.into())).unwrap().unwrap(), "404");
        assert_eq!(text("x", sent(Value::Null)).unwrap(), None);
        assert!(text("x", sent(true.into())).is_err());
        assert_eq!(number("x", sent(" 7.5 ".into()).as_ref()).unwrap(), Some(7.5));
        assert_eq!(number("x", None).unwrap(), None);
        for wrong in [Value::from("NaN"), "seven".into(), true.into(), "inf".into()] {
            assert!(number("x", sent(wrong).as_ref()).is_err());
        }
    }

    #[test]
    fn a_list_is_read_to_its_limit_and_anything_may_stand_in_it() {
        let read = |text: &str| serde_json::from_str::<Listed<Loose<IgnoredAny>, 3>>(text);
        for (text, count, is_longer) in [
            ("[]", 0, false),
            (r#"[1, "a", {}]"#, 3, false),
            ("[null, [1], true, -1]", 3, true),
            ("[1.5, {}, {}, {}, {}]", 3, true),
        ] {
            let listed = read(text).unwrap();
            assert_eq!((listed.entries.len(), listed.is_longer), (count, is_longer), "{text}");
        }
        let twice = serde_json::from_str::<Vec<Loose<Named>>>(
            r#"[{"a":1,"b":[{}],"a":{"c":[1]},"a":3},{"a":4},{"a":5,"a":6},{"a":"x"}]"#,
        );
        assert!(twice.is_err(), "a value of another type ends the text");
        let twice = serde_json::from_str::<Vec<Loose<Named>>>(
            r#"[{"a":1,"b":[{}],"a":{"c":[1]},"a":3},{"a":4},{"a":5,"a":6}]"#,
        );
        let read_of = |one: &Loose<Named>| matches!(one, Loose::Object(Named { a: Some(4) }));
        assert_eq!(twice.unwrap().iter().map(read_of).collect::<Vec<_>>(), [false, true, false]);
        for broken in [r#"[{"a":1,"a"}]"#, r#"[{"a":1,"a":}]"#, r#"[{"a":1,"a":2]"#] {
            assert!(serde_json::from_str::<Vec<Loose<Named>>>(broken).is_err(), "{broken}");
        }
        assert!(read("{}").is_err() && read("[1").is_err() && read("[1,1,1,1,{").is_err());
    }
}

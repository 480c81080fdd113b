//! The JSON object of an event, read in one walk: the values of the names we know, each in its
//! place. The value of any other name is passed over. Texts stay where they were received, but for
//! those with escapes.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A name we know: Plausible's short or long one, or one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Dnt,
    Gpc,
    D,
    Domain,
    U,
    Url,
    N,
    Name,
    H,
    HashMode,
    R,
    Referrer,
    I,
    Interactive,
    W,
    L,
    M,
    Meta,
    P,
    Props,
    E,
    Sd,
    V,
    T,
    Dollar,
    Revenue,
}

/// How many names there are.
const KEYS: usize = Key::Revenue as usize + 1;

fn named(name: &str) -> Option<Key> {
    Some(match name {
        "dnt" => Key::Dnt,
        "gpc" => Key::Gpc,
        "d" => Key::D,
        "domain" => Key::Domain,
        "u" => Key::U,
        "url" => Key::Url,
        "n" => Key::N,
        "name" => Key::Name,
        "h" => Key::H,
        "hashMode" => Key::HashMode,
        "r" => Key::R,
        "referrer" => Key::Referrer,
        "i" => Key::I,
        "interactive" => Key::Interactive,
        "w" => Key::W,
        "l" => Key::L,
        "m" => Key::M,
        "meta" => Key::Meta,
        "p" => Key::P,
        "props" => Key::Props,
        "e" => Key::E,
        "sd" => Key::Sd,
        "v" => Key::V,
        "t" => Key::T,
        "$" => Key::Dollar,
        "revenue" => Key::Revenue,
        _ => return None,
    })
}

/// One value: a text, or anything else.
#[derive(Debug, PartialEq)]
pub(super) enum Sent<'a> {
    Text(Cow<'a, str>),
    /// Never a text, but for those within it.
    Other(Value),
}

impl Sent<'_> {
    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Other(_) => None,
        }
    }

    pub(super) fn as_bool(&self) -> Option<bool> {
        self.other()?.as_bool()
    }

    pub(super) fn as_f64(&self) -> Option<f64> {
        self.other()?.as_f64()
    }

    pub(super) fn as_u64(&self) -> Option<u64> {
        self.other()?.as_u64()
    }

    fn other(&self) -> Option<&Value> {
        match self {
            Self::Text(_) => None,
            Self::Other(value) => Some(value),
        }
    }
}

impl From<Value> for Sent<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::String(text) => Self::Text(Cow::Owned(text)),
            other => Self::Other(other),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Sent<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueReader)
    }
}

/// The values of an event. Of a name that stands several times the last counts.
#[derive(Default)]
pub(super) struct Body<'a> {
    values: [Option<Sent<'a>>; KEYS],
}

impl<'a> Body<'a> {
    /// Takes the first of these values that is there and not null.
    pub(super) fn take(&mut self, keys: &[Key]) -> Option<Sent<'a>> {
        keys.iter().find_map(|key| {
            let value = self.values.get_mut(*key as usize)?.take();
            value.filter(|value| *value != Sent::Other(Value::Null))
        })
    }
}

impl<'de> Deserialize<'de> for Body<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reader)
    }
}

struct ValueReader;

impl<'de> Visitor<'de> for ValueReader {
    type Value = Sent<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Sent<'de>, E> {
        Ok(Sent::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Sent<'de>, E> {
        Ok(Sent::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<Sent<'de>, E> {
        Ok(Sent::Other(Value::Null))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Sent<'de>, E> {
        Ok(Sent::Other(flag.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Sent<'de>, E> {
        Ok(Sent::Other(number.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Sent<'de>, E> {
        Ok(Sent::Other(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Sent<'de>, E> {
        Ok(Sent::Other(number.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Sent<'de>, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(list)).map(Sent::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Sent<'de>, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(map)).map(Sent::Other)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Body<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Body<'de>, A::Error> {
        let mut body = Body::default();
        while let Some(Name(name)) = map.next_key()? {
            match named(&name).and_then(|key| body.values.get_mut(key as usize)) {
                Some(place) => *place = Some(map.next_value()?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(body)
    }
}

/// A name, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Body<'_> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn known_names_are_found_and_others_passed_over() {
        let mut body =
            read(r#"{"x":[1,{"d":2}],"d":null,"domain":"a","\u0075":"b","u":"c","w":5}"#);
        assert_eq!(body.take(&[Key::D, Key::Domain]), Some(Value::from("a").into()));
        assert_eq!(body.take(&[Key::U]), Some(Value::from("c").into()), "the last counts");
        assert_eq!(body.take(&[Key::W]), Some(Value::from(5).into()));
        assert_eq!(body.take(&[Key::N]), None);
        for text in ["[]", "1", "\"a\"", "{", "{\"x\":}", "{}x", "{\"d\":nope}"] {
            assert!(serde_json::from_str::<Body<'_>>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_is_the_one_that_any_reader_of_json_finds() {
        const EMPTY: &str = "\"\"";
        const PLAIN: &str = "\"plain é\"";
        const ESCAPED: &str = "\"esc\\u0061ped\\n\"";
        for text in [
            "null",
            "true",
            "0",
            "-7",
            "18446744073709551615",
            "1.5e3",
            "[1,[\"a\"],null]",
            r#"{"a":{"b":"c"},"a":2}"#,
            EMPTY,
            PLAIN,
            ESCAPED,
        ] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::from_str::<Sent<'_>>(text).unwrap(), value.into(), "{text}");
        }
        let is_borrowed =
            |text| matches!(serde_json::from_str(text).unwrap(), Sent::Text(Cow::Borrowed(_)));
        assert!(is_borrowed(PLAIN) && !is_borrowed(ESCAPED));
        for text in ["1e999", "\"a", "[1", "nul"] {
            assert!(serde_json::from_str::<Sent<'_>>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_name_has_a_place_of_its_own() {
        let names = [
            "dnt",
            "gpc",
            "d",
            "domain",
            "u",
            "url",
            "n",
            "name",
            "h",
            "hashMode",
            "r",
            "referrer",
            "i",
            "interactive",
            "w",
            "l",
            "m",
            "meta",
            "p",
            "props",
            "e",
            "sd",
            "v",
            "t",
            "$",
            "revenue",
        ];
        let places: Vec<usize> = names.iter().map(|name| named(name).unwrap() as usize).collect();
        assert_eq!(places, (0..KEYS).collect::<Vec<_>>());
    }
}

//! The JSON object of an event, read in one walk: the values of the names we know, each in its
//! place. The value of any other name is passed over.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
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

/// The values of an event. Of a name that stands several times the last counts.
#[derive(Default)]
pub(super) struct Body {
    values: [Option<Value>; KEYS],
}

impl Body {
    /// The first of these values that is there and not null.
    pub(super) fn first(&self, keys: &[Key]) -> Option<&Value> {
        keys.iter().find_map(|key| {
            let value = self.values.get(*key as usize)?.as_ref();
            value.filter(|value| !value.is_null())
        })
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Body;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Body, A::Error> {
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

    fn read(text: &str) -> Body {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn known_names_are_found_and_others_passed_over() {
        let body = read(r#"{"x":[1,{"d":2}],"d":null,"domain":"a","\u0075":"b","u":"c","w":5}"#);
        assert_eq!(body.first(&[Key::D, Key::Domain]), Some(&Value::from("a")));
        assert_eq!(body.first(&[Key::U]), Some(&Value::from("c")), "the last counts");
        assert_eq!(body.first(&[Key::W]), Some(&Value::from(5)));
        assert_eq!(body.first(&[Key::N]), None);
        for text in ["[]", "1", "\"a\"", "{", "{\"x\":}", "{}x", "{\"d\":nope}"] {
            assert!(serde_json::from_str::<Body>(text).is_err(), "{text}");
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

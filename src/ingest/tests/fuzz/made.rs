//! What is sent to break parsers: texts, bytes, JSON and bodies of events.

use proptest::prelude::*;
use serde_json::{Value, json};

/// Pieces of which texts are put together: what parsers split, decode, count and compare by.
const PIECES: [&str; 96] = [
    "",
    " ",
    "\t",
    "\r\n",
    "\0",
    "\u{7f}",
    "\u{85}",
    "\u{202e}",
    "\u{feff}",
    "\u{200b}",
    "\u{2028}",
    "\u{fffd}",
    "\u{10ffff}",
    "é",
    "ß",
    "İ",
    "ﬁ",
    "👩‍👩‍👧",
    "مرحبا",
    "日本",
    "a\u{301}",
    "%",
    "%%",
    "%0",
    "%00",
    "%2",
    "%2F",
    "%25",
    "%2525",
    "%c3",
    "%C3%A9",
    "%ff%fe",
    "%0d%0a",
    "+",
    "/",
    "//",
    "\\",
    "..",
    "/../",
    "?",
    "#",
    "&",
    "=",
    ";",
    ":",
    ",",
    "@",
    "|",
    "~",
    "*",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    "\"",
    "\\\"",
    "'",
    "''",
    "`",
    "“",
    "-",
    "_",
    ".",
    "www.",
    "https://",
    "http://",
    "javascript:",
    "data:,",
    "blob:",
    "android-app://",
    "[::1]",
    "::ffff:8.8.8.8",
    "203.0.113.9",
    "jane@mail.example",
    "+43 660 1234567",
    "4111 1111 1111 1111",
    "48.2082,16.3738",
    "123e4567-e89b-12d3-a456-426614174000",
    "0123456789abcdef0",
    "eyJhbGciOiJIUzI1NiJ9aB3",
    "99999999999999999999",
    "-1",
    "1e309",
    "NaN",
    "Infinity",
    "null",
    "utm_source=",
    "gclid=",
    "Mozilla/5.0 (",
    "Chrome/142.0.0.0",
    "\"Chromium\";v=\"142\"",
    "for=\"[2001:db8::1]:47\"",
];

/// Text of some pieces, random characters and repetitions, up to a few thousand bytes.
pub(super) fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => proptest::sample::select(&PIECES[..]).prop_map(str::to_owned),
        2 => any::<String>(),
        2 => "[a-z0-9/.=&%]{0,12}",
        1 => (proptest::sample::select(&PIECES[..]), 1..400_usize)
            .prop_map(|(piece, times)| piece.repeat(times)),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// The same as bytes, some of which are changed, so that it need not be UTF-8.
pub(super) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let changes = proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4);
    (text(), changes).prop_map(|(text, changes)| {
        let mut bytes = text.into_bytes();
        for (place, byte) in changes {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
        }
        bytes
    })
}

/// Any JSON: what is expected in the place of other types, nesting, large numbers.
pub(super) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map("[a-z$]{0,8}|\\PC{0,4}", inner, 0..6)
                .prop_map(|map| Value::from(serde_json::Map::from_iter(map))),
        ]
    })
}

/// The body of an event: a real one, some fields of which are replaced or cut off.
pub(super) fn body() -> impl Strategy<Value = Vec<u8>> {
    const NAMES: [&str; 20] = [
        "n",
        "u",
        "d",
        "r",
        "p",
        "m",
        "$",
        "e",
        "sd",
        "h",
        "w",
        "l",
        "i",
        "v",
        "t",
        "name",
        "url",
        "props",
        "revenue",
        "interactive",
    ];
    let field = (proptest::sample::select(&NAMES[..]), value());
    let real = (proptest::collection::vec(field, 0..5), text(), 0..4_usize).prop_map(
        |(fields, path, kind)| {
            let name = ["pageview", "engagement", "web_vitals", "js_error"][kind];
            let mut body = json!({"n": name, "u": format!("https://example.com/{path}"),
                "d": "example.com", "e": 5, "v": {"lcp": 5}, "t": "e", "p": {"plan": path.clone()}});
            for (name, value) in fields {
                body[name] = value;
            }
            body.to_string().into_bytes()
        },
    );
    let cut =
        (real, any::<proptest::sample::Index>(), any::<bool>()).prop_map(|(body, at, whole)| {
            let end = if whole { body.len() } else { at.index(body.len()) };
            body[..end].to_vec()
        });
    prop_oneof![8 => cut, 1 => bytes()]
}

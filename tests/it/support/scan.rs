//! Looks for planted values in everything a program leaves behind.
//!
//! A value is looked for in the forms in which it could have been kept: as it is, in lower case,
//! as hex, base64 at each alignment, URL-encoded, UTF-16, and for addresses as bytes, as number and in the
//! longer spellings. A scan that finds nothing proves something only if it finds what is there:
//! scan for a canary in the same store.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use regex::bytes::{Regex, RegexBuilder};

/// Forms shorter than this are not looked for in the engine's compressed files and in memory, where
/// four given bytes turn up by chance; the tables are looked through uncompressed instead.
const SHORT: usize = 6;

/// Most bytes of the compiled pattern: hundreds of values in a dozen forms each.
const PATTERN_BYTES: usize = 64 * 1024 * 1024;

/// Bytes of base64 to drop where a neighbouring byte would change them.
const ALIGNMENTS: [usize; 3] = [0, 1, 2];

/// A set of values to look for.
pub(crate) struct Scan {
    forms: BTreeMap<Vec<u8>, String>,
    pattern: Regex,
}

/// A place where something was found, and which form of which value.
pub(crate) type Found = (String, String);

impl Scan {
    /// Prepares every form of `values`; those that are addresses also as addresses.
    pub(crate) fn new(values: &[&str]) -> Self {
        let mut forms = BTreeMap::new();
        for value in values {
            text_forms(value, &mut forms);
            if let Ok(address) = value.parse() {
                address_forms(value, address, &mut forms);
            }
        }
        Self::of_forms(forms)
    }

    /// Looks for these bytes, each with the name it is reported by.
    pub(crate) fn of_forms(forms: BTreeMap<Vec<u8>, String>) -> Self {
        let mut pattern = String::from("(?-u)");
        // The longest first: the leftmost alternative that fits is the one reported.
        let mut all: Vec<&Vec<u8>> = forms.keys().collect();
        all.sort_by_key(|form| std::cmp::Reverse(form.len()));
        for (n, form) in all.into_iter().enumerate() {
            if n > 0 {
                pattern.push('|');
            }
            for byte in form {
                write!(pattern, "\\x{byte:02x}").expect("writing to a String cannot fail");
            }
        }
        let pattern = RegexBuilder::new(&pattern)
            .size_limit(PATTERN_BYTES)
            .build()
            .expect("escaped bytes are a pattern");
        Self { forms, pattern }
    }

    /// What is looked for, and how each is reported, to be put together with others.
    pub(crate) fn into_forms(self) -> BTreeMap<Vec<u8>, String> {
        self.forms
    }

    /// Forms of the values that occur in `bytes`.
    pub(crate) fn of(&self, place: &str, bytes: &[u8]) -> Vec<Found> {
        let by_chance = place.contains("/engine/") || place.starts_with("memory ");
        let least = if by_chance { SHORT } else { 0 };
        self.pattern
            .find_iter(bytes)
            .filter(|hit| hit.len() >= least)
            .map(|hit| {
                let form = self.forms.get(hit.as_bytes()).map_or("?", String::as_str);
                (place.to_owned(), form.to_owned())
            })
            .collect()
    }

    /// Looks through every regular file below `folder`, names of files included.
    pub(crate) fn folder(&self, folder: &Path) -> Vec<Found> {
        files(folder)
            .into_iter()
            .flat_map(|(name, bytes)| {
                let mut found = self.of(&name, name.as_bytes());
                found.extend(self.of(&name, &bytes));
                found
            })
            .collect()
    }

    /// Looks through several places that were read before.
    pub(crate) fn places(&self, places: &[(String, Vec<u8>)]) -> Vec<Found> {
        places.iter().flat_map(|(name, bytes)| self.of(name, bytes)).collect()
    }
}

/// Every regular file below `folder` with its content; one that vanishes meanwhile is skipped.
pub(crate) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&next) else { continue };
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                waiting.push(path);
            } else if kind.is_file()
                && let Ok(bytes) = fs::read(&path)
            {
                found.push((path.display().to_string(), bytes));
            }
        }
    }
    found.sort();
    found
}

/// A hash of every file below `folder`, by name.
pub(crate) fn hashes(folder: &Path) -> BTreeMap<String, String> {
    files(folder)
        .into_iter()
        .map(|(name, bytes)| (name, blake3::hash(&bytes).to_hex().to_string()))
        .collect()
}

fn text_forms(value: &str, forms: &mut BTreeMap<Vec<u8>, String>) {
    let mut add = |form: Vec<u8>, how: &str| {
        forms.entry(form).or_insert_with(|| format!("{value} {how}"));
    };
    add(value.as_bytes().to_vec(), "as it is");
    add(value.to_lowercase().into_bytes(), "in lower case");
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    add(hex.to_uppercase().into_bytes(), "as hex");
    add(hex.into_bytes(), "as hex");
    add(value.encode_utf16().flat_map(u16::to_le_bytes).collect(), "as UTF-16");
    let mut encoded = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
    add(encoded.to_lowercase().into_bytes(), "URL-encoded");
    add(encoded.into_bytes(), "URL-encoded");
    for skip in ALIGNMENTS {
        // Encode with `skip` bytes before it, then drop every character a neighbour has a part in.
        let mut bytes = vec![0_u8; skip];
        bytes.extend_from_slice(value.as_bytes());
        let text = STANDARD_NO_PAD.encode(&bytes);
        let first = (skip * 8).div_ceil(6);
        let last = bytes.len() * 8 / 6;
        if let Some(inner) = text.get(first..last).filter(|inner| inner.len() >= 6) {
            add(inner.as_bytes().to_vec(), "as base64");
            add(inner.replace('+', "-").replace('/', "_").into_bytes(), "as base64url");
        }
    }
}

fn address_forms(value: &str, address: IpAddr, forms: &mut BTreeMap<Vec<u8>, String>) {
    let mut add = |form: Vec<u8>, how: &str| {
        forms.entry(form).or_insert_with(|| format!("{value} {how}"));
    };
    match address {
        IpAddr::V4(v4) => {
            let number = u32::from(v4);
            add(number.to_be_bytes().to_vec(), "as bytes");
            add(number.to_le_bytes().to_vec(), "as bytes");
            add(number.to_string().into_bytes(), "as a number");
            add(format!("{number:08x}").into_bytes(), "as hex");
            let mapped = v4.to_ipv6_mapped().segments();
            add(format!("::ffff:{:x}:{:x}", mapped[6], mapped[7]).into_bytes(), "mapped");
            let [a, b, c, _] = v4.octets();
            add(format!("{a}.{b}.{c}.").into_bytes(), "without its last part");
        }
        IpAddr::V6(v6) => {
            let bytes = v6.octets();
            add(bytes.to_vec(), "as bytes");
            add(bytes[..8].to_vec(), "its network as bytes");
            add(bytes.iter().rev().copied().collect(), "as bytes");
            let long: Vec<String> =
                v6.segments().iter().map(|part| format!("{part:04x}")).collect();
            add(long.join(":").into_bytes(), "in full");
            add(long.concat().into_bytes(), "as hex");
            add(long[..4].join(":").into_bytes(), "its network in full");
            let short: Vec<String> =
                v6.segments()[..4].iter().map(|part| format!("{part:x}")).collect();
            add(short.join(":").into_bytes(), "its network");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scan_finds_every_form_it_claims_to_look_for() {
        let value = "planted-Value/with?query=1";
        let scan = Scan::new(&[value, "81.2.69.160", "2001:db8:1:2:3:4:5:6"]);
        let hidden: [Vec<u8>; 9] = [
            format!("x{value}y").into_bytes(),
            STANDARD_NO_PAD.encode(format!("a{value}b")).into_bytes(),
            STANDARD_NO_PAD.encode(format!("ab{value}")).into_bytes(),
            b"planted-Value%2Fwith%3Fquery%3D1".to_vec(),
            value.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes(),
            vec![7, 81, 2, 69, 160, 7],
            b"[::ffff:81.2.69.160]".to_vec(),
            vec![0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2],
            b"2001:0db8:0001:0002:0003:0004:0005:0006".to_vec(),
        ];
        for bytes in hidden {
            assert!(!scan.of("here", &bytes).is_empty(), "{:?}", String::from_utf8_lossy(&bytes));
        }
        assert_eq!(scan.of("here", b"nothing of the kind, 81.2.6.9 and 2001:db8:1:3::"), []);
    }
}

//! Lists that an operator gives as files: networks of datacentres, hosts that spam referrers.
//!
//! One entry a line; white space around it, empty lines and what follows a `#` do not count. The
//! bytes are handed in; a list is taken whole or not at all, and an error names the line and never
//! its text.

use std::collections::HashSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use ipnet::IpNet;
use url::Host;

use crate::ingest::address::ClientAddr;
use crate::ingest::rules::network;
use crate::ingest::url::{HOST_BYTES_MAX, site_name};

/// Entries a list may have; published ones have up to some 100,000.
const ENTRIES_MAX: usize = 1_000_000;

/// Why a list is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ListError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: &'static str,
}

/// Networks, as ranges of addresses that neither touch nor overlap, in order.
#[derive(Debug, Default)]
pub struct Networks {
    v4: Vec<RangeInclusive<u32>>,
    v6: Vec<RangeInclusive<u128>>,
    given: usize,
}

impl Networks {
    /// Reads networks in CIDR notation and bare addresses, one a line.
    ///
    /// # Errors
    /// The first line that is neither.
    pub fn read(text: &[u8]) -> Result<Self, ListError> {
        let mut found = Self::default();
        each(text, |entry| {
            let network = network(entry).ok_or("is no address and no network (10.0.0.0/8)")?;
            match network {
                IpNet::V4(network) => {
                    found.v4.push(network.network().into()..=network.broadcast().into());
                }
                IpNet::V6(network) => {
                    found.v6.push(network.network().into()..=network.broadcast().into());
                }
            }
            found.given += 1;
            Ok(())
        })?;
        found.v4 = merged(found.v4);
        found.v6 = merged(found.v6);
        Ok(found)
    }

    /// Whether the client is in one of the networks.
    #[must_use]
    pub fn contains(&self, addr: &ClientAddr) -> bool {
        match addr.ip() {
            IpAddr::V4(address) => holds(&self.v4, u32::from(address)),
            IpAddr::V6(address) => holds(&self.v6, u128::from(address)),
        }
    }

    /// How many entries were read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.given
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.given == 0
    }
}

fn merged<N: Ord + Copy>(mut ranges: Vec<RangeInclusive<N>>) -> Vec<RangeInclusive<N>> {
    ranges.sort_unstable_by_key(|range| *range.start());
    let mut apart: Vec<RangeInclusive<N>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match apart.last_mut() {
            Some(last) if range.start() <= last.end() => {
                *last = *last.start()..=*last.end().max(range.end());
            }
            _ => apart.push(range),
        }
    }
    apart.shrink_to_fit();
    apart
}

fn holds<N: Ord>(ranges: &[RangeInclusive<N>], wanted: N) -> bool {
    let behind = ranges.partition_point(|range| *range.start() <= wanted);
    behind.checked_sub(1).and_then(|place| ranges.get(place)).is_some_and(|r| *r.end() >= wanted)
}

/// Hosts whose visits are made up to be seen in reports: a few known ones, and the operator's.
#[derive(Debug, Default)]
pub struct SpamHosts {
    hosts: HashSet<Box<str>>,
}

#[derive(serde::Deserialize)]
struct Table {
    hosts: Vec<String>,
}

static KNOWN: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let table: Table = toml::from_str(include_str!("spam.toml")).expect("spam.toml is tested");
    table.hosts.into_iter().collect()
});

impl SpamHosts {
    /// Reads host names, one a line; each stands for its subdomains too.
    ///
    /// # Errors
    /// The first line that is no host name.
    pub fn read(text: &[u8]) -> Result<Self, ListError> {
        let mut hosts = HashSet::new();
        each(text, |entry| {
            let message = "is no host name (spam.example)";
            let name = match Host::parse(entry) {
                Ok(Host::Domain(name)) => site_name(&name).into_owned(),
                _ => return Err(message),
            };
            if name.len() > HOST_BYTES_MAX || !name.contains('.') || name.starts_with('.') {
                return Err(message);
            }
            hosts.insert(name.into_boxed_str());
            Ok(())
        })?;
        Ok(Self { hosts })
    }

    /// Whether this host, without `www.`, or one that it is a subdomain of, is on a list.
    #[must_use]
    pub fn contains(&self, host: &str) -> bool {
        let mut rest = Some(host).filter(|host| !host.is_empty());
        while let Some(suffix) = rest {
            if KNOWN.contains(suffix) || self.hosts.contains(suffix) {
                return true;
            }
            rest = suffix.split_once('.').map(|(_, shorter)| shorter);
        }
        false
    }

    /// How many hosts the operator gave.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether the operator gave none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }
}

/// Reads the built-in table now, so that no request waits for it.
pub(crate) fn load() {
    LazyLock::force(&KNOWN);
}

/// Calls `take` with each entry.
fn each(
    text: &[u8],
    mut take: impl FnMut(&str) -> Result<(), &'static str>,
) -> Result<(), ListError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut entries = 0;
    for (line, bytes) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let error = |message| ListError { line, message };
        let entry = bytes.split(|byte| *byte == b'#').next().unwrap_or_default().trim_ascii();
        if entry.is_empty() {
            continue;
        }
        entries += 1;
        if entries > ENTRIES_MAX {
            return Err(error("is one entry too many: at most 1,000,000"));
        }
        let entry = std::str::from_utf8(entry).map_err(|_| error("is not UTF-8"))?;
        take(entry).map_err(error)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn holds(networks: &Networks, address: &str) -> bool {
        networks.contains(&ClientAddr::for_test(address))
    }

    #[test]
    fn networks_hold_their_addresses_and_no_other() {
        let text = b"# a list\r\n198.51.100.0/24\r\n\n 203.0.113.7 # one\n2001:db8:5::/48\n198.51.100.128/25\n198.51.96.9/22";
        let networks = Networks::read(text).unwrap();
        assert_eq!(networks.len(), 5);
        for (address, expected) in [
            ("198.51.100.0", true),
            ("198.51.100.255", true),
            ("198.51.99.255", true),
            ("198.51.95.255", false),
            ("198.51.101.0", false),
            ("203.0.113.7", true),
            ("203.0.113.6", false),
            ("203.0.113.8", false),
            ("::ffff:203.0.113.7", true),
            ("2001:db8:5:ffff::1", true),
            ("2001:db8:6::", false),
            ("::1", false),
        ] {
            assert_eq!(holds(&networks, address), expected, "{address}");
        }
        assert!(!holds(&Networks::default(), "203.0.113.7"));
        let all = Networks::read(b"0.0.0.0/0\n::/0").unwrap();
        assert!(holds(&all, "255.255.255.255") && holds(&all, "ffff::"));
    }

    #[test]
    fn mapped_entries_stand_for_the_addresses_that_clients_have() {
        let text = b"::ffff:203.0.113.7\n::ffff:198.51.100.0/120\n::ffff:192.0.2.9/128";
        let networks = Networks::read(text).unwrap();
        for (address, expected) in [
            ("203.0.113.7", true),
            ("::ffff:203.0.113.7", true),
            ("203.0.113.8", false),
            ("198.51.100.255", true),
            ("198.51.101.0", false),
            ("192.0.2.9", true),
            ("192.0.2.8", false),
        ] {
            assert_eq!(holds(&networks, address), expected, "{address}");
        }
        assert!(holds(&Networks::read(b"::ffff:0:0/96").unwrap(), "8.8.8.8"));
        assert!(!holds(&Networks::read(b"2001:db8::/96").unwrap(), "8.8.8.8"));
    }

    #[test]
    fn a_range_behind_a_wider_one_does_not_hide_it() {
        let networks = Networks::read(b"10.0.0.0/8\n10.1.0.0/16\n11.0.0.1").unwrap();
        assert!(holds(&networks, "10.200.0.1") && holds(&networks, "11.0.0.1"));
        assert!(!holds(&networks, "11.0.0.0"));
    }

    #[test]
    fn a_bad_line_is_named_by_its_number_only() {
        for (text, line) in [
            (&b"203.0.113.0/24\nSECRET"[..], 2),
            (b"203.0.113.0/33", 1),
            (b"\n\n203.0.113.7,name", 3),
            (b"203.0.113.7\n\xff", 2),
        ] {
            let error = Networks::read(text).unwrap_err();
            assert_eq!(error.line, line);
            assert!(!error.to_string().contains("SECRET"), "{error}");
        }
        for text in [&b"a.example\nhttps://b.example/"[..], b"a.example\n203.0.113.7", b"\nword"] {
            assert_eq!(SpamHosts::read(text).unwrap_err().line, 2, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn spam_hosts_stand_for_their_subdomains() {
        let spam =
            SpamHosts::read("Spam.example # x\nwww.other.example\nbücher.example".as_bytes());
        let spam = spam.unwrap();
        assert_eq!(spam.len(), 3);
        for (host, expected) in [
            ("spam.example", true),
            ("a.b.spam.example", true),
            ("notspam.example", false),
            ("example", false),
            ("other.example", true),
            ("xn--bcher-kva.example", true),
            ("semalt.com", true),
            ("7.semalt.com", true),
            ("google.com", false),
            ("", false),
        ] {
            assert_eq!(spam.contains(host), expected, "{host}");
        }
        assert!(SpamHosts::default().contains("semalt.com"));
    }

    #[test]
    fn the_built_in_table_is_sorted_and_made_of_hosts() {
        let table: Table = toml::from_str(include_str!("spam.toml")).unwrap();
        assert!(table.hosts.len() >= 30);
        assert!(table.hosts.is_sorted_by(|a, b| a < b));
        let read = SpamHosts::read(table.hosts.join("\n").as_bytes()).unwrap();
        assert_eq!(read.len(), table.hosts.len());
        assert!(table.hosts.iter().all(|host| read.hosts.contains(host.as_str())));
    }

    #[test]
    fn fifty_thousand_lines_load_and_answer_quickly() {
        let network = |n: u32| format!("{}.{}.{}.0/25\n", 1 + n / 65_536, n / 256 % 256, n % 256);
        let text: String = (0..50_000).map(network).collect();
        let begun = Instant::now();
        let networks = Networks::read(text.as_bytes()).unwrap();
        let loaded = begun.elapsed();
        let begun = Instant::now();
        let inside = (0..50_000_u32)
            .filter(|n| holds(&networks, &format!("1.{}.{}.{}", n / 256, n % 256, n % 200)))
            .count();
        let asked = begun.elapsed();
        assert_eq!(inside, (0..50_000).filter(|n| n % 200 < 128).count());
        assert!(loaded.as_millis() < 2_000 && asked.as_millis() < 1_000, "{loaded:?} {asked:?}");
    }
}

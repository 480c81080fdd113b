//! Which address a request comes from: the peer, or what trusted proxies say about it.
//!
//! A forwarded header is believed only as far as proxies wrote it that the operator trusts. It is
//! walked from the right, where the nearest proxy appended what it saw, to the first hop that is
//! not trusted; what stands further left was sent by that hop and can be anything.
//!
//! Where both headers are there, `X-Forwarded-For` holds: nearly all proxies append to it and pass
//! a client's own `Forwarded` through. A hop that is no address (`unknown`, `_hidden`, rubbish)
//! ends the walk at the proxy that reported it. No other header names an address.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use crate::ingest::signals::Headers;

/// A client address on its way to location and token. It has no `Debug`, `Clone` or `Serialize`,
/// so that it cannot be printed, kept or sent; the token takes it by value.
pub struct ClientAddr(IpAddr);

/// What [`resolve`] found out.
pub struct Resolved {
    /// The address of the client, as far as it is known.
    pub addr: ClientAddr,
    /// A forwarded header came through a peer that is not trusted, and was ignored.
    pub untrusted_forwarded: bool,
}

/// Finds the client's address.
#[must_use]
pub fn resolve(peer: IpAddr, headers: &Headers<'_>, trusted: &[IpNet]) -> Resolved {
    let peer = peer.to_canonical();
    let is_trusted = |addr: &IpAddr| trusted.iter().any(|network| network.contains(addr));
    if !is_trusted(&peer) {
        let untrusted_forwarded =
            !(headers.forwarded.is_empty() && headers.x_forwarded_for.is_empty());
        return Resolved { addr: ClientAddr(peer), untrusted_forwarded };
    }
    let addr = if headers.x_forwarded_for.is_empty() {
        walk(peer, &headers.forwarded, forwarded_for, is_trusted)
    } else {
        walk(peer, &headers.x_forwarded_for, node, is_trusted)
    };
    Resolved { addr: ClientAddr(addr), untrusted_forwarded: false }
}

impl Resolved {
    /// What a sender with a key says.
    #[must_use]
    pub fn named(addr: IpAddr) -> Self {
        Self { addr: ClientAddr(addr.to_canonical()), untrusted_forwarded: false }
    }
}

/// The address that a server with a send key names for its visitor in the headers of its request:
/// the first of `X-Forwarded-For`, else of `Forwarded`.
#[must_use]
pub fn first_named(headers: &Headers<'_>) -> Option<IpAddr> {
    let first = |lines: &[&[u8]], read: fn(&str) -> Option<IpAddr>| {
        let hops = lines.first()?.split(|byte| *byte == b',').next()?;
        read(std::str::from_utf8(hops.trim_ascii()).ok()?)
    };
    first(&headers.x_forwarded_for, node).or_else(|| first(&headers.forwarded, forwarded_for))
}

/// The address in a text, with or without brackets and port.
#[must_use]
pub fn read(text: &str) -> Option<IpAddr> {
    node(text)
}

impl ClientAddr {
    /// The address itself, for the look-up of the location only.
    pub(crate) fn ip(&self) -> IpAddr {
        self.0
    }

    /// Whether it is in one of these networks.
    pub(crate) fn is_within(&self, networks: &[IpNet]) -> bool {
        networks.iter().any(|network| network.contains(&self.0))
    }

    /// Overwrites it.
    pub(crate) fn forget(&mut self) {
        self.0 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        // So that the write is not left out as one that nobody reads.
        std::hint::black_box(&self.0);
    }

    #[cfg(test)]
    pub(crate) fn for_test(text: &str) -> Self {
        Self(text.parse::<IpAddr>().unwrap().to_canonical())
    }
}

/// Walks the hops of several lines, joined in order, from the right.
///
/// Commas part hops even inside quotes: no address holds a comma, and a client that sends an open
/// quote must not be able to swallow what a proxy appended to it.
fn walk(
    peer: IpAddr,
    lines: &[&[u8]],
    read: fn(&str) -> Option<IpAddr>,
    is_trusted: impl Fn(&IpAddr) -> bool,
) -> IpAddr {
    let mut client = peer;
    for line in lines.iter().rev() {
        for hop in line.rsplit(|byte| *byte == b',') {
            let hop = hop.trim_ascii();
            if hop.is_empty() {
                continue;
            }
            let Some(addr) = std::str::from_utf8(hop).ok().and_then(read) else { return client };
            client = addr;
            if !is_trusted(&client) {
                return client;
            }
        }
    }
    client
}

/// The `for` parameter of one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let (_, value) = element
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    node(value)
}

/// An address with or without quotes, brackets, zone and port.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let text = text.strip_prefix('"').map_or(text, |rest| rest.strip_suffix('"').unwrap_or(rest));
    let text = text.trim();
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, port) = rest.split_once(']')?;
        let is_port = port.is_empty() || port.starts_with(':');
        return is_port.then(|| v6(inside)).flatten();
    }
    let addr = match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => host.parse().ok().map(IpAddr::V4),
        Some(_) => v6(text),
        None => text.parse().ok().map(IpAddr::V4),
    };
    addr.map(|addr| addr.to_canonical())
}

fn v6(text: &str) -> Option<IpAddr> {
    let without_zone = text.split_once('%').map_or(text, |(address, _)| address);
    without_zone.parse::<Ipv6Addr>().ok().map(|address| IpAddr::V6(address).to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRUSTED: [&str; 3] = ["127.0.0.0/8", "10.0.0.0/8", "fd00::/8"];

    fn client(peer: &str, x_forwarded_for: &[&str], forwarded: &[&str]) -> (String, bool) {
        let headers = Headers {
            x_forwarded_for: x_forwarded_for.iter().map(|line| line.as_bytes()).collect(),
            forwarded: forwarded.iter().map(|line| line.as_bytes()).collect(),
            ..Headers::default()
        };
        let trusted: Vec<IpNet> = TRUSTED.iter().map(|network| network.parse().unwrap()).collect();
        let resolved = resolve(peer.parse().unwrap(), &headers, &trusted);
        (resolved.addr.ip().to_string(), resolved.untrusted_forwarded)
    }

    #[test]
    fn an_untrusted_peer_is_the_client() {
        assert_eq!(client("203.0.113.1", &[], &[]), ("203.0.113.1".into(), false));
        assert_eq!(client("203.0.113.1", &["198.51.100.7"], &[]), ("203.0.113.1".into(), true));
        assert_eq!(client("203.0.113.1", &[], &["for=9.9.9.9"]), ("203.0.113.1".into(), true));
        assert_eq!(client("::ffff:203.0.113.1", &[], &[]), ("203.0.113.1".into(), false));
    }

    #[test]
    fn x_forwarded_for_is_walked_from_the_right() {
        for (lines, expected) in [
            (&["198.51.100.7"][..], "198.51.100.7"),
            (&["6.6.6.6, 198.51.100.7"], "198.51.100.7"),
            (&["6.6.6.6", "198.51.100.7"], "198.51.100.7"),
            (&["198.51.100.7, 10.1.1.1"], "198.51.100.7"),
            (&["198.51.100.7", "10.1.1.1,10.1.1.2"], "198.51.100.7"),
            (&["10.9.9.9, 10.1.1.1"], "10.9.9.9"),
            (&["198.51.100.7:4711"], "198.51.100.7"),
            (&["2001:db8::7"], "2001:db8::7"),
            (&["[2001:db8::7]"], "2001:db8::7"),
            (&["[2001:db8::7]:4711"], "2001:db8::7"),
            (&["fe80::1%eth0"], "fe80::1"),
            (&["[fe80::1%25eth0]:80"], "fe80::1"),
            (&["::ffff:198.51.100.7"], "198.51.100.7"),
            (&["\"198.51.100.7\""], "198.51.100.7"),
            (&["198.51.100.7, , ,10.1.1.1,"], "198.51.100.7"),
            (&["198.51.100.7, unknown"], "127.0.0.1"),
            (&["198.51.100.7, unknown, 10.1.1.1"], "10.1.1.1"),
            (&["not an address"], "127.0.0.1"),
            (&["198.51.100.7:4711:1"], "127.0.0.1"),
            (&["[2001:db8::7"], "127.0.0.1"),
            (&[""], "127.0.0.1"),
        ] {
            assert_eq!(client("127.0.0.1", lines, &[]), (expected.into(), false), "{lines:?}");
        }
    }

    #[test]
    fn forwarded_is_walked_from_the_right() {
        for (lines, expected) in [
            (&["for=198.51.100.7"][..], "198.51.100.7"),
            (&["For=\"198.51.100.7:4711\";proto=http;by=203.0.113.43"], "198.51.100.7"),
            (&["proto=https; for=198.51.100.7"], "198.51.100.7"),
            (&["for=6.6.6.6, for=198.51.100.7"], "198.51.100.7"),
            (&["for=6.6.6.6", "for=198.51.100.7, for=10.1.1.1"], "198.51.100.7"),
            (&["for=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::17"),
            (&["for=198.51.100.7, for=_hidden"], "127.0.0.1"),
            (&["for=\"_SEVKISEK\", for=10.1.1.1"], "10.1.1.1"),
            (&["for=unknown"], "127.0.0.1"),
            (&["proto=https"], "127.0.0.1"),
            (&["for=\"6.6.6.6, for=198.51.100.7"], "198.51.100.7"),
        ] {
            assert_eq!(client("127.0.0.1", &[], lines), (expected.into(), false), "{lines:?}");
        }
    }

    #[test]
    fn with_both_headers_x_forwarded_for_holds() {
        assert_eq!(client("127.0.0.1", &["198.51.100.7"], &["for=6.6.6.6"]).0, "198.51.100.7");
    }

    #[test]
    fn a_hundred_hops_are_walked() {
        let mut hops = vec!["6.6.6.6".to_owned(), "198.51.100.7".to_owned()];
        hops.extend((0..98).map(|n| format!("10.0.0.{n}")));
        assert_eq!(client("127.0.0.1", &[&hops.join(", ")], &[]).0, "198.51.100.7");
        let lines: Vec<&str> = hops.iter().map(String::as_str).collect();
        assert_eq!(client("127.0.0.1", &lines, &[]).0, "198.51.100.7");
    }

    #[test]
    fn a_mapped_peer_is_trusted_as_the_address_it_maps() {
        assert_eq!(client("::ffff:10.0.0.1", &["198.51.100.7"], &[]).0, "198.51.100.7");
    }

    proptest! {
        #[test]
        fn no_header_panics_and_the_leftmost_is_never_believed(
            junk in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let headers =
                Headers { x_forwarded_for: vec![&junk, b"198.51.100.7"], ..Headers::default() };
            let trusted: [IpNet; 1] = ["127.0.0.0/8".parse().unwrap()];
            let resolved = resolve("127.0.0.1".parse().unwrap(), &headers, &trusted);
            prop_assert_eq!(resolved.addr.ip().to_string(), "198.51.100.7");
            let headers = Headers { forwarded: vec![&junk], ..Headers::default() };
            let resolved = resolve("127.0.0.1".parse().unwrap(), &headers, &trusted);
            prop_assert!(!resolved.untrusted_forwarded);
        }
    }
}

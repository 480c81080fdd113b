//! The number that stands for a client's network in limits: no address leaves this folder.

use std::net::IpAddr;

use crate::ingest::address::ClientAddr;

/// The network of an address: the address itself for IPv4, the first 64 bits for IPv6 (what one
/// household or one office is given), so that nobody has more than one by counting up.
pub(crate) struct Cut {
    bytes: [u8; 8],
    length: usize,
}

/// A number for the client's network under a short-lived random key; it must not outlive the key.
///
/// Nothing for addresses that are nobody's on the internet (loopback, private, link-local, shared
/// by carriers inside their own network): a proxy that says nothing about its visitors looks like
/// one of these, and a machine of the operator's own is not to be limited either.
#[must_use]
pub fn far_network(addr: &ClientAddr, key: &[u8; 32]) -> Option<u64> {
    if is_near(addr.ip()) {
        return None;
    }
    let hash = blake3::keyed_hash(key, Cut::of(addr.ip()).bytes());
    let first = hash.as_bytes().first_chunk().expect("a hash has 32 bytes");
    Some(u64::from_le_bytes(*first))
}

/// Whether an address is nobody's on the internet (RFC 1918, 3927, 4193, 4291, 6598).
#[must_use]
pub fn is_near(addr: IpAddr) -> bool {
    match addr.to_canonical() {
        IpAddr::V4(addr) => {
            let [first, second, ..] = addr.octets();
            let shared = first == 100 && (64..128).contains(&second);
            shared
                || addr.is_loopback()
                || addr.is_private()
                || addr.is_link_local()
                || addr.is_unspecified()
        }
        IpAddr::V6(addr) => {
            addr.is_loopback()
                || addr.is_unique_local()
                || addr.is_unicast_link_local()
                || addr.is_unspecified()
        }
    }
}

impl Cut {
    pub(crate) fn of(addr: IpAddr) -> Self {
        let mut bytes = [0; 8];
        let length = match addr.to_canonical() {
            IpAddr::V4(addr) => {
                let octets = addr.octets();
                bytes.iter_mut().zip(octets).for_each(|(to, from)| *to = from);
                octets.len()
            }
            IpAddr::V6(addr) => {
                bytes.iter_mut().zip(addr.octets()).for_each(|(to, from)| *to = from);
                bytes.len()
            }
        };
        Self { bytes, length }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn network(text: &str) -> Option<u64> {
        far_network(&ClientAddr::for_test(text), &KEY)
    }

    #[test]
    fn an_address_of_the_internet_has_the_number_of_its_network() {
        assert!(network("203.0.113.9").is_some());
        assert_eq!(network("203.0.113.9"), network("::ffff:203.0.113.9"));
        assert_ne!(network("203.0.113.9"), network("203.0.113.10"));
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        // Four bytes and eight that begin with them are not the same network.
        assert_ne!(network("32.1.13.184"), network("2001:db8::"));
        let other = far_network(&ClientAddr::for_test("203.0.113.9"), &[8; 32]);
        assert_ne!(other, network("203.0.113.9"), "another key gives another number");
    }

    #[test]
    fn an_address_that_is_nobodys_on_the_internet_has_none() {
        for near in [
            "127.0.0.1",
            "10.1.2.3",
            "172.17.0.1",
            "192.168.0.9",
            "169.254.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "0.0.0.0",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(network(near), None, "{near}");
        }
        for far in ["100.63.255.255", "100.128.0.0", "172.32.0.1", "9.9.9.9", "2600::1"] {
            assert!(network(far).is_some(), "{far}");
        }
    }
}

//! The visitor token: who is the same within one site and one day, and nothing more.
//!
//! Token = `u64_le(blake3::keyed_hash(key, u32_le(len(a)) ‖ a ‖ u32_le(len(u)) ‖ u)[..8])`, where
//! `a` is the 4 bytes of an IPv4 address or the first 8 of an IPv6 address, `u` the User-Agent as
//! received, at most 512 bytes; a result of 0 becomes 1, since 0 means "no token".
//!
//! Promise: the address is taken by value and ends here; what is left of it is overwritten when
//! the [`Identity`] is dropped, and what hashing leaves on the stack by whoever calls the pipeline
//! ([`crate::model::wipe_stack`]). The key is the caller's: 32 random bytes per site and day.

use ipnet::IpNet;

use crate::ingest::address::ClientAddr;
use crate::ingest::network::Cut;

/// Bytes of a User-Agent that count; longer ones are cut, so that a request cannot cost more.
pub const USER_AGENT_BYTES_MAX: usize = 512;

/// What a token is computed from: lives as long as one request. Neither `Debug` nor `Clone`.
pub struct Identity<'a> {
    client: ClientAddr,
    user_agent: &'a [u8],
}

impl<'a> Identity<'a> {
    /// Takes the address and the User-Agent bytes as received.
    #[must_use]
    pub fn new(client: ClientAddr, user_agent: &'a [u8]) -> Self {
        Self { client, user_agent: capped(user_agent) }
    }

    /// The token under the key of one site and day; never 0.
    #[must_use]
    pub fn token(&self, key: &[u8; 32]) -> u64 {
        let mut hasher = blake3::Hasher::new_keyed(key);
        for part in [Cut::of(self.client.ip()).bytes(), self.user_agent] {
            let length = u32::try_from(part.len()).expect("at most 512 bytes");
            hasher.update(&length.to_le_bytes()).update(part);
        }
        first_u64(&hasher.finalize()).max(1)
    }

    /// Whether the client's address is in one of these networks.
    pub(crate) fn is_within(&self, networks: &[IpNet]) -> bool {
        !networks.is_empty() && self.client.is_within(networks)
    }

    /// A number for the network of the client under a short-lived random key, for limiters.
    ///
    /// The address is cut as for the token. The number must not outlive the key.
    #[must_use]
    pub fn network(&self, key: &[u8; 32]) -> u64 {
        first_u64(&blake3::keyed_hash(key, Cut::of(self.client.ip()).bytes()))
    }
}

impl Drop for Identity<'_> {
    fn drop(&mut self) {
        self.client.forget();
    }
}

/// The User-Agent bytes that count.
pub(crate) fn capped(user_agent: &[u8]) -> &[u8] {
    user_agent.get(..USER_AGENT_BYTES_MAX).unwrap_or(user_agent)
}

fn first_u64(hash: &blake3::Hash) -> u64 {
    let bytes = hash.as_bytes().first_chunk().expect("a hash has 32 bytes");
    u64::from_le_bytes(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn token(address: &str, user_agent: &[u8]) -> u64 {
        Identity::new(ClientAddr::for_test(address), user_agent).token(&KEY)
    }

    // The constants were computed outside this program with the reference library of BLAKE3.
    #[test]
    fn known_answers_hold() {
        assert_eq!(token("203.0.113.9", b"Mozilla/5.0"), 0x3574_9768_555b_f40e);
        assert_eq!(token("2001:db8:1:2:3:4:5:6", b"Mozilla/5.0"), 0x95b9_0bc3_d78c_1e48);
        assert_eq!(token("203.0.113.9", b""), 0x8a1f_a37d_8b89_d15e);
    }

    #[test]
    fn a_token_is_the_hash_of_the_bytes_of_the_design() {
        let message = [
            4, 0, 0, 0, 203, 0, 113, 9, 11, 0, 0, 0, b'M', b'o', b'z', b'i', b'l', b'l', b'a',
            b'/', b'5', b'.', b'0',
        ];
        let hash = blake3::keyed_hash(&KEY, &message);
        let expected = u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap());
        assert_eq!(token("203.0.113.9", b"Mozilla/5.0"), expected);
    }

    #[test]
    fn the_address_is_cut_and_mapped() {
        assert_eq!(token("::ffff:203.0.113.9", b"x"), token("203.0.113.9", b"x"));
        assert_eq!(token("2001:db8:1:2::1", b"x"), token("2001:db8:1:2:ffff::9", b"x"));
        assert_ne!(token("2001:db8:1:2::1", b"x"), token("2001:db8:1:3::1", b"x"));
        assert_ne!(token("203.0.113.9", b"x"), token("203.0.113.8", b"x"));
    }

    #[test]
    fn the_user_agent_counts_up_to_its_limit() {
        let long = [b'a'; 600];
        assert_eq!(token("203.0.113.9", &long), token("203.0.113.9", &long[..512]));
        assert_ne!(token("203.0.113.9", &long[..511]), token("203.0.113.9", &long[..512]));
    }

    #[test]
    fn another_key_gives_another_token() {
        let identity = Identity::new(ClientAddr::for_test("203.0.113.9"), b"x");
        assert_ne!(identity.token(&[1; 32]), identity.token(&[2; 32]));
    }
}

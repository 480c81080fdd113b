//! How many connections one peer may hold, so that one machine cannot take them all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;

/// Open connections by peer. Addresses are held only while a connection of theirs is open.
#[derive(Default)]
pub struct Peers {
    open: Mutex<HashMap<IpAddr, usize>>,
    limit: usize,
    /// Peers without a limit: a proxy carries everybody's connections.
    unlimited: Vec<IpNet>,
}

/// One open connection; gives its place back when dropped.
pub struct Seat {
    peers: Arc<Peers>,
    peer: IpAddr,
}

impl Peers {
    /// At most `limit` connections a peer, unless it is in one of `unlimited`.
    #[must_use]
    pub fn new(limit: usize, unlimited: Vec<IpNet>) -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), limit, unlimited })
    }

    /// A place for a connection of `peer`, if there is one.
    #[must_use]
    pub fn seat(self: &Arc<Self>, peer: IpAddr) -> Option<Seat> {
        let mut open = self.open();
        let network = network(peer);
        let count = open.entry(network).or_default();
        if *count >= self.limit && !self.is_unlimited(peer) {
            return None;
        }
        *count += 1;
        Some(Seat { peers: Arc::clone(self), peer: network })
    }

    /// Whether this peer carries everybody's connections.
    #[must_use]
    pub fn is_unlimited(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.unlimited.iter().any(|net| net.contains(&peer))
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An IPv6 peer has as many addresses as it likes within its first 64 bits: they count together.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(peer) => IpAddr::V6((u128::from(peer) >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.peers.open();
        if let Some(count) = open.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_peer_is_limited_and_its_places_come_back() {
        let peers = Peers::new(2, vec!["10.0.0.0/8".parse().unwrap()]);
        let peer: IpAddr = "192.0.2.1".parse().unwrap();
        let seats = [peers.seat(peer), peers.seat(peer)];
        assert!(seats.iter().all(Option::is_some));
        assert!(peers.seat(peer).is_none());
        assert!(peers.seat("192.0.2.2".parse().unwrap()).is_some());
        let proxy: Vec<_> = (0..9).map(|_| peers.seat("10.0.0.1".parse().unwrap())).collect();
        assert!(proxy.iter().all(Option::is_some));
        drop((seats, proxy));
        assert!(peers.seat(peer).is_some());
        assert!(peers.open().is_empty(), "no address stays");
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_together() {
        let peers = Peers::new(2, Vec::new());
        let seat = |text: &str| peers.seat(text.parse().unwrap());
        let seats = [seat("2001:db8:1:2::1"), seat("2001:db8:1:2:ffff::9")];
        assert!(seats.iter().all(Option::is_some));
        assert!(seat("2001:db8:1:2::3").is_none());
        assert!(seat("2001:db8:1:3::1").is_some());
        assert!(seat("::ffff:192.0.2.1").is_some() && seat("::ffff:192.0.2.2").is_some());
        drop(seats);
        assert!(seat("2001:db8:1:2::3").is_some());
        assert_eq!(peers.open().len(), 0, "who left is forgotten");
    }
}

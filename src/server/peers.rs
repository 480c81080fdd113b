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
        let peer = peer.to_canonical();
        let mut open = self.open();
        let count = open.entry(peer).or_default();
        if *count >= self.limit && !self.unlimited.iter().any(|net| net.contains(&peer)) {
            return None;
        }
        *count += 1;
        Some(Seat { peers: Arc::clone(self), peer })
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
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
}

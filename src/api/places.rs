//! Places for connections: so many in all, so many for one peer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::failures::Who;
use crate::limits::HTTP_CONNECTIONS_PER_PEER_MAX;
use crate::metrics::Metrics;

/// Who holds how many places.
pub(super) struct Places {
    all_max: usize,
    taken: Mutex<Taken>,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_peer: HashMap<Who, usize>,
}

/// A place for one connection, given back when it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    peer: Option<Who>,
}

impl Places {
    pub(super) fn new(all_max: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self { all_max, taken: Mutex::default(), metrics })
    }

    /// A place for a peer, or why there is none.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Result<Place, &'static str> {
        // All who come through a proxy on this machine are one address: they share what there is.
        let peer = (!address.to_canonical().is_loopback()).then(|| Who::peer(address));
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= self.all_max {
            return Err("full");
        }
        if let Some(peer) = &peer {
            let held = taken.by_peer.entry(peer.clone()).or_default();
            if *held >= HTTP_CONNECTIONS_PER_PEER_MAX {
                return Err("peer-full");
            }
            *held += 1;
        }
        taken.all += 1;
        self.metrics.add_connections(1);
        Ok(Place { places: Arc::clone(self), peer })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        if let Some(peer) = self.peer.take()
            && let Some(held) = taken.by_peer.get_mut(&peer)
        {
            *held = held.saturating_sub(1);
            if *held == 0 {
                taken.by_peer.remove(&peer);
            }
        }
        self.places.metrics.add_connections(-1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::HTTP_CONNECTIONS_MAX;

    #[test]
    fn a_peer_cannot_take_all_and_all_cannot_take_more_than_there_are() {
        let places = Places::new(HTTP_CONNECTIONS_MAX, Arc::new(Metrics::new()));
        let peer = |text: &str| text.parse::<IpAddr>().expect("an address");
        let mut held: Vec<Place> = Vec::new();
        for number in 0..HTTP_CONNECTIONS_PER_PEER_MAX {
            held.push(places.take(peer("192.0.2.1")).unwrap_or_else(|why| panic!("{number}: {why}")));
        }
        assert_eq!(places.take(peer("::ffff:192.0.2.1")).err(), Some("peer-full"));
        for number in HTTP_CONNECTIONS_PER_PEER_MAX..HTTP_CONNECTIONS_MAX {
            held.push(places.take(peer("127.0.0.1")).unwrap_or_else(|why| panic!("{number}: {why}")));
        }
        assert_eq!(places.take(peer("127.0.0.1")).err(), Some("full"));
        assert_eq!(places.take(peer("192.0.2.2")).err(), Some("full"));
        held.truncate(1);
        held.push(places.take(peer("192.0.2.2")).unwrap_or_else(|why| panic!("{why}")));
        drop(held);
        let taken = places.taken.lock().expect("not poisoned");
        assert_eq!((taken.all, taken.by_peer.len()), (0, 0), "all places are given back");
    }
}

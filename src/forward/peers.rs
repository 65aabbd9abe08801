//! How many connections each address has open.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Of one address, but for this machine's own: who holds its connections open leaves room for others. A quarter of all.
const MOST: usize = 128;

/// The addresses that have connections. Cloning shares them.
#[derive(Clone, Default)]
pub(super) struct Peers(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection, counted until this is dropped.
pub(super) struct Present {
    peers: Peers,
    address: IpAddr,
}

impl Peers {
    /// One more of this address, if it has not too many.
    pub(super) fn admit(&self, address: IpAddr) -> Option<Present> {
        let mut peers = self.counted();
        let open = peers.entry(address).or_default();
        if *open >= MOST && !address.to_canonical().is_loopback() {
            return None;
        }
        *open += 1;
        Some(Present { peers: self.clone(), address })
    }

    fn counted(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        let mut peers = self.peers.counted();
        if let Some(open) = peers.get_mut(&self.address) {
            *open -= 1;
            if *open == 0 {
                peers.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_a_bounded_number_of_connections_and_this_machine_any() {
        let peers = Peers::default();
        let [one, other, here]: [IpAddr; 3] = ["192.0.2.1", "192.0.2.2", "::ffff:127.0.0.1"].map(|address| address.parse().unwrap());
        let mut open: Vec<_> = (0..MOST).map(|_| peers.admit(one).unwrap()).collect();
        assert!(peers.admit(one).is_none());
        assert!(peers.admit(other).is_some());
        open.pop();
        open.push(peers.admit(one).unwrap());
        assert!(peers.admit(one).is_none());
        let of_here: Vec<_> = (0..2 * MOST).map(|_| peers.admit(here).unwrap()).collect();
        drop((open, of_here));
        assert!(peers.counted().is_empty(), "nothing is kept of who has gone");
    }
}

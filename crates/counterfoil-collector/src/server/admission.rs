//! Who is let in: so many connections in all, so many from one address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of a server.
#[derive(Debug)]
pub(super) struct Admission {
    places: Arc<Semaphore>,
    per_address: usize,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Admission {
    pub(super) fn new(connections: usize, per_address: usize) -> Self {
        let connections = connections.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(connections)),
            per_address,
            open: Arc::default(),
        }
    }

    /// Waits for a place. Those who come meanwhile wait in the system's queue.
    pub(super) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        // Never closed, so there is always a place in the end.
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// Lets a client at `address` take its place, unless it has as many as one address may.
    pub(super) fn admit(
        &self,
        address: IpAddr,
        place: Option<OwnedSemaphorePermit>,
    ) -> Option<Admitted> {
        let network = network(address);
        let mut open = self.open.lock();
        let count = open.entry(network).or_default();
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        Some(Admitted {
            network,
            open: Arc::clone(&self.open),
            _place: place,
        })
    }
}

/// A place that is taken, until this is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    network: IpAddr,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = self.open.lock().entry(self.network) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// What counts as one address: one of IPv4, and of IPv6 the 64 bits that one customer has at least.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_address_takes_no_more_than_its_share_and_gives_it_back() {
        let admission = Admission::new(8, 1);
        let address = IpAddr::from([192, 0, 2, 1]);
        let first = admission.admit(address, admission.place().await);
        assert!(first.is_some());
        assert!(admission.admit(address, admission.place().await).is_none());
        let other = IpAddr::from([192, 0, 2, 2]);
        assert!(admission.admit(other, admission.place().await).is_some());
        drop(first);
        assert!(admission.admit(address, admission.place().await).is_some());
        assert!(admission.open.lock().is_empty(), "no address is kept");
        assert_eq!(admission.places.available_permits(), 8);
    }

    #[test]
    fn a_network_of_ipv6_and_a_mapped_ipv4_are_one_address() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}

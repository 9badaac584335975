//! One computation per address at a time, whoever asks for it.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use counterfoil::tower::ErrorCode;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::CAddr;

/// The value of an address, or why it can have none, once somebody has computed it. Whoever waits takes over when the one that computes
/// is cancelled or fails for reasons of its own, such as bounds that are reached where those of the next are not.
pub(crate) type Flight = Arc<Outcome>;

type Outcome = OnceCell<Result<Bytes, ErrorCode>>;

/// The addresses that somebody works on.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<CAddr, Weak<Outcome>>>);

impl Flights {
    /// Joins who works on this address, or begins.
    pub(crate) fn join(&self, address: CAddr) -> Flight {
        let mut flights = self.0.lock();
        if let Some(flight) = flights.get(&address).and_then(Weak::upgrade) {
            return flight;
        }
        let flight = Flight::default();
        flights.insert(address, Arc::downgrade(&flight));
        flight
    }

    /// Forgets these addresses where nobody works on them any more.
    pub(crate) fn leave(&self, addresses: impl IntoIterator<Item = CAddr>) {
        let mut flights = self.0.lock();
        for address in addresses {
            if flights
                .get(&address)
                .is_some_and(|it| it.strong_count() == 0)
            {
                flights.remove(&address);
            }
        }
    }
}

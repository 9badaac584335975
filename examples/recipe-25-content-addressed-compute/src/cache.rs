//! Values that were materialized, as many as fit.

use std::sync::Arc;

use bytes::Bytes;
use hashlink::LruCache;
use parking_lot::Mutex;

use crate::CAddr;
use crate::metrics::{Lookup, Metrics, bytes};

/// What an entry costs beside its bytes, so that a flood of small ones is bounded too.
pub(crate) const OVERHEAD: usize = 128;

/// A cache bounded by bytes. What was used least recently goes first.
#[derive(Debug)]
pub(crate) struct Cache {
    state: Mutex<State>,
    capacity: usize,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct State {
    entries: LruCache<CAddr, Bytes>,
    bytes: usize,
}

impl Cache {
    pub(crate) fn new(capacity: usize, metrics: Arc<Metrics>) -> Self {
        Self {
            state: Mutex::new(State {
                entries: LruCache::new_unbounded(),
                bytes: 0,
            }),
            capacity,
            metrics,
        }
    }

    /// The value of an address, counted as a hit or a miss.
    pub(crate) fn get(&self, address: CAddr) -> Option<Bytes> {
        let found = self.state.lock().entries.get(&address).cloned();
        let result = if found.is_some() {
            Lookup::Hit
        } else {
            Lookup::Miss
        };
        self.metrics.looked_up(result);
        found
    }

    /// Whether there is a value, which counts as no use of it.
    pub(crate) fn has(&self, address: CAddr) -> bool {
        self.state.lock().entries.contains_key(&address)
    }

    /// Keeps a value; how many others had to go. One that would not fit is not kept.
    pub(crate) fn put(&self, address: CAddr, value: Bytes) -> usize {
        let cost = value.len() + OVERHEAD;
        if cost > self.capacity {
            return 0;
        }
        let mut state = self.state.lock();
        if let Some(before) = state.entries.insert(address, value) {
            state.bytes -= before.len() + OVERHEAD;
        }
        state.bytes += cost;
        let mut evicted = 0;
        while state.bytes > self.capacity
            && let Some((_, gone)) = state.entries.remove_lru()
        {
            state.bytes -= gone.len() + OVERHEAD;
            evicted += 1;
        }
        self.metrics.cache_eviction.add(evicted as u64);
        self.metrics.cache_size.set(bytes(state.bytes as u64));
        self.metrics
            .cache_entries
            .set(bytes(state.entries.len() as u64));
        evicted
    }

    /// How many entries there are, and what they cost in bytes.
    pub(crate) fn size(&self) -> (u64, u64) {
        let state = self.state.lock();
        (state.entries.len() as u64, state.bytes as u64)
    }
}

#[cfg(test)]
mod tests {
    use counterfoil::metrics::Registry;

    use super::*;

    #[test]
    fn what_was_used_least_recently_makes_room_and_is_counted() {
        let metrics = Arc::new(Metrics::new(&Registry::new(), []));
        let cache = Cache::new(2 * (OVERHEAD + 10), Arc::clone(&metrics));
        let [a, b, c] = [b"a", b"b", b"c"].map(|it| CAddr::of_leaf(it));
        let value = Bytes::from_static(b"0123456789");
        assert_eq!(cache.put(a, value.clone()), 0);
        assert_eq!(cache.put(b, value.clone()), 0);
        assert!(cache.get(a).is_some());
        assert_eq!(cache.put(c, value), 1);
        assert_eq!([a, b, c].map(|it| cache.has(it)), [true, false, true]);
        assert_eq!(cache.size(), (2, 2 * (OVERHEAD as u64 + 10)));
        assert_eq!(metrics.cache_eviction.get(), 1);
    }

    #[test]
    fn a_value_that_is_larger_than_the_cache_is_not_kept() {
        let metrics = Arc::new(Metrics::new(&Registry::new(), []));
        let cache = Cache::new(OVERHEAD, metrics);
        let address = CAddr::of_leaf(b"a");
        assert_eq!(cache.put(address, Bytes::from_static(b"a")), 0);
        assert_eq!(cache.size(), (0, 0));
    }
}

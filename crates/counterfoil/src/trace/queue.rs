//! What waits to be drained.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};

/// What became of the spans or log records that were offered: `offered = taken + dropped + waiting`.
///
/// Exact whenever nobody is just offering or taking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueCounts {
    /// How many were offered.
    pub offered: u64,
    /// How many a drain has taken.
    pub taken: u64,
    /// How many found the queue full and are lost.
    pub dropped: u64,
    /// How many are waiting for a drain.
    pub waiting: u64,
}

/// Most items that a queue may hold.
const MOST: usize = 1 << 20;

/// Holds at most as many items as it was made for; what comes on top is dropped and counted. Neither side ever waits.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    sender: Sender<T>,
    receiver: Receiver<T>,
    taken: AtomicU64,
    dropped: AtomicU64,
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        let (sender, receiver) = bounded(capacity.clamp(1, MOST));
        Self {
            sender,
            receiver,
            taken: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    pub(crate) fn push(&self, item: T) {
        if self.sender.try_send(item).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many items wait.
    pub(crate) fn len(&self) -> usize {
        self.receiver.len()
    }

    /// Calls `each` with up to `max` items, the oldest first.
    pub(crate) fn drain(&self, max: usize, each: impl FnMut(T)) {
        let mut taken = 0;
        let items = self.receiver.try_iter().take(max).inspect(|_| taken += 1);
        items.for_each(each);
        self.taken.fetch_add(taken, Ordering::Relaxed);
    }

    /// Up to `max` items, the oldest first, as `into` makes them.
    pub(crate) fn collect<U>(&self, max: usize, into: impl Fn(T) -> U) -> Vec<U> {
        let mut items = Vec::with_capacity(max.min(self.len()));
        self.drain(max, |item| items.push(into(item)));
        items
    }

    pub(crate) fn counts(&self) -> QueueCounts {
        let (taken, dropped) = (
            self.taken.load(Ordering::Relaxed),
            self.dropped.load(Ordering::Relaxed),
        );
        let waiting = self.len() as u64;
        QueueCounts {
            offered: taken + dropped + waiting,
            taken,
            dropped,
            waiting,
        }
    }
}

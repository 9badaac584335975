//! One ring: slots behind sequence locks, one owner that writes, any number of readers that never hold it up.

use std::cell::Cell;
use std::sync::Arc;

use crate::sync::{AtomicU64, Ordering, fence};

/// The readable side. `W` is the number of words in a slot; the model checker runs on smaller slots than the product.
#[derive(Debug)]
// Two cache lines of its own, so that two threads' heads never share one.
#[repr(align(128))]
pub(crate) struct Ring<const W: usize> {
    /// How many events were ever pushed.
    head: AtomicU64,
    slots: Box<[Slot<W>]>,
}

/// A sequence lock whose other half is the ring's head: an event is complete once the head is above its position, and intact
/// as long as its slot is not claimed for a later one. Laid out so that an event without a request id touches two cache lines.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Slot<const W: usize> {
    /// The position that the words belong to, written before the first of them.
    claimed: AtomicU64,
    words: [AtomicU64; W],
}

impl<const W: usize> Ring<W> {
    /// `capacity` is a power of two.
    fn new(capacity: usize) -> Self {
        let slot = || Slot {
            claimed: AtomicU64::new(0),
            words: std::array::from_fn(|_| AtomicU64::new(0)),
        };
        Self {
            head: AtomicU64::new(0),
            slots: (0..capacity).map(|_| slot()).collect(),
        }
    }

    /// How many events were ever pushed. Each position below it may be asked for.
    pub(crate) fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.slots.len() as u64
    }

    /// Where the positions begin that a ring with this `head` still holds; as many were overwritten.
    pub(crate) fn oldest(&self, head: u64) -> u64 {
        head.saturating_sub(self.capacity())
    }

    /// The words at `position`, which is below a head that was read; `None` when the writer has lapped it.
    pub(crate) fn get(&self, position: u64) -> Option<[u64; W]> {
        let slot = &self.slots[self.index(position)];
        let words = std::array::from_fn(|i| slot.words[i].load(Ordering::Relaxed));
        // Pairs with the owner's release fence: had one word been of a later event, so would be the position read below.
        fence(Ordering::Acquire);
        (slot.claimed.load(Ordering::Relaxed) == position).then_some(words)
    }

    #[inline]
    fn index(&self, position: u64) -> usize {
        (position & (self.slots.len() as u64 - 1)) as usize
    }
}

/// The writing side. There is one per ring, and whoever holds it may push.
#[derive(Debug)]
pub(crate) struct Owner<const W: usize> {
    ring: Arc<Ring<W>>,
    head: Cell<u64>,
}

impl<const W: usize> Owner<W> {
    /// Makes an empty ring with its one owner. `capacity` is a power of two.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            ring: Arc::new(Ring::new(capacity)),
            head: Cell::new(0),
        }
    }

    pub(crate) const fn ring(&self) -> &Arc<Ring<W>> {
        &self.ring
    }

    /// Writes `words` over the oldest event. What a slot holds beyond `words.len()` is left over from earlier events.
    #[inline]
    pub(crate) fn push(&self, words: &[u64]) {
        let position = self.head.get();
        let slot = &self.ring.slots[self.ring.index(position)];
        slot.claimed.store(position, Ordering::Relaxed);
        // No word below may become visible before the claim.
        fence(Ordering::Release);
        for (cell, word) in slot.words.iter().zip(words) {
            cell.store(*word, Ordering::Relaxed);
        }
        self.head.set(position + 1);
        // Publishes the words to whoever reads this head.
        self.ring.head.store(position + 1, Ordering::Release);
    }
}

//! The fixed pool of rings, and the shared ring behind it. No ring is allocated under the pool's mutex.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use counterfoil_core::{EventWords, Ticks};

use crate::ring::{Owner, Ring};
use crate::sync::Mutex;

/// Gives each writer a ring of its own as long as there are any.
#[derive(Debug)]
pub(crate) struct Pool<const W: usize> {
    ring_capacity: usize,
    limit: usize,
    state: Mutex<State<W>>,
    /// Held while the shared ring is made; only those who need that ring wait here.
    making_shared: Mutex<()>,
}

#[derive(Debug)]
struct State<const W: usize> {
    /// Every ring that was ever made, the shared one included, in the order in which they were made.
    rings: Vec<Arc<Ring<W>>>,
    /// Rings whose writer is gone, longest first.
    idle: VecDeque<Owner<W>>,
    made: usize,
    shared: Option<Shared<W>>,
}

/// The ring of all who have none of their own. They stamp an event before they wait for the mutex, so that stamps in here do
/// not ascend.
#[derive(Debug)]
struct Shared<const W: usize> {
    owner: Owner<W>,
    /// The latest stamp of an event that was overwritten.
    latest_overwritten: Option<Ticks>,
}

/// What came of asking for a ring.
enum Claim<const W: usize> {
    Idle(Owner<W>),
    /// The caller makes one.
    New,
    /// All are taken, and the words are in the shared ring.
    Pushed,
    /// All are taken, and there is no shared ring yet.
    NoShared,
}

impl<const W: usize> Pool<W> {
    pub(crate) fn new(ring_capacity: usize, limit: usize) -> Self {
        Self {
            ring_capacity,
            limit,
            state: Mutex::new(State {
                rings: Vec::new(),
                idle: VecDeque::new(),
                made: 0,
                shared: None,
            }),
            making_shared: Mutex::new(()),
        }
    }

    pub(crate) const fn ring_capacity(&self) -> usize {
        self.ring_capacity
    }

    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// A ring for one writer: one that was handed back, or else a new one. When all are taken, `words` go into the shared
    /// ring, and there is nothing to push any more.
    pub(crate) fn claim_or_push(&self, words: &[u64]) -> Option<Owner<W>> {
        match self.with(|state| state.claim_or_push(self.limit, words)) {
            Claim::Idle(owner) => Some(owner),
            Claim::New => {
                let owner = Owner::new(self.ring_capacity);
                self.with(|state| state.rings.push(Arc::clone(owner.ring())));
                Some(owner)
            }
            Claim::Pushed => None,
            Claim::NoShared => {
                self.push_first_shared(words);
                None
            }
        }
    }

    /// Takes a ring back. Its events stay readable until its next writer overwrites them.
    pub(crate) fn hand_back(&self, owner: Owner<W>) {
        self.with(|state| state.idle.push_back(owner));
    }

    /// Pushes into the ring that is shared by all who have none of their own.
    pub(crate) fn push_shared(&self, words: &[u64]) {
        if !self.with(|state| state.push_shared(words)) {
            self.push_first_shared(words);
        }
    }

    /// Makes the shared ring, unless another thread is faster, and pushes into it.
    #[cold]
    fn push_first_shared(&self, words: &[u64]) {
        let making = self.making_shared.lock();
        if self.with(|state| state.shared.is_none()) {
            // Allocated while the pool's own mutex is free: only those who wait for this ring wait for the memory.
            let owner = Owner::new(self.ring_capacity);
            self.with(|state| {
                state.rings.push(Arc::clone(owner.ring()));
                state.shared = Some(Shared {
                    owner,
                    latest_overwritten: None,
                });
            });
        }
        drop(making);
        self.with(|state| state.push_shared(words));
    }

    /// Every ring there is; the same ring has the same place each time.
    pub(crate) fn rings(&self) -> Vec<Arc<Ring<W>>> {
        self.with(|state| state.rings.clone())
    }

    /// How many events went through the shared ring.
    pub(crate) fn shared_offered(&self) -> u64 {
        self.with(|state| {
            let shared = state.shared.as_ref();
            shared.map_or(0, |shared| shared.owner.ring().head())
        })
    }

    /// The latest stamp among the events that the shared ring has lost.
    pub(crate) fn latest_overwritten_in_shared(&self) -> Option<Ticks> {
        self.with(|state| state.shared.as_ref()?.latest_overwritten)
    }

    fn with<T>(&self, f: impl FnOnce(&mut State<W>) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<const W: usize> State<W> {
    fn claim_or_push(&mut self, limit: usize, words: &[u64]) -> Claim<W> {
        if let Some(owner) = self.idle.pop_front() {
            return Claim::Idle(owner);
        }
        if self.made < limit {
            self.made += 1;
            return Claim::New;
        }
        if self.push_shared(words) {
            Claim::Pushed
        } else {
            Claim::NoShared
        }
    }

    /// Pushes into the shared ring if there is one, and says whether there is.
    fn push_shared(&mut self, words: &[u64]) -> bool {
        let Some(shared) = &mut self.shared else {
            return false;
        };
        let ring = shared.owner.ring();
        let position = ring.head();
        if position >= ring.capacity() {
            // Nobody writes meanwhile, so it is there.
            let overwritten = ring.get(position - ring.capacity());
            let stamp = overwritten.map(|words| EventWords::from_slice(&words).ticks());
            shared.latest_overwritten = shared.latest_overwritten.max(stamp);
        }
        shared.owner.push(words);
        true
    }
}

//! The fixed pool of rings, and the shared ring behind it.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use crate::ring::{Owner, Ring};
use crate::sync::Mutex;

/// Gives each writer a ring of its own as long as there are any.
#[derive(Debug)]
pub(crate) struct Pool<const W: usize> {
    ring_capacity: usize,
    limit: usize,
    state: Mutex<State<W>>,
}

#[derive(Debug)]
struct State<const W: usize> {
    /// Every ring that was ever made, the shared one included, in the order in which they were made.
    rings: Vec<Arc<Ring<W>>>,
    /// Rings whose writer is gone, longest first.
    idle: VecDeque<Owner<W>>,
    made: usize,
    shared: Option<Owner<W>>,
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
        }
    }

    pub(crate) const fn ring_capacity(&self) -> usize {
        self.ring_capacity
    }

    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// A ring for one writer: one that was handed back, or else a new one; `None` when all are taken.
    pub(crate) fn claim(&self) -> Option<Owner<W>> {
        self.with(|state| {
            state.idle.pop_front().or_else(|| {
                (state.made < self.limit).then(|| {
                    state.made += 1;
                    state.make(self.ring_capacity)
                })
            })
        })
    }

    /// Takes a ring back. Its events stay readable until its next writer overwrites them.
    pub(crate) fn hand_back(&self, owner: Owner<W>) {
        self.with(|state| state.idle.push_back(owner));
    }

    /// Pushes into the ring that is shared by all who have none of their own.
    pub(crate) fn push_shared(&self, words: &[u64]) {
        self.with(|state| {
            if state.shared.is_none() {
                state.shared = Some(state.make(self.ring_capacity));
            }
            if let Some(owner) = &state.shared {
                owner.push(words);
            }
        });
    }

    /// Every ring there is; the same ring has the same place each time.
    pub(crate) fn rings(&self) -> Vec<Arc<Ring<W>>> {
        self.with(|state| state.rings.clone())
    }

    /// How many events went through the shared ring.
    pub(crate) fn shared_offered(&self) -> u64 {
        self.with(|state| state.shared.as_ref().map_or(0, |owner| owner.ring().head()))
    }

    fn with<T>(&self, f: impl FnOnce(&mut State<W>) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<const W: usize> State<W> {
    fn make(&mut self, capacity: usize) -> Owner<W> {
        let owner = Owner::new(capacity);
        self.rings.push(Arc::clone(owner.ring()));
        owner
    }
}

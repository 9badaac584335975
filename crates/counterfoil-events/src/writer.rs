//! Per-thread writers: owned by whoever asks for one, or found through this crate's own thread-local table.

use std::cell::{OnceCell, RefCell};
use std::fmt;
use std::sync::{Arc, Weak};

use counterfoil_core::{Clock, Context, EVENT_WORDS, EventWords, FabricEvent};

use crate::pool::Pool;
use crate::ring::Owner;

type EventPool = Pool<EVENT_WORDS>;

/// One thread's way into an [`EventRingBuffer`](crate::EventRingBuffer).
///
/// It claims a ring of the pool with its first event and hands it back when dropped; a thread that is short of rings pushes
/// into the shared ring behind a mutex, and claims one as soon as one is free. It may move to another thread and cannot be
/// shared between threads. It does not keep the buffer alive: what is pushed after the buffer is gone goes nowhere.
pub struct RingWriter {
    own: OnceCell<Owner<EVENT_WORDS>>,
    pool: Weak<EventPool>,
    clock: Arc<dyn Clock>,
}

impl RingWriter {
    pub(crate) const fn new(pool: Weak<EventPool>, clock: Arc<dyn Clock>) -> Self {
        Self {
            own: OnceCell::new(),
            pool,
            clock,
        }
    }

    /// Stamps the event with the buffer's clock and pushes it.
    #[inline]
    pub fn push(&self, event: &FabricEvent, context: &Context) {
        self.push_words(&EventWords::encode(event, context, self.clock.ticks()));
    }

    /// Pushes an event that was encoded already. Its ticks must come from the buffer's clock.
    ///
    /// Neither allocates nor locks nor writes a shared cache line, but for the first event, which claims the ring. When all
    /// rings are taken each call takes the pool's mutex, once.
    #[inline]
    pub fn push_words(&self, words: &EventWords) {
        match self.own.get() {
            Some(owner) => owner.push(words.used()),
            None => self.push_without_ring(words),
        }
    }

    #[cold]
    fn push_without_ring(&self, words: &EventWords) {
        let Some(pool) = self.pool.upgrade() else {
            return;
        };
        if let Some(owner) = pool.claim_or_push(words.used()) {
            self.own.get_or_init(|| owner).push(words.used());
        }
    }

    fn belongs_to(&self, pool: &Arc<EventPool>) -> bool {
        // The address cannot be that of another pool: this weak reference keeps it from being given out again.
        std::ptr::eq(self.pool.as_ptr(), Arc::as_ptr(pool))
    }
}

impl Drop for RingWriter {
    fn drop(&mut self) {
        if let (Some(owner), Some(pool)) = (self.own.take(), self.pool.upgrade()) {
            pool.hand_back(owner);
        }
    }
}

impl fmt::Debug for RingWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingWriter")
            .field("has_ring", &self.own.get().is_some())
            .finish_non_exhaustive()
    }
}

thread_local! {
    static WRITERS: RefCell<Vec<RingWriter>> = const { RefCell::new(Vec::new()) };
}

/// Pushes through this thread's writer for `pool`. A thread whose thread-locals are already gone takes the shared ring.
#[inline]
pub(crate) fn push_here(pool: &Arc<EventPool>, clock: &Arc<dyn Clock>, words: &EventWords) {
    let found = WRITERS.try_with(|writers| {
        // It is borrowed already when the drop of a clock, below, pushes an event.
        writers.try_borrow().is_ok_and(|writers| {
            let here = writers.iter().find(|writer| writer.belongs_to(pool));
            here.inspect(|writer| writer.push_words(words)).is_some()
        })
    });
    if !matches!(found, Ok(true)) {
        push_first(pool, clock, words);
    }
}

#[cold]
fn push_first(pool: &Arc<EventPool>, clock: &Arc<dyn Clock>, words: &EventWords) {
    let added = WRITERS.try_with(|writers| {
        writers.try_borrow_mut().is_ok_and(|mut writers| {
            writers.retain(|writer| writer.pool.strong_count() > 0);
            let writer = RingWriter::new(Arc::downgrade(pool), Arc::clone(clock));
            writer.push_words(words);
            writers.push(writer);
            true
        })
    });
    if !matches!(added, Ok(true)) {
        pool.push_shared(words.used());
    }
}

//! Values with their traces, one per bucket.

use std::fmt;
use std::sync::OnceLock;

use counterfoil_core::{Clock, Exemplar, SpanId, Timestamp, TraceContext, TraceId};

use crate::sync::{AtomicU64, Ordering, fence};

/// The exemplars of a series: in each bucket the first value of a sampled span after a snapshot, until the next one.
///
/// Snapshots begin rounds. All but the first call of a bucket and round see by one comparison that there is nothing to do,
/// so that a busy histogram neither reads the clock nor writes here, and the slots can be shared by all threads: their cache
/// lines change once per scrape. They are allocated with the first exemplar.
pub(crate) struct Exemplars {
    slots: OnceLock<Box<[Slot]>>,
    len: usize,
}

impl Exemplars {
    pub(crate) const fn new(len: usize) -> Self {
        Self {
            slots: OnceLock::new(),
            len,
        }
    }

    /// Keeps the value as the exemplar of slot `at` unless this round has one. `value` is asked for only then.
    #[inline]
    pub(crate) fn offer(
        &self,
        round: u64,
        at: usize,
        value: impl FnOnce() -> f64,
        trace: &TraceContext,
        clock: &dyn Clock,
    ) {
        let known = self.slots.get().and_then(|slots| slots.get(at));
        if known.is_none_or(|slot| slot.is_before(round)) {
            self.keep(round, at, value(), trace, clock);
        }
    }

    #[cold]
    #[inline(never)]
    fn keep(&self, round: u64, at: usize, value: f64, trace: &TraceContext, clock: &dyn Clock) {
        let slots = self
            .slots
            .get_or_init(|| (0..self.len).map(|_| Slot::default()).collect());
        if let Some(slot) = slots.get(at) {
            // Read here, so that an exemplar that finds the slot taken has cost no more than its time.
            slot.write(round, Words::of(value, clock.utc(), trace));
        }
    }

    /// What the slots hold, ascending by value. One that is being written now is left to the next snapshot.
    pub(crate) fn read(&self) -> Vec<Exemplar> {
        let slots = self.slots.get().map_or(&[][..], |slots| slots);
        let mut found: Vec<_> = slots.iter().filter_map(Slot::read).collect();
        found.sort_by(|a: &Exemplar, b| a.value.total_cmp(&b.value));
        found
    }
}

impl fmt::Debug for Exemplars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exemplars")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// A sequence lock around an exemplar. Whoever finds it taken goes away instead of waiting.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Slot {
    /// Twice the round that the words are of, and one more while they are written; 0 before the first.
    claimed: AtomicU64,
    words: [AtomicU64; WORDS],
}

const WORDS: usize = 5;

impl Default for Slot {
    fn default() -> Self {
        Self {
            claimed: AtomicU64::new(0),
            words: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl Slot {
    #[inline]
    fn is_before(&self, round: u64) -> bool {
        self.claimed.load(Ordering::Relaxed) < round * 2
    }

    /// Writes the words unless somebody else has done so in this round, or is about to.
    pub(crate) fn write(&self, round: u64, words: Words) {
        let seen = self.claimed.load(Ordering::Relaxed);
        if seen % 2 == 1 || seen >= round * 2 {
            return;
        }
        // Acquires what the writer before has released, so that our words come after its words.
        let claim = self.claimed.compare_exchange(
            seen,
            round * 2 + 1,
            Ordering::Acquire,
            Ordering::Relaxed,
        );
        if claim.is_err() {
            return;
        }
        // No word below may become visible before the claim.
        fence(Ordering::Release);
        for (cell, word) in self.words.iter().zip(words.0) {
            cell.store(word, Ordering::Relaxed);
        }
        self.claimed.store(round * 2, Ordering::Release);
    }

    /// The exemplar, if there is one and nobody is writing.
    pub(crate) fn read(&self) -> Option<Exemplar> {
        let before = self.claimed.load(Ordering::Acquire);
        if before == 0 || before % 2 == 1 {
            return None;
        }
        let words = Words(std::array::from_fn(|at| {
            self.words[at].load(Ordering::Relaxed)
        }));
        // Pairs with the writer's release fence: had one word been of a later exemplar, so would be the claim read below.
        fence(Ordering::Acquire);
        if self.claimed.load(Ordering::Relaxed) != before {
            return None;
        }
        words.exemplar()
    }
}

/// An exemplar as words: value, time, trace id in two, span id.
pub(crate) struct Words([u64; WORDS]);

impl Words {
    pub(crate) fn of(value: f64, time: Timestamp, trace: &TraceContext) -> Self {
        let trace_id = u128::from_be_bytes(*trace.trace_id.as_bytes());
        Self([
            value.to_bits(),
            time.unix_nanos(),
            (trace_id >> 64) as u64,
            trace_id as u64,
            u64::from_be_bytes(*trace.span_id.as_bytes()),
        ])
    }

    fn exemplar(self) -> Option<Exemplar> {
        let [value, time, high, low, span_id] = self.0;
        let trace_id = (u128::from(high) << 64) | u128::from(low);
        Some(Exemplar {
            value: f64::from_bits(value),
            time: Timestamp::from_unix_nanos(time),
            trace_id: TraceId::from_bytes(trace_id.to_be_bytes())?,
            span_id: SpanId::from_bytes(span_id.to_be_bytes())?,
        })
    }
}

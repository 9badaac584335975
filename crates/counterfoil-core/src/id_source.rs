//! Where new trace and span ids come from.

use std::cell::Cell;
use std::fmt::Debug;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::{SpanId, TraceId};

/// Makes ids for new traces and spans.
///
/// # Contract
/// - An id is never given twice, as far as chance allows.
/// - Both may be called from any thread at any time; neither blocks nor fails. They are called once or twice per request.
///
/// Tests take `CountingIds` from `counterfoil-testkit`.
pub trait IdSource: Debug + Send + Sync + 'static {
    /// The id of a new trace.
    fn trace_id(&self) -> TraceId;

    /// The id of a new span.
    fn span_id(&self) -> SpanId;
}

impl<S: IdSource + ?Sized> IdSource for Arc<S> {
    fn trace_id(&self) -> TraceId {
        (**self).trace_id()
    }

    fn span_id(&self) -> SpanId {
        (**self).span_id()
    }
}

impl<S: IdSource + ?Sized> IdSource for Box<S> {
    fn trace_id(&self) -> TraceId {
        (**self).trace_id()
    }

    fn span_id(&self) -> SpanId {
        (**self).span_id()
    }
}

/// Random ids in a few nanoseconds: each thread has a generator of its own (xoshiro256++), seeded once from what the
/// standard library seeds its hash maps with. No lock, no system call after the first id of a thread.
///
/// They are unique, not secret: whoever has seen some of them may be able to guess the next, so they are no tokens. A
/// process that forks without `exec` gives both halves the same sequence.
///
/// ```
/// use counterfoil_core::{IdSource, RandomIds};
/// assert_ne!(RandomIds.trace_id(), RandomIds.trace_id());
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::exhaustive_structs, reason = "it has no state of its own")]
pub struct RandomIds;

impl IdSource for RandomIds {
    #[inline]
    fn trace_id(&self) -> TraceId {
        loop {
            let (high, low) = (random(), random());
            let bytes = (u128::from(high) << 64 | u128::from(low)).to_ne_bytes();
            if let Some(id) = TraceId::from_bytes(bytes) {
                return id;
            }
        }
    }

    #[inline]
    fn span_id(&self) -> SpanId {
        loop {
            if let Some(id) = SpanId::from_bytes(random().to_ne_bytes()) {
                return id;
            }
        }
    }
}

thread_local! {
    /// All zero until it is seeded, which the generator itself never becomes. Without a destructor, so it may be used until
    /// the very end of a thread.
    static STATE: Cell<[u64; 4]> = const { Cell::new([0; 4]) };
}

#[inline]
fn random() -> u64 {
    // Fails only for thread-locals that have a destructor; a fresh seed is as good as the state.
    let mut state = STATE.try_with(Cell::get).unwrap_or_default();
    if state == [0; 4] {
        state = seed();
    }
    let number = next(&mut state);
    STATE.try_with(|it| it.set(state)).ok();
    number
}

#[cold]
fn seed() -> [u64; 4] {
    let random = RandomState::new();
    loop {
        let state = [0_u8, 1, 2, 3].map(|word| random.hash_one(word));
        if state != [0; 4] {
            return state;
        }
    }
}

/// One step of xoshiro256++ 1.0.
const fn next(s: &mut [u64; 4]) -> u64 {
    let number = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
    let shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = s[3].rotate_left(45);
    number
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_generator_gives_the_published_sequence() {
        let mut state = [1, 2, 3, 4];
        let numbers: Vec<_> = (0..4).map(|_| next(&mut state)).collect();
        assert_eq!(
            numbers,
            [
                41_943_041,
                58_720_359,
                3_588_806_011_781_223,
                3_591_011_842_654_386
            ]
        );
    }

    #[test]
    fn threads_give_different_ids() {
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| [RandomIds.trace_id(), RandomIds.trace_id()]))
            .collect();
        let ids: HashSet<_> = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect();
        assert_eq!(ids.len(), 8);
    }

    #[test]
    fn every_bit_of_an_id_is_used() {
        let (mut ones, mut zeros) = (0_u128, 0_u128);
        for _ in 0..256 {
            let bits = u128::from_ne_bytes(*RandomIds.trace_id().as_bytes());
            ones |= bits;
            zeros |= !bits;
        }
        assert_eq!((ones, zeros), (u128::MAX, u128::MAX));
    }
}

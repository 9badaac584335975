//! A cursor over the rings that hands each event to a sink once.

use std::panic::{AssertUnwindSafe, catch_unwind};

use counterfoil_core::{EVENT_WORDS, EventWords, Ticks, Timeline};

use crate::buffer::EventRingBuffer;
use crate::error::{Error, ErrorKind};
use crate::ring::Ring;
use crate::sink::EventSink;
use crate::snapshot::event;

/// Follows a buffer from its first event on. Several drains may follow one buffer; none takes anything from the others or
/// from snapshots.
///
/// After each pass `offered = delivered + failed + missed + pending` holds exactly once the writers are at rest, where
/// `offered` is the buffer's and [`pending`](Self::pending) is what the next pass will see.
#[derive(Debug)]
pub struct Drain {
    buffer: EventRingBuffer,
    /// Per ring, the next position to fetch.
    positions: Vec<u64>,
    totals: DrainCounts,
}

/// What became of the events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainCounts {
    /// Accepted by the sink.
    pub delivered: u64,
    /// Refused by the sink, or lost to a panic in it.
    pub failed: u64,
    /// Overwritten before the drain came to fetch them (and words that encode no event, should anyone push such).
    pub missed: u64,
    /// Panics in the sink that were contained, in `accept` and `flush` together.
    pub panics: u64,
    /// Flushes that failed or panicked.
    pub failed_flushes: u64,
}

/// One pass of a [`Drain`].
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Pass {
    /// What became of this pass's events.
    pub counts: DrainCounts,
    /// The first thing that went wrong in the sink.
    pub error: Option<Error>,
}

impl Drain {
    /// A drain that has fetched nothing yet. What was overwritten before it was made counts as missed.
    #[must_use]
    pub const fn new(buffer: EventRingBuffer) -> Self {
        Self {
            buffer,
            positions: Vec::new(),
            totals: DrainCounts {
                delivered: 0,
                failed: 0,
                missed: 0,
                panics: 0,
                failed_flushes: 0,
            },
        }
    }

    /// Hands everything that was stamped before this call to `sink`, in time order, then flushes it. Takes memory for at
    /// most as many events as the rings hold.
    pub fn pass(&mut self, sink: &dyn EventSink) -> Pass {
        let mut pass = Pass::default();
        let mut fetched = self.fetch(&mut pass.counts.missed);
        // Stable, and each ring is in order already: this is a merge of runs.
        fetched.sort_by_key(EventWords::ticks);
        let timeline = Timeline::read(self.buffer.clock());
        for words in &fetched {
            match event(words, &timeline, self.buffer.names()) {
                Some(event) => {
                    let accepted = pass.contain("accept an event", || sink.accept(&event));
                    *(if accepted {
                        &mut pass.counts.delivered
                    } else {
                        &mut pass.counts.failed
                    }) += 1;
                }
                None => pass.counts.missed += 1,
            }
        }
        if !fetched.is_empty() && !pass.contain("flush the sink", || sink.flush()) {
            pass.counts.failed_flushes = 1;
        }
        self.totals.add(&pass.counts);
        self.buffer.count_missed(pass.counts.missed);
        pass
    }

    /// All passes together.
    #[must_use]
    pub const fn totals(&self) -> DrainCounts {
        self.totals
    }

    /// How many events were pushed that no pass has looked at.
    #[must_use]
    pub fn pending(&self) -> u64 {
        let rings = self.buffer.pool().rings();
        let position = |index| self.positions.get(index).copied().unwrap_or(0);
        rings
            .iter()
            .enumerate()
            .map(|(index, ring)| ring.head() - position(index))
            .sum()
    }

    fn fetch(&mut self, missed: &mut u64) -> Vec<EventWords> {
        // Events later than this wait for the next pass: rings are read one after the other, so of later ones some rings
        // would show more than others, and passes would not follow each other in time.
        let until = self.buffer.clock().ticks();
        let rings = self.buffer.pool().rings();
        self.positions.resize(rings.len(), 0);
        let mut fetched = Vec::new();
        for (ring, position) in rings.iter().zip(&mut self.positions) {
            fetch_ring(ring, position, until, &mut fetched, missed);
        }
        fetched
    }
}

fn fetch_ring(
    ring: &Ring<EVENT_WORDS>,
    position: &mut u64,
    until: Ticks,
    fetched: &mut Vec<EventWords>,
    missed: &mut u64,
) {
    let head = ring.head();
    let oldest = ring.oldest(head);
    *missed += oldest.saturating_sub(*position);
    *position = oldest.max(*position);
    while *position < head {
        match ring.get(*position) {
            Some(words) => {
                let words = EventWords::from_slice(&words);
                if words.ticks() > until {
                    return;
                }
                fetched.push(words);
            }
            None => *missed += 1,
        }
        *position += 1;
    }
}

impl Pass {
    /// Runs `call` and says whether it succeeded; a panic counts as an error.
    fn contain(
        &mut self,
        operation: &'static str,
        call: impl FnOnce() -> Result<(), Error>,
    ) -> bool {
        // Whether a sink is still of use after a panic is its own affair: its contract says that it is called again.
        let error = match catch_unwind(AssertUnwindSafe(call)) {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => error,
            Err(_) => {
                self.counts.panics += 1;
                Error::new(
                    ErrorKind::Sink,
                    operation,
                    "the sink panicked; the panic was contained and the event is lost to it",
                )
            }
        };
        self.error.get_or_insert(error);
        false
    }
}

impl DrainCounts {
    const fn add(&mut self, other: &Self) {
        self.delivered += other.delivered;
        self.failed += other.failed;
        self.missed += other.missed;
        self.panics += other.panics;
        self.failed_flushes += other.failed_flushes;
    }
}

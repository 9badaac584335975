//! Totals that only grow.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use crate::arena::{Reader, Spot, lock};
use crate::block::{AsOneOfMany, AsOwner, Chunk, Write};
use crate::local::{Access, ThreadBlock, access};
use crate::series::Series;

/// A total that only grows, saturating at `u64::MAX`. Cheap to clone; clones count together.
///
/// Adding costs about a nanosecond and no shared cache line: each thread writes to a cell of its own, and reading sums them.
#[derive(Clone, Debug)]
pub struct Counter {
    spot: Spot,
    series: Arc<Series<Total>>,
}

impl Counter {
    pub(crate) fn of(series: Arc<Series<Total>>) -> Self {
        Self {
            spot: series.cells.spot(),
            series,
        }
    }

    pub(crate) const fn series(&self) -> &Arc<Series<Total>> {
        &self.series
    }

    /// Adds one.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds `n`.
    #[inline]
    pub fn add(&self, n: u64) {
        self.series.add(self.spot, n);
    }

    /// Adds `n` to this thread's cell, the look-up having been done. A block of another registry is looked up after all.
    #[inline]
    pub fn add_in(&self, block: &ThreadBlock, n: u64) {
        if block.id == self.spot.id {
            add::<AsOwner>(block.block.chunk(self.spot.chunk()), self.spot, n);
        } else {
            self.add(n);
        }
    }

    /// Raises the total to at least `value`, which some other counter has shown. Takes a lock and sums all threads.
    pub fn absolute(&self, value: u64) {
        self.series.absolute(value);
    }

    /// The total now. Sums all threads, so it is for tests, reports and scrapes; adds that run meanwhile may or may not be
    /// in it.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.series.read(&mut self.series.reader())
    }
}

#[inline]
fn add<W: Write>(chunk: &Chunk, spot: Spot, n: u64) {
    W::update(chunk.cell(spot.at(0)), |it| it.saturating_add(n));
}

/// The part of a counter that no single thread has counted.
#[derive(Debug, Default)]
pub(crate) struct Total {
    base: AtomicU64,
    raising: Mutex<()>,
}

impl Series<Total> {
    #[inline]
    pub(crate) fn add(&self, spot: Spot, n: u64) {
        match access(spot.id, self.arena()) {
            Access::Owned(block) => add::<AsOwner>(block.chunk(spot.chunk()), spot, n),
            Access::Shared(block) => add::<AsOneOfMany>(block.chunk(spot.chunk()), spot, n),
        }
    }

    pub(crate) fn absolute(&self, value: u64) {
        let _one_at_a_time = lock(&self.kind.raising);
        let missing = value.saturating_sub(self.read(&mut self.reader()));
        self.kind.base.fetch_add(missing, Relaxed);
    }

    pub(crate) fn read(&self, reader: &mut Reader) -> u64 {
        if self.cells.is_spill() {
            return 0;
        }
        let spot = self.cells.spot();
        let base = self.kind.base.load(Relaxed);
        reader.chunks(spot.chunk()).iter().fold(base, |sum, chunk| {
            sum.saturating_add(chunk.cell(spot.at(0)).load(Relaxed))
        })
    }
}

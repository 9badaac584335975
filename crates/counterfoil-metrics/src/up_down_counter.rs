//! Sums that grow and shrink.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::arena::{Reader, Spot};
use crate::block::{AsOneOfMany, AsOwner, Chunk, Write};
use crate::local::{Access, ThreadBlock, access};
use crate::series::Series;

/// A sum that grows and shrinks, such as what is held now. Cheap to clone; clones count together.
///
/// Each thread keeps its own difference, so what one thread takes another may give back at the price of a plain store. For
/// a value that is set rather than changed there is [`Gauge`](crate::Gauge).
#[derive(Clone, Debug)]
pub struct UpDownCounter {
    spot: Spot,
    series: Arc<Series<Balance>>,
}

impl UpDownCounter {
    pub(crate) fn of(series: Arc<Series<Balance>>) -> Self {
        Self {
            spot: series.cells.spot(),
            series,
        }
    }

    pub(crate) const fn series(&self) -> &Arc<Series<Balance>> {
        &self.series
    }

    /// Adds `n`, which may be negative. Wraps beyond the range of `i64`.
    #[inline]
    pub fn add(&self, n: i64) {
        match access(self.spot.id, self.series.arena()) {
            Access::Owned(block) => add::<AsOwner>(block.chunk(self.spot.chunk()), self.spot, n),
            Access::Shared(block) => {
                add::<AsOneOfMany>(block.chunk(self.spot.chunk()), self.spot, n);
            }
        }
    }

    /// Adds `n` to this thread's cell, the look-up having been done. A block of another registry is looked up after all.
    #[inline]
    pub fn add_in(&self, block: &ThreadBlock, n: i64) {
        if block.id == self.spot.id {
            add::<AsOwner>(block.block.chunk(self.spot.chunk()), self.spot, n);
        } else {
            self.add(n);
        }
    }

    /// The sum now. A take and a give-back that run meanwhile on different threads may be seen one without the other.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.series.read(&mut self.series.reader())
    }
}

#[inline]
fn add<W: Write>(chunk: &Chunk, spot: Spot, n: i64) {
    W::update(chunk.cell(spot.at(0)), |it| it.wrapping_add_signed(n));
}

/// An up-down counter is its cells and nothing else.
#[derive(Debug)]
pub(crate) struct Balance;

impl Series<Balance> {
    pub(crate) fn read(&self, reader: &mut Reader) -> i64 {
        if self.cells.is_spill() {
            return 0;
        }
        let spot = self.cells.spot();
        reader
            .chunks(spot.chunk())
            .iter()
            .fold(0_u64, |sum, chunk| {
                sum.wrapping_add(chunk.cell(spot.at(0)).load(Relaxed))
            })
            .cast_signed()
    }
}

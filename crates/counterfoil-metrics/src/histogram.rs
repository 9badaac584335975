//! Distributions over explicit bounds.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use counterfoil_core::HistogramValue;

use crate::arena::{Reader, Spot};
use crate::block::{AsOneOfMany, AsOwner, Chunk, Write};
use crate::layout::{Finder, Layout};
use crate::local::{Access, ThreadBlock, access};
use crate::series::Series;

/// Counts of values by explicit bounds, with their sum. Cheap to clone; clones count together.
///
/// Values are sorted into buckets when they are recorded, so memory does not grow with their number. A value belongs to the
/// first bound that is not below it. One above the ceiling counts in the last bucket and apart, and adds the ceiling to the
/// sum, so that a single absurd value does not drown the mean; NaN and negative infinity count apart only.
#[derive(Clone, Debug)]
pub struct Histogram {
    spot: Spot,
    layout: Arc<Layout>,
    series: Arc<Series<Distribution>>,
}

impl Histogram {
    pub(crate) fn of(series: Arc<Series<Distribution>>) -> Self {
        Self {
            spot: series.cells.spot(),
            layout: Arc::clone(&series.kind.0),
            series,
        }
    }

    pub(crate) const fn series(&self) -> &Arc<Series<Distribution>> {
        &self.series
    }

    /// Records a value in the histogram's unit.
    #[inline]
    pub fn record(&self, value: f64) {
        let entry = Entry::plain(&self.layout, value);
        self.series.add(self.spot, &entry, 1);
    }

    /// Records a value in this thread's cells, the look-up having been done.
    #[inline]
    pub fn record_in(&self, block: &ThreadBlock, value: f64) {
        self.add_in(block, &Entry::plain(&self.layout, value));
    }

    /// Records a duration, in a histogram of seconds. Exact at the bounds.
    #[inline]
    pub fn record_duration(&self, elapsed: Duration) {
        let entry = Entry::nanos(&self.layout, elapsed);
        self.series.add(self.spot, &entry, 1);
    }

    /// Records a duration in this thread's cells, the look-up having been done.
    #[inline]
    pub fn record_duration_in(&self, block: &ThreadBlock, elapsed: Duration) {
        self.add_in(block, &Entry::nanos(&self.layout, elapsed));
    }

    #[inline]
    fn add_in(&self, block: &ThreadBlock, entry: &Entry) {
        if block.id == self.spot.id {
            entry.add::<AsOwner>(block.block.chunk(self.spot.chunk), self.spot, 1);
        } else {
            self.series.add(self.spot, entry, 1);
        }
    }

    /// The distribution now. Counts and sum are read one after the other, so a value that is recorded meanwhile may be in
    /// one of them only.
    #[must_use]
    pub fn get(&self) -> HistogramValue {
        self.series.read(&mut self.series.reader())
    }
}

/// What a value adds to which cells.
pub(crate) struct Entry {
    /// Buckets, the last included.
    buckets: usize,
    bucket: usize,
    sum: f64,
    odd: Odd,
}

#[derive(Clone, Copy, PartialEq)]
enum Odd {
    No,
    OverCeiling,
    Refused,
}

impl Entry {
    #[inline]
    pub(crate) fn plain(layout: &Layout, value: f64) -> Self {
        Self::new(layout, &layout.plain, value, 1.0)
    }

    #[inline]
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact up to 104 days; beyond, far above every bound"
    )]
    fn nanos(layout: &Layout, elapsed: Duration) -> Self {
        let nanos = elapsed
            .as_secs()
            .saturating_mul(1_000_000_000)
            .saturating_add(u64::from(elapsed.subsec_nanos()))
            .min(i64::MAX as u64);
        // A signed number converts in one instruction, an unsigned one does not.
        Self::new(layout, &layout.nanos, nanos.cast_signed() as f64, 1e-9)
    }

    #[inline]
    fn new(layout: &Layout, finder: &Finder, value: f64, scale: f64) -> Self {
        if value <= finder.ceiling && value >= f64::MIN {
            Self {
                buckets: layout.buckets(),
                bucket: finder.bucket(value),
                sum: value * scale,
                odd: Odd::No,
            }
        } else {
            Self::odd(layout, finder, value, scale)
        }
    }

    #[cold]
    fn odd(layout: &Layout, finder: &Finder, value: f64, scale: f64) -> Self {
        let refused = value.is_nan() || value < 0.0;
        let bounded = finder.ceiling * scale < f64::MAX;
        Self {
            buckets: layout.buckets(),
            bucket: layout.buckets() - 1,
            sum: if refused || !bounded {
                0.0
            } else {
                finder.ceiling * scale
            },
            odd: if refused {
                Odd::Refused
            } else {
                Odd::OverCeiling
            },
        }
    }

    #[inline]
    fn add<W: Write>(&self, chunk: &Chunk, spot: Spot, times: u64) {
        if self.odd != Odd::No {
            return self.add_odd::<W>(chunk, spot, times);
        }
        W::update(chunk.cell(spot.at(self.bucket)), |it| {
            it.saturating_add(times)
        });
        self.add_sum::<W>(chunk, spot, times);
    }

    #[inline]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a sum of floats is rounded anyway"
    )]
    fn add_sum<W: Write>(&self, chunk: &Chunk, spot: Spot, times: u64) {
        let sum = self.sum * times as f64;
        W::update(chunk.cell(spot.at(self.buckets)), |it| {
            (f64::from_bits(it) + sum).to_bits()
        });
    }

    #[cold]
    fn add_odd<W: Write>(&self, chunk: &Chunk, spot: Spot, times: u64) {
        let apart = match self.odd {
            Odd::Refused => self.buckets + 2,
            Odd::OverCeiling | Odd::No => self.buckets + 1,
        };
        W::update(chunk.cell(spot.at(apart)), |it| it.saturating_add(times));
        if self.odd == Odd::OverCeiling {
            W::update(chunk.cell(spot.at(self.bucket)), |it| {
                it.saturating_add(times)
            });
            self.add_sum::<W>(chunk, spot, times);
        }
    }
}

/// The buckets. Cells are: one per bucket, sum, over the ceiling, refused.
#[derive(Debug)]
pub(crate) struct Distribution(pub(crate) Arc<Layout>);

impl Series<Distribution> {
    #[inline]
    pub(crate) fn add(&self, spot: Spot, entry: &Entry, times: u64) {
        match access(spot.id, self.arena()) {
            Access::Owned(block) => entry.add::<AsOwner>(block.chunk(spot.chunk), spot, times),
            Access::Shared(block) => {
                entry.add::<AsOneOfMany>(block.chunk(spot.chunk), spot, times);
            }
        }
    }

    pub(crate) fn read(&self, reader: &mut Reader) -> HistogramValue {
        let layout = &self.kind.0;
        let buckets = layout.buckets();
        let mut value = HistogramValue {
            bounds: Arc::clone(&layout.bounds),
            counts: vec![0; buckets],
            sum: 0.0,
            over_ceiling: 0,
            refused: 0,
        };
        if self.cells.is_spill() {
            return value;
        }
        let spot = self.cells.spot();
        for chunk in reader.chunks(spot.chunk) {
            for (at, count) in value.counts.iter_mut().enumerate() {
                *count = count.saturating_add(chunk.cell(spot.at(at)).load(Relaxed));
            }
            let apart = |at: usize| chunk.cell(spot.at(buckets + at)).load(Relaxed);
            value.sum += f64::from_bits(apart(0));
            value.over_ceiling = value.over_ceiling.saturating_add(apart(1));
            value.refused = value.refused.saturating_add(apart(2));
        }
        value
    }
}

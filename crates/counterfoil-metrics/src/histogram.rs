//! Distributions over explicit bounds.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use counterfoil_core::{HistogramValue, TraceContext};

use crate::arena::{HISTOGRAM_EXTRA, Reader, Spot};
use crate::block::{AsOneOfMany, AsOwner, Chunk, Write};
use crate::exemplars::Exemplars;
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
            layout: Arc::clone(&series.kind.layout),
            series,
        }
    }

    pub(crate) const fn series(&self) -> &Arc<Series<Distribution>> {
        &self.series
    }

    /// Records a value in the histogram's unit.
    #[inline]
    pub fn record(&self, value: f64) {
        self.series
            .add(self.spot, &self.layout.plain, value, Times::ONE);
    }

    /// Records a value in this thread's cells, the look-up having been done.
    #[inline]
    pub fn record_in(&self, block: &ThreadBlock, value: f64) {
        self.add_in(block, &self.layout.plain, value);
    }

    /// Records a value and, where the span is sampled, offers it as an exemplar: of each bucket the first one after a
    /// snapshot is kept until the next. The clock is read only for those.
    #[inline]
    pub fn record_with(&self, value: f64, trace: Option<&TraceContext>) {
        let finder = &self.layout.plain;
        let bucket = self.series.add(self.spot, finder, value, Times::ONE);
        self.series.offer(bucket, finder, value, trace);
    }

    /// Records a duration, in a histogram of seconds. Exact at the bounds.
    #[inline]
    pub fn record_duration(&self, elapsed: Duration) {
        let nanos = nanos(elapsed);
        self.series
            .add(self.spot, &self.layout.nanos, nanos, Times::ONE);
    }

    /// Records a duration in this thread's cells, the look-up having been done.
    #[inline]
    pub fn record_duration_in(&self, block: &ThreadBlock, elapsed: Duration) {
        self.add_in(block, &self.layout.nanos, nanos(elapsed));
    }

    /// Records a duration and offers it as an exemplar, as [`record_with`](Self::record_with) does.
    #[inline]
    pub fn record_duration_with(&self, elapsed: Duration, trace: Option<&TraceContext>) {
        let (finder, nanos) = (&self.layout.nanos, nanos(elapsed));
        let bucket = self.series.add(self.spot, finder, nanos, Times::ONE);
        self.series.offer(bucket, finder, nanos, trace);
    }

    /// Records a duration in this thread's cells and offers it as an exemplar.
    #[inline]
    pub fn record_duration_with_in(
        &self,
        block: &ThreadBlock,
        elapsed: Duration,
        trace: Option<&TraceContext>,
    ) {
        let (finder, nanos) = (&self.layout.nanos, nanos(elapsed));
        let bucket = self.add_in(block, finder, nanos);
        self.series.offer(bucket, finder, nanos, trace);
    }

    #[inline]
    fn add_in(&self, block: &ThreadBlock, finder: &Finder, value: f64) -> Option<usize> {
        if block.id == self.spot.id {
            let chunk = block.block.chunk(self.spot.chunk());
            add::<AsOwner>(chunk, self.spot, finder, value, Times::ONE)
        } else {
            self.series.add_looked_up(finder, value, Times::ONE)
        }
    }

    /// The distribution now. Counts and sum are read one after the other, so a value that is recorded meanwhile may be in
    /// one of them only.
    #[must_use]
    pub fn get(&self) -> HistogramValue {
        self.series.read(&mut self.series.reader())
    }
}

/// How often a value was seen, as both types that are needed.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    count: u64,
    weight: f64,
}

impl Times {
    pub(crate) const ONE: Self = Self {
        count: 1,
        weight: 1.0,
    };

    #[cfg(feature = "metrics")]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a sum of floats is rounded anyway"
    )]
    pub(crate) const fn new(count: u64) -> Self {
        Self {
            count,
            weight: count as f64,
        }
    }
}

/// A duration as the finder for nanoseconds takes it.
#[inline]
#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 104 days; beyond, far above every bound"
)]
fn nanos(elapsed: Duration) -> f64 {
    let nanos = if elapsed.as_secs() < 1 << 33 {
        elapsed.as_secs() * 1_000_000_000 + u64::from(elapsed.subsec_nanos())
    } else {
        i64::MAX as u64
    };
    // A signed number converts in one instruction, an unsigned one does not.
    nanos.cast_signed() as f64
}

// The cells of a histogram: sum, values over the ceiling, values refused, and then the buckets.
const SUM: usize = 0;
const OVER_CEILING: usize = 1;
const REFUSED: usize = 2;
const BUCKETS: usize = HISTOGRAM_EXTRA;

/// Counts the value, and says in which bucket.
#[inline]
fn add<W: Write>(
    chunk: &Chunk,
    spot: Spot,
    finder: &Finder,
    value: f64,
    times: Times,
) -> Option<usize> {
    // False for NaN.
    if value.abs() <= finder.ceiling {
        let bucket = finder.bucket(value);
        add_to::<W>(chunk, spot, bucket, value * finder.scale, times);
        Some(bucket)
    } else {
        add_odd::<W>(chunk, spot, finder, value, times)
    }
}

#[inline]
fn add_to<W: Write>(chunk: &Chunk, spot: Spot, bucket: usize, value: f64, times: Times) {
    W::update(chunk.cell(spot.at(BUCKETS + bucket)), |it| {
        it.saturating_add(times.count)
    });
    let sum = value * times.weight;
    W::update(chunk.cell(spot.at(SUM)), |it| {
        (f64::from_bits(it) + sum).to_bits()
    });
}

#[cold]
#[inline(never)]
fn add_odd<W: Write>(
    chunk: &Chunk,
    spot: Spot,
    finder: &Finder,
    value: f64,
    times: Times,
) -> Option<usize> {
    let bump = |at: usize| W::update(chunk.cell(spot.at(at)), |it| it.saturating_add(times.count));
    if value.is_nan() || value == f64::NEG_INFINITY {
        bump(REFUSED);
        return None;
    }
    let (bucket, stands_for) = if value < 0.0 {
        (finder.bucket(value), value * finder.scale)
    } else {
        bump(OVER_CEILING);
        let has_ceiling = finder.ceiling < f64::MAX;
        let ceiling = if has_ceiling { finder.ceiling } else { 0.0 };
        (finder.bounds_len, ceiling * finder.scale)
    };
    add_to::<W>(chunk, spot, bucket, stands_for, times);
    Some(bucket)
}

/// What a histogram has beside its cells.
#[derive(Debug)]
pub(crate) struct Distribution {
    pub(crate) layout: Arc<Layout>,
    exemplars: Exemplars,
}

impl Distribution {
    pub(crate) fn new(layout: Arc<Layout>) -> Self {
        let exemplars = Exemplars::new(layout.buckets());
        Self { layout, exemplars }
    }
}

impl Series<Distribution> {
    #[inline]
    pub(crate) fn add(
        &self,
        spot: Spot,
        finder: &Finder,
        value: f64,
        times: Times,
    ) -> Option<usize> {
        match access(spot.id, self.arena()) {
            Access::Owned(block) => {
                add::<AsOwner>(block.chunk(spot.chunk()), spot, finder, value, times)
            }
            Access::Shared(block) => {
                add::<AsOneOfMany>(block.chunk(spot.chunk()), spot, finder, value, times)
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn add_looked_up(&self, finder: &Finder, value: f64, times: Times) -> Option<usize> {
        self.add(self.cells.spot(), finder, value, times)
    }

    /// Offers a value that was counted in `bucket` as its exemplar.
    #[inline]
    fn offer(
        &self,
        bucket: Option<usize>,
        finder: &Finder,
        value: f64,
        trace: Option<&TraceContext>,
    ) {
        let sampled = trace.filter(|it| it.is_sampled());
        if let (Some(bucket), Some(trace)) = (bucket, sampled) {
            let in_unit = || value / finder.per_unit;
            let exemplars = &self.kind.exemplars;
            self.arena().offer(exemplars, bucket, in_unit, trace);
        }
    }

    pub(crate) fn read(&self, reader: &mut Reader) -> HistogramValue {
        let layout = &self.kind.layout;
        let mut value = HistogramValue {
            bounds: Arc::clone(&layout.bounds),
            counts: vec![0; layout.buckets()],
            sum: 0.0,
            over_ceiling: 0,
            refused: 0,
            exemplars: self.kind.exemplars.read(),
        };
        if self.cells.is_spill() {
            return value;
        }
        let spot = self.cells.spot();
        for chunk in reader.chunks(spot.chunk()) {
            let cell = |at: usize| chunk.cell(spot.at(at)).load(Relaxed);
            let buckets = chunk.cells(spot.at(BUCKETS), layout.buckets());
            for (count, cell) in value.counts.iter_mut().zip(buckets) {
                *count = count.saturating_add(cell.load(Relaxed));
            }
            value.sum += f64::from_bits(cell(SUM));
            value.over_ceiling = value.over_ceiling.saturating_add(cell(OVER_CEILING));
            value.refused = value.refused.saturating_add(cell(REFUSED));
        }
        value
    }
}

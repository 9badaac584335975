//! Distributions over bounds that the values choose.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use counterfoil_core::{ExponentialBuckets, ExponentialHistogramValue, TraceContext};

use crate::arena::{Cells, Reader, Spot, lock};
use crate::block::{AsOwner, Block, Chunk, Write};
use crate::exemplars::Exemplars;
use crate::exponent::Bounds;
use crate::layout::Layout;
use crate::local::{Access, ThreadBlock, access};
use crate::series::Series;
use crate::window;

/// Counts of values by base-2 exponential buckets, with their sum. Cheap to clone; clones count together.
///
/// Nobody has to know the values beforehand: each thread begins at the finest scale
/// ([`SCALE_MAX`](ExponentialHistogramValue::SCALE_MAX)) and halves its resolution whenever a value would need more than
/// [`BUCKETS_MAX`](ExponentialHistogramValue::BUCKETS_MAX) buckets of its sign; a snapshot adds the threads up at the coarsest
/// of their scales. Values over six orders of magnitude are told apart by 9 %.
///
/// A value above the ceiling, or below its negative, counts as the ceiling and apart, so that a single absurd one costs the
/// others neither the mean nor their resolution; NaN and negative infinity count apart only. Recording costs a little more
/// than with a [`Histogram`](crate::Histogram) and takes 1.3 KiB per series and thread. A registry has room for some 3 000 of
/// these series; further ones share the family's overflow series.
#[derive(Clone, Debug)]
pub struct ExponentialHistogram {
    spot: Spot,
    series: Arc<Series<Exponential>>,
}

impl ExponentialHistogram {
    pub(crate) fn of(series: Arc<Series<Exponential>>) -> Self {
        Self {
            spot: series.cells.spot(),
            series,
        }
    }

    pub(crate) const fn series(&self) -> &Arc<Series<Exponential>> {
        &self.series
    }

    /// Records a value in the histogram's unit.
    #[inline]
    pub fn record(&self, value: f64) {
        self.series.add(self.spot, value);
    }

    /// Records a value in this thread's cells, the look-up having been done.
    #[inline]
    pub fn record_in(&self, block: &ThreadBlock, value: f64) {
        if block.id == self.spot.id {
            self.series.add_as_owner(block.block, self.spot, value);
        } else {
            self.series.add(self.spot, value);
        }
    }

    /// Records a value and, where the span is sampled, offers it as an exemplar: of each factor of two the first one after a
    /// snapshot is kept until the next, in sixteen places at most.
    #[inline]
    pub fn record_with(&self, value: f64, trace: Option<&TraceContext>) {
        self.record(value);
        self.series.offer(value, trace);
    }

    /// Records a duration, in a histogram of seconds.
    #[inline]
    pub fn record_duration(&self, elapsed: Duration) {
        self.record(elapsed.as_secs_f64());
    }

    /// Records a duration and offers it as an exemplar, as [`record_with`](Self::record_with) does.
    #[inline]
    pub fn record_duration_with(&self, elapsed: Duration, trace: Option<&TraceContext>) {
        self.record_with(elapsed.as_secs_f64(), trace);
    }

    /// The distribution now. Counts and sum are read one after the other, so a value that is recorded meanwhile may be in
    /// one of them only.
    #[must_use]
    pub fn get(&self) -> ExponentialHistogramValue {
        self.series.read(&mut self.series.reader())
    }
}

// The cells of a series: sum, values over the ceiling, values refused, zeros, and the window of the positive values, which
// is its place and its buckets. Negative values are rare: their window has cells of its own, taken with the first of them.
const SUM: usize = 0;
const OVER_CEILING: usize = 1;
const REFUSED: usize = 2;
const ZERO: usize = 3;
const POSITIVE: usize = 4;
const BUCKETS: usize = ExponentialHistogramValue::BUCKETS_MAX;
const WINDOW: usize = 1 + BUCKETS;
/// How many cells a series takes.
pub(crate) const CELLS: usize = POSITIVE + WINDOW;
/// Places for exemplars; values an octave apart have different ones.
const EXEMPLARS: usize = 16;

/// What an exponential histogram has beside its cells.
#[derive(Debug)]
pub(crate) struct Exponential {
    bounds: &'static Bounds,
    ceiling: f64,
    negative: OnceLock<Cells>,
    /// Calls from threads whose thread-local is gone come one at a time: moving a window takes an owner.
    shared: Mutex<()>,
    exemplars: Exemplars,
}

impl Exponential {
    pub(crate) fn new(layout: &Layout) -> Self {
        Self {
            bounds: Bounds::get(),
            ceiling: layout.plain.ceiling,
            negative: OnceLock::new(),
            shared: Mutex::default(),
            exemplars: Exemplars::new(EXEMPLARS),
        }
    }
}

impl Series<Exponential> {
    #[inline]
    fn add(&self, spot: Spot, value: f64) {
        match access(spot.id, self.arena()) {
            Access::Owned(block) => self.add_as_owner(block, spot, value),
            Access::Shared(block) => {
                let _one_at_a_time = lock(&self.kind.shared);
                self.add_as_owner(block, spot, value);
            }
        }
    }

    #[inline]
    fn add_as_owner(&self, block: &'static Block, spot: Spot, value: f64) {
        let chunk = block.chunk(spot.chunk());
        // False for NaN.
        if value > 0.0 && value <= self.kind.ceiling {
            count(chunk, spot.at(POSITIVE), self.kind.bounds.index(value));
            add(chunk, spot.at(SUM), value);
        } else if value == 0.0 {
            bump(chunk, spot.at(ZERO));
        } else {
            self.add_odd(block, spot, value);
        }
    }

    /// Counts a value that is negative, above the ceiling or no number.
    #[cold]
    #[inline(never)]
    fn add_odd(&self, block: &'static Block, spot: Spot, value: f64) {
        let chunk = block.chunk(spot.chunk());
        if value.is_nan() || value == f64::NEG_INFINITY {
            return bump(chunk, spot.at(REFUSED));
        }
        let ceiling = self.kind.ceiling;
        if value.abs() > ceiling {
            bump(chunk, spot.at(OVER_CEILING));
        }
        let value = value.clamp(-ceiling, ceiling);
        let index = self.kind.bounds.index(value.abs());
        if value > 0.0 {
            count(chunk, spot.at(POSITIVE), index);
        } else {
            let negative = self
                .kind
                .negative
                .get_or_init(|| self.arena().allocate(WINDOW));
            if negative.is_spill() {
                return bump(chunk, spot.at(REFUSED));
            }
            let spot = negative.spot();
            count(block.chunk(spot.chunk()), spot.at(0), index);
        }
        add(chunk, spot.at(SUM), value);
    }

    #[inline]
    fn offer(&self, value: f64, trace: Option<&TraceContext>) {
        if let Some(trace) = trace.filter(|it| it.is_sampled()) {
            let magnitude = value.abs();
            if magnitude > 0.0 && magnitude <= f64::MAX {
                let octave =
                    self.kind.bounds.index(magnitude) >> ExponentialHistogramValue::SCALE_MAX;
                let at = octave.cast_unsigned() as usize % EXEMPLARS;
                self.arena()
                    .offer(&self.kind.exemplars, at, || value, trace);
            }
        }
    }

    pub(crate) fn read(&self, reader: &mut Reader) -> ExponentialHistogramValue {
        let mut sum = ExponentialHistogramValue {
            scale: ExponentialHistogramValue::SCALE_MAX,
            ..ExponentialHistogramValue::default()
        };
        if self.cells.is_spill() {
            return sum;
        }
        let spot = self.cells.spot();
        for chunk in reader.chunks(spot.chunk()) {
            let cell = |at: usize| chunk.cell(spot.at(at)).load(Relaxed);
            let mut part = read_window(chunk, spot.at(POSITIVE), |it| &mut it.positive);
            part.sum = f64::from_bits(cell(SUM));
            part.zero_count = cell(ZERO);
            part.over_ceiling = cell(OVER_CEILING);
            part.refused = cell(REFUSED);
            sum.merge(part);
        }
        if let Some(spot) = self.kind.negative.get().map(Cells::spot) {
            for chunk in reader.chunks(spot.chunk()) {
                sum.merge(read_window(chunk, spot.at(0), |it| &mut it.negative));
            }
        }
        sum.exemplars = self.kind.exemplars.read();
        sum
    }
}

/// Counts a value in the window that begins at `at`.
#[inline]
fn count(chunk: &Chunk, at: usize, index: i32) {
    let place = chunk.cell(at);
    let bucket = window::within(place, index, BUCKETS)
        .unwrap_or_else(|| window::reach(place, chunk.cells(at + 1, BUCKETS), index));
    bump(chunk, at + 1 + bucket);
}

#[inline]
fn bump(chunk: &Chunk, at: usize) {
    AsOwner::update(chunk.cell(at), |it| it.saturating_add(1));
}

#[inline]
fn add(chunk: &Chunk, at: usize, value: f64) {
    AsOwner::update(chunk.cell(at), |it| (f64::from_bits(it) + value).to_bits());
}

/// The window that begins at `at`, as a distribution of which `sign` is its side.
fn read_window(
    chunk: &Chunk,
    at: usize,
    sign: impl Fn(&mut ExponentialHistogramValue) -> &mut ExponentialBuckets,
) -> ExponentialHistogramValue {
    let mut value = ExponentialHistogramValue {
        scale: ExponentialHistogramValue::SCALE_MAX,
        ..ExponentialHistogramValue::default()
    };
    if let Some((scale, buckets)) = window::read(chunk.cell(at), chunk.cells(at + 1, BUCKETS)) {
        value.scale = scale;
        *sign(&mut value) = buckets;
    }
    value
}

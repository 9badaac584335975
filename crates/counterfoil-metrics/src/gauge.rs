//! Values that are set.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::series::Series;

/// A value that is set, such as a temperature or a limit. Cheap to clone; clones set the same value.
///
/// The last one to set it wins, so unlike the other kinds it is **one cell shared by all threads**: some 5 ns, and more when
/// several threads fight for it. What is counted up and down belongs into an [`UpDownCounter`](crate::UpDownCounter).
#[derive(Clone, Debug)]
pub struct Gauge {
    series: Arc<Series<Last>>,
}

impl Gauge {
    pub(crate) const fn of(series: Arc<Series<Last>>) -> Self {
        Self { series }
    }

    pub(crate) const fn series(&self) -> &Arc<Series<Last>> {
        &self.series
    }

    /// Sets the value.
    pub fn set(&self, value: f64) {
        self.series.set(value);
    }

    /// Adds `n`, which may be negative.
    pub fn add(&self, n: f64) {
        self.series.add(n);
    }

    /// The value now.
    #[must_use]
    pub fn get(&self) -> f64 {
        self.series.read()
    }
}

/// The value, as bits of an `f64`.
#[derive(Debug, Default)]
pub(crate) struct Last {
    bits: AtomicU64,
    relative: AtomicBool,
}

impl Series<Last> {
    pub(crate) fn set(&self, value: f64) {
        self.kind.bits.store(value.to_bits(), Relaxed);
    }

    pub(crate) fn add(&self, n: f64) {
        self.kind.relative.store(true, Relaxed);
        // The closure always gives a value, so the update always succeeds.
        let _previous = self.kind.bits.fetch_update(Relaxed, Relaxed, |bits| {
            Some((f64::from_bits(bits) + n).to_bits())
        });
    }

    pub(crate) fn read(&self) -> f64 {
        f64::from_bits(self.kind.bits.load(Relaxed))
    }

    /// Whether the value was ever changed by a difference, so that it would be wrong after starting again at zero.
    pub(crate) fn is_relative(&self) -> bool {
        self.kind.relative.load(Relaxed)
    }
}

//! Which handle belongs to which row of a name table.

use counterfoil_core::names::{
    CounterDef, ExponentialHistogramDef, GaugeDef, HistogramDef, Instrument, UpDownCounterDef,
};

use crate::series::Slot;
use crate::{Counter, ExponentialHistogram, Gauge, Histogram, UpDownCounter};

/// A handle that a [`Registry`](crate::Registry) gives out: [`Counter`], [`UpDownCounter`], [`Gauge`],
/// [`Histogram`] or [`ExponentialHistogram`].
#[expect(private_bounds, reason = "sealed: these kinds are all there are")]
pub trait Handle: Slot {}

impl Handle for Counter {}
impl Handle for UpDownCounter {}
impl Handle for Gauge {}
impl Handle for Histogram {}
impl Handle for ExponentialHistogram {}

/// A row of a name table, declared by [`counterfoil_core::instruments!`]. Sealed.
pub trait Define: sealed::Sealed {
    /// The handle to what the row names.
    type Handle: Handle;

    /// The row.
    fn row(&self) -> &Instrument;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! define {
    ($($def:ident => $handle:ident),+) => {$(
        impl sealed::Sealed for $def {}

        impl Define for $def {
            type Handle = $handle;

            fn row(&self) -> &Instrument {
                self.instrument()
            }
        }
    )+};
}
define!(CounterDef => Counter, UpDownCounterDef => UpDownCounter, GaugeDef => Gauge, HistogramDef => Histogram,
    ExponentialHistogramDef => ExponentialHistogram);

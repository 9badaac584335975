//! Which bucket a value falls into.

use std::sync::Arc;

use counterfoil_core::MetricKind;
use counterfoil_core::names::{BOUNDS_MAX, Instrument};

const SLOTS: usize = 256;
/// The finest division keeps this many bits off a number's end, 256 slots to a factor of two.
const FINEST: u32 = 44;
const NANOS_PER_SECOND: f64 = 1e9;

/// The buckets of a histogram, for values in its own unit and for durations in nanoseconds.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) bounds: Arc<[f64]>,
    pub(crate) plain: Finder,
    /// Bounds in nanoseconds, for histograms of seconds: an integer compares exactly where a product with 1e-9 does not.
    pub(crate) nanos: Finder,
}

impl Layout {
    /// The buckets of a row that names a histogram. An exponential one has none beforehand: its only bound is the ceiling.
    pub(crate) fn of(row: &Instrument) -> Self {
        if row.kind == MetricKind::ExponentialHistogram {
            Self::new(&[row.ceiling], row.ceiling)
        } else {
            Self::new(row.bounds, row.ceiling)
        }
    }

    /// `bounds` ascend and are finite, and there are from 1 to [`BOUNDS_MAX`] of them.
    pub(crate) fn new(bounds: &[f64], ceiling: f64) -> Self {
        let scaled: Vec<f64> = bounds
            .iter()
            .map(|it| (it * NANOS_PER_SECOND).round())
            .collect();
        let ceiling_nanos = if ceiling < f64::MAX / NANOS_PER_SECOND {
            ceiling * NANOS_PER_SECOND
        } else {
            f64::MAX
        };
        Self {
            bounds: bounds.into(),
            plain: Finder::new(bounds, ceiling, 1.0),
            nanos: Finder::new(&scaled, ceiling_nanos, NANOS_PER_SECOND),
        }
    }

    /// Buckets, the one for everything above the last bound included.
    pub(crate) fn buckets(&self) -> usize {
        self.bounds.len() + 1
    }
}

/// Finds a value's bucket without a branch that depends on the value.
///
/// The leading bits of an `f64` (exponent and some of the mantissa) number slots of the positive axis. A table says how many
/// bounds lie below a slot; the few within it are compared one by one, usually a single one.
#[derive(Debug)]
pub(crate) struct Finder {
    /// Padded with infinity, which no value exceeds.
    bounds: [f64; BOUNDS_MAX + 1],
    below: [u8; SLOTS],
    /// Values above it count apart; the largest finite number where there is no ceiling.
    pub(crate) ceiling: f64,
    /// What a value is multiplied with to be in the histogram's unit.
    pub(crate) scale: f64,
    /// What it is divided by instead, where a division's time is no matter: exact for every decimal fraction.
    pub(crate) per_unit: f64,
    /// The number of the last bucket.
    pub(crate) bounds_len: usize,
    base: i64,
    shift: u32,
    steps: u32,
}

impl Finder {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "there are at most 63 bounds"
    )]
    fn new(given: &[f64], ceiling: f64, per_unit: f64) -> Self {
        let mut bounds = [f64::INFINITY; BOUNDS_MAX + 1];
        bounds[..given.len()].copy_from_slice(given);
        let (first, last) = (given[0], given[given.len() - 1]);
        let mut finder = Self {
            bounds,
            below: [0; SLOTS],
            shift: FINEST,
            base: 0,
            steps: given.len() as u32,
            ceiling,
            scale: 1.0 / per_unit,
            per_unit,
            bounds_len: given.len(),
        };
        if first <= 0.0 {
            // One slot for all, since no slot has a number as high as this base: every bound is compared.
            finder.base = 1 << 40;
            return finder;
        }
        // The finest division whose slots, from the first bound to the last, fit the table.
        for shift in FINEST..63 {
            if slot(last, shift) - slot(first, shift) < SLOTS as i64 {
                finder.shift = shift;
                finder.base = slot(first, shift);
                break;
            }
        }
        let mut within = [0_u32; SLOTS];
        for bound in given {
            let at = finder.slot(*bound);
            within[at] += 1;
            for below in &mut finder.below[at + 1..] {
                *below += 1;
            }
        }
        finder.steps = within.into_iter().max().unwrap_or(0);
        finder
    }

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the table"
    )]
    fn slot(&self, value: f64) -> usize {
        (slot(value, self.shift) - self.base).clamp(0, SLOTS as i64 - 1) as usize
    }

    /// The bucket of a value that is neither NaN nor infinite: the first whose bound is not below it.
    #[inline]
    pub(crate) fn bucket(&self, value: f64) -> usize {
        let mut bucket = self.next(usize::from(self.below[self.slot(value)]), value);
        if self.steps > 1 {
            for _ in 1..self.steps {
                bucket = self.next(bucket, value);
            }
        }
        bucket
    }

    #[inline]
    fn next(&self, bucket: usize, value: f64) -> usize {
        // The mask changes nothing: the padding stops the count at the number of bounds.
        bucket + usize::from(self.bounds[bucket & BOUNDS_MAX] < value)
    }
}

/// Negative values have negative slots, since the sign is the first bit.
#[inline]
const fn slot(value: f64, shift: u32) -> i64 {
    value.to_bits().cast_signed() >> shift
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_comparison(bounds: &[f64], value: f64) -> usize {
        bounds.iter().filter(|it| **it < value).count()
    }

    #[test]
    fn a_value_on_a_bound_belongs_to_it_and_the_next_one_does_not() {
        let bounds = counterfoil_core::names::LATENCY_SECONDS;
        let layout = Layout::new(bounds, f64::MAX);
        for (at, bound) in bounds.iter().enumerate() {
            assert_eq!(layout.plain.bucket(*bound), at);
            assert_eq!(layout.plain.bucket(bound.next_up()), at + 1);
            assert_eq!(layout.nanos.bucket((bound * 1e9).round()), at);
            assert_eq!(layout.nanos.bucket((bound * 1e9).round() + 1.0), at + 1);
        }
        for value in [0.0, -0.0, -1.0, f64::MIN, f64::MIN_POSITIVE, 5e-324] {
            assert_eq!(layout.plain.bucket(value), 0, "{value}");
        }
        assert_eq!(layout.plain.bucket(f64::MAX), bounds.len());
        assert_eq!(layout.plain.steps, 1);
    }

    proptest! {
        #[test]
        fn the_table_agrees_with_comparing_every_bound(
            bounds in prop::collection::btree_set(any::<i32>(), 1..=BOUNDS_MAX),
            exponent in -300..300_i32,
            values in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL, 1..64),
            positive: bool,
        ) {
            let scale = 10_f64.powi(exponent);
            let mut bounds: Vec<f64> = bounds
                .into_iter()
                .map(|it| if positive { f64::from(it.unsigned_abs()) + 1.0 } else { f64::from(it) } * scale)
                .collect();
            bounds.sort_by(f64::total_cmp);
            bounds.dedup();
            let finder = Finder::new(&bounds, f64::MAX, 1.0);
            let nearby = bounds.iter().flat_map(|it| [*it, it.next_up(), it.next_down(), it * 1.001]);
            for value in values.into_iter().chain(nearby) {
                prop_assert_eq!(finder.bucket(value), by_comparison(&bounds, value), "{} in {:?}", value, bounds);
            }
        }
    }
}

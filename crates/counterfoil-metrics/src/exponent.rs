//! Which exponential bucket a value falls into, without a logarithm.

use std::sync::LazyLock;

use counterfoil_core::ExponentialHistogramValue;

/// Buckets to a factor of two at the finest scale.
const PER_OCTAVE: usize = 1 << ExponentialHistogramValue::SCALE_MAX;
/// Slots that the mantissas are divided into, so narrow that none holds two bounds.
const SLOTS: usize = PER_OCTAVE * 2;
const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;
const MANTISSA: u64 = (1 << MANTISSA_BITS) - 1;
const BIAS: i32 = f64::MAX_EXP - 1;

/// The bounds between one and two at the finest scale. Every coarser scale has a part of them.
#[derive(Debug)]
pub(crate) struct Bounds {
    /// Mantissas of the bounds, which are inclusive, and one that no mantissa exceeds.
    mantissas: [u64; PER_OCTAVE + 1],
    /// How many bounds lie below a slot.
    below: [u16; SLOTS],
}

static BOUNDS: LazyLock<Bounds> = LazyLock::new(Bounds::new);

impl Bounds {
    /// The process's table.
    pub(crate) fn get() -> &'static Self {
        &BOUNDS
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "there are 256 bounds"
    )]
    fn new() -> Self {
        let mut mantissas = [u64::MAX; PER_OCTAVE + 1];
        for (at, mantissa) in mantissas[..PER_OCTAVE].iter_mut().enumerate() {
            *mantissa = (at as f64 / PER_OCTAVE as f64).exp2().to_bits() & MANTISSA;
        }
        let below = std::array::from_fn(|slot| {
            let first = (slot as u64) << (MANTISSA_BITS - SLOTS.ilog2());
            mantissas.iter().filter(|it| **it < first).count() as u16
        });
        Self { mantissas, below }
    }

    /// The number of the bucket at the finest scale, for a finite number above zero. A right shift gives the number at a
    /// coarser scale.
    #[inline]
    pub(crate) fn index(&self, value: f64) -> i32 {
        let exponent = (value.to_bits() >> MANTISSA_BITS) as i32;
        if exponent == 0 {
            return self.index_of_subnormal(value);
        }
        self.index_within(exponent, value.to_bits() & MANTISSA)
    }

    #[cold]
    #[inline(never)]
    fn index_of_subnormal(&self, value: f64) -> i32 {
        const OCTAVES: i32 = 64;
        let normal = (value * 2_f64.powi(OCTAVES)).to_bits();
        let exponent = (normal >> MANTISSA_BITS) as i32 - OCTAVES;
        self.index_within(exponent, normal & MANTISSA)
    }

    #[inline]
    fn index_within(&self, exponent: i32, mantissa: u64) -> i32 {
        let slot = (mantissa >> (MANTISSA_BITS - SLOTS.ilog2())) as usize;
        let below = self.below[slot & (SLOTS - 1)];
        let within = self.mantissas[usize::from(below).min(PER_OCTAVE)] < mantissa;
        // A bound belongs to the bucket below it, and one is the bound with number 0.
        ((exponent - BIAS) << ExponentialHistogramValue::SCALE_MAX)
            + i32::from(below)
            + i32::from(within)
            - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn index(value: f64) -> i32 {
        Bounds::get().index(value)
    }

    #[test]
    fn powers_of_two_are_upper_bounds_and_what_follows_them_is_above() {
        for exponent in -1022..1024 {
            let bound = 2_f64.powi(exponent);
            assert_eq!(index(bound), exponent * 256 - 1, "{bound}");
            assert_eq!(index(bound.next_up()), exponent * 256, "{bound}");
        }
        assert_eq!(index(f64::MAX), 1024 * 256 - 1);
        assert_eq!(index(f64::from_bits(1)), -1074 * 256 - 1);
    }

    #[test]
    fn no_slot_holds_two_bounds() {
        let bounds = Bounds::get();
        for pair in bounds.below.windows(2) {
            assert!(pair[1] - pair[0] <= 1, "{pair:?}");
        }
        assert!(bounds.mantissas.is_sorted_by(|a, b| a < b));
    }

    proptest! {
        #[test]
        fn every_value_lies_between_the_bounds_of_its_bucket(
            value in prop::num::f64::POSITIVE | prop::num::f64::SUBNORMAL,
        ) {
            // As log2 is rounded, a value next to a bound may be off by one part in 10^15.
            let value = value.abs();
            prop_assume!(value.is_finite() && value > 0.0);
            let index = index(value);
            let lower = f64::from(index) / 256.0;
            let log = value.log2();
            prop_assert!(lower - 1e-9 <= log && log <= lower + 1.0 / 256.0 + 1e-9, "{value}: {index}");
        }

        #[test]
        fn larger_values_never_have_smaller_numbers(a in 1e-300..1e300_f64, factor in 1.0..3.0_f64) {
            prop_assert!(index(a) <= index(a * factor));
        }
    }
}

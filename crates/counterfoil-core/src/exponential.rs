//! Distributions over bounds that grow by a constant factor.

use crate::{Exemplar, HistogramValue};

/// A distribution over base-2 exponential buckets, as OpenTelemetry's data model defines them.
///
/// With `base = 2^(2^-scale)`, bucket number `index` holds the values in `(base^index, base^(index + 1)]`, so each scale
/// halves the buckets of the next higher one without moving a bound. A scale of 3 resolves 9 %, of 8 0.3 %.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExponentialHistogramValue {
    /// How fine the buckets are, from [`SCALE_MIN`](Self::SCALE_MIN) to [`SCALE_MAX`](Self::SCALE_MAX). Within the life of
    /// a series it only goes down.
    pub scale: i32,
    /// How many values were zero.
    pub zero_count: u64,
    /// Values above zero.
    pub positive: ExponentialBuckets,
    /// Values below zero, by their magnitude.
    pub negative: ExponentialBuckets,
    /// Sum of the values; one above the ceiling adds the ceiling.
    pub sum: f64,
    /// Values above the configured ceiling; they are counted in the ceiling's bucket as well.
    pub over_ceiling: u64,
    /// Values that are no number (NaN, negative infinity); they are in no bucket and not in the sum.
    pub refused: u64,
    /// Some of the values with their traces, ascending by value.
    pub exemplars: Vec<Exemplar>,
}

/// Adjacent buckets of one sign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExponentialBuckets {
    /// The number (`index`) of the first bucket; 0 when there is none.
    pub offset: i32,
    /// Count per bucket, at most [`BUCKETS_MAX`](ExponentialHistogramValue::BUCKETS_MAX) of them. Neither the first nor the
    /// last is zero.
    pub counts: Vec<u64>,
}

impl ExponentialHistogramValue {
    /// The most buckets per sign.
    pub const BUCKETS_MAX: usize = 160;
    /// The finest scale: 256 buckets to a factor of two. Prometheus's native histograms know none finer either.
    pub const SCALE_MAX: i32 = 8;
    /// The coarsest scale: a bucket to a factor of 65 536, so that all finite numbers fit.
    pub const SCALE_MIN: i32 = -4;

    /// How many values were counted, saturating.
    #[must_use]
    pub fn count(&self) -> u64 {
        let signed = self.positive.count().saturating_add(self.negative.count());
        signed.saturating_add(self.zero_count)
    }

    /// Makes the buckets coarser until the scale is at most `scale`. Exact: each new bucket is a union of old ones.
    pub fn downscale(&mut self, scale: i32) {
        if scale < self.scale {
            let steps = self.scale.abs_diff(scale);
            self.positive.halve(steps);
            self.negative.halve(steps);
            self.scale = scale;
        }
    }

    /// Adds what another distribution has counted, at the scale of the coarser one, or a coarser one still if the buckets
    /// would be too many. Exemplars are put together.
    pub fn merge(&mut self, mut other: Self) {
        let scale = self.scale.min(other.scale);
        self.downscale(scale);
        other.downscale(scale);
        let wide = |it: &Self| {
            it.positive.span_with(&other.positive) > Self::BUCKETS_MAX
                || it.negative.span_with(&other.negative) > Self::BUCKETS_MAX
        };
        if wide(self) {
            self.downscale(scale - 1);
            return self.merge(other);
        }
        self.positive.add(&other.positive);
        self.negative.add(&other.negative);
        self.zero_count = self.zero_count.saturating_add(other.zero_count);
        self.sum += other.sum;
        self.over_ceiling = self.over_ceiling.saturating_add(other.over_ceiling);
        self.refused = self.refused.saturating_add(other.refused);
        self.exemplars.append(&mut other.exemplars);
        self.exemplars.sort_by(|a, b| a.value.total_cmp(&b.value));
    }

    /// The same distribution over explicit bounds, for formats that know no others: powers of two, or of a higher power of
    /// two where the scale is below zero, from the smallest magnitude that was counted to the largest.
    ///
    /// No count moves to another side of a bound, but for negative values that are a bound themselves: they count as above
    /// it.
    #[must_use]
    pub fn to_explicit(&self) -> HistogramValue {
        let mut coarse = self.clone();
        coarse.downscale(0);
        let (mut bounds, mut counts) = (Vec::new(), Vec::new());
        let mut push = |bound: f64, count: u64| {
            if bounds.last().is_none_or(|last| *last < bound) {
                bounds.push(bound);
                counts.push(count);
            } else if let Some(last) = counts.last_mut() {
                *last = last.saturating_add(count);
            }
        };
        for (index, count) in coarse.negative.iter().rev() {
            push(-power(coarse.scale, index), count);
        }
        if self.zero_count > 0 || !self.negative.counts.is_empty() {
            push(0.0, self.zero_count);
        }
        if !coarse.positive.counts.is_empty() {
            push(power(coarse.scale, coarse.positive.offset), 0);
        }
        for (index, count) in coarse.positive.iter() {
            push(power(coarse.scale, index + 1), count);
        }
        // Above the largest finite number there is the last bucket, which every distribution over bounds has.
        if bounds.last().is_some_and(|last| last.is_infinite()) {
            bounds.pop();
        } else {
            counts.push(0);
        }
        HistogramValue {
            bounds: bounds.into(),
            counts,
            sum: self.sum,
            over_ceiling: self.over_ceiling,
            refused: self.refused,
            exemplars: self.exemplars.clone(),
        }
    }
}

impl ExponentialBuckets {
    /// How many values were counted, saturating.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts
            .iter()
            .fold(0, |sum, it| sum.saturating_add(*it))
    }

    /// Each bucket's number and count, ascending.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (i32, u64)> + '_ {
        let count = i32::try_from(self.counts.len()).unwrap_or(i32::MAX);
        let numbers = self.offset..self.offset.saturating_add(count);
        numbers.zip(self.counts.iter().copied())
    }

    /// Halves the number of buckets so many times.
    fn halve(&mut self, times: u32) {
        let coarse = |index: i32| index >> times.min(31);
        let mut halved = Self {
            offset: coarse(self.offset),
            counts: Vec::new(),
        };
        for (index, count) in self.iter() {
            halved.put(coarse(index), count);
        }
        *self = halved;
    }

    /// How many buckets there would be with the other's among them.
    fn span_with(&self, other: &Self) -> usize {
        if self.counts.is_empty() || other.counts.is_empty() {
            return self.counts.len().max(other.counts.len());
        }
        let first = self.offset.min(other.offset);
        let span = |it: &Self| it.offset.abs_diff(first) as usize + it.counts.len();
        span(self).max(span(other))
    }

    fn add(&mut self, other: &Self) {
        if self.counts.is_empty() {
            self.clone_from(other);
            return;
        }
        if other.counts.is_empty() {
            return;
        }
        let missing = self.offset.saturating_sub(other.offset).max(0);
        self.counts.splice(
            0..0,
            std::iter::repeat_n(0, missing.unsigned_abs() as usize),
        );
        self.offset -= missing;
        for (index, count) in other.iter() {
            self.put(index, count);
        }
    }

    /// Counts in the bucket of this number, which is not below the first.
    fn put(&mut self, index: i32, count: u64) {
        let at = index.abs_diff(self.offset) as usize;
        if self.counts.len() <= at {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] = self.counts[at].saturating_add(count);
    }
}

/// `base^index` of a scale that is not above zero: a power of two, exact; zero or infinite where no number is so small or so
/// large.
fn power(scale: i32, index: i32) -> f64 {
    let exponent = i64::from(index) << scale.unsigned_abs().min(31);
    match exponent {
        ..-1074 => 0.0,
        -1074..-1022 => f64::from_bits(1 << (exponent + 1074)),
        -1022..1024 => f64::from_bits((exponent + 1023).cast_unsigned() << 52),
        1024.. => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn buckets(offset: i32, counts: &[u64]) -> ExponentialBuckets {
        let counts = counts.to_vec();
        ExponentialBuckets { offset, counts }
    }

    #[test]
    fn a_coarser_scale_joins_neighbours_and_moves_no_bound() {
        let mut value = ExponentialHistogramValue {
            scale: 1,
            positive: buckets(-3, &[1, 2, 4, 8, 16]),
            ..Default::default()
        };
        value.downscale(0);
        // (2^-1.5, 2^-1] lies in (2^-2, 2^-1]; the next two make (2^-1, 1].
        assert_eq!(value.positive, buckets(-2, &[1, 6, 24]));
        assert_eq!(value.scale, 0);
    }

    #[test]
    fn distributions_of_different_scales_add_up_at_the_coarser_one() {
        let mut one = ExponentialHistogramValue {
            scale: 2,
            positive: buckets(4, &[1, 1, 1, 1]),
            zero_count: 1,
            sum: 1.0,
            ..Default::default()
        };
        let other = ExponentialHistogramValue {
            scale: 0,
            positive: buckets(-1, &[5]),
            negative: buckets(3, &[7]),
            sum: 2.0,
            ..Default::default()
        };
        one.merge(other);
        assert_eq!((one.scale, one.zero_count, one.sum), (0, 1, 3.0));
        assert_eq!(one.positive, buckets(-1, &[5, 0, 4]));
        assert_eq!(one.negative, buckets(3, &[7]));
        assert_eq!(one.count(), 17);
    }

    #[test]
    fn explicit_bounds_are_powers_of_two_around_what_was_counted() {
        let value = ExponentialHistogramValue {
            scale: 1,
            positive: buckets(2, &[1, 2, 4]),
            negative: buckets(0, &[8]),
            zero_count: 16,
            sum: 3.5,
            ..Default::default()
        };
        let explicit = value.to_explicit();
        assert_eq!(*explicit.bounds, [-1.0, 0.0, 2.0, 4.0, 8.0]);
        assert_eq!(explicit.counts, [8, 16, 0, 3, 4, 0]);
        assert_eq!((explicit.sum, explicit.count()), (3.5, value.count()));
        let nothing = ExponentialHistogramValue::default().to_explicit();
        assert_eq!((nothing.bounds.len(), nothing.counts), (0, vec![0]));
    }

    #[test]
    fn the_smallest_and_the_largest_numbers_have_a_place_over_explicit_bounds() {
        let value = ExponentialHistogramValue {
            scale: -4,
            positive: buckets(-68, &[1]),
            ..Default::default()
        };
        // 2^-1088 is no number any more, 2^-1072 is one.
        assert_eq!(*value.to_explicit().bounds, [0.0, f64::from_bits(4)]);
        let value = ExponentialHistogramValue {
            scale: 0,
            positive: buckets(1022, &[1, 2]),
            ..Default::default()
        };
        let explicit = value.to_explicit();
        assert_eq!(*explicit.bounds, [2_f64.powi(1022), 2_f64.powi(1023)]);
        assert_eq!(explicit.counts, [0, 1, 2]);
    }

    fn any_buckets() -> impl Strategy<Value = ExponentialBuckets> {
        (-4000..4000, prop::collection::vec(1..100_u64, 0..160)).prop_map(|(offset, counts)| {
            let offset = if counts.is_empty() { 0 } else { offset };
            ExponentialBuckets { offset, counts }
        })
    }

    prop_compose! {
        fn any_value()(scale in -2..=8_i32, zero_count in 0..9_u64, positive in any_buckets(), negative in any_buckets())
            -> ExponentialHistogramValue {
            ExponentialHistogramValue { scale, zero_count, positive, negative, ..Default::default() }
        }
    }

    proptest! {
        #[test]
        fn merging_loses_no_value_keeps_the_bound_on_buckets_and_does_not_depend_on_the_order(one in any_value(), other in any_value()) {
            let (mut there, mut back) = (one.clone(), other.clone());
            there.merge(other.clone());
            back.merge(one.clone());
            prop_assert_eq!(&there, &back);
            prop_assert_eq!(there.count(), one.count() + other.count());
            prop_assert!(there.positive.counts.len() <= 160 && there.negative.counts.len() <= 160);
            prop_assert_eq!(there.to_explicit().count(), there.count());
        }

        #[test]
        fn explicit_bounds_ascend_and_there_is_one_more_count(value in any_value()) {
            let explicit = value.to_explicit();
            prop_assert!(explicit.bounds.is_sorted_by(|a, b| a < b));
            prop_assert_eq!(explicit.counts.len(), explicit.bounds.len() + 1);
        }
    }
}

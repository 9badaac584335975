//! Which traces are recorded, decided where they begin.

use crate::TraceId;

/// Samples a share of all traces by their ids, and does as the parent did where there is one.
///
/// The last 56 bits of a trace id count, which W3C Trace Context level 2 asks to be random: a trace is sampled when they lie in
/// the upper `ratio` of their range. So every service that is told the same ratio decides the same for a trace, and one that
/// is told a smaller ratio samples a subset of what the others do.
///
/// ```
/// use counterfoil_core::{HeadSampler, TraceId};
/// let trace: TraceId = "0af7651916cd43dd8448eb211c80319c".parse()?;
/// assert!(HeadSampler::ALL.samples(trace) && !HeadSampler::ratio(0.0).samples(trace));
/// // A parent that was not recorded has no recorded child.
/// assert!(!HeadSampler::ALL.decide(trace, Some(false), true));
/// # Ok::<(), counterfoil_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadSampler {
    /// A trace is sampled when its 56 bits are not below this.
    threshold: u64,
}

/// One more than the highest number of 56 bits.
const RANGE: u64 = 1 << 56;

impl HeadSampler {
    /// Samples every trace.
    pub const ALL: Self = Self { threshold: 0 };

    /// Samples this share of all traces: 0.1 for one in ten. What lies outside 0 to 1 counts as the nearer of both, and no
    /// number as 0.
    #[must_use]
    pub fn ratio(ratio: f64) -> Self {
        let skipped = (1.0 - ratio.clamp(0.0, 1.0)) * RANGE as f64;
        Self {
            threshold: if skipped.is_nan() {
                RANGE
            } else {
                skipped as u64
            },
        }
    }

    /// Whether a trace that begins here is sampled.
    #[must_use]
    pub fn samples(self, trace: TraceId) -> bool {
        let mut low = [0; 8];
        low[1..].copy_from_slice(&trace.as_bytes()[9..]);
        u64::from_be_bytes(low) >= self.threshold
    }

    /// Whether a span is sampled: `told` is the sampled flag that its parent, or whoever began the trace, has set.
    ///
    /// Where there is a parent its flag decides. Where there is none, a trace that was told not to be sampled is not, and the
    /// ratio decides about the others.
    #[must_use]
    pub fn decide(self, trace: TraceId, told: Option<bool>, has_parent: bool) -> bool {
        match told {
            Some(sampled) if has_parent => sampled,
            Some(false) => false,
            _ => self.samples(trace),
        }
    }
}

impl Default for HeadSampler {
    fn default() -> Self {
        Self::ALL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(low: u64) -> TraceId {
        let mut bytes = [0xab; 16];
        bytes[8..].copy_from_slice(&low.to_be_bytes());
        TraceId::from_bytes(bytes).unwrap()
    }

    #[test]
    fn the_share_is_that_of_the_upper_range() {
        let half = HeadSampler::ratio(0.5);
        assert!(half.samples(trace(RANGE / 2)) && half.samples(trace(RANGE - 1)));
        assert!(!half.samples(trace(RANGE / 2 - 1)) && !half.samples(trace(0)));
        // The highest byte of the half is not random by the recommendation, and does not count.
        assert!(!half.samples(trace(0xff << 56)));
    }

    #[test]
    fn a_smaller_ratio_samples_a_subset() {
        let (tenth, third) = (HeadSampler::ratio(0.1), HeadSampler::ratio(1.0 / 3.0));
        for step in 0..1_000 {
            let trace = trace(step * (RANGE / 1_000));
            assert!(!tenth.samples(trace) || third.samples(trace));
        }
    }

    #[test]
    fn ratios_out_of_range_count_as_the_nearest() {
        assert!(HeadSampler::ratio(7.0).samples(trace(0)));
        assert!(!HeadSampler::ratio(-1.0).samples(trace(RANGE - 1)));
        assert!(!HeadSampler::ratio(f64::NAN).samples(trace(RANGE - 1)));
    }

    #[test]
    fn the_parent_decides_and_the_beginning_may_refuse() {
        let none = HeadSampler::ratio(0.0);
        assert!(none.decide(trace(0), Some(true), true));
        assert!(!none.decide(trace(0), Some(true), false));
        assert!(!HeadSampler::ALL.decide(trace(0), Some(false), false));
        assert!(HeadSampler::ALL.decide(trace(0), None, false));
    }
}

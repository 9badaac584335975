//! Metrics as an exporter sees them.

use std::sync::Arc;

use crate::{ExponentialHistogramValue, SpanId, Timestamp, TraceId};

/// How a family's values behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "exporters must handle each kind")]
pub enum MetricKind {
    /// Only ever grows, saturating at `u64::MAX`.
    Counter,
    /// Grows and shrinks.
    UpDownCounter,
    /// Set to the last value.
    Gauge,
    /// Counts of values by explicit bounds.
    Histogram,
    /// Counts of values by bounds that grow by a constant factor and are chosen by the values themselves.
    ExponentialHistogram,
}

impl MetricKind {
    /// The kind in words, as the reference page prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::UpDownCounter => "up-down counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::ExponentialHistogram => "exponential histogram",
        }
    }
}

/// Every family of a registry at one moment.
#[derive(Clone, Debug, Default)]
pub struct MetricSnapshot {
    /// When it was taken.
    pub time: Timestamp,
    /// Families, by name.
    pub families: Vec<MetricFamily>,
}

/// Series that share a name.
#[derive(Clone, Debug)]
pub struct MetricFamily {
    /// OpenTelemetry name, such as `counterfoil.lease.active`.
    pub name: Arc<str>,
    /// UCUM unit, such as `s` or `By` or `{lease}`; empty when there is none.
    pub unit: Arc<str>,
    /// One sentence.
    pub description: Arc<str>,
    /// How the values behave.
    pub kind: MetricKind,
    /// The series, sorted by their labels.
    pub series: Vec<Series>,
}

/// What does not change in the life of a series. The same series has the same `Arc` in each snapshot, so exporters may
/// cache what they derive from it by its address while they hold it.
#[derive(Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesMeta {
    /// Labels as key and value, sorted by key.
    pub labels: Vec<(Arc<str>, Arc<str>)>,
}

/// One series and its value.
#[derive(Clone, Debug)]
pub struct Series {
    /// Labels.
    pub meta: Arc<SeriesMeta>,
    /// Value.
    pub value: MetricValue,
}

/// A value, by kind.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_enums, reason = "exporters must handle each kind")]
pub enum MetricValue {
    /// Total so far.
    Counter(u64),
    /// Total so far of what is measured rather than counted, such as seconds of processor time; its family is a
    /// [`MetricKind::Counter`] too.
    FloatCounter(f64),
    /// Current sum of all ups and downs.
    UpDownCounter(i64),
    /// Last value set.
    Gauge(f64),
    /// Distribution so far.
    Histogram(HistogramValue),
    /// Distribution so far, over bounds of its own.
    ExponentialHistogram(ExponentialHistogramValue),
}

/// One of the values that a distribution has counted, and the span in which it was recorded: the way from a figure to a
/// trace. Only spans that are sampled become exemplars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exemplar {
    /// The value as it was recorded, in the family's unit.
    pub value: f64,
    /// When it was recorded.
    pub time: Timestamp,
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
}

/// A distribution over explicit bounds.
#[derive(Clone, Debug)]
pub struct HistogramValue {
    /// Upper bounds, inclusive, ascending.
    pub bounds: Arc<[f64]>,
    /// Count per bucket, not cumulative; one more than there are bounds, the last for values above them all.
    pub counts: Vec<u64>,
    /// Sum of the values; one above the ceiling adds the ceiling.
    pub sum: f64,
    /// Values above the configured ceiling; they are counted in the last bucket as well.
    pub over_ceiling: u64,
    /// Values that are no number (NaN, negative infinity); they are in no bucket and not in the sum.
    pub refused: u64,
    /// Some of the values with their traces, at most one per bucket, ascending by value.
    pub exemplars: Vec<Exemplar>,
}

impl HistogramValue {
    /// How many values were counted, saturating.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts
            .iter()
            .fold(0, |sum, it| sum.saturating_add(*it))
    }

    /// Adds what another one over the same bounds has counted.
    pub fn merge(&mut self, other: &Self) {
        for (sum, count) in self.counts.iter_mut().zip(&other.counts) {
            *sum = sum.saturating_add(*count);
        }
        self.sum += other.sum;
        self.over_ceiling = self.over_ceiling.saturating_add(other.over_ceiling);
        self.refused = self.refused.saturating_add(other.refused);
    }

    /// What was counted after an `earlier` reading of the same distribution. Exemplars are not told apart by time.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = earlier.counts.iter().chain(std::iter::repeat(&0));
        let counts = self.counts.iter().zip(before);
        Self {
            counts: counts
                .map(|(now, then)| now.saturating_sub(*then))
                .collect(),
            sum: self.sum - earlier.sum,
            over_ceiling: self.over_ceiling.saturating_sub(earlier.over_ceiling),
            refused: self.refused.saturating_sub(earlier.refused),
            ..self.clone()
        }
    }

    /// The bound within which this part of the values lies, 0.99 for 99 of 100: that of the bucket that the quantile falls into.
    /// Infinite where that lies above all bounds; `None` without values.
    #[must_use]
    pub fn quantile_bound(&self, quantile: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = (quantile * count as f64).ceil() as u64;
        let mut seen = 0_u64;
        let bucket = self.counts.iter().position(|it| {
            seen = seen.saturating_add(*it);
            seen >= rank
        });
        let bound = bucket.and_then(|at| self.bounds.get(at));
        Some(bound.copied().unwrap_or(f64::INFINITY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(counts: [u64; 3], sum: f64) -> HistogramValue {
        HistogramValue {
            bounds: Arc::from([0.1, 1.0]),
            counts: counts.to_vec(),
            sum,
            over_ceiling: 0,
            refused: 0,
            exemplars: Vec::new(),
        }
    }

    #[test]
    fn a_quantile_is_told_by_the_bound_of_its_bucket() {
        let value = counted([90, 9, 1], 20.0);
        let of = |quantile| value.quantile_bound(quantile);
        assert_eq!(
            (of(0.5), of(0.9), of(0.91)),
            (Some(0.1), Some(0.1), Some(1.0))
        );
        assert_eq!((of(0.99), of(1.0)), (Some(1.0), Some(f64::INFINITY)));
        assert_eq!(counted([0, 0, 0], 0.0).quantile_bound(0.5), None);
    }

    #[test]
    fn what_was_counted_meanwhile_and_what_was_there_add_up_to_what_is_there() {
        let (then, now) = (counted([1, 2, 3], 4.0), counted([1, 5, 9], 16.0));
        let mut sum = now.since(&then);
        assert_eq!((&*sum.counts, sum.sum), (&[0, 3, 6][..], 12.0));
        sum.merge(&then);
        assert_eq!((sum.counts, sum.sum), (now.counts, now.sum));
    }
}

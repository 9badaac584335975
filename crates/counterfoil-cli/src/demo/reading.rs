//! Figures read from the metrics layer, by the names in its table.

use counterfoil::names::Instrument;
use counterfoil::{HistogramValue, MetricSnapshot, MetricValue, Series};

/// A snapshot of the metrics, asked by instrument.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'a>(pub(crate) &'a MetricSnapshot);

impl<'a> Reading<'a> {
    /// The sum of a counter or an up-down counter over all its series; 0 when it has none.
    pub(crate) fn total(self, instrument: &Instrument) -> u64 {
        self.series(instrument).map(value).sum()
    }

    /// The same for the series with this label value only.
    pub(crate) fn total_of(self, instrument: &Instrument, label: &str, wanted: &str) -> u64 {
        self.series(instrument)
            .filter(|series| label_of(series, label) == Some(wanted))
            .map(value)
            .sum()
    }

    /// The distribution with this label value.
    pub(crate) fn histogram(
        self,
        instrument: &Instrument,
        label: &str,
        wanted: &str,
    ) -> Option<&'a HistogramValue> {
        self.series(instrument)
            .filter(|series| label_of(series, label) == Some(wanted))
            .find_map(|series| match &series.value {
                MetricValue::Histogram(histogram) => Some(histogram),
                _ => None,
            })
    }

    /// The values of a label that count anything, the largest first.
    pub(crate) fn ranked(self, instrument: &Instrument, label: &str) -> Vec<(&'a str, u64)> {
        let mut ranked: Vec<(&str, u64)> = Vec::new();
        for series in self.series(instrument) {
            let (Some(name), count @ 1..) = (label_of(series, label), value(series)) else {
                continue;
            };
            match ranked.iter_mut().find(|(known, _)| *known == name) {
                Some((_, total)) => *total += count,
                None => ranked.push((name, count)),
            }
        }
        ranked.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        ranked
    }

    fn series(self, instrument: &Instrument) -> impl Iterator<Item = &'a Series> {
        let name = instrument.name;
        self.0
            .families
            .iter()
            .filter(move |family| &*family.name == name)
            .flat_map(|family| &family.series)
    }
}

fn label_of<'a>(series: &'a Series, label: &str) -> Option<&'a str> {
    series
        .meta
        .labels
        .iter()
        .find(|(key, _)| &**key == label)
        .map(|(_, value)| &**value)
}

fn value(series: &Series) -> u64 {
    match &series.value {
        MetricValue::Counter(count) => *count,
        MetricValue::UpDownCounter(level) => u64::try_from(*level).unwrap_or(0),
        MetricValue::FloatCounter(_)
        | MetricValue::Gauge(_)
        | MetricValue::Histogram(_)
        | MetricValue::ExponentialHistogram(_) => 0,
    }
}

/// The value below which `share` (0 to 1) of a distribution lies, interpolated within its bucket; `None` when it is empty
/// or when the answer lies above the last bound.
pub(crate) fn quantile(histogram: &HistogramValue, share: f64) -> Option<f64> {
    let total: u64 = histogram.counts.iter().sum();
    let rank = (total as f64 * share).max(f64::MIN_POSITIVE);
    let (mut below, mut lower) = (0_u64, 0.0);
    for (&count, &upper) in histogram.counts.iter().zip(histogram.bounds.iter()) {
        if count > 0 && (below + count) as f64 >= rank {
            return Some((upper - lower).mul_add((rank - below as f64) / count as f64, lower));
        }
        below += count;
        lower = upper;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(counts: &[u64]) -> HistogramValue {
        HistogramValue {
            bounds: [1.0, 2.0, 4.0].into(),
            counts: counts.to_vec(),
            sum: 0.0,
            over_ceiling: 0,
            refused: 0,
            exemplars: Vec::new(),
        }
    }

    #[test]
    fn a_quantile_is_interpolated_within_its_bucket() {
        assert_eq!(quantile(&histogram(&[0, 10, 0, 0]), 0.5), Some(1.5));
        assert_eq!(quantile(&histogram(&[50, 0, 50, 0]), 0.99), Some(3.96));
    }

    #[test]
    fn an_empty_distribution_and_one_above_all_bounds_have_none() {
        assert_eq!(quantile(&histogram(&[0, 0, 0, 0]), 0.5), None);
        assert_eq!(quantile(&histogram(&[1, 0, 0, 99]), 0.5), None);
    }
}

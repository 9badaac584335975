//! The unchanging text of a series.

use std::sync::Arc;

use counterfoil_core::{Exemplar, HistogramValue, MetricValue, Series, SeriesMeta};

use crate::Format;
use crate::text::{label_pairs, push_exemplar, push_f64, push_i64, push_le, push_u64};

/// What comes before each value of a series, one after the other in one string.
#[derive(Debug)]
pub(crate) struct SeriesText {
    pub(crate) meta: Arc<SeriesMeta>,
    text: String,
    ends: Vec<usize>,
    /// Of a distribution; another one has other buckets.
    bounds: Arc<[f64]>,
}

impl SeriesText {
    pub(crate) fn new(name: &str, series: &Series) -> Self {
        let labels = series.meta.labels.iter();
        let labels = label_pairs(labels.map(|(key, value)| (&**key, &**value)));
        let mut made = Self {
            meta: Arc::clone(&series.meta),
            text: String::new(),
            ends: Vec::new(),
            bounds: Arc::default(),
        };
        match &series.value {
            MetricValue::Histogram(value) => made.histogram(name, &labels, value),
            MetricValue::ExponentialHistogram(value) => {
                made.histogram(name, &labels, &value.to_explicit());
            }
            _ => made.push(name, "", &labels, ""),
        }
        made
    }

    fn histogram(&mut self, name: &str, labels: &str, value: &HistogramValue) {
        for bound in &*value.bounds {
            let mut le = String::from("le=\"");
            push_le(&mut le, *bound);
            le.push('"');
            self.push(name, "_bucket", labels, &le);
        }
        self.push(name, "_bucket", labels, "le=\"+Inf\"");
        self.push(name, "_sum", labels, "");
        self.push(name, "_count", labels, "");
        self.bounds = Arc::clone(&value.bounds);
    }

    fn push(&mut self, name: &str, suffix: &str, labels: &str, le: &str) {
        let comma = if labels.is_empty() || le.is_empty() {
            ""
        } else {
            ","
        };
        let all = format!("{labels}{comma}{le}");
        let (open, close) = if all.is_empty() { ("", "") } else { ("{", "}") };
        self.text
            .push_str(&format!("{name}{suffix}{open}{all}{close} "));
        self.ends.push(self.text.len());
    }

    /// The same series, and the same bounds.
    pub(crate) fn is_of(&self, series: &Series) -> bool {
        Arc::ptr_eq(&self.meta, &series.meta)
            && match &series.value {
                MetricValue::Histogram(value) => {
                    Arc::ptr_eq(&self.bounds, &value.bounds) || self.bounds == value.bounds
                }
                MetricValue::ExponentialHistogram(value) => {
                    self.bounds == value.to_explicit().bounds
                }
                _ => self.bounds.is_empty(),
            }
    }

    pub(crate) fn render(&self, value: &MetricValue, format: Format, out: &mut String) {
        match value {
            MetricValue::Histogram(value) => self.render_histogram(value, format, out),
            MetricValue::ExponentialHistogram(value) => {
                self.render_histogram(&value.to_explicit(), format, out);
            }
            _ => {
                out.push_str(&self.text);
                push_value(out, value);
            }
        }
    }

    fn render_histogram(&self, value: &HistogramValue, format: Format, out: &mut String) {
        let mut from = 0;
        let mut heads = self.ends.iter().map(|end| {
            let head = self.text.get(from..*end).unwrap_or_default();
            from = *end;
            head
        });
        let mut head = |out: &mut String| out.push_str(heads.next().unwrap_or_default());
        let exemplars = match format {
            Format::Classic => &[][..],
            Format::OpenMetrics => &value.exemplars,
        };
        let mut exemplars = Exemplars(exemplars);
        let mut below = 0_u64;
        for at in 0..=value.bounds.len() {
            head(out);
            below = below.saturating_add(value.counts.get(at).copied().unwrap_or(0));
            push_u64(out, below);
            let bound = value.bounds.get(at).copied().unwrap_or(f64::INFINITY);
            if let Some(exemplar) = exemplars.up_to(bound) {
                push_exemplar(out, exemplar);
            }
            out.push('\n');
        }
        if format == Format::OpenMetrics && !has_sum(value) {
            return;
        }
        head(out);
        push_f64(out, value.sum);
        out.push('\n');
        head(out);
        push_u64(out, below);
        out.push('\n');
    }
}

/// Whether the sum only grows. OpenMetrics has no sum, and then no count either, where it may not.
fn has_sum(value: &HistogramValue) -> bool {
    value.bounds.first().is_none_or(|it| *it >= 0.0) && value.sum >= 0.0
}

/// Exemplars by value, handed out bucket by bucket.
struct Exemplars<'a>(&'a [Exemplar]);

impl<'a> Exemplars<'a> {
    /// The latest of those that are left and not above the bound.
    fn up_to(&mut self, bound: f64) -> Option<&'a Exemplar> {
        let count = self.0.partition_point(|it| it.value <= bound);
        let (within, above) = self.0.split_at(count);
        self.0 = above;
        within.iter().max_by_key(|it| it.time)
    }
}

pub(crate) fn push_value(out: &mut String, value: &MetricValue) {
    match value {
        MetricValue::Counter(value) => push_u64(out, *value),
        MetricValue::UpDownCounter(value) => push_i64(out, *value),
        MetricValue::FloatCounter(value) | MetricValue::Gauge(value) => push_f64(out, *value),
        MetricValue::Histogram(value) => push_u64(out, value.count()),
        MetricValue::ExponentialHistogram(value) => push_u64(out, value.count()),
    }
    out.push('\n');
}

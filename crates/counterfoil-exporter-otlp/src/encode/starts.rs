//! Since when each series counts.

use std::collections::HashMap;
use std::sync::Arc;

use counterfoil_core::{MetricSnapshot, MetricValue, Series, SeriesMeta, Timestamp};

/// The start time of every series, from snapshot to snapshot.
///
/// A series that appears later than the first snapshot has counted since the one before at the earliest, and so has one that
/// was evicted and came back, which shows in that it was away or that its count went down. A receiver that is told so adds
/// the counts up without a gap.
#[derive(Debug)]
pub(super) struct Starts {
    first: Timestamp,
    last_snapshot: Option<Timestamp>,
    series: HashMap<Arc<str>, HashMap<Arc<SeriesMeta>, Known>>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    start: Timestamp,
    count: f64,
    seen: Timestamp,
}

impl Starts {
    /// Counts run since `first`.
    pub(super) fn new(first: Timestamp) -> Self {
        Self {
            first,
            last_snapshot: None,
            series: HashMap::new(),
        }
    }

    /// Takes note of a snapshot; the one that was noted last, or a part of it, changes nothing.
    pub(super) fn advance(&mut self, snapshot: &MetricSnapshot) {
        if self.last_snapshot == Some(snapshot.time) {
            return;
        }
        let start = self.last_snapshot.unwrap_or(self.first).min(snapshot.time);
        for family in &snapshot.families {
            let known = self.series.entry(Arc::clone(&family.name)).or_default();
            for series in &family.series {
                note(known, series, start, snapshot.time);
            }
        }
        for known in self.series.values_mut() {
            known.retain(|_, it| it.seen == snapshot.time);
        }
        self.series.retain(|_, known| !known.is_empty());
        self.last_snapshot = Some(snapshot.time);
    }

    /// Since when a series of the snapshot that was noted last counts.
    pub(super) fn of(&self, name: &str, meta: &SeriesMeta) -> Timestamp {
        let known = self.series.get(name).and_then(|known| known.get(meta));
        known.map_or(self.first, |it| it.start)
    }
}

fn note(
    known: &mut HashMap<Arc<SeriesMeta>, Known>,
    series: &Series,
    start: Timestamp,
    seen: Timestamp,
) {
    let count = count(&series.value);
    let fresh = Known { start, count, seen };
    let entry = known.entry(Arc::clone(&series.meta)).or_insert(fresh);
    *entry = match entry.count > count {
        true => fresh,
        false => Known {
            start: entry.start,
            ..fresh
        },
    };
}

/// What never goes down while a series lives.
fn count(value: &MetricValue) -> f64 {
    match value {
        MetricValue::Counter(count) => *count as f64,
        MetricValue::FloatCounter(count) => *count,
        MetricValue::Histogram(histogram) => histogram.count() as f64,
        MetricValue::ExponentialHistogram(histogram) => histogram.count() as f64,
        MetricValue::UpDownCounter(_) | MetricValue::Gauge(_) => 0.0,
    }
}

//! Tests through the public interface.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]

mod eviction;
mod eviction_race;
mod exemplars;
mod exponential;
mod fabric;
mod families;
mod instruments;
mod recorder;
mod redaction;
mod snapshot;
mod threads;

use counterfoil_core::{MetricFamily, MetricSnapshot, MetricValue, Timestamp};

counterfoil_core::instruments! {
    /// What these tests count.
    TABLE: prefix "app.", labels ["kind", "colour"];

    /// Plain counter.
    DONE: Counter("app.done", "{job}", []);
    /// Counter by one label.
    SEEN: Counter("app.seen", "{job}", ["kind"]);
    /// Counter by two labels.
    PAINTED: Counter("app.painted", "{job}", ["kind", "colour"]);
    /// Up and down.
    HELD: UpDownCounter("app.held", "{job}", []);
    /// Set.
    LEVEL: Gauge("app.level", "1", []);
    /// Distribution.
    WAIT: Histogram("app.wait", "s", [], bounds: &[0.001, 0.01, 0.1], ceiling: 10.0);
    /// Distribution over bounds that the values choose.
    SIZE: ExponentialHistogram("app.size", "By", [], ceiling: 1e6);
}

/// A moment, in seconds since an origin.
fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_nanos((1_000 + seconds) * 1_000_000_000)
}

fn family<'a>(snapshot: &'a MetricSnapshot, name: &str) -> Option<&'a MetricFamily> {
    snapshot.families.iter().find(|it| &*it.name == name)
}

/// The value of a counter's series, labels given as `key=value` joined by commas.
fn counter(snapshot: &MetricSnapshot, name: &str, labels: &str) -> Option<u64> {
    family(snapshot, name)?.series.iter().find_map(|series| {
        let pairs: Vec<_> = series
            .meta
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        match &series.value {
            MetricValue::Counter(value) if pairs.join(",") == labels => Some(*value),
            _ => None,
        }
    })
}

#[test]
fn the_table_of_these_tests_keeps_the_rules() {
    assert_eq!(TABLE.check(), Vec::new());
}

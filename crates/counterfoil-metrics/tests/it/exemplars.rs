//! Values with their traces.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use counterfoil_core::{
    Clock, Exemplar, FabricError, FabricEvent, MetricSnapshot, MetricValue, OpType, Ticks,
    Timestamp, TraceContext,
};
use counterfoil_metrics::{FabricMetrics, Registry};

use crate::{SIZE, WAIT, at, family};

#[derive(Debug)]
struct Stopped;

impl Clock for Stopped {
    fn ticks(&self) -> Ticks {
        Ticks(0)
    }

    fn utc(&self) -> Timestamp {
        at(7)
    }
}

fn registry() -> Registry {
    Registry::builder().clock(Stopped).build()
}

/// A context whose ids tell the number.
fn trace(number: u64, flags: u8) -> TraceContext {
    format!("00-{number:032x}-{number:016x}-{flags:02x}")
        .parse()
        .unwrap()
}

fn exemplar(value: f64, number: u64) -> Exemplar {
    let TraceContext {
        trace_id, span_id, ..
    } = trace(number, 1);
    Exemplar {
        value,
        time: at(7),
        trace_id,
        span_id,
    }
}

fn shown(registry: &Registry, name: &str) -> Vec<Exemplar> {
    exemplars(&registry.snapshot(at(0)), name)
}

fn exemplars(snapshot: &MetricSnapshot, name: &str) -> Vec<Exemplar> {
    match &family(snapshot, name).unwrap().series[0].value {
        MetricValue::Histogram(value) => value.exemplars.clone(),
        MetricValue::ExponentialHistogram(value) => value.exemplars.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bucket_shows_the_first_sampled_value_after_each_snapshot() {
    let registry = registry();
    let wait = registry.instrument(&WAIT);
    wait.record_with(0.005, Some(&trace(1, 1)));
    wait.record_with(0.006, Some(&trace(2, 1)));
    wait.record_with(0.5, Some(&trace(3, 1)));
    let first = [exemplar(0.005, 1), exemplar(0.5, 3)];
    assert_eq!(shown(&registry, "app.wait"), first);
    assert_eq!(shown(&registry, "app.wait"), first, "kept until replaced");
    wait.record_with(0.007, Some(&trace(4, 1)));
    let second = [exemplar(0.007, 4), exemplar(0.5, 3)];
    assert_eq!(shown(&registry, "app.wait"), second);
    assert_eq!(wait.get().counts, [0, 3, 0, 1]);
}

#[test]
fn who_peeks_sees_the_exemplars_and_leaves_them_to_the_next_snapshot() {
    let registry = registry();
    let wait = registry.instrument(&WAIT);
    wait.record_with(0.005, Some(&trace(1, 1)));
    let peeked = exemplars(&registry.peek(at(0)), "app.wait");
    assert_eq!(peeked, [exemplar(0.005, 1)]);
    wait.record_with(0.006, Some(&trace(2, 1)));
    assert_eq!(shown(&registry, "app.wait"), [exemplar(0.005, 1)]);
    wait.record_with(0.007, Some(&trace(3, 1)));
    assert_eq!(shown(&registry, "app.wait"), [exemplar(0.007, 3)]);
}

#[test]
fn values_outside_of_sampled_spans_are_counted_and_become_no_exemplars() {
    let registry = registry();
    let wait = registry.instrument(&WAIT);
    wait.record_with(0.5, None);
    wait.record_with(0.5, Some(&trace(1, 0)));
    wait.record_duration_with(Duration::from_millis(500), None);
    wait.record_with(f64::NAN, Some(&trace(1, 1)));
    assert_eq!(shown(&registry, "app.wait"), []);
    assert_eq!((wait.get().count(), wait.get().refused), (3, 1));
}

#[test]
fn a_duration_on_a_bound_is_shown_as_that_bound() {
    let registry = registry();
    let wait = registry.instrument(&WAIT);
    let block = registry.thread_block();
    wait.record_duration_with(Duration::from_millis(1), Some(&trace(1, 1)));
    wait.record_duration_with_in(&block, Duration::from_millis(10), Some(&trace(2, 1)));
    wait.record_with(20.0, Some(&trace(3, 1)));
    let expected = [exemplar(0.001, 1), exemplar(0.01, 2), exemplar(20.0, 3)];
    assert_eq!(shown(&registry, "app.wait"), expected);
    assert_eq!(wait.get().counts, [1, 1, 0, 1]);
}

#[test]
fn exponential_histograms_show_some_of_each_factor_of_two() {
    let registry = registry();
    let size = registry.instrument(&SIZE);
    for (number, value) in [(1, 3.0), (2, 3.5), (3, 5.0), (4, -3.0), (5, 0.0)] {
        size.record_with(value, Some(&trace(number, 1)));
    }
    let expected = [exemplar(3.0, 1), exemplar(5.0, 3)];
    assert_eq!(shown(&registry, "app.size"), expected);
    assert_eq!(size.get().count(), 5);
}

#[test]
fn the_fabrics_own_operations_carry_the_trace_of_their_call() {
    let registry = registry();
    let metrics = FabricMetrics::new(&registry);
    let block = registry.thread_block();
    let failed = FabricEvent::OperationFailed {
        op: OpType::Read,
        error: FabricError::Timeout,
        lease_id: None,
        node: None,
        bytes: 0,
        elapsed_ns: 2_000_000,
    };
    metrics.record_with_in(&block, &failed, Some(&trace(1, 1)));
    let elapsed = Duration::from_micros(20);
    metrics.record_operation_with_in(&block, OpType::Read, elapsed, 1, Some(&trace(2, 1)));
    let shown = metrics.operation_duration.at(OpType::Read).get().exemplars;
    assert_eq!(shown, [exemplar(0.000_02, 2), exemplar(0.002, 1)]);
}

#[test]
fn a_reader_never_pairs_a_value_with_the_trace_of_another() {
    let registry = Registry::new();
    let wait = registry.instrument(&WAIT);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for thread in 0..3_u64 {
            let (wait, done) = (&wait, &done);
            scope.spawn(move || {
                let mut number = thread + 1;
                while !done.load(Ordering::Relaxed) {
                    // All in the last bucket but one, so that they fight for one place.
                    let value = 0.01 + number as f64 * 1e-9;
                    wait.record_with(value, Some(&trace(number, 1)));
                    number = number % 1_000_000 + 3;
                }
            });
        }
        let (mut seen, mut looks) = (0, 0);
        // On a busy machine the first thread may begin after thousands of looks.
        while looks < 3_000 || seen == 0 {
            looks += 1;
            for it in shown(&registry, "app.wait") {
                let number = u64::from_be_bytes(*it.span_id.as_bytes());
                let expected = trace(number, 1);
                assert_eq!(it.trace_id, expected.trace_id);
                assert_eq!(it.value, 0.01 + number as f64 * 1e-9);
                seen += 1;
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

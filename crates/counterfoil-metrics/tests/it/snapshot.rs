//! Snapshots, and figures that are kept elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use counterfoil_core::{MetricValue, names};
use counterfoil_metrics::Registry;

use crate::{DONE, LEVEL, SEEN, WAIT, at, counter, family};

#[test]
fn families_are_sorted_by_name_and_the_same_series_has_the_same_address_each_time() {
    let registry = Registry::new();
    let _wait = registry.instrument(&WAIT);
    let _done = registry.instrument(&DONE);
    let _guard = registry.observe(|out| out.counter(&SEEN, &["a"], 1));
    let (one, two) = (registry.snapshot(at(0)), registry.snapshot(at(1)));
    let names: Vec<_> = one.families.iter().map(|it| &*it.name).collect();
    assert_eq!(
        names,
        [
            "app.done",
            "app.seen",
            "app.wait",
            "counterfoil.metric.source.failed"
        ]
    );
    for (one, two) in one.families.iter().zip(&two.families) {
        assert!(Arc::ptr_eq(&one.name, &two.name));
        assert!(Arc::ptr_eq(&one.series[0].meta, &two.series[0].meta));
    }
}

#[test]
fn observed_figures_are_read_at_each_snapshot_until_the_guard_is_dropped() {
    let registry = Registry::new();
    let offered = Arc::new(AtomicU64::new(3));
    let guard = registry.observe({
        let offered = Arc::clone(&offered);
        move |out| {
            out.counter(&names::EVENT_OFFERED, &[], offered.load(Relaxed));
            out.up_down_counter(&names::EVENT_RING_CAPACITY, &[], 4096);
            out.gauge(&names::AUDIT_ANCHOR_AGE, &[], 1.5);
            out.histogram(&names::AUDIT_SYNC_DURATION, &[], &[0, 2], 0.5);
        }
    });
    assert_eq!(
        counter(&registry.snapshot(at(0)), "counterfoil.event.offered", ""),
        Some(3)
    );
    offered.store(9, Relaxed);
    let snapshot = registry.snapshot(at(1));
    assert_eq!(counter(&snapshot, "counterfoil.event.offered", ""), Some(9));
    let sync = &family(&snapshot, "counterfoil.audit.sync.duration")
        .unwrap()
        .series[0]
        .value;
    assert!(matches!(sync, MetricValue::Histogram(it) if it.count() == 2 && it.counts[1] == 2));
    drop(guard);
    assert_eq!(
        counter(&registry.snapshot(at(2)), "counterfoil.event.offered", ""),
        None
    );
    assert_eq!(Arc::strong_count(&offered), 1);
}

#[test]
fn figures_of_several_sources_are_added_up_and_added_to_what_was_counted() {
    let registry = Registry::new();
    registry.family(&SEEN).with(&["a"]).add(1);
    let _one = registry.observe(|out| out.counter(&SEEN, &["a"], 10));
    let _two = registry.observe(|out| {
        out.counter(&SEEN, &["a"], 100);
        out.counter(&SEEN, &["b"], 5);
        out.gauge(&LEVEL, &[], 0.5);
    });
    let snapshot = registry.snapshot(at(0));
    assert_eq!(counter(&snapshot, "app.seen", "kind=a"), Some(111));
    assert_eq!(counter(&snapshot, "app.seen", "kind=b"), Some(5));
}

#[test]
fn a_source_that_panics_is_contained_and_counted() {
    let registry = Registry::new();
    let _done = registry.instrument(&DONE);
    let _bad = registry.observe(|out| {
        out.counter(&SEEN, &["a"], 1);
        panic!("on purpose");
    });
    let _good = registry.observe(|out| out.counter(&SEEN, &["b"], 2));
    for failures in 1..=2 {
        let snapshot = registry.snapshot(at(0));
        assert_eq!(counter(&snapshot, "app.seen", "kind=b"), Some(2));
        assert_eq!(
            counter(&snapshot, "counterfoil.metric.source.failed", ""),
            Some(failures)
        );
    }
}

#[test]
fn observed_label_sets_are_limited_like_counted_ones() {
    let registry = Registry::builder().cardinality_limit(5).build();
    let _guard = registry.observe(|out| {
        for number in 0..20 {
            out.counter(&SEEN, &[&number.to_string()], 1);
        }
    });
    for _ in 0..2 {
        let snapshot = registry.snapshot(at(0));
        assert_eq!(family(&snapshot, "app.seen").unwrap().series.len(), 6);
        assert_eq!(counter(&snapshot, "app.seen", "overflow=true"), Some(15));
    }
}

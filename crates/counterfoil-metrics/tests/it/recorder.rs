//! The registry as the recorder of the `metrics` facade.

use std::time::Duration;

use counterfoil_core::{MetricKind, MetricValue};
use counterfoil_metrics::{ErrorKind, Registry};
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
    with_local_recorder,
};

use crate::{at, counter as value, family};

#[test]
fn what_any_crate_counts_through_the_macros_lands_in_the_registry() {
    let registry = Registry::new();
    with_local_recorder(&registry, || {
        describe_counter!(
            "orders_started_total",
            Unit::Count,
            "orders that were started"
        );
        describe_gauge!("orders_in_flight", "orders that are not done");
        describe_histogram!("order_time", Unit::Seconds, "time per order");
        counter!("orders_started_total", "tenant" => "a", "kind" => "x").increment(2);
        counter!("orders_started_total", "kind" => "x", "tenant" => "a").increment(1);
        gauge!("orders_in_flight").set(5.0);
        gauge!("orders_in_flight").increment(2.0);
        gauge!("orders_in_flight").decrement(4.0);
        histogram!("order_time").record(Duration::from_millis(5));
        histogram!("order_time").record_many(0.3, 4);
    });
    let snapshot = registry.snapshot(at(0));
    assert_eq!(
        value(&snapshot, "orders_started_total", "kind=x,tenant=a"),
        Some(3)
    );
    let started = family(&snapshot, "orders_started_total").unwrap();
    assert_eq!(
        (&*started.description, &*started.unit),
        ("orders that were started", "")
    );
    let in_flight = family(&snapshot, "orders_in_flight").unwrap();
    assert_eq!(
        (in_flight.kind, &*in_flight.description),
        (MetricKind::Gauge, "orders that are not done")
    );
    assert!(matches!(in_flight.series[0].value, MetricValue::Gauge(it) if (it - 3.0).abs() < 1e-9));
    let time = family(&snapshot, "order_time").unwrap();
    assert_eq!(&*time.unit, "s");
    let MetricValue::Histogram(time) = &time.series[0].value else {
        panic!("a histogram shows as one")
    };
    assert_eq!(time.count(), 5);
    assert!((time.sum - 1.205).abs() < 1e-9);
}

#[test]
fn a_cached_handle_that_was_idle_past_the_limit_loses_no_increment() {
    // The defect of the stock recorder: after its idle timeout a cached handle counts into nothing for ever.
    let registry = Registry::builder()
        .idle_limit(Duration::from_secs(60))
        .build();
    let cached = with_local_recorder(&registry, || counter!("cached"));
    cached.increment(1);
    for time in [0, 61, 122, 1_000] {
        assert_eq!(value(&registry.snapshot(at(time)), "cached", ""), Some(1));
    }
    cached.increment(41);
    with_local_recorder(&registry, || counter!("cached").increment(1));
    assert_eq!(value(&registry.snapshot(at(1_001)), "cached", ""), Some(43));
}

#[test]
fn without_a_cached_handle_an_idle_series_goes_and_comes_back() {
    let registry = Registry::builder()
        .idle_limit(Duration::from_secs(60))
        .build();
    let count = || with_local_recorder(&registry, || counter!("now.and.then").increment(1));
    count();
    for time in [0, 61] {
        assert_eq!(
            value(&registry.snapshot(at(time)), "now.and.then", ""),
            Some(1)
        );
    }
    assert_eq!(value(&registry.snapshot(at(62)), "now.and.then", ""), None);
    count();
    count();
    assert_eq!(
        value(&registry.snapshot(at(63)), "now.and.then", ""),
        Some(2)
    );
}

#[test]
fn absolute_follows_an_external_counter_that_may_be_reported_out_of_order() {
    let registry = Registry::new();
    let external = with_local_recorder(&registry, || counter!("external"));
    for reading in [10, 30, 20] {
        external.absolute(reading);
    }
    assert_eq!(value(&registry.snapshot(at(0)), "external", ""), Some(30));
}

#[test]
fn label_sets_made_up_without_end_do_not_grow_the_registry() {
    let registry = Registry::builder().cardinality_limit(10).build();
    with_local_recorder(&registry, || {
        for number in 0..1_000 {
            counter!("by_user", "user" => number.to_string()).increment(1);
            histogram!("time_by_user", "user" => number.to_string()).record(1.0);
        }
    });
    let snapshot = registry.snapshot(at(0));
    assert_eq!(family(&snapshot, "by_user").unwrap().series.len(), 11);
    assert_eq!(value(&snapshot, "by_user", "overflow=true"), Some(990));
    assert_eq!(
        value(&snapshot, "counterfoil.metric.overflow", "metric=by_user"),
        Some(990)
    );
    assert_eq!(
        value(
            &snapshot,
            "counterfoil.metric.overflow",
            "metric=time_by_user"
        ),
        Some(990)
    );
}

#[test]
fn a_name_used_for_two_kinds_keeps_the_first_and_counts_the_conflict() {
    let registry = Registry::new();
    with_local_recorder(&registry, || {
        counter!("twofold").increment(7);
        gauge!("twofold").set(1.0);
        describe_gauge!("twofold", "not this one");
    });
    let snapshot = registry.snapshot(at(0));
    assert_eq!(value(&snapshot, "twofold", ""), Some(7));
    assert_eq!(
        value(&snapshot, "counterfoil.metric.conflict", "metric=twofold"),
        Some(1)
    );
    assert_eq!(&*family(&snapshot, "twofold").unwrap().description, "");
}

#[test]
fn histograms_of_other_crates_take_the_bounds_that_the_builder_was_given() {
    let registry = Registry::builder()
        .bounds("response_size", &[100.0, 1000.0], Some(5000.0))
        .unwrap()
        .build();
    let size = with_local_recorder(&registry, || histogram!("response_size"));
    size.record(100.0);
    size.record(6000.0);
    let snapshot = registry.snapshot(at(0));
    let MetricValue::Histogram(size) = &family(&snapshot, "response_size").unwrap().series[0].value
    else {
        panic!("a histogram shows as one")
    };
    assert_eq!(size.counts, [1, 0, 1]);
    assert_eq!(
        value(
            &snapshot,
            "counterfoil.metric.over_ceiling",
            "metric=response_size"
        ),
        Some(1)
    );
}

#[test]
fn only_one_registry_can_be_the_recorder_of_the_process() {
    let registry = Registry::new();
    registry.install().unwrap();
    counter!("installed").increment(1);
    std::thread::spawn(|| counter!("installed").increment(1))
        .join()
        .unwrap();
    assert_eq!(value(&registry.snapshot(at(0)), "installed", ""), Some(2));
    let error = Registry::new().install().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyInstalled);
}

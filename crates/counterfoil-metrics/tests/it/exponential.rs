//! Histograms whose bounds the values choose.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use counterfoil_core::{ExponentialBuckets, ExponentialHistogramValue};
use counterfoil_metrics::{ExponentialHistogram, Registry};
use proptest::prelude::*;

use crate::{SIZE, at, counter, family};

/// Bounds of the bucket with this number.
fn bounds(scale: i32, index: i32) -> (f64, f64) {
    let log = |index: i32| f64::from(index) * f64::from(-scale).exp2();
    (log(index).exp2(), log(index + 1).exp2())
}

/// Says in which bucket a magnitude was counted, if in any.
fn bucket_of(scale: i32, buckets: &ExponentialBuckets, magnitude: f64) -> Option<(i32, u64)> {
    buckets.iter().find(|(index, _)| {
        let (lower, upper) = bounds(scale, *index);
        // The helper's powers are rounded; the instrument's own bounds are tested beside its table.
        lower * (1.0 - 1e-12) <= magnitude && magnitude <= upper * (1.0 + 1e-12)
    })
}

fn recorded(values: &[f64]) -> ExponentialHistogramValue {
    let size = Registry::new().instrument(&SIZE);
    values.iter().for_each(|value| size.record(*value));
    size.get()
}

#[test]
fn like_values_are_told_apart_finely_and_unlike_ones_coarsely() {
    let value = recorded(&[100.0, 101.0, 102.0]);
    assert_eq!((value.scale, value.count()), (8, 3));
    assert_eq!(
        value.positive.counts.iter().filter(|it| **it == 1).count(),
        3
    );

    let value = recorded(&[1e-3, 1.0, 1e3]);
    assert_eq!((value.scale, value.count()), (3, 3));
    assert!((value.sum - 1_001.001).abs() < 1e-9);

    let value = recorded(&[f64::MIN_POSITIVE, 5e-324, 1e6]);
    assert_eq!((value.scale, value.count()), (-3, 3));
}

#[test]
fn zero_negative_and_absurd_values_have_places_of_their_own() {
    let value = recorded(&[
        0.0,
        -0.0,
        2.0,
        -2.0,
        -3.0,
        1e300,
        f64::INFINITY,
        -1e300,
        f64::NAN,
        f64::NEG_INFINITY,
    ]);
    assert_eq!(value.zero_count, 2);
    assert_eq!((value.positive.count(), value.negative.count()), (3, 3));
    assert_eq!((value.over_ceiling, value.refused), (3, 2));
    // The ceiling is a million.
    assert!(
        (value.sum - (2.0 - 5.0 + 1e6)).abs() < 1e-6,
        "{}",
        value.sum
    );
}

#[test]
fn threads_at_different_scales_add_up_at_the_coarser_one() {
    let registry = Registry::new();
    let size = registry.instrument(&SIZE);
    let together = Barrier::new(2);
    thread::scope(|scope| {
        for values in [[1.0, 1.001, 1.002], [1e-3, 1.0, 1e3]] {
            let (size, together) = (&size, &together);
            scope.spawn(move || {
                values.iter().for_each(|value| size.record(*value));
                together.wait();
            });
        }
    });
    let value = size.get();
    assert_eq!((value.scale, value.count()), (3, 6));
    assert_eq!(bucket_of(3, &value.positive, 1e-3).unwrap().1, 1);
    assert_eq!(bucket_of(3, &value.positive, 1e3).unwrap().1, 1);
}

#[test]
fn a_durations_unit_is_the_second_and_the_next_thread_counts_on() {
    let size = Registry::new().instrument(&SIZE);
    for _ in 0..3 {
        let size = size.clone();
        thread::spawn(move || size.record_duration(Duration::from_millis(250)))
            .join()
            .unwrap();
    }
    let value = size.get();
    assert_eq!((value.count(), value.sum), (3, 0.75));
    assert_eq!(value.positive.counts, [3]);
}

#[test]
fn reading_meanwhile_sees_every_count_once_though_the_scale_falls() {
    let registry = Registry::new();
    let size = registry.instrument(&SIZE);
    let (first, rounds) = (0.000_1_f64, 60);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..rounds {
                for _ in 0..500 {
                    size.record(first * f64::from(round).exp2());
                    size.record(-first);
                }
            }
        });
        let mut before = (8, 0);
        while !writer.is_finished() {
            let value = size.get();
            assert!(value.scale <= before.0 && value.count() >= before.1);
            assert!(value.positive.counts.len() <= 160);
            before = (value.scale, value.count());
        }
    });
    assert_eq!(size.get().count(), 60_000);
}

#[test]
fn a_registry_shows_it_with_what_was_counted_apart_and_refuses_another_ceiling() {
    counterfoil_core::instruments! {
        /// The same name with another ceiling.
        OTHER: prefix "app.", labels [];

        /// Distribution over bounds that the values choose.
        OTHER_SIZE: ExponentialHistogram("app.size", "By", [], ceiling: 5.0);
    }
    let registry = Registry::new();
    let size: ExponentialHistogram = registry.instrument(&SIZE);
    size.record(2e6);
    size.record(f64::NAN);
    registry.instrument(&OTHER_SIZE).record(1.0);
    let snapshot = registry.snapshot(at(0));
    let shown = family(&snapshot, "app.size").unwrap();
    assert_eq!(shown.kind.as_str(), "exponential histogram");
    assert_eq!(OTHER.instruments.len(), 1);
    for (name, expected) in [
        ("counterfoil.metric.over_ceiling", Some(1)),
        ("counterfoil.metric.refused", Some(1)),
        ("counterfoil.metric.conflict", Some(1)),
    ] {
        assert_eq!(
            counter(&snapshot, name, "metric=app.size"),
            expected,
            "{name}"
        );
    }
}

#[test]
fn when_no_cell_is_left_series_share_the_overflow_series() {
    counterfoil_core::instruments! {
        /// With a label.
        LABELLED: prefix "app.", labels ["kind"];

        /// Distribution by a label.
        SIZES: ExponentialHistogram("app.sizes", "By", ["kind"], ceiling: 1e6);
    }
    let registry = Registry::builder().cardinality_limit(10_000).build();
    let sizes = registry.family(&SIZES);
    for kind in 0..3_100 {
        sizes.with(&[&kind.to_string()]).record(1.0);
    }
    let snapshot = registry.snapshot(at(0));
    let series = &family(&snapshot, "app.sizes").unwrap().series;
    assert!((3_000..3_100).contains(&series.len()), "{}", series.len());
    assert_eq!(LABELLED.check(), Vec::new());
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => (-6.0..5.9_f64).prop_map(|exponent| 10_f64.powf(exponent)),
        4 => 0.1..0.2_f64,
        2 => (-6.0..5.9_f64).prop_map(|exponent| -10_f64.powf(exponent)),
        1 => Just(0.0),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_recorded_is_found_in_the_bucket_of_its_bounds(
        values in prop::collection::vec(any_value(), 1..200),
    ) {
        let value = recorded(&values);
        let side = |positive: bool| if positive { &value.positive } else { &value.negative };
        prop_assert_eq!(value.count(), values.len() as u64);
        prop_assert_eq!(value.zero_count, values.iter().filter(|it| **it == 0.0).count() as u64);
        for recorded in values.iter().filter(|it| **it != 0.0) {
            let found = bucket_of(value.scale, side(*recorded > 0.0), recorded.abs());
            prop_assert!(found.is_some_and(|(_, count)| count > 0), "{} in {:?}", recorded, value);
        }
        for positive in [true, false] {
            prop_assert!(side(positive).counts.len() <= ExponentialHistogramValue::BUCKETS_MAX);
        }
    }
}

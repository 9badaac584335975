//! Labels, limits and conflicts.

use counterfoil_core::{FabricError, MetricValue, OpType};
use counterfoil_metrics::{Builder, ErrorKind, Labels, Registry};

use crate::{DONE, PAINTED, SEEN, at, counter};

counterfoil_core::instruments! {
    /// Names that are taken by another kind, other labels or another unit.
    RIVALS: prefix "app.", labels ["colour"];

    /// Another kind.
    DONE_AS_GAUGE: Gauge("app.done", "{job}", []);
    /// Other labels.
    SEEN_BY_COLOUR: Counter("app.seen", "{job}", ["colour"]);
    /// Another unit.
    DONE_IN_BYTES: Counter("app.done", "By", []);
    /// Bounds.
    WAIT_COARSE: Histogram("app.wait", "s", [], bounds: &[1.0], ceiling: 10.0);
}

#[test]
fn label_values_select_series_and_the_same_values_the_same_one() {
    let registry = Registry::new();
    let seen = registry.family(&SEEN);
    seen.with(&["a"]).add(1);
    seen.with(&["b"]).add(2);
    registry.family(&SEEN).with(&["a"]).add(4);
    let snapshot = registry.snapshot(at(0));
    assert_eq!(counter(&snapshot, "app.seen", "kind=a"), Some(5));
    assert_eq!(counter(&snapshot, "app.seen", "kind=b"), Some(2));
}

#[test]
fn pairs_of_closed_sets_have_a_series_for_each_combination_from_the_start() {
    let registry = Registry::new();
    let painted = registry.by::<(OpType, FabricError), _>(&PAINTED);
    painted.at((OpType::Submit, FabricError::Internal)).add(3);
    painted.at((OpType::Read, FabricError::Timeout)).add(4);
    assert_eq!(painted.get(), 7);
    let snapshot = registry.snapshot(at(0));
    assert_eq!(
        counter(&snapshot, "app.painted", "colour=internal,kind=submit"),
        Some(3)
    );
    assert_eq!(
        counter(&snapshot, "app.painted", "colour=timeout,kind=read"),
        Some(4)
    );
    assert_eq!(
        counter(&snapshot, "app.painted", "colour=timeout,kind=write"),
        Some(0)
    );
    let series = &crate::family(&snapshot, "app.painted").unwrap().series;
    assert_eq!(series.len(), <(OpType, FabricError)>::COUNT);
}

#[test]
fn label_sets_beyond_the_limit_share_the_overflow_series_and_are_counted() {
    let registry = Registry::builder().cardinality_limit(3).build();
    let seen = registry.family(&SEEN);
    for number in 0..10 {
        seen.with(&[&number.to_string()]).add(1);
    }
    seen.with(&["2"]).add(1);
    let snapshot = registry.snapshot(at(0));
    assert_eq!(counter(&snapshot, "app.seen", "kind=2"), Some(2));
    assert_eq!(counter(&snapshot, "app.seen", "kind=3"), None);
    assert_eq!(counter(&snapshot, "app.seen", "overflow=true"), Some(7));
    assert_eq!(
        counter(&snapshot, "counterfoil.metric.overflow", "metric=app.seen"),
        Some(7)
    );
}

#[test]
fn a_name_that_is_taken_gives_a_handle_that_counts_and_is_not_exported_and_the_conflict_is_counted()
{
    let registry = Registry::new();
    let done = registry.instrument(&DONE);
    done.add(1);
    let _seen = registry.family(&SEEN).with(&["a"]);
    let _wait = registry.instrument(&crate::WAIT);

    let gauge = registry.instrument(&DONE_AS_GAUGE);
    gauge.set(9.0);
    assert!((gauge.get() - 9.0).abs() < f64::EPSILON);
    let bytes = registry.instrument(&DONE_IN_BYTES);
    bytes.add(5);
    assert_eq!((bytes.get(), done.get()), (5, 1));
    registry.family(&SEEN_BY_COLOUR).with(&["red"]).add(1);
    let coarse = registry.instrument(&WAIT_COARSE);
    coarse.record(0.5);
    assert_eq!(coarse.get().counts, [1, 0]);

    let snapshot = registry.snapshot(at(0));
    assert_eq!(counter(&snapshot, "app.done", ""), Some(1));
    assert_eq!(counter(&snapshot, "app.seen", "colour=red"), None);
    for (name, conflicts) in [("app.done", 2), ("app.seen", 1), ("app.wait", 1)] {
        let labels = format!("metric={name}");
        assert_eq!(
            counter(&snapshot, "counterfoil.metric.conflict", &labels),
            Some(conflicts),
            "{name}"
        );
    }
    assert_eq!(RIVALS.instruments.len(), 4);
}

#[test]
fn when_no_cell_is_left_label_sets_overflow_and_nothing_breaks() {
    let bounds: Vec<f64> = (0..63).map(f64::from).collect();
    let registry = Registry::builder()
        .cardinality_limit(usize::MAX)
        .bounds("wide", &bounds, None)
        .unwrap()
        .build();
    let first = registry.family(&SEEN).with(&["first"]);
    // Of 524 288 cells such a histogram takes 67.
    let handles: Vec<_> = metrics::with_local_recorder(&registry, || {
        (0..524_288 / 67 + 1)
            .map(|number| metrics::histogram!("wide", "number" => number.to_string()))
            .collect()
    });
    for it in &handles {
        it.record(1.0);
    }
    first.add(3);
    let snapshot = registry.snapshot(at(0));
    assert_eq!(counter(&snapshot, "app.seen", "kind=first"), Some(3));
    let overflowed = counter(&snapshot, "counterfoil.metric.overflow", "metric=wide").unwrap();
    let wide = &crate::family(&snapshot, "wide").unwrap().series;
    assert_eq!(wide.len() as u64, handles.len() as u64 - overflowed + 1);
    let counts = wide.iter().map(|it| match &it.value {
        MetricValue::Histogram(value) => {
            (it.meta.labels[0].0.as_ref() == "overflow", value.count())
        }
        other => panic!("a histogram shows as one, not as {other:?}"),
    });
    for (overflow, count) in counts {
        assert_eq!(
            count,
            u64::from(!overflow),
            "no cell was left for the overflow series either"
        );
    }
}

#[test]
fn names_beyond_the_limit_on_families_are_counted_together() {
    let registry = Registry::new();
    for number in 0..5000 {
        let name: String = format!("made.up.{number}");
        metrics::with_local_recorder(&registry, || metrics::counter!(name).increment(1));
    }
    let snapshot = registry.snapshot(at(0));
    assert_eq!(counter(&snapshot, "made.up.1", ""), Some(1));
    assert_eq!(counter(&snapshot, "made.up.4999", ""), None);
    assert_eq!(
        counter(&snapshot, "counterfoil.metric.overflow", "metric=*"),
        Some(5000 - 4096)
    );
}

#[test]
fn unusable_bounds_are_refused_with_a_sentence_that_says_what_to_give() {
    let refused = |bounds: &[f64], ceiling| {
        let error = Registry::builder()
            .bounds("app.size", bounds, ceiling)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Bounds);
        error.to_string()
    };
    assert_eq!(
        refused(&[2.0, 1.0], None),
        "cannot set the bounds of a histogram: \"app.size\" was given [2.0, 1.0]; give them in ascending order and each once"
    );
    assert!(refused(&[], None).ends_with("give from 1 to 63"));
    assert!(refused(&[0.0; 64], None).ends_with("give from 1 to 63"));
    assert!(refused(&[f64::NAN], None).ends_with("+Inf is always there"));
    assert!(refused(&[1.0], Some(0.5)).ends_with("not below the last bound"));
    assert!(refused(&[1.0], Some(f64::NAN)).ends_with("not below the last bound"));
    let fine: Builder = Registry::builder()
        .bounds("app.size", &[1.0], Some(1.0))
        .unwrap();
    drop(fine.build());
}

//! What each kind of instrument does with its values.

use std::time::Duration;

use counterfoil_metrics::Registry;

use crate::{DONE, HELD, LEVEL, WAIT};

#[test]
fn a_counter_saturates_in_its_cell_and_in_the_sum_over_threads() {
    let registry = Registry::new();
    let done = registry.instrument(&DONE);
    done.add(u64::MAX - 1);
    done.add(5);
    assert_eq!(done.get(), u64::MAX);
    std::thread::spawn({
        let done = done.clone();
        move || done.add(7)
    })
    .join()
    .unwrap();
    assert_eq!(done.get(), u64::MAX);
}

#[test]
fn absolute_raises_a_counter_and_never_lowers_it() {
    let done = Registry::new().instrument(&DONE);
    done.add(5);
    done.absolute(3);
    assert_eq!(done.get(), 5);
    done.absolute(10);
    done.add(2);
    assert_eq!(done.get(), 12);
}

#[test]
fn what_one_thread_takes_another_gives_back() {
    let held = Registry::new().instrument(&HELD);
    held.add(3);
    let other = held.clone();
    std::thread::spawn(move || other.add(-5)).join().unwrap();
    assert_eq!(held.get(), -2);
}

#[test]
fn a_gauge_shows_the_last_value_set_by_any_thread() {
    let level = Registry::new().instrument(&LEVEL);
    level.set(0.25);
    let other = level.clone();
    std::thread::spawn(move || other.set(0.5)).join().unwrap();
    level.add(0.25);
    assert!((level.get() - 0.75).abs() < f64::EPSILON);
}

#[test]
fn a_histogram_puts_a_value_on_a_bound_below_it() {
    let wait = Registry::new().instrument(&WAIT);
    for value in [-1.0, 0.0, 0.001, 0.001_000_1, 0.1, 0.100_1, 10.0] {
        wait.record(value);
    }
    let value = wait.get();
    assert_eq!(value.counts, [3, 1, 1, 2]);
    assert_eq!((value.over_ceiling, value.refused), (0, 0));
    assert!((value.sum - 9.202_1).abs() < 1e-3, "{}", value.sum);
}

#[test]
fn durations_that_lie_on_a_bound_stay_below_it() {
    let wait = Registry::new().instrument(&WAIT);
    wait.record_duration(Duration::from_millis(1));
    wait.record_duration(Duration::from_millis(10));
    wait.record_duration(Duration::from_nanos(10_000_001));
    wait.record_duration(Duration::from_millis(100));
    assert_eq!(wait.get().counts, [1, 1, 2, 0]);
    assert!((wait.get().sum - 0.121_000_001).abs() < 1e-12);
}

#[test]
fn values_above_the_ceiling_count_in_the_last_bucket_and_apart() {
    let wait = Registry::new().instrument(&WAIT);
    wait.record(10.1);
    wait.record(f64::INFINITY);
    wait.record_duration(Duration::MAX);
    let value = wait.get();
    assert_eq!(value.counts, [0, 0, 0, 3]);
    assert_eq!(value.over_ceiling, 3);
    assert!((value.sum - 30.0).abs() < 1e-9, "each adds the ceiling");
}

#[test]
fn what_is_no_number_counts_apart_only() {
    let wait = Registry::new().instrument(&WAIT);
    wait.record(f64::NAN);
    wait.record(f64::NEG_INFINITY);
    let value = wait.get();
    assert_eq!(value.count(), 0);
    assert_eq!(value.refused, 2);
    assert!(value.sum.abs() < f64::EPSILON);
}

#[test]
fn a_block_of_another_registry_does_not_take_what_is_not_its_own() {
    let (one, two) = (Registry::new(), Registry::new());
    let (a, b) = (one.instrument(&DONE), two.instrument(&DONE));
    let block = two.thread_block();
    a.add_in(&block, 3);
    b.add_in(&block, 4);
    assert_eq!((a.get(), b.get()), (3, 4));
}

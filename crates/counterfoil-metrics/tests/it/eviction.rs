//! When a series goes, and when it does not.

use std::time::Duration;

use counterfoil_metrics::Registry;

use crate::{DONE, HELD, LEVEL, SEEN, WAIT, at, counter, family};

fn registry() -> Registry {
    Registry::builder()
        .idle_limit(Duration::from_secs(60))
        .build()
}

#[test]
fn a_series_without_a_handle_goes_when_it_has_been_idle_for_the_limit() {
    let registry = registry();
    let seen = registry.family(&SEEN);
    seen.with(&["a"]).add(1);
    let shown = |time| counter(&registry.snapshot(at(time)), "app.seen", "kind=a");
    assert_eq!(shown(0), Some(1));
    assert_eq!(shown(59), Some(1));
    seen.with(&["a"]).add(1);
    assert_eq!(shown(60), Some(2), "it has changed");
    assert_eq!(shown(119), Some(2));
    assert_eq!(shown(120), Some(2), "shown a last time");
    assert_eq!(shown(121), None);
    seen.with(&["a"]).add(5);
    assert_eq!(shown(122), Some(5), "it starts again at zero");
}

#[test]
fn who_peeks_removes_nothing_and_takes_from_nobody_what_is_shown_a_last_time() {
    let registry = registry();
    let seen = registry.family(&SEEN);
    seen.with(&["a"]).add(1);
    let shown = |time| counter(&registry.snapshot(at(time)), "app.seen", "kind=a");
    let peeked = |time| counter(&registry.peek(at(time)), "app.seen", "kind=a");
    assert_eq!(shown(0), Some(1));
    for time in [60, 1_000] {
        assert_eq!(peeked(time), Some(1));
    }
    assert_eq!(shown(1_000), Some(1), "shown a last time");
    assert_eq!(peeked(1_001), None);
}

#[test]
fn a_series_with_a_handle_stays_however_long_it_is_idle() {
    let registry = registry();
    let kept = registry.family(&SEEN).with(&["a"]);
    kept.add(1);
    for time in [0, 100, 1_000, 10_000] {
        assert_eq!(
            counter(&registry.snapshot(at(time)), "app.seen", "kind=a"),
            Some(1)
        );
    }
    kept.add(41);
    let again = registry.family(&SEEN).with(&["a"]);
    again.add(1);
    assert_eq!(
        counter(&registry.snapshot(at(20_000)), "app.seen", "kind=a"),
        Some(43)
    );
    assert_eq!(again.get(), 43);
}

#[test]
fn without_a_limit_nothing_goes() {
    let registry = Registry::new();
    registry.instrument(&DONE).add(1);
    for time in [0, 1_000_000, 2_000_000] {
        assert_eq!(
            counter(&registry.snapshot(at(time)), "app.done", ""),
            Some(1)
        );
    }
}

#[test]
fn sums_go_only_at_zero_since_they_would_come_back_wrong() {
    let registry = registry();
    registry.instrument(&HELD).add(1);
    registry.instrument(&LEVEL).add(0.5);
    for time in [0, 100, 200] {
        let snapshot = registry.snapshot(at(time));
        assert!(family(&snapshot, "app.held").is_some());
        assert!(family(&snapshot, "app.level").is_some());
    }
    registry.instrument(&HELD).add(-1);
    registry.instrument(&LEVEL).add(-0.5);
    for time in [300, 400] {
        assert!(family(&registry.snapshot(at(time)), "app.held").is_some());
    }
    let snapshot = registry.snapshot(at(401));
    assert!(family(&snapshot, "app.held").is_none());
    assert!(family(&snapshot, "app.level").is_none());
}

#[test]
fn the_cells_of_a_series_that_went_are_zero_for_the_next_one_in_every_block() {
    let registry = registry();
    for round in 0..20_u64 {
        let name = round.to_string();
        let seen = registry.family(&SEEN).with(&[&name]);
        let wait = registry.instrument(&WAIT);
        assert_eq!((seen.get(), wait.get().count()), (0, 0));
        seen.add(1);
        wait.record(0.5);
        std::thread::spawn({
            let (seen, wait) = (seen.clone(), wait.clone());
            move || {
                seen.add(1);
                wait.record(f64::NAN);
            }
        })
        .join()
        .unwrap();
        assert_eq!(
            (seen.get(), wait.get().count(), wait.get().refused),
            (2, 1, 1)
        );
        drop((seen, wait));
        drop(registry.snapshot(at(round * 1_000)));
        drop(registry.snapshot(at(round * 1_000 + 100)));
    }
}

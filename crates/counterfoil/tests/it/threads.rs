//! Threads that come, go and end.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use counterfoil::audit::{AuditLog, Object};
use counterfoil::{DomainRecord, LeaseId, Name, Observer, ResourceType};
use counterfoil_testkit::FakeClock;

use crate::support::{Bench, context};

fn expire(observer: &Observer, lease: u64) {
    observer.lease_expired(
        &context(),
        ResourceType::Mem,
        LeaseId(lease),
        &Name::new("node-a"),
    );
}

#[test]
fn many_short_threads_lose_nothing_in_any_layer() {
    let bench = Bench::new();
    for round in 0..40 {
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let observer = &bench.observer;
                scope.spawn(move || {
                    (0..5).for_each(|call| expire(observer, round * 100 + thread * 10 + call));
                });
            }
        });
    }
    assert_eq!(bench.observer.metrics().leases_expired.get(), 800);
    assert_eq!(bench.observer.events().offered(), 800);
    let sealed = bench.sealed();
    assert_eq!(sealed.len(), 800);
    let lanes: std::collections::BTreeSet<_> = sealed
        .iter()
        .map(|body| body["src"]["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        lanes.len() <= 8,
        "lanes are handed on, not made anew: {lanes:?}"
    );
}

#[test]
fn what_happened_before_on_another_thread_is_sealed_before() {
    let bench = Bench::new();
    for lease in 0..200 {
        let observer = bench.observer.clone();
        std::thread::spawn(move || expire(&observer, lease))
            .join()
            .unwrap();
    }
    let leases: Vec<_> = bench
        .sealed()
        .iter()
        .map(|body| {
            body["keys"]["lease"]
                .as_str()
                .unwrap()
                .parse::<u64>()
                .unwrap()
        })
        .collect();
    assert_eq!(leases, (0..200).collect::<Vec<_>>());
}

/// Records from its destructor. Thread-locals are destroyed in the reverse order of their registration, so one that is
/// touched before the observer's own outlives it.
struct Late(Observer);

impl Drop for Late {
    fn drop(&mut self) {
        expire(&self.0, 2);
    }
}

thread_local! {
    static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
}

#[test]
fn a_call_from_the_destructor_of_a_thread_local_is_recorded_and_does_not_abort() {
    let bench = Bench::new();
    let observer = bench.observer.clone();
    std::thread::spawn(move || {
        LATE.with(|late| *late.borrow_mut() = Some(Late(observer.clone())));
        expire(&observer, 1);
    })
    .join()
    .unwrap();
    assert_eq!(bench.observer.metrics().leases_expired.get(), 2);
    assert_eq!(bench.observer.events().offered(), 2);
    assert_eq!(bench.sealed().len(), 2);
}

#[test]
fn two_observers_on_one_thread_do_not_mix() {
    let (first, second) = (Bench::new(), Bench::new());
    expire(&first.observer, 1);
    expire(&second.observer, 2);
    expire(&second.observer, 3);
    assert_eq!(first.observer.metrics().leases_expired.get(), 1);
    assert_eq!(second.observer.metrics().leases_expired.get(), 2);
    assert_eq!((first.sealed().len(), second.sealed().len()), (1, 2));
}

#[test]
fn calls_of_one_thread_are_sealed_in_their_order_whatever_their_kind() {
    let clock = Arc::new(FakeClock::new());
    let bench = Bench::with_clock(Arc::clone(&clock));
    let put = "vault.object_put".parse().unwrap();
    let mut expected = Vec::new();
    for lease in 1..=5 {
        expire(&bench.observer, lease);
        bench
            .observer
            .record(&context(), DomainRecord::new(&put, Object::new()));
        expected.extend(["lease_expired", "vault.object_put"]);
    }
    clock.step(Duration::from_millis(1));
    let sealed = bench.sealed();
    let kinds: Vec<_> = sealed
        .iter()
        .map(|body| body["event"]["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, expected);
}

#[test]
fn an_observer_that_is_dropped_closes_its_log_although_threads_that_used_it_live_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit");
    let open = || AuditLog::builder(&path, "audit.example.com/test").open();
    let observer = Observer::builder().audit(open().unwrap()).build().unwrap();
    expire(&observer, 1);
    drop(observer);
    // A second writer is refused while the first is there, so this shows that it is gone.
    let again = open().unwrap();
    assert!(again.opened().resumed_seq > 1);
}

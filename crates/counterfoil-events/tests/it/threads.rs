//! Threads that come, go, run out of rings, or are half gone.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use counterfoil_events::EventRingBuffer;

use crate::clock::{acme, buffer, expired, leases, push_at};

#[test]
fn the_ring_of_an_ended_thread_is_adopted_with_its_events() {
    let (events, clock) = buffer(4, 1);
    for n in 1..=3 {
        let (events, clock) = (events.clone(), clock.clone());
        thread::spawn(move || {
            push_at(&events, &clock, n * 10, n);
            push_at(&events, &clock, n * 10 + 1, n);
        })
        .join()
        .unwrap();
    }
    assert_eq!(leases(&events.snapshot()), [2, 2, 3, 3]);
    assert_eq!((events.offered(), events.overwritten()), (6, 2));
    assert_eq!(
        events.shared(),
        0,
        "one ring was enough, one thread after the other"
    );
}

#[test]
fn counts_are_exact_when_many_threads_come_and_go() {
    let (events, _clock) = buffer(16, 3);
    for _round in 0..10 {
        thread::scope(|scope| {
            for _ in 0..5 {
                scope.spawn(|| (0..100).for_each(|n| events.push(&expired(n), &acme())));
            }
        });
    }
    let snapshot = events.snapshot();
    assert_eq!((events.offered(), snapshot.offered()), (5_000, 5_000));
    assert_eq!(snapshot.skipped(), 0);
    assert_eq!(snapshot.overwritten() + snapshot.len() as u64, 5_000);
    assert!(events.len() <= events.capacity());
}

/// Ends the pushing threads, also when an assertion fails, so that a scope does not wait for them for ever.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_snapshot_accounts_for_every_event_while_threads_push() {
    let (events, _clock) = buffer(8, 2);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        for thread in 0..3 {
            let (events, stop) = (&events, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    events.push(&expired(thread), &acme());
                }
            });
        }
        while events.offered() < 100_000 {
            let snapshot = events.snapshot();
            let accounted = snapshot.len() as u64 + snapshot.overwritten() + snapshot.skipped();
            assert_eq!(snapshot.offered(), accounted);
            assert!(snapshot.iter().all(|event| event.context == acme()));
        }
    });
}

#[test]
fn a_thread_without_a_ring_shares_one_until_a_ring_is_free() {
    let (events, _clock) = buffer(4, 1);
    let (first, second) = (events.writer(), events.writer());
    first.push(&expired(1), &acme());
    second.push(&expired(2), &acme());
    second.push(&expired(3), &acme());
    assert_eq!((events.shared(), events.offered()), (2, 3));
    drop(first);
    second.push(&expired(4), &acme());
    assert_eq!((events.shared(), events.offered()), (2, 4));
    assert_eq!(events.snapshot().len(), 4);
}

#[test]
fn a_writer_moves_between_threads_and_outlives_its_buffer() {
    let (events, _clock) = buffer(4, 1);
    let writer = events.writer();
    writer.push(&expired(1), &acme());
    let writer = thread::spawn(move || {
        writer.push(&expired(2), &acme());
        writer
    })
    .join()
    .unwrap();
    assert_eq!(leases(&events.snapshot()), [1, 2]);
    drop(events);
    writer.push(&expired(3), &acme());
}

#[test]
fn buffers_do_not_mix_on_one_thread() {
    let ((one, _), (two, _)) = (buffer(4, 1), buffer(4, 1));
    one.push(&expired(1), &acme());
    two.push(&expired(2), &acme());
    drop(one);
    let (three, _clock) = buffer(4, 1);
    three.push(&expired(3), &acme());
    two.push(&expired(2), &acme());
    assert_eq!(
        (leases(&two.snapshot()), leases(&three.snapshot())),
        (vec![2, 2], vec![3])
    );
}

/// Pushes an event when it is dropped.
struct PushOnDrop(EventRingBuffer);

impl Drop for PushOnDrop {
    fn drop(&mut self) {
        self.0.push(&expired(99), &acme());
    }
}

thread_local! {
    static EARLY: RefCell<Option<PushOnDrop>> = const { RefCell::new(None) };
    static LATE: RefCell<Option<PushOnDrop>> = const { RefCell::new(None) };
}

#[test]
fn destructors_of_thread_locals_may_push_before_and_after_the_ring_is_handed_back() {
    let (events, _clock) = buffer(8, 1);
    let pusher = events.clone();
    thread::spawn(move || {
        // Destructors run in an order that depends on the platform: one of these is registered before this crate's own
        // thread-local and one after it, so in either order one of them runs when that is gone.
        EARLY.with(|local| *local.borrow_mut() = Some(PushOnDrop(pusher.clone())));
        pusher.push(&expired(1), &acme());
        LATE.with(|local| *local.borrow_mut() = Some(PushOnDrop(pusher)));
    })
    .join()
    .unwrap();
    assert_eq!(leases(&events.snapshot()), [1, 99, 99]);
    assert_eq!(
        events.shared(),
        1,
        "the one that came too late took the shared ring"
    );
}

//! Snapshots: what they contain, what they leave out, and what they say about it.

use std::thread;
use std::time::Duration;

use counterfoil_core::{
    Context, EventWords, FabricError, FabricEvent, LeaseId, Name, OpType, Ticks, WorkloadIdentity,
};
use counterfoil_events::{ErrorKind, EventRingBuffer, Filter};

use crate::clock::{acme, at, buffer, expired, leases, push_at, set};

#[test]
fn two_events_are_two_and_a_snapshot_consumes_neither() {
    let events = EventRingBuffer::new();
    assert!(events.is_empty());
    events.push(&expired(7), &acme());
    events.push(&expired(7), &acme());
    assert_eq!(events.len(), 2);
    assert_eq!(events.snapshot().len(), 2);
    assert_eq!(events.clone().snapshot().len(), 2);
}

#[test]
fn an_event_comes_back_as_it_was_pushed() {
    let (events, clock) = buffer(2, 1);
    let context = acme()
        .with_request("a-request-id-that-takes-several-words".parse().unwrap())
        .with_trace(
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                .parse()
                .unwrap(),
        );
    push_at(&events, &clock, 1, 1);
    set(&clock, 5);
    events.push(&expired(9), &context);
    // Shorter than what the slot held before: nothing of the request id may be left over.
    push_at(&events, &clock, 6, 1);
    let snapshot = events.snapshot();
    assert_eq!(snapshot.events()[0].event, expired(9));
    assert_eq!(snapshot.events()[0].context, context);
    assert_eq!(snapshot.events()[0].time, at(5));
    push_at(&events, &clock, 7, 2);
    assert!(
        events
            .snapshot()
            .iter()
            .all(|event| event.context == acme())
    );
}

#[test]
fn a_full_ring_overwrites_the_oldest_and_counts_it() {
    let (events, clock) = buffer(4, 1);
    for n in 1..=10 {
        push_at(&events, &clock, n * 10, n);
    }
    let snapshot = events.snapshot();
    assert_eq!(leases(&snapshot), [7, 8, 9, 10]);
    assert_eq!(
        (events.offered(), events.overwritten(), events.len()),
        (10, 6, 4)
    );
    let counts = (
        snapshot.offered(),
        snapshot.overwritten(),
        snapshot.skipped(),
    );
    assert_eq!(counts, (10, 6, 0));
}

#[test]
fn several_threads_come_out_in_one_order_of_time() {
    let (events, clock) = buffer(8, 4);
    for n in 1..=6 {
        let (events, clock) = (events.clone(), clock.clone());
        thread::spawn(move || push_at(&events, &clock, 100 - n, n))
            .join()
            .unwrap();
    }
    let held_open: Vec<_> = (0..3).map(|_| events.writer()).collect();
    for (n, writer) in (7..).zip(&held_open) {
        set(&clock, n * 7 % 10);
        writer.push(&expired(n), &acme());
    }
    let snapshot = events.snapshot();
    assert_eq!(leases(&snapshot), [9, 8, 7, 6, 5, 4, 3, 2, 1]);
    assert!(snapshot.events().is_sorted_by_key(|event| event.time));
}

#[test]
fn complete_since_is_the_construction_until_something_is_lost() {
    let (events, clock) = buffer(2, 2);
    set(&clock, 50);
    assert_eq!(events.snapshot().complete_since(), at(0));
    push_at(&events, &clock, 60, 1);
    push_at(&events, &clock, 70, 2);
    assert_eq!(events.snapshot().complete_since(), at(0));
    push_at(&events, &clock, 80, 3);
    assert_eq!(
        events.snapshot().complete_since(),
        at(70),
        "the one at 60 is gone"
    );
}

#[test]
fn complete_since_follows_the_ring_that_lost_last() {
    let (events, clock) = buffer(2, 2);
    let (calm, busy) = (events.writer(), events.writer());
    set(&clock, 10);
    calm.push(&expired(1), &acme());
    for n in 2..=5 {
        set(&clock, n * 10);
        busy.push(&expired(n), &acme());
    }
    let snapshot = events.snapshot();
    assert_eq!(leases(&snapshot), [1, 4, 5]);
    assert_eq!(snapshot.complete_since(), at(40));
    // What is whole is whole for a filtered view too.
    assert_eq!(
        events
            .matching(&Filter::new().lease(LeaseId(1)))
            .complete_since(),
        at(40)
    );
}

#[test]
fn complete_since_covers_the_latest_event_that_the_shared_ring_lost() {
    let (events, clock) = buffer(2, 1);
    let _holds_the_only_ring = {
        let writer = events.writer();
        writer.push(&expired(1), &acme());
        writer
    };
    // Threads that share a ring stamp first and wait for each other then: here each in the wrong order.
    for ticks in [30, 20, 10, 5] {
        events.push_words(&EventWords::encode(&expired(ticks), &acme(), Ticks(ticks)));
    }
    set(&clock, 100);
    let snapshot = events.snapshot();
    assert_eq!((leases(&snapshot), events.shared()), (vec![1, 5, 10], 4));
    assert_eq!(
        snapshot.complete_since(),
        at(30),
        "the one at 30 is gone, though the ones at 5 and 10 are there"
    );
}

#[test]
fn windows_include_their_ends() {
    let (events, clock) = buffer(16, 1);
    for n in 1..=9 {
        push_at(&events, &clock, n * 10, n);
    }
    assert_eq!(leases(&events.since(at(70))), [7, 8, 9]);
    assert_eq!(
        leases(&events.around(at(50), Duration::from_nanos(10))),
        [4, 5, 6]
    );
    assert_eq!(leases(&events.around(at(50), Duration::MAX)).len(), 9);
    assert!(events.since(at(91)).is_empty());
}

#[test]
fn times_follow_the_wall_clock_of_the_moment_of_the_snapshot() {
    let (events, clock) = buffer(4, 1);
    push_at(&events, &clock, 10, 1);
    set(&clock, 1_000);
    let snapshot = events.snapshot();
    assert_eq!(
        (snapshot.time(), snapshot.events()[0].time),
        (at(1_000), at(10))
    );
}

#[test]
fn each_key_of_a_filter_narrows_the_view() {
    let (events, _clock) = buffer(16, 1);
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let other = "00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-01";
    let globex = Context::new(WorkloadIdentity::tenant_only("globex"));
    let failed = FabricEvent::OperationFailed {
        op: OpType::Read,
        error: FabricError::Timeout,
        lease_id: Some(LeaseId(4)),
        node: Some(Name::new("node-b")),
        bytes: 0,
        elapsed_ns: 0,
    };
    events.push(&expired(1), &acme().with_trace(trace.parse().unwrap()));
    events.push(&expired(2), &acme().with_trace(other.parse().unwrap()));
    events.push(&expired(3), &globex.with_request("req-1".parse().unwrap()));
    events.push(&failed, &acme());
    events.push(
        &FabricEvent::Reconnected {
            node: Name::new("node-b"),
        },
        &acme(),
    );

    let all = Filter::new;
    let trace_id = trace
        .parse::<counterfoil_core::TraceContext>()
        .unwrap()
        .trace_id;
    assert_eq!(leases(&events.matching(&all().lease(LeaseId(2)))), [2]);
    assert_eq!(leases(&events.matching(&all().node("node-a"))), [1, 2, 3]);
    assert_eq!(events.matching(&all().node("node-b")).len(), 2);
    assert_eq!(leases(&events.matching(&all().tenant("globex"))), [3]);
    assert_eq!(leases(&events.matching(&all().trace(trace_id))), [1]);
    assert_eq!(
        leases(&events.matching(&all().request("req-1".parse().unwrap()))),
        [3]
    );
    assert_eq!(
        leases(&events.matching(&all().tenant("acme").node("node-a"))),
        [1, 2]
    );
    assert!(
        events
            .matching(&all().tenant("globex").lease(LeaseId(1)))
            .is_empty()
    );
}

#[test]
fn words_that_are_no_event_are_counted_as_skipped() {
    let (events, clock) = buffer(4, 1);
    events.push_words(&EventWords::from_slice(&[]));
    push_at(&events, &clock, 1, 1);
    let snapshot = events.snapshot();
    assert_eq!(
        (snapshot.offered(), snapshot.len(), snapshot.skipped()),
        (2, 1, 1)
    );
}

#[test]
fn memory_is_bounded_as_documented() {
    let (events, _clock) = buffer(1_024, 8);
    assert_eq!(events.memory_bound(), (8 + 1) * (1_024 * 192 + 128));
    assert_eq!(
        (events.capacity(), events.ring_capacity()),
        (9 * 1_024, 1_024)
    );
}

#[test]
fn settings_out_of_range_are_refused_with_what_would_do() {
    let refused = |capacity, rings| {
        let error = EventRingBuffer::builder()
            .ring_capacity(capacity)
            .rings(rings)
            .build();
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        error.to_string()
    };
    assert_eq!(
        refused(1_000, 1),
        "cannot build an event ring buffer: a ring capacity of 1000 is not a power of two from 1 to 16777216; \
         take 1024"
    );
    assert!(refused(0, 1).ends_with("take 1"));
    assert!(refused(usize::MAX, 1).ends_with("take 16777216"));
    assert!(refused(1, 0).ends_with("0 rings are not from 1 to 65536"));
}

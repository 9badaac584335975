//! The drain: once each, in order, and exact about what it missed.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use counterfoil_core::Event;
use counterfoil_events::{Drain, DrainCounts, DrainThread, Error, ErrorKind, EventSink};

use counterfoil_testkit::FakeClock;

use crate::clock::{acme, buffer, expired, leases, push_at, set};

/// Keeps events; fails for lease 13 and panics for lease 666.
#[derive(Debug, Default)]
struct Memory(Mutex<Vec<Event>>);

impl Memory {
    fn leases(&self) -> Vec<u64> {
        leases(&*self.0.lock().unwrap())
    }
}

impl EventSink for Memory {
    fn accept(&self, event: &Event) -> Result<(), Error> {
        match event.event.lease_id().unwrap().0 {
            13 => Err(Error::new(
                ErrorKind::Sink,
                "keep an event",
                "13 is not welcome",
            )),
            666 => panic!("a bug in the sink"),
            _ => {
                self.0.lock().unwrap().push(event.clone());
                Ok(())
            }
        }
    }

    fn flush(&self) -> Result<(), Error> {
        Ok(())
    }
}

fn counts(drain: &Drain) -> (u64, u64, u64, u64) {
    let DrainCounts {
        delivered,
        failed,
        missed,
        ..
    } = drain.totals();
    (delivered, failed, missed, drain.pending())
}

#[test]
fn each_event_is_handed_over_once() {
    let (events, clock) = buffer(4, 2);
    let (mut drain, sink) = (Drain::new(events.clone()), Memory::default());
    push_at(&events, &clock, 1, 1);
    push_at(&events, &clock, 2, 2);
    assert_eq!(counts(&drain), (0, 0, 0, 2));
    drain.pass(&sink);
    drain.pass(&sink);
    push_at(&events, &clock, 3, 3);
    drain.pass(&sink);
    assert_eq!(sink.leases(), [1, 2, 3]);
    assert_eq!(counts(&drain), (3, 0, 0, 0));
    assert_eq!(
        events.snapshot().len(),
        3,
        "a drain takes nothing from the buffer"
    );
}

#[test]
fn what_was_overwritten_first_is_counted_exactly() {
    let (events, clock) = buffer(4, 2);
    let (mut drain, sink) = (Drain::new(events.clone()), Memory::default());
    for n in 1..=10 {
        push_at(&events, &clock, n, n);
    }
    let pass = drain.pass(&sink);
    assert_eq!((pass.counts.delivered, pass.counts.missed), (4, 6));
    for n in 11..=25 {
        push_at(&events, &clock, n, n);
    }
    drain.pass(&sink);
    assert_eq!(sink.leases(), [7, 8, 9, 10, 22, 23, 24, 25]);
    assert_eq!(counts(&drain), (8, 0, 17, 0));
    assert_eq!(events.offered(), 25);
}

#[test]
fn a_pass_is_in_time_order_across_threads() {
    let (events, clock) = buffer(8, 4);
    let writers: Vec<_> = (0..3).map(|_| events.writer()).collect();
    for n in 0..12 {
        set(&clock, n);
        writers[(n % 3) as usize].push(&expired(n), &acme());
    }
    let sink = Memory::default();
    Drain::new(events).pass(&sink);
    assert_eq!(sink.leases(), (0..12).collect::<Vec<_>>());
}

#[test]
fn events_stamped_after_the_pass_began_wait_for_the_next() {
    let (events, clock) = buffer(8, 2);
    let (mut drain, sink) = (Drain::new(events.clone()), Memory::default());
    push_at(&events, &clock, 20, 2);
    set(&clock, 10); // as if the event at 20 had been pushed while the pass, begun at 10, was reading
    drain.pass(&sink);
    assert_eq!((sink.leases(), drain.pending()), (vec![], 1));
    let other = events.writer();
    set(&clock, 15);
    other.push(&expired(1), &acme());
    set(&clock, 30);
    drain.pass(&sink);
    assert_eq!(sink.leases(), [1, 2]);
}

#[test]
fn errors_and_panics_of_a_sink_cost_their_own_event_only() {
    let (events, clock) = buffer(8, 1);
    for (at, lease) in [1, 13, 2, 666, 3].into_iter().enumerate() {
        push_at(&events, &clock, at as u64, lease);
    }
    let (mut drain, sink) = (Drain::new(events), Memory::default());
    let pass = drain.pass(&sink);
    assert_eq!(sink.leases(), [1, 2, 3]);
    assert_eq!((counts(&drain), pass.counts.panics), ((3, 2, 0, 0), 1));
    assert_eq!(
        pass.error.unwrap().to_string(),
        "cannot keep an event: 13 is not welcome"
    );
}

#[test]
fn delivered_and_missed_add_up_while_threads_push() {
    let (events, clock) = buffer(32, 2);
    set(&clock, u64::MAX >> 1);
    let (mut drain, sink) = (Drain::new(events.clone()), Memory::default());
    thread::scope(|scope| {
        let pushers: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| (0..20_000).for_each(|_| events.push(&expired(1), &acme()))))
            .collect();
        while !pushers.iter().all(|pusher| pusher.is_finished()) {
            drain.pass(&sink);
        }
    });
    drain.pass(&sink);
    let (delivered, failed, missed, pending) = counts(&drain);
    assert_eq!((failed, pending, delivered + missed), (0, 0, 60_000));
    assert_eq!(sink.leases().len() as u64, delivered);
}

fn started(
    sink: impl EventSink,
) -> (
    DrainThread,
    counterfoil_events::EventRingBuffer,
    Arc<FakeClock>,
) {
    let (events, clock) = buffer(8, 1);
    let thread = DrainThread::start(events.clone(), sink, Duration::from_secs(3_600)).unwrap();
    (thread, events, clock)
}

#[test]
fn stopping_the_thread_hands_over_what_is_left() {
    let sink = Arc::new(Memory::default());
    let (thread, events, clock) = started(Arc::clone(&sink));
    push_at(&events, &clock, 1, 1);
    push_at(&events, &clock, 2, 13);
    let totals = thread.stop(Duration::from_secs(60)).unwrap();
    assert_eq!((totals.delivered, totals.failed), (1, 1));
    assert_eq!(sink.leases(), [1]);
}

/// Takes an event when the test says so.
#[derive(Debug)]
struct Stuck(Mutex<std::sync::mpsc::Receiver<()>>);

impl EventSink for Stuck {
    fn accept(&self, _event: &Event) -> Result<(), Error> {
        let _sender_is_gone = self.0.lock().unwrap().recv();
        Ok(())
    }

    fn flush(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn a_stuck_sink_cannot_hold_the_stop_beyond_its_deadline() {
    let (release, stuck) = std::sync::mpsc::channel();
    let (thread, events, clock) = started(Stuck(Mutex::new(stuck)));
    push_at(&events, &clock, 1, 1);
    let error = thread.stop(Duration::from_millis(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadline);
    drop(release);
}

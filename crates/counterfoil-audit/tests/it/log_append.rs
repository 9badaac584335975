//! Appending: order, tickets, lanes, policies.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use counterfoil_audit::{
    AuditEventData, AuditInput, AuditLog, ErrorKind, ExtensionKind, Object, WhenFull,
};
use counterfoil_core::{Clock, EventWords, Redact, SystemClock, Ticks};
use counterfoil_testkit::{FakeClock, block_on};

use crate::log_support::{LONG, Machine, check_tiling, context, expired, leases, own_kinds};

fn put(name: &str) -> AuditInput {
    let mut object = Object::new();
    object.insert("name", name).unwrap();
    let kind = ExtensionKind::new(&"vault.object_put".into()).unwrap();
    AuditInput::unassigned(AuditEventData::Extension(kind, object))
}

#[test]
fn a_log_begins_and_ends_with_what_it_says_about_itself() {
    let mut machine = Machine::new();
    let log = machine.open();
    log.append_event(&expired(7), &context())
        .wait_durable(LONG)
        .unwrap();
    let report = log.close(LONG);
    assert!(report.finished, "{report:?}");
    let records = machine.records();
    assert_eq!(leases(&records), [7]);
    assert_eq!(
        own_kinds(&records),
        [
            "log_opened",
            "producer_opened",
            "producer_closed",
            "log_closed"
        ]
    );
    assert_eq!(check_tiling(&records), 0);
    assert_eq!(report.durable_seq, records.len() as u64);
    assert_eq!(report.left_unanchored, 0);
}

#[test]
fn whoever_waits_for_ever_waits_until_it_is_there() {
    let mut machine = Machine::new();
    let log = machine.open();
    let ticket = log.append_event(&expired(7), &context());
    ticket.wait_durable(Duration::MAX).unwrap();
    assert!(log.close(Duration::MAX).finished);
}

#[test]
fn one_lane_keeps_the_order_of_its_calls_whatever_kind_of_entry() {
    let mut machine = Machine::new();
    let log = machine.open();
    for lease in 1..=500 {
        log.append_event(&expired(lease), &context());
        log.append(put(&lease.to_string()));
    }
    assert!(log.close(LONG).finished);
    let records = machine.records();
    check_tiling(&records);
    let mut expected = 1;
    for record in &records {
        if let Some(lease) = record.keys().lease {
            assert_eq!(lease.0, expected);
        } else if let Ok(AuditEventData::Extension(_, object)) = record.data() {
            let name = format!("{:?}", object.get("name"));
            assert!(name.contains(&format!("\"{expected}\"")), "{name}");
            expected += 1;
        }
    }
    assert_eq!(expected, 501);
}

#[test]
fn what_happened_before_on_another_thread_is_sealed_before() {
    let mut machine = Machine::new();
    let log = Arc::new(machine.open());
    // A task that migrates: each step runs on another thread, after the one before has returned.
    let turn = Arc::new(AtomicU64::new(1));
    let threads: Vec<_> = (0..3_u64)
        .map(|me| {
            let (log, turn) = (Arc::clone(&log), Arc::clone(&turn));
            thread::spawn(move || {
                let context = context();
                loop {
                    let now = turn.load(Ordering::Acquire);
                    if now > 3_000 {
                        return;
                    }
                    if now % 3 == me {
                        log.append_event(&expired(now), &context);
                        turn.store(now + 1, Ordering::Release);
                    } else {
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(log.close(LONG).finished);
    let records = machine.records();
    assert_eq!(leases(&records), (1..=3_000).collect::<Vec<_>>());
    check_tiling(&records);
}

#[test]
fn entries_are_sealed_in_the_order_of_their_stamps_and_later_ones_are_held() {
    let clock = Arc::new(FakeClock::new());
    clock.set_ticks(Ticks(100));
    let mut machine = Machine::new();
    let log = machine.builder().clock(clock.clone()).open().unwrap();
    let (first, second) = (log.lane(), log.lane());
    let push = |lane: &counterfoil_audit::LaneWriter, lease, ticks| {
        let event = expired(lease);
        let words = EventWords::encode(&event, &context(), Ticks(ticks));
        lane.push_event(&words, &event, &context())
    };
    // Not due before the clock reads 150 and 160.
    let late = push(&first, 3, 150);
    push(&second, 4, 160);
    push(&second, 5, 140);
    assert_eq!(
        log.ticket(late)
            .wait_written(Duration::from_millis(50))
            .unwrap_err()
            .kind(),
        ErrorKind::Timeout
    );
    clock.set_ticks(Ticks(155));
    log.ticket(late).wait_written(LONG).unwrap();
    // Stamped before, offered later: sealed at once.
    let early = push(&first, 2, 120);
    log.ticket(early).wait_written(LONG).unwrap();
    // Two lanes take turns by stamp, once all of it is due.
    for (lane, lease, ticks) in [(&first, 7, 210), (&first, 9, 230), (&second, 6, 205)] {
        push(lane, lease, ticks);
    }
    let last = push(&second, 8, 220);
    clock.set_ticks(Ticks(300));
    log.ticket(last).wait_written(LONG).unwrap();
    drop((first, second));
    assert!(log.close(LONG).finished);
    assert_eq!(leases(&machine.records()), [3, 2, 4, 5, 6, 7, 8, 9]);
}

/// A clock at whose n-th reading by the sealer something happens in the middle of its round.
struct Interleaved {
    ticks: AtomicU64,
    event: Mutex<Option<Interruption>>,
}

type Interruption = (u32, Box<dyn FnOnce() + Send>);

impl std::fmt::Debug for Interleaved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Interleaved")
    }
}

impl Clock for Interleaved {
    fn ticks(&self) -> Ticks {
        if thread::current().name() == Some("audit-sealer") {
            let mut event = self.event.lock().unwrap();
            match event.take() {
                Some((0, interrupt)) => interrupt(),
                Some((left, interrupt)) => *event = Some((left - 1, interrupt)),
                None => {}
            }
        }
        Ticks(self.ticks.fetch_add(1, Ordering::SeqCst))
    }

    fn utc(&self) -> counterfoil_core::Timestamp {
        counterfoil_core::Timestamp::from_unix_seconds(1_767_225_600)
    }
}

#[test]
fn an_entry_that_comes_while_the_sealer_looks_around_does_not_overtake_its_cause() {
    for reading in 0..8 {
        let clock = Arc::new(Interleaved {
            ticks: AtomicU64::new(1_000),
            event: Mutex::new(None),
        });
        let mut machine = Machine::new();
        let log = machine.builder().clock(clock.clone()).open().unwrap();
        let (cause, effect) = (log.lane(), log.lane());
        let (done, wait) = mpsc::channel();
        let stamps = Arc::clone(&clock);
        let interrupt = move || {
            for (lane, lease) in [(&cause, 1), (&effect, 2)] {
                let event = expired(lease);
                let stamp = Ticks(stamps.ticks.fetch_add(1, Ordering::SeqCst));
                let words = EventWords::encode(&event, &context(), stamp);
                lane.push_event(&words, &event, &context());
            }
            done.send(()).unwrap();
        };
        *clock.event.lock().unwrap() = Some((reading, Box::new(interrupt)));
        wait.recv().unwrap();
        assert!(log.close(LONG).finished);
        assert_eq!(leases(&machine.records()), [1, 2], "reading {reading}");
    }
}

#[test]
fn offered_is_stored_and_rejected_and_dropped_under_overload() {
    for policy in [
        WhenFull::Fail,
        WhenFull::DropAndCount,
        WhenFull::Block(Duration::from_micros(200)),
    ] {
        let mut machine = Machine::new();
        let log = Arc::new(
            machine
                .builder()
                .queue_words(256)
                .when_full(policy)
                .open()
                .unwrap(),
        );
        let refused: u64 = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let context = context();
                        (0..2_000)
                            .filter(|lease| {
                                let ticket = log.append_event(&expired(*lease), &context);
                                ticket.queued().is_err()
                            })
                            .count() as u64
                    })
                })
                .collect();
            threads.into_iter().map(|it| it.join().unwrap()).sum()
        });
        assert!(log.close(LONG).finished);
        let figures = log.figures();
        assert_eq!(figures.offered, 16_000);
        assert_eq!(
            figures.offered,
            figures.stored + figures.rejected + figures.dropped,
            "{figures:?}"
        );
        let counted = if policy == WhenFull::DropAndCount {
            figures.dropped
        } else {
            figures.rejected
        };
        assert_eq!(counted, refused, "{figures:?}");
        let records = machine.records();
        assert_eq!(leases(&records).len() as u64, figures.stored);
        assert_eq!(check_tiling(&records), refused);
        assert_eq!(figures.declared_lost, refused);
    }
}

#[test]
fn a_lane_is_handed_on_and_its_numbers_with_it() {
    let mut machine = Machine::new();
    let log = Arc::new(machine.builder().most_lanes(2).open().unwrap());
    for lease in 1..=20 {
        let log = Arc::clone(&log);
        thread::spawn(move || {
            log.append_event(&expired(lease), &context());
        })
        .join()
        .unwrap();
    }
    // The next two threads hold both lanes, and the third has to share.
    let (first, second, third) = (log.lane(), log.lane(), log.lane());
    for (lease, lane) in [(21, &first), (22, &second), (23, &third)] {
        lane.push_event(
            &EventWords::encode(&expired(lease), &context(), SystemClock::new().ticks()),
            &expired(lease),
            &context(),
        );
    }
    drop((first, second, third));
    assert!(log.close(LONG).finished);
    let records = machine.records();
    let mut found = leases(&records);
    found.sort_unstable();
    assert_eq!(found, (1..=23).collect::<Vec<_>>());
    check_tiling(&records);
    let lanes: Vec<_> = records
        .iter()
        .filter(|record| record.keys().lease.is_some())
        .map(|record| record.src().id.lane().to_string())
        .collect();
    assert!(
        lanes
            .iter()
            .all(|lane| ["t0", "t1", "shared"].contains(&lane.as_str()))
    );
    assert_eq!(lanes.iter().filter(|lane| *lane == "shared").count(), 1);
}

#[test]
fn a_call_from_a_late_destructor_of_a_thread_local_is_recorded() {
    struct Late(Arc<AuditLog>, mpsc::Sender<bool>);
    impl Drop for Late {
        fn drop(&mut self) {
            let ticket = self.0.append_event(&expired(2), &context());
            self.1.send(ticket.queued().is_ok()).unwrap();
        }
    }
    thread_local!(static LATE: RefCell<Option<Late>> = const { RefCell::new(None) });

    let mut machine = Machine::new();
    let log = Arc::new(machine.open());
    let (sender, receiver) = mpsc::channel();
    let at_work = Arc::clone(&log);
    thread::spawn(move || {
        // Registered before the log's own thread-local, so destroyed after it.
        LATE.with(|late| *late.borrow_mut() = Some(Late(Arc::clone(&at_work), sender)));
        at_work.append_event(&expired(1), &context());
    })
    .join()
    .unwrap();
    assert!(receiver.recv().unwrap());
    assert!(log.close(LONG).finished);
    let records = machine.records();
    let mut found = leases(&records);
    found.sort_unstable();
    assert_eq!(found, [1, 2]);
    check_tiling(&records);
}

#[test]
fn tickets_are_futures_without_a_runtime_and_dropping_one_cancels_nothing() {
    let mut machine = Machine::new();
    let log = machine.open();
    block_on(log.append_event(&expired(1), &context()).written()).unwrap();
    block_on(log.append(put("x")).durable()).unwrap();
    drop(log.append_event(&expired(2), &context()).durable());
    let owned = log.append_event(&expired(3), &context()).into_owned();
    thread::spawn(move || block_on(owned.durable()).unwrap())
        .join()
        .unwrap();
    assert!(log.close(LONG).finished);
    assert_eq!(leases(&machine.records()), [1, 2, 3]);
}

#[test]
fn a_closed_log_refuses_and_says_so() {
    let mut machine = Machine::new();
    let log = machine.open();
    assert!(log.close(LONG).finished);
    let ticket = log.append_event(&expired(1), &context());
    assert_eq!(ticket.queued().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(
        ticket.wait_durable(LONG).unwrap_err().kind(),
        ErrorKind::Closed
    );
    let figures = log.figures();
    assert_eq!((figures.offered, figures.rejected), (1, 1));
    assert!(log.close(LONG).finished);
}

#[test]
fn an_entry_that_breaks_the_format_is_refused_when_it_is_offered_and_declared() {
    use counterfoil_audit::{LossReason, PayloadDigest, Receipt};
    let mut machine = Machine::new();
    let log = machine.open();
    // No encoder takes a count above 2^53-1.
    let broken = || {
        AuditInput::unassigned(AuditEventData::ObsLogBatch(Receipt {
            count: u64::MAX,
            digest: PayloadDigest::Sha256(counterfoil_core::Digest::ZERO),
            from: counterfoil_core::Timestamp::default(),
            to: counterfoil_core::Timestamp::default(),
        }))
    };
    let tickets: Vec<_> = (0..5_000).map(|_| log.append(broken())).collect();
    for ticket in &tickets {
        assert_eq!(ticket.queued().unwrap_err().kind(), ErrorKind::Invalid);
    }
    log.append(put("after")).wait_durable(LONG).unwrap();
    for ticket in &tickets {
        assert_eq!(
            ticket.wait_durable(LONG).unwrap_err().kind(),
            ErrorKind::Invalid
        );
    }
    assert!(log.close(LONG).finished);
    let figures = log.figures();
    assert_eq!(
        (figures.offered, figures.stored, figures.rejected),
        (5_001, 1, 5_000)
    );
    let records = machine.records();
    assert_eq!(check_tiling(&records), 5_000);
    assert!(records.iter().all(|record| match record.data() {
        Ok(AuditEventData::RecordsLost(lost)) => lost.reason == LossReason::Invalid,
        _ => true,
    }));
}

#[test]
fn only_the_log_writes_records_about_itself_but_callers_report_access() {
    use counterfoil_audit::{CloseReason, LogClosed, LossReason, RecordsLost};
    let mut machine = Machine::new();
    let log = machine.open();
    let forged = [
        AuditEventData::RecordsLost(RecordsLost {
            first_n: 1,
            last_n: 1,
            reason: LossReason::Invalid,
            src: "0000000000000001/t0".parse().unwrap(),
        }),
        AuditEventData::LogClosed(LogClosed {
            reason: CloseReason::Shutdown,
            records: 1,
        }),
    ];
    for data in forged {
        let error = log
            .append(AuditInput::unassigned(data))
            .queued()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("only the log"), "{error}");
    }
    assert!(log.close(LONG).finished);
    let records = machine.records();
    assert_eq!(check_tiling(&records), 2);
    assert_eq!(
        own_kinds(&records),
        [
            "log_opened",
            "producer_opened",
            "records_lost",
            "records_lost",
            "producer_closed",
            "log_closed"
        ]
    );
}

#[test]
fn a_step_of_the_wall_clock_is_declared_and_sealed_time_never_decreases() {
    let clock = Arc::new(FakeClock::new());
    let mut machine = Machine::new();
    let log = machine.builder().clock(clock.clone()).open().unwrap();
    let back = clock.utc().unix_nanos() - 5_000_000_000;
    clock.set_utc(counterfoil_core::Timestamp::from_unix_nanos(back));
    log.append_event(&expired(1), &context())
        .wait_durable(LONG)
        .unwrap();
    assert!(log.close(LONG).finished);
    let records = machine.records();
    let steps: Vec<i64> = records
        .iter()
        .filter_map(|record| match record.data() {
            Ok(AuditEventData::ClockStepped(step)) => Some(step.delta_ns),
            _ => None,
        })
        .collect();
    assert_eq!(steps, [-5_000_000_000]);
    assert!(records.is_sorted_by_key(|record| record.time()));
    assert_eq!(log.figures().clock_steps, 1);
}

#[test]
fn free_text_is_redacted_before_it_is_hashed() {
    #[derive(Debug)]
    struct NoSecrets(Mutex<u32>);
    impl Redact for NoSecrets {
        fn redact(&self, text: &str) -> Option<String> {
            *self.0.lock().unwrap() += 1;
            text.contains("s3cret").then(|| "[REDACTED]".to_owned())
        }

        fn redact_value(&self, _key: &str, value: &str) -> Option<String> {
            self.redact(value)
        }

        fn redact_label(&self, _key: &str, value: &str) -> Option<String> {
            self.redact(value)
        }
    }
    let mut machine = Machine::new();
    let redactor = Arc::new(NoSecrets(Mutex::new(0)));
    let log = machine.builder().redactor(redactor.clone()).open().unwrap();
    log.append(put("the s3cret"));
    log.append_event(&expired(1), &context());
    assert!(log.close(LONG).finished);
    let text = String::from_utf8(machine.files.log_bytes(&machine.dir)).unwrap();
    assert!(!text.contains("s3cret") && text.contains("[REDACTED]"));
    assert!(*redactor.0.lock().unwrap() > 0);
}

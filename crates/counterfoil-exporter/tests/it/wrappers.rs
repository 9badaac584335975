//! Retry, limit and fan-out.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use counterfoil_core::{Event, LogRecord, Severity, Timestamp};
use counterfoil_exporter::{
    Batch, ErrorKind, Exporter, FanOut, Limit, LimitCounts, MemoryExporter, Pacer, Retry,
    RetryPolicy, Signals,
};

use crate::scripted::{Scripted, Step, lines};

/// Notes the delays and does not sleep.
#[derive(Clone, Debug, Default)]
struct Notes(Arc<Mutex<Vec<Duration>>>);

impl Pacer for Notes {
    fn fraction(&self) -> f64 {
        0.5
    }

    fn sleep(&self, duration: Duration) {
        self.0.lock().unwrap().push(duration);
    }
}

fn retry(inner: &Scripted) -> (impl Exporter, Notes) {
    let notes = Notes::default();
    let policy = RetryPolicy::new()
        .attempts(4)
        .first_delay(Duration::from_millis(100));
    let policy = policy.longest_delay(Duration::from_millis(300));
    (
        Retry::new(inner.clone(), policy).with_pacer(notes.clone()),
        notes,
    )
}

fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn stuck() -> (Sender<()>, Step) {
    let (release, wait) = channel();
    (release, Step::Wait(Arc::new(Mutex::new(wait))))
}

#[test]
fn a_retryable_error_is_tried_again_with_growing_delays() {
    let inner = Scripted::new(
        [ErrorKind::Unavailable, ErrorKind::Timeout, ErrorKind::Full].map(Step::Fail),
    );
    let (retry, notes) = retry(&inner);
    retry.export(lines([1])).unwrap();
    assert_eq!((inner.calls(), inner.arrived()), (4, vec![1]));
    assert_eq!(
        *notes.0.lock().unwrap(),
        [75, 150, 225].map(Duration::from_millis)
    );
}

#[test]
fn attempts_are_bounded_and_the_last_error_is_told() {
    let inner = Scripted::new(vec![Step::Fail(ErrorKind::Unavailable); 9]);
    let (retry, notes) = retry(&inner);
    let error = retry.export(lines([1])).unwrap_err();
    assert_eq!((error.kind(), inner.calls()), (ErrorKind::Unavailable, 4));
    assert_eq!(notes.0.lock().unwrap().len(), 3);
}

#[test]
fn what_would_fail_again_is_not_tried_again() {
    let inner = Scripted::new([Step::Fail(ErrorKind::Rejected)]);
    let (retry, notes) = retry(&inner);
    assert_eq!(
        retry.export(lines([1])).unwrap_err().kind(),
        ErrorKind::Rejected
    );
    assert_eq!((inner.calls(), notes.0.lock().unwrap().len()), (1, 0));
}

#[test]
fn a_failure_or_panic_in_one_branch_does_not_reach_the_others() {
    let failing = Scripted::new([Step::Fail(ErrorKind::Unavailable)]);
    let panicking = Scripted::new([Step::Panic]);
    let well = Scripted::new([]);
    let fan_out = FanOut::new()
        .and(failing.clone())
        .and(panicking.clone())
        .and(well.clone());
    let error = fan_out.export(lines([1])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Partial);
    assert!(
        !error.is_retryable(),
        "a second attempt would double what the third has"
    );
    assert_eq!(
        error.to_string(),
        "cannot export to every destination: 2 of 3 exporters failed; see what the first one says"
    );
    let first = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(first, "cannot follow the script: it says so");
    fan_out.export(lines([2])).unwrap();
    assert_eq!(
        [failing, panicking, well].map(|branch| branch.arrived()),
        [vec![2], vec![2], vec![1, 2]]
    );
}

#[test]
fn a_batch_goes_to_those_that_take_its_signal() {
    let (metrics, sealed) = (
        Arc::new(memory(Signals::METRICS)),
        Arc::new(memory(Signals::SEALED)),
    );
    let fan_out = FanOut::new()
        .and(Arc::clone(&metrics))
        .and(Arc::clone(&sealed));
    assert_eq!(fan_out.signals(), Signals::METRICS | Signals::SEALED);
    fan_out.export(lines([1])).unwrap();
    assert_eq!((metrics.batches().len(), sealed.batches().len()), (0, 1));
    let no_events = Batch::from(Vec::<Event>::new());
    assert_eq!(
        fan_out.export(no_events).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
}

fn memory(signals: Signals) -> MemoryExporter {
    MemoryExporter::new(10).with_signals(signals)
}

#[test]
fn a_limit_counts_each_signal_for_itself() {
    let limit = Limit::new(MemoryExporter::new(10), 4).unwrap();
    limit.export(lines([1, 2, 3])).unwrap();
    limit.flush(in_a_minute()).unwrap();
    let logs = vec![a_log_record(); 5];
    let error = limit.export(Batch::from(logs)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    let of = |signal| {
        let counts = limit.counts_of(signal);
        (counts.offered, counts.exported, counts.dropped)
    };
    assert_eq!(of(Signals::SEALED), (3, 3, 0));
    assert_eq!(of(Signals::LOGS), (5, 0, 5));
    assert_eq!(of(Signals::SPANS), (0, 0, 0));
    assert_eq!(limit.counts().offered, 8);
}

fn a_log_record() -> LogRecord {
    LogRecord {
        time: Timestamp::default(),
        severity: Severity::Info,
        event_name: None,
        body: "started".into(),
        attributes: Vec::new(),
        dropped_attributes: 0,
        trace: None,
        request: None,
        scope: "orders".into(),
    }
}

#[test]
fn a_limit_refuses_what_does_not_fit_and_counts_it_exactly() {
    let (release, wait) = stuck();
    let inner = Scripted::new([wait]);
    let limit = Limit::new(inner.clone(), 5).unwrap();
    limit.export(lines([1, 2, 3])).unwrap();
    let error = limit.export(lines([4, 5, 6])).unwrap_err();
    assert_eq!(
        (error.kind(), error.is_retryable()),
        (ErrorKind::Full, true)
    );
    limit.export(lines([7, 8])).unwrap();
    let counts = limit.counts();
    assert_eq!(
        (
            counts.offered,
            counts.dropped,
            counts.queued,
            counts.exported
        ),
        (8, 3, 5, 0)
    );
    drop(release);
    limit.flush(in_a_minute()).unwrap();
    assert_eq!(inner.arrived(), [1, 2, 3, 7, 8]);
    let counts = limit.counts();
    assert_eq!(
        (
            counts.offered,
            counts.dropped,
            counts.queued,
            counts.exported
        ),
        (8, 3, 0, 5)
    );
}

#[test]
fn a_stuck_exporter_cannot_hold_a_flush_beyond_its_deadline() {
    let (release, wait) = stuck();
    let limit = Limit::new(Scripted::new([wait]), 5).unwrap();
    limit.export(lines([1])).unwrap();
    for _ in 0..3 {
        assert_eq!(
            limit.flush(Instant::now()).unwrap_err().kind(),
            ErrorKind::Timeout
        );
    }
    drop(release);
    limit.flush(in_a_minute()).unwrap();
    assert_eq!(limit.counts().exported, 1);
}

#[test]
fn failures_and_panics_behind_a_limit_are_counted_and_told() {
    let inner = Scripted::new([Step::Fail(ErrorKind::Rejected), Step::Panic]);
    let limit = Limit::new(inner.clone(), 10).unwrap();
    for batch in [lines([1, 2]), lines([3]), lines([4])] {
        limit.export(batch).unwrap();
    }
    let told = limit.flush(in_a_minute()).unwrap_err();
    assert_eq!(
        (told.kind(), told.is_retryable()),
        (ErrorKind::Lost, false),
        "a second flush would bring nothing back"
    );
    assert_eq!(
        told.to_string(),
        "cannot flush a queue: 3 items that were accepted did not arrive; see what the first error says"
    );
    let first = std::error::Error::source(&told).unwrap().to_string();
    assert_eq!(first, "cannot follow the script: it says so");
    limit.flush(in_a_minute()).expect("a failure is told once");
    let LimitCounts {
        offered,
        exported,
        failed,
        dropped,
        queued,
        ..
    } = limit.counts();
    assert_eq!(
        (offered, exported, failed, dropped, queued),
        (4, 1, 3, 0, 0)
    );
    assert_eq!(limit.last_error().unwrap().kind(), ErrorKind::Panicked);
    assert_eq!(inner.arrived(), [4]);
}

#[test]
fn a_failure_is_kept_for_the_flush_after_one_that_timed_out() {
    let (release, wait) = stuck();
    let inner = Scripted::new([Step::Fail(ErrorKind::Rejected), wait]);
    let limit = Limit::new(inner, 5).unwrap();
    limit.export(lines([1])).unwrap();
    limit.export(lines([2])).unwrap();
    let timeout = limit.flush(Instant::now()).unwrap_err();
    assert_eq!(timeout.kind(), ErrorKind::Timeout);
    drop(release);
    let told = limit.flush(in_a_minute()).unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Lost);
}

#[test]
fn a_batch_that_can_never_fit_is_refused_for_good() {
    let limit = Limit::new(Scripted::new([]), 2).unwrap();
    let error = limit.export(lines([1, 2, 3])).unwrap_err();
    assert_eq!(
        (error.kind(), error.is_retryable()),
        (ErrorKind::Rejected, false)
    );
    let counts = limit.counts();
    assert_eq!((counts.offered, counts.dropped), (3, 3));
    limit.export(lines([4, 5])).unwrap();
    let nothing_fits = Limit::new(Scripted::new([]), 0).unwrap_err();
    assert_eq!(nothing_fits.kind(), ErrorKind::InvalidConfig);
}

#[test]
fn a_dropped_limit_works_off_its_queue() {
    let (release, wait) = stuck();
    let (done, finished) = channel();
    let inner = Scripted::new([wait]);
    let limit = Limit::new(
        Last {
            inner: inner.clone(),
            _done: Mutex::new(done),
        },
        10,
    )
    .unwrap();
    limit.export(lines([1])).unwrap();
    limit.export(lines([2])).unwrap();
    drop(limit);
    drop(release);
    assert!(
        finished.recv().is_err(),
        "the thread ends and drops the exporter"
    );
    assert_eq!(inner.arrived(), [1, 2]);
}

/// Lets a test wait until the exporter is dropped.
#[derive(Debug)]
struct Last {
    inner: Scripted,
    _done: Mutex<Sender<()>>,
}

impl Exporter for Last {
    fn signals(&self) -> Signals {
        self.inner.signals()
    }

    fn export(&self, batch: Batch) -> Result<(), counterfoil_exporter::Error> {
        self.inner.export(batch)
    }

    fn flush(&self, deadline: Instant) -> Result<(), counterfoil_exporter::Error> {
        self.inner.flush(deadline)
    }
}

#[test]
fn the_memory_exporter_is_bounded() {
    let memory = MemoryExporter::new(3);
    memory.export(lines([1, 2])).unwrap();
    assert_eq!(
        memory.export(lines([3, 4])).unwrap_err().kind(),
        ErrorKind::Full
    );
    memory.clear();
    memory.export(lines([3, 4])).unwrap();
    assert_eq!(memory.batches().len(), 1);
}

//! The end: nothing is lost silently, and nothing hangs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use counterfoil::init::{ExportReport, Report};
use counterfoil::{Context, LeaseId, Name, ResourceType, WorkloadIdentity};
use counterfoil_exporter::{Batch, MemoryExporter, Signals};
use tokio::runtime::Builder;

use super::exporters::{Panics, Stuck, arrived, memory};
use super::{LONG, config, record, start};

/// Long enough for what does not hang.
const SHORT: Duration = Duration::from_millis(300);

fn of<'a>(report: &'a Report, exporter: &str, signal: &str) -> &'a ExportReport {
    let mut found = report.exports.iter();
    found
        .find(|it| it.exporter == exporter && it.signal == signal)
        .unwrap()
}

#[test]
fn everything_that_was_recorded_is_sent_before_the_guard_is_gone() {
    let memory = memory();
    let guard = start(config().exporter("memory", Arc::clone(&memory)));
    let context = Context::new(WorkloadIdentity::tenant_only("acme"));
    let node = Name::new("node-a");
    guard
        .observer()
        .lease_acquired(&context, ResourceType::Mem, LeaseId(7), &node, 4096);
    for _ in 0..1_000 {
        record(&guard);
    }
    let report = guard.shutdown(LONG);

    assert!(report.is_complete(), "{report}");
    assert_eq!(
        report.to_string(),
        "everything was flushed and nothing was lost"
    );
    assert_eq!(arrived(&memory, Signals::SPANS), 1_000);
    assert_eq!(of(&report, "memory", "spans").delivered, 1_000);
    // The one that says that telemetry has started, and the one that says that it ends, come on top.
    assert!(arrived(&memory, Signals::LOGS) >= 1_000);
    assert_eq!(arrived(&memory, Signals::EVENTS), 1);
    assert!(arrived(&memory, Signals::METRICS) > 50);
}

#[test]
fn a_flush_sends_what_there_is_and_leaves_everything_running() {
    let memory = memory();
    let guard = start(config().exporter("memory", Arc::clone(&memory)));
    for round in 1..=3 {
        record(&guard);
        assert!(guard.flush(LONG).is_complete());
        assert_eq!(arrived(&memory, Signals::SPANS), round);
    }
    assert!(guard.shutdown(LONG).is_complete());
}

#[test]
fn dropping_the_guard_flushes_as_well() {
    let memory = memory();
    let guard = start(config().exporter("memory", Arc::clone(&memory)));
    record(&guard);
    drop(guard);
    assert_eq!(arrived(&memory, Signals::SPANS), 1);
}

#[test]
fn a_second_shutdown_gives_the_same_report() {
    let (stuck, _keep) = Stuck::new();
    let guard = start(config().exporter("stuck", stuck));
    record(&guard);
    let first = guard.shutdown(SHORT);
    let second = guard.shutdown(LONG);
    assert_eq!(first.exports, second.exports);
    assert!(!second.finished);
}

#[test]
fn shutdowns_from_two_threads_agree() {
    let memory = memory();
    let guard = start(config().exporter("memory", Arc::clone(&memory)));
    record(&guard);
    let [one, other] = std::thread::scope(|scope| {
        [(); 2]
            .map(|()| scope.spawn(|| guard.shutdown(LONG)))
            .map(|thread| thread.join().unwrap())
    });
    assert_eq!(one.exports, other.exports);
    assert_eq!(arrived(&memory, Signals::SPANS), 1);
}

#[test]
fn an_exporter_that_hangs_is_left_behind_and_what_it_holds_is_told() {
    let (stuck, _keep) = Stuck::new();
    let memory = memory();
    let guard = start(
        config()
            .exporter("stuck", stuck)
            .exporter("memory", Arc::clone(&memory)),
    );
    record(&guard);
    let report = guard.shutdown(SHORT);
    let spans = of(&report, "stuck", "spans");
    assert_eq!((spans.offered, spans.delivered, spans.left), (1, 0, 1));
    assert!(!report.finished && !report.is_complete());
    assert!(
        report
            .to_string()
            .contains("stuck: of 1 spans 0 failed, 0 were dropped and 1 are left"),
        "{report}"
    );
    // It did not use up the time of the other.
    assert_eq!(of(&report, "memory", "spans").delivered, 1);
}

#[test]
fn an_exporter_that_panics_loses_its_own_and_the_counts_say_so() {
    let memory = memory();
    let guard = start(
        config()
            .exporter("panics", Panics)
            .exporter("memory", Arc::clone(&memory)),
    );
    record(&guard);
    let report = guard.shutdown(LONG);
    let spans = of(&report, "panics", "spans");
    assert_eq!((spans.offered, spans.failed, spans.left), (1, 1, 0));
    assert!(report.finished);
    assert_eq!(arrived(&memory, Signals::SPANS), 1);
}

#[test]
fn what_a_queue_has_no_room_for_is_counted_and_shown_as_a_metric() {
    let (stuck, _keep) = Stuck::new();
    let memory = Arc::new(MemoryExporter::new(1_000_000).with_signals(Signals::METRICS));
    let guard = start(
        config()
            .export_queue(1_024)
            .exporter("stuck", stuck)
            .exporter("memory", Arc::clone(&memory)),
    );
    for _ in 0..5_000 {
        record(&guard);
    }
    let report = guard.shutdown(SHORT);
    let spans = of(&report, "stuck", "spans");
    assert_eq!(spans.offered + report.spans_dropped, 5_000);
    assert_eq!(spans.offered, spans.dropped + spans.left, "{report}");
    assert!(spans.dropped > 0);

    let snapshot = guard.observer().snapshot();
    let dropped = counted(&snapshot, "counterfoil.export.dropped", "spans");
    assert_eq!(dropped, spans.dropped);
}

fn counted(snapshot: &counterfoil::MetricSnapshot, name: &str, signal: &str) -> u64 {
    let mut families = snapshot.families.iter();
    let family = families.find(|family| &*family.name == name).unwrap();
    let is_it = |series: &&counterfoil::Series| {
        let labels = &series.meta.labels;
        labels.iter().any(|(_, value)| &**value == signal)
            && labels.iter().any(|(_, value)| &**value == "stuck")
    };
    match family.series.iter().find(is_it).unwrap().value {
        counterfoil::MetricValue::Counter(count) => count,
        _ => panic!("{name} is no counter"),
    }
}

#[test]
fn a_guard_with_an_exporter_that_hangs_can_be_dropped_anywhere() {
    let dropped_in = |run: &dyn Fn(counterfoil::init::Guard)| {
        let (stuck, keep) = Stuck::new();
        let guard = start(config().drop_deadline(SHORT).exporter("stuck", stuck));
        record(&guard);
        run(guard);
        drop(keep);
    };
    let current_thread = Builder::new_current_thread().build().unwrap();
    let multi_thread = Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();

    dropped_in(&|guard| drop(guard));
    dropped_in(&|guard| current_thread.block_on(async { drop(guard) }));
    dropped_in(&|guard| multi_thread.block_on(async { drop(guard) }));
    // On a worker, and on the only one of a current-thread runtime.
    dropped_in(&|guard| {
        multi_thread
            .block_on(multi_thread.spawn(async move { drop(guard) }))
            .unwrap();
    });
    dropped_in(&|guard| {
        current_thread
            .block_on(current_thread.spawn(async move { drop(guard) }))
            .unwrap();
    });
    // While the thread panics.
    dropped_in(&|guard| {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _guard = guard;
            panic!("while the guard is alive");
        }));
        assert!(panicked.is_err());
    });
    // While a thread ends.
    dropped_in(&|guard| {
        std::thread::spawn(move || {
            thread_local! {
                static KEPT: std::cell::RefCell<Option<counterfoil::init::Guard>> =
                    const { std::cell::RefCell::new(None) };
            }
            KEPT.set(Some(guard));
        })
        .join()
        .unwrap();
    });
}

#[test]
fn everything_arrives_from_within_either_runtime() {
    let run = |runtime: tokio::runtime::Runtime| {
        let memory = memory();
        let guard = start(config().exporter("memory", Arc::clone(&memory)));
        runtime.block_on(async {
            record(&guard);
            assert!(guard.shutdown(LONG).is_complete());
        });
        assert_eq!(arrived(&memory, Signals::SPANS), 1);
    };
    run(Builder::new_current_thread().build().unwrap());
    run(Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap());
}

#[test]
fn a_deadline_that_never_comes_is_no_panic() {
    let guard = start(config().drop_deadline(Duration::MAX));
    assert!(guard.flush(Duration::MAX).is_complete());
}

#[test]
fn a_deadline_that_has_passed_already_is_kept() {
    let (stuck, _keep) = Stuck::new();
    let guard = start(config().exporter("stuck", stuck));
    record(&guard);
    assert!(!guard.shutdown(Duration::ZERO).finished);
}

#[cfg(feature = "audit")]
#[test]
fn the_audit_log_is_closed_and_its_last_lines_are_shipped() {
    use counterfoil::Observer;
    use counterfoil::audit::AuditLog;

    let directory = tempfile::tempdir().unwrap();
    let log = AuditLog::builder(directory.path(), "audit.example.com/leases")
        .open()
        .unwrap();
    let observer = Observer::builder().audit(log).build().unwrap();
    let memory = memory();
    let guard = start(
        config()
            .observer(observer.clone())
            .export_sealed(0)
            .exporter("memory", Arc::clone(&memory)),
    );
    let context = Context::new(WorkloadIdentity::tenant_only("acme"));
    let node = Name::new("node-a");
    for lease in 0..2_000 {
        observer.lease_acquired(&context, ResourceType::Mem, LeaseId(lease), &node, 1);
    }
    let report = guard.shutdown(LONG);
    assert!(report.is_complete(), "{report}");

    let batches = memory.batches();
    let shipped: Vec<u8> = batches
        .iter()
        .filter_map(|batch| match batch {
            Batch::Sealed(lines) => Some(lines),
            _ => None,
        })
        .flat_map(|lines| lines.iter().flat_map(|line| line.bytes.clone()))
        .collect();
    let segments = directory.path().join("segments");
    let mut files: Vec<_> = std::fs::read_dir(segments)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let on_disk: Vec<u8> = files
        .iter()
        .flat_map(|path| std::fs::read(path).unwrap())
        .collect();
    assert!(
        shipped == on_disk,
        "every sealed line is shipped, byte for byte"
    );
}

#[cfg(feature = "audit")]
#[test]
fn no_sealed_line_leaves_the_process_unless_that_was_asked_for() {
    use counterfoil::Observer;
    use counterfoil::audit::AuditLog;

    let directory = tempfile::tempdir().unwrap();
    let log = AuditLog::builder(directory.path(), "audit.example.com/leases")
        .open()
        .unwrap();
    let observer = Observer::builder().audit(log).build().unwrap();
    let memory = memory();
    let guard = start(
        config()
            .observer(observer)
            .exporter("memory", Arc::clone(&memory)),
    );
    assert!(guard.shutdown(LONG).is_complete());
    assert_eq!(arrived(&memory, Signals::SEALED), 0);
}

#[test]
fn a_warning_reaches_whoever_takes_log_records_once_and_others_as_an_event() {
    let (all, events) = (
        memory(),
        Arc::new(MemoryExporter::new(1_000).with_signals(Signals::EVENTS)),
    );
    let guard = start(
        config()
            .exporter("all", Arc::clone(&all))
            .exporter("events", Arc::clone(&events)),
    );
    tracing::dispatcher::with_default(guard.dispatch(), || {
        tracing::warn!("a disk is nearly full");
        tracing::info!(counterfoil.event = "vault.object_put", "stored");
    });
    assert!(guard.shutdown(LONG).is_complete());
    assert_eq!(arrived(&events, Signals::EVENTS), 2);
    assert_eq!(arrived(&all, Signals::EVENTS), 1);
    let warnings = all.batches().into_iter().filter_map(|batch| match batch {
        Batch::Logs(logs) => Some(logs.iter().filter(|it| it.body.contains("disk")).count()),
        _ => None,
    });
    assert_eq!(warnings.sum::<usize>(), 1);
}

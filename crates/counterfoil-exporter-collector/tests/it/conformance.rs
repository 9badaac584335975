//! The exporter keeps the contract, and what only it does.

use std::time::{Duration, Instant};

use counterfoil_audit::AuditLog;
use counterfoil_exporter::{Batch, Exporter as _};
use counterfoil_exporter_collector::CollectorExporter;
use counterfoil_testkit::exporter::{conformance, failing};

use crate::support::{FakeCollector, Reply};

fn exporter(collector: &FakeCollector) -> CollectorExporter {
    let chain = "audit.example.com/leases/1".parse().unwrap();
    CollectorExporter::new(collector.client(), chain, None).unwrap()
}

#[test]
fn the_contract_of_exporters_is_kept() {
    conformance(|| {
        let collector = FakeCollector::start();
        collector.state().only_counts = true;
        (exporter(&collector), move || collector.state().counted)
    });
    let refusing = FakeCollector::start();
    refusing.script(vec![Reply::problem(422, "policy"); 20]);
    failing(|| exporter(&refusing));
}

#[test]
fn the_cursor_says_over_restarts_what_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::builder(dir.path().join("audit"), "audit.example.com/leases")
        .open()
        .unwrap();
    let mut follow = log.follow(0);
    log.close(Duration::from_secs(60));
    let lines = follow.read(100).unwrap();
    let collector = FakeCollector::start();
    let cursor = Some(dir.path().join("cursor"));
    let make =
        || CollectorExporter::new(collector.client(), log.chain().clone(), cursor.clone()).unwrap();
    let exporter = make();
    assert_eq!(exporter.acknowledged(), 0);
    exporter.export(Batch::from(lines.clone())).unwrap();
    exporter.flush(Instant::now()).unwrap();
    drop(exporter);
    assert_eq!(make().acknowledged(), lines.len() as u64);
}

#[test]
fn what_was_taken_before_a_refusal_is_no_part_of_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::builder(dir.path().join("audit"), "audit.example.com/leases")
        .open()
        .unwrap();
    let mut follow = log.follow(0);
    log.close(Duration::from_secs(60));
    let mut lines = follow.read(100).unwrap();
    // The third line comes before the second, and does not follow the first.
    lines.swap(1, 2);
    let collector = FakeCollector::start();
    let error = exporter(&collector)
        .export(Batch::from(lines.clone()))
        .unwrap_err();
    assert!(!error.is_retryable());
    assert_eq!(error.rest().unwrap().len(), lines.len() - 1);
}

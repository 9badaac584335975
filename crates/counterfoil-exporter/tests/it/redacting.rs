//! What passes `Redacting`.

use std::sync::Arc;
use std::time::Instant;

use counterfoil_core::{
    Attribute, Digest, LogRecord, MetricSnapshot, REDACTED, Redactor, SealedLine, Severity, Shape,
    Timestamp,
};
use counterfoil_exporter::{Batch, Exporter, MemoryExporter, Redacting, Signals};

fn log(body: &str) -> LogRecord {
    LogRecord {
        time: Timestamp::default(),
        severity: Severity::Info,
        event_name: None,
        body: body.to_owned(),
        attributes: vec![Attribute::new("note", "kept")],
        dropped_attributes: 0,
        trace: None,
        request: None,
        scope: "here".into(),
    }
}

fn passed(batch: impl Into<Batch>) -> Batch {
    let exporter = Redacting::new(MemoryExporter::new(100));
    exporter.export(batch.into()).unwrap();
    exporter.flush(Instant::now()).unwrap();
    exporter.inner().batches().pop().unwrap()
}

#[test]
fn a_batch_without_a_secret_is_passed_on_and_not_copied() {
    let logs: Arc<[LogRecord]> = vec![log("a"), log("b")].into();
    let Batch::Logs(passed) = passed(Batch::Logs(Arc::clone(&logs))) else {
        panic!("another signal came out")
    };
    assert!(Arc::ptr_eq(&logs, &passed));
}

#[test]
fn one_secret_among_many_items_goes_and_all_else_stays_in_its_place() {
    let bodies = ["a", "token=abc", "b", "password=x"];
    let Batch::Logs(passed) = passed(bodies.map(log).to_vec()) else {
        panic!("another signal came out")
    };
    let shown: Vec<_> = passed.iter().map(|log| log.body.as_str()).collect();
    assert_eq!(shown, ["a", "token=[REDACTED]", "b", "password=[REDACTED]"]);
}

#[test]
fn sealed_lines_are_never_changed() {
    let line = SealedLine {
        seq: 1,
        hash: Digest::from_bytes([0; 32]),
        bytes: b"{\"note\":\"password=hunter2\"}\n".to_vec(),
    };
    let Batch::Sealed(passed) = passed(vec![line.clone()]) else {
        panic!("another signal came out")
    };
    assert_eq!(passed[..], [line]);
}

#[test]
fn signals_policy_and_refusals_are_those_of_the_exporter_behind_it() {
    let inner = MemoryExporter::new(100).with_signals(Signals::LOGS);
    let policy = Redactor::builder().keep(Shape::Pair).build();
    let exporter = Redacting::new(inner).with_policy(policy);
    assert_eq!(exporter.signals(), Signals::LOGS);
    assert!(exporter.export(MetricSnapshot::default().into()).is_err());
    exporter
        .export(vec![log("password=x a@example.com")].into())
        .unwrap();
    let shown = format!("{:?}", exporter.inner().batches());
    assert!(
        shown.contains("password=x") && shown.contains(REDACTED),
        "{shown}"
    );
}

//! Every metric that the dashboard and the rules `counterfoil` name is there in a real Prometheus that scrapes a real process.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cookbook_monitoring_stack::{metric_names, rules};
use counterfoil::anchor::FileAnchorStore;
use counterfoil::audit::{AuditLog, AuditLogBuilder};
use counterfoil::init::Config;
use counterfoil::{
    Current, FabricError, FailedOperation, LeaseId, Name, Observer, OpType, ResourceType,
};
use counterfoil_exporter::MemoryExporter;
use counterfoil_testkit::prometheus::Prometheus;

/// A log in a folder, anchored soon.
fn log(folder: &Path) -> AuditLogBuilder {
    let anchors = FileAnchorStore::load_or_unanchored(folder.join("anchor.json")).unwrap();
    AuditLog::builder(folder.join("audit"), "audit.example.com/stack")
        .anchor_store(Arc::new(anchors))
        .anchor_interval(Duration::from_millis(100))
}

/// A log that was found damaged and goes on as its next incarnation: the dashboard shows that too.
fn restarted(folder: &Path) -> AuditLog {
    let whole = log(folder).open().unwrap();
    assert!(whole.close(Duration::from_secs(60)).finished);
    drop(whole);
    let mut segments = fs::read_dir(folder.join("audit/segments")).unwrap();
    let segment = segments.next().unwrap().unwrap().path();
    let file = OpenOptions::new().write(true).open(segment).unwrap();
    file.set_len(20).unwrap();
    let log = log(folder).open_or_restart().unwrap();
    assert!(log.opened().restarted.is_some());
    log
}

#[tokio::test]
async fn every_metric_of_the_dashboard_and_the_rules_of_the_library_is_in_a_real_scrape() {
    let folder = tempfile::tempdir().unwrap();
    let log = restarted(folder.path());
    let observer = Observer::builder().audit(log).build().unwrap();
    let config = Config::new("stack", "1.0.0")
        .observer(observer.clone())
        .metrics_port(0)
        .exporter("memory", MemoryExporter::new(1_000));
    let guard = counterfoil::init(config).unwrap();
    let (lease, node) = (LeaseId(1), Name::new("node-a"));
    let receipt = observer.lease_acquired(&Current, ResourceType::Mem, lease, &node, 4_096);
    receipt.wait_durable(Duration::from_secs(60)).unwrap();
    observer.operation(OpType::Read, Duration::from_micros(120), 4_096);
    let failed = FailedOperation::new(OpType::Write, FabricError::Disconnected);
    observer
        .operation_failed(&Current, failed)
        .wait_durable(Duration::from_secs(60))
        .unwrap();

    let started = Prometheus::builder()
        .job("stack", [guard.metrics_address().unwrap()])
        .rules(rules::folder().join("counterfoil.yml"))
        .start();
    let Some(prometheus) = started else {
        return;
    };
    let named = metric_names("counterfoil").unwrap();
    assert!(named.len() > 40, "{named:#?}");
    let missing = || -> BTreeSet<String> {
        let there = prometheus.metric_names();
        named.difference(&there).cloned().collect()
    };
    // What is recorded needs two scrapes, and an anchor its time.
    prometheus.wait_until("every name is there", || {
        let missing = missing();
        eprintln!("missing: {missing:?}");
        missing.is_empty()
    });
    let report = guard.shutdown(Duration::from_secs(60));
    eprintln!("{report}");
}

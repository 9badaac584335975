//! A log is shipped whole, whatever happens to either side.

use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use counterfoil_audit::{AuditInput, AuditLog, AuditRecord};
use counterfoil_core::{Context, FabricEvent, LeaseId, ResourceType, WorkloadIdentity};
use counterfoil_exporter_collector::{ShipEvent, ShipOptions, ShipState, Shipper};

use crate::support::{FakeCollector, Reply};

const PATIENCE: Duration = Duration::from_secs(60);

fn open(dir: &Path) -> AuditLog {
    AuditLog::builder(dir.join("audit"), "audit.example.com/leases")
        .open()
        .unwrap()
}

fn record(log: &AuditLog, leases: std::ops::Range<u64>) {
    let context = Context::new(WorkloadIdentity::tenant_only("acme"));
    for lease in leases {
        let event = FabricEvent::LeaseAcquired {
            resource_type: ResourceType::Mem,
            lease_id: LeaseId(lease),
            node: "node-a".into(),
            bytes: 4096,
        };
        let input = AuditInput::unassigned_event(&event, &context);
        log.append(input).wait_durable(PATIENCE).unwrap();
    }
}

/// Delays of a test.
fn options() -> ShipOptions {
    ShipOptions::default()
        .poll_interval(Duration::from_millis(5))
        .delays(Duration::from_millis(1), Duration::from_millis(10))
        .chance(|| 0.5)
}

fn start(log: &AuditLog, collector: &FakeCollector) -> Shipper {
    Shipper::start(log, collector.client(), options()).unwrap()
}

/// Waits until `wanted` is so.
fn wait_until(wanted: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !wanted() {
        assert!(Instant::now() < until, "it did not come to that");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Every line of the log, as the files have it.
fn on_disk(dir: &Path) -> Vec<Vec<u8>> {
    let mut segments: Vec<_> = std::fs::read_dir(dir.join("audit/segments"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    segments.sort();
    let bytes: Vec<u8> = segments
        .iter()
        .flat_map(|path| std::fs::read(path).unwrap())
        .collect();
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.map(<[u8]>::to_vec).collect()
}

fn assert_same(dir: &Path, collector: &FakeCollector) {
    let there: Vec<_> = collector
        .state()
        .lines
        .iter()
        .map(|(_, line)| line.clone())
        .collect();
    assert_eq!(there, on_disk(dir));
}

#[test]
fn a_log_arrives_whole_and_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start();
    let log = open(dir.path());
    let shipper = start(&log, &collector);
    record(&log, 0..50);
    let flushed = shipper.flush(PATIENCE);
    assert!(flushed.finished, "{flushed}");
    record(&log, 50..60);
    log.close(PATIENCE);
    let report = shipper.stop(PATIENCE);
    assert!(report.finished, "{report}");
    assert_eq!((report.status.behind, report.status.missed), (0, 0));
    assert_eq!(report.status.state, ShipState::Stopped);
    assert_same(dir.path(), &collector);
    assert!(collector.state().registered.clone().unwrap()["verifier_key"].is_null());
}

#[test]
fn a_collector_that_is_away_holds_up_nobody_and_gets_everything_later() {
    let dir = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start();
    let (client, state) = (collector.client(), collector.state.clone());
    let (told, events) = mpsc::channel();
    drop(collector);
    let log = open(dir.path());
    let options = options().on_event(move |event| told.send(format!("{event:?}")).unwrap());
    let shipper = Shipper::start(&log, client, options).unwrap();
    record(&log, 0..20);
    wait_until(|| shipper.status().failures.contains_key("unreachable"));
    let status = shipper.status();
    assert_eq!(
        (status.state, status.acknowledged),
        (ShipState::Retrying, 0)
    );
    assert!(status.behind >= 20, "{status:?}");
    assert!(events.recv().unwrap().starts_with("Failing"));
    let report = shipper.stop(Duration::ZERO);
    assert!(!report.finished);
    assert!(
        report.to_string().contains("are left in the log"),
        "{report}"
    );

    // It comes back elsewhere, and so does the shipper.
    let collector = FakeCollector::with(state);
    let shipper = start(&log, &collector);
    assert!(shipper.flush(PATIENCE).finished);
    log.close(PATIENCE);
    assert!(shipper.stop(PATIENCE).finished);
    assert_same(dir.path(), &collector);
}

#[test]
fn restarts_of_the_service_lose_and_double_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start();
    for round in 0..5 {
        let log = open(dir.path());
        let shipper = start(&log, &collector);
        record(&log, round * 10..round * 10 + 10);
        // Dropped in the middle, whatever is under way.
        drop(shipper);
        log.close(PATIENCE);
    }
    let log = open(dir.path());
    let shipper = start(&log, &collector);
    log.close(PATIENCE);
    assert!(shipper.stop(PATIENCE).finished);
    assert_same(dir.path(), &collector);
}

#[test]
fn an_answer_that_is_lost_is_no_record_that_is_doubled() {
    let dir = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start();
    let log = open(dir.path());
    let shipper = start(&log, &collector);
    record(&log, 0..5);
    assert!(shipper.flush(PATIENCE).finished);
    let _report = shipper.stop(PATIENCE);
    // As after a crash between the answer and the cursor: the cursor is of an earlier record.
    let cursor = dir.path().join("audit.shipped");
    let first = &collector.state().lines[0].0.to_string();
    let chain = log.chain();
    let text = format!(r#"{{"chain":"{chain}","seq":1,"hash":"{first}"}}"#);
    std::fs::write(&cursor, text).unwrap();
    let shipper = start(&log, &collector);
    record(&log, 5..8);
    log.close(PATIENCE);
    assert!(shipper.stop(PATIENCE).finished);
    assert_same(dir.path(), &collector);
    let stored = std::fs::read_to_string(&cursor).unwrap();
    let last = collector.state().lines.len();
    assert!(stored.contains(&format!("\"seq\":{last},")), "{stored}");
}

#[test]
fn a_collector_that_lost_its_end_is_sent_it_again_and_that_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start();
    let log = open(dir.path());
    let shipper = start(&log, &collector);
    record(&log, 0..10);
    assert!(shipper.flush(PATIENCE).finished);
    let _report = shipper.stop(PATIENCE);
    collector.state().lines.truncate(4);
    let shipper = start(&log, &collector);
    assert!(shipper.flush(PATIENCE).finished);
    assert_eq!(shipper.status().rewound, 1);
    log.close(PATIENCE);
    assert!(shipper.stop(PATIENCE).finished);
    assert_same(dir.path(), &collector);
}

#[test]
fn a_collector_with_another_history_stops_shipping_and_loses_nothing() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let collector = FakeCollector::start();
    let log = open(other.path());
    let shipper = start(&log, &collector);
    log.close(PATIENCE);
    assert!(shipper.stop(PATIENCE).finished);

    let log = open(dir.path());
    let (told, events) = mpsc::channel();
    let options = options().on_event(move |event| {
        if let ShipEvent::Halted { state, why } = event {
            told.send((*state, (*why).to_owned())).unwrap();
        }
    });
    record(&log, 0..10);
    let shipper = Shipper::start(&log, collector.client(), options).unwrap();
    let (state, why) = events.recv_timeout(PATIENCE).unwrap();
    assert_eq!(state, ShipState::Forked);
    assert!(why.contains("two histories"), "{why}");
    let report = shipper.stop(PATIENCE);
    assert!(!report.finished && report.status.state == ShipState::Forked);
    assert_eq!(collector.state().lines.len(), on_disk(other.path()).len());
    log.close(PATIENCE);
    assert!(on_disk(dir.path()).len() > 10);
}

#[test]
fn a_log_that_lost_its_end_does_not_ship_over_what_the_collector_has() {
    let dir = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start();
    let log = open(dir.path());
    let shipper = start(&log, &collector);
    record(&log, 0..5);
    assert!(shipper.flush(PATIENCE).finished);
    let _report = shipper.stop(PATIENCE);
    let last = collector.state().lines.last().cloned().unwrap();
    collector.state().lines.extend(vec![last; 10]);
    let shipper = start(&log, &collector);
    wait_until(|| shipper.status().state == ShipState::Forked);
    let status = shipper.status();
    assert!(status.last_error.unwrap().contains("restored from a copy"));
}

#[test]
fn refusals_that_pass_are_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start();
    let codes = [
        (429, "rate_limited"),
        (503, "overloaded"),
        (507, "disk_full"),
        (401, "unauthenticated"),
        (500, "internal"),
    ];
    collector.script(codes.map(|(status, code)| Reply::problem(status, code)));
    let log = open(dir.path());
    let shipper = start(&log, &collector);
    record(&log, 0..10);
    wait_until(|| shipper.status().behind == 0);
    let failures = shipper.status().failures;
    for (_, code) in codes {
        assert_eq!(failures.get(code), Some(&1), "{failures:?}");
    }
    log.close(PATIENCE);
    assert!(shipper.stop(PATIENCE).finished);
    assert_same(dir.path(), &collector);
}

#[test]
fn a_record_that_is_refused_twice_stops_shipping() {
    let dir = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start();
    let mut refusal = Reply::problem(422, "policy");
    refusal.body = refusal.body.replace('}', ",\"seq\":1}");
    collector.script([refusal.clone(), refusal]);
    let log = open(dir.path());
    let shipper = start(&log, &collector);
    wait_until(|| shipper.status().state == ShipState::Refused);
    assert_eq!(shipper.status().failures["policy"], 2);
    assert_eq!(collector.state().uploads, 2);
}

#[test]
fn requests_are_as_small_as_the_collector_wants_them() {
    let dir = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start();
    let log = open(dir.path());
    record(&log, 0..40);
    collector.script(vec![Reply::problem(413, "too_large"); 3]);
    let options = options().max_request(16 << 10);
    let shipper = Shipper::start(&log, collector.client(), options).unwrap();
    log.close(PATIENCE);
    assert!(shipper.stop(PATIENCE).finished);
    assert_same(dir.path(), &collector);
    assert!(
        collector.state().largest <= 2 << 10,
        "{}",
        collector.state().largest
    );
}

#[test]
fn the_oldest_record_that_is_not_there_has_its_time_in_the_status() {
    let dir = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start();
    collector.script([Reply {
        retry_after: Some(600),
        ..Reply::problem(503, "stopping")
    }]);
    let log = open(dir.path());
    let shipper = start(&log, &collector);
    wait_until(|| shipper.status().state == ShipState::Retrying);
    let first = AuditRecord::parse(&on_disk(dir.path())[0]).unwrap();
    assert_eq!(shipper.status().oldest_unsent, Some(first.time()));
    // A flush does not wait for the ten minutes.
    assert!(shipper.flush(PATIENCE).finished);
    assert_eq!(shipper.status().oldest_unsent, None);
}

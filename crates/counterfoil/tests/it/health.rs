//! The built-in health checks on real logs, disks, keys and clocks, and health as metrics.

use std::sync::Arc;
use std::time::Duration;

use counterfoil::audit::{AuditLog, FileSystem};
use counterfoil::health::{
    self, CheckReport, ExporterFigures, Health, HealthBuilder, Outcome, Registration, Status,
};
use counterfoil::signer::{NullSigner, SignError, Signer};
use counterfoil::{
    Clock, FabricEvent, LeaseId, MetricValue, Observer, ResourceType, SystemClock, Timestamp,
};
use counterfoil_testkit::FakeClock;
use counterfoil_testkit::files::{Faults, MemFiles};

use crate::support::{PATIENCE, context};

/// The check of this name, once it is as `wanted`; the test fails if that never comes.
fn eventually(health: &Health, name: &str, wanted: impl Fn(&CheckReport) -> bool) -> CheckReport {
    let mut last = None;
    for _ in 0..10_000 {
        let checks = health.report().checks;
        last = checks.into_iter().find(|check| &*check.name == name);
        if let Some(check) = last.clone().filter(|check| wanted(check)) {
            return check;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("the check {name} never became as wanted: {last:?}")
}

fn builder() -> HealthBuilder {
    Health::builder("orders", "1.2.3")
}

/// What one call of `check` finds.
fn looked_at(check: Registration) -> CheckReport {
    let name = check.name().to_owned();
    let health = builder().check(check).start().unwrap();
    eventually(&health, &name, |check| check.runs > 0)
}

fn quick(check: Registration) -> Registration {
    check.interval(Registration::MIN_TIME)
}

fn lease(id: u64) -> FabricEvent {
    FabricEvent::LeaseExpired {
        resource_type: ResourceType::Mem,
        lease_id: LeaseId(id),
        node: "node-a".into(),
    }
}

/// A log whose files are in memory and fail as `faults` says once it is open.
fn log_with(faults: Faults) -> AuditLog {
    let files = MemFiles::default();
    files.create_dir("/log".as_ref()).unwrap();
    let log = AuditLog::builder("/log/audit", "audit.example.com/health")
        .file_system(Arc::new(files.clone()))
        .open()
        .unwrap();
    files.set(faults);
    log
}

#[test]
fn a_log_on_a_disk_with_room_is_healthy_in_every_respect() {
    let directory = tempfile::tempdir().unwrap();
    let log = AuditLog::builder(directory.path().join("audit"), "audit.example.com/health")
        .open()
        .unwrap();
    let checks = health::of_audit_log(&log);
    let names: Vec<_> = checks.iter().map(|check| check.name().to_owned()).collect();
    assert_eq!(
        names,
        [
            "audit-disk",
            "audit-writable",
            "audit-queue",
            "audit-anchor",
            "clock"
        ]
    );
    let health = builder().checks(checks).start().unwrap();
    log.append_event(&lease(1), &context())
        .wait_durable(PATIENCE)
        .unwrap();
    for name in &names[1..] {
        eventually(&health, name, |check| check.status == Status::Healthy);
    }
    // The disk that the test runs on may be as full as it likes.
    let disk = eventually(&health, "audit-disk", |check| check.runs > 0);
    let size = disk.figures.iter().find(|figure| figure.name == "size");
    assert!(size.unwrap().value > 0.0);
}

#[test]
fn a_disk_that_cannot_be_looked_at_is_unhealthy() {
    let check = looked_at(health::disk_space(
        "disk",
        "/no/such/directory",
        health::DISK_LIMITS,
    ));
    assert_eq!(check.status, Status::Unhealthy);
    assert!(check.message.unwrap().contains("/no/such/directory"));
}

#[test]
fn a_log_that_lost_a_segment_to_a_failed_sync_is_degraded() {
    let log = log_with(Faults {
        failing_syncs: Some((0, 1)),
        ..Faults::default()
    });
    let health = builder()
        .check(quick(health::audit_writable(&log, health::WRITABLE_LIMITS)))
        .start()
        .unwrap();
    // Durable in the next segment.
    log.append_event(&lease(1), &context())
        .wait_durable(PATIENCE)
        .unwrap();
    let check = eventually(&health, "audit-writable", |check| {
        check.status == Status::Degraded
    });
    assert!(
        check
            .message
            .unwrap()
            .contains("writing or syncing has failed")
    );
}

#[test]
fn a_log_that_stopped_for_want_of_space_is_unhealthy() {
    let log = log_with(Faults {
        space: Some(0),
        ..Faults::default()
    });
    let health = builder()
        .check(quick(health::audit_writable(&log, health::WRITABLE_LIMITS)))
        .check(quick(health::audit_queue(&log, health::QUEUE_LIMITS)))
        .start()
        .unwrap();
    eventually(&health, "audit-writable", |check| check.runs > 0);
    log.append_event(&lease(1), &context())
        .wait_durable(PATIENCE)
        .unwrap_err();
    let check = eventually(&health, "audit-writable", |check| {
        check.status == Status::Unhealthy
    });
    let message = check.message.unwrap();
    assert!(message.starts_with("the log has stopped"), "{message}");
    assert!(!health.report().is_ready());
}

#[test]
fn a_log_that_was_closed_is_unhealthy() {
    let log = log_with(Faults::default());
    let check = health::audit_writable(&log, health::WRITABLE_LIMITS);
    assert!(log.close(PATIENCE).finished);
    assert_eq!(
        looked_at(check).message.as_deref(),
        Some("the log is closed")
    );
}

/// A signer with these habits.
#[derive(Debug)]
struct Odd {
    clock: Arc<FakeClock>,
    takes: Duration,
    signature: Result<Vec<u8>, ()>,
}

impl Signer for Odd {
    fn verifier_key(&self) -> Option<&counterfoil::signer::VerifierKey> {
        None
    }

    fn sign(&self, _message: &[u8]) -> Result<Option<Vec<u8>>, SignError> {
        self.clock.step(self.takes);
        let signature = self.signature.clone();
        signature
            .map(Some)
            .map_err(|()| SignError::from_source("the token is locked"))
    }
}

fn key(takes: u64, signature: Result<Vec<u8>, ()>) -> CheckReport {
    let clock = Arc::new(FakeClock::new());
    let signer = Arc::new(Odd {
        clock: Arc::clone(&clock),
        takes: Duration::from_secs(takes),
        signature,
    });
    looked_at(health::key_available(
        "key",
        signer,
        clock,
        health::KEY_LIMITS,
    ))
}

#[test]
fn a_key_is_judged_by_whether_it_signs_and_how_fast() {
    assert_eq!(key(0, Ok(vec![1])).status, Status::Healthy);
    assert_eq!(key(1, Ok(vec![1])).status, Status::Degraded);
    assert_eq!(key(5, Ok(vec![1])).status, Status::Unhealthy);
    let failed = key(0, Err(()));
    assert_eq!(failed.status, Status::Unhealthy);
    assert!(failed.message.unwrap().starts_with("the key cannot sign"));
}

#[test]
fn a_signer_without_a_key_is_degraded() {
    let signer = Arc::new(NullSigner);
    let clock = SystemClock::new();
    let check = looked_at(health::key_available(
        "key",
        signer,
        clock,
        health::KEY_LIMITS,
    ));
    assert_eq!(check.status, Status::Degraded);
    assert_eq!(
        check.message.as_deref(),
        Some("there is no key: nothing is signed")
    );
}

#[cfg(feature = "ed25519")]
#[test]
fn a_real_key_signs() {
    use counterfoil::signer::Ed25519Signer;
    let signer = Ed25519Signer::from_seed("audit.example.com/health/1", &[7; 32]).unwrap();
    let clock = SystemClock::new();
    let limits = health::Limits {
        degraded: Duration::from_secs(600),
        unhealthy: Duration::from_secs(600),
    };
    let check = looked_at(health::key_available(
        "key",
        Arc::new(signer),
        clock,
        limits,
    ));
    assert_eq!(check.status, Status::Healthy);
}

#[test]
fn a_wall_clock_that_is_set_is_seen() {
    let clock = Arc::new(FakeClock::new());
    let check = quick(health::clock_steps(
        Arc::clone(&clock),
        health::CLOCK_LIMITS,
    ));
    let health = builder().check(check).start().unwrap();
    eventually(&health, "clock", |check| check.status == Status::Healthy);
    let set = clock.utc().unix_nanos() - 2_000_000_000;
    clock.set_utc(Timestamp::from_unix_nanos(set));
    let check = eventually(&health, "clock", |check| check.status == Status::Degraded);
    assert_eq!(
        check.message.as_deref(),
        Some(
            "the wall clock stepped by -2.000 s in the last ten minutes; look at time synchronisation"
        )
    );
}

#[test]
fn an_exporter_is_judged_by_the_figures_of_whoever_drives_it() {
    let behind = |seconds| {
        let figures = ExporterFigures {
            waiting: 3,
            lost: 0,
            since_delivery: Duration::from_secs(seconds),
        };
        looked_at(health::exporter_lag(
            "otlp",
            move || figures,
            health::EXPORTER_LIMITS,
        ))
        .status
    };
    assert_eq!(behind(1), Status::Healthy);
    assert_eq!(behind(100), Status::Degraded);
    assert_eq!(behind(1_000), Status::Unhealthy);
}

#[test]
fn health_is_metrics_as_well_and_they_end_with_it() {
    let failing = health::from_fn(|| async { Outcome::unhealthy("down") });
    let health = builder()
        .check(Registration::new("database", failing))
        .start()
        .unwrap();
    eventually(&health, "database", |check| check.runs > 0);
    let observer = Observer::builder().health(&health).build().unwrap();

    let value = |name: &str, labels: &[&str]| {
        let families = observer.snapshot().families;
        let family = families.into_iter().find(|family| &*family.name == name)?;
        let series = family.series.into_iter().find(|series| {
            let values = series.meta.labels.iter().map(|(_, value)| &**value);
            values.eq(labels.iter().copied())
        })?;
        Some(match series.value {
            MetricValue::UpDownCounter(value) => value as f64,
            MetricValue::Counter(value) => value as f64,
            MetricValue::Gauge(value) => value,
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(value("counterfoil.health.ready", &[]), Some(0.0));
    assert_eq!(
        value("counterfoil.health.status", &["unhealthy"]),
        Some(1.0)
    );
    assert_eq!(value("counterfoil.health.status", &["healthy"]), Some(0.0));
    let of_check = "counterfoil.health.check.status";
    assert_eq!(value(of_check, &["database", "unhealthy"]), Some(1.0));
    assert_eq!(value(of_check, &["database", "degraded"]), Some(0.0));
    assert_eq!(
        value("counterfoil.health.check.failed", &["database"]),
        Some(1.0)
    );
    assert_eq!(
        value("counterfoil.health.check.timeout", &["database"]),
        Some(0.0)
    );
    assert!(value("counterfoil.health.check.age", &["database"]).is_some());
    assert!(value("counterfoil.health.check.duration", &["database"]).is_some());

    drop(health);
    assert_eq!(value("counterfoil.health.ready", &[]), None);
}

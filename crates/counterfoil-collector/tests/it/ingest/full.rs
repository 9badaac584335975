//! A full disk: refused, said, nothing acknowledged lost, and gone by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use counterfoil::health::Health;
use counterfoil_collector::{Collector, Reason};
use counterfoil_testkit::files::{Faults, MemFiles};

use super::producer::unsigned;
use super::{builder, caller, register, send};

/// What `/readyz` answers, once the check has been looked at again.
fn readiness(health: &Health, wanted: u16) {
    while health.page("/readyz", None, None).unwrap().status != wanted {
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn health_of(collector: &Collector) -> Health {
    let checks = collector.health_checks().into_iter().filter(|check| {
        // The others look at the disk of the machine that runs the tests.
        check.name() == "collector-storage"
    });
    let checks = checks.map(|check| check.interval(Duration::from_millis(10)));
    Health::builder("collector", "0")
        .checks(checks)
        .start()
        .unwrap()
}

#[tokio::test]
async fn a_disk_that_fills_up_is_said_and_what_was_acknowledged_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let files = MemFiles::default();
    let collector = builder(dir.path())
        .file_system(Arc::new(files.clone()))
        .start()
        .unwrap();
    let acme = caller("acme");
    let log = unsigned("audit.example.com/leases", 60);
    register(&collector, &acme, &log);
    let ack = send(&collector, &acme, &log, &[log.some(1, 21)])
        .await
        .unwrap();
    assert_eq!(ack.acknowledged, 20);
    let health = health_of(&collector);
    readiness(&health, 200);

    files.set(Faults {
        space: Some(1_000),
        ..Faults::default()
    });
    let rest = log.some(21, log.lines.len() + 1);
    let refusal = send(&collector, &acme, &log, std::slice::from_ref(&rest))
        .await
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::DiskFull);
    assert_eq!(refusal.reason.status(), 507);
    assert_eq!(refusal.acknowledged, Some(20));
    assert!(refusal.retry_after.is_some());
    readiness(&health, 503);
    assert_eq!(
        collector.chains(&acme).unwrap()[0]
            .durable
            .as_ref()
            .unwrap()
            .seq,
        20
    );

    files.set(Faults::default());
    let ack = loop {
        match send(&collector, &acme, &log, std::slice::from_ref(&rest)).await {
            Ok(ack) => break ack,
            Err(refusal) => assert!(
                matches!(refusal.reason, Reason::DiskFull | Reason::Internal),
                "{refusal:?}"
            ),
        }
    };
    assert_eq!(ack.acknowledged, log.seq());
    readiness(&health, 200);
    let now = collector.records(&acme.tenant);
    assert_eq!(
        now.offered,
        now.stored + now.rejected + now.dropped,
        "{now:?}"
    );
}

#[tokio::test]
async fn below_the_reserve_records_are_refused_before_the_disk_is_full() {
    let dir = tempfile::tempdir().unwrap();
    let free = Arc::new(AtomicU64::new(0));
    let asked = Arc::clone(&free);
    let clock = Arc::new(counterfoil_testkit::FakeClock::new());
    let collector = builder(dir.path())
        .clock(Arc::clone(&clock))
        .disk_reserve(1 << 20)
        .free_space(move || Ok(asked.load(Ordering::Relaxed)))
        .start()
        .unwrap();
    let acme = caller("acme");
    let log = unsigned("audit.example.com/leases", 10);
    register(&collector, &acme, &log);
    let refusal = send(&collector, &acme, &log, &[log.all()])
        .await
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::DiskFull);
    let now = collector.records(&acme.tenant);
    assert_eq!((now.offered, now.dropped), (log.seq(), log.seq()));

    free.store(1 << 30, Ordering::Relaxed);
    clock.step(Duration::from_secs(1));
    let ack = send(&collector, &acme, &log, &[log.all()]).await.unwrap();
    assert_eq!(ack.acknowledged, log.seq());
}

#[tokio::test]
async fn an_upload_whose_records_were_lost_on_a_full_disk_is_not_acknowledged_later() {
    let dir = tempfile::tempdir().unwrap();
    let files = MemFiles::default();
    let collector = builder(dir.path())
        .file_system(Arc::new(files.clone()))
        .start()
        .unwrap();
    let acme = caller("acme");
    let log = unsigned("audit.example.com/leases", 20);
    register(&collector, &acme, &log);
    send(&collector, &acme, &log, &[log.some(1, 11)])
        .await
        .unwrap();

    let mut upload = collector.upload(&acme, &log.chain).unwrap();
    files.set(Faults {
        space: Some(10),
        ..Faults::default()
    });
    upload.push(log.some(11, 16)).await.unwrap();
    while collector.records(&acme.tenant).dropped < 5 {
        tokio::task::yield_now().await;
    }
    files.set(Faults::default());
    // Whoever has nothing to send is answered once the chain is open again.
    while send(&collector, &acme, &log, &[]).await.is_err() {}

    let refusal = upload.finish().await.unwrap_err();
    assert_eq!(refusal.reason, Reason::DiskFull);
    assert_eq!(refusal.acknowledged, Some(10));
    let ack = send(&collector, &acme, &log, &[log.all()]).await.unwrap();
    assert_eq!(ack.acknowledged, log.seq());
}

//! Retention by age and size, and the quota, per tenant.

use std::num::NonZeroU64;

use counterfoil::audit::Retention;
use counterfoil_collector::{Reason, TenantSettings};

use super::producer::unsigned;
use super::{builder, caller, register, send};

#[tokio::test]
async fn a_tenant_that_is_over_its_quota_is_refused_and_its_neighbour_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let collector = builder(dir.path())
        .tenant_settings(|tenant| {
            let mut settings = TenantSettings::default();
            settings.max_stored_bytes = (tenant.as_str() == "acme").then_some(2_000);
            settings
        })
        .start()
        .unwrap();
    let (acme, globex) = (caller("acme"), caller("globex"));
    let log = unsigned("audit.example.com/leases", 30);
    let other = unsigned("audit.example.com/other", 30);
    register(&collector, &acme, &log);
    register(&collector, &globex, &other);
    let chunks = [log.some(1, 11), log.some(11, 20)];
    send(&collector, &acme, &log, &chunks[..1]).await.unwrap();
    let refusal = send(&collector, &acme, &log, &chunks[1..])
        .await
        .unwrap_err();
    assert_eq!(
        (refusal.reason, refusal.acknowledged),
        (Reason::QuotaExceeded, Some(10))
    );
    assert!(refusal.retry_after.is_some());
    let ack = send(&collector, &globex, &other, &[other.all()])
        .await
        .unwrap();
    assert_eq!(ack.acknowledged, other.seq());
}

#[tokio::test]
async fn whole_segments_beyond_the_size_are_let_go_and_the_chain_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let storage = counterfoil_collector::FileStorage::new(dir.path())
        .segment_bytes(NonZeroU64::new(100_000).unwrap());
    let collector = builder(dir.path())
        .storage(std::sync::Arc::new(storage))
        .tenant_settings(|_| {
            let mut settings = TenantSettings::default();
            settings.retention = Retention {
                max_age_s: None,
                max_bytes: Some(200_000),
            };
            settings
        })
        .start()
        .unwrap();
    let acme = caller("acme");
    let log = unsigned("audit.example.com/leases", 1_400);
    register(&collector, &acme, &log);
    for first in (1..=log.lines.len()).step_by(256) {
        let last = (first + 256).min(log.lines.len() + 1);
        send(&collector, &acme, &log, &[log.some(first, last)])
            .await
            .unwrap();
    }
    let gone = collector.apply_retention().await.unwrap();
    assert!(gone >= 256 && gone.is_multiple_of(256), "{gone}");
    assert_eq!(collector.apply_retention().await.unwrap(), 0);
    let ack = send(&collector, &acme, &log, &[log.some(1_300, 1_302)])
        .await
        .unwrap();
    assert_eq!((ack.acknowledged, ack.known), (log.seq(), 2));
}

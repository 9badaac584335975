//! A chain that is stuck goes on as its next incarnation.

use std::time::Duration;

use counterfoil_collector::{Caller, Collector, Reason};

use super::meta::sealed;
use super::producer::{Produced, signed};
use super::{builder, caller, register, send};

async fn sent(collector: &Collector, acme: &Caller, log: &Produced) {
    register(collector, acme, log);
    send(collector, acme, log, &[log.all()]).await.unwrap();
}

/// What the meta-chain says about how the second incarnation goes with the first.
async fn finding(prepare: impl AsyncFnOnce(&Collector, &Caller, Produced) -> Produced) -> String {
    let dir = tempfile::tempdir().unwrap();
    let acme = caller("acme");
    let collector = builder(dir.path()).start().unwrap();
    let first = signed("audit.example.com/leases", 10);
    register(&collector, &acme, &first);
    let next = prepare(&collector, &acme, first).await.restart(5);
    assert_eq!(next.chain.incarnation(), 2);
    sent(&collector, &acme, &next).await;
    let continued = sealed(&collector, "collector.chain_continued");
    assert_eq!(continued.len(), 1, "{continued:?}");
    assert!(collector.stop(Duration::from_secs(30)).finished);
    continued[0]["finding"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn one_that_names_the_last_record_kept_agrees() {
    let found = finding(async |collector, acme, first| {
        sent(collector, acme, &first).await;
        first
    });
    assert_eq!(found.await, "agrees");
}

#[tokio::test]
async fn one_that_names_a_record_that_never_came_is_ahead() {
    let found = finding(async |collector, acme, first| {
        send(collector, acme, &first, &[first.some(1, 6)])
            .await
            .unwrap();
        first
    });
    assert_eq!(found.await, "ahead");
}

#[tokio::test]
async fn one_that_names_another_record_contradicts_and_is_taken_all_the_same() {
    let found = finding(async |collector, acme, first| {
        let other = signed("audit.example.com/leases", 10);
        send(collector, acme, &other, &[other.all()]).await.unwrap();
        first
    });
    assert_eq!(found.await, "contradicts");
}

#[tokio::test]
async fn an_earlier_incarnation_is_not_registered_after_a_later_one() {
    let dir = tempfile::tempdir().unwrap();
    let collector = builder(dir.path()).start().unwrap();
    let acme = caller("acme");
    let [first, second] = ["audit.example.com/leases/1", "audit.example.com/leases/2"];
    collector
        .register(&acme, &second.parse().unwrap(), None)
        .unwrap();
    let refusal = collector
        .register(&acme, &first.parse().unwrap(), None)
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::Conflict);
}

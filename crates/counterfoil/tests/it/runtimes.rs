//! No runtime is required, and none is in the way.

use counterfoil::{LeaseId, Name, ResourceType};

use crate::support::{Bench, PATIENCE, context};

#[test]
fn a_plain_thread_waits_for_a_durable_record() {
    let bench = Bench::new();
    let receipt = bench.observer.lease_expired(
        &context(),
        ResourceType::Mem,
        LeaseId(1),
        &Name::new("node-a"),
    );
    receipt.wait_durable(PATIENCE).unwrap();
}

#[tokio::test(flavor = "current_thread")]
async fn a_current_thread_runtime_awaits_durable_records() {
    await_durable(&Bench::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_multi_thread_runtime_awaits_durable_records() {
    await_durable(&Bench::new()).await;
}

async fn await_durable(bench: &Bench) {
    let (ctx, node) = (context(), Name::new("node-a"));
    for lease in 0..20 {
        let receipt = bench
            .observer
            .lease_expired(&ctx, ResourceType::Mem, LeaseId(lease), &node);
        tokio::time::timeout(PATIENCE, receipt.durable())
            .await
            .unwrap()
            .unwrap();
    }
    assert_eq!(bench.sealed().len(), 20);
}

#[test]
fn a_bare_executor_awaits_a_durable_record() {
    let bench = Bench::new();
    let receipt = bench.observer.lease_expired(
        &context(),
        ResourceType::Mem,
        LeaseId(1),
        &Name::new("node-a"),
    );
    counterfoil_testkit::block_on(receipt.durable()).unwrap();
}

//! The instruments of the lease fabric.

use std::time::Duration;

use counterfoil_core::{FabricError, FabricEvent, LeaseId, Name, OpType, ResourceType};
use counterfoil_metrics::{FabricMetrics, Registry};

use crate::{at, counter};

fn lease(kind: &str, resource_type: ResourceType) -> FabricEvent {
    let (lease_id, node) = (LeaseId(7), Name::new("node-a"));
    match kind {
        "acquired" => FabricEvent::LeaseAcquired {
            resource_type,
            lease_id,
            node,
            bytes: 4096,
        },
        "renewed" => FabricEvent::LeaseRenewed {
            resource_type,
            lease_id,
            node,
            ttl_ms: 10,
        },
        "released" => FabricEvent::LeaseReleased {
            resource_type,
            lease_id,
            node,
        },
        "expired" => FabricEvent::LeaseExpired {
            resource_type,
            lease_id,
            node,
        },
        other => {
            assert_eq!(other, "preempted");
            FabricEvent::LeasePreempted {
                resource_type,
                lease_id,
                node,
                by: None,
                reason: Name::new("pressure"),
            }
        }
    }
}

#[test]
fn the_lifecycle_of_leases_moves_totals_and_what_is_active() {
    let registry = Registry::new();
    let metrics = FabricMetrics::new(&registry);
    let block = registry.thread_block();
    for kind in [
        "acquired",
        "acquired",
        "acquired",
        "acquired",
        "renewed",
        "released",
        "expired",
        "preempted",
    ] {
        metrics.record_in(&block, &lease(kind, ResourceType::Mem));
    }
    metrics.record_in(&block, &lease("acquired", ResourceType::Gpu));
    assert_eq!(metrics.leases_total.get(), 5);
    assert_eq!(metrics.leases_total.at(ResourceType::Mem).get(), 4);
    assert_eq!(metrics.leases_active.at(ResourceType::Mem).get(), 1);
    assert_eq!(metrics.leases_active.get(), 2);
    let ended = [
        &metrics.leases_renewed,
        &metrics.leases_released,
        &metrics.leases_expired,
        &metrics.leases_preempted,
    ];
    assert!(ended.iter().all(|it| it.get() == 1));
    let snapshot = registry.snapshot(at(0));
    assert_eq!(
        counter(&snapshot, "counterfoil.lease.acquired", "resource_type=gpu"),
        Some(1)
    );
    assert_eq!(
        counter(&snapshot, "counterfoil.lease.expired", "resource_type=cpu"),
        Some(0)
    );
}

#[test]
fn operations_give_latency_and_bytes_and_failures_give_latency_and_errors() {
    let registry = Registry::new();
    let metrics = FabricMetrics::new(&registry);
    let block = registry.thread_block();
    metrics.record_operation_in(&block, OpType::Read, Duration::from_micros(120), 4096);
    metrics.record_operation_in(&block, OpType::Write, Duration::from_micros(240), 8192);
    metrics.record_in(
        &block,
        &FabricEvent::OperationFailed {
            op: OpType::Read,
            error: FabricError::Timeout,
            lease_id: None,
            node: None,
            bytes: 4096,
            elapsed_ns: 2_000_000_000,
        },
    );
    assert_eq!(metrics.operation_bytes.at(OpType::Read).get(), 4096);
    assert_eq!(metrics.operation_bytes.get(), 12_288);
    assert_eq!(metrics.operation_duration.at(OpType::Read).get().count(), 2);
    assert_eq!(
        metrics
            .operation_errors
            .at((OpType::Read, FabricError::Timeout))
            .get(),
        1
    );
    assert_eq!(metrics.operation_errors.get(), 1);
}

#[test]
fn connections_and_events_of_other_domains_are_counted() {
    let registry = Registry::new();
    let metrics = FabricMetrics::new(&registry);
    let block = registry.thread_block();
    let node = Name::new("node-a");
    metrics.record_in(
        &block,
        &FabricEvent::Disconnected {
            node: node.clone(),
            reason: Name::new("reset"),
        },
    );
    metrics.record_in(&block, &FabricEvent::Reconnected { node });
    metrics.record_in(
        &block,
        &FabricEvent::Custom {
            kind: "vault.object_put".parse().unwrap(),
            lease_id: None,
            node: None,
            value: 1,
        },
    );
    assert_eq!(metrics.connections_lost.get(), 1);
    assert_eq!(metrics.connections_restored.get(), 1);
    assert_eq!(metrics.custom_events.get(), 1);
}

#[test]
fn two_structs_on_one_registry_count_into_the_same_series() {
    let registry = Registry::new();
    let (one, two) = (FabricMetrics::new(&registry), FabricMetrics::new(&registry));
    let block = registry.thread_block();
    one.record_in(&block, &lease("acquired", ResourceType::Cpu));
    two.record_in(&block, &lease("acquired", ResourceType::Cpu));
    assert_eq!(one.leases_total.get(), 2);
}

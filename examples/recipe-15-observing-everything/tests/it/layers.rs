//! What one event does in each layer.

use cookbook_recipe_15_observing_everything::{
    Layers, dev_observability, record_lease_acquired, record_lease_expired, record_operation,
};
use counterfoil::audit::verify::Reason;
use counterfoil::audit::{AuditEventKind, AuditRecord, HASH_LEN, jsonl, verify_chain};
use counterfoil::events::Filter;
use counterfoil::{FabricEvent, LeaseId, OpType, ResourceType, Timestamp, WorkloadIdentity};

/// A lease that is granted and expires, `pairs` times over.
fn lifecycles(pairs: u64) -> Vec<AuditRecord> {
    let (metrics, mut events, mut anchor, signer) = dev_observability();
    let acme = WorkloadIdentity::tenant_only("acme");
    let mut records = Vec::new();
    for pair in 0..pairs {
        let (first, second) = (2 * pair + 1, 2 * pair + 2);
        let start = 1_700_000_000 + 300 * pair;
        records.push(record_lease_acquired(
            &metrics,
            &mut events,
            &mut anchor,
            &signer,
            first,
            start,
            &acme,
            ResourceType::Mem,
            7,
            "node-a",
            4096,
        ));
        records.push(record_lease_expired(
            &metrics,
            &mut events,
            &mut anchor,
            &signer,
            second,
            start + 300,
            &acme,
            ResourceType::Mem,
            7,
            "node-a",
        ));
    }
    records
}

/// The records whose text `change` was made in, read back as a collector reads them.
fn tampered(records: &[AuditRecord], index: usize, from: &str, to: &str) -> Vec<AuditRecord> {
    let mut lines = Vec::new();
    for (position, record) in records.iter().enumerate() {
        let line = std::str::from_utf8(record.line()).unwrap();
        if position == index {
            assert!(line.contains(from), "{line} has no {from}");
            lines.extend(line.replace(from, to).into_bytes());
        } else {
            lines.extend(line.bytes());
        }
    }
    jsonl::read_records(&lines[..])
        .map(|it| it.unwrap())
        .collect()
}

#[test]
fn a_lease_lifecycle_reaches_all_three_layers_under_the_same_keys() {
    let (metrics, mut events, mut anchor, signer) = dev_observability();
    let acme = WorkloadIdentity::tenant_only("acme");
    let granted = record_lease_acquired(
        &metrics,
        &mut events,
        &mut anchor,
        &signer,
        1,
        1_700_000_000,
        &acme,
        ResourceType::Mem,
        7,
        "node-a",
        4096,
    );
    assert_eq!(metrics.leases_active.get(), 1);
    let expired = record_lease_expired(
        &metrics,
        &mut events,
        &mut anchor,
        &signer,
        2,
        1_700_000_300,
        &acme,
        ResourceType::Mem,
        7,
        "node-a",
    );

    assert_eq!(metrics.leases_total.get(), 1);
    assert_eq!(metrics.leases_expired.at(ResourceType::Mem).get(), 1);
    assert_eq!(metrics.leases_active.get(), 0);

    assert_eq!(events.len(), 2);
    let of_lease = events.matching(
        &Filter::new()
            .lease(LeaseId(7))
            .node("node-a")
            .tenant("acme"),
    );
    let kinds: Vec<_> = of_lease
        .iter()
        .map(|it| it.event.kind_name().to_owned())
        .collect();
    assert_eq!(kinds, ["lease_acquired", "lease_expired"]);

    assert_eq!(granted.kind(), &AuditEventKind::LeaseAllocated);
    assert_eq!(expired.kind(), &AuditEventKind::LeaseExpired);
    assert_eq!(expired.keys().lease, Some(LeaseId(7)));
    assert_eq!(
        expired.src().time,
        Timestamp::from_unix_seconds(1_700_000_300)
    );
    assert_eq!(expired.prev(), granted.hash());
    let head = verify_chain(&[granted, expired], [0u8; HASH_LEN]).unwrap();
    assert_eq!(head.seq, 2);
}

#[test]
fn operations_stay_out_of_ring_and_chain() {
    let (metrics, mut events, mut anchor, signer) = dev_observability();
    record_operation(&metrics, OpType::Read, 120, 4096);
    record_operation(&metrics, OpType::Write, 240, 8192);

    assert_eq!(metrics.operation_bytes.at(OpType::Read).get(), 4096);
    assert_eq!(metrics.operation_bytes.at(OpType::Write).get(), 8192);
    let writes = metrics.operation_duration.at(OpType::Write).get();
    assert_eq!(writes.count(), 1);
    assert!((writes.sum - 0.000_24).abs() < 1e-9, "{} s", writes.sum);

    assert!(events.is_empty());
    // The chain has not begun: record 1 is still the next one.
    let acme = WorkloadIdentity::tenant_only("acme");
    let first = record_lease_acquired(
        &metrics,
        &mut events,
        &mut anchor,
        &signer,
        1,
        1_700_000_000,
        &acme,
        ResourceType::Mem,
        7,
        "node-a",
        4096,
    );
    assert_eq!(first.seq(), 1);
}

#[test]
fn a_changed_record_is_named() {
    let records = lifecycles(2);
    let changed = tampered(&records, 2, "\"bytes\":\"4096\"", "\"bytes\":\"8192\"");
    let error = verify_chain(&changed, [0; HASH_LEN]).unwrap_err();
    assert_eq!((error.index(), error.reason()), (2, Reason::Hash));
    assert!(error.to_string().contains("record 3"), "{error}");
}

#[test]
fn a_removed_or_moved_record_is_noticed_at_its_place() {
    let records = lifecycles(2);
    let removed = [&records[..1], &records[2..]].concat();
    assert_eq!(
        verify_chain(&removed, [0; HASH_LEN]).unwrap_err().index(),
        1
    );
    let mut moved = records;
    moved.swap(1, 2);
    assert_eq!(verify_chain(&moved, [0; HASH_LEN]).unwrap_err().index(), 1);
}

#[test]
fn nothing_to_verify_is_an_error() {
    let error = verify_chain(&[], [0; HASH_LEN]).unwrap_err();
    assert_eq!(error.reason(), Reason::Empty);
}

#[test]
fn a_number_that_is_not_the_next_one_is_refused_before_anything_is_recorded() {
    let (metrics, events, anchor, signer) = dev_observability();
    let layers = Layers::new(&metrics, &events, &anchor, &signer);
    let event = FabricEvent::LeaseExpired {
        resource_type: ResourceType::Mem,
        lease_id: LeaseId(7),
        node: "node-a".into(),
    };
    let acme = WorkloadIdentity::tenant_only("acme");
    let error = layers
        .record(2, Timestamp::default(), &acme, &event)
        .unwrap_err();
    assert!(error.to_string().contains("the next one is 1"), "{error}");
    assert_eq!((metrics.leases_expired.get(), events.len()), (0, 0));
    assert_eq!(
        layers
            .record(1, Timestamp::default(), &acme, &event)
            .unwrap()
            .seq(),
        1
    );
}

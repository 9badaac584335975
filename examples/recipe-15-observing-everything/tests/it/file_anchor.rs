//! The head of the chain in a file: the chain goes on where an earlier process left it.

use std::path::Path;

use cookbook_recipe_15_observing_everything::{Layers, Result, backends};
use counterfoil::audit::{AuditRecord, HASH_LEN, verify_chain};
use counterfoil::events::EventRingBuffer;
use counterfoil::metrics::{FabricMetrics, Registry};
use counterfoil::{FabricEvent, LeaseId, ResourceType, Timestamp, WorkloadIdentity};

/// A process that records one event and ends.
fn process(directory: &Path, sequence: u64) -> Result<AuditRecord> {
    let backends = backends(directory, "cookbook.example.com/recipe-15/1/record")?;
    let (metrics, events) = (FabricMetrics::new(&Registry::new()), EventRingBuffer::new());
    let layers = Layers::new(&metrics, &events, &backends.anchor, &backends.signer);
    let event = FabricEvent::LeaseExpired {
        resource_type: ResourceType::Mem,
        lease_id: LeaseId(sequence),
        node: "node-a".into(),
    };
    let time = Timestamp::from_unix_seconds(1_700_000_000 + sequence);
    layers.record(
        sequence,
        time,
        &WorkloadIdentity::tenant_only("acme"),
        &event,
    )
}

#[test]
fn the_next_process_goes_on_behind_the_anchored_head() {
    let directory = tempfile::tempdir().unwrap();
    let records = [1, 2, 3].map(|sequence| process(directory.path(), sequence).unwrap());
    let head = verify_chain(&records, [0; HASH_LEN]).unwrap();
    let anchor = std::fs::read_to_string(directory.path().join("anchor.json")).unwrap();
    assert!(anchor.contains(&head.hash.to_string()), "{anchor}");
}

#[test]
fn a_process_that_begins_the_chain_anew_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    process(directory.path(), 1).unwrap();
    let error = process(directory.path(), 1).unwrap_err();
    assert!(error.to_string().contains("the next one is 2"), "{error}");
}

#[test]
fn a_file_that_holds_no_anchor_is_set_aside_and_the_chain_begins_anew() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("anchor.json"), "{}").unwrap();
    assert_eq!(process(directory.path(), 1).unwrap().seq(), 1);
    let aside = std::fs::read_to_string(directory.path().join("anchor.json.corrupt-1")).unwrap();
    assert_eq!(aside, "{}");
}

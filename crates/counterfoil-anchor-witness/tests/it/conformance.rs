//! The wrapping store keeps the contract of what it wraps.

use std::sync::Arc;

use counterfoil_anchor::{FileAnchorStore, MemoryAnchorStore};
use counterfoil_anchor_witness::{EvidenceDir, OnQuorumMissed, WitnessedAnchorStore};
use counterfoil_merkle::policy::Policy;
use counterfoil_testkit::anchor::{conformance, persistence};

use crate::network::{Log, Network};

/// The suite's heads are not signed by any log, so no witness is shown them: they advance because the store may fail open.
#[test]
fn a_witnessed_store_that_may_fail_open_keeps_the_contract() {
    let network = Network::new(1);
    conformance(|| {
        let evidence = EvidenceDir::new(network.evidence.path());
        let policy = network.policy();
        WitnessedAnchorStore::builder(
            MemoryAnchorStore::new(),
            policy,
            network.log.clone(),
            evidence,
        )
        .on_quorum_missed(OnQuorumMissed::FailOpen)
        .build()
        .unwrap()
    });
}

#[test]
fn a_witnessed_store_without_a_quorum_keeps_the_contract_and_outlives_its_process() {
    let (log, directory) = (Log::new("true", 1), tempfile::tempdir().unwrap());
    let policy = format!("log {}\nquorum none\n", log.vkey());
    let policy = Policy::parse(policy.as_bytes()).unwrap();
    let over = |inner| {
        let evidence = EvidenceDir::new(directory.path());
        WitnessedAnchorStore::builder(inner, policy.clone(), log.clone(), evidence)
            .build()
            .unwrap()
    };
    conformance(|| over(Arc::new(MemoryAnchorStore::new())));
    let file = directory.path().join("anchor.json");
    persistence(|| {
        let inner = FileAnchorStore::open(&file).unwrap();
        let evidence = EvidenceDir::new(directory.path());
        WitnessedAnchorStore::builder(inner, policy.clone(), log.clone(), evidence)
            .build()
            .unwrap()
    });
}

//! Records that are signed.

use std::time::Duration;

use cookbook_recipe_15_observing_everything::story::{Plan, run};
use cookbook_recipe_15_observing_everything::{backends, dev_observability, record_lease_acquired};
use counterfoil::signer::{Ed25519Verifier, Keyring, Signer};
use counterfoil::{Digest, ResourceType, WorkloadIdentity};
use counterfoil_merkle::note::Judgement;

#[test]
fn every_record_carries_a_signature_that_its_key_verifies() {
    let (metrics, mut events, mut anchor, signer) = dev_observability();
    let acme = WorkloadIdentity::tenant_only("acme");
    let record = record_lease_acquired(
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

    let key = signer.verifier_key().unwrap().clone();
    assert_eq!(key.name(), "cookbook.example.com/recipe-15/1/record");
    let mut keyring = Keyring::new();
    keyring.trust(Ed25519Verifier::new(key).unwrap()).unwrap();
    let signature = record.signature().unwrap();
    assert_eq!(
        keyring.verify_record(&record.hash(), signature),
        Judgement::Valid
    );
    assert_eq!(
        keyring.verify_record(&Digest::ZERO, signature),
        Judgement::Invalid
    );
}

#[test]
fn the_anchored_head_of_the_story_is_signed_by_the_key_of_its_log() {
    let mut plan = Plan::renewing_at(70);
    plan.length = Duration::from_secs(1);
    let found = run(&plan, tempfile::tempdir().unwrap().path()).unwrap();
    assert_eq!(found.signed_by.as_deref(), Some(found.head.chain.as_str()));
}

#[test]
fn the_key_is_made_once_and_only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let key = |name| {
        let backends = backends(directory.path(), name).unwrap();
        backends.signer.verifier_key().unwrap().clone()
    };
    let first = key("example.com/a/1");
    assert_eq!(key("example.com/a/1"), first);
    let file = std::fs::metadata(directory.path().join("signing.key")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}

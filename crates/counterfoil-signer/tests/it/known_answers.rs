//! The signatures among the known answers of the specification (`docs/specs/vectors`), made by another implementation.

use counterfoil_core::Digest;
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::{NoteSignature, SignedNote, VerifierKey};
use counterfoil_merkle::policy::{CheckpointRejected, Policy};
use counterfoil_merkle::tlog_proof::{TlogProof, TlogProofRejected};
use counterfoil_signer::{CosignatureVerifier, Ed25519Signer, Keyring, cosign};
use serde_json::Value;

fn load(file: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/specs/vectors/");
    serde_json::from_str(&std::fs::read_to_string(format!("{folder}{file}")).unwrap()).unwrap()
}

fn text<'a>(vector: &'a Value, member: &str) -> &'a str {
    vector[member].as_str().unwrap()
}

#[test]
fn a_cosignature_is_made_and_judged_as_published() {
    let known = load("cosignature.json");
    let key: VerifierKey = text(&known["key"], "vkey").parse().unwrap();
    let mut keys = Keyring::new();
    keys.trust(CosignatureVerifier::new(key.clone()).unwrap())
        .unwrap();
    for member in ["note", "ignored"] {
        let note = SignedNote::parse(text(&known, member)).unwrap();
        assert_eq!(keys.verify_note(&note).unwrap(), [&key], "{member}");
    }
    let rejected = known["rejected"].as_array().unwrap();
    assert!(!rejected.is_empty());
    for vector in rejected {
        let note = SignedNote::parse(text(vector, "note")).unwrap();
        assert!(keys.verify_note(&note).is_err(), "{}", text(vector, "why"));
    }

    let seed: Digest = text(&known["key"], "seed_test_only").parse().unwrap();
    let signer = Ed25519Signer::from_seed(key.name(), seed.as_bytes()).unwrap();
    let checkpoint = Checkpoint::parse(text(&known, "text")).unwrap();
    let time = known["time"].as_u64().unwrap();
    let line = cosign(&signer, &checkpoint, time).unwrap().unwrap();
    assert_eq!(format!("{line}\n"), text(&known, "line"));
}

#[test]
fn receipts_get_the_verdicts_that_are_published() {
    let known = load("tlog-proof.json");
    let policy = Policy::parse(text(&known, "policy").as_bytes()).unwrap();
    let keys = Keyring::of_policy(&policy).unwrap();
    let judge = |text: &str, signature: &NoteSignature| keys.judge(text, signature);
    let proofs = known["proofs"].as_array().unwrap();
    assert!(!proofs.is_empty());
    for vector in proofs {
        let leaf: Digest = text(vector, "leaf").parse().unwrap();
        let verdict = match TlogProof::parse(text(vector, "proof")) {
            Err(_) => "malformed",
            Ok(proof) => {
                assert_eq!(proof.to_text(), text(vector, "proof"));
                match proof.verify(&leaf, &policy, judge) {
                    Ok(_) => "accepted",
                    Err(rejected) => step(&rejected),
                }
            }
        };
        assert_eq!(verdict, text(vector, "verdict"), "{}", text(vector, "why"));
    }
}

fn step(rejected: &TlogProofRejected) -> &'static str {
    match rejected {
        TlogProofRejected::Inclusion(_) => "inclusion",
        TlogProofRejected::Checkpoint(rejected) => match rejected {
            CheckpointRejected::UnknownOrigin { .. } => "origin",
            CheckpointRejected::NotSignedByLog { .. } => "log signature",
            CheckpointRejected::Signature(_) => "signature",
            CheckpointRejected::Quorum(_) => "quorum",
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

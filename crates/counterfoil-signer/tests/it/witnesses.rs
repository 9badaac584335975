//! Cosignatures of witnesses, and a receipt under a policy, with real signatures.

use counterfoil_core::Digest;
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::cosignature::Cosignature;
use counterfoil_merkle::note::{Judgement, NoteRejected, NoteSignature, SignedNote, VerifierKey};
use counterfoil_merkle::policy::{CheckpointRejected, Policy};
use counterfoil_merkle::proof::ProofPlan;
use counterfoil_merkle::tlog_proof::{TlogProof, TlogProofRejected};
use counterfoil_merkle::{CompactRange, Error, leaf_hash};
use counterfoil_signer::{
    CosignatureVerifier, Ed25519Signer, Ed25519Verifier, Keyring, NullSigner, Signer, Verifier,
    cosign, sign_checkpoint,
};

const ORIGIN: &str = "audit.example.com/leases/1";
const TIME: u64 = 1_700_000_000;

fn signer(name: &str, seed: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(name, &[seed; 32]).unwrap()
}

fn witness(number: u8) -> Ed25519Signer {
    signer(&format!("witness{number}.example.com"), number)
}

fn cosigner(signer: &dyn Signer) -> VerifierKey {
    signer.verifier_key().unwrap().as_cosigner()
}

fn checkpoint() -> Checkpoint {
    Checkpoint::new(ORIGIN, 9, leaf_hash(b"root")).unwrap()
}

fn cosigned(checkpoint: &Checkpoint, witnesses: &[u8]) -> SignedNote {
    let mut note = sign_checkpoint(&signer(ORIGIN, 99), checkpoint)
        .unwrap()
        .unwrap();
    for number in witnesses {
        let line = cosign(&witness(*number), checkpoint, TIME).unwrap();
        note.add_signature(line.unwrap()).unwrap();
    }
    note
}

/// Two of three witnesses.
fn policy() -> Policy {
    let log = signer(ORIGIN, 99);
    let mut text = format!("log {}\n", log.verifier_key().unwrap());
    for number in 1..=3 {
        text.push_str(&format!(
            "witness w{number} {}\n",
            cosigner(&witness(number))
        ));
    }
    text.push_str("group both 2 w1 w2 w3\nquorum both\n");
    Policy::parse(text.as_bytes()).unwrap()
}

#[test]
fn a_cosignature_verifies_over_its_checkpoint_and_its_time_alone() {
    let checkpoint = checkpoint();
    let verifier = CosignatureVerifier::new(cosigner(&witness(1))).unwrap();
    let line = cosign(&witness(1), &checkpoint, TIME).unwrap().unwrap();
    assert_eq!(
        (line.name(), line.id()),
        (verifier.key().name(), verifier.key().id())
    );
    let text = checkpoint.to_text();
    assert!(verifier.verify(text.as_bytes(), line.bytes()));

    let other = CosignatureVerifier::new(cosigner(&witness(2))).unwrap();
    assert!(!other.verify(text.as_bytes(), line.bytes()));
    let extended = format!("{text}an extension\n");
    assert!(!verifier.verify(extended.as_bytes(), line.bytes()));
    for bit in 0..line.bytes().len() * 8 {
        let mut changed = line.bytes().to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(!verifier.verify(text.as_bytes(), &changed), "bit {bit}");
    }
    for len in 0..line.bytes().len() {
        assert!(!verifier.verify(text.as_bytes(), &line.bytes()[..len]));
    }
    assert!(!verifier.verify(&[0xff], line.bytes()));
}

#[test]
fn a_signature_and_a_cosignature_never_pass_for_one_another() {
    let (checkpoint, signer) = (checkpoint(), witness(1));
    let key = signer.verifier_key().unwrap();
    let plain = Ed25519Verifier::new(key.clone()).unwrap();
    let with_time = CosignatureVerifier::new(key.as_cosigner()).unwrap();
    let text = checkpoint.to_text();

    let cosigned = cosign(&signer, &checkpoint, TIME).unwrap().unwrap();
    let cosignature = Cosignature::from_bytes(cosigned.bytes()).unwrap();
    assert!(!plain.verify(text.as_bytes(), cosignature.signature()));
    let signed = signer.sign(text.as_bytes()).unwrap().unwrap();
    let forged = Cosignature::new(TIME, signed.try_into().unwrap()).unwrap();
    assert!(!with_time.verify(text.as_bytes(), &forged.to_bytes()));

    // Each verifier takes keys of its own type.
    assert!(Ed25519Verifier::new(key.as_cosigner()).is_err());
    let message = CosignatureVerifier::new(key.clone())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("is of type 0x01; a key of type 0x04"),
        "{message}"
    );
}

#[test]
fn a_witness_without_a_key_or_a_time_cosigns_nothing() {
    assert!(cosign(&NullSigner, &checkpoint(), TIME).unwrap().is_none());
    for time in [0, u64::MAX] {
        assert!(cosign(&witness(1), &checkpoint(), time).is_err());
    }
}

#[test]
fn two_of_three_witnesses_are_a_quorum_and_one_is_not() {
    let (policy, checkpoint) = (policy(), checkpoint());
    let keys = Keyring::of_policy(&policy).unwrap();
    let judge = |text: &str, signature: &NoteSignature| keys.judge(text, signature);
    let accepted = policy
        .verify_note(&cosigned(&checkpoint, &[3, 1]), judge)
        .unwrap();
    assert_eq!(accepted.quorum().cosigned(), ["w1", "w3"]);
    assert_eq!(accepted.times()[0], ("w1".to_owned(), TIME));
    let alone = policy.verify_note(&cosigned(&checkpoint, &[2]), judge);
    assert!(matches!(alone, Err(CheckpointRejected::Quorum(_))));

    // A line moved from another checkpoint is a bad signature, not a missing one.
    let other = Checkpoint::new(ORIGIN, 10, leaf_hash(b"other")).unwrap();
    let mut moved = cosigned(&other, &[]);
    for line in &cosigned(&checkpoint, &[1, 2]).signatures()[1..] {
        moved.add_signature(line.clone()).unwrap();
    }
    let rejected = policy.verify_note(&moved, judge).unwrap_err();
    assert!(
        matches!(
            rejected,
            CheckpointRejected::Signature(NoteRejected::BadSignature { .. })
        ),
        "{rejected}"
    );
}

#[test]
fn a_receipt_verifies_with_its_policy_alone() {
    let leaves: Vec<Digest> = (0_u8..4).map(|i| leaf_hash(&[i])).collect();
    let mut tree = CompactRange::new();
    tree.extend(&leaves);
    let checkpoint = Checkpoint::new(ORIGIN, 4, tree.root()).unwrap();
    let path = ProofPlan::inclusion(2, 4)
        .unwrap()
        .prove(|id| match id.level() {
            0 => Ok::<_, Error>(leaves[id.index() as usize]),
            _ => {
                let mut pair = CompactRange::new();
                pair.extend(&leaves[..2]);
                Ok(pair.root())
            }
        })
        .unwrap();
    let receipt = TlogProof::new(2, path, cosigned(&checkpoint, &[1, 2])).unwrap();
    let read = TlogProof::parse(&receipt.to_text()).unwrap();

    let policy = policy();
    let keys = Keyring::of_policy(&policy).unwrap();
    let judge = |text: &str, signature: &NoteSignature| keys.judge(text, signature);
    assert!(read.verify(&leaves[2], &policy, judge).is_ok());
    let other = read.verify(&leaves[1], &policy, judge);
    assert!(matches!(other, Err(TlogProofRejected::Inclusion(_))));
    let nobody = read.verify(&leaves[2], &policy, |_, _| Judgement::Unknown);
    assert!(matches!(nobody, Err(TlogProofRejected::Checkpoint(_))));
}

#[test]
fn a_policy_with_a_key_that_is_no_point_makes_no_keyring() {
    use counterfoil_merkle::note::KeyType;
    let mut identity = [0; 32];
    identity[0] = 1;
    let weak = VerifierKey::new("w", KeyType::Ed25519Cosignature, &identity).unwrap();
    let policy = Policy::parse(format!("witness w {weak}\nquorum w\n").as_bytes()).unwrap();
    let message = Keyring::of_policy(&policy).unwrap_err().to_string();
    assert!(message.contains("small order"), "{message}");
}

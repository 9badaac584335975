//! A trusted head is held against the trust policy that the verifier is given.

use counterfoil_audit::verify::{
    GivenHead, Reason, Report, Trust, Verdict, VerifyOptions, verify_reader,
};
use counterfoil_audit::{AuditChain, AuditInput, Instance, Lane, Src, SrcId};
use counterfoil_core::{
    Context, FabricEvent, Head, LeaseId, ResourceType, Timestamp, WorkloadIdentity,
};
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::SignedNote;
use counterfoil_merkle::policy::Policy;
use counterfoil_signer::{Ed25519Signer, Keyring, Signer, cosign, sign_checkpoint};

const ID: &str = "audit.example.com/test/1";
const SEEN: u64 = 1_700_000_100;

/// A bare chain of three records, and its heads at two and at three.
fn chain() -> (Vec<u8>, Head, Head) {
    let mut chain = AuditChain::new(ID.parse().unwrap());
    let mut log = Vec::new();
    let mut heads = Vec::new();
    for n in 1..=3 {
        let time = Timestamp::from_unix_seconds(1_700_000_000 + n);
        let src = Src {
            id: SrcId::new(Instance(1), Lane::thread(0)),
            n,
            time,
        };
        let event = FabricEvent::LeaseExpired {
            resource_type: ResourceType::Mem,
            lease_id: LeaseId(n),
            node: "node-a".into(),
        };
        let context = Context::new(WorkloadIdentity::tenant_only("acme"));
        let input = AuditInput::from_event(&event, &context, src);
        chain.seal(&mut log, &input, time).unwrap();
        heads.push(chain.head().unwrap());
    }
    let [_, two, three] = <[Head; 3]>::try_from(heads).unwrap();
    (log, two, three)
}

fn log_key() -> Ed25519Signer {
    Ed25519Signer::from_seed(ID, &[1; 32]).unwrap()
}

fn witness(number: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(&format!("witness.example/{number}"), &[10 + number; 32]).unwrap()
}

/// The log and two of three witnesses.
fn policy() -> Policy {
    let mut text = format!("log {}\n", log_key().verifier_key().unwrap());
    for number in 1..=3 {
        let key = witness(number).verifier_key().unwrap().as_cosigner();
        text.push_str(&format!("witness w{number} {key}\n"));
    }
    text.push_str("group teams 2 w1 w2 w3\nquorum teams\n");
    Policy::parse(text.as_bytes()).unwrap()
}

/// The head's checkpoint, signed by this key and cosigned by these witnesses.
fn cosigned(head: &Head, signer: &Ed25519Signer, witnesses: &[u8]) -> SignedNote {
    let checkpoint = Checkpoint::new(ID, head.seq, head.root.unwrap()).unwrap();
    let mut note = sign_checkpoint(signer, &checkpoint).unwrap().unwrap();
    for number in witnesses {
        let line = cosign(&witness(*number), &checkpoint, SEEN)
            .unwrap()
            .unwrap();
        note.add_signature(line).unwrap();
    }
    note
}

fn judge(log: &[u8], head: &Head, note: Option<&SignedNote>) -> Report {
    let policy = policy();
    let keys = Keyring::of_policy(&policy).unwrap();
    let mut options = VerifyOptions::new();
    options.head = Some(GivenHead {
        head: head.clone(),
        checkpoint: note.map(SignedNote::to_text),
    });
    options.trust = Some(Trust {
        policy: &policy,
        keys: &keys,
    });
    verify_reader(log, "test", &options)
}

#[test]
fn a_head_that_enough_witnesses_cosigned_meets_the_policy_and_the_report_names_them() {
    let (log, _, head) = chain();
    let report = judge(&log, &head, Some(&cosigned(&head, &log_key(), &[3, 1])));
    assert_eq!(report.verdict, Verdict::Valid, "{report}");
    let by: Vec<_> = report
        .cosigned_by
        .iter()
        .map(|by| (&*by.witness, by.unix_seconds))
        .collect();
    assert_eq!(by, [("w1", SEEN), ("w3", SEEN)]);
}

#[test]
fn a_head_that_does_not_meet_the_policy_is_refused_with_the_reason() {
    let (log, two, head) = chain();
    let stranger = Ed25519Signer::from_seed(ID, &[99; 32]).unwrap();
    let full = cosigned(&head, &log_key(), &[1, 2]);
    // A cosignature moved from another head.
    let mut moved = cosigned(&head, &log_key(), &[1]);
    let of_two = cosigned(&two, &log_key(), &[2]);
    moved.add_signature(of_two.signatures()[1].clone()).unwrap();
    // The right lines over a size that was changed.
    let changed = full.to_text().replacen("\n3\n", "\n2\n", 1);
    let changed = SignedNote::parse(&changed).unwrap();
    for (note, says) in [
        (
            Some(cosigned(&head, &log_key(), &[2])),
            "1 of its 3 members",
        ),
        (Some(cosigned(&head, &log_key(), &[])), "is not met"),
        (Some(cosigned(&head, &stranger, &[1, 2])), "log"),
        (Some(moved), "does not verify"),
        (
            Some(cosigned(&two, &log_key(), &[1, 2])),
            "no signed checkpoint",
        ),
        (Some(changed), "no signed checkpoint"),
        (None, "no signed checkpoint"),
    ] {
        let report = judge(&log, &head, note.as_ref());
        let failure = report
            .failures
            .iter()
            .find(|failure| failure.reason == Reason::Policy)
            .unwrap_or_else(|| panic!("{report}"));
        assert!(failure.to_string().contains(says), "{says:?} in {failure}");
        assert_ne!(report.verdict, Verdict::Valid);
        assert!(report.cosigned_by.is_empty());
    }
    let report = judge(&log, &head, Some(&cosigned(&head, &log_key(), &[2])));
    assert_eq!(report.exit_code(), 5);
}

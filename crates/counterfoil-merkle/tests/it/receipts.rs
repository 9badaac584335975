//! Cosignatures, the witness protocol's bodies, policies and tlog-proofs: read strictly, written back byte for byte.
//!
//! Signatures are judged by a closure here; `counterfoil-signer` tests the same formats with real ones.

mod cosignatures;
mod policies;
mod tlog_proofs;
mod witness_protocol;

use counterfoil_core::Digest;
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::cosignature::Cosignature;
use counterfoil_merkle::note::{Judgement, KeyType, NoteSignature, SignedNote, VerifierKey};

use crate::definition::tree_hash;

const ORIGIN: &str = "audit.example.com/leases/1";

fn log_key() -> VerifierKey {
    VerifierKey::new(ORIGIN, KeyType::Ed25519, &[1; 32]).unwrap()
}

/// The key of a witness, told apart by its number.
fn witness_key(number: u8) -> VerifierKey {
    let name = format!("witness{number}.example.com");
    VerifierKey::new(&name, KeyType::Ed25519Cosignature, &[number; 32]).unwrap()
}

fn line_by(key: &VerifierKey, bytes: Vec<u8>) -> NoteSignature {
    NoteSignature::new(key.name(), key.id(), bytes).unwrap()
}

fn cosigned_at(key: &VerifierKey, time: u64) -> NoteSignature {
    line_by(
        key,
        Cosignature::new(time, [7; 64]).unwrap().to_bytes().to_vec(),
    )
}

fn signed(size: u64, root: Digest) -> SignedNote {
    let checkpoint = Checkpoint::new(ORIGIN, size, root).unwrap();
    SignedNote::new(&checkpoint.to_text(), line_by(&log_key(), vec![1; 64])).unwrap()
}

/// The checkpoint over `leaves`, cosigned by these witnesses.
fn cosigned(leaves: &[Digest], witnesses: &[u8]) -> SignedNote {
    let mut note = signed(leaves.len() as u64, tree_hash(leaves));
    for number in witnesses {
        note.add_signature(cosigned_at(&witness_key(*number), 1_700_000_000))
            .unwrap();
    }
    note
}

fn all_valid(_: &str, _: &NoteSignature) -> Judgement {
    Judgement::Valid
}

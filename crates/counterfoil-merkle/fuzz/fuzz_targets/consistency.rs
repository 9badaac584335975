//! The verifier answers as the literal one of RFC 9162 does: both sizes, big-endian, then both roots and the proof.
#![no_main]

use counterfoil_core::Digest;
use counterfoil_merkle::proof::verify_consistency;
use counterfoil_merkle::{EMPTY_ROOT, node_hash};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((old, rest)) = data.split_first_chunk() else {
        return;
    };
    let Some((size, rest)) = rest.split_first_chunk() else {
        return;
    };
    let (old, size) = (u64::from_be_bytes(*old), u64::from_be_bytes(*size));
    let hashes: Vec<Digest> = rest
        .as_chunks()
        .0
        .iter()
        .copied()
        .map(Digest::from_bytes)
        .collect();
    let [old_root, root, proof @ ..] = &hashes[..] else {
        return;
    };
    let held = verify_consistency(old, old_root, size, root, proof).is_ok();
    let expected = if old == 0 || old == size {
        let of_nothing = |size, root| size > 0 || root == &EMPTY_ROOT;
        let same = old != size || old_root == root;
        proof.is_empty() && of_nothing(old, old_root) && of_nothing(size, root) && same
    } else {
        old < size && holds(old, *old_root, size, *root, proof)
    };
    assert_eq!(held, expected);
});

/// RFC 9162 §2.1.4.2.
fn holds(old: u64, old_root: Digest, size: u64, root: Digest, proof: &[Digest]) -> bool {
    let mut path = proof.to_vec();
    if old.is_power_of_two() {
        path.insert(0, old_root);
    }
    let Some((first, path)) = path.split_first().filter(|_| !proof.is_empty()) else {
        return false;
    };
    let (mut f, mut s) = (old - 1, size - 1);
    while f & 1 == 1 {
        (f, s) = (f >> 1, s >> 1);
    }
    let (mut fr, mut sr) = (*first, *first);
    for c in path {
        if s == 0 {
            return false;
        }
        if f & 1 == 1 || f == s {
            (fr, sr) = (node_hash(c, &fr), node_hash(c, &sr));
            while f & 1 == 0 && f != 0 {
                (f, s) = (f >> 1, s >> 1);
            }
        } else {
            sr = node_hash(&sr, c);
        }
        (f, s) = (f >> 1, s >> 1);
    }
    fr == old_root && sr == root && s == 0
}

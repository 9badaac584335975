//! The verifier answers as the literal one of RFC 9162 does: index and size, big-endian, then leaf, root and proof.
#![no_main]

use counterfoil_core::Digest;
use counterfoil_merkle::node_hash;
use counterfoil_merkle::proof::verify_inclusion;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((index, rest)) = data.split_first_chunk() else {
        return;
    };
    let Some((size, rest)) = rest.split_first_chunk() else {
        return;
    };
    let (index, size) = (u64::from_be_bytes(*index), u64::from_be_bytes(*size));
    let hashes: Vec<Digest> = rest
        .as_chunks()
        .0
        .iter()
        .copied()
        .map(Digest::from_bytes)
        .collect();
    let [leaf, root, proof @ ..] = &hashes[..] else {
        return;
    };
    let held = verify_inclusion(leaf, index, size, proof, root).is_ok();
    assert_eq!(held, holds(*leaf, index, size, proof, root));
});

/// RFC 9162 §2.1.3.2.
fn holds(leaf: Digest, index: u64, size: u64, proof: &[Digest], root: &Digest) -> bool {
    if index >= size {
        return false;
    }
    let (mut f, mut s, mut r) = (index, size - 1, leaf);
    for p in proof {
        if s == 0 {
            return false;
        }
        if f & 1 == 1 || f == s {
            r = node_hash(p, &r);
            while f & 1 == 0 && f != 0 {
                (f, s) = (f >> 1, s >> 1);
            }
        } else {
            r = node_hash(&r, p);
        }
        (f, s) = (f >> 1, s >> 1);
    }
    s == 0 && r == *root
}

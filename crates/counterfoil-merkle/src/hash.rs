//! The two hashes of RFC 6962 §2.1.

use counterfoil_core::Digest;
use sha2::{Digest as _, Sha256};

use crate::hash_many;

/// The byte in front of a leaf's data, so that no leaf can pass as a node.
pub(crate) const LEAF_PREFIX: [u8; 1] = [0];
/// The byte in front of a node's children.
pub(crate) const NODE_PREFIX: [u8; 1] = [1];

/// The root of a tree without leaves: SHA-256 of no bytes.
pub const EMPTY_ROOT: Digest = Digest::from_bytes([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// SHA-256(0x00 ‖ `data`): the hash of a record's body, and its leaf in the tree (audit specification §1).
#[must_use]
pub fn leaf_hash(data: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(LEAF_PREFIX);
    hasher.update(data);
    Digest::from_bytes(hasher.finalize().into())
}

/// The leaf hash of each of `records`, several at once where the processor can.
///
/// The results equal [`leaf_hash`] of each. Worth it from 16 records on, and most in multiples of 16 of similar length.
#[must_use]
pub fn leaf_hashes(records: &[&[u8]]) -> Vec<Digest> {
    let mut out = vec![Digest::ZERO; records.len()];
    hash_many::leaves(records, &mut out);
    out
}

/// SHA-256(0x01 ‖ `left` ‖ `right`): the parent of two subtrees.
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut message = [0; 1 + 2 * Digest::LEN];
    message[..1].copy_from_slice(&NODE_PREFIX);
    message[1..=Digest::LEN].copy_from_slice(left.as_bytes());
    message[1 + Digest::LEN..].copy_from_slice(right.as_bytes());
    Digest::from_bytes(Sha256::digest(message).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Computed with Python's hashlib from the definitions above.
    const LEAF_OF_NOTHING: &str =
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
    const LEAF_OF_L123456: &str =
        "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56";
    const NODE_OF_TWO: &str = "bf9ae70442844df993ca0001a7c8a095c5f145857960b1ee389df6cbe84b5bf3";

    #[test]
    fn the_known_leaves_come_out() {
        assert_eq!(leaf_hash(b"").to_string(), LEAF_OF_NOTHING);
        assert_eq!(leaf_hash(b"L123456").to_string(), LEAF_OF_L123456);
    }

    #[test]
    fn the_parent_of_the_two_known_leaves_comes_out() {
        let parent = node_hash(&leaf_hash(b""), &leaf_hash(b"L123456"));
        assert_eq!(parent.to_string(), NODE_OF_TWO);
    }

    #[test]
    fn the_empty_root_is_the_hash_of_nothing() {
        assert_eq!(EMPTY_ROOT.as_bytes(), Sha256::digest(b"").as_slice());
    }
}

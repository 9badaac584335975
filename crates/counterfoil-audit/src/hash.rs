//! SHA-256 of what is not a record.

use counterfoil_core::Digest;
use sha2::{Digest as _, Sha256};

/// SHA-256 of `bytes`, without the prefix of a leaf.
pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

//! The commitment and its opening.

use std::fmt;

use counterfoil_core::{Digest, REDACTED};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

const DOMAIN: &[u8] = b"counterfoil.dev/erasable/v1\n";
/// What the length of a value is rounded up to.
pub(crate) const BUCKET: usize = 256;
/// Length of a salt in bytes.
pub(crate) const SALT: usize = 32;
/// Longest JSON pointer in bytes.
pub(crate) const MAX_POINTER: usize = 1_024;

/// What makes a commitment checkable: the value, the salt, and the place that it is bound to.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) seq: u64,
    /// JSON pointer from the body to the place.
    pub(crate) pointer: String,
    /// JSON text of the value.
    pub(crate) value: Zeroizing<Vec<u8>>,
    pub(crate) salt: Zeroizing<[u8; SALT]>,
}

impl Opening {
    /// The commitment in the record of `chain` that this is the opening of.
    pub(crate) fn commitment(&self, chain: &str) -> Digest {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        part(&mut hash, chain.as_bytes());
        part(&mut hash, self.seq.to_string().as_bytes());
        part(&mut hash, self.pointer.as_bytes());
        part(&mut hash, &self.value);
        hash.update(&[0; BUCKET][..padding(self.value.len())]);
        hash.update(self.salt.as_slice());
        Digest::from_bytes(hash.finalize().into())
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening")
            .field("seq", &self.seq)
            .field("pointer", &self.pointer)
            .field("value", &REDACTED)
            .finish_non_exhaustive()
    }
}

/// The length as 8 bytes, and the bytes.
fn part(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

/// How many bytes bring the length of a value, with the 8 bytes that state it, to a whole number of buckets.
pub(crate) const fn padding(value: usize) -> usize {
    (8 + value).next_multiple_of(BUCKET) - 8 - value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_padded_to_whole_buckets() {
        assert_eq!(
            [0, 1, 247, 248, 249, 504, 505].map(padding),
            [248, 247, 1, 0, 255, 0, 255]
        );
    }
}

//! SHA-256 of what is not a record, and of a record in its buffer.

use counterfoil_core::Digest;
use sha2::block_api::compress256;
use sha2::{Digest as _, Sha256};

/// SHA-256's initial state (FIPS 180-4 §5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// SHA-256 of `bytes`, without the prefix of a leaf.
pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

/// SHA-256 of `buf[from..to]`, whose padding is written behind it: up to 72 bytes of `buf` after `to` are overwritten.
///
/// Hashing in place saves what the general hasher spends on copying blocks into its own buffer, which for a record is a
/// tenth of the whole.
///
/// # Panics
/// When `buf` has no room for the padding.
#[inline]
pub(crate) fn padded_leaf_hash(buf: &mut [u8], from: usize, to: usize) -> Digest {
    let len = to - from;
    let blocks = (len + 9).div_ceil(64);
    let end = from + blocks * 64;
    buf[to..to + 9].fill(0);
    buf[to] = 0x80;
    buf[to + 9..end].fill(0);
    buf[end - 8..end].copy_from_slice(&(len as u64 * 8).to_be_bytes());
    let mut state = INITIAL;
    compress256(&mut state, buf[from..end].as_chunks::<64>().0);
    let mut digest = [0; Digest::LEN];
    for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    Digest::from_bytes(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashing_in_place_equals_hashing_at_every_length() {
        for len in 0..400 {
            let mut buf: Vec<u8> = (0..512).map(|at| (at * 7) as u8).collect();
            let expected = sha256(&buf[7..7 + len]);
            assert_eq!(padded_leaf_hash(&mut buf, 7, 7 + len), expected, "{len}");
        }
    }
}

//! Hashing many independent messages at once: the one place that knows the multi-buffer crate.
//!
//! One SHA-256 cannot be vectorised, several side by side can. `tape-sha256` picks its kernel for the running processor, and
//! tests see only the kernel of the machine that they run on. So each process compares the kernel with `sha2` before it first
//! relies on it, and goes on with `sha2` alone if they differ. `sha2` also takes what is too little to fill the lanes.

use std::sync::OnceLock;

use counterfoil_core::Digest;
use tape_sha256::Message;

use crate::hash::{LEAF_PREFIX, NODE_PREFIX, leaf_hash, node_hash};

/// Messages per call of the kernel; bounds the stack, and is a multiple of every kernel's width.
const BATCH: usize = 64;
/// Below this many messages one by one is as fast.
const WORTH_IT: usize = 4;

/// The leaf hash of each record. Both slices must be of one length.
pub(crate) fn leaves(records: &[&[u8]], out: &mut [Digest]) {
    leaves_by(kernel_agrees(), records, out);
}

/// Puts the parents of the `count` pairs that begin at `level[from]` into `level[to..]`, where `to <= from + 1`.
pub(crate) fn parents(level: &mut [Digest], from: usize, to: usize, count: usize) {
    parents_by(kernel_agrees(), level, from, to, count);
}

/// The root of the complete subtree over `level`, whose length is a power of two. Leaves `level` overwritten.
pub(crate) fn complete_root(level: &mut [Digest]) -> Digest {
    debug_assert!(level.len().is_power_of_two());
    let mut len = level.len() / 2;
    while len > 0 {
        parents(level, 0, 0, len);
        len /= 2;
    }
    level[0]
}

/// Whether the kernel hashes a sample of leaves, of every padding and of several blocks, and of nodes as `sha2` does.
/// Compared once per process, which takes some 50 microseconds.
fn kernel_agrees() -> bool {
    static AGREES: OnceLock<bool> = OnceLock::new();
    *AGREES.get_or_init(|| {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(1_000).collect();
        let sample: Vec<&[u8]> = (0..2 * BATCH).map(|i| &bytes[i..i + i * 5]).collect();
        let mut expected = vec![Digest::ZERO; sample.len()];
        let mut actual = expected.clone();
        leaves_by(false, &sample, &mut expected);
        leaves_by(true, &sample, &mut actual);
        let same_leaves = expected == actual;
        parents_by(false, &mut expected, 0, 0, BATCH);
        parents_by(true, &mut actual, 0, 0, BATCH);
        same_leaves && expected == actual
    })
}

fn leaves_by(kernel: bool, records: &[&[u8]], out: &mut [Digest]) {
    debug_assert_eq!(records.len(), out.len());
    for (records, out) in records.chunks(BATCH).zip(out.chunks_mut(BATCH)) {
        if !kernel || records.len() < WORTH_IT {
            for (record, out) in records.iter().zip(out) {
                *out = leaf_hash(record);
            }
            continue;
        }
        let mut messages = [Message::new(&[]); BATCH];
        for (message, record) in messages.iter_mut().zip(records) {
            *message = Message::prefixed(&LEAF_PREFIX, record);
        }
        let mut digests = [[0; Digest::LEN]; BATCH];
        tape_sha256::hash_messages(&messages[..records.len()], &mut digests[..records.len()]);
        for (out, digest) in out.iter_mut().zip(digests) {
            *out = Digest::from_bytes(digest);
        }
    }
}

/// In place: a batch is read before its parents are written, and parents never reach the batch that is read next.
fn parents_by(kernel: bool, level: &mut [Digest], from: usize, to: usize, count: usize) {
    debug_assert!(to <= from + 1 && from + 2 * count <= level.len());
    for done in (0..count).step_by(BATCH) {
        let batch = BATCH.min(count - done);
        let pairs = &level[from + 2 * done..][..2 * batch];
        let mut digests = [[0; Digest::LEN]; BATCH];
        if !kernel || batch < WORTH_IT {
            for (pair, digest) in pairs.chunks_exact(2).zip(&mut digests) {
                *digest = *node_hash(&pair[0], &pair[1]).as_bytes();
            }
        } else {
            let mut messages = [Message::new(&[]); BATCH];
            for (message, pair) in messages.iter_mut().zip(pairs.chunks_exact(2)) {
                *message = Message::pair(&NODE_PREFIX, pair[0].as_bytes(), pair[1].as_bytes());
            }
            tape_sha256::hash_messages(&messages[..batch], &mut digests[..batch]);
        }
        for (node, digest) in level[to + done..][..batch].iter_mut().zip(digests) {
            *node = Digest::from_bytes(digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that differ from message to message and from place to place.
    fn filler(seed: usize, len: usize) -> Vec<u8> {
        (0..len)
            .map(|at| (seed * 131 + at * 7 + at / 251) as u8)
            .collect()
    }

    #[test]
    fn the_kernel_of_this_machine_agrees_with_sha2() {
        assert!(kernel_agrees(), "{}", tape_sha256::backend());
    }

    #[test]
    fn without_the_kernel_the_results_are_the_same() {
        let records: Vec<Vec<u8>> = (0..2 * BATCH + 2).map(|i| filler(i, i * 3)).collect();
        let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        let mut with = vec![Digest::ZERO; records.len()];
        let mut without = with.clone();
        leaves_by(true, &records, &mut with);
        leaves_by(false, &records, &mut without);
        assert_eq!(with, without);
        parents_by(true, &mut with, 0, 1, BATCH + 1);
        parents_by(false, &mut without, 0, 1, BATCH + 1);
        assert_eq!(with, without);
    }

    #[test]
    fn every_batch_size_and_every_padding_edge_equals_one_by_one() {
        for count in 0..=(2 * BATCH + 3) {
            let records: Vec<Vec<u8>> = (0..count).map(|i| filler(i, i * 13 % 200)).collect();
            let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
            let mut out = vec![Digest::ZERO; count];
            leaves(&records, &mut out);
            let expected: Vec<Digest> = records.iter().map(|record| leaf_hash(record)).collect();
            assert_eq!(out, expected, "{count} records");
        }
        for len in 0..=300 {
            let records: Vec<Vec<u8>> = (0..17).map(|i| filler(i, len)).collect();
            let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
            let mut out = vec![Digest::ZERO; records.len()];
            leaves(&records, &mut out);
            for (record, out) in records.iter().zip(out) {
                assert_eq!(out, leaf_hash(record), "length {len}");
            }
        }
    }

    #[test]
    fn parents_of_every_batch_size_and_place_equal_one_by_one() {
        for count in 0..=(2 * BATCH + 3) {
            for (from, to) in [(0, 0), (0, 1), (1, 1), (2, 1)] {
                let mut level: Vec<Digest> = (0..from + 2 * count + 1)
                    .map(|i| leaf_hash(&filler(i, 9)))
                    .collect();
                let expected: Vec<Digest> = level[from..from + 2 * count]
                    .chunks_exact(2)
                    .map(|pair| node_hash(&pair[0], &pair[1]))
                    .collect();
                parents(&mut level, from, to, count);
                assert_eq!(
                    level[to..to + count],
                    expected,
                    "{count} pairs {from} to {to}"
                );
            }
        }
    }

    #[test]
    fn long_records_beside_short_ones_equal_one_by_one() {
        let records: Vec<Vec<u8>> = [0, 65_535, 1, 440, 55, 56, 63, 64, 4_096, 119]
            .into_iter()
            .enumerate()
            .map(|(i, len)| filler(i, len))
            .collect();
        let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        let mut out = vec![Digest::ZERO; records.len()];
        leaves(&records, &mut out);
        for (record, out) in records.iter().zip(out) {
            assert_eq!(out, leaf_hash(record), "length {}", record.len());
        }
    }
}

//! The state of a growing tree in at most 64 hashes.

use counterfoil_core::Digest;

use crate::hash::EMPTY_ROOT;
use crate::proof::{NodeId, complete_subtrees};
use crate::{Subtrees, hash_many, node_hash};

/// An RFC 6962 tree over leaves 0 to `size`, kept as the roots of its complete subtrees.
///
/// A tree of `size` leaves falls into one complete subtree per bit that is set in `size`, the largest first. Their roots are
/// all that is needed to append and to tell the root, so a sealer holds at most 2 KiB however long the chain grows.
///
/// ```
/// use counterfoil_merkle::{CompactRange, leaf_hash};
///
/// let mut one_by_one = CompactRange::new();
/// let leaves: Vec<_> = (0_u8..7).map(|i| leaf_hash(&[i])).collect();
/// leaves.iter().for_each(|leaf| one_by_one.append(*leaf));
///
/// let mut at_once = CompactRange::new();
/// at_once.extend(&leaves);
/// assert_eq!(at_once, one_by_one);
/// assert_eq!(at_once.hashes().len(), 3); // 4 + 2 + 1
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompactRange {
    size: u64,
    /// Roots of the complete subtrees, largest first; as many as `size` has bits set.
    hashes: Vec<Digest>,
}

/// Leaves that [`CompactRange::extend`] takes through all levels at once; bounds its stack.
const STRIDE: usize = 256;
/// Below this many leaves [`CompactRange::extend`] appends one by one: too few pairs to fill the processor's lanes.
const WORTH_IT: usize = 32;

impl CompactRange {
    /// The tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self {
            size: 0,
            hashes: Vec::with_capacity(16),
        }
    }

    /// The tree of `size` leaves, from the roots of its complete subtrees, which `node` answers, the largest first.
    ///
    /// Whoever reads them from anything that is not trusted compares [`root`](Self::root) with a known one before relying on
    /// the tree.
    ///
    /// # Errors
    /// The first error of `node`.
    pub fn restore<E>(size: u64, node: impl FnMut(NodeId) -> Result<Digest, E>) -> Result<Self, E> {
        let hashes = complete_subtrees(size)
            .map(node)
            .collect::<Result<_, _>>()?;
        Ok(Self { size, hashes })
    }

    /// How many leaves the tree has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the complete subtrees, the largest first.
    #[must_use]
    pub fn hashes(&self) -> &[Digest] {
        &self.hashes
    }

    /// Appends one leaf, given by its leaf hash. Hashes one node on average, and as many as 63.
    pub fn append(&mut self, leaf: Digest) {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.hashes.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.hashes.push(node);
        self.size += 1;
    }

    /// Appends `leaves` in order, hashing the nodes of each level several at once where the processor can.
    ///
    /// The outcome equals [`append`](Self::append) of each. From 32 leaves on it is faster, from about 128 on nearly twice as
    /// fast. Allocates nothing beyond what `hashes` may need to grow.
    pub fn extend(&mut self, leaves: &[Digest]) {
        for leaves in leaves.chunks(STRIDE) {
            if leaves.len() < WORTH_IT {
                leaves.iter().for_each(|leaf| self.append(*leaf));
            } else {
                self.extend_by_stride(leaves);
            }
        }
    }

    /// Takes up to [`STRIDE`] leaves level by level: the subtree that waits at a level goes in front, pairs become the next
    /// level, and one without a partner waits there in its turn.
    fn extend_by_stride(&mut self, leaves: &[Digest]) {
        // Slot 0 is free for the subtree that waits at a level; without one the level begins at slot 1.
        let mut level = [Digest::ZERO; STRIDE + 1];
        let mut left_over = [Digest::ZERO; u64::BITS as usize];
        let mut left_over_len = 0;

        let mut len = leaves.len();
        level[1..=len].copy_from_slice(leaves);
        let mut waiting = self.size;
        while len > 0 {
            let mut start = 1;
            if waiting & 1 == 1
                && let Some(left) = self.hashes.pop()
            {
                level[0] = left;
                start = 0;
                len += 1;
            }
            if len % 2 == 1 {
                len -= 1;
                left_over[left_over_len] = level[start + len];
                left_over_len += 1;
            }
            len /= 2;
            hash_many::parents(&mut level, start, 1, len);
            waiting >>= 1;
        }
        self.hashes.extend(left_over[..left_over_len].iter().rev());
        self.size += leaves.len() as u64;
    }

    /// Appends a run of leaves whose nodes were hashed apart. Hashes one node for each subtree that the two complete together.
    ///
    /// Answers `false`, and changes nothing, when the run does not begin where the tree ends.
    pub fn join(&mut self, run: &Subtrees) -> bool {
        if run.start() != self.size {
            return false;
        }
        for (level, root) in run.iter() {
            let mut node = root;
            for _ in 0..(self.size >> level).trailing_ones() {
                if let Some(left) = self.hashes.pop() {
                    node = node_hash(&left, &node);
                }
            }
            self.hashes.push(node);
            self.size += 1 << level;
        }
        true
    }

    /// The tree's root, as RFC 6962 §2.1 defines it; [`EMPTY_ROOT`] without leaves. Hashes one node per subtree but one.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.hashes
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or(EMPTY_ROOT)
    }
}

impl Default for CompactRange {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaf_hash;

    fn leaves(count: u64) -> Vec<Digest> {
        (0..count).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    #[test]
    fn joining_runs_equals_appending_wherever_they_meet() {
        let all = leaves(700);
        for first in (0..70).chain([127, 128, 129, 255, 256, 257]) {
            for second in (0..70).chain([127, 128, 255, 256, 300]) {
                let mut appended = CompactRange::new();
                all[..first + second]
                    .iter()
                    .for_each(|leaf| appended.append(*leaf));
                let mut joined = CompactRange::new();
                assert!(joined.join(&Subtrees::of(0, &all[..first])));
                let run = Subtrees::of(first as u64, &all[first..first + second]);
                assert!(joined.join(&run));
                assert_eq!(joined, appended, "{second} leaves behind {first}");
            }
        }
    }

    #[test]
    fn a_run_that_begins_elsewhere_is_not_joined() {
        let all = leaves(9);
        let mut tree = CompactRange::new();
        tree.extend(&all[..4]);
        let before = tree.clone();
        for start in [0, 3, 5, 8] {
            assert!(!tree.join(&Subtrees::of(start, &all[4..])));
        }
        assert_eq!(tree, before);
    }

    #[test]
    fn extending_equals_appending_from_every_start() {
        let all = leaves(700);
        for start in (0..40).chain([255, 256, 257]) {
            for count in (0..40).chain([255, 256, 257, 300, 400]) {
                let mut appended = CompactRange::new();
                all[..start + count]
                    .iter()
                    .for_each(|leaf| appended.append(*leaf));
                let mut extended = CompactRange::new();
                all[..start].iter().for_each(|leaf| extended.append(*leaf));
                extended.extend(&all[start..start + count]);
                assert_eq!(extended, appended, "{count} leaves behind {start}");
                assert_eq!(extended.root(), appended.root());
            }
        }
    }
}

//! A run of leaves somewhere in a tree, taken together without the leaves before it.

use counterfoil_core::Digest;

use crate::hash_many;

/// The roots of the largest complete subtrees that a run of leaves falls into.
///
/// A run from leaf 5 to leaf 15 falls into 5, 6–7, 8–15: at most two subtrees per level, however long the run. Runs are
/// independent of each other, so that several threads can hash the nodes of one tree;
/// [`CompactRange::join`](crate::CompactRange::join) puts them in their places.
///
/// ```
/// use counterfoil_merkle::{CompactRange, Subtrees, leaf_hash};
///
/// let leaves: Vec<_> = (0_u8..16).map(|i| leaf_hash(&[i])).collect();
/// let mut joined = CompactRange::new();
/// for (start, run) in [(0, &leaves[..5]), (5, &leaves[5..])] {
///     assert!(joined.join(&Subtrees::of(start, run)));
/// }
/// let mut extended = CompactRange::new();
/// extended.extend(&leaves);
/// assert_eq!(joined, extended);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subtrees {
    start: u64,
    len: u64,
    /// In the order of the leaves.
    roots: Vec<Digest>,
}

impl Subtrees {
    /// Hashes all nodes above `leaves` that have no other leaves below them; the first is leaf `start` of the tree, counted
    /// from 0.
    ///
    /// # Panics
    /// When the leaves reach beyond 2^64.
    #[must_use]
    pub fn of(start: u64, leaves: &[Digest]) -> Self {
        assert!(
            start.checked_add(leaves.len() as u64).is_some(),
            "leaves are counted in 64 bits"
        );
        let mut level = leaves.to_vec();
        let mut roots = Vec::new();
        let mut behind = Vec::new();
        let (mut from, mut len, mut first) = (0, level.len(), start);
        while len > 0 {
            if first % 2 == 1 {
                roots.push(level[from]);
                from += 1;
                len -= 1;
                first += 1;
            }
            if len % 2 == 1 {
                len -= 1;
                behind.push(level[from + len]);
            }
            len /= 2;
            hash_many::parents(&mut level, from, 0, len);
            from = 0;
            first /= 2;
        }
        roots.extend(behind.into_iter().rev());
        Self {
            start,
            len: leaves.len() as u64,
            roots,
        }
    }

    /// Number of the first leaf, counted from 0.
    #[must_use]
    pub const fn start(&self) -> u64 {
        self.start
    }

    /// Number of the leaf behind the last.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.start + self.len
    }

    /// The level and root of each subtree; the leaves are level 0.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Digest)> {
        let end = self.end();
        let mut at = self.start;
        self.roots.iter().map(move |root| {
            let level = at.trailing_zeros().min((end - at).ilog2());
            at += 1 << level;
            (level, *root)
        })
    }
}

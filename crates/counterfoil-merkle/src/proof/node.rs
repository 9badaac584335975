//! Complete subtrees, and how a tree falls into them.

use std::fmt;

use crate::Error;

/// A complete subtree: the one over leaves `index · 2^level` up to `(index + 1) · 2^level`. At level 0 it is a leaf.
///
/// Its hash never changes once all its leaves are there, however far the tree grows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId {
    level: u8,
    index: u64,
}

impl NodeId {
    /// The subtree at that place.
    ///
    /// # Errors
    /// When it would end above 2^64 leaves.
    pub fn new(level: u8, index: u64) -> Result<Self, Error> {
        if u32::from(level) < u64::BITS && index <= u64::MAX >> level {
            return Ok(Self { level, index });
        }
        Err(Error::invalid(
            "name a subtree",
            format!("no tree has a subtree {index} at level {level}: it would end above 2^64"),
        ))
    }

    /// Binary logarithm of how many leaves it has; at most 63.
    #[must_use]
    pub const fn level(self) -> u8 {
        self.level
    }

    /// How many subtrees of its level stand before it.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    /// Index of its first leaf.
    #[must_use]
    pub const fn first_leaf(self) -> u64 {
        self.index << self.level
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.level, self.index)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

/// The complete subtrees into which a tree of `size` leaves falls, the largest first: one per bit that is set in `size`.
///
/// Their hashes are what [`CompactRange::restore`](crate::CompactRange::restore) takes.
pub fn complete_subtrees(size: u64) -> impl Iterator<Item = NodeId> {
    cover(0, size)
}

/// The complete subtrees over leaves `begin` to `end`, where `begin` is a multiple of a power of two that is no less than
/// `end - begin`.
pub(super) fn cover(begin: u64, end: u64) -> impl Iterator<Item = NodeId> {
    let mut at = begin;
    std::iter::from_fn(move || {
        // At most 63, as `end - at` is below 2^64.
        let level = (end - at).checked_ilog2()? as u8;
        let node = NodeId {
            level,
            index: at >> level,
        };
        at += 1 << level;
        Some(node)
    })
}

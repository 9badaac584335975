//! The tree over the records read so far.

use counterfoil_core::Digest;
use counterfoil_merkle::{CompactRange, Subtrees};

/// Leaves that wait until there are enough to be hashed side by side.
const WAITING: usize = 4_096;

/// The tree over every record so far, as long as every record is there.
#[derive(Debug)]
pub(super) struct Tree {
    range: CompactRange,
    leaves: Vec<Digest>,
    holds: bool,
}

impl Tree {
    pub(super) fn new() -> Self {
        Self {
            range: CompactRange::new(),
            leaves: Vec::new(),
            holds: true,
        }
    }

    /// Begins behind records that are pruned.
    pub(super) fn begin_with(&mut self, range: CompactRange) {
        self.range = range;
    }

    /// Appends a record.
    pub(super) fn push(&mut self, leaf: Digest) {
        self.leaves.push(leaf);
        if self.leaves.len() == WAITING {
            self.grow();
        }
    }

    /// Appends records whose nodes are hashed already. `false` when they do not follow, and then nothing was appended.
    pub(super) fn join(&mut self, subtrees: &Subtrees) -> bool {
        self.grow();
        self.holds && self.range.join(subtrees)
    }

    /// The nodes over all records so far; none where there is no root.
    pub(super) fn nodes(&mut self) -> Vec<Digest> {
        self.grow();
        if self.holds {
            self.range.hashes().to_vec()
        } else {
            Vec::new()
        }
    }

    /// The tree over all records up to the last that was not left waiting; see [`grow`](Self::grow).
    pub(super) const fn grown(&self) -> &CompactRange {
        &self.range
    }

    /// Whether it is over records 1 to `seq`.
    pub(super) const fn stands(&self, seq: u64) -> bool {
        self.holds && self.range.size() == seq
    }

    /// Becomes a tree that it was before.
    pub(super) fn go_back_to(&mut self, range: CompactRange) {
        self.leaves.clear();
        self.range = range;
        self.holds = true;
    }

    /// Becomes the tree of `size` records that has these nodes: as many as `size` has bits set.
    pub(super) fn restore(&mut self, size: u64, nodes: &[Digest]) {
        self.leaves.clear();
        let mut nodes = nodes.iter().copied();
        let restored = CompactRange::restore(size, |_| nodes.next().ok_or(()));
        self.holds = restored.is_ok();
        self.range = restored.unwrap_or_default();
    }

    /// A record is absent or cannot be hashed: from here on there is no root.
    pub(super) const fn lose(&mut self) {
        self.holds = false;
    }

    /// The root over records 1 to `seq`, if these are the records that were appended.
    pub(super) fn root_at(&mut self, seq: u64) -> Option<Digest> {
        self.grow();
        (self.holds && self.range.size() == seq).then(|| self.range.root())
    }

    /// Takes in the records that wait.
    pub(super) fn grow(&mut self) {
        if self.holds {
            self.range.extend(&self.leaves);
        }
        self.leaves.clear();
    }
}

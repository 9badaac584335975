//! The roots at the last sizes, for checkpoints that come a little later than their records.

use std::collections::VecDeque;

use counterfoil_core::Digest;
use counterfoil_merkle::CompactRange;

/// Trees that are kept, and how many records lie between two of them at least.
const TREES: usize = 4;
const APART: u64 = 256;

/// Some earlier trees, and the hashes since the oldest of them: any root in between follows without hashing records twice.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    trees: VecDeque<CompactRange>,
    leaves: VecDeque<Digest>,
}

impl Recent {
    /// Records are about to come on top of `tree`.
    pub(super) fn before(&mut self, tree: &CompactRange) {
        let last = self.trees.back().map(CompactRange::size);
        if last.is_some_and(|last| tree.size() < last + APART) {
            return;
        }
        self.trees.push_back(tree.clone());
        if self.trees.len() > TREES
            && let (Some(oldest), Some(next)) = (self.trees.pop_front(), self.trees.front())
        {
            let gone = (next.size() - oldest.size()) as usize;
            self.leaves.drain(..gone.min(self.leaves.len()));
        }
    }

    /// A record came.
    pub(super) fn push(&mut self, leaf: Digest) {
        self.leaves.push_back(leaf);
    }

    /// The root over records 1 to `size`, if that is one of the last sizes.
    pub(crate) fn root_at(&self, size: u64) -> Option<Digest> {
        let base = self.trees.front()?.size();
        let mut tree = self
            .trees
            .iter()
            .rev()
            .find(|tree| tree.size() <= size)?
            .clone();
        let from = usize::try_from(tree.size() - base).ok()?;
        let to = usize::try_from(size - base).ok()?;
        if to > self.leaves.len() {
            return None;
        }
        let leaves: Vec<Digest> = self.leaves.range(from..to).copied().collect();
        tree.extend(&leaves);
        Some(tree.root())
    }
}

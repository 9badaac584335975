//! Which hashes a proof takes.

use std::ops::Range;

use counterfoil_core::Digest;

use super::NodeId;
use super::node::cover;
use crate::{Error, node_hash};

/// Which complete subtrees a proof is made of, in the order of the proof.
///
/// At most one hash of a proof is that of a subtree which is not complete: the ragged right edge of the tree. It is computed
/// from the complete ones that it falls into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofPlan {
    nodes: Vec<NodeId>,
    /// The nodes that become one hash of the proof, largest first; empty or at least two.
    edge: Range<usize>,
}

impl ProofPlan {
    /// The proof that leaf `index` is in the tree of `size` leaves: PATH of RFC 6962 §2.1.1, the leaf's sibling first.
    ///
    /// # Errors
    /// When there is no such leaf.
    pub fn inclusion(index: u64, size: u64) -> Result<Self, Error> {
        if index >= size {
            return Err(Error::invalid(
                "prove inclusion",
                format!("a tree of {size} leaves has no leaf {index}; leaves are counted from 0"),
            ));
        }
        let (mut begin, mut end) = (0, size);
        let mut siblings = Vec::with_capacity(64);
        while end - begin > 1 {
            let middle = middle(begin, end);
            if index < middle {
                siblings.push((middle, end));
                end = middle;
            } else {
                siblings.push((begin, middle));
                begin = middle;
            }
        }
        Ok(Self::bottom_up(&siblings))
    }

    /// The proof that the tree of `old_size` leaves is a prefix of that of `size`: PROOF of RFC 6962 §2.1.2.
    ///
    /// It is empty when both sizes are equal, and when the old one is 0.
    ///
    /// # Errors
    /// When the old size is above the other.
    pub fn consistency(old_size: u64, size: u64) -> Result<Self, Error> {
        if old_size > size {
            return Err(Error::invalid(
                "prove consistency",
                format!("the old size, {old_size}, is above the new one, {size}"),
            ));
        }
        let (mut begin, mut end) = (0, size);
        let mut parts = Vec::with_capacity(64);
        while old_size != 0 && old_size != end {
            let middle = middle(begin, end);
            if old_size <= middle {
                parts.push((middle, end));
                end = middle;
            } else {
                parts.push((begin, middle));
                begin = middle;
            }
        }
        // At the left edge what is left is the whole old tree, whose root the verifier has.
        if begin != 0 {
            parts.push((begin, end));
        }
        Ok(Self::bottom_up(&parts))
    }

    /// The subtrees whose hashes are needed, at most 127, in the order in which [`prove`](Self::prove) asks for them.
    ///
    /// For a client that fetches them before: some become one hash of the proof, so these are not the proof itself.
    #[must_use]
    pub fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// Makes the proof of the hashes that `node` answers.
    ///
    /// The proof is as good as the answers: whoever reads them from anything that is not trusted verifies the proof against a
    /// known root before handing it out.
    ///
    /// # Errors
    /// The first error of `node`.
    pub fn prove<E>(
        &self,
        node: impl FnMut(NodeId) -> Result<Digest, E>,
    ) -> Result<Vec<Digest>, E> {
        let mut hashes = self
            .nodes
            .iter()
            .copied()
            .map(node)
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(edge) = hashes[self.edge.clone()]
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| node_hash(&left, &right))
        {
            hashes.splice(self.edge.clone(), [edge]);
        }
        Ok(hashes)
    }

    /// `parts` come from the root downwards, which is the reverse of the order of a proof.
    fn bottom_up(parts: &[(u64, u64)]) -> Self {
        let mut plan = Self {
            nodes: Vec::with_capacity(parts.len()),
            edge: 0..0,
        };
        for (begin, end) in parts.iter().rev() {
            let start = plan.nodes.len();
            plan.nodes.extend(cover(*begin, *end));
            if plan.nodes.len() - start > 1 {
                plan.edge = start..plan.nodes.len();
            }
        }
        plan
    }
}

/// Where the tree over `begin..end`, of at least two leaves, splits: the largest power of two below its size further.
const fn middle(begin: u64, end: u64) -> u64 {
    begin + (1 << (end - begin - 1).ilog2())
}

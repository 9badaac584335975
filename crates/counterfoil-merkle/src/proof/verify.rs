//! Whether a proof holds.
//!
//! Both verifiers answer as the ones of RFC 9162 §2.1.3.2 and §2.1.4.2 do. They look at the length first: how many hashes an
//! honest proof has follows from the sizes alone, so that nothing is hashed for one that is too long or too short.

use std::fmt;

use counterfoil_core::Digest;

use crate::{EMPTY_ROOT, node_hash};

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProofRejected {
    /// The tree has no leaf of that index.
    IndexBeyondSize {
        /// Index of the leaf, from 0.
        index: u64,
        /// Leaves of the tree.
        size: u64,
    },
    /// The tree that should be the older one is larger.
    SizeDecreases {
        /// Size of the older tree.
        old_size: u64,
        /// Size of the newer one.
        size: u64,
    },
    /// The proof has another number of hashes than a proof for this index and size has.
    WrongLength {
        /// How many there must be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// The hashes lead to another root: what the proof is about is not in that tree, or the trees are not of one history.
    RootMismatch {
        /// Size of the tree whose root it is.
        size: u64,
        /// The root that was given.
        expected: Digest,
        /// The root that follows from the proof.
        computed: Digest,
    },
}

impl fmt::Display for ProofRejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IndexBeyondSize { index, size } => {
                write!(f, "there is no leaf {index} in a tree of {size}")
            }
            Self::SizeDecreases { old_size, size } => write!(
                f,
                "the older tree has {old_size} leaves and the newer one {size}: a log never shrinks"
            ),
            Self::WrongLength { expected, found } => write!(
                f,
                "the proof has {found} hashes; for this index and size it has {expected}: it belongs to another one, or was cut or extended"
            ),
            Self::RootMismatch {
                size,
                expected,
                computed,
            } => write!(
                f,
                "the proof leads to the root {computed} at size {size}, not to {expected}"
            ),
        }
    }
}

impl std::error::Error for ProofRejected {}

/// Verifies that `leaf` is the leaf hash at `index`, from 0, in the tree of `size` leaves with this `root`.
///
/// # Errors
/// When it does not follow. A proof of the right length about other data is a [`ProofRejected::RootMismatch`].
pub fn verify_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), ProofRejected> {
    if index >= size {
        return Err(ProofRejected::IndexBeyondSize { index, size });
    }
    let shape = Shape::of(index, size);
    let (inner, border) = shape.split(0, proof)?;
    let computed = along_the_edge(along(*leaf, inner, index), border);
    same_root(size, root, computed)
}

/// Verifies that the tree of `size` leaves with this `root` begins with the one of `old_size` leaves and `old_root`.
///
/// Old size 0 is consistent with everything: the proof is empty and the old root is [`EMPTY_ROOT`].
///
/// # Errors
/// When it does not follow.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Digest,
    size: u64,
    root: &Digest,
    proof: &[Digest],
) -> Result<(), ProofRejected> {
    if old_size > size {
        return Err(ProofRejected::SizeDecreases { old_size, size });
    }
    if old_size == 0 || old_size == size {
        return verify_without_proof(old_size, old_root, size, root, proof);
    }
    // The last leaf of the old tree, and the largest complete subtree that ends with it: the proof climbs from there.
    let last = old_size - 1;
    let level = old_size.trailing_zeros();
    let mut shape = Shape::of(last, size);
    shape.inner -= level as usize;
    let (seed, start) = if old_size.is_power_of_two() {
        (*old_root, 0)
    } else {
        match proof.first() {
            Some(first) => (*first, 1),
            None => return Err(shape.wrong_length(1, proof)),
        }
    };
    let (inner, border) = shape.split(start, proof)?;
    let path = last >> level;
    let old = along_the_edge(left_of(seed, inner, path), border);
    same_root(old_size, old_root, old)?;
    let new = along_the_edge(along(seed, inner, path), border);
    same_root(size, root, new)
}

/// The cases in which equal sizes or nothing at all leave nothing to prove.
fn verify_without_proof(
    old_size: u64,
    old_root: &Digest,
    size: u64,
    root: &Digest,
    proof: &[Digest],
) -> Result<(), ProofRejected> {
    if !proof.is_empty() {
        return Err(ProofRejected::WrongLength {
            expected: 0,
            found: proof.len(),
        });
    }
    if old_size == 0 {
        same_root(0, old_root, EMPTY_ROOT)?;
    }
    if size == 0 {
        same_root(0, root, EMPTY_ROOT)?;
    }
    if old_size == size {
        same_root(size, root, *old_root)?;
    }
    Ok(())
}

/// The path from a leaf to the root in two parts: below the level where it meets the right edge of the tree, and along it.
struct Shape {
    inner: usize,
    border: usize,
}

impl Shape {
    /// `index` is below `size`.
    const fn of(index: u64, size: u64) -> Self {
        let inner = u64::BITS - (index ^ (size - 1)).leading_zeros();
        // On the edge there is a sibling, always a left one, where the index has a bit set.
        let above = if inner == u64::BITS {
            0
        } else {
            index >> inner
        };
        Self {
            inner: inner as usize,
            border: above.count_ones() as usize,
        }
    }

    /// The two parts of a proof behind its first `start` hashes.
    fn split<'a>(
        &self,
        start: usize,
        proof: &'a [Digest],
    ) -> Result<(&'a [Digest], &'a [Digest]), ProofRejected> {
        if proof.len() == start + self.inner + self.border {
            Ok(proof[start..].split_at(self.inner))
        } else {
            Err(self.wrong_length(start, proof))
        }
    }

    const fn wrong_length(&self, start: usize, proof: &[Digest]) -> ProofRejected {
        ProofRejected::WrongLength {
            expected: start + self.inner + self.border,
            found: proof.len(),
        }
    }
}

/// Climbs from the subtree at `index`: bit by bit the index says on which side each sibling stands.
fn along(seed: Digest, siblings: &[Digest], index: u64) -> Digest {
    siblings
        .iter()
        .enumerate()
        .fold(seed, |node, (at, sibling)| {
            if index >> at & 1 == 0 {
                node_hash(&node, sibling)
            } else {
                node_hash(sibling, &node)
            }
        })
}

/// Climbs as [`along`], as if nothing stood to the right.
fn left_of(seed: Digest, siblings: &[Digest], index: u64) -> Digest {
    siblings
        .iter()
        .enumerate()
        .fold(seed, |node, (at, sibling)| {
            if index >> at & 1 == 0 {
                node
            } else {
                node_hash(sibling, &node)
            }
        })
}

/// Climbs the right edge, where every sibling stands to the left.
fn along_the_edge(seed: Digest, siblings: &[Digest]) -> Digest {
    siblings
        .iter()
        .fold(seed, |node, sibling| node_hash(sibling, &node))
}

fn same_root(size: u64, expected: &Digest, computed: Digest) -> Result<(), ProofRejected> {
    if *expected == computed {
        return Ok(());
    }
    Err(ProofRejected::RootMismatch {
        size,
        expected: *expected,
        computed,
    })
}

//! The definitions of the RFCs, word for word and slow: what the tests compare with.

use counterfoil_core::Digest;
use counterfoil_merkle::proof::NodeId;
use counterfoil_merkle::{EMPTY_ROOT, leaf_hash, node_hash};

/// Leaf hashes that differ from one another.
pub(crate) fn leaves(count: usize) -> Vec<Digest> {
    (0..count).map(|i| leaf_hash(&i.to_le_bytes())).collect()
}

/// The largest power of two below `len`.
fn split(len: usize) -> usize {
    len.next_power_of_two() / 2
}

/// MTH of RFC 6962 §2.1.
pub(crate) fn tree_hash(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => EMPTY_ROOT,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&tree_hash(left), &tree_hash(right))
        }
    }
}

/// PATH of RFC 6962 §2.1.1.
pub(crate) fn path(index: usize, leaves: &[Digest]) -> Vec<Digest> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) = if index < k {
        (path(index, left), tree_hash(right))
    } else {
        (path(index - k, right), tree_hash(left))
    };
    path.push(sibling);
    path
}

/// PROOF of RFC 6962 §2.1.2, for 0 < `old` <= the number of leaves.
pub(crate) fn consistency(old: usize, leaves: &[Digest]) -> Vec<Digest> {
    subproof(old, leaves, true)
}

fn subproof(old: usize, leaves: &[Digest], complete: bool) -> Vec<Digest> {
    if old == leaves.len() {
        return if complete {
            Vec::new()
        } else {
            vec![tree_hash(leaves)]
        };
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, rest) = if old <= k {
        (subproof(old, left, complete), tree_hash(right))
    } else {
        (subproof(old - k, right, false), tree_hash(left))
    };
    proof.push(rest);
    proof
}

/// The hash of a complete subtree.
pub(crate) fn node(leaves: &[Digest], id: NodeId) -> Digest {
    let first = id.first_leaf() as usize;
    tree_hash(&leaves[first..first + (1 << id.level())])
}

/// The hashes of all complete subtrees, level by level: a tree in memory.
pub(crate) struct Levels(Vec<Vec<Digest>>);

impl Levels {
    pub(crate) fn of(leaves: &[Digest]) -> Self {
        let mut levels = vec![leaves.to_vec()];
        while let Some(below) = levels.last().filter(|below| below.len() > 1) {
            let parents = below
                .chunks_exact(2)
                .map(|pair| node_hash(&pair[0], &pair[1]));
            levels.push(parents.collect());
        }
        Self(levels)
    }

    pub(crate) fn node(&self, id: NodeId) -> Result<Digest, std::convert::Infallible> {
        Ok(self.0[usize::from(id.level())][id.index() as usize])
    }
}

/// The verifier of RFC 9162 §2.1.3.2.
pub(crate) fn inclusion_holds(
    leaf: Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: Digest,
) -> bool {
    if index >= size {
        return false;
    }
    let (mut f, mut s, mut r) = (index, size - 1, leaf);
    for p in proof {
        if s == 0 {
            return false;
        }
        if f & 1 == 1 || f == s {
            r = node_hash(p, &r);
            while f & 1 == 0 && f != 0 {
                (f, s) = (f >> 1, s >> 1);
            }
        } else {
            r = node_hash(&r, p);
        }
        (f, s) = (f >> 1, s >> 1);
    }
    s == 0 && r == root
}

/// The verifier of RFC 9162 §2.1.4.2, for 0 < `old` < `new`.
pub(crate) fn consistency_holds(
    old: u64,
    old_root: Digest,
    new: u64,
    root: Digest,
    proof: &[Digest],
) -> bool {
    if proof.is_empty() {
        return false;
    }
    let mut path = proof.to_vec();
    if old.is_power_of_two() {
        path.insert(0, old_root);
    }
    let (mut f, mut s) = (old - 1, new - 1);
    while f & 1 == 1 {
        (f, s) = (f >> 1, s >> 1);
    }
    let (mut fr, mut sr) = (path[0], path[0]);
    for c in &path[1..] {
        if s == 0 {
            return false;
        }
        if f & 1 == 1 || f == s {
            (fr, sr) = (node_hash(c, &fr), node_hash(c, &sr));
            while f & 1 == 0 && f != 0 {
                (f, s) = (f >> 1, s >> 1);
            }
        } else {
            sr = node_hash(&sr, c);
        }
        (f, s) = (f >> 1, s >> 1);
    }
    fr == old_root && sr == root && s == 0
}

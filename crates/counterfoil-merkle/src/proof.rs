//! Inclusion and consistency proofs (RFC 6962 §2.1.1 and §2.1.2): which hashes they take, and whether one holds.
//!
//! A proof is made in two steps. A [`ProofPlan`] names the complete subtrees whose roots the proof takes, at most some hundred
//! whatever the size of the tree; then it asks for them one by one, from a tree in memory, from tiles on a disk
//! ([`TileReader`](crate::tile::TileReader)), or from tiles that a client has fetched, for which it can be asked beforehand.
//! [`verify_inclusion`] and [`verify_consistency`] need nothing but the proof, and take as many steps as it has hashes.
//!
//! **Size 0.** This module owns it, as RFC 9162 and the witness protocol want it: the tree without leaves has the root
//! [`EMPTY_ROOT`](crate::EMPTY_ROOT) and is consistent with every tree, and the proof of that is empty. Some libraries refuse
//! old size 0 because such a proof proves nothing; a caller that wants more than nothing asks for an old size above 0.
//!
//! ```
//! use counterfoil_merkle::proof::{NodeId, ProofPlan, verify_consistency, verify_inclusion};
//! use counterfoil_merkle::{CompactRange, Error, leaf_hash};
//!
//! let leaves: Vec<_> = (0_u8..3).map(|i| leaf_hash(&[i])).collect();
//! // Three leaves: the complete subtrees are the leaves themselves and the parent of the first two.
//! let tree = |size: usize| {
//!     let mut range = CompactRange::new();
//!     range.extend(&leaves[..size]);
//!     range.root()
//! };
//! let node = |id: NodeId| match (id.level(), id.index()) {
//!     (0, at) => Ok::<_, Error>(leaves[at as usize]),
//!     _ => Ok(tree(2)),
//! };
//!
//! let proof = ProofPlan::inclusion(2, 3)?.prove(node)?;
//! assert!(verify_inclusion(&leaves[2], 2, 3, &proof, &tree(3)).is_ok());
//! assert!(verify_inclusion(&leaves[1], 2, 3, &proof, &tree(3)).is_err());
//!
//! let proof = ProofPlan::consistency(2, 3)?.prove(node)?;
//! assert!(verify_consistency(2, &tree(2), 3, &tree(3), &proof).is_ok());
//! # Ok::<(), Error>(())
//! ```

mod node;
mod plan;
mod verify;

pub use node::{NodeId, complete_subtrees};
pub use plan::ProofPlan;
pub use verify::{ProofRejected, verify_consistency, verify_inclusion};

/// Most hashes that a proof may have where it comes from outside: the limit of the witness protocol. No tree of up to 2^62
/// leaves needs more.
pub const MAX_PROOF_LEN: usize = 63;

//! The tree under an audit chain: RFC 6962 hashes and proofs, and the C2SP formats in which roots are handed around.
//!
//! **What it is.** [`leaf_hash`] and [`node_hash`], the [`CompactRange`] that keeps a growing tree's root in at most 64
//! hashes, [`proof`]s of inclusion and consistency, and [`tile`]s, out of which they are made. Then the texts of the
//! transparency field, written and strictly read: the signed [`note`], the [`checkpoint`], the [`cosignature`] of a witness
//! and the bodies of the [`witness`] protocol, the trust [`policy`], and the [`tlog_proof`], a receipt that verifies with
//! nothing else than keys. Everything is a pure function of bytes; what comes from outside is bounded.
//!
//! **Who should depend on it.** Whoever seals, verifies, signs or witnesses a chain. A service that only records events needs
//! the facade `counterfoil`; a signer or a verifier of signatures is in `counterfoil-signer`.
//!
//! **What it will never do.** Open a file or a socket, hold a private key, or check a signature by itself: a note asks the
//! closure that it is given.
//!
//! ```
//! use counterfoil_merkle::{CompactRange, checkpoint::Checkpoint, leaf_hash, node_hash};
//!
//! let (first, second) = (leaf_hash(b"first"), leaf_hash(b"second"));
//! let mut tree = CompactRange::new();
//! tree.extend(&[first, second]);
//! assert_eq!(tree.root(), node_hash(&first, &second));
//!
//! let checkpoint = Checkpoint::new("audit.example.com/leases/1", tree.size(), tree.root())?;
//! assert_eq!(Checkpoint::parse(&checkpoint.to_text())?, checkpoint);
//! # Ok::<(), counterfoil_merkle::Error>(())
//! ```

mod base64_text;
pub mod checkpoint;
mod compact_range;
pub mod cosignature;
mod decimal;
mod error;
mod hash;
mod hash_lines;
mod hash_many;
pub mod note;
pub mod policy;
pub mod proof;
mod subtrees;
pub mod tile;
pub mod tlog_proof;
pub mod witness;

pub use compact_range::CompactRange;
pub use error::{Error, ErrorKind};
pub use hash::{EMPTY_ROOT, leaf_hash, leaf_hashes, node_hash};
pub use subtrees::Subtrees;

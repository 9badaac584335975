//! A tree in tiles, as C2SP tlog-tiles lays it out: what a log writes and serves, and what a client reads proofs out of.
//!
//! A full tile is 256 hashes that stand side by side at tree level 0, 8, 16 … up to 56; the levels between are computed from
//! them. The right-most tile of a level is partial until it is full, and has its width in its path: `tile/0/x001/234.p/112`.
//! Entries lie beside in bundles of 256: `tile/entries/x001/234.p/112`.
//!
//! - [`TileId`], [`BundleId`] and [`Resource`] are the paths; parsing accepts one spelling for each.
//! - [`TileBuilder`] is the writer's side: given leaf hashes as they come, it hands over each tile that becomes full and tells
//!   which partial ones a signed head needs.
//! - [`TileReader`] is the reader's side: it answers the nodes of which [`proof`](crate::proof)s are made.
//! - [`push_entry`] and [`parse_bundle`] are the format of a bundle.
//!
//! Specification: <https://c2sp.org/tlog-tiles>.
//!
//! ```
//! use std::collections::BTreeMap;
//! use counterfoil_merkle::proof::{ProofPlan, verify_inclusion};
//! use counterfoil_merkle::tile::{TileBuilder, TileId, TileReader};
//! use counterfoil_merkle::{CompactRange, Error, leaf_hash};
//!
//! let leaves: Vec<_> = (0_u16..300).map(|i| leaf_hash(&i.to_be_bytes())).collect();
//! let mut tree = CompactRange::new();
//! tree.extend(&leaves);
//!
//! let mut written: BTreeMap<TileId, Vec<u8>> = BTreeMap::new();
//! let mut tiles = TileBuilder::new();
//! tiles.extend(&leaves, |id, bytes| {
//!     written.insert(id, bytes.to_vec());
//!     Ok::<_, Error>(())
//! })?;
//! for (id, bytes) in tiles.partial(0) {
//!     written.insert(id, bytes.to_vec());
//! }
//! let paths: Vec<_> = written.keys().map(TileId::to_string).collect();
//! assert_eq!(paths, ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"]);
//!
//! let mut reader = TileReader::new(300, |id| Ok::<_, Error>(written[&id].clone()));
//! let proof = ProofPlan::inclusion(7, 300)?.prove(|node| reader.node(node))?;
//! assert!(verify_inclusion(&leaves[7], 7, 300, &proof, &tree.root()).is_ok());
//! # Ok::<(), Error>(())
//! ```

mod builder;
mod bundle;
mod id;
mod path;
mod reader;

pub use builder::TileBuilder;
pub use bundle::{MAX_BUNDLE_LEN, MAX_ENTRY_LEN, parse_bundle, push_entry};
pub use id::{BundleId, TileId};
pub use path::Resource;
pub use reader::TileReader;

/// Hashes in a full tile, and entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;
/// Bytes of a full tile.
pub const TILE_LEN: usize = TILE_WIDTH as usize * counterfoil_core::Digest::LEN;

/// Levels of tiles that a tree of up to 2^64 - 1 leaves has.
const LEVELS: u8 = 8;

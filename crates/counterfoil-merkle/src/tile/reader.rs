//! The reader's side: nodes out of tiles.

use counterfoil_core::Digest;

use super::builder::wrong_length;
use super::{TILE_WIDTH, TileId};
use crate::proof::NodeId;
use crate::{Error, hash_many};

/// Tree levels from one level of tiles to the next.
const STEP: u8 = 8;

/// Answers the nodes of a tree of a given size out of its tiles.
///
/// `read` is asked for a tile of exactly that size's tree, so that a client never fetches one that need not exist. It may
/// answer a wider one of the same place instead, up to the full tile, because logs drop partial tiles that have become full.
/// The last tile is kept: a proof that climbs through it reads it once. A proof reads at most two tiles per level of tiles,
/// and hashes up to 255 nodes for each, several at once where the processor can.
///
/// Nothing is checked against a root here; verify what was made of the nodes.
#[derive(Debug)]
pub struct TileReader<F> {
    size: u64,
    read: F,
    last: Option<TileId>,
    /// The hashes of the last tile, and the levels above them as far as they were asked for.
    levels: [Vec<Digest>; STEP as usize],
    /// How many of the levels are filled.
    filled: usize,
}

impl<F> TileReader<F> {
    /// A reader of the tree of `size` leaves.
    #[must_use]
    pub const fn new(size: u64, read: F) -> Self {
        Self {
            size,
            read,
            last: None,
            levels: [const { Vec::new() }; STEP as usize],
            filled: 0,
        }
    }

    /// The hash of a complete subtree.
    ///
    /// # Errors
    /// The first error of `read`; also when the subtree is not in the tree, or a tile is too short or no tile.
    pub fn node<E: From<Error>>(&mut self, node: NodeId) -> Result<Digest, E>
    where
        F: FnMut(TileId) -> Result<Vec<u8>, E>,
    {
        let within = node.level() % STEP;
        let count = 1_usize << within;
        // At most 2^63, as the node's last leaf is below 2^64.
        let first = node.index() << within;
        let at = (first % u64::from(TILE_WIDTH)) as usize;
        let tile = TileId::in_tree(
            node.level() / STEP,
            first / u64::from(TILE_WIDTH),
            self.size,
        );
        let Some(id) = tile.filter(|id| at + count <= usize::from(id.width())) else {
            return Err(Error::invalid(
                "read a node out of tiles",
                format!(
                    "the subtree {node} is not in a tree of {} leaves",
                    self.size
                ),
            )
            .into());
        };
        self.load(id)?;
        let within = usize::from(within);
        self.fill(within);
        Ok(self.levels[within][at >> within])
    }

    /// Hashes the levels up to `within` above the tile's own.
    fn fill(&mut self, within: usize) {
        while self.filled <= within {
            let (below, above) = self.levels.split_at_mut(self.filled);
            if let (Some(below), Some(level)) = (below.last(), above.first_mut()) {
                let pairs = below.len() / 2;
                level.clone_from(below);
                hash_many::parents(level, 0, 0, pairs);
                level.truncate(pairs);
            }
            self.filled += 1;
        }
    }

    /// Puts the hashes of the tile into place.
    fn load<E: From<Error>>(&mut self, id: TileId) -> Result<(), E>
    where
        F: FnMut(TileId) -> Result<Vec<u8>, E>,
    {
        if self.last == Some(id) {
            return Ok(());
        }
        self.last = None;
        let bytes = (self.read)(id)?;
        let (hashes, rest) = bytes.as_chunks();
        if bytes.len() < id.byte_len() || hashes.len() > usize::from(TILE_WIDTH) || !rest.is_empty()
        {
            return Err(wrong_length(id, bytes.len()).into());
        }
        let level = &mut self.levels[0];
        level.clear();
        level.extend(hashes.iter().copied().map(Digest::from_bytes));
        self.filled = 1;
        self.last = Some(id);
        Ok(())
    }
}

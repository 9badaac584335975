//! The writer's side: tiles as a tree grows.

use counterfoil_core::Digest;

use super::id::hashes_at;
use super::{TILE_LEN, TILE_WIDTH, TileId};
use crate::{Error, hash_many};

/// The right-most tile of each level of a growing tree, as bytes that are ready to be written.
///
/// Holds at most 8 KiB per level, 64 KiB in all, however long the log grows. Each leaf is copied once and costs one node hash
/// on average, several at once where the processor can; nothing is allocated but a level's buffer when it first appears.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TileBuilder {
    size: u64,
    /// Per level the bytes of its last tile, fewer than a full tile has.
    edge: Vec<Vec<u8>>,
}

impl TileBuilder {
    /// The tiles of a tree without leaves: none.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on behind `size` leaves, from the partial tiles of that size, which `read` answers: at most one per level.
    ///
    /// The tiles are taken as they are. Whoever cannot trust them compares their root with a known one first
    /// ([`CompactRange::restore`](crate::CompactRange::restore) with a [`TileReader`](super::TileReader)).
    ///
    /// # Errors
    /// The first error of `read`, or when a tile has not the length that its id says.
    pub fn resume<E: From<Error>>(
        size: u64,
        mut read: impl FnMut(TileId) -> Result<Vec<u8>, E>,
    ) -> Result<Self, E> {
        let mut builder = Self {
            size,
            edge: Vec::new(),
        };
        for level in 0.. {
            let hashes = hashes_at(level, size);
            if hashes == 0 {
                break;
            }
            let mut tile = empty_tile();
            let index = hashes / u64::from(TILE_WIDTH);
            if let Some(id) = TileId::in_tree(level, index, size) {
                let bytes = read(id)?;
                if bytes.len() != id.byte_len() {
                    return Err(wrong_length(id, bytes.len()).into());
                }
                tile.extend_from_slice(&bytes);
            }
            builder.edge.push(tile);
        }
        Ok(builder)
    }

    /// How many leaves the tree has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends leaf hashes in order. Hands each tile that becomes full to `full`, once, with its 8 192 bytes: a level-0 tile
    /// before the higher tile that it completes.
    ///
    /// # Errors
    /// The first error of `full`. The builder has lost track then: drop it, and [`resume`](Self::resume) from what is written.
    pub fn extend<E>(
        &mut self,
        leaves: &[Digest],
        mut full: impl FnMut(TileId, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = leaves;
        while !rest.is_empty() {
            let room = usize::from(TILE_WIDTH) - (self.size % u64::from(TILE_WIDTH)) as usize;
            let (now, later) = rest.split_at(room.min(rest.len()));
            let tile = self.level(0);
            now.iter()
                .for_each(|leaf| tile.extend_from_slice(leaf.as_bytes()));
            self.size += now.len() as u64;
            if now.len() == room {
                self.carry(&mut full)?;
            }
            rest = later;
        }
        Ok(())
    }

    /// The partial tiles of this size that a tree of `since` leaves does not have, lower levels first; with those that
    /// [`extend`](Self::extend) handed over since then they are [`TileId::growth`]. Give 0 for all partial tiles.
    ///
    /// They must be on disk before a head of this size is signed.
    pub fn partial(&self, since: u64) -> impl Iterator<Item = (TileId, &[u8])> {
        (0_u8..).zip(&self.edge).filter_map(move |(level, tile)| {
            let hashes = hashes_at(level, self.size);
            let index = hashes / u64::from(TILE_WIDTH);
            let id = TileId::in_tree(level, index, self.size)?;
            (hashes_at(level, since) != hashes).then_some((id, tile.as_slice()))
        })
    }

    /// Hands over the tile of level 0, which is full, and each above that becomes full by it.
    fn carry<E>(&mut self, full: &mut impl FnMut(TileId, &[u8]) -> Result<(), E>) -> Result<(), E> {
        for level in 0_u8.. {
            let tile = &self.edge[usize::from(level)];
            if tile.len() < TILE_LEN {
                break;
            }
            let root = root_of(tile);
            let index = hashes_at(level, self.size) / u64::from(TILE_WIDTH) - 1;
            full(TileId::full_at(level, index), tile)?;
            self.level(level).clear();
            self.level(level + 1).extend_from_slice(root.as_bytes());
        }
        Ok(())
    }

    fn level(&mut self, level: u8) -> &mut Vec<u8> {
        let level = usize::from(level);
        if self.edge.len() <= level {
            self.edge.push(empty_tile());
        }
        &mut self.edge[level]
    }
}

/// What the reader and the builder say about a tile of another length.
pub(super) fn wrong_length(id: TileId, found: usize) -> Error {
    Error::invalid(
        "read a tile",
        format!(
            "{id} has {found} bytes instead of {}; read it again from where it is kept, or rebuild it from the entries",
            id.byte_len()
        ),
    )
}

fn empty_tile() -> Vec<u8> {
    Vec::with_capacity(TILE_LEN)
}

/// The hash of the subtree whose leaves a full tile holds.
fn root_of(tile: &[u8]) -> Digest {
    let mut level = [Digest::ZERO; TILE_WIDTH as usize];
    for (hash, bytes) in level.iter_mut().zip(tile.as_chunks().0) {
        *hash = Digest::from_bytes(*bytes);
    }
    hash_many::complete_root(&mut level)
}

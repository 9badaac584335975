//! Which tiles and bundles a tree has.

use std::ops::Range;

use counterfoil_core::Digest;

use super::{LEVELS, TILE_WIDTH};
use crate::Error;

/// Highest level that a path may name. No tree has tiles above level 7.
const MAX_LEVEL: u8 = 63;

/// One tile: its level, its index at that level, and how many hashes wide it is.
///
/// `Display` writes its path below the log's prefix, such as `tile/0/x001/x234/067` or `tile/1/000.p/17`, and `FromStr` reads
/// exactly that.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileId {
    level: u8,
    index: u64,
    width: u16,
}

impl TileId {
    /// A tile by its parts: level 0 to 63, width 1 to 256.
    ///
    /// # Errors
    /// When a part is outside its range.
    pub fn new(level: u8, index: u64, width: u16) -> Result<Self, Error> {
        if level > MAX_LEVEL {
            return Err(Error::invalid(
                "name a tile",
                format!("level {level} is above {MAX_LEVEL}"),
            ));
        }
        check_width("name a tile", width)?;
        Ok(Self {
            level,
            index,
            width,
        })
    }

    /// The tile at that place as a tree of `size` leaves has it, full or partial; `None` when the tree does not reach it.
    #[must_use]
    pub fn in_tree(level: u8, index: u64, size: u64) -> Option<Self> {
        let width = width_at(index, hashes_at(level, size))?;
        Some(Self {
            level,
            index,
            width,
        })
    }

    /// A full tile of a level that trees have.
    pub(super) const fn full_at(level: u8, index: u64) -> Self {
        Self {
            level,
            index,
            width: TILE_WIDTH,
        }
    }

    /// The tiles that a tree of `new_size` leaves has and one of `old_size` has not, lower levels first: what a log writes
    /// when it grows, before the head of the new size is published.
    ///
    /// Partial tiles of the old size that have become full or wider are not needed for the new size.
    pub fn growth(old_size: u64, new_size: u64) -> impl Iterator<Item = Self> {
        (0..LEVELS).flat_map(move |level| {
            grown(hashes_at(level, old_size), hashes_at(level, new_size))
                .filter_map(move |index| Self::in_tree(level, index, new_size))
        })
    }

    /// 0 where its hashes are leaves; each level higher, one hash stands for 256 times as many.
    #[must_use]
    pub const fn level(self) -> u8 {
        self.level
    }

    /// How many tiles of its level stand before it, all of them full.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many hashes it has: 256 when it is full.
    #[must_use]
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether it has all its hashes and never changes.
    #[must_use]
    pub const fn is_full(self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The full tile at the same place: what a log may serve once the partial one is gone.
    #[must_use]
    pub const fn full(self) -> Self {
        Self {
            width: TILE_WIDTH,
            ..self
        }
    }

    /// How many bytes it has.
    #[must_use]
    pub const fn byte_len(self) -> usize {
        self.width as usize * Digest::LEN
    }
}

/// One bundle of entries: its index, and how many entries it has.
///
/// `Display` writes its path below the log's prefix, such as `tile/entries/x001/x234/067` or `tile/entries/000.p/8`, and
/// `FromStr` reads exactly that.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BundleId {
    index: u64,
    width: u16,
}

impl BundleId {
    /// A bundle by its parts: width 1 to 256, and none of its entries above 2^64 - 1.
    ///
    /// # Errors
    /// When a part is outside its range.
    pub fn new(index: u64, width: u16) -> Result<Self, Error> {
        check_width("name an entry bundle", width)?;
        if index >= u64::MAX / u64::from(TILE_WIDTH) {
            return Err(Error::invalid(
                "name an entry bundle",
                format!("bundle {index} would hold entries above 2^64"),
            ));
        }
        Ok(Self { index, width })
    }

    /// The bundle of that index as a tree of `size` leaves has it; `None` when the tree does not reach it.
    #[must_use]
    pub fn in_tree(index: u64, size: u64) -> Option<Self> {
        let width = width_at(index, size)?;
        Some(Self { index, width })
    }

    /// How many bundles stand before it, all of them full.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many entries it has: 256 when it is full.
    #[must_use]
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether it has all its entries and never changes.
    #[must_use]
    pub const fn is_full(self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The full bundle at the same place: what a log may serve once the partial one is gone.
    #[must_use]
    pub const fn full(self) -> Self {
        Self {
            width: TILE_WIDTH,
            ..self
        }
    }

    /// The indices of its entries, from 0. Of an audit chain, entry `i` is the record of sequence number `i + 1`.
    #[must_use]
    pub fn entries(self) -> Range<u64> {
        let start = self.index * u64::from(TILE_WIDTH);
        start..start.saturating_add(self.width.into())
    }
}

/// How many hashes all tiles of a level hold together.
pub(super) fn hashes_at(level: u8, size: u64) -> u64 {
    size.checked_shr(8 * u32::from(level)).unwrap_or(0)
}

/// The width of the tile `index` of a level that holds `hashes` hashes.
fn width_at(index: u64, hashes: u64) -> Option<u16> {
    let before = index.checked_mul(u64::from(TILE_WIDTH))?;
    let width = hashes.checked_sub(before)?.min(u64::from(TILE_WIDTH)) as u16;
    (width > 0).then_some(width)
}

/// The indices of the tiles that change when a level grows from `old` to `new` hashes.
fn grown(old: u64, new: u64) -> Range<u64> {
    if old >= new {
        return 0..0;
    }
    let width = u64::from(TILE_WIDTH);
    old / width..new.div_ceil(width)
}

fn check_width(operation: &'static str, width: u16) -> Result<(), Error> {
    if (1..=TILE_WIDTH).contains(&width) {
        return Ok(());
    }
    Err(Error::invalid(
        operation,
        format!("a width of {width} is not between 1 and {TILE_WIDTH}"),
    ))
}

//! The paths of a log's resources, written and strictly read.

use std::fmt;
use std::str::FromStr;

use super::{BundleId, TILE_WIDTH, TileId};
use crate::{Error, decimal};

const PARSE: &str = "parse a tile path";
/// Longest path: a level of two digits, 2^64 - 1 in seven groups, and a width. Anything longer is refused unread.
const MAX_PATH_LEN: usize = 64;

/// What a tiled log serves below its prefix.
///
/// `FromStr` reads a path as it stands behind the prefix and its slash: `checkpoint`, `tile/…` or `tile/entries/…`. It accepts
/// exactly what `Display` writes, so that nothing else can reach a file system through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the three resources of the specification; whoever serves a log handles each"
)]
pub enum Resource {
    /// The newest signed checkpoint.
    Checkpoint,
    /// Hashes of the tree.
    Tile(TileId),
    /// Entries.
    Entries(BundleId),
}

impl FromStr for Resource {
    type Err = Error;

    fn from_str(path: &str) -> Result<Self, Error> {
        if path == "checkpoint" {
            Ok(Self::Checkpoint)
        } else if path.starts_with("tile/entries/") {
            path.parse().map(Self::Entries)
        } else {
            path.parse().map(Self::Tile)
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint => f.write_str("checkpoint"),
            Self::Tile(id) => id.fmt(f),
            Self::Entries(id) => id.fmt(f),
        }
    }
}

impl FromStr for TileId {
    type Err = Error;

    fn from_str(path: &str) -> Result<Self, Error> {
        let parse = || {
            let (level, rest) = bounded(path)?.strip_prefix("tile/")?.split_once('/')?;
            let (index, width) = index_and_width(rest)?;
            Self::new(decimal::parse(level)?.try_into().ok()?, index, width).ok()
        };
        parse().ok_or_else(|| refuse(path, "tile/1/x001/234 or tile/1/x001/234.p/5"))
    }
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/", self.level())?;
        write_index_and_width(f, self.index(), self.width())
    }
}

impl fmt::Debug for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TileId({self})")
    }
}

impl FromStr for BundleId {
    type Err = Error;

    fn from_str(path: &str) -> Result<Self, Error> {
        let parse = || {
            let (index, width) = index_and_width(bounded(path)?.strip_prefix("tile/entries/")?)?;
            Self::new(index, width).ok()
        };
        parse().ok_or_else(|| refuse(path, "tile/entries/x001/234 or tile/entries/x001/234.p/5"))
    }
}

impl fmt::Display for BundleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tile/entries/")?;
        write_index_and_width(f, self.index(), self.width())
    }
}

impl fmt::Debug for BundleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BundleId({self})")
    }
}

fn bounded(path: &str) -> Option<&str> {
    (path.len() <= MAX_PATH_LEN).then_some(path)
}

fn refuse(path: &str, example: &str) -> Error {
    let shown: String = path.chars().take(MAX_PATH_LEN).collect();
    Error::invalid(
        PARSE,
        format!("{shown:?} is not a path of this kind; one looks like {example}"),
    )
}

/// `x001/x234/067`, and `.p/<width>` behind it for a partial resource.
fn index_and_width(text: &str) -> Option<(u64, u16)> {
    let (index, width) = match text.split_once(".p/") {
        None => (text, TILE_WIDTH),
        Some((index, width)) => {
            let width = u16::try_from(decimal::parse(width)?).ok()?;
            if !(1..TILE_WIDTH).contains(&width) {
                return None;
            }
            (index, width)
        }
    };
    Some((parse_index(index)?, width))
}

/// Three digits per group, all groups but the last with an `x`, and no group of zeros in front.
fn parse_index(text: &str) -> Option<u64> {
    let mut value = 0_u64;
    let mut groups = text.split('/').peekable();
    let first_is_zero = text.starts_with("x000");
    while let Some(group) = groups.next() {
        let digits = match groups.peek() {
            Some(_) => group.strip_prefix('x')?,
            None => group,
        };
        if digits.len() != 3 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        value = value
            .checked_mul(1_000)?
            .checked_add(digits.parse().ok()?)?;
    }
    (!first_is_zero).then_some(value)
}

fn write_index_and_width(f: &mut fmt::Formatter<'_>, index: u64, width: u16) -> fmt::Result {
    write_groups(f, index / 1_000)?;
    write!(f, "{:03}", index % 1_000)?;
    if width < TILE_WIDTH {
        write!(f, ".p/{width}")?;
    }
    Ok(())
}

/// The groups in front of the last one; nothing for 0.
fn write_groups(f: &mut fmt::Formatter<'_>, value: u64) -> fmt::Result {
    if value == 0 {
        return Ok(());
    }
    write_groups(f, value / 1_000)?;
    write!(f, "x{:03}/", value % 1_000)
}

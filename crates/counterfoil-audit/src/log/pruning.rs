//! Retention: which segments go, and how (audit specification §8).
//!
//! First `retention_applied` is sealed for each of them, then its head is anchored, then they go, the oldest first, each removal
//! durable before the next. Whoever looks finds a log that begins where one of these records says, or that is whole.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use counterfoil_core::{Digest, Timestamp};
use counterfoil_merkle::tile::{TILE_WIDTH, TileBuilder, TileId, TileReader};
use counterfoil_merkle::{CompactRange, Error as MerkleError};

use crate::log::files::FileSystem;
use crate::log::leaves::read_leaves;
use crate::log::openings::Openings;
use crate::log::segment::{BUNDLE, SegmentDir, put_new};
use crate::log::tiles::put;
use crate::{Retention, RetentionApplied, RetentionReason};

/// Bytes of a full tile.
const TILE: usize = TILE_WIDTH as usize * Digest::LEN;

/// A segment that is not appended to any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentEnd {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) bytes: u64,
    /// When its last record was sealed.
    pub(crate) time: Timestamp,
    /// Of its last record.
    pub(crate) hash: Digest,
    /// Over records 1 to `last`.
    pub(crate) root: Digest,
}

/// Every such segment, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    ends: VecDeque<SegmentEnd>,
    bytes: u64,
}

impl Shelf {
    pub(crate) fn push(&mut self, end: SegmentEnd) {
        self.bytes += end.bytes;
        self.ends.push_back(end);
    }

    /// The segments that `retention` lets go, when the one that is written to has `current` bytes.
    pub(crate) fn due(
        &self,
        retention: &Retention,
        now: Timestamp,
        current: u64,
    ) -> Vec<RetentionApplied> {
        let mut left = self.bytes + current;
        let mut due = Vec::new();
        for end in &self.ends {
            let too_old = retention
                .max_age_s
                .is_some_and(|limit| now.since(end.time).as_secs() > limit);
            let too_many = retention.max_bytes.is_some_and(|limit| left > limit);
            let reason = match (too_old, too_many) {
                (true, _) => RetentionReason::Age,
                (false, true) => RetentionReason::Bytes,
                (false, false) => break,
            };
            if !end.last.is_multiple_of(BUNDLE) {
                break;
            }
            left -= end.bytes;
            due.push(RetentionApplied {
                bytes: end.bytes,
                first_seq: end.first,
                hash: end.hash,
                last_seq: end.last,
                reason,
                root: end.root,
            });
        }
        due
    }

    /// Every such segment, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &SegmentEnd> {
        self.ends.iter()
    }

    /// Their bytes.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The segments up to record `last` are gone.
    pub(crate) fn forget(&mut self, last: u64) {
        while let Some(end) = self.ends.pop_front_if(|end| end.last <= last) {
            self.bytes -= end.bytes;
        }
    }
}

/// Segments that are to go once their head is anchored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pruning {
    /// The record that has to be anchored: the last `retention_applied`.
    pub(crate) sealed: u64,
    /// What goes, in order.
    pub(crate) segments: Vec<RetentionApplied>,
}

impl Pruning {
    /// Makes the hash tiles of the records durable, removes the segments, and then the openings of the records. May be repeated
    /// after a crash at any point.
    pub(crate) fn carry_out(&self, files: &Arc<dyn FileSystem>, log: &Path) -> io::Result<()> {
        let dir = SegmentDir::open(Arc::clone(files), log.join("segments"))?;
        let there = dir.list()?;
        let mut left = self
            .segments
            .iter()
            .filter(|segment| there.contains(&segment.first_seq))
            .peekable();
        if let (Some(first), Some(last)) = (left.peek(), self.segments.last()) {
            keep_tiles(&**files, log, first.first_seq, last)?;
        }
        for segment in left {
            dir.remove(segment.first_seq)?;
            dir.sync()?;
        }
        let end = self.segments.last().map_or(1, |last| last.last_seq + 1);
        Openings::of(&**files, log).prune(end)
    }
}

/// Makes the bottom tiles of records `first` to `last` durable, from the records themselves. They are all that is needed: the tiles
/// above follow from them.
fn keep_tiles(
    files: &dyn FileSystem,
    log: &Path,
    first: u64,
    last: &RetentionApplied,
) -> io::Result<()> {
    known_range(files, log, first - 1, last)?;
    let mut dirs = BTreeSet::new();
    let mut index = (first - 1) / BUNDLE;
    let mut tile: Vec<u8> = Vec::new();
    let segments = log.join("segments");
    read_leaves(files, &segments, first - 1, last.last_seq, |leaves| {
        for leaf in leaves {
            tile.extend_from_slice(leaf.as_bytes());
            if tile.len() == TILE {
                put_tile(files, log, index, &tile, &mut dirs)?;
                index += 1;
                tile.clear();
            }
        }
        Ok(())
    })?;
    dirs.iter().try_for_each(|dir| files.open_dir(dir)?.sync())
}

fn put_tile(
    files: &dyn FileSystem,
    log: &Path,
    index: u64,
    bytes: &[u8],
    dirs: &mut BTreeSet<PathBuf>,
) -> io::Result<()> {
    let id = TileId::new(0, index, TILE_WIDTH).map_err(io::Error::other)?;
    let path = log.join(id.to_string());
    if let Some(dir) = path.parent() {
        files.create_dir(dir)?;
        dirs.insert(dir.to_owned());
    }
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    put_new(files, Path::new(&new), &path, &[bytes])
}

/// The tree over records 1 to `size` that has, with the records that follow up to that of `last`, its root.
fn known_range(
    files: &dyn FileSystem,
    log: &Path,
    size: u64,
    last: &RetentionApplied,
) -> io::Result<CompactRange> {
    for from in [Source::Edge, Source::Bottom] {
        let Ok(range) = range_below(files, log, size, from) else {
            continue;
        };
        let mut whole = range.clone();
        let segments = log.join("segments");
        read_leaves(files, &segments, size, last.last_seq, |leaves| {
            whole.extend(leaves);
            Ok(())
        })?;
        if whole.root() == last.root {
            return Ok(range);
        }
    }
    Err(io::Error::other(format!(
        "the hash tiles and the records up to {} do not have the root that retention_applied names",
        last.last_seq
    )))
}

/// Where the tree over pruned records comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The few tiles at its edge. Those above the bottom are not synced, so a crash may have changed them.
    Edge,
    /// The bottom tiles, all of them, which were made durable before their records went.
    Bottom,
}

/// The tree over records 1 to `size`, from the hash tiles of the log in `log`. Nothing vouches for it: compare its root.
pub(crate) fn range_below(
    files: &dyn FileSystem,
    log: &Path,
    size: u64,
    from: Source,
) -> io::Result<CompactRange> {
    restore(size, from, &|id| read_tile(files, log, id))
}

/// The same, from tiles that `read` answers, or wider ones of their places.
pub(crate) fn restore(
    size: u64,
    from: Source,
    read: &dyn Fn(TileId) -> io::Result<Vec<u8>>,
) -> io::Result<CompactRange> {
    if from == Source::Edge {
        let mut tiles = TileReader::new(size, |id| read(id).map_err(Unread));
        return CompactRange::restore(size, |node| tiles.node(node)).map_err(|Unread(error)| error);
    }
    let mut range = CompactRange::new();
    bottom(size, read, |leaves| {
        range.extend(leaves);
        Ok(())
    })?;
    Ok(range)
}

/// The leaves of the bottom tiles up to `size`, a multiple of 256.
fn bottom(
    size: u64,
    read: &dyn Fn(TileId) -> io::Result<Vec<u8>>,
    mut take: impl FnMut(&[Digest]) -> io::Result<()>,
) -> io::Result<()> {
    for index in 0..size / BUNDLE {
        let id = TileId::new(0, index, TILE_WIDTH).map_err(io::Error::other)?;
        let bytes = read(id)?;
        let (hashes, rest) = bytes.as_chunks::<32>();
        if hashes.len() as u64 != BUNDLE || !rest.is_empty() {
            return Err(io::Error::other(format!("{id} is no full tile")));
        }
        let leaves: Vec<Digest> = hashes.iter().copied().map(Digest::from_bytes).collect();
        take(&leaves)?;
    }
    Ok(())
}

/// Why a node is not to be had.
struct Unread(io::Error);

impl From<MerkleError> for Unread {
    fn from(error: MerkleError) -> Self {
        Self(io::Error::other(error))
    }
}

/// What writes on behind `size` leaves, from the hash tiles of the log in `log`. Made from the bottom, it writes the full tiles above
/// that differ; those at its edge come with the next head.
pub(crate) fn resume_from(
    files: &dyn FileSystem,
    log: &Path,
    size: u64,
    from: Source,
) -> io::Result<TileBuilder> {
    let read = |id: TileId| {
        let mut bytes = read_tile(files, log, id)?;
        bytes.truncate(id.byte_len());
        Ok(bytes)
    };
    if from == Source::Edge {
        return TileBuilder::resume(size, |id| read(id).map_err(Unread))
            .map_err(|Unread(error)| error);
    }
    let mut builder = TileBuilder::new();
    bottom(size, &read, |leaves| {
        builder.extend(leaves, |id, bytes| {
            let stands = id.level() == 0 || read(id).is_ok_and(|found| found == bytes);
            if stands {
                return Ok(());
            }
            put(files, log, id, bytes)
        })
    })?;
    Ok(builder)
}

/// A tile, or a wider one of its place: partial ones go when the full one is published.
pub(crate) fn read_tile(files: &dyn FileSystem, log: &Path, id: TileId) -> io::Result<Vec<u8>> {
    for path in tile_paths(id, &|dir| files.list(&log.join(dir)))? {
        match files.read(&log.join(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            outcome => return outcome,
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// Where a tile may be: as it is asked for, full, or wider.
pub(crate) fn tile_paths(
    id: TileId,
    list: &dyn Fn(&str) -> io::Result<Vec<String>>,
) -> io::Result<Vec<String>> {
    let full = id.full().to_string();
    let mut paths = vec![id.to_string(), full.clone()];
    let partials = format!("{full}.p");
    let wider = |name: &String| name.parse::<u16>().is_ok_and(|width| width >= id.width());
    let names = list(&partials)?.into_iter().filter(wider);
    paths.extend(names.map(|name| format!("{partials}/{name}")));
    Ok(paths)
}

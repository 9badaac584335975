//! The hash tiles that a log leaves beside its segments (audit specification §8, C2SP tlog-tiles).
//!
//! A tile is what its records say, so one that is missing, torn or wrong is written again from the segments; nothing is
//! lost with it. So a tile is there before a head over it is signed, and it is not synced: a sync for each 256 records would
//! hold heads up at some 70 000 records a second. After power loss the next opening compares every tile with its records.
//! Whoever removes records makes their tiles durable first.
//!
//! A full tile is written once. A partial one is written for each head that is to be published, and goes when the
//! full one is published.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use counterfoil_core::Digest;
use counterfoil_merkle::tile::{TILE_WIDTH, TileBuilder, TileId, TileReader};
use counterfoil_merkle::{CompactRange, Error as MerkleError};

use crate::log::files::{FileSystem, write_all};
use crate::log::leaves::{Leaves, read_leaves};
use crate::log::pruning::{Source, read_tile, restore, resume_from};

const PARTIAL: &str = ".p";
/// Tiles in a directory.
const GROUP: u64 = 1_000;

/// Writes tiles as the tree grows. One thread owns it.
#[derive(Debug)]
pub(crate) struct TileWriter {
    files: Arc<dyn FileSystem>,
    log: PathBuf,
    /// The tree up to which every full tile is written.
    builder: TileBuilder,
    written: u64,
    /// The size whose partial tiles are written.
    completed: u64,
    /// Tiles of which there are partial ones, by level and index.
    partials: BTreeSet<(u8, u64)>,
}

impl TileWriter {
    /// Goes on from `builder`, whose tiles are on disk and right. A head over those of the size `published` was published.
    pub(crate) fn resume(
        files: Arc<dyn FileSystem>,
        log: PathBuf,
        builder: TileBuilder,
        published: u64,
    ) -> io::Result<Self> {
        let mut writer = Self {
            files,
            log,
            builder,
            written: 0,
            completed: 0,
            partials: BTreeSet::new(),
        };
        writer.look_around(published)?;
        Ok(writer)
    }

    /// Looks for partial tiles that a process before this one did not come to remove.
    fn look_around(&mut self, published: u64) -> io::Result<()> {
        let size = self.size();
        let mut tiles = (published.min(size), size);
        for level in 0..8 {
            tiles = (
                tiles.0 / u64::from(TILE_WIDTH),
                tiles.1 / u64::from(TILE_WIDTH),
            );
            // One group before: what was published last may have replaced partial tiles there.
            let groups = (tiles.0 / GROUP).saturating_sub(1)..=tiles.1 / GROUP;
            for group in groups {
                let path = self.log.join(path_of(level, group * GROUP)?);
                let Some(dir) = path.parent() else { continue };
                let names = self.files.list(dir)?;
                self.partials.extend(names.iter().filter_map(|name| {
                    let index = name.strip_suffix(PARTIAL)?.parse::<u64>().ok()?;
                    Some((level, group * GROUP + index))
                }));
            }
        }
        Ok(())
    }

    /// How many leaves the tree has.
    pub(crate) const fn size(&self) -> u64 {
        self.builder.size()
    }

    /// The root that the tiles have.
    pub(crate) fn root(&self) -> io::Result<Digest> {
        let mut edge = TileReader::new(self.size(), |id| {
            let tile = self.builder.partial(0).find(|(partial, _)| *partial == id);
            Ok(tile.map(|(_, bytes)| bytes.to_vec()).unwrap_or_default())
        });
        CompactRange::restore::<MerkleError>(self.size(), |node| edge.node(node))
            .map(|tree| tree.root())
            .map_err(io::Error::other)
    }

    /// The root over records 1 to `size`, as the tiles have it; `size` is at most that of the tree.
    pub(crate) fn root_at(&self, size: u64) -> io::Result<Digest> {
        restore(size, Source::Edge, &|id| self.read(id)).map(|tree| tree.root())
    }

    /// The hashes of the bottom tile of this index, as far as there are any.
    pub(crate) fn bottom(&self, index: u64) -> io::Result<Vec<Digest>> {
        let bytes = self.read(TileId::new(0, index, 1).map_err(io::Error::other)?)?;
        let hashes = bytes.as_chunks::<32>().0.iter();
        Ok(hashes.copied().map(Digest::from_bytes).collect())
    }

    /// A tile, from memory where it is not full yet.
    fn read(&self, id: TileId) -> io::Result<Vec<u8>> {
        let edge = self.builder.partial(0);
        let mut same = edge.filter(|(edge, _)| edge.full() == id.full());
        match same.next() {
            Some((edge, bytes)) if edge.width() >= id.width() => Ok(bytes.to_vec()),
            _ => read_tile(&*self.files, &self.log, id),
        }
    }

    /// How many tiles were written.
    pub(crate) const fn written(&self) -> u64 {
        self.written
    }

    /// Writes the full tiles up to record `last`. What `leaves` do not hold, because it was too much to be kept in memory or
    /// could not be written earlier, is read from the segments.
    pub(crate) fn grow(&mut self, leaves: &Leaves, last: u64) -> io::Result<()> {
        let until = leaves.after.min(last);
        if self.size() < until {
            let (files, segments) = (Arc::clone(&self.files), self.log.join("segments"));
            let size = self.size();
            read_leaves(&*files, &segments, size, until, |hashes| self.take(hashes))?;
        }
        let known = usize::try_from(self.size().saturating_sub(leaves.after)).ok();
        let hashes = known.and_then(|known| leaves.hashes.get(known..));
        self.take(hashes.unwrap_or_default())
    }

    fn take(&mut self, hashes: &[Digest]) -> io::Result<()> {
        let Self {
            files,
            log,
            builder,
            written,
            ..
        } = self;
        grow(builder, hashes, |id, bytes| {
            put(&**files, log, id, bytes)?;
            *written += 1;
            Ok(())
        })
    }

    /// Begins anew: what was written contradicts what it was written for.
    pub(crate) fn forget(&mut self) {
        self.builder = TileBuilder::new();
        self.completed = 0;
    }

    /// Writes the partial tiles of the present size: a head may be signed now.
    pub(crate) fn complete(&mut self) -> io::Result<()> {
        for (id, bytes) in self.builder.partial(self.completed) {
            put(&*self.files, &self.log, id, bytes)?;
            self.written += 1;
            self.partials.insert((id.level(), id.index()));
        }
        self.completed = self.size();
        Ok(())
    }

    /// Removes the partial tiles that full ones of the published `size` take the place of.
    pub(crate) fn published(&mut self, size: u64) -> io::Result<()> {
        let size = size.min(self.completed);
        let replaced: Vec<(u8, u64)> = self
            .partials
            .iter()
            .copied()
            .filter(|(level, index)| full_tiles(size, *level) > *index)
            .collect();
        for (level, index) in replaced {
            let dir = self.log.join(partial_dir(level, index)?);
            for name in self.files.list(&dir)? {
                self.files.remove(&dir.join(name))?;
            }
            self.files.remove_dir(&dir)?;
            self.partials.remove(&(level, index));
        }
        Ok(())
    }
}

/// Compares the tiles on disk with leaves that are read from the segments anyway.
#[derive(Debug)]
pub(crate) struct TileCheck<'a> {
    files: &'a dyn FileSystem,
    log: &'a Path,
    builder: TileBuilder,
    differs: bool,
}

impl<'a> TileCheck<'a> {
    pub(crate) fn new(files: &'a dyn FileSystem, log: &'a Path) -> Self {
        Self {
            files,
            log,
            builder: TileBuilder::new(),
            differs: false,
        }
    }

    /// Goes on behind `size` leaves that are pruned, whose tiles are taken as they are: their root is compared elsewhere.
    pub(crate) fn begin_behind(&mut self, size: u64, from: Source) -> io::Result<()> {
        self.builder = resume_from(self.files, self.log, size, from)?;
        Ok(())
    }

    /// Takes in further leaves, until a tile is missing or differs.
    pub(crate) fn grow(&mut self, leaves: &[Digest]) {
        if self.differs {
            return;
        }
        let (files, log) = (self.files, self.log);
        let outcome = grow(&mut self.builder, leaves, |id, bytes| {
            let found = files.read(&log.join(id.to_string()));
            // One that cannot be read is written again, as one that is not there.
            if found.is_ok_and(|found| found == bytes) {
                Ok(())
            } else {
                Err(())
            }
        });
        self.differs = outcome.is_err();
    }

    /// The tree up to where every tile is as it should be.
    pub(crate) fn into_builder(self) -> TileBuilder {
        self.builder
    }
}

/// Grows the tree by all `leaves`, or leaves it as it was.
fn grow<E>(
    builder: &mut TileBuilder,
    leaves: &[Digest],
    full: impl FnMut(TileId, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let before = builder.clone();
    let outcome = builder.extend(leaves, full);
    if outcome.is_err() {
        *builder = before;
    }
    outcome
}

/// Puts a tile in its place in one step, so that no reader sees half of it.
pub(crate) fn put(files: &dyn FileSystem, log: &Path, id: TileId, bytes: &[u8]) -> io::Result<()> {
    let path = log.join(id.to_string());
    if let Some(dir) = path.parent() {
        files.create_dir(dir)?;
    }
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = Path::new(&new);
    write_all(&*files.create(new)?, bytes)?;
    files.rename(new, &path)
}

/// The directory of the partial tiles of a place.
fn partial_dir(level: u8, index: u64) -> io::Result<PathBuf> {
    let mut path = path_of(level, index)?.into_os_string();
    path.push(PARTIAL);
    Ok(path.into())
}

fn path_of(level: u8, index: u64) -> io::Result<PathBuf> {
    let id = TileId::new(level, index, TILE_WIDTH).map_err(io::Error::other)?;
    Ok(id.to_string().into())
}

/// How many tiles of a level are full in a tree of this size.
fn full_tiles(size: u64, level: u8) -> u64 {
    size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0)
}

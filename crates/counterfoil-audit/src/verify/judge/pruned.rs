//! A log whose beginning retention has removed (audit specification §8, §10).

use std::io;
use std::path::Path;

use counterfoil_core::Digest;
use counterfoil_merkle::CompactRange;
use counterfoil_merkle::tile::TileId;

use super::Judge;
use crate::RetentionApplied;
use crate::log::files::{FileSystem, StdFiles};
use crate::log::pruning::{Source, restore, tile_paths};
use crate::source::read_regular;
use crate::verify::cause::Cause;
use crate::verify::findings::Detail;
use crate::verify::reason::Reason;

/// Bytes of a full tile.
const TILE: u64 = 256 * 32;

/// Records before the first one present, as far as the log accounts for them.
#[derive(Debug)]
pub(super) struct Pruned {
    /// The last of them.
    last: u64,
    /// Its hash, as the first record present names it.
    hash: Option<[u8; 64]>,
    /// The root that the hash tiles have there, or why they have none.
    root: Result<Digest, String>,
    /// The `retention_applied` that names that record, its hash, and its root if there is one.
    said_at: Option<u64>,
}

impl Judge<'_> {
    /// The log begins with record `first`, at a place where retention may have cut: whether it did is judged at the end. `false`
    /// where nothing but absence can explain it.
    pub(super) fn begin_pruned(&mut self, first: u64) -> bool {
        let Some(log) = self.folder.as_deref() else {
            return false;
        };
        if self.options.hash_only || !(first - 1).is_multiple_of(256) {
            return false;
        }
        let range = range_below(log, first - 1);
        self.pruned = Some(Pruned {
            last: first - 1,
            hash: None,
            root: range.as_ref().map(CompactRange::root).map_err(Clone::clone),
            said_at: None,
        });
        match range {
            Ok(range) => self.tree.begin_with(range),
            Err(_) => self.tree.lose(),
        }
        self.lanes.without_beginning = true;
        self.policy.without_beginning = true;
        self.policy.epochs.hole(first);
        self.before.hash = None;
        self.expected = first;
        self.erasure.skip_to(first);
        true
    }

    /// What the first record present names as the one before it.
    pub(super) fn note_first(&mut self, prev: [u8; 64]) {
        if let Some(pruned) = &mut self.pruned {
            pruned.hash.get_or_insert(prev);
        }
    }

    /// A record says that records up to one were to be removed.
    pub(super) fn retention_applied(&mut self, applied: &RetentionApplied) {
        let position = self.position;
        let Some(pruned) = &mut self.pruned else {
            return;
        };
        if applied.last_seq != pruned.last {
            return;
        }
        let hash = applied.hash.to_hex();
        if pruned.hash.is_some_and(|named| named != hash) {
            let detail = format!(
                "the first record does not name {} as its predecessor, and retention_applied in record {position} says that it was",
                applied.hash
            );
            self.findings
                .position(Reason::Link, pruned.last + 1, detail);
            return;
        }
        if let Ok(root) = pruned.root
            && root != applied.root
        {
            pruned.root = Err(format!(
                "they have the root {root}, and it was {}",
                applied.root
            ));
            self.tree.lose();
        }
        pruned.said_at.get_or_insert(position);
    }

    /// Whether the head covers a record that accounts for what is not there. Otherwise it is absent.
    pub(super) fn judge_pruned(&mut self) -> Option<u64> {
        let pruned = self.pruned.take()?;
        let head = self.trusted.as_ref().map_or(u64::MAX, |head| head.seq);
        if pruned.said_at.is_none_or(|position| position > head) {
            let detail = Detail::from(format!(
                "records 1 to {} are absent, and no retention_applied up to the head says that they were removed",
                pruned.last
            ));
            let detail = detail.because(Some(Cause::MissingBeginning));
            self.findings.position(Reason::Absent, 1, detail);
            self.lacks(1, pruned.last);
            return None;
        }
        if let Err(why) = pruned.root {
            let detail = format!(
                "records 1 to {} were pruned, and their hash tiles in the folder tile do not stand for them, so no root can be \
                 compared: {why}",
                pruned.last
            );
            self.findings.position(Reason::Absent, 1, detail);
        }
        self.lanes.pruned = true;
        Some(pruned.last)
    }

    /// Whether the root may be compared: not before the log has said what its beginning was.
    pub(super) fn root_is_known(&self) -> bool {
        self.pruned
            .as_ref()
            .is_none_or(|pruned| pruned.said_at.is_some())
    }
}

/// The tree over records 1 to `size` from the hash tiles of a log, each a regular file read to its bound.
fn range_below(log: &Path, size: u64) -> Result<CompactRange, String> {
    let tile = |id: TileId| {
        let paths = tile_paths(id, &|dir| StdFiles.list(&log.join(dir)))?;
        let mut outcome = Err(io::ErrorKind::NotFound.into());
        for path in paths {
            outcome = read_regular(&log.join(path), TILE);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    };
    restore(size, Source::Edge, &tile)
        .or_else(|_| restore(size, Source::Bottom, &tile))
        .map_err(|error| error.to_string())
}

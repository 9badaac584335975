//! The hash tiles beside the segments, compared with the hashes that are computed anyway.

use std::io;
use std::path::{Path, PathBuf};

use counterfoil_core::Digest;
use counterfoil_merkle::tile::{TILE_WIDTH, TileBuilder, TileId};

use super::Judge;
use crate::source::read_regular;
use crate::verify::findings::Place;
use crate::verify::reason::Reason;

/// Hashes that wait until there are enough to be hashed side by side.
const WAITING: usize = 4_096;
/// Most tiles that are named; who finds so many looks at the log, not at the list.
const MOST: usize = 100;

/// Compares tiles up to the trusted head: those were there before it was signed. What is missing of them is no contradiction,
/// for whoever has the segments can make them again.
#[derive(Debug, Default)]
pub(super) struct Tiles {
    log: PathBuf,
    /// The size up to which tiles are compared; 0 for none.
    until: u64,
    builder: TileBuilder,
    waiting: Vec<Digest>,
    wrong: Vec<Wrong>,
}

#[derive(Debug)]
struct Wrong {
    /// The first record that the first contradicting hash is over.
    seq: u64,
    /// Where that hash lies in the tile, in bytes.
    offset: u64,
    path: PathBuf,
    why: String,
}

impl Tiles {
    /// The tiles of `log` up to a head.
    pub(super) fn look_into(&mut self, log: &Path, until: u64) {
        if log.join("tile").is_dir() {
            log.clone_into(&mut self.log);
            self.until = until;
        }
    }

    /// The next record's hash.
    pub(super) fn push(&mut self, seq: u64, hash: Digest) {
        if seq > self.until {
            return;
        }
        if seq != self.builder.size() + self.waiting.len() as u64 + 1 {
            self.lose();
            return;
        }
        self.waiting.push(hash);
        if self.waiting.len() == WAITING || seq == self.until {
            self.grow();
        }
        if seq == self.until {
            for (id, bytes) in self.builder.partial(0) {
                self.wrong.extend(compare(&self.log, id, bytes));
            }
        }
    }

    /// A record is absent or cannot be hashed: from here on nothing is compared.
    pub(super) fn lose(&mut self) {
        self.grow();
        self.until = 0;
    }

    fn grow(&mut self) {
        let (log, wrong) = (&self.log, &mut self.wrong);
        let grown = self.builder.extend(&self.waiting, |id, bytes| {
            wrong.extend(compare(log, id, bytes));
            // Nothing is gained by going on.
            if wrong.len() < MOST { Ok(()) } else { Err(()) }
        });
        self.waiting.clear();
        if grown.is_err() {
            self.until = 0;
        }
    }
}

fn compare(log: &Path, id: TileId, expected: &[u8]) -> Option<Wrong> {
    let path = log.join(id.to_string());
    let (at, why) = match read_regular(&path, expected.len() as u64) {
        Ok(found) if found.len() > expected.len() => {
            let why = format!(
                "the tile has more than the {} bytes that follow from the records",
                expected.len()
            );
            (0, why)
        }
        Ok(found) => {
            let at = contradiction(&found, expected)?;
            let why = format!("hash {at} of the tile is not the one that follows from the records");
            (at as u64, why)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => (0, format!("the tile cannot be read: {error}")),
    };
    // The hashes of a tile that was computed are over records that were counted, so nothing here overflows.
    let span = 1_u64.checked_shl(8 * u32::from(id.level())).unwrap_or(0);
    let before = (id.index() * u64::from(TILE_WIDTH) + at) * span;
    Some(Wrong {
        seq: before + 1,
        offset: at * Digest::LEN as u64,
        path,
        why,
    })
}

/// The first hash that says something else. After power loss the end of a tile may be missing and blocks of it may be zeros,
/// for tiles are not synced: those say nothing.
fn contradiction(found: &[u8], expected: &[u8]) -> Option<usize> {
    let pairs = found.chunks(Digest::LEN).zip(expected.chunks(Digest::LEN));
    pairs.into_iter().position(|(found, expected)| {
        !expected.starts_with(found) && found.iter().any(|byte| *byte != 0)
    })
}

impl Judge<'_> {
    /// Reports the tiles that contradict the records.
    pub(super) fn judge_tiles(&mut self) {
        for wrong in std::mem::take(&mut self.tiles.wrong) {
            let place = Place::new(&wrong.path, wrong.offset);
            self.findings
                .add(Reason::Tile, Some(wrong.seq), &place, wrong.why);
        }
    }
}

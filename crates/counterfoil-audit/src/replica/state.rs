//! What a replica saves, so that the next opening verifies only what came later.
//!
//! It is made of the records and lies beside them: who can write it can write them. It is never read by a verifier.

use counterfoil_core::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use super::Replica;
use crate::Error;
use crate::log::pruning::SegmentEnd;
use crate::log::segment::put_atomically;
use crate::verify::VerifiedState;

/// Name of the file.
pub(super) const STATE: &str = "state";

/// The segments that ended, and what the intake knows behind them.
#[derive(Debug)]
pub(super) struct Saved {
    pub(super) ends: Vec<SegmentEnd>,
    pub(super) verified: VerifiedState,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedEnd {
    first: u64,
    last: u64,
    bytes: u64,
    time: String,
    hash: String,
    root: String,
}

impl Saved {
    /// Reads what [`to_bytes`](Self::to_bytes) gave; `None` for anything else.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let end = memchr::memchr(b'\n', bytes)?;
        let (ends, verified) = bytes.split_at(end + 1);
        let ends: Vec<SavedEnd> = serde_json::from_slice(ends).ok()?;
        Some(Self {
            ends: ends.iter().map(SavedEnd::read).collect::<Option<_>>()?,
            verified: VerifiedState::from_bytes(verified).ok()?,
        })
    }

    fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let ends: Vec<SavedEnd> = self.ends.iter().map(SavedEnd::of).collect();
        let mut bytes = serde_json::to_vec(&ends)
            .map_err(|error| Error::invalid("save the state of a replica", error.to_string()))?;
        bytes.push(b'\n');
        bytes.extend(self.verified.to_bytes()?);
        Ok(bytes)
    }
}

impl SavedEnd {
    fn of(end: &SegmentEnd) -> Self {
        Self {
            first: end.first,
            last: end.last,
            bytes: end.bytes,
            time: end.time.to_string(),
            hash: end.hash.to_string(),
            root: end.root.to_string(),
        }
    }

    fn read(&self) -> Option<SegmentEnd> {
        Some(SegmentEnd {
            first: self.first,
            last: self.last,
            bytes: self.bytes,
            time: Timestamp::from_text(self.time.as_bytes())?,
            hash: Digest::from_hex(self.hash.as_bytes())?,
            root: Digest::from_hex(self.root.as_bytes())?,
        })
    }
}

impl Replica {
    /// Saves what is known behind the last record, which has to be durable. `false` where that is too much to be
    /// kept.
    pub(super) fn save_state(&mut self) -> Result<bool, Error> {
        let (segment, offset) = self.store.place();
        let Some(verified) = self.intake.save(segment, offset) else {
            return Ok(false);
        };
        // An opening takes the edge of the tree over from the tiles; without these it reads every record again.
        self.tiles.complete().ok();
        let ends = self.shelf.iter().copied().collect();
        let bytes = Saved { ends, verified }.to_bytes()?;
        put_atomically(&*self.files, &*self.handle, &self.dir.join(STATE), &bytes)
            .map_err(|error| self.failed("save the state of a replica", error))?;
        self.unsaved = false;
        Ok(true)
    }
}

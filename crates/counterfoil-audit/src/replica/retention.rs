//! Removing whole segments from the beginning of a replica.

use counterfoil_core::Timestamp;

use super::Replica;
use crate::log::pruning::Pruning;
use crate::{Error, ErrorKind, Retention};

/// What [`Replica::prune`] removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// The last record that went; 0 for none.
    pub last: u64,
    /// Records that went.
    pub records: u64,
    /// Bytes of segments that went.
    pub bytes: u64,
}

impl Replica {
    /// Removes the segments that `retention` lets go at the time `now`, the oldest first, each durably before the next. Their hash tiles
    /// stay, so that proofs and the root go on. The segment that is appended to never goes.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`] and [`ErrorKind::Io`]: some may be gone, and a later call goes on. [`ErrorKind::Invalid`] when the chain says too
    /// much about itself for its state to be kept, without which the rest could not be opened again; then nothing went.
    pub fn prune(&mut self, retention: &Retention, now: Timestamp) -> Result<Pruned, Error> {
        self.sync()?;
        let (_, current) = self.store.place();
        let due = self.shelf.due(retention, now, current);
        let (Some(first), Some(last)) = (due.first(), due.last()) else {
            return Ok(Pruned::default());
        };
        let pruned = Pruned {
            last: last.last_seq,
            records: last.last_seq + 1 - first.first_seq,
            bytes: due.iter().map(|segment| segment.bytes).sum(),
        };
        // Afterwards the state is all that there is to go on from.
        if !self.save_state()? {
            let context = format!("the state of {} is too large to be kept", self.chain());
            return Err(Error::new(ErrorKind::Invalid, "prune a replica", context));
        }
        let removal = Pruning {
            sealed: self.seq(),
            segments: due,
        };
        self.tiles
            .complete()
            .and_then(|()| removal.carry_out(&self.files, &self.dir))
            .map_err(|error| self.failed("prune a replica", error))?;
        self.shelf.forget(pruned.last);
        Ok(pruned)
    }
}

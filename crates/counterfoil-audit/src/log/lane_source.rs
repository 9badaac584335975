//! The sealer's side of a lane.

use std::sync::Arc;

use crate::log::lane::LaneQueue;
use crate::log::queue::{Consumer, Header};
use crate::{Lane, SrcId};

/// A stamp further ahead of the sealer's clock than this (in nanoseconds) was not read from that clock. Its entry is taken
/// at once: held, it would hold its lane for ever.
const NOT_OF_THIS_CLOCK: u64 = 1_000_000_000;

/// A lane, as far as the sealer has come in it.
#[derive(Debug)]
pub(crate) struct LaneSource {
    pub(crate) lane: Arc<LaneQueue>,
    pub(crate) src: SrcId,
    pub(crate) consumer: Consumer,
    /// The number that the next entry should have.
    pub(crate) next_n: u64,
    /// The stamp of the entry before: within a lane the order is that of the numbers, whatever the stamps say.
    stamp: u64,
    /// The current batch accounts for entries of this lane.
    pub(crate) touched: bool,
}

/// The next entry of a lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Front {
    pub(crate) header: Header,
    /// When it is to be sealed, compared with other lanes.
    pub(crate) stamp: u64,
}

impl LaneSource {
    pub(crate) fn new(lane: Arc<LaneQueue>, instance: crate::Instance, shared: usize) -> Self {
        let name = if lane.index() == shared {
            Lane::shared()
        } else {
            Lane::thread(lane.index() as u32)
        };
        Self {
            lane,
            src: SrcId::new(instance, name),
            consumer: Consumer::default(),
            next_n: 1,
            stamp: 0,
            touched: false,
        }
    }

    /// Looks into the queue. Numbers that were refused and that no queued entry will show are returned as a range.
    pub(crate) fn look(&mut self) -> Option<(u64, u64)> {
        // In this order: every entry queued before that refusal is in what is looked at.
        let refused = self.lane.refused_n();
        self.lane.queue.look(&mut self.consumer);
        let empty = self.lane.queue.peek(&self.consumer).is_none();
        (empty && refused >= self.next_n).then_some((self.next_n, refused))
    }

    /// The next entry, if it was stamped at or before `now`.
    pub(crate) fn front(&self, now: u64) -> Option<Front> {
        let (header, stamp) = self.lane.queue.peek(&self.consumer)?;
        let stamp = if stamp > now.saturating_add(NOT_OF_THIS_CLOCK) {
            now
        } else {
            stamp
        };
        let stamp = stamp.max(self.stamp);
        (stamp <= now).then_some(Front { header, stamp })
    }

    pub(crate) const fn passed(&mut self, front: Front) {
        self.stamp = front.stamp;
        self.next_n = front.header.n + 1;
        self.touched = true;
    }
}

//! What waits for the next sync of a chain, and how it is settled.

use std::sync::Arc;

use bytes::Bytes;
use counterfoil::Head;
use counterfoil::audit::intake::Kinds;
use tokio::sync::oneshot;

use crate::Refusal;
use crate::collector::chain::InFlight;
use crate::collector::job::{Ack, UploadState};

/// What waits for the next sync of a chain.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Something is written that is not durable.
    pub(crate) dirty: bool,
    /// New records that were written, for the counts.
    pub(crate) new: u64,
    pub(crate) kinds: Kinds,
    /// Those whose records are in it. Some may not ask for an answer before it is settled.
    pub(crate) uploads: Vec<Arc<UploadState>>,
    pub(crate) finishes: Vec<(Arc<UploadState>, Reply)>,
    pub(crate) refused: Vec<RefusedLine>,
    pub(crate) checkpoint: Option<Checkpointed>,
    /// Given back when the batch is settled.
    pub(crate) in_flight: Vec<InFlight>,
}

/// Where an upload is answered.
pub(crate) type Reply = oneshot::Sender<Result<Ack, Refusal>>;

/// A line that was refused, to be told of and kept.
#[derive(Debug)]
pub(crate) struct RefusedLine {
    pub(crate) refusal: Refusal,
    pub(crate) line: Bytes,
    /// The line of the record that it contradicts.
    pub(crate) ours: Option<Vec<u8>>,
}

/// A checkpoint that fits, to be cosigned once its records are durable.
#[derive(Debug)]
pub(crate) struct Checkpointed {
    pub(crate) upload: Arc<UploadState>,
    pub(crate) note: String,
    pub(crate) size: u64,
}

impl Batch {
    /// Records of `upload` are going to be in it.
    pub(crate) fn begin(&mut self, upload: &Arc<UploadState>, in_flight: InFlight) {
        self.in_flight.push(in_flight);
        let noted = self.uploads.last();
        if noted.is_none_or(|last| !Arc::ptr_eq(last, upload)) {
            self.uploads.push(Arc::clone(upload));
        }
    }

    /// Whether there is nothing to settle.
    pub(crate) fn is_empty(&self) -> bool {
        !self.dirty
            && self.finishes.is_empty()
            && self.refused.is_empty()
            && self.checkpoint.is_none()
            && self.in_flight.is_empty()
    }

    /// Whether settling it takes no I/O.
    pub(crate) fn is_settled_at_once(&self) -> bool {
        !self.dirty && self.refused.is_empty() && self.checkpoint.is_none()
    }

    /// Answers those who wait for it.
    pub(crate) fn answer(&mut self, durable: Option<&Head>) {
        self.in_flight.clear();
        self.uploads.clear();
        for (upload, reply) in self.finishes.drain(..) {
            // A producer that is gone finds out from the chain's head.
            reply.send(upload.answer(durable)).ok();
        }
    }

    /// Nothing of it became durable.
    pub(crate) fn fail(&mut self, refusal: &Refusal, durable: Option<&Head>) {
        let asking = self.finishes.iter().map(|(upload, _)| upload);
        for upload in self.uploads.iter().chain(asking) {
            upload.refuse(refusal.clone());
        }
        self.answer(durable);
    }
}

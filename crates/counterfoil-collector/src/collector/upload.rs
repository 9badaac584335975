//! Records on their way in.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::collector::chain::Chain;
use crate::collector::job::{Ack, Job, UploadState};
use crate::collector::lines::{Lines, Piece};
use crate::collector::shared::{Shared, disk_full, stopping};
use crate::{Reason, Refusal};

/// Sealed lines and checkpoints of one chain, as a producer sends them.
///
/// Lines are verified and written as they come; what is durable is known when [`finish`](Self::finish) answers. Dropping an upload
/// takes nothing back: what came whole is stored, and the producer finds out from the chain's head.
///
/// A line is a sealed line of the audit specification, or `{"checkpoint":"<signed note>"}` behind the records that it is over.
#[derive(Debug)]
pub struct Upload {
    shared: Arc<Shared>,
    state: Arc<UploadState>,
    lines: Lines,
}

impl Upload {
    pub(crate) fn new(shared: Arc<Shared>, chain: Arc<Chain>) -> Self {
        Self {
            shared,
            state: UploadState::new(chain),
            lines: Lines::default(),
        }
    }

    /// Takes the next bytes, which may begin and end in the middle of a line. Waits while too much is in flight, which is how a
    /// producer that is too fast is slowed down.
    ///
    /// # Errors
    /// [`Refusal`] when something of what came so far does not fit, with the reason, the record, the head that is expected and how far
    /// everything is durable; [`Overloaded`](Reason::Overloaded), [`DiskFull`](Reason::DiskFull),
    /// [`QuotaExceeded`](Reason::QuotaExceeded) and [`Stopping`](Reason::Stopping). Nothing that comes after it is taken.
    ///
    /// # Cancellation
    /// A call that is dropped has taken a part of its bytes or nothing of them; the upload is to be dropped as well.
    pub async fn push(&mut self, chunk: Bytes) -> Result<(), Refusal> {
        let mut pieces = Vec::new();
        let split = self.lines.push(chunk.clone(), &mut pieces);
        if self.state.is_refused() {
            self.drop_records(pieces.iter().map(Piece::records).sum());
            return Err(self.settled().await);
        }
        self.give(pieces).await?;
        match split {
            Ok(()) => Ok(()),
            Err(refusal) => {
                // The beginning is enough to see what it is.
                let line = chunk.slice(..chunk.len().min(KEPT_OF_NO_LINE));
                let worker = self.state.chain.worker;
                self.shared
                    .give(worker, Job::Unfit(Arc::clone(&self.state), refusal, line))?;
                Err(self.settled().await)
            }
        }
    }

    /// Waits until everything that came is durable.
    ///
    /// # Errors
    /// As [`push`](Self::push); [`Grammar`](Reason::Grammar) when the last line has no end.
    pub async fn finish(self) -> Result<Ack, Refusal> {
        if self.lines.is_amid() && !self.state.is_refused() {
            let refusal = Refusal::new(
                Reason::Grammar,
                "the last line has no line feed, so it may have been cut short; send it again whole",
            );
            // It is no record that does not fit, but a connection that broke.
            self.refuse(refusal)?;
        }
        self.answer().await
    }

    /// Ends the upload because its source failed with `refusal`: what came before stays, and the refusal says how far it is durable. An
    /// earlier refusal is answered instead.
    pub async fn fail(self, refusal: Refusal) -> Refusal {
        match self.refuse(refusal) {
            Ok(()) => self.settled().await,
            Err(refusal) => refusal,
        }
    }

    /// Hands pieces to the worker, as far as there is room for them; small ones together.
    async fn give(&self, pieces: Vec<Piece>) -> Result<(), Refusal> {
        let mut pieces = pieces.into_iter().peekable();
        while let Some(first) = pieces.next() {
            let mut bytes = first.len();
            let mut batch = vec![first];
            while let Some(piece) = pieces.next_if(|piece| bytes + piece.len() <= MOST_PER_JOB) {
                bytes += piece.len();
                batch.push(piece);
            }
            if let Err(refusal) = self.give_batch(&batch, bytes).await {
                let records = batch.iter().map(Piece::records).sum::<u64>();
                self.drop_records(records + pieces.map(|piece| piece.records()).sum::<u64>());
                self.refuse(refusal)?;
                return Err(self.settled().await);
            }
        }
        Ok(())
    }

    async fn give_batch(&self, batch: &[Piece], bytes: usize) -> Result<(), Refusal> {
        self.check()?;
        let chain = &self.state.chain;
        let room = self.shared.room_for(&chain.tenant, bytes).await?;
        let job = Job::Pieces(Arc::clone(&self.state), batch.to_vec(), room);
        self.shared.give(chain.worker, job)
    }

    /// Whether anything more can be taken of this tenant now.
    fn check(&self) -> Result<(), Refusal> {
        if self.shared.is_stopping() {
            return Err(stopping());
        }
        if self.shared.space.is_low(&*self.shared.clock) {
            return Err(disk_full());
        }
        let tenant = &self.state.chain.tenant;
        let stored = tenant.figures.bytes.load(Ordering::Relaxed);
        match self.shared.settings.of(&tenant.name).max_stored_bytes {
            Some(most) if stored >= most => {
                let mut refusal = Refusal::new(
                    Reason::QuotaExceeded,
                    format!(
                        "the tenant has {stored} bytes of records and may have {most}; ask for more, or for a retention that lets go"
                    ),
                );
                refusal.retry_after = Some(QUOTA_RETRY);
                Err(refusal)
            }
            _ => Ok(()),
        }
    }

    /// Takes nothing more, behind what was taken: in its place in the queue, so that what came before is judged.
    fn refuse(&self, refusal: Refusal) -> Result<(), Refusal> {
        let job = Job::Refuse(Arc::clone(&self.state), refusal);
        self.shared.give(self.state.chain.worker, job)
    }

    /// Records that nobody will judge.
    fn drop_records(&self, count: u64) {
        let figures = &self.state.chain.tenant.figures;
        figures.offered(count);
        figures.dropped(count);
    }

    /// What the producer is told of an upload of which nothing more is taken, once what was taken is durable.
    async fn settled(&self) -> Refusal {
        match self.answer().await {
            Err(refusal) => refusal,
            // The state is refused, so this is not reached; a producer that asks for the head is right in any case.
            Ok(_) => stopping(),
        }
    }

    async fn answer(&self) -> Result<Ack, Refusal> {
        let (reply, answer) = oneshot::channel();
        let chain = &self.state.chain;
        let job = Job::Finish(Arc::clone(&self.state), reply);
        self.shared.give(chain.worker, job)?;
        // Without an answer the worker has ended.
        answer.await.unwrap_or_else(|_| Err(stopping()))
    }
}

/// So much is kept of what is not even a line.
const KEPT_OF_NO_LINE: usize = 4_096;
/// Pieces up to this together are one job.
const MOST_PER_JOB: usize = 512 << 10;
/// How long it usually takes at least until there is room again for a tenant that has none.
const QUOTA_RETRY: Duration = Duration::from_secs(60);

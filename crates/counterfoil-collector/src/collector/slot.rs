//! One chain at its worker.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use counterfoil::Head;

use crate::collector::batch::{Batch, Checkpointed, RefusedLine};
use crate::collector::chain::Chain;
use crate::collector::incarnation::Continuation;
use crate::collector::io_threads::Io;
use crate::collector::job::{Job, UploadState};
use crate::collector::lines::Piece;
use crate::collector::shared::{Shared, expected};
use crate::{Error, ErrorKind, Refusal, StoredChain, Taken, Unfit};

/// One chain at its worker, and what waits for it.
pub(crate) struct Slot {
    shared: Arc<Shared>,
    chain: Arc<Chain>,
    place: Place,
    /// What came while the chain was not here, in order.
    waiting: VecDeque<Job>,
    batch: Batch,
    prune: Vec<Prune>,
    continuation: Continuation,
}

type Prune = tokio::sync::oneshot::Sender<Result<u64, Refusal>>;

/// Where what is kept of the chain is.
enum Place {
    Here(Box<dyn StoredChain>),
    /// At an I/O thread.
    Away,
    /// Nowhere: it was not opened yet.
    Closed,
    /// It failed; until then everybody is told so.
    Failed {
        until: u64,
        refusal: Refusal,
    },
}

impl Slot {
    pub(crate) fn new(shared: Arc<Shared>, chain: Arc<Chain>) -> Self {
        Self {
            continuation: Continuation::of(chain.id()),
            shared,
            chain,
            place: Place::Closed,
            waiting: VecDeque::new(),
            batch: Batch::default(),
            prune: Vec::new(),
        }
    }

    /// Takes a job, and does it where the chain is here.
    pub(crate) fn take(&mut self, job: Job) {
        if let Job::Back(_, outcome) = job {
            self.came_back(outcome);
        } else {
            self.waiting.push_back(job);
        }
        self.try_again();
        while matches!(self.place, Place::Here(_) | Place::Failed { .. })
            && let Some(job) = self.waiting.pop_front()
        {
            self.work(job);
        }
    }

    /// Gives the chain to the I/O threads if it is to be opened or has something to be settled; whether it did.
    pub(crate) fn give_away(&mut self) -> bool {
        let work = match std::mem::replace(&mut self.place, Place::Away) {
            Place::Closed if !self.waiting.is_empty() => Io::Open(Arc::clone(&self.chain)),
            Place::Here(stored) => match self.work_of(stored) {
                Ok(work) => work,
                Err(stored) => {
                    self.place = Place::Here(stored);
                    return false;
                }
            },
            place => {
                self.place = place;
                return false;
            }
        };
        // The I/O threads outlive the workers.
        self.shared.io.send(work).is_ok()
    }

    /// What there is to do about a chain that is here.
    fn work_of(&mut self, stored: Box<dyn StoredChain>) -> Result<Io, Box<dyn StoredChain>> {
        if self.batch.is_empty() && self.prune.is_empty() {
            return Err(stored);
        }
        if self.batch.is_settled_at_once() && self.prune.is_empty() {
            self.batch.answer(stored.durable().as_ref());
            return Err(stored);
        }
        let batch = Box::new(std::mem::take(&mut self.batch));
        let prune = std::mem::take(&mut self.prune);
        Ok(Io::Settle(Arc::clone(&self.chain), stored, batch, prune))
    }

    /// The collector stops: what is kept of the chain, if it is here.
    pub(crate) fn close_in_order(&mut self) -> Option<Io> {
        match std::mem::replace(&mut self.place, Place::Closed) {
            Place::Here(stored) => Some(Io::Close(Arc::clone(&self.chain), stored)),
            _ => None,
        }
    }

    /// Whatever was going on is given up, and the chain is opened again.
    pub(crate) fn panicked(&mut self) {
        let error = Error::new(
            ErrorKind::Corrupt,
            "judge a chain",
            "it panicked; report this",
        );
        self.failed(&error);
    }

    fn came_back(&mut self, outcome: Result<Box<dyn StoredChain>, Error>) {
        match outcome {
            Ok(stored) => self.place = Place::Here(stored),
            // It was told of where it happened.
            Err(error) => self.close(&error),
        }
    }

    /// After a while a chain that failed is opened again.
    fn try_again(&mut self) {
        if let Place::Failed { until, .. } = self.place
            && self.shared.clock.ticks().0 >= until
        {
            self.place = Place::Closed;
        }
    }

    fn work(&mut self, job: Job) {
        match job {
            Job::Pieces(upload, pieces, in_flight) => {
                self.batch.begin(&upload, in_flight);
                for piece in pieces {
                    self.piece(&upload, piece);
                }
            }
            Job::Unfit(upload, refusal, line) => {
                self.refuse_if_failed(&upload);
                self.no_line(&upload, refusal, line);
            }
            Job::Refuse(upload, refusal) => upload.refuse(refusal),
            Job::Finish(upload, reply) => {
                self.refuse_if_failed(&upload);
                self.batch.finishes.push((upload, reply));
            }
            Job::Open(_, reply) => {
                let answer = match &self.place {
                    Place::Failed { refusal, .. } => Err(refusal.clone()),
                    _ => self.chain.durable().map_err(|_| not_open()),
                };
                // Who asked may be gone.
                reply.send(answer).ok();
            }
            Job::Prune(_, reply) => match &self.place {
                Place::Failed { refusal, .. } => {
                    reply.send(Err(refusal.clone())).ok();
                }
                _ => self.prune.push(reply),
            },
            Job::Back(..) | Job::Stop => {}
        }
        if matches!(self.place, Place::Failed { .. }) {
            self.batch
                .answer(self.chain.durable().ok().flatten().as_ref());
        }
    }

    /// A chain that failed judges nothing and keeps nothing of what it is sent.
    fn refuse_if_failed(&self, upload: &UploadState) {
        if let Place::Failed { refusal, .. } = &self.place {
            upload.refuse(refusal.clone());
        }
    }

    fn piece(&mut self, upload: &Arc<UploadState>, piece: Piece) {
        let records = piece.records();
        self.refuse_if_failed(upload);
        if upload.is_refused() {
            self.chain.tenant.figures.offered(records);
            self.chain.tenant.figures.dropped(records);
            return;
        }
        match piece {
            Piece::Records(lines, count) => self.records(upload, &lines, count),
            Piece::Checkpoint(note) => self.checkpoint(upload, note),
        }
    }

    fn records(&mut self, upload: &Arc<UploadState>, lines: &Bytes, count: u64) {
        let Place::Here(stored) = &mut self.place else {
            return;
        };
        let figures = Arc::clone(&self.chain.tenant.figures);
        let before = stored.head();
        let taken = match stored.offer(lines) {
            Ok(taken) => taken,
            Err(error) => {
                figures.offered(count);
                figures.dropped(count);
                let refusal = self.failed(&error);
                upload.refuse(refusal);
                return;
            }
        };
        let durable = stored.durable().map(|head| head.seq);
        let head = stored.head();
        self.batch.dirty |= head.as_ref().map(|head| head.seq) != durable;
        self.batch.new += taken.new;
        self.batch.kinds += taken.kinds;
        self.continuation
            .look(&self.shared, &self.chain, before.as_ref(), lines, &taken);
        upload.note(|progress| {
            progress.stored += taken.new;
            progress.known += taken.known;
        });
        let rejected = u64::from(taken.refused.is_some());
        figures.known(taken.known);
        figures.offered(count.saturating_sub(taken.known));
        figures.rejected(rejected);
        figures.dropped(count.saturating_sub(taken.known + taken.new + rejected));
        let Taken { refused, .. } = taken;
        if let Some((mut unfit, range)) = refused {
            let ours = unfit.ours.take();
            let refusal = refusal_of(unfit, head.as_ref());
            let line = lines.slice(range);
            self.refuse(
                upload,
                RefusedLine {
                    refusal,
                    line,
                    ours,
                },
            );
        }
    }

    fn checkpoint(&mut self, upload: &Arc<UploadState>, note: String) {
        let Place::Here(stored) = &mut self.place else {
            return;
        };
        match stored.checkpoint(&note) {
            Ok(Ok(size)) => {
                self.batch.checkpoint = Some(Checkpointed {
                    upload: Arc::clone(upload),
                    note,
                    size,
                });
            }
            Ok(Err(unfit)) => {
                let refusal = refusal_of(unfit, stored.head().as_ref());
                let line = note.into();
                self.refuse(
                    upload,
                    RefusedLine {
                        refusal,
                        line,
                        ours: None,
                    },
                );
            }
            Err(error) => {
                let refusal = self.failed(&error);
                upload.refuse(refusal);
            }
        }
    }

    /// Something that is not even a line counts as one record that does not fit.
    fn no_line(&mut self, upload: &Arc<UploadState>, mut refusal: Refusal, line: Bytes) {
        let figures = &self.chain.tenant.figures;
        figures.offered(1);
        if upload.is_refused() {
            figures.dropped(1);
            return;
        }
        figures.rejected(1);
        if let Place::Here(stored) = &self.place {
            refusal.expected = Some(expected(stored.head().as_ref()));
        }
        self.refuse(
            upload,
            RefusedLine {
                refusal,
                line,
                ours: None,
            },
        );
    }

    fn refuse(&mut self, upload: &Arc<UploadState>, refused: RefusedLine) {
        upload.refuse(refused.refusal.clone());
        self.batch.refused.push(refused);
    }

    /// The chain cannot go on as it is; everybody who waits is told.
    fn failed(&mut self, error: &Error) -> Refusal {
        let refusal = self.shared.storage_failed(self.chain.id(), error);
        let durable: Option<Head> = self.chain.durable().ok().flatten();
        self.chain
            .tenant
            .figures
            .dropped(std::mem::take(&mut self.batch.new));
        self.batch.fail(&refusal, durable.as_ref());
        for refused in std::mem::take(&mut self.batch).refused {
            self.shared.tell(&self.chain, &refused.refusal);
        }
        for reply in self.prune.drain(..) {
            reply.send(Err(refusal.clone())).ok();
        }
        self.close(error);
        refusal
    }

    fn close(&mut self, error: &Error) {
        let refusal = if error.kind() == ErrorKind::Full {
            crate::collector::shared::disk_full()
        } else {
            Refusal::new(
                crate::Reason::Internal,
                "the chain cannot be stored at the moment; the collector's log says why, and the operator has to look",
            )
        };
        // Damage does not mend itself, and opening reads much.
        let damaged = error.kind() == ErrorKind::Corrupt;
        let times = if damaged { 60 } else { 1 };
        let pause = self.shared.limits.retry.as_nanos() * times;
        let until = self
            .shared
            .clock
            .ticks()
            .0
            .saturating_add(u64::try_from(pause).unwrap_or(u64::MAX));
        self.place = Place::Failed { until, refusal };
    }
}

fn refusal_of(unfit: Unfit, head: Option<&Head>) -> Refusal {
    let mut refusal = Refusal::new(unfit.reason, unfit.detail);
    refusal.seq = unfit.seq;
    refusal.expected = Some(expected(head));
    refusal
}

fn not_open() -> Refusal {
    Refusal::new(crate::Reason::Internal, "the chain is not open; ask again")
}

//! The log as its users see it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use counterfoil_core::{ChainId, Clock, Context, EventWords, FabricEvent, Head, Ticks, Timestamp};
use counterfoil_signer::Signer;

use crate::log::builder::AuditLogBuilder;
use crate::log::figures::{Figures, FiguresReader};
use crate::log::files::FileSystem;
use crate::log::lane::{Claim, Offer};
use crate::log::local;
use crate::log::opening::{Opened, Running};
use crate::log::rotation;
use crate::log::shared::Shared;
use crate::log::ticket::Ticket;
use crate::log::waiters::after;
use crate::{
    AuditEventData, AuditInput, Error, ErrorKind, Instance, KeyRole, Lane, Src, SrcId, Text,
};

/// A durable, tamper-evident log in a directory: one writer, any number of appending threads (audit specification §8).
///
/// Appending puts an entry into a queue of the calling thread and returns a [`Ticket`]; a thread of the log gives it its
/// place in the chain, another one makes it durable, a third keeps the anchor up to date. Nothing here needs an async
/// runtime.
///
/// Dropping the log closes it, with the deadline the builder set; [`close`](Self::close) tells how that went.
///
/// ```
/// use std::time::Duration;
/// use counterfoil_audit::AuditLog;
/// use counterfoil_core::{Context, FabricEvent, LeaseId, ResourceType, WorkloadIdentity};
///
/// # let directory = tempfile::tempdir()?;
/// let log = AuditLog::builder(directory.path().join("audit"), "audit.example.com/leases").open()?;
/// let context = Context::new(WorkloadIdentity::tenant_only("acme"));
/// let event = FabricEvent::LeaseExpired {
///     resource_type: ResourceType::Mem,
///     lease_id: LeaseId(7),
///     node: "node-a".into(),
/// };
/// log.append_event(&event, &context).wait_durable(Duration::from_secs(10))?;
/// let report = log.close(Duration::from_secs(10));
/// assert!(report.finished);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AuditLog {
    pub(crate) shared: Arc<Shared>,
    chain: ChainId,
    instance: Instance,
    opened: Opened,
    pub(crate) dir: PathBuf,
    drop_deadline: Duration,
    threads: Mutex<Vec<JoinHandle<()>>>,
    files: Arc<dyn FileSystem>,
    /// Held while a value is erased.
    turn: Mutex<()>,
}

/// A thread's own lane: the fastest way to append, without looking anything up.
///
/// It belongs to the thread that works with it (it is not `Sync`). Dropping it hands the lane back, and the next thread
/// that claims one continues its numbers.
pub struct LaneWriter {
    claim: Claim,
    clock: Arc<dyn Clock>,
}

/// How [`AuditLog::close`] went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseReport {
    /// Everything was sealed, made durable and, as far as the store allowed, anchored, before the deadline.
    pub finished: bool,
    /// Entries that were accepted and not sealed.
    pub left_in_queues: u64,
    /// Records that were written and not synced.
    pub left_unsynced: u64,
    /// Durable records that no anchor vouches for.
    pub left_unanchored: u64,
    /// The last durable record.
    pub durable_seq: u64,
    /// Why the log had stopped before, or what else is wrong.
    pub alarm: Option<String>,
}

impl AuditLog {
    /// Prepares to open the log in `dir`, whose chains are named `base` with the incarnation behind it:
    /// `audit.example.com/leases` gives `audit.example.com/leases/1`.
    pub fn builder(dir: impl Into<PathBuf>, base: impl Into<String>) -> AuditLogBuilder {
        AuditLogBuilder::new(dir.into(), base.into())
    }

    pub(crate) fn new(
        running: Running,
        instance: Instance,
        dir: PathBuf,
        drop_deadline: Duration,
        files: Arc<dyn FileSystem>,
    ) -> Self {
        Self {
            shared: running.shared,
            chain: running.chain,
            instance,
            opened: running.opened,
            dir,
            drop_deadline,
            threads: Mutex::new(running.threads),
            files,
            turn: Mutex::default(),
        }
    }

    /// Claims a lane for the calling thread. When all lanes are claimed it shares one with others of its kind.
    #[must_use]
    pub fn lane(&self) -> LaneWriter {
        LaneWriter {
            claim: Claim::new(Arc::clone(&self.shared.intake)),
            clock: Arc::clone(&self.shared.clock),
        }
    }

    /// Appends through the calling thread's lane, which is claimed at the first call and handed back when the thread ends.
    /// Works in destructors of thread-locals too. The log fills in `src`: see [`AuditInput::unassigned`].
    pub fn append(&self, input: AuditInput) -> Ticket<'_> {
        let ticks = self.shared.clock.ticks().0;
        let mut input = Some(input);
        let own = local::offer(&self.shared.intake, |claim| {
            // Called once at most, so the input is there.
            match input.take() {
                Some(input) => claim.offer_input(input, ticks),
                None => claim.offer(&[]),
            }
        });
        let offer = match (own, input) {
            (Some(offer), _) => offer,
            (None, Some(input)) => self.shared.intake.offer_input_shared(input, ticks),
            (None, None) => self.shared.intake.offer_shared(&[]),
        };
        self.ticket(offer)
    }

    /// Appends a lifecycle event, stamped now, through the calling thread's lane.
    pub fn append_event(&self, event: &FabricEvent, context: &Context) -> Ticket<'_> {
        let words = EventWords::encode(event, context, self.shared.clock.ticks());
        if !words.is_exact() {
            return self.append(AuditInput::unassigned_event(event, context));
        }
        let own = local::offer(&self.shared.intake, |claim| claim.offer(words.used()));
        let offer = own.unwrap_or_else(|| self.shared.intake.offer_shared(words.used()));
        self.ticket(offer)
    }

    /// The ticket for what a [`LaneWriter`] of this log offered. For an offer to another log the answers mean nothing.
    #[must_use]
    pub const fn ticket(&self, offer: Offer) -> Ticket<'_> {
        Ticket::new(&self.shared, offer)
    }

    /// Lets go what retention allows, without waiting for the end of a segment: whole segments, the oldest first, after
    /// `retention_applied` records for them are anchored (audit specification §8). Their openings are destroyed, their hash tiles
    /// stay. The first record that is left.
    ///
    /// # Errors
    /// [`Timeout`](ErrorKind::Timeout) after `patience`, above all when the store does not take the anchor: then it happens
    /// later, or at the next opening; [`Io`](ErrorKind::Io) when the hash tiles do not stand for what goes or a segment cannot be
    /// removed; [`Closed`](ErrorKind::Closed), and what made the log fail.
    pub fn prune(&self, patience: Duration) -> Result<u64, Error> {
        const OPERATION: &str = "prune the log";
        self.shared.require_open(OPERATION)?;
        self.shared.prune(after(patience), OPERATION)
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn files(&self) -> &dyn FileSystem {
        &*self.files
    }

    /// The directory that it is in.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.dir
    }

    /// Work on the directory that must not overlap with its like.
    pub(crate) fn take_turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> &ChainId {
        &self.chain
    }

    /// The clock that entries are stamped with.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// This run of the log, as it stands in `src.id`.
    #[must_use]
    pub const fn instance(&self) -> Instance {
        self.instance
    }

    /// What opening it met.
    #[must_use]
    pub const fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Counters and gauges.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.shared.figures()
    }

    /// A handle that reads [`figures`](Self::figures) and outlives the borrow of the log.
    #[must_use]
    pub fn figures_reader(&self) -> FiguresReader {
        FiguresReader(Arc::clone(&self.shared))
    }

    /// The last head that was computed and is durable: at each anchor. `None` before the first.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.shared.head()
    }

    /// The last head that the anchor store took from this opening.
    #[must_use]
    pub fn anchored(&self) -> Option<Head> {
        self.shared.anchored()
    }

    /// Makes everything appended before durable and anchors it: the head that was anchored covers it.
    ///
    /// # Errors
    /// [`Timeout`](ErrorKind::Timeout) after `patience`, with the reason when the store is at fault; and what made the log
    /// fail. Appending goes on in any case.
    pub fn anchor_now(&self, patience: Duration) -> Result<Head, Error> {
        const OPERATION: &str = "anchor the log";
        let until = after(patience);
        let targets: Vec<_> = self
            .shared
            .intake
            .lanes
            .iter()
            .map(|lane| (Arc::clone(lane), lane.offered()))
            .collect();
        let has_failed = |shared: &Shared| shared.has_failed() || shared.has_ended();
        self.shared.intake.gate.ring();
        let written = self.shared.wait_until(until, |shared| {
            has_failed(shared)
                || targets
                    .iter()
                    .all(|(lane, n)| lane.written() >= *n || lane.refused_n() >= *n)
        });
        let seq = self.shared.progress.written_seq.load(Ordering::Acquire);
        self.shared.want_anchor();
        let anchored = written
            && self.shared.wait_until(until, |shared| {
                has_failed(shared) || shared.progress.anchored_seq.load(Ordering::Acquire) >= seq
            });
        if self.shared.has_failed() {
            return Err(self.shared.failed(OPERATION));
        }
        match self.anchored().filter(|_| anchored) {
            Some(head) => Ok(head),
            None => Err(Error::new(
                ErrorKind::Timeout,
                OPERATION,
                match self.shared.anchor_error() {
                    Some(why) => format!("the store did not take it: {why}"),
                    None => {
                        format!("it did not happen within {patience:?}; the log goes on trying")
                    }
                },
            )),
        }
    }

    /// Replaces the key that signs checkpoints: writes `key_rotated`, has the old key vouch for it, and goes on with `next`,
    /// whose key is named by the chain's id (audit specification §6, rotation). Returns the number of that record, which is
    /// durable then. Entries wait for the few syncs that this takes. Witnesses know the log key: tell them the new one before.
    ///
    /// The next opening has to be given `next` as its signer; until it is, give both, `next` as
    /// [`next_signer`](AuditLogBuilder::next_signer).
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) when checkpoints are not signed, or `next` has no key, one of another name, or one that
    /// signs for this log already, and then nothing was written; [`Signer`](ErrorKind::Signer) when the old key could not sign;
    /// [`Timeout`](ErrorKind::Timeout) after `patience`, and what made the log fail.
    pub fn rotate_signer(
        &self,
        next: Arc<dyn Signer>,
        reason: Option<Text>,
        patience: Duration,
    ) -> Result<u64, Error> {
        rotation::ask(&self.shared, KeyRole::Log, next, reason, patience)
    }

    /// Replaces the key that signs records, in the same way; the old key signs the `key_rotated` itself.
    ///
    /// # Errors
    /// As [`rotate_signer`](Self::rotate_signer).
    pub fn rotate_record_signer(
        &self,
        next: Arc<dyn Signer>,
        reason: Option<Text>,
        patience: Duration,
    ) -> Result<u64, Error> {
        rotation::ask(&self.shared, KeyRole::Record, next, reason, patience)
    }

    /// Refuses further entries, seals and syncs what is queued, says farewell in the log, anchors, and ends the threads.
    /// After `patience` it stops where it is; the next opening then says that this one did not end in order. A second call
    /// reports again.
    pub fn close(&self, patience: Duration) -> CloseReport {
        self.shared.intake.gate.close();
        self.shared.commit.hurry();
        let until = after(patience);
        let finished = self.shared.wait_until(until, Shared::has_ended);
        if !finished {
            self.shared.abandon();
        }
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            // A thread that is stuck in the disk or in the anchor store is left behind; one that panicked has failed the
            // log, and the report says so.
            if finished || thread.is_finished() {
                thread.join().ok();
            }
        }
        drop(threads);
        let figures = self.figures();
        CloseReport {
            finished: finished && !self.shared.has_failed(),
            left_in_queues: figures.queued,
            left_unsynced: figures.written_seq - figures.durable_seq.min(figures.written_seq),
            left_unanchored: figures.unanchored(),
            durable_seq: figures.durable_seq,
            alarm: figures.alarm,
        }
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        // Also of a log that has failed and ended: its threads are joined, so that what the sealer does last is done.
        self.close(self.drop_deadline);
    }
}

impl LaneWriter {
    /// Appends a lifecycle event that is encoded already. `event` and `context` are what `words` were made of; they are
    /// looked at only when a name in them has no number ([`EventWords::is_exact`]).
    #[inline]
    pub fn push_event(&self, words: &EventWords, event: &FabricEvent, context: &Context) -> Offer {
        if words.is_exact() {
            self.claim.offer(words.used())
        } else {
            let input = AuditInput::unassigned_event(event, context);
            self.claim.offer_input(input, words.ticks().0)
        }
    }

    /// Appends any record, stamped now. The log fills in `src`: see [`AuditInput::unassigned`].
    pub fn push(&self, input: AuditInput) -> Offer {
        self.push_at(input, self.clock.ticks())
    }

    /// Appends any record, stamped when the caller read the log's clock.
    pub fn push_at(&self, input: AuditInput, ticks: Ticks) -> Offer {
        self.claim.offer_input(input, ticks.0)
    }
}

impl AuditInput {
    /// What is to be handed to an [`AuditLog`], which fills in `src`: its own instance, the lane, the number and the time of
    /// the call.
    #[must_use]
    pub fn unassigned(data: AuditEventData) -> Self {
        Self::new(data, nowhere())
    }

    /// The record of a lifecycle event, to be handed to an [`AuditLog`] as [`unassigned`](Self::unassigned) is.
    #[must_use]
    pub fn unassigned_event(event: &FabricEvent, context: &Context) -> Self {
        Self::from_event(event, context, nowhere())
    }
}

fn nowhere() -> Src {
    Src {
        id: SrcId::new(Instance(0), Lane::shared()),
        n: 1,
        time: Timestamp::default(),
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog")
            .field("chain", &self.chain)
            .field("dir", &self.dir)
            .field("instance", &self.instance)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for LaneWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LaneWriter").finish_non_exhaustive()
    }
}

//! Tickets: how an append is waited for.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::log::lane::{Fate, Offer};
use crate::log::shared::Shared;
use crate::log::waiters::{Stage, Unpark, after};
use crate::{Error, ErrorKind};

/// The promise for one appended entry (design §6). It borrows the log and counts nothing, so having one is free; dropping it
/// cancels nothing.
///
/// A ticket resolves as far as it is asked to: [`queued`](Self::queued) answers at once; `written` means that the record
/// outlives the process, `durable` that it outlives the machine. To wait, a plain thread calls
/// [`wait_durable`](Self::wait_durable), and a task awaits [`durable`](Self::durable), which needs no particular runtime.
#[derive(Clone, Copy)]
pub struct Ticket<'a> {
    shared: &'a Arc<Shared>,
    offer: Offer,
}

/// A [`Ticket`] that keeps what it needs of the log alive by itself.
#[derive(Clone)]
pub struct OwnedTicket {
    shared: Arc<Shared>,
    offer: Offer,
}

/// The future of [`Ticket::written`] and [`Ticket::durable`].
///
/// Cancel safe: dropping it ends the waiting and nothing else. It resolves under any executor, a bare `block_on` included.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Settled<'a> {
    shared: Hold<'a>,
    offer: Offer,
    stage: Stage,
    key: Option<usize>,
}

/// The log, borrowed or kept alive.
enum Hold<'a> {
    Borrowed(&'a Arc<Shared>),
    Owned(Arc<Shared>),
}

impl Deref for Hold<'_> {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        match self {
            Self::Borrowed(shared) => shared,
            Self::Owned(shared) => shared,
        }
    }
}

impl<'a> Ticket<'a> {
    pub(crate) const fn new(shared: &'a Arc<Shared>, offer: Offer) -> Self {
        Self { shared, offer }
    }

    /// What the offer came to, to be passed on without the ticket.
    #[must_use]
    pub const fn offer(&self) -> Offer {
        self.offer
    }

    /// Whether the entry is queued.
    ///
    /// # Errors
    /// [`Full`](ErrorKind::Full) when the queue had no room, [`Invalid`](ErrorKind::Invalid) when the record breaks the
    /// format or is of a kind that only the log writes about itself, [`Closed`](ErrorKind::Closed) when the log is closed, and what
    /// made the log fail when it has failed. The entry was counted and will be declared lost.
    pub fn queued(&self) -> Result<(), Error> {
        self.shared.refusal(self.offer)
    }

    /// Blocks until the record is in the file, so that it outlives the process.
    ///
    /// # Errors
    /// As [`queued`](Self::queued); [`Timeout`](ErrorKind::Timeout) after `patience`, and the ticket can be waited for
    /// again; and what made the log fail, when it does so before.
    pub fn wait_written(&self, patience: Duration) -> Result<(), Error> {
        wait(self.shared, self.offer, Stage::Written, patience)
    }

    /// Blocks until the record is on stable storage: it outlives power loss.
    ///
    /// # Errors
    /// As [`wait_written`](Self::wait_written).
    pub fn wait_durable(&self, patience: Duration) -> Result<(), Error> {
        wait(self.shared, self.offer, Stage::Durable, patience)
    }

    /// Resolves when the record is in the file; errors as [`wait_written`](Self::wait_written), without the timeout.
    pub fn written(&self) -> Settled<'a> {
        Settled::new(Hold::Borrowed(self.shared), self.offer, Stage::Written)
    }

    /// Resolves when the record is on stable storage; errors as [`wait_written`](Self::wait_written), without the timeout.
    pub fn durable(&self) -> Settled<'a> {
        Settled::new(Hold::Borrowed(self.shared), self.offer, Stage::Durable)
    }

    /// A ticket without a lifetime, for tasks that outlive the borrow.
    #[must_use]
    pub fn into_owned(self) -> OwnedTicket {
        OwnedTicket {
            shared: Arc::clone(self.shared),
            offer: self.offer,
        }
    }
}

impl OwnedTicket {
    /// The ticket as a borrowed one, with everything that it can do.
    #[must_use]
    pub const fn as_ticket(&self) -> Ticket<'_> {
        Ticket::new(&self.shared, self.offer)
    }

    /// See [`Ticket::written`].
    pub fn written(self) -> Settled<'static> {
        Settled::new(Hold::Owned(self.shared), self.offer, Stage::Written)
    }

    /// See [`Ticket::durable`].
    pub fn durable(self) -> Settled<'static> {
        Settled::new(Hold::Owned(self.shared), self.offer, Stage::Durable)
    }
}

impl<'a> Settled<'a> {
    const fn new(shared: Hold<'a>, offer: Offer, stage: Stage) -> Self {
        Self {
            shared,
            offer,
            stage,
            key: None,
        }
    }

    /// The outcome, or a registration with `waker`.
    fn look(&mut self, waker: &Waker) -> Poll<Result<(), Error>> {
        if let Some(outcome) = self.shared.outcome(self.offer, self.stage) {
            return Poll::Ready(outcome);
        }
        let (lane, n) = (self.offer.lane(), self.offer.n());
        self.shared
            .waiters
            .register(self.stage, &mut self.key, lane, n, waker);
        self.shared.hurry(self.stage);
        // Again, for what happened between the first look and the registration.
        match self.shared.outcome(self.offer, self.stage) {
            Some(outcome) => Poll::Ready(outcome),
            None => Poll::Pending,
        }
    }
}

impl Future for Settled<'_> {
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().look(context.waker())
    }
}

impl Drop for Settled<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.shared.waiters.forget(self.stage, key);
        }
    }
}

fn wait(shared: &Arc<Shared>, offer: Offer, stage: Stage, patience: Duration) -> Result<(), Error> {
    if let Some(outcome) = shared.outcome(offer, stage) {
        return outcome;
    }
    let until = after(patience);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut settled = Settled::new(Hold::Borrowed(shared), offer, stage);
    loop {
        if let Poll::Ready(outcome) = settled.look(&waker) {
            return outcome;
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::new(
                ErrorKind::Timeout,
                "wait for a record",
                format!(
                    "it was not {} within {patience:?}; it is still queued, and waiting again is possible",
                    match stage {
                        Stage::Written => "written",
                        Stage::Durable => "durable",
                    }
                ),
            ));
        }
        thread::park_timeout(left);
    }
}

impl Shared {
    /// Why the entry was refused when it was offered.
    fn refusal(&self, offer: Offer) -> Result<(), Error> {
        const OPERATION: &str = "append a record";
        match offer.fate() {
            Fate::Queued => Ok(()),
            Fate::Full => Err(Error::new(
                ErrorKind::Full,
                OPERATION,
                "the queue of this thread has no room; it is counted as rejected and declared as lost. Retry later, give \
                 the log longer queues, or let it block",
            )),
            Fate::Dropped => Err(Error::new(
                ErrorKind::Full,
                OPERATION,
                "it was dropped and counted, as the log's policy says",
            )),
            Fate::Invalid => Err(Error::new(
                ErrorKind::Invalid,
                OPERATION,
                "a member of its data is outside the bounds of the format; it is counted as rejected and declared as lost. \
                 Correct it and append it again",
            )),
            Fate::Reserved => Err(Error::new(
                ErrorKind::Invalid,
                OPERATION,
                "only the log itself writes records of its kind; it is counted as rejected and declared as lost. Use an \
                 extension kind",
            )),
            Fate::Closed => Err(Self::closed(OPERATION)),
            Fate::Failed => Err(self.failed(OPERATION)),
        }
    }

    /// What became of an entry; `None` while that is open.
    fn outcome(&self, offer: Offer, stage: Stage) -> Option<Result<(), Error>> {
        const OPERATION: &str = "keep a record";
        if let Err(refusal) = self.refusal(offer) {
            return Some(Err(refusal));
        }
        // In this order: a log that ended has made its last marks before it said so.
        let ended = self.has_ended();
        let lane = self.intake.lanes.get(offer.lane())?;
        let mark = match stage {
            Stage::Written => lane.written(),
            Stage::Durable => lane.durable(),
        };
        if mark >= offer.n() {
            let lost = self.is_lost(offer.lane() as u32, offer.n());
            return Some(if lost {
                Err(Error::new(
                    ErrorKind::Invalid,
                    OPERATION,
                    "it could not be encoded and is declared as lost; or it is so old that this is no longer known",
                ))
            } else {
                Ok(())
            });
        }
        if self.intake.gate.failure().is_some() {
            return Some(Err(self.failed(OPERATION)));
        }
        ended.then(|| Err(Self::closed(OPERATION)))
    }

    fn closed(operation: &'static str) -> Error {
        Error::new(
            ErrorKind::Closed,
            operation,
            "the log is closed; open it again to append",
        )
    }

    pub(crate) fn failed(&self, operation: &'static str) -> Error {
        let why = self.intake.gate.failure().unwrap_or("the log failed");
        Error::new(
            ErrorKind::Io,
            operation,
            format!("the log has stopped: {why}"),
        )
    }
}

impl fmt::Debug for Ticket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ticket").field(&self.offer).finish()
    }
}

impl fmt::Debug for OwnedTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedTicket").field(&self.offer).finish()
    }
}

impl fmt::Debug for Settled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settled")
            .field("offer", &self.offer)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

//! What somebody else asks the sealer for: records of the log about itself, and other keys.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::log::shared::Shared;
use crate::{AuditEventData, Error, ErrorKind};

const CLOSED: &str = "the log is closed; open it again";

/// What waits for the sealer.
#[derive(Debug)]
pub(crate) struct Orders<T> {
    waiting: Mutex<Vec<T>>,
    /// Looked at in every round, so that the lock is not.
    any: AtomicBool,
}

/// What is asked for, and where to answer.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) task: Task,
    answer: Arc<Mutex<Option<Answer>>>,
}

/// What can be asked for.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    /// To seal a record of the log about itself; the answer is its number.
    Seal(Box<AuditEventData>),
    /// To let go what retention allows; the answer is the first record that is left.
    Prune,
}

/// A record, or why there is none.
type Answer = Result<u64, String>;

impl Order {
    /// Tells whoever asked.
    pub(crate) fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }
}

impl<T> Default for Orders<T> {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            any: AtomicBool::new(false),
        }
    }
}

impl<T> Orders<T> {
    pub(crate) fn push(&self, order: T) {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(order);
        self.any.store(true, Ordering::Release);
    }

    /// What was asked for since the last call.
    pub(crate) fn take(&self) -> Vec<T> {
        if !self.any.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shared {
    /// Refuses when the log takes no records any more.
    pub(crate) fn require_open(&self, operation: &'static str) -> Result<(), Error> {
        if self.has_failed() {
            return Err(self.failed(operation));
        }
        if self.intake.gate.is_open() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Closed, operation, CLOSED))
    }

    /// Has the sealer seal a record of the log about itself and waits until it is durable; its number.
    pub(crate) fn seal_own(
        &self,
        data: AuditEventData,
        until: Instant,
        operation: &'static str,
    ) -> Result<u64, Error> {
        let durable =
            |shared: &Self, seq| shared.progress.durable_seq.load(Ordering::Acquire) >= seq;
        self.ask(Task::Seal(Box::new(data)), until, operation, durable)
    }

    /// Has the sealer let go what retention allows; the first record that is left.
    pub(crate) fn prune(&self, until: Instant, operation: &'static str) -> Result<u64, Error> {
        self.ask(Task::Prune, until, operation, |_, _| true)
    }

    fn ask(
        &self,
        task: Task,
        until: Instant,
        operation: &'static str,
        done: impl Fn(&Self, u64) -> bool,
    ) -> Result<u64, Error> {
        let slot = Arc::new(Mutex::new(None));
        self.orders.push(Order {
            task,
            answer: Arc::clone(&slot),
        });
        self.intake.gate.ring();
        let answer = |shared: &Self| {
            let answer: Option<Answer> =
                slot.lock().unwrap_or_else(PoisonError::into_inner).clone();
            answer.filter(|answer| answer.as_ref().map_or(true, |seq| done(shared, *seq)))
        };
        self.wait_until(until, |shared| {
            answer(shared).is_some() || shared.has_failed() || shared.has_ended()
        });
        match answer(self) {
            Some(Ok(seq)) => Ok(seq),
            Some(Err(why)) => Err(Error::new(ErrorKind::Io, operation, why)),
            None if self.has_failed() => Err(self.failed(operation)),
            None if self.has_ended() => Err(Error::new(ErrorKind::Closed, operation, CLOSED)),
            None => Err(Error::new(
                ErrorKind::Timeout,
                operation,
                "it did not happen in time; do it again, which completes it",
            )),
        }
    }
}

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

/// A record to be sealed, and where to say which number it got.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) data: AuditEventData,
    sealed: Arc<Mutex<Option<u64>>>,
}

impl Order {
    /// Tells whoever asked.
    pub(crate) fn sealed(&self, seq: u64) {
        *self.sealed.lock().unwrap_or_else(PoisonError::into_inner) = Some(seq);
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
        let sealed = Arc::new(Mutex::new(None));
        self.orders.push(Order {
            data,
            sealed: Arc::clone(&sealed),
        });
        self.intake.gate.ring();
        let number = || *sealed.lock().unwrap_or_else(PoisonError::into_inner);
        let durable = |shared: &Self| {
            number().is_some_and(|seq| shared.progress.durable_seq.load(Ordering::Acquire) >= seq)
        };
        self.wait_until(until, |shared| {
            durable(shared) || shared.has_failed() || shared.has_ended()
        });
        match number().filter(|_| durable(self)) {
            Some(seq) => Ok(seq),
            None if self.has_failed() => Err(self.failed(operation)),
            None if self.has_ended() => Err(Error::new(ErrorKind::Closed, operation, CLOSED)),
            None => Err(Error::new(
                ErrorKind::Timeout,
                operation,
                "its record did not become durable in time; do it again, which completes it",
            )),
        }
    }
}

//! What a lifecycle call answers.

use std::marker::PhantomData;

/// The answer of a lifecycle call: nothing to look at for most, something to wait for where it matters.
///
/// Dropping it cancels nothing. With the feature `audit` it tells what became of the record.
#[derive(Clone, Copy, Debug)]
pub struct Receipt<'a> {
    #[cfg(feature = "audit")]
    ticket: Option<counterfoil_audit::Ticket<'a>>,
    observer: PhantomData<&'a ()>,
}

impl<'a> Receipt<'a> {
    #[cfg(feature = "audit")]
    pub(crate) const fn of(ticket: Option<counterfoil_audit::Ticket<'a>>) -> Self {
        Self {
            ticket,
            observer: PhantomData,
        }
    }

    /// Of an event that goes to no audit log.
    #[allow(
        dead_code,
        reason = "the only constructor when the feature `audit` is off"
    )]
    pub(crate) const fn none() -> Self {
        Self {
            #[cfg(feature = "audit")]
            ticket: None,
            observer: PhantomData,
        }
    }
}

#[cfg(feature = "audit")]
impl<'a> Receipt<'a> {
    /// The promise for the audit record; `None` when the observer has no audit log, or the event is none that is sealed.
    #[must_use]
    pub const fn ticket(&self) -> Option<counterfoil_audit::Ticket<'a>> {
        self.ticket
    }

    /// Whether the record was accepted: at once, without waiting. True where there is none to accept.
    ///
    /// # Errors
    /// When the log refused it. It is counted, and will be declared as lost in the chain.
    pub fn queued(&self) -> Result<(), counterfoil_audit::Error> {
        self.ticket.map_or(Ok(()), |ticket| ticket.queued())
    }

    /// Blocks this thread until the record is on stable storage.
    ///
    /// # Errors
    /// When the log refused or lost it, or `patience` ran out first.
    pub fn wait_durable(
        &self,
        patience: std::time::Duration,
    ) -> Result<(), counterfoil_audit::Error> {
        self.ticket
            .map_or(Ok(()), |ticket| ticket.wait_durable(patience))
    }

    /// Resolves when the record is on stable storage; needs no particular runtime.
    ///
    /// # Errors
    /// When the log refused or lost it.
    pub async fn durable(self) -> Result<(), counterfoil_audit::Error> {
        match self.ticket {
            Some(ticket) => ticket.durable().await,
            None => Ok(()),
        }
    }
}

//! The contract.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use crate::batch::{Batch, Signals};
use crate::error::{Error, ErrorKind};

/// Sends batches to one destination. The crate's documentation builds one step by step.
///
/// # Contract
/// - **Ordering.** Batches of a signal arrive in the order of the calls. A batch of [`Signals`] that the exporter does not
///   take is refused with [`ErrorKind::Unsupported`]; an empty batch is accepted and sends nothing.
/// - **Concurrency.** The caller never makes two calls at a time, `flush` included; they may come from different threads.
/// - **Blocking.** Calls may block, and end by themselves: an exporter that talks to a network has a timeout of its own.
///   Whoever must not be held up wraps it in [`Limit`](crate::Limit).
/// - **Retries.** None: one call is one attempt. [`Retry`](crate::Retry) makes more of them.
/// - **Idempotency.** After an error a batch may be sent again, whole or what the error says is its
///   [`rest`](Error::rest); the destination may then have parts of it twice.
/// - **Parts.** When something of a batch arrived and something did not, the error says how much
///   ([`Error::with_part`]), so that counts stay exact.
/// - **Failures later.** What `export` accepted and could not be delivered is told by the next `flush`: between the two no
///   failure goes unnoticed.
/// - **Shutdown.** The last call is `flush`; dropping the exporter must not be needed for anything to arrive.
/// - **Secrets.** An exporter sends what it is given. [`Redacting`](crate::Redacting) stands before it, and nothing else needs to
///   know where secrets may lie. Sealed lines are never changed.
///
/// # Cancellation
/// Calls are synchronous and not cancelled. A panic is contained by [`FanOut`](crate::FanOut) and [`Limit`](crate::Limit).
///
/// # Errors
/// [`Error::is_retryable`] tells whether the same batch may be accepted later.
///
/// # Conformance
/// `counterfoil_testkit::exporter`: `conformance`, and `failing` over a destination that refuses everything.
pub trait Exporter: Debug + Send + Sync + 'static {
    /// What it takes: at least one signal, the same in each call.
    fn signals(&self) -> Signals;

    /// Sends one batch, or accepts it for the next `flush`.
    ///
    /// # Errors
    /// Says why the batch, or part of it, did not arrive.
    fn export(&self, batch: Batch) -> Result<(), Error>;

    /// Sends what was accepted and held back, and gives up at `deadline`, which may have passed already.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] when the deadline came first; otherwise why something did not arrive.
    fn flush(&self, deadline: Instant) -> Result<(), Error>;
}

impl<E: Exporter + ?Sized> Exporter for Arc<E> {
    fn signals(&self) -> Signals {
        (**self).signals()
    }

    fn export(&self, batch: Batch) -> Result<(), Error> {
        (**self).export(batch)
    }

    fn flush(&self, deadline: Instant) -> Result<(), Error> {
        (**self).flush(deadline)
    }
}

impl<E: Exporter + ?Sized> Exporter for Box<E> {
    fn signals(&self) -> Signals {
        (**self).signals()
    }

    fn export(&self, batch: Batch) -> Result<(), Error> {
        (**self).export(batch)
    }

    fn flush(&self, deadline: Instant) -> Result<(), Error> {
        (**self).flush(deadline)
    }
}

/// Runs a call of an exporter; a panic in it becomes an error.
pub(crate) fn contain(
    operation: &'static str,
    call: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    // Whether an exporter is still of use after a panic is its own affair: it is called again.
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| {
        let context = "the exporter panicked; the panic was contained and what it held may be lost";
        Err(Error::new(ErrorKind::Panicked, operation, context))
    })
}

//! Where drained events go.

use std::fmt::Debug;
use std::sync::Arc;

use counterfoil_core::Event;

use crate::error::Error;

/// Takes the events that a [`Drain`](crate::Drain) hands over.
///
/// # Contract
/// - **Ordering.** Events of one pass come in time order. Between passes only the order within each thread holds for
///   certain: a thread may be held up between stamping its event and pushing it.
/// - **Concurrency.** A drain calls one method at a time. A sink that is shared by several drains must order them itself.
/// - **Blocking.** A sink may block; the ring meanwhile overwrites what the drain has not fetched, and the drain counts it.
/// - **Retries.** None: an event is handed over once. A sink that wants to try again does so before it returns.
/// - **Idempotency.** Not asked for.
/// - **Shutdown.** The last call is `flush`; dropping the sink must not be needed for anything to arrive.
/// - A sink keeps what it needs of an event by cloning it. Its names were redacted by the policy of the buffer that it comes
///   from.
///
/// # Cancellation
/// Calls are synchronous and not cancelled. A panic is contained by the drain and counted; the sink is called again.
///
/// # Errors
/// An error of `accept` means that this event did not arrive, one of `flush` that some accepted before may not have.
/// Neither stops the drain.
///
/// # Conformance
/// `counterfoil_testkit::event_sink::conformance`.
///
/// ```
/// use std::sync::Mutex;
/// use counterfoil_core::Event;
/// use counterfoil_events::{Error, EventSink};
///
/// /// Keeps the names of what happened.
/// #[derive(Debug, Default)]
/// struct Names(Mutex<Vec<String>>);
///
/// impl EventSink for Names {
///     fn accept(&self, event: &Event) -> Result<(), Error> {
///         let mut names = self.0.lock().unwrap_or_else(|poison| poison.into_inner());
///         names.push(event.event.kind_name().to_owned());
///         Ok(())
///     }
///
///     fn flush(&self) -> Result<(), Error> {
///         Ok(()) // nothing is held back
///     }
/// }
/// ```
pub trait EventSink: Debug + Send + Sync + 'static {
    /// Takes one event.
    ///
    /// # Errors
    /// Says why this event did not arrive.
    fn accept(&self, event: &Event) -> Result<(), Error>;

    /// Hands on whatever `accept` held back.
    ///
    /// # Errors
    /// Says why it could not be handed on.
    fn flush(&self) -> Result<(), Error>;
}

impl<S: EventSink + ?Sized> EventSink for Arc<S> {
    fn accept(&self, event: &Event) -> Result<(), Error> {
        (**self).accept(event)
    }

    fn flush(&self) -> Result<(), Error> {
        (**self).flush()
    }
}

impl<S: EventSink + ?Sized> EventSink for Box<S> {
    fn accept(&self, event: &Event) -> Result<(), Error> {
        (**self).accept(event)
    }

    fn flush(&self) -> Result<(), Error> {
        (**self).flush()
    }
}

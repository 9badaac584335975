//! What is checked: the contract, and checks made of closures.

use std::fmt::{self, Debug};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::Outcome;

/// One thing that can be well or not.
///
/// # Contract
/// - **When.** It is called again and again, each time after the interval that it was registered with, and never while an
///   earlier call of it is under way. Answers are kept; no endpoint waits for one.
/// - **Blocking.** It must not block the thread that polls it: every asynchronous check of a registry shares one. What blocks
///   goes into [`blocking`].
/// - **Runtime.** It is polled within a tokio runtime of the registry's own, with timers and sockets.
/// - **Text.** The message of an outcome is redacted, cut to [`Outcome::MAX_MESSAGE`] and escaped before anybody sees it.
///
/// # Cancellation
/// A call that has not answered by its deadline is dropped at its next `await` and counts as timed out.
///
/// # Errors
/// They are outcomes. A panic is contained, counts as unhealthy, and the check is called again after its interval.
#[async_trait]
pub trait Check: Debug + Send + Sync + 'static {
    /// Looks, and says what it found.
    async fn check(&self) -> Outcome;
}

#[async_trait]
impl<C: Check + ?Sized> Check for Arc<C> {
    async fn check(&self) -> Outcome {
        (**self).check().await
    }
}

#[async_trait]
impl<C: Check + ?Sized> Check for Box<C> {
    async fn check(&self) -> Outcome {
        (**self).check().await
    }
}

/// A check made of a closure that returns a future.
///
/// ```
/// use counterfoil_health::{Outcome, Registration, from_fn};
/// # async fn ping() -> Result<(), std::io::Error> { Ok(()) }
/// let database = Registration::new("database", from_fn(|| async { Outcome::from(ping().await) }));
/// ```
pub fn from_fn<F, R>(look: F) -> impl Check
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output: Into<Outcome>> + Send + 'static,
{
    FromFn(look)
}

/// A check made of a closure that may block. It runs on a thread apart.
///
/// A thread cannot be cancelled, so a closure that hangs is left alone: the check times out, again and again, until that one
/// call has come back. It is never called a second time meanwhile.
///
/// ```
/// use counterfoil_health::{Outcome, Registration, blocking};
/// let spool = Registration::new("spool", blocking(|| std::fs::metadata("/var/spool/orders").map(drop)));
/// ```
pub fn blocking<F, O>(look: F) -> impl Check
where
    F: Fn() -> O + Send + Sync + 'static,
    O: Into<Outcome> + 'static,
{
    Blocking {
        look: Arc::new(move || look().into()),
        under_way: Mutex::new(None),
    }
}

struct FromFn<F>(F);

#[async_trait]
impl<F, R> Check for FromFn<F>
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output: Into<Outcome>> + Send + 'static,
{
    async fn check(&self) -> Outcome {
        (self.0)().await.into()
    }
}

impl<F> Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn").finish_non_exhaustive()
    }
}

struct Blocking {
    look: Arc<dyn Fn() -> Outcome + Send + Sync>,
    /// The call that an earlier check has given up waiting for.
    under_way: Mutex<Option<JoinHandle<Outcome>>>,
}

#[async_trait]
impl Check for Blocking {
    async fn check(&self) -> Outcome {
        let mut under_way = self.under_way.lock().await;
        let call = under_way.get_or_insert_with(|| {
            let look = Arc::clone(&self.look);
            tokio::task::spawn_blocking(move || look())
        });
        // Dropped here by a deadline, the handle stays for the next check to wait for.
        let ended = call.await;
        *under_way = None;
        match ended {
            Ok(outcome) => outcome,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_stopped) => Outcome::unknown("the checks are being stopped"),
            },
        }
    }
}

impl Debug for Blocking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocking").finish_non_exhaustive()
    }
}

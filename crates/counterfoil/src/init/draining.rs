//! The way from "stop" to the end.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Whether the service is to come to an end, for whoever has work to finish first. Cheap to clone; clones are one and the
/// same.
///
/// It begins with the first SIGTERM or SIGINT where [`Config::drain_on_signals`](super::Config::drain_on_signals) asks for
/// that, or with [`begin`](Self::begin). From then on `/readyz` answers 503, so that no new work is sent here.
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn run(guard: counterfoil::init::Guard) -> std::io::Result<()> {
/// # let (listener, app) = (tokio::net::TcpListener::bind("127.0.0.1:0").await?, axum::Router::new());
/// let draining = guard.draining();
/// let server = axum::serve(listener, app).with_graceful_shutdown(draining.begun());
/// draining.within(Duration::from_secs(10), server).await.transpose()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Draining {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    at_begin: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    begun: bool,
    /// By the number of the future that waits.
    wakers: BTreeMap<u64, Waker>,
    futures: u64,
}

/// Resolves when draining has begun; see [`Draining::begun`]. Needs no runtime.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct Begun {
    draining: Draining,
    number: u64,
}

impl Draining {
    /// `at_begin` is called once, on the thread that begins.
    pub(crate) fn new(at_begin: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                changed: Condvar::new(),
                at_begin: Box::new(at_begin),
            }),
        }
    }

    /// Begins; does nothing when it has begun.
    pub fn begin(&self) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.begun, true) {
            return;
        }
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        (self.shared.at_begin)();
        self.shared.changed.notify_all();
        wakers.into_values().for_each(Waker::wake);
    }

    /// Whether it has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.lock().begun
    }

    /// A future that resolves when it has begun.
    pub fn begun(&self) -> Begun {
        let mut state = self.lock();
        state.futures += 1;
        Begun {
            draining: self.clone(),
            number: state.futures,
        }
    }

    /// Waits on this thread until it has begun, at most `patience`; whether it has.
    #[must_use]
    pub fn wait(&self, patience: Duration) -> bool {
        let waited = self
            .shared
            .changed
            .wait_timeout_while(self.lock(), patience, |state| !state.begun);
        waited.unwrap_or_else(PoisonError::into_inner).0.begun
    }

    /// Waits for a server to end, for as long as it serves, and for at most `patience` once draining has begun: a client that
    /// stalls within its request holds up no stop. `None`, and a warning in the log, when the server had not ended by then:
    /// its future is dropped, and what it spawned goes on until the runtime ends. Each call counts `patience` anew.
    ///
    /// # Panics
    /// When draining begins and this is not awaited on a tokio runtime with its timers on.
    pub async fn within<S: IntoFuture>(&self, patience: Duration, server: S) -> Option<S::Output> {
        let late = async {
            self.begun().await;
            tokio::time::sleep(patience).await;
        };
        let (mut served, mut late) = (pin!(server.into_future()), pin!(late));
        let ended = poll_fn(|cx| match served.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => late.as_mut().poll(cx).map(|()| None),
        })
        .await;
        if ended.is_none() {
            tracing::warn!(?patience, "what did not end in time is left behind");
        }
        ended
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Future for Begun {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.draining.lock();
        if state.begun {
            return Poll::Ready(());
        }
        state.wakers.insert(self.number, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.draining.lock().wakers.remove(&self.number);
    }
}

impl fmt::Debug for Draining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draining")
            .field("begun", &self.has_begun())
            .finish_non_exhaustive()
    }
}

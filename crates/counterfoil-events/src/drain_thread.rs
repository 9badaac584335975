//! A drain on a thread of its own.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::buffer::EventRingBuffer;
use crate::drain::{Drain, DrainCounts, Pass};
use crate::error::{Error, ErrorKind};
use crate::sink::EventSink;

/// Drains a buffer into a sink at an interval until it is stopped.
///
/// Choose the interval so that no thread fills its ring in it; what is overwritten meanwhile is counted as missed. Dropping
/// it lets the thread make a last pass and end without being waited for, which the end of the process may cut short: call
/// [`stop`](Self::stop).
#[derive(Debug)]
pub struct DrainThread {
    /// Nothing is ever sent: the thread ends when this is dropped.
    stop: mpsc::Sender<()>,
    done: mpsc::Receiver<()>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    totals: DrainCounts,
    last_error: Option<Arc<Error>>,
}

impl DrainThread {
    /// Starts the thread, which makes its first pass after one `interval`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the operating system gives no thread.
    pub fn start(
        buffer: EventRingBuffer,
        sink: impl EventSink,
        interval: Duration,
    ) -> Result<Self, Error> {
        let (stop, stopped) = mpsc::channel();
        let (finished, done) = mpsc::channel();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let run = move || {
            let mut drain = Drain::new(buffer);
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                note(&shared, drain.pass(&sink), &drain);
            }
            note(&shared, drain.pass(&sink), &drain);
            // Nobody listens when the handle was dropped instead of stopped.
            let _nobody_waits = finished.send(());
        };
        let spawned = thread::Builder::new()
            .name("counterfoil-drain".into())
            .spawn(run);
        spawned.map_err(|source| {
            Error::new(
                ErrorKind::Io,
                "start the drain of the event ring",
                "no thread was to be had; look at the process's limits",
            )
            .with_source(source)
        })?;
        Ok(Self { stop, done, state })
    }

    /// What became of the events so far.
    #[must_use]
    pub fn totals(&self) -> DrainCounts {
        lock(&self.state).totals
    }

    /// The last thing that went wrong in the sink.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<Error>> {
        lock(&self.state).last_error.clone()
    }

    /// Makes a last pass over what was pushed before this call, and waits for it at most `deadline`.
    ///
    /// # Errors
    /// [`ErrorKind::Deadline`] when the sink takes longer; the thread then goes on by itself as long as the process lives.
    pub fn stop(self, deadline: Duration) -> Result<DrainCounts, Error> {
        drop(self.stop);
        match self.done.recv_timeout(deadline) {
            Ok(()) => Ok(lock(&self.state).totals),
            Err(RecvTimeoutError::Timeout) => Err(Error::new(
                ErrorKind::Deadline,
                "drain the event ring before stopping",
                format!(
                    "the sink did not take the last events within {deadline:?}; some may be lost"
                ),
            )),
            Err(RecvTimeoutError::Disconnected) => Err(Error::new(
                ErrorKind::Sink,
                "drain the event ring before stopping",
                "the drain's thread ended early; some events were not handed over",
            )),
        }
    }
}

fn note(state: &Mutex<State>, pass: Pass, drain: &Drain) {
    let mut state = lock(state);
    state.totals = drain.totals();
    if let Some(error) = pass.error {
        state.last_error = Some(Arc::new(error));
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

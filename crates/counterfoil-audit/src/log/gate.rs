//! Whether the log takes entries, and the bell that wakes its sealer.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::log::options::{OnFailure, WhenFull};
use crate::log::sync::Alone;

/// What the log does with an entry that is offered now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Takes it.
    Open,
    /// Refuses it: `close` was called.
    Closing,
    /// Refuses it: the log could not keep its promise and stopped.
    Failed,
}

const OPEN: u8 = 0;
const CLOSING: u8 = 1;
const FAILED: u8 = 2;

/// Read by every producer on every offer, written a few times in a log's life: alone on its cache line.
#[derive(Debug)]
pub(crate) struct Gate {
    state: Alone<AtomicU8>,
    sealer: OnceLock<Thread>,
    room: Mutex<()>,
    room_made: Condvar,
    blocked: AtomicUsize,
    /// Why the log failed, in a sentence.
    failure: OnceLock<String>,
    when_full: WhenFull,
    on_failure: OnFailure,
}

impl Gate {
    pub(crate) fn new(when_full: WhenFull, on_failure: OnFailure) -> Self {
        Self {
            state: Alone(AtomicU8::new(OPEN)),
            sealer: OnceLock::new(),
            room: Mutex::new(()),
            room_made: Condvar::new(),
            blocked: AtomicUsize::new(0),
            failure: OnceLock::new(),
            when_full,
            on_failure,
        }
    }

    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.state.0.load(Ordering::Relaxed) == OPEN
    }

    pub(crate) fn state(&self) -> State {
        match self.state.0.load(Ordering::Acquire) {
            OPEN => State::Open,
            CLOSING => State::Closing,
            _ => State::Failed,
        }
    }

    /// Refuses entries from now on; what a producer is in the middle of offering may still slip in.
    pub(crate) fn close(&self) {
        // A failed log stays failed: the first reason is the one to report. Losing the exchange is therefore no error.
        self.state
            .0
            .compare_exchange(OPEN, CLOSING, Ordering::AcqRel, Ordering::Acquire)
            .ok();
        self.wake_all();
    }

    /// Refuses entries from now on because of `why`.
    pub(crate) fn fail(&self, why: String) {
        self.failure.get_or_init(|| why);
        self.state.0.store(FAILED, Ordering::Release);
        self.wake_all();
    }

    /// Why the log failed.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    pub(crate) const fn when_full(&self) -> WhenFull {
        self.when_full
    }

    pub(crate) const fn on_failure(&self) -> OnFailure {
        self.on_failure
    }

    /// Names the thread that [`ring`](Self::ring) wakes.
    pub(crate) fn attend(&self, sealer: Thread) {
        self.sealer.get_or_init(|| sealer);
    }

    /// Wakes the sealer; a system call only when it sleeps.
    pub(crate) fn ring(&self) {
        if let Some(sealer) = self.sealer.get() {
            sealer.unpark();
        }
    }

    /// Sleeps until the sealer has made room, a millisecond has passed or `until` is reached.
    pub(crate) fn wait_for_room(&self, until: Instant) {
        self.blocked.fetch_add(1, Ordering::SeqCst);
        self.ring();
        let patience = until
            .saturating_duration_since(Instant::now())
            .min(Duration::from_millis(1));
        let guard = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        // Woken, timed out or neither: the caller looks at its queue again in any case.
        drop(self.room_made.wait_timeout(guard, patience));
        self.blocked.fetch_sub(1, Ordering::SeqCst);
    }

    /// Tells blocked producers that the sealer has taken entries.
    pub(crate) fn room_was_made(&self) {
        if self.blocked.load(Ordering::SeqCst) != 0 {
            self.room_made.notify_all();
        }
    }

    fn wake_all(&self) {
        self.room_made.notify_all();
        self.ring();
    }
}

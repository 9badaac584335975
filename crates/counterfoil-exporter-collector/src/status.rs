//! How shipping stands, shared between the thread that ships and whoever asks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use counterfoil_core::Timestamp;

/// Most reasons that are told apart; a collector that invents more of them has the rest counted as `other`.
const MAX_REASONS: usize = 32;

/// What the shipper is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ShipState {
    /// It has not yet heard from the collector.
    Connecting,
    /// The collector takes what it is sent.
    Shipping,
    /// The last attempt failed and another one follows.
    Retrying,
    /// The collector has another record under a number that this log has too, or records that this log never had. Nothing more is
    /// sent until somebody has looked and the shipper is started again.
    Forked,
    /// Retention removed records before they were shipped, so that nothing that follows would fit. The log has to begin its next
    /// incarnation.
    Missed,
    /// The collector refused the same record twice. Nothing more is sent until the shipper is started again.
    Refused,
    /// It was stopped.
    Stopped,
}

impl ShipState {
    /// Whether nothing more is sent although nobody stopped it.
    #[must_use]
    pub const fn is_halted(self) -> bool {
        matches!(self, Self::Forked | Self::Missed | Self::Refused)
    }
}

/// How shipping stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShipStatus {
    /// What it is doing.
    pub state: ShipState,
    /// The last record that is durable at the collector; 0 before the first.
    pub acknowledged: u64,
    /// Records that are durable here and not there.
    pub behind: u64,
    /// When the oldest record that is not there was sealed.
    pub oldest_unsent: Option<Timestamp>,
    /// Records that retention removed before they were shipped.
    pub missed: u64,
    /// Times that the collector was found behind what it had acknowledged before, and was sent those records again.
    pub rewound: u64,
    /// Attempts that failed, by reason.
    pub failures: BTreeMap<String, u64>,
    /// What the last failed attempt failed with, until one succeeds. It quotes what came from outside, escaped.
    pub last_error: Option<String>,
}

/// What happens to a shipper that somebody should hear of.
#[derive(Debug)]
#[non_exhaustive]
pub enum ShipEvent<'a> {
    /// The first of a row of attempts failed; more follow.
    Failing(&'a crate::Error),
    /// An attempt succeeded after that.
    Recovered,
    /// The collector has less than it acknowledged before, and is sent those records again.
    Rewound {
        /// The last record that it had acknowledged.
        from: u64,
        /// The last record that it has.
        to: u64,
    },
    /// It refused a checkpoint; records go on.
    CheckpointRefused(&'a crate::Error),
    /// Nothing more is sent until somebody has looked.
    Halted {
        /// Why.
        state: ShipState,
        /// The same as a sentence, with what to do.
        why: &'a str,
    },
}

/// What a [`stop`](crate::Shipper::stop) left.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShipReport {
    /// Everything that was durable here when it was asked for is durable at the collector.
    pub finished: bool,
    /// How shipping stood then. What is left is in the log, and shipped after the next start.
    pub status: ShipStatus,
}

impl fmt::Display for ShipReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ShipStatus {
            acknowledged,
            behind,
            missed,
            ..
        } = self.status;
        write!(
            f,
            "shipped up to record {acknowledged}, {behind} are left in the log"
        )?;
        if missed > 0 {
            write!(f, ", {missed} were removed before they were shipped")?;
        }
        match &self.status.last_error {
            Some(error) if !self.finished => write!(f, ": {error}"),
            _ => Ok(()),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) inner: Mutex<Inner>,
    pub(crate) changed: Condvar,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) status: ShipStatus,
    /// Set once: when shipping ends at the latest.
    pub(crate) stop: Option<Instant>,
    /// Counts requests to try now instead of after the delay.
    pub(crate) nudges: u64,
    pub(crate) ended: bool,
}

impl Shared {
    pub(crate) fn new(acknowledged: u64) -> Self {
        Self {
            inner: Mutex::new(Inner {
                status: ShipStatus {
                    state: ShipState::Connecting,
                    acknowledged,
                    behind: 0,
                    oldest_unsent: None,
                    missed: 0,
                    rewound: 0,
                    failures: BTreeMap::new(),
                    last_error: None,
                },
                stop: None,
                nudges: 0,
                ended: false,
            }),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the status and wakes whoever waits for that.
    pub(crate) fn update(&self, change: impl FnOnce(&mut ShipStatus)) {
        change(&mut self.lock().status);
        self.changed.notify_all();
    }

    /// Waits for so long, for a nudge, or for the order to stop.
    pub(crate) fn pause(&self, delay: Duration) {
        let inner = self.lock();
        let (nudges, stopping) = (inner.nudges, inner.stop.is_some());
        let quiet = |inner: &mut Inner| inner.nudges == nudges && inner.stop.is_some() == stopping;
        let delay = match inner.stop {
            Some(until) => delay.min(until.saturating_duration_since(Instant::now())),
            None => delay,
        };
        drop(self.changed.wait_timeout_while(inner, delay, quiet));
    }

    /// Whether the time after the order to stop is up.
    pub(crate) fn is_over(&self) -> bool {
        self.lock()
            .stop
            .is_some_and(|until| Instant::now() >= until)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.lock().stop.is_some()
    }
}

impl ShipStatus {
    pub(crate) fn count_failure(&mut self, reason: &str) {
        let known = self.failures.contains_key(reason) || self.failures.len() < MAX_REASONS;
        let reason = if known { reason } else { "other" };
        *self.failures.entry(reason.to_owned()).or_default() += 1;
    }
}

//! An exporter with everything around it that a good one does not have.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use counterfoil_core::{Redact, names};
use counterfoil_exporter::{
    Batch, Error, ErrorKind, Exporter, Limit, LimitCounts, Redacting, Retry, RetryPolicy, Signals,
};
use counterfoil_metrics::{Observed, Registry};

use super::sources::Missed;
use crate::health::ExporterFigures;

/// How long a destination that goes on failing is quiet about it.
const BETWEEN_NOTICES: Duration = Duration::from_secs(60);

/// One place that telemetry is sent to: a bounded queue, a thread that redacts, sends and tries again, and exact counts.
#[derive(Debug)]
pub(crate) struct Destination {
    name: Arc<str>,
    signals: Signals,
    limit: Limit,
    max_items: usize,
    told: Mutex<Told>,
    progress: Mutex<Progress>,
}

/// Since when nothing was delivered while something waits.
#[derive(Debug)]
struct Progress {
    delivered: u64,
    at: Instant,
}

/// What was last said about failures.
#[derive(Debug, Default)]
struct Told {
    lost: u64,
    at: Option<Instant>,
}

impl Destination {
    /// `wanted` is what there is a source of.
    pub(crate) fn new(
        name: &str,
        exporter: impl Exporter,
        wanted: Signals,
        policy: impl Redact,
        max_items: usize,
    ) -> Result<Self, Error> {
        // Redacted once for all attempts, on the thread of the queue and not on the one that takes items to it.
        let exporter = Redacting::new(Retry::new(exporter, RetryPolicy::new())).with_policy(policy);
        let taken = exporter.signals();
        let signals = taken.each().filter(|it| wanted.contains(*it));
        Ok(Self {
            name: name.into(),
            signals: signals.fold(Signals::NONE, |all, it| all | it),
            limit: Limit::new(exporter, max_items)?,
            max_items,
            told: Mutex::default(),
            progress: Mutex::new(Progress {
                delivered: 0,
                at: Instant::now(),
            }),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn signals(&self) -> Signals {
        self.signals
    }

    pub(crate) fn takes(&self, signal: Signals) -> bool {
        self.signals.contains(signal)
    }

    pub(crate) fn counts_of(&self, signal: Signals) -> LimitCounts {
        self.limit.counts_of(signal)
    }

    /// How many more items the queue takes now.
    pub(crate) fn room(&self) -> usize {
        let queued = usize::try_from(self.limit.counts().queued).unwrap_or(usize::MAX);
        self.max_items.saturating_sub(queued)
    }

    /// Queues a batch if its signal is taken here. What does not fit is counted by the queue.
    pub(crate) fn offer(&self, batch: &Batch) {
        if !self.takes(batch.signal()) {
            return;
        }
        if self.limit.counts().queued == 0 {
            lock(&self.progress).at = Instant::now();
        }
        // The queue has counted a refusal, and `notice` tells of it.
        let _counted = self.limit.export(batch.clone());
    }

    /// Waits until everything that is queued has been tried, at most until the deadline; whether that was so. What was lost is
    /// in the counts.
    pub(crate) fn flush(&self, deadline: Instant) -> bool {
        let flushed = self.limit.flush(deadline);
        flushed.map_or_else(|error| error.kind() != ErrorKind::Timeout, |()| true)
    }

    /// How far it is behind.
    pub(crate) fn figures(&self) -> ExporterFigures {
        let counts = self.limit.counts();
        let mut progress = lock(&self.progress);
        if counts.exported > progress.delivered || counts.queued == 0 {
            (progress.delivered, progress.at) = (counts.exported, Instant::now());
        }
        ExporterFigures {
            waiting: counts.queued,
            lost: counts.failed + counts.dropped,
            since_delivery: progress.at.elapsed(),
        }
    }

    /// What to tell an operator now, at most once in a while: how much was lost since the last time, and why.
    pub(crate) fn notice(&self, now: Instant) -> Option<Notice> {
        let counts = self.limit.counts();
        let lost = counts.failed + counts.dropped;
        let mut told = lock(&self.told);
        let due = told
            .at
            .is_none_or(|at| now.duration_since(at) >= BETWEEN_NOTICES);
        if lost <= told.lost || !due {
            return None;
        }
        let more = lost - told.lost;
        *told = Told {
            lost,
            at: Some(now),
        };
        Some(Notice {
            lost: more,
            cause: self.limit.last_error(),
        })
    }
}

/// That items were lost.
pub(crate) struct Notice {
    pub(crate) lost: u64,
    pub(crate) cause: Option<Arc<Error>>,
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(cause) = &self.cause else {
            return f.write_str("the queue is full; the destination is too slow");
        };
        write!(f, "{cause}")?;
        let mut next = std::error::Error::source(&**cause);
        while let Some(source) = next {
            write!(f, ": {source}")?;
            next = source.source();
        }
        Ok(())
    }
}

/// Has every snapshot of `registry` show what became of the items.
pub(crate) fn observe(
    registry: &Registry,
    destinations: &Arc<[Destination]>,
    missed: &Arc<Missed>,
) -> Observed {
    let (destinations, missed) = (Arc::clone(destinations), Arc::clone(missed));
    registry.observe(move |out| {
        let sealed_missed = missed.sealed.load(Ordering::Relaxed);
        out.counter(&names::EXPORT_SEALED_MISSED, &[], sealed_missed);
        for destination in destinations.iter() {
            for signal in destination.signals.each() {
                let counts = destination.counts_of(signal);
                let labels = [&*destination.name, signal.name()];
                out.counter(&names::EXPORT_OFFERED, &labels, counts.offered);
                out.counter(&names::EXPORT_DELIVERED, &labels, counts.exported);
                out.counter(&names::EXPORT_FAILED, &labels, counts.failed);
                out.counter(&names::EXPORT_DROPPED, &labels, counts.dropped);
                let queued = i64::try_from(counts.queued).unwrap_or(i64::MAX);
                out.up_down_counter(&names::EXPORT_QUEUE_SIZE, &labels, queued);
            }
        }
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

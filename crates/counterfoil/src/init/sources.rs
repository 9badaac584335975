//! Where the pump finds what is to be exported.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use counterfoil_core::Event;
use counterfoil_events::{Drain, EventSink};
use counterfoil_exporter::{Batch, Signals};

use super::destination::Destination;
use crate::Observer;
use crate::trace::Pipeline;

/// Why something could not be taken from its source.
pub(crate) type Problem = Box<dyn std::error::Error + Send + Sync>;

/// Items in a batch: OpenTelemetry's default for spans and log records.
const BATCH: usize = 512;

/// Everything that telemetry is taken from, each with the place up to which it was taken.
#[derive(Debug)]
pub(crate) struct Sources {
    observer: Observer,
    pipeline: Pipeline,
    events: Drain,
    #[cfg(feature = "audit")]
    sealed: Option<counterfoil_audit::Follow>,
    metrics_every: Duration,
    metrics_at: Option<Instant>,
    missed: Arc<Missed>,
}

/// What was gone, or is yet to be taken, before any exporter was offered it.
#[derive(Debug, Default)]
pub(crate) struct Missed {
    pub(crate) events: AtomicU64,
    pub(crate) sealed: AtomicU64,
    pub(crate) sealed_behind: AtomicU64,
}

impl Sources {
    pub(crate) fn new(observer: Observer, pipeline: Pipeline, metrics_every: Duration) -> Self {
        Self {
            events: Drain::new(observer.events().clone()),
            observer,
            pipeline,
            #[cfg(feature = "audit")]
            sealed: None,
            metrics_every,
            metrics_at: None,
            missed: Arc::default(),
        }
    }

    /// Ships the sealed lines behind record `after` as well, if there is a log.
    #[cfg(feature = "audit")]
    pub(crate) fn sealed_after(mut self, after: u64) -> Self {
        self.sealed = self.observer.audit().map(|log| log.follow(after));
        self
    }

    pub(crate) const fn missed(&self) -> &Arc<Missed> {
        &self.missed
    }

    /// Offers everything that is new. Metrics only when their time has come, unless this is the last time.
    ///
    /// # Errors
    /// When sealed lines could not be read; everything else was offered.
    pub(crate) fn pass(&mut self, to: &[Destination], last: bool) -> Result<(), Problem> {
        let wanted = |signal| to.iter().any(|destination| destination.takes(signal));
        if last {
            self.pipeline.flush();
        }
        if wanted(Signals::SPANS) {
            let waiting = self.pipeline.waiting_spans();
            drain(to, Signals::SPANS, last, waiting, |most| {
                self.pipeline.drain_spans(most)
            });
        }
        if wanted(Signals::LOGS) {
            let waiting = self.pipeline.waiting_logs();
            drain(to, Signals::LOGS, last, waiting, |most| {
                self.pipeline.drain_logs(most)
            });
        }
        if wanted(Signals::EVENTS) {
            self.events(to);
        }
        if wanted(Signals::METRICS) && (last || self.metrics_are_due()) {
            self.metrics_at = Some(Instant::now());
            offer(to, &Batch::from(self.observer.snapshot()));
        }
        #[cfg(feature = "audit")]
        if wanted(Signals::SEALED) {
            self.sealed(to)?;
        }
        Ok(())
    }

    fn metrics_are_due(&self) -> bool {
        let elapsed = |at: Instant| at.elapsed() >= self.metrics_every;
        self.metrics_at.is_none_or(elapsed)
    }

    fn events(&mut self, to: &[Destination]) {
        let collected = Collected::default();
        // The sink only ever succeeds.
        let pass = self.events.pass(&collected);
        self.missed
            .events
            .fetch_add(pass.counts.missed, Ordering::Relaxed);
        let events = collected.0.into_inner();
        for events in events.unwrap_or_else(PoisonError::into_inner).chunks(BATCH) {
            let all = Batch::from(events.to_vec());
            let mut once = None;
            for destination in to.iter().filter(|it| it.takes(Signals::EVENTS)) {
                if destination.takes(Signals::LOGS) {
                    destination.offer(once.get_or_insert_with(|| without_log_records(events)));
                } else {
                    destination.offer(&all);
                }
            }
        }
    }

    /// Sealed lines are taken only when every destination has room for them: they stay where they are until then.
    #[cfg(feature = "audit")]
    fn sealed(&mut self, to: &[Destination]) -> Result<(), Problem> {
        let Some(follow) = &mut self.sealed else {
            return Ok(());
        };
        let mut read = Ok(());
        let takers = || to.iter().filter(|it| it.takes(Signals::SEALED));
        // What is sealed meanwhile is for the next pass, or this one might never end.
        let until = follow.next().saturating_add(follow.behind());
        while follow.next() < until && takers().all(|it| it.room() >= BATCH) {
            match follow.read(BATCH) {
                Ok(lines) if lines.is_empty() => break,
                Ok(lines) => offer(to, &Batch::from(lines)),
                Err(error) => {
                    read = Err(error);
                    break;
                }
            }
        }
        let missed = &self.missed;
        missed.sealed.store(follow.missed(), Ordering::Relaxed);
        missed
            .sealed_behind
            .store(follow.behind(), Ordering::Relaxed);
        read.map_err(Problem::from)
    }
}

/// The events but for warnings and errors of `tracing`: whoever takes log records has those already, with all their fields.
fn without_log_records(events: &[Event]) -> Batch {
    let is_log_record = |event: &Event| {
        let kind = event.event.kind_name();
        kind.starts_with("warn.") || kind.starts_with("error.")
    };
    let others = events.iter().filter(|event| !is_log_record(event));
    Batch::from(others.cloned().collect::<Vec<_>>())
}

/// Takes the items that are waiting from a queue in batches, until no destination has room: then the rest is safer where it is.
/// The last time there is no later, so all of them are taken. What comes in meanwhile is not, or it might never end.
fn drain<T>(
    to: &[Destination],
    signal: Signals,
    last: bool,
    mut waiting: usize,
    take: impl Fn(usize) -> Vec<T>,
) where
    Batch: From<Vec<T>>,
{
    let has_room = |it: &Destination| it.takes(signal) && it.room() >= BATCH;
    while waiting > 0 && (last || to.iter().any(has_room)) {
        let items = take(BATCH.min(waiting));
        if items.is_empty() {
            return;
        }
        waiting = waiting.saturating_sub(items.len());
        offer(to, &Batch::from(items));
    }
}

fn offer(to: &[Destination], batch: &Batch) {
    for destination in to {
        destination.offer(batch);
    }
}

/// Keeps events until the pass is over.
#[derive(Debug, Default)]
struct Collected(Mutex<Vec<Event>>);

impl EventSink for Collected {
    fn accept(&self, event: &Event) -> Result<(), counterfoil_events::Error> {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(event.clone());
        Ok(())
    }

    fn flush(&self) -> Result<(), counterfoil_events::Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use counterfoil_core::{LogRecord, Severity, Timestamp};

    use super::*;

    fn record() -> LogRecord {
        LogRecord {
            time: Timestamp::from_unix_nanos(0),
            severity: Severity::Info,
            event_name: None,
            body: String::new(),
            attributes: Vec::new(),
            dropped_attributes: 0,
            trace: None,
            request: None,
            scope: "test".into(),
        }
    }

    #[test]
    fn what_comes_in_while_a_queue_is_drained_is_left_for_the_next_time() {
        let taken = Cell::new(0);
        let never_empty = |most: usize| {
            taken.set(taken.get() + most);
            assert!(taken.get() <= 4 * BATCH, "it takes whatever comes in");
            vec![record(); most]
        };
        drain(&[], Signals::LOGS, true, 2 * BATCH + 1, never_empty);
        assert_eq!(taken.get(), 2 * BATCH + 1);
    }
}

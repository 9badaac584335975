//! A bounded queue between the caller and a slow exporter.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use crate::batch::{Batch, Signals};
use crate::error::{Error, ErrorKind};
use crate::exporter::{Exporter, contain};

const START: &str = "start the queue of an exporter";
const FLUSH: &str = "flush a queue";

/// Queues batches for a thread of its own, so that `export` returns at once, and refuses what does not fit.
///
/// The bound is on items (series, events, lines) that are queued or under way. A batch that does not fit is refused with
/// [`ErrorKind::Full`] and counted as dropped, item by item: the caller of sealed lines keeps its place and comes back. One
/// that has more items than the bound would never fit and is refused with [`ErrorKind::Rejected`]. At any time
/// `offered = exported + failed + dropped + queued`.
///
/// What was accepted and then failed is told by the next `flush`, once: [`ErrorKind::Lost`], with the first error since the
/// flush before as its source.
///
/// Dropping it lets the thread work off the queue and end without being waited for, which the end of the process may cut
/// short: call `flush`.
#[derive(Debug)]
pub struct Limit {
    signals: Signals,
    max_items: usize,
    shared: Arc<Shared>,
}

/// What became of the items given to a [`Limit`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitCounts {
    /// Given to `export`.
    pub offered: u64,
    /// Accepted by the exporter behind it. Of a batch that arrived in part, the part.
    pub exported: u64,
    /// Not delivered by the exporter behind it: refused by the destination, given up after the last attempt, or lost to a panic.
    pub failed: u64,
    /// Refused here, for want of room.
    pub dropped: u64,
    /// Waiting or under way.
    pub queued: u64,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Signalled on every change that someone may wait for.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    /// By signal, for those that came.
    counts: Vec<(Signals, LimitCounts)>,
    /// How many flushes were asked for and how many are done; they are done in order.
    flushes_asked: u64,
    flushes_done: u64,
    flush_error: Option<Error>,
    /// What failed since a flush told of it.
    lost: Option<Lost>,
    last_error: Option<Arc<Error>>,
    stop: bool,
}

#[derive(Debug)]
struct Lost {
    items: u64,
    first: Arc<Error>,
}

#[derive(Debug)]
enum Job {
    Export(Batch),
    Flush(Instant),
}

impl Limit {
    /// Starts the thread. At most `max_items` are queued or under way.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] when `max_items` is 0, [`ErrorKind::Io`] when the operating system gives no thread.
    pub fn new(inner: impl Exporter, max_items: usize) -> Result<Self, Error> {
        if max_items == 0 {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                START,
                "a queue of at most 0 items takes nothing; allow as many as your largest batch has",
            ));
        }
        let shared = Arc::new(Shared::default());
        let (signals, worker) = (inner.signals(), Arc::clone(&shared));
        let run = move || worker.work(&inner);
        let spawned = thread::Builder::new()
            .name("counterfoil-export".into())
            .spawn(run);
        spawned.map_err(|source| {
            let context = "no thread was to be had; look at the process's limits";
            Error::new(ErrorKind::Io, START, context).with_source(source)
        })?;
        Ok(Self {
            signals,
            max_items,
            shared,
        })
    }

    /// What became of everything so far.
    #[must_use]
    pub fn counts(&self) -> LimitCounts {
        self.shared.lock().total()
    }

    /// What became of the items of one signal so far.
    #[must_use]
    pub fn counts_of(&self, signal: Signals) -> LimitCounts {
        *self.shared.lock().of(signal)
    }

    /// The last error of the exporter behind it.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<Error>> {
        self.shared.lock().last_error.clone()
    }
}

impl Exporter for Limit {
    fn signals(&self) -> Signals {
        self.signals
    }

    fn export(&self, batch: Batch) -> Result<(), Error> {
        if !self.signals.contains(batch.signal()) {
            return Err(batch.unsupported(self.signals));
        }
        let items = batch.len() as u64;
        if items == 0 {
            return Ok(());
        }
        let (signal, mut state) = (batch.signal(), self.shared.lock());
        state.of(signal).offered += items;
        let (queued, max) = (state.total().queued, self.max_items as u64);
        if queued + items > max {
            state.of(signal).dropped += items;
            let (kind, context) = if items > max {
                let context = format!(
                    "it has {items} items and the queue takes at most {max}; split it, or allow more"
                );
                (ErrorKind::Rejected, context)
            } else {
                let context = format!(
                    "{items} more items do not fit beside {queued} of at most {max}; the destination is too slow"
                );
                (ErrorKind::Full, context)
            };
            return Err(Error::new(kind, "queue a batch", context));
        }
        state.of(signal).queued += items;
        state.jobs.push_back(Job::Export(batch));
        self.shared.changed.notify_all();
        Ok(())
    }

    fn flush(&self, deadline: Instant) -> Result<(), Error> {
        let mut state = self.shared.lock();
        // A flush that waits already serves this call as well, so that the queue does not grow by them.
        if let Some(Job::Flush(waiting)) = state.jobs.back_mut() {
            *waiting = deadline.max(*waiting);
        } else {
            state.jobs.push_back(Job::Flush(deadline));
            state.flushes_asked += 1;
        }
        let mine = state.flushes_asked;
        self.shared.changed.notify_all();
        while state.flushes_done < mine {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let context = format!(
                    "{} items are still queued; the destination is too slow",
                    state.total().queued
                );
                return Err(Error::new(ErrorKind::Timeout, FLUSH, context));
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let lost = state.lost.take().map(Lost::into_error);
        lost.or(state.flush_error.take()).map_or(Ok(()), Err)
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, inner: &dyn Exporter) {
        while let Some(job) = self.next() {
            match job {
                Job::Export(batch) => {
                    let (signal, items) = (batch.signal(), batch.len() as u64);
                    let result = contain("export a queued batch", || inner.export(batch));
                    self.lock().exported(signal, items, result);
                }
                Job::Flush(deadline) => {
                    let result = contain(FLUSH, || inner.flush(deadline));
                    let mut state = self.lock();
                    state.flushes_done += 1;
                    state.flush_error = result.err();
                }
            }
            self.changed.notify_all();
        }
    }

    /// Waits for a job; `None` when there will be none any more.
    fn next(&self) -> Option<Job> {
        let idle = |state: &mut State| state.jobs.is_empty() && !state.stop;
        let waited = self.changed.wait_while(self.lock(), idle);
        waited
            .unwrap_or_else(PoisonError::into_inner)
            .jobs
            .pop_front()
    }
}

impl State {
    fn of(&mut self, signal: Signals) -> &mut LimitCounts {
        let known = self.counts.iter().position(|(it, _)| *it == signal);
        let at = known.unwrap_or_else(|| {
            self.counts.push((signal, LimitCounts::default()));
            self.counts.len() - 1
        });
        &mut self.counts[at].1
    }

    fn total(&self) -> LimitCounts {
        let mut total = LimitCounts::default();
        for (_, counts) in &self.counts {
            total.offered += counts.offered;
            total.exported += counts.exported;
            total.failed += counts.failed;
            total.dropped += counts.dropped;
            total.queued += counts.queued;
        }
        total
    }

    fn exported(&mut self, signal: Signals, items: u64, result: Result<(), Error>) {
        let counts = self.of(signal);
        counts.queued -= items;
        match result {
            Ok(()) => counts.exported += items,
            Err(error) => {
                let (failed, error) = (error.undelivered(items), Arc::new(error));
                counts.failed += failed;
                counts.exported += items - failed;
                self.lost
                    .get_or_insert_with(|| Lost {
                        items: 0,
                        first: Arc::clone(&error),
                    })
                    .items += failed;
                self.last_error = Some(error);
            }
        }
    }
}

impl Lost {
    fn into_error(self) -> Error {
        let context = format!(
            "{} items that were accepted did not arrive; see what the first error says",
            self.items
        );
        Error::new(ErrorKind::Lost, FLUSH, context).with_source(self.first)
    }
}

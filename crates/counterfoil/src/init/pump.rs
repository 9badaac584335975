//! The thread that takes what is new from its sources to the exporters.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::{Duration, Instant};
use std::{io, thread};

use counterfoil_health::Health;
use tracing::Dispatch;

use super::destination::Destination;
use super::sources::Sources;

/// How often spans, log records, events and sealed lines are taken.
const INTERVAL: Duration = Duration::from_secs(1);

/// A handle on the thread, which ends with the last handle or with [`finish`](Self::finish).
#[derive(Clone, Debug)]
pub(crate) struct Pump {
    orders: Sender<Order>,
}

/// Take everything that is new and wait until it has been tried.
#[derive(Debug)]
struct Order {
    deadline: Instant,
    /// Whether the thread ends then.
    last: bool,
    /// Told whether everything was tried in time.
    done: SyncSender<bool>,
}

/// Who is told when something goes wrong.
#[derive(Debug)]
pub(crate) struct Ears {
    pub(crate) health: Health,
    pub(crate) dispatch: Dispatch,
}

impl Ears {
    /// Logs. The subscriber is made this thread's own for that moment only, because one that is slows down all of the process.
    fn tell(&self, log: impl FnOnce()) {
        let logged = || tracing::dispatcher::with_default(&self.dispatch, log);
        let _contained = catch_unwind(AssertUnwindSafe(logged));
    }
}

impl Pump {
    pub(crate) fn start(sources: Sources, to: Arc<[Destination]>, ears: Ears) -> io::Result<Self> {
        let (orders, received) = mpsc::channel();
        thread::Builder::new()
            .name("counterfoil-pump".into())
            .spawn(move || run(sources, &to, &ears, &received))?;
        Ok(Self { orders })
    }

    /// Has everything that was recorded before this call sent, and waits for that until `deadline`; whether it was done.
    pub(crate) fn flush(&self, deadline: Instant) -> bool {
        self.order(deadline, false)
    }

    /// The same for the last time: nothing is exported afterwards.
    pub(crate) fn finish(&self, deadline: Instant) -> bool {
        self.order(deadline, true)
    }

    fn order(&self, deadline: Instant, last: bool) -> bool {
        let (done, finished) = mpsc::sync_channel(1);
        let order = Order {
            deadline,
            last,
            done,
        };
        let left = || deadline.saturating_duration_since(Instant::now());
        self.orders.send(order).is_ok() && finished.recv_timeout(left()).unwrap_or(false)
    }
}

fn run(mut sources: Sources, to: &[Destination], ears: &Ears, orders: &Receiver<Order>) {
    loop {
        match orders.recv_timeout(INTERVAL) {
            Err(RecvTimeoutError::Timeout) => {
                pass(&mut sources, to, ears, false);
                tell(to, ears);
            }
            Err(RecvTimeoutError::Disconnected) => return,
            Ok(order) => {
                pass(&mut sources, to, ears, order.last);
                let finished = flush(to, order.deadline);
                // Nobody listens when it took too long.
                let _nobody_waits = order.done.send(finished);
                if order.last {
                    return;
                }
            }
        }
    }
}

/// A panic in what is read must not end the export of everything else.
fn pass(sources: &mut Sources, to: &[Destination], ears: &Ears, last: bool) {
    let passed = catch_unwind(AssertUnwindSafe(|| sources.pass(to, last)));
    if let Ok(Err(error)) = passed {
        ears.tell(
            || tracing::warn!(%error, "sealed lines cannot be read for export; trying again"),
        );
    }
}

/// All destinations at once, so that one that hangs does not use up the time of the others; whether all were flushed in time.
fn flush(to: &[Destination], deadline: Instant) -> bool {
    let finished = AtomicBool::new(true);
    thread::scope(|scope| {
        for destination in to {
            let flush = || {
                if !destination.flush(deadline) {
                    finished.store(false, Ordering::Relaxed);
                }
            };
            let flushing = thread::Builder::new().name("counterfoil-flush".into());
            if flushing.spawn_scoped(scope, flush).is_err() {
                // No thread is to be had: one after the other, then.
                flush();
            }
        }
    });
    finished.load(Ordering::Relaxed)
}

/// Says in the log and on the status page that something was lost.
fn tell(to: &[Destination], ears: &Ears) {
    let now = Instant::now();
    for destination in to {
        if let Some(notice) = destination.notice(now) {
            let (exporter, lost) = (destination.name(), notice.lost);
            ears.health
                .record_error(exporter, format!("{lost} items were lost: {notice}"));
            ears.tell(|| tracing::warn!(exporter, lost, cause = %notice, "telemetry was lost"));
        }
    }
}

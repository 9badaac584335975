//! The thread that calls the checks.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::health::Shared;
use crate::slot::{Ended, Slot};

/// How long a thread of the blocking pool is kept for the next call.
const IDLE: Duration = Duration::from_secs(30);

/// Starts the thread. It ends when the sender of `slots` is gone; calls that are under way then are left alone.
pub(crate) fn start(
    shared: Arc<Shared>,
    slots: mpsc::Receiver<Arc<Slot>>,
    most: usize,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .thread_name("counterfoil-health")
        // Each check blocks one thread at most, so none waits for a thread that a hanging one keeps.
        .max_blocking_threads(most)
        .thread_keep_alive(IDLE)
        .enable_all()
        .build()?;
    thread::Builder::new()
        .name("counterfoil-health".into())
        .spawn(move || {
            runtime.block_on(drive(shared, slots));
            runtime.shutdown_background();
        })
        .map(drop)
}

/// Calls every check that comes in, each again and again, until no more can come.
pub(crate) async fn drive(shared: Arc<Shared>, mut slots: mpsc::Receiver<Arc<Slot>>) {
    let mut running = Vec::new();
    while let Some(slot) = slots.recv().await {
        let shared = Arc::clone(&shared);
        running.push(Running(tokio::spawn(keep_calling(shared, slot))));
    }
}

async fn keep_calling(shared: Arc<Shared>, slot: Arc<Slot>) {
    loop {
        slot.begin(shared.clock.ticks());
        let ended = call(&slot).await;
        let failure = slot.finish(ended, shared.clock.ticks(), shared.redact());
        if let Some(message) = failure {
            let source = Arc::clone(&slot.registration.name);
            shared.recent.push(shared.clock.utc(), source, message);
        }
        sleep(slot.registration.interval).await;
    }
}

/// One call, in a task of its own that a panic ends and a deadline cancels.
async fn call(slot: &Slot) -> Ended {
    let check = Arc::clone(&slot.registration.check);
    let mut task = Running(tokio::spawn(async move { check.check().await }));
    match timeout(slot.registration.deadline, &mut task.0).await {
        Ok(Ok(outcome)) => Ended::Answered(outcome),
        Ok(Err(error)) => Ended::Panicked(match error.try_into_panic() {
            Ok(panic) => text_of(&*panic),
            Err(_cancelled) => "its task was cancelled".into(),
        }),
        Err(_elapsed) => Ended::TimedOut,
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let literal = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    literal
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a text".into())
}

/// A task that is cancelled when nobody waits for it any more.
struct Running<T>(JoinHandle<T>);

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

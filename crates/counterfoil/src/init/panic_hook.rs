//! What happens when a thread panics.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::{Duration, Instant};
use std::{io, thread};

use counterfoil_core::{Context, Current, names};
use counterfoil_metrics::{Observed, Registry};

use super::PanicHook;
use super::pump::Pump;

/// How long a thread that panics waits until its panic is logged and everything is flushed.
const PATIENCE: Duration = Duration::from_secs(1);
/// Flushes because of panics are at least so far apart: panics that somebody catches may come in any number.
const BETWEEN_FLUSHES: Duration = Duration::from_secs(1);
/// Panics that wait to be logged; further ones are only counted.
const WAITING: usize = 64;

thread_local! {
    static IS_REPORTER: Cell<bool> = const { Cell::new(false) };
}

/// A panic, as far as it can be passed to another thread.
struct Seen {
    message: String,
    location: String,
    thread: String,
    context: Option<Arc<Context>>,
    span: tracing::Span,
    flush: bool,
    done: SyncSender<()>,
}

/// Installs the hook; the guard keeps its count in `registry`.
///
/// The panic is logged on a thread of its own: the one that panics may hold whatever lock the logging needs, or be the
/// logging itself.
pub(crate) fn install(registry: &Registry, pump: Pump, wanted: PanicHook) -> io::Result<Observed> {
    let (reports, received) = mpsc::sync_channel(WAITING);
    thread::Builder::new()
        .name("counterfoil-panic".into())
        .spawn(move || log_all(&received, &pump))?;
    let seen = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&seen);
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        counted.fetch_add(1, Ordering::Relaxed);
        // First, because the hook before may end the process.
        report(&reports, info);
        if wanted == PanicHook::Chain {
            before(info);
        }
    }));
    Ok(registry.observe(move |out| {
        out.counter(&names::PANIC_SEEN, &[], seen.load(Ordering::Relaxed));
    }))
}

fn report(reports: &SyncSender<Seen>, info: &PanicHookInfo<'_>) {
    if IS_REPORTER.try_with(Cell::get).unwrap_or(true) {
        return;
    }
    let thread = thread::current();
    let name = thread.name().unwrap_or("unnamed");
    let ours = name.starts_with("counterfoil-");
    let (done, logged) = mpsc::sync_channel(1);
    let seen = Seen {
        message: info.payload_as_str().unwrap_or("no text").to_owned(),
        location: info.location().map(ToString::to_string).unwrap_or_default(),
        thread: name.to_owned(),
        context: Current::get(),
        span: tracing::Span::current(),
        // A thread of ours that waited for a flush might wait for itself.
        flush: !ours,
        done,
    };
    if reports.try_send(seen).is_ok() {
        // Whether it was in time or not, the thread goes on.
        let _in_time = logged.recv_timeout(PATIENCE);
    }
}

fn log_all(received: &Receiver<Seen>, pump: &Pump) {
    IS_REPORTER.with(|reporter| reporter.set(true));
    let mut flushed: Option<Instant> = None;
    while let Ok(seen) = received.recv() {
        // A subscriber that panics has to be survived, and its own panic is not logged.
        let _contained = catch_unwind(AssertUnwindSafe(|| log(&seen)));
        let due = flushed.is_none_or(|at| at.elapsed() >= BETWEEN_FLUSHES);
        if seen.flush && due {
            pump.flush(Instant::now() + PATIENCE);
            flushed = Some(Instant::now());
        }
        // Nobody listens when it took too long.
        let _nobody_waits = seen.done.send(());
    }
}

fn log(seen: &Seen) {
    let _context = seen.context.clone().map(Current::enter);
    let _span = seen.span.enter();
    tracing::error!(
        target: "panic",
        thread = seen.thread,
        location = seen.location,
        "panicked: {}",
        seen.message
    );
}

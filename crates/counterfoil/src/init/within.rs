//! Work that is not waited for any longer than there is time.

use std::sync::mpsc;
use std::thread;
use std::time::Instant;

/// Runs `work` on a thread of its own and waits for it until `deadline`. `None` when it takes longer (the thread goes on by
/// itself), panics, or when there is no thread to be had.
pub(crate) fn within<T: Send + 'static>(
    deadline: Instant,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, finished) = mpsc::sync_channel(1);
    let run = move || {
        // Nobody listens when it took too long.
        let _nobody_waits = done.send(work());
    };
    thread::Builder::new()
        .name("counterfoil-stop".into())
        .spawn(run)
        .ok()?;
    finished
        .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        .ok()
}

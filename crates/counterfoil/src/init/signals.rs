//! SIGTERM and SIGINT.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use super::Draining;

/// Has the first SIGTERM or SIGINT begin the drain, and the next one end the process at once with status 128 + signal.
#[derive(Debug)]
pub(crate) struct Signals {
    /// Whether the next signal ends the process.
    asked: Arc<AtomicBool>,
}

impl Signals {
    pub(crate) fn watch(draining: Draining) -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        let (mut arrived, write) = UnixStream::pair()?;
        thread::Builder::new()
            .name("counterfoil-signals".into())
            .spawn(move || {
                // The other end is open as long as the process lives.
                if arrived.read_exact(&mut [0]).is_ok() {
                    draining.begin();
                }
            })?;
        for signal in [SIGTERM, SIGINT] {
            // In this order: the shutdown looks at the flag before the signal sets it.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&asked))?;
            flag::register(signal, Arc::clone(&asked))?;
            low_level::pipe::register(signal, write.try_clone()?)?;
        }
        Ok(Self { asked })
    }

    /// Nobody waits for a drain any more: the next signal, even if it is the first, ends the process at once.
    pub(crate) fn end_at_next(&self) {
        self.asked.store(true, Ordering::Release);
    }
}

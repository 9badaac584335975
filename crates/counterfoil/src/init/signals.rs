//! SIGTERM and SIGINT.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use super::Draining;

/// For how long a signal counts as the first one's echo: who runs a program through another one (`timeout`, a shell in a terminal)
/// often has a signal delivered to it twice.
const ECHO: Duration = Duration::from_millis(500);

/// Has the first SIGTERM or SIGINT begin the drain, and one after [`ECHO`] end the process at once with status 128 + signal.
#[derive(Debug)]
pub(crate) struct Signals {
    /// Whether the next signal ends the process.
    asked: Arc<AtomicBool>,
}

impl Signals {
    pub(crate) fn watch(draining: Draining) -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&asked);
        let (mut arrived, write) = UnixStream::pair()?;
        thread::Builder::new()
            .name("counterfoil-signals".into())
            .spawn(move || {
                // The other end is open as long as the process lives.
                if arrived.read_exact(&mut [0]).is_ok() {
                    draining.begin();
                    thread::sleep(ECHO);
                    ends.store(true, Ordering::Release);
                }
            })?;
        for signal in [SIGTERM, SIGINT] {
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&asked))?;
            low_level::pipe::register(signal, write.try_clone()?)?;
        }
        Ok(Self { asked })
    }

    /// Nobody waits for a drain any more: the next signal, even if it is the first, ends the process at once.
    pub(crate) fn end_at_next(&self) {
        self.asked.store(true, Ordering::Release);
    }
}

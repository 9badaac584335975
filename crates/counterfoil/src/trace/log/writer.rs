//! Where log lines go, without ever holding up whoever logs for long.

mod output;

use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use counterfoil_core::json::LineWriter;

use self::output::Output;

/// Writes whole lines, one call of the output each, and counts what the output did not take.
///
/// The line is written by the thread that logs, under a mutex: when the call returns it is with the operating system, and
/// survives whatever becomes of the process. Should the output take nothing (a pipe whose reader has stopped, a terminal that
/// was paused) the caller waits for it as long as [`patience`](Self::patience) says, 100 ms unless told. From then on no caller
/// waits at all, and lines are lost and counted, until the output takes one again; that line is preceded by one which says how
/// many are lost. A line that was begun and not finished is ended before the next, so at most one line is damaged.
///
/// A line of up to 4 096 bytes is not mixed with those that other processes write to the same pipe; longer ones may be.
pub struct LogWriter {
    out: Mutex<State>,
    terminal: bool,
    patience: Duration,
    written: AtomicU64,
    lost: AtomicU64,
}

struct State {
    out: LineWriter<Output>,
    /// Whether the last write failed for want of a reader: the next must not wait.
    stuck: bool,
    /// How many lines are lost of which no line tells yet.
    untold: u64,
    notice: String,
}

/// What became of the lines that were offered: `offered = written + lost`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineCounts {
    /// How many lines the output took.
    pub written: u64,
    /// How many it did not take, or not whole.
    pub lost: u64,
}

impl LogWriter {
    /// Writes to the process's standard output. What the program prints itself should end its lines, or they run into ours.
    #[must_use]
    pub fn stdout() -> Self {
        Self::of(Output::stdout())
    }

    /// Writes to the process's standard error.
    #[must_use]
    pub fn stderr() -> Self {
        Self::of(Output::stderr())
    }

    /// Writes to a file, a pipe or a socket.
    #[cfg(unix)]
    #[must_use]
    pub fn descriptor(descriptor: impl Into<std::os::fd::OwnedFd>) -> Self {
        Self::of(Output::descriptor(descriptor.into()))
    }

    /// Writes to anything else. Whether that keeps callers waiting is its own affair: only for descriptors can it be known
    /// beforehand that a write will return.
    #[must_use]
    pub fn new(out: impl Write + Send + 'static) -> Self {
        Self::of(Output::other(Box::new(out)))
    }

    fn of(out: Output) -> Self {
        Self {
            terminal: out.is_terminal(),
            out: Mutex::new(State {
                out: LineWriter::new(out),
                stuck: false,
                untold: 0,
                notice: String::new(),
            }),
            patience: Duration::from_millis(100),
            written: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    /// How long a line may wait for an output that takes nothing, before it is lost.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// What was written and what was lost.
    #[must_use]
    pub fn counts(&self) -> LineCounts {
        LineCounts {
            written: self.written.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
        }
    }

    pub(super) const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Writes `line`, which ends with a line feed. `notice` appends the line that tells of lost ones.
    pub(super) fn write(&self, line: &str, notice: impl FnOnce(u64, &mut String)) {
        let mut state = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if state.write(line, self.patience, notice).is_ok() {
            self.written.fetch_add(1, Ordering::Relaxed);
        } else {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl State {
    fn write(
        &mut self,
        line: &str,
        patience: Duration,
        notice: impl FnOnce(u64, &mut String),
    ) -> io::Result<()> {
        let patience = if self.stuck { Duration::ZERO } else { patience };
        self.out.get_mut().wait_at_most(patience);
        if self.untold > 0 {
            self.notice.clear();
            notice(self.untold, &mut self.notice);
            let told = self.out.write(self.notice.as_bytes());
            self.took(told)?;
            self.untold = 0;
        }
        let written = self.out.write(line.as_bytes());
        self.took(written)
    }

    fn took(&mut self, written: io::Result<()>) -> io::Result<()> {
        match &written {
            Ok(()) => self.stuck = false,
            Err(error) => {
                self.stuck = error.kind() == io::ErrorKind::TimedOut;
                self.untold += 1;
            }
        }
        written
    }
}

impl fmt::Debug for LogWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogWriter")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

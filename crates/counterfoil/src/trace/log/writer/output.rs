//! What takes the bytes of log lines.

use std::io::{self, IsTerminal, Write};
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// An output of which a write returns in time, as far as that can be known.
pub(super) struct Output {
    to: To,
    /// Whether a write can keep its caller waiting for a reader: no regular file does.
    may_wait: bool,
    patience: Duration,
    /// Until when writes of the current line may wait; set with the first that has to.
    deadline: Option<Instant>,
}

enum To {
    Stdout,
    Stderr,
    #[cfg(unix)]
    Descriptor(OwnedFd),
    Other(Box<dyn Write + Send>),
}

impl Output {
    pub(super) fn stdout() -> Self {
        Self::of(To::Stdout)
    }

    pub(super) fn stderr() -> Self {
        Self::of(To::Stderr)
    }

    #[cfg(unix)]
    pub(super) fn descriptor(descriptor: OwnedFd) -> Self {
        Self::of(To::Descriptor(descriptor))
    }

    pub(super) fn other(out: Box<dyn Write + Send>) -> Self {
        Self::of(To::Other(out))
    }

    fn of(to: To) -> Self {
        Self {
            may_wait: to.may_wait(),
            to,
            patience: Duration::ZERO,
            deadline: None,
        }
    }

    pub(super) fn is_terminal(&self) -> bool {
        match &self.to {
            To::Stdout => io::stdout().is_terminal(),
            To::Stderr => io::stderr().is_terminal(),
            #[cfg(unix)]
            To::Descriptor(descriptor) => descriptor.is_terminal(),
            To::Other(_) => false,
        }
    }

    /// From now on writes wait no longer than this, all together.
    pub(super) const fn wait_at_most(&mut self, patience: Duration) {
        self.patience = patience;
        self.deadline = None;
    }
}

#[cfg(unix)]
mod unix {
    use super::{AsFd, BorrowedFd, Duration, Instant, Output, To, Write, io};
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    /// What a pipe takes at once without waiting, when it is said to be ready.
    const READY: usize = 4_096;

    impl To {
        pub(super) fn may_wait(&self) -> bool {
            self.with_descriptor(|descriptor| {
                let regular = rustix::fs::fstat(descriptor)
                    .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file());
                !regular
            })
            .unwrap_or(false)
        }

        fn with_descriptor<T>(&self, f: impl FnOnce(BorrowedFd<'_>) -> T) -> Option<T> {
            match self {
                Self::Stdout => Some(f(io::stdout().as_fd())),
                Self::Stderr => Some(f(io::stderr().as_fd())),
                Self::Descriptor(descriptor) => Some(f(descriptor.as_fd())),
                Self::Other(_) => None,
            }
        }
    }

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let To::Other(out) = &mut self.to {
                return out.write(bytes);
            }
            if !self.may_wait {
                return self.write_now(bytes);
            }
            loop {
                self.wait()?;
                match self.write_now(&bytes[..bytes.len().min(READY)]) {
                    // It was said to be ready, and somebody else filled it first.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    written => return written,
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            match &mut self.to {
                To::Other(out) => out.flush(),
                _ => Ok(()),
            }
        }
    }

    impl Output {
        fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
            let written = self.to.with_descriptor(|to| rustix::io::write(to, bytes));
            written.unwrap_or(Ok(0)).map_err(io::Error::from)
        }

        /// Waits until the output takes something, or the patience is used up.
        fn wait(&mut self) -> io::Result<()> {
            loop {
                let left = match self.deadline {
                    None => self.patience,
                    Some(deadline) => deadline.saturating_duration_since(Instant::now()),
                };
                match self.poll(left) {
                    Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                    // A descriptor that cannot be asked (macOS has such terminals) is written to unasked.
                    Ok(_) | Err(rustix::io::Errno::INVAL) => {
                        self.deadline.get_or_insert_with(|| Instant::now() + left);
                        return Ok(());
                    }
                    Err(rustix::io::Errno::INTR) => {
                        self.deadline.get_or_insert_with(|| Instant::now() + left);
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }

        fn poll(&self, timeout: Duration) -> Result<usize, rustix::io::Errno> {
            let timeout = Timespec {
                tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: timeout.subsec_nanos().into(),
            };
            let ready = self.to.with_descriptor(|to| {
                poll(
                    &mut [PollFd::from_borrowed_fd(to, PollFlags::OUT)],
                    Some(&timeout),
                )
            });
            ready.unwrap_or(Ok(1))
        }
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use super::{Output, To, Write, io};

    impl To {
        pub(super) const fn may_wait(&self) -> bool {
            false
        }
    }

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match &mut self.to {
                To::Stdout => io::stdout().write(bytes),
                To::Stderr => io::stderr().write(bytes),
                To::Other(out) => out.write(bytes),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            match &mut self.to {
                To::Stdout => io::stdout().flush(),
                To::Stderr => io::stderr().flush(),
                To::Other(out) => out.flush(),
            }
        }
    }
}

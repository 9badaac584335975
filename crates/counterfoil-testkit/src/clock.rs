//! A clock that goes where the test says.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use counterfoil_core::{Clock, Ticks, Timestamp};

/// A [`Clock`] that stands still until it is told otherwise. Share it as `Arc<FakeClock>`.
///
/// ```
/// use std::time::Duration;
/// use counterfoil_core::{Clock, Ticks};
/// use counterfoil_testkit::FakeClock;
///
/// let clock = FakeClock::new();
/// clock.step(Duration::from_secs(2));
/// assert_eq!(clock.ticks(), Ticks(2_000_000_000));
/// assert_eq!(&clock.utc().to_text(), b"2026-01-01T00:00:02.000000000Z");
/// ```
#[derive(Debug)]
pub struct FakeClock {
    ticks: AtomicU64,
    utc: AtomicU64,
}

impl FakeClock {
    /// Where [`utc`](Clock::utc) starts: 2026-01-01T00:00:00Z, in seconds since 1970.
    const START: u64 = 1_767_225_600;

    /// Ticks at zero, and the wall clock at the beginning of 2026.
    #[must_use]
    pub fn new() -> Self {
        Self::at(Ticks(0), Timestamp::from_unix_seconds(Self::START))
    }

    /// A clock with these two readings.
    #[must_use]
    pub const fn at(ticks: Ticks, utc: Timestamp) -> Self {
        Self {
            ticks: AtomicU64::new(ticks.0),
            utc: AtomicU64::new(utc.unix_nanos()),
        }
    }

    /// Moves both readings forward, as time does. They stop at the largest value that they can show.
    pub fn step(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        for reading in [&self.ticks, &self.utc] {
            reading.update(Ordering::SeqCst, Ordering::SeqCst, |now| {
                now.saturating_add(nanos)
            });
        }
    }

    /// Sets the monotonic reading. A test that sets it back breaks the contract of [`Clock`] on purpose.
    pub fn set_ticks(&self, ticks: Ticks) {
        self.ticks.store(ticks.0, Ordering::SeqCst);
    }

    /// Sets the wall clock, in either direction, as an administrator or a time service does.
    pub fn set_utc(&self, utc: Timestamp) {
        self.utc.store(utc.unix_nanos(), Ordering::SeqCst);
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for FakeClock {
    fn ticks(&self) -> Ticks {
        Ticks(self.ticks.load(Ordering::SeqCst))
    }

    fn utc(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.utc.load(Ordering::SeqCst))
    }
}

//! Time that passes when the simulation says so.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use counterfoil::{Clock, Ticks, Timestamp};

/// A clock that stands still until it is moved. It begins with the year 2026.
#[derive(Debug, Default)]
pub(crate) struct VirtualClock(AtomicU64);

impl VirtualClock {
    const START: u64 = 1_767_225_600_000_000_000;

    pub(crate) fn step(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(nanos, Ordering::SeqCst);
    }
}

impl Clock for VirtualClock {
    fn ticks(&self) -> Ticks {
        Ticks(self.0.load(Ordering::SeqCst))
    }

    fn utc(&self) -> Timestamp {
        Timestamp::from_unix_nanos(Self::START.saturating_add(self.ticks().0))
    }
}

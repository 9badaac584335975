//! Time that passes when the simulation says so.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use counterfoil::{Clock, Ticks, Timestamp};

/// A clock that stands still until it is moved. All three layers read it, so their times agree to the nanosecond.
#[derive(Debug, Default)]
pub struct VirtualClock {
    nanos: AtomicU64,
}

impl VirtualClock {
    /// When it begins, in seconds since 1970.
    const START: u64 = 1_700_000_000;

    /// A clock at its beginning, 2023-11-14T22:13:20Z.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves it to this long after its beginning. It never goes back.
    pub fn advance_to(&self, since_start: Duration) {
        let nanos = u64::try_from(since_start.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_max(nanos, Ordering::SeqCst);
    }

    /// The time of day at this long after the beginning.
    #[must_use]
    pub fn at(since_start: Duration) -> Timestamp {
        let start = Timestamp::from_unix_seconds(Self::START).unix_nanos();
        let nanos = u64::try_from(since_start.as_nanos()).unwrap_or(u64::MAX);
        Timestamp::from_unix_nanos(start.saturating_add(nanos))
    }
}

impl Clock for VirtualClock {
    fn ticks(&self) -> Ticks {
        Ticks(self.nanos.load(Ordering::SeqCst))
    }

    fn utc(&self) -> Timestamp {
        Self::at(Duration::from_nanos(self.ticks().0))
    }
}

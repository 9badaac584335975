//! Time, injected.

use std::fmt::Debug;
use std::sync::{Arc, LazyLock};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::Timestamp;

/// Nanoseconds on a clock that never runs backwards, counted from an origin of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticks(
    /// Nanoseconds since the clock's origin.
    pub u64,
);

/// Where an engine takes its time from.
///
/// # Contract
/// - `ticks` is cheap (it is read once per event), wait-free and never decreases on one thread; between threads it agrees as
///   far as the machine's counter does.
/// - `utc` is the host's wall clock. It may step in either direction; engines read it rarely and note the step.
/// - Both may be called from any thread at any time, and neither blocks nor fails.
///
/// Tests take `FakeClock` from `counterfoil-testkit`.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The monotonic reading that events are stamped with.
    fn ticks(&self) -> Ticks;

    /// The wall clock.
    fn utc(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn ticks(&self) -> Ticks {
        (**self).ticks()
    }

    fn utc(&self) -> Timestamp {
        (**self).utc()
    }
}

impl<C: Clock + ?Sized> Clock for Box<C> {
    fn ticks(&self) -> Ticks {
        (**self).ticks()
    }

    fn utc(&self) -> Timestamp {
        (**self).utc()
    }
}

/// The machine's clocks: the processor's time-stamp counter where it is invariant (through `quanta`), the system's
/// monotonic clock elsewhere, and the system's wall clock.
///
/// Every `SystemClock` of a process counts from the same origin, so stamps of one mean the same to another.
#[derive(Clone, Debug)]
pub struct SystemClock {
    counter: quanta::Clock,
    origin: u64,
}

static SYSTEM: LazyLock<SystemClock> = LazyLock::new(|| {
    let counter = quanta::Clock::new();
    let origin = counter.raw();
    SystemClock { counter, origin }
});

impl SystemClock {
    /// The process's clock. The first call in a process calibrates the counter, which takes some milliseconds.
    #[must_use]
    pub fn new() -> Self {
        SYSTEM.clone()
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[inline]
    fn ticks(&self) -> Ticks {
        Ticks(self.counter.delta_as_nanos(self.origin, self.counter.raw()))
    }

    fn utc(&self) -> Timestamp {
        let nanos = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos());
        Timestamp::from_unix_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// Translates stamps into wall-clock time.
///
/// Events are stamped with [`Ticks`] because the wall clock is three times as dear and may step. Whoever drains them takes
/// one reading of both clocks and translates the stamps with it, so the times that a drain reports are consistent with each
/// other and follow the wall clock from drain to drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeline {
    ticks: Ticks,
    utc: Timestamp,
}

impl Timeline {
    /// Reads both clocks.
    #[must_use]
    pub fn read(clock: &dyn Clock) -> Self {
        Self {
            ticks: clock.ticks(),
            utc: clock.utc(),
        }
    }

    /// The wall-clock time at which `ticks` was read, as seen from this reading.
    #[must_use]
    pub const fn at(&self, ticks: Ticks) -> Timestamp {
        let nanos = self.utc.unix_nanos();
        Timestamp::from_unix_nanos(if ticks.0 >= self.ticks.0 {
            nanos.saturating_add(ticks.0 - self.ticks.0)
        } else {
            nanos.saturating_sub(self.ticks.0 - ticks.0)
        })
    }

    /// The monotonic half of the reading.
    #[must_use]
    pub const fn ticks(&self) -> Ticks {
        self.ticks
    }

    /// The wall-clock half of the reading.
    #[must_use]
    pub const fn utc(&self) -> Timestamp {
        self.utc
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_clocks_count_from_one_origin() {
        let (first, second) = (SystemClock::new(), SystemClock::new());
        let (before, between, after) = (first.ticks(), second.ticks(), first.ticks());
        assert!(before <= between && between <= after);
    }

    #[test]
    fn a_timeline_translates_stamps_from_before_and_after_its_reading() {
        let line = Timeline {
            ticks: Ticks(1_000),
            utc: Timestamp::from_unix_nanos(50_000),
        };
        assert_eq!(line.at(Ticks(400)), Timestamp::from_unix_nanos(49_400));
        assert_eq!(line.at(Ticks(1_600)), Timestamp::from_unix_nanos(50_600));
        assert_eq!(line.at(Ticks(0)), Timestamp::from_unix_nanos(49_000));
    }
}

//! Whether there is room on the disk.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use counterfoil::Clock;

/// Free space is looked at once in so many nanoseconds.
const LOOK_EVERY: u64 = 500_000_000;

type Free = dyn Fn() -> io::Result<u64> + Send + Sync;

/// Watches the free space, so that records are refused before the disk is full and something is left for what has to be written then.
pub(crate) struct Space {
    free: Box<Free>,
    /// Below this nothing is taken.
    reserve: u64,
    looked_at: AtomicU64,
    low: AtomicBool,
    /// The last attempt to store failed, and how.
    full: AtomicBool,
    broken: AtomicBool,
}

impl Space {
    pub(crate) fn new(free: Box<Free>, reserve: u64) -> Self {
        Self {
            free,
            reserve,
            looked_at: AtomicU64::new(0),
            low: AtomicBool::new(false),
            full: AtomicBool::new(false),
            broken: AtomicBool::new(false),
        }
    }

    /// Whether there is less room than the reserve. That it cannot be asked is no reason to refuse: writing will tell.
    pub(crate) fn is_low(&self, clock: &dyn Clock) -> bool {
        let now = clock.ticks().0;
        let last = self.looked_at.load(Relaxed);
        let due = last == 0 || now.saturating_sub(last) >= LOOK_EVERY;
        if due
            && self
                .looked_at
                .compare_exchange(last, now.max(1), Relaxed, Relaxed)
                .is_ok()
        {
            let low = (self.free)().is_ok_and(|free| free < self.reserve);
            self.low.store(low, Relaxed);
        }
        self.low.load(Relaxed)
    }

    pub(crate) fn failed(&self, full: bool) {
        self.full.store(full, Relaxed);
        self.broken.store(!full, Relaxed);
    }

    /// Records became durable.
    pub(crate) fn succeeded(&self) {
        // Written only when it changes: every sync comes by here.
        for flag in [&self.full, &self.broken] {
            if flag.load(Relaxed) {
                flag.store(false, Relaxed);
            }
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Relaxed)
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Relaxed)
    }
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Space")
            .field("reserve", &self.reserve)
            .finish_non_exhaustive()
    }
}

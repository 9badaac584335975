//! Who waits for which mark of which lane.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// How far an entry has to be for a ticket to resolve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// In the file: survives the process.
    Written,
    /// Synced: survives the machine.
    Durable,
}

/// When `patience` ends; of one that no clock can hold, the end of a year.
pub(crate) fn after(patience: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    Instant::now() + patience.min(YEAR)
}

/// The wakers of everyone who waits, one list for each stage.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    written: Mutex<Slots>,
    durable: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
}

#[derive(Debug)]
struct Slot {
    lane: usize,
    n: u64,
    waker: Waker,
}

impl Waiters {
    /// Registers, or renews the registration `key`. The caller looks at the marks again afterwards: a mark that moved in
    /// between woke nobody.
    pub(crate) fn register(
        &self,
        stage: Stage,
        key: &mut Option<usize>,
        lane: usize,
        n: u64,
        waker: &Waker,
    ) {
        let mut list = self.list(stage);
        let slot = Slot {
            lane,
            n,
            waker: waker.clone(),
        };
        let index = key.or_else(|| list.free.pop()).unwrap_or_else(|| {
            list.slots.push(None);
            list.slots.len() - 1
        });
        list.slots[index] = Some(slot);
        *key = Some(index);
    }

    /// Ends a registration.
    pub(crate) fn forget(&self, stage: Stage, key: usize) {
        let mut list = self.list(stage);
        list.slots[key] = None;
        list.free.push(key);
    }

    /// How many wait for a stage.
    pub(crate) fn waiting(&self, stage: Stage) -> usize {
        let list = self.list(stage);
        list.slots.len() - list.free.len()
    }

    /// Wakes those whose entry `has` what it waits for; they stay registered until they have looked for themselves.
    pub(crate) fn wake(&self, stage: Stage, has: impl Fn(usize, u64) -> bool) -> usize {
        let due: Vec<Waker> = {
            let list = self.list(stage);
            list.slots
                .iter()
                .flatten()
                .filter(|slot| has(slot.lane, slot.n))
                .map(|slot| slot.waker.clone())
                .collect()
        };
        let count = due.len();
        due.into_iter().for_each(Waker::wake);
        count
    }

    fn list(&self, stage: Stage) -> MutexGuard<'_, Slots> {
        let list = match stage {
            Stage::Written => &self.written,
            Stage::Durable => &self.durable,
        };
        list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes a plain thread.
pub(crate) struct Unpark(pub(crate) Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

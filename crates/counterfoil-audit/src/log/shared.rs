//! What the threads of a log and its callers have in common.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use counterfoil_core::{Clock, Head, names};

use crate::log::commit::CommitQueue;
use crate::log::kind_counts::KindCounts;
use crate::log::lane::Intake;
use crate::log::orders::{Order, Orders};
use crate::log::rotation::Rotation;
use crate::log::waiters::{Stage, Waiters};

/// Ranges of numbers that are remembered as lost after they were queued.
const LOST_KEPT: usize = 4_096;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) intake: Arc<Intake>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) waiters: Waiters,
    pub(crate) commit: CommitQueue,
    pub(crate) orders: Orders<Order>,
    pub(crate) rotations: Orders<Rotation>,
    pub(crate) progress: Progress,
    lost: Mutex<LostRanges>,
    any_lost: AtomicBool,
    /// A call of `anchor_now` is not served yet.
    anchor_wanted: AtomicBool,
    /// Threads should end without finishing: the deadline of `close` has passed.
    abandoned: AtomicBool,
    news: Mutex<News>,
    told: Condvar,
}

/// Numbers that were lost after they were queued.
#[derive(Debug, Default)]
struct LostRanges {
    ranges: VecDeque<Lost>,
    /// By lane: the last number of the ranges that are forgotten. Of what is not above it nobody knows any more.
    forgotten: BTreeMap<u32, u64>,
}

#[derive(Clone, Copy, Debug)]
struct Lost {
    lane: u32,
    first: u64,
    last: u64,
}

impl LostRanges {
    fn note(&mut self, lost: Lost) {
        if self.ranges.len() == LOST_KEPT
            && let Some(oldest) = self.ranges.pop_front()
        {
            self.forgotten.insert(oldest.lane, oldest.last);
        }
        self.ranges.push_back(lost);
    }

    /// Whether a number is lost, or may be.
    fn contains(&self, lane: u32, n: u64) -> bool {
        self.forgotten.get(&lane).is_some_and(|last| n <= *last)
            || self
                .ranges
                .iter()
                .any(|lost| lost.lane == lane && (lost.first..=lost.last).contains(&n))
    }
}

/// What changes rarely and is waited for.
#[derive(Debug, Default)]
struct News {
    head: Option<Head>,
    anchored: Option<Head>,
    anchor_error: Option<String>,
    alarm: Option<String>,
}

/// Counters and gauges, for [`Figures`](crate::Figures).
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) written_seq: AtomicU64,
    pub(crate) durable_seq: AtomicU64,
    pub(crate) anchored_seq: AtomicU64,
    /// When the last anchor was persisted, in ticks; 0 before.
    pub(crate) anchored_at: AtomicU64,
    pub(crate) anchor_failures: AtomicU64,
    /// Hash tiles written, partial ones included.
    pub(crate) tiles: AtomicU64,
    pub(crate) syncs: AtomicU64,
    pub(crate) sync_nanos: AtomicU64,
    pub(crate) longest_sync_nanos: AtomicU64,
    /// Syncs by how long they took: one count per bound of [`names::LATENCY_SECONDS`], and one above them.
    pub(crate) syncs_by_latency: [AtomicU64; names::LATENCY_SECONDS.len() + 1],
    pub(crate) poisoned: AtomicU64,
    pub(crate) lost_declared: AtomicU64,
    pub(crate) clock_steps: AtomicU64,
    /// The running epoch; 0 = none.
    pub(crate) epoch: AtomicU64,
    pub(crate) kinds: KindCounts,
    pub(crate) deepest_queue: AtomicU64,
    pub(crate) ended: AtomicBool,
    pub(crate) forked: AtomicBool,
}

impl Shared {
    pub(crate) fn new(intake: Arc<Intake>, clock: Arc<dyn Clock>, commit: CommitQueue) -> Self {
        Self {
            intake,
            clock,
            waiters: Waiters::default(),
            commit,
            orders: Orders::default(),
            rotations: Orders::default(),
            progress: Progress::default(),
            lost: Mutex::default(),
            any_lost: AtomicBool::new(false),
            anchor_wanted: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            news: Mutex::default(),
            told: Condvar::new(),
        }
    }

    /// Somebody begins to wait: nobody sleeps on it.
    pub(crate) fn hurry(&self, stage: Stage) {
        self.intake.gate.ring();
        if stage == Stage::Durable {
            self.commit.hurry();
        }
    }

    /// Notes that queued entries could not be sealed. Comes before the mark that covers them.
    pub(crate) fn note_lost(&self, lane: usize, first: u64, last: u64) {
        self.lost
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .note(Lost {
                lane: lane as u32,
                first,
                last,
            });
        self.any_lost.store(true, Ordering::Release);
    }

    /// Whether an entry was lost after it was queued, or is so old that this is no longer known.
    pub(crate) fn is_lost(&self, lane: u32, n: u64) -> bool {
        self.any_lost.load(Ordering::Acquire)
            && self
                .lost
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .contains(lane, n)
    }

    /// Wakes whoever waits for a stage and has it now.
    pub(crate) fn wake(&self, stage: Stage) -> usize {
        let lanes = &self.intake.lanes;
        self.waiters.wake(stage, |lane, n| {
            lanes.get(lane).is_none_or(|lane| match stage {
                Stage::Written => lane.written() >= n,
                Stage::Durable => lane.durable() >= n,
            })
        })
    }

    fn wake_everyone(&self) {
        for stage in [Stage::Written, Stage::Durable] {
            self.waiters.wake(stage, |_, _| true);
        }
    }

    /// Stops the log because of `why`: tickets fail, offers are refused, the threads end.
    pub(crate) fn fail(&self, why: String) {
        self.intake.gate.fail(why);
        self.commit.stop();
        self.wake_everyone();
        self.told.notify_all();
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.intake.gate.failure().is_some()
    }

    /// The log has made its last marks.
    pub(crate) fn end(&self) {
        self.progress.ended.store(true, Ordering::Release);
        self.wake_everyone();
        self.told.notify_all();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.progress.ended.load(Ordering::Acquire)
    }

    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
        self.intake.gate.ring();
        self.commit.stop();
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    /// Asks for an anchor as soon as possible.
    pub(crate) fn want_anchor(&self) {
        self.anchor_wanted.store(true, Ordering::Release);
        self.intake.gate.ring();
        self.commit.hurry();
    }

    pub(crate) fn take_anchor_wanted(&self) -> bool {
        self.anchor_wanted.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn set_head(&self, head: Head) {
        self.news().head = Some(head);
    }

    /// The durable head, as of the last commit that computed one.
    pub(crate) fn head(&self) -> Option<Head> {
        self.news().head.clone()
    }

    pub(crate) fn set_anchored(&self, head: Head) {
        self.progress
            .anchored_seq
            .store(head.seq, Ordering::Release);
        self.progress
            .anchored_at
            .store(self.clock.ticks().0, Ordering::Release);
        {
            let mut news = self.news();
            news.anchored = Some(head);
            news.anchor_error = None;
        }
        self.told.notify_all();
    }

    pub(crate) fn set_anchor_error(&self, why: String) {
        self.news().anchor_error = Some(why);
    }

    /// Raises the alarm; it stays until the log is closed.
    pub(crate) fn set_alarm(&self, why: String) {
        self.news().alarm = Some(why);
    }

    pub(crate) fn raised(&self) -> Option<String> {
        self.news().alarm.clone()
    }

    /// Why the last attempt to anchor failed; `None` after one that did not.
    pub(crate) fn anchor_error(&self) -> Option<String> {
        self.news().anchor_error.clone()
    }

    pub(crate) fn anchored(&self) -> Option<Head> {
        self.news().anchored.clone()
    }

    /// Tells those who wait in [`wait_until`](Self::wait_until) that something may have changed.
    pub(crate) fn tell(&self) {
        drop(self.news());
        self.told.notify_all();
    }

    /// Blocks until `done` says so; `false` when `until` comes first.
    pub(crate) fn wait_until(&self, until: Instant, done: impl Fn(&Self) -> bool) -> bool {
        let mut news = self.news();
        loop {
            drop(news);
            if done(self) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            news = self.news();
            // Bounded, because `done` may look at more than the news.
            let (guard, _) = self
                .told
                .wait_timeout(news, left.min(Duration::from_millis(20)))
                .unwrap_or_else(PoisonError::into_inner);
            news = guard;
        }
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_lost_number_never_passes_for_kept_even_when_its_range_is_forgotten() {
        let mut lost = LostRanges::default();
        let last = 3 * LOST_KEPT as u64;
        for n in (1..=last).filter(|n| n % 2 == 1) {
            lost.note(Lost {
                lane: 7,
                first: n,
                last: n,
            });
        }
        assert!(
            (1..=last)
                .filter(|n| n % 2 == 1)
                .all(|n| lost.contains(7, n))
        );
        assert!(!lost.contains(7, last));
        assert!(!lost.contains(8, 1));
    }
}

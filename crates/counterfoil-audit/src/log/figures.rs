//! The log in figures, for metrics and health.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::log::gate::State;
use crate::log::shared::Shared;

/// A snapshot of a log's counters and gauges. Counters count since the log was opened.
///
/// `offered = stored + rejected + dropped + queued` holds in a snapshot taken while nobody appends, and without `queued` once
/// the log is closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figures {
    /// Entries that callers offered.
    pub offered: u64,
    /// Entries that were sealed. After a failure of the log the last of them may not be durable; their tickets said so.
    pub stored: u64,
    /// Entries that were refused, and those that could not be sealed.
    pub rejected: u64,
    /// Entries that were dropped because the policy says so.
    pub dropped: u64,
    /// Entries that wait in queues.
    pub queued: u64,
    /// Numbers declared in `records_lost` records.
    pub declared_lost: u64,
    /// The fullest that a queue has been, in words of 64 bits.
    pub deepest_queue_words: u64,
    /// How full the fullest queue is now, in words of 64 bits.
    pub fullest_queue_words: u64,
    /// Capacity of each queue, in words of 64 bits.
    pub queue_capacity_words: u64,
    /// Lanes in existence, the shared one included.
    pub lanes: u64,
    /// The last record that is in a file.
    pub written_seq: u64,
    /// The last record that is on stable storage.
    pub durable_seq: u64,
    /// The last record that an anchor vouches for; 0 before the first.
    pub anchored_seq: u64,
    /// Since when that is so; `None` before the first anchor of this opening.
    pub anchor_age: Option<Duration>,
    /// Attempts to anchor that failed.
    pub anchor_failures: u64,
    /// Hash tiles that were written, partial ones included.
    pub tiles_written: u64,
    /// Records that are written and not synced.
    pub unsynced_records: u64,
    /// Group commits.
    pub syncs: u64,
    /// Time spent in them.
    pub sync_time: Duration,
    /// The longest of them.
    pub longest_sync: Duration,
    /// Group commits by how long they took: one count per bound of `counterfoil_core::names::LATENCY_SECONDS`, and one above
    /// them.
    pub syncs_by_latency: Vec<u64>,
    /// Segments that had to be replaced because writing or syncing them failed.
    pub poisoned_segments: u64,
    /// Steps of the wall clock that were declared.
    pub clock_steps: u64,
    /// The running key epoch; 0 when there are none.
    pub epoch: u64,
    /// Records sealed by kind, the log's own included; extension kinds together, as `extension`. Kinds without a record are
    /// left out.
    pub sealed: Vec<(&'static str, u64)>,
    /// What an operator has to look at, in a sentence: the log stopped, a segment was poisoned, or anchoring fails.
    pub alarm: Option<String>,
    /// Whether the log takes entries.
    pub state: LogState,
}

/// Whether a log takes entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(
    clippy::exhaustive_enums,
    reason = "a log takes entries or does not, for one of two reasons; callers match on it"
)]
pub enum LogState {
    /// It does.
    #[default]
    Open,
    /// It does not: it was closed.
    Closed,
    /// It does not: it could not keep its promise and stopped. [`Figures::alarm`] says why.
    Failed,
}

impl Figures {
    /// The unanchored tail: durable records that no anchor vouches for yet.
    #[must_use]
    pub const fn unanchored(&self) -> u64 {
        self.durable_seq.saturating_sub(self.anchored_seq)
    }
}

/// Reads a log's figures from elsewhere: from the callback of a metric, say. It keeps neither the log open nor its threads
/// alive; after the log is closed it goes on giving the last figures.
#[derive(Clone)]
pub struct FiguresReader(pub(crate) Arc<Shared>);

impl FiguresReader {
    /// The figures now.
    #[must_use]
    pub fn read(&self) -> Figures {
        self.0.figures()
    }
}

impl fmt::Debug for FiguresReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FiguresReader").field(&self.read()).finish()
    }
}

impl Shared {
    pub(crate) fn figures(&self) -> Figures {
        let progress = &self.progress;
        let get = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let mut figures = Figures {
            declared_lost: get(&progress.lost_declared),
            deepest_queue_words: get(&progress.deepest_queue),
            queue_capacity_words: self.intake.lanes.shared().queue.capacity(),
            written_seq: get(&progress.written_seq),
            durable_seq: get(&progress.durable_seq),
            anchored_seq: get(&progress.anchored_seq),
            anchor_age: self.anchor_age(),
            anchor_failures: get(&progress.anchor_failures),
            tiles_written: get(&progress.tiles),
            unsynced_records: self.commit.unsynced_records() as u64,
            syncs: get(&progress.syncs),
            sync_time: Duration::from_nanos(get(&progress.sync_nanos)),
            longest_sync: Duration::from_nanos(get(&progress.longest_sync_nanos)),
            syncs_by_latency: progress.syncs_by_latency.iter().map(get).collect(),
            poisoned_segments: get(&progress.poisoned),
            clock_steps: get(&progress.clock_steps),
            epoch: get(&progress.epoch),
            sealed: progress.kinds.read(),
            alarm: self.alarm(),
            state: match self.intake.gate.state() {
                State::Open => LogState::Open,
                State::Closing => LogState::Closed,
                State::Failed => LogState::Failed,
            },
            ..Figures::default()
        };
        for lane in self.intake.lanes.iter() {
            let (offered, stored) = (lane.offered(), lane.stored());
            figures.lanes += 1;
            figures.fullest_queue_words = figures.fullest_queue_words.max(lane.queue.depth());
            figures.offered += offered;
            figures.stored += stored;
            figures.rejected += lane.rejected() + lane.invalid();
            figures.dropped += lane.dropped();
        }
        let settled = figures.stored + figures.rejected + figures.dropped;
        // The counts are read one after another while producers go on, so the difference can be off for a moment.
        let left = figures.offered.saturating_sub(settled);
        if self.has_ended() {
            // What slipped into a queue while the log closed was never taken: its ticket says closed.
            figures.rejected += left;
        } else {
            figures.queued = left;
        }
        figures
    }

    fn anchor_age(&self) -> Option<Duration> {
        let at = self.progress.anchored_at.load(Ordering::Acquire);
        (at > 0).then(|| Duration::from_nanos(self.clock.ticks().0.saturating_sub(at)))
    }

    fn alarm(&self) -> Option<String> {
        if let Some(why) = self.intake.gate.failure() {
            return Some(format!("the log has stopped: {why}"));
        }
        self.anchor_error().or_else(|| self.raised())
    }
}

//! The choices an operator has.

use std::time::Duration;

use crate::Retention;

/// What happens to an entry for which the queue of its lane has no room (design §6). In every case it keeps its number, is
/// counted, and is declared in a `records_lost` record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the three policies of the design; callers match on them"
)]
pub enum WhenFull {
    /// The offer is refused at once and counts as rejected.
    #[default]
    Fail,
    /// The caller waits for room up to this long; then as `Fail`.
    Block(Duration),
    /// The offer is refused at once and counts as dropped.
    DropAndCount,
}

/// What happens to entries once the log can no longer store any, because its disk failed twice or its head was moved by
/// another writer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "work is either refused or not; callers match on it"
)]
pub enum OnFailure {
    /// Fail closed: offers are refused with the reason and count as rejected, so that work which must not go unaudited can
    /// stop.
    #[default]
    Refuse,
    /// Offers count as dropped; the service goes on unaudited.
    DropAndCount,
}

/// What happens when the anchor store holds a head that is not ours: another writer works on the same chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the log either stops or goes on; callers match on it"
)]
pub enum OnConflict {
    /// The log fails, and [`OnFailure`] decides what becomes of its callers: a fork must not grow.
    #[default]
    Fail,
    /// The log goes on without anchoring; the alarm stays raised.
    ContinueUnanchored,
}

/// Nothing is ever pruned.
pub(crate) const KEEP_ALL: Retention = Retention {
    max_age_s: None,
    max_bytes: None,
};

/// The figures of a log; the builder's methods document each.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) when_full: WhenFull,
    pub(crate) on_failure: OnFailure,
    pub(crate) on_conflict: OnConflict,
    pub(crate) queue_words: usize,
    pub(crate) most_lanes: usize,
    pub(crate) commit_delay: Duration,
    pub(crate) commit_bytes: usize,
    pub(crate) most_unsynced_bytes: usize,
    pub(crate) segment_bytes: u64,
    pub(crate) segment_age: Duration,
    pub(crate) anchor_interval: Duration,
    pub(crate) anchor_records: u64,
    pub(crate) clock_step: Duration,
    pub(crate) drop_deadline: Duration,
    pub(crate) retention: Retention,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            when_full: WhenFull::Fail,
            on_failure: OnFailure::Refuse,
            on_conflict: OnConflict::Fail,
            // 512 KiB a lane: 4 600 lifecycle events, a fifth of a second of a sealer that is not scheduled at 20 k/s.
            queue_words: 64 << 10,
            // 128 MiB of queues when 256 threads are alive at once; a lane is allocated when it is first claimed.
            most_lanes: 256,
            commit_delay: Duration::from_millis(5),
            commit_bytes: 1 << 20,
            most_unsynced_bytes: 64 << 20,
            segment_bytes: 64 << 20,
            segment_age: Duration::from_secs(24 * 3_600),
            anchor_interval: Duration::from_secs(60),
            anchor_records: 10_000,
            clock_step: Duration::from_secs(1),
            drop_deadline: Duration::from_secs(2),
            retention: KEEP_ALL,
        }
    }
}

impl Settings {
    /// Most records that can be accepted and not yet durable at any moment: the `unsealed_max` of `log_opened`.
    pub(crate) fn unsealed_max(&self) -> u64 {
        // The shortest entry has two words; the shortest line that the body grammar allows is above 256 bytes.
        const SHORTEST_ENTRY: u64 = 2;
        const SHORTEST_LINE: u64 = 256;
        let queue = (self.queue_words as u64).next_power_of_two() / SHORTEST_ENTRY;
        let unsynced = (self.most_unsynced_bytes as u64 + queue * 65_759) / SHORTEST_LINE;
        queue * (self.most_lanes as u64 + 1) + unsynced
    }
}

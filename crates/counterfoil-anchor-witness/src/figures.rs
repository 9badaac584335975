//! What came of asking the witnesses, in figures.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use counterfoil_core::Clock;

/// What came of asking one witness once for one head, retries included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Outcome {
    /// It cosigned.
    Cosigned,
    /// It did not answer in time.
    TimedOut,
    /// It could not be connected to, or the connection broke off.
    Unreachable,
    /// 404: it does not follow this log.
    UnknownLog,
    /// 403: it knows no key that signed the head.
    UntrustedKey,
    /// It answered with another status that is no success.
    Refused,
    /// It answered with what its protocol does not allow, or with a cosignature that does not verify.
    BadAnswer,
    /// It does not accept the head and has shown no signed head that contradicts it.
    Inconsistent,
    /// It showed a head that the log signed and that contradicts the one it was asked to cosign.
    SplitView,
    /// The log's own tree could not be read, or does not lead to the root that was signed.
    NoProof,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 10] = [
        Self::Cosigned,
        Self::TimedOut,
        Self::Unreachable,
        Self::UnknownLog,
        Self::UntrustedKey,
        Self::Refused,
        Self::BadAnswer,
        Self::Inconsistent,
        Self::SplitView,
        Self::NoProof,
    ];

    /// Its name as the value of a metric's label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cosigned => "cosigned",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::UnknownLog => "unknown_log",
            Self::UntrustedKey => "untrusted_key",
            Self::Refused => "refused",
            Self::BadAnswer => "bad_answer",
            Self::Inconsistent => "inconsistent",
            Self::SplitView => "split_view",
            Self::NoProof => "no_proof",
        }
    }
}

/// A snapshot of the counters and gauges of a witnessed anchor store. Counters count since it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figures {
    /// Heads that enough witnesses cosigned.
    pub quorum_met: u64,
    /// Heads that too few witnesses cosigned, those included that advanced all the same.
    pub quorum_missed: u64,
    /// Heads that advanced without a quorum, because the store was told to let them.
    pub advanced_without_quorum: u64,
    /// Times that a witness showed a head of the log that contradicts the one it was asked to cosign.
    pub split_views: u64,
    /// Per witness that can be asked, in the order of the policy.
    pub witnesses: Vec<WitnessFigures>,
}

/// The part of [`Figures`] about one witness.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WitnessFigures {
    /// Its name in the policy.
    pub name: String,
    /// How often each outcome came, in the order of [`Outcome::ALL`].
    pub outcomes: [(Outcome, u64); Outcome::ALL.len()],
    /// Size of the last head that it cosigned; 0 before the first.
    pub cosigned_size: u64,
    /// Since when it has cosigned none; `None` before the first.
    pub cosigned_age: Option<Duration>,
}

/// Reads the figures from elsewhere: from the callback of a metric, say. It does not keep the store alive.
#[derive(Clone)]
pub struct FiguresReader(pub(crate) Arc<Counters>);

impl FiguresReader {
    /// The figures now.
    #[must_use]
    pub fn read(&self) -> Figures {
        self.0.read()
    }
}

impl fmt::Debug for FiguresReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FiguresReader").field(&self.read()).finish()
    }
}

#[derive(Debug)]
pub(crate) struct Counters {
    clock: Arc<dyn Clock>,
    pub(crate) quorum_met: AtomicU64,
    pub(crate) quorum_missed: AtomicU64,
    pub(crate) advanced_without_quorum: AtomicU64,
    pub(crate) split_views: AtomicU64,
    witnesses: Vec<WitnessCounters>,
}

#[derive(Debug)]
struct WitnessCounters {
    name: String,
    outcomes: [AtomicU64; Outcome::ALL.len()],
    cosigned_size: AtomicU64,
    /// Reading of the clock, plus one; 0 for never.
    cosigned_at: AtomicU64,
}

impl Counters {
    pub(crate) fn new(clock: Arc<dyn Clock>, witnesses: impl Iterator<Item = String>) -> Self {
        let counters = |name| WitnessCounters {
            name,
            outcomes: Default::default(),
            cosigned_size: AtomicU64::new(0),
            cosigned_at: AtomicU64::new(0),
        };
        Self {
            clock,
            quorum_met: AtomicU64::new(0),
            quorum_missed: AtomicU64::new(0),
            advanced_without_quorum: AtomicU64::new(0),
            split_views: AtomicU64::new(0),
            witnesses: witnesses.map(counters).collect(),
        }
    }

    /// Counts what came of asking the witness with this number for the head of that size.
    pub(crate) fn count(&self, witness: usize, outcome: Outcome, size: u64) {
        let Some(counters) = self.witnesses.get(witness) else {
            return;
        };
        counters.outcomes[outcome as usize].fetch_add(1, Ordering::Relaxed);
        match outcome {
            Outcome::Cosigned => {
                counters.cosigned_size.store(size, Ordering::Relaxed);
                let now = self.clock.ticks().0.saturating_add(1);
                counters.cosigned_at.store(now, Ordering::Release);
            }
            Outcome::SplitView => {
                self.split_views.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    fn read(&self) -> Figures {
        let now = self.clock.ticks().0;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let witness = |counters: &WitnessCounters| {
            let at = counters.cosigned_at.load(Ordering::Acquire);
            WitnessFigures {
                name: counters.name.clone(),
                outcomes: Outcome::ALL
                    .map(|outcome| (outcome, get(&counters.outcomes[outcome as usize]))),
                cosigned_size: get(&counters.cosigned_size),
                cosigned_age: at
                    .checked_sub(1)
                    .map(|at| Duration::from_nanos(now.saturating_sub(at))),
            }
        };
        Figures {
            quorum_met: get(&self.quorum_met),
            quorum_missed: get(&self.quorum_missed),
            advanced_without_quorum: get(&self.advanced_without_quorum),
            split_views: get(&self.split_views),
            witnesses: self.witnesses.iter().map(witness).collect(),
        }
    }
}

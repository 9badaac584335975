//! What is exported.

use std::fmt;
use std::ops::BitOr;
use std::sync::Arc;

use counterfoil_core::{Event, LogRecord, MetricSnapshot, SealedLine, SpanRecord};

use crate::error::{Error, ErrorKind};

/// A set of signals: what an exporter takes.
///
/// ```
/// use counterfoil_exporter::Signals;
/// let both = Signals::METRICS | Signals::EVENTS;
/// assert!(both.contains(Signals::EVENTS) && !both.contains(Signals::SEALED));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Signals(u8);

impl Signals {
    /// None.
    pub const NONE: Self = Self(0);
    /// Snapshots of metrics.
    pub const METRICS: Self = Self(1);
    /// Events.
    pub const EVENTS: Self = Self(2);
    /// Sealed lines of an audit log.
    pub const SEALED: Self = Self(4);
    /// Spans that have ended.
    pub const SPANS: Self = Self(8);
    /// Log records.
    pub const LOGS: Self = Self(16);
    /// Each of them.
    pub const ALL: Self = Self(31);

    /// Whether every signal of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Its signals, one by one.
    pub fn each(self) -> impl Iterator<Item = Self> {
        let all = [
            Self::METRICS,
            Self::EVENTS,
            Self::SEALED,
            Self::SPANS,
            Self::LOGS,
        ];
        all.into_iter().filter(move |signal| self.contains(*signal))
    }

    /// The word for a set of one signal; for any other set `several`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::METRICS => "metrics",
            Self::EVENTS => "events",
            Self::SEALED => "sealed",
            Self::SPANS => "spans",
            Self::LOGS => "logs",
            _ => "several",
        }
    }

    /// Both sets together, as `|` does where it cannot be used: in a constant.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Signals {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.and(other)
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.each().map(Self::name)).finish()
    }
}

/// What one call exports: items of one signal. Cloning it copies a pointer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Batch {
    /// Every series at one moment.
    Metrics(Arc<MetricSnapshot>),
    /// Events in time order.
    Events(Arc<[Event]>),
    /// Sealed lines in sequence; their bytes are shipped unchanged.
    Sealed(Arc<[SealedLine]>),
    /// Spans in the order in which they ended.
    Spans(Arc<[SpanRecord]>),
    /// Log records in time order.
    Logs(Arc<[LogRecord]>),
}

impl Batch {
    /// Its signal, as a set of one.
    #[must_use]
    pub const fn signal(&self) -> Signals {
        match self {
            Self::Metrics(_) => Signals::METRICS,
            Self::Events(_) => Signals::EVENTS,
            Self::Sealed(_) => Signals::SEALED,
            Self::Spans(_) => Signals::SPANS,
            Self::Logs(_) => Signals::LOGS,
        }
    }

    /// How many items it has: series, events, lines, spans or log records.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Metrics(snapshot) => snapshot
                .families
                .iter()
                .map(|family| family.series.len())
                .sum(),
            Self::Events(events) => events.len(),
            Self::Sealed(lines) => lines.len(),
            Self::Spans(spans) => spans.len(),
            Self::Logs(logs) => logs.len(),
        }
    }

    /// Whether it has no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is left without its first `items` items, in the order in which [`len`](Self::len) counts them: series by series
    /// of each family.
    #[must_use]
    pub fn without_first(&self, items: usize) -> Self {
        match self {
            Self::Metrics(snapshot) => without_first_series(snapshot, items).into(),
            Self::Events(all) => Self::Events(all.iter().skip(items).cloned().collect()),
            Self::Sealed(all) => Self::Sealed(all.iter().skip(items).cloned().collect()),
            Self::Spans(all) => Self::Spans(all.iter().skip(items).cloned().collect()),
            Self::Logs(all) => Self::Logs(all.iter().skip(items).cloned().collect()),
        }
    }

    /// The error of an exporter that takes only `taken`.
    #[must_use]
    pub fn unsupported(&self, taken: Signals) -> Error {
        let context = format!(
            "it carries {:?} and only {taken:?} are taken",
            self.signal()
        );
        Error::new(ErrorKind::Unsupported, "export a batch", context)
    }
}

fn without_first_series(snapshot: &MetricSnapshot, mut items: usize) -> MetricSnapshot {
    let mut left = snapshot.clone();
    for family in &mut left.families {
        let here = items.min(family.series.len());
        family.series.drain(..here);
        items -= here;
    }
    left.families.retain(|family| !family.series.is_empty());
    left
}

impl From<MetricSnapshot> for Batch {
    fn from(snapshot: MetricSnapshot) -> Self {
        Self::Metrics(Arc::new(snapshot))
    }
}

impl From<Vec<Event>> for Batch {
    fn from(events: Vec<Event>) -> Self {
        Self::Events(events.into())
    }
}

impl From<Vec<SealedLine>> for Batch {
    fn from(lines: Vec<SealedLine>) -> Self {
        Self::Sealed(lines.into())
    }
}

impl From<Vec<SpanRecord>> for Batch {
    fn from(spans: Vec<SpanRecord>) -> Self {
        Self::Spans(spans.into())
    }
}

impl From<Vec<LogRecord>> for Batch {
    fn from(logs: Vec<LogRecord>) -> Self {
        Self::Logs(logs.into())
    }
}

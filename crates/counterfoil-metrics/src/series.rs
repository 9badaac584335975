//! What every series has, whatever it counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use counterfoil_core::{MetricKind, MetricValue, SeriesMeta, Timestamp};

use crate::arena::{Arena, Cells, Reader};
use crate::counter::{Counter, Total};
use crate::exponential::{Exponential, ExponentialHistogram};
use crate::gauge::{Gauge, Last};
use crate::histogram::{Distribution, Histogram};
use crate::layout::Layout;
use crate::up_down_counter::{Balance, UpDownCounter};

/// A series: its labels, its cells in every block, and what its kind adds. Handles hold it, and so does its family.
#[derive(Debug)]
pub(crate) struct Series<K> {
    pub(crate) meta: Arc<SeriesMeta>,
    pub(crate) cells: Cells,
    pub(crate) kind: K,
    idle: Idle,
}

impl<K> Series<K> {
    pub(crate) fn new(meta: Arc<SeriesMeta>, cells: Cells, kind: K) -> Arc<Self> {
        Arc::new(Self {
            meta,
            cells,
            kind,
            idle: Idle::default(),
        })
    }

    pub(crate) const fn arena(&self) -> &Arc<Arena> {
        self.cells.arena()
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::new(self.arena())
    }
}

/// A handle of any kind, as the registry makes and keeps it.
pub(crate) trait Slot: Clone + Sized {
    /// The kind of the families that it belongs to.
    const KIND: MetricKind;

    /// How many cells a series takes.
    fn cells(layout: &Layout) -> usize;

    fn create(meta: Arc<SeriesMeta>, cells: Cells, layout: &Arc<Layout>) -> Self;

    fn stored(&self) -> Stored;

    /// A handle to this series, if it is of this kind.
    fn from_stored(stored: &Stored) -> Option<Self>;
}

/// A series as its family keeps it.
#[derive(Clone, Debug)]
pub(crate) enum Stored {
    Counter(Arc<Series<Total>>),
    UpDownCounter(Arc<Series<Balance>>),
    Gauge(Arc<Series<Last>>),
    Histogram(Arc<Series<Distribution>>),
    ExponentialHistogram(Arc<Series<Exponential>>),
}

/// Makes a kind's handle a [`Slot`].
macro_rules! handle {
    ($handle:ident, $kind:ident, $state:expr, $cells:expr) => {
        impl Slot for $handle {
            const KIND: MetricKind = MetricKind::$handle;

            fn cells(layout: &Layout) -> usize {
                let cells: fn(&Layout) -> usize = $cells;
                cells(layout)
            }

            fn create(meta: Arc<SeriesMeta>, cells: Cells, layout: &Arc<Layout>) -> Self {
                let state: fn(&Arc<Layout>) -> $kind = $state;
                Self::of(Series::new(meta, cells, state(layout)))
            }

            fn stored(&self) -> Stored {
                Stored::$handle(Arc::clone(self.series()))
            }

            fn from_stored(stored: &Stored) -> Option<Self> {
                match stored {
                    Stored::$handle(series) => Some(Self::of(Arc::clone(series))),
                    _ => None,
                }
            }
        }
    };
}

handle!(Counter, Total, |_| Total::default(), |_| 1);
handle!(UpDownCounter, Balance, |_| Balance, |_| 1);
handle!(Gauge, Last, |_| Last::default(), |_| 0);
handle!(
    Histogram,
    Distribution,
    |layout| Distribution::new(Arc::clone(layout)),
    |layout| layout.buckets() + crate::arena::HISTOGRAM_EXTRA
);
handle!(
    ExponentialHistogram,
    Exponential,
    |layout| Exponential::new(layout),
    |_| crate::exponential::CELLS
);

impl Stored {
    pub(crate) fn meta(&self) -> &Arc<SeriesMeta> {
        match self {
            Self::Counter(it) => &it.meta,
            Self::UpDownCounter(it) => &it.meta,
            Self::Gauge(it) => &it.meta,
            Self::Histogram(it) => &it.meta,
            Self::ExponentialHistogram(it) => &it.meta,
        }
    }

    pub(crate) fn is_spill(&self) -> bool {
        match self {
            Self::Counter(it) => it.cells.is_spill(),
            Self::UpDownCounter(it) => it.cells.is_spill(),
            Self::Gauge(_) => false,
            Self::Histogram(it) => it.cells.is_spill(),
            Self::ExponentialHistogram(it) => it.cells.is_spill(),
        }
    }

    pub(crate) fn read(&self, reader: &mut Reader) -> MetricValue {
        match self {
            Self::Counter(it) => MetricValue::Counter(it.read(reader)),
            Self::UpDownCounter(it) => MetricValue::UpDownCounter(it.read(reader)),
            Self::Gauge(it) => MetricValue::Gauge(it.read()),
            Self::Histogram(it) => MetricValue::Histogram(it.read(reader)),
            Self::ExponentialHistogram(it) => MetricValue::ExponentialHistogram(it.read(reader)),
        }
    }

    /// The series with this value, as a snapshot has it.
    pub(crate) fn show(&self, value: MetricValue) -> counterfoil_core::Series {
        counterfoil_core::Series {
            meta: Arc::clone(self.meta()),
            value,
        }
    }

    /// The series where no handle can reach it any more, or unchanged when somebody holds one.
    ///
    /// Looking at the number of holders would not do: the recorder makes handles out of weak references, under none of the
    /// family's locks, and a handle that came and went meanwhile has counted. `try_unwrap` ends in one step what weak
    /// references can reach, and acquires what the last handle released, so that all it counted is seen.
    pub(crate) fn cut_off(self) -> Result<Self, Self> {
        fn renew<K>(
            series: Arc<Series<K>>,
            stored: fn(Arc<Series<K>>) -> Stored,
        ) -> Result<Stored, Stored> {
            Arc::try_unwrap(series)
                .map(|it| stored(Arc::new(it)))
                .map_err(stored)
        }
        match self {
            Self::Counter(it) => renew(it, Self::Counter),
            Self::UpDownCounter(it) => renew(it, Self::UpDownCounter),
            Self::Gauge(it) => renew(it, Self::Gauge),
            Self::Histogram(it) => renew(it, Self::Histogram),
            Self::ExponentialHistogram(it) => renew(it, Self::ExponentialHistogram),
        }
    }

    /// Whether the series may go: nobody holds a handle, its value has not changed for `limit`, and coming back at zero
    /// would not falsify it.
    pub(crate) fn may_go(&self, value: &MetricValue, now: Timestamp, limit: Duration) -> bool {
        let (holders, idle) = match self {
            Self::Counter(it) => (Arc::strong_count(it), &it.idle),
            Self::UpDownCounter(it) => (Arc::strong_count(it), &it.idle),
            Self::Gauge(it) => (Arc::strong_count(it), &it.idle),
            Self::Histogram(it) => (Arc::strong_count(it), &it.idle),
            Self::ExponentialHistogram(it) => (Arc::strong_count(it), &it.idle),
        };
        let still = idle.for_at_least(limit, fingerprint(value), now);
        let harmless = match (self, value) {
            (Self::UpDownCounter(_), MetricValue::UpDownCounter(value)) => *value == 0,
            (Self::Gauge(it), MetricValue::Gauge(value)) => *value == 0.0 || !it.is_relative(),
            _ => true,
        };
        still && harmless && holders == 1
    }
}

/// A number that changes whenever the value does.
fn fingerprint(value: &MetricValue) -> u64 {
    match value {
        MetricValue::Counter(value) => *value,
        MetricValue::UpDownCounter(value) => value.cast_unsigned(),
        MetricValue::FloatCounter(value) | MetricValue::Gauge(value) => value.to_bits(),
        MetricValue::Histogram(value) => value.count().saturating_add(value.refused),
        MetricValue::ExponentialHistogram(value) => value.count().saturating_add(value.refused),
    }
}

/// Since when a series has had the value that it has. Written by snapshots only.
#[derive(Debug, Default)]
struct Idle {
    seen: AtomicU64,
    since: AtomicU64,
}

impl Idle {
    fn for_at_least(&self, limit: Duration, seen: u64, now: Timestamp) -> bool {
        let now = now.unix_nanos();
        let since = self.since.load(Relaxed);
        if since == 0 || self.seen.swap(seen, Relaxed) != seen {
            self.seen.store(seen, Relaxed);
            self.since.store(now.max(1), Relaxed);
            return false;
        }
        u128::from(now.saturating_sub(since)) >= limit.as_nanos()
    }
}

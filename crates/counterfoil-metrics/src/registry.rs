//! All instruments of a process, or of a test.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use counterfoil_core::names::{
    BOUNDS_MAX, LATENCY_SECONDS, METRIC_CONFLICT, METRIC_OVER_CEILING, METRIC_OVERFLOW,
    METRIC_REFUSED,
};
use counterfoil_core::{
    Clock, MetricFamily, MetricKind, MetricSnapshot, MetricValue, Redact, Redactor, SystemClock,
    Timestamp,
};

use crate::arena::{Arena, Reader};
use crate::family::{About, Family, FamilyState, read, write};
use crate::layout::Layout;
use crate::series::Slot;
use crate::source::{Observations, Observed, Sources, merge};
use crate::{By, Define, Error, ErrorKind, Labels, ThreadBlock};

/// Label sets per family beyond which the overflow series takes over, unless configured otherwise.
const CARDINALITY_LIMIT: usize = 2000;
/// Families beyond which new names go uncounted into `counterfoil.metric.overflow{metric="*"}`.
const FAMILIES_MAX: usize = 4096;

/// All instruments that are exported together. Cheap to clone; clones are the same registry.
///
/// Registering takes locks and allocates: do it once and keep the handles. It never fails. Under a name that is taken by
/// another kind, unit, set of label keys or bounds, the handle counts for itself only, is not exported, and the conflict is
/// counted (`counterfoil.metric.conflict`).
#[derive(Clone, Debug)]
pub struct Registry {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    arena: Arc<Arena>,
    pub(crate) config: Builder,
    families: RwLock<BTreeMap<Arc<str>, Arc<FamilyState>>>,
    pub(crate) default_layout: Arc<Layout>,
    sources: Arc<Sources>,
    names_refused: AtomicU64,
    #[cfg(feature = "metrics")]
    pub(crate) keys: crate::recorder::Keys,
}

impl Registry {
    /// A registry with the default limits.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A registry with limits of your own.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            clock: None,
            cardinality_limit: CARDINALITY_LIMIT,
            idle_limit: None,
            policy: Arc::new(Redactor::new()),
            bounds: BTreeMap::new(),
        }
    }

    /// The instrument of a row without labels; of one with labels, the series whose label values are all empty.
    #[must_use]
    pub fn instrument<D: Define>(&self, def: &D) -> D::Handle {
        self.family(def).with(&[])
    }

    /// One instrument per value of a closed set, for a row with as many label keys as `L` gives values.
    #[must_use]
    pub fn by<L: Labels, D: Define>(&self, def: &D) -> By<L, D::Handle> {
        let family = self.family(def);
        By::new(|index| family.with(&L::values(index)))
    }

    /// The family of a row, for label values that are not known beforehand.
    #[must_use]
    pub fn family<D: Define>(&self, def: &D) -> Family<D::Handle> {
        let (row, kind) = (def.row(), D::Handle::KIND);
        let about = About {
            unit: row.unit.into(),
            description: row.description.into(),
            keys: Some(row.labels),
        };
        let distribution = matches!(
            kind,
            MetricKind::Histogram | MetricKind::ExponentialHistogram
        );
        let layout = || match distribution {
            true => Arc::new(Layout::of(row)),
            false => Arc::clone(&self.inner.default_layout),
        };
        let state = self.inner.state(row.name, kind, layout);
        let state = state.filter(|state| {
            let fits = state.kind == kind
                && (!distribution || state.layout().bounds == layout().bounds)
                && state.learn(&about);
            if !fits {
                state.conflicts.fetch_add(1, Relaxed);
            }
            fits
        });
        // A family of its own that no snapshot reads keeps the promise that handles always count.
        let state = state.unwrap_or_else(|| Arc::new(self.inner.unexported(kind, layout())));
        Family::new(state, row.labels)
    }

    /// This thread's cells, for the `…_in` methods of the handles.
    #[must_use]
    pub fn thread_block(&self) -> ThreadBlock {
        ThreadBlock::of(&self.inner.arena)
    }

    /// Has `callback` asked for figures that are kept elsewhere, at every snapshot, until the guard is dropped.
    ///
    /// The callback runs on the thread that takes the snapshot and must not block. If it panics, what it gave so far
    /// counts, and the panic is counted (`counterfoil.metric.source.failed`). If it holds this registry, the two keep each
    /// other alive until the guard is dropped.
    pub fn observe(
        &self,
        callback: impl Fn(&mut Observations<'_>) + Send + Sync + 'static,
    ) -> Observed {
        self.inner.sources.add(callback)
    }

    /// Everything now, families sorted by name and series by labels. Families without a series are left out.
    ///
    /// No writer waits for it. Each value is read at its own moment. With an idle limit, series that have not changed for
    /// that long and that nobody holds a handle to are shown a last time and removed; `time` is what idleness is
    /// measured with. What a series shows last is all that was ever counted in it, and should it come back it starts at
    /// zero, so sums over time lose nothing; of several readers that holds for each that takes a snapshot at least once
    /// per idle limit.
    #[must_use]
    pub fn snapshot(&self, time: Timestamp) -> MetricSnapshot {
        // First of all, so that no exemplar of this snapshot counts as one of the next.
        self.inner.arena.begin_round();
        self.read_all(time, self.inner.config.idle_limit)
    }

    /// The same as [`snapshot`](Self::snapshot) for a reader beside those that export, such as one that evaluates alerts each second:
    /// it leaves no mark. Exemplars stay those of the snapshot to come, and no series is removed or counts as shown.
    ///
    /// Of a single instrument its handle gives the value, which is cheaper still: [`Counter::get`](crate::Counter::get),
    /// [`Histogram::get`](crate::Histogram::get).
    #[must_use]
    pub fn peek(&self, time: Timestamp) -> MetricSnapshot {
        self.read_all(time, None)
    }

    fn read_all(&self, time: Timestamp, idle_limit: Option<Duration>) -> MetricSnapshot {
        let states: Vec<_> = read(&self.inner.families).values().cloned().collect();
        let mut reader = Reader::new(&self.inner.arena);
        let families: Vec<_> = states
            .iter()
            .filter_map(|it| it.snapshot(&mut reader, time, idle_limit))
            .collect();
        let observed = self
            .inner
            .sources
            .observe(self.inner.config.cardinality_limit, |out| {
                self.inner.observe_itself(&states, &families, out);
            });
        MetricSnapshot {
            time,
            families: merge(families, observed),
        }
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Inner {
    /// The family of this name, whatever its kind, made if need be; `None` when there are too many.
    pub(crate) fn state(
        &self,
        name: &str,
        kind: MetricKind,
        layout: impl FnOnce() -> Arc<Layout>,
    ) -> Option<Arc<FamilyState>> {
        if let Some(found) = read(&self.families).get(name) {
            return Some(Arc::clone(found));
        }
        // Names of tables are ours or the application's own; one that is made at run time may hold anything.
        let name = &*self
            .config
            .policy
            .redact(name)
            .map_or(Cow::Borrowed(name), Cow::Owned);
        let mut families = write(&self.families);
        if let Some(found) = families.get(name) {
            return Some(Arc::clone(found));
        }
        if families.len() >= FAMILIES_MAX {
            self.names_refused.fetch_add(1, Relaxed);
            return None;
        }
        let name: Arc<str> = name.into();
        let state = Arc::new(FamilyState::new(
            Arc::clone(&name),
            kind,
            layout(),
            Arc::clone(&self.arena),
            self.config.cardinality_limit,
            Arc::clone(&self.config.policy),
        ));
        families.insert(name, Arc::clone(&state));
        Some(state)
    }

    /// A family that no snapshot reads.
    pub(crate) fn unexported(&self, kind: MetricKind, layout: Arc<Layout>) -> FamilyState {
        let arena = Arc::clone(&self.arena);
        FamilyState::new(
            "".into(),
            kind,
            layout,
            arena,
            self.config.cardinality_limit,
            Arc::clone(&self.config.policy),
        )
    }

    fn observe_itself(
        &self,
        states: &[Arc<FamilyState>],
        families: &[MetricFamily],
        out: &mut Observations<'_>,
    ) {
        let mut count = |def, name: &str, total: u64| {
            if total > 0 {
                out.counter(def, &[name], total);
            }
        };
        for state in states {
            count(
                &METRIC_OVERFLOW,
                &state.name,
                state.overflowed.load(Relaxed),
            );
            count(&METRIC_CONFLICT, &state.name, state.conflicts.load(Relaxed));
        }
        count(&METRIC_OVERFLOW, "*", self.names_refused.load(Relaxed));
        for family in families {
            let (mut over, mut refused) = (0_u64, 0_u64);
            for series in &family.series {
                let (more_over, more_refused) = match &series.value {
                    MetricValue::Histogram(it) => (it.over_ceiling, it.refused),
                    MetricValue::ExponentialHistogram(it) => (it.over_ceiling, it.refused),
                    _ => break,
                };
                over = over.saturating_add(more_over);
                refused = refused.saturating_add(more_refused);
            }
            count(&METRIC_OVER_CEILING, &family.name, over);
            count(&METRIC_REFUSED, &family.name, refused);
        }
    }
}

/// Limits of a [`Registry`].
#[derive(Clone, Debug)]
pub struct Builder {
    clock: Option<Arc<dyn Clock>>,
    cardinality_limit: usize,
    idle_limit: Option<Duration>,
    policy: Arc<dyn Redact>,
    pub(crate) bounds: BTreeMap<String, Arc<Layout>>,
}

impl Builder {
    /// Where the times of exemplars come from: [`SystemClock`] unless told.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Replaces what must not be shown in labels before they become series, and in names that no table declares: the default
    /// [`Redactor`] unless told. Labels that differ in a secret only are one series.
    #[must_use]
    pub fn redact(mut self, policy: impl Redact) -> Self {
        self.policy = Arc::new(policy);
        self
    }

    /// How many label sets a family may have (default 2 000) before further ones share the overflow series.
    #[must_use]
    pub const fn cardinality_limit(mut self, limit: usize) -> Self {
        self.cardinality_limit = limit;
        self
    }

    /// After what time without a change a series is removed that nobody holds a handle to (default: never). A gauge that
    /// was ever changed by a difference, and an up-down counter, go only at zero.
    #[must_use]
    pub const fn idle_limit(mut self, limit: Duration) -> Self {
        self.idle_limit = Some(limit);
        self
    }

    /// Bounds and, if it is to have one, the ceiling of a histogram that no table declares, such as one of another crate
    /// that records through the `metrics` facade. Without them it has those of
    /// [`LATENCY_SECONDS`](counterfoil_core::names::LATENCY_SECONDS).
    ///
    /// # Errors
    /// [`ErrorKind::Bounds`] when there are none or more than 63, when they do not ascend or are not finite, or when the
    /// ceiling is below the last one.
    pub fn bounds(
        mut self,
        name: impl Into<String>,
        bounds: &[f64],
        ceiling: Option<f64>,
    ) -> Result<Self, Error> {
        let name = name.into();
        let ceiling = ceiling.unwrap_or(f64::MAX);
        let refuse = |what: &str| {
            let context = format!("{name:?} was given {bounds:?}; {what}");
            Err(Error::new(
                ErrorKind::Bounds,
                "set the bounds of a histogram",
                context,
            ))
        };
        if bounds.is_empty() || bounds.len() > BOUNDS_MAX {
            return refuse("give from 1 to 63");
        }
        if !bounds.iter().all(|it| it.is_finite()) {
            return refuse("give finite numbers only, +Inf is always there");
        }
        if !bounds.is_sorted_by(|a, b| a < b) {
            return refuse("give them in ascending order and each once");
        }
        if !(ceiling.is_finite() && ceiling >= bounds[bounds.len() - 1]) {
            return refuse("give a finite ceiling that is not below the last bound");
        }
        self.bounds
            .insert(name, Arc::new(Layout::new(bounds, ceiling)));
        Ok(self)
    }

    /// Makes the registry.
    #[must_use]
    pub fn build(self) -> Registry {
        let clock = self.clock.clone();
        let policy = Arc::clone(&self.policy);
        let arena = Arena::new(clock.unwrap_or_else(|| Arc::new(SystemClock::new())));
        let default_layout = Arc::new(Layout::new(LATENCY_SECONDS, f64::MAX));
        Registry {
            inner: Arc::new(Inner {
                arena,
                config: self,
                families: RwLock::default(),
                default_layout,
                sources: Arc::new(Sources::new(policy)),
                names_refused: AtomicU64::new(0),
                #[cfg(feature = "metrics")]
                keys: crate::recorder::Keys::default(),
            }),
        }
    }
}

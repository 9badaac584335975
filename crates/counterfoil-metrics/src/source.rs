//! Figures that are kept elsewhere and read when a snapshot is taken.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};

use counterfoil_core::names::{
    CounterDef, GaugeDef, HistogramDef, Instrument, METRIC_SOURCE_FAILED, UpDownCounterDef,
};
use counterfoil_core::{HistogramValue, MetricFamily, MetricValue, Redact, Series, SeriesMeta};

use crate::arena::lock;
use crate::family::pairs;

type Callback = dyn Fn(&mut Observations<'_>) + Send + Sync;

/// The callbacks of a registry and what their snapshots have in common.
pub(crate) struct Sources {
    policy: Arc<dyn Redact>,
    callbacks: Mutex<BTreeMap<u64, Arc<Callback>>>,
    next: AtomicU64,
    metas: Mutex<BTreeMap<&'static str, Known>>,
    failed: AtomicU64,
}

/// What stays the same from snapshot to snapshot.
struct Known {
    name: Arc<str>,
    unit: Arc<str>,
    description: Arc<str>,
    series: Vec<Arc<SeriesMeta>>,
}

impl Sources {
    pub(crate) fn new(policy: Arc<dyn Redact>) -> Self {
        Self {
            policy,
            callbacks: Mutex::default(),
            next: AtomicU64::new(0),
            metas: Mutex::default(),
            failed: AtomicU64::new(0),
        }
    }

    pub(crate) fn add(
        self: &Arc<Self>,
        callback: impl Fn(&mut Observations<'_>) + Send + Sync + 'static,
    ) -> Observed {
        let number = self.next.fetch_add(1, Relaxed);
        lock(&self.callbacks).insert(number, Arc::new(callback));
        Observed {
            sources: Arc::downgrade(self),
            number,
        }
    }

    /// Asks every callback; `own` adds the registry's figures about itself.
    pub(crate) fn observe(
        &self,
        limit: usize,
        own: impl FnOnce(&mut Observations<'_>),
    ) -> Vec<MetricFamily> {
        // Called outside the lock: a callback may drop its own guard, or register another.
        let callbacks: Vec<_> = lock(&self.callbacks).values().cloned().collect();
        let mut observations = Observations {
            sources: self,
            limit,
            families: BTreeMap::new(),
        };
        for callback in callbacks {
            let asked = catch_unwind(AssertUnwindSafe(|| callback(&mut observations)));
            if asked.is_err() {
                self.failed.fetch_add(1, Relaxed);
            }
        }
        own(&mut observations);
        observations.counter(&METRIC_SOURCE_FAILED, &[], self.failed.load(Relaxed));
        observations.families.into_values().collect()
    }

    fn meta(&self, row: &Instrument, values: &[&str], limit: usize) -> Option<Arc<SeriesMeta>> {
        let meta = SeriesMeta {
            labels: pairs(row.labels, values),
        };
        let mut metas = lock(&self.metas);
        let known = metas.entry(row.name).or_insert_with(|| Known::new(row));
        let find = |series: &[Arc<SeriesMeta>], meta: &SeriesMeta| {
            series.binary_search_by(|it| (**it).cmp(meta))
        };
        if let Ok(at) = find(&known.series, &meta) {
            return Some(Arc::clone(&known.series[at]));
        }
        let meta = meta.redacted(&*self.policy).unwrap_or(meta);
        match find(&known.series, &meta) {
            Ok(at) => Some(Arc::clone(&known.series[at])),
            Err(at) if known.series.len() < limit => {
                let meta = Arc::new(meta);
                known.series.insert(at, Arc::clone(&meta));
                Some(meta)
            }
            Err(_) => None,
        }
    }

    fn family(&self, row: &Instrument) -> MetricFamily {
        let mut metas = lock(&self.metas);
        let known = metas.entry(row.name).or_insert_with(|| Known::new(row));
        MetricFamily {
            name: Arc::clone(&known.name),
            unit: Arc::clone(&known.unit),
            description: Arc::clone(&known.description),
            kind: row.kind,
            series: Vec::new(),
        }
    }
}

impl Known {
    fn new(row: &Instrument) -> Self {
        Self {
            name: row.name.into(),
            unit: row.unit.into(),
            description: row.description.into(),
            series: Vec::new(),
        }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("callbacks", &lock(&self.callbacks).len())
            .finish_non_exhaustive()
    }
}

/// Keeps a callback registered; dropping it ends that.
#[derive(Debug)]
#[must_use = "the callback is asked only as long as this is kept"]
pub struct Observed {
    sources: Weak<Sources>,
    number: u64,
}

impl Drop for Observed {
    fn drop(&mut self) {
        if let Some(sources) = self.sources.upgrade() {
            // Dropped after the lock is released, for what the callback holds may be another guard.
            let _callback = lock(&sources.callbacks).remove(&self.number);
        }
    }
}

/// Where a callback puts its figures. Label values are given in the order of the declared keys.
///
/// Figures that several callbacks give for the same series are added up, except those of gauges, where the last one stays.
/// A family has as many series as the registry's cardinality limit allows; further ones are added up under
/// `{overflow="true"}`.
pub struct Observations<'a> {
    sources: &'a Sources,
    limit: usize,
    families: BTreeMap<&'static str, MetricFamily>,
}

impl Observations<'_> {
    /// A total so far.
    pub fn counter(&mut self, def: &CounterDef, values: &[&str], total: u64) {
        self.put(def.instrument(), values, MetricValue::Counter(total));
    }

    /// A total so far of what is measured rather than counted, such as seconds.
    pub fn float_counter(&mut self, def: &CounterDef, values: &[&str], total: f64) {
        self.put(def.instrument(), values, MetricValue::FloatCounter(total));
    }

    /// A sum that goes up and down.
    pub fn up_down_counter(&mut self, def: &UpDownCounterDef, values: &[&str], sum: i64) {
        self.put(def.instrument(), values, MetricValue::UpDownCounter(sum));
    }

    /// A value of the moment.
    pub fn gauge(&mut self, def: &GaugeDef, values: &[&str], value: f64) {
        self.put(def.instrument(), values, MetricValue::Gauge(value));
    }

    /// A distribution: counts per bucket of the declared bounds, one more than there are bounds, and the sum of the values.
    /// Missing counts are zero and surplus ones are added to the last bucket.
    pub fn histogram(&mut self, def: &HistogramDef, values: &[&str], counts: &[u64], sum: f64) {
        let row = def.instrument();
        let mut value = HistogramValue {
            bounds: row.bounds.into(),
            counts: vec![0; row.bounds.len() + 1],
            sum,
            over_ceiling: 0,
            refused: 0,
            exemplars: Vec::new(),
        };
        for (at, count) in counts.iter().enumerate() {
            let at = at.min(row.bounds.len());
            value.counts[at] = value.counts[at].saturating_add(*count);
        }
        self.put(row, values, MetricValue::Histogram(value));
    }

    fn put(&mut self, row: &Instrument, values: &[&str], value: MetricValue) {
        let meta = self
            .sources
            .meta(row, values, self.limit)
            .unwrap_or_else(|| {
                Arc::new(SeriesMeta {
                    labels: vec![("overflow".into(), "true".into())],
                })
            });
        let family = self
            .families
            .entry(row.name)
            .or_insert_with(|| self.sources.family(row));
        if family.kind != row.kind {
            return;
        }
        match family.series.binary_search_by(|it| it.meta.cmp(&meta)) {
            Ok(at) => add(&mut family.series[at].value, value),
            Err(at) => family.series.insert(at, Series { meta, value }),
        }
    }
}

impl fmt::Debug for Observations<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observations")
            .field("families", &self.families.len())
            .finish_non_exhaustive()
    }
}

/// Adds `more` to `sum`; a gauge is replaced.
pub(crate) fn add(sum: &mut MetricValue, more: MetricValue) {
    match (sum, more) {
        (MetricValue::Counter(sum), MetricValue::Counter(more)) => *sum = sum.saturating_add(more),
        (MetricValue::FloatCounter(sum), MetricValue::FloatCounter(more)) => *sum += more,
        (MetricValue::UpDownCounter(sum), MetricValue::UpDownCounter(more)) => {
            *sum = sum.wrapping_add(more);
        }
        (MetricValue::Histogram(sum), MetricValue::Histogram(more)) => {
            for (sum, more) in sum.counts.iter_mut().zip(more.counts) {
                *sum = sum.saturating_add(more);
            }
            sum.sum += more.sum;
            sum.over_ceiling = sum.over_ceiling.saturating_add(more.over_ceiling);
            sum.refused = sum.refused.saturating_add(more.refused);
        }
        (MetricValue::ExponentialHistogram(sum), MetricValue::ExponentialHistogram(more)) => {
            sum.merge(more);
        }
        (sum, more) => *sum = more,
    }
}

/// Puts families that were observed among those that were counted: `counted` and the result are sorted by name.
pub(crate) fn merge(
    mut counted: Vec<MetricFamily>,
    observed: Vec<MetricFamily>,
) -> Vec<MetricFamily> {
    for family in observed {
        match counted.binary_search_by(|it| it.name.cmp(&family.name)) {
            Err(at) => counted.insert(at, family),
            Ok(at) if counted[at].kind == family.kind => {
                let into = &mut counted[at].series;
                for series in family.series {
                    match into.binary_search_by(|it| it.meta.cmp(&series.meta)) {
                        Ok(at) => add(&mut into[at].value, series.value),
                        Err(at) => into.insert(at, series),
                    }
                }
            }
            Ok(_) => {}
        }
    }
    counted
}

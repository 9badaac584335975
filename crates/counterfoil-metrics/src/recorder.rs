//! The registry as the recorder of the `metrics` facade.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, RwLock, Weak};

use counterfoil_core::MetricKind;
use metrics::{
    CounterFn, GaugeFn, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

use crate::counter::Total;
use crate::family::{Opened, Pairs, read, write};
use crate::gauge::Last;
use crate::histogram::{Distribution, Times};
use crate::layout::Layout;
use crate::series::Series;
use crate::{Counter, Error, ErrorKind, Gauge, Handle, Histogram, Registry};

impl Registry {
    /// Makes this the process's recorder: from now on whatever any crate counts through `metrics::counter!` and its
    /// siblings lands here. Handles that were made before stay without effect, as the facade has it.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyInstalled`] when the process has a recorder.
    pub fn install(&self) -> Result<(), Error> {
        metrics::set_global_recorder(self.clone()).map_err(|_rejected| {
            Error::new(
                ErrorKind::AlreadyInstalled,
                "install the metrics recorder",
                "the process has one already, and it cannot be replaced; install this one earlier, or once".into(),
            )
        })
    }
}

impl Recorder for Registry {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(MetricKind::Counter, &key, unit, &description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(MetricKind::Gauge, &key, unit, &description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(MetricKind::Histogram, &key, unit, &description);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> metrics::Counter {
        let open = |it: &Counter| Arc::clone(it.series());
        metrics::Counter::from_arc(self.series(&self.inner.keys.counters, key, open))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> metrics::Gauge {
        let open = |it: &Gauge| Arc::clone(it.series());
        metrics::Gauge::from_arc(self.series(&self.inner.keys.gauges, key, open))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        let open = |it: &Histogram| Arc::clone(it.series());
        metrics::Histogram::from_arc(self.series(&self.inner.keys.histograms, key, open))
    }
}

impl Registry {
    fn describe(&self, kind: MetricKind, name: &KeyName, unit: Option<Unit>, description: &str) {
        let name = name.as_str();
        let state = self.inner.state(name, kind, || self.layout_for(name));
        if let Some(state) = state.filter(|it| it.kind == kind) {
            state.describe(unit.map_or("", ucum), description);
        }
    }

    /// Bounds of a histogram that no table declares.
    fn layout_for(&self, name: &str) -> Arc<Layout> {
        let own = self.inner.config.bounds.get(name);
        Arc::clone(own.unwrap_or(&self.inner.default_layout))
    }

    /// A series under a name that no table need declare.
    fn open_undeclared<H: Handle>(&self, name: &str, pairs: Pairs) -> Opened<H> {
        let state = self.inner.state(name, H::KIND, || self.layout_for(name));
        let state = state.filter(|state| {
            let fits = state.kind == H::KIND;
            if !fits {
                state.conflicts.fetch_add(1, Relaxed);
            }
            fits
        });
        match state {
            Some(state) => state.open(pairs),
            None => Opened::Overflow(
                self.inner
                    .unexported(H::KIND, self.layout_for(name))
                    .detached(),
            ),
        }
    }

    fn series<H: Handle, K>(
        &self,
        known: &KeyMap<K>,
        key: &Key,
        series_of: impl Fn(&H) -> Arc<Series<K>>,
    ) -> Arc<Series<K>> {
        if let Some(series) = read(known).get(key).and_then(Weak::upgrade) {
            return series;
        }
        let mut pairs: Pairs = key
            .labels()
            .map(|it| (it.key().into(), it.value().into()))
            .collect();
        pairs.sort();
        match self.open_undeclared::<H>(key.name(), pairs) {
            // Not remembered: there may be any number of keys in overflow.
            Opened::Overflow(handle) => series_of(&handle),
            Opened::Own(handle) => {
                let series = series_of(&handle);
                let mut known = write(known);
                if known.len() == known.capacity() {
                    known.retain(|_, it| it.strong_count() > 0);
                }
                known.insert(key.to_retained(), Arc::downgrade(&series));
                series
            }
        }
    }
}

type KeyMap<K> = RwLock<HashMap<Key, Weak<Series<K>>, BuildHasherDefault<KeyHash>>>;

/// Keys bring their hash along.
#[derive(Default)]
struct KeyHash(u64);

impl Hasher for KeyHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Which series the facade's keys stand for, so that a macro call costs one look-up. Weak: this is no reason to keep one.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    counters: KeyMap<Total>,
    gauges: KeyMap<Last>,
    histograms: KeyMap<Distribution>,
}

impl CounterFn for Series<Total> {
    fn increment(&self, value: u64) {
        self.add(self.cells.spot(), value);
    }

    fn absolute(&self, value: u64) {
        Self::absolute(self, value);
    }
}

impl GaugeFn for Series<Last> {
    fn increment(&self, value: f64) {
        self.add(value);
    }

    fn decrement(&self, value: f64) {
        self.add(-value);
    }

    fn set(&self, value: f64) {
        Self::set(self, value);
    }
}

impl HistogramFn for Series<Distribution> {
    fn record(&self, value: f64) {
        self.add(
            self.cells.spot(),
            &self.kind.layout.plain,
            value,
            Times::ONE,
        );
    }

    fn record_many(&self, value: f64, count: usize) {
        self.add(
            self.cells.spot(),
            &self.kind.layout.plain,
            value,
            Times::new(count as u64),
        );
    }
}

/// The facade's unit in UCUM.
const fn ucum(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "",
        Unit::Percent => "%",
        Unit::Seconds => "s",
        Unit::Milliseconds => "ms",
        Unit::Microseconds => "us",
        Unit::Nanoseconds => "ns",
        Unit::Tebibytes => "TiBy",
        Unit::Gibibytes => "GiBy",
        Unit::Mebibytes => "MiBy",
        Unit::Kibibytes => "KiBy",
        Unit::Bytes => "By",
        Unit::TerabitsPerSecond => "Tbit/s",
        Unit::GigabitsPerSecond => "Gbit/s",
        Unit::MegabitsPerSecond => "Mbit/s",
        Unit::KilobitsPerSecond => "kbit/s",
        Unit::BitsPerSecond => "bit/s",
        Unit::CountPerSecond => "{count}/s",
    }
}

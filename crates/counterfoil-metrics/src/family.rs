//! Series that share a name, and the limit on how many there may be.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use counterfoil_core::{MetricFamily, MetricKind, Redact, Series, SeriesMeta, Timestamp};

use crate::Handle;
use crate::arena::{Arena, Reader};
use crate::layout::Layout;
use crate::series::Stored;

/// Labels as key and value, sorted by key.
pub(crate) type Pairs = Vec<(Arc<str>, Arc<str>)>;

pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    // Nothing that is done under these locks can leave the data half-changed.
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// A family as the registry keeps it.
#[derive(Debug)]
pub(crate) struct FamilyState {
    pub(crate) name: Arc<str>,
    pub(crate) kind: MetricKind,
    about: RwLock<About>,
    /// Of histograms; the other kinds have one that is not used.
    layout: Arc<Layout>,
    arena: Arc<Arena>,
    limit: usize,
    policy: Arc<dyn Redact>,
    series: RwLock<BTreeMap<Arc<SeriesMeta>, Stored>>,
    /// Takes what is counted under label sets beyond the limit.
    overflow: OnceLock<Stored>,
    pub(crate) overflowed: AtomicU64,
    pub(crate) conflicts: AtomicU64,
}

/// What may be learnt after the family was made.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    pub(crate) unit: Arc<str>,
    pub(crate) description: Arc<str>,
    /// Label keys, where a name table declares them.
    pub(crate) keys: Option<&'static [&'static str]>,
}

impl FamilyState {
    pub(crate) fn new(
        name: Arc<str>,
        kind: MetricKind,
        layout: Arc<Layout>,
        arena: Arc<Arena>,
        limit: usize,
        policy: Arc<dyn Redact>,
    ) -> Self {
        Self {
            name,
            kind,
            about: RwLock::default(),
            layout,
            arena,
            limit,
            policy,
            series: RwLock::default(),
            overflow: OnceLock::new(),
            overflowed: AtomicU64::new(0),
            conflicts: AtomicU64::new(0),
        }
    }

    pub(crate) fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Takes over what was not known yet, or says that `news` contradicts what was.
    pub(crate) fn learn(&self, news: &About) -> bool {
        let mut about = write(&self.about);
        let contradicts = (!about.unit.is_empty() && about.unit != news.unit)
            || about.keys.is_some_and(|keys| Some(keys) != news.keys);
        if !contradicts {
            *about = news.clone();
        }
        !contradicts
    }

    /// Takes over a unit and a description where none is declared.
    #[cfg(feature = "metrics")]
    pub(crate) fn describe(&self, unit: &str, description: &str) {
        let mut about = write(&self.about);
        if about.keys.is_none() {
            about.unit = unit.into();
            about.description = redacted(&*self.policy, description);
        }
    }

    /// The series with these labels, or the overflow series. Labels that are no series yet are redacted before they become one.
    pub(crate) fn open<H: Handle>(&self, pairs: Pairs) -> Opened<H> {
        let meta = SeriesMeta { labels: pairs };
        if let Some(found) = read(&self.series).get(&meta).and_then(H::from_stored) {
            return Opened::Own(found);
        }
        let meta = meta.redacted(&*self.policy).unwrap_or(meta);
        let mut series = write(&self.series);
        if let Some(found) = series.get(&meta).and_then(H::from_stored) {
            return Opened::Own(found);
        }
        if series.len() < self.limit {
            let meta = Arc::new(meta);
            let made: H = self.create(Arc::clone(&meta));
            if !made.stored().is_spill() {
                series.insert(meta, made.stored());
                return Opened::Own(made);
            }
        }
        drop(series);
        self.overflowed.fetch_add(1, Relaxed);
        Opened::Overflow(self.open_overflow())
    }

    /// A handle that counts and is not exported.
    pub(crate) fn detached<H: Handle>(&self) -> H {
        self.create(Arc::default())
    }

    fn create<H: Handle>(&self, meta: Arc<SeriesMeta>) -> H {
        H::create(
            meta,
            self.arena.allocate(H::cells(&self.layout)),
            &self.layout,
        )
    }

    fn open_overflow<H: Handle>(&self) -> H {
        let stored = self.overflow.get_or_init(|| {
            let labels = vec![("overflow".into(), "true".into())];
            self.create::<H>(Arc::new(SeriesMeta { labels })).stored()
        });
        H::from_stored(stored).unwrap_or_else(|| self.detached())
    }

    /// The family now, and without the series that may go. `None` when it has no series.
    pub(crate) fn snapshot(
        &self,
        reader: &mut Reader,
        now: Timestamp,
        idle_limit: Option<Duration>,
    ) -> Option<MetricFamily> {
        let series = read(&self.series);
        let overflow = self.overflow.get();
        if series.is_empty() && overflow.is_none() {
            return None;
        }
        let mut idle = Vec::new();
        let mut values = Vec::with_capacity(series.len() + 1);
        for stored in series.values() {
            let value = stored.read(reader);
            if idle_limit.is_some_and(|limit| stored.may_go(&value, now, limit)) {
                idle.push(values.len());
            }
            values.push(stored.show(value));
        }
        values.extend(overflow.map(|it| it.show(it.read(reader))));
        drop(series);
        if let (Some(limit), false) = (idle_limit, idle.is_empty()) {
            self.evict(&mut values, &idle, now, limit);
        }
        let about = read(&self.about);
        Some(MetricFamily {
            name: Arc::clone(&self.name),
            unit: Arc::clone(&about.unit),
            description: Arc::clone(&about.description),
            kind: self.kind,
            series: values,
        })
    }

    /// Removes those of the `shown` series that were found idle and still are, and shows what they counted to the end.
    fn evict(&self, shown: &mut [Series], idle: &[usize], now: Timestamp, limit: Duration) {
        let mut series = write(&self.series);
        let mut sole = Vec::with_capacity(idle.len());
        for &at in idle {
            let found = series.remove_entry(&shown[at].meta);
            let Some((meta, stored)) = found else {
                continue;
            };
            // Another snapshot may have removed the one that was shown, and this is its successor.
            let same = Arc::ptr_eq(&meta, &shown[at].meta);
            match stored.cut_off() {
                Ok(stored) if same => sole.push((at, meta, stored)),
                Ok(stored) | Err(stored) => {
                    series.insert(meta, stored);
                }
            }
        }
        // Made only now: a reader remembers which blocks and chunks there are, and until it was cut off a series could
        // still be counted in a new one.
        let mut reader = Reader::new(&self.arena);
        for (at, meta, stored) in sole {
            let value = stored.read(&mut reader);
            if stored.may_go(&value, now, limit) {
                shown[at].value = value;
            } else {
                series.insert(meta, stored);
            }
        }
    }
}

/// What became of a request for a series.
pub(crate) enum Opened<H> {
    /// The series that was asked for.
    Own(H),
    /// The family's overflow series.
    Overflow(H),
}

impl<H> Opened<H> {
    pub(crate) fn handle(self) -> H {
        match self {
            Self::Own(handle) | Self::Overflow(handle) => handle,
        }
    }
}

/// A family whose label values are not known beforehand.
///
/// Each set of label values is a series, up to the registry's cardinality limit; what is counted under further ones goes to
/// the series `{overflow="true"}` and is itself counted (`counterfoil.metric.overflow`). A handle that was given out in
/// overflow stays there. Looking a series up takes a lock and some hundred nanoseconds: keep the handle where you can.
pub struct Family<H> {
    state: Arc<FamilyState>,
    keys: &'static [&'static str],
    handle: PhantomData<fn() -> H>,
}

impl<H: Handle> Family<H> {
    pub(crate) const fn new(state: Arc<FamilyState>, keys: &'static [&'static str]) -> Self {
        Self {
            state,
            keys,
            handle: PhantomData,
        }
    }

    /// The instrument of these label values, given in the order of the declared keys. Missing values count as empty and
    /// surplus ones are ignored.
    #[must_use]
    pub fn with(&self, values: &[&str]) -> H {
        self.state.open(pairs(self.keys, values)).handle()
    }
}

impl<H> Clone for Family<H> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            keys: self.keys,
            handle: PhantomData,
        }
    }
}

impl<H> fmt::Debug for Family<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family")
            .field("name", &self.state.name)
            .finish_non_exhaustive()
    }
}

/// `text` as `policy` lets it be shown.
#[cfg(feature = "metrics")]
fn redacted(policy: &dyn Redact, text: &str) -> Arc<str> {
    policy.redact(text).map_or_else(|| text.into(), Arc::from)
}

/// Label keys with their values, sorted by key.
pub(crate) fn pairs(keys: &[&str], values: &[&str]) -> Pairs {
    let values = values.iter().copied().chain(std::iter::repeat(""));
    let mut pairs: Pairs = keys
        .iter()
        .zip(values)
        .map(|(key, value)| (Arc::from(*key), Arc::from(value)))
        .collect();
    pairs.sort();
    pairs
}

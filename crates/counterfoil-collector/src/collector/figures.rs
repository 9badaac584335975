//! What the collector counts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use counterfoil::audit::intake::Kinds;
use counterfoil::metrics::{Counter, Family, Histogram, Observed, Registry};
use counterfoil::names;
use parking_lot::Mutex;

use crate::TenantName;

/// What became of records, exactly. At rest, which is when no upload is under way, `offered = stored + rejected + dropped`.
///
/// A record counts once its fate is decided. Those that came again and were there already, with the same hash, are `known` and
/// not among the offered ones: they were counted when they came first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordCounts {
    /// Those that were new: `stored + rejected + dropped`, and what is written and not yet durable.
    pub offered: u64,
    /// Verified and durable.
    pub stored: u64,
    /// They do not fit their chain.
    pub rejected: u64,
    /// Not judged, behind one that was rejected; without room; beyond what could be taken; or lost with a write that failed.
    pub dropped: u64,
    /// Came again.
    pub known: u64,
}

/// The counts of one tenant.
#[derive(Debug, Default)]
pub(crate) struct TenantFigures {
    offered: AtomicU64,
    stored: AtomicU64,
    rejected: AtomicU64,
    dropped: AtomicU64,
    known: AtomicU64,
    /// Bytes of records that are kept.
    pub(crate) bytes: AtomicU64,
    pub(crate) chains: AtomicU64,
}

impl TenantFigures {
    pub(crate) fn offered(&self, count: u64) {
        self.offered.fetch_add(count, Relaxed);
    }

    pub(crate) fn stored(&self, count: u64) {
        self.stored.fetch_add(count, Relaxed);
    }

    pub(crate) fn rejected(&self, count: u64) {
        self.rejected.fetch_add(count, Relaxed);
    }

    pub(crate) fn dropped(&self, count: u64) {
        self.dropped.fetch_add(count, Relaxed);
    }

    pub(crate) fn known(&self, count: u64) {
        self.known.fetch_add(count, Relaxed);
    }

    pub(crate) fn read(&self) -> RecordCounts {
        // What was decided is read before what was offered, so that no reader sees more decided than offered.
        let (stored, rejected, dropped, known) = (
            self.stored.load(Relaxed),
            self.rejected.load(Relaxed),
            self.dropped.load(Relaxed),
            self.known.load(Relaxed),
        );
        RecordCounts {
            offered: self.offered.load(Relaxed),
            stored,
            rejected,
            dropped,
            known,
        }
    }
}

/// The figures of a collector.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) tenants: Mutex<BTreeMap<TenantName, Arc<TenantFigures>>>,
    /// What was stored, by kind.
    kinds: Mutex<BTreeMap<&'static str, u64>>,
    pub(crate) in_flight: AtomicU64,
    pub(crate) quarantine_evicted: AtomicU64,
    pub(crate) cosigned: AtomicU64,
    pub(crate) heads_failed: AtomicU64,
    verification_failures: Family<Counter>,
    storage_failed: Family<Counter>,
    sync_duration: Histogram,
}

impl Figures {
    /// Figures that the registry shows for as long as the guard lives.
    pub(crate) fn new(registry: &Registry) -> (Arc<Self>, Observed) {
        let figures = Arc::new(Self {
            tenants: Mutex::default(),
            kinds: Mutex::default(),
            in_flight: AtomicU64::new(0),
            quarantine_evicted: AtomicU64::new(0),
            cosigned: AtomicU64::new(0),
            heads_failed: AtomicU64::new(0),
            verification_failures: registry.family(&names::AUDIT_CHAIN_VERIFICATION_FAILURES),
            storage_failed: registry.family(&names::COLLECTOR_STORAGE_FAILED),
            sync_duration: registry.instrument(&names::COLLECTOR_SYNC_DURATION),
        });
        let shown = Arc::clone(&figures);
        let guard = registry.observe(move |out| shown.show(out));
        (figures, guard)
    }

    pub(crate) fn tenant(&self, name: &TenantName) -> Arc<TenantFigures> {
        let mut tenants = self.tenants.lock();
        match tenants.get(name) {
            Some(figures) => Arc::clone(figures),
            None => Arc::clone(tenants.entry(name.clone()).or_default()),
        }
    }

    /// Records of these kinds are durable.
    pub(crate) fn stored_of(&self, kinds: &Kinds) {
        let mut all = self.kinds.lock();
        for (kind, count) in kinds.iter() {
            *all.entry(kind).or_default() += count;
        }
    }

    /// A chain does not verify. Chains beyond the registry's limit of series share one that says `overflow`.
    pub(crate) fn verification_failed(&self, chain: &str, reason: &str) {
        self.verification_failures
            .with(&[chain, reason])
            .increment();
    }

    pub(crate) fn storage_failed(&self, full: bool) {
        let reason = if full { "disk_full" } else { "io" };
        self.storage_failed.with(&[reason]).increment();
    }

    pub(crate) fn synced(&self, took: Duration) {
        self.sync_duration.record_duration(took);
    }

    fn show(&self, out: &mut counterfoil::metrics::Observations<'_>) {
        let tenants = self.tenants.lock();
        for (name, figures) in tenants.iter() {
            let label = [name.as_str()];
            let now = figures.read();
            out.counter(&names::COLLECTOR_RECORD_OFFERED, &label, now.offered);
            out.counter(&names::COLLECTOR_RECORD_STORED, &label, now.stored);
            out.counter(&names::COLLECTOR_RECORD_REJECTED, &label, now.rejected);
            out.counter(&names::COLLECTOR_RECORD_DROPPED, &label, now.dropped);
            out.counter(&names::COLLECTOR_RECORD_KNOWN, &label, now.known);
            let (bytes, chains) = (figures.bytes.load(Relaxed), figures.chains.load(Relaxed));
            out.up_down_counter(&names::COLLECTOR_STORED_SIZE, &label, signed(bytes));
            out.up_down_counter(&names::COLLECTOR_CHAIN_REGISTERED, &label, signed(chains));
        }
        drop(tenants);
        for (kind, count) in self.kinds.lock().iter() {
            out.counter(&names::AUDIT_RECORD_SEALED, &[kind], *count);
        }
        let in_flight = signed(self.in_flight.load(Relaxed));
        out.up_down_counter(&names::COLLECTOR_INFLIGHT, &[], in_flight);
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        let evicted = count(&self.quarantine_evicted);
        out.counter(&names::COLLECTOR_QUARANTINE_EVICTED, &[], evicted);
        let cosigned = count(&self.cosigned);
        out.counter(&names::COLLECTOR_CHECKPOINT_COSIGNED, &[], cosigned);
        out.counter(
            &names::COLLECTOR_HEAD_FAILED,
            &[],
            count(&self.heads_failed),
        );
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

//! What all threads of a collector have in common.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use counterfoil::signer::Signer;
use counterfoil::{ChainId, Clock, Digest, Head};
use crossbeam_channel::Sender;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Semaphore;

use crate::collector::chain::{Chain, InFlight, Tenant};
use crate::collector::data_dir::{DataDir, evidence_dir, quarantine_dir};
use crate::collector::figures::Figures;
use crate::collector::heads::Heads;
use crate::collector::io_threads::Io;
use crate::collector::job::Job;
use crate::collector::meta::Meta;
use crate::collector::quarantine::{Quarantine, QuarantineLimits};
use crate::collector::space::Space;
use crate::tenant_settings::SettingsOf;
use crate::{Catalogue, ChainEntry, Error, ErrorKind, Reason, Refusal, SegmentStorage, TenantName};

/// What of the builder matters while the collector runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) in_flight: usize,
    pub(crate) in_flight_per_tenant: usize,
    pub(crate) patience: Duration,
    pub(crate) retry: Duration,
    pub(crate) quarantine: QuarantineLimits,
}

/// What all threads have in common.
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) settings: SettingsOf,
    pub(crate) storage: Arc<dyn SegmentStorage>,
    pub(crate) catalogue: Arc<dyn Catalogue>,
    pub(crate) heads: Heads,
    pub(crate) meta: Meta,
    pub(crate) figures: Arc<Figures>,
    pub(crate) witness: Option<Arc<dyn Signer>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) space: Space,
    pub(crate) on_refusal: Option<Box<OnRefusal>>,
    pub(crate) chains: RwLock<BTreeMap<ChainId, Arc<Chain>>>,
    /// Held while a chain is registered: what it may be depends on those that are there.
    pub(crate) registering: Mutex<()>,
    pub(crate) tenants: Mutex<BTreeMap<TenantName, Arc<Tenant>>>,
    pub(crate) room: Arc<Semaphore>,
    pub(crate) workers: Vec<Sender<Job>>,
    /// Since when each worker is at its round, in ticks of the clock; 0 while it waits.
    pub(crate) busy_since: Vec<AtomicU64>,
    pub(crate) io: Sender<Io>,
    pub(crate) io_threads: usize,
    pub(crate) workers_left: AtomicUsize,
    pub(crate) stopping: AtomicBool,
    /// Holds the lock on the directory. Let go of last, so that whoever takes it finds nothing of it still in use.
    pub(crate) data: DataDir,
}

pub(crate) type OnRefusal = dyn Fn(&RefusedLine<'_>) + Send + Sync;

/// A line that does not fit its chain, as the alert hook is told of it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RefusedLine<'a> {
    /// Whose chain.
    pub tenant: &'a TenantName,
    /// Which chain.
    pub chain: &'a ChainId,
    /// What the producer is told. Its text quotes what came from outside.
    pub refusal: &'a Refusal,
}

impl Shared {
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(crate) fn chain(&self, id: &ChainId) -> Option<Arc<Chain>> {
        self.chains.read().get(id).cloned()
    }

    pub(crate) fn tenant(&self, name: &TenantName) -> Arc<Tenant> {
        let mut tenants = self.tenants.lock();
        let tenant = tenants.entry(name.clone()).or_insert_with(|| {
            Arc::new(Tenant {
                name: name.clone(),
                figures: self.figures.tenant(name),
                room: Arc::new(Semaphore::new(self.limits.in_flight_per_tenant)),
            })
        });
        Arc::clone(tenant)
    }

    /// Adds a chain that the catalogue has, unless it is there.
    pub(crate) fn add(&self, entry: ChainEntry) -> Arc<Chain> {
        let tenant = self.tenant(&entry.tenant);
        let mut chains = self.chains.write();
        if let Some(chain) = chains.get(&entry.chain) {
            return Arc::clone(chain);
        }
        let root = self.data.root();
        let quarantine = Quarantine::new(
            quarantine_dir(root, &entry.tenant, &entry.chain),
            evidence_dir(root, &entry.tenant, &entry.chain),
            self.limits.quarantine,
        );
        let worker = worker_of(&entry.chain, self.workers.len());
        let id = entry.chain.clone();
        let chain = Arc::new(Chain::new(entry, tenant, worker, quarantine));
        chains.insert(id, Arc::clone(&chain));
        chain
    }

    /// Gives work to the worker of a chain. Fails once the workers have ended.
    pub(crate) fn give(&self, worker: usize, job: Job) -> Result<(), Refusal> {
        match self.workers.get(worker).map(|worker| worker.send(job)) {
            Some(Ok(())) => Ok(()),
            _ => Err(stopping()),
        }
    }

    /// The last worker to end takes the I/O threads with it.
    pub(crate) fn worker_ended(&self) {
        if self.workers_left.fetch_sub(1, Ordering::AcqRel) == 1 {
            for _ in 0..self.io_threads {
                // One that has ended needs no telling.
                self.io.send(Io::Stop).ok();
            }
        }
    }

    /// Waits for room for so many bytes: first the tenant's own, then that of all, so that a tenant without room keeps nobody else
    /// waiting.
    pub(crate) async fn room_for(
        &self,
        tenant: &Tenant,
        bytes: usize,
    ) -> Result<InFlight, Refusal> {
        let of_tenant = permits(bytes, self.limits.in_flight_per_tenant);
        let of_all = permits(bytes, self.limits.in_flight);
        let both = async {
            let of_tenant = Arc::clone(&tenant.room).acquire_many_owned(of_tenant).await;
            let of_all = Arc::clone(&self.room).acquire_many_owned(of_all).await;
            of_tenant.ok().zip(of_all.ok())
        };
        match tokio::time::timeout(self.limits.patience, both).await {
            Ok(Some((of_tenant, of_all))) => {
                self.figures
                    .in_flight
                    .fetch_add(bytes as u64, Ordering::Relaxed);
                Ok(InFlight {
                    bytes: bytes as u64,
                    figures: Arc::clone(&self.figures),
                    _of_tenant: of_tenant,
                    _of_all: of_all,
                })
            }
            Ok(None) => Err(stopping()),
            Err(_) => {
                let mut refusal = Refusal::new(
                    Reason::Overloaded,
                    "more is under way than can be stored just now; send it again later",
                );
                refusal.retry_after = Some(Duration::from_secs(1));
                Err(refusal)
            }
        }
    }

    /// Storage failed: counts it, remembers a full disk, and says what the producer is told.
    pub(crate) fn storage_failed(&self, chain: &ChainId, error: &Error) -> Refusal {
        let full = error.kind() == ErrorKind::Full;
        self.figures.storage_failed(full);
        // A chain that is damaged says nothing about the disk.
        if full || error.kind() == ErrorKind::Io {
            self.space.failed(full);
        }
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::error!(%chain, %error, cause, "the records of a chain could not be stored");
        let mut refusal = if full {
            disk_full()
        } else {
            Refusal::new(
                Reason::Internal,
                "the collector could not store the records; what was acknowledged is kept, send the rest again later",
            )
        };
        refusal.retry_after = Some(self.limits.retry.max(Duration::from_secs(1)));
        refusal
    }

    /// Tells everybody that a line does not fit its chain.
    pub(crate) fn tell(&self, chain: &Chain, refusal: &Refusal) {
        let (tenant, id) = (&chain.entry.tenant, chain.id());
        if refusal.reason.is_verification_failure() {
            let code = refusal.reason.code();
            self.figures.verification_failed(id.as_str(), code);
        }
        self.meta.refused(tenant, id, refusal.reason, refusal.seq);
        tracing::warn!(
            chain = %id, %tenant, reason = refusal.reason.code(), seq = refusal.seq, detail = %refusal.detail,
            "a chain does not continue",
        );
        if let Some(hook) = &self.on_refusal {
            let line = RefusedLine {
                tenant,
                chain: id,
                refusal,
            };
            // The hook is foreign code, and its panic is no reason to stop storing.
            if catch_unwind(AssertUnwindSafe(|| hook(&line))).is_err() {
                tracing::error!("the hook for refusals panicked");
            }
        }
    }

    pub(crate) fn root(&self) -> &Path {
        self.data.root()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("data", &self.data)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// What everybody is told from the moment on at which the collector begins to stop.
pub(crate) fn stopping() -> Refusal {
    let mut refusal = Refusal::new(
        Reason::Stopping,
        "the collector is stopping; ask for the head when it is back, and go on from there",
    );
    refusal.retry_after = Some(Duration::from_secs(5));
    refusal
}

pub(crate) fn disk_full() -> Refusal {
    let mut refusal = Refusal::new(
        Reason::DiskFull,
        "the collector's disk is full; what was acknowledged is kept, send the rest again once there is room",
    );
    refusal.retry_after = Some(Duration::from_secs(10));
    refusal
}

/// The head that the next record has to follow, as refusals tell it.
pub(crate) fn expected(head: Option<&Head>) -> (u64, Digest) {
    head.map_or((0, Digest::ZERO), |head| (head.seq, head.hash))
}

/// More than there is would wait for ever.
fn permits(bytes: usize, most: usize) -> u32 {
    u32::try_from(bytes.min(most)).unwrap_or(u32::MAX)
}

/// FNV-1a: the same chain goes to the same worker, whatever the process.
fn worker_of(chain: &ChainId, workers: usize) -> usize {
    let hash = chain
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
    usize::try_from(hash % workers.max(1) as u64).unwrap_or(0)
}

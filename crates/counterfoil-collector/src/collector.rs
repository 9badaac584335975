//! The collector as its users see it.

mod batch;
mod builder;
mod chain;
mod configuration;
mod cosign;
mod data_dir;
mod figures;
mod heads;
mod health;
mod housekeeping;
mod incarnation;
mod io_threads;
mod job;
mod keys;
mod lines;
mod meta;
mod meta_log;
mod quarantine;
mod shared;
mod shelf;
mod slot;
mod space;
mod start;
mod upload;
mod worker;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use counterfoil::audit::AccessAction;
use counterfoil::health::Registration;
use counterfoil::metrics::{Observed, Registry};
use counterfoil::signer::VerifierKey;
use counterfoil::{ChainId, Head};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{Caller, ChainEntry, Reason, Refusal, Scope, TenantName};
use chain::Chain;
use job::Job;
use shared::Shared;
use start::Threads;

pub(crate) use data_dir::chain_dir;

pub use builder::CollectorBuilder;
pub use figures::RecordCounts;
pub use job::Ack;
pub use shared::RefusedLine;
pub use upload::Upload;

/// Takes sealed records of many chains, verifies each, and keeps what fits.
///
/// Cheap to clone: clones are the same collector. It works on threads of its own; what is `async` here only waits for them, and needs a
/// tokio runtime with timers. [`stop`](Self::stop) ends it in order. Dropping the last clone ends its threads too, but nobody waits for
/// them.
///
/// A [`Caller`] says whose chains are meant. The chains of another tenant are not found, whatever is asked, except by a caller with
/// [`Scope::Admin`], which may read all of them.
#[derive(Clone)]
pub struct Collector {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    registry: Registry,
    /// Shows the figures in the registry.
    _figures: Observed,
    threads: Mutex<Threads>,
}

/// A chain and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainStatus {
    /// How it was registered.
    pub entry: ChainEntry,
    /// Its last durable record; `None` before the first, and until the chain is opened after a start.
    pub durable: Option<Head>,
}

/// How [`Collector::stop`] went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StopReport {
    /// Everything that was taken is durable and answered for, heads are kept and the meta-chain is closed.
    pub finished: bool,
    /// What became of records since the start, of all tenants together.
    pub records: RecordCounts,
    /// Bytes that were taken and not answered for.
    pub left_in_flight: u64,
}

impl Collector {
    /// Prepares to work in `data_dir`. `name` is the collector's own, a DNS name with a dot and perhaps components, such as
    /// `collector.example.com`: its meta-chain is `<name>/meta/1`, its witness key `<name>/witness`.
    pub fn builder(data_dir: impl Into<PathBuf>, name: impl Into<String>) -> CollectorBuilder {
        CollectorBuilder::new(data_dir.into(), name.into())
    }

    fn new(shared: Arc<Shared>, registry: Registry, figures: Observed, threads: Threads) -> Self {
        Self {
            inner: Arc::new(Inner {
                shared,
                registry,
                _figures: figures,
                threads: Mutex::new(threads),
            }),
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    /// Binds `chain` to the caller's tenant and to the key that its checkpoints are signed with; without a key it is a chain that is not
    /// signed. Registering it again in the same way changes nothing. A later incarnation needs a registration of its own, by the same
    /// tenant; an earlier one than is registered is refused.
    ///
    /// Blocks until the registration is durable: call it where that does no harm.
    ///
    /// # Errors
    /// [`Forbidden`](Reason::Forbidden) without [`Scope::Ingest`], for a name that the tenant may not use, or one that another tenant
    /// has; [`Conflict`](Reason::Conflict) for another key, or an earlier incarnation; [`Key`](Reason::Key) for a key that is not named
    /// after the chain; [`QuotaExceeded`](Reason::QuotaExceeded); [`DiskFull`](Reason::DiskFull) and [`Internal`](Reason::Internal).
    pub fn register(
        &self,
        caller: &Caller,
        chain: &ChainId,
        key: Option<VerifierKey>,
    ) -> Result<ChainEntry, Refusal> {
        need(caller, Scope::Ingest)?;
        let shared = self.shared();
        if shared.is_stopping() {
            return Err(shared::stopping());
        }
        let entry = ChainEntry::new(
            chain.clone(),
            caller.tenant.clone(),
            key,
            shared.clock.utc(),
            &*caller.credential,
        );
        let one_at_a_time = shared.registering.lock();
        if let Some(kept) = shared.chain(chain) {
            return same(&kept.entry, &entry);
        }
        self.may_register(caller, &entry)?;
        let kept = shared
            .catalogue
            .register(&entry)
            .map_err(|error| shared.storage_failed(chain, &error))?;
        let chain = shared.add(kept);
        drop(one_at_a_time);
        let registered = same(&chain.entry, &entry)?;
        shared.meta.registered(&registered);
        Ok(registered)
    }

    fn may_register(&self, caller: &Caller, entry: &ChainEntry) -> Result<(), Refusal> {
        let shared = self.shared();
        let chain = &entry.chain;
        let settings = shared.settings.of(&caller.tenant);
        if !settings.allows(chain) || *chain.base() == *shared.meta.chain().base() {
            return Err(Refusal::new(
                Reason::Forbidden,
                format!(
                    "the tenant may not name a chain {chain}; use one of the names that are set aside for it"
                ),
            ));
        }
        if let Some(key) = &entry.verifier_key
            && key.name() != chain.as_str()
        {
            return Err(Refusal::new(
                Reason::Key,
                format!(
                    "the key is named {:?}, and a log key is named by its chain, {chain}",
                    key.name()
                ),
            ));
        }
        if let Some(other) = self.sibling(chain) {
            if other.entry.tenant != caller.tenant {
                return Err(taken(chain));
            }
            if other.id().incarnation() > chain.incarnation() {
                return Err(Refusal::new(
                    Reason::Conflict,
                    format!(
                        "{} is registered, and no earlier incarnation can be after it",
                        other.id()
                    ),
                ));
            }
        }
        let has = shared
            .tenant(&caller.tenant)
            .figures
            .chains
            .load(Ordering::Relaxed);
        match settings.max_chains {
            Some(most) if has >= most => Err(Refusal::new(
                Reason::QuotaExceeded,
                format!("the tenant has {has} chains and may have {most}"),
            )),
            _ => Ok(()),
        }
    }

    /// The latest incarnation of the same log that is registered.
    fn sibling(&self, chain: &ChainId) -> Option<Arc<Chain>> {
        let chains = self.shared().chains.read();
        let of_log = chains
            .values()
            .filter(|other| other.id().base() == chain.base());
        of_log.max_by_key(|other| other.id().incarnation()).cloned()
    }

    /// The last durable record of a chain, which a producer goes on from; `None` before the first.
    ///
    /// # Errors
    /// [`NotFound`](Reason::NotFound), [`Forbidden`](Reason::Forbidden) without [`Scope::Ingest`], [`Scope::Read`] or
    /// [`Scope::Verify`], and when the chain cannot be opened.
    pub async fn head(&self, caller: &Caller, chain: &ChainId) -> Result<Option<Head>, Refusal> {
        let allowed = [Scope::Ingest, Scope::Read, Scope::Verify, Scope::Admin];
        if !allowed.iter().any(|scope| caller.scopes.contains(*scope)) {
            return Err(forbidden("may not see the heads of chains"));
        }
        let chain = self.find(caller, chain)?;
        if let Ok(durable) = chain.durable() {
            return Ok(durable);
        }
        let (reply, answer) = oneshot::channel();
        let worker = chain.worker;
        self.shared().give(worker, Job::Open(chain, reply))?;
        answer.await.unwrap_or_else(|_| Err(shared::stopping()))
    }

    /// Begins to take records of a chain.
    ///
    /// # Errors
    /// [`NotFound`](Reason::NotFound) for a chain that is not registered by this tenant, [`Forbidden`](Reason::Forbidden) without
    /// [`Scope::Ingest`], [`Stopping`](Reason::Stopping).
    pub fn upload(&self, caller: &Caller, chain: &ChainId) -> Result<Upload, Refusal> {
        need(caller, Scope::Ingest)?;
        let shared = self.shared();
        if shared.is_stopping() {
            return Err(shared::stopping());
        }
        let chain = shared
            .chain(chain)
            .filter(|found| found.entry.tenant == caller.tenant)
            .ok_or_else(|| not_found(chain))?;
        Ok(Upload::new(Arc::clone(shared), chain))
    }

    /// The chains that the caller may see, sorted by id; with [`Scope::Admin`] those of every tenant.
    ///
    /// # Errors
    /// [`Forbidden`](Reason::Forbidden) without a scope that may.
    pub fn chains(&self, caller: &Caller) -> Result<Vec<ChainStatus>, Refusal> {
        may_look(caller)?;
        let chains = self.shared().chains.read();
        let seen = chains.values().filter(|chain| sees(caller, &chain.entry));
        Ok(seen.map(|chain| status(chain)).collect())
    }

    /// One chain.
    ///
    /// # Errors
    /// As [`chains`](Self::chains), and [`NotFound`](Reason::NotFound).
    pub fn chain(&self, caller: &Caller, chain: &ChainId) -> Result<ChainStatus, Refusal> {
        may_look(caller)?;
        self.find(caller, chain).map(|chain| status(&chain))
    }

    /// The directory of a chain, which is a log of the audit specification and may be read at any time. `anchor.json` in it is the head
    /// that is kept, with the cosigned checkpoint. The collector's own chain is there for [`Scope::Admin`].
    ///
    /// # Errors
    /// As [`chain`](Self::chain).
    pub fn log_dir(&self, caller: &Caller, chain: &ChainId) -> Result<PathBuf, Refusal> {
        may_look(caller)?;
        let shared = self.shared();
        if caller.scopes.contains(Scope::Admin) && *chain == *shared.meta.chain() {
            return Ok(shared.data.meta());
        }
        let chain = self.find(caller, chain)?;
        Ok(shared.storage.directory(&chain.entry))
    }

    /// Seals that records of a chain were read or exported; coalesced. Reading the collector's own chain is not recorded.
    pub fn note_access(&self, caller: &Caller, chain: &ChainId, action: AccessAction) {
        self.shared().meta.access(caller, chain, action);
    }

    /// The collector's own chain.
    #[must_use]
    pub fn meta_chain(&self) -> &ChainId {
        self.shared().meta.chain()
    }

    /// The last durable head of the collector's own chain that was computed; `None` before the first.
    #[must_use]
    pub fn meta_head(&self) -> Option<Head> {
        self.shared().meta.log().head()
    }

    /// The key that checkpoints are cosigned with, as the policies of verifiers name it.
    #[must_use]
    pub fn witness_key(&self) -> Option<VerifierKey> {
        let witness = self.shared().witness.as_ref()?;
        witness.verifier_key().map(VerifierKey::as_cosigner)
    }

    /// The registry that shows the collector's figures.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// What became of a tenant's records since the start.
    #[must_use]
    pub fn records(&self, tenant: &TenantName) -> RecordCounts {
        self.shared().figures.tenant(tenant).read()
    }

    /// The checks that say whether the collector does its work, for `/readyz`.
    #[must_use]
    pub fn health_checks(&self) -> Vec<Registration> {
        health::checks(self.shared())
    }

    /// Lets go now what retention allows. Records that went, of all chains.
    ///
    /// # Errors
    /// The first chain's that could not; the others were asked all the same.
    pub async fn apply_retention(&self) -> Result<u64, Refusal> {
        let mut all = Ok(0);
        for answer in housekeeping::prune_all(self.shared()) {
            let one = answer.await.unwrap_or_else(|_| Err(shared::stopping()));
            all = match (all, one) {
                (Ok(sum), Ok(count)) => Ok(sum + count),
                (Err(first), _) | (Ok(_), Err(first)) => Err(first),
            };
        }
        all
    }

    /// Takes nothing more, makes durable and answers what was taken, keeps the heads and closes the meta-chain. After `patience` it stops
    /// where it is: what was acknowledged is durable in any case. A second call reports again.
    ///
    /// Blocks for as long as it takes.
    pub fn stop(&self, patience: Duration) -> StopReport {
        let until = Instant::now() + patience;
        let shared = self.shared();
        let first = !shared.stopping.swap(true, Ordering::AcqRel);
        if first {
            for worker in &shared.workers {
                // A worker that has ended has nothing left to do.
                worker.send(Job::Stop).ok();
            }
        }
        let mut threads = self.inner.threads.lock();
        let drained = ended(&mut threads.workers, until) && ended(&mut threads.io, until);
        if let Some(indexing) = threads.indexing.take() {
            indexing.stop();
        }
        if let Some((stop, thread)) = threads.housekeeper.take() {
            drop(stop);
            ended(&mut vec![thread], until);
        }
        shared.heads.advance();
        let kept = shared.heads.is_idle();
        let left = until.saturating_duration_since(Instant::now());
        let sealed = if first {
            shared
                .meta
                .close(drained, left.max(Duration::from_millis(100)))
        } else {
            true
        };
        StopReport {
            finished: drained && kept && sealed,
            records: self.all_records(),
            left_in_flight: shared.figures.in_flight.load(Ordering::Relaxed),
        }
    }

    fn all_records(&self) -> RecordCounts {
        let tenants = self.shared().figures.tenants.lock();
        tenants
            .values()
            .fold(RecordCounts::default(), |sum, figures| {
                let one = figures.read();
                RecordCounts {
                    offered: sum.offered + one.offered,
                    stored: sum.stored + one.stored,
                    rejected: sum.rejected + one.rejected,
                    dropped: sum.dropped + one.dropped,
                    known: sum.known + one.known,
                }
            })
    }

    fn find(&self, caller: &Caller, chain: &ChainId) -> Result<Arc<Chain>, Refusal> {
        self.shared()
            .chain(chain)
            .filter(|found| sees(caller, &found.entry))
            .ok_or_else(|| not_found(chain))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        for worker in &self.shared.workers {
            worker.send(Job::Stop).ok();
        }
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector")
            .field("data", &self.shared().root())
            .finish_non_exhaustive()
    }
}

/// Waits for threads to end, and joins those that did. Whether all did, and none of them panicked.
fn ended(threads: &mut Vec<JoinHandle<()>>, until: Instant) -> bool {
    let mut well = true;
    for thread in threads.drain(..) {
        while !thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        well &= thread.is_finished() && thread.join().is_ok();
    }
    well
}

fn status(chain: &Chain) -> ChainStatus {
    ChainStatus {
        entry: chain.entry.clone(),
        durable: chain.durable().ok().flatten(),
    }
}

fn sees(caller: &Caller, entry: &ChainEntry) -> bool {
    entry.tenant == caller.tenant || caller.scopes.contains(Scope::Admin)
}

fn may_look(caller: &Caller) -> Result<(), Refusal> {
    let allowed = [Scope::Read, Scope::Verify, Scope::Admin];
    if allowed.iter().any(|scope| caller.scopes.contains(*scope)) {
        return Ok(());
    }
    Err(forbidden("may not read chains"))
}

fn need(caller: &Caller, scope: Scope) -> Result<(), Refusal> {
    if caller.scopes.contains(scope) {
        return Ok(());
    }
    Err(Refusal::new(
        Reason::Forbidden,
        format!("the credential has not the scope {}", scope.name()),
    ))
}

fn forbidden(what: &str) -> Refusal {
    Refusal::new(Reason::Forbidden, format!("the credential {what}"))
}

fn not_found(chain: &ChainId) -> Refusal {
    Refusal::new(
        Reason::NotFound,
        format!("there is no chain {chain} of this tenant; its producer registers it first"),
    )
}

fn taken(chain: &ChainId) -> Refusal {
    Refusal::new(
        Reason::Forbidden,
        format!("the name of {chain} belongs to another tenant; use another one"),
    )
}

/// The registration that is kept, where it is the one that was asked for.
fn same(kept: &ChainEntry, asked: &ChainEntry) -> Result<ChainEntry, Refusal> {
    if kept.agrees_with(asked) {
        return Ok(kept.clone());
    }
    if kept.tenant != asked.tenant {
        return Err(taken(&asked.chain));
    }
    Err(Refusal::new(
        Reason::Conflict,
        format!(
            "{} is registered with another key; a chain keeps its key, so go on as its next incarnation",
            asked.chain
        ),
    ))
}

//! What the calls of the service come to: values put, materialized, looked at and verified.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use counterfoil::tower::{ErrorCode, Mutation};
use counterfoil::{Clock, Digest, InContext, Observer, Ticks};
use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::blocking::blocking;
use crate::cache::Cache;
use crate::errors::{
    ADDRESS_UNKNOWN, BUSY, FUNCTION_UNKNOWN, INPUT_MISSING, INTERNAL, LEAF_TOO_LARGE, TOO_DEEP,
};
use crate::flights::Flights;
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::materialize::Session;
use crate::metrics::{Metrics, Verdict};
use crate::store::{Node, Store};
use crate::{CAddr, Functions, Recipe};

/// How long nothing more is said of evictions.
const QUIET: Duration = Duration::from_secs(60);

/// How many changes are made at the same time. Many share a sync of the audit log.
const CHANGES: u32 = 128;

/// Everything that calls share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine(pub(crate) Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) cache: Cache,
    pub(crate) functions: Functions,
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) flights: Flights,
    /// One permit for each function that may run.
    pub(crate) running: Arc<Semaphore>,
    pub(crate) clock: Arc<dyn Clock>,
    /// One permit for each change that may be under way.
    changing: Arc<Semaphore>,
    ledger: Ledger,
    started: Ticks,
    /// When it was last said that the cache is under pressure, in nanoseconds of the clock.
    warned: AtomicU64,
}

/// What putting something came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Put {
    pub(crate) address: CAddr,
    pub(crate) created: bool,
}

/// What a verification found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verification {
    pub(crate) expected: Digest,
    pub(crate) actual: Digest,
}

impl Verification {
    pub(crate) fn passed(&self) -> bool {
        self.expected == self.actual
    }
}

impl Engine {
    /// An engine over the store in `data`, which records into `observer`.
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub fn open(
        data: &std::path::Path,
        observer: &Observer,
        functions: Functions,
        limits: Limits,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        std::fs::create_dir_all(data)?;
        let metrics = Arc::new(Metrics::new(observer.registry(), functions.names()));
        let file = data.join("store.sqlite");
        let store = Store::open(&file, Arc::clone(&metrics))
            .map_err(|error| format!("cannot open the store in {}: {error}", file.display()))?;
        let clock = Arc::clone(observer.clock());
        Ok(Self(Arc::new(Shared {
            cache: Cache::new(limits.cache_bytes, Arc::clone(&metrics)),
            flights: Flights::default(),
            running: Arc::new(Semaphore::new(limits.parallel_functions.max(1))),
            changing: Arc::new(Semaphore::new(CHANGES as usize)),
            ledger: Ledger::new(observer.clone())?,
            started: clock.ticks(),
            warned: AtomicU64::new(0),
            store,
            functions,
            limits,
            metrics,
            clock,
        })))
    }

    /// Keeps a leaf. What is new is sealed before it is stored, so that nothing is in the store of which the chain knows nothing.
    pub(crate) async fn put_leaf(&self, data: Bytes) -> Result<Put, ErrorCode> {
        let shared = &self.0;
        if data.len() > shared.limits.leaf_bytes {
            return Err(LEAF_TOO_LARGE);
        }
        let store = shared.store.clone();
        let bytes = data.clone();
        // A large leaf takes milliseconds to hash.
        let (address, is_there) = blocking(move || {
            let address = CAddr::of_leaf(&bytes);
            Ok((address, store.find(address)?.is_some()))
        })
        .await?;
        if is_there {
            return Ok(Put {
                address,
                created: false,
            });
        }
        let size = data.len() as u64;
        let mutation = Mutation::new("leaf.put");
        let shared = Arc::clone(shared);
        let change = async move {
            mutation
                .record(shared.ledger.leaf_put(address, size))
                .await?;
            let store = shared.store.clone();
            mutation
                .apply(blocking(move || store.put_leaf(address, &data)))
                .await
        };
        let created = self.to_its_end(change).await?;
        Ok(Put { address, created })
    }

    /// Keeps a recipe, whose function and inputs have to be there.
    pub(crate) async fn put_recipe(&self, recipe: Recipe) -> Result<Put, ErrorCode> {
        let shared = &self.0;
        shared.limits.check(&recipe)?;
        if shared.functions.get(&recipe.function).is_none() {
            return Err(FUNCTION_UNKNOWN);
        }
        let address = CAddr::of_recipe(&recipe);
        if self.find(address).await?.is_some() {
            return Ok(Put {
                address,
                created: false,
            });
        }
        let mutation = Mutation::new("recipe.put");
        let depth = mutation.resolve(self.depth_of(&recipe)).await?;
        let shared = Arc::clone(shared);
        let change = async move {
            mutation
                .record(shared.ledger.recipe_put(address, &recipe))
                .await?;
            let (store, started) = (shared.store.clone(), shared.clock.ticks());
            let created = mutation
                .apply(blocking(move || store.put_recipe(address, &recipe, depth)))
                .await?;
            shared
                .metrics
                .dag_insert_duration
                .record_duration(shared.since(started));
            Ok(created)
        };
        let created = self.to_its_end(change).await?;
        Ok(Put { address, created })
    }

    /// Makes a change in a task of its own: a caller who goes away does not part what was sealed from what is stored.
    async fn to_its_end<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, ErrorCode>> + Send + 'static,
    ) -> Result<T, ErrorCode> {
        let changing = Arc::clone(&self.0.changing);
        let permit = changing.acquire_owned().await.map_err(|_closed| BUSY)?;
        let change = async move {
            let _permit = permit;
            change.await
        };
        let task = tokio::spawn(change.in_current_span().in_current_context());
        // The panic itself was logged by the hook of `init`. It can have come before the seal or after it.
        task.await.unwrap_or(Err(INTERNAL))
    }

    /// Waits until every change that is under way has been made, also those whose callers are gone.
    pub async fn settled(&self) {
        let _all = self.0.changing.acquire_many(CHANGES).await;
    }

    /// How deep a recipe is, if its inputs are there.
    async fn depth_of(&self, recipe: &Recipe) -> Result<u32, ErrorCode> {
        let (shared, inputs) = (Arc::clone(&self.0), recipe.inputs.clone());
        blocking(move || {
            let mut depth = 0;
            for input in inputs {
                let node = shared.store.find(input)?.ok_or_else(|| {
                    tracing::debug!(input = %input, "an input of a recipe is not there");
                    INPUT_MISSING
                })?;
                depth = depth.max(node.depth());
            }
            let depth = depth + 1;
            if depth > shared.limits.depth {
                Err(TOO_DEEP)
            } else {
                Ok(depth)
            }
        })
        .await
    }

    /// The value of an address.
    pub(crate) async fn get(&self, address: CAddr) -> Result<Bytes, ErrorCode> {
        Session::new(Arc::clone(&self.0), address).value().await
    }

    /// What goes by an address, and whether its value is in the cache.
    pub(crate) async fn resolve(&self, address: CAddr) -> Result<(Node, bool), ErrorCode> {
        let node = self.find(address).await?.ok_or(ADDRESS_UNKNOWN)?;
        Ok((node, self.0.cache.has(address)))
    }

    /// Computes the value of an address again, or reads it again, and compares.
    pub(crate) async fn verify(&self, address: CAddr) -> Result<Verification, ErrorCode> {
        Session::new(Arc::clone(&self.0), address).verify().await
    }

    async fn find(&self, address: CAddr) -> Result<Option<Node>, ErrorCode> {
        let store = self.0.store.clone();
        blocking(move || store.find(address)).await
    }

    /// Since when it runs.
    pub(crate) fn uptime(&self) -> Duration {
        self.0.since(self.0.started)
    }
}

impl Shared {
    pub(crate) fn since(&self, started: Ticks) -> Duration {
        Duration::from_nanos(self.clock.ticks().0.saturating_sub(started.0))
    }

    /// Counts a comparison; seals it and says so when the two differ.
    pub(crate) async fn judge(
        &self,
        address: CAddr,
        function: &str,
        found: Verification,
    ) -> Result<(), ErrorCode> {
        let Verification { expected, actual } = found;
        if found.passed() {
            self.metrics.verified(Verdict::Pass);
            tracing::debug!("verified");
            return Ok(());
        }
        self.metrics.verified(Verdict::Fail);
        tracing::error!(addr = %address, function, %expected, %actual, "determinism violation");
        self.ledger
            .violation(address, function, expected, actual)
            .await
    }

    /// Keeps a value, and says when others have to go for it.
    pub(crate) fn keep(&self, address: CAddr, value: &Bytes) {
        let span = tracing::info_span!(
            "cache_put",
            bytes = value.len(),
            evicted = tracing::field::Empty
        );
        let _entered = span.enter();
        let evicted = self.cache.put(address, value.clone());
        if evicted == 0 {
            return;
        }
        span.record("evicted", evicted);
        let (now, quiet) = (self.clock.ticks().0, QUIET.as_nanos() as u64);
        let warned = self.warned.load(Relaxed);
        let due = warned == 0 || now.saturating_sub(warned) > quiet;
        if due
            && self
                .warned
                .compare_exchange(warned, now, Relaxed, Relaxed)
                .is_ok()
        {
            tracing::warn!(
                evicted,
                "the cache is full and evicts; nothing more is said of it for a minute"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_that_panics_claims_neither_that_it_was_made_nor_that_it_was_not() {
        let data = tempfile::tempdir().unwrap();
        let observer = crate::observer(data.path()).unwrap();
        let functions = Functions::standard();
        let engine = Engine::open(data.path(), &observer, functions, Limits::default()).unwrap();
        let panics = async { panic!("after the seal") };
        assert_eq!(engine.to_its_end::<()>(panics).await, Err(INTERNAL));
    }
}

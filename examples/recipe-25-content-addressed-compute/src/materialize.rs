//! From an address to its value: look it up, resolve what it needs, materialize the inputs in parallel, compute, keep.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use counterfoil::tower::{ErrorCode, InFlight};
use counterfoil::{Digest, InContext};
use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::address::sha256;
use crate::blocking::{blocking, blocking_or};
use crate::engine::{Shared, Verification};
use crate::errors::{
    COMPUTE_FAILED, COMPUTE_REFUSED, FUNCTION_UNKNOWN, GRAPH_INCOMPLETE, GRAPH_TOO_LARGE, INTERNAL,
    NOT_DETERMINISTIC, OUTPUT_TOO_LARGE, STORE_CORRUPT, mark,
};
use crate::flights::Flight;
use crate::limits::SLOW;
use crate::metrics::{Lookup, Materialized};
use crate::plan::Plan;
use crate::store::{Node, StoredRecipe};
use crate::{CAddr, Recipe};

/// The work on one call. Each node of the graph is computed once at most, whatever the cache has no room for.
#[derive(Debug)]
pub(crate) struct Session {
    shared: Arc<Shared>,
    root: CAddr,
    plan: OnceCell<Plan>,
    /// What this call has a part in, kept until it ends.
    flights: Mutex<HashMap<CAddr, Flight>>,
    /// Bytes of the values that this call has made.
    held: AtomicUsize,
    /// What failed first. The root needs every node, so the whole call fails with it and nothing is tried on another path.
    failed: OnceLock<ErrorCode>,
}

/// What a function gave.
struct Computed {
    value: Bytes,
    digest: Digest,
}

/// What a violation names instead of a function when it is a leaf that was changed.
const LEAF: &str = "leaf";

type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

/// Why an address was not materialized.
#[derive(Clone, Copy, Debug)]
enum Failure {
    /// Whoever asks for it fails with it.
    OfNode(ErrorCode),
    /// The next call may come further.
    OfCall(ErrorCode),
}

impl Failure {
    const fn code(self) -> ErrorCode {
        match self {
            Self::OfNode(code) | Self::OfCall(code) => code,
        }
    }

    /// What a function refuses, and gives too much of, it does for every call.
    fn of_compute(code: ErrorCode) -> Self {
        if code == COMPUTE_REFUSED || code == OUTPUT_TOO_LARGE {
            Self::OfNode(code)
        } else {
            Self::OfCall(code)
        }
    }
}

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        Self::OfCall(code)
    }
}

impl From<Failure> for ErrorCode {
    fn from(failure: Failure) -> Self {
        failure.code()
    }
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>, root: CAddr) -> Arc<Self> {
        Arc::new(Self {
            shared,
            root,
            plan: OnceCell::new(),
            flights: Mutex::default(),
            held: AtomicUsize::new(0),
            failed: OnceLock::new(),
        })
    }

    /// The value of the root.
    pub(crate) async fn value(self: Arc<Self>) -> Result<Bytes, ErrorCode> {
        let (root, shared) = (self.root, Arc::clone(&self.shared));
        let started = shared.clock.ticks();
        let value = self.materialize(root).await?;
        let duration_ms = shared.since(started).as_secs_f64() * 1e3;
        tracing::info!(bytes = value.len(), duration_ms, "materialized");
        Ok(value)
    }

    /// Computes the root again, past the cache, and compares with what it came to the first time. A leaf is read again and compared
    /// with its address.
    pub(crate) async fn verify(self: Arc<Self>) -> Result<Verification, ErrorCode> {
        let (root, shared) = (self.root, Arc::clone(&self.shared));
        let (function, found) = match self.plan().await?.node(root)? {
            Node::Leaf { .. } => (LEAF, self.check_leaf(root).await?.1),
            Node::Recipe(stored) => {
                let inputs = self.inputs(&stored.recipe).await?;
                let expected = match stored.output {
                    Some(output) => output,
                    None => {
                        let first = self.compute(&stored.recipe, inputs.clone()).await?;
                        self.first_output(root, first.digest).await?
                    }
                };
                let actual = self.compute(&stored.recipe, inputs).await?.digest;
                (&*stored.recipe.function, Verification { expected, actual })
            }
        };
        shared.judge(root, function, found).await?;
        Ok(found)
    }

    /// The value of an address, in a span and counted.
    fn materialize(self: Arc<Self>, address: CAddr) -> Boxed<Bytes> {
        let span = tracing::info_span!(
            "materialize",
            addr = %address,
            result = Empty,
            error_code = Empty,
            otel.status_code = Empty,
        );
        let work = async move {
            let metrics = &self.shared.metrics;
            let _active = InFlight::enter(&metrics.materialize_active);
            let started = self.shared.clock.ticks();
            let outcome = self.find_or_produce(address).await;
            let elapsed = self.shared.since(started);
            metrics.materialize_duration.record_duration(elapsed);
            let result = match &outcome {
                Ok((result, _)) => *result,
                Err(failure) => {
                    mark(&Span::current(), failure.code());
                    Materialized::Error
                }
            };
            metrics.materialize.at(result).increment();
            Span::current().record("result", result.as_str());
            outcome.map(|(_, value)| value)
        };
        Box::pin(work.instrument(span))
    }

    async fn find_or_produce(
        self: &Arc<Self>,
        address: CAddr,
    ) -> Result<(Materialized, Bytes), Failure> {
        if let Some(value) = self.look_up(address) {
            return Ok((Materialized::Hit, value));
        }
        let flight = self.flight(address);
        let produced = flight
            .get_or_try_init(|| self.try_to_produce(address))
            .await?;
        match produced {
            Ok(value) => Ok((Materialized::Miss, value.clone())),
            Err(code) => Err(Failure::OfNode(*code)),
        }
    }

    fn look_up(&self, address: CAddr) -> Option<Bytes> {
        let span = tracing::info_span!("cache_lookup", result = Empty);
        let _entered = span.enter();
        let found = self.shared.cache.get(address);
        let result = if found.is_some() {
            Lookup::Hit
        } else {
            Lookup::Miss
        };
        span.record("result", result.as_str());
        tracing::debug!(addr = %address, result = result.as_str(), "looked up in the cache");
        found
    }

    /// This call's part in the work on an address.
    fn flight(&self, address: CAddr) -> Flight {
        let mut flights = self.flights.lock();
        let flight = flights
            .entry(address)
            .or_insert_with(|| self.shared.flights.join(address));
        Arc::clone(flight)
    }

    /// Produces what others may share, unless this call has failed already.
    async fn try_to_produce(
        self: &Arc<Self>,
        address: CAddr,
    ) -> Result<Result<Bytes, ErrorCode>, ErrorCode> {
        if let Some(code) = self.failed.get() {
            return Err(*code);
        }
        match self.produce(address).await {
            Ok(value) => Ok(Ok(value)),
            Err(Failure::OfNode(code)) => Ok(Err(code)),
            Err(Failure::OfCall(code)) => Err(*self.failed.get_or_init(|| code)),
        }
    }

    /// Reads or computes a value and keeps it.
    async fn produce(self: &Arc<Self>, address: CAddr) -> Result<Bytes, Failure> {
        let value = match self.plan().await?.node(address)? {
            Node::Leaf { .. } => self.read_leaf(address).await?,
            Node::Recipe(stored) => {
                let inputs = self.inputs(&stored.recipe).await?;
                let computed = self.compute(&stored.recipe, inputs).await;
                let computed = computed.map_err(Failure::of_compute)?;
                self.expect(address, stored, computed.digest).await?;
                computed.value
            }
        };
        let held = self.held.fetch_add(value.len(), Relaxed) + value.len();
        if held > self.shared.limits.call_bytes {
            return Err(GRAPH_TOO_LARGE.into());
        }
        self.shared.keep(address, &value);
        Ok(value)
    }

    /// The graph below the root, read once.
    async fn plan(&self) -> Result<&Plan, ErrorCode> {
        self.plan
            .get_or_try_init(|| {
                let span = tracing::info_span!("dag_resolve", nodes = Empty, depth = Empty);
                let (shared, root) = (Arc::clone(&self.shared), self.root);
                blocking(move || {
                    let plan = Plan::resolve(&shared.store, root, &shared.limits)?;
                    let depth = plan.depth();
                    tracing::record_all!(Span::current(), nodes = plan.len(), depth = depth);
                    tracing::debug!(nodes = plan.len(), depth, "resolved the graph");
                    shared.metrics.materialize_depth.record(depth.into());
                    Ok(plan)
                })
                .instrument(span)
            })
            .await
    }

    /// The bytes of a leaf, if they are still those that its address stands for.
    async fn read_leaf(&self, address: CAddr) -> Result<Bytes, ErrorCode> {
        let (data, found) = self.check_leaf(address).await?;
        if found.passed() {
            return Ok(data);
        }
        self.shared.judge(address, LEAF, found).await?;
        Err(STORE_CORRUPT)
    }

    /// The bytes of a leaf as they are in the store, held against its address.
    async fn check_leaf(&self, address: CAddr) -> Result<(Bytes, Verification), ErrorCode> {
        let store = self.shared.store.clone();
        blocking(move || {
            let data = store.leaf(address)?.ok_or(GRAPH_INCOMPLETE)?;
            let (expected, actual) = (address.digest(), CAddr::of_leaf(&data).digest());
            Ok((data, Verification { expected, actual }))
        })
        .await
    }

    /// The values of a recipe's inputs in their order, so many at the same time.
    async fn inputs(self: &Arc<Self>, recipe: &Recipe) -> Result<Vec<Bytes>, Failure> {
        let mut values = vec![Bytes::new(); recipe.inputs.len()];
        let mut waiting = recipe.inputs.iter().copied().enumerate();
        // Dropped with whatever runs when an input fails or the caller goes away.
        let mut running = JoinSet::new();
        loop {
            while running.len() < self.shared.limits.parallel_inputs.max(1)
                && let Some((at, input)) = waiting.next()
            {
                let materialized = Arc::clone(self).materialize(input);
                running.spawn(async move { (at, materialized.await) }.in_current_context());
            }
            match running.join_next().await {
                None => return Ok(values),
                Some(Ok((at, value))) => values[at] = value?,
                Some(Err(_panicked)) => return Err(INTERNAL.into()),
            }
        }
    }

    /// Runs the function of a recipe, as soon as no more than so many run.
    async fn compute(&self, recipe: &Recipe, inputs: Vec<Bytes>) -> Result<Computed, ErrorCode> {
        let shared = &self.shared;
        let input_bytes: usize = inputs.iter().map(Bytes::len).sum();
        if input_bytes > shared.limits.call_bytes {
            return Err(GRAPH_TOO_LARGE);
        }
        let span = tracing::info_span!(
            "compute",
            function = recipe.function,
            input_bytes,
            output_bytes = Empty,
        );
        let function = shared.functions.get(&recipe.function);
        let function = Arc::clone(function.ok_or(FUNCTION_UNKNOWN)?);
        let parameters = recipe.parameters.clone();
        let running = Arc::clone(&shared.running);
        let permit = running.acquire_owned().await.map_err(|_closed| INTERNAL)?;
        let around = Arc::clone(shared);
        let work = move || {
            // Kept until the function has ended, also when nobody waits for it any more.
            let _permit = permit;
            let started = around.clock.ticks();
            let value = function(&inputs, &parameters).map_err(|why| {
                tracing::info!(why, "the function refused");
                COMPUTE_REFUSED
            })?;
            let elapsed = around.since(started);
            if value.len() > around.limits.output_bytes {
                return Err(OUTPUT_TOO_LARGE);
            }
            let digest = sha256(&value);
            Ok((Computed { value, digest }, elapsed))
        };
        async {
            let (computed, elapsed) = blocking_or(COMPUTE_FAILED, work).await?;
            let output_bytes = computed.value.len();
            Span::current().record("output_bytes", output_bytes);
            let (input, output) = (input_bytes as u64, output_bytes as u64);
            shared
                .metrics
                .computed(&recipe.function, elapsed, input, output);
            let ms = elapsed.as_secs_f64() * 1e3;
            if elapsed > SLOW {
                tracing::warn!(duration_ms = ms, "slow compute");
            }
            tracing::debug!(duration_ms = ms, output_bytes, "computed");
            Ok(computed)
        }
        .instrument(span)
        .await
    }

    /// Holds a value against what the recipe came to before; an address stands for one value.
    async fn expect(
        &self,
        address: CAddr,
        stored: &StoredRecipe,
        actual: Digest,
    ) -> Result<(), ErrorCode> {
        let expected = match stored.output {
            Some(output) => output,
            None => {
                let first = self.first_output(address, actual).await?;
                if first == actual {
                    return Ok(());
                }
                first
            }
        };
        let found = Verification { expected, actual };
        let function = &stored.recipe.function;
        self.shared.judge(address, function, found).await?;
        if found.passed() {
            Ok(())
        } else {
            Err(NOT_DETERMINISTIC)
        }
    }

    async fn first_output(&self, address: CAddr, output: Digest) -> Result<Digest, ErrorCode> {
        let store = self.shared.store.clone();
        blocking(move || store.first_output(address, output)).await
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let addresses: Vec<_> = self.flights.get_mut().drain().map(|(it, _)| it).collect();
        self.shared.flights.leave(addresses);
    }
}

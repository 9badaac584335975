//! The API: what is routed where, and the layers around it.

mod allocations;
mod authorize;
mod billing;
mod emit;
mod extract;
mod idempotency;
mod me;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use counterfoil::health::Health;
use counterfoil::init::Draining;
use counterfoil::tower::axum::matched_path;
use counterfoil::tower::{Producer, ServerLayer};
use counterfoil::trace::HeadSampler;
use counterfoil::{IdSource, Observer, RandomIds};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::audit::AuditTrail;
use crate::errors::{METHOD_NOT_ALLOWED, NOT_FOUND};
use crate::keys;
use crate::limits::{Concurrency, LONGEST, in_time, not_too_many};
use crate::metrics::ApiMetrics;
use crate::ops::{self, Ops};
use crate::relay::Relay;
use crate::store::{Store, members};
pub(crate) use authorize::in_name_of;
use billing::BillingSecret;

/// The largest body that is taken, in bytes.
const MOST_BYTES: usize = 64 * 1024;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// What the API is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens; port 0 has the system choose one.
    pub listen: SocketAddr,
    /// The database that it shares with the worker.
    pub database: PathBuf,
    /// The file of API keys.
    pub keys: PathBuf,
    /// The file with the secret that the billing provider signs webhooks with.
    pub billing_secret: PathBuf,
    /// The credit that a new tenant begins with, in cents.
    pub opening_credit: i64,
    /// Which traces are recorded: as [`Guard::head_sampler`](counterfoil::init::Guard::head_sampler) says.
    pub sampler: HeadSampler,
}

/// The API, listening.
pub struct Api {
    listener: TcpListener,
    platform: Platform,
    observer: Observer,
    sampler: HeadSampler,
}

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Platform {
    pub(crate) store: Store,
    pub(crate) audit: AuditTrail,
    pub(crate) metrics: Arc<ApiMetrics>,
    /// Whoever writes into the outbox is the producer of its events.
    outbox: Producer,
    /// Tells the relay that there is something in the outbox.
    pub(crate) emitted: Arc<Notify>,
    pub(crate) ops: Ops,
    ids: Arc<dyn IdSource>,
    billing: Arc<BillingSecret>,
}

impl Api {
    /// Opens the database, takes over the keys, and listens. Nothing is answered before [`serve`](Self::serve). The overview of
    /// operations shows how the checks of `health` stand.
    ///
    /// # Errors
    /// When a file cannot be read, the database cannot be opened, or the address is taken.
    pub async fn bind(settings: &Settings, observer: Observer, health: Health) -> Outcome<Self> {
        let keys = keys::read(&settings.keys)?;
        let billing = BillingSecret::read(&settings.billing_secret)?;
        let store = Store::open(&settings.database, Arc::clone(observer.clock()))?;
        let credit = settings.opening_credit;
        store
            .bookkeeping(move |connection| members::take_over(connection, &keys, credit))
            .await
            .map_err(|failure| failure.code())?;
        let listener = TcpListener::bind(settings.listen).await.map_err(|error| {
            format!(
                "cannot listen at {}: {error}; choose another --listen",
                settings.listen
            )
        })?;
        let registry = observer.registry();
        let platform = Platform {
            audit: AuditTrail::new(observer.clone())?,
            metrics: Arc::new(ApiMetrics::new(registry)),
            outbox: Producer::new(registry, "sqlite", "outbox"),
            emitted: Arc::default(),
            ops: Ops::new(&observer, health),
            ids: Arc::new(RandomIds),
            billing: Arc::new(billing),
            store,
        };
        Ok(Self {
            listener,
            platform,
            observer,
            sampler: settings.sampler,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers, and moves events from the outbox to the queue, until draining begins; then finishes what is under way.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self, draining: &Draining) -> std::io::Result<()> {
        let registry = self.observer.registry();
        let sampler = self.sampler;
        let observed = ServerLayer::builder(registry)
            .routes(matched_path)
            .sampled(move |trace| sampler.samples(trace))
            .http();
        let relay = tokio::spawn(Relay::new(&self.platform, registry).run());
        let watch = tokio::spawn(self.platform.ops.clone().watch());
        let router = router(self.platform.clone(), observed);
        let server = axum::serve(self.listener, router).with_graceful_shutdown(draining.begun());
        let served = draining.within(LONGEST, server).await.transpose();
        // What is still in the outbox stays there for the next start.
        relay.abort();
        watch.abort();
        served.map(drop)
    }
}

/// The routes. The layer is outermost, so that whatever is refused further in is still in its trace and counted.
fn router(platform: Platform, observed: ServerLayer) -> Router {
    let members = Router::new()
        .route(
            "/v1/allocations",
            post(allocations::create).get(allocations::list),
        )
        .route(
            "/v1/allocations/{id}",
            get(allocations::show).delete(allocations::release),
        )
        .route("/v1/me", get(me::show))
        .route(ops::OVERVIEW, get(ops::overview))
        .layer(from_fn_with_state(platform.clone(), authorize::authorize));
    Router::new()
        .merge(members)
        .route("/v1/webhooks/billing", post(billing::receive))
        .fallback(async || NOT_FOUND)
        .method_not_allowed_fallback(async || METHOD_NOT_ALLOWED)
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(from_fn(in_time))
        .layer(from_fn_with_state(Concurrency::default(), not_too_many))
        .layer(observed)
        .with_state(platform)
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

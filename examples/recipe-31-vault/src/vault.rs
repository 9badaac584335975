//! A vault: its parts put together, listening.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use counterfoil::health::Health;
use counterfoil::metrics::Observed;
use counterfoil::tower::Producer;
use http::Uri;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::alerts::Alerts;
use crate::checks;
use crate::keeper::Keeper;
use crate::metrics::Metrics;
use crate::network::Counted;
use crate::peer::Peer;
use crate::principals::{Principals, read_peer_key};
use crate::replication::Replication;
use crate::service::{self, Kinds, Service};
use crate::state::State;
use crate::store::Store;
use crate::telemetry::Telemetry;

/// What a vault is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens; port 0 has the system choose one.
    pub listen: SocketAddr,
    /// Where it keeps its data.
    pub data: PathBuf,
    /// The file of principals and keys.
    pub keys: PathBuf,
    /// The most that its objects may hold, in bytes.
    pub capacity: u64,
    /// Whether it takes no objects.
    pub read_only: bool,
    /// The peer, where there is one.
    pub peer: Option<PeerSettings>,
    /// How often it stores a snapshot of its metrics.
    pub snapshots: Duration,
}

/// The vault that gets replicas.
#[derive(Clone, Debug)]
pub struct PeerSettings {
    /// Where it is.
    pub url: Uri,
    /// The file of the key that it knows this vault by.
    pub key: PathBuf,
    /// How often it is asked whether it is there.
    pub interval: Duration,
}

/// A vault, listening.
pub struct Vault {
    listener: TcpListener,
    service: Service,
    alerts: Arc<Mutex<Alerts>>,
    peer: Option<(Peer, Duration)>,
    snapshots: Duration,
    _observed: Observed,
}

impl Vault {
    /// Opens the store, takes over the keys, registers health checks, and listens. Nothing is answered before
    /// [`serve`](Self::serve).
    ///
    /// # Errors
    /// When a file cannot be read, the store cannot be opened, or the address is taken.
    pub async fn bind(
        settings: &Settings,
        telemetry: &Telemetry,
        health: &Health,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let observer = telemetry.observer.clone();
        let (registry, clock) = (observer.registry().clone(), Arc::clone(observer.clock()));
        let metrics = Arc::new(Metrics::new(&registry));
        let principals = Principals::read(&settings.keys, &telemetry.pseudonyms, &metrics)?;
        let (capacity, read_only) = (settings.capacity, settings.read_only);
        let store = Store::open(&settings.data, capacity, read_only, Arc::clone(&clock))?;
        let firing = store.firing_now();
        let firing = firing.map_err(|error| format!("cannot read alerts in the index: {error}"))?;
        let state = Arc::new(State::new(clock, settings.peer.is_some()));
        let alerts = Arc::new(Mutex::new(Alerts::restored(firing)));
        for check in checks::all(&store, &state, &principals, &alerts) {
            health.register(check)?;
        }
        let peer = match &settings.peer {
            Some(peer) => {
                let key = read_peer_key(&peer.key)?;
                Some((Peer::new(&peer.url, &key, &registry)?, peer.interval))
            }
            None => None,
        };
        let listen = settings.listen;
        let listener = TcpListener::bind(listen).await.map_err(|error| {
            format!("cannot listen at {listen}: {error}; choose another --listen")
        })?;
        let observed = state.observe(&registry);
        let replication = peer
            .as_ref()
            .map(|_| Producer::new(&registry, "sqlite", "replication"));
        let service = Service {
            store,
            metrics,
            state,
            principals,
            replication,
            observer,
            put: Arc::new(Notify::new()),
            health: health.clone(),
            places: Arc::default(),
            kinds: Arc::new(Kinds::new()?),
        };
        Ok(Self {
            listener,
            service,
            alerts,
            peer,
            snapshots: settings.snapshots,
            _observed: observed,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers, replicates and looks after itself until `stop`; then finishes what is under way.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        self,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let service = self.service;
        let (mut keeper, end) = (JoinSet::new(), Arc::new(Notify::new()));
        keeper.spawn(
            Keeper {
                store: service.store.clone(),
                state: Arc::clone(&service.state),
                metrics: Arc::clone(&service.metrics),
                observer: service.observer.clone(),
                alerts: self.alerts,
                health: service.health.clone(),
                snapshots: self.snapshots,
                end: Arc::clone(&end),
            }
            .run(),
        );
        // Dropped at the end, which aborts it: what waits for the peer is in the index.
        let mut beside = JoinSet::new();
        if let Some((peer, interval)) = self.peer {
            let replication = Replication {
                store: service.store.clone(),
                peer,
                state: Arc::clone(&service.state),
                metrics: Arc::clone(&service.metrics),
                observer: service.observer.clone(),
                kind: service.kinds.set_aside.clone(),
                put: Arc::clone(&service.put),
                interval,
            };
            beside.spawn(replication.run(service.observer.registry().clone()));
        }
        let listener = Counted::new(self.listener, Arc::clone(&service.metrics));
        axum::serve(listener, service::router(service))
            .with_graceful_shutdown(stop)
            .await?;
        end.notify_one();
        keeper.join_next().await;
        Ok(())
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

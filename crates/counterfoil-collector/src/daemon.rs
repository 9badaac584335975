//! The daemon: a configuration, brought to life around the routes of a collector.

mod intake;
mod reload;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use counterfoil::health::Health;
use counterfoil::{Clock, Observer};
use parking_lot::RwLock;

use crate::auth::Authority;
use crate::config::Config;
use crate::limits::TenantLimits;
use crate::routes::{
    authenticated, closed, counted, ingest, limited, operator_pages, probes, read,
};
use crate::server::{Drained, Server, Tls};
use crate::{Collector, Error, openapi};

pub use reload::{Reloaded, Reloader};

/// A collector's way in, listening and ready to [`serve`](Self::serve).
pub struct Daemon {
    server: Server,
    config: Arc<RwLock<Config>>,
    authority: Arc<Authority>,
    tls: Option<Arc<Tls>>,
    limits: Arc<TenantLimits>,
    clock: Arc<dyn Clock>,
}

impl Daemon {
    /// Reads the files that `config` names, and listens. Within a tokio runtime.
    ///
    /// # Errors
    /// [`InvalidConfig`](crate::ErrorKind::InvalidConfig), [`Credential`](crate::ErrorKind::Credential),
    /// [`Bind`](crate::ErrorKind::Bind): what is wrong, where, and what to do.
    pub fn bind(config: Config, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let (authority, tls) = Self::check(&config, &clock)?;
        let server = Server::bind(
            config.listen.address,
            config.limits.server(),
            tls.as_ref().map(Arc::clone),
        )?;
        let config = Arc::new(RwLock::new(config));
        let rates = Arc::clone(&config);
        let limits = TenantLimits::new(Arc::clone(&clock), move |tenant| {
            rates.read().tenant(tenant).rates()
        });
        Ok(Self {
            server,
            config,
            authority: Arc::new(authority),
            tls,
            limits: Arc::new(limits),
            clock,
        })
    }

    /// Whether the settings fit each other and the files that `config` names can be used; gives what they hold.
    ///
    /// # Errors
    /// As [`bind`](Self::bind), which listens as well.
    pub fn check(
        config: &Config,
        clock: &Arc<dyn Clock>,
    ) -> Result<(Authority, Option<Arc<Tls>>), Error> {
        config.check()?;
        let authority = match &config.auth {
            Some(auth) => Authority::guarded(auth.files(), auth.attempts(), Arc::clone(clock))?,
            None => Authority::open()?,
        };
        let tls = match &config.tls {
            Some(tls) => Some(Arc::new(Tls::open(tls.files())?)),
            None => None,
        };
        Ok((authority, tls))
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Where it listens, as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/", self.address())
    }

    /// What reads files anew while it serves; `path` is the file of the configuration.
    #[must_use]
    pub fn reloader(&self, path: PathBuf) -> Reloader {
        Reloader::new(
            path,
            Arc::clone(&self.config),
            Arc::clone(&self.authority),
            self.tls.as_ref().map(Arc::clone),
            Arc::clone(&self.limits),
        )
    }

    /// Answers for `collector` until `stop` completes and what is under way has ended, or the time for that is over. Who has a
    /// credential reaches the collector within the limits of its tenant, with the scope `admin` the pages for operators; probes and
    /// the description of the interface are open to everybody.
    pub async fn serve(
        self,
        collector: &Collector,
        health: &Health,
        observer: &Observer,
        stop: impl Future<Output = ()>,
    ) -> Drained {
        let bodies = self.config.read().limits.body();
        let api =
            ingest(collector.clone(), bodies).merge(read::routes(Arc::new(collector.clone())));
        let api = limited(api, self.limits, bodies)
            .layer(counterfoil::tower::axum::layer(observer.registry()));
        let registry = observer.registry().clone();
        let observer = observer.clone();
        let pages = operator_pages(health, move || observer.snapshot());
        let router = authenticated(api.merge(pages), self.authority)
            .merge(probes(health))
            .merge(openapi::routes());
        let router = counted(closed(router), &registry);
        self.server.serve(router, stop).await
    }
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Daemon")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

//! The daemon: a configuration, brought to life around the routes of a collector.

mod reload;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use counterfoil::health::Health;
use counterfoil::{Clock, Observer};
use parking_lot::RwLock;

use crate::Error;
use crate::auth::Authority;
use crate::config::Config;
use crate::limits::TenantLimits;
use crate::routes::{authenticated, closed, limited, operator_pages, probes};
use crate::server::{Drained, Server, Tls};

pub use reload::{Reloaded, Reloader};

/// A collector's way in, listening and ready to [`serve`](Self::serve).
pub struct Daemon {
    server: Server,
    config: Arc<RwLock<Config>>,
    authority: Arc<Authority>,
    tls: Option<Arc<Tls>>,
    limits: Arc<TenantLimits>,
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
        let limits = TenantLimits::new(clock, move |tenant| rates.read().tenant(tenant).rates());
        Ok(Self {
            server,
            config,
            authority: Arc::new(authority),
            tls,
            limits: Arc::new(limits),
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

    /// Answers until `stop` completes and what is under way has ended, or the time for that is over. `api` is what callers with a
    /// credential reach within the limits of their tenant; probes are open to everybody, pages for operators to the scope `admin`.
    pub async fn serve(
        self,
        api: Router,
        health: &Health,
        observer: &Observer,
        stop: impl Future<Output = ()>,
    ) -> Drained {
        let bodies = self.config.read().limits.body();
        let observer_of_pages = observer.clone();
        let pages = operator_pages(health, move || observer_of_pages.snapshot());
        let api = limited(api, self.limits, bodies)
            .layer(counterfoil::tower::axum::layer(observer.registry()));
        let router = authenticated(api.merge(pages), self.authority).merge(probes(health));
        self.server.serve(closed(router), stop).await
    }
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Daemon")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

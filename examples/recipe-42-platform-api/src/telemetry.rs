//! The three layers of a process of the platform, and how they are started.

use std::path::Path;
use std::sync::Arc;

use counterfoil::Observer;
use counterfoil::anchor::FileAnchorStore;
use counterfoil::audit::AuditLog;
use counterfoil::init::{Args, Config};

/// A process of the platform: what it is called, and where its metrics are unless told otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    service: &'static str,
    metrics_port: u16,
}

impl Process {
    /// The API.
    pub const API: Self = Self::new("platform-api", 9442);
    /// The worker.
    pub const WORKER: Self = Self::new("platform-worker", 9443);
    /// The web front.
    pub const WEB: Self = Self::new("platform-web", 9444);

    const fn new(service: &'static str, metrics_port: u16) -> Self {
        Self {
            service,
            metrics_port,
        }
    }

    /// What `init` is told: the name of the service, that its events go to `observer`, and what environment and arguments say.
    ///
    /// # Errors
    /// When a variable of the environment is wrong; the message names it.
    pub fn config(self, observer: &Observer, args: &Args) -> Result<Config, counterfoil::Error> {
        Ok(Config::new(self.service, env!("CARGO_PKG_VERSION"))
            .observer(observer.clone())
            .metrics_port(self.metrics_port)
            .drain_on_signals(true)
            // The listener is on loopback: whoever is on this host may follow a request through the ring.
            .events_page(true)
            .env()?
            .args(args))
    }

    /// An observer with a metrics registry, a ring and an audit log of this process's own in `data`.
    ///
    /// # Errors
    /// When the audit log cannot be opened: another process has it, or it was changed.
    pub fn observer(self, data: &Path) -> Result<Observer, Box<dyn std::error::Error>> {
        std::fs::create_dir_all(data)
            .map_err(|error| format!("cannot make the directory {}: {error}", data.display()))?;
        // In earnest the anchor is kept where this host cannot change it: see the guide on anchor stores.
        let anchors = FileAnchorStore::load_or_unanchored(data.join("anchor.json"))?;
        let origin = format!("audit.example.com/{}", self.service);
        let log = AuditLog::builder(data.join("audit"), &origin)
            .anchor_store(Arc::new(anchors))
            .open()?;
        Ok(Observer::builder().audit(log).build()?)
    }
}

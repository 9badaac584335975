//! The three layers, and how they are started.

use std::path::Path;
use std::sync::Arc;

use counterfoil::Observer;
use counterfoil::anchor::FileAnchorStore;
use counterfoil::audit::AuditLog;
use counterfoil::init::Config;

/// An observer with a metrics registry, a ring and an audit log in `data`.
///
/// # Errors
/// When the audit log cannot be opened: another process has it, or it was changed.
pub fn observer(data: &Path) -> Result<Observer, Box<dyn std::error::Error>> {
    std::fs::create_dir_all(data)?;
    // In earnest the anchor is kept where this host cannot change it: see the guide on anchor stores.
    let anchors = FileAnchorStore::load_or_unanchored(data.join("anchor.json"))?;
    let log = AuditLog::builder(data.join("audit"), "audit.example.com/leases")
        .anchor_store(Arc::new(anchors))
        .open()?;
    Ok(Observer::builder().audit(log).build()?)
}

/// What `init` is told: this service's name, that its events go to `observer`, and whatever the environment says.
///
/// # Errors
/// When a variable of the environment is wrong; the message names it.
pub fn config(observer: &Observer) -> Result<Config, counterfoil::Error> {
    Config::new("lease-desk", env!("CARGO_PKG_VERSION"))
        .observer(observer.clone())
        .drain_on_signals(true)
        .env()
}

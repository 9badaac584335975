//! The three layers, and how they are started.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use counterfoil::Observer;
use counterfoil::anchor::FileAnchorStore;
use counterfoil::audit::AuditLog;
use counterfoil::health::{Figure, Outcome, Registration, blocking};
use counterfoil::init::Config;

use crate::engine::Engine;
use crate::metrics::bytes;

/// An observer with a metrics registry, a ring and an audit log in `data`.
///
/// # Errors
/// When the audit log cannot be opened: another process has it, or it was changed.
pub fn observer(data: &Path) -> Result<Observer, Box<dyn Error>> {
    std::fs::create_dir_all(data)
        .map_err(|error| format!("cannot make the directory {}: {error}", data.display()))?;
    // In earnest the anchor is kept where this host cannot change it: see the guide on anchor stores.
    let anchors = FileAnchorStore::load_or_unanchored(data.join("anchor.json"))?;
    let log = AuditLog::builder(data.join("audit"), "audit.example.com/deriva")
        .anchor_store(Arc::new(anchors))
        .open()?;
    Ok(Observer::builder().audit(log).build()?)
}

/// What `init` is told: name and port of this server, where its events go, its health checks, and whatever the environment says.
///
/// # Errors
/// When a variable of the environment is wrong; the message names it.
pub fn config(observer: &Observer, engine: &Engine) -> Result<Config, counterfoil::Error> {
    Config::new("deriva-server", env!("CARGO_PKG_VERSION"))
        .observer(observer.clone())
        .metrics_port(9425)
        .events_page(true)
        .drain_on_signals(true)
        .check(store(engine))
        .check(cache(engine))
        .env()
}

fn store(engine: &Engine) -> Registration {
    let engine = engine.clone();
    let look = move || {
        let store = &engine.0.store;
        store.probe().map(|()| {
            let counts = store.counts();
            Outcome::healthy()
                .with(Figure::new(
                    "dag_recipes",
                    bytes(counts.recipes),
                    "{recipe}",
                ))
                .with(Figure::new("leaves", bytes(counts.leaves), "{leaf}"))
                .with(Figure::new("blob_bytes", bytes(counts.blob_bytes), "By"))
        })
    };
    Registration::new("store", blocking(look)).interval(Duration::from_secs(5))
}

fn cache(engine: &Engine) -> Registration {
    let engine = engine.clone();
    let look = move || {
        let (entries, size) = engine.0.cache.size();
        let uptime = engine.uptime().as_secs_f64();
        Outcome::healthy()
            .with(Figure::new("cache_entries", bytes(entries), "{entry}"))
            .with(Figure::new("cache_bytes", bytes(size), "By"))
            .with(Figure::new("uptime_seconds", uptime, "s"))
    };
    Registration::new("cache", blocking(look)).interval(Duration::from_secs(5))
}

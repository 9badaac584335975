//! /metrics and /health.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use counterfoil::Observer;
use counterfoil::prometheus::{Reply, ScrapeServer};

use super::health::Health;
use super::workload::Floor;
use crate::failure::{Exit, Failure, chain};

/// The server. It listens before there is anything to show, so that a taken port is known before anything is written.
#[derive(Debug)]
pub(crate) struct Served {
    server: ScrapeServer,
    shown: Arc<OnceLock<Shown>>,
}

#[derive(Debug)]
struct Shown {
    observer: Observer,
    floor: Arc<Floor>,
    since: Instant,
}

impl Served {
    pub(crate) fn start(address: SocketAddr) -> Result<Self, Failure> {
        let shown: Arc<OnceLock<Shown>> = Arc::default();
        let (metrics, health) = (Arc::clone(&shown), Arc::clone(&shown));
        let server = ScrapeServer::builder(move || {
            metrics
                .get()
                .map(|shown| shown.observer.snapshot())
                .unwrap_or_default()
        })
        .route("/health", move || {
            health.get().map_or_else(starting, answer)
        })
        .start(address)
        // The error's own sentence ends with what to choose instead.
        .map_err(|error| Failure::usage(format!("{error} with --metrics-addr")))?;
        Ok(Self { server, shown })
    }

    /// From now on there is something to show.
    pub(crate) fn show(&self, observer: Observer, floor: Arc<Floor>) {
        // Shown once, by the only caller.
        let _already = self.shown.set(Shown {
            observer,
            floor,
            since: Instant::now(),
        });
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) fn stop(self) -> Result<(), Failure> {
        self.server
            .stop()
            .map_err(|error| Failure::new(Exit::Contradiction, chain(&error)))
    }
}

fn starting() -> Reply {
    Reply::json(r#"{"schema":"counterfoil.demo.health","version":1,"status":"starting"}"#)
        .unavailable()
}

fn answer(shown: &Shown) -> Reply {
    let health = Health::read(&shown.observer, shown.floor.manager.active(), shown.since);
    match serde_json::to_string(&health) {
        Ok(text) if health.is_ok() => Reply::json(text),
        Ok(text) => Reply::json(text).unavailable(),
        Err(error) => {
            Reply::text(format!("the figures cannot be written as JSON: {error}\n")).unavailable()
        }
    }
}

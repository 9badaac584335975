//! What `/health` answers.

use std::time::{Duration, Instant};

use counterfoil::Observer;
use serde::Serialize;

/// After so long without an anchor, while records come, something is wrong.
const STALE: Duration = Duration::from_secs(30);

/// The document `counterfoil.demo.health`.
#[derive(Debug, Serialize)]
pub(crate) struct Health {
    schema: &'static str,
    version: u32,
    /// `ok`, or `degraded` with the reason in `alarm`.
    status: &'static str,
    alarm: Option<String>,
    uptime_seconds: f64,
    leases: usize,
    events: Events,
    audit: Audit,
}

#[derive(Debug, Serialize)]
struct Events {
    offered: u64,
    overwritten: u64,
}

#[derive(Debug, Serialize)]
struct Audit {
    chain: String,
    /// The last record on stable storage.
    seq: u64,
    /// The last record that the anchor vouches for.
    anchored_seq: u64,
    anchor_age_seconds: Option<f64>,
    queued: u64,
    rejected: u64,
    dropped: u64,
}

impl Health {
    pub(crate) fn read(observer: &Observer, leases: usize, begun: Instant) -> Self {
        let log = observer.audit();
        let figures = log
            .map(counterfoil::audit::AuditLog::figures)
            .unwrap_or_default();
        let stale = figures
            .anchor_age
            .filter(|age| *age > STALE && figures.anchored_seq < figures.durable_seq);
        let alarm = figures
            .alarm
            .or_else(|| stale.map(|age| format!("the last anchor is {} s old", age.as_secs())));
        Self {
            schema: "counterfoil.demo.health",
            version: 1,
            status: if alarm.is_none() { "ok" } else { "degraded" },
            alarm,
            uptime_seconds: begun.elapsed().as_secs_f64(),
            leases,
            events: Events {
                offered: observer.events().offered(),
                overwritten: observer.events().overwritten(),
            },
            audit: Audit {
                chain: log.map_or_else(String::new, |log| log.chain().to_string()),
                seq: figures.durable_seq,
                anchored_seq: figures.anchored_seq,
                anchor_age_seconds: figures.anchor_age.map(|age| age.as_secs_f64()),
                queued: figures.queued,
                rejected: figures.rejected,
                dropped: figures.dropped,
            },
        }
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.alarm.is_none()
    }
}

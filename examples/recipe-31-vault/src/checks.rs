//! What there is to check of a vault: storage, network, replication, keys, whether it takes objects, and its alerts.

use std::sync::Arc;
use std::time::Duration;

use counterfoil::health::{Figure, Outcome, Registration, Scope, blocking, from_fn};
use parking_lot::Mutex;

use crate::alerts::Alerts;
use crate::principals::Principals;
use crate::state::{PeerState, State};
use crate::store::Store;

/// How often they are called.
const INTERVAL: Duration = Duration::from_secs(2);
/// From which share on the storage is degraded; the alerts have the same limit.
const NEARLY_FULL: f64 = 0.80;
/// From which lag on the replication is degraded; the alert has the same limit.
const LATE: Duration = Duration::from_secs(300);

/// The checks. Readiness depends on storage, keys, and on taking objects at all; the others are shown.
pub(crate) fn all(
    store: &Store,
    state: &Arc<State>,
    principals: &Principals,
    alerts: &Arc<Mutex<Alerts>>,
) -> Vec<Registration> {
    let of_storage = store.clone();
    let read_only = store.is_read_only();
    let known = principals.len();
    let mut checks = vec![
        Registration::new("storage", blocking(move || storage(&of_storage))),
        Registration::new("keys", from_fn(move || async move { keys(known) })),
        Registration::new(
            "writable",
            from_fn(move || async move { writable(read_only) }),
        ),
    ];
    if state.has_peer {
        let (of_network, of_replication) = (Arc::clone(state), Arc::clone(state));
        let network = from_fn(move || {
            let outcome = network(&of_network);
            async { outcome }
        });
        let replication = from_fn(move || {
            let outcome = replication(&of_replication);
            async { outcome }
        });
        checks.push(shown("network", network));
        checks.push(shown("replication", replication));
    }
    let of_alerts = Arc::clone(alerts);
    let firing = from_fn(move || {
        let outcome = firing(&of_alerts.lock());
        async { outcome }
    });
    checks.push(shown("alerts", firing));
    let often = checks.into_iter().map(|check| check.interval(INTERVAL));
    often.collect()
}

fn shown(name: &str, check: impl counterfoil::health::Check) -> Registration {
    Registration::new(name, check)
        .scope(Scope::Shown)
        .degrading()
}

fn storage(store: &Store) -> Outcome {
    let figures = match store.figures_now() {
        Ok(figures) => figures,
        Err(failure) => {
            failure.log();
            return Outcome::unhealthy("the index cannot be read; the log says why");
        }
    };
    let used = figures.utilization();
    let outcome = if used > NEARLY_FULL {
        Outcome::degraded("it is nearly full; raise --capacity or let objects expire")
    } else {
        Outcome::healthy()
    };
    outcome
        .with(Figure::new("used", figures.used as f64, "By"))
        .with(Figure::new("available", figures.available() as f64, "By"))
        .with(Figure::new("percent", used * 100.0, "%"))
}

fn keys(known: usize) -> Outcome {
    // There is at least one, or the vault would not have started.
    Outcome::healthy().with(Figure::new("principals", known as f64, "{principal}"))
}

fn writable(read_only: bool) -> Outcome {
    if read_only {
        return Outcome::unhealthy("it was started with --read-only and takes no objects");
    }
    Outcome::healthy()
}

fn network(state: &State) -> Outcome {
    let peers = |count| Figure::new("peers", count, "{peer}");
    match state.peer() {
        None => Outcome::unknown("the peer was not asked yet"),
        Some(PeerState::Connected(took)) => Outcome::healthy().with(peers(1.0)).with(Figure::new(
            "latency",
            took.as_secs_f64(),
            "s",
        )),
        Some(PeerState::Disconnected(code)) => {
            Outcome::unhealthy(format!("the peer does not answer: {code}")).with(peers(0.0))
        }
    }
}

fn replication(state: &State) -> Outcome {
    let Some(figures) = state.figures() else {
        return Outcome::unknown("nobody has looked yet");
    };
    let outcome = if figures.set_aside > 0 {
        Outcome::degraded("objects cannot be given to the peer; the audit log says which and why")
    } else if figures.lag > LATE {
        Outcome::degraded("the peer lacks objects that are older than 5 minutes")
    } else {
        Outcome::healthy()
    };
    outcome
        .with(Figure::new("lag", figures.lag.as_secs_f64(), "s"))
        .with(Figure::new("pending", figures.pending as f64, "{object}"))
        .with(Figure::new(
            "set aside",
            figures.set_aside as f64,
            "{object}",
        ))
}

fn firing(alerts: &Alerts) -> Outcome {
    let messages: Vec<_> = alerts
        .firing()
        .map(|rule| format!("{}: {}", rule.name, rule.message))
        .collect();
    let count = Figure::new("firing", messages.len() as f64, "{alert}");
    if messages.is_empty() {
        return Outcome::healthy().with(count);
    }
    Outcome::degraded(messages.join("; ")).with(count)
}

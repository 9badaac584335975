//! How the vault stands: read every second, shown as gauges, and asked by the health checks.

use std::sync::Arc;
use std::time::Duration;

use counterfoil::Clock;
use counterfoil::metrics::{Observed, Registry};
use counterfoil::names::GaugeDef;
use parking_lot::Mutex;

use crate::errors_rate::ErrorRate;
use crate::metrics::{
    ERRORS_RATE, NETWORK_PEERS, REPLICATION_LAG, REPLICATION_PENDING, REPLICATION_SET_ASIDE,
    SOUP_INDEX_SIZE, STORAGE_AVAILABLE, STORAGE_OBJECTS, STORAGE_USED, STORAGE_UTILIZATION,
};
use crate::store::Figures;

/// What was found when somebody looked last. What was never looked at is `None`, and shown by no gauge.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) errors: ErrorRate,
    pub(crate) has_peer: bool,
    figures: Mutex<Option<Figures>>,
    peer: Mutex<Option<PeerState>>,
}

/// Gauges and what they show.
pub(crate) type Readings = Vec<(GaugeDef, f64)>;

/// How the peer answered when it was last asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PeerState {
    /// After so long.
    Connected(Duration),
    /// Not, because of this.
    Disconnected(&'static str),
}

impl State {
    pub(crate) fn new(clock: Arc<dyn Clock>, has_peer: bool) -> Self {
        Self {
            clock,
            errors: ErrorRate::default(),
            has_peer,
            figures: Mutex::default(),
            peer: Mutex::default(),
        }
    }

    pub(crate) fn set_figures(&self, figures: Figures) {
        *self.figures.lock() = Some(figures);
    }

    pub(crate) fn figures(&self) -> Option<Figures> {
        *self.figures.lock()
    }

    /// Remembers how the peer answered; what it was before.
    pub(crate) fn set_peer(&self, peer: PeerState) -> Option<PeerState> {
        self.peer.lock().replace(peer)
    }

    pub(crate) fn peer(&self) -> Option<PeerState> {
        self.peer.lock().clone()
    }

    /// Whether everything was looked at once.
    pub(crate) fn is_known(&self) -> bool {
        self.figures().is_some() && (!self.has_peer || self.peer().is_some())
    }

    /// What the gauges show now. Alerts are evaluated from the same, so that looking at it is not a snapshot of all metrics.
    pub(crate) fn gauges(&self) -> Readings {
        let mut gauges = vec![(ERRORS_RATE, self.errors.get(self.clock.ticks()))];
        if let Some(peer) = self.peer() {
            let connected = matches!(peer, PeerState::Connected(_));
            gauges.push((NETWORK_PEERS, f64::from(u8::from(connected))));
        }
        let Some(figures) = self.figures() else {
            return gauges;
        };
        gauges.extend([
            (STORAGE_USED, figures.used as f64),
            (STORAGE_AVAILABLE, figures.available() as f64),
            (STORAGE_UTILIZATION, figures.utilization()),
            (STORAGE_OBJECTS, figures.objects as f64),
            (SOUP_INDEX_SIZE, figures.index_bytes as f64),
        ]);
        if self.has_peer {
            gauges.extend([
                (REPLICATION_LAG, figures.lag.as_secs_f64()),
                (REPLICATION_PENDING, figures.pending as f64),
                (REPLICATION_SET_ASIDE, figures.set_aside as f64),
            ]);
        }
        gauges
    }

    /// Has every snapshot of `registry` show them.
    pub(crate) fn observe(self: &Arc<Self>, registry: &Registry) -> Observed {
        let state = Arc::clone(self);
        registry.observe(move |out| {
            for (gauge, value) in state.gauges() {
                out.gauge(&gauge, &[], value);
            }
        })
    }
}

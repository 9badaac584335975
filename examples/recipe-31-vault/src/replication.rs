//! Gives the peer what it does not have, the oldest first, in the trace of whoever put it.

use std::sync::Arc;
use std::time::Duration;

use counterfoil::metrics::Registry;
use counterfoil::tower::{Consumer, Message};
use counterfoil::{Name, Observer, WorkloadIdentity};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::errors::{Failure, STORAGE, UNKNOWN_OBJECT};
use crate::metrics::{Attempt, Metrics};
use crate::peer::Peer;
use crate::state::{PeerState, State};
use crate::store::{Pending, Store, stored};
use crate::telemetry::TENANT;

/// Objects that are given at once.
const AT_ONCE: u32 = 8;
/// The pause after the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Runs until it is aborted, which it may be at any moment: what waits is in the index.
pub(crate) struct Replication {
    pub(crate) store: Store,
    pub(crate) peer: Peer,
    pub(crate) state: Arc<State>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) observer: Observer,
    /// Told when an object begins to wait.
    pub(crate) put: Arc<Notify>,
    /// How often the peer is asked whether it is there.
    pub(crate) interval: Duration,
}

impl Replication {
    pub(crate) async fn run(self, registry: Registry) {
        let queue = Consumer::new(&registry, "sqlite", "replication");
        let this = Arc::new(self);
        let mut failures = 0;
        loop {
            let worked = match this.ask().await {
                Ok(()) => this.give_all(&queue).await,
                Err(failure) => Err(failure),
            };
            // Once it was told that the peer is gone, the log is not told again.
            match worked {
                Ok(()) => failures = 0,
                Err(failure) if failures == 0 => {
                    failure.log();
                    failures = 1;
                }
                Err(_) => failures += 1,
            }
            let pause = if failures == 0 {
                this.interval
            } else {
                pause_after(failures)
            };
            tokio::select! {
                () = this.put.notified(), if failures == 0 => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Asks the peer whether it is there, and notes when that changes.
    async fn ask(&self) -> Result<(), Failure> {
        let before = self.state.clock.ticks().0;
        let answered = self.peer.ping().await;
        let took = Duration::from_nanos(self.state.clock.ticks().0.saturating_sub(before));
        let now = match &answered {
            Ok(()) => PeerState::Connected(took),
            Err(failure) => PeerState::Disconnected(failure.code().as_str()),
        };
        let is_connected = answered.is_ok();
        let was = self.state.set_peer(now);
        let was_connected = was.map(|it| matches!(it, PeerState::Connected(_)));
        self.note(was_connected, is_connected);
        answered
    }

    /// The three layers hear of a peer that went or came: counted, in the ring, and sealed.
    fn note(&self, was: Option<bool>, is: bool) {
        let context = counterfoil::Context::new(WorkloadIdentity::tenant_only(TENANT));
        let peer = Name::new("peer");
        match (was, is) {
            (Some(true) | None, false) => {
                let reason = Name::new("unreachable");
                self.observer.disconnected(&context, &peer, &reason);
            }
            (Some(false), true) => {
                self.observer.reconnected(&context, &peer);
            }
            _ => {}
        }
    }

    async fn give_all(self: &Arc<Self>, queue: &Consumer) -> Result<(), Failure> {
        loop {
            let waiting = self.store.pending(AT_ONCE).await?;
            if waiting.is_empty() {
                return Ok(());
            }
            let mut under_way = JoinSet::new();
            for pending in waiting {
                under_way.spawn(Arc::clone(self).process(queue.clone(), pending));
            }
            let mut given = Ok(());
            while let Some(ended) = under_way.join_next().await {
                let ended = ended.unwrap_or_else(|error| Err(Failure::because(STORAGE, error)));
                given = given.and(ended);
            }
            given?;
        }
    }

    /// Gives an object in the trace and the request of whoever put it.
    async fn process(self: Arc<Self>, queue: Consumer, pending: Pending) -> Result<(), Failure> {
        let message = Message::from_headers(&pending.headers).event_type("object.put");
        let identity = WorkloadIdentity::tenant_only(TENANT);
        let given = queue
            .process_for(identity, message, self.give(&pending))
            .await;
        let attempt = if given.is_ok() {
            Attempt::Ok
        } else {
            Attempt::Error
        };
        self.metrics.replications.at(attempt).increment();
        given
    }

    async fn give(&self, pending: &Pending) -> Result<(), Failure> {
        let address = pending.address;
        let read = async {
            let entry = self.store.entry(address).await?;
            let entry = entry.ok_or(UNKNOWN_OBJECT)?;
            Ok::<_, Failure>((entry, self.store.get(address).await?))
        };
        match read.await {
            Ok((entry, bytes)) => {
                let about = entry.about(stored(self.store.now()));
                self.peer.give(address, &about, bytes).await?;
                tracing::info!(hash = %address, size = entry.bytes, "object replicated");
            }
            // Its time came before the peer did.
            Err(failure) if failure.code() == UNKNOWN_OBJECT => {}
            Err(failure) => return Err(failure),
        }
        self.store.settle(pending.number).await
    }
}

/// How long to wait after so many failures in a row.
fn pause_after(failures: u32) -> Duration {
    let doubled = failures.saturating_sub(1).min(16);
    (FIRST_PAUSE * 2_u32.pow(doubled)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_half_a_minute() {
        let pauses = [1, 2, 3, 7, 8, 99].map(|failures| pause_after(failures).as_millis());
        assert_eq!(pauses, [250, 500, 1000, 16_000, 30_000, 30_000]);
    }
}

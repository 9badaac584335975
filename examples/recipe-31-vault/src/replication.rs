//! Gives the peer what it does not have, oldest first, in the trace of whoever put it.

use std::sync::Arc;
use std::time::Duration;

use counterfoil::metrics::Registry;
use counterfoil::tower::{Consumer, Message};
use counterfoil::{Name, Observer, WorkloadIdentity};
use tokio::sync::Notify;

use crate::errors::{Failure, UNKNOWN_OBJECT};
use crate::metrics::{Attempt, Metrics};
use crate::peer::Peer;
use crate::state::{PeerState, State};
use crate::store::{Pending, Store, stored};
use crate::telemetry::TENANT;

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
        let mut failures = 0;
        loop {
            let worked = match self.ask().await {
                Ok(()) => self.give_all(&queue).await,
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
                self.interval
            } else {
                pause_after(failures)
            };
            tokio::select! {
                () = self.put.notified(), if failures == 0 => {}
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

    async fn give_all(&self, queue: &Consumer) -> Result<(), Failure> {
        while let Some(pending) = self.store.oldest_pending().await? {
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
            given?;
        }
        Ok(())
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

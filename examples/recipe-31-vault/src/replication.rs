//! Gives the peer what it does not have, the oldest first, in the trace of whoever put it.

use std::sync::Arc;
use std::time::Duration;

use counterfoil::audit::{Object, Outcome};
use counterfoil::metrics::Registry;
use counterfoil::tower::{Consumer, ErrorCode, Message};
use counterfoil::{Current, DomainRecord, ExtensionKind, Name, Observer, WorkloadIdentity};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::address::Address;
use crate::errors::{
    CORRUPT, Failure, NOT_SEALED, PEER_REFUSED_OBJECT, STORAGE, UNKNOWN_OBJECT, UNREADABLE,
};
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
/// For how long an object is set aside the first time; it doubles each further time.
const FIRST_ASIDE: Duration = Duration::from_secs(60);
/// The longest time.
const LONGEST_ASIDE: Duration = Duration::from_secs(3600);

/// Runs until it is aborted, which it may be at any moment: what waits is in the index.
pub(crate) struct Replication {
    pub(crate) store: Store,
    pub(crate) peer: Peer,
    pub(crate) state: Arc<State>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) observer: Observer,
    /// The kind of the record that an object was set aside.
    pub(crate) kind: ExtensionKind,
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
            let mut done = 0;
            let worked = match this.ask().await {
                Ok(()) => this.give_all(&queue, &mut done).await,
                Err(failure) => Err(failure),
            };
            // Once it was told that the peer is gone, the log is not told again.
            failures = match worked {
                Ok(()) => 0,
                Err(failure) if failures == 0 => {
                    failure.log();
                    1
                }
                Err(_) if done > 0 => 1,
                Err(_) => failures + 1,
            };
            let pause = if failures == 0 {
                this.interval
            } else {
                doubled(FIRST_PAUSE, failures - 1, LONGEST_PAUSE)
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

    /// Until nothing is due, or the peer or the store fails; `done` counts what was settled or set aside before.
    async fn give_all(self: &Arc<Self>, queue: &Consumer, done: &mut usize) -> Result<(), Failure> {
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
                *done += usize::from(ended.is_ok());
                given = given.and(ended);
            }
            given?;
        }
    }

    /// Gives an object in the trace and the request of whoever put it. One that fails for a reason of its own is set aside and no
    /// failure of the others; any other failure puts it back, behind them.
    async fn process(self: Arc<Self>, queue: Consumer, pending: Pending) -> Result<(), Failure> {
        let message = Message::from_headers(&pending.headers).event_type("object.put");
        let identity = WorkloadIdentity::tenant_only(TENANT);
        let given = queue
            .process_for(identity, message, self.give_or_set_aside(&pending))
            .await;
        let attempt = if given.is_ok() {
            Attempt::Ok
        } else {
            Attempt::Error
        };
        self.metrics.replications.at(attempt).increment();
        match given {
            Err(failure) if is_of_the_object(failure.code()) => Ok(()),
            Err(failure) => {
                self.store.put_back(&pending).await?;
                Err(failure)
            }
            Ok(()) => Ok(()),
        }
    }

    async fn give_or_set_aside(&self, pending: &Pending) -> Result<(), Failure> {
        let given = self.give(pending).await;
        if let Err(failure) = &given
            && is_of_the_object(failure.code())
        {
            failure.log();
            if pending.set_aside == 0 {
                self.seal(pending.address, failure.code()).await?;
            }
            let time = doubled(FIRST_ASIDE, pending.set_aside, LONGEST_ASIDE);
            self.store.set_aside(pending, time).await?;
        }
        given
    }

    /// Seals that an object was set aside: no log names it.
    async fn seal(&self, address: Address, code: ErrorCode) -> Result<(), Failure> {
        let mut data = Object::new();
        let filled = data
            .insert("address", address.to_string())
            .and_then(|_| data.insert("error_code", code.as_str()));
        filled.map_err(|error| Failure::because(NOT_SEALED, error))?;
        let record = DomainRecord::new(&self.kind, data).outcome(Outcome::Failure);
        let sealed = self.observer.record(&Current, record).durable().await;
        sealed.map_err(|error| Failure::because(NOT_SEALED, error))
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

/// Whether it failed for a reason of the object: the next one may fare better.
fn is_of_the_object(code: ErrorCode) -> bool {
    [CORRUPT, UNREADABLE, PEER_REFUSED_OBJECT].contains(&code)
}

/// A time that was doubled so often, and is `longest` at most.
fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    (first * 2_u32.pow(times.min(16))).min(longest)
}

#[cfg(test)]
mod tests;

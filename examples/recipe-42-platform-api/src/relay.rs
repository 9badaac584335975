//! Moves events from the outbox to the queue, and looks every second at what waits.

use std::sync::Arc;
use std::time::Duration;

use counterfoil::WorkloadIdentity;
use counterfoil::metrics::Registry;
use counterfoil::tower::{Consumer, ErrorCode, Message, Producer};
use parking_lot::Mutex;
use tokio::sync::{Barrier, Notify};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::api::Platform;
use crate::errors::{Failure, INTERNAL};
use crate::metrics::{ApiMetrics, QueueState};
use crate::store::backlog::Backlog;
use crate::store::outbox::{self, Event};
use crate::store::{Store, idempotency, tasks};
use crate::{AllocationState, EventType};

/// Events that are moved before it looks again.
const BATCH: u32 = 64;
/// How often it looks whether or not it was told to.
const INTERVAL: Duration = Duration::from_secs(1);

/// Moves events from the outbox to the queue: each in the trace and the request of the change that it tells about.
pub(crate) struct Relay {
    store: Store,
    metrics: Arc<ApiMetrics>,
    emitted: Arc<Notify>,
    outbox: Consumer,
    queue: Producer,
}

impl Relay {
    pub(crate) fn new(platform: &Platform, registry: &Registry) -> Self {
        Self {
            store: platform.store.clone(),
            metrics: Arc::clone(&platform.metrics),
            emitted: Arc::clone(&platform.emitted),
            outbox: Consumer::new(registry, "sqlite", "outbox"),
            queue: Producer::new(registry, "sqlite", "node_tasks"),
        }
    }

    /// Runs until it is aborted, which it may be at any moment: what was not moved is moved at the next start.
    pub(crate) async fn run(self) {
        let relay = Arc::new(self);
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = relay.emitted.notified() => {}
                _ = ticks.tick() => {
                    if let Err(failure) = relay.look().await {
                        failure.log();
                    }
                }
            }
            if let Err(failure) = relay.move_batch().await {
                failure.log();
            }
        }
    }

    /// Moves a batch of what is there, and comes back at once if there may be more. A batch that cannot be moved keeps its place,
    /// and what is behind it waits, until the next look.
    async fn move_batch(self: &Arc<Self>) -> Result<(), Failure> {
        let read = self
            .store
            .read(|connection| outbox::oldest(connection, BATCH));
        let events = read.await?;
        let full = events.len() == BATCH as usize;
        let batch = Arc::new(Batch::new(events.len()));
        let mut moving = JoinSet::new();
        for event in events {
            let (relay, batch) = (Arc::clone(self), Arc::clone(&batch));
            moving.spawn(async move { relay.forward(event, &batch).await });
        }
        while let Some(moved) = moving.join_next().await {
            moved.map_err(|error| Failure::because(INTERNAL, error))??;
        }
        if full {
            self.emitted.notify_one();
        }
        Ok(())
    }

    async fn forward(&self, event: Event, batch: &Batch) -> Result<(), Failure> {
        let identity = WorkloadIdentity::tenant_only(&event.tenant);
        let message = Message::from_headers(&event.headers)
            .event_type(&event.kind)
            .event_id(&event.id)
            .subject(&event.subject);
        self.outbox
            .process_for(identity, message, self.send(event, batch))
            .await
    }

    async fn send(&self, mut event: Event, batch: &Batch) -> Result<(), Failure> {
        let (created, kind) = (event.at, event.kind.clone());
        let correlation = event
            .headers
            .drain(..)
            .filter(|(key, _)| key == "correlation-id")
            .collect();
        let enqueue = async |headers| {
            event.headers = headers;
            batch.enqueue(&self.store, event).await
        };
        self.queue.send(correlation, enqueue).await?;
        if kind == EventType::AllocationRequested.as_str() {
            let elapsed = self.store.now().since(created);
            self.metrics.create_to_emitted.record_duration(elapsed);
        }
        Ok(())
    }

    /// Shows what waits, and forgets old idempotency keys.
    async fn look(&self) -> Result<(), Failure> {
        let now = self.store.now();
        let read = self
            .store
            .read(move |connection| Backlog::read(connection, now));
        self.show(&read.await?);
        let forget = self
            .store
            .bookkeeping(move |connection| idempotency::forget(connection, now));
        forget.await
    }

    fn show(&self, backlog: &Backlog) {
        let metrics = &self.metrics;
        for (state, count) in AllocationState::ALL.iter().zip(backlog.allocations) {
            metrics.allocations.at(*state).set(count as f64);
        }
        metrics.outbox_depth.set(backlog.outbox.messages as f64);
        metrics.outbox_age.set(backlog.outbox.age.as_secs_f64());
        let queue = [backlog.queue.messages, backlog.in_flight, backlog.dead];
        for (state, count) in QueueState::ALL.iter().zip(queue) {
            metrics.queue_depth.at(*state).set(count as f64);
        }
        metrics.queue_age.set(backlog.queue.age.as_secs_f64());
        metrics.incidents_open.set(backlog.incidents as f64);
    }
}

/// Events that go onto the queue together: each has its spans, and all of them one transaction. One for each would have to wait for
/// its turn among the writers as often as there are events.
struct Batch {
    events: Mutex<Vec<Event>>,
    failed: Mutex<Option<ErrorCode>>,
    complete: Barrier,
    committed: Barrier,
}

impl Batch {
    fn new(events: usize) -> Self {
        Self {
            events: Mutex::default(),
            failed: Mutex::default(),
            complete: Barrier::new(events),
            committed: Barrier::new(events),
        }
    }

    /// Adds an event, waits until all of them are there, and for the transaction, which the last one makes: it puts them on the queue
    /// and takes them out of the outbox. On another broker these are two steps, and a stop between them sends events twice; the queue
    /// knows them by their ids.
    async fn enqueue(&self, store: &Store, event: Event) -> Result<(), Failure> {
        self.events.lock().push(event);
        if self.complete.wait().await.is_leader() {
            let events = std::mem::take(&mut *self.events.lock());
            let now = store.now();
            let moved = store.bookkeeping(move |connection| {
                for event in &events {
                    tasks::enqueue(connection, event, now)?;
                    outbox::remove(connection, &event.id)?;
                }
                Ok(())
            });
            if let Err(failure) = moved.await {
                failure.log();
                *self.failed.lock() = Some(failure.code());
            }
        }
        self.committed.wait().await;
        let failed = *self.failed.lock();
        failed.map_or(Ok(()), |code| Err(code.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use counterfoil::Observer;

    use super::*;

    #[tokio::test]
    async fn a_full_batch_that_cannot_be_moved_is_not_tried_again_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let observer = Observer::builder().build().unwrap();
        let clock = Arc::clone(observer.clock());
        let store = Store::open(&directory.path().join("platform.db"), clock).unwrap();
        let fill = store.bookkeeping(|connection| {
            connection.execute_batch("DROP TABLE node_tasks")?;
            for number in 0..BATCH {
                let sql = "INSERT INTO outbox (id, type, subject, tenant, headers, at)
                    VALUES (?, 'allocation.requested', 'al-1', 'acme', '[]', 0)";
                connection.execute(sql, [number.to_string()])?;
            }
            Ok(())
        });
        fill.await.unwrap();
        let registry = observer.registry();
        let relay = Arc::new(Relay {
            store,
            metrics: Arc::new(ApiMetrics::new(registry)),
            emitted: Arc::default(),
            outbox: Consumer::new(registry, "sqlite", "outbox"),
            queue: Producer::new(registry, "sqlite", "node_tasks"),
        });
        assert!(relay.move_batch().await.is_err());
        let told = pin!(relay.emitted.notified());
        let polled = told.poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
}

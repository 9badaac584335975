//! Moves events from the outbox to the queue, and looks every second at what waits.

use std::sync::Arc;
use std::time::Duration;

use counterfoil::WorkloadIdentity;
use counterfoil::metrics::Registry;
use counterfoil::tower::{Consumer, Message, Producer};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use crate::api::Platform;
use crate::errors::Failure;
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
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.emitted.notified() => {}
                _ = ticks.tick() => {
                    if let Err(failure) = self.look().await {
                        failure.log();
                    }
                }
            }
            if let Err(failure) = self.move_all().await {
                failure.log();
            }
        }
    }

    /// Moves what is there. An event that cannot be moved keeps its place, and those behind it wait.
    async fn move_all(&self) -> Result<(), Failure> {
        loop {
            let read = self
                .store
                .read(|connection| outbox::oldest(connection, BATCH));
            let events = read.await?;
            if events.is_empty() {
                return Ok(());
            }
            for event in events {
                self.forward(event).await?;
            }
        }
    }

    async fn forward(&self, event: Event) -> Result<(), Failure> {
        let identity = WorkloadIdentity::tenant_only(&event.tenant);
        let message = Message::from_headers(&event.headers)
            .event_type(&event.kind)
            .event_id(&event.id)
            .subject(&event.subject);
        self.outbox
            .process_for(identity, message, self.send(event))
            .await
    }

    /// Puts an event on the queue and takes it out of the outbox, in one transaction. On another broker these are two, and a stop
    /// between them sends an event twice: the queue knows it by its id.
    async fn send(&self, mut event: Event) -> Result<(), Failure> {
        let (created, kind) = (event.at, event.kind.clone());
        let correlation = event
            .headers
            .drain(..)
            .filter(|(key, _)| key == "correlation-id")
            .collect();
        let enqueue = async |headers| {
            event.headers = headers;
            let now = self.store.now();
            let moved = self.store.bookkeeping(move |connection| {
                tasks::enqueue(connection, &event, now)?;
                outbox::remove(connection, &event.id)
            });
            moved.await
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

//! The worker: takes messages from the queue, has the nodes do what they ask for, and gives up what fails too often.

mod attempt;
mod dead_letter;
mod housekeeping;
mod nodes;

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use counterfoil::tower::{Consumer, Message};
use counterfoil::{Observer, WorkloadIdentity};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::audit::AuditTrail;
use crate::errors::Failure;
use crate::metrics::WorkerMetrics;
use crate::store::tasks::{self, Task};
use crate::store::{Store, heartbeat};
use nodes::Nodes;

/// How often it looks whether there is something to do.
const INTERVAL: Duration = Duration::from_millis(100);
/// How often it says that it is at work.
const HEARTBEAT: Duration = Duration::from_secs(5);

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// What a worker is started with.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// The database that it shares with the API.
    pub database: PathBuf,
    /// The directory that has one for each node.
    pub nodes: PathBuf,
    /// Messages that are processed at once.
    pub concurrency: usize,
    /// Attempts at a message before it is given up.
    pub attempts: u32,
    /// The pause before the second attempt; each further one is twice as long.
    pub pause: Duration,
    /// How long a message is hidden while somebody is at it.
    pub hidden: Duration,
}

/// Takes messages from the queue. Cheap to clone.
#[derive(Clone)]
pub struct Worker {
    shared: Arc<Shared>,
}

struct Shared {
    settings: WorkerSettings,
    store: Store,
    nodes: Nodes,
    audit: AuditTrail,
    metrics: WorkerMetrics,
    queue: Consumer,
}

impl Worker {
    /// Opens the database and looks at the nodes.
    ///
    /// # Errors
    /// When one of them is not there or is none.
    pub fn new(settings: WorkerSettings, observer: &Observer) -> Outcome<Self> {
        let registry = observer.registry();
        Ok(Self {
            shared: Arc::new(Shared {
                store: Store::open(&settings.database, Arc::clone(observer.clock()))?,
                nodes: Nodes::open(&settings.nodes)?,
                audit: AuditTrail::new(observer.clone())?,
                metrics: WorkerMetrics::new(registry),
                queue: Consumer::new(registry, "sqlite", "node_tasks"),
                settings,
            }),
        })
    }

    /// Works until `stop`, and then finishes what it has begun.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut beats = tokio::time::interval(HEARTBEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut attempts = JoinSet::new();
        let shared = Arc::clone(&self.shared);
        let housekeeping = tokio::spawn(async move { shared.keep_house().await });
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                _ = beats.tick() => self.beat().await,
                Some(ended) = attempts.join_next() => note(ended),
                _ = ticks.tick() => {}
            }
            let room = self
                .shared
                .settings
                .concurrency
                .saturating_sub(attempts.len());
            match self.take(room).await {
                Ok(tasks) => {
                    for task in tasks {
                        attempts.spawn(self.clone().process(task));
                    }
                }
                Err(failure) => failure.log(),
            }
        }
        while let Some(ended) = attempts.join_next().await {
            note(ended);
        }
        housekeeping.abort();
    }

    /// Says that it is at work, here where messages are taken: a worker that takes none any more falls silent.
    async fn beat(&self) {
        let (store, now) = (&self.shared.store, self.shared.store.now());
        let beaten = store.bookkeeping(move |connection| heartbeat::beat(connection, now));
        if let Err(failure) = beaten.await {
            failure.log();
        }
    }

    /// Takes messages that wait, at most as many as there is room for.
    async fn take(&self, room: usize) -> Result<Vec<Task>, Failure> {
        let (store, now) = (&self.shared.store, self.shared.store.now());
        // Most looks find nothing, and those do not get into the way of whoever writes.
        let waiting = store.read(move |connection| tasks::is_any_ready(connection, now));
        if room == 0 || !waiting.await? {
            return Ok(Vec::new());
        }
        let hidden = self.shared.settings.hidden;
        let taken =
            store.bookkeeping(move |connection| tasks::claim(connection, now, hidden, room));
        taken.await
    }

    /// Processes a message, in the trace and the request of whoever caused it and on behalf of its tenant.
    async fn process(self, task: Task) {
        let shared = &self.shared;
        if task.attempts == 1 {
            let waited = shared.store.now().since(task.enqueued_at);
            shared.metrics.queue_wait.record_duration(waited);
        }
        let identity = WorkloadIdentity::tenant_only(&task.tenant);
        let message = Message::from_headers(&task.headers)
            .event_type(&task.kind)
            .event_id(&task.id)
            .subject(&task.subject);
        let processed = shared
            .queue
            .process_for(identity, message, shared.attempt(&task));
        // Why it failed is in the log, the span and the metrics already, and what becomes of the message is decided.
        processed.await.ok();
    }
}

/// A panic is logged where it happens; its message is taken again when it is no longer hidden.
fn note(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "an attempt did not end well");
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// What a worker shares, with nothing in its database yet.
    pub(super) fn shared(directory: &Path) -> Shared {
        let settings = WorkerSettings {
            database: directory.join("platform.db"),
            nodes: directory.join("nodes"),
            concurrency: 1,
            attempts: 1,
            pause: Duration::ZERO,
            hidden: Duration::from_secs(30),
        };
        let observer = Observer::builder().build().unwrap();
        Shared {
            store: Store::open(&settings.database, Arc::clone(observer.clock())).unwrap(),
            nodes: Nodes::open(&settings.nodes).unwrap(),
            audit: AuditTrail::new(observer.clone()).unwrap(),
            metrics: WorkerMetrics::new(observer.registry()),
            queue: Consumer::new(observer.registry(), "sqlite", "node_tasks"),
            settings,
        }
    }
}

//! An attempt at a message: what it asks for is done, unless it was done before.

use std::time::Duration;

use counterfoil::audit::Outcome;
use counterfoil::tower::Mutation;

use super::Shared;
use crate::audit::{Field, Kind, Metadata};
use crate::errors::{ATTEMPTS_EXHAUSTED, Failure, MESSAGE_MALFORMED, NODE_UNREACHABLE};
use crate::metrics::{NodeOutcome, TaskOutcome};
use crate::store::tasks::{self, Task};
use crate::store::{Change, allocations, blocking, incidents};
use crate::{Allocation, AllocationState, EventType};

/// How long a node has.
const NODE_PATIENCE: Duration = Duration::from_secs(10);

impl Shared {
    /// Makes an attempt and decides what becomes of the message.
    pub(super) async fn attempt(&self, task: &Task) -> Result<(), Failure> {
        let result = if task.attempts > self.settings.attempts {
            // Each of them ended without an end: the worker was gone before.
            Err(ATTEMPTS_EXHAUSTED.into())
        } else {
            self.handle(task).await
        };
        let outcome = match &result {
            Ok(outcome) => *outcome,
            Err(failure) => {
                failure.log();
                self.failed(task, failure.code()).await
            }
        };
        // A type that nobody knows is no label.
        if let Ok(event_type) = task.kind.parse() {
            self.metrics.tasks.at((event_type, outcome)).increment();
        }
        result.map(|_| ())
    }

    async fn handle(&self, task: &Task) -> Result<TaskOutcome, Failure> {
        match task.kind.parse() {
            Ok(EventType::AllocationRequested) => self.provision(task).await,
            Ok(EventType::AllocationReleased) => self.release(task).await,
            Err(_) => Err(MESSAGE_MALFORMED.into()),
        }
    }

    /// `allocation.requested`: requested → provisioning → active.
    async fn provision(&self, task: &Task) -> Result<TaskOutcome, Failure> {
        use AllocationState::{Active, Provisioning, Requested};
        let mutation = Mutation::new("allocation.provision");
        let mut allocation = mutation.resolve(self.allocation(task)).await?;
        if !matches!(allocation.state, Requested | Provisioning) {
            return self.drop_message(task).await;
        }
        if allocation.state == Requested {
            let Some(begun) = mutation.record(self.begin(allocation)).await? else {
                return self.drop_message(task).await;
            };
            allocation = begun;
        }
        mutation.apply(self.on_node(&allocation)).await?;
        let active = self.change(allocation.clone(), Active, Some(task.clone()));
        let Some(change) = active.await? else {
            // It was released meanwhile, so nobody else will take it from the node.
            self.off_node(&allocation).await?;
            return self.drop_message(task).await;
        };
        let allocation = mutation.record(self.seal(change, Provisioning)).await?;
        tracing::info!(
            allocation_id = allocation.id,
            node = allocation.node,
            "allocation active"
        );
        Ok(TaskOutcome::Done)
    }

    /// `allocation.released`: nothing is left on the node, and nobody has to look after it any more.
    async fn release(&self, task: &Task) -> Result<TaskOutcome, Failure> {
        let mutation = Mutation::new("allocation.clear");
        let allocation = mutation.resolve(self.allocation(task)).await?;
        mutation.apply(self.off_node(&allocation)).await?;
        let (task, now) = (task.clone(), self.store.now());
        let cleared = self.store.bookkeeping(move |connection| {
            incidents::close(connection, &task.subject, now)?;
            tasks::finish(connection, &task)
        });
        mutation.record(cleared).await?;
        tracing::info!(
            allocation_id = allocation.id,
            node = allocation.node,
            "allocation cleared"
        );
        Ok(TaskOutcome::Done)
    }

    async fn drop_message(&self, task: &Task) -> Result<TaskOutcome, Failure> {
        let task = task.clone();
        let finished = self
            .store
            .bookkeeping(move |connection| tasks::finish(connection, &task));
        finished.await?;
        Ok(TaskOutcome::Skipped)
    }

    /// The allocation that a message is about.
    pub(super) async fn allocation(&self, task: &Task) -> Result<Allocation, Failure> {
        let (tenant, id) = (task.tenant.clone(), task.subject.clone());
        let read = self
            .store
            .read(move |connection| allocations::find(connection, &tenant, &id));
        read.await?.ok_or_else(|| MESSAGE_MALFORMED.into())
    }

    /// Chooses a node and notes it before anything is done there, so that it is known where to clear up.
    async fn begin(&self, mut allocation: Allocation) -> Result<Option<Allocation>, Failure> {
        if allocation.node.is_none() {
            let nodes = self.nodes.clone();
            allocation.node = Some(blocking(move || nodes.choose()).await?);
        }
        let from = allocation.state;
        match self
            .change(allocation, AllocationState::Provisioning, None)
            .await?
        {
            Some(change) => self.seal(change, from).await.map(Some),
            None => Ok(None),
        }
    }

    /// Begins to bring an allocation into another state, and takes the message from the queue where that is the end of it. `None`
    /// when somebody else was faster.
    async fn change(
        &self,
        mut allocation: Allocation,
        to: AllocationState,
        task: Option<Task>,
    ) -> Result<Option<Change<Allocation>>, Failure> {
        let now = self.store.now();
        let begun = self.store.change(move |connection| {
            let moved = allocations::move_on(connection, &mut allocation, to, now)?;
            let ours = match &task {
                Some(task) => tasks::finish(connection, task)?,
                None => true,
            };
            Ok((moved && ours).then_some(allocation))
        });
        Ok(begun.await?.transpose())
    }

    /// Seals what was changed, and commits it.
    async fn seal(
        &self,
        change: Change<Allocation>,
        from: AllocationState,
    ) -> Result<Allocation, Failure> {
        let allocation = change.state();
        let node = allocation.node.clone().unwrap_or_default();
        let metadata = Metadata::default()
            .moved(&allocation.id, Some(from), allocation.state)
            .with(Field::NodeId, node.as_str());
        let sealed = self
            .audit
            .seal(
                Kind::AllocationState,
                metadata,
                Some(&node),
                Outcome::Success,
            )
            .await?;
        change.commit(sealed).await
    }

    async fn on_node(&self, allocation: &Allocation) -> Result<(), Failure> {
        let (id, bytes) = (allocation.id.clone(), allocation.bytes.unsigned_abs());
        self.call_node(allocation, move |nodes, node| {
            nodes.provision(node, &id, bytes)
        })
        .await
    }

    async fn off_node(&self, allocation: &Allocation) -> Result<(), Failure> {
        let id = allocation.id.clone();
        self.call_node(allocation, move |nodes, node| nodes.release(node, &id))
            .await
    }

    /// Has the node of an allocation do something. One that was not given a node yet has nothing to be done.
    async fn call_node(
        &self,
        allocation: &Allocation,
        call: impl FnOnce(&super::Nodes, &str) -> Result<(), Failure> + Send + 'static,
    ) -> Result<(), Failure> {
        let Some(node) = allocation.node.clone() else {
            return Ok(());
        };
        let started = self.store.ticks();
        let nodes = self.nodes.clone();
        let result = on_node(move || call(&nodes, &node)).await;
        let outcome = if result.is_ok() {
            NodeOutcome::Ok
        } else {
            NodeOutcome::Error
        };
        let elapsed = self.store.ticks().saturating_sub(started);
        self.metrics.provision.at(outcome).record_duration(elapsed);
        result
    }
}

/// Calls a node, which has so long to answer.
pub(super) async fn on_node<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let called = tokio::time::timeout(NODE_PATIENCE, blocking(call)).await;
    called.unwrap_or_else(|_| Err(NODE_UNREACHABLE.into()))
}

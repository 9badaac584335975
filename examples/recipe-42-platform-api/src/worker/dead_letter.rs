//! What becomes of a message whose attempt failed: it is tried again, or given up.

use counterfoil::audit::Outcome;
use counterfoil::tower::{ErrorCode, Mutation};
use counterfoil::{Current, Timestamp};
use rusqlite::Connection;

use super::Shared;
use crate::audit::{Field, Kind, Metadata};
use crate::errors::{Failure, MESSAGE_MALFORMED};
use crate::metrics::TaskOutcome;
use crate::store::incidents::Incident;
use crate::store::ledger::{Entry, Reason};
use crate::store::tasks::{self, Task};
use crate::store::{Change, allocations, incidents, ledger};
use crate::{Allocation, AllocationState};

impl Shared {
    /// Decides about a message whose attempt failed. The outcome of that attempt.
    pub(super) async fn failed(&self, task: &Task, code: ErrorCode) -> TaskOutcome {
        let last = task.attempts >= self.settings.attempts || code == MESSAGE_MALFORMED;
        let decided = if last {
            self.give_up(task, code).await.map(|()| TaskOutcome::Dead)
        } else {
            self.try_again(task).await.map(|()| TaskOutcome::Retried)
        };
        decided.unwrap_or_else(|failure| {
            // It stays hidden until its time is over, and is taken again then.
            failure.log();
            TaskOutcome::Retried
        })
    }

    async fn try_again(&self, task: &Task) -> Result<(), Failure> {
        let doublings = task.attempts.saturating_sub(1).min(16);
        let pause = self.settings.pause.saturating_mul(1 << doublings);
        let (task, now) = (task.clone(), self.store.now());
        let given_back = self
            .store
            .bookkeeping(move |connection| tasks::retry(connection, &task, now, pause));
        given_back.await
    }

    /// Makes a dead letter of a message: its allocation failed, what it cost is given back, and an incident is open.
    async fn give_up(&self, task: &Task, code: ErrorCode) -> Result<(), Failure> {
        let mutation = Mutation::new("message.give_up");
        let allocation = mutation.resolve(self.allocation_if_any(task)).await?;
        let before = allocation.as_ref().map(|it| it.state);
        let buried = mutation.apply(self.bury(task, allocation, code)).await?;
        let Some(change) = buried else {
            return Ok(());
        };
        let metadata = match (before, change.state()) {
            (Some(before), Some(now)) => {
                Metadata::default().moved(&now.id, Some(before), now.state)
            }
            _ => Metadata::default(),
        };
        let metadata = metadata
            .with(Field::ErrorCode, code.as_str())
            .with(Field::RequestScope, task.kind.as_str())
            .with(Field::Reason, "too many attempts failed");
        let node = change.state().as_ref().and_then(|it| it.node.clone());
        let record = async {
            let sealed = self.audit.seal(
                Kind::DeadLetter,
                metadata,
                node.as_deref(),
                Outcome::Failure,
            );
            change.commit(sealed.await?).await
        };
        mutation.record(record).await?;
        if let Ok(event_type) = task.kind.parse() {
            self.metrics.dead_letters.at(event_type).increment();
        }
        tracing::error!(
            subject = task.subject,
            attempts = task.attempts,
            error_code = code.as_str(),
            "message given up; an incident is open"
        );
        Ok(())
    }

    async fn allocation_if_any(&self, task: &Task) -> Result<Option<Allocation>, Failure> {
        match self.allocation(task).await {
            Ok(allocation) => Ok(Some(allocation)),
            Err(failure) if failure.code() == MESSAGE_MALFORMED => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// `None` when the message is another's by now.
    async fn bury(
        &self,
        task: &Task,
        allocation: Option<Allocation>,
        code: ErrorCode,
    ) -> Result<Option<Change<Option<Allocation>>>, Failure> {
        let (task, now) = (task.clone(), self.store.now());
        let trace = Current::get().and_then(|it| it.trace().map(|it| it.trace_id.to_string()));
        let begun = self.store.change(move |connection| {
            if !tasks::bury(connection, &task)? {
                return Ok(None);
            }
            let allocation = match allocation {
                Some(allocation) => Some(fail(connection, allocation, code, now)?),
                None => None,
            };
            let incident = Incident {
                kind: "dead_letter".to_owned(),
                subject: task.subject,
                tenant: task.tenant,
                error_code: code.as_str().to_owned(),
                trace_id: trace,
                opened_at: now,
            };
            incidents::open(connection, &incident)?;
            Ok(Some(allocation))
        });
        Ok(begun.await?.transpose())
    }
}

/// Marks an allocation as failed and gives back what it cost, unless it is at an end already: one that is released stays so.
fn fail(
    connection: &Connection,
    mut allocation: Allocation,
    code: ErrorCode,
    now: Timestamp,
) -> Result<Allocation, Failure> {
    use AllocationState::{Failed, Provisioning, Requested};
    if matches!(allocation.state, Requested | Provisioning) {
        allocation.error_code = Some(code.as_str().to_owned());
        if allocations::move_on(connection, &mut allocation, Failed, now)? {
            let refund = Entry {
                tenant: &allocation.tenant,
                reason: Reason::Refund,
                reference: &allocation.id,
                amount: Allocation::price(allocation.bytes),
            };
            ledger::post(connection, refund, now)?;
        }
    }
    Ok(allocation)
}

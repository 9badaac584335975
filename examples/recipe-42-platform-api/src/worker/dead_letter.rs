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
        let buried = mutation.apply(self.bury(task, allocation, code)).await?;
        let Some(change) = buried else {
            return Ok(());
        };
        let metadata = match change.state() {
            Some((before, now)) => Metadata::default().moved(&now.id, Some(*before), now.state),
            None => Metadata::default(),
        };
        let metadata = metadata
            .with(Field::ErrorCode, code.as_str())
            .with(Field::RequestScope, task.kind.as_str())
            .with(Field::Reason, "too many attempts failed");
        let node = change.state().as_ref().and_then(|it| it.1.node.clone());
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

    /// What became of the allocation, if there is one, and the state that it was in: it may have been given back since it was
    /// resolved. `None` when the message is another's by now.
    async fn bury(
        &self,
        task: &Task,
        allocation: Option<Allocation>,
        code: ErrorCode,
    ) -> Result<Option<Change<Option<(AllocationState, Allocation)>>>, Failure> {
        let (task, now) = (task.clone(), self.store.now());
        let trace = Current::get().and_then(|it| it.trace().map(|it| it.trace_id.to_string()));
        let begun = self.store.change(move |connection| {
            if !tasks::bury(connection, &task)? {
                return Ok(None);
            }
            let found = match allocation {
                Some(resolved) => allocations::find(connection, &resolved.tenant, &resolved.id)?,
                None => None,
            };
            let ended = match found {
                Some(found) => Some((found.state, fail(connection, found, code, now)?)),
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
            Ok(Some(ended))
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use counterfoil::Timestamp;

    use super::*;
    use crate::errors::NODE_UNREACHABLE;
    use crate::worker::tests::shared;

    #[tokio::test]
    async fn what_was_given_back_before_its_message_is_given_up_is_not_said_to_have_failed() {
        let directory = tempfile::tempdir().unwrap();
        let shared = shared(directory.path());
        let prepare = shared.store.bookkeeping(|connection| {
            connection.execute_batch(
                "INSERT INTO tenants VALUES ('acme', 7);
                INSERT INTO projects VALUES ('acme', 'default');
                INSERT INTO allocations (id, tenant, project, bytes, state, created_at, updated_at)
                    VALUES ('al-1', 'acme', 'default', 4096, 'requested', 0, 0);
                INSERT INTO node_tasks (id, type, subject, tenant, headers, enqueued_at, visible_at)
                    VALUES ('1', 'allocation.requested', 'al-1', 'acme', '[]', 0, 0);",
            )?;
            let now = Timestamp::from_unix_nanos(0);
            Ok(tasks::claim(connection, now, Duration::from_secs(30), 1)?.remove(0))
        });
        let task = prepare.await.unwrap();
        let resolved = shared.allocation(&task).await.unwrap();
        let mut released = resolved.clone();
        let give_back = shared.store.bookkeeping(move |connection| {
            let now = Timestamp::from_unix_nanos(1);
            allocations::move_on(connection, &mut released, AllocationState::Released, now)
        });
        assert!(give_back.await.unwrap());

        let buried = shared.bury(&task, Some(resolved), NODE_UNREACHABLE).await;
        let change = buried.unwrap().unwrap();
        let (before, after) = change.state().as_ref().unwrap();
        assert_eq!(
            (*before, after.state),
            (AllocationState::Released, AllocationState::Released)
        );
    }
}

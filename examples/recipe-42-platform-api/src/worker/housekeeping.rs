//! What nobody comes back for: dead letters and incidents of long ago, and what ended allocations left on a node.

use std::time::Duration;

use rusqlite::Connection;
use tokio::time::MissedTickBehavior;

use super::Shared;
use super::attempt::on_node;
use crate::errors::Failure;
use crate::metrics::Removed;
use crate::store::{allocations, before, blocking, incidents, tasks};

/// How often it looks, and how long what has ended is left to whoever works on it.
const INTERVAL: Duration = Duration::from_secs(600);
/// How long people have to look at what went wrong. What is audited of it stays in the chain.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Rows that are removed in one transaction, and volumes that are looked up in one: whoever else writes waits no longer.
const BATCH: usize = 256;

impl Shared {
    /// Clears up again and again, until it is aborted, which it may be at any moment: what is left is cleared up the next time.
    pub(super) async fn keep_house(&self) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(failure) = self.trim(Removed::DeadLetter, tasks::forget_dead).await {
                failure.log();
            }
            if let Err(failure) = self.trim(Removed::Incident, incidents::forget).await {
                failure.log();
            }
            if let Err(failure) = self.reclaim().await {
                failure.log();
            }
        }
    }

    /// Removes rows that are older than what is kept, batch by batch.
    async fn trim(
        &self,
        kind: Removed,
        forget: fn(&Connection, i64, usize) -> Result<usize, Failure>,
    ) -> Result<(), Failure> {
        let until = before(self.store.now(), KEPT);
        let mut removed = 0;
        loop {
            let forgotten = self
                .store
                .bookkeeping(move |connection| forget(connection, until, BATCH));
            let batch = forgotten.await?;
            self.metrics.removed.at(kind).add(batch as u64);
            removed += batch;
            if batch < BATCH {
                break;
            }
        }
        if removed > 0 {
            tracing::info!(kind = kind.as_str(), removed, "old rows removed");
        }
        Ok(())
    }

    /// Takes from the nodes what is left of allocations that are released or failed: of an attempt that ended half-way, or whose
    /// node did not answer when it was to be cleared. Whatever the database does not know is somebody else's, and stays.
    async fn reclaim(&self) -> Result<(), Failure> {
        let nodes = self.nodes.clone();
        for node in blocking(move || nodes.names()).await? {
            // One that does not answer keeps nobody from the others.
            if let Err(failure) = self.reclaim_on(&node).await {
                failure.log();
            }
        }
        Ok(())
    }

    async fn reclaim_on(&self, node: &str) -> Result<(), Failure> {
        let (nodes, of) = (self.nodes.clone(), node.to_owned());
        let mut volumes = on_node(move || nodes.volumes(&of)).await?;
        loop {
            let next = on_node(move || {
                let batch: Vec<_> = volumes.by_ref().take(BATCH).collect();
                Ok((batch, volumes))
            });
            let (batch, rest) = next.await?;
            volumes = rest;
            if batch.is_empty() {
                return Ok(());
            }
            // What ended since the round before may still be in somebody's hands.
            let until = before(self.store.now(), INTERVAL);
            let ended = self
                .store
                .read(move |connection| allocations::ended(connection, batch, until));
            self.clear(node, ended.await?).await?;
        }
    }

    async fn clear(&self, node: &str, ended: Vec<String>) -> Result<(), Failure> {
        for id in ended {
            let (nodes, of, allocation) = (self.nodes.clone(), node.to_owned(), id.clone());
            on_node(move || nodes.release(&of, &allocation)).await?;
            self.metrics.removed.at(Removed::Volume).increment();
            tracing::warn!(
                allocation_id = id,
                node,
                "what an ended allocation left on its node is removed"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::stored;
    use crate::worker::tests::shared;

    #[tokio::test]
    async fn what_went_wrong_long_ago_is_removed_and_the_rest_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let shared = shared(directory.path());
        let now = stored(shared.store.now());
        let old = before(shared.store.now(), KEPT) - 1;
        let prepare = shared.store.bookkeeping(move |connection| {
            let tasks = "INSERT INTO node_tasks
                (id, type, subject, tenant, headers, enqueued_at, visible_at, dead)
                VALUES (?, 'allocation.requested', 'al-1', 'acme', '[]', ?2, ?2, ?3)";
            let incidents = "INSERT INTO incidents
                (kind, subject, tenant, error_code, opened_at)
                VALUES ('dead_letter', 'al-1', 'acme', 'node.unreachable', ?)";
            // More than a batch of what is over.
            for number in 0..BATCH + 2 {
                connection.execute(tasks, (number.to_string(), old, 1))?;
                connection.execute(incidents, [old])?;
            }
            connection.execute(tasks, ("waits", old, 0))?;
            connection.execute(tasks, ("dead", now, 1))?;
            connection.execute(incidents, [now])?;
            Ok(())
        });
        prepare.await.unwrap();

        shared
            .trim(Removed::DeadLetter, tasks::forget_dead)
            .await
            .unwrap();
        shared
            .trim(Removed::Incident, incidents::forget)
            .await
            .unwrap();

        let left = shared.store.read(|connection| {
            let mut statement = connection.prepare("SELECT id FROM node_tasks ORDER BY id")?;
            let tasks: Vec<String> = statement
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let sql = "SELECT count(*) FROM incidents";
            Ok((
                tasks,
                connection.query_row(sql, [], |row| row.get::<_, u32>(0))?,
            ))
        });
        let (tasks, incidents) = left.await.unwrap();
        assert_eq!((tasks.join(" "), incidents), ("dead waits".to_owned(), 1));
        for kind in [Removed::DeadLetter, Removed::Incident] {
            assert_eq!(shared.metrics.removed.at(kind).get(), BATCH as u64 + 2);
        }
    }

    #[tokio::test]
    async fn what_ended_allocations_left_on_a_node_is_removed_and_no_volume_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let shared = shared(directory.path());
        let prepare = shared.store.bookkeeping(|connection| {
            connection.execute_batch(
                "INSERT INTO tenants VALUES ('acme', 7);
                INSERT INTO projects VALUES ('acme', 'default');",
            )?;
            let sql = "INSERT INTO allocations (id, tenant, project, bytes, state, created_at, updated_at)
                VALUES (?1, 'acme', 'default', 4096, ?1, 0, 0)";
            for state in ["requested", "provisioning", "active", "released", "failed"] {
                connection.execute(sql, [state])?;
            }
            Ok(())
        });
        prepare.await.unwrap();
        let node = directory.path().join("nodes/node-a");
        let kept = [
            "active.volume",
            "provisioning.unfinished",
            "requested.volume",
            "unknown.volume",
        ];
        for file in kept
            .iter()
            .chain(&["released.volume", "failed.volume", "failed.unfinished"])
        {
            std::fs::write(node.join(file), "").unwrap();
        }

        shared.reclaim().await.unwrap();

        let mut left: Vec<_> = std::fs::read_dir(&node)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, kept);
    }
}

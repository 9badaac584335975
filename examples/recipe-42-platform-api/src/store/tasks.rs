//! The queue of what nodes have to do: delivered at least once, hidden while somebody is at it, given up after so many attempts.

use std::time::Duration;

use counterfoil::Timestamp;
use rusqlite::{Connection, Row, params};

use super::outbox::{Event, Headers, headers_from_text, headers_to_text};
use super::{restored, stored};
use crate::errors::Failure;

/// A message that was taken from the queue, for an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) subject: String,
    pub(crate) tenant: String,
    pub(crate) headers: Headers,
    pub(crate) enqueued_at: Timestamp,
    /// How many attempts there were, this one included.
    pub(crate) attempts: u32,
}

/// Adds a message. One whose id is there already is the same message once more.
pub(crate) fn enqueue(
    connection: &Connection,
    event: &Event,
    now: Timestamp,
) -> Result<(), Failure> {
    let sql = "INSERT INTO node_tasks (id, type, subject, tenant, headers, enqueued_at, visible_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT (id) DO NOTHING";
    connection.prepare_cached(sql)?.execute(params![
        event.id,
        event.kind,
        event.subject,
        event.tenant,
        headers_to_text(&event.headers)?,
        stored(now),
    ])?;
    Ok(())
}

/// Whether a message waits.
pub(crate) fn is_any_ready(connection: &Connection, now: Timestamp) -> Result<bool, Failure> {
    let sql = "SELECT 1 FROM node_tasks WHERE dead = 0 AND visible_at <= ? LIMIT 1";
    Ok(connection.prepare_cached(sql)?.exists([stored(now)])?)
}

/// Takes the messages that wait longest, at most `most`, and hides them for `hidden`: whoever took them has so long.
pub(crate) fn claim(
    connection: &Connection,
    now: Timestamp,
    hidden: Duration,
    most: usize,
) -> Result<Vec<Task>, Failure> {
    let sql = "UPDATE node_tasks SET claimed = 1, attempts = attempts + 1, visible_at = ?2
        WHERE number IN (SELECT number FROM node_tasks WHERE dead = 0 AND visible_at <= ?1
            ORDER BY visible_at, number LIMIT ?3)
        RETURNING id, type, subject, tenant, headers, enqueued_at, attempts";
    let until = stored(now).saturating_add(nanos(hidden));
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![stored(now), until, most], task)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Removes a message that was processed. Whether it was still this attempt's: one that took too long may be another's by now.
pub(crate) fn finish(connection: &Connection, task: &Task) -> Result<bool, Failure> {
    let sql = "DELETE FROM node_tasks WHERE id = ? AND attempts = ? AND dead = 0";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.execute(params![task.id, task.attempts])? > 0)
}

/// Gives a message back, to be tried again after `pause`.
pub(crate) fn retry(
    connection: &Connection,
    task: &Task,
    now: Timestamp,
    pause: Duration,
) -> Result<(), Failure> {
    let sql = "UPDATE node_tasks SET claimed = 0, visible_at = ?3 WHERE id = ?1 AND attempts = ?2 AND dead = 0";
    let at = stored(now).saturating_add(nanos(pause));
    connection
        .prepare_cached(sql)?
        .execute(params![task.id, task.attempts, at])?;
    Ok(())
}

/// Gives a message up: a dead letter stays for people to look at. Whether it was still this attempt's.
pub(crate) fn bury(connection: &Connection, task: &Task) -> Result<bool, Failure> {
    let sql =
        "UPDATE node_tasks SET claimed = 0, dead = 1 WHERE id = ?1 AND attempts = ?2 AND dead = 0";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.execute(params![task.id, task.attempts])? > 0)
}

/// Forgets dead letters whose last attempt was before `until`, at most `most`. How many.
pub(crate) fn forget_dead(
    connection: &Connection,
    until: i64,
    most: usize,
) -> Result<usize, Failure> {
    let sql = "DELETE FROM node_tasks WHERE number IN (SELECT number FROM node_tasks
        WHERE dead = 1 AND visible_at < ? LIMIT ?)";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.execute(params![until, i64::try_from(most).unwrap_or(i64::MAX)])?)
}

fn task(row: &Row<'_>) -> rusqlite::Result<Task> {
    Ok(Task {
        id: row.get(0)?,
        kind: row.get(1)?,
        subject: row.get(2)?,
        tenant: row.get(3)?,
        headers: headers_from_text(&row.get::<_, String>(4)?),
        enqueued_at: restored(row.get(5)?),
        attempts: row.get(6)?,
    })
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

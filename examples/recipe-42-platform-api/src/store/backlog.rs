//! How much waits where, in one look.

use std::time::Duration;

use counterfoil::Timestamp;
use rusqlite::{Connection, params};

use super::{restored, stored};
use crate::AllocationState;
use crate::errors::Failure;

/// What there is and what waits, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backlog {
    /// By state, in the order of [`AllocationState::ALL`].
    pub(crate) allocations: [u64; AllocationState::ALL.len()],
    pub(crate) outbox: Waiting,
    pub(crate) queue: Waiting,
    /// Messages that somebody is at.
    pub(crate) in_flight: u64,
    /// Messages that were given up.
    pub(crate) dead: u64,
    pub(crate) incidents: u64,
}

/// How many wait, and the oldest of them for how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) messages: u64,
    pub(crate) age: Duration,
}

impl Backlog {
    /// Looks.
    pub(crate) fn read(connection: &Connection, now: Timestamp) -> Result<Self, Failure> {
        let mut allocations = [0; AllocationState::ALL.len()];
        let mut statement =
            connection.prepare_cached("SELECT state, count(*) FROM allocations GROUP BY state")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
        })?;
        for row in rows {
            let (state, count) = row?;
            let at = AllocationState::ALL
                .iter()
                .position(|it| it.as_str() == state);
            if let Some(at) = at {
                allocations[at] = count.unsigned_abs();
            }
        }
        let count = |sql: &str| -> Result<u64, Failure> {
            let mut statement = connection.prepare_cached(sql)?;
            Ok(statement
                .query_row([], |row| row.get::<_, i64>(0))?
                .unsigned_abs())
        };
        let in_flight = in_flight(connection, now)?;
        let mut queue = waiting(
            connection,
            "SELECT count(*), min(enqueued_at) FROM node_tasks WHERE dead = 0",
            now,
        )?;
        queue.messages = queue.messages.saturating_sub(in_flight);
        Ok(Self {
            allocations,
            outbox: waiting(connection, "SELECT count(*), min(at) FROM outbox", now)?,
            queue,
            in_flight,
            dead: count("SELECT count(*) FROM node_tasks WHERE dead = 1")?,
            incidents: count("SELECT count(*) FROM incidents WHERE closed_at IS NULL")?,
        })
    }
}

fn in_flight(connection: &Connection, now: Timestamp) -> Result<u64, Failure> {
    let sql = "SELECT count(*) FROM node_tasks WHERE dead = 0 AND claimed = 1 AND visible_at > ?";
    let mut statement = connection.prepare_cached(sql)?;
    let count: i64 = statement.query_row(params![stored(now)], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

fn waiting(connection: &Connection, sql: &str, now: Timestamp) -> Result<Waiting, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let (count, oldest) = statement.query_row([], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?))
    })?;
    Ok(Waiting {
        messages: count.unsigned_abs(),
        age: oldest.map_or(Duration::ZERO, |oldest| now.since(restored(oldest))),
    })
}

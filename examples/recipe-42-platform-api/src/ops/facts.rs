//! What the database tells about the platform as a whole.

use std::time::Duration;

use counterfoil::{Timestamp, TraceId};
use rusqlite::{Connection, Row, params};

use super::WINDOW;
use crate::AllocationState;
use crate::domain::is_name;
use crate::errors::{CATALOGUE, Failure};
use crate::store::backlog::Backlog;
use crate::store::{before, heartbeat, restored};

/// How long an incident that was closed is still shown.
const RECENT: Duration = Duration::from_secs(24 * 60 * 60);
/// The most groups of incidents, and of failures.
const MOST: u32 = 10;
/// What stands for a word that is none of ours.
const OTHER: &str = "other";

/// What there is, and what happened lately.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) backlog: Backlog,
    /// How long ago a worker was last at work, if ever.
    pub(super) worker_silent: Option<Duration>,
    pub(super) requested: u64,
    pub(super) active: u64,
    pub(super) released: u64,
    pub(super) failed: u64,
    /// Why allocations failed, by code.
    pub(super) failed_by_code: Vec<(&'static str, u64)>,
    pub(super) incidents: Vec<Incidents>,
}

/// Incidents of one kind with one code.
#[derive(Clone, Debug)]
pub(super) struct Incidents {
    pub(super) kind: String,
    pub(super) error_code: &'static str,
    pub(super) count: u64,
    pub(super) open: u64,
    pub(super) last_opened_at: Timestamp,
    pub(super) last_trace_id: Option<TraceId>,
}

impl Facts {
    /// Reads them.
    pub(super) fn read(connection: &Connection, now: Timestamp) -> Result<Self, Failure> {
        let from = before(now, WINDOW);
        let moved = |state: AllocationState| {
            let sql = "SELECT count(*) FROM allocations WHERE state = ? AND updated_at >= ?";
            count(connection, sql, params![state.as_str(), from])
        };
        let requested = "SELECT count(*) FROM allocations WHERE created_at >= ?";
        Ok(Self {
            backlog: Backlog::read(connection, now)?,
            worker_silent: heartbeat::last(connection)?.map(|last| now.since(last)),
            requested: count(connection, requested, params![from])?,
            active: moved(AllocationState::Active)?,
            released: moved(AllocationState::Released)?,
            failed: moved(AllocationState::Failed)?,
            failed_by_code: failed_by_code(connection, from)?,
            incidents: incidents(connection, before(now, RECENT))?,
        })
    }
}

fn failed_by_code(connection: &Connection, from: i64) -> Result<Vec<(&'static str, u64)>, Failure> {
    let sql = "SELECT error_code, count(*) FROM allocations WHERE state = ? AND updated_at >= ?
        GROUP BY error_code ORDER BY count(*) DESC LIMIT ?";
    let mut statement = connection.prepare_cached(sql)?;
    let parameters = params![AllocationState::Failed.as_str(), from, MOST];
    let rows = statement.query_map(parameters, |row| {
        let code: Option<String> = row.get(0)?;
        Ok((
            known(code.as_deref().unwrap_or_default()),
            unsigned(row, 1)?,
        ))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Those that are open or were opened since `from`, in groups. The trace is that of the newest of each group.
fn incidents(connection: &Connection, from: i64) -> Result<Vec<Incidents>, Failure> {
    let sql = "SELECT kind, error_code, count(*), sum(closed_at IS NULL), max(opened_at), trace_id FROM incidents
        WHERE closed_at IS NULL OR opened_at >= ? GROUP BY kind, error_code ORDER BY max(opened_at) DESC LIMIT ?";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![from, MOST], |row| {
        let (kind, code): (String, String) = (row.get(0)?, row.get(1)?);
        let trace: Option<String> = row.get(5)?;
        Ok(Incidents {
            kind: if is_name(&kind) {
                kind
            } else {
                OTHER.to_owned()
            },
            error_code: known(&code),
            count: unsigned(row, 2)?,
            open: unsigned(row, 3)?,
            last_opened_at: restored(row.get(4)?),
            last_trace_id: trace.and_then(|it| it.parse().ok()),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The code, if it is one of the catalogue: whatever else stands there is not shown.
fn known(code: &str) -> &'static str {
    let entry = CATALOGUE.iter().find(|entry| entry.as_str() == code);
    entry.map_or(OTHER, |entry| entry.as_str())
}

fn count(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<u64, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row(parameters, |row| unsigned(row, 0))?)
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.unsigned_abs())
}

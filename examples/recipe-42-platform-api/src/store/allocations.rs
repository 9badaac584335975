//! Allocations and their states.

use counterfoil::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{restored, stored};
use crate::errors::Failure;
use crate::{Allocation, AllocationState};

const COLUMNS: &str = "id, project, bytes, node, state, error_code, created_at, updated_at, tenant";

/// Adds an allocation.
pub(crate) fn insert(connection: &Connection, allocation: &Allocation) -> Result<(), Failure> {
    let sql =
        "INSERT INTO allocations (id, tenant, project, bytes, node, state, created_at, updated_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    connection.prepare_cached(sql)?.execute(params![
        allocation.id,
        allocation.tenant,
        allocation.project,
        allocation.bytes,
        allocation.node,
        allocation.state.as_str(),
        stored(allocation.created_at),
        stored(allocation.updated_at),
    ])?;
    Ok(())
}

/// A tenant's allocation of this id.
pub(crate) fn find(
    connection: &Connection,
    tenant: &str,
    id: &str,
) -> Result<Option<Allocation>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM allocations WHERE tenant = ? AND id = ?");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row([tenant, id], allocation).optional()?)
}

/// A tenant's allocations, the newest first: at most `most`, those before the one called `before` where one is named.
pub(crate) fn list(
    connection: &Connection,
    tenant: &str,
    before: Option<&str>,
    most: u32,
) -> Result<Vec<Allocation>, Failure> {
    let sql = format!(
        "SELECT {COLUMNS} FROM allocations WHERE tenant = ?1 AND number < coalesce(
            (SELECT number FROM allocations WHERE tenant = ?1 AND id = ?2), 9223372036854775807)
        ORDER BY number DESC LIMIT ?3"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![tenant, before, most], allocation)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Brings an allocation into another state, where it is still in the one that it was seen in. Whether it was.
pub(crate) fn move_on(
    connection: &Connection,
    allocation: &mut Allocation,
    to: AllocationState,
    now: Timestamp,
) -> Result<bool, Failure> {
    let sql = "UPDATE allocations SET state = ?3, node = ?4, error_code = ?5, updated_at = ?6
        WHERE id = ?1 AND state = ?2";
    let changed = connection.prepare_cached(sql)?.execute(params![
        allocation.id,
        allocation.state.as_str(),
        to.as_str(),
        allocation.node,
        allocation.error_code,
        stored(now),
    ])?;
    (allocation.state, allocation.updated_at) = (to, now);
    Ok(changed > 0)
}

/// Those of these allocations that had come to their end before `until`: nothing of them may lie anywhere.
pub(crate) fn ended(
    connection: &Connection,
    ids: Vec<String>,
    until: i64,
) -> Result<Vec<String>, Failure> {
    let sql = "SELECT 1 FROM allocations
        WHERE id = ?1 AND state IN ('released', 'failed') AND updated_at < ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut ended = Vec::new();
    for id in ids {
        if statement.exists((&id, until))? {
            ended.push(id);
        }
    }
    Ok(ended)
}

fn allocation(row: &Row<'_>) -> rusqlite::Result<Allocation> {
    let state: String = row.get(4)?;
    Ok(Allocation {
        id: row.get(0)?,
        project: row.get(1)?,
        bytes: row.get(2)?,
        node: row.get(3)?,
        state: state
            .parse()
            .map_err(|_| rusqlite::Error::InvalidColumnType(4, state.clone(), Type::Text))?,
        error_code: row.get(5)?,
        created_at: restored(row.get(6)?),
        updated_at: restored(row.get(7)?),
        tenant: row.get(8)?,
    })
}
